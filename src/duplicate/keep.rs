//! Which duplicates are dispensable: passages are gone through in a given order, and one goes if it is
//! directly paired with one that stays. So nothing goes without a duplicate that stays, no two that
//! stay are paired, and groups' representatives decide nothing.

use super::copies::{Filter, n_speaking_sources};
use super::{DuplicateOptions, DuplicatePair, Duplicates, Kind, PairSources, Passages};
use std::collections::HashMap;

/// Why a passage is dispensable: a passage that stays, and the evidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dispensable {
    /// The passage that goes.
    pub passage: u32,
    /// The passage that stays for it.
    pub kept: u32,
    /// How they are alike.
    pub kind: Kind,
    /// Cosine similarity of the embeddings, −1 to 1; none where there are no embeddings.
    pub cosine: Option<f32>,
    /// Shared shingles as a share of all, 0 to 1.
    pub jaccard: f32,
    /// Shared shingles as a share of the smaller set, 0 to 1.
    pub containment: f32,
}

impl Dispensable {
    /// The figure that the kind is decided by, 0 to 1.
    #[must_use]
    pub fn evidence(&self) -> f32 {
        let Self { passage: a, kept: b, kind, cosine, jaccard, containment } = *self;
        DuplicatePair { a, b, kind, cosine, jaccard, containment, excerpt: None }.evidence()
    }
}

/// Who is linked with whom, by text.
pub struct Links<'a> {
    passages: Passages<'a>,
    filter: Filter<'a>,
    set_of: &'a [u32],
    neighbours: HashMap<u32, Vec<(u32, &'a DuplicatePair)>>,
    has_exact: bool,
}

impl<'a> Links<'a> {
    /// The links that the pairs of `duplicates` stand for.
    #[must_use]
    pub fn of(passages: Passages<'a>, duplicates: &'a Duplicates, options: &DuplicateOptions) -> Self {
        let filter = Filter { sources: options.sources, source_of: passages.source_of, n_new: passages.n_new };
        let set_of = &duplicates.set_of;
        let mut neighbours: HashMap<u32, Vec<(u32, &DuplicatePair)>> = HashMap::new();
        for pair in &duplicates.pairs {
            let (a, b) = (set_of[pair.a as usize], set_of[pair.b as usize]);
            if a != b {
                neighbours.entry(a).or_default().push((b, pair));
                neighbours.entry(b).or_default().push((a, pair));
            }
        }
        // The strongest first, so that the first that fits is the reason.
        for links in neighbours.values_mut() {
            links.sort_by(|(_, x), (_, y)| {
                x.kind.cmp(&y.kind).then(y.evidence().total_cmp(&x.evidence())).then((x.a, x.b).cmp(&(y.a, y.b)))
            });
        }
        Self { passages, filter, set_of, neighbours, has_exact: options.kinds.contains(&Kind::Exact) }
    }

    /// Goes through passages in the order in which they are to stay, and says which are dispensable.
    /// Those of the old corpus, and those of which `stays` says so, stay whatever they are paired with;
    /// they come first, wherever `order` has them. How many of the latter are dispensable as well is the
    /// second figure.
    #[must_use]
    pub fn dispensable(&self, order: &[u32], stays: &dyn Fn(u32) -> bool) -> (Vec<Dispensable>, usize) {
        let mut kept = KeptCopies::default();
        let (mut dispensable, mut n_stay) = (Vec::new(), 0);
        let (first, then): (Vec<u32>, Vec<u32>) = order.iter().partition(|&&i| !self.filter.is_new(i) || stays(i));
        for passage in first {
            let reason = self.reasons(passage, |set| kept.of(set)).next();
            n_stay += usize::from(reason.is_some());
            kept.add(passage, self);
        }
        for passage in then {
            let reason = self.reasons(passage, |set| kept.of(set)).next();
            match reason {
                Some(reason) => dispensable.push(reason),
                None => kept.add(passage, self),
            }
        }
        (dispensable, n_stay)
    }

