//! `refrain dedup` over the seed documents, with the real model: what goes, what stays, and that a
//! second run changes nothing.

mod common;

use common::{done, run, seeds, shown, stderr};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text files among the seeds, in a folder of their own.
fn text_seeds(folder: &Path) -> PathBuf {
    let corpus = folder.join("corpus");
    std::fs::create_dir(&corpus).unwrap();
    for entry in std::fs::read_dir(seeds()).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().starts_with("004") {
            std::fs::copy(entry.path(), corpus.join(entry.file_name())).unwrap();
        }
    }
    corpus
}

/// The seeds' lines that are long enough to be passages, in order.
fn seed_lines() -> Vec<String> {
    let names = ["000_ce602a208d592971", "001_40c155557a518014", "002_a2a4beb00cf196ac", "003_9167be1371e64c63"];
    let read = |name: &str| std::fs::read_to_string(format!("{}/{name}.txt", seeds())).unwrap();
    let all: String = names.into_iter().map(read).collect();
    all.lines().filter(|line| line.chars().count() >= 40).map(str::to_owned).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries.map(|e| (e.file_name().to_string_lossy().into_owned(), std::fs::read(e.path()).unwrap())).collect()
}

fn has_no_group(corpus: &Path) {
    let report = done(&["duplicates", shown(corpus)]);
    assert_eq!(report["duplicate_groups"].as_array().unwrap().len(), 0, "{}", report["header"]["counts"]);
    assert_eq!(report["boilerplate"].as_array().unwrap().len(), 0);
}

#[test]
fn a_cleaned_corpus_has_no_group_and_cleaning_it_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = text_seeds(folder.path());
    let before = files(&corpus);
    let clean = folder.path().join("clean");
    let summary = done(&["dedup", shown(&corpus), "-o", shown(&clean)]);
    assert!(summary["removed"]["exact"].as_u64().unwrap() >= 19, "{summary}");
    assert!(summary["removed"]["reworded"].as_u64().unwrap() >= 1, "{summary}");
    assert!(files(&corpus) == before, "nothing is changed in place");
    has_no_group(&clean);

    let again = folder.path().join("again");
    let summary = done(&["dedup", shown(&clean), "-o", shown(&again)]);
    assert_eq!(summary["rounds"], 1, "{summary}");
    assert!(files(&clean) == files(&again));
    assert_eq!(lines(&folder.path().join("again.removed.jsonl")), Vec::<Value>::new());

    // What was removed can be read back: where it stood, and what stays for it.
    let removed = lines(&folder.path().join("clean.removed.jsonl"));
    let cleaned: String = files(&clean).into_values().map(|bytes| String::from_utf8(bytes).unwrap()).collect();
    for line in &removed {
        let document = std::fs::read_to_string(line["document"].as_str().unwrap()).unwrap();
        let (start, end) = (line["start"].as_u64().unwrap() as usize, line["end"].as_u64().unwrap() as usize);
        assert_eq!(&document[start..end], line["text"].as_str().unwrap());
        let kept = std::fs::read_to_string(line["kept"]["document"].as_str().unwrap()).unwrap();
        let (start, end) =
            (line["kept"]["start"].as_u64().unwrap() as usize, line["kept"]["end"].as_u64().unwrap() as usize);
        assert!(cleaned.contains(&kept[start..end]), "{line}");
        assert!(line["kind"] != "reworded" || line["cosine"].as_f64().unwrap() >= 0.9, "{line}");
    }
    // The rest keeps its lines as they were.
    for (name, bytes) in files(&clean) {
        let (old, new) = (String::from_utf8(before[&name].clone()).unwrap(), String::from_utf8(bytes).unwrap());
        let mut old_lines = old.lines();
        assert!(new.lines().all(|line| old_lines.any(|old| old == line)), "{name}: lines stay, in their order");
    }
    let said = run(&["dedup", shown(&corpus), "-o", shown(&clean)]);
    assert_eq!(said.status.code(), Some(2));
    assert!(stderr(&said).contains("exists and is not replaced"), "{}", stderr(&said));
}

