//! What the tests share: the seed documents, the program, and the model.
#![allow(dead_code, reason = "each test file uses a part")]

use refrain::embedding::{
    DEFAULT_MODEL, Embedder, EmbeddingOptions, Model, Precision, ProviderChoice, Runtime, RuntimeOptions, cache_folder,
};
use refrain::passage::LengthMeasure;
use std::process::{Command, Output};

/// The folder of seed documents.
pub fn seeds() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/seeds").into()
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_refrain")).args(arguments).output().unwrap()
}

/// Runs the program with `--format json` and returns what it prints.
pub fn done(arguments: &[&str]) -> serde_json::Value {
    let output = run(&[arguments, &["--format", "json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A path as it is typed.
pub fn shown(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Embeds texts with the default model.
pub fn embed(texts: &[&str], provider: ProviderChoice, threads: usize) -> (ndarray::Array2<f32>, Precision) {
    let cache = cache_folder(None);
    let runtime =
        Runtime::find(&RuntimeOptions { cache: cache.clone(), ..Default::default() }, &refrain::Silent).unwrap();
    let model = Model::open(DEFAULT_MODEL, &cache).unwrap();
    let counter = model.token_counter().unwrap();
    let n_tokens: Vec<u32> = texts.iter().map(|text| counter.n_tokens(text) as u32).collect();
    let options = EmbeddingOptions { provider, threads, ..Default::default() };
    let mut warnings = Vec::new();
    let mut embedder = Embedder::new(model, runtime, options).unwrap();
    let found = embedder.embed(texts, &n_tokens, &refrain::Silent, &mut warnings).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(found.counts.n_passages, texts.len());
    (found.rows, found.precision)
}

/// The runtime in the user's cache, so that a test's own cache folder need not fetch another.
pub fn runtime_library() -> String {
    let options =
        refrain::embedding::RuntimeOptions { cache: refrain::embedding::cache_folder(None), ..Default::default() };
    let runtime = refrain::embedding::Runtime::find(&options, &refrain::Silent).unwrap();
    runtime.path().to_str().unwrap().to_owned()
}
