//! Files that hold embeddings already: `.npy` arrays, and Parquet tables with an `embedding` column
//! (as `refrain embed` writes them). Their rows skip embedding.
//!
//! Every row becomes a document of its own. Of a Parquet table, the columns `text`, `source`,
//! `document`, `start` and `n_tokens` are used where they are there.

use super::{Document, Metadata};
use crate::{Error, Result, source::Input};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use ndarray::{Array2, ArrayViewMut1, Axis};
use ndarray_npy::{ReadNpyError, ReadNpyExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A row's length may differ from 1 by so much; a bf16 model's rows do, by about 1e-7.
const UNIT_TOLERANCE: f64 = 1e-3;
const NPY: &[u8; 6] = b"\x93NUMPY";
const PARQUET: &[u8; 4] = b"PAR1";
const NO_EMBEDDINGS: &str = "it holds no embeddings; give files with embeddings, or documents, not both";

/// Rows that were read, of unit length, with what belongs to them.
#[derive(Debug)]
pub struct EmbeddedRows {
    /// `(n, dim)` rows.
    pub rows: Array2<f32>,
    /// A document for each row; its text is empty where the file has none.
    pub documents: Vec<Document>,
    /// Tokens of each row's text; 0 where the file does not say.
    pub n_tokens: Vec<u32>,
}

impl EmbeddedRows {
    /// These and then `more`, which come from other files.
    ///
    /// # Errors
    /// [`Error::Embeddings`] if they are not of the same width.
    pub fn followed_by(mut self, mut more: Self) -> Result<Self> {
        let (width, width_of_more) = (self.rows.ncols(), more.rows.ncols());
        self.rows.append(Axis(0), more.rows.view()).map_err(|_| Error::Embeddings {
            document: more.documents.first().map_or_else(String::new, |document| document.name.clone()),
            reason: format!("its rows are {width_of_more} wide, those of the files before it {width}"),
        })?;
        self.documents.append(&mut more.documents);
        self.n_tokens.append(&mut more.n_tokens);
        Ok(self)
    }
}

/// The embeddings in `inputs`, if they hold any; all of them must, and of one width.
///
/// # Errors
/// [`Error::Embeddings`] with the file, what is wrong in it and what was expected.
pub fn read_embedded(inputs: &[Input]) -> Result<Option<EmbeddedRows>> {
    if !inputs.iter().any(holds_embeddings) {
        return Ok(None);
    }
    let mut all: Option<EmbeddedRows> = None;
    for input in inputs {
        let wrong = |reason: String| Error::Embeddings { document: input.name.clone(), reason };
        let mut read = if is_npy(input) { read_npy(input) } else { read_parquet(input) }.map_err(wrong)?;
        to_unit_length(&mut read.rows).map_err(wrong)?;
        match &mut all {
            None => all = Some(read),
            Some(all) if all.rows.ncols() != read.rows.ncols() => {
                return Err(wrong(format!(
                    "its rows are {} wide, those of the files before it {}",
                    read.rows.ncols(),
                    all.rows.ncols()
                )));
            }
            Some(all) => {
                all.rows.append(ndarray::Axis(0), read.rows.view()).map_err(|e| wrong(e.to_string()))?;
                all.documents.append(&mut read.documents);
                all.n_tokens.append(&mut read.n_tokens);
            }
        }
    }
    Ok(all)
}

/// Whether an input is an array, or a table with a column `embedding`; a table without is a corpus.
pub(crate) fn holds_embeddings(input: &Input) -> bool {
    let is_table = || input.extension().is_some_and(|extension| extension == "parquet");
    // A table that comes as a stream is a corpus: to look for the column it would have to be read twice.
    is_npy(input) || is_table() && input.file().is_some_and(|file| super::parquet::has_column(file, "embedding"))
}

fn is_npy(input: &Input) -> bool {
    input.extension().is_some_and(|extension| extension == "npy")
}

/// Divides every row of `(n, dim)` by its length.
///
/// # Errors
/// Which row has none, being all zeros or not finite, and what to do; or that there are no numbers at all.
pub fn to_unit_length(rows: &mut Array2<f32>) -> std::result::Result<(), String> {
    if rows.ncols() == 0 || rows.nrows() == 0 {
        return Err(format!(
            "it holds {} rows of {} numbers; expected at least one of each",
            rows.nrows(),
            rows.ncols()
        ));
    }
    for (i, row) in rows.outer_iter_mut().enumerate() {
        row_to_unit_length(row)
            .map_err(|problem| format!("row {i} {problem}; embed its text again or leave it out"))?;
    }
    Ok(())
}

/// The same of rows of which some may have no length: which have one. The others stay as they are.
#[must_use]
pub fn where_of_unit_length(rows: &mut Array2<f32>) -> Vec<bool> {
    rows.outer_iter_mut().map(|row| row_to_unit_length(row).is_ok()).collect()
}

fn row_to_unit_length(mut row: ArrayViewMut1<f32>) -> std::result::Result<(), &'static str> {
    let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    if !norm.is_finite() {
        return Err("holds a number that is not finite");
    }
    if norm < 1e-12 {
        return Err("is all zeros, which has no direction");
    }
    // Rows of unit length stay as they are, to the bit: so a table gives the report that its documents give.
    if (norm - 1.0).abs() > UNIT_TOLERANCE {
        row.mapv_inplace(|v| (f64::from(v) / norm) as f32);
    }
    Ok(())
}

