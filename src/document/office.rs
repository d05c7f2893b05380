//! Documents that are zip files of XML: DOCX (ECMA-376), ODT (ISO 26300) and EPUB. The text is what a reader
//! sees, paragraphs a blank line apart; a book's chapters are a document each.

use super::html::{self, BlockText};
use super::limits::Limits;
use super::{Extracted, Format, Metadata, encoding, packed, xml};
use crate::Warning;
use bytes::Bytes;
use quick_xml::events::Event;
use std::collections::HashMap;
use std::io::{Cursor, Read, Seek};

/// No name of a format is longer, in bytes.
const MIMETYPE: usize = 1 << 10;

/// Which of these formats a zip file is, by what is in it.
pub(super) fn recognise(zip: impl Read + Seek) -> Option<Format> {
    let mut zip = zip::ZipArchive::new(zip).ok()?;
    if zip.index_for_name("word/document.xml").is_some() {
        return Some(Format::Docx);
    }
    let mimetype = zip.by_name("mimetype").ok()?;
    let kind =
        packed::read(mimetype, || MIMETYPE, &Limits { unpacked: MIMETYPE as u64, ..Limits::default() }).ok()?.bytes;
    match kind.trim_ascii() {
        b"application/vnd.oasis.opendocument.text" => Some(Format::Odt),
        b"application/epub+zip" => Some(Format::Epub),
        _ => None,
    }
}

/// The text of one of these formats.
///
/// # Errors
/// Why there is none.
pub(super) fn extract(name: &str, format: Format, bytes: &Bytes, limits: &Limits) -> Result<Extracted, String> {
    let zip = zip::ZipArchive::new(Cursor::new(bytes.clone())).map_err(|e| format!("it is no zip file: {e}"))?;
    let mut parts = Parts { name, zip, limits, warnings: vec![] };
    let texts = match format {
        Format::Docx => parts.docx()?,
        Format::Odt => parts.odt()?,
        _ => parts.epub()?,
    };
    Ok(Extracted { texts, warnings: parts.warnings })
}

struct Parts<'a> {
    name: &'a str,
    zip: zip::ZipArchive<Cursor<Bytes>>,
    limits: &'a Limits,
    warnings: Vec<Warning>,
}

impl Parts<'_> {
    /// A part as text; none if there is no such part.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn part(&mut self, part: &str) -> Result<Option<String>, String> {
        let Some(i) = self.zip.index_for_name(part) else { return Ok(None) };
        let member = self.zip.by_index(i).map_err(|e| format!("{part}: {e}"))?;
        let size = member.compressed_size() as usize;
        let read = packed::read(member, || size, self.limits).map_err(|e| format!("{part}: {e}"))?;
        if let Some(problem) = read.problem {
            self.warnings.push(Warning::Damaged { document: format!("{}/{part}", self.name), problem });
        }
        let bytes = read.bytes;
        let document = format!("{}/{part}", self.name);
        let text = encoding::from_utf16(&document, &bytes, &mut self.warnings).unwrap_or(bytes);
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    fn required(&mut self, part: &str) -> Result<String, String> {
        self.part(part)?.ok_or_else(|| format!("it has no {part}"))
    }

    fn docx(&mut self) -> Result<Vec<(String, Metadata)>, String> {
        let mut texts = vec![self.paragraphs("word/document.xml", &DOCX)?];
        for notes in ["word/footnotes.xml", "word/endnotes.xml"] {
            if self.zip.index_for_name(notes).is_some() {
                texts.push(self.paragraphs(notes, &DOCX)?);
            }
        }
        texts.retain(|text| !text.is_empty());
        let core = self.part("docProps/core.xml")?.unwrap_or_default();
        Ok(vec![(texts.join("\n\n"), dublin_core(&core))])
    }

    fn odt(&mut self) -> Result<Vec<(String, Metadata)>, String> {
        let text = self.paragraphs("content.xml", &ODT)?;
        let meta = self.part("meta.xml")?.unwrap_or_default();
        Ok(vec![(text, dublin_core(&meta))])
    }

    fn epub(&mut self) -> Result<Vec<(String, Metadata)>, String> {
        let container = self.required("META-INF/container.xml")?;
        let package = first_attribute(&container, "rootfile", "full-path").ok_or("its container names no package")?;
        let opf = self.required(&package)?;
        let folder = package.rfind('/').map_or("", |end| &package[..=end]);
        let metadata = dublin_core(&opf);
        let mut texts = Vec::new();
        for href in reading_order(&opf) {
            let part = format!("{folder}{href}");
            match self.part(&part) {
                Ok(Some(page)) => texts.push((html::page_text(&page), metadata.clone())),
                Ok(None) => self.lost(&part, "the package names it, and it is not there"),
                Err(reason) => self.lost(&part, &reason),
            }
        }
        Ok(texts)
    }

    fn lost(&mut self, part: &str, reason: &str) {
        let document = format!("{}/{part}", self.name);
        self.warnings.push(Warning::Unreadable { document, reason: reason.into() });
    }

    /// The paragraphs of a part, a blank line apart.
    fn paragraphs(&mut self, part: &str, tags: &Tags) -> Result<String, String> {
        let xml = self.required(part)?;
        let mut reader = xml::reader(&xml);
        let mut text = BlockText::default();
        // How deep the reader is in what is not shown, and in what holds text.
        let (mut unseen, mut inside) = (0, 0);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => {
                    let name = tag.name();
                    unseen += usize::from(tags.unseen.contains(&name.as_ref()));
                    inside += usize::from(tags.text.contains(&name.as_ref()));
                    if unseen == 0 {
                        tags.layout(name.as_ref(), &mut text);
                    }
                }
                Ok(Event::Empty(tag)) if unseen == 0 => tags.layout(tag.name().as_ref(), &mut text),
                Ok(Event::End(tag)) => {
                    let name = tag.name();
                    unseen -= usize::from(unseen > 0 && tags.unseen.contains(&name.as_ref()));
                    inside -= usize::from(inside > 0 && tags.text.contains(&name.as_ref()));
                    if unseen == 0 && tags.paragraphs.contains(&name.as_ref()) {
                        text.end_block();
                    }
                }
                Ok(Event::Text(piece)) if unseen == 0 && inside > 0 => text.push(&piece),
                Ok(Event::CData(piece)) if unseen == 0 && inside > 0 => text.push(&piece),
                Ok(Event::GeneralRef(piece)) if unseen == 0 && inside > 0 => text.push(&xml::resolved(&piece)),
                Ok(Event::Eof) => return Ok(text.finish()),
                Ok(_) => {}
                Err(error) => {
                    let document = format!("{}/{part}", self.name);
                    self.warnings.push(Warning::Damaged { document, problem: error.to_string() });
                    return Ok(text.finish());
                }
            }
        }
    }
}

