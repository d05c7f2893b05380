//! Bytes become documents: decoded text with what the format tells about it. One file per format;
//! this one recognises the format by its content and decodes the bytes.

pub mod csv;
pub mod embedded;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod parquet;
pub mod table;
pub mod text;

use crate::{Error, Result, Warning, source::Input};
use bytes::Bytes;
use serde::Serialize;
use std::collections::HashMap;
use std::ops::Range;
pub use table::RowEdit;

/// The formats that are read, for messages.
pub const FORMATS_READ: &str =
    "plain text, HTML, JSON (a WordPress post, or any objects and arrays with text), JSON Lines, CSV and Parquet";

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text; Markdown is read as plain text.
    Text,
    /// An HTML page or fragment.
    Html,
    /// One JSON value or several in a row.
    Json,
    /// JSON Lines: each line is a row, and each row a document.
    Jsonl,
    /// CSV or TSV, with a text column.
    Csv,
    /// A Parquet table with a text column.
    Parquet,
}

impl Format {
    /// The format's name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "plain text",
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Jsonl => "JSON Lines",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
        }
    }

    /// The format of a file's content; the extension decides only where the content does not.
    ///
    /// # Errors
    /// What the content was recognised as, where that is not a format that is read.
    pub fn recognise(bytes: &[u8], extension: Option<&str>) -> std::result::Result<Self, String> {
        if bytes.starts_with(parquet::MAGIC) {
            return Ok(Self::Parquet);
        }
        let head = &bytes[..bytes.len().min(4096)];
        let markup = head.trim_ascii_start();
        let markup = markup.strip_prefix(b"\xef\xbb\xbf").unwrap_or(markup).trim_ascii_start();
        let starts = |prefix: &[u8]| markup.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
        if starts(b"<!doctype html") || starts(b"<html") {
            return Ok(Self::Html);
        }
        if let Some(kind) = infer::get(head).filter(|kind| !kind.mime_type().starts_with("text/")) {
            return Err(kind.mime_type().into());
        }
        if head.contains(&0) {
            return Err("binary data (it has NUL bytes)".into());
        }
        if json::looks_like_json(markup) {
            let is_lines = matches!(extension, Some("jsonl" | "ndjson")) || jsonl::looks_like_jsonl(bytes);
            return Ok(if is_lines { Self::Jsonl } else { Self::Json });
        }
        match extension {
            Some("html" | "htm" | "xhtml") => Ok(Self::Html),
            Some("csv" | "tsv") => Ok(Self::Csv),
            Some(other @ ("xml" | "rss" | "atom" | "eml" | "mbox" | "warc")) => Err(format!("a .{other} file")),
            _ if starts(b"<?xml") => Err("XML".into()),
            _ => Ok(Self::Text),
        }
    }
}

/// How inputs are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentOptions {
    /// The format of all inputs; default: recognised for each.
    pub format: Option<Format>,
    /// What the columns of a table are; a format without rows has none.
    pub columns: Columns,
}

/// The columns of a table in which every row is a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The text; default: the usual names of such a column.
    pub text: Option<String>,
    /// What a row is cited by; default: its number.
    pub id: Option<String>,
    /// What the row is known to be about.
    pub label: Option<String>,
    /// The row's source; default: the file's.
    pub source: Option<String>,
}

/// What a format tells about a document besides its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// What names the row of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The address it was published at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The date as the format writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The language as the format writes it, mostly a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A text to find passages in. All spans are byte offsets into `text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// How reports cite it: the input's name, and `#n` where the input holds several documents.
    pub name: String,
    /// The source it belongs to.
    pub source: String,
    /// The decoded text, without markup.
    pub text: String,
    /// Where `text` begins in the document that `name` names, in bytes: 0, but for a text that a file
    /// of embeddings holds a part of.
    pub offset: usize,
    /// What it is known to be about: the value of the label column.
    pub label: Option<String>,
    /// The number of the row that it is in a table, from 1 (of JSON Lines: of the line); none where it is
    /// no row that can be told from the others.
    pub row: Option<usize>,
    /// Whether the text is what stands in the input (but for line ends and invalid bytes), so that
    /// passages can be cut out of it there; otherwise it was made from markup.
    pub is_verbatim: bool,
    /// What the format tells besides.
    pub metadata: Metadata,
}

/// What a format found: texts with their metadata, and what is wrong with the file.
#[derive(Debug, Default)]
pub(crate) struct Extracted {
    pub texts: Vec<(String, Metadata)>,
    pub warnings: Vec<Warning>,
}

