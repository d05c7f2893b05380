//! Bad input ends in a clear message and exit code 2, or costs only itself; never in a panic.

mod common;

use common::{run, seeds, stderr};
use std::path::Path;

/// Runs a command that cannot run, and returns what it says.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty() && said.starts_with("refrain: ") && !said.contains("panicked"), "{said}");
    said
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn path(folder: &tempfile::TempDir) -> &str {
    folder.path().to_str().unwrap()
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU";
const PARAGRAPH: &[u8] = b"One single paragraph that is long enough to be a passage of its own.";

#[test]
fn nothing_to_read_is_said_with_what_was_found() {
    assert!(refused(&["duplicates", "no/such/path"]).contains("no/such/path: cannot be read"));
    assert!(refused(&["duplicates", path(&folder(&[]))]).contains("no file was found"));
    let empty = folder(&[("a.txt", b"")]);
    assert!(refused(&["duplicates", path(&empty)]).contains("a.txt: empty"));
    let pictures = folder(&[("a.png", PNG), ("b.png", PNG)]);
    let said = refused(&["duplicates", path(&pictures)]);
    assert!(
        said.contains("none of 2 files could be read")
            && said.contains("image/png")
            && said.contains("plain text, Markdown, HTML, JSON"),
        "{said}"
    );
    let short = folder(&[("a.txt", b"too short")]);
    assert!(refused(&["duplicates", path(&short)]).contains("lower --min-chars"));
}

#[test]
fn a_bad_file_costs_only_itself_and_strict_remembers() {
    let mixed = folder(&[
        ("a.txt", PARAGRAPH),
        ("b.png", PNG),
        ("c.txt", b"Caf\xe9 soci\xc3\xa9t\xc3\xa9 is what this paragraph of forty characters is about."),
    ]);
    let output = run(&["duplicates", path(&mixed), "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["header"]["counts"]["passages"], 2);
    let kinds: Vec<&str> =
        report["warnings"].as_array().unwrap().iter().map(|w| w["warning"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["unread_format", "invalid_utf8"]);
    assert!(stderr(&output).contains("the first at byte 3"));
    assert_eq!(run(&["duplicates", path(&mixed), "--strict"]).status.code(), Some(1));
}

#[test]
fn one_single_passage_makes_a_report() {
    let one = folder(&[("a.txt", PARAGRAPH)]);
    let place = one.path().join("report");
    let output = run(&["report", &format!("{}/a.txt", path(&one)), "-o", place.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary = String::from_utf8(output.stdout).unwrap();
    assert!(
        summary.contains("1 passage")
            && summary.contains("too few to form themes")
            && summary.contains("Duplicates: none"),
        "{summary}"
    );
    assert!(place.join("themes.csv").is_file());
}

#[test]
fn more_clusters_than_passages_is_an_error_with_both_numbers() {
    let one = folder(&[("a.txt", PARAGRAPH)]);
    let said = refused(&["cluster", path(&one), "-k", "5"]);
    assert!(said.contains("-k 5") && said.contains("only 1 passages"), "{said}");
}

#[test]
fn an_output_that_cannot_be_is_refused_before_any_work() {
    let taken = folder(&[("thesis.txt", PARAGRAPH)]);
    let said = refused(&["report", &seeds(), "-o", path(&taken)]);
    assert!(said.contains("is not a refrain report"), "{said}");
    assert!(taken.path().join("thesis.txt").is_file());
    let file = taken.path().join("thesis.txt/below");
    assert!(refused(&["report", &seeds(), "-o", file.to_str().unwrap()]).contains("no report can be written there"));
    assert!(refused(&["report", &seeds(), "-o", "/proc/refrain-report"]).contains("no report can be written there"));
}

#[test]
fn a_damaged_runtime_or_model_is_named() {
    let broken =
        folder(&[("libonnxruntime.so", b"not a library at all, but longer than a header of sixty-four bytes is")]);
    let library = broken.path().join("libonnxruntime.so");
    let said = refused(&["duplicates", &seeds(), "--onnxruntime", library.to_str().unwrap()]);
    assert!(said.contains("cannot be loaded") && said.contains("is no shared library"), "{said}");
    let said = refused(&["duplicates", &seeds(), "--model", "no-such-model"]);
    assert!(said.contains("neither a folder nor a model at hand"), "{said}");

    let model = folder(&[]);
    copy_model(model.path());
    let onnx = model.path().join("model.onnx");
    let mut bytes = std::fs::read(&onnx).unwrap();
    bytes[20_000_000] ^= 1;
    std::fs::write(&onnx, &bytes).unwrap();
    let said = refused(&["duplicates", &seeds(), "--model", path(&model)]);
    assert!(said.contains("model.toml expects"), "{said}");
    // Without a digest to compare, a file that breaks off is no model.
    bytes.truncate(1_000_000);
    std::fs::write(&onnx, &bytes).unwrap();
    std::fs::write(model.path().join("model.toml"), "pooling = 'in-graph'\nmax_tokens = 256").unwrap();
    let said = refused(&["duplicates", &seeds(), "--model", path(&model)]);
    assert!(said.contains("is no ONNX model: it breaks off"), "{said}");
}

#[test]
fn a_model_whose_settings_contradict_its_graph_is_refused() {
    let model = folder(&[]);
    copy_model(model.path());
    std::fs::write(model.path().join("model.toml"), "pooling = 'mean'\nmax_tokens = 256").unwrap();
    let said = refused(&["duplicates", &seeds(), "--model", path(&model)]);
    assert!(said.contains("pooling = Mean needs one output of the shape (batch, tokens, dim)"), "{said}");
}

fn copy_model(place: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2");
    for file in [
        "model.onnx",
        "tokenizer.json",
        "tokenizer_config.json",
        "config.json",
        "special_tokens_map.json",
        "model.toml",
    ] {
        std::fs::copy(source.join(file), place.join(file)).unwrap();
    }
}

#[test]
fn without_a_runtime_offline_three_remedies_are_given() {
    let cache = folder(&[]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_refrain"))
        .args(["duplicates", &seeds(), "--offline", "--cache-dir", path(&cache)])
        .env("PATH", "")
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["--offline forbids it", "pip install onnxruntime", "--onnxruntime FILE", "network connection"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_refrain"))
        .args(["duplicates", &seeds(), "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn models_and_doctor_say_what_is_at_hand() {
    let list = run(&["models", "list"]);
    assert!(String::from_utf8(list.stdout).unwrap().starts_with("all-MiniLM-L6-v2  256 tokens"));
    let verify = run(&["models", "verify"]);
    let said = String::from_utf8_lossy(&verify.stdout);
    assert!(said.contains("all-MiniLM-L6-v2: good, 384 dimensions"), "{said}{}", stderr(&verify));
    let doctor = run(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(
        doctor.status.success() && ["machine", "cache", "runtime", "model"].iter().all(|part| said.contains(part)),
        "{said}"
    );
}
