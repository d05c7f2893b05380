//! Bytes become documents: decoded text with what the format tells about it. One file per format;
//! this one leads an input through them, and looks into compressed files and archives.

mod archive;
pub mod csv;
pub mod embedded;
mod encoding;
mod feed;
mod format;
pub mod html;
pub mod json;
pub mod jsonl;
mod limits;
mod mail;
mod markdown;
mod office;
pub(crate) mod packed;
pub mod parquet;
#[cfg(feature = "pdf")]
pub mod pdf;
mod rewrite;
pub mod table;
pub mod text;
mod warc;
mod xml;

use crate::{Error, Result, Warning, source::Input};
use archive::{Archive, Member};
use bytes::Bytes;
pub use encoding::KnownBy;
use encoding::Replaced;
pub use format::{FORMATS_READ, Format};
pub use html::HtmlText;
pub use limits::{Limit, Limits, NoLimit};
use packed::{Content, Seekable, Whole};
use rayon::prelude::*;
pub use rewrite::{Removal, rewrite};
use serde::{Deserialize, Serialize};
use std::io::{BufReader, Cursor};
pub use table::RowEdit;

/// Members of an archive that are unpacked before they are read, side by side.
const MEMBERS_AT_ONCE: usize = 256;
/// How inputs are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentOptions {
    /// The format of all inputs; default: recognised for each.
    pub format: Option<Format>,
    /// What the columns of a table are; a format without rows has none.
    pub columns: Columns,
    /// Which text of HTML pages counts.
    pub html: HtmlText,
    /// How much is read.
    pub limits: Limits,
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
    /// The date; default: the usual names of such a column.
    pub date: Option<String>,
}

/// What a format tells about a document besides its text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The language as the format writes it, mostly a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A text to find passages in. All spans are byte offsets into `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Whether passages can be cut out of it where it stands in the input.
    pub is_editable: bool,
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
    let before = input.state();
    let (documents, mut warnings) = parsed(input, Content::of_input(input, &options.limits), options);
    if input.state() != before {
        warnings.push(Warning::Changed { document: input.name.clone() });
    }
    (documents, warnings)
}

/// Reads one input's bytes; see [`read`].
#[must_use]
pub fn parse(input: &Input, bytes: &Bytes, options: &DocumentOptions) -> (Vec<Document>, Vec<Warning>) {
    parsed(input, Content::of_bytes(bytes, &options.limits), options)
}

fn parsed(
    input: &Input,
    content: std::result::Result<Content, String>,
    options: &DocumentOptions,
) -> (Vec<Document>, Vec<Warning>) {
    let mut warnings = Vec::new();
    let documents = parse_within(input, content, options, 0, &mut warnings);
    (documents, warnings)
}

/// The same of what is `depth` archives deep.
fn parse_within(
    input: &Input,
    content: std::result::Result<Content, String>,
    options: &DocumentOptions,
    depth: u64,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    let document = || input.name.clone();
    let n_warnings = warnings.len();
    let documents = content.and_then(|content| {
        if !content.packings().is_empty() {
            tracing::debug!(document = input.name, packings = ?content.packings(), "unpacked");
        }
        if !content.is_long() && content.head().trim_ascii().is_empty() {
            return Ok(vec![]);
        }
        if let Some(archive) = archive_of(&content, options) {
            tracing::debug!(document = input.name, archive = archive.name(), "looked into");
            return Ok(members(archive, input, content, options, depth, warnings));
        }
        match table_of(input, &content, options) {
            Some(format) => Ok(read_table(format, input, content, options, warnings)),
            None => Ok(parse_whole(input, content.whole(&options.limits)?, options, depth, warnings)),
        }
    });
    let documents = documents.unwrap_or_else(|reason| {
        warnings.push(Warning::Unreadable { document: document(), reason });
        vec![]
    });
    // Nothing at all, a table without rows, an archive without members.
    if documents.is_empty() && warnings.len() == n_warnings {
        warnings.push(Warning::Empty { document: document() });
    }
    documents
}

/// The archive that content is, if it is one and is to be looked into.
fn archive_of(content: &Content, options: &DocumentOptions) -> Option<Archive> {
    let is_asked = || matches!(options.format, Some(Format::Docx | Format::Odt | Format::Epub));
    let is_document = || match content.seekable() {
        Some(Seekable::File(file)) => office::recognise(BufReader::new(file)).is_some(),
        Some(Seekable::Bytes(bytes)) => office::recognise(Cursor::new(bytes)).is_some(),
        // Its list of members is at its end; by these parts a document begins.
        None => content
            .head()
            .get(30..)
            .is_some_and(|name| name.starts_with(b"mimetype") || name.starts_with(b"[Content_Types].xml")),
    };
    let archive = Archive::recognise(content.head())?;
    (archive != Archive::Zip || !is_asked() && !is_document()).then_some(archive)
}