/// The elements of a format that say where text is.
struct Tags {
    paragraphs: &'static [&'static str],
    /// Those whose text is shown.
    text: &'static [&'static str],
    spaces: &'static [&'static str],
    line_ends: &'static [&'static str],
    /// Those of which nothing is shown.
    unseen: &'static [&'static str],
}

const DOCX: Tags = Tags {
    paragraphs: &["w:p"],
    text: &["w:t"],
    spaces: &["w:tab"],
    line_ends: &["w:br", "w:cr"],
    // What was deleted, and what stands in for a drawing that is there as well.
    unseen: &["w:del", "w:moveFrom", "mc:Fallback"],
};
const ODT: Tags = Tags {
    paragraphs: &["text:p", "text:h"],
    text: &["text:p", "text:h"],
    spaces: &["text:s", "text:tab"],
    line_ends: &["text:line-break"],
    unseen: &["text:tracked-changes", "office:annotation"],
};

impl Tags {
    fn layout(&self, name: &str, text: &mut BlockText) {
        if self.paragraphs.contains(&name) {
            text.end_block();
        } else if self.spaces.contains(&name) {
            text.push(" ");
        } else if self.line_ends.contains(&name) {
            text.end_line();
        }
    }
}

/// Title, author, date and language by their Dublin Core elements; of several the first.
fn dublin_core(xml: &str) -> Metadata {
    let mut reader = xml::reader(xml);
    let mut found: HashMap<String, String> = HashMap::new();
    let mut open: Option<(String, String)> = None;
    loop {
        match (reader.read_event(), &mut open) {
            (Ok(Event::Start(tag)), _) => open = Some((tag.name().as_ref().to_owned(), String::new())),
            (Ok(Event::End(_)), _) => {
                if let Some((name, value)) = open.take() {
                    found.entry(name).or_insert_with(|| value.trim().to_owned());
                }
            }
            (Ok(Event::Text(text)), Some((_, value))) => value.push_str(&text),
            (Ok(Event::CData(text)), Some((_, value))) => value.push_str(&text),
            (Ok(Event::GeneralRef(reference)), Some((_, value))) => value.push_str(&xml::resolved(&reference)),
            (Ok(Event::Eof) | Err(_), _) => break,
            (Ok(_), _) => {}
        }
    }
    let mut take = |names: &[&str]| names.iter().find_map(|name| found.remove(*name).filter(|value| !value.is_empty()));
    Metadata {
        id: None,
        title: take(&["dc:title"]),
        url: None,
        date: take(&["dc:date", "dcterms:created", "meta:creation-date"]),
        author: take(&["dc:creator", "meta:initial-creator"]),
        language: take(&["dc:language"]),
    }
}

