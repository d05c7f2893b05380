//! Another threshold, without comparing anything again: the pairs at a threshold are among those at any
//! lower one.

use super::copies::{Copies, Filter};
use super::{DuplicateOptions, DuplicatePair, Duplicates, Kind, Passages, grouped};
use crate::{Error, Result};

/// Thresholds are looked for in so many steps from 0 to 1.
const STEPS: f32 = 10_000.0;

/// What a threshold would find and remove.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// Least cosine of a reworded pair.
    pub threshold: f32,
    /// Pairs of all kinds.
    pub n_pairs: usize,
    /// Of those, reworded ones.
    pub n_reworded: usize,
    /// Groups.
    pub n_groups: usize,
    /// Passages that go if each group keeps its representative only.
    pub n_removed: usize,
    /// The reworded pairs nearest above the threshold and nearest below it, by cosine, the highest first.
    pub nearest: Vec<DuplicatePair>,
}

/// The groups that `pairs` make at the options' threshold; pairs that the options leave out are dropped.
/// The rows of `passages` are not used.
#[must_use]
pub fn regroup(
    pairs: &[DuplicatePair],
    n_pairs_left_out: usize,
    passages: Passages,
    options: &DuplicateOptions,
) -> Duplicates {
    let filter = Filter { sources: options.sources, source_of: passages.source_of, n_new: passages.n_new };
    let copies = Copies::new(passages.texts, passages.classes, filter);
    let is_asked = |pair: &&DuplicatePair| {
        options.kinds.contains(&pair.kind) && (pair.kind != Kind::Reworded || pair.cosine >= Some(options.threshold))
    };
    let pairs = pairs.iter().filter(is_asked).copied().collect();
    grouped(pairs, n_pairs_left_out, &copies, &filter, passages, options)
}

/// What each of the thresholds would find among `pairs`, which hold all pairs at the lowest of them.
/// `n_nearest` pairs are given on either side of each.
#[must_use]
pub fn ladder(
    pairs: &[DuplicatePair],
    passages: Passages,
    options: &DuplicateOptions,
    thresholds: &[f32],
    n_nearest: usize,
) -> Vec<Rung> {
    let mut reworded: Vec<&DuplicatePair> = pairs.iter().filter(|pair| pair.kind == Kind::Reworded).collect();
    reworded.sort_by(|x, y| y.by_cosine(x).then((x.a, x.b).cmp(&(y.a, y.b))));
    let rung = |&threshold: &f32| {
        let at = regroup(pairs, 0, passages, &DuplicateOptions { threshold, ..options.clone() });
        let n_above = reworded.partition_point(|pair| pair.cosine >= Some(threshold));
        let nearest = n_above.saturating_sub(n_nearest)..(n_above + n_nearest).min(reworded.len());
        Rung {
            threshold,
            n_pairs: at.pairs.len(),
            n_reworded: at.pairs.iter().filter(|pair| pair.kind == Kind::Reworded).count(),
            n_groups: at.groups.len(),
            n_removed: n_removed(&at),
            nearest: reworded[nearest].iter().map(|pair| **pair).collect(),
        }
    };
    thresholds.iter().map(rung).collect()
}

fn n_removed(duplicates: &Duplicates) -> usize {
    (0..duplicates.group_of.len()).filter(|&passage| !duplicates.is_kept(passage)).count()
}

/// The lowest threshold, in steps of 0.0001 from `lowest`, at which at most `share` of the new passages
/// would go, and what share that is.
///
/// # Errors
/// [`Error::Option`] if `share` is no share, or if more goes whatever the threshold.
pub fn for_share(
    pairs: &[DuplicatePair],
    passages: Passages,
    options: &DuplicateOptions,
    lowest: f32,
    share: f32,
) -> Result<(f32, f32)> {
    let refused = |found: String, expected: String| Error::Option { option: "--target", found, expected };
    if !(share > 0.0 && share <= 1.0) {
        return Err(refused(share.to_string(), "a share above 0 and at most 1".into()));
    }
    let share_at = |threshold: f32| {
        let at = regroup(pairs, 0, passages, &DuplicateOptions { threshold, ..options.clone() });
        n_removed(&at) as f32 / passages.n_new.max(1) as f32
    };
    let first = (lowest * STEPS).round();
    let n_steps = (STEPS - first) as usize;
    let threshold = |step: usize| (first + step as f32) / STEPS;
    // A few passages more may go at a slightly higher threshold, because other groups are made: what is
    // found is a threshold at which the share is met and, a step lower, is not.
    let (mut below, mut meets) = (0, n_steps);
    if share_at(threshold(meets)) > share {
        let least = share_at(threshold(meets));
        let expected = format!("at least {least:.4}, which goes at any threshold; leave kinds out with --kinds");
        return Err(refused(share.to_string(), expected));
    }
    if share_at(threshold(0)) <= share {
        return Ok((threshold(0), share_at(threshold(0))));
    }
    while meets - below > 1 {
        let middle = usize::midpoint(below, meets);
        if share_at(threshold(middle)) <= share { meets = middle } else { below = middle }
    }
    Ok((threshold(meets), share_at(threshold(meets))))
}

