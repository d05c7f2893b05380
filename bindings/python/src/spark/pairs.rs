//! Pairs and groups in parts.

use super::{numbers, rows, table};
use crate::capsule;
use crate::errors::{InputError, raised};
use crate::rows::column_out;
use crate::table::Table;
use crate::texts::Texts;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StringArray,
};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rayon::prelude::*;
use refrain::duplicate::apart::{self, Posting};
use refrain::duplicate::{DuplicateOptions, DuplicatePair, Kind, ShingleRarity, digest, normalised};
use refrain::similarity::{self, Kernel};
use std::collections::HashMap;
use std::sync::Arc;

fn duplicate_options(options: &Bound<PyDict>) -> PyResult<DuplicateOptions> {
    let options = super::options(options)?.duplicate.unwrap_or_default();
    options.check().map_err(|e| raised(&e))?;
    Ok(options)
}

fn longs(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(values.into_iter().map(|value| Some(value.cast_signed())).collect::<Int64Array>())
}

/// The digest of each text's normal form, 16 bytes.
#[pyfunction]
pub fn digests(py: Python, texts: Texts) -> PyResult<Table> {
    let digests: Vec<[u8; 16]> =
        py.detach(|| texts.all().par_iter().map(|text| digest(&normalised(text)).to_le_bytes()).collect());
    Table::whole(table(vec![("digest", Arc::new(BinaryArray::from_iter_values(digests)) as _)], &[]))
}

/// How rare shingles are in a sample of texts.
#[pyfunction]
pub fn rarity(py: Python<'_>, texts: Texts) -> Bound<'_, PyBytes> {
    let rarity = py.detach(|| ShingleRarity::of_sample(&texts.all()));
    PyBytes::new(py, rarity.as_bytes())
}

/// The shingles of texts, a row each.
#[pyfunction]
pub fn postings(
    py: Python,
    texts: Texts,
    ids: PyReadonlyArray1<i64>,
    rarity: &[u8],
    options: &Bound<PyDict>,
) -> PyResult<Table> {
    let options = duplicate_options(options)?;
    let rarity = ShingleRarity::from_bytes(rarity)
        .ok_or_else(|| InputError::new_err("the table of rare shingles is not whole"))?;
    let ids: Vec<u64> = numbers(&ids)?.iter().map(|id| id.cast_unsigned()).collect();
    let postings = py.detach(|| apart::postings(&texts.all(), &ids, &rarity, &options));
    Table::whole(table(
        vec![
            ("shingle", longs(postings.iter().map(|posting| posting.shingle))),
            ("text_id", longs(postings.iter().map(|posting| posting.text))),
            ("packed", longs(postings.iter().map(|posting| posting.packed()))),
        ],
        &[],
    ))
}

/// The pairs of texts that share enough by these postings.
#[pyfunction]
pub fn candidates(
    py: Python,
    shingles: PyReadonlyArray1<i64>,
    text_ids: PyReadonlyArray1<i64>,
    packed: PyReadonlyArray1<i64>,
    options: &Bound<PyDict>,
) -> PyResult<Table> {
    let options = duplicate_options(options)?;
    let (shingles, text_ids, packed) = (numbers(&shingles)?, numbers(&text_ids)?, numbers(&packed)?);
    let posting = |((shingle, text), packed): ((&i64, &i64), &i64)| {
        Posting::unpacked(shingle.cast_unsigned(), text.cast_unsigned(), packed.cast_unsigned())
    };
    let postings: Vec<Posting> = shingles.iter().zip(text_ids).zip(packed).map(posting).collect();
    let mut pairs = Vec::new();
    py.detach(|| apart::candidates(postings, &options, |found| pairs.extend_from_slice(found)));
    pairs.par_sort_unstable();
    pairs.dedup();
    let (a, b) = (longs(pairs.iter().map(|pair| pair.0)), longs(pairs.iter().map(|pair| pair.1)));
    Table::whole(table(vec![("a", a), ("b", b)], &[]))
}

/// How pairs of texts are alike, `ids` of `a` below those of `b`; no kind: not at all.
#[pyfunction]
pub fn compared(
    py: Python,
    a: PyReadonlyArray1<i64>,
    texts_a: Texts,
    b: PyReadonlyArray1<i64>,
    texts_b: Texts,
    is_reworded: PyReadonlyArray1<bool>,
    options: &Bound<PyDict>,
) -> PyResult<Table> {
    let options = duplicate_options(options)?;
    let (a, b, is_reworded) = (numbers(&a)?, numbers(&b)?, numbers(&is_reworded)?);
    let found = py.detach(|| {
        let mut texts: Vec<(i64, &str)> =
            a.iter().copied().zip(texts_a.all()).chain(b.iter().copied().zip(texts_b.all())).collect();
        texts.par_sort_unstable();
        texts.dedup_by_key(|text| text.0);
        let place: HashMap<i64, u32> = texts.iter().map(|text| text.0).zip(0..).collect();
        let pairs: Vec<(u32, u32)> = a.iter().zip(b).map(|(a, b)| (place[a], place[b])).collect();
        let texts: Vec<&str> = texts.into_iter().map(|text| text.1).collect();
        apart::compared(&texts, &pairs, is_reworded, &options)
    });
    let kinds: StringArray = found.iter().map(|found| found.map(|found| found.kind.name())).collect();
    let figure = |of: fn(apart::Compared) -> f32| -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(found.iter().map(|found| found.map_or(0.0, of))))
    };
    Table::whole(table(
        vec![
            ("kind", Arc::new(kinds) as _),
            ("jaccard", figure(|found| found.jaccard)),
            ("containment", figure(|found| found.containment)),
        ],
        &["kind"],
    ))
}