fn first_attribute(xml: &str, element: &str, attribute: &str) -> Option<String> {
    let mut reader = xml::reader(xml);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().as_ref() == element => {
                return xml::attribute(&tag, attribute);
            }
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// The files of a book's pages, in the order in which they are read.
fn reading_order(opf: &str) -> Vec<String> {
    let mut reader = xml::reader(opf);
    let (mut files, mut order) = (HashMap::new(), Vec::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => match tag.local_name().as_ref() {
                "item" => {
                    if let (Some(id), Some(href)) = (xml::attribute(&tag, "id"), xml::attribute(&tag, "href")) {
                        files.insert(id, without_percents(&href));
                    }
                }
                "itemref" => order.extend(xml::attribute(&tag, "idref")),
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    order.iter().filter_map(|id| files.remove(id)).collect()
}

/// An address with its percent-encoded bytes decoded.
fn without_percents(href: &str) -> String {
    let mut bytes = Vec::with_capacity(href.len());
    let mut rest = href.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let encoded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(encoded.unwrap_or(first));
        rest = if encoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::archive::tests::zip;

    const CORE: &[u8] = b"<cp:coreProperties><dc:title>A &amp; B</dc:title><dc:creator>Kim</dc:creator>\
        <dcterms:created>2024-01-02T00:00:00Z</dcterms:created><dc:language>en</dc:language></cp:coreProperties>";

    fn read(bytes: &Bytes) -> Extracted {
        let format = recognise(Cursor::new(bytes)).unwrap();
        extract("a", format, bytes, &Limits::default()).unwrap()
    }

    #[test]
    fn docx_is_its_paragraphs() {
        let document = b"<w:document><w:body><w:p><w:r><w:t>One </w:t></w:r><w:r><w:t xml:space=\"preserve\">word &amp;</w:t>\
            <w:tab/><w:t>more</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>\
            <w:tbl><w:tc><w:p><w:r><w:t>Cell</w:t><w:br/><w:t>two</w:t></w:r></w:p></w:tc></w:tbl></w:body></w:document>";
        let notes = b"<w:footnotes><w:footnote><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>";
        let bytes = zip(&[("word/document.xml", document), ("word/footnotes.xml", notes), ("docProps/core.xml", CORE)]);
        let found = read(&bytes);
        let [(text, metadata)] = &found.texts[..] else { panic!("{:?}", found.texts) };
        assert_eq!(text, "One word & more\n\nCell\ntwo\n\nA note.");
        let expected = Metadata {
            title: Some("A & B".into()),
            author: Some("Kim".into()),
            date: Some("2024-01-02T00:00:00Z".into()),
            language: Some("en".into()),
            ..Metadata::default()
        };
        assert_eq!(metadata, &expected);
    }

    #[test]
    fn odt_is_its_paragraphs() {
        let content = b"<office:document-content><office:body><office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>\
            <text:h>Head</text:h><text:p>One<text:s/>word <text:span>in<text:span>side</text:span></text:span>.<text:line-break/>Line</text:p>\
            </office:text></office:body></office:document-content>";
        let bytes = zip(&[
            ("mimetype", b"application/vnd.oasis.opendocument.text"),
            ("content.xml", content),
            ("meta.xml", CORE),
        ]);
        let found = read(&bytes);
        assert_eq!(found.texts[0].0, "Head\n\nOne word inside.\nLine");
        assert_eq!(found.texts[0].1.title.as_deref(), Some("A & B"));
    }

    #[test]
    fn a_book_is_its_pages_in_order() {
        let container = b"<container><rootfiles><rootfile full-path=\"OPS/book.opf\"/></rootfiles></container>";
        let opf =
            b"<package><metadata><dc:title>Book</dc:title></metadata><manifest><item id=\"b\" href=\"two.xhtml\"/>\
            <item id=\"a\" href=\"part%20one.xhtml\"/><item id=\"c\" href=\"gone.xhtml\"/></manifest>\
            <spine><itemref idref=\"a\"/><itemref idref=\"b\"/><itemref idref=\"c\"/></spine></package>";
        let bytes = zip(&[
            ("mimetype", b"application/epub+zip"),
            ("META-INF/container.xml", container),
            ("OPS/book.opf", opf),
            ("OPS/two.xhtml", b"<html><head><title>x</title></head><body><p>Two.</p></body></html>"),
            ("OPS/part one.xhtml", b"<html><body><h1>One</h1><p>First.</p></body></html>"),
        ]);
        let found = read(&bytes);
        let texts: Vec<&str> = found.texts.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["One\n\nFirst.", "Two."]);
        assert!(found.texts.iter().all(|(_, metadata)| metadata.title.as_deref() == Some("Book")));
        assert!(
            matches!(&found.warnings[..], [Warning::Unreadable { document, .. }] if document == "a/OPS/gone.xhtml")
        );
    }

    #[test]
    fn other_zip_files_are_none_of_these() {
        assert_eq!(recognise(Cursor::new(zip(&[("a.txt", b"text")]))), None);
        assert_eq!(recognise(Cursor::new(b"PK\x03\x04 and no more")), None);
    }
}
