//! Near copies and excerpts: all pairs of shingle sets with enough in common, by an inverted index.
//! Every set meets exactly the sets that share a shingle with it, so no pair is missed.

use super::shingle::{Shared, ShingleSet};
use super::{DuplicateOptions, Kind};
use rayon::prelude::*;
use std::collections::HashMap;

/// A pair of sets, by index; `a < b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LexicalPair {
    pub a: u32,
    pub b: u32,
    pub kind: Kind,
}

/// All near and excerpt pairs, by `(a, b)`.
pub(super) fn pairs(sets: &[ShingleSet], options: &DuplicateOptions) -> Vec<LexicalPair> {
    let mut sets_with: HashMap<u64, Vec<u32>> = HashMap::new();
    for (i, set) in sets.iter().enumerate() {
        for &shingle in &set.shingles {
            sets_with.entry(shingle).or_default().push(i as u32);
        }
    }
    (0..sets.len())
        .into_par_iter()
        .flat_map_iter(|b| {
            let mut n_shared: HashMap<u32, usize> = HashMap::new();
            for shingle in &sets[b].shingles {
                let earlier = sets_with[shingle].iter().take_while(|&&a| (a as usize) < b);
                earlier.for_each(|&a| *n_shared.entry(a).or_default() += 1);
            }
            let mut found: Vec<LexicalPair> = n_shared
                .into_iter()
                .filter_map(|(a, n)| {
                    let kind = kind(n, &sets[a as usize], &sets[b], options)?;
                    Some(LexicalPair { a, b: b as u32, kind })
                })
                .collect();
            found.sort_unstable();
            found
        })
        .collect()
}

/// The strongest kind that holds for two sets with `n_shared` shingles in common.
fn kind(n_shared: usize, a: &ShingleSet, b: &ShingleSet, options: &DuplicateOptions) -> Option<Kind> {
    let shared = Shared::of(n_shared, a, b);
    if shared.jaccard >= options.min_jaccard {
        return Some(Kind::Near);
    }
    let is_excerpt =
        shared.containment >= options.min_containment && a.n_words.min(b.n_words) >= options.min_excerpt_words;
    is_excerpt.then_some(Kind::Excerpt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_edit_is_near_and_a_quotation_is_an_excerpt() {
        let long = "The summit will focus heavily on the invasion of Ukraine and on support for weapons programs, \
            and the two will join a trilateral summit with the president, the first such meeting since 2017";
        let texts = [
            long,
            &long.replace("first", "second"),
            "the two will join a trilateral summit with the president",
            "focus heavily on it",
        ];
        let sets = ShingleSet::of_all(texts.into_iter());
        let found = pairs(&sets, &DuplicateOptions::default());
        let kinds: Vec<_> = found.iter().map(|p| (p.a, p.b, p.kind)).collect();
        assert_eq!(kinds, [(0, 1, Kind::Near), (0, 2, Kind::Excerpt), (1, 2, Kind::Excerpt)]);
    }

    proptest! {
        #[test]
        fn pairs_are_those_of_brute_force(texts in proptest::collection::vec("([a-d] ){1,14}", 0..40)) {
            let sets = ShingleSet::of_all(texts.iter().map(String::as_str));
            let options = DuplicateOptions { min_excerpt_words: 4, ..Default::default() };
            let mut expected = Vec::new();
            for b in 0..sets.len() {
                for a in 0..b {
                    let shared = sets[a].shingles.iter().filter(|s| sets[b].shingles.contains(s)).count();
                    if let Some(kind) = kind(shared, &sets[a], &sets[b], &options) {
                        expected.push(LexicalPair { a: a as u32, b: b as u32, kind });
                    }
                }
            }
            let mut found = pairs(&sets, &options);
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}
