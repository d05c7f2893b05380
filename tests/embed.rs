//! `refrain embed`, and its files as input: the same findings as from the documents.

mod common;

use common::{run, seeds, stderr};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};
use std::path::Path;

fn done(arguments: &[&str]) -> serde_json::Value {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn refused(file: &Path) -> String {
    let output = run(&["cluster", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    stderr(&output)
}

fn write(file: &Path, rows: &ndarray::Array2<f32>) {
    rows.write_npy(std::fs::File::create(file).unwrap()).unwrap();
}

#[test]
fn a_table_of_embeddings_gives_the_same_report_as_its_documents() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("seeds.parquet");
    let table = table.to_str().unwrap();
    done(&["embed", &seeds(), "-o", table]);
    let (direct, given) = (
        done(&["report", &seeds(), "--format", "json", "-o", &format!("{table}-1")]),
        done(&["report", table, "--format", "json", "-o", &format!("{table}-2")]),
    );
    assert_eq!(given["header"]["model"], serde_json::Value::Null);
    assert!(direct["themes"] == given["themes"]);
    assert!(direct["duplicate_groups"] == given["duplicate_groups"], "places in the documents too");
}

#[test]
fn an_array_of_rows_is_enough_for_themes_and_reworded_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let array = folder.path().join("seeds.npy");
    done(&["embed", &seeds(), "-o", array.to_str().unwrap()]);
    let rows = ndarray::Array2::<f32>::read_npy(std::fs::File::open(&array).unwrap()).unwrap();
    assert_eq!(rows.dim(), (145, 384));
    let report = done(&["duplicates", array.to_str().unwrap(), "--format", "json"]);
    let pairs = &report["header"]["counts"]["pairs"];
    assert_eq!(
        (pairs["exact"].as_u64(), pairs["near"].as_u64(), pairs["excerpt"].as_u64()),
        (Some(0), Some(0), Some(0))
    );
    assert!(pairs["reworded"].as_u64().unwrap() >= 20, "copies are alike by their rows too: {pairs}");
    assert!(run(&["cluster", array.to_str().unwrap()]).status.success());
}

#[test]
fn bad_rows_are_refused_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.npy");
    let mut rows = ndarray::Array2::<f32>::ones((4, 3));
    rows[[2, 1]] = f32::NAN;
    write(&file, &rows);
    assert!(refused(&file).contains("row 2 holds a number that is not finite"));
    rows.row_mut(2).fill(0.0);
    write(&file, &rows);
    assert!(refused(&file).contains("row 2 is all zeros"));
    std::fs::write(&file, b"\x93NUMPY but no more").unwrap();
    assert!(refused(&file).contains("expected an array of shape (n, dim)"));
    // More numbers than there is memory for, and none of them there.
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000000, 384), }\n";
    let promise = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    std::fs::write(&file, promise).unwrap();
    assert!(refused(&file).contains("its header promises 38400000000000 numbers"));
    std::fs::write(&file, b"plain text").unwrap();
    assert!(refused(&file).contains("holds no embeddings"));
    // Two files of different widths.
    write(&file, &ndarray::Array2::ones((4, 3)));
    write(&folder.path().join("wider.npy"), &ndarray::Array2::ones((4, 5)));
    assert!(refused(folder.path()).contains("its rows are 5 wide, those of the files before it 3"));
    let report = folder.path().join("report");
    std::fs::remove_file(folder.path().join("wider.npy")).unwrap();
    let table = folder.path().join("table.parquet");
    done(&["report", &seeds(), "-o", report.to_str().unwrap()]);
    std::fs::copy(report.join("passages.parquet"), &table).unwrap();
    // A table without embeddings is a corpus, but not beside embeddings.
    assert!(refused(folder.path()).contains("it has no column `embedding`"));
    done(&["duplicates", table.to_str().unwrap()]);
    let output = run(&["embed", &seeds(), "-o", "rows.txt"]);
    assert!(stderr(&output).contains("must end in .parquet or .npy"));
}