/// Reads one input. Whatever is wrong with it is a warning and costs only itself.
#[must_use]
pub fn read(input: &Input, options: &DocumentOptions) -> (Vec<Document>, Vec<Warning>) {
    match input.read() {
        Ok(bytes) => parse(input, &bytes.into(), options),
        Err(error) => (vec![], vec![Warning::Unreadable { document: input.name.clone(), reason: error.to_string() }]),
    }
}

/// Reads one input's bytes; see [`read`].
#[must_use]
pub fn parse(input: &Input, bytes: &Bytes, options: &DocumentOptions) -> (Vec<Document>, Vec<Warning>) {
    let name = &input.name;
    if bytes.trim_ascii().is_empty() {
        return (vec![], vec![Warning::Empty { document: name.clone() }]);
    }
    let format = match format_of(input, bytes, options) {
        Ok(format) => format,
        Err(found) => return (vec![], vec![Warning::UnreadFormat { document: name.clone(), found }]),
    };
    let mut warnings = Vec::new();
    match read_as(format, input, bytes, &options.columns, &mut warnings) {
        Ok(documents) => (documents, warnings),
        Err(problem) => (vec![], vec![Warning::UnreadTable { document: name.clone(), format: format.name(), problem }]),
    }
}

/// What is found in an input's bytes in a format, or why they are no such table.
fn read_as(
    format: Format,
    input: &Input,
    bytes: &Bytes,
    columns: &Columns,
    warnings: &mut Vec<Warning>,
) -> std::result::Result<Vec<Document>, String> {
    let Input { name, source, .. } = input;
    if format == Format::Parquet {
        return Ok(parquet::extract(bytes.clone(), columns)?.documents(input, columns, warnings));
    }
    let decoded = decode(name, bytes, warnings);
    let rows = match format {
        Format::Csv => return Ok(csv::extract(name, bytes, columns)?.documents(input, columns, warnings)),
        Format::Jsonl => Some(jsonl::of_lines(name, &decoded)),
        Format::Json if *columns != Columns::default() => Some(jsonl::of_values(name, &decoded)),
        _ => None,
    };
    if let Some(rows) = rows {
        let (documents, mut more) = jsonl::documents(name, source, rows, columns);
        warnings.append(&mut more);
        return Ok(documents);
    }
    let mut extracted = match format {
        Format::Html => html::extract(&decoded),
        Format::Json => json::extract(name, &decoded).extracted,
        _ => text::extract(&decoded),
    };
    warnings.append(&mut extracted.warnings);
    extracted.texts.retain(|(text, _)| !text.trim().is_empty());
    if extracted.texts.is_empty() {
        warnings.push(Warning::NoText { document: name.clone(), format: format.name() });
    }
    let several = extracted.texts.len() > 1;
    let documents = extracted.texts.into_iter().enumerate().map(|(i, (text, metadata))| Document {
        name: if several { format!("{name}#{}", i + 1) } else { name.clone() },
        source: source.clone(),
        text,
        offset: 0,
        label: None,
        row: None,
        is_verbatim: format == Format::Text,
        metadata,
    });
    Ok(documents.collect())
}

/// The format that an input is read as.
fn format_of(input: &Input, bytes: &[u8], options: &DocumentOptions) -> std::result::Result<Format, String> {
    let extension = input.extension();
    let recognise = || Format::recognise(bytes, extension.as_deref());
    match options.format.map_or_else(recognise, Ok)? {
        // Text may begin as JSON does ("[](#top)"), and must not be lost for it.
        Format::Json if options.format.is_none() && options.columns == Columns::default() => {
            let is_json = json::extract(&input.name, &decode(&input.name, bytes, &mut vec![])).is_mostly_json;
            Ok(if is_json { Format::Json } else { Format::Text })
        }
        format => Ok(format),
    }
}

/// What is to be left out of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Parts of its text, in order and without overlaps.
    Cuts(Vec<Range<usize>>),
    /// The whole document.
    Document,
}

