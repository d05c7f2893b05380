//! Near copies and excerpts: all pairs of shingle sets with enough in common, exactly.
//!
//! Prefix filtering (Bayardo, Ma and Srikant 2007, "Scaling up all pairs similarity search"; Xiao, Wang,
//! Lin and Yu 2008, "Efficient similarity joins for near duplicate detection"): with all sets in one
//! order, the rare shingles first, a set that shares at least m of its n shingles with a larger one
//! shares one of its first n − m + 1. For a Jaccard similarity of t, m is at least 2 t / (1 + t) · n; for
//! a containment of c it is c n. So the index holds these prefixes of all sets, and every set meets the
//! smaller ones in it, by all of its own shingles. At the first shingle that two sets share, what is
//! left of both bounds what they can share; where that is enough, they are compared from there on.

use super::shingle::{Shared, ShingleSets, WORDS, n_shared};
use super::{DuplicateOptions, Kind};
use crate::similarity::in_order;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Sets that look for pairs together: few, because each may find as many as there are sets.
const SETS_AT_ONCE: usize = 32;

/// How many times the shingles of an edited copy a text has from which it is one that holds an excerpt.
const LEAST_LONGER: f32 = 1.5;

/// A pair of sets, by index; `a < b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LexicalPair {
    pub a: u32,
    pub b: u32,
    pub kind: Kind,
}

/// Hands over all near and excerpt pairs, at most [`AT_ONCE`](super::AT_ONCE) at a time.
pub(super) fn for_each_pair(sets: &ShingleSets, options: &DuplicateOptions, mut found: impl FnMut(Vec<LexicalPair>)) {
    let join = Join::new(sets, options);
    let n = join.by_size.len();
    let parts = (0..n).step_by(SETS_AT_ONCE).map(|first| first..(first + SETS_AT_ONCE).min(n));
    // Which rank was last met by which: written anew by every set, so that whoever is next can have it as it is.
    let unused = Mutex::new(Vec::new());
    let of_unused = || unused.lock().unwrap_or_else(PoisonError::into_inner);
    let work = |part: Range<usize>| {
        let mut met = of_unused().pop().unwrap_or_else(|| vec![u32::MAX; n]);
        let pairs: Vec<LexicalPair> = part.flat_map(|rank| join.pairs_of(rank, &mut met)).collect();
        of_unused().push(met);
        pairs
    };
    let mut waiting = Vec::new();
    in_order(parts, work, |mut pairs| {
        while !pairs.is_empty() {
            let (now, later) = pairs.split_at(pairs.len().min(super::AT_ONCE - waiting.len()));
            waiting.extend_from_slice(now);
            pairs = later;
            if waiting.len() == super::AT_ONCE {
                found(std::mem::take(&mut waiting));
            }
        }
    });
    found(waiting);
}

/// The pair that two sets make, if they do.
pub(super) fn compared(sets: &ShingleSets, a: u32, b: u32, options: &DuplicateOptions) -> Option<LexicalPair> {
    let sizes = [a, b].map(|i| Size::of(sets, i as usize, options));
    let n_shared = n_shared(sets.set(a as usize), sets.set(b as usize), least_shared(sizes, options))?;
    Some(LexicalPair { a, b, kind: kind_of(n_shared, sizes, options)? })
}

/// What decides how much two sets must share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub n_shingles: usize,
    /// Whether the text is long enough, in words and in different runs of words, to be or to hold an excerpt.
    pub is_long: bool,
}

impl Size {
    pub fn of(sets: &ShingleSets, i: usize, options: &DuplicateOptions) -> Self {
        let (n_shingles, n) = (sets.set(i).len(), options.min_excerpt_words);
        Self { n_shingles, is_long: sets.n_words(i) >= n && n_shingles + WORDS > n }
    }

    /// Of how many of its shingles, the rare ones first, a set shares at least one with any larger one that it
    /// makes a pair with.
    pub fn n_prefix(self, options: &DuplicateOptions) -> usize {
        (self.n_shingles + 1).saturating_sub(least_shared([self, self], options))
    }
}

