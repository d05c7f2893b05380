//! JSON Lines: a row on every line, and each row a document. So is every object of a JSON array, where
//! columns are named.
//!
//! The text is that of the column that is named, or else what any JSON object's text is (`text`,
//! `content`, `body` and the like), without the other columns that are named. A damaged line is read
//! as far as it goes and costs no other.

use super::json::{self, Reader, Value};
use super::table::RowEdit;
use super::{Columns, Document, html};
use crate::Warning;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

/// Whether the first line is an object and the next begins as one.
pub(crate) fn looks_like_jsonl(markup: &[u8]) -> bool {
    let mut lines = markup.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.next().is_some_and(|first| first.starts_with(b"{\"") && first.ends_with(b"}"))
        && lines.next().is_some_and(|second| second.starts_with(b"{\""))
}

/// A row, its number, from 1, and whether it is all of a line that is well-formed.
struct Numbered {
    number: usize,
    value: Value,
    is_line: bool,
}

/// Rows, and what is wrong with the file.
pub(crate) struct Rows {
    rows: Vec<Numbered>,
    warnings: Vec<Warning>,
}

/// A row from every line, by the line's number. A line that does not begin as an object or an array
/// does belongs to the one before it, which a raw line break has cut.
pub(crate) fn of_lines(name: &str, decoded: &str) -> Rows {
    let (mut lines, mut at): (Vec<(usize, Range<usize>)>, usize) = (Vec::new(), 0);
    for (number, line) in (1..).zip(decoded.split_inclusive('\n')) {
        let span = at..at + line.len();
        at = span.end;
        match lines.last_mut() {
            Some((_, last)) if !line.trim_start().starts_with(['{', '[']) => last.end = span.end,
            _ => lines.push((number, span)),
        }
    }
    let read: Vec<_> = lines
        .into_par_iter()
        .map(|(number, span)| {
            let (start, line) = (span.start, &decoded[span]);
            let mut reader = Reader::new(line);
            let value = reader.next_value();
            let end = reader.at;
            if !line[end..].trim().is_empty() && reader.problem.is_none() {
                reader.problem = Some((end, "more than one value on a line"));
            }
            // A bare word is no row but what is left of one.
            let is_word = reader.problem.is_some() && matches!(value, Some(Value::Plain(_)));
            let (value, end) = if is_word { (None, 0) } else { (value, end) };
            let unread = if line[end..].trim().is_empty() { 0 } else { line.len() - end };
            let damage = reader.problem.map(|(at, what)| (start + at, what, unread));
            let is_line = damage.is_none();
            (value.map(|value| Numbered { number, value, is_line }), damage)
        })
        .collect();
    let (mut rows, mut damage) = (Vec::new(), Vec::new());
    for (row, damaged) in read {
        rows.extend(row);
        damage.extend(damaged);
    }
    let warnings = damage.first().map(|&(at, what, _)| {
        let more = match damage.len() - 1 {
            0 => String::new(),
            1 => ", and in another row".into(),
            n => format!(", and in {n} rows more"),
        };
        let unread: usize = damage.iter().map(|(_, _, unread)| unread).sum();
        Warning::DamagedJson {
            document: name.into(),
            problem: format!("{what} at {}{more}", json::line_and_column(decoded, at)),
            recovered_bytes: decoded.len() - unread,
            total_bytes: decoded.len(),
        }
    });
    Rows { rows, warnings: warnings.into_iter().collect() }
}

/// A row from every value in a JSON text that is not an array, or is in one.
pub(crate) fn of_values(name: &str, decoded: &str) -> Rows {
    let mut reader = Reader::new(decoded);
    let mut values = Vec::new();
    while let Some(value) = reader.next_value() {
        match value {
            Value::Array(more) => values.extend(more),
            value => values.push(value),
        }
    }
    let rows = (1..).zip(values).map(|(number, value)| Numbered { number, value, is_line: false }).collect();
    Rows { rows, warnings: reader.warning(name).into_iter().collect() }
}

