//! Which passages may be paired, and which of a text's copies a pair of texts stands for.
//!
//! Texts are compared once, however many copies they have; a pair is of two passages. This module
//! goes from the one to the other, so that no filter needs more than a few looks at a class of copies.

use super::{ExactClasses, PairSources};
use std::collections::HashMap;

/// Which passages may be paired.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter<'a> {
    pub sources: PairSources,
    pub source_of: &'a [u32],
    /// Passages from this one on are of the old corpus.
    pub n_new: usize,
}

impl Filter<'_> {
    /// The one place that says which passages may be paired.
    pub fn allows(&self, a: u32, b: u32) -> bool {
        let is_same_source = self.source_of[a as usize] == self.source_of[b as usize];
        a != b
            && (self.is_new(a) || self.is_new(b))
            && match self.sources {
                PairSources::Any => true,
                PairSources::Across => !is_same_source,
                PairSources::Within => is_same_source,
            }
    }

    pub fn is_new(&self, passage: u32) -> bool {
        (passage as usize) < self.n_new
    }
}

/// The copies of each text; where pairs stay within sources, the copies in each source.
pub(super) struct Copies<'a> {
    filter: Filter<'a>,
    /// Passages, set after set; of the old corpus first, then by text.
    members: Vec<u32>,
    /// Where each set begins in `members`, and the end.
    starts: Vec<u32>,
    /// The first set of each class, and the end.
    class_starts: Vec<u32>,
    /// For each passage its set.
    set_of: Vec<u32>,
    /// Of sets of several passages, the few that can be paired with whatever any of them can.
    speakers: HashMap<u32, Vec<u32>>,
}

impl<'a> Copies<'a> {
    pub fn new(texts: &[&str], classes: &ExactClasses, filter: Filter<'a>) -> Self {
        let class_of = classes.class_of();
        let set_key = |i: u32| {
            let is_apart = filter.sources == PairSources::Within;
            (class_of[i as usize], if is_apart { filter.source_of[i as usize] } else { 0 })
        };
        let mut members: Vec<u32> = (0..texts.len() as u32).collect();
        members.sort_unstable_by(|&a, &b| {
            let key = |i: u32| (set_key(i), filter.is_new(i), texts[i as usize], i);
            key(a).cmp(&key(b))
        });
        let mut copies = Self {
            filter,
            starts: vec![],
            class_starts: vec![],
            set_of: vec![0; texts.len()],
            speakers: HashMap::new(),
            members: vec![],
        };
        let mut start = 0;
        for set in members.chunk_by(|&a, &b| set_key(a) == set_key(b)) {
            let number = copies.starts.len() as u32;
            if class_of[set[0] as usize] as usize == copies.class_starts.len() {
                copies.class_starts.push(number);
            }
            copies.starts.push(start);
            start += set.len() as u32;
            set.iter().for_each(|&i| copies.set_of[i as usize] = number);
            if set.len() > 1 {
                copies.speakers.insert(number, speakers(set, &filter));
            }
        }
        copies.class_starts.push(copies.starts.len() as u32);
        copies.starts.push(start);
        copies.members = members;
        copies
    }

    /// For each passage its set.
    pub fn set_of(&self) -> &[u32] {
        &self.set_of
    }

    fn members(&self, set: u32) -> &[u32] {
        &self.members[self.starts[set as usize] as usize..self.starts[set as usize + 1] as usize]
    }

    fn speakers(&self, set: u32) -> &[u32] {
        self.speakers.get(&set).map_or_else(|| self.members(set), Vec::as_slice)
    }

    /// The pairs that show which passages have the same text: each passage with the first that it may
    /// be paired with. So a text that stands 10,000 times is 9,999 pairs.
    pub fn exact_pairs(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let of_set = move |set: u32| {
            let speakers = self.speakers(set);
            self.members(set).iter().filter_map(move |&a| {
                let b = speakers.iter().copied().find(|&b| self.filter.allows(a, b))?;
                Some((a.min(b), a.max(b)))
            })
        };
        let mut sets: Vec<u32> = self.speakers.keys().copied().collect();
        sets.sort_unstable();
        sets.into_iter().flat_map(of_set)
    }

