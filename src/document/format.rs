//! Which format an input is in: by its content first, by its name where that does not decide.

use super::{archive, feed, json, jsonl, mail, office, parquet};
use std::io::Cursor;

/// The formats that are read, for messages.
pub const FORMATS_READ: &str = "plain text, Markdown, HTML, JSON (a WordPress post, or any objects and arrays with text), JSON Lines, \
    CSV, Parquet, feeds (RSS and Atom), e-mail and mailboxes, DOCX, ODT, EPUB, PDF (with feature pdf) and WARC, and gzip, Zstandard, zip and tar around them";
/// Bytes at the beginning by which a format is recognised.
const HEAD: usize = 4096;

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// Markdown: the text without markup.
    Markdown,
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
    /// RSS or Atom: each entry is a document.
    Feed,
    /// A message or a mailbox (mbox) of them.
    Mail,
    /// A Word document.
    Docx,
    /// An OpenDocument text.
    Odt,
    /// A book: each chapter is a document.
    Epub,
    /// The text layer of a PDF, with feature `pdf`.
    Pdf,
}

impl Format {
    /// The format's name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "plain text",
            Self::Markdown => "Markdown",
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Jsonl => "JSON Lines",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::Feed => "a feed",
            Self::Mail => "e-mail",
            Self::Docx => "DOCX",
            Self::Odt => "ODT",
            Self::Epub => "EPUB",
            Self::Pdf => "PDF",
        }
    }

    /// That of text that is nothing else.
    pub(super) fn of_prose(extension: Option<&str>) -> Self {
        if matches!(extension, Some("md" | "markdown")) { Self::Markdown } else { Self::Text }
    }

    /// Whether the bytes are text, in some encoding that nothing else says.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Markdown | Self::Html | Self::Json | Self::Jsonl | Self::Csv | Self::Feed)
    }

    /// The format of a file's content; the extension decides only where the content does not.
    ///
    /// # Errors
    /// What the content was recognised as, where that is not a format that is read.
    pub fn recognise(bytes: &[u8], extension: Option<&str>) -> std::result::Result<Self, String> {
        if bytes.starts_with(parquet::MAGIC) {
            return Ok(Self::Parquet);
        }
        if bytes.starts_with(b"%PDF-") {
            return Ok(Self::Pdf);
        }
        if bytes.starts_with(archive::ZIP)
            && let Some(format) = office::recognise(Cursor::new(bytes))
        {
            return Ok(format);
        }
        let head = &bytes[..bytes.len().min(HEAD)];
        let markup = head.trim_ascii_start();
        let markup = markup.strip_prefix(b"\xef\xbb\xbf").unwrap_or(markup).trim_ascii_start();
        let starts = |prefix: &[u8]| markup.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
        if starts(b"<!doctype html") || starts(b"<html") {
            return Ok(Self::Html);
        }
        if let Some(kind) = infer::get(head).filter(|kind| !kind.mime_type().starts_with("text/")) {
            return Err(kind.mime_type().into());
        }
        // Text may hold a control character by mistake, and is not lost for it.
        let is_control = |byte: &&u8| **byte < 0x20 && !b"\t\n\r\x0b\x0c\x1b".contains(*byte);
        let n_controls = head.iter().filter(is_control).count();
        if n_controls * 50 > head.len() {
            return Err(format!("binary data ({n_controls} of its first {} bytes are control characters)", head.len()));
        }
        if json::looks_like_json(markup) {
            let is_lines = matches!(extension, Some("jsonl" | "ndjson")) || jsonl::looks_like_jsonl(bytes);
            return Ok(if is_lines { Self::Jsonl } else { Self::Json });
        }
        let shown = String::from_utf8_lossy(markup);
        if starts(b"<") && feed::looks_like_feed(&shown) {
            return Ok(Self::Feed);
        }
        match extension {
            Some("html" | "htm" | "xhtml") => Ok(Self::Html),
            Some("csv" | "tsv") => Ok(Self::Csv),
            Some("eml" | "mbox" | "mbx") => Ok(Self::Mail),
            Some("txt" | "md" | "markdown") => Ok(Self::of_prose(extension)),
            Some(other @ ("xml" | "rss" | "atom")) => Err(format!("a .{other} file")),
            _ if starts(b"<?xml") => Err("XML".into()),
            _ if mail::looks_like_mail(&shown) => Ok(Self::Mail),
            _ => Ok(Self::Text),
        }
    }
}
