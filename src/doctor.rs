//! `refrain doctor`, `refrain models`: what would run here, and whether it does.

use crate::flags::EngineFlags;
use crate::watch::Watch;
use anyhow::{Context, bail};
use refrain::Silent;
use refrain::embedding::{self, AddedModel, Embedder, EmbeddingOptions, Model, Runtime, Store};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Two texts of one meaning and one of another: any model for sentences tells them apart.
const PROBES: [&str; 3] = [
    "The president skipped the summit in June.",
    "In June the president did not attend the summit.",
    "Add two eggs and a cup of flour.",
];

/// `refrain models list`
pub fn list_models(engine: &EngineFlags) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    let cache = engine.runtime().cache;
    let mut code = super::DONE;
    for name in Model::at_hand(&cache) {
        match Model::open(&name, &cache) {
            Ok(model) => writeln!(
                out,
                "{name}  {} tokens, pooling {:?}, {:.1} MB, sha256 {}{}",
                model.settings.max_tokens,
                model.settings.pooling,
                model.size_bytes as f64 / 1e6,
                model.sha256,
                if model.dynamic_quantization().is_some() { ", dynamically quantised" } else { "" }
            )?,
            Err(error) => {
                writeln!(out, "{name}  unusable: {error}")?;
                code = super::COULD_NOT_RUN;
            }
        }
    }
    let names = embedding::hub_names();
    if !names.is_empty() {
        writeln!(out, "fetched from the hub when they are named: {}", names.join(", "))?;
    }
    Ok(code)
}

/// `refrain models verify`
pub fn verify_models(name: Option<&str>, engine: &EngineFlags) -> anyhow::Result<u8> {
    let options = engine.runtime();
    let runtime = Runtime::find(&options, &Watch::new(false))?;
    let names = name.map_or_else(|| Model::at_hand(&options.cache), |name| vec![name.to_owned()]);
    let mut out = std::io::stdout().lock();
    let mut code = super::DONE;
    for name in names {
        let model = Model::find(&name, &options, &Watch::new(false));
        match model.map_err(Into::into).and_then(|model| verify(&model, &runtime, engine)) {
            Ok(verified) => writeln!(out, "{name}: good, {}", verified.shown)?,
            Err(error) => {
                writeln!(out, "{name}: {error:#}")?;
                code = super::COULD_NOT_RUN;
            }
        }
    }
    Ok(code)
}

/// `refrain models add`
pub fn add_model(from: &str, name: Option<&str>, engine: &EngineFlags) -> anyhow::Result<u8> {
    let options = engine.runtime();
    let watch = Watch::new(false);
    let folder = Path::new(from);
    let added = if folder.is_dir() {
        let folder = folder.canonicalize().with_context(|| format!("{from} cannot be read"))?;
        let own = folder.file_name().unwrap_or_default().to_string_lossy();
        AddedModel::copy(&folder, name.unwrap_or(&own), &options.cache)?
    } else {
        AddedModel::fetch(from, name, &options, &watch)?
    };
    let name = added.model().name.clone();
    let runtime = Runtime::find(&options, &watch)?;
    let Verified { dim, shown } = verify(added.model(), &runtime, engine)?;
    let sha256 = added.model().sha256.clone();
    let place = added.put(Some(dim))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{name}: good, {shown}")?;
    writeln!(out, "sha256 {sha256}, in {}; use it with --model {name}", place.display())?;
    Ok(super::DONE)
}

/// A model that ran.
struct Verified {
    dim: usize,
    shown: String,
}

