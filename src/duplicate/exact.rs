//! Exact duplicates: passages with the same normalised text, found by its digest.

use super::normal::normalised;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Passages by normalised text. One of each class represents it: which one depends on the texts, not
/// on their order.
#[derive(Clone, Debug, Default)]
pub struct ExactClasses {
    representatives: Vec<usize>,
    class_of: Vec<u32>,
    /// Classes with a passage that is not of an old corpus; they come first.
    n_new: usize,
}

impl ExactClasses {
    /// Sorts texts into classes.
    #[must_use]
    pub fn of(texts: &[&str]) -> Self {
        Self::of_new_and_old(texts, texts.len())
    }

    /// Sorts texts into classes; those from `n_new` on are of an old corpus, and represent their class
    /// before any other.
    ///
    /// SHA-256 cut to 128 bits stands for a normalised text, which is not kept: among 10⁹ different
    /// texts the chance of any two with the same digest is under 10⁻²⁰.
    #[must_use]
    pub fn of_new_and_old(texts: &[&str], n_new: usize) -> Self {
        let digests: Vec<u128> = texts.par_iter().map(|text| digest(&normalised(text))).collect();
        let mut classes: HashMap<u128, u32> = HashMap::with_capacity(texts.len());
        let mut representatives: Vec<usize> = Vec::new();
        let key = |i: usize| (i < n_new, texts[i], i);
        let mut class_of = Vec::with_capacity(texts.len());
        let mut has_new = Vec::new();
        for (i, digest) in digests.into_iter().enumerate() {
            let class = *classes.entry(digest).or_insert_with(|| {
                representatives.push(i);
                // New passages come before old ones.
                has_new.push(i < n_new);
                representatives.len() as u32 - 1
            });
            let representative = &mut representatives[class as usize];
            if key(i) < key(*representative) {
                *representative = i;
            }
            class_of.push(class);
        }
        let mut by_representative: Vec<u32> = (0..representatives.len() as u32).collect();
        by_representative.sort_unstable_by_key(|&class| (!has_new[class as usize], representatives[class as usize]));
        let mut number = vec![0; representatives.len()];
        (0u32..).zip(&by_representative).for_each(|(n, &class)| number[class as usize] = n);
        class_of.iter_mut().for_each(|class| *class = number[*class as usize]);
        let representatives = by_representative.iter().map(|&class| representatives[class as usize]).collect();
        let n_new = has_new.iter().filter(|has_new| **has_new).count();
        Self { representatives, class_of, n_new }
    }

    /// `n` passages of which nothing is known but that they are different.
    #[must_use]
    pub fn all_different(n: usize) -> Self {
        Self { representatives: (0..n).collect(), class_of: (0..n as u32).collect(), n_new: n }
    }

    /// The passage that represents each class, in passage order; classes of an old corpus only come last.
    #[must_use]
    pub fn representatives(&self) -> &[usize] {
        &self.representatives
    }

    /// How many classes have a passage that is not of an old corpus; they come first.
    pub(super) fn n_new(&self) -> usize {
        self.n_new
    }

    /// For each passage its class, an index into [`representatives`](Self::representatives).
    #[must_use]
    pub fn class_of(&self) -> &[u32] {
        &self.class_of
    }
}

/// SHA-256 of a text, cut to 128 bits. Of normalised texts, equal ones make exact duplicates.
#[must_use]
pub fn digest(text: &str) -> u128 {
    let full: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut cut = [0; 16];
    cut.copy_from_slice(&full[..16]);
    u128::from_le_bytes(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_copies_are_one_class() {
        let mut texts = vec!["a blurb"; 10_000];
        texts.push("another");
        texts[7] = "A  Blurb";
        let classes = ExactClasses::of(&texts);
        assert_eq!(classes.representatives(), [7, 10_000], "the first by text, wherever it stands");
        assert!(classes.class_of()[..10_000].iter().all(|&class| class == 0));
        texts.swap(7, 9_000);
        assert_eq!(ExactClasses::of(&texts).representatives(), [9_000, 10_000]);
    }

    #[test]
    fn a_text_of_the_old_corpus_represents_its_class() {
        let classes = ExactClasses::of_new_and_old(&["A text", "only new", "only old", "a text"], 2);
        assert_eq!((classes.representatives(), classes.class_of()), (&[1, 3, 2][..], &[1, 0, 2, 1][..]));
        assert_eq!(classes.n_new(), 2);
    }
}
