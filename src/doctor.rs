//! `refrain doctor`, `refrain models`: what would run here, and whether it does.

use crate::flags::EngineFlags;
use crate::watch::Watch;
use anyhow::{Context, bail};
use refrain::Silent;
use refrain::embedding::{self, EmbeddingOptions, Model, Runtime, Store};
use std::io::Write;
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
                "{name}  {} tokens, pooling {:?}, {:.0} MB, sha256 {}",
                model.settings.max_tokens,
                model.settings.pooling,
                model.size_bytes() as f64 / 1e6,
                model.sha256
            )?,
            Err(error) => {
                writeln!(out, "{name}  unusable: {error}")?;
                code = super::COULD_NOT_RUN;
            }
        }
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
        match Model::open(&name, &options.cache).map_err(Into::into).and_then(|model| verify(&model, &runtime, engine))
        {
            Ok(line) => writeln!(out, "{name}: good, {line}")?,
            Err(error) => {
                writeln!(out, "{name}: {error:#}")?;
                code = super::COULD_NOT_RUN;
            }
        }
    }
    Ok(code)
}

/// Loads the model and embeds the probes.
fn verify(model: &Model, runtime: &Runtime, engine: &EngineFlags) -> anyhow::Result<String> {
    use refrain::passage::LengthMeasure;
    let begun = Instant::now();
    let counter = model.token_counter()?;
    let n_tokens = PROBES.map(|text| counter.n_tokens(text) as u32);
    let options = EmbeddingOptions { store: None, ..engine.embedding() };
    let mut warnings = Vec::new();
    let embedded = embedding::embed(model, runtime, &PROBES, &n_tokens, &options, &Silent, &mut warnings)?;
    let rows = embedded.rows;
    let cosine = |a: usize, b: usize| rows.row(a).dot(&rows.row(b));
    let (alike, unlike) = (cosine(0, 1), cosine(0, 2));
    if alike <= unlike {
        bail!(
            "it puts two sentences of one meaning at cosine {alike:.2} and two unlike ones at {unlike:.2}; is the pooling in model.toml right?"
        );
    }
    let fallback = warnings.first().map_or_else(String::new, |warning| format!("; {warning}"));
    Ok(format!(
        "{} dimensions on {} in {}, loaded in {:.2} s, cosine {alike:.2} of like and {unlike:.2} of unlike sentences{fallback}",
        rows.ncols(),
        embedded.provider.name(),
        embedded.precision.name(),
        begun.elapsed().as_secs_f64(),
    ))
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
    match Model::open(&engine.model, cache).map_err(Into::into).and_then(|model| verify(&model, &runtime, engine)) {
        Ok(line) => writeln!(out, "model     {}: {line}", engine.model)?,
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
