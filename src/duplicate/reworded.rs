//! Reworded pairs: all pairs of rows with a cosine of at least the threshold, found exactly, that are not alike by
//! their words.

use super::Kind;
use super::lexical::LexicalPair;
use crate::similarity::{self, Kernel};
use ndarray::ArrayView2;

/// Hands over pairs of the `distinct` rows with a cosine of at least the threshold, as indices into it, at most
/// [`AT_ONCE`](super::AT_ONCE) at a time; those from `n_new` on are not compared with each other.
pub(super) fn for_each_pair(
    rows: ArrayView2<f32>,
    distinct: &[usize],
    n_new: usize,
    threshold: f32,
    mut found: impl FnMut(&[(u32, u32)]),
) {
    let of: Vec<u32> = distinct.iter().map(|&i| i as u32).collect();
    similarity::for_each_pair_at_least(rows, &of, n_new, threshold, Kernel::fastest(), |alike| {
        for alike in alike.chunks(super::AT_ONCE) {
            found(&alike.iter().map(|pair| (pair.a, pair.b)).collect::<Vec<_>>());
        }
    });
}

/// Those pairs that are not alike by their words; `by_words` are those that are, by `(a, b)`.
pub(super) fn without(alike: &[(u32, u32)], by_words: &[LexicalPair]) -> Vec<LexicalPair> {
    let is_reworded = |pair: &&(u32, u32)| by_words.binary_search_by_key(*pair, |known| (known.a, known.b)).is_err();
    alike.iter().filter(is_reworded).map(|&(a, b)| LexicalPair { a, b, kind: Kind::Reworded }).collect()
}