#[test]
fn what_cannot_be_cut_stays_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let clean = folder.path().join("clean");
    let output = run(&["dedup", &seeds(), "-o", shown(&clean)]);
    assert!(output.status.success(), "{}", stderr(&output));
    let page = "004_ad018b745339d58c.txt";
    assert!(files(&clean)[page] == std::fs::read(format!("{}/{page}", seeds())).unwrap());
    let report = done(&["duplicates", shown(&clean)]);
    let groups = report["duplicate_groups"].as_array().unwrap();
    let in_page = |member: &Value| member["document"].as_str().unwrap().ends_with(page);
    assert!(groups.iter().all(|group| group["members"].as_array().unwrap().iter().all(in_page)));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.contains("nothing can be cut out of HTML"), !groups.is_empty(), "{said}");
}

#[test]
fn json_lines_keep_their_columns_and_the_new_loses_what_the_old_has() {
    let folder = tempfile::tempdir().unwrap();
    let lines_of_seeds = seed_lines();
    let (new, old) = (folder.path().join("new.jsonl"), folder.path().join("old.csv"));
    let row = |(i, text): (usize, &String)| {
        format!("{{\"n\": {i}.50, \"text\": {}, \"tags\": [\"a\", {{}}]}}\n", serde_json::to_string(text).unwrap())
    };
    std::fs::write(&new, lines_of_seeds.iter().enumerate().map(row).collect::<String>()).unwrap();
    let mut table = csv::Writer::from_path(&old).unwrap();
    table.write_record(["title", "text"]).unwrap();
    lines_of_seeds.iter().take(10).for_each(|text| table.write_record(["old", &text.to_uppercase()]).unwrap());
    table.flush().unwrap();

    let clean = folder.path().join("clean.jsonl");
    let summary = done(&["dedup", shown(&new), "-o", shown(&clean)]);
    let n_removed = summary["removed"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert!(n_removed >= 20 && summary["documents_removed"] == n_removed, "{summary}");
    let written = std::fs::read_to_string(&clean).unwrap();
    assert_eq!(written.lines().count() as u64, lines_of_seeds.len() as u64 - n_removed);
    let original = std::fs::read_to_string(&new).unwrap();
    assert!(written.lines().all(|line| original.lines().any(|old| old == line)), "rows stay byte for byte");
    has_no_group(&clean);

    let fresh = folder.path().join("fresh.jsonl");
    done(&["dedup", shown(&new), "--against", shown(&old), "--kinds", "exact", "-o", shown(&fresh)]);
    let written = std::fs::read_to_string(&fresh).unwrap();
    let has = |text: &String| written.contains(&serde_json::to_string(text).unwrap());
    assert!(!lines_of_seeds.iter().take(10).any(has) && lines_of_seeds.iter().skip(10).any(has));
    let removed = lines(&folder.path().join("fresh.jsonl.removed.jsonl"));
    assert!(removed.iter().filter(|line| line["kept"]["source"] == shown(&old)).count() >= 10);
    // The same as a report: no pair is between old passages, and all of them stay.
    let report = done(&["duplicates", shown(&new), "--against", shown(&old), "--kinds", "exact"]);
    assert_eq!(report["header"]["counts"]["old_passages"], 10);
    for group in report["duplicate_groups"].as_array().unwrap() {
        let members = group["members"].as_array().unwrap();
        let n_old = members.iter().filter(|member| member["source"] == shown(&old)).count();
        assert!(n_old < members.len(), "{n_old} of {}", members.len());
    }
}

#[test]
fn parquet_is_cleaned_and_who_stays_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    done(&["duplicates", &seeds(), "-o", shown(&report)]);
    let clean = folder.path().join("clean.parquet");
    let table = folder.path().join("table.parquet");
    std::fs::copy(report.join("passages.parquet"), &table).unwrap();
    for keep in ["first", "longest"] {
        done(&["dedup", shown(&table), "--keep", keep, "-o", shown(&clean)]);
        has_no_group(&clean);
        for gone in lines(&folder.path().join("clean.parquet.removed.jsonl")) {
            let n_chars = |place: &Value| place["text"].as_str().unwrap().chars().count();
            let number = |place: &Value| -> usize {
                place["document"].as_str().unwrap().rsplit('#').next().unwrap().parse().unwrap()
            };
            match keep {
                "first" => assert!(number(&gone["kept"]) < number(&gone), "{gone}"),
                _ => assert!(n_chars(&gone["kept"]) >= n_chars(&gone), "{gone}"),
            }
        }
        for file in ["clean.parquet", "clean.parquet.removed.jsonl", "clean.parquet.dedup.json"] {
            std::fs::remove_file(folder.path().join(file)).unwrap();
        }
    }
}

