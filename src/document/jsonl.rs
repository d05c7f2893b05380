//! JSON Lines: a row on every line, and each row a document. So is every object of a JSON array, where
//! columns are named.
//!
//! The text is that of the column that is named, or else what any JSON object's text is (`text`,
//! `content`, `body` and the like), without the other columns that are named. A damaged line is read
//! as far as it goes and costs no other. A file is read in blocks of lines, so that it need not fit into memory
//! beside the texts in it.

use super::encoding::Replaced;
use super::json::{self, Reader, Value};
use super::table::RowEdit;
use super::{Columns, Document, Limits, html};
use crate::Warning;
use crate::source::Input;
use rayon::prelude::*;
use std::borrow::Cow;
use std::io::Read;
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

/// Reads JSON Lines block by block.
pub(super) fn read(
    input: &Input,
    from: impl Read,
    columns: &Columns,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    let mut rows = Rows::new(input, columns);
    let (mut blocks, mut replaced) = (Blocks::new(from, limits), Replaced::default());
    while let Some(block) = blocks.next() {
        let first_line = block.first_line;
        let decoded = replaced.decode(&block.bytes);
        drop(block);
        rows.lines(&decoded, first_line, limits);
    }
    for (first_line, n_bytes) in blocks.too_long {
        rows.damaged(|| format!("a row {} at line {first_line}", limits.row_too_long()), n_bytes);
        rows.n_bytes += n_bytes;
    }
    warnings.extend(blocks.problem.map(|problem| Warning::Damaged { document: input.name.clone(), problem }));
    warnings.extend(replaced.warning(&input.name));
    rows.end(warnings)
}

/// Reads JSON in which every value that is not an array, or is in one, is a row.
pub(super) fn read_values(
    input: &Input,
    decoded: &str,
    columns: &Columns,
    warnings: &mut Vec<Warning>,
) -> Vec<Document> {
    let mut reader = Reader::new(decoded);
    let mut values = Vec::new();
    while let Some(value) = reader.next_value() {
        match value {
            Value::Array(more) => values.extend(more),
            value => values.push(value),
        }
    }
    warnings.extend(reader.warning(&input.name));
    let mut rows = Rows::new(input, columns);
    rows.add((1..).zip(values).map(|(number, value)| Numbered { number, value, is_line: false }).collect());
    rows.end(warnings)
}

/// Bytes that are looked at together.
const BLOCK: usize = 16 << 20;

/// A file in blocks of whole rows.
struct Blocks<'a, R> {
    from: R,
    limits: &'a Limits,
    left: Vec<u8>,
    /// The number of the line that `left` begins with.
    line: usize,
    is_end: bool,
    /// Why there is no more, if that is not the end.
    problem: Option<String>,
    /// Where rows begin that are too long to be held, and their bytes.
    too_long: Vec<(usize, usize)>,
}

struct Block {
    bytes: Vec<u8>,
    first_line: usize,
}

impl<'a, R: Read> Blocks<'a, R> {
    fn new(from: R, limits: &'a Limits) -> Self {
        Self { from, limits, left: vec![], line: 1, is_end: false, problem: None, too_long: vec![] }
    }

    fn next(&mut self) -> Option<Block> {
        while !self.is_end {
            // A row begins after a line break, which may be the last byte so far.
            let looked_at = self.left.len().saturating_sub(1);
            self.fill();
            let mut last = last_row(&self.left[looked_at..]).map(|at| looked_at + at);
            if last.is_none() && self.left.len() as u64 > self.limits.row.max(BLOCK as u64) {
                self.skip_row();
                last = last_row(&self.left);
            }
            if let Some(at) = last {
                let rest = self.left.split_off(at);
                let bytes = std::mem::replace(&mut self.left, rest);
                return Some(self.block(bytes));
            }
        }
        let bytes = std::mem::take(&mut self.left);
        (!bytes.is_empty()).then(|| self.block(bytes))
    }

    fn fill(&mut self) {
        let before = self.left.len();
        let more = self.from.by_ref().take(BLOCK as u64).read_to_end(&mut self.left);
        self.is_end = self.left.len() < before + BLOCK;
        self.problem = more.err().map(|error| error.to_string());
    }

    fn block(&mut self, bytes: Vec<u8>) -> Block {
        let first_line = self.line;
        self.line += n_lines(&bytes);
        Block { bytes, first_line }
    }

