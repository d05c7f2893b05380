//! `refrain.Embedder`.

use crate::texts::Texts;
use crate::{errors, interrupt, options, rows};
use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::embedding::{self, Model, Runtime};
use std::sync::{Arc, Mutex, PoisonError};

#[pyclass(frozen, module = "refrain._refrain")]
pub struct Embedder {
    embedder: Arc<Mutex<embedding::Embedder>>,
    threads: usize,
}

#[pymethods]
impl Embedder {
    #[new]
    fn new(py: Python, options: &Bound<PyDict>) -> PyResult<Self> {
        let options = options::over_defaults(options, &[options::engine])?;
        let threads = options.embedding.threads;
        let embedder = interrupt::run(py, threads, move |progress| {
            let model = Model::find(&options.model, &options.runtime, progress)?;
            let runtime = Runtime::find(&options.runtime, progress)?;
            embedding::Embedder::new(model, runtime, options.embedding)
        })?;
        Ok(Self { embedder: Arc::new(Mutex::new(embedder)), threads })
    }

    fn embed(&self, py: Python, texts: Texts) -> PyResult<Py<PyArray2<f32>>> {
        let embedder = Arc::clone(&self.embedder);
        let (embedded, warnings) = interrupt::run(py, self.threads, move |progress| {
            let mut warnings = vec![];
            // What panicked in another thread has left nothing half done that matters: a model is loaded or not.
            let mut embedder = embedder.lock().unwrap_or_else(PoisonError::into_inner);
            let embedded = embedder.embed_beginnings(&texts.all(), progress, &mut warnings)?;
            Ok((embedded, warnings))
        })?;
        errors::warn(py, &warnings)?;
        rows::rows_out(py, embedded.rows)
    }
}
