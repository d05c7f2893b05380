//! Every format that is read, by samples that other programs made of one text (tests/data/formats/make.py).

mod common;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use common::{done, run, shown, stderr};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

const FIRST: &str = "The lighthouse keeper climbs the stairs at dusk & lights the lamp, as his father did before him.";
const SECOND: &str =
    "Since last winter the lamp is electric; nobody has to climb, but he does it all the same – out of habit.";

fn samples() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/formats").into()
}

/// The texts of passages.parquet by document, and the sources.
fn passages(report: &Path) -> (BTreeMap<String, Vec<String>>, BTreeSet<String>) {
    let file = File::open(report.join("passages.parquet")).unwrap();
    let (mut texts, mut sources) = (BTreeMap::<String, Vec<String>>::new(), BTreeSet::new());
    for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap();
        for i in 0..batch.num_rows() {
            let string = |name: &str| column(name).as_string::<i32>().value(i).to_owned();
            let place = |name: &str| column(name).as_primitive::<UInt64Type>().value(i);
            let text = string("text");
            assert_eq!(place("end") - place("start"), text.len() as u64, "{text}");
            texts.entry(string("document")).or_default().push(text);
            sources.insert(string("source"));
        }
    }
    (texts, sources)
}

#[test]
fn what_is_in_a_file_of_any_format_is_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report");
    let report = done(&["duplicates", &samples(), "--exclude", "make.py", "-o", shown(&out)]);
    let (texts, sources) = passages(&out);
    let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let prefix = format!("{}/", samples());
    for (document, texts) in &texts {
        let name = document.strip_prefix(&prefix).unwrap();
        let file = name.split(['#', '/']).next().unwrap();
        by_file.entry(file).or_default().extend(texts.iter().map(String::as_str));
    }
    let files: Vec<String> = std::fs::read_dir(samples())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "make.py")
        .collect();
    for file in &files {
        let found: BTreeSet<&str> = by_file.get(file.as_str()).into_iter().flatten().copied().collect();
        assert_eq!(found, BTreeSet::from([FIRST, SECOND]), "{file}");
    }
    assert_eq!(files.len(), by_file.len());
    // A folder in an archive is a source, as a folder is.
    for source in ["archive.zip/one", "archive.zip/two", "archive.tar.gz/two", "mailbox.mbox"] {
        assert!(sources.contains(&format!("{prefix}{source}")), "{source}: {sources:?}");
    }
    assert!(sources.contains("lighthouse0.example") && sources.contains("lighthouse1.example"), "{sources:?}");
    let warnings: BTreeSet<(&str, &str)> = report["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (warning["warning"].as_str().unwrap(), warning["encoding"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(warnings, BTreeSet::from([("decoded", "UTF-16LE"), ("decoded", "windows-1252")]));
    let metadata = |sample: &str| {
        let name = format!("{prefix}{sample}");
        let documents =
            report["sources"].as_array().unwrap().iter().flat_map(|source| source["documents"].as_array().unwrap());
        documents.into_iter().find(|document| document["document"] == name.as_str()).unwrap().clone()
    };
    assert_eq!(metadata("document.docx")["title"], "The lighthouse of the northern bay");
    assert_eq!(metadata("message.eml")["author"], "Keeper");
    assert_eq!(metadata("crawl.warc.gz/https://lighthouse1.example/page")["url"], "https://lighthouse1.example/page");
    assert_eq!(metadata("feed.atom#1")["url"], "https://lighthouse.example/0");
    assert_eq!(metadata("table.csv#2")["date"], "2024-03-02");
}

