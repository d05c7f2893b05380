//! The search for duplicates in parts: what can be done by machines that hold a part of the texts each, with the
//! same result as [`find`](super::find).
//!
//! Two texts that are near, or of which one holds the other, share a shingle that is rare in the smaller one
//! (`lexical`). So [`postings`] go by shingle to where [`candidates`] meet, as in Vernica, Carey and Li 2010,
//! "Efficient parallel set-similarity joins using MapReduce"; the texts of candidates are then brought together and
//! [`compared`]. What is paired with nothing outside can be put into [`groups`] by itself.

use super::copies::Filter;
use super::excerpt::alike_by_words;
use super::group;
use super::lexical::{Size, least_shared};
use super::shingle::{ShingleRarity, ShingleSets};
use super::{DuplicateGroup, DuplicateOptions, DuplicatePair, Kind, PairSources};
use std::collections::HashMap;

/// A shingle of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Posting {
    /// Equal for equal shingles, smaller for rarer ones.
    pub shingle: u64,
    /// Its text's shingles, and whether the text is long enough for an excerpt: the smaller ones sort first.
    n_shingles: u32,
    /// What the text is known by.
    pub text: u64,
    /// Its place among the text's shingles, the rare ones first.
    place: u32,
    is_long: bool,
    /// Whether larger texts are met by it.
    is_in_prefix: bool,
}

const IS_LONG: u64 = 1 << 62;
const IS_IN_PREFIX: u64 = 1 << 63;

impl Posting {
    /// All but the shingle and the text, as one number.
    #[must_use]
    pub fn packed(self) -> u64 {
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let numbers = u64::from(self.place) << 31 | u64::from(self.n_shingles);
        numbers | flag(self.is_long, IS_LONG) | flag(self.is_in_prefix, IS_IN_PREFIX)
    }

    /// The posting that was packed.
    #[must_use]
    pub fn unpacked(shingle: u64, text: u64, packed: u64) -> Self {
        const MASK: u64 = (1 << 31) - 1;
        Self {
            shingle,
            text,
            n_shingles: (packed & MASK) as u32,
            place: (packed >> 31 & MASK) as u32,
            is_long: packed & IS_LONG != 0,
            is_in_prefix: packed & IS_IN_PREFIX != 0,
        }
    }

    fn size(self) -> Size {
        Size { n_shingles: self.n_shingles as usize, is_long: self.is_long }
    }
}

/// The shingles of texts that are known as `ids`. All texts of a search have the same `rarity`.
///
/// # Panics
/// If there are not as many ids as texts.
#[must_use]
pub fn postings(texts: &[&str], ids: &[u64], rarity: &ShingleRarity, options: &DuplicateOptions) -> Vec<Posting> {
    assert_eq!(texts.len(), ids.len(), "an id for each text");
    let sets = ShingleSets::of_some(texts, rarity);
    let mut postings = Vec::new();
    for (i, &text) in ids.iter().enumerate() {
        let size = Size::of(&sets, i, options);
        let (n_shingles, n_prefix) = (size.n_shingles as u32, size.n_prefix(options) as u32);
        postings.extend((0u32..).zip(sets.set(i)).map(|(place, &shingle)| Posting {
            shingle,
            n_shingles,
            text,
            place,
            is_long: size.is_long,
            is_in_prefix: place < n_prefix,
        }));
    }
    postings
}

/// The pairs of texts, each once and in order, that one of these postings' shingles does not tell apart. Of all
/// postings of a shingle none is missing here. Hands them to `found`, some at a time; a pair may come again.
pub fn candidates(mut postings: Vec<Posting>, options: &DuplicateOptions, mut found: impl FnMut(&[(u64, u64)])) {
    const AT_ONCE: usize = 1 << 22;
    postings.sort_unstable();
    let mut pairs = Vec::new();
    let mut hand_over = |pairs: &mut Vec<(u64, u64)>| {
        pairs.sort_unstable();
        pairs.dedup();
        found(pairs);
        pairs.clear();
    };
    for of_shingle in postings.chunk_by(|a, b| a.shingle == b.shingle) {
        let mut smaller: Vec<Posting> = Vec::new();
        for &large in of_shingle {
            let may_be_pair = |small: &&Posting| {
                // What is left of both from here on bounds what they share, if this is the first that they do.
                let left = (small.n_shingles - small.place).min(large.n_shingles - large.place);
                left as usize >= least_shared([small.size(), large.size()], options)
            };
            let met = smaller.iter().filter(may_be_pair);
            pairs.extend(met.map(|small| (small.text.min(large.text), small.text.max(large.text))));
            if pairs.len() >= AT_ONCE {
                hand_over(&mut pairs);
            }
            if large.is_in_prefix {
                smaller.push(large);
            }
        }
    }
    hand_over(&mut pairs);
}

