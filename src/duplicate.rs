//! Passages that recur: pairs, which are the evidence, and groups, which are derived from them.
//!
//! A pair is of the strongest kind that holds:
//! - **exact**: the same text after normalisation;
//! - **near**: an edited copy, at least 0.45 of all word shingles are shared (Jaccard);
//! - **excerpt**: one is contained in the other, at least 0.85 of the shorter text's shingles are in
//!   one stretch of the longer one (of two that share as much as near copies do, it is one if the longer
//!   is at least half as long again);
//! - **reworded**: the same meaning in other words, cosine of at least the threshold.
//!
//! Texts that are exactly equal are compared once: one of them represents its copies.

pub mod apart;
mod boilerplate;
mod copies;
mod exact;
mod excerpt;
mod group;
mod keep;
mod lexical;
mod normal;
mod reworded;
mod shingle;
mod strongest;
mod threshold;

pub use boilerplate::Boilerplate;
pub use exact::{ExactClasses, digest};
pub use excerpt::ExcerptPlace;
pub use group::{DuplicateGroup, WeakestLink};
pub use keep::{Dispensable, Links};
pub use normal::normalised;
pub use shingle::ShingleRarity;
pub use threshold::{Rung, for_share, ladder, regroup};

use crate::{Error, Result};
use copies::{Copies, Filter};
use lexical::LexicalPair;
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::Serialize;
use shingle::{Shared, ShingleSets};
use std::cmp::Ordering;
use strongest::Strongest;

/// Pairs that are looked at together: so that memory does not depend on how many there are.
const AT_ONCE: usize = 1 << 20;

/// How two passages are alike, the strongest kind first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The same text after normalisation.
    Exact,
    /// An edited copy.
    Near,
    /// One is contained in the other.
    Excerpt,
    /// The same meaning in other words.
    Reworded,
}

impl Kind {
    /// All kinds, the strongest first.
    pub const ALL: [Self; 4] = [Self::Exact, Self::Near, Self::Excerpt, Self::Reworded];

    /// The name that reports and options use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Near => "near",
            Self::Excerpt => "excerpt",
            Self::Reworded => "reworded",
        }
    }
}

/// Which passages may be paired, by their sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PairSources {
    /// Any two.
    #[default]
    Any,
    /// Two of different sources.
    Across,
    /// Two of the same source.
    Within,
}

/// What counts as a duplicate.
#[derive(Clone, Debug)]
pub struct DuplicateOptions {
    /// Kinds to look for; default: all.
    pub kinds: Vec<Kind>,
    /// Least cosine of a reworded pair, above 0 and at most 1; default 0.9.
    pub threshold: f32,
    /// Least Jaccard similarity of the shingle sets of a near pair; default 0.45.
    pub min_jaccard: f32,
    /// Least share of the shorter text's shingles in the longer text of an excerpt pair; default 0.85.
    pub min_containment: f32,
    /// An excerpt has at least this many words, and as many runs of two as so many different words
    /// have, so that a stock phrase is none; where spaces do not tell words apart, two characters count
    /// as a word; default 8.
    pub min_excerpt_words: usize,
    /// Which sources the two passages of a pair come from; default: any.
    pub sources: PairSources,
    /// Least number of members of a group, at least 2; default 2.
    pub min_group: usize,
    /// Pairs that are kept, the strongest first; default 10 million. Half as many again are held while they are found.
    pub max_pairs: usize,
    /// Share of a source's documents, above 0 and at most 1, in which a group must stand to be that
    /// source's boilerplate; default 0.2.
    pub boilerplate: f32,
    /// A source of fewer documents has no boilerplate; default 5.
    pub min_boilerplate_documents: usize,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self {
            kinds: Kind::ALL.to_vec(),
            threshold: 0.9,
            min_jaccard: 0.45,
            min_containment: 0.85,
            min_excerpt_words: 8,
            sources: PairSources::Any,
            min_group: 2,
            max_pairs: 10_000_000,
            boilerplate: 0.2,
            min_boilerplate_documents: 5,
        }
    }
}

impl DuplicateOptions {
    /// Refuses values out of range, before any slow work.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<()> {
        let is_share = |value: f32| value > 0.0 && value <= 1.0;
        let refused =
            |option, found: String, expected: &str| Err(Error::Option { option, found, expected: expected.into() });
        if !is_share(self.threshold) {
            return refused("--threshold", self.threshold.to_string(), "a cosine above 0 and at most 1");
        }
        if !is_share(self.boilerplate) {
            return refused("--boilerplate", self.boilerplate.to_string(), "a share above 0 and at most 1");
        }
        if self.min_group < 2 {
            return refused("--min-group", self.min_group.to_string(), "at least 2");
        }
        if self.max_pairs == 0 {
            return refused("--max-pairs", "0".into(), "at least 1");
        }
        Ok(())
    }
}