/// An input's bytes again, in its format, without what is to be left out of its documents; none if
/// nothing but white space would be left. All that is not touched stays byte for byte (in Parquet:
/// value for value).
///
/// `removals` are of documents of this input, as [`parse`] gives them with the same options.
///
/// # Errors
/// Why it cannot be: passages are to be cut out of a text that was made from markup, or one document out
/// of JSON that holds several.
pub fn rewrite(
    input: &Input,
    bytes: &Bytes,
    options: &DocumentOptions,
    removals: &[(&Document, Removal)],
) -> std::result::Result<Option<Vec<u8>>, String> {
    let format = format_of(input, bytes, options)?;
    if !matches!(format, Format::Jsonl | Format::Csv | Format::Parquet) {
        return match removals {
            [] => Ok(Some(bytes.to_vec())),
            [(document, Removal::Document)] if document.name == input.name => Ok(None),
            [(_, Removal::Cuts(cuts))] if format == Format::Text => {
                let left = text::rewrite(bytes, cuts);
                Ok(Some(left).filter(|left| !left.trim_ascii().is_empty()))
            }
            _ => Err(format!("nothing can be cut out of {}", format.name())),
        };
    }
    let mut by_row: HashMap<usize, RowEdit> = HashMap::new();
    for (document, removal) in removals {
        let row = document.row.ok_or("a damaged row cannot be told from the others")?;
        let edit = match removal {
            Removal::Document => RowEdit::Drop,
            Removal::Cuts(_) if !document.is_verbatim => {
                return Err("nothing can be cut out of HTML".into());
            }
            Removal::Cuts(cuts) => {
                let left = text::without(&document.text, cuts);
                if left.trim().is_empty() { RowEdit::Drop } else { RowEdit::Replace(left) }
            }
        };
        by_row.insert(row, edit);
    }
    let columns = &options.columns;
    let edit = &mut |row: usize| by_row.remove(&row).unwrap_or(RowEdit::Keep);
    let left = match format {
        Format::Jsonl => jsonl::rewrite(bytes, columns, edit),
        Format::Csv => csv::rewrite(bytes, columns, edit),
        _ => parquet::rewrite(bytes.clone(), columns, edit),
    };
    left.map(Some)
}

/// UTF-8, with a byte order mark removed and invalid sequences replaced, counted and placed.
fn decode(name: &str, bytes: &[u8], warnings: &mut Vec<Warning>) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len());
    let (mut n_replaced, mut first_at) = (0, None);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            n_replaced += 1;
            let at = chunk.invalid().as_ptr() as usize - bytes.as_ptr() as usize;
            first_at.get_or_insert(at);
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    if let Some(first_at) = first_at {
        warnings.push(Warning::InvalidUtf8 { document: name.into(), n_replaced, first_at });
    }
    text
}

/// Reads every input, in their order; fails only when not a single document came of them.
///
/// # Errors
/// [`Error::NoPassages`] with what was found instead.
pub fn read_all(inputs: &[Input], options: &DocumentOptions) -> Result<(Vec<Document>, Vec<Warning>)> {
    use rayon::prelude::*;
    let read: Vec<_> = inputs.par_iter().map(|input| read(input, options)).collect();
    let mut documents = Vec::new();
    let mut warnings = Vec::new();
    for (mut more, mut warned) in read {
        documents.append(&mut more);
        warnings.append(&mut warned);
    }
    if documents.is_empty() {
        return Err(none_read(inputs.len(), &warnings));
    }
    Ok((documents, warnings))
}

