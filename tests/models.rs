//! Models that users bring: tiny ones made by `tests/data/models/make.py`, whose rows it has computed
//! from the formulas with numpy.

mod common;

use common::{run, seeds, stderr};
use ndarray::Array2;
use refrain::embedding::{
    Batching, Embedder, EmbeddingOptions, Model, Precision, Provider, ProviderChoice, Runtime, RuntimeOptions,
    cache_folder,
};
use refrain::passage::LengthMeasure;
use refrain::{Silent, Warning};
use std::path::Path;
use tempfile::TempDir;

/// A model folder of the fixture `onnx` and the files given.
fn folder(onnx: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
    std::fs::copy(made.join(onnx), folder.path().join("model.onnx")).unwrap();
    std::fs::copy(made.join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn with_toml(onnx: &str, toml: &str) -> TempDir {
    folder(onnx, &[("model.toml", toml)])
}

const CPU: EmbeddingOptions = EmbeddingOptions {
    provider: ProviderChoice::Only(Provider::Cpu),
    precision: None,
    threads: 1,
    batching: Batching { batch_tokens: 1024, length_step: 16 },
    allow_dynamic_quantization: false,
    store: None,
};

/// The rows of texts, what was noticed, and the precision.
fn embed(
    folder: &TempDir,
    texts: &[&str],
    options: &EmbeddingOptions,
) -> Result<(Array2<f32>, Vec<Warning>, Precision), String> {
    let cache = cache_folder(None);
    let runtime = Runtime::find(&RuntimeOptions { cache: cache.clone(), ..Default::default() }, &Silent).unwrap();
    let model = Model::open(folder.path().to_str().unwrap(), &cache).map_err(|e| e.to_string())?;
    let counter = model.token_counter().unwrap();
    let n_tokens: Vec<u32> = texts.iter().map(|text| counter.n_tokens(text) as u32).collect();
    let mut warnings = Vec::new();
    let embedded = Embedder::new(model, runtime, options.clone())
        .and_then(|mut embedder| embedder.embed(texts, &n_tokens, &Silent, &mut warnings));
    embedded.map(|embedded| (embedded.rows, warnings, embedded.precision)).map_err(|e| e.to_string())
}

/// The texts and rows that `make.py` computed.
fn expected(rows: &str) -> (Vec<String>, Vec<Vec<f32>>) {
    let json: serde_json::Value = serde_json::from_str(include_str!("data/models/expected.json")).unwrap();
    let parse = |value: &serde_json::Value| serde_json::from_value(value.clone()).unwrap();
    (parse(&json["texts"]), serde_json::from_value(json["rows"][rows].clone()).unwrap())
}

fn furthest(found: &Array2<f32>, expected: &[Vec<f32>]) -> f32 {
    assert_eq!(found.dim(), (expected.len(), expected[0].len()));
    found.iter().zip(expected.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn rows_are_those_of_the_formulas_for_every_kind_of_output() {
    let toml = |pooling: &str| format!("pooling = '{pooling}'\nmax_tokens = 24");
    let cases = [
        ("untyped.onnx", "mean", "mean"),
        ("untyped.onnx", "cls", "cls"),
        ("untyped.onnx", "last", "last"),
        ("tokens.onnx", "mean", "mean-types"),
        ("tokens.onnx", "cls", "cls-types"),
        ("pooled.onnx", "in-graph", "mean"),
        ("pooled.onnx", "cls", "cls"),
    ];
    for (onnx, pooling, rows) in cases {
        let (texts, expected) = expected(rows);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for batching in [Batching::default(), Batching { batch_tokens: 1, length_step: 7 }] {
            let options = EmbeddingOptions { batching, ..CPU };
            let (found, warnings, precision) = embed(&with_toml(onnx, &toml(pooling)), &texts, &options).unwrap();
            let distance = furthest(&found, &expected);
            assert!(distance < 1e-5, "{onnx} with {pooling}: {distance}");
            assert_eq!((warnings, precision), (vec![], Precision::F32));
        }
    }
}

#[test]
fn weights_beside_the_graph_are_read_where_hubs_put_them() {
    let (texts, expected) = expected("mean");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let model = with_toml("external.onnx", "pooling = 'mean'\nmax_tokens = 24");
    let onnx = model.path().join("onnx");
    std::fs::create_dir(&onnx).unwrap();
    std::fs::rename(model.path().join("model.onnx"), onnx.join("model.onnx")).unwrap();
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/external.onnx.data");
    std::fs::copy(weights, onnx.join("external.onnx.data")).unwrap();
    let (found, _, _) = embed(&model, &texts, &CPU).unwrap();
    assert!(furthest(&found, &expected) < 1e-5);
    // On whatever provider is the fastest here, too.
    let best = EmbeddingOptions { provider: ProviderChoice::Auto, ..CPU };
    let (found, warnings, precision) = embed(&model, &texts, &best).unwrap();
    let tolerance = if precision == Precision::Bf16 { 0.03 } else { 1e-5 };
    assert!(furthest(&found, &expected) < tolerance, "{warnings:?}");
}

#[test]
fn sentence_transformers_files_do_without_a_model_toml() {
    let (texts, expected) = expected("cls");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let files = [
        ("1_Pooling/config.json", r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#),
        ("sentence_bert_config.json", r#"{"max_seq_length": 24}"#),
    ];
    let (found, _, _) = embed(&folder("untyped.onnx", &files), &texts, &CPU).unwrap();
    assert!(furthest(&found, &expected) < 1e-5);
    let said = embed(&folder("untyped.onnx", &files[1..]), &texts, &CPU).unwrap_err();
    assert!(said.contains("nothing says how its token rows become one row"), "{said}");
}

#[test]
fn a_prefix_is_put_before_every_passage_and_counted() {
    let plain = with_toml("untyped.onnx", "pooling = 'mean'\nmax_tokens = 24");
    let prefixed = with_toml("untyped.onnx", "pooling = 'mean'\nmax_tokens = 24\nprefix = 'another text , '");
    let (by_hand, _, _) = embed(&plain, &["another text , one"], &CPU).unwrap();
    let (found, _, _) = embed(&prefixed, &["one"], &CPU).unwrap();
    assert_eq!(found, by_hand);
    let counter = Model::open(prefixed.path().to_str().unwrap(), Path::new("")).unwrap().token_counter().unwrap();
    assert_eq!(counter.n_tokens("one"), 6);
}

#[test]
fn a_model_that_gives_no_usable_rows_is_refused_with_the_reason() {
    let mean = "pooling = 'mean'\nmax_tokens = 24";
    let refused = |onnx: &str, toml: &str| embed(&with_toml(onnx, toml), &["one", "another text"], &CPU).unwrap_err();
    let said = refused("nan.onnx", mean);
    assert!(said.contains("output last_hidden_state is NaN"), "{said}");
    let said = refused("one-row.onnx", "pooling = 'in-graph'\nmax_tokens = 24");
    assert!(said.contains("has the shape [1, 8] for 2 texts"), "{said}");
    let said = refused("unmasked.onnx", mean);
    assert!(said.contains("its row for a text is another beside a longer text"), "{said}");
    let said = refused("untyped.onnx", &format!("{mean}\ndim = 16"));
    assert!(said.contains("its rows are 8 wide, model.toml expects 16"), "{said}");
    let said = refused("tokens.onnx", "pooling = 'in-graph'\nmax_tokens = 24");
    assert!(said.contains("pooler_output [1, 8]"), "BERT's pooler is nothing to compare passages by: {said}");
    let said = refused("untyped.onnx", "pooling = 'in-graph'\nmax_tokens = 24");
    assert!(said.contains("last_hidden_state [1, ") && said.contains("mean, cls or last"), "{said}");
    let said = refused("untyped.onnx", "pooling = 'mean'\nmax_tokens = 64");
    assert!(said.contains("it cannot be run on two texts"), "its table of positions has 24 rows: {said}");
}

#[test]
fn a_dynamically_quantised_model_is_refused_or_run_one_passage_at_a_time() {
    let model = with_toml("dynamic.onnx", "pooling = 'mean'\nmax_tokens = 24");
    let (texts, expected) = expected("mean");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let said = embed(&model, &texts, &CPU).unwrap_err();
    assert!(
        said.contains("dynamically quantised (DynamicQuantizeLinear, MatMulInteger)")
            && said.contains("--allow-dynamic-quantization"),
        "{said}"
    );
    let allowed = EmbeddingOptions { allow_dynamic_quantization: true, ..CPU };
    let (all, warnings, _) = embed(&model, &texts, &allowed).unwrap();
    assert!(matches!(&warnings[..], [Warning::DynamicQuantization { .. }]), "{warnings:?}");
    assert!(furthest(&all, &expected) < 0.1, "it is the same model, roughly");
    for (i, text) in texts.iter().enumerate() {
        let (alone, _, _) = embed(&model, &[text], &allowed).unwrap();
        assert_eq!(alone.row(0), all.row(i), "whatever is embedded beside it");
    }
}

#[test]
fn models_are_added_listed_and_found_by_name() {
    let cache = tempfile::tempdir().unwrap();
    // The runtime that the other tests use; only the models are to be this test's own.
    let options = RuntimeOptions { cache: cache_folder(None), ..Default::default() };
    let runtime = Runtime::find(&options, &Silent).unwrap();
    let here =
        ["--cache-dir", cache.path().to_str().unwrap(), "--onnxruntime", runtime.path().to_str().unwrap(), "--offline"];
    let refrain = |arguments: &[&str]| run(&[arguments, &here[..]].concat());
    let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();

    let model = with_toml("untyped.onnx", "pooling = 'mean'\nmax_tokens = 24");
    let model = model.path().to_str().unwrap();
    let output = refrain(&["models", "add", model, "--name", "tiny"]);
    assert!(output.status.success() && text(&output).contains("tiny: good, 8 dimensions"), "{}", stderr(&output));
    let output = refrain(&["models", "list"]);
    assert!(text(&output).contains("\ntiny  24 tokens, pooling Mean, 0.0 MB, sha256 "), "{}", text(&output));
    let output = refrain(&["models", "verify", "tiny"]);
    assert!(text(&output).contains("tiny: good, 8 dimensions"), "{}", text(&output));
    let output = refrain(&["duplicates", &seeds(), "--model", "tiny", "--format", "json", "--provider", "cpu"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown = &report["header"]["model"];
    assert_eq!((&shown["name"], &shown["dim"], &shown["pooling"]), (&"tiny".into(), &8.into(), &"mean".into()));
    assert_eq!(shown["settings_from"], "model.toml");

    let again = refrain(&["models", "add", model, "--name", "tiny"]);
    assert!(stderr(&again).contains("there is a model of this name"), "{}", stderr(&again));
    // What does not run is not added.
    let broken = with_toml("nan.onnx", "pooling = 'mean'\nmax_tokens = 24");
    let output = refrain(&["models", "add", broken.path().to_str().unwrap(), "--name", "broken"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(stderr(&output).contains("NaN") && !cache.path().join("models/broken").exists(), "{}", stderr(&output));
    let dynamic = with_toml("dynamic.onnx", "pooling = 'mean'\nmax_tokens = 24");
    let dynamic = dynamic.path().to_str().unwrap();
    let output = refrain(&["models", "add", dynamic, "--name", "dynamic"]);
    assert!(stderr(&output).contains("--allow-dynamic-quantization"), "{}", stderr(&output));
    let output = refrain(&["models", "add", dynamic, "--name", "dynamic", "--allow-dynamic-quantization"]);
    assert!(text(&output).contains("one at a time"), "{}{}", text(&output), stderr(&output));
    let output =
        refrain(&["duplicates", &seeds(), "--model", "dynamic", "--allow-dynamic-quantization", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let warnings = report["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| w["warning"] == "dynamic_quantization"), "{}", stderr(&output));
    assert!(
        std::fs::read_dir(cache.path().join("models")).unwrap().flatten().count() == 2,
        "nothing half-made is left"
    );
}
