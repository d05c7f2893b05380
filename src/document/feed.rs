//! Feeds: RSS 0.9x, 1.0 and 2.0, and Atom (RFC 4287). Each entry is a document.

use super::{Extracted, Metadata, html, json, xml};
use crate::Warning;
use quick_xml::events::{BytesStart, Event};

/// Where an entry's text stands, the fullest first.
const BODIES: [&str; 4] = ["content:encoded", "content", "description", "summary"];
const DATES: [&str; 5] = ["pubDate", "published", "dc:date", "updated", "atom:updated"];
const AUTHORS: [&str; 3] = ["dc:creator", "author", "managingEditor"];

/// Whether XML is a feed, by its root.
pub(crate) fn looks_like_feed(head: &str) -> bool {
    let mut reader = xml::reader(head);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => return ["rss", "feed", "rdf:RDF", "atom:feed"].contains(&tag.name().as_ref()),
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

pub(crate) fn extract(name: &str, decoded: &str) -> Extracted {
    let mut reader = xml::reader(decoded);
    let mut extracted = Extracted::default();
    let mut language = None;
    let mut entry: Option<Entry> = None;
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                let at = json::line_and_column(decoded, (reader.error_position() as usize).min(decoded.len()), 1);
                extracted
                    .warnings
                    .push(Warning::Damaged { document: name.into(), problem: format!("{error} at {at}") });
                break;
            }
        };
        match (event, &mut entry) {
            (Event::Eof, _) => break,
            (Event::Start(tag), _) if is_entry(tag.name().as_ref()) => entry = Some(Entry::default()),
            (Event::End(tag), Some(_)) if is_entry(tag.name().as_ref()) => {
                extracted.texts.extend(entry.take().and_then(|entry| entry.document(language.as_ref())));
            }
            (Event::Start(tag), Some(entry)) => {
                let name = tag.name().as_ref().to_owned();
                let link = xml::attribute(&tag, "href");
                let start = reader.buffer_position() as usize;
                // What cannot be read to its end ends the feed at the next event.
                if reader.read_to_end(tag.name()).is_ok() {
                    let written = &decoded[start..reader.buffer_position() as usize];
                    let inner = written.rfind("</").map_or(written, |end| &written[..end]);
                    entry.fields.push((name, link.unwrap_or_else(|| xml::content(inner))));
                }
            }
            (Event::Empty(tag), Some(entry)) => entry.fields.extend(link(&tag)),
            (Event::Start(tag), None) => {
                language = language.or_else(|| xml::attribute(&tag, "xml:lang"));
                if ["language", "dc:language"].contains(&tag.name().as_ref())
                    && let Ok(Event::Text(text)) = reader.read_event()
                {
                    language = Some(text.trim().to_owned());
                }
            }
            _ => {}
        }
    }
    // A feed that ends in the middle of an entry has what is read of it.
    extracted.texts.extend(entry.and_then(|entry| entry.document(language.as_ref())));
    extracted
}

fn is_entry(name: &str) -> bool {
    ["item", "entry", "atom:entry"].contains(&name)
}

/// The address of the page that an Atom entry is of.
fn link(tag: &BytesStart) -> Option<(String, String)> {
    let is_page = xml::attribute(tag, "rel").is_none_or(|rel| rel == "alternate");
    let is_link = ["link", "atom:link"].contains(&tag.name().as_ref()) && is_page;
    is_link.then(|| xml::attribute(tag, "href")).flatten().map(|href| ("link".into(), href))
}

/// The elements of an entry, with what is in them.
#[derive(Default)]
struct Entry {
    fields: Vec<(String, String)>,
}

impl Entry {
    fn find(&self, names: &[&str]) -> Option<String> {
        let field = |name: &&str| self.fields.iter().find(|field| field.0 == *name && !field.1.trim().is_empty());
        names.iter().find_map(field).map(|field| text_of(field.1.trim()))
    }

    /// The title and the text; none if it has neither.
    fn document(self, language: Option<&String>) -> Option<(String, Metadata)> {
        let (title, body) = (self.find(&["title", "atom:title"]), self.find(&BODIES));
        let text = json::joined(title.iter().cloned().chain(body));
        let metadata = Metadata {
            id: self.find(&["guid", "id"]),
            title,
            url: self.find(&["link"]),
            date: self.find(&DATES),
            author: self.find(&AUTHORS),
            language: self.find(&["dc:language"]).or_else(|| language.cloned()),
        };
        (!text.is_empty()).then_some((text, metadata))
    }
}

/// Titles and texts are HTML, or plain text: which of them is rarely said, and often wrongly.
fn text_of(value: &str) -> String {
    let begins = |sign: char, next: fn(char) -> bool| {
        value.match_indices(sign).any(|(at, _)| value[at + 1..].chars().next().is_some_and(next))
    };
    let is_html =
        begins('<', |c| c.is_ascii_alphabetic() || c == '/') || begins('&', |c| c.is_alphabetic() || c == '#');
    if is_html { html::fragment_text(value) } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSS: &str = r#"<?xml version="1.0"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>News</title><language>ko</language>
<item><title>One &amp; only</title><link>http://a.example/1</link><pubDate>Mon, 01 Jan 2024 00:00:00 GMT</pubDate>
<description>Short</description><content:encoded><![CDATA[<p>First.</p><p>Second.</p>]]></content:encoded></item>
<item><title>Two</title><description>&lt;b&gt;Bold&lt;/b&gt; words &amp;amp; more</description><media:title>x</media:title></item>
<item><guid>empty</guid></item></channel></rss>"#;
    const ATOM: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>F</title><entry><title type="text">Entry</title>
<link rel="self" href="http://a.example/self"/><link href="http://a.example/2"/><id>i</id><updated>2024-02-03T00:00:00Z</updated>
<author><name>Kim</name></author><content type="xhtml"><div><p>Inline <i>markup</i>.</p><p>Next.</p></div></content></entry></feed>"#;

    #[test]
    fn entries_of_rss_are_documents() {
        assert!(looks_like_feed(RSS) && !looks_like_feed("<html><rss>"));
        let found = extract("a", RSS);
        assert_eq!(found.warnings, []);
        let [(one, metadata), (two, _)] = &found.texts[..] else { panic!("{:?}", found.texts) };
        assert_eq!(one, "One & only\n\nFirst.\n\nSecond.");
        assert_eq!(two, "Two\n\nBold words & more");
        assert_eq!(metadata.url.as_deref(), Some("http://a.example/1"));
        assert_eq!(metadata.date.as_deref(), Some("Mon, 01 Jan 2024 00:00:00 GMT"));
        assert_eq!(metadata.language.as_deref(), Some("ko"));
    }

    #[test]
    fn entries_of_atom_are_documents() {
        assert!(looks_like_feed(ATOM));
        let found = extract("a", ATOM);
        let [(text, metadata)] = &found.texts[..] else { panic!("{:?}", found.texts) };
        assert_eq!(text, "Entry\n\nInline markup.\n\nNext.");
        let expected = Metadata {
            id: Some("i".into()),
            title: Some("Entry".into()),
            url: Some("http://a.example/2".into()),
            date: Some("2024-02-03T00:00:00Z".into()),
            author: Some("Kim".into()),
            language: Some("en".into()),
        };
        assert_eq!(metadata, &expected);
    }

    #[test]
    fn a_feed_that_ends_early_keeps_its_entries() {
        let found = extract("a", &RSS[..RSS.find("<item><title>Two").unwrap() + 30]);
        assert!(found.texts[0].0.starts_with("One & only") && found.texts.len() <= 2, "{:?}", found.texts);
    }
}
