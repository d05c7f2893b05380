//! Reworded pairs: all pairs of rows with a cosine of at least the threshold, found exactly.

use super::Kind;
use crate::similarity::{self, Kernel};
use ndarray::ArrayView2;
use std::collections::HashSet;

/// Pairs of the `distinct` rows, as indices into it, that are not among the `lexical` ones; those from
/// `n_new` on are not compared with each other.
pub(super) fn pairs(
    rows: ArrayView2<f32>,
    distinct: &[usize],
    n_new: usize,
    lexical: &[(u32, u32, Kind)],
    threshold: f32,
) -> Vec<(u32, u32, Kind)> {
    let lexical: HashSet<(u32, u32)> = lexical.iter().map(|&(a, b, _)| (a, b)).collect();
    let of: Vec<u32> = distinct.iter().map(|&i| i as u32).collect();
    let mut pairs = Vec::new();
    similarity::for_each_pair_at_least(rows, &of, n_new, threshold, Kernel::fastest(), |found| {
        let rest = found.iter().filter(|pair| !lexical.contains(&(pair.a, pair.b)));
        pairs.extend(rest.map(|pair| (pair.a, pair.b, Kind::Reworded)));
    });
    pairs.sort_unstable_by_key(|&(a, b, _)| (a, b));
    pairs
}
