//! Parquet tables of texts: a row a document. They are read and written batch by batch.

use super::table::{Roles, RowEdit, Rows};
use super::{Columns, Document, DocumentOptions, Limits};
use crate::Warning;
use crate::source::Input;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, LargeStringArray, RecordBatch, StringArray, StringViewArray};
use arrow_schema::DataType;
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;
use std::sync::Arc;

/// What a Parquet file begins with.
pub(crate) const MAGIC: &[u8] = b"PAR1";

type Builder<R> = ParquetRecordBatchReaderBuilder<R>;

fn open<R: ChunkReader + 'static>(from: R) -> Result<Builder<R>, String> {
    Builder::try_new(from).map_err(|e| e.to_string())
}

fn names<R: ChunkReader + 'static>(builder: &Builder<R>) -> Vec<&str> {
    builder.schema().fields().iter().map(|field| field.name().as_str()).collect()
}

/// Whether a file has a column of this name.
pub(crate) fn has_column(from: impl ChunkReader + 'static, column: &str) -> bool {
    open(from).is_ok_and(|builder| names(&builder).contains(&column))
}

/// Reads a table batch by batch.
///
/// # Errors
/// Why it is no table with a text.
pub(super) fn extract(
    input: &Input,
    from: impl ChunkReader + 'static,
    columns: &Columns,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Document>, String> {
    let builder = open(from)?;
    let all = names(&builder);
    let roles = Roles::of(&all, columns)?;
    let names = all.iter().map(|name| (*name).to_owned()).collect();
    let wanted = roles.columns();
    let text_type = builder.schema().field(roles.text).data_type();
    if !is_text(text_type) {
        return Err(not_text(text_type));
    }
    // Projected columns keep their order, so a column's place among them is its rank.
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let reader = builder.with_projection(mask).build().map_err(|e| e.to_string())?;
    let (mut rows, mut number) = (Rows::new(input, columns, limits), 0);
    for batch in reader {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => {
                let problem = format!("{error}, after row {number}; those after it are not read");
                warnings.push(Warning::Damaged { document: input.name.clone(), problem });
                break;
            }
        };
        let column = |number: usize| wanted.iter().position(|&wanted| wanted == number).map(|i| batch.column(i));
        for i in 0..batch.num_rows() {
            number += 1;
            rows.push(roles.row(number, &|column_number| cell(column(column_number)?, i)));
        }
    }
    Ok(rows.end(names, warnings))
}

/// The names of the columns that a table's documents are made of.
///
/// # Errors
/// Which column is missing, and which there are.
pub fn columns_wanted<'a>(names: &[&'a str], columns: &Columns) -> Result<Vec<&'a str>, String> {
    Ok(Roles::of(names, columns)?.columns().into_iter().map(|column| names[column]).collect())
}

/// The documents of rows of a table that was opened elsewhere, whose numbers in it (from 1) are given. What is wrong
/// with a row costs the row.
///
/// # Errors
/// Why the batch is none of a table with a text.
///
/// # Panics
/// If there is not a number for each row.
pub fn rows_of_batch(
    input: &Input,
    batch: &RecordBatch,
    numbers: &[usize],
    options: &DocumentOptions,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Document>, String> {
    assert_eq!(batch.num_rows(), numbers.len(), "a number for each row");
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let roles = Roles::of(&names, &options.columns)?;
    let text_type = batch.column(roles.text).data_type();
    if !is_text(text_type) {
        return Err(not_text(text_type));
    }
    let mut rows = Rows::new(input, &options.columns, &options.limits);
    for (i, &number) in numbers.iter().enumerate() {
        rows.push(roles.row(number, &|column| cell(batch.column(column), i)));
    }
    Ok(rows.end(names.into_iter().map(str::to_owned).collect(), warnings))
}

fn not_text(found: &DataType) -> String {
    format!("its text column holds {found}; expected text")
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// A cell as text, where it holds text or a number.
fn cell(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Some(column.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Some(column.as_string_view().value(row).to_owned()),
        DataType::Int32 => Some(column.as_primitive::<Int32Type>().value(row).to_string()),
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row).to_string()),
        DataType::UInt64 => Some(column.as_primitive::<UInt64Type>().value(row).to_string()),
        DataType::Float64 => Some(column.as_primitive::<Float64Type>().value(row).to_string()),
        _ => None,
    }
}

/// Writes the table again: the same columns of the same types in the same order, compressed alike.
pub(crate) fn rewrite(
    bytes: Bytes,
    columns: &Columns,
    edit: &mut dyn FnMut(usize) -> RowEdit,
) -> Result<Vec<u8>, String> {
    let builder = open(bytes)?;
    let text_column = Roles::of(&names(&builder), columns)?.text;
    let metadata = builder.metadata();
    let first_chunk = metadata.row_groups().first().and_then(|group| group.columns().first());
    let properties = WriterProperties::builder()
        .set_key_value_metadata(
            metadata
                .file_metadata()
                .key_value_metadata()
                .map(|all| all.iter().filter(|pair| pair.key != ARROW_SCHEMA_META_KEY).cloned().collect()),
        )
        .set_compression(first_chunk.map_or(Compression::UNCOMPRESSED, ColumnChunkMetaData::compression))
        .build();
    let schema = Arc::clone(builder.schema());
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|e| e.to_string())?;
    let mut number = 1;
    for batch in builder.build().map_err(|e| e.to_string())? {
        let batch = batch.map_err(|e| e.to_string())?;
        let edits: Vec<RowEdit> = (number..number + batch.num_rows()).map(&mut *edit).collect();
        number += batch.num_rows();
        let edited = edited(&batch, text_column, &edits)?;
        writer.write(&edited).map_err(|e| e.to_string())?;
    }
    writer.into_inner().map_err(|e| e.to_string())
}

