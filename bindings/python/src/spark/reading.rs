//! Files and rows become passages.

use super::{numbers, rows, table};
use crate::errors::{InputError, raised};
use crate::rows::{column_out, rows_out};
use crate::table::Table;
use crate::texts::Texts;
use crate::{capsule, options};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int32Array, Int64Array, StringArray};
use bytes::Bytes;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::document::embedded::where_of_unit_length;
use refrain::document::{self, Document};
use refrain::embedding::{Model, TokenCounter};
use refrain::passage::{self, Segmentation};
use refrain::report::collected::{remark, sent_metadata};
use refrain::source::Input;
use refrain::{Options, Silent, Warning};
use std::sync::Arc;

/// Places within a table are numbered row by row, so far apart.
const MAX_PASSAGES_OF_ROW: i64 = 1 << 24;

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
        let groups = [options::engine, options::input];
        let options = options::over_defaults(options, &groups)?;
        let model = Model::find(&options.model, &options.runtime, &Silent).map_err(|e| raised(&e))?;
        let measure = model.token_counter().map_err(|e| raised(&e))?;
        Ok(Self { options, measure })
    }

    /// The passages of files, whose contents are binary arrays. See [`Reader::passages`].
    fn files(&self, py: Python, names: Texts, sources: Texts, contents: &Bound<PyAny>) -> PyResult<Table> {
        let contents = capsule::arrays(contents)?.unwrap_or_default();
        py.detach(|| {
            let contents = contents.iter().flat_map(values);
            let mut found = Found::default();
            for ((name, source), bytes) in names.all().into_iter().zip(sources.all()).zip(contents) {
                let input = Input::named(name).in_source(source);
                let (documents, warnings) =
                    document::parse(&input, &Bytes::copy_from_slice(bytes), &self.options.document);
                found.add(name, source, 0, &documents, self.cut(&documents), warnings);
                found.add_documents(name, &documents);
            }
            found
        })
        .table()
    }

    /// The passages of a table's rows, each of which is a document of its `inputs`.
    fn texts(
        &self,
        py: Python,
        inputs: Texts,
        names: Texts,
        sources: Texts,
        texts: Texts,
        rows: PyReadonlyArray1<i64>,
    ) -> PyResult<Table> {
        let rows = numbers(&rows)?;
        py.detach(|| {
            let mut found = Found::default();
            let (inputs, names, sources, texts) = (inputs.all(), names.all(), sources.all(), texts.all());
            for i in 0..texts.len().min(rows.len()) {
                let (name, source) = (names[i].into(), sources[i].into());
                let document = [Document { name, source, text: texts[i].into(), ..Document::default() }];
                let cut = self.cut(&document);
                found.add(inputs[i], sources[i], rows[i] * MAX_PASSAGES_OF_ROW, &document, cut, vec![]);
            }
            found
        })
        .table()
    }
}

impl Reader {
    fn cut(&self, documents: &[Document]) -> Segmentation {
        passage::cut(documents, &self.measure, &self.options.passage)
    }
}

fn values(array: &ArrayRef) -> Vec<&[u8]> {
    if let Some(array) = array.as_binary_opt::<i32>() {
        return array.iter().map(Option::unwrap_or_default).collect();
    }
    array.as_binary_opt::<i64>().map_or_else(Vec::new, |array| array.iter().map(Option::unwrap_or_default).collect())
}

/// Passages, a row each; and rows without a text: one for each document of a file, with its metadata, and one for each
/// file, with what was left out of it and what was wrong with it.
#[derive(Default)]
struct Found {
    input: Vec<String>,
    document: Vec<String>,
    source: Vec<String>,
    part: Vec<i64>,
    start: Vec<i64>,
    end: Vec<i64>,
    text: Vec<Option<String>>,
    n_tokens: Vec<i32>,
    n_documents: Vec<i64>,
    n_short: Vec<i64>,
    n_split: Vec<i64>,
    warnings: Vec<Option<String>>,
    metadata: Vec<Option<String>>,
}

impl Found {
    /// The places of passages begin at `first`.
    fn add(
        &mut self,
        name: &str,
        source: &str,
        first: i64,
        documents: &[Document],
        cut: Segmentation,
        mut warnings: Vec<Warning>,
    ) {
        warnings.extend(cut.warnings);
        for (part, passage) in (first..).zip(&cut.passages) {
            let document = &documents[passage.document as usize];
            let place = passage.place(documents);
            self.row(name, document, part);
            self.start.push(place.start as i64);
            self.end.push(place.end as i64);
            self.text.push(Some(passage.text(documents).to_owned()));
            self.n_tokens.push(passage.n_tokens.cast_signed());
            self.remark([0; 3], None, None);
        }
        let whole = Document { name: name.into(), source: source.into(), ..Document::default() };
        self.row(name, &whole, -1);
        self.no_text();
        let warnings = (!warnings.is_empty()).then(|| remark(&warnings));
        self.remark([documents.len(), cut.n_short, cut.n_split], warnings, None);
    }

    /// A file's documents, in order.
    fn add_documents(&mut self, name: &str, documents: &[Document]) {
        for (part, document) in (0..).zip(documents) {
            self.row(name, document, part);
            self.no_text();
            self.remark([0; 3], None, Some(sent_metadata(&document.metadata)));
        }
    }

    fn row(&mut self, input: &str, document: &Document, part: i64) {
        self.input.push(input.to_owned());
        self.document.push(document.name.clone());
        self.source.push(document.source.clone());
        self.part.push(part);
    }

    fn no_text(&mut self) {
        self.start.push(0);
        self.end.push(0);
        self.text.push(None);
        self.n_tokens.push(0);
    }

    fn remark(&mut self, counts: [usize; 3], warnings: Option<String>, metadata: Option<String>) {
        let [n_documents, n_short, n_split] = counts.map(|count| count as i64);
        self.n_documents.push(n_documents);
        self.n_short.push(n_short);
        self.n_split.push(n_split);
        self.warnings.push(warnings);
        self.metadata.push(metadata);
    }

    fn table(self) -> PyResult<Table> {
        let text = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
        let number = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let n_bytes: usize = self.text.iter().flatten().map(String::len).sum();
        if i32::try_from(n_bytes).is_err() {
            return Err(InputError::new_err(
                "the passages of one batch of files are more than 2 GiB; split the largest",
            ));
        }
        let columns = vec![
            ("input", text(self.input)),
            ("document", text(self.document)),
            ("source", text(self.source)),
            ("part", number(self.part)),
            ("start", number(self.start)),
            ("end", number(self.end)),
            ("text", Arc::new(StringArray::from(self.text)) as ArrayRef),
            ("n_tokens", Arc::new(Int32Array::from(self.n_tokens))),
            ("n_documents", number(self.n_documents)),
            ("n_short", number(self.n_short)),
            ("n_split", number(self.n_split)),
            ("warnings", Arc::new(StringArray::from(self.warnings))),
            ("metadata", Arc::new(StringArray::from(self.metadata))),
        ];
        Table::whole(table(columns, &["text", "warnings", "metadata"]))
    }
}
