//! CSV and TSV (RFC 4180): a header, and a row a document. The delimiter is the one that stands most
//! often in the header, of comma, semicolon, tab and bar.

use super::Columns;
use super::table::{Roles, RowEdit, Table};
use crate::Warning;
use csv::{ByteRecord, ReaderBuilder};

type Reader<'a> = csv::Reader<&'a [u8]>;

/// A reader, and the header in it.
fn reader(bytes: &[u8]) -> Result<(Reader<'_>, ByteRecord, u8), String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let delimiter = delimiter(bytes);
    let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
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

pub(super) fn extract(name: &str, bytes: &[u8], columns: &Columns) -> Result<Table, String> {
    let (mut reader, header, _) = reader(bytes)?;
    let roles = roles(&header, columns)?;
    let (mut rows, mut uneven) = (Vec::new(), Vec::new());
    for (number, record) in (1..).zip(reader.byte_records()) {
        let record = record.map_err(|e| e.to_string())?;
        if record.len() != header.len() {
            uneven.push(number);
        }
        rows.push(roles.row(number, &|column| Some(String::from_utf8_lossy(record.get(column)?).into_owned())));
    }
    let warning = uneven.first().map(|first| Warning::DamagedRows {
        document: name.into(),
        n_rows: uneven.len(),
        first_row: *first,
        problem: format!("not as many fields as the header's {}", header.len()),
    });
    let names = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    Ok(Table { names, rows, warnings: warning.into_iter().collect() })
}

/// Writes the rows again; those that `edit` does not touch, and the header, stay byte for byte.
pub(crate) fn rewrite(
    bytes: &[u8],
    columns: &Columns,
    edit: &mut dyn FnMut(usize) -> RowEdit,
) -> Result<Vec<u8>, String> {
    let mark = bytes.len() - bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).len();
    let (mut reader, header, delimiter) = reader(bytes)?;
    let text_column = roles(&header, columns)?.text;
    let rows = &bytes[mark..];
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
        let Table { rows, warnings, .. } = extract("t", table.as_bytes(), &Columns::default()).unwrap();
        let found: Vec<_> =
            rows.iter().map(|row| (row.number, row.text.as_str(), row.metadata.id.as_deref())).collect();
        assert_eq!(found, [(1, "One; with\nbreak", Some("1")), (2, "Two", Some("2")), (3, "Three", Some("3"))]);
        assert!(matches!(&warnings[..], [Warning::DamagedRows { n_rows: 1, first_row: 3, .. }]));
        let rewritten = rewrite(table.as_bytes(), &Columns::default(), &mut |row| match row {
            1 => RowEdit::Replace("a \"b\"".into()),
            2 => RowEdit::Drop,
            _ => RowEdit::Keep,
        });
        let expected = "\u{feff}id;Text;note\r\n1;\"a \"\"b\"\"\";a,b\r\n3;Three\r\n";
        assert_eq!(String::from_utf8(rewritten.unwrap()).unwrap(), expected);
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
            let read = extract("t", &whole, &Columns::default()).unwrap();
            prop_assert_eq!(read.rows.iter().map(|row| &row.text).collect::<Vec<_>>(), rows.iter().map(|row| &row.1).collect::<Vec<_>>());
        }
    }
}
