//! CSV and TSV (RFC 4180): a header, and a row a document. The delimiter is the one that stands most
//! often in the header, of comma, semicolon, tab and bar.

use super::encoding::{MARK, Replaced};
use super::table::{Roles, RowEdit, Rows};
use super::{Columns, Document, Limits};
use crate::Warning;
use crate::source::Input;
use csv::{ByteRecord, ReaderBuilder};
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

/// Bytes at the beginning, which hold the header.
const HEADER: usize = 1 << 16;

/// A reader of what comes after the mark, the header in it, and the delimiter.
fn reader<R: Read>(mut from: BufReader<R>) -> Result<(csv::Reader<BufReader<R>>, ByteRecord, u8), String> {
    let delimiter = delimiter(from.fill_buf().map_err(|e| e.to_string())?);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(from);
    let header = reader.byte_headers().map_err(|e| e.to_string())?.clone();
    Ok((reader, header, delimiter))
}

fn delimiter(bytes: &[u8]) -> u8 {
    let mut is_quoted = false;
    let header = bytes.iter().take_while(|&&b| {
        is_quoted ^= b == b'"';
        is_quoted || b != b'\n'
    });
    let header: Vec<u8> = header.copied().collect();
    // The last of equals is taken, so the usual one comes last.
    let most = [b'|', b'\t', b';', b','].into_iter().max_by_key(|&d| header.split(|&b| b == d).count());
    most.unwrap_or(b',')
}

fn roles(header: &ByteRecord, columns: &Columns) -> Result<Roles, String> {
    let names: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
    Roles::of(&names.iter().map(AsRef::as_ref).collect::<Vec<_>>(), columns)
}

/// Reads a table row by row.
///
/// # Errors
/// Why it is no table with a text.
pub(super) fn extract(
    input: &Input,
    from: impl Read,
    columns: &Columns,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Document>, String> {
    let n_of_row = Rc::new(Cell::new(0));
    let (mut replaced, mut rows) = (Replaced::default(), Rows::new(input, columns, limits));
    let watched = Watched { from, replaced: &mut replaced, n_of_row: Rc::clone(&n_of_row), limits };
    let mut from = BufReader::with_capacity(HEADER, watched);
    if from.fill_buf().is_ok_and(|head| head.starts_with(MARK)) {
        from.consume(MARK.len());
    }
    let (mut reader, header, _) = reader(from)?;
    let roles = roles(&header, columns)?;
    let (mut record, mut number) = (ByteRecord::new(), 1);
    let problem = loop {
        n_of_row.set(0);
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(format!("{error}, in row {number} or the next; those after it are not read")),
        }
        if record.len() != header.len() {
            rows.uneven(number);
        }
        rows.push(roles.row(number, &|column| Some(String::from_utf8_lossy(record.get(column)?).into_owned())));
        number += 1;
    };
    drop(reader);
    warnings.extend(problem.map(|problem| Warning::Damaged { document: input.name.clone(), problem }));
    warnings.extend(replaced.warning(&input.name));
    Ok(rows.end(header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(), warnings))
}

/// Looks at what is read: counts what is invalid, and ends at a row that has no end.
struct Watched<'a, R> {
    from: R,
    replaced: &'a mut Replaced,
    /// Bytes read since the last row's end, or a buffer more.
    n_of_row: Rc<Cell<u64>>,
    limits: &'a Limits,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.replaced.look_at(&buffer[..n]);
        self.n_of_row.set(self.n_of_row.get() + n as u64);
        if self.n_of_row.get() > self.limits.row.saturating_add(HEADER as u64) {
            return Err(io::Error::other(format!("{}; is a quotation mark not closed?", self.limits.row_too_long())));
        }
        Ok(n)
    }
}

