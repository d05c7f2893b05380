//! Arrow tables that other libraries take without copying.

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use refrain::report::tables::BATCH_ROWS;
use std::ops::Range;
use std::sync::Arc;

#[pyclass(frozen, module = "refrain")]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    /// A table of `n` rows, made batch by batch.
    pub fn of(n: usize, batch: impl Fn(Range<usize>) -> Result<RecordBatch, ArrowError>) -> PyResult<Self> {
        let of_rows = |start| batch(start..(start + BATCH_ROWS).min(n));
        let schema = batch(0..0).map_err(failed)?.schema();
        let batches = (0..n).step_by(BATCH_ROWS).map(of_rows).collect::<Result<_, _>>().map_err(failed)?;
        Ok(Self { schema, batches })
    }

    /// A table of batches of one schema, at least one.
    pub fn of_batches(batches: Vec<RecordBatch>) -> Self {
        let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        Self { schema, batches }
    }

    /// A table of one batch.
    pub fn whole(batch: Result<RecordBatch, ArrowError>) -> PyResult<Self> {
        let batch = batch.map_err(failed)?;
        Ok(Self { schema: batch.schema(), batches: vec![batch] })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it")]
fn failed(error: ArrowError) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}

#[pymethods]
impl Table {
    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn __repr__(&self) -> String {
        format!("<refrain.Table of {} rows: {}>", self.__len__(), self.column_names().join(", "))
    }

    /// The interface lets a producer leave a wish for another schema unheeded.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let batches = RecordBatchIterator::new(self.batches.clone().into_iter().map(Ok), self.schema.clone());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), c"arrow_array_stream")
    }
}