    /// The links of a passage with what `kept` gives for the sets it is linked with, the strongest first.
    pub(crate) fn reasons<'k, K: Fn(u32) -> &'k [u32]>(
        &self,
        passage: u32,
        kept: K,
    ) -> impl Iterator<Item = Dispensable> + use<'_, 'a, 'k, K> {
        let set = self.set_of[passage as usize];
        let own = self.has_exact.then_some((set, None));
        let others = self.neighbours.get(&set).into_iter().flatten().map(|&(other, pair)| (other, Some(pair)));
        own.into_iter().chain(others).flat_map(move |(set, pair)| {
            let allowed = kept(set).iter().copied().filter(move |&i| self.filter.allows(passage, i));
            allowed.map(move |kept| {
                if let Some(&DuplicatePair { kind, cosine, jaccard, containment, .. }) = pair {
                    return Dispensable { passage, kept, kind, cosine, jaccard, containment };
                }
                let cosine = self.passages.cosine(passage, kept);
                Dispensable { passage, kept, kind: Kind::Exact, cosine, jaccard: 1.0, containment: 1.0 }
            })
        })
    }

    /// For each passage its set of copies.
    pub(crate) fn set_of(&self, passage: u32) -> u32 {
        self.set_of[passage as usize]
    }
}

/// Of each text, as many copies that stay as any filter can ask for.
#[derive(Default)]
struct KeptCopies(HashMap<u32, Vec<u32>>);

impl KeptCopies {
    fn of(&self, set: u32) -> &[u32] {
        self.0.get(&set).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, passage: u32, links: &Links) {
        let filter = &links.filter;
        let copies = self.0.entry(links.set_of(passage)).or_default();
        let source = |i: u32| filter.source_of[i as usize];
        let alike = || copies.iter().filter(|&&i| filter.is_new(i) == filter.is_new(passage));
        let is_seen = filter.sources == PairSources::Across && alike().any(|&i| source(i) == source(passage));
        if !is_seen && alike().count() < n_speaking_sources(filter.sources) {
            copies.push(passage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ExactClasses, find};
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_has_a_duplicate_that_stays_and_no_two_that_stay_are_paired(
            texts in proptest::collection::vec("([a-cA] ){1,6}", 1..25),
            seed: u64,
            n_old in 0usize..6,
            sources in prop_oneof![Just(PairSources::Any), Just(PairSources::Across), Just(PairSources::Within)],
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let n = texts.len();
            let n_new = n.saturating_sub(n_old);
            let source_of: Vec<u32> = (0..n).map(|i| (seed >> (i % 50)) as u32 & 1).collect();
            let zeros = vec![0; n];
            let classes = ExactClasses::of_new_and_old(&texts, n_new);
            // Copies have equal rows: one of nine directions 20° apart, of which neighbours are alike.
            let angle = |i: usize| (20 * ((seed >> (classes.class_of()[i] % 60)) % 9)) as f32;
            let rows = Array2::from_shape_fn((n, 2), |(i, axis)| {
                let angle = angle(i).to_radians();
                if axis == 0 { angle.cos() } else { angle.sin() }
            });
            let passages = Passages {
                texts: &texts, rows: rows.view(), classes: &classes, source_of: &source_of, document_of: &zeros, n_new,
            };
            let options = DuplicateOptions { min_excerpt_words: 3, sources, ..Default::default() };
            let duplicates = find(passages, &options).unwrap();
            let links = Links::of(passages, &duplicates, &options);
            let mut order: Vec<u32> = (0..n as u32).collect();
            order.rotate_left(seed as usize % n);
            let (gone, _) = links.dispensable(&order, &|_| false);
            let is_gone = |i: u32| gone.iter().any(|reason| reason.passage == i);
            for reason in &gone {
                prop_assert!((reason.passage as usize) < n_new && !is_gone(reason.kept));
                prop_assert!(links.filter.allows(reason.passage, reason.kept));
            }
            // What stays, looked at again, holds no pair.
            let left: Vec<usize> = (0..n).filter(|&i| !is_gone(i as u32)).collect();
            let new_left = left.iter().filter(|&&i| i < n_new).count();
            let texts: Vec<&str> = left.iter().map(|&i| texts[i]).collect();
            let source_of: Vec<u32> = left.iter().map(|&i| source_of[i]).collect();
            let classes = ExactClasses::of_new_and_old(&texts, new_left);
            let rows = rows.select(ndarray::Axis(0), &left);
            let passages = Passages {
                texts: &texts, rows: rows.view(), classes: &classes, source_of: &source_of,
                document_of: &zeros[..left.len()], n_new: new_left,
            };
            prop_assert_eq!(find(passages, &options).unwrap().pairs, vec![]);
        }
    }
}
