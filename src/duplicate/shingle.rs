//! Shingles: a text as a set of overlapping runs of words (Broder 1997, "On the resemblance and
//! containment of documents"). Two words make a shingle, so that a word that is changed here and there
//! spoils few; in a text of fewer than five words, and in one whose words are not told apart by spaces,
//! five characters do.
//!
//! Shingles are numbers that sort the rare ones first, which is what the joins need. The order is
//! part of the number, and how rare a shingle is need be known only roughly: a count for each of half as
//! many cells as there are shingles or more, shared by those that fall into one cell.

use super::normal::normalised;
use crate::similarity::in_order;
use rayon::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use unicode_segmentation::UnicodeSegmentation;

pub(super) const WORDS: usize = 2;
const MIN_WORDS: usize = 5;
const CHARACTERS: usize = 5;
/// Characters that count as a word where spaces do not tell words apart.
const CHARACTERS_PER_WORD: usize = 2;
/// Texts whose shingles are made at a time.
const AT_ONCE: usize = 512;
/// Bits of a shingle that say how rare it is.
const RARITY_BITS: u32 = 8;

/// The shingles of texts. Memory: 8 bytes for each shingle, 12 for each text.
#[derive(Clone, Debug, Default)]
pub(super) struct ShingleSets {
    shingles: Vec<u64>,
    /// Where each set begins, and the end of the last.
    starts: Vec<usize>,
    n_words: Vec<u32>,
}

/// How much two shingle sets have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shared {
    /// Shared shingles as a share of all, 0 to 1.
    pub jaccard: f32,
    /// Shared shingles as a share of the smaller set, 0 to 1.
    pub containment: f32,
}

impl Shared {
    /// Of sets of `a` and `b` shingles, `n_shared` of them in common.
    pub fn of(n_shared: usize, a: usize, b: usize) -> Self {
        let share = |of: usize| if of == 0 { 0.0 } else { n_shared as f32 / of as f32 };
        Self { jaccard: share(a + b - n_shared), containment: share(a.min(b)) }
    }
}

impl ShingleSets {
    pub fn of_all<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: Vec<&str> = texts.collect();
        let mut all = Self { starts: vec![0], ..Self::default() };
        // Some at a time: all parts beside the whole would be twice the memory.
        let part = |texts| vec![Self::in_any_order(texts)];
        in_order(texts.chunks(AT_ONCE), part, |parts| parts.iter().for_each(|part| all.append(part)));
        all.sort_rare_first();
        all
    }

    fn append(&mut self, part: &Self) {
        let before = self.shingles.len();
        self.shingles.extend_from_slice(&part.shingles);
        self.starts.extend(part.starts.iter().skip(1).map(|start| before + start));
        self.n_words.extend_from_slice(&part.n_words);
    }

    /// A part: sets without copies of a shingle, shingles by hash.
    fn in_any_order(texts: &[&str]) -> Self {
        let mut sets = Self { starts: vec![0], ..Self::default() };
        let mut set = Vec::new();
        for text in texts {
            set.clear();
            let n_words = for_each_run(&normalised(text), |shingle, _| set.push(shingle));
            set.sort_unstable();
            set.dedup();
            sets.shingles.extend_from_slice(&set);
            sets.starts.push(sets.shingles.len());
            sets.n_words.push(n_words);
        }
        sets
    }

    fn sort_rare_first(&mut self) {
        let counts = Counts::of(&self.shingles);
        self.number(|shingle| counts.rarity(shingle));
    }

    /// Gives each shingle its rarity, and sorts the sets by it.
    fn number(&mut self, rarity: impl Fn(u64) -> u64 + Sync) {
        self.shingles.par_iter_mut().for_each(|shingle| *shingle |= rarity(*shingle) << (u64::BITS - RARITY_BITS));
        let mut sets = Vec::with_capacity(self.len());
        let mut rest = self.shingles.as_mut_slice();
        for bounds in self.starts.windows(2) {
            let (set, after) = rest.split_at_mut(bounds[1] - bounds[0]);
            sets.push(set);
            rest = after;
        }
        sets.into_par_iter().for_each(<[u64]>::sort_unstable);
    }

    /// The sets of some of many texts, in the order of all.
    pub fn of_some(texts: &[&str], rarity: &ShingleRarity) -> Self {
        let mut sets = Self::in_any_order(texts);
        sets.number(|shingle| rarity.of(shingle));
        sets
    }

    pub fn len(&self) -> usize {
        self.n_words.len()
    }

    /// The shingles of a text, the rare ones first.
    pub fn set(&self, i: usize) -> &[u64] {
        &self.shingles[self.starts[i]..self.starts[i + 1]]
    }

    /// The same, as [`for_each_run`] gives them.
    pub fn hashes(&self, i: usize) -> impl Iterator<Item = u64> {
        self.set(i).iter().map(|shingle| shingle & (u64::MAX >> RARITY_BITS))
    }

    pub fn n_words(&self, i: usize) -> usize {
        self.n_words[i] as usize
    }

    pub fn shared(&self, a: usize, b: usize) -> Shared {
        let (a, b) = (self.set(a), self.set(b));
        Shared::of(n_shared(a, b, 0).unwrap_or(0), a.len(), b.len())
    }
}

