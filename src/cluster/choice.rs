//! How many clusters (`-k auto`): the largest number whose silhouette is within one standard error
//! of the best.
//!
//! The silhouette is the simplified one, by cosine distance to centroids (Vendramin, Campello and
//! Hruschka 2010, "Relative clustering validity criteria"): the mean over rows of (b − a) / max(a, b),
//! where a is the distance to the centroid of the own cluster and b that to the next. Two things are
//! done otherwise. The own centroid is taken without the row itself: a row pulls its centroid to
//! itself, the more so the smaller the cluster, and the plain criterion therefore rises without end
//! with the number of clusters. And of numbers that one standard error cannot tell apart the largest is taken:
//! whoever reads the many has the few in the broader themes over them.
//!
//! What the numbers are tried on is a sample, and each begins with the first centroids of the same
//! sequences of k-means++. Most numbers are far from the best at first sight, after a few iterations from two
//! of the sequences; the others go on, and those that are still near the best then begin with two more
//! sequences. Numbers that stand between the best and the ones beside it are tried last.

use super::kmeans::lloyd::{Fitted, Stop, lloyd};
use super::kmeans::starts::Sequence;
use super::kmeans::training::{BLOCK, Prepared, Training};
use crate::similarity::{self, Nearest};
use ndarray::{Array2, Axis};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;
use std::ops::{Range, RangeInclusive};

/// The search works on at most this many rows.
const MAX_ROWS: usize = 20_000;
/// A trial is cut short: the criterion settles long before the last rows do.
const STOP: Stop = Stop { max_iterations: 10, rows_per_late_change: 1000 };
/// The first sight of a number.
const FIRST_STOP: Stop = Stop { max_iterations: 3, ..STOP };
/// Sequences of starts, of which a number keeps the fit with the least inertia; at first half of them are tried.
const SEQUENCES: usize = 4;
/// A number goes on if its criterion at first sight is within this many standard errors of the best: more than
/// further iterations mostly gain.
const NEAR_AT_FIRST: f32 = 10.0;
/// The same later: more than other starts mostly gain.
const NEAR_THE_BEST: f32 = 5.0;
/// A number is tried that is about this much larger than the one before.
const STEP: f64 = 1.4;

/// The criterion at one number of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CriterionAt {
    /// Number of clusters tried.
    pub n_clusters: usize,
    /// Mean simplified silhouette, −1 to 1.
    pub silhouette: f32,
    /// Standard error of that mean.
    pub standard_error: f32,
}

/// The number of clusters within `range` that the criterion chooses (the least if none above 1 can be
/// tried), and the criterion at each number tried, in rising order.
pub(super) fn choose(rows: Training, range: RangeInclusive<usize>, seed: u64) -> (usize, Vec<CriterionAt>) {
    let training = rows.sample(MAX_ROWS);
    let prepared = Prepared::new(training);
    let search = Search { prepared: &prepared, rows: training.gather(0..training.len() as u32), seed };
    // More clusters than the sample has rows cannot be tried.
    let most = (*range.end()).min(training.len());
    let next = |&n: &usize| Some(((n as f64 * STEP) as usize).max(n + 1));
    let numbers = std::iter::successors(Some((*range.start()).max(2)), next).take_while(|&n| n <= most);
    let numbers: Vec<usize> = numbers.collect();
    let Some(&largest) = numbers.last() else { return ((*range.start()).max(1), vec![]) };

    let mut sequences = search.sequences(0..SEQUENCES / 2, largest);
    let first = numbers.par_iter().filter_map(|&n| search.trial(search.fits(n, &sequences, FIRST_STOP)));
    let trials = go_on(first.collect(), NEAR_AT_FIRST, |Trial { fits, .. }| {
        search.trial(fits.into_par_iter().map(|fitted| fitted.go_on(&prepared, STOP)).collect())
    });
    // Only numbers below this one begin with the other sequences.
    let near = least_near(&trials, NEAR_THE_BEST);
    let above = trials.iter().rposition(|trial| trial.at.silhouette >= near).and_then(|last| numbers.get(last + 1));
    sequences.extend(search.sequences(SEQUENCES / 2..SEQUENCES, above.copied().unwrap_or(largest)));
    let trials = go_on(trials, NEAR_THE_BEST, |Trial { mut fits, at }| {
        fits.extend(search.fits(at.n_clusters, &sequences[SEQUENCES / 2..], STOP));
        search.trial(fits)
    });
    let mut curve: Vec<CriterionAt> = trials.into_iter().map(|trial| trial.at).collect();
    let between = beside_the_best(&curve).into_par_iter();
    let between = between.filter_map(|n| search.trial(search.fits(n, &sequences, STOP)));
    let between: Vec<Trial> = between.collect();
    curve.extend(between.into_iter().map(|trial| trial.at));
    curve.sort_by_key(|at| at.n_clusters);
    let chosen = best(curve.iter()).and_then(|best| {
        let least = best.silhouette - best.standard_error;
        curve.iter().rfind(|at| at.silhouette >= least)
    });
    (chosen.map_or(largest, |at| at.n_clusters), curve)
}

