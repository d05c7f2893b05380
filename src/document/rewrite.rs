//! An input written again without what is to be left out of it, in the format it came in.

use super::packed::{self, Content};
use super::{
    Document, DocumentOptions, Format, RowEdit, archive_of, csv, decode, jsonl, markdown, opened, parquet, text,
};
use crate::source::Input;
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;

/// What is to be left out of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Parts of its text, in order and without overlaps.
    Cuts(Vec<Range<usize>>),
    /// The whole document.
    Document,
}

/// An input's bytes again, in its format, without what is to be left out of its documents; none if
/// nothing but white space would be left. All that is not touched stays byte for byte (in Parquet:
/// value for value).
///
/// `removals` are of documents of this input, as [`parse`] gives them with the same options.
///
/// # Errors
/// Why it cannot be: passages are to be cut out of a text that was made from markup, or one document out
/// of JSON that holds several.
pub fn rewrite(
    input: &Input,
    bytes: &Bytes,
    options: &DocumentOptions,
    removals: &[(&Document, Removal)],
) -> std::result::Result<Option<Vec<u8>>, String> {
    if removals.is_empty() {
        return Ok(Some(bytes.to_vec()));
    }
    let content = Content::of_bytes(bytes, &options.limits)?;
    if let Some(archive) = archive_of(&content, options) {
        return Err(format!("nothing can be cut out of a {} archive", archive.name()));
    }
    let packings = content.packings().to_vec();
    let (format, bytes) = opened(input, &content.whole(&options.limits)?.bytes, options, &mut vec![])?;
    let left = rewrite_as(format, input, &bytes, options, removals)?;
    left.map(|left| packed::pack(left, &packings)).transpose().map_err(|e| e.to_string())
}

/// The same of bytes that are not packed, in their format.
fn rewrite_as(
    format: Format,
    input: &Input,
    bytes: &Bytes,
    options: &DocumentOptions,
    removals: &[(&Document, Removal)],
) -> std::result::Result<Option<Vec<u8>>, String> {
    if !matches!(format, Format::Jsonl | Format::Csv | Format::Parquet) {
        return match removals {
            [(document, Removal::Document)] if document.name == input.name => Ok(None),
            [(_, Removal::Cuts(cuts))] if format == Format::Text => {
                let left = text::rewrite(bytes, cuts);
                Ok(Some(left).filter(|left| !left.trim_ascii().is_empty()))
            }
            [(_, Removal::Cuts(cuts))] if format == Format::Markdown => {
                let left = markdown::rewrite(bytes, &decode(&input.name, bytes, &mut vec![]), cuts);
                Ok(Some(left).filter(|left| !left.trim_ascii().is_empty()))
            }
            _ => Err(format!("nothing can be cut out of {}", format.name())),
        };
    }
    let mut by_row: HashMap<usize, RowEdit> = HashMap::new();
    for (document, removal) in removals {
        let row = document.row.ok_or("a damaged row cannot be told from the others")?;
        let edit = match removal {
            Removal::Document => RowEdit::Drop,
            Removal::Cuts(_) if !document.is_editable => {
                return Err("nothing can be cut out of HTML".into());
            }
            Removal::Cuts(cuts) => {
                let left = text::without(&document.text, cuts);
                if left.trim().is_empty() { RowEdit::Drop } else { RowEdit::Replace(left) }
            }
        };
        by_row.insert(row, edit);
    }
    let columns = &options.columns;
    let edit = &mut |row: usize| by_row.remove(&row).unwrap_or(RowEdit::Keep);
    let left = match format {
        Format::Jsonl => jsonl::rewrite(bytes, columns, edit),
        Format::Csv => csv::rewrite(bytes, columns, edit),
        _ => parquet::rewrite(bytes.clone(), columns, edit),
    };
    left.map(Some)
}