fn document(input: &Input, row: usize) -> Document {
    Document {
        name: format!("{}#{}", input.name, row + 1),
        source: input.source.clone(),
        text: String::new(),
        offset: 0,
        label: None,
        row: Some(row),
        is_editable: false,
        metadata: Metadata::default(),
    }
}

/// The `(n, dim)` numbers of a `.npy` file, as they are.
///
/// # Errors
/// What is wrong with the file, and what was expected.
pub fn read_array(path: &Path) -> std::result::Result<Array2<f32>, String> {
    array(|| Ok(BufReader::new(File::open(path)?)), path.metadata().ok().map(|metadata| metadata.len()))
}

/// Reads the numbers where they will stand: the file's bytes beside them would be as much again.
fn array<R: Read>(
    open: impl Fn() -> std::io::Result<R>,
    size: Option<u64>,
) -> std::result::Result<Array2<f32>, String> {
    let open = || open().map_err(|e| e.to_string());
    let (promised, size) = (n_promised(open()?).unwrap_or(0), size.unwrap_or(u64::MAX));
    if promised.saturating_mul(4) > size {
        return Err(format!(
            "its header promises {promised} numbers, which {size} bytes cannot hold: it was cut short"
        ));
    }
    let rows = match Array2::<f32>::read_npy(open()?) {
        Err(ReadNpyError::WrongDescriptor(_)) => Array2::<f64>::read_npy(open()?).map(|rows| rows.mapv(|v| v as f32)),
        read => read,
    };
    rows.map_err(|e| format!("{e}; expected an array of shape (n, dim) of f32 or f64"))
}

/// How many numbers the header of a `.npy` file promises (NumPy Enhancement Proposal 1). The library would ask
/// for memory for them before it looks how many there are; all else in the header is its to judge.
fn n_promised(mut file: impl Read) -> Option<u64> {
    let mut start = [0; 12];
    file.read_exact(&mut start).ok()?;
    // Version 1 has two bytes for the header's length, later ones four.
    let length = if start[6] < 2 { u64::from(start[8]) | u64::from(start[9]) << 8 } else { 1 << 16 };
    let mut header = start[10..].to_vec();
    file.take(length).read_to_end(&mut header).ok()?;
    let header = String::from_utf8_lossy(&header);
    let shape = header.split_once("'shape'")?.1.split_once('(')?.1.split_once(')')?.0;
    let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
    Some(sides.fold(1, |product: u64, side| product.saturating_mul(side.parse().unwrap_or(u64::MAX))))
}

fn read_npy(input: &Input) -> std::result::Result<EmbeddedRows, String> {
    let mut magic = [0; NPY.len()];
    if input.open().and_then(|mut file| file.read_exact(&mut magic)).is_err() || magic != *NPY {
        return Err(NO_EMBEDDINGS.into());
    }
    let rows = array(|| input.open(), input.size())?;
    let documents = (0..rows.nrows()).map(|i| document(input, i)).collect();
    Ok(EmbeddedRows { n_tokens: vec![0; rows.nrows()], documents, rows })
}