/// How many shingles two sets share at least if they make a pair; more than the smaller has if they cannot.
pub(super) fn least_shared([a, b]: [Size; 2], options: &DuplicateOptions) -> usize {
    let most = a.n_shingles.min(b.n_shingles);
    let is_near = |n: usize| Shared::of(n, a.n_shingles, b.n_shingles).jaccard >= options.min_jaccard;
    let is_held = |n: usize| Shared::of(n, most, most).containment >= options.min_containment;
    // Down to a number that is too small however the shares were rounded, then up to the least.
    let least = |about: f64, is_enough: &dyn Fn(usize) -> bool| {
        (((about * 0.999) as usize).max(1)..=most).find(|&n| is_enough(n)).unwrap_or(most + 1)
    };
    let share = f64::from(options.min_jaccard) / (1.0 + f64::from(options.min_jaccard));
    let near = least(share * (a.n_shingles + b.n_shingles) as f64, &is_near);
    if a.is_long && b.is_long {
        near.min(least(f64::from(options.min_containment) * most as f64, &is_held))
    } else {
        near
    }
}

/// What two sets that share `n_shared` shingles are. A text that stands in one at least half as long again is
/// an excerpt of it, also where much of the longer one is in it.
pub(super) fn kind_of(n_shared: usize, [a, b]: [Size; 2], options: &DuplicateOptions) -> Option<Kind> {
    let shared = Shared::of(n_shared, a.n_shingles, b.n_shingles);
    let is_near = n_shared > 0 && shared.jaccard >= options.min_jaccard;
    let is_excerpt = n_shared > 0 && shared.containment >= options.min_containment && a.is_long && b.is_long;
    let (shorter, longer) = (a.n_shingles.min(b.n_shingles), a.n_shingles.max(b.n_shingles));
    let is_longer = longer as f32 >= LEAST_LONGER * shorter as f32;
    match (is_near, is_excerpt) {
        (true, true) if is_longer => Some(Kind::Excerpt),
        (true, _) => Some(Kind::Near),
        (false, true) => Some(Kind::Excerpt),
        (false, false) => None,
    }
}

struct Join<'a> {
    sets: &'a ShingleSets,
    options: &'a DuplicateOptions,
    /// The sets, the small ones first. Their places in this order are their ranks.
    by_size: Vec<u32>,
    index: Index,
}

impl<'a> Join<'a> {
    fn new(sets: &'a ShingleSets, options: &'a DuplicateOptions) -> Self {
        let mut by_size: Vec<u32> = (0..sets.len() as u32).collect();
        by_size.par_sort_unstable_by_key(|&i| (sets.set(i as usize).len(), i));
        let mut join = Self { sets, options, by_size, index: Index::default() };
        join.index = Index::of(join.by_size.iter().map(|&i| join.prefix(i as usize)));
        join
    }

    /// The shingles of which a set shares at least one with any larger one that it makes a pair with.
    fn prefix(&self, i: usize) -> &'a [u64] {
        let set = self.sets.set(i);
        &set[..Size::of(self.sets, i, self.options).n_prefix(self.options)]
    }

    /// The pairs of the set at `rank` with sets before it. `met` says which ranks were last met by which.
    fn pairs_of(&self, rank: usize, met: &mut [u32]) -> Vec<LexicalPair> {
        let b = self.by_size[rank] as usize;
        let (large, large_size) = (self.sets.set(b), Size::of(self.sets, b, self.options));
        let mut found = Vec::new();
        for (at_large, &shingle) in large.iter().enumerate() {
            for entry in self.index.with(shingle) {
                if entry.rank as usize >= rank {
                    break;
                }
                let met = &mut met[entry.rank as usize];
                if *met == rank as u32 {
                    continue;
                }
                let a = self.by_size[entry.rank as usize] as usize;
                let (small, at_small) = (self.sets.set(a), entry.place as usize);
                if small[at_small] != shingle {
                    continue;
                }
                *met = rank as u32;
                let sizes = [Size::of(self.sets, a, self.options), large_size];
                let shared = n_shared(&small[at_small..], &large[at_large..], least_shared(sizes, self.options));
                if let Some(kind) = shared.and_then(|n_shared| kind_of(n_shared, sizes, self.options)) {
                    found.push(LexicalPair { a: a.min(b) as u32, b: a.max(b) as u32, kind });
                }
            }
        }
        found
    }
}