/// Writes the rows again; those that `edit` does not touch, and the header, stay byte for byte.
pub(crate) fn rewrite(
    bytes: &[u8],
    columns: &Columns,
    edit: &mut dyn FnMut(usize) -> RowEdit,
) -> Result<Vec<u8>, String> {
    let mark = bytes.len() - bytes.strip_prefix(MARK).unwrap_or(bytes).len();
    let rows = &bytes[mark..];
    let (mut reader, header, delimiter) = reader(BufReader::with_capacity(HEADER, rows))?;
    let text_column = roles(&header, columns)?.text;
    let mut out = bytes[..mark].to_vec();
    let (mut record, mut number) = (ByteRecord::new(), 1);
    // A record ends after its "\r", to the reader; its line ends after the "\n" that follows.
    let after_line = |at: usize| if at > 0 && rows[at - 1..].starts_with(b"\r\n") { at + 1 } else { at };
    let mut start = after_line(reader.position().byte() as usize);
    out.extend_from_slice(&rows[..start]);
    while reader.read_byte_record(&mut record).map_err(|e| e.to_string())? {
        let end = after_line(reader.position().byte() as usize);
        let row = &rows[start..end];
        match edit(number) {
            RowEdit::Drop => {}
            RowEdit::Keep => out.extend_from_slice(row),
            RowEdit::Replace(text) => {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
                let fields = record.iter().enumerate();
                let edited = fields.map(|(i, field)| if i == text_column { text.as_bytes() } else { field });
                writer.write_record(edited).map_err(|e| e.to_string())?;
                let written = writer.into_inner().map_err(|e| e.to_string())?;
                out.extend_from_slice(written.strip_suffix(b"\n").unwrap_or(&written));
                let body = row.len() - row.iter().rev().take_while(|b| matches!(b, b'\r' | b'\n')).count();
                out.extend_from_slice(&row[body..]);
            }
        }
        start = end;
        number += 1;
    }
    out.extend_from_slice(&rows[start..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_documents_and_the_delimiter_is_found() {
        let table = "\u{feff}id;Text;note\r\n1;\"One; with\nbreak\";a,b\r\n2;Two;\r\n3;Three\r\n";
        let (documents, warnings) = read(table.as_bytes(), &Limits::default());
        let found: Vec<_> = documents.iter().map(|d| (d.row, d.text.as_str(), d.metadata.id.as_deref())).collect();
        let expected =
            [(Some(1), "One; with\nbreak", Some("1")), (Some(2), "Two", Some("2")), (Some(3), "Three", Some("3"))];
        assert_eq!(found, expected);
        assert!(matches!(&warnings[..], [Warning::DamagedRows { n_rows: 1, first_row: 3, .. }]));
        let rewritten = rewrite(table.as_bytes(), &Columns::default(), &mut |row| match row {
            1 => RowEdit::Replace("a \"b\"".into()),
            2 => RowEdit::Drop,
            _ => RowEdit::Keep,
        });
        let expected = "\u{feff}id;Text;note\r\n1;\"a \"\"b\"\"\";a,b\r\n3;Three\r\n";
        assert_eq!(String::from_utf8(rewritten.unwrap()).unwrap(), expected);
    }

    fn read(table: &[u8], limits: &Limits) -> (Vec<Document>, Vec<Warning>) {
        let mut warnings = Vec::new();
        let documents = extract(&Input::named("t"), table, &Columns::default(), limits, &mut warnings);
        (documents.unwrap(), warnings)
    }

    #[test]
    fn a_row_that_is_too_long_or_has_no_end_is_said_to_be() {
        let limits = Limits { row: 1 << 10, ..Limits::default() };
        let long = "a".repeat(1 << 11);
        let (documents, warnings) = read(format!("text,n\none,1\n{long},2\nthree,3\n").as_bytes(), &limits);
        assert_eq!(documents.iter().map(|d| d.text.as_str()).collect::<Vec<_>>(), ["one", "three"]);
        assert!(matches!(&warnings[..], [Warning::DamagedRows { n_rows: 1, first_row: 2, .. }]), "{warnings:?}");
        let endless = format!("text,n\none,1\n\"two,2\n{}", "three,3\n".repeat(1 << 16));
        let (documents, warnings) = read(endless.as_bytes(), &limits);
        assert_eq!(documents.len(), 1);
        assert!(warnings.len() == 1 && warnings[0].to_string().contains("quotation mark"), "{warnings:?}");
    }

    #[test]
    fn invalid_bytes_are_counted_and_placed() {
        let (documents, warnings) = read(b"\xef\xbb\xbftext\ncaf\xe9\ncr\xe8me\n", &Limits::default());
        assert_eq!(documents[1].text, "cr\u{fffd}me");
        assert_eq!(warnings, [Warning::InvalidUtf8 { document: "t".into(), n_replaced: 2, first_at: 11 }]);
    }

    proptest! {
        #[test]
        fn what_is_not_edited_stays_and_what_is_dropped_goes(
            rows in proptest::collection::vec(("[a,\"\n ;é]{0,6}", "[a,\"\n ;é]{0,6}"), 0..8),
            drops: u8,
            crlf: bool,
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let table = |rows: &[&(String, String)]| {
                let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
                writer.write_record(["note", "text"]).unwrap();
                rows.iter().for_each(|(note, text)| writer.write_record([note, text]).unwrap());
                writer.into_inner().unwrap()
            };
            let whole = table(&rows.iter().collect::<Vec<_>>());
            let is_dropped = |row: usize| drops >> (row - 1) & 1 == 1;
            let edit = &mut |row| if is_dropped(row) { RowEdit::Drop } else { RowEdit::Keep };
            let left: Vec<_> = (1..).zip(&rows).filter(|(i, _)| !is_dropped(*i)).map(|(_, row)| row).collect();
            prop_assert_eq!(rewrite(&whole, &Columns::default(), edit).unwrap(), table(&left));
            let (documents, _) = read(&whole, &Limits::default());
            let with_text: Vec<&String> = rows.iter().map(|row| &row.1).filter(|text| !text.trim().is_empty()).collect();
            prop_assert_eq!(documents.iter().map(|document| &document.text).collect::<Vec<_>>(), with_text);
        }
    }
}
