//! Files and rows become passages.

use super::report::table_of;
use super::{numbers, rows, table};
use crate::capsule;
use crate::errors::{InputError, raised};
use crate::rows::{column_out, rows_out};
use crate::table::Table;
use crate::texts::Texts;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use bytes::Bytes;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::document::embedded::where_of_unit_length;
use refrain::document::parquet::{columns_wanted, rows_of_batch};
use refrain::document::{self, Document};
use refrain::embedding::{Model, TokenCounter};
use refrain::passage::{self, Passage, Segmentation};
use refrain::report::sent;
use refrain::source::Input;
use refrain::{Options, Silent, Warning};
use std::sync::Arc;

/// Places within an input are numbered document by document, so far apart.
const PLACES_OF_DOCUMENT: i64 = 1 << 32;
/// Bytes of text in a batch, of which an array holds twice as many.
const MAX_BYTES: usize = 1 << 30;

type Scaled = (Py<PyArray2<f32>>, Py<PyArray1<bool>>);

/// Rows as they are given, scaled to unit length; and which of them have a length.
#[pyfunction]
pub fn unit_rows(py: Python, vectors: PyReadonlyArray2<f32>) -> PyResult<Scaled> {
    let mut rows = rows(&vectors)?.to_owned();
    let is_row = py.detach(|| where_of_unit_length(&mut rows));
    Ok((rows_out(py, rows)?, column_out(py, is_row)))
}

/// Reads and cuts documents as the command line does, with the model's tokenizer.
#[pyclass(frozen, module = "refrain._refrain")]
pub struct Reader {
    options: Options,
    measure: TokenCounter,
}

#[pymethods]
impl Reader {
    #[new]
    fn new(options: &Bound<PyDict>) -> PyResult<Self> {
        let options = super::options(options)?;
        let model = Model::find(&options.model, &options.runtime, &Silent).map_err(|e| raised(&e))?;
        let measure = model.token_counter().map_err(|e| raised(&e))?;
        Ok(Self { options, measure })
    }

    /// The passages of files, whose contents are binary arrays.
    fn files(&self, py: Python, names: Texts, sources: Texts, contents: &Bound<PyAny>) -> PyResult<Table> {
        let contents = capsule::arrays(contents)?.unwrap_or_default();
        py.detach(|| {
            let contents = contents.iter().flat_map(values);
            let mut found = Found::default();
            for ((name, source), bytes) in names.all().into_iter().zip(sources.all()).zip(contents) {
                let input = Input::named(name).in_source(source);
                let (documents, warnings) =
                    document::parse(&input, &Bytes::copy_from_slice(bytes), &self.options.document);
                self.add(&input, &documents, warnings, &mut found)?;
            }
            found.table()
        })
    }

    /// The passages of a table's rows, each of which is a document of one of the `inputs`, with the number `rows` in it.
    fn rows(&self, py: Python, inputs: Texts, rows: PyReadonlyArray1<i64>, batch: &Bound<PyAny>) -> PyResult<Table> {
        let rows: Vec<usize> = numbers(&rows)?.iter().map(|&row| usize::try_from(row).unwrap_or(0)).collect();
        let batches = table_of(batch)?;
        py.detach(|| {
            let (mut found, inputs) = (Found::default(), inputs.all());
            let (mut inputs, mut rows) = (inputs.as_slice(), rows.as_slice());
            for batch in &batches {
                let mut start = 0;
                // Rows of one input stand together.
                while let Some(input) = inputs.first().filter(|_| start < batch.num_rows()) {
                    let left = batch.num_rows() - start;
                    let n = inputs.iter().take(left).take_while(|other| *other == input).count();
                    let (input, mut warnings) = (Input::named(input), vec![]);
                    let part = batch.slice(start, n);
                    let documents = rows_of_batch(&input, &part, &rows[..n], &self.options.document, &mut warnings)
                        .map_err(|reason| InputError::new_err(format!("{}: {reason}", input.name)))?;
                    self.add(&input, &documents, warnings, &mut found)?;
                    (inputs, rows, start) = (&inputs[n..], &rows[n..], start + n);
                }
            }
            found.table()
        })
    }
}

impl Reader {
    fn add(
        &self,
        input: &Input,
        documents: &[Document],
        mut warnings: Vec<Warning>,
        found: &mut Found,
    ) -> PyResult<()> {
        let Segmentation { passages, n_short, n_split, warnings: more } =
            passage::cut(documents, &self.measure, &self.options.passage);
        warnings.extend(more);
        found.add(input, documents, &passages, [n_short, n_split], &warnings)
    }
}