/// The rows as documents; those without text are counted in a warning.
pub(crate) fn documents(name: &str, source: &str, rows: Rows, columns: &Columns) -> (Vec<Document>, Vec<Warning>) {
    let Rows { rows, mut warnings } = rows;
    let read: Vec<_> = rows.into_par_iter().map(|row| document(name, source, row, columns)).collect();
    let (mut documents, mut without_text) = (Vec::with_capacity(read.len()), Vec::new());
    for read in read {
        match read {
            Ok(document) => documents.push(document),
            Err(without) => without_text.push(without),
        }
    }
    let n_rows = without_text.len();
    warnings.extend(without_text.into_iter().next().map(|(row, found)| Warning::RowsWithoutText {
        document: name.into(),
        n_rows,
        first_row: row,
        columns_found: found,
        column: columns.text.clone(),
    }));
    (documents, warnings)
}

/// One row's document, or its number and the names of its columns where it has no text.
fn document(name: &str, source: &str, numbered: Numbered, columns: &Columns) -> Result<Document, (usize, Vec<String>)> {
    let Numbered { number, value: mut row, is_line } = numbered;
    let mut metadata = json::metadata(&row);
    let verbatim = if is_line { verbatim(&row, columns) } else { None };
    let (id, label) = (take(&mut row, columns.id.as_deref()), take(&mut row, columns.label.as_deref()));
    let own_source = take(&mut row, columns.source.as_deref());
    metadata.date = take(&mut row, columns.date.as_deref()).or(metadata.date);
    let is_verbatim = verbatim.is_some();
    let text = match &columns.text {
        _ if let Some(text) = verbatim => text,
        Some(column) => row.field(column).and_then(Value::rendered).map(json::plain).unwrap_or_default(),
        None if let Value::String(text) = &row => json::plain(text),
        None => {
            let mut texts = Vec::new();
            json::collect(&row, &mut texts);
            json::joined(texts.into_iter().map(|(text, _)| text))
        }
    };
    if text.trim().is_empty() {
        return Err((number, row.names()));
    }
    Ok(Document {
        name: id.map_or_else(|| format!("{name}#{number}"), |id| format!("{name}#{id}")),
        source: own_source.unwrap_or_else(|| source.into()),
        text,
        offset: 0,
        label,
        row: is_line.then_some(number),
        is_verbatim,
        metadata,
    })
}

/// A row's text, if it is one field's value and no markup.
fn verbatim(row: &Value, columns: &Columns) -> Option<String> {
    let field = columns.text.as_deref().or_else(|| json::text_field(row))?;
    match row.field(field)? {
        Value::String(text) if !html::looks_like_html(text) => Some(text.clone()),
        _ => None,
    }
}

/// Writes the lines again; what `edit` does not touch stays byte for byte.
///
/// # Errors
/// The number of a line whose text cannot be replaced because it is not one field's.
pub(super) fn rewrite(
    bytes: &[u8],
    columns: &Columns,
    edit: &mut dyn FnMut(usize) -> RowEdit,
) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(bytes.len());
    for (number, line) in (1..).zip(bytes.split_inclusive(|&b| b == b'\n')) {
        match edit(number) {
            RowEdit::Drop => {}
            RowEdit::Keep => out.extend_from_slice(line),
            RowEdit::Replace(text) => {
                let line = String::from_utf8_lossy(line);
                let mut reader = Reader::new(line.trim_start_matches('\u{feff}'));
                let row = reader.next_value();
                let field = columns.text.as_deref().or_else(|| json::text_field(row.as_ref()?));
                let place = field.and_then(|field| value_of(&line, field));
                let place = place.ok_or_else(|| format!("line {number} has no field that is its text"))?;
                let text = serde_json::to_string(&text).map_err(|e| e.to_string())?;
                for part in [&line[..place.start], &text, &line[place.end..]] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        }
    }
    Ok(out)
}