/// Where shingles stand in the prefixes of sets.
#[derive(Default)]
struct Index {
    /// Where the entries of each cell begin, and twice the end.
    starts: Vec<usize>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    rank: u32,
    place: u32,
    /// Bits of the shingle that are not those of the cell's number, at up to 2²⁴ cells.
    tag: u32,
}

impl Index {
    /// Of prefixes, in the order of their ranks; the entries of each cell are in that order too.
    fn of<'a>(prefixes: impl Iterator<Item = &'a [u64]> + Clone) -> Self {
        let n_entries: usize = prefixes.clone().map(<[u64]>::len).sum();
        // One or two entries to a cell.
        let n_cells = (n_entries / 2).next_power_of_two();
        let mut index = Self { starts: vec![0; n_cells + 2], entries: vec![Entry::default(); n_entries] };
        // Cell c is counted at c + 2. The sums are where the cells begin, each at c + 1, and move from there to their ends as
        // they are filled: where the next begins.
        for &shingle in prefixes.clone().flatten() {
            let cell = index.cell(shingle);
            index.starts[cell + 2] += 1;
        }
        for cell in 0..n_cells {
            index.starts[cell + 2] += index.starts[cell + 1];
        }
        for (rank, prefix) in (0..).zip(prefixes) {
            for (place, &shingle) in (0..).zip(prefix) {
                let cell = index.cell(shingle);
                let end = &mut index.starts[cell + 1];
                index.entries[*end] = Entry { rank, place, tag: tag(shingle) };
                *end += 1;
            }
        }
        index
    }

    fn cell(&self, shingle: u64) -> usize {
        shingle as usize & (self.starts.len() - 3)
    }

    /// Where a shingle stands, by rank; now and then another of the same cell and tag.
    fn with(&self, shingle: u64) -> impl Iterator<Item = &Entry> {
        let cell = self.cell(shingle);
        self.entries[self.starts[cell]..self.starts[cell + 1]].iter().filter(move |entry| entry.tag == tag(shingle))
    }
}

fn tag(shingle: u64) -> u32 {
    (shingle >> 24) as u32
}