/// Loads the model and embeds the probes.
fn verify(model: &Model, runtime: &Runtime, engine: &EngineFlags) -> anyhow::Result<Verified> {
    use refrain::passage::LengthMeasure;
    let begun = Instant::now();
    let counter = model.token_counter()?;
    let n_tokens = PROBES.map(|text| counter.n_tokens(text) as u32);
    let options = EmbeddingOptions { store: None, ..engine.embedding() };
    let mut warnings = Vec::new();
    let embedded =
        Embedder::new(model.clone(), runtime.clone(), options)?.embed(&PROBES, &n_tokens, &Silent, &mut warnings)?;
    let rows = embedded.rows;
    let cosine = |a: usize, b: usize| rows.row(a).dot(&rows.row(b));
    let (alike, unlike) = (cosine(0, 1), cosine(0, 2));
    if alike <= unlike {
        bail!(
            "it puts two sentences of one meaning at cosine {alike:.2} and two unlike ones at {unlike:.2}; are its pooling and its tokenizer right?"
        );
    }
    let noticed: Vec<String> = warnings.iter().map(|warning| format!("; {warning}")).collect();
    let shown = format!(
        "{} dimensions on {} in {}, loaded in {:.2} s, cosine {alike:.2} of like and {unlike:.2} of unlike sentences; {} tokens, \
         pooling {:?} ({}){}",
        rows.ncols(),
        embedded.provider.name(),
        embedded.precision.name(),
        begun.elapsed().as_secs_f64(),
        model.settings.max_tokens,
        model.settings.pooling,
        model.settings_from,
        noticed.concat(),
    );
    Ok(Verified { dim: rows.ncols(), shown })
}

/// `refrain cache`
pub fn cache(clear: bool, engine: &EngineFlags) -> anyhow::Result<u8> {
    let cache = engine.runtime().cache;
    let mut out = std::io::stdout().lock();
    if !Store::path(&cache).exists() {
        writeln!(out, "{}: no embeddings are stored", cache.display())?;
        return Ok(super::DONE);
    }
    let store = Store::open(&cache).with_context(|| format!("{} cannot be opened", Store::path(&cache).display()))?;
    let (n_rows, size) = (store.n_rows()?, store.size_bytes());
    if clear {
        store.clear()?;
    }
    let done = if clear { "deleted" } else { "stored" };
    writeln!(out, "{}: {n_rows} embeddings {done}, {:.1} MB", cache.display(), size as f64 / 1e6)?;
    Ok(super::DONE)
}

/// `refrain doctor`
pub fn doctor(engine: &EngineFlags) -> anyhow::Result<u8> {
    let options = engine.runtime();
    let mut out = std::io::stdout().lock();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(out, "refrain   {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "machine   {} {}, {cores} cores, {}", std::env::consts::OS, std::env::consts::ARCH, cpu_features())?;
    let cache = &options.cache;
    let state = match std::fs::create_dir_all(cache).and_then(|()| tempfile::tempfile_in(cache)) {
        Ok(_) => "writable".to_owned(),
        Err(error) => format!("not writable ({error}); choose another with --cache-dir"),
    };
    writeln!(out, "cache     {}, {state}", cache.display())?;
    let runtime = match Runtime::find(&options, &Watch::new(false)) {
        Ok(runtime) => runtime,
        Err(error) => {
            writeln!(out, "runtime   {error}")?;
            return Ok(super::COULD_NOT_RUN);
        }
    };
    let openvino = if runtime.has_openvino() { "with OpenVINO" } else { "without OpenVINO" };
    writeln!(out, "runtime   {}, {openvino}", runtime.path().display())?;
    writeln!(out, "          {}", runtime.build())?;
    let model = Model::find(&engine.model, &options, &Watch::new(false));
    match model.map_err(Into::into).and_then(|model| verify(&model, &runtime, engine)) {
        Ok(verified) => writeln!(out, "model     {}: {}", engine.model, verified.shown)?,
        Err(error) => {
            writeln!(out, "model     {error:#}")?;
            return Ok(super::COULD_NOT_RUN);
        }
    }
    Ok(super::DONE)
}

fn cpu_features() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
            ("avx512vnni", std::arch::is_x86_feature_detected!("avx512vnni")),
            ("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16")),
        ];
        let (has, lacks): (Vec<_>, Vec<_>) = features.iter().partition(|(_, has)| *has);
        let names = |of: Vec<&(&str, bool)>| of.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        format!("has [{}], lacks [{}]", names(has), names(lacks))
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        "no x86 features".into()
    }
}