/// The cosines of rows with those beside them.
#[pyfunction]
pub fn dots(py: Python, a: PyReadonlyArray2<f32>, b: PyReadonlyArray2<f32>) -> PyResult<Py<PyArray1<f32>>> {
    let (a, b) = (rows(&a)?, rows(&b)?);
    let dots = a.outer_iter().zip(b.outer_iter()).map(|(a, b)| similarity::dot(a, b).clamp(-1.0, 1.0));
    Ok(column_out(py, dots.collect()))
}

/// Where rows are to be compared.
#[pyclass(frozen, module = "refrain._refrain")]
pub struct Cells(similarity::Cells);

#[pymethods]
impl Cells {
    #[new]
    fn new(centres: PyReadonlyArray2<f32>) -> PyResult<Self> {
        Ok(Self(similarity::Cells::new(rows(&centres)?.to_owned())))
    }

    /// The cell that each row is at home in.
    fn homes(&self, py: Python, vectors: PyReadonlyArray2<f32>) -> PyResult<Table> {
        let vectors = rows(&vectors)?;
        let homes = py.detach(|| self.0.homes(vectors));
        let homes = Int32Array::from_iter_values(homes.into_iter().map(u32::cast_signed));
        Table::whole(table(vec![("cell", Arc::new(homes) as _)], &[]))
    }

    /// A row for each cell that a row is at home in or visits.
    fn stays(&self, py: Python, vectors: PyReadonlyArray2<f32>, threshold: f32) -> PyResult<Table> {
        let vectors = rows(&vectors)?;
        let stays = py.detach(|| self.0.stays(vectors, threshold));
        let (mut row, mut cell, mut is_home) = (vec![], vec![], vec![]);
        for (i, stay) in (0i32..).zip(stays) {
            for (at, home) in
                std::iter::once((stay.home, true)).chain(stay.visits.into_iter().map(|cell| (cell, false)))
            {
                row.push(i);
                cell.push(at.cast_signed());
                is_home.push(home);
            }
        }
        Table::whole(table(
            vec![
                ("row", Arc::new(Int32Array::from(row)) as _),
                ("cell", Arc::new(Int32Array::from(cell))),
                ("is_home", Arc::new(BooleanArray::from(is_home))),
            ],
            &[],
        ))
    }
}

/// All pairs of rows at least so alike of which one is among the first `n_left`, by place.
#[pyfunction]
pub fn joined(py: Python, vectors: PyReadonlyArray2<f32>, n_left: usize, threshold: f32) -> PyResult<Table> {
    let vectors = rows(&vectors)?;
    let (mut a, mut b, mut cosine) = (vec![], vec![], vec![]);
    py.detach(|| {
        let of: Vec<u32> = (0..vectors.nrows() as u32).collect();
        similarity::for_each_pair_at_least(vectors, &of, n_left, threshold, Kernel::fastest(), |pairs| {
            a.extend(pairs.iter().map(|pair| pair.a.cast_signed()));
            b.extend(pairs.iter().map(|pair| pair.b.cast_signed()));
            cosine.extend(pairs.iter().map(|pair| pair.cosine.clamp(-1.0, 1.0)));
        });
    });
    Table::whole(table(
        vec![
            ("a", Arc::new(Int32Array::from(a)) as _),
            ("b", Arc::new(Int32Array::from(b))),
            ("cosine", Arc::new(Float32Array::from(cosine))),
        ],
        &[],
    ))
}

/// The groups of whole components of the graph of pairs, from a table of pairs: `a`, `b`, `kind`, `cosine`,
/// `jaccard`, `containment`, and of each side the text's id (`text_a`), the text itself where the pair is not of
/// copies (`words_a`) and the source (`source_a`).
#[pyfunction]
pub fn groups(py: Python, pairs: &Bound<PyAny>, min_group: usize) -> PyResult<Table> {
    let batches = capsule::arrays(pairs)?.unwrap_or_default();
    let found = py.detach(|| found_groups(&batches, min_group)).ok_or_else(|| {
        InputError::new_err("pairs: found other columns than those of the pairs that this package finds")
    })?;
    Table::whole(found_table(&found))
}

