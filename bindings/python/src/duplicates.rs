//! `refrain.duplicates`.

use crate::errors::InputError;
use crate::rows::{Rows, column_out};
use crate::table::Table;
use crate::texts::Texts;
use crate::{errors, interrupt, options};
use ndarray::Array2;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::Warning;
use refrain::duplicate::{self, ExactClasses, Passages};
use refrain::report::tables;

#[pyclass(frozen, get_all, module = "refrain")]
pub struct Duplicates {
    pairs: Py<Table>,
    groups: Py<Table>,
    group_of: Py<PyArray1<i32>>,
    kept: Py<PyArray1<bool>>,
}

#[pyfunction]
pub fn duplicates(
    py: Python,
    texts: Option<Texts>,
    embeddings: Option<Rows>,
    options: &Bound<PyDict>,
) -> PyResult<Duplicates> {
    let options = options::over_defaults(options, &[options::duplicates, options::threads])?;
    let threads = options.embedding.threads;
    let options = options.duplicate.unwrap_or_default();
    let max_pairs = options.max_pairs;
    let n = match (&texts, &embeddings) {
        (None, None) => return Err(InputError::new_err("neither texts nor embeddings are given; give one or both")),
        (Some(texts), Some(rows)) if texts.len() != rows.len() => {
            let (n_texts, n_rows) = (texts.len(), rows.len());
            return Err(InputError::new_err(format!(
                "{n_texts} texts and {n_rows} embeddings; give one for each text"
            )));
        }
        (Some(texts), _) => texts.len(),
        (None, Some(rows)) => rows.len(),
    };
    let found = interrupt::run(py, threads, move |_| {
        options.check()?;
        let rows = embeddings.map_or_else(|| Ok(Array2::zeros((n, 0))), Rows::of_unit_length)?;
        let texts = texts.as_ref().map(Texts::all);
        let classes = texts.as_ref().map_or_else(|| ExactClasses::all_different(n), |texts| ExactClasses::of(texts));
        let (texts, zeros) = (texts.unwrap_or_else(|| vec![""; n]), vec![0; n]);
        let passages = Passages {
            texts: &texts,
            rows: rows.view(),
            classes: &classes,
            source_of: &zeros,
            document_of: &zeros,
            n_new: n,
        };
        duplicate::find(passages, &options)
    })?;
    if found.n_pairs_left_out > 0 {
        errors::warn(py, &[Warning::PairsLeftOut { n_left_out: found.n_pairs_left_out, max_pairs }])?;
    }
    let group_of = found.group_of.iter().map(|group| group.map_or(-1, |group| group as i32));
    Ok(Duplicates {
        pairs: Py::new(py, Table::of(found.pairs.len(), |rows| tables::pairs(&found, rows))?)?,
        groups: Py::new(py, Table::whole(tables::groups(&found))?)?,
        group_of: column_out(py, group_of.collect()),
        kept: column_out(py, (0..n).map(|i| found.is_kept(i)).collect()),
    })
}
