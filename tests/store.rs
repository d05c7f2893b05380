//! The embedding store: what was embedded once is not embedded again, whatever happens to the run.

mod common;

use common::{run, runtime_library, seeds, stderr};
use std::path::Path;
use std::process::{Command, Stdio};

fn report(cache: &Path, place: &Path, input: &str) -> serde_json::Value {
    report_with(&[], cache, place, input)
}

fn report_with(options: &[&str], cache: &Path, place: &Path, input: &str) -> serde_json::Value {
    let (cache, out) = (cache.to_str().unwrap(), place.to_str().unwrap());
    let library = runtime_library();
    let report = ["report", input, "--cache-dir", cache, "--onnxruntime", &library, "-o", out];
    let output = run(&[&report, options].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&std::fs::read(place.join("run.json")).unwrap()).unwrap()
}

fn json(place: &Path) -> String {
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(place.join("report.json")).unwrap()).unwrap();
    // What a damaged store leaves in the report is its warning; the findings must be the same.
    format!("{}{}{}", report["header"], report["themes"], report["duplicate_groups"])
}

#[test]
fn a_second_run_embeds_nothing_and_an_edited_document_only_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, corpus) = (folder.path().join("cache"), folder.path().join("seeds"));
    std::fs::create_dir(&corpus).unwrap();
    for entry in std::fs::read_dir(seeds()).unwrap().flatten() {
        std::fs::copy(entry.path(), corpus.join(entry.file_name())).unwrap();
    }
    let run = |name: &str| report(&cache, &folder.path().join(name), corpus.to_str().unwrap());
    let first = run("one");
    assert_eq!(first["passages_from_store"], 0);
    let second = run("two");
    assert_eq!(
        (second["passages_embedded"].clone(), second["passages_from_store"].clone()),
        (0.into(), first["passages_embedded"].clone())
    );
    assert_eq!(
        std::fs::read(folder.path().join("one/report.json")).unwrap(),
        std::fs::read(folder.path().join("two/report.json")).unwrap()
    );
    let edited = corpus.join("002_a2a4beb00cf196ac.txt");
    let text = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, text.replace("Economic rejuvenation is accordingly", "Economic renewal is therefore"))
        .unwrap();
    assert_eq!(run("three")["passages_embedded"], 1);
    // That one was embedded in other company than it has when all are: its row's last bits may differ, and
    // the themes do not.
    report(&folder.path().join("empty"), &folder.path().join("four"), corpus.to_str().unwrap());
    let themes = |name: &str| std::fs::read(folder.path().join(name).join("themes.csv")).unwrap();
    assert!(themes("three") == themes("four"));
}

#[test]
fn a_killed_run_goes_on_where_it_stopped_and_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    // Small batches, so that there are many moments to kill at. The same in all runs: the batches that are
    // left are then those that would have been made, and rows are the same to the last bit.
    let small = ["--batch-tokens", "128"];
    let place = folder.path().join("undisturbed");
    let undisturbed = report_with(&small, &folder.path().join("cache"), &place, &seeds());
    let n_distinct = undisturbed["passages_embedded"].as_u64().unwrap();
    let cache = folder.path().join("killed");
    let mut kept = 0;
    // Killed as soon as the store has grown, three times over.
    for _ in 0..3 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_refrain"))
            .args(["report", &seeds(), "--cache-dir", cache.to_str().unwrap()])
            .args(small)
            .args(["--onnxruntime", &runtime_library(), "-o", folder.path().join("never").to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let before = kept;
        while kept == before && child.try_wait().unwrap().is_none() {
            kept = refrain::embedding::Store::open(&cache).and_then(|store| store.n_rows()).unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kept = refrain::embedding::Store::open(&cache).unwrap().n_rows().unwrap();
    }
    assert!(kept > 0 && !folder.path().join("never").exists());
    let place = folder.path().join("finished");
    let resumed = report_with(&small, &cache, &place, &seeds());
    assert_eq!(
        resumed["passages_from_store"].as_u64().unwrap(),
        kept as u64,
        "nothing that was kept is embedded again"
    );
    assert_eq!(resumed["passages_embedded"].as_u64().unwrap(), n_distinct - kept as u64);
    assert_eq!(json(&place), json(&folder.path().join("undisturbed")));
}

#[test]
fn a_damaged_store_is_set_aside_and_an_unusable_one_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let place = folder.path().join("report");
    report(&cache, &place, &seeds());
    let expected = json(&place);
    let file = refrain::embedding::Store::path(&cache);
    let whole = std::fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"no database", &whole.iter().map(|b| b ^ 1).collect::<Vec<_>>()] {
        std::fs::write(&file, damaged).unwrap();
        let again = report(&cache, &place, &seeds());
        assert!(again["passages_embedded"].as_u64().unwrap() > 0);
        assert!(std::fs::read_to_string(place.join("report.json")).unwrap().contains("store_damaged"));
        assert_eq!(json(&place), expected);
    }
    // A file where the cache folder should be.
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "").unwrap();
    report(&taken, &place, &seeds());
    assert!(std::fs::read_to_string(place.join("report.json")).unwrap().contains("store_unusable"));
}

#[test]
fn cache_says_what_is_stored_and_clears_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().to_str().unwrap();
    let said = |arguments: &[&str]| {
        String::from_utf8(run(&[&["cache", "--cache-dir", cache], arguments].concat()).stdout).unwrap()
    };
    assert!(said(&[]).contains("no embeddings are stored"));
    report(folder.path(), &folder.path().join("report"), &seeds());
    assert!(said(&[]).contains("125 embeddings stored"), "{}", said(&[]));
    assert!(said(&["--clear"]).contains("125 embeddings deleted"));
    assert!(said(&[]).contains(": 0 embeddings stored"));
}