    /// Drops the row that `left` is the beginning of.
    fn skip_row(&mut self) {
        let (first_line, mut n_bytes) = (self.line, 0);
        loop {
            let next = first_row(&self.left);
            let n = next.unwrap_or(self.left.len() - usize::from(!self.is_end));
            self.line += n_lines(&self.left[..n]);
            self.left.drain(..n);
            n_bytes += n;
            if next.is_some() || self.is_end {
                break;
            }
            self.fill();
        }
        self.too_long.push((first_line, n_bytes));
    }
}

fn n_lines(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

fn begins_row(pair: &[u8]) -> bool {
    pair == b"\n{" || pair == b"\n["
}

/// Where the first row after the beginning begins, and where the last does.
fn first_row(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(begins_row).map(|at| at + 1)
}

fn last_row(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).rposition(begins_row).map(|at| at + 1)
}

/// Rows that become documents as they are read; what is wrong with them is counted.
struct Rows<'a> {
    input: &'a Input,
    columns: &'a Columns,
    documents: Vec<Document>,
    n_bytes: usize,
    n_unread: usize,
    /// What is wrong with the first damaged row, and how many there are.
    problem: Option<String>,
    n_damaged: usize,
    /// The first row without text and its columns, and how many there are.
    without_text: Option<(usize, Vec<String>)>,
    n_without_text: usize,
}

impl<'a> Rows<'a> {
    fn new(input: &'a Input, columns: &'a Columns) -> Self {
        Self {
            input,
            columns,
            documents: vec![],
            n_bytes: 0,
            n_unread: 0,
            problem: None,
            n_damaged: 0,
            without_text: None,
            n_without_text: 0,
        }
    }

    /// A row from every line, by the line's number. A line that does not begin as an object or an array
    /// does belongs to the one before it, which a raw line break has cut.
    fn lines(&mut self, decoded: &str, first_line: usize, limits: &Limits) {
        let (mut lines, mut at): (Vec<(usize, Range<usize>)>, usize) = (Vec::new(), 0);
        for (number, line) in (first_line..).zip(decoded.split_inclusive('\n')) {
            let span = at..at + line.len();
            at = span.end;
            match lines.last_mut() {
                Some((_, last)) if !line.trim_start().starts_with(['{', '[']) => last.end = span.end,
                _ => lines.push((number, span)),
            }
        }
        let read: Vec<_> = lines
            .into_par_iter()
            .map(|(number, span)| Line::read(number, &decoded[span.clone()], span, limits))
            .collect();
        let mut rows = Vec::with_capacity(read.len());
        for Line { row, damage } in read {
            rows.extend(row);
            if let Some(Damage { at, what, n_unread }) = damage {
                self.damaged(|| format!("{what} at {}", json::line_and_column(decoded, at, first_line)), n_unread);
            }
        }
        self.n_bytes += decoded.len();
        self.add(rows);
    }

    fn damaged(&mut self, problem: impl Fn() -> String, n_unread: usize) {
        self.problem.get_or_insert_with(problem);
        self.n_damaged += 1;
        self.n_unread += n_unread;
    }

    fn add(&mut self, rows: Vec<Numbered>) {
        let (input, columns) = (self.input, self.columns);
        let read: Vec<_> = rows.into_par_iter().map(|row| document(&input.name, &input.source, row, columns)).collect();
        self.documents.reserve(read.len());
        for read in read {
            match read {
                Ok(document) => self.documents.push(document),
                Err(without) => {
                    self.without_text.get_or_insert(without);
                    self.n_without_text += 1;
                }
            }
        }
    }

    fn end(self, warnings: &mut Vec<Warning>) -> Vec<Document> {
        let document = || self.input.name.clone();
        warnings.extend(self.problem.map(|problem| {
            let more = match self.n_damaged - 1 {
                0 => String::new(),
                1 => ", and in another row".into(),
                n => format!(", and in {n} rows more"),
            };
            Warning::DamagedJson {
                document: document(),
                problem: format!("{problem}{more}"),
                recovered_bytes: self.n_bytes - self.n_unread,
                total_bytes: self.n_bytes,
            }
        }));
        warnings.extend(self.without_text.map(|(first_row, columns_found)| Warning::RowsWithoutText {
            document: document(),
            n_rows: self.n_without_text,
            first_row,
            columns_found,
            column: self.columns.text.clone(),
        }));
        self.documents
    }
}

/// What came of a line.
struct Line {
    row: Option<Numbered>,
    damage: Option<Damage>,
}

/// What is wrong, at which byte of the block, and how many bytes could not be read for it.
struct Damage {
    at: usize,
    what: Cow<'static, str>,
    n_unread: usize,
}

