//! JSON: one value or several in a row (JSON Lines is the same thing). A damaged file is read as far
//! as it goes: raw line breaks inside a string, a missing comma or bracket and an end in the middle
//! of anything cost nothing that could still be read.
//!
//! Every object with text in it is a document. A WordPress post (`title.rendered`,
//! `content.rendered`) and objects with the usual names for a title and a body are known; in any
//! other object, every string that reads like text counts. Strings with HTML markup are read as HTML.

use super::{Extracted, Metadata, html};
use crate::Warning;

/// Nested arrays and objects beyond this are damage.
const MAX_DEPTH: usize = 128;
const TITLE_FIELDS: [&str; 4] = ["title", "headline", "name", "subject"];
const BODY_FIELDS: [&str; 12] = [
    "content",
    "text",
    "body",
    "article",
    "articleBody",
    "content_html",
    "content_text",
    "excerpt",
    "summary",
    "description",
    "abstract",
    "message",
];
const URL_FIELDS: [&str; 4] = ["link", "url", "permalink", "canonical"];
const DATE_FIELDS: [&str; 6] = ["date", "published", "date_published", "datePublished", "pubDate", "created_at"];
const AUTHOR_FIELDS: [&str; 3] = ["author", "byline", "creator"];
const ID_FIELDS: [&str; 5] = ["id", "doc_id", "document_id", "uuid", "_id"];
const LANGUAGE_FIELDS: [&str; 3] = ["language", "lang", "inLanguage"];

/// Whether text begins as a JSON object or array of objects, arrays or strings does.
pub(crate) fn looks_like_json(head: &[u8]) -> bool {
    let Some((&first, rest)) = head.split_first() else { return false };
    let second = rest.trim_ascii_start().first();
    matches!((first, second), (b'{', Some(b'"' | b'}')) | (b'[', Some(b'{' | b'[' | b'"' | b']')))
}

/// What was found, and whether the text is JSON at all.
pub(crate) struct FromJson {
    pub extracted: Extracted,
    /// Whether the text is well-formed, or at least half of it could be read and holds text.
    pub is_mostly_json: bool,
}

pub(crate) fn extract(name: &str, decoded: &str) -> FromJson {
    let mut reader = Reader::new(decoded);
    let mut extracted = Extracted::default();
    while let Some(value) = reader.next_value() {
        collect(&value, &mut extracted.texts);
    }
    extracted.warnings.extend(reader.warning(name));
    let is_mostly_json = reader.problem.is_none() || reader.at * 2 >= decoded.len() && !extracted.texts.is_empty();
    FromJson { extracted, is_mostly_json }
}

/// Where a byte stands, in a text that begins with this line.
pub(super) fn line_and_column(text: &str, at: usize, first_line: usize) -> String {
    let before = &text.as_bytes()[..at];
    let line = first_line + before.split(|&b| b == b'\n').count() - 1;
    let column = at - before.iter().rposition(|&b| b == b'\n').map_or(0, |i| i + 1) + 1;
    format!("line {line}, byte {column}")
}

/// Turns a value into documents: an object with text of its own is one, and where it has none, and
/// in arrays, the search goes on inside.
pub(super) fn collect(value: &Value, texts: &mut Vec<(String, Metadata)>) {
    match value {
        Value::Array(values) => {
            let strings: Vec<&str> = values.iter().filter_map(Value::prose).collect();
            if !strings.is_empty() {
                texts.push((joined(strings.into_iter().map(plain)), Metadata::default()));
            }
            values.iter().for_each(|value| collect(value, texts));
        }
        Value::Object(fields) => {
            let metadata = metadata(value);
            let bodies: Vec<&str> = BODY_FIELDS.iter().filter_map(|name| value.field(name)?.rendered()).collect();
            let text = if bodies.is_empty() {
                joined(fields.iter().filter_map(|(_, value)| value.prose()).map(plain))
            } else {
                joined(metadata.title.iter().cloned().chain(bodies.into_iter().map(plain)))
            };
            if text.is_empty() {
                fields.iter().for_each(|(_, value)| collect(value, texts));
            } else {
                texts.push((text, metadata));
            }
        }
        _ => {}
    }
}

