//! `refrain.report`.
#![expect(clippy::needless_pass_by_value, reason = "what Python hands over is owned")]

use crate::errors::raised;
use crate::table::Table;
use crate::{interrupt, options};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::report::{ReportFolder, tables, write_summary};
use refrain::{Stage, analyse};
use std::path::PathBuf;
use std::sync::Arc;

/// Columns of a summary.
const WIDTH: usize = 100;

#[pyclass(frozen, module = "refrain")]
pub struct Report(pub Arc<refrain::Report>);

#[pyfunction]
pub fn report(py: Python, paths: Vec<String>, output: Option<PathBuf>, options: &Bound<PyDict>) -> PyResult<Report> {
    let groups = [options::engine, options::input, options::clusters, options::duplicates];
    let options = options::over_defaults(options, &groups)?;
    options.check().map_err(|error| raised(&error))?;
    // Claimed before any slow work, and given up if there is an exception.
    let folder = output.as_deref().map(ReportFolder::claim).transpose().map_err(|error| raised(&error))?;
    let threads = options.embedding.threads;
    let report = Report(Arc::new(interrupt::run(py, threads, move |progress| analyse(&paths, &options, progress))?));
    folder.map_or(Ok(()), |folder| report.write(py, folder))?;
    Ok(report)
}

impl Report {
    fn write(&self, py: Python, folder: ReportFolder) -> PyResult<()> {
        let report = Arc::clone(&self.0);
        interrupt::run(py, 0, move |progress| {
            progress.start(Stage::Writing, 0);
            folder.write(&report)
        })
    }
}

#[pymethods]
impl Report {
    #[getter]
    fn themes(&self) -> PyResult<Table> {
        Table::whole(tables::themes(self.0.themes.as_ref().unwrap_or(&refrain::theme::Themes::default())))
    }

    #[getter]
    fn duplicates(&self, py: Python) -> PyResult<Table> {
        let none = refrain::duplicate::Duplicates::default();
        let duplicates = self.0.duplicates.as_ref().unwrap_or(&none);
        py.detach(|| Table::of(duplicates.pairs.len(), |rows| tables::pairs(duplicates, rows)))
    }

    #[getter]
    fn passages(&self, py: Python) -> PyResult<Table> {
        py.detach(|| Table::of(self.0.passages.len(), |rows| tables::passages(&self.0, rows)))
    }

    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.0.warnings.iter().map(ToString::to_string).collect()
    }

    fn save(&self, py: Python, folder: PathBuf) -> PyResult<()> {
        self.write(py, ReportFolder::claim(&folder).map_err(|error| raised(&error))?)
    }

    fn __str__(&self) -> PyResult<String> {
        let mut summary = Vec::new();
        write_summary(&self.0, None, WIDTH, &mut summary)?;
        Ok(String::from_utf8_lossy(&summary).into_owned())
    }

    fn __repr__(&self) -> String {
        let n_themes = self.0.themes.as_ref().map_or(0, |themes| themes.themes.len());
        let n_groups = self.0.duplicates.as_ref().map_or(0, |duplicates| duplicates.groups.len());
        format!(
            "<refrain.Report of {} passages: {n_themes} themes, {n_groups} duplicate groups>",
            self.0.passages.len()
        )
    }
}