    /// The pairs of passages that a pair of classes stands for: one at most, or, within sources, one
    /// for each source that has both.
    pub fn pairs_between(&self, a: u32, b: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let sets = |class: u32| self.class_starts[class as usize]..self.class_starts[class as usize + 1];
        let source = |set: u32| self.filter.source_of[self.members(set)[0] as usize];
        let mut of_b = sets(b).peekable();
        sets(a).filter_map(move |set_a| {
            let set_b = match self.filter.sources {
                PairSources::Any | PairSources::Across => of_b.next()?,
                PairSources::Within => {
                    while of_b.next_if(|&set_b| source(set_b) < source(set_a)).is_some() {}
                    of_b.next_if(|&set_b| source(set_b) == source(set_a))?
                }
            };
            let pairs = self.speakers(set_a).iter().flat_map(|&a| self.speakers(set_b).iter().map(move |&b| (a, b)));
            let (a, b) = pairs.into_iter().find(|&(a, b)| self.filter.allows(a, b))?;
            Some((a.min(b), a.max(b)))
        })
    }
}

/// Passages of different sources that a set needs so that one of them may be paired with a passage that
/// any of the set may be paired with.
pub(super) fn n_speaking_sources(sources: PairSources) -> usize {
    if sources == PairSources::Across { 2 } else { 1 }
}

/// The first passages of a set with what a filter can ask for: old or new, and, where pairs go across
/// sources, two sources of each. If any passage of the set may be paired with some passage outside,
/// or inside, one of these may.
fn speakers(set: &[u32], filter: &Filter) -> Vec<u32> {
    let n_sources = n_speaking_sources(filter.sources);
    let mut speakers: Vec<u32> = Vec::new();
    for &i in set {
        let source = |i: u32| filter.source_of[i as usize];
        let alike = || speakers.iter().filter(|&&j| filter.is_new(i) == filter.is_new(j));
        let is_seen = filter.sources == PairSources::Across && alike().any(|&j| source(i) == source(j));
        if !is_seen && alike().count() < n_sources {
            speakers.push(i);
        }
    }
    speakers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn whoever_may_be_paired_is_and_nobody_else(
            passages in proptest::collection::vec((0usize..4, 0u32..3), 1..24),
            n_old in 0usize..8,
            sources in prop_oneof![Just(PairSources::Any), Just(PairSources::Across), Just(PairSources::Within)],
        ) {
            let texts: Vec<&str> = passages.iter().map(|(text, _)| ["a", "A", "b", "c"][*text]).collect();
            let source_of: Vec<u32> = passages.iter().map(|(_, source)| *source).collect();
            let n_new = texts.len().saturating_sub(n_old);
            let classes = ExactClasses::of_new_and_old(&texts, n_new);
            let filter = Filter { sources, source_of: &source_of, n_new };
            let copies = Copies::new(&texts, &classes, filter);
            let exact: BTreeSet<(u32, u32)> = copies.exact_pairs().collect();
            let class = |i: u32| classes.class_of()[i as usize];
            let all = 0..texts.len() as u32;
            for i in all.clone() {
                let may = all.clone().any(|j| class(i) == class(j) && filter.allows(i, j));
                let is = exact.iter().any(|&(a, b)| a == i || b == i);
                prop_assert_eq!(may, is);
            }
            prop_assert!(exact.iter().all(|&(a, b)| a < b && filter.allows(a, b) && class(a) == class(b)));
            let n_classes = classes.representatives().len() as u32;
            for (a, b) in (0..n_classes).flat_map(|a| (0..n_classes).map(move |b| (a, b))).filter(|(a, b)| a != b) {
                let pairs: Vec<_> = copies.pairs_between(a, b).collect();
                prop_assert!(pairs.iter().all(|&(x, y)| x < y && filter.allows(x, y)));
                prop_assert!(pairs.iter().all(|&(x, y)| BTreeSet::from([class(x), class(y)]) == BTreeSet::from([a, b])));
                let allowed = all.clone().flat_map(|x| all.clone().map(move |y| (x, y)))
                    .filter(|&(x, y)| class(x) == a && class(y) == b && filter.allows(x, y));
                let expected = match sources {
                    PairSources::Within => allowed.map(|(x, _)| source_of[x as usize]).collect::<BTreeSet<_>>().len(),
                    _ => usize::from(allowed.count() > 0),
                };
                prop_assert_eq!(pairs.len(), expected);
            }
        }
    }
}