#[test]
fn a_packed_corpus_is_packed_again() {
    let folder = tempfile::tempdir().unwrap();
    let row = |text: &str| format!("{{\"text\": \"{text}\"}}\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all([row(FIRST), row(SECOND), row(FIRST)].concat().as_bytes()).unwrap();
    let (corpus, clean) = (folder.path().join("rows.jsonl.gz"), folder.path().join("clean.jsonl.gz"));
    std::fs::write(&corpus, packed.finish().unwrap()).unwrap();
    let output = run(&["dedup", shown(&corpus), "-o", shown(&clean)]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut left = String::new();
    flate2::read::GzDecoder::new(File::open(clean).unwrap()).read_to_string(&mut left).unwrap();
    assert_eq!(left, [row(FIRST), row(SECOND)].concat());
}

#[test]
fn verbose_says_what_was_recognised_as_what_and_why() {
    let output = run(&["duplicates", &samples(), "--exclude", "make.py", "--kinds", "exact", "-v"]);
    let said = stderr(&output);
    for (file, expected) in [
        ("book.epub", "format=\"EPUB\" by=\"content\""),
        ("table.csv", "format=\"CSV\" by=\"name\""),
        ("crawl.warc.gz", "archive=\"WARC\""),
        ("plain.txt.gz", "packings=[Gzip]"),
    ] {
        assert!(said.lines().any(|line| line.contains(file) && line.contains(expected)), "{file}: {said}");
    }
    assert!(said.contains("columns text=\"text\""), "{said}");
}

#[test]
fn a_bomb_and_a_damaged_archive_cost_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    file("good.txt", [FIRST, "\n\n", SECOND].concat().as_bytes());
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b'a'; 50 << 20]).unwrap();
    file("bomb.gz", &bomb.finish().unwrap());
    let archive = std::fs::read(format!("{}/archive.tar.gz", samples())).unwrap();
    file("cut.tar.gz", &archive[..archive.len() / 2]);
    file("cut.docx", &std::fs::read(format!("{}/document.docx", samples())).unwrap()[..9000]);
    let out = folder.path().join("report");
    let report = |more: &[&str]| {
        run(&[&["duplicates", shown(folder.path()), "-o", shown(&out), "--format", "json"], more].concat())
    };
    let output = report(&[]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    for expected in ["bomb.gz: not read, it unpacks to more than 200 times its size", "cut.tar.gz: damaged", "cut.docx"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let good: Vec<String> = passages(&out).0.remove(&format!("{}/good.txt", shown(folder.path()))).unwrap();
    assert_eq!(good, [FIRST, SECOND]);
    assert_eq!(report(&["--strict"]).status.code(), Some(1));
    let limited = report(&["--limit", "file=10"]);
    assert!(stderr(&limited).contains("larger than 10 bytes (--limit file=N"), "{}", stderr(&limited));
    let wrong = report(&["--limit", "fields=10"]);
    assert!(wrong.status.code() == Some(2) && stderr(&wrong).contains("such as file=2G"), "{}", stderr(&wrong));
}

#[cfg(feature = "pdf")]
#[test]
fn the_text_of_a_pdf_is_read_and_a_damaged_one_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pdf/document.pdf")).unwrap();
    std::fs::write(folder.path().join("whole.pdf"), &whole).unwrap();
    // Cut at many places, and with bytes that are something else.
    for i in 1..40 {
        let mut damaged = whole.clone();
        damaged.truncate(whole.len() * i / 40);
        std::fs::write(folder.path().join(format!("cut-{i}.pdf")), &damaged).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() * i / 40] ^= 0x15;
        std::fs::write(folder.path().join(format!("flipped-{i}.pdf")), &damaged).unwrap();
    }
    let out = folder.path().join("report");
    let report = done(&["duplicates", shown(folder.path()), "--kinds", "exact", "-o", shown(&out)]);
    let (texts, _) = passages(&out);
    let name = format!("{}/whole.pdf", shown(folder.path()));
    let found: Vec<String> = texts[&name].iter().map(|text| text.replace('\n', " ")).collect();
    assert_eq!(found, [FIRST, SECOND]);
    let documents =
        report["sources"].as_array().unwrap().iter().flat_map(|source| source["documents"].as_array().unwrap());
    let document = documents.into_iter().find(|document| document["document"] == name.as_str()).unwrap();
    assert_eq!(document["title"], "The lighthouse of the northern bay");
    assert_eq!(document["author"], "A. Keeper");
}
