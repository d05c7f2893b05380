//! The strongest of many pairs, in the memory of a few more than are kept: a template that 100,000 texts are made
//! from is five billion near pairs.

use super::DuplicatePair;
use rayon::prelude::*;
use std::cmp::Ordering;

/// Takes pairs, and keeps the strongest by kind, then evidence, then cosine, then text.
pub(super) struct Strongest<'a> {
    texts: &'a [&'a str],
    most: usize,
    pairs: Vec<DuplicatePair>,
    /// Once there were too many: the weakest of those kept then. What is weaker is not among the strongest.
    bar: Option<DuplicatePair>,
    n_taken: usize,
}

impl<'a> Strongest<'a> {
    /// Of pairs of these passages, `most` are kept.
    pub fn new(texts: &'a [&'a str], most: usize) -> Self {
        Self { texts, most, pairs: vec![], bar: None, n_taken: 0 }
    }

    /// Takes pairs, each of them once.
    pub fn extend(&mut self, pairs: Vec<DuplicatePair>) {
        self.n_taken += pairs.len();
        match self.bar {
            Some(bar) => {
                let is_stronger = |pair: &DuplicatePair| order(self.texts, pair, &bar).is_lt();
                self.pairs.par_extend(pairs.into_par_iter().filter(is_stronger));
            }
            None => self.pairs.extend(pairs),
        }
        if self.pairs.len() > self.most.saturating_add(self.most / 2) {
            self.cut();
        }
    }

    /// The strongest pairs, by `(a, b)`, and how many are left out.
    pub fn finish(mut self) -> (Vec<DuplicatePair>, usize) {
        self.cut();
        self.pairs.par_sort_unstable_by_key(|pair| (pair.a, pair.b));
        let n_left_out = self.n_taken - self.pairs.len();
        (self.pairs, n_left_out)
    }

    fn cut(&mut self) {
        if self.pairs.len() > self.most {
            let texts = self.texts;
            let (_, last, _) = self.pairs.select_nth_unstable_by(self.most - 1, |x, y| order(texts, x, y));
            self.bar = Some(*last);
            self.pairs.truncate(self.most);
        }
    }
}

/// The stronger pair first.
fn order(texts: &[&str], x: &DuplicatePair, y: &DuplicatePair) -> Ordering {
    let sides = |pair: &DuplicatePair| {
        let (a, b) = (texts[pair.a as usize], texts[pair.b as usize]);
        (a.min(b), a.max(b), pair.a, pair.b)
    };
    let by_figures = x.kind.cmp(&y.kind).then(y.evidence().total_cmp(&x.evidence()));
    by_figures.then(y.by_cosine(x)).then_with(|| sides(x).cmp(&sides(y)))
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn in_any_parts_they_are_the_first_in_order(
            figures in proptest::collection::vec((0usize..4, 0u8..3, 0u8..3, 0u32..6, 0u32..6), 0..80),
            most in 1usize..30, at_once in 1usize..40,
        ) {
            let texts = ["a", "b", "a", "c", "b", "d"];
            let pair = |(kind, evidence, cosine, a, b): (usize, u8, u8, u32, u32)| {
                let share = |of: u8| f32::from(of) / 2.0;
                let (jaccard, containment) = (share(evidence), share(evidence));
                DuplicatePair { a, b, kind: Kind::ALL[kind], cosine: Some(share(cosine)), jaccard, containment, excerpt: None }
            };
            let all: Vec<DuplicatePair> = figures.into_iter().map(pair).collect();
            let mut strongest = Strongest::new(&texts, most);
            all.chunks(at_once).for_each(|part| strongest.extend(part.to_vec()));
            let mut expected = all.clone();
            expected.sort_by(|x, y| order(&texts, x, y));
            expected.truncate(most);
            let (mut kept, n_left_out) = strongest.finish();
            prop_assert!(kept.is_sorted_by_key(|pair| (pair.a, pair.b)));
            kept.sort_by(|x, y| order(&texts, x, y));
            prop_assert_eq!(n_left_out, all.len() - expected.len());
            // Of pairs that are equal in all that counts it does not matter which.
            prop_assert!(kept.iter().zip(&expected).all(|(x, y)| order(&texts, x, y).is_eq()));
        }
    }
}
