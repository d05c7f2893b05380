//! k-means in parts.

use super::{numbers, rows, signed, table};
use crate::errors::{InputError, raised};
use crate::rows::{column_out, rows_out};
use crate::table::Table;
use crate::texts::Texts;
use arrow_array::{Float32Array, Int32Array};
use ndarray::ArrayBase;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use refrain::cluster::{ClusterOptions, CriterionAt, Outliers, apart};
use std::sync::Arc;

/// For each text its place in the order in which a fit takes rows.
#[pyfunction]
pub fn fit_keys(py: Python, texts: Texts, seed: u64) -> Py<PyArray1<i64>> {
    let keys = py.detach(|| apart::fit_keys(&texts.all(), seed).into_iter().map(signed).collect());
    column_out(py, keys)
}

/// A number for each row that is equal for equal rows.
#[pyfunction]
pub fn row_keys(py: Python, vectors: PyReadonlyArray2<f32>) -> PyResult<Py<PyArray1<i64>>> {
    Ok(column_out(py, apart::row_keys(rows(&vectors)?).into_iter().map(signed).collect()))
}

fn cluster_options(options: &Bound<PyDict>) -> PyResult<ClusterOptions> {
    let options = super::options(options)?.cluster.unwrap_or_default();
    options.check().map_err(|e| raised(&e))?;
    Ok(options)
}

#[pyclass(frozen, module = "refrain._refrain")]
pub struct FirstFit {
    #[pyo3(get)]
    centroids: Py<PyArray2<f32>>,
    #[pyo3(get)]
    n_iterations: usize,
    pub curve: Vec<CriterionAt>,
}

/// The fit of the rows that come first of `n_distinct` different ones.
#[pyfunction]
pub fn fit_first(
    py: Python,
    vectors: PyReadonlyArray2<f32>,
    n_distinct: usize,
    options: &Bound<PyDict>,
) -> PyResult<FirstFit> {
    let (options, first) = (cluster_options(options)?, rows(&vectors)?);
    let fitted = py.detach(|| apart::fit_first(first, n_distinct, &options)).map_err(|e| raised(&e))?;
    let centroids = rows_out(py, fitted.centroids)?;
    Ok(FirstFit { centroids, n_iterations: fitted.n_iterations, curve: fitted.curve })
}

/// What the rows of a task add to the next centroids.
#[pyclass(module = "refrain._refrain")]
pub struct Pass {
    centroids: ndarray::Array2<f32>,
    before: Option<ndarray::Array2<f32>>,
    sums: apart::Pass,
}

#[pymethods]
impl Pass {
    #[classattr]
    const MAX_ROWS: usize = apart::MAX_PASS_ROWS;
    #[classattr]
    const ROWS_PER_LAST_CHANGE: usize = apart::ROWS_PER_LAST_CHANGE;

    #[new]
    fn new(centroids: PyReadonlyArray2<f32>, before: Option<PyReadonlyArray2<f32>>) -> PyResult<Self> {
        let centroids = rows(&centroids)?.to_owned();
        let before = before.as_ref().map(rows).transpose()?.map(|before| before.to_owned());
        Ok(Self { sums: apart::Pass::new(centroids.dim()), centroids, before })
    }

    fn add(&mut self, py: Python, vectors: PyReadonlyArray2<f32>, keys: PyReadonlyArray1<i64>) -> PyResult<()> {
        let vectors = rows(&vectors)?;
        let keys: Vec<u64> = numbers(&keys)?.iter().map(|&key| signed(key.cast_unsigned()).cast_unsigned()).collect();
        let Self { centroids, before, sums } = self;
        py.detach(|| sums.add(vectors, &keys, centroids.view(), before.as_ref().map(ArrayBase::view)));
        Ok(())
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.sums.to_bytes())
    }
}

/// The next centroids, and how many rows changed their cluster.
#[pyfunction]
pub fn moved(py: Python, passes: Vec<Vec<u8>>, centroids: PyReadonlyArray2<f32>) -> PyResult<(Py<PyArray2<f32>>, u64)> {
    let passes: Option<Vec<apart::Pass>> = passes.iter().map(|bytes| apart::Pass::from_bytes(bytes)).collect();
    let passes = passes.ok_or_else(|| InputError::new_err("what a pass over the rows sent is not whole"))?;
    let n_changed = passes.iter().map(|pass| pass.n_changed).sum();
    Ok((rows_out(py, apart::moved(&passes, rows(&centroids)?))?, n_changed))
}

/// For each row its nearest centroid, the squared distance to it, and the cosine.
#[pyfunction]
pub fn placed(py: Python, vectors: PyReadonlyArray2<f32>, centroids: PyReadonlyArray2<f32>) -> PyResult<Table> {
    let (vectors, centroids) = (rows(&vectors)?, rows(&centroids)?);
    let (nearest, cosines) = py.detach(|| apart::placed(vectors, centroids));
    let clusters = nearest.iter().map(|nearest| nearest.centroid.cast_signed());
    let distances = nearest.iter().map(|nearest| nearest.distance);
    Table::whole(table(
        vec![
            ("cluster", Arc::new(Int32Array::from_iter_values(clusters)) as _),
            ("distance", Arc::new(Float32Array::from_iter_values(distances))),
            ("similarity", Arc::new(Float32Array::from(cosines))),
        ],
        &[],
    ))
}

/// The cosine of each row to the centroid of its cluster.
#[pyfunction]
pub fn cosines(
    py: Python,
    vectors: PyReadonlyArray2<f32>,
    clusters: PyReadonlyArray1<i32>,
    centroids: PyReadonlyArray2<f32>,
) -> PyResult<Py<PyArray1<f32>>> {
    let (vectors, centroids) = (rows(&vectors)?, rows(&centroids)?);
    let clusters: Vec<u32> = numbers(&clusters)?.iter().map(|cluster| cluster.cast_unsigned()).collect();
    Ok(column_out(py, py.detach(|| apart::cosines(vectors, &clusters, centroids))))
}

/// Which rows of a cluster are no outliers, by their similarities to its centroid.
#[pyfunction]
pub fn within(
    py: Python,
    similarities: PyReadonlyArray1<f32>,
    options: &Bound<PyDict>,
) -> PyResult<Py<PyArray1<bool>>> {
    let similarities = numbers(&similarities)?;
    let Outliers::Beyond(beyond) = cluster_options(options)?.outliers else {
        return Err(InputError::new_err("a share of outliers is not found in parts"));
    };
    let fence = apart::fence(similarities.to_vec(), beyond);
    Ok(column_out(py, similarities.iter().map(|&similarity| fence.holds(similarity)).collect()))
}
