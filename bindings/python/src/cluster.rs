//! `refrain.cluster`.

use crate::rows::{Rows, column_out, rows_out};
use crate::{errors, interrupt, options};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::cluster as kmeans;

#[pyclass(frozen, get_all, module = "refrain")]
pub struct Clustering {
    centroids: Py<PyArray2<f32>>,
    assignment: Py<PyArray1<i32>>,
    similarity: Py<PyArray1<f32>>,
    sizes: Py<PyArray1<i64>>,
    inertia: f64,
    n_iterations: Option<usize>,
}

#[pyfunction]
pub fn cluster(py: Python, rows: Rows, options: &Bound<PyDict>) -> PyResult<Clustering> {
    let options = options::over_defaults(options, &[options::clusters, options::threads])?;
    let threads = options.embedding.threads;
    let options = options.cluster.unwrap_or_default();
    let (clustering, warning) = interrupt::run(py, threads, move |_| {
        options.check()?;
        let rows = rows.of_unit_length()?;
        let texts = vec![""; rows.nrows()];
        let representative_of: Vec<u32> = (0..rows.nrows() as u32).collect();
        let clustered = kmeans::ClusterRows { rows: rows.view(), texts: &texts, representative_of: &representative_of };
        Ok((kmeans::cluster(clustered, &options)?, kmeans::few_per_cluster(&representative_of, &options)))
    })?;
    errors::warn(py, warning.as_slice())?;
    let assignment = clustering.assignment.iter().map(|cluster| cluster.map_or(-1, |cluster| cluster as i32));
    Ok(Clustering {
        assignment: column_out(py, assignment.collect()),
        similarity: column_out(py, clustering.similarity),
        sizes: column_out(py, clustering.sizes.iter().map(|&size| size as i64).collect()),
        inertia: clustering.inertia,
        n_iterations: clustering.n_iterations,
        centroids: rows_out(py, clustering.centroids)?,
    })
}