/// What all numbers are tried on.
struct Search<'p, 'a> {
    prepared: &'p Prepared<'a>,
    /// `(n, dim)`: the same rows side by side.
    rows: Array2<f32>,
    seed: u64,
}

/// A number of clusters that is tried.
struct Trial {
    fits: Vec<Fitted>,
    /// The criterion of the one with the least inertia.
    at: CriterionAt,
}

impl<'p, 'a> Search<'p, 'a> {
    /// Some of the sequences of starts, so long.
    fn sequences(&self, which: Range<usize>, n_clusters: usize) -> Vec<Sequence<'p, 'a>> {
        let sequence = |i: usize| {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ i as u64);
            let mut sequence = Sequence::new(self.prepared, vec![1.0; self.rows.nrows()], &mut random);
            sequence.extend_to(n_clusters, &mut random);
            sequence
        };
        which.into_par_iter().map(sequence).collect()
    }

    fn fits(&self, n_clusters: usize, sequences: &[Sequence], stop: Stop) -> Vec<Fitted> {
        sequences.par_iter().map(|sequence| lloyd(self.prepared, sequence.starts(n_clusters), stop)).collect()
    }

    /// None without fits.
    fn trial(&self, fits: Vec<Fitted>) -> Option<Trial> {
        let best = fits.iter().min_by(|a, b| a.inertia.total_cmp(&b.inertia))?;
        Some(Trial { at: criterion(&self.rows, best), fits })
    }
}

/// The least criterion that is within so many standard errors of the best.
fn least_near(trials: &[Trial], n_errors: f32) -> f32 {
    let best = best(trials.iter().map(|trial| &trial.at));
    best.map_or(f32::INFINITY, |best| best.silhouette - n_errors * best.standard_error)
}

/// Takes a step with those within so many standard errors of the best.
fn go_on(trials: Vec<Trial>, n_errors: f32, step: impl Fn(Trial) -> Option<Trial> + Sync) -> Vec<Trial> {
    let least = least_near(&trials, n_errors);
    let next = |trial: Trial| if trial.at.silhouette >= least { step(trial) } else { Some(trial) };
    trials.into_par_iter().filter_map(next).collect()
}

/// The numbers half-way between the best and those beside it that have not been tried.
fn beside_the_best(curve: &[CriterionAt]) -> Vec<usize> {
    let Some(best) = best(curve.iter()) else { return vec![] };
    let sides = curve.windows(2).map(|pair| (pair[0].n_clusters, pair[1].n_clusters));
    let of_best = sides.filter(|&(low, high)| low == best.n_clusters || high == best.n_clusters);
    of_best.filter(|(low, high)| high - low > 1).map(|(low, high)| low.midpoint(high)).collect()
}

/// The number with the best criterion, the smallest of equals.
fn best<'a>(curve: impl Iterator<Item = &'a CriterionAt>) -> Option<CriterionAt> {
    curve.copied().reduce(|best, at| if at.silhouette > best.silhouette { at } else { best })
}

