//! Reworded pairs: all pairs of rows with a cosine of at least the threshold, by brute force.

use super::Kind;
use crate::similarity;
use ndarray::{ArrayView2, Axis};
use std::collections::HashSet;

/// Pairs of the `distinct` rows, as indices into it, that are not among the `lexical` ones.
pub(super) fn pairs(
    rows: ArrayView2<f32>,
    distinct: &[usize],
    lexical: &[(u32, u32, Kind)],
    threshold: f32,
) -> Vec<(u32, u32, Kind)> {
    let lexical: HashSet<(u32, u32)> = lexical.iter().map(|&(a, b, _)| (a, b)).collect();
    similarity::pairs_at_least(rows.select(Axis(0), distinct).view(), threshold)
        .into_iter()
        .filter(|&(a, b, _)| !lexical.contains(&(a, b)))
        .map(|(a, b, _)| (a, b, Kind::Reworded))
        .collect()
}