/// Two documents of three paragraphs, of which two are the same, and a short one of one of them.
fn three_documents(folder: &Path) -> PathBuf {
    let paragraphs = seed_lines();
    let [a, b, c, d] = [&paragraphs[3], &paragraphs[8], &paragraphs[12], &paragraphs[20]];
    let rows = [
        json!({ "id": "old", "date": "2023-01-01", "text": format!("{a}\n\n{b}\n\n{c}") }),
        json!({ "id": "new", "date": "Mon, 01 Jul 2024 00:00:00 GMT", "text": format!("é {d}\n\n{b}\n\n{a}") }),
        json!({ "id": "part", "date": "no date", "text": b }),
    ];
    let place = folder.join("three.jsonl");
    std::fs::write(&place, rows.map(|row| format!("{row}\n")).concat()).unwrap();
    place
}

#[test]
fn the_newest_stays_documents_go_whole_and_attributes_name_characters() {
    let folder = tempfile::tempdir().unwrap();
    let three = three_documents(folder.path());
    let clean = folder.path().join("clean");
    let output = run(&["dedup", shown(&three), "--keep", "newest", "--kinds", "exact", "-o", shown(&clean)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("3 of 7 passages removed (42.9 %), the newest of each kept: 3 exact"), "{said}");
    assert!(said.contains("1 document without a date that can be read"), "{said}");
    let rows = lines(&clean.join("three.jsonl"));
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["old", "new"], "the row without text left is gone");
    assert_eq!(rows[0]["text"].as_str().unwrap(), seed_lines()[12]);

    // Only the short document is, for the most part, in another.
    let whole = folder.path().join("whole");
    let summary = done(&["dedup", shown(&three), "--unit", "document", "--kinds", "exact", "-o", shown(&whole)]);
    assert_eq!((summary["documents_removed"].as_u64(), summary["documents_changed"].as_u64()), (Some(1), Some(0)));
    let removed = lines(&folder.path().join("whole.removed.jsonl"));
    assert_eq!((removed[0]["document"].as_str().unwrap().ends_with("#3"), &removed[0]["share"]), (true, &json!(1.0)));
    let original = std::fs::read_to_string(&three).unwrap();
    let left: String = original.split_inclusive('\n').take(2).collect();
    assert_eq!(std::fs::read_to_string(whole.join("three.jsonl")).unwrap(), left);

    let attributes = folder.path().join("attributes.jsonl");
    let file = shown(&attributes);
    done(&["dedup", shown(&three), "--kinds", "exact", "--attributes", file]);
    let named = lines(&attributes);
    assert_eq!(named.len(), 3, "a line for each document");
    let texts: Vec<Vec<char>> =
        lines(&three).iter().map(|row| row["text"].as_str().unwrap().chars().collect()).collect();
    let mut spans = Vec::new();
    for (line, text) in named.iter().zip(&texts) {
        for span in line["attributes"]["duplicates"].as_array().unwrap() {
            let at = |i: usize| span[i].as_u64().unwrap() as usize;
            spans.push((line["id"].as_str().unwrap(), text[at(0)..at(1)].iter().collect::<String>()));
            assert_eq!(span[2], json!(1.0));
        }
    }
    let paragraphs = seed_lines();
    let expected = [("new", paragraphs[8].clone()), ("new", paragraphs[3].clone()), ("part", paragraphs[8].clone())];
    assert_eq!(spans, expected);
}