/// Two passages that are alike, with the evidence. `a < b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DuplicatePair {
    /// The earlier passage.
    pub a: u32,
    /// The later passage.
    pub b: u32,
    /// The strongest kind that holds.
    pub kind: Kind,
    /// Cosine similarity of the embeddings, −1 to 1; none where there are no embeddings.
    pub cosine: Option<f32>,
    /// Shared shingles as a share of all, 0 to 1.
    pub jaccard: f32,
    /// Shared shingles as a share of the smaller set, 0 to 1.
    pub containment: f32,
    /// Of an excerpt: where in the longer passage it stands.
    pub excerpt: Option<ExcerptPlace>,
}

impl DuplicatePair {
    /// The figure that its kind is decided by, 0 to 1: for a near pair the Jaccard similarity, for an
    /// excerpt the containment, for a reworded pair the cosine; 1 for an exact one.
    #[must_use]
    pub fn evidence(&self) -> f32 {
        match self.kind {
            Kind::Exact => 1.0,
            Kind::Near => self.jaccard,
            Kind::Excerpt => self.containment,
            Kind::Reworded => self.cosine.unwrap_or(-1.0),
        }
    }

    /// The one with the larger cosine is greater.
    pub(crate) fn by_cosine(&self, other: &Self) -> Ordering {
        self.cosine.unwrap_or(-1.0).total_cmp(&other.cosine.unwrap_or(-1.0))
    }
}

/// The passages to look for duplicates among, an entry each.
#[derive(Clone, Copy, Debug)]
pub struct Passages<'a> {
    /// What they say.
    pub texts: &'a [&'a str],
    /// `(n, dim)` embeddings of unit length; of no columns where there are none, and nothing is reworded.
    pub rows: ArrayView2<'a, f32>,
    /// Which of them have the same text.
    pub classes: &'a ExactClasses,
    /// The source of each.
    pub source_of: &'a [u32],
    /// The document of each.
    pub document_of: &'a [u32],
    /// Those from this one on are of an old corpus: they are not paired with each other, and all stay.
    pub n_new: usize,
}

impl Passages<'_> {
    /// Cosine similarity of two passages, if they have embeddings.
    fn cosine(&self, a: u32, b: u32) -> Option<f32> {
        let row = |i: u32| self.rows.row(i as usize);
        (self.rows.ncols() > 0).then(|| crate::similarity::dot(row(a), row(b)).clamp(-1.0, 1.0))
    }
}

/// The duplicates among passages.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    /// All pairs, by `(a, b)`. Of passages of the same text, each is paired with one, and one speaks for
    /// all where the text is paired with others.
    pub pairs: Vec<DuplicatePair>,
    /// Pairs that were found and are not among `pairs`, because there are more than `max_pairs`: those
    /// of the weakest kind and the least evidence.
    pub n_pairs_left_out: usize,
    /// Groups of passages, the largest first.
    pub groups: Vec<DuplicateGroup>,
    /// For each passage its group.
    pub group_of: Vec<Option<u32>>,
    /// Groups that stand in a large share of a source's documents.
    pub boilerplate: Vec<Boilerplate>,
    /// Passages from this one on are of the old corpus.
    pub n_new: usize,
    /// For each passage its set of copies.
    pub(crate) set_of: Vec<u32>,
}

impl Duplicates {
    /// Those whose pairs and groups were found in parts, among new passages.
    #[must_use]
    pub fn of_parts(
        mut pairs: Vec<DuplicatePair>,
        groups: Vec<DuplicateGroup>,
        passages: Passages,
        options: &DuplicateOptions,
    ) -> Self {
        excerpt::place_all(passages.texts, &mut pairs);
        let mut group_of = vec![None; passages.texts.len()];
        for (number, group) in (0..).zip(&groups) {
            group.members.iter().for_each(|&i| group_of[i as usize] = Some(number));
        }
        let boilerplate = boilerplate::boilerplate(&groups, passages.source_of, passages.document_of, options);
        let set_of = passages.classes.class_of().to_vec();
        Self { pairs, n_pairs_left_out: 0, groups, group_of, boilerplate, n_new: passages.n_new, set_of }
    }

    /// Whether a group stands in a large share of some source's documents.
    #[must_use]
    pub fn is_boilerplate(&self, group: u32) -> bool {
        self.boilerplate.binary_search_by_key(&group, |found| found.group).is_ok()
    }

