//! What a report holds as Arrow tables: what its Parquet files are written from, and what other programs are handed.
//!
//! Long tables are made a range of rows at a time, because the texts of a column are held together in memory.

use super::Report;
use crate::document::Document;
use crate::duplicate::{DuplicateGroup, DuplicatePair, Duplicates};
use crate::passage::Passage;
use crate::theme::{Theme, Themes};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int32Array, ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::ArrowError;
use ndarray::s;
use std::ops::Range;
use std::sync::Arc;

/// Rows made at once: what is held in memory besides the report.
pub const BATCH_ROWS: usize = 16_384;

/// A column's name and values.
pub(super) type Column = (&'static str, ArrayRef);

/// A row per passage: which it is, where it stands, what it says, and what was found about it. The columns are those of
/// `passages.parquet`.
///
/// # Errors
/// If the texts of the rows are more than 2 GiB.
pub fn passages(report: &Report, rows: Range<usize>) -> Result<RecordBatch, ArrowError> {
    let mut columns = places(&report.documents, &report.passages, rows.clone());
    columns.extend(findings(report, rows));
    batch(columns, &["duplicate_group", "language"])
}

/// A row per pair: the passages `a` and `b`, the kind, and the evidence as it was measured. The columns are those of
/// `duplicates.parquet`.
///
/// # Errors
/// None that a caller could cause.
pub fn pairs(duplicates: &Duplicates, rows: Range<usize>) -> Result<RecordBatch, ArrowError> {
    let pairs = &duplicates.pairs[rows];
    let figure =
        |of: fn(&DuplicatePair) -> f32| -> ArrayRef { Arc::new(Float32Array::from_iter_values(pairs.iter().map(of))) };
    let columns: Vec<Column> = vec![
        ("a", Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.a)))),
        ("b", Arc::new(UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.b)))),
        ("kind", Arc::new(StringArray::from_iter_values(pairs.iter().map(|pair| pair.kind.name())))),
        ("cosine", Arc::new(pairs.iter().map(|pair| pair.cosine).collect::<Float32Array>())),
        ("jaccard", figure(|pair| pair.jaccard)),
        ("containment", figure(|pair| pair.containment)),
    ];
    batch(columns, &["cosine"])
}

/// A row per group: its passages, the one that represents it, and the weakest of the links that hold it together.
///
/// # Errors
/// None that a caller could cause.
pub fn groups(duplicates: &Duplicates) -> Result<RecordBatch, ArrowError> {
    let groups = &duplicates.groups;
    let figure = |of: fn(&DuplicateGroup) -> Option<f32>| -> ArrayRef {
        Arc::new(groups.iter().map(of).collect::<Float32Array>())
    };
    let columns: Vec<Column> = vec![
        ("duplicate_group", Arc::new(UInt32Array::from_iter_values(0..groups.len() as u32))),
        ("kind", Arc::new(StringArray::from_iter_values(groups.iter().map(|group| group.kind.name())))),
        ("representative", Arc::new(UInt32Array::from_iter_values(groups.iter().map(|group| group.representative)))),
        ("members", Arc::new(lists(groups.iter().map(|group| &group.members)))),
        ("least_cosine", figure(|group| group.weakest.cosine)),
        ("least_jaccard", figure(|group| Some(group.weakest.jaccard))),
        ("least_containment", figure(|group| Some(group.weakest.containment))),
        ("across_sources", Arc::new(groups.iter().map(|group| Some(group.across_sources)).collect::<BooleanArray>())),
    ];
    batch(columns, &["least_cosine"])
}