/// How often shingles occur, roughly: a count for each cell, shared by the shingles that fall into it.
struct Counts(Vec<AtomicU32>);

impl Counts {
    fn of(shingles: &[u64]) -> Self {
        // One or two shingles to a cell: 2 to 4 bytes for each.
        let n_cells = (shingles.len() / 2).next_power_of_two();
        let counts = Self((0..n_cells).into_par_iter().map(|_| AtomicU32::new(0)).collect());
        shingles.par_iter().for_each(|&shingle| {
            counts.0[cell(shingle, n_cells)].fetch_add(1, Ordering::Relaxed);
        });
        counts
    }

    fn rarity(&self, shingle: u64) -> u64 {
        rarity(self.0[cell(shingle, self.0.len())].load(Ordering::Relaxed))
    }
}

fn cell(shingle: u64, n_cells: usize) -> usize {
    shingle as usize & (n_cells - 1)
}

/// How rare shingles are, for texts that are not all in one place. Any order of the shingles finds all pairs if
/// it is the same everywhere; one in which the common ones come last finds them soon. So it may be that of a
/// sample: what is not in it is taken for rare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShingleRarity {
    /// For each cell; a power of two of them.
    cells: Vec<u8>,
}

impl ShingleRarity {
    /// As these texts show it.
    #[must_use]
    pub fn of_sample(texts: &[&str]) -> Self {
        let parts: Vec<ShingleSets> = texts.par_chunks(AT_ONCE).map(ShingleSets::in_any_order).collect();
        let shingles: Vec<u64> = parts.into_iter().flat_map(|part| part.shingles).collect();
        let counts = Counts::of(&shingles).0;
        Self { cells: counts.into_par_iter().map(|count| rarity(count.into_inner()) as u8).collect() }
    }

    /// The table, to be sent elsewhere.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.cells
    }

    /// The table as it was sent; none if it is not a power of two of bytes.
    #[must_use]
    pub fn from_bytes(cells: &[u8]) -> Option<Self> {
        cells.len().is_power_of_two().then(|| Self { cells: cells.to_vec() })
    }

    fn of(&self, shingle: u64) -> u64 {
        self.cells[cell(shingle, self.cells.len())].into()
    }
}

/// How many numbers two sorted slices share; none if it is less than `least`, found as early as what is
/// left of both says so.
pub(super) fn n_shared(mut a: &[u64], mut b: &[u64], least: usize) -> Option<usize> {
    let mut n_shared = 0;
    while let (Some(first_a), Some(first_b)) = (a.first(), b.first()) {
        if n_shared + a.len().min(b.len()) < least {
            return None;
        }
        let (is_a, is_b) = (first_a <= first_b, first_b <= first_a);
        n_shared += usize::from(is_a && is_b);
        (a, b) = (&a[usize::from(is_a)..], &b[usize::from(is_b)..]);
    }
    (n_shared >= least).then_some(n_shared)
}

/// Eight steps for each doubling from 16 on; below, each number its own. At most 255, never falling.
fn rarity(count: u32) -> u64 {
    let doublings = count.max(1).ilog2();
    if doublings < 4 { u64::from(count) } else { u64::from(8 * (doublings - 2) + ((count >> (doublings - 3)) & 7)) }
}