fn edited(batch: &RecordBatch, text_column: usize, edits: &[RowEdit]) -> Result<RecordBatch, String> {
    let mut columns = batch.columns().to_vec();
    if edits.iter().any(|edit| matches!(edit, RowEdit::Replace(_))) {
        let old = &columns[text_column];
        let texts: Vec<Option<String>> = edits
            .iter()
            .enumerate()
            .map(|(row, edit)| match edit {
                RowEdit::Replace(text) => Some(text.clone()),
                _ => cell(old, row),
            })
            .collect();
        columns[text_column] = match old.data_type() {
            DataType::Utf8 => Arc::new(StringArray::from(texts)),
            DataType::LargeUtf8 => Arc::new(LargeStringArray::from(texts)),
            DataType::Utf8View => Arc::new(StringViewArray::from_iter(texts)),
            other => return Err(format!("its text column holds {other}; expected text")),
        };
    }
    let kept: BooleanArray = edits.iter().map(|edit| Some(*edit != RowEdit::Drop)).collect();
    let batch = RecordBatch::try_new(batch.schema(), columns).map_err(|e| e.to_string())?;
    filter_record_batch(&batch, &kept).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int64Array;
    use arrow_schema::{Field, Schema};
    use parquet::file::metadata::KeyValue;
    use std::collections::HashMap;

    fn table() -> (RecordBatch, Bytes) {
        let fields = vec![
            Field::new("n", DataType::Int64, true).with_metadata(HashMap::from([("unit".into(), "m".into())])),
            Field::new("text", DataType::LargeUtf8, true),
            Field::new("note", DataType::Utf8View, true),
        ];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)])),
            Arc::new(LargeStringArray::from(vec![Some("one"), Some("two"), None, Some("four")])),
            Arc::new(StringViewArray::from(vec![None, Some("b"), Some("c"), Some("d")])),
        ];
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(vec![KeyValue::new("pandas".to_owned(), "{}".to_owned())]))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        (batch, writer.into_inner().unwrap().into())
    }

    #[test]
    fn rows_are_documents() {
        let (_, bytes) = table();
        assert!(has_column(bytes.clone(), "note") && !has_column(bytes.clone(), "embedding"));
        let columns = Columns { id: Some("n".into()), ..Columns::default() };
        let read = |bytes: Bytes, columns: &Columns| {
            let mut warnings = Vec::new();
            let documents = extract(&Input::named("t"), bytes, columns, &Limits::default(), &mut warnings);
            documents.map(|documents| (documents, warnings))
        };
        let (documents, warnings) = read(bytes.clone(), &columns).unwrap();
        let found: Vec<_> = documents.iter().map(|d| (d.text.as_str(), d.metadata.id.as_deref(), d.row)).collect();
        assert_eq!(found, [("one", Some("1"), Some(1)), ("two", None, Some(2)), ("four", Some("4"), Some(4))]);
        assert!(matches!(&warnings[..], [Warning::RowsWithoutText { n_rows: 1, first_row: 3, .. }]), "{warnings:?}");
        let wrong = Columns { text: Some("n".into()), ..Columns::default() };
        assert!(read(bytes, &wrong).unwrap_err().contains("holds Int64; expected text"));
    }

    #[test]
    fn a_rewritten_table_keeps_columns_types_metadata_and_compression() {
        let (batch, bytes) = table();
        let rewritten = rewrite(bytes, &Columns::default(), &mut |row| match row {
            1 => RowEdit::Replace("1".into()),
            2 => RowEdit::Drop,
            _ => RowEdit::Keep,
        });
        let builder = open(Bytes::from(rewritten.unwrap())).unwrap();
        assert_eq!(builder.schema().fields(), batch.schema().fields());
        let metadata = Arc::clone(builder.metadata());
        assert_eq!(metadata.row_group(0).column(0).compression(), Compression::SNAPPY);
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        assert_eq!(pairs.iter().filter(|pair| pair.key == "pandas").count(), 1);
        let read = builder.build().unwrap().next().unwrap().unwrap();
        let expected = filter_record_batch(&batch, &BooleanArray::from(vec![true, false, true, true])).unwrap();
        assert_eq!((read.column(0), read.column(2)), (expected.column(0), expected.column(2)));
        let texts: Vec<_> = read.column(1).as_string::<i64>().iter().collect();
        assert_eq!(texts, [Some("1"), None, Some("four")]);
    }
}
