//! What a machine does to a run: full and read-only disks, signals, damaged files, another runtime. Each ends in a
//! clear message or a right result.
#![cfg(target_os = "linux")]

mod common;

use common::{done, run, runtime_library, seeds, shown, stderr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_refrain");

/// Runs a shell script where `$1` is a file system of so many kilobytes, `$2` refrain, `$3` the seeds and `$4` the
/// runtime.
fn on_small_disk(kilobytes: usize, script: &str) -> Output {
    let disk = tempfile::tempdir().unwrap();
    let mounted = format!("mount -t tmpfs -o size={kilobytes}k tmpfs \"$1\" || exit 99\n{script}");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mounted, "sh"])
        .args([shown(disk.path()), PROGRAM, &seeds(), &runtime_library()])
        .output()
        .expect("unshare of util-linux is there");
    assert_ne!(output.status.code(), Some(99), "no file system could be mounted: {}", stderr(&output));
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_full_disk_ends_with_a_message_and_the_report_that_was_there_stays() {
    let output = on_small_disk(
        420,
        r#"cd "$1" && "$2" report "$3" --onnxruntime "$4" -q -o report >/dev/null && cksum report/* >before || exit 98
           "$2" report "$3" --onnxruntime "$4" -q -o report >/dev/null
           echo "code $?"; cksum report/* | cmp - before && ls -A"#,
    );
    let (said, found) = (stderr(&output), stdout(&output));
    assert!(said.contains("No space left on device") && said.contains("report/"), "{said}");
    assert_eq!(found.split_whitespace().collect::<Vec<_>>(), ["code", "2", "before", "report"], "{said}");
}

#[test]
fn a_full_or_read_only_cache_folder_costs_the_store_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let expected = done(&["report", &seeds(), "--no-cache", "-o", shown(&folder.path().join("report"))]);
    for (kilobytes, remount) in [(64, ""), (4096, "mount -o remount,ro \"$1\" &&")] {
        let script = format!(r#"{remount} "$2" cluster "$3" --onnxruntime "$4" --cache-dir "$1" --format json"#);
        let output = on_small_disk(kilobytes, &script);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stderr(&output).contains("the embedding store cannot be used"), "{}", stderr(&output));
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["themes"], expected["themes"]);
    }
}

/// A run that takes a while, as soon as it has embedded something; and its cache folder.
fn at_work(folder: &Path, errors: impl Into<Stdio>) -> (Child, PathBuf) {
    let cache = folder.join("cache");
    // Whoever runs the tests may ignore the signal, and what is started inherits that.
    let mut child = Command::new("env")
        .args(["--default-signal=INT", PROGRAM])
        .args(["report", &seeds(), "--batch-tokens", "64", "--onnxruntime", &runtime_library()])
        .args(["--cache-dir", shown(&cache), "-o", shown(&folder.join("report"))])
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .unwrap();
    let n_rows = || refrain::embedding::Store::open(&cache).and_then(|store| store.n_rows()).unwrap_or(0);
    while n_rows() == 0 && child.try_wait().unwrap().is_none() {}
    (child, cache)
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_interrupted_run_leaves_nothing_half_written_and_says_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (child, _) = at_work(folder.path(), Stdio::piped());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted") && stderr(&output).contains("the same command"));
    assert_eq!(entries(folder.path()), ["cache"]);
}

#[test]
fn a_second_interrupt_ends_a_run_that_cannot_end_tidily() {
    let folder = tempfile::tempdir().unwrap();
    // The last message cannot be written while this pipe is full, and nobody reads from it.
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (mut child, _) = at_work(folder.path(), writer.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut std::io::repeat(b' '), &mut writer));
    interrupt(&child);
    while entries(folder.path()) != ["cache"] {}
    assert_eq!(child.try_wait().unwrap(), None, "the first one ended it already");
    interrupt(&child);
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait().unwrap().code()));
    let code = end.recv_timeout(Duration::from_mins(1)).expect("it ends at once");
    drop(reader);
    assert_eq!(code, Some(130));
}

#[test]
fn what_a_killed_run_has_left_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, cache) = at_work(folder.path(), Stdio::null());
    child.kill().unwrap();
    child.wait().unwrap();
    let left = entries(folder.path());
    assert!(left.len() == 2 && left[0].starts_with(".report.writing-"), "{left:?}");
    let out = folder.path().join("report");
    done(&["report", &seeds(), "--cache-dir", shown(&cache), "--onnxruntime", &runtime_library(), "-o", shown(&out)]);
    assert_eq!(entries(folder.path()), ["cache", "report"]);
}

#[test]
fn two_runs_share_a_cache_folder() {
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        Command::new(PROGRAM)
            .args(["report", &seeds(), "--onnxruntime", &runtime_library(), "--threads", "1", "-q"])
            .args(["--cache-dir", shown(&folder.path().join("cache")), "-o", shown(&folder.path().join(name))])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let both = [start("one"), start("two")];
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let report = |name: &str| std::fs::read_to_string(folder.path().join(name).join("report.json")).unwrap();
    assert!(!report("one").contains("\"store_"), "neither had to do without the store");
    assert_eq!(report("one"), report("two"));
}

#[test]
fn a_damaged_report_is_not_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("report");
    done(&["duplicates", &seeds(), "-o", shown(&place)]);
    let again = |arguments: &[&str]| run(&[&["duplicates", shown(&place), "--threshold", "0.92"], arguments].concat());
    assert!(again(&[]).status.success());
    for name in ["report.json", "passages.parquet", "duplicates.parquet"] {
        let file = place.join(name);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&flipped[..], &whole[..whole.len() - 1]] {
            std::fs::write(&file, damaged).unwrap();
            let output = again(&[]);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains(name), "{said}");
        }
        std::fs::write(&file, whole).unwrap();
    }
    assert!(again(&[]).status.success());
}

#[test]
fn a_runtime_of_another_version_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // The one function that ONNX Runtime is entered by, as version 1.10 has it.
    let source = r#"#include <stdint.h>
        static const void *api(uint32_t version) { static const char none[4096]; return version <= 10 ? none : 0; }
        static const char *version(void) { return "1.10.0"; }
        static const struct { const void *(*api)(uint32_t); const char *(*version)(void); } base = { api, version };
        const void *OrtGetApiBase(void) { return &base; }"#;
    let (file, library) = (folder.path().join("old.c"), folder.path().join("libonnxruntime.so"));
    std::fs::write(&file, source).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o", shown(&library), shown(&file)]).status().unwrap();
    assert!(compiled.success());
    let output = run(&["report", &seeds(), "--onnxruntime", shown(&library), "-o", shown(&folder.path().join("out"))]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be loaded") && said.contains("1.10.0"), "{said}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let (corpus, fifo) = (folder.path().join("corpus"), folder.path().join("corpus/rows.jsonl"));
    std::fs::create_dir(&corpus).unwrap();
    let row =
        |i: usize| format!("{{\"text\": \"The ferry number {i} leaves the harbour at noon and returns late.\"}}\n");
    std::fs::write(&fifo, (0..100_000).map(row).collect::<String>()).unwrap();
    let child = Command::new(PROGRAM)
        .args(["duplicates", shown(&corpus), "--kinds", "exact", "--format", "json", "--strict"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Appended to again and again until it ends: at some of these moments the file is being read.
    let mut child = child;
    while child.try_wait().unwrap().is_none() {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().append(true).open(&fifo).unwrap();
        file.write_all(b"\n").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(stderr(&output).contains("changed while it was read"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}
