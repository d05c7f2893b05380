//! Passages that recur: pairs, which are the evidence, and groups, which are derived from them.
//!
//! A pair is of the strongest kind that holds:
//! - **exact**: the same text after normalisation;
//! - **near**: an edited copy, at least half of all word shingles are shared (Jaccard);
//! - **excerpt**: one is contained in the other, at least 0.8 of the shorter text's shingles are in
//!   the longer one;
//! - **reworded**: the same meaning in other words, cosine of at least the threshold.
//!
//! Texts that are exactly equal are compared once: one of them represents its copies.

mod exact;
mod group;
mod lexical;
mod normal;
mod reworded;
mod shingle;

pub use exact::ExactClasses;
pub use group::{DuplicateGroup, WeakestLink};
pub use normal::normalised;

use crate::{Error, Result};
use ndarray::ArrayView2;
use serde::Serialize;
use shingle::ShingleSet;

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

/// What counts as a duplicate.
#[derive(Clone, Debug)]
pub struct DuplicateOptions {
    /// Kinds to look for; default: all.
    pub kinds: Vec<Kind>,
    /// Least cosine of a reworded pair, above 0 and at most 1; default 0.9.
    pub threshold: f32,
    /// Least Jaccard similarity of the shingle sets of a near pair; default 0.5.
    pub min_jaccard: f32,
    /// Least share of the shorter text's shingles in the longer text of an excerpt pair; default 0.8.
    pub min_containment: f32,
    /// An excerpt has at least this many words, so that a stock phrase is none; default 8.
    pub min_excerpt_words: usize,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self { kinds: Kind::ALL.to_vec(), threshold: 0.9, min_jaccard: 0.5, min_containment: 0.8, min_excerpt_words: 8 }
    }
}

impl DuplicateOptions {
    /// Refuses values out of range, before any slow work.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<()> {
        if self.threshold > 0.0 && self.threshold <= 1.0 {
            return Ok(());
        }
        Err(Error::Option {
            option: "--threshold",
            found: self.threshold.to_string(),
            expected: "a cosine above 0 and at most 1".into(),
        })
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
    /// Cosine similarity of the embeddings, −1 to 1.
    pub cosine: f32,
    /// Shared shingles as a share of all, 0 to 1.
    pub jaccard: f32,
    /// Shared shingles as a share of the smaller set, 0 to 1.
    pub containment: f32,
}

/// The duplicates among passages.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    /// All pairs, by `(a, b)`. Of passages of the same text, each is paired with the first, and
    /// only the first with others.
    pub pairs: Vec<DuplicatePair>,
    /// Groups of passages, the largest first.
    pub groups: Vec<DuplicateGroup>,
    /// For each passage its group.
    pub group_of: Vec<Option<u32>>,
}

impl Duplicates {
    /// Whether a passage stays when each group keeps its representative only.
    #[must_use]
    pub fn is_kept(&self, passage: usize) -> bool {
        self.group_of[passage].is_none_or(|group| self.groups[group as usize].representative as usize == passage)
    }
}

/// For each passage the one that stands for it where repeated text must count once: the representative
/// of its group of exact and near duplicates, or itself.
///
/// # Errors
/// As [`find`].
pub fn representatives(
    texts: &[&str],
    rows: ArrayView2<f32>,
    classes: &ExactClasses,
    source_of: &[u32],
) -> Result<Vec<u32>> {
    let options = DuplicateOptions { kinds: vec![Kind::Exact, Kind::Near], ..Default::default() };
    let copies = find(texts, rows, classes, source_of, &options)?;
    let of = |(i, group): (u32, &Option<u32>)| group.map_or(i, |group| copies.groups[group as usize].representative);
    Ok((0..).zip(&copies.group_of).map(of).collect())
}

/// Finds all pairs among `texts` and groups them. `rows` are their `(n, dim)` unit embeddings,
/// `classes` their exact classes, `source_of` the source of each.
///
/// # Errors
/// [`Error::Option`] if an option is out of range.
pub fn find(
    texts: &[&str],
    rows: ArrayView2<f32>,
    classes: &ExactClasses,
    source_of: &[u32],
    options: &DuplicateOptions,
) -> Result<Duplicates> {
    options.check()?;
    let asked = |kind: Kind| options.kinds.contains(&kind);
    let distinct = classes.representatives();
    let sets = ShingleSet::of_all(distinct.iter().map(|&i| texts[i]));
    let cosine = |a: usize, b: usize| crate::similarity::dot(rows.row(a), rows.row(b)).clamp(-1.0, 1.0);

    let mut pairs = Vec::new();
    if asked(Kind::Exact) {
        pairs.extend(classes.pairs().map(|(a, b)| DuplicatePair {
            a: a as u32,
            b: b as u32,
            kind: Kind::Exact,
            cosine: cosine(a, b),
            jaccard: 1.0,
            containment: 1.0,
        }));
    }
    let among_distinct = lexical::pairs(&sets, options).into_iter().map(|pair| (pair.a, pair.b, pair.kind));
    let lexical: Vec<_> = among_distinct.collect();
    let reworded =
        if asked(Kind::Reworded) { reworded::pairs(rows, distinct, &lexical, options.threshold) } else { vec![] };
    for (a, b, kind) in lexical.into_iter().chain(reworded).filter(|&(_, _, kind)| asked(kind)) {
        let shared = sets[a as usize].shared_with(&sets[b as usize]);
        let (a_passage, b_passage) = (distinct[a as usize], distinct[b as usize]);
        pairs.push(DuplicatePair {
            a: a_passage as u32,
            b: b_passage as u32,
            kind,
            cosine: cosine(a_passage, b_passage),
            jaccard: shared.jaccard,
            containment: shared.containment,
        });
    }
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    let (groups, group_of) = group::groups(texts.len(), &pairs, source_of);
    Ok(Duplicates { pairs, groups, group_of })
}