/// The format of a table that is read row by row: a long one, and in UTF-8 as far as its head shows.
fn table_of(input: &Input, content: &Content, options: &DocumentOptions) -> Option<Format> {
    let head = content.head();
    let recognised = || Format::recognise(head, input.extension().as_deref()).ok();
    let format = options.format.or_else(recognised).filter(|_| content.is_long())?;
    let is_utf8 = || {
        let mut warnings = vec![];
        encoding::from_utf16("", head, &mut warnings)
            .or_else(|| encoding::from_other("", head, &mut warnings))
            .is_none()
    };
    let is_read_by_rows = match format {
        Format::Parquet => content.seekable().is_some(),
        Format::Jsonl | Format::Csv => is_utf8(),
        _ => false,
    };
    is_read_by_rows.then_some(format)
}

/// The rows of such a table.
fn read_table(
    format: Format,
    input: &Input,
    content: Content,
    options: &DocumentOptions,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    tracing::debug!(document = input.name, format = format.name(), "read row by row");
    let DocumentOptions { columns, limits, .. } = options;
    let read = match (format, content.seekable()) {
        (Format::Parquet, Some(Seekable::File(file))) => parquet::extract(input, file, columns, limits, warnings),
        (Format::Parquet, Some(Seekable::Bytes(bytes))) => parquet::extract(input, bytes, columns, limits, warnings),
        (Format::Csv, _) => csv::extract(input, content.stream(limits), columns, limits, warnings),
        _ => Ok(jsonl::read(input, content.stream(limits), columns, limits, warnings)),
    };
    or_unread(read, format, input, warnings)
}

/// The documents of a table, or a warning that it is none.
fn or_unread(
    read: std::result::Result<Vec<Document>, String>,
    format: Format,
    input: &Input,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    read.unwrap_or_else(|problem| {
        warnings.push(Warning::UnreadTable { document: input.name.clone(), format: format.name(), problem });
        vec![]
    })
}

/// The documents of what has to be read whole.
fn parse_whole(
    input: &Input,
    whole: Whole,
    options: &DocumentOptions,
    depth: u64,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    let Whole { bytes, problem } = whole;
    warnings.extend(problem.map(|problem| Warning::Damaged { document: input.name.clone(), problem }));
    let (format, bytes) = match opened(input, &bytes, options, warnings) {
        Ok(opened) => opened,
        Err(found) => {
            warnings.push(Warning::UnreadFormat { document: input.name.clone(), found });
            return vec![];
        }
    };
    if format == Format::Mail {
        return mails(input, &bytes, options, depth, warnings);
    }
    let read = read_as(format, input, &bytes, options, warnings);
    or_unread(read, format, input, warnings)
}

