//! What the engine found becomes a report.

use super::rows;
use crate::capsule;
use crate::errors::{InputError, raised};
use crate::report::Report;
use crate::rows::rows_out;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, Int64Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use ndarray::Array2;
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::cluster::{Clustering, Init};
use refrain::collected::{Collected, OfTheme, report};
use refrain::duplicate::{DuplicateGroup, Kind, WeakestLink};
use refrain::report::{Counts, sent};
use std::sync::Arc;

/// What the options decide of where rows go, by name: refused before any slow work if one does not exist or is out of
/// range.
#[pyfunction]
pub fn decided<'py>(py: Python<'py>, options: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let options = super::options(options)?;
    options.check().map_err(|e| raised(&e))?;
    let (cluster, duplicate) = (options.cluster.unwrap_or_default(), options.duplicate.unwrap_or_default());
    let decided = PyDict::new(py);
    decided.set_item("kinds", duplicate.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())?;
    decided.set_item("threshold", duplicate.threshold)?;
    decided.set_item("min_group", duplicate.min_group)?;
    decided.set_item("seed", cluster.seed)?;
    decided.set_item("train_per_cluster", cluster.train_per_cluster)?;
    decided.set_item("max_iterations", cluster.max_iterations)?;
    match cluster.init {
        Init::Given(starts) => decided.set_item("starts", rows_out(py, starts)?)?,
        _ => decided.set_item("starts", py.None())?,
    }
    Ok(decided)
}

/// The report of these findings. `found` holds what is named below; `options` are those of the command line.
#[pyfunction]
pub fn collected(py: Python, found: &Bound<PyDict>, options: &Bound<PyDict>) -> PyResult<Report> {
    let mut options = super::options(options)?;
    let given = |name: &str| found.get_item(name).map(|value| value.filter(|value| !value.is_none()));
    let wanted = |name: &str| given(name)?.ok_or_else(|| InputError::new_err(format!("{name} is missing")));
    let number = |name: &str| wanted(name)?.extract::<usize>();
    let batches = |name: &str| given(name)?.map_or(Ok(None), |table| table_of(&table).map(Some));
    let wrong = |name: &str| InputError::new_err(format!("{name}: found other columns than expected"));

    let passages = batches("passages")?.unwrap_or_default();
    let n: usize = passages.iter().map(RecordBatch::num_rows).sum();
    let vectors = given("rows")?.map(|vectors| vectors.extract::<PyReadonlyArray2<f32>>()).transpose()?;
    let vectors =
        vectors.as_ref().map(rows).transpose()?.map_or_else(|| Array2::zeros((n, 0)), |vectors| vectors.to_owned());
    let clustering = match given("centroids")? {
        Some(centroids) => {
            let (assignment, similarity) = places(&passages).ok_or_else(|| wrong("passages"))?;
            let curve = match given("fit")? {
                Some(fit) => fit.cast::<super::FirstFit>()?.get().curve.clone(),
                None => vec![],
            };
            Some(Clustering {
                centroids: rows(&centroids.extract()?)?.to_owned(),
                assignment,
                similarity,
                sizes: wanted("sizes")?.extract()?,
                inertia: wanted("inertia")?.extract()?,
                n_iterations: Some(number("n_iterations")?),
                curve,
            })
        }
        None => None,
    };
    options.cluster = options.cluster.filter(|_| clustering.is_some());
    let duplicates = match (batches("pairs")?, batches("groups")?) {
        (Some(pairs), Some(groups)) => Some((pairs, groups_of(&groups).ok_or_else(|| wrong("groups"))?)),
        _ => None,
    };
    options.duplicate = options.duplicate.filter(|_| duplicates.is_some());
    let whole = given("whole")?.map(|whole| {
        let whole = whole.cast::<PyDict>()?.clone();
        let number = |name: &str| {
            whole.get_item(name)?.ok_or_else(|| InputError::new_err(format!("{name} is missing")))?.extract::<usize>()
        };
        let of_kind = |kind: Kind| number(kind.name());
        let [exact, near, excerpt, reworded] = Kind::ALL.map(of_kind);
        let counts = Counts {
            n_documents: number("documents")?,
            n_sources: number("sources")?,
            n_passages: number("passages")?,
            n_outliers: number("outliers")?,
            n_pairs: [exact?, near?, excerpt?, reworded?],
            n_across_sources: number("across_sources")?,
            n_groups: number("groups")?,
        };
        let of_themes: Vec<(usize, f32)> = wanted("of_themes")?.extract()?;
        let of_theme = |(n_distinct, cohesion)| OfTheme { n_distinct, cohesion };
        Ok::<_, PyErr>((counts, of_themes.into_iter().map(of_theme).collect()))
    });
    let model = given("model")?.map(|json| json.extract::<String>()).transpose()?;
    let warnings: Vec<String> = wanted("warnings")?.extract()?;
    let collected = Collected {
        paths: wanted("paths")?.extract()?,
        model: model.map(|json| model_of(&json)).transpose()?,
        n_inputs: number("n_inputs")?,
        n_short_and_split: (number("n_short")?, number("n_split")?),
        n_tokens_and_distinct: (number("n_tokens")?, number("n_distinct")?),
        warnings: warnings.iter().flat_map(|json| sent::warnings(json)).collect(),
        options,
        documents: wanted("documents")?.extract()?,
        passages,
        rows: vectors,
        clustering,
        duplicates,
        whole: whole.transpose()?,
    };
    py.detach(|| report(collected)).map(|report| Report(Arc::new(report))).map_err(|e| raised(&e))
}