/// The columns, of those of these names, that documents are made of.
#[pyfunction]
pub fn table_columns(path: &str, names: Vec<String>, options: &Bound<PyDict>) -> PyResult<Vec<String>> {
    let options = super::options(options)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wanted = columns_wanted(&names, &options.document.columns);
    let wanted = wanted.map_err(|reason| InputError::new_err(format!("{path}: {reason}")))?;
    Ok(wanted.into_iter().map(str::to_owned).collect())
}

fn values(array: &ArrayRef) -> Vec<&[u8]> {
    if let Some(array) = array.as_binary_opt::<i32>() {
        return array.iter().map(Option::unwrap_or_default).collect();
    }
    array.as_binary_opt::<i64>().map_or_else(Vec::new, |array| array.iter().map(Option::unwrap_or_default).collect())
}

/// Passages, a row each; and rows without a text: one for each document, with its metadata, and one for each input, with
/// what was left out of it and what was wrong with it.
#[derive(Default)]
struct Found {
    columns: Columns,
    n_bytes: usize,
    whole: Vec<RecordBatch>,
}

#[derive(Default)]
struct Columns {
    input: Vec<String>,
    document: Vec<String>,
    source: Vec<String>,
    part: Vec<i64>,
    start: Vec<i64>,
    end: Vec<i64>,
    text: Vec<Option<String>>,
    n_tokens: Vec<i32>,
    n_short: Vec<i64>,
    n_split: Vec<i64>,
    warnings: Vec<Option<String>>,
    metadata: Vec<Option<String>>,
}

impl Found {
    fn add(
        &mut self,
        input: &Input,
        documents: &[Document],
        passages: &[Passage],
        [n_short, n_split]: [usize; 2],
        warnings: &[Warning],
    ) -> PyResult<()> {
        let mut passages = passages.iter().peekable();
        for (i, document) in (0u32..).zip(documents) {
            let first = document.row.unwrap_or(i as usize) as i64 * PLACES_OF_DOCUMENT;
            self.columns.row(input, &document.name, &document.source, first);
            self.columns.remark([0; 2], None, Some(sent::of_metadata(&document.metadata)));
            for part in first.. {
                let Some(passage) = passages.next_if(|passage| passage.document == i) else { break };
                let (place, text) = (passage.place(documents), passage.text(documents));
                self.columns.row(input, &document.name, &document.source, part);
                self.columns.passage([place.start as i64, place.end as i64], text, passage.n_tokens);
                self.n_bytes += text.len();
                if self.n_bytes >= MAX_BYTES {
                    self.end_batch()?;
                }
            }
        }
        let warnings = (!warnings.is_empty()).then(|| sent::of_warnings(warnings));
        self.columns.row(input, &input.name, &input.source, -1);
        self.columns.remark([n_short as i64, n_split as i64], warnings, None);
        Ok(())
    }

    fn end_batch(&mut self) -> PyResult<()> {
        self.n_bytes = 0;
        self.whole.push(std::mem::take(&mut self.columns).batch().map_err(|e| InputError::new_err(e.to_string()))?);
        Ok(())
    }

    fn table(mut self) -> PyResult<Table> {
        self.end_batch()?;
        Ok(Table::of_batches(self.whole))
    }
}

impl Columns {
    /// What each row has.
    fn row(&mut self, input: &Input, document: &str, source: &str, part: i64) {
        self.input.push(input.name.clone());
        self.document.push(document.to_owned());
        self.source.push(source.to_owned());
        self.part.push(part);
    }

    fn passage(&mut self, [start, end]: [i64; 2], text: &str, n_tokens: u32) {
        self.start.push(start);
        self.end.push(end);
        self.text.push(Some(text.to_owned()));
        self.n_tokens.push(n_tokens.cast_signed());
        self.n_short.push(0);
        self.n_split.push(0);
        self.warnings.push(None);
        self.metadata.push(None);
    }

    fn remark(&mut self, [n_short, n_split]: [i64; 2], warnings: Option<String>, metadata: Option<String>) {
        self.start.push(0);
        self.end.push(0);
        self.text.push(None);
        self.n_tokens.push(0);
        self.n_short.push(n_short);
        self.n_split.push(n_split);
        self.warnings.push(warnings);
        self.metadata.push(metadata);
    }

    fn batch(self) -> Result<RecordBatch, ArrowError> {
        let text = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let some = |values: Vec<Option<String>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let number = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let columns = vec![
            ("input", text(self.input)),
            ("document", text(self.document)),
            ("source", text(self.source)),
            ("part", number(self.part)),
            ("start", number(self.start)),
            ("end", number(self.end)),
            ("text", some(self.text)),
            ("n_tokens", Arc::new(Int32Array::from(self.n_tokens))),
            ("n_short", number(self.n_short)),
            ("n_split", number(self.n_split)),
            ("warnings", some(self.warnings)),
            ("metadata", some(self.metadata)),
        ];
        table(columns, &["text", "warnings", "metadata"])
    }
}