/// Where the value of a field stands in an object that is well-formed; of fields of one name the first
/// counts, as for the reader.
fn value_of(object: &str, field: &str) -> Option<Range<usize>> {
    let bytes = object.as_bytes();
    let (mut depth, mut at, mut found) = (0usize, 0, None);
    // The last string at the top level and, after its colon, where its value begins.
    let (mut name, mut value_start): (Option<Cow<str>>, Option<usize>) = (None, None);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at;
                at += 1;
                while *bytes.get(at)? != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if depth == 1 && value_start.is_none() {
                    name = serde_json::from_str::<String>(&object[start..=at]).ok().map(Cow::Owned);
                }
            }
            b'{' | b'[' => depth += 1,
            b':' if depth == 1 && value_start.is_none() => value_start = Some(at + 1),
            b',' | b'}' | b']' => {
                let is_end = depth == 1;
                if is_end
                    && let Some(start) = value_start.take()
                    && name.take().is_some_and(|name| name == field)
                {
                    let value = &object[start..at];
                    let begin = start + (value.len() - value.trim_start().len());
                    found = Some(begin..begin + value.trim().len());
                }
                if bytes[at] != b',' {
                    depth = depth.checked_sub(1)?;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The value of a column that is not the text, which it is no longer part of then.
fn take(row: &mut Value, column: Option<&str>) -> Option<String> {
    let Value::Object(fields) = row else { return None };
    let at = fields.iter().position(|(name, _)| Some(name.as_str()) == column)?;
    match fields.remove(at).1 {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Plain(word) if word != "null" => Some(word),
        _ => None,
    }
    .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::{DocumentOptions, Format, parse};
    use super::*;
    use crate::source::Input;
    use proptest::prelude::*;

    /// An input of the source `x`.
    fn input(name: &str) -> Input {
        let mut input = Input::named(name);
        input.source = "x".into();
        input
    }

    fn columns(text: Option<&str>) -> DocumentOptions {
        let columns = Columns {
            text: text.map(str::to_owned),
            id: Some("key".into()),
            label: Some("label".into()),
            source: Some("site".into()),
            date: None,
        };
        DocumentOptions { columns, ..DocumentOptions::default() }
    }

    #[test]
    fn each_row_is_a_document_with_its_columns() {
        let rows = "{\"key\":7,\"label\":\"World news\",\"site\":\"a.example\",\"text\":\"One two.\\nThree.\"}\n\n\
            {\"key\":null,\"label\":3,\"text\":\"Four five.\"}\r\n{\"label\":\"World news\"}\n";
        let (documents, warnings) = parse(&input("x.jsonl"), &rows.into(), &columns(None));
        let found: Vec<_> =
            documents.iter().map(|d| (d.name.as_str(), d.source.as_str(), d.label.as_deref())).collect();
        assert_eq!(found, [("x.jsonl#7", "a.example", Some("World news")), ("x.jsonl#3", "x", Some("3"))]);
        assert_eq!(documents[0].text, "One two.\nThree.", "the label, which reads like text, is none");
        assert!(matches!(&warnings[..], [Warning::RowsWithoutText { n_rows: 1, first_row: 4, .. }]), "{warnings:?}");
    }

    #[test]
    fn a_column_that_is_named_is_the_text_and_nothing_else() {
        let rows = "{\"title\":\"A title\",\"text\":\"b c\",\"question\":\"d <b>e</b></p>\"}\n{\"text\":\"b c\"}\n";
        let (documents, warnings) = parse(&input("x.txt"), &rows.into(), &columns(Some("question")));
        assert_eq!(documents.len(), 1);
        assert_eq!((documents[0].text.as_str(), documents[0].metadata.title.as_deref()), ("d e", Some("A title")));
        let said = warnings[0].to_string();
        assert!(
            said.contains("1 row has no text in column `question`, the first is row 2 with the columns text"),
            "{said}"
        );
        // The objects of an array are rows too, where columns are named.
        let array = "[{\"question\":\"one\",\"label\":true},{\"question\":\"two\"}]";
        let (documents, warnings) = parse(&input("x.json"), &array.into(), &columns(Some("question")));
        let found: Vec<_> = documents.iter().map(|d| (d.name.as_str(), d.text.as_str(), d.label.as_deref())).collect();
        assert_eq!(found, [("x.json#1", "one", Some("true")), ("x.json#2", "two", None)]);
        assert_eq!(warnings, []);
    }

    #[test]
    fn a_damaged_line_costs_no_other() {
        let rows = "{\"text\":\"one two\"}\n{\"text\":\"three\nfour\"}\n{\"text\":\"five s\n{\"text\":\"six\"} x\nnot json\n{\"text\":\"seven eight\"}";
        let (documents, warnings) = parse(&input("x"), &rows.into(), &DocumentOptions::default());
        let texts: Vec<_> = documents.iter().map(|d| (d.name.as_str(), d.text.as_str())).collect();
        let expected =
            [("x#1", "one two"), ("x#2", "three\nfour"), ("x#4", "five s"), ("x#5", "six"), ("x#7", "seven eight")];
        assert_eq!(texts, expected);
        let [Warning::DamagedJson { problem, recovered_bytes, total_bytes, .. }] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        assert_eq!(problem, "a raw line break inside a string at line 2, byte 15, and in 2 rows more");
        assert_eq!(total_bytes - recovered_bytes, " x\nnot json\n".len());
    }

    #[test]
    fn json_lines_are_recognised_and_pretty_printed_json_is_not_taken_for_them() {
        assert!(looks_like_jsonl(b"{\"a\":1}\n\n{\"a\":2}"));
        assert!(
            !looks_like_jsonl(b"{\n\"a\":1}\n{\"a\":2}")
                && !looks_like_jsonl(b"{\"a\":1}\n")
                && !looks_like_jsonl(b"{\"a\":{}\n\"b\"")
        );
        assert_eq!(Format::recognise(b"{\"a\":1}", Some("jsonl")), Ok(Format::Jsonl));
        assert_eq!(Format::recognise(b"{\"a\":1}\n{\"a\":2}\n", Some("txt")), Ok(Format::Jsonl));
        assert_eq!(Format::recognise(b"{\"a\":1}", Some("json")), Ok(Format::Json));
    }

    #[test]
    fn only_the_text_of_an_edited_row_changes() {
        let rows = "\u{feff}{\"id\": 7, \"text\": \"First \\u00e9\", \"n\": 1.50}\r\n\n{broken\n{\"text\":\"Second\",\"more\":{\"text\":\"}\"}}";
        let rewritten = rewrite(rows.as_bytes(), &Columns::default(), &mut |row| match row {
            1 => RowEdit::Replace("a \"b\"\n".into()),
            4 => RowEdit::Drop,
            _ => RowEdit::Keep,
        });
        let expected = "\u{feff}{\"id\": 7, \"text\": \"a \\\"b\\\"\\n\", \"n\": 1.50}\r\n\n{broken\n";
        assert_eq!(String::from_utf8(rewritten.unwrap()).unwrap(), expected);
        let two = b"{\"title\": \"a\", \"text\": \"b\"}\n";
        assert!(rewrite(two, &Columns::default(), &mut |_| RowEdit::Replace(String::new())).is_err());
        let asked = Columns { text: Some("text".into()), ..Columns::default() };
        assert!(rewrite(two, &asked, &mut |_| RowEdit::Replace(String::new())).is_ok());
    }

    #[test]
    fn a_row_whose_text_is_one_field_is_verbatim() {
        let rows =
            "{\"text\":\" one\\r\\ntwo\"}\n{\"title\":\"t\",\"text\":\"x\"}\n{\"text\":\"<p>y</p>\"}\n{\"text\":\"z";
        let (documents, _) = parse(&input("x.jsonl"), &rows.into(), &DocumentOptions::default());
        let found: Vec<_> = documents.iter().map(|d| (d.row, d.is_verbatim)).collect();
        assert_eq!(found, [(Some(1), true), (Some(2), false), (Some(3), false), (None, false)]);
        assert_eq!(documents[0].text, " one\r\ntwo");
    }

    proptest! {
        #[test]
        fn no_row_is_lost_whatever_stands_around_it(text in r#"[\[\]{}",:\\a-c0-2\r\n ]{0,60}"#) {
            let rows = format!("{text}\n{{\"text\":\"it is here\"}}\n{text}");
            let options = DocumentOptions { format: Some(Format::Jsonl), ..Default::default() };
            let (documents, _) = parse(&input("x"), &rows.into(), &options);
            prop_assert!(documents.iter().any(|d| d.text == "it is here"));
        }

        #[test]
        fn a_value_is_found_wherever_it_stands(
            fields in proptest::collection::vec(("[a-c\"\\\\:{,]{0,3}", "[a-z\"\\\\:{},\\]\n]{0,6}", 0u8..4), 1..6),
            spaced: bool,
        ) {
            let mut object = serde_json::Map::new();
            for (name, text, kind) in &fields {
                let value = match kind {
                    0 => serde_json::json!(text),
                    1 => serde_json::json!([text, {"a": text}]),
                    2 => serde_json::json!({ name.as_str(): text, "b": [1, null] }),
                    _ => serde_json::json!(1.5),
                };
                object.insert(name.clone(), value);
            }
            let line = if spaced { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            for (name, value) in &object {
                let place = value_of(&line, name).unwrap();
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&line[place]).unwrap(), value);
            }
            prop_assert_eq!(value_of(&line, "not there"), None);
        }
    }
}
