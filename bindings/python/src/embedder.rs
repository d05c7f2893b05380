//! `refrain.Embedder`.
#![expect(clippy::needless_pass_by_value, reason = "what Python hands over is owned")]

use crate::texts::Texts;
use crate::{errors, interrupt, options, rows};
use numpy::{PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::embedding::{self, Model, Runtime};
use refrain::report::{ModelShown, sent};
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

    /// The rows of passages, whose lengths in tokens are known; what made them, as text; and what was remarked.
    fn embed_passages(
        &self,
        py: Python,
        texts: Texts,
        n_tokens: PyReadonlyArray1<i32>,
    ) -> PyResult<(Py<PyArray2<f32>>, String, String)> {
        let n_tokens: Vec<u32> = n_tokens.as_array().iter().map(|n| n.cast_unsigned()).collect();
        let embedder = Arc::clone(&self.embedder);
        let (embedded, made_by, warnings) = interrupt::run(py, self.threads, move |progress| {
            let mut warnings = vec![];
            let mut embedder = embedder.lock().unwrap_or_else(PoisonError::into_inner);
            let embedded = embedder.embed(&texts.all(), &n_tokens, progress, &mut warnings)?;
            let made_by = ModelShown::of(embedder.model(), &embedded);
            Ok((embedded, made_by, warnings))
        })?;
        Ok((rows::rows_out(py, embedded.rows)?, sent::of_model(&made_by), sent::of_warnings(&warnings)))
    }
}