/// That of so many inputs not one gave a document.
pub(crate) fn none_read(n_inputs: usize, warnings: &[Warning]) -> Error {
    let found = match (n_inputs, warnings.first()) {
        (0, _) => "no file was found there".to_owned(),
        (n, Some(first)) => format!("none of {n} files could be read (the first: {first})"),
        (n, None) => format!("none of {n} files held text"),
    };
    Error::NoPassages { found, remedy: format!("the formats read are {FORMATS_READ}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8], format: Option<Format>) -> (Vec<Document>, Vec<Warning>) {
        parse(&Input::named(name), &bytes.to_vec().into(), &DocumentOptions { format, ..Default::default() })
    }

    #[test]
    fn content_decides_before_the_extension() {
        let format = |bytes: &[u8], extension| Format::recognise(bytes, Some(extension));
        assert_eq!(format(b"plain words", "txt"), Ok(Format::Text));
        assert_eq!(format(b"\xef\xbb\xbf <!DOCTYPE html><p>x", "txt"), Ok(Format::Html));
        assert_eq!(format(br#"{"id": 1, "text": "x"}"#, "txt"), Ok(Format::Json));
        assert_eq!(format(b"[1] a footnote, not an array", "txt"), Ok(Format::Text));
        assert_eq!(format(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "txt"), Err("image/png".into()));
        assert_eq!(format(b"a\0b", "txt"), Err("binary data (it has NUL bytes)".into()));
        assert_eq!(format(b"a,b\n1,2", "csv"), Ok(Format::Csv));
        assert_eq!(format(b"{\"text\": \"x\"}\n{\"text\": \"y\"}", "txt"), Ok(Format::Jsonl));
        assert_eq!(format(b"PAR1 and so on", "bin"), Ok(Format::Parquet));
        assert_eq!(format(b"<feed/>", "rss"), Err("a .rss file".into()));
        assert_eq!(format(b"<p>a fragment</p>", "html"), Ok(Format::Html));
    }

    #[test]
    fn invalid_bytes_are_replaced_counted_and_placed() {
        let (documents, warnings) = read("a.txt", b"caf\xe9 cr\xe8me", None);
        assert_eq!(documents[0].text, "caf\u{fffd} cr\u{fffd}me");
        assert_eq!(warnings, [Warning::InvalidUtf8 { document: "a.txt".into(), n_replaced: 2, first_at: 3 }]);
    }

    #[test]
    fn text_that_begins_as_json_does_is_text() {
        for text in [
            "[](#top)\nThe first line of a page.",
            "[\"quoted\"](link) and then much more text than that.",
            "[[Wiki]] text",
        ] {
            let (documents, warnings) = read("a.md", text.as_bytes(), None);
            assert_eq!((documents[0].text.as_str(), warnings), (text, vec![]));
        }
        let (documents, _) = read("a.json", b"[[Wiki]] text", Some(Format::Json));
        assert!(documents.is_empty(), "forced");
    }

    #[test]
    fn empty_files_and_files_without_text_are_warnings() {
        assert_eq!(read("a", b" \n", None).1, [Warning::Empty { document: "a".into() }]);
        let (documents, warnings) = read("a", br#"{"id": 1}"#, None);
        assert!(documents.is_empty());
        assert_eq!(warnings, [Warning::NoText { document: "a".into(), format: "JSON" }]);
    }
    #[test]
    fn tables_are_read_by_row_and_a_table_without_text_is_said_to_be() {
        let (documents, warnings) = read("t.csv", b"id,text,date\n7,One,2024\n8,,\n9,<p>Two</p>,", None);
        let shown: Vec<_> =
            documents.iter().map(|d| (d.name.as_str(), d.text.as_str(), d.row, d.is_verbatim)).collect();
        assert_eq!(shown, [("t.csv#1", "One", Some(1), true), ("t.csv#3", "Two", Some(3), false)]);
        assert_eq!(
            (documents[0].metadata.id.as_deref(), documents[0].metadata.date.as_deref()),
            (Some("7"), Some("2024"))
        );
        assert!(matches!(&warnings[..], [Warning::RowsWithoutText { n_rows: 1, first_row: 2, .. }]), "{warnings:?}");
        let (documents, warnings) = read("t.csv", b"a,b\n1,2", None);
        assert!(documents.is_empty());
        assert!(matches!(&warnings[..], [Warning::UnreadTable { problem, .. }] if problem.contains("--text-column")));
    }

    #[test]
    fn what_is_left_is_written_in_the_format_it_came_in() {
        let options = DocumentOptions::default();
        let left = |name: &str, bytes: &[u8], removal: Removal| {
            let (input, bytes) = (Input::named(name), bytes.to_vec().into());
            let (documents, _) = parse(&input, &bytes, &options);
            rewrite(&input, &bytes, &options, &[(&documents[0], removal)])
                .map(|left| left.map(|left| String::from_utf8(left).unwrap()))
        };
        let cut = |end: usize| Removal::Cuts(std::iter::once(0..end).collect());
        let first = || cut(3);
        assert_eq!(left("a.md", b"One\n\ntwo\n", cut(5)), Ok(Some("two\n".into())));
        assert_eq!(left("a.md", b"One\n", first()), Ok(None));
        assert_eq!(left("a.html", b"<p>One</p>", Removal::Document), Ok(None));
        assert_eq!(left("a.html", b"<p>One</p>", first()), Err("nothing can be cut out of HTML".into()));
        let lines = b"{\"text\": \"One two\"}\n{\"text\": \"x\"}\n";
        assert_eq!(left("a.txt", lines, first()), Ok(Some("{\"text\": \" two\"}\n{\"text\": \"x\"}\n".into())));
        assert_eq!(left("a.csv", b"text,n\nOne two,1\nx,2\n", first()), Ok(Some("text,n\n two,1\nx,2\n".into())));
        assert_eq!(left("a.csv", b"text,n\nOne,1\nx,2\n", first()), Ok(Some("text,n\nx,2\n".into())));
    }
}