/// How two texts are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// The strongest kind that holds.
    pub kind: Kind,
    /// Shared shingles as a share of all, 0 to 1.
    pub jaccard: f32,
    /// Shared shingles as a share of the smaller set, 0 to 1.
    pub containment: f32,
}

/// Compares pairs of texts of different normal form, by index, `a < b`. What is not alike by its words is reworded
/// if `is_reworded` says that its meaning is the same; else it is no pair.
///
/// # Panics
/// If `is_reworded` does not speak of each pair.
#[must_use]
pub fn compared(
    texts: &[&str],
    pairs: &[(u32, u32)],
    is_reworded: &[bool],
    options: &DuplicateOptions,
) -> Vec<Option<Compared>> {
    assert_eq!(pairs.len(), is_reworded.len(), "a word for each pair");
    let sets = ShingleSets::of_all(texts.iter().copied());
    let lexical = alike_by_words(pairs, &sets, |i| texts[i as usize], options);
    let kinds: HashMap<(u32, u32), Kind> = lexical.into_iter().map(|pair| ((pair.a, pair.b), pair.kind)).collect();
    let compare = |(&(a, b), &is_reworded): (&(u32, u32), &bool)| {
        let kind = kinds.get(&(a, b)).copied().or(is_reworded.then_some(Kind::Reworded))?;
        let shared = sets.shared(a as usize, b as usize);
        Some(Compared { kind, jaccard: shared.jaccard, containment: shared.containment })
    };
    pairs.iter().zip(is_reworded).map(compare).collect()
}

/// The groups that `pairs` make among passages of which none is paired with any other. `set_of` says which of them
/// have the same text; `texts` are of one passage of each set at least, which is the first by text.
#[must_use]
pub fn groups(
    texts: &[&str],
    set_of: &[u32],
    source_of: &[u32],
    pairs: &[DuplicatePair],
    min_group: usize,
) -> Vec<DuplicateGroup> {
    let filter = Filter { sources: PairSources::Any, source_of, n_new: texts.len() };
    group::groups(texts, set_of, pairs, &filter, min_group).0
}

#[cfg(test)]
mod tests {
    use super::super::excerpt::in_one_stretch;
    use super::super::lexical;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Candidates by way of so many places that the shingles are divided among, from texts in parts.
    fn by_parts(
        texts: &[String],
        rarity: &ShingleRarity,
        n_places: u64,
        options: &DuplicateOptions,
    ) -> Vec<(u32, u32)> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut places: Vec<Vec<Posting>> = vec![vec![]; n_places as usize];
        for (part, texts) in texts.chunks(7).enumerate() {
            let ids: Vec<u64> = (7 * part as u64..).take(texts.len()).collect();
            for posting in postings(texts, &ids, rarity, options) {
                let packed = Posting::unpacked(posting.shingle, posting.text, posting.packed());
                assert_eq!(packed, posting);
                places[(posting.shingle % n_places) as usize].push(packed);
            }
        }
        let mut pairs = BTreeSet::new();
        for postings in places {
            candidates(postings, options, |found| pairs.extend(found.iter().map(|&(a, b)| (a as u32, b as u32))));
        }
        pairs.into_iter().collect()
    }

    proptest! {
        #[test]
        fn in_parts_the_same_pairs_are_found(
            texts in proptest::collection::vec("([a-d] ){1,14}|([a-z] ){3,30}|(a b c d e f g h [ij] ){1,3}", 0..60),
            n_places in 1u64..5, n_sampled in 0usize..60, min_excerpt_words in 0usize..9,
        ) {
            let options = DuplicateOptions { min_excerpt_words, ..Default::default() };
            let sample: Vec<&str> = texts.iter().take(n_sampled).map(String::as_str).collect();
            let rarity = ShingleRarity::of_sample(&sample);
            prop_assert_eq!(ShingleRarity::from_bytes(rarity.as_bytes()), Some(rarity.clone()));
            let candidates = by_parts(&texts, &rarity, n_places, &options);
            let of: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = compared(&of, &candidates, &vec![false; candidates.len()], &options);
            let found: Vec<(u32, u32, Kind)> =
                candidates.iter().zip(found).filter_map(|(&(a, b), found)| Some((a, b, found?.kind))).collect();
            let sets = ShingleSets::of_all(of.iter().copied());
            let expected = in_one_stretch(lexical::pairs(&sets, &options), &sets, |i| of[i as usize], &options);
            let expected: Vec<_> = expected.into_iter().map(|pair| (pair.a, pair.b, pair.kind)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