fn model_of(json: &str) -> PyResult<refrain::report::ModelShown> {
    sent::model(json).ok_or_else(|| InputError::new_err("what the workers say of their model is not readable"))
}

pub fn table_of(table: &Bound<PyAny>) -> PyResult<Vec<RecordBatch>> {
    let arrays = capsule::arrays(table)?.ok_or_else(|| InputError::new_err("found no Arrow table"))?;
    let batches = arrays.iter().map(|array| array.as_struct_opt().map(RecordBatch::from));
    batches.collect::<Option<_>>().ok_or_else(|| InputError::new_err("found an Arrow array, expected a table"))
}

/// The cluster of each passage (none: −1), and its similarity to the centroid.
fn places(passages: &[RecordBatch]) -> Option<(Vec<Option<u32>>, Vec<f32>)> {
    let (mut assignment, mut similarity) = (vec![], vec![]);
    for batch in passages {
        let clusters = batch.column_by_name("cluster_id")?.as_primitive_opt::<Int32Type>()?;
        let similarities = batch.column_by_name("similarity_to_centroid")?.as_primitive_opt::<Float32Type>()?;
        assignment.extend(clusters.values().iter().map(|&cluster| u32::try_from(cluster).ok()));
        similarity.extend_from_slice(similarities.values());
    }
    Some((assignment, similarity))
}

fn groups_of(groups: &[RecordBatch]) -> Option<Vec<DuplicateGroup>> {
    let mut found = vec![];
    for batch in groups {
        let id = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<UInt32Type>();
        let float = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float32Type>();
        let (representative, members) = (id("representative")?, batch.column_by_name("members")?.as_list_opt::<i32>()?);
        let (kind, across) = (
            batch.column_by_name("kind")?.as_string_opt::<i32>()?,
            batch.column_by_name("across_sources")?.as_boolean_opt()?,
        );
        let n_pairs = batch.column_by_name("n_pairs")?.as_primitive_opt::<Int64Type>()?;
        let (cosine, jaccard, containment) =
            (float("least_cosine")?, float("least_jaccard")?, float("least_containment")?);
        for row in 0..batch.num_rows() {
            let of_row = members.value(row);
            let members = of_row.as_primitive_opt::<UInt32Type>()?;
            found.push(DuplicateGroup {
                representative: representative.value(row),
                members: members.values().to_vec(),
                kind: Kind::ALL.into_iter().find(|known| known.name() == kind.value(row))?,
                weakest: WeakestLink {
                    cosine: cosine.is_valid(row).then(|| cosine.value(row)),
                    jaccard: jaccard.value(row),
                    containment: containment.value(row),
                },
                n_pairs: usize::try_from(n_pairs.value(row)).ok()?,
                across_sources: across.value(row),
            });
        }
    }
    Some(found)
}