    /// Whether a passage stays when each group keeps its representative only; the old corpus stays whole.
    #[must_use]
    pub fn is_kept(&self, passage: usize) -> bool {
        let is_representative = |group: u32| self.groups[group as usize].representative as usize == passage;
        passage >= self.n_new || self.group_of[passage].is_none_or(is_representative)
    }
}

/// For each passage the one that stands for it where repeated text must count once: the representative
/// of its group of exact and near duplicates, or itself.
///
/// # Errors
/// As [`find`].
pub fn representatives(passages: Passages) -> Result<Vec<u32>> {
    let options = DuplicateOptions { kinds: vec![Kind::Exact, Kind::Near], ..Default::default() };
    let copies = find(passages, &options)?;
    let of = |(i, group): (u32, &Option<u32>)| group.map_or(i, |group| copies.groups[group as usize].representative);
    Ok((0..).zip(&copies.group_of).map(of).collect())
}

/// Finds all pairs among passages and groups them.
///
/// # Errors
/// [`Error::Option`] if an option is out of range.
pub fn find(passages: Passages, options: &DuplicateOptions) -> Result<Duplicates> {
    options.check()?;
    let Passages { texts, rows, classes, source_of, n_new, .. } = passages;
    let asked = |kind: Kind| options.kinds.contains(&kind);
    let distinct = classes.representatives();
    // Copies are found by their digests alone.
    let compared: &[usize] = if options.kinds.iter().all(|kind| *kind == Kind::Exact) { &[] } else { distinct };
    let sets = ShingleSets::of_all(compared.iter().map(|&i| texts[i]));
    let filter = Filter { sources: options.sources, source_of, n_new };
    let copies = Copies::new(texts, classes, filter);

    let mut strongest = Strongest::new(texts, options.max_pairs);
    if asked(Kind::Exact) {
        let mut exact: Vec<_> = copies.exact_pairs().collect();
        exact.sort_unstable();
        exact.dedup();
        let pair = |(a, b)| {
            let cosine = passages.cosine(a, b);
            DuplicatePair { a, b, kind: Kind::Exact, cosine, jaccard: 1.0, containment: 1.0, excerpt: None }
        };
        strongest.extend(exact.into_iter().map(pair).collect());
    }
    let text = |i: u32| texts[distinct[i as usize]];
    // The pairs of passages that a pair of texts stands for, with the evidence of the texts, which were compared.
    let of_texts = |LexicalPair { a, b, kind }: LexicalPair| {
        let mut evidence = None;
        let (sets, passages) = (&sets, &passages);
        copies.pairs_between(a, b).map(move |of_passages| {
            let (Shared { jaccard, containment }, cosine) = *evidence.get_or_insert_with(|| {
                let cosine = passages.cosine(distinct[a as usize] as u32, distinct[b as usize] as u32);
                (sets.shared(a as usize, b as usize), cosine)
            });
            let (a, b) = of_passages;
            DuplicatePair { a, b, kind, cosine, jaccard, containment, excerpt: None }
        })
    };
    let evident = |pairs: Vec<LexicalPair>| -> Vec<DuplicatePair> {
        pairs.into_par_iter().filter(|pair| asked(pair.kind)).flat_map_iter(of_texts).collect()
    };
    if asked(Kind::Near) || asked(Kind::Excerpt) {
        lexical::for_each_pair(&sets, options, |by_sets| {
            strongest.extend(evident(excerpt::in_one_stretch(by_sets, &sets, text, options)));
        });
    }
    if asked(Kind::Reworded) && rows.ncols() > 0 {
        reworded::for_each_pair(rows, distinct, classes.n_new(), options.threshold, |alike| {
            let by_words = excerpt::alike_by_words(alike, &sets, text, options);
            strongest.extend(evident(reworded::without(alike, &by_words)));
        });
    }
    let (pairs, n_pairs_left_out) = strongest.finish();
    Ok(grouped(pairs, n_pairs_left_out, &copies, &filter, passages, options))
}