/// Calls `take` with every shingle of a normalised text, as a hash below 2⁵⁶, and where its run
/// stands; says how many words the text has.
pub(super) fn for_each_run(normal: &str, mut take: impl FnMut(u64, Range<usize>)) -> u32 {
    let words: Vec<(Range<usize>, u64)> =
        normal.unicode_word_indices().map(|(start, word)| (start..start + word.len(), hash(word))).collect();
    let n_pieces = normal.split(' ').count();
    // Ideographs, kana and Thai letters are words of their own where only spaces could tell words apart.
    let has_spaces = words.len() <= 3 * n_pieces;
    if has_spaces && words.len() >= MIN_WORDS {
        for run in words.windows(WORDS) {
            take(combined(WORDS, run.iter().map(|word| word.1)), run[0].0.start..run[WORDS - 1].0.end);
        }
        return words.len() as u32;
    }
    let characters: Vec<(usize, char)> = normal.char_indices().collect();
    for run in characters.windows(CHARACTERS.min(characters.len()).max(1)) {
        let (last, character) = run[run.len() - 1];
        let shingle = combined(CHARACTERS, run.iter().map(|&(_, character)| u64::from(character)));
        take(shingle, run[0].0..last + character.len_utf8());
    }
    if has_spaces { words.len() as u32 } else { (characters.len() / CHARACTERS_PER_WORD) as u32 }
}

/// The standard library's hash with its fixed keys: the same in every run.
fn hash(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

/// One number for a run of numbers: multiplied to 128 bits and folded, again and again.
fn combined(kind: usize, run: impl Iterator<Item = u64>) -> u64 {
    let mixed = run.fold(kind as u64, |mixed, next| {
        let product = u128::from(mixed ^ next ^ 0x243f_6a88_85a3_08d3) * 0x9e37_79b9_7f4a_7c15;
        (product as u64) ^ (product >> 64) as u64
    });
    mixed >> RARITY_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sets(texts: &[&str]) -> ShingleSets {
        ShingleSets::of_all(texts.iter().copied())
    }

    #[test]
    fn by_hand() {
        // Shingles: a b, b c, c d, d e  /  b c, c d, d e, e f
        let sets = sets(&["a b c d e", "B c, d “e” f", "x a b c d e y"]);
        assert_eq!((sets.set(0).len(), sets.set(1).len()), (4, 4));
        let shared = sets.shared(0, 1);
        assert!((shared.jaccard - 3.0 / 5.0).abs() < 1e-6 && (shared.containment - 3.0 / 4.0).abs() < 1e-6);
        assert!((sets.shared(2, 0).containment - 1.0).abs() < 1e-6);
    }

    #[test]
    fn short_texts_and_texts_without_spaces_have_shingles_too() {
        let sets = sets(&["abcdefg", "한국의 외교", "東京都は日本の首都である", "ab", "", "สวัสดีครับทุกคน"]);
        assert_eq!((sets.set(0).len(), sets.n_words(0)), (3, 1));
        assert_eq!(sets.n_words(1), 2);
        assert_eq!((sets.set(2).len(), sets.n_words(2)), (12 - 4, 6));
        assert_eq!((sets.set(3).len(), sets.set(4).len()), (1, 0));
        assert!(sets.set(5).len() > 5);
        assert_eq!(sets.shared(4, 4), Shared { jaccard: 0.0, containment: 0.0 });
    }

    #[test]
    fn a_shingle_that_many_texts_have_comes_last() {
        let texts: Vec<String> = (0..50).map(|i| format!("one two three{i} four{i} five{i}")).collect();
        let sets = ShingleSets::of_all(texts.iter().map(String::as_str));
        let common = *sets.set(0).iter().find(|shingle| sets.set(1).contains(shingle)).unwrap();
        // But for those few that fall into its cell.
        let n_last = (0..50).filter(|&i| sets.set(i)[3] == common).count();
        assert!(n_last > 40, "{n_last} of 50");
    }

    proptest! {
        #[test]
        fn the_more_often_the_later(count in 0u32.., more in 0u32..) {
            let (least, most) = (count.min(more), count.max(more));
            prop_assert!(rarity(least) <= rarity(most) && rarity(most) < 256);
        }
    }
}