/// The documents of an archive's members.
fn members(
    archive: Archive,
    input: &Input,
    content: Content,
    options: &DocumentOptions,
    depth: u64,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    if depth >= options.limits.depth {
        let reason = format!("it is in more than {} archives (--limit depth=N reads more)", options.limits.depth);
        warnings.push(Warning::Unreadable { document: input.name.clone(), reason });
        return vec![];
    }
    let (mut unread, mut documents, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let mut read = |unread: &mut Vec<Member>| {
        let parse = |Member { name, bytes, url, date }: Member| {
            let mut warnings = Vec::new();
            let member = input.member(&name, url.as_deref());
            let content = Content::of_bytes(&bytes, &options.limits);
            let mut documents = parse_within(&member, content, options, depth + 1, &mut warnings);
            for document in &mut documents {
                as_not_rewritten(document);
                let metadata = &mut document.metadata;
                metadata.url = metadata.url.take().or_else(|| url.clone());
                metadata.date = metadata.date.take().or_else(|| date.clone());
            }
            (documents, warnings)
        };
        let found: Vec<_> = unread.par_drain(..).map(parse).collect();
        for (mut more, mut warned) in found {
            documents.append(&mut more);
            problems.append(&mut warned);
        }
    };
    archive.members(&input.name, content, &options.limits, warnings, |member| {
        unread.push(member);
        if unread.len() == MEMBERS_AT_ONCE {
            read(&mut unread);
        }
    });
    read(&mut unread);
    warnings.append(&mut problems);
    documents
}

/// Nothing can be cut out of what is in an archive or a message: those are not written again.
fn as_not_rewritten(document: &mut Document) {
    (document.is_editable, document.row) = (false, None);
}

/// The messages of a mailbox, each with what is attached to it.
fn mails(
    input: &Input,
    bytes: &Bytes,
    options: &DocumentOptions,
    depth: u64,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    let mails = mail::extract(bytes);
    let is_mailbox = mails.len() > 1;
    let mut documents = Vec::new();
    for (number, mail) in (1..).zip(mails) {
        let name = if is_mailbox { format!("{}#{number}", input.name) } else { input.name.clone() };
        let Some(mail) = mail.filter(|mail| !mail.text.trim().is_empty() || !mail.attached.is_empty()) else {
            warnings.push(Warning::NoText { document: name, format: Format::Mail.name() });
            continue;
        };
        for (attached, bytes) in mail.attached {
            let attached = input.attached(format!("{name}/{attached}"));
            if depth < options.limits.depth {
                let content = Content::of_bytes(&bytes, &options.limits);
                let mut more = parse_within(&attached, content, options, depth + 1, warnings);
                more.iter_mut().for_each(as_not_rewritten);
                documents.append(&mut more);
            } else {
                let reason = format!("it is attached more than {depth} times over (--limit depth=N reads more)");
                warnings.push(Warning::Unreadable { document: attached.name, reason });
            }
        }
        if !mail.text.trim().is_empty() {
            let (source, metadata) = (input.source.clone(), mail.metadata);
            documents.push(Document { name, source, text: mail.text, metadata, ..Document::default() });
        }
    }
    documents
}

/// What is found in an input's bytes in a format, or why they are no such table.
fn read_as(
    format: Format,
    input: &Input,
    bytes: &Bytes,
    options: &DocumentOptions,
    warnings: &mut Vec<Warning>,
) -> std::result::Result<Vec<Document>, String> {
    let (Input { name, source, .. }, DocumentOptions { columns, limits, .. }) = (input, options);
    match format {
        Format::Parquet => return parquet::extract(input, bytes.clone(), columns, limits, warnings),
        Format::Csv => return csv::extract(input, &bytes[..], columns, limits, warnings),
        Format::Jsonl => return Ok(jsonl::read(input, &bytes[..], columns, limits, warnings)),
        _ => {}
    }
    // A document of XML parts is no text itself.
    let decoded = if format.is_text() { decode(name, bytes, warnings) } else { String::new() };
    if format == Format::Json && *columns != Columns::default() {
        return Ok(jsonl::read_values(input, &decoded, columns, warnings));
    }
    let mut extracted = match format {
        Format::Html => html::extract(name, &decoded, options.html),
        Format::Json => json::extract(name, &decoded).extracted,
        Format::Feed => feed::extract(name, &decoded),
        Format::Docx | Format::Odt | Format::Epub => office::extract(name, format, bytes, limits)?,
        #[cfg(feature = "pdf")]
        Format::Pdf => pdf::extract(name, bytes)?,
        #[cfg(not(feature = "pdf"))]
        Format::Pdf => return Err("which this refrain was built without (cargo's feature pdf)".into()),
        Format::Markdown => markdown::extract(&decoded),
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
        is_editable: matches!(format, Format::Text | Format::Markdown),
        metadata,
    });
    Ok(documents.collect())
}

/// The format that an input is read as, and its bytes, those of text as UTF-8.
fn opened(
    input: &Input,
    bytes: &Bytes,
    options: &DocumentOptions,
    warnings: &mut Vec<Warning>,
) -> std::result::Result<(Format, Bytes), String> {
    let extension = input.extension();
    let may_be_utf16 = options.format.map_or_else(|| infer::get(bytes).is_none(), Format::is_text);
    let from_utf16 = if may_be_utf16 { encoding::from_utf16(&input.name, bytes, warnings) } else { None };
    let bytes = from_utf16.unwrap_or_else(|| bytes.clone());
    let format = match options.format {
        Some(format) => format,
        None => Format::recognise(&bytes, extension.as_deref())?,
    };
    let is_by_content = || Format::recognise(&bytes, None) == Ok(format);
    let by = match options.format {
        Some(_) => "--input-format",
        None if tracing::enabled!(tracing::Level::DEBUG) && is_by_content() => "content",
        None => "name",
    };
    tracing::debug!(document = input.name, format = format.name(), by, "recognised");
    let from_other = if format.is_text() { encoding::from_other(&input.name, &bytes, warnings) } else { None };
    let bytes = from_other.unwrap_or(bytes);
    // Text may begin as JSON does ("[](#top)"), and must not be lost for it.
    let is_in_doubt = format == Format::Json && options.format.is_none() && options.columns == Columns::default();
    if is_in_doubt && !json::extract(&input.name, &decode(&input.name, &bytes, &mut vec![])).is_mostly_json {
        tracing::debug!(document = input.name, "read as text: most of it is no JSON");
        return Ok((Format::of_prose(extension.as_deref()), bytes));
    }
    Ok((format, bytes))
}

