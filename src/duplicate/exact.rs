//! Exact duplicates: passages with the same normalised text, found by hashing.

use super::normal::normalised;
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::HashMap;

/// Passages by normalised text. The first of each class represents it.
#[derive(Clone, Debug, Default)]
pub struct ExactClasses {
    representatives: Vec<usize>,
    class_of: Vec<u32>,
}

impl ExactClasses {
    /// Sorts texts into classes.
    #[must_use]
    pub fn of(texts: &[&str]) -> Self {
        let normal: Vec<Cow<str>> = texts.par_iter().map(|text| normalised(text)).collect();
        let mut classes: HashMap<&str, u32> = HashMap::with_capacity(texts.len());
        let mut representatives = Vec::new();
        let class_of = normal
            .iter()
            .enumerate()
            .map(|(i, text)| {
                *classes.entry(text).or_insert_with(|| {
                    representatives.push(i);
                    representatives.len() as u32 - 1
                })
            })
            .collect();
        Self { representatives, class_of }
    }

    /// `n` passages of which nothing is known but that they are different.
    #[must_use]
    pub fn all_different(n: usize) -> Self {
        Self { representatives: (0..n).collect(), class_of: (0..n as u32).collect() }
    }

    /// The first passage of each class, in passage order.
    #[must_use]
    pub fn representatives(&self) -> &[usize] {
        &self.representatives
    }

    /// `(representative, copy)` for every passage that is not the first of its class.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.class_of
            .iter()
            .enumerate()
            .map(|(i, &class)| (self.representatives[class as usize], i))
            .filter(|(representative, i)| representative != i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_copies_are_as_many_pairs_less_one() {
        let mut texts = vec!["A blurb"; 10_000];
        texts.push("another");
        texts[7] = "a  BLURB";
        let classes = ExactClasses::of(&texts);
        assert_eq!(classes.representatives(), [0, 10_000]);
        assert_eq!(classes.pairs().count(), 9_999);
        assert!(classes.pairs().all(|(a, b)| a == 0 && b != 0));
    }
}