/// A group with the passages' own numbers.
struct FoundGroup {
    group: refrain::duplicate::DuplicateGroup,
    representative: i64,
    members: Vec<i64>,
}

fn found_groups(batches: &[ArrayRef], min_group: usize) -> Option<Vec<FoundGroup>> {
    let mut pairs = Vec::new();
    // The passages in their order: their text's id and their source; and the words of texts.
    let mut passages: HashMap<i64, (i64, i64)> = HashMap::new();
    let mut words: HashMap<i64, &str> = HashMap::new();
    let batches: Vec<RecordBatch> =
        batches.iter().map(|batch| batch.as_struct_opt().map(RecordBatch::from)).collect::<Option<_>>()?;
    for batch in &batches {
        let long = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Int64Type>();
        let float = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float32Type>();
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let (cosine, kind) = (float("cosine")?, text("kind")?);
        let (jaccard, containment) = (float("jaccard")?, float("containment")?);
        for side in ["a", "b"] {
            let (passage, text_id) = (long(side)?, long(&format!("text_{side}"))?);
            let (source, of_text) = (long(&format!("source_{side}"))?, text(&format!("words_{side}"))?);
            for row in 0..batch.num_rows() {
                passages.insert(passage.value(row), (text_id.value(row), source.value(row)));
                if of_text.is_valid(row) {
                    words.insert(text_id.value(row), of_text.value(row));
                }
            }
        }
        let (a, b) = (long("a")?, long("b")?);
        for row in 0..batch.num_rows() {
            let kind = Kind::ALL.into_iter().find(|known| known.name() == kind.value(row))?;
            let cosine = cosine.is_valid(row).then(|| cosine.value(row));
            pairs.push((a.value(row), b.value(row), kind, cosine, jaccard.value(row), containment.value(row)));
        }
    }
    let mut ids: Vec<i64> = passages.keys().copied().collect();
    ids.sort_unstable();
    let place: HashMap<i64, u32> = ids.iter().copied().zip(0..).collect();
    let mut pairs: Vec<DuplicatePair> = pairs
        .into_iter()
        .map(|(a, b, kind, cosine, jaccard, containment)| DuplicatePair {
            a: place[&a],
            b: place[&b],
            kind,
            cosine,
            jaccard,
            containment,
            excerpt: None,
        })
        .collect();
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    // A set is the text's id; its first passage by text is the one whose number that is.
    let sets: Vec<i64> = ids.iter().map(|id| passages[id].0).collect();
    let mut of_set: HashMap<i64, u32> = HashMap::new();
    let set_of: Vec<u32> = sets
        .iter()
        .map(|set| {
            let next = of_set.len() as u32;
            *of_set.entry(*set).or_insert(next)
        })
        .collect();
    // Copies come after it, whatever their own words are; of a text without words no pair but with its copies is known.
    let last = "\u{10ffff}";
    let texts: Vec<&str> = ids
        .iter()
        .zip(&sets)
        .map(|(id, set)| if id == set { words.get(set).copied().unwrap_or_default() } else { last })
        .collect();
    let mut numbers: HashMap<i64, u32> = HashMap::new();
    let source_of: Vec<u32> = ids
        .iter()
        .map(|id| {
            let next = numbers.len() as u32;
            *numbers.entry(passages[id].1).or_insert(next)
        })
        .collect();
    let groups = apart::groups(&texts, &set_of, &source_of, &pairs, min_group);
    let id = |i: u32| ids[i as usize];
    let found = groups.into_iter().map(|group| FoundGroup {
        representative: id(group.representative),
        members: group.members.iter().map(|&i| id(i)).collect(),
        group,
    });
    Some(found.collect())
}

fn found_table(found: &[FoundGroup]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let figure =
        |of: fn(&FoundGroup) -> Option<f32>| -> ArrayRef { Arc::new(found.iter().map(of).collect::<Float32Array>()) };
    let members = found.iter().map(|found| Some(found.members.iter().copied().map(Some)));
    let kinds = found.iter().map(|found| found.group.kind.name());
    let across = found.iter().map(|found| Some(found.group.across_sources));
    table(
        vec![
            (
                "representative",
                Arc::new(Int64Array::from_iter_values(found.iter().map(|found| found.representative))) as _,
            ),
            ("members", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(members))),
            ("kind", Arc::new(StringArray::from_iter_values(kinds))),
            ("n_pairs", longs(found.iter().map(|found| found.group.n_pairs as u64))),
            ("across_sources", Arc::new(across.collect::<BooleanArray>())),
            ("least_cosine", figure(|found| found.group.weakest.cosine)),
            ("least_jaccard", figure(|found| Some(found.group.weakest.jaccard))),
            ("least_containment", figure(|found| Some(found.group.weakest.containment))),
        ],
        &["least_cosine"],
    )
}