fn read_parquet(input: &Input) -> std::result::Result<EmbeddedRows, String> {
    let mut magic = [0; PARQUET.len()];
    let file = input.file().filter(|mut file| file.read_exact(&mut magic).is_ok() && magic == *PARQUET);
    let file = file.ok_or(NO_EMBEDDINGS)?;
    let failed = |e: parquet::errors::ParquetError| e.to_string();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(failed)?;
    let wanted = ["embedding", "text", "source", "document", "start", "n_tokens"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let reader = builder.with_projection(mask).build().map_err(failed)?;
    let (mut values, mut dim) = (Vec::new(), None);
    let (mut documents, mut n_tokens) = (Vec::new(), Vec::new());
    for batch in reader {
        let batch = batch.map_err(|e| e.to_string())?;
        let embedding = batch
            .column_by_name("embedding")
            .ok_or("it has no column `embedding`; expected a list of f32 for each row")?;
        let text = strings(&batch, "text")?;
        let (source, name) = (strings(&batch, "source")?, strings(&batch, "document")?);
        let start = batch.column_by_name("start").and_then(|c| c.as_primitive_opt::<UInt64Type>().cloned());
        let tokens = batch.column_by_name("n_tokens").and_then(|c| c.as_primitive_opt::<UInt32Type>().cloned());
        push_rows(embedding, documents.len(), &mut values, &mut dim)
            .map_err(|e| format!("in its column `embedding`, {e}"))?;
        for row in 0..batch.num_rows() {
            let mut document = document(input, documents.len());
            let value = |of: &Option<Vec<String>>| of.as_ref().map(|of| of[row].clone());
            document.text = value(&text).unwrap_or_default();
            document.source = value(&source).unwrap_or(document.source);
            document.name = value(&name).unwrap_or(document.name);
            document.offset = start.as_ref().map_or(0, |start| start.value(row) as usize);
            documents.push(document);
            n_tokens.push(tokens.as_ref().map_or(0, |tokens| tokens.value(row)));
        }
    }
    let rows = Array2::from_shape_vec((documents.len(), dim.unwrap_or(0)), values).map_err(|e| e.to_string())?;
    Ok(EmbeddedRows { rows, documents, n_tokens })
}

/// The `(n, dim)` numbers in columns of lists, one after the other, as they are.
///
/// # Errors
/// Which row is of another width or missing; or what the columns are instead of lists of f32 or f64.
pub fn rows_of(columns: &[ArrayRef]) -> std::result::Result<Array2<f32>, String> {
    let (mut values, mut dim, mut n) = (Vec::new(), None, 0);
    for column in columns {
        push_rows(column, n, &mut values, &mut dim)?;
        n += column.len();
    }
    Array2::from_shape_vec((n, dim.unwrap_or(0)), values).map_err(|e| e.to_string())
}

/// Appends the numbers of a column of lists, all of the width `dim`, that comes after `n_before` rows.
fn push_rows(
    column: &ArrayRef,
    n_before: usize,
    values: &mut Vec<f32>,
    dim: &mut Option<usize>,
) -> std::result::Result<(), String> {
    for row in 0..column.len() {
        let before = values.len();
        push_row(column, row, values).map_err(|e| format!("row {}: {e}", n_before + row))?;
        let width = values.len() - before;
        let dim = *dim.get_or_insert(width);
        if dim != width {
            return Err(format!("row {} is {width} wide, the rows before it {dim}", n_before + row));
        }
    }
    Ok(())
}

fn strings(batch: &RecordBatch, name: &str) -> std::result::Result<Option<Vec<String>>, String> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let owned = |value: Option<&str>| value.unwrap_or_default().to_owned();
    if let Some(column) = column.as_string_opt::<i32>() {
        return Ok(Some(column.iter().map(owned).collect()));
    }
    if let Some(column) = column.as_string_opt::<i64>() {
        return Ok(Some(column.iter().map(owned).collect()));
    }
    if let Some(column) = column.as_string_view_opt() {
        return Ok(Some(column.iter().map(owned).collect()));
    }
    Err(format!("its column `{name}` is {}; expected text", column.data_type()))
}

/// Appends one row's numbers.
fn push_row(column: &ArrayRef, row: usize, values: &mut Vec<f32>) -> std::result::Result<(), String> {
    let list = if column.is_null(row) {
        return Err("has no embedding".into());
    } else if let Some(lists) = column.as_fixed_size_list_opt() {
        lists.value(row)
    } else if let Some(lists) = column.as_list_opt::<i32>() {
        lists.value(row)
    } else if let Some(lists) = column.as_list_opt::<i64>() {
        lists.value(row)
    } else {
        return Err(format!("it is {}; expected lists of f32 or f64", column.data_type()));
    };
    if let Some(list) = list.as_primitive_opt::<Float32Type>() {
        values.extend_from_slice(list.values());
    } else if let Some(list) = list.as_primitive_opt::<Float64Type>() {
        values.extend(list.values().iter().map(|&v| v as f32));
    } else {
        return Err(format!("it holds {}; expected f32 or f64", list.data_type()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rows_are_made_unit_length_and_bad_ones_named() {
        let mut rows = array![[3.0f32, 4.0], [0.0, 2.0]];
        to_unit_length(&mut rows).unwrap();
        assert_eq!(rows, array![[0.6, 0.8], [0.0, 1.0]]);
        let wrong = |mut rows: Array2<f32>| to_unit_length(&mut rows).unwrap_err();
        assert!(wrong(array![[1.0, 0.0], [f32::NAN, 1.0]]).starts_with("row 1 holds a number that is not finite"));
        assert!(wrong(array![[1.0, 0.0], [0.0, 0.0]]).starts_with("row 1 is all zeros"));
        assert!(wrong(Array2::zeros((3, 0))).contains("3 rows of 0 numbers"));
    }
}