/// What an object's own fields tell besides its text.
pub(super) fn metadata(object: &Value) -> Metadata {
    let find = |names: &[&str]| names.iter().find_map(|name| object.field(name)?.rendered());
    let id = ID_FIELDS.iter().find_map(|name| match object.field(name)? {
        Value::String(id) => Some(id.clone()),
        Value::Plain(id) if id != "null" => Some(id.clone()),
        _ => None,
    });
    Metadata {
        id,
        title: find(&TITLE_FIELDS).map(plain).filter(|title| !title.is_empty()),
        url: find(&URL_FIELDS).map(str::to_owned),
        date: find(&DATE_FIELDS).map(str::to_owned),
        author: find(&AUTHOR_FIELDS).map(plain).filter(|author| !author.is_empty()),
        language: find(&LANGUAGE_FIELDS).map(str::to_owned),
    }
}

/// The field that holds all the text that [`collect`] finds in an object, as it is: neither a title besides
/// nor markup.
pub(super) fn text_field(object: &Value) -> Option<&'static str> {
    let mut bodies =
        BODY_FIELDS.iter().filter(|name| object.field(name).is_some_and(|value| value.rendered().is_some()));
    let field = bodies.next()?;
    let has_title = TITLE_FIELDS.iter().any(|name| object.field(name).is_some_and(|title| title.rendered().is_some()));
    let is_alone = bodies.next().is_none() && !has_title;
    is_alone.then_some(field)
}

pub(super) fn plain(text: &str) -> String {
    if html::looks_like_html(text) { html::fragment_text(text) } else { text.trim().replace("\r\n", "\n") }
}

pub(super) fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    String(String),
    Array(Vec<Value>),
    /// In the file's order, names repeated as they are.
    Object(Vec<(String, Value)>),
    /// A number, `true`, `false` or `null`, as it is written: never text.
    Plain(String),
}

impl Value {
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The names of an object's fields.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Object(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
            _ => vec![],
        }
    }

    /// A string, or what WordPress and Atom wrap around one.
    pub fn rendered(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => ["rendered", "$t", "#text", "_"].iter().find_map(|name| match self.field(name) {
                Some(Self::String(text)) => Some(text.as_str()),
                _ => None,
            }),
        }
    }

    /// A string that reads like text: words with spaces between, or a script that has none.
    fn prose(&self) -> Option<&str> {
        match self {
            Self::String(text) if text.contains(char::is_whitespace) || text.chars().any(|c| c >= '\u{0e00}') => {
                Some(text)
            }
            _ => None,
        }
    }
}