#[cfg(test)]
pub(super) fn pairs(sets: &ShingleSets, options: &DuplicateOptions) -> Vec<LexicalPair> {
    let mut pairs = Vec::new();
    for_each_pair(sets, options, |found| pairs.extend(found));
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition, from the texts' sets.
    fn by_hand(sets: &ShingleSets, options: &DuplicateOptions) -> Vec<LexicalPair> {
        let mut pairs = Vec::new();
        let is_long = |i: usize| {
            sets.n_words(i) >= options.min_excerpt_words && sets.set(i).len() + 1 >= options.min_excerpt_words
        };
        for (a, b) in (0..sets.len()).flat_map(|a| (a + 1..sets.len()).map(move |b| (a, b))) {
            let n = sets.set(a).iter().filter(|s| sets.set(b).contains(s)).count();
            let (all, least) = (sets.set(a).len() + sets.set(b).len() - n, sets.set(a).len().min(sets.set(b).len()));
            let is_near = n > 0 && n as f32 / all as f32 >= options.min_jaccard;
            let is_held = n > 0 && n as f32 / least as f32 >= options.min_containment && is_long(a) && is_long(b);
            let is_half_as_long_again = 2 * (all + n - least) >= 3 * least;
            let kind = match (is_near, is_held) {
                (false, false) => continue,
                (_, true) if is_half_as_long_again || !is_near => Kind::Excerpt,
                _ => Kind::Near,
            };
            pairs.push(LexicalPair { a: a as u32, b: b as u32, kind });
        }
        pairs
    }

    fn assert_exact(texts: &[String], options: &DuplicateOptions) {
        let sets = ShingleSets::of_all(texts.iter().map(String::as_str));
        assert!(pairs(&sets, options) == by_hand(&sets, options));
    }

    #[test]
    fn an_edit_is_near_and_a_quotation_is_an_excerpt() {
        let long = "The summit will focus heavily on the invasion of Ukraine and on support for weapons programs, \
            and the two will join a trilateral summit with the president, the first such meeting since 2017";
        let texts = [
            long,
            &long.replace("first", "second"),
            "the two will join a trilateral summit with the president",
            "focus heavily on it",
            "summit summit summit summit summit summit summit summit summit",
            &format!("summit summit summit. {long}"),
        ];
        let sets = ShingleSets::of_all(texts.into_iter());
        let found = pairs(&sets, &DuplicateOptions::default());
        let kinds: Vec<_> = found.iter().map(|p| (p.a, p.b, p.kind)).collect();
        let expected = [
            (0, 1, Kind::Near),
            (0, 2, Kind::Excerpt),
            (0, 5, Kind::Near),
            (1, 2, Kind::Excerpt),
            (1, 5, Kind::Near),
            (2, 5, Kind::Excerpt),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn many_equal_sets_and_a_hub_with_thousands_of_neighbours() {
        // 300 texts of one set of shingles, a hub that 3,000 texts are excerpts of, and as many that only
        // share its most common shingle.
        let mut texts: Vec<String> = (0..300).map(|i| "again and ".repeat(3 + i)).collect();
        let sentence = |i: usize| (0..12).map(|w| format!("s{i}w{w} ")).collect::<Vec<_>>().concat();
        texts.extend((0..3000).map(sentence));
        texts.push((0..3000).map(|i| sentence(i) + "a common phrase ").collect());
        texts.extend((0..3000).map(|i| format!("a common phrase of {}", sentence(3000 + i))));
        let sets = ShingleSets::of_all(texts.iter().map(String::as_str));
        let found = pairs(&sets, &DuplicateOptions::default());
        let among_equal = found.iter().filter(|pair| pair.b < 300 && pair.kind == Kind::Near).count();
        let of_hub = found.iter().filter(|pair| pair.b == 3300 && pair.kind == Kind::Excerpt).count();
        assert_eq!((among_equal, of_hub, found.len()), (300 * 299 / 2, 3000, 300 * 299 / 2 + 3000));
    }

    proptest! {
        #[test]
        fn pairs_are_those_of_brute_force(
            texts in proptest::collection::vec("([a-d] ){1,14}", 0..60),
            min_jaccard in 0.2f32..1.0, min_containment in 0.3f32..1.0, min_excerpt_words in 0usize..9,
        ) {
            assert_exact(&texts, &DuplicateOptions { min_jaccard, min_containment, min_excerpt_words, ..Default::default() });
        }

        #[test]
        fn adversarial_sets_too(
            texts in proptest::collection::vec("(a ){1,9}|[ab]{0,7}|([a-z] ){3,30}|東[東京都は]{0,20}|(a b c d e f g h [ij] ){1,3}", 0..60),
            min_excerpt_words in 3usize..9,
        ) {
            assert_exact(&texts, &DuplicateOptions { min_excerpt_words, ..Default::default() });
        }

        #[test]
        fn no_order_of_the_texts_and_no_number_of_threads_changes_the_pairs(
            texts in proptest::collection::btree_set("([a-d] ){1,12}", 0..700), threads in 1usize..4,
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = |texts: &[&str]| -> Vec<(String, String, Kind)> {
                let pairs = pairs(&ShingleSets::of_all(texts.iter().copied()), &DuplicateOptions::default());
                let mut pairs: Vec<_> = pairs.iter().map(|pair| {
                    let (a, b) = (texts[pair.a as usize], texts[pair.b as usize]);
                    (a.min(b).to_owned(), a.max(b).to_owned(), pair.kind)
                }).collect();
                pairs.sort();
                pairs
            };
            let backwards: Vec<&str> = texts.iter().rev().copied().collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            prop_assert!(found(&texts) == pool.install(|| found(&backwards)));
        }
    }
}
