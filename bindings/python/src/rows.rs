//! Rows in and out. They come as NumPy arrays or Arrow arrays of lists and are copied once, because they are scaled to unit
//! length and others may write to theirs meanwhile; they go out without a copy.

use crate::capsule;
use crate::errors::InputError;
use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use ndarray::Array2;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;
use refrain::document::embedded::{rows_of, to_unit_length};
use refrain::{Error, Result};
use std::sync::Arc;

/// `(n, dim)` numbers as they were given.
pub struct Rows(Array2<f32>);

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.nrows()
    }

    /// They themselves.
    pub fn into_given(self) -> Array2<f32> {
        self.0
    }

    /// The same of unit length, as the library takes them.
    pub fn of_unit_length(self) -> Result<Array2<f32>> {
        let mut rows = self.0;
        to_unit_length(&mut rows).map_err(|reason| Error::Embeddings { document: "rows".into(), reason })?;
        Ok(rows)
    }
}

impl<'py> FromPyObject<'_, 'py> for Rows {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(rows) = object.extract::<PyReadonlyArray2<f32>>() {
            return copied(&rows, |value| value).map(Self);
        }
        if let Ok(rows) = object.extract::<PyReadonlyArray2<f64>>() {
            return copied(&rows, |value| value as f32).map(Self);
        }
        if let Some(arrays) = capsule::arrays(&object)? {
            let lists: Vec<ArrayRef> = arrays.into_iter().map(column).collect();
            return rows_of(&lists).map(Self).map_err(|reason| wrong(&reason));
        }
        let kind = object.get_type().name()?;
        Err(wrong(&format!(
            "found {kind}, expected a NumPy array of shape (n, dim) of float32 or float64, or an Arrow array of lists of them"
        )))
    }
}

fn wrong(reason: &str) -> PyErr {
    InputError::new_err(format!("rows: {reason}"))
}

/// The array itself, or the only column of a table.
fn column(array: ArrayRef) -> ArrayRef {
    match array.as_struct_opt() {
        Some(table) if table.num_columns() == 1 => Arc::clone(table.column(0)),
        _ => array,
    }
}

/// numpy may be built on another ndarray than the library is, so the numbers cross as a plain list of them.
fn copied<T: Element + Copy>(rows: &PyReadonlyArray2<T>, as_f32: impl Fn(T) -> f32) -> PyResult<Array2<f32>> {
    let view = rows.as_array();
    let values = view.iter().map(|&value| as_f32(value)).collect();
    Array2::from_shape_vec(view.dim(), values).map_err(|e| wrong(&e.to_string()))
}

/// An array of a value for each row, which becomes NumPy's own.
pub fn column_out<T: Element>(py: Python, values: Vec<T>) -> Py<PyArray1<T>> {
    PyArray1::from_vec(py, values).unbind()
}

/// `(n, dim)` numbers, which become NumPy's own.
pub fn rows_out(py: Python, rows: Array2<f32>) -> PyResult<Py<PyArray2<f32>>> {
    let shape = rows.dim();
    // Rows that the library makes are in order and begin at their first number.
    let (values, _) = rows.into_raw_vec_and_offset();
    Ok(PyArray1::from_vec(py, values).reshape([shape.0, shape.1])?.unbind())
}