/// A row per theme, in the order of `cluster_id`; `exemplars` are passages.
///
/// # Errors
/// None that a caller could cause.
pub fn themes(themes: &Themes) -> Result<RecordBatch, ArrowError> {
    let themes = &themes.themes;
    let number = |of: fn(&Theme) -> usize| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(themes.iter().map(|theme| of(theme) as u64)))
    };
    let figure =
        |of: fn(&Theme) -> f32| -> ArrayRef { Arc::new(Float32Array::from_iter_values(themes.iter().map(of))) };
    let mut keywords = ListBuilder::new(StringBuilder::new());
    themes.iter().for_each(|theme| keywords.append_value(theme.keywords.iter().map(|keyword| Some(&keyword.term))));
    let shares = themes.iter().map(|theme| Some(theme.keywords.iter().map(|keyword| Some(keyword.share))));
    let columns: Vec<Column> = vec![
        ("cluster_id", Arc::new(UInt32Array::from_iter_values(themes.iter().map(|theme| theme.cluster_id)))),
        ("label", Arc::new(StringArray::from_iter_values(themes.iter().map(|theme| &theme.label)))),
        ("parent", Arc::new(themes.iter().map(|theme| theme.parent).collect::<UInt32Array>())),
        ("keywords", Arc::new(keywords.finish())),
        ("keyword_shares", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(shares))),
        ("keyword_coverage", figure(|theme| theme.keyword_coverage)),
        ("size", number(|theme| theme.size)),
        ("n_distinct", number(|theme| theme.n_distinct)),
        ("n_sources", number(|theme| theme.sources.len())),
        ("spread", figure(|theme| theme.spread)),
        ("cohesion", figure(|theme| theme.cohesion)),
        ("nearest", Arc::new(themes.iter().map(|theme| theme.nearest.map(|of| of.0)).collect::<UInt32Array>())),
        ("nearest_cosine", Arc::new(themes.iter().map(|theme| theme.nearest.map(|of| of.1)).collect::<Float32Array>())),
        ("exemplars", Arc::new(lists(themes.iter().map(|theme| &theme.exemplars)))),
    ];
    batch(columns, &["parent", "nearest", "nearest_cosine"])
}

fn lists<'a>(passages: impl Iterator<Item = &'a Vec<u32>>) -> ListArray {
    let list = |passages: &'a Vec<u32>| Some(passages.iter().copied().map(Some));
    ListArray::from_iter_primitive::<UInt32Type, _, _>(passages.map(list))
}

/// Only the columns named may have missing values, whatever a batch happens to hold.
fn batch(columns: Vec<Column>, may_be_missing: &[&str]) -> Result<RecordBatch, ArrowError> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, may_be_missing.contains(&name)));
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// Which passages, where they stand, and what they say.
pub(super) fn places(documents: &[Document], passages: &[Passage], rows: Range<usize>) -> Vec<Column> {
    let ids = UInt32Array::from_iter_values(rows.clone().map(|i| i as u32));
    let passages = &passages[rows];
    let document = |p: &Passage| &documents[p.document as usize];
    let place = |p: &Passage| p.place(documents);
    vec![
        ("passage_id", Arc::new(ids)),
        ("source", Arc::new(StringArray::from_iter_values(passages.iter().map(|p| &document(p).source)))),
        ("document", Arc::new(StringArray::from_iter_values(passages.iter().map(|p| &document(p).name)))),
        ("start", Arc::new(UInt64Array::from_iter_values(passages.iter().map(|p| place(p).start as u64)))),
        ("end", Arc::new(UInt64Array::from_iter_values(passages.iter().map(|p| place(p).end as u64)))),
        ("text", Arc::new(StringArray::from_iter_values(passages.iter().map(|p| p.text(documents))))),
        ("n_tokens", Arc::new(UInt32Array::from_iter_values(passages.iter().map(|p| p.n_tokens)))),
    ]
}

/// What was found about them.
fn findings(report: &Report, rows: Range<usize>) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    if let Some(clustering) = &report.clustering {
        let cluster = clustering.assignment[rows.clone()].iter().map(|of| of.map_or(-1, |cluster| cluster as i32));
        columns.push(("cluster_id", Arc::new(Int32Array::from_iter_values(cluster))));
        let similarity = clustering.similarity[rows.clone()].iter().copied();
        columns.push(("similarity_to_centroid", Arc::new(Float32Array::from_iter_values(similarity))));
    }
    if let Some(themes) = &report.themes {
        let languages = themes.languages[rows.clone()].iter().copied().collect::<StringArray>();
        columns.push(("language", Arc::new(languages)));
    }
    if let Some(duplicates) = &report.duplicates {
        let group = duplicates.group_of[rows.clone()].iter().copied().collect::<UInt32Array>();
        columns.push(("duplicate_group", Arc::new(group)));
        let kept = rows.clone().map(|i| Some(duplicates.is_kept(i))).collect::<BooleanArray>();
        columns.push(("kept", Arc::new(kept)));
    }
    if let Some(projection) = &report.projection {
        for (axis, name) in ["projection_x", "projection_y"].into_iter().enumerate() {
            let positions = projection.slice(s![rows.clone(), axis]).to_vec();
            columns.push((name, Arc::new(Float32Array::from(positions))));
        }
    }
    columns
}