/// A JSON reader that goes on where the grammar is broken and remembers the first place.
pub(super) struct Reader<'a> {
    text: &'a str,
    /// How far the text was read, in bytes.
    pub at: usize,
    /// The first place where the grammar is broken, and how.
    pub problem: Option<(usize, &'static str)>,
    gave_up: bool,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, problem: None, gave_up: false }
    }

    /// What is wrong with the file `name`, if anything is.
    pub fn warning(&self, name: &str) -> Option<Warning> {
        self.problem.map(|(at, what)| Warning::DamagedJson {
            document: name.into(),
            problem: format!("{what} at {}", line_and_column(self.text, at, 1)),
            recovered_bytes: self.at,
            total_bytes: self.text.len(),
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn note(&mut self, at: usize, what: &'static str) {
        self.problem.get_or_insert((at, what));
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// The next value at the top; `None` at the end and where nothing more can be made of the text.
    pub fn next_value(&mut self) -> Option<Value> {
        self.skip_space();
        if self.gave_up || self.peek().is_none() {
            return None;
        }
        let start = self.at;
        let value = self.value(0);
        if self.at == start {
            self.note(start, "something that is not JSON");
            self.gave_up = true;
        }
        value
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_space();
        match self.peek()? {
            b'"' => Some(Value::String(self.string())),
            b'{' | b'[' if depth == MAX_DEPTH => {
                self.note(self.at, "nesting deeper than 128 levels");
                self.gave_up = true;
                None
            }
            b'{' => Some(self.object(depth)),
            b'[' => Some(self.array(depth)),
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                let start = self.at;
                while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')) {
                    self.at += 1;
                }
                let word = &self.text[start..self.at];
                if !matches!(word, "true" | "false" | "null") && word.parse::<f64>().is_err() {
                    self.note(start, "a bare word");
                }
                Some(Value::Plain(word.to_owned()))
            }
            _ => None,
        }
    }

    fn array(&mut self, depth: usize) -> Value {
        self.at += 1;
        let mut values = Vec::new();
        while self.separator(b']', values.is_empty()) {
            let Some(value) = self.value(depth + 1) else {
                self.broken();
                break;
            };
            values.push(value);
        }
        Value::Array(values)
    }

    fn object(&mut self, depth: usize) -> Value {
        self.at += 1;
        let mut fields = Vec::new();
        while self.separator(b'}', fields.is_empty()) {
            if self.peek() != Some(b'"') {
                self.broken();
                break;
            }
            let name = self.string();
            self.skip_space();
            if self.peek() == Some(b':') {
                self.at += 1;
            } else {
                self.note(self.at, "a name without a value");
            }
            let Some(value) = self.value(depth + 1) else {
                self.broken();
                break;
            };
            fields.push((name, value));
        }
        Value::Object(fields)
    }

    /// Steps over a comma, or over the closing bracket; says whether another element follows.
    fn separator(&mut self, close: u8, first: bool) -> bool {
        self.skip_space();
        match self.peek() {
            _ if self.gave_up => false,
            None => {
                self.note(self.at, "the end of the file inside an object or array");
                false
            }
            Some(b) if b == close => {
                self.at += 1;
                false
            }
            Some(b',') if !first => {
                self.at += 1;
                self.skip_space();
                if self.peek() == Some(close) {
                    self.note(self.at, "a comma before a closing bracket");
                    self.at += 1;
                    return false;
                }
                self.peek().is_some() || self.separator(close, false)
            }
            Some(_) if first => true,
            Some(_) => {
                self.note(self.at, "a missing comma");
                true
            }
        }
    }

    fn broken(&mut self) {
        let what = if self.peek().is_none() {
            "the end of the file inside an object or array"
        } else {
            "something that is not JSON"
        };
        self.note(self.at, what);
        self.gave_up = true;
    }

    /// A string from its opening quote on; control characters in it are kept and noted.
    fn string(&mut self) -> String {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let run = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20).unwrap_or(rest.len());
            out.push_str(&rest[..run]);
            self.at += run;
            match self.peek() {
                None => {
                    self.note(self.at, "the end of the file inside a string");
                    return out;
                }
                Some(b'"') => {
                    self.at += 1;
                    return out;
                }
                Some(b'\\') => self.escape(&mut out),
                Some(control) => {
                    let what = if matches!(control, b'\n' | b'\r') {
                        "a raw line break inside a string"
                    } else {
                        "a raw control character inside a string"
                    };
                    self.note(self.at, what);
                    out.push(char::from(control));
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut String) {
        let start = self.at;
        self.at += 1;
        let Some(kind) = self.text[self.at..].chars().next() else {
            self.note(start, "the end of the file inside a string");
            return;
        };
        self.at += kind.len_utf8();
        match kind {
            '"' | '\\' | '/' => out.push(kind),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => out.push(self.unicode_escape(start)),
            _ => {
                self.note(start, "an unknown escape");
                out.push_str(&self.text[start..self.at]);
            }
        }
    }

    /// `\uXXXX` and surrogate pairs; U+FFFD for half a pair or bad digits.
    fn unicode_escape(&mut self, start: usize) -> char {
        let Some(high) = self.four_digits() else {
            self.note(start, "a bad \\u escape");
            return char::REPLACEMENT_CHARACTER;
        };
        if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
            let back = self.at;
            self.at += 2;
            if let Some(low) = self.four_digits().filter(|low| (0xdc00..0xe000).contains(low)) {
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = back;
        }
        char::from_u32(high).unwrap_or_else(|| {
            self.note(start, "half a surrogate pair");
            char::REPLACEMENT_CHARACTER
        })
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(json: &str) -> Vec<String> {
        extract("x.json", json).extracted.texts.into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn a_wordpress_post_gives_its_title_body_and_metadata() {
        let post = r#"{"id":7,"date":"2022-06-28","link":"https:\/\/a.example\/x","title":{"rendered":"A title"},
            "content":{"rendered":"<p>One.<\/p>\n<p>Two \u201cquoted\u201d.<\/p>"}}"#;
        let extracted = extract("x.json", post).extracted;
        let (text, metadata) = &extracted.texts[0];
        assert_eq!(text, "A title\n\nOne.\n\nTwo “quoted”.");
        assert_eq!(metadata.url.as_deref(), Some("https://a.example/x"));
        assert_eq!(extracted.warnings, []);
    }

    #[test]
    fn damage_costs_only_what_cannot_be_read() {
        let FromJson { extracted, .. } = extract("x.json", "{\"title\":\"A b\",\"content\":\"one\ntwo and the e");
        assert_eq!(extracted.texts[0].0, "A b\n\none\ntwo and the e");
        let [Warning::DamagedJson { problem, recovered_bytes, total_bytes, .. }] = &extracted.warnings[..] else {
            panic!("{:?}", extracted.warnings)
        };
        assert_eq!(problem, "a raw line break inside a string at line 1, byte 30");
        assert_eq!(recovered_bytes, total_bytes);
        assert_eq!(texts("[{\"text\":\"a b\"} {\"text\":\"c d\"}, oops} {\"text\":\"e f\"}"), ["a b", "c d"]);
    }

    #[test]
    fn any_shape_with_text_is_read_and_json_lines_too() {
        assert_eq!(texts(r#"{"posts":[{"q":"who is it","n":1},{"q":"it is me"}]}"#), ["who is it", "it is me"]);
        assert_eq!(texts("{\"text\":\"a b\"}\n{\"text\":\"c d\"}\n"), ["a b", "c d"]);
        assert_eq!(texts(r#"["two words", "한국어"]"#), ["two words\n\n한국어"]);
        assert_eq!(texts(r#""\ud83d\ude00 \ud83d x""#), Vec::<String>::new());
    }

    fn as_value(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::String(s) => Value::String(s.clone()),
            serde_json::Value::Array(a) => Value::Array(a.iter().map(as_value).collect()),
            serde_json::Value::Object(o) => Value::Object(o.iter().map(|(k, v)| (k.clone(), as_value(v))).collect()),
            plain => Value::Plain(plain.to_string()),
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            Just(true.into()),
            Just(serde_json::Value::Null)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn well_formed_json_reads_as_serde_json_reads_it(json in any_json()) {
            let text = json.to_string();
            let mut reader = Reader::new(&text);
            prop_assert_eq!(reader.next_value(), Some(as_value(&json)));
            prop_assert_eq!(reader.next_value(), None);
            prop_assert_eq!(reader.problem, None);
        }

        #[test]
        fn no_text_panics_or_hangs(text in r#"[\[\]{}",:\\a-c0-2\n ud8]{0,60}"#) {
            extract("x", &text);
        }

        #[test]
        fn a_cut_file_keeps_every_whole_string_before_the_cut(cut in 0usize..60) {
            let whole = r#"[{"text":"one two"},{"text":"three four"},{"text":"five six"}]"#;
            let found = texts(&whole[..cut]).join("\n");
            for text in ["one two", "three four", "five six"] {
                prop_assert_eq!(found.contains(text), whole[..cut].contains(text));
            }
        }
    }
}