/// The criterion of `(n, dim)` rows whose clusters are those of `fitted`.
fn criterion(rows: &Array2<f32>, fitted: &Fitted) -> CriterionAt {
    let n_clusters = fitted.centroids.nrows();
    let (sizes, means) = means(rows, &fitted.nearest, n_clusters);
    let norms: Vec<f64> = means.outer_iter().map(|c| f64::from(c.dot(&c)).sqrt()).collect();
    let blocks = rows.axis_chunks_iter(Axis(0), BLOCK).into_par_iter().zip(fitted.nearest.par_chunks(BLOCK));
    let silhouettes: Vec<f64> = blocks
        .flat_map_iter(|(rows, nearest)| {
            let mut products = Array2::zeros((rows.nrows(), n_clusters));
            similarity::products(rows, means.view(), products.view_mut());
            let of_row = |(i, nearest): (usize, &Nearest)| {
                let (own, norm) = (nearest.centroid as usize, f64::from(rows.row(i).dot(&rows.row(i))));
                let cosine = |c: usize| f64::from(products[[i, c]]) / (norms[c] * norm.sqrt()).max(f64::MIN_POSITIVE);
                let others = (0..n_clusters).filter(|&c| c != own && sizes[c] > 0.0).map(cosine);
                let next = 1.0 - others.fold(-1.0, f64::max);
                // Without the row x, the sum S of its cluster is S − x, and S = size × mean.
                let (product, size) = (f64::from(products[[i, own]]) * sizes[own], sizes[own]);
                let rest = (size * norms[own]).powi(2) - 2.0 * product + norm;
                let own = 1.0 - (product - norm) / (rest.max(0.0) * norm).sqrt().max(f64::MIN_POSITIVE);
                // Alone in its cluster, a row says nothing for it (Rousseeuw 1987).
                if size < 2.0 { 0.0 } else { (next - own) / next.max(own).max(f64::MIN_POSITIVE) }
            };
            nearest.iter().enumerate().map(of_row).collect::<Vec<_>>()
        })
        .collect();
    let n = silhouettes.len() as f64;
    let mean = silhouettes.iter().sum::<f64>() / n;
    let variance = silhouettes.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
    CriterionAt { n_clusters, silhouette: mean as f32, standard_error: (variance / n).sqrt() as f32 }
}

/// The sizes of the clusters and their `(k, dim)` means. (The centroids of a fit that was cut short are
/// the means of one assignment earlier.)
fn means(rows: &Array2<f32>, nearest: &[Nearest], n_clusters: usize) -> (Vec<f64>, Array2<f32>) {
    let mut sums: Array2<f64> = Array2::zeros((n_clusters, rows.ncols()));
    let mut sizes = vec![0.0f64; n_clusters];
    for (row, nearest) in rows.outer_iter().zip(nearest) {
        sizes[nearest.centroid as usize] += 1.0;
        sums.row_mut(nearest.centroid as usize).iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let means = Array2::from_shape_fn(sums.dim(), |(c, j)| (sums[[c, j]] / sizes[c].max(1.0)) as f32);
    (sizes, means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kmeans::training::Order;
    use crate::similarity::tests::unit_rows;
    use ndarray::array;

    #[test]
    fn the_criterion_by_hand() {
        // Two clusters of two unit rows 60° apart, opposite each other.
        let (x, y) = (0.75f32.sqrt(), 0.5);
        let rows = array![[x, y], [x, -y], [-x, y], [-x, -y]];
        let nearest = |clusters: [u32; 4]| clusters.map(|centroid| Nearest { centroid, distance: 0.25 }).to_vec();
        let fitted = Fitted::new(array![[x, 0.0], [-x, 0.0]], nearest([0, 0, 1, 1]), 1);
        // To the own centroid without itself, the other row: 1 − cos 60° = 0.5; to the other centroid
        // 1 − cos 150° = 1 + √0.75.
        let expected = 1.0 - 0.5 / (1.0 + x);
        let found = criterion(&rows, &fitted);
        assert!((found.silhouette - expected).abs() < 1e-6 && found.standard_error < 1e-4, "{found:?}");
        // Alone in their clusters, rows count 0.
        let fitted = Fitted { nearest: nearest([0, 0, 0, 1]), ..fitted };
        assert!(criterion(&rows, &fitted).silhouette < expected);
    }

    #[test]
    fn the_largest_within_one_standard_error_of_the_best() {
        let centres = unit_rows(12, 24, 1);
        let noise = unit_rows(3000, 24, 2) * 0.3;
        let rows = Array2::from_shape_fn((3000, 24), |(i, j)| centres[[i % 12, j]] + noise[[i, j]]);
        let order = Order::by_digest(rows.view(), &vec![""; 3000], &(0..3000).collect::<Vec<_>>(), 1);
        let (chosen, curve) = choose(Training::new(rows.view(), &order), 2..=500, 42);
        assert!((11..=14).contains(&chosen), "{chosen} for 12 clusters");
        let best = best(curve.iter()).unwrap();
        for at in curve.iter().filter(|at| at.n_clusters > chosen) {
            assert!(at.silhouette < best.silhouette - best.standard_error);
        }
        let (chosen, curve) = choose(Training::new(rows.view(), &order), 20..=30, 42);
        assert!((20..=30).contains(&chosen) && curve.iter().all(|at| (20..=30).contains(&at.n_clusters)));
    }
}
