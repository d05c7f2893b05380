//! XML for the formats that are made of it: what is in an element, and the attributes of a tag.

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// A reader that takes what people write: end tags that match nothing, and a `&` that begins nothing.
pub(super) fn reader(xml: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    reader
}

/// The value of an attribute, by its name with the prefix.
pub(super) fn attribute(tag: &BytesStart, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name)?;
    let value = found.value.as_ref();
    Some(quick_xml::escape::unescape_with(value, resolve_html5_entity).map_or_else(|_| value.to_owned(), Into::into))
}

/// What an entity or a character reference stands for; itself, if nobody knows.
pub(super) fn resolved(reference: &BytesRef) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.into();
    }
    let name: &str = reference;
    resolve_html5_entity(name).map_or_else(|| format!("&{name};"), str::to_owned)
}

/// What is between the tags of an element, given as it is written: text unescaped, tags as they are. Markup
/// that was escaped is markup then, which is how feeds hold it.
pub(super) fn content(inner: &str) -> String {
    let mut reader = reader(inner);
    let mut content = String::with_capacity(inner.len());
    loop {
        match reader.read_event() {
            Ok(Event::Text(text)) => content.push_str(&text),
            Ok(Event::CData(text)) => content.push_str(&text),
            Ok(Event::GeneralRef(reference)) => content.push_str(&resolved(&reference)),
            Ok(Event::Start(tag)) => {
                content.push('<');
                content.push_str(&tag);
                content.push('>');
            }
            Ok(Event::Empty(tag)) => {
                content.push('<');
                content.push_str(&tag);
                content.push_str("/>");
            }
            Ok(Event::End(tag)) => {
                content.push_str("</");
                content.push_str(tag.name().as_ref());
                content.push('>');
            }
            Ok(Event::Eof) | Err(_) => return content,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_unescaped_and_keeps_its_tags() {
        assert_eq!(
            content("a &amp; b &lt;p&gt; &#233;&eacute; &what; <![CDATA[<b>x</b>]]> <i class=\"y\">z</i><br/>"),
            "a & b <p> éé &what; <b>x</b> <i class=\"y\">z</i><br/>"
        );
        assert_eq!(content("AT&T and </p> more"), "AT&T and </p> more");
    }
}
