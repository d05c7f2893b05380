//! Shingles: a text as a set of overlapping runs of words (Broder 1997, "On the resemblance and
//! containment of documents"). Three words make a shingle; in a text of fewer than five words, and
//! in one whose words are not told apart by spaces, five characters do.

use super::normal::normalised;
use rayon::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};
use unicode_segmentation::UnicodeSegmentation;

const WORDS: usize = 3;
const MIN_WORDS: usize = 5;
const CHARACTERS: usize = 5;

/// A text's shingles, hashed to 64 bits and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShingleSet {
    pub shingles: Vec<u64>,
    pub n_words: usize,
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
    pub fn of(n_shared: usize, a: &ShingleSet, b: &ShingleSet) -> Self {
        let (a, b) = (a.shingles.len(), b.shingles.len());
        let share = |of: usize| if of == 0 { 0.0 } else { n_shared as f32 / of as f32 };
        Self { jaccard: share(a + b - n_shared), containment: share(a.min(b)) }
    }
}

impl ShingleSet {
    pub fn of(text: &str) -> Self {
        let text = normalised(text);
        let words: Vec<&str> = text.unicode_words().collect();
        let mut shingles: Vec<u64> = if words.len() >= MIN_WORDS {
            words.windows(WORDS).map(hash).collect()
        } else {
            let characters: Vec<char> = text.chars().collect();
            characters.windows(CHARACTERS.min(characters.len()).max(1)).map(hash).collect()
        };
        shingles.sort_unstable();
        shingles.dedup();
        Self { shingles, n_words: words.len() }
    }

    pub fn of_all<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let texts: Vec<&str> = texts.collect();
        texts.into_par_iter().map(Self::of).collect()
    }

    pub fn shared_with(&self, other: &Self) -> Shared {
        let (mut i, mut j, mut n) = (0, 0, 0);
        while let (Some(a), Some(b)) = (self.shingles.get(i), other.shingles.get(j)) {
            n += usize::from(a == b);
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
        Shared::of(n, self, other)
    }
}

/// The standard library's hash with its fixed keys: the same in every run.
fn hash<T: Hash + ?Sized>(run: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Shingles: a b c, b c d, c d e  /  b c d, c d e, d e f
        let (a, b) = (ShingleSet::of("a b c d e"), ShingleSet::of("B c, d “e” f"));
        assert_eq!((a.shingles.len(), b.shingles.len()), (3, 3));
        let shared = a.shared_with(&b);
        assert!((shared.jaccard - 2.0 / 4.0).abs() < 1e-6 && (shared.containment - 2.0 / 3.0).abs() < 1e-6);
        let inside = ShingleSet::of("x a b c d e y").shared_with(&a);
        assert!((inside.containment - 1.0).abs() < 1e-6);
    }

    #[test]
    fn short_texts_and_texts_without_spaces_have_shingles_too() {
        assert_eq!(ShingleSet::of("abcdefg").shingles.len(), 3);
        assert_eq!(ShingleSet::of("한국의 외교").n_words, 2);
        assert!(ShingleSet::of("東京都は日本の首都である").shingles.len() > 5);
        assert_eq!(ShingleSet::of("ab").shingles.len(), 1);
        assert_eq!(ShingleSet::of("").shared_with(&ShingleSet::of("")), Shared { jaccard: 0.0, containment: 0.0 });
    }
}
