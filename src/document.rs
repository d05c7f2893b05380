//! Bytes become documents: decoded text with what the format tells about it. One file per format;
//! this one recognises the format by its content and decodes the bytes.

pub mod embedded;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod text;

use crate::{Error, Result, Warning, source::Input};
use serde::Serialize;

/// The formats that are read, for messages.
pub const FORMATS_READ: &str =
    "plain text, HTML, JSON (a WordPress post, or any objects and arrays with text) and JSON Lines";

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
        }
    }

    /// The format of a file's content; the extension decides only where the content does not.
    ///
    /// # Errors
    /// What the content was recognised as, where that is not a format that is read.
    pub fn recognise(bytes: &[u8], extension: Option<&str>) -> std::result::Result<Self, String> {
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
            Some(other @ ("csv" | "tsv" | "xml" | "rss" | "atom" | "eml" | "mbox" | "warc")) => {
                Err(format!("a .{other} file"))
            }
            _ if starts(b"<?xml") => Err("XML".into()),
            _ => Ok(Self::Text),
        }
    }
}

/// How inputs are read.
#[derive(Clone, Debug, Default)]
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
    let name = &input.name;
    let bytes = match input.read() {
        Ok(bytes) => bytes,
        Err(error) => {
            return (vec![], vec![Warning::Unreadable { document: name.clone(), reason: error.to_string() }]);
        }
    };
    parse(name, &input.source, &bytes, input.extension().as_deref(), options)
}

/// Reads one input's bytes; see [`read`].
#[must_use]
pub fn parse(
    name: &str,
    source: &str,
    bytes: &[u8],
    extension: Option<&str>,
    options: &DocumentOptions,
) -> (Vec<Document>, Vec<Warning>) {
    if bytes.trim_ascii().is_empty() {
        return (vec![], vec![Warning::Empty { document: name.into() }]);
    }
    let DocumentOptions { format: forced, columns } = options;
    let format = match forced.map_or_else(|| Format::recognise(bytes, extension), Ok) {
        Ok(format) => format,
        Err(found) => return (vec![], vec![Warning::UnreadFormat { document: name.into(), found }]),
    };
    let mut warnings = Vec::new();
    let decoded = decode(name, bytes, &mut warnings);
    let rows = match format {
        Format::Jsonl => Some(jsonl::of_lines(name, &decoded)),
        Format::Json if *columns != Columns::default() => Some(jsonl::of_values(name, &decoded)),
        _ => None,
    };
    if let Some(rows) = rows {
        let (documents, mut more) = jsonl::documents(name, source, rows, columns);
        warnings.append(&mut more);
        return (documents, warnings);
    }
    let mut extracted = match format {
        Format::Text => text::extract(&decoded),
        Format::Html => html::extract(&decoded),
        // Text may begin as JSON does ("[](#top)"), and must not be lost for it.
        Format::Json | Format::Jsonl => match json::extract(name, &decoded) {
            json if forced.is_none() && !json.is_mostly_json => text::extract(&decoded),
            json => json.extracted,
        },
    };
    warnings.append(&mut extracted.warnings);
    extracted.texts.retain(|(text, _)| !text.trim().is_empty());
    if extracted.texts.is_empty() {
        warnings.push(Warning::NoText { document: name.into(), format: format.name() });
    }
    let several = extracted.texts.len() > 1;
    let documents = extracted.texts.into_iter().enumerate().map(|(i, (text, metadata))| Document {
        name: if several { format!("{name}#{}", i + 1) } else { name.into() },
        source: source.into(),
        text,
        offset: 0,
        label: None,
        metadata,
    });
    (documents.collect(), warnings)
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
        let found = match (inputs.len(), warnings.first()) {
            (0, _) => "no file was found there".to_owned(),
            (n, Some(first)) => format!("none of {n} files could be read (the first: {first})"),
            (n, None) => format!("none of {n} files held text"),
        };
        return Err(Error::NoPassages { found, remedy: format!("the formats read are {FORMATS_READ}") });
    }
    Ok((documents, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_before_the_extension() {
        let format = |bytes: &[u8], extension| Format::recognise(bytes, Some(extension));
        assert_eq!(format(b"plain words", "txt"), Ok(Format::Text));
        assert_eq!(format(b"\xef\xbb\xbf <!DOCTYPE html><p>x", "txt"), Ok(Format::Html));
        assert_eq!(format(br#"{"id": 1, "text": "x"}"#, "txt"), Ok(Format::Json));
        assert_eq!(format(b"[1] a footnote, not an array", "txt"), Ok(Format::Text));
        assert_eq!(format(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "txt"), Err("image/png".into()));
        assert_eq!(format(b"a\0b", "txt"), Err("binary data (it has NUL bytes)".into()));
        assert_eq!(format(b"a,b\n1,2", "csv"), Err("a .csv file".into()));
        assert_eq!(format(b"<p>a fragment</p>", "html"), Ok(Format::Html));
    }

    #[test]
    fn invalid_bytes_are_replaced_counted_and_placed() {
        let (documents, warnings) = parse("a.txt", "a", b"caf\xe9 cr\xe8me", Some("txt"), &DocumentOptions::default());
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
            let (documents, warnings) = parse("a.md", "a", text.as_bytes(), Some("md"), &DocumentOptions::default());
            assert_eq!((documents[0].text.as_str(), warnings), (text, vec![]));
        }
        let forced = DocumentOptions { format: Some(Format::Json), ..Default::default() };
        let (documents, _) = parse("a.json", "a", b"[[Wiki]] text", Some("json"), &forced);
        assert!(documents.is_empty(), "forced");
    }

    #[test]
    fn empty_files_and_files_without_text_are_warnings() {
        assert_eq!(
            parse("a", "a", b" \n", None, &DocumentOptions::default()).1,
            [Warning::Empty { document: "a".into() }]
        );
        let (documents, warnings) = parse("a", "a", br#"{"id": 1}"#, None, &DocumentOptions::default());
        assert!(documents.is_empty());
        assert_eq!(warnings, [Warning::NoText { document: "a".into(), format: "JSON" }]);
    }
}