impl Line {
    fn read(number: usize, line: &str, span: Range<usize>, limits: &Limits) -> Self {
        if line.len() as u64 > limits.row {
            let what = format!("a row {}", limits.row_too_long()).into();
            return Self { row: None, damage: Some(Damage { at: span.start, what, n_unread: line.len() }) };
        }
        let mut reader = Reader::new(line);
        let value = reader.next_value();
        let end = reader.at;
        if !line[end..].trim().is_empty() && reader.problem.is_none() {
            reader.problem = Some((end, "more than one value on a line"));
        }
        // A bare word is no row but what is left of one.
        let is_word = reader.problem.is_some() && matches!(value, Some(Value::Plain(_)));
        let (value, end) = if is_word { (None, 0) } else { (value, end) };
        let n_unread = if line[end..].trim().is_empty() { 0 } else { line.len() - end };
        let damage = reader.problem.map(|(at, what)| Damage { at: span.start + at, what: what.into(), n_unread });
        let is_line = damage.is_none();
        Self { row: value.map(|value| Numbered { number, value, is_line }), damage }
    }
}

/// One row's document, or its number and the names of its columns where it has no text.
fn document(name: &str, source: &str, numbered: Numbered, columns: &Columns) -> Result<Document, (usize, Vec<String>)> {
    let Numbered { number, value: mut row, is_line } = numbered;
    let mut metadata = json::metadata(&row);
    let verbatim = if is_line { verbatim(&row, columns) } else { None };
    let (id, label) = (take(&mut row, columns.id.as_deref()), take(&mut row, columns.label.as_deref()));
    let own_source = take(&mut row, columns.source.as_deref());
    metadata.date = take(&mut row, columns.date.as_deref()).or(metadata.date);
    let is_editable = verbatim.is_some();
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
        is_editable,
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
    fn a_file_in_blocks_is_read_as_a_whole_is() {
        let mut text = String::from("\u{feff}");
        for i in 0..70_000 {
            let words = "some words ".repeat(20 + i % 30);
            let rows = match i % 1000 {
                3 => format!("{{\"text\": \"{i} {words}\n{words}\"}}\n"),
                5 => format!("{{\"none\": {i}}}\n"),
                7 => format!("{{\"text\": \"{i} {words}\n"),
                _ => format!("{{\"text\": \"{i} {words}\"}}\n"),
            };
            text.push_str(&rows);
        }
        assert!(text.len() > BLOCK + BLOCK / 2);
        let (input, columns, limits) = (input("x"), Columns::default(), Limits::default());
        let (mut whole, decoded) = (Rows::new(&input, &columns), text.trim_start_matches('\u{feff}'));
        whole.lines(decoded, 1, &limits);
        let (mut expected, mut warnings) = (Vec::new(), Vec::new());
        let documents = whole.end(&mut expected);
        assert_eq!(read(&input, text.as_bytes(), &columns, &limits, &mut warnings), documents);
        assert_eq!(warnings, expected);
        assert!(matches!(&warnings[..], [Warning::DamagedJson { .. }, Warning::RowsWithoutText { n_rows: 70, .. }]));
    }

    #[test]
    fn a_row_that_is_too_long_costs_only_itself() {
        let limits = Limits { row: 1 << 20, ..Limits::default() };
        let row = |text: &str| format!("{{\"text\": \"{text}\"}}\n");
        for length in [2 << 20, BLOCK - 40, BLOCK + 5, 2 * BLOCK, 3 * BLOCK + 11] {
            let text = [row("one"), row(&"a".repeat(length)), row("three"), row("four")].concat();
            let mut warnings = Vec::new();
            let documents = read(&input("x"), text.as_bytes(), &Columns::default(), &limits, &mut warnings);
            let found: Vec<_> = documents.iter().map(|d| (d.row, d.text.as_str())).collect();
            assert_eq!(found, [(Some(1), "one"), (Some(3), "three"), (Some(4), "four")], "{length}");
            let [Warning::DamagedJson { problem, recovered_bytes, total_bytes, .. }] = &warnings[..] else {
                panic!("{warnings:?}")
            };
            assert!(problem.contains("longer than 1048576 bytes") && problem.contains("line 2"), "{problem}");
            assert_eq!((*total_bytes, total_bytes - recovered_bytes), (text.len(), row(&"a".repeat(length)).len()));
        }
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
    fn a_row_whose_text_is_one_field_is_editable() {
        let rows =
            "{\"text\":\" one\\r\\ntwo\"}\n{\"title\":\"t\",\"text\":\"x\"}\n{\"text\":\"<p>y</p>\"}\n{\"text\":\"z";
        let (documents, _) = parse(&input("x.jsonl"), &rows.into(), &DocumentOptions::default());
        let found: Vec<_> = documents.iter().map(|d| (d.row, d.is_editable)).collect();
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
