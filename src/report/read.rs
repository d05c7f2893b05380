//! A finished report, read back: so that groups can be made at another threshold without reading,
//! embedding or comparing anything again.

use super::{ModelShown, Report, Timings};
use crate::document::{Document, Metadata};
use crate::duplicate::{DuplicateOptions, DuplicatePair, Duplicates, Kind, PairSources};
use crate::embedding::EmbeddingCounts;
use crate::passage::Passage;
use crate::{Error, Options, Result, Warning};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::fs::File;
use std::path::Path;

type Read<T> = std::result::Result<T, String>;

/// Reads the report that `refrain duplicates` or `refrain report` wrote into a folder: its passages and
/// pairs, and what of its header they need. Its themes are not read. The groups are not made yet.
///
/// # Errors
/// [`Error::Finished`] if a file of it is missing or is not what refrain wrote.
pub fn read_report(folder: &Path) -> Result<Report> {
    read(folder).map_err(|reason| Error::Finished { path: folder.to_owned(), reason })
}

/// Whether the files are what was written.
fn check(folder: &Path) -> Read<()> {
    let run: Value = File::open(folder.join("run.json"))
        .map_err(|e| e.to_string())
        .and_then(|file| serde_json::from_reader(std::io::BufReader::new(file)).map_err(|e| e.to_string()))
        .map_err(|e| format!("its run.json cannot be read ({e})"))?;
    for name in ["report.json", "passages.parquet", "duplicates.parquet"] {
        let Some(expected) = run["sha256"][name].as_str() else { continue };
        let found = super::run::digest(&folder.join(name)).map_err(|e| format!("its {name} cannot be read ({e})"))?;
        if found != expected {
            return Err(format!(
                "its {name} is not what was written: its SHA-256 is {found}, and run.json has {expected}"
            ));
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Read<Report> {
    check(folder)?;
    let json: Value = File::open(folder.join("report.json"))
        .map_err(|e| e.to_string())
        .and_then(|file| serde_json::from_reader(std::io::BufReader::new(file)).map_err(|e| e.to_string()))
        .map_err(|e| format!("its report.json cannot be read ({e})"))?;
    let header = &json["header"];
    let count = |name: &str| header["counts"][name].as_u64().unwrap_or(0) as usize;
    let (documents, passages) = read_passages(&folder.join("passages.parquet"), &json)?;
    let pairs = read_pairs(&folder.join("duplicates.parquet"), passages.len())?;
    let (sources, source_of) = super::sources(&documents, &passages);
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let options = Options {
        cluster: None,
        duplicate: Some(read_options(&header["options"]["duplicates"])?),
        against: strings(&header["options"]["duplicates"]["against"]),
        ..Options::default()
    };
    let warnings = json["warnings"].as_array().into_iter().flatten().map(|warning| Warning::Earlier {
        kind: warning["warning"].as_str().unwrap_or_default().to_owned(),
        message: warning["message"].as_str().unwrap_or_default().to_owned(),
    });
    let n_pairs_left_out = header["counts"]["pairs"]["left_out"].as_u64().unwrap_or(0) as usize;
    Ok(Report {
        paths: strings(&header["paths"]),
        n_inputs: count("inputs"),
        n_short: count("short_passages_left_out"),
        n_split: count("paragraphs_split"),
        n_distinct: count("distinct_passages"),
        n_new: passages.len().saturating_sub(count("old_passages")),
        model: serde_json::from_value::<Option<ModelShown>>(header["model"].clone())
            .map_err(|e| format!("its model is not readable ({e})"))?,
        warnings: warnings.collect(),
        sources,
        source_of,
        documents,
        passages,
        duplicates: Some(Duplicates { pairs, n_pairs_left_out, ..Duplicates::default() }),
        options,
        clustering: None,
        projection: None,
        agreement: None,
        themes: None,
        embedded: EmbeddingCounts { n_tokens: count("tokens_embedded"), ..EmbeddingCounts::default() },
        whole: None,
        timings: Timings::start(),
    })
}

fn read_options(shown: &Value) -> Read<DuplicateOptions> {
    let missing = || "it holds no duplicates; make it with `refrain duplicates` or `refrain report`".to_owned();
    let number = |name: &str| shown[name].as_f64().ok_or_else(missing);
    let named = |name: &Value| Kind::ALL.into_iter().find(|kind| Some(kind.name()) == name.as_str());
    Ok(DuplicateOptions {
        kinds: shown["kinds"].as_array().ok_or_else(missing)?.iter().filter_map(named).collect(),
        threshold: number("threshold")? as f32,
        min_jaccard: number("min_jaccard")? as f32,
        min_containment: number("min_containment")? as f32,
        min_excerpt_words: number("min_excerpt_words")? as usize,
        sources: match shown["sources"].as_str() {
            Some("across") => PairSources::Across,
            Some("within") => PairSources::Within,
            _ => PairSources::Any,
        },
        min_group: number("min_group")? as usize,
        max_pairs: number("max_pairs")? as usize,
        boilerplate: number("boilerplate")? as f32,
        min_boilerplate_documents: number("min_boilerplate_documents")? as usize,
    })
}

/// Calls `each` with every batch of rows of a table.
fn batches(path: &Path, mut each: impl FnMut(&RecordBatch) -> Option<()>) -> Read<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |e: String| format!("its {name} cannot be read ({e})");
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| failed(e.to_string()))?;
    for batch in builder.build().map_err(|e| failed(e.to_string()))? {
        let batch = batch.map_err(|e| failed(e.to_string()))?;
        if batch
            .columns()
            .iter()
            .zip(batch.schema().fields())
            .any(|(c, field)| c.null_count() > 0 && !field.is_nullable())
        {
            return Err(failed("a value is missing".into()));
        }
        each(&batch).ok_or_else(|| failed("its columns are not those that refrain writes".into()))?;
    }
    Ok(())
}

fn read_passages(path: &Path, json: &Value) -> Read<(Vec<Document>, Vec<Passage>)> {
    let mut places = Places::default();
    batches(path, |batch| places.add(batch))?;
    let Places { mut documents, passages } = places;
    // Documents without passages are in report.json only.
    let known: std::collections::HashSet<(String, String)> =
        documents.iter().map(|document| (document.source.clone(), document.name.clone())).collect();
    for source in json["sources"].as_array().into_iter().flatten() {
        for document in source["documents"].as_array().into_iter().flatten() {
            if let (Some(source), Some(name)) = (source["source"].as_str(), document["document"].as_str())
                && !known.contains(&(source.to_owned(), name.to_owned()))
            {
                documents.push(named(source, name));
            }
        }
    }
    Ok((documents, passages))
}

/// Passages put back into documents, which hold what is known of their texts.
#[derive(Default)]
pub(crate) struct Places {
    pub documents: Vec<Document>,
    pub passages: Vec<Passage>,
}

impl Places {
    /// Adds rows of `tables::passages`; none if they are no such rows.
    pub fn add(&mut self, batch: &RecordBatch) -> Option<()> {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let place = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>();
        let (source, document, texts) = (text("source")?, text("document")?, text("text")?);
        let (start, end) = (place("start")?, place("end")?);
        let n_tokens = batch.column_by_name("n_tokens")?.as_primitive_opt::<UInt32Type>()?;
        for row in 0..batch.num_rows() {
            let (start, end) = (start.value(row) as usize, end.value(row) as usize);
            let is_next = |last: &Document| {
                last.name == document.value(row) && last.source == source.value(row) && last.text.len() <= start
            };
            if !self.documents.last().is_some_and(is_next) {
                self.documents.push(named(source.value(row), document.value(row)));
            }
            let last = self.documents.last_mut()?;
            // What stands between passages is not in a report; line ends keep its place.
            last.text.extend(std::iter::repeat_n('\n', start - last.text.len()));
            last.text.push_str(texts.value(row));
            if last.text.len() != end {
                return None;
            }
            let document = self.documents.len() as u32 - 1;
            self.passages.push(Passage { document, span: start..end, n_tokens: n_tokens.value(row) });
        }
        Some(())
    }
}

fn named(source: &str, name: &str) -> Document {
    Document {
        name: name.to_owned(),
        source: source.to_owned(),
        text: String::new(),
        offset: 0,
        label: None,
        row: None,
        is_editable: false,
        metadata: Metadata::default(),
    }
}

fn read_pairs(path: &Path, n_passages: usize) -> Read<Vec<DuplicatePair>> {
    let mut pairs = Vec::new();
    batches(path, |batch| add_pairs(batch, n_passages, &mut pairs))?;
    Ok(pairs)
}

/// Adds rows of `tables::pairs`; none if they are no such rows.
pub(crate) fn add_pairs(batch: &RecordBatch, n_passages: usize, pairs: &mut Vec<DuplicatePair>) -> Option<()> {
    let id = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>();
    let figure = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float32Type>();
    let kinds = batch.column_by_name("kind")?.as_string_opt::<i32>()?;
    let (a, b) = (id("a")?, id("b")?);
    let (cosine, jaccard, containment) = (figure("cosine")?, figure("jaccard")?, figure("containment")?);
    for row in 0..batch.num_rows() {
        let pair = DuplicatePair {
            a: a.value(row),
            b: b.value(row),
            kind: Kind::ALL.into_iter().find(|kind| kind.name() == kinds.value(row))?,
            cosine: cosine.is_valid(row).then(|| cosine.value(row)),
            jaccard: jaccard.value(row),
            containment: containment.value(row),
            excerpt: None,
        };
        if pair.a >= pair.b || pair.b as usize >= n_passages {
            return None;
        }
        pairs.push(pair);
    }
    Some(())
}
