//! What `refrain.spark` runs on a cluster's machines, each on the part of the data that it has. The steps are the
//! library's `apart` modules; here Arrow columns and NumPy arrays become what they take.
#![expect(clippy::needless_pass_by_value, reason = "what Python hands over is owned")]

mod clusters;
mod pairs;
mod reading;
mod report;

pub use clusters::{FirstFit, Pass, cosines, fit_first, fit_keys, moved, placed, row_keys, within};
pub use pairs::{Cells, candidates, compared, digests, dots, groups, joined, postings, rarity};
pub use reading::{Reader, table_columns, unit_rows};
pub use report::{collected, decided};

use crate::errors::InputError;
use crate::options;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::Options;

/// The options that are given, of whatever a run needs: each step takes all and reads its own.
fn options(given: &Bound<PyDict>) -> PyResult<Options> {
    options::over_defaults(given, &[options::engine, options::input, options::clusters, options::duplicates])
}

/// The numbers of an array of one dimension.
fn numbers<'a, T: Element>(array: &'a PyReadonlyArray1<T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|e| InputError::new_err(e.to_string()))
}

/// `(n, dim)` numbers where they are: nobody else writes to what a task holds.
fn rows<'a>(array: &'a PyReadonlyArray2<f32>) -> PyResult<ndarray::ArrayView2<'a, f32>> {
    let shape = array.as_array().dim();
    let numbers = array.as_slice().map_err(|e| InputError::new_err(e.to_string()))?;
    ndarray::ArrayView2::from_shape(shape, numbers).map_err(|e| InputError::new_err(e.to_string()))
}

/// Columns of which those named may have missing values.
fn table(columns: Vec<(&str, ArrayRef)>, may_be_missing: &[&str]) -> Result<RecordBatch, ArrowError> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, may_be_missing.contains(&name)));
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// A number that sorts as a signed one as `key` does as an unsigned one: there are no others in Spark.
fn signed(key: u64) -> i64 {
    (key ^ (1 << 63)).cast_signed()
}