#[cfg(test)]
mod tests {
    use super::super::{ExactClasses, find};
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Unit rows in the plane, by angles in degrees.
    fn rows(angles: &[u16]) -> Array2<f32> {
        Array2::from_shape_fn((angles.len(), 2), |(i, axis)| {
            let angle = f32::from(angles[i]).to_radians();
            if axis == 0 { angle.cos() } else { angle.sin() }
        })
    }

    proptest! {
        #[test]
        fn a_higher_threshold_gives_what_a_search_at_it_gives(
            angles in proptest::collection::vec(0u16..90, 1..25),
            share in 0.05f32..1.0,
        ) {
            let texts: Vec<String> = (0..angles.len()).map(|i| format!("word{i} other{i} third{i}")).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let zeros = vec![0; texts.len()];
            let (classes, rows) = (ExactClasses::of(&texts), rows(&angles));
            let passages = Passages {
                texts: &texts, rows: rows.view(), classes: &classes, source_of: &zeros, document_of: &zeros,
                n_new: texts.len(),
            };
            let options = |threshold: f32| DuplicateOptions { threshold, ..Default::default() };
            // Between cosines of whole degrees.
            let thresholds = [30.5f32, 20.5, 10.5, 3.5].map(|angle| angle.to_radians().cos());
            let lowest = find(passages, &options(thresholds[0])).unwrap();
            let rungs = ladder(&lowest.pairs, passages, &options(thresholds[0]), &thresholds, 2);
            for (threshold, rung) in thresholds.into_iter().zip(&rungs) {
                let searched = find(passages, &options(threshold)).unwrap();
                let regrouped = regroup(&lowest.pairs, 0, passages, &options(threshold));
                prop_assert_eq!(&regrouped.pairs, &searched.pairs);
                prop_assert_eq!(&regrouped.groups, &searched.groups);
                prop_assert_eq!((rung.n_pairs, rung.n_groups), (searched.pairs.len(), searched.groups.len()));
                prop_assert!(rung.nearest.len() <= 4);
                prop_assert!(rung.nearest.windows(2).all(|two| two[0].cosine >= two[1].cosine));
            }
            if let Ok((threshold, found)) = for_share(&lowest.pairs, passages, &options(0.9), thresholds[0], share) {
                prop_assert!(found <= share && threshold >= thresholds[0] - 1e-4 && threshold <= 1.0);
            } else {
                // Some rows are equal: their pairs are there at any threshold.
                let at_one = regroup(&lowest.pairs, 0, passages, &options(1.0));
                prop_assert!(n_removed(&at_one) as f32 / texts.len() as f32 > share);
            }
        }
    }

    #[test]
    fn the_share_is_met_by_the_lowest_threshold_that_meets_it() {
        let texts = ["one text", "two texts", "three texts", "four texts"];
        let (zeros, classes) = ([0; 4], ExactClasses::of(&texts));
        // Cosines: 0.9986 (3°) between the first two, 0.94 (20°) between the last two.
        let rows = rows(&[0, 3, 50, 70]);
        let passages = Passages {
            texts: &texts,
            rows: rows.view(),
            classes: &classes,
            source_of: &zeros,
            document_of: &zeros,
            n_new: 4,
        };
        let options = DuplicateOptions { threshold: 0.8, ..Default::default() };
        let pairs = find(passages, &options).unwrap().pairs;
        let is = |found: (f32, f32), threshold: f32, share: f32| {
            assert!((found.0 - threshold).abs() < 2e-4 && (found.1 - share).abs() < 1e-6, "{found:?}");
        };
        is(for_share(&pairs, passages, &options, 0.8, 0.5).unwrap(), 0.8, 0.5);
        is(for_share(&pairs, passages, &options, 0.8, 0.3).unwrap(), 0.9397, 0.25);
        is(for_share(&pairs, passages, &options, 0.8, 0.1).unwrap(), 0.9987, 0.0);
        assert!(for_share(&pairs, passages, &options, 0.8, 0.0).is_err());
    }
}