/// What follows from the pairs.
fn grouped(
    mut pairs: Vec<DuplicatePair>,
    n_pairs_left_out: usize,
    copies: &Copies,
    filter: &Filter,
    passages: Passages,
    options: &DuplicateOptions,
) -> Duplicates {
    excerpt::place_all(passages.texts, &mut pairs);
    let (groups, group_of) = group::groups(passages.texts, copies.set_of(), &pairs, filter, options.min_group);
    let boilerplate = boilerplate::boilerplate(&groups, passages.source_of, passages.document_of, options);
    let set_of = copies.set_of().to_vec();
    Duplicates { pairs, n_pairs_left_out, groups, group_of, boilerplate, n_new: passages.n_new, set_of }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    /// What is found among passages of the given texts, all of them in one document of one source.
    fn found(texts: &[&str], rows: &Array2<f32>, options: &DuplicateOptions) -> Duplicates {
        let classes = ExactClasses::of(texts);
        let zeros = vec![0; texts.len()];
        let n_new = texts.len();
        let passages =
            Passages { texts, rows: rows.view(), classes: &classes, source_of: &zeros, document_of: &zeros, n_new };
        find(passages, options).unwrap()
    }

    proptest! {
        #[test]
        fn the_order_of_the_passages_decides_nothing(
            texts in proptest::collection::btree_set("([a-dA] ){1,9}", 1..25),
            copies in 0usize..10,
            seed: u64,
            max_pairs in prop_oneof![Just(1usize), Just(9), Just(1000)],
        ) {
            let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            texts.extend_from_within(..copies.min(texts.len()));
            // Equal texts have equal rows: one of nine directions 20° apart, so that neighbours are alike
            // (cosine 0.94, and 0.77 for the next) and no cosine is within rounding of the threshold.
            let angle = |i: usize| (20 * ((seed >> (i % 60)) % 9)) as f32;
            let row = |i: usize, axis: usize| if axis == 0 { angle(i).to_radians().cos() } else { angle(i).to_radians().sin() };
            let of_distinct = Array2::from_shape_fn((texts.len(), 2), |(i, axis)| row(i, axis));
            let row_of: HashMap<&str, usize> = (0..texts.len()).rev().map(|i| (texts[i], i)).collect();
            let options = DuplicateOptions { min_excerpt_words: 3, max_pairs, ..Default::default() };
            let shown = |texts: &[&str]| {
                let places: Vec<usize> = texts.iter().map(|text| row_of[text]).collect();
                let duplicates = found(texts, &of_distinct.select(ndarray::Axis(0), &places), &options);
                let text = |i: u32| texts[i as usize].to_owned();
                let mut pairs: Vec<_> = duplicates.pairs.iter().map(|pair| {
                    let sides = BTreeSet::from([text(pair.a), text(pair.b)]);
                    (sides, pair.kind, pair.evidence().to_bits())
                }).collect();
                pairs.sort_unstable();
                let groups: BTreeSet<_> = duplicates.groups.iter().map(|group| {
                    let mut members: Vec<String> = group.members.iter().map(|&i| text(i)).collect();
                    members.sort_unstable();
                    (text(group.representative), members, group.kind, group.n_pairs)
                }).collect();
                (pairs, groups, duplicates.n_pairs_left_out)
            };
            let expected = shown(&texts);
            let mut turned = texts.clone();
            turned.reverse();
            prop_assert!(shown(&turned) == expected);
            turned.rotate_left(texts.len() / 3);
            prop_assert!(shown(&turned) == expected);
            prop_assert!(expected.0.len() <= max_pairs);
        }
    }

    #[test]
    fn of_too_many_pairs_the_strongest_are_kept() {
        let texts = ["a text that stands twice", "A text that stands twice", "quite another", "one more of those"];
        let rows = Array2::from_shape_fn((4, 2), |(_, axis)| if axis == 0 { 1.0 } else { 0.0 });
        let all = found(&texts, &rows, &DuplicateOptions::default());
        let kinds = |duplicates: &Duplicates| duplicates.pairs.iter().map(|pair| pair.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&all), [Kind::Exact, Kind::Reworded, Kind::Reworded, Kind::Reworded]);
        let few = found(&texts, &rows, &DuplicateOptions { max_pairs: 1, ..Default::default() });
        assert_eq!((kinds(&few), few.n_pairs_left_out), (vec![Kind::Exact], 3));
    }

    #[test]
    fn old_passages_are_found_again_and_all_stay() {
        let texts = ["the new text", "a text of its own", "The New Text", "the new text"];
        let rows = ndarray::array![[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]];
        let classes = ExactClasses::of_new_and_old(&texts, 2);
        let passages = Passages {
            texts: &texts,
            rows: rows.view(),
            classes: &classes,
            source_of: &[0, 0, 1, 1],
            document_of: &[0, 0, 1, 1],
            n_new: 2,
        };
        let duplicates = find(passages, &DuplicateOptions::default()).unwrap();
        let pairs: Vec<_> = duplicates.pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        assert_eq!(pairs, [(0, 2), (0, 3)], "none between old passages");
        let kept: Vec<bool> = (0..4).map(|i| duplicates.is_kept(i)).collect();
        assert_eq!(kept, [false, true, true, true]);
    }
}