/// UTF-8, with a byte order mark removed and invalid sequences replaced, counted and placed.
fn decode(name: &str, bytes: &[u8], warnings: &mut Vec<Warning>) -> String {
    let mut replaced = Replaced::default();
    let text = replaced.decode(bytes);
    warnings.extend(replaced.warning(name));
    text
}

/// Reads every input, in their order; fails only when not a single document came of them.
///
/// # Errors
/// [`Error::NoPassages`] with what was found instead.
pub fn read_all(inputs: &[Input], options: &DocumentOptions) -> Result<(Vec<Document>, Vec<Warning>)> {
    let read: Vec<_> = inputs.par_iter().map(|input| read(input, options)).collect();
    let mut documents = Vec::new();
    let mut warnings = Vec::new();
    for (mut more, mut warned) in read {
        // Of one large file nothing need be moved.
        if documents.is_empty() {
            documents = more;
        } else {
            documents.append(&mut more);
        }
        warnings.append(&mut warned);
    }
    join_outside_main_text(&mut warnings);
    if documents.is_empty() {
        return Err(none_read(inputs.len(), &warnings));
    }
    Ok((documents, warnings))
}

/// What every page leaves out is said once for all of them.
pub(crate) fn join_outside_main_text(warnings: &mut Vec<Warning>) {
    let (mut first, mut pages, mut characters) = (None, 0, 0);
    warnings.retain(|warning| {
        let Warning::OutsideMainText { document, n_pages, n_characters } = warning else { return true };
        first.get_or_insert_with(|| document.clone());
        (pages, characters) = (pages + n_pages, characters + n_characters);
        false
    });
    let joined = |document| Warning::OutsideMainText { document, n_pages: pages, n_characters: characters };
    warnings.extend(first.map(joined));
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
        assert!(format(b"a\0b\x01", "txt").unwrap_err().starts_with("binary data (2 of"));
        assert_eq!(format(b"a,b\n1,2", "csv"), Ok(Format::Csv));
        assert_eq!(format(b"{\"text\": \"x\"}\n{\"text\": \"y\"}", "txt"), Ok(Format::Jsonl));
        assert_eq!(format(b"PAR1 and so on", "bin"), Ok(Format::Parquet));
        assert_eq!(format(b"<feed/>", "rss"), Err("a .rss file".into()));
        assert_eq!(format(b"<p>a fragment</p>", "html"), Ok(Format::Html));
    }

    #[test]
    fn invalid_bytes_are_replaced_counted_and_placed() {
        let bytes = [b"caf\xe9 cr\xe8me ", "é è à".as_bytes()].concat();
        let (documents, warnings) = read("a.txt", &bytes, None);
        assert_eq!(documents[0].text, "caf\u{fffd} cr\u{fffd}me é è à");
        assert_eq!(warnings, [Warning::InvalidUtf8 { document: "a.txt".into(), n_replaced: 2, first_at: 3 }]);
    }

    #[test]
    fn text_that_begins_as_json_does_is_text() {
        for text in [
            "[](#top)\nThe first line of a page.",
            "[\"quoted\"](link) and then much more text than that.",
            "[[Wiki]] text",
        ] {
            let (documents, warnings) = read("a.txt", text.as_bytes(), None);
            assert_eq!((documents[0].text.as_str(), warnings), (text, vec![]));
        }
        let (documents, _) = read("a.md", b"[](#top)\nThe first line of a page.", None);
        assert_eq!(documents[0].text, "The first line of a page.");
        let (documents, _) = read("a.json", b"[[Wiki]] text", Some(Format::Json));
        assert!(documents.is_empty(), "forced");
    }

    #[test]
    fn empty_files_and_files_without_text_are_warnings() {
        assert_eq!(read("a", b" \n", None).1, [Warning::Empty { document: "a".into() }]);
        assert_eq!(read("a.csv", b"id,text\n", None), (vec![], vec![Warning::Empty { document: "a.csv".into() }]));
        let (documents, warnings) = read("a", br#"{"id": 1}"#, None);
        assert!(documents.is_empty());
        assert_eq!(warnings, [Warning::NoText { document: "a".into(), format: "JSON" }]);
    }
    #[test]
    fn tables_are_read_by_row_and_a_table_without_text_is_said_to_be() {
        let (documents, warnings) = read("t.csv", b"id,text,date\n7,One,2024\n8,,\n9,<p>Two</p>,", None);
        let shown: Vec<_> =
            documents.iter().map(|d| (d.name.as_str(), d.text.as_str(), d.row, d.is_editable)).collect();
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
