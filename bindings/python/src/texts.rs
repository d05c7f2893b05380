//! Texts that are given: an Arrow array as it is, or the strings of any other iterable, copied once into one.

use crate::capsule;
use crate::errors::InputError;
use arrow_array::builder::LargeStringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::Arc;

const EXPECTED: &str = "expected a list of str, or an Arrow array of strings";

/// Arrays of strings, none of them missing.
pub struct Texts(Vec<ArrayRef>);

impl Texts {
    /// How many.
    pub fn len(&self) -> usize {
        self.0.iter().map(Array::len).sum()
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<&str> {
        self.0.iter().flat_map(|array| strings(array)).map(Option::unwrap_or_default).collect()
    }
}

impl<'py> FromPyObject<'_, 'py> for Texts {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Some(arrays) = capsule::arrays(&object)? else { return copied(&object).map(|array| Self(vec![array])) };
        let arrays = arrays.into_iter().map(column).collect::<PyResult<Vec<_>>>()?;
        let mut n_before = 0;
        for array in &arrays {
            if let Some(row) = (0..array.len()).filter(|_| array.null_count() > 0).find(|&row| array.is_null(row)) {
                return Err(missing(n_before + row));
            }
            n_before += array.len();
        }
        Ok(Self(arrays))
    }
}

/// The array itself, or the only column of a table, which must be of strings.
fn column(array: ArrayRef) -> PyResult<ArrayRef> {
    let array = match array.as_struct_opt() {
        Some(table) if table.num_columns() == 1 => Arc::clone(table.column(0)),
        _ => array,
    };
    match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(array),
        other => Err(InputError::new_err(format!("texts: found an Arrow array of {other}, {EXPECTED}"))),
    }
}

fn strings(array: &ArrayRef) -> Box<dyn Iterator<Item = Option<&str>> + '_> {
    match array.data_type() {
        DataType::Utf8 => Box::new(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => Box::new(array.as_string::<i64>().iter()),
        _ => Box::new(array.as_string_view().iter()),
    }
}

fn copied(object: &Bound<PyAny>) -> PyResult<ArrayRef> {
    let wrong = |place: &str, object: &Bound<PyAny>| {
        let kind = object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
        InputError::new_err(format!("{place}: found {kind}, {EXPECTED}"))
    };
    // The letters of one text would be texts too.
    let iterator = object.try_iter().ok().filter(|_| !object.is_instance_of::<PyString>());
    let mut texts = LargeStringBuilder::new();
    for (i, text) in iterator.ok_or_else(|| wrong("texts", object))?.enumerate() {
        let text = text?;
        if text.is_none() {
            return Err(missing(i));
        }
        let text = text.cast::<PyString>().map_err(|_| wrong(&format!("text {i}"), &text))?;
        texts.append_value(text.to_str().map_err(|e| InputError::new_err(format!("text {i}: {e}")))?);
    }
    Ok(Arc::new(texts.finish()))
}

fn missing(i: usize) -> PyErr {
    InputError::new_err(format!("text {i} is missing; leave it out, or give an empty text in its place"))
}
