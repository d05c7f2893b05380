//! How many clusters (`-k auto`): the largest number whose silhouette is within one standard error
//! of the best.
//!
//! The silhouette is the simplified one, by cosine distance to centroids (Vendramin, Campello and
//! Hruschka 2010, "Relative clustering validity criteria"): the mean over rows of (b − a) / max(a, b),
//! where a is the distance to the centroid of the own cluster and b that to the next. Two things are
//! done otherwise. The own centroid is taken without the row itself: a row pulls its centroid to
//! itself, the more so the smaller the cluster, and the plain criterion therefore rises without end
//! with the number of clusters. And of numbers that one standard error cannot tell apart the largest is taken:
//! 95,000 paragraphs of terms of service fall as well into four parts (contracts, cookies, personal data, French) as
//! into 221 (0.169 both), and whoever reads the many has the few in the broader themes over them.
//!
//! What the numbers are tried on is a sample, and each begins with the first centroids of the same
//! sequences of k-means++: of two for every number, and of two more for those that come near the best.
//! Numbers that stand between the best and the ones beside it are tried last.

use super::kmeans::lloyd::{Fitted, Stop, best_of, lloyd};
use super::kmeans::starts::Sequence;
use super::kmeans::training::{BLOCK, Prepared, Training};
use crate::similarity;
use ndarray::{Array2, Axis};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;
use std::ops::RangeInclusive;

/// The search works on at most this many rows.
const MAX_ROWS: usize = 20_000;
/// A trial is cut short: the criterion settles long before the last rows do.
const STOP: Stop = Stop { max_iterations: 10, rows_per_late_change: 1000 };
/// Sequences of starts, of which a number keeps the fit with the least inertia. A number is tried with half of
/// them, and with the others if its criterion is then within [`NEAR_THE_BEST`] standard errors of the best.
const SEQUENCES: usize = 4;
/// More than other starts mostly gain.
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
    let all = training.gather(0..training.len() as u32);
    // More clusters than the sample has rows cannot be tried.
    let most = (*range.end()).min(training.len());
    let least = (*range.start()).max(2);
    let next = |&n: &usize| Some(((n as f64 * STEP) as usize).max(n + 1));
    let numbers: Vec<usize> = std::iter::successors(Some(least), next).take_while(|&n| n <= most).collect();
    let largest = numbers.last().copied().unwrap_or(1);
    let sequences = (0..SEQUENCES as u64).into_par_iter().map(|i| {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ i);
        let mut sequence = Sequence::new(&prepared, vec![1.0; all.nrows()], &mut random);
        sequence.extend_to(largest, &mut random);
        sequence
    });
    let sequences: Vec<Sequence> = sequences.collect();
    let (first, others) = sequences.split_at(SEQUENCES / 2);
    let trial = |n_clusters: usize, sequences: &[Sequence]| {
        let fits = sequences.par_iter().map(|sequence| lloyd(&prepared, sequence.centroids(n_clusters), STOP));
        let fitted = best_of(fits.collect::<Vec<_>>().into_iter())?;
        Some((fitted.inertia, criterion(&all, &fitted)))
    };
    let trials = numbers.par_iter().filter_map(|&n_clusters| trial(n_clusters, first));
    let mut trials: Vec<(f64, CriterionAt)> = trials.collect();
    let near = best(trials.iter().map(|(_, at)| at)).map(|best| best.silhouette - NEAR_THE_BEST * best.standard_error);
    trials.par_iter_mut().filter(|(_, at)| near.is_some_and(|near| at.silhouette >= near)).for_each(|tried| {
        if let Some(again) = trial(tried.1.n_clusters, others).filter(|again| again.0 < tried.0) {
            *tried = again;
        }
    });
    let mut curve: Vec<CriterionAt> = trials.into_iter().map(|(_, at)| at).collect();
    let between = beside_the_best(&curve).into_par_iter().filter_map(|n_clusters| trial(n_clusters, &sequences));
    let between: Vec<CriterionAt> = between.map(|(_, at)| at).collect();
    curve.extend(between);
    curve.sort_by_key(|at| at.n_clusters);
    let chosen = best(curve.iter()).and_then(|best| {
        let least = best.silhouette - best.standard_error;
        curve.iter().rfind(|at| at.silhouette >= least)
    });
    (chosen.map_or((*range.start()).max(1), |at| at.n_clusters), curve)
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
    let (sizes, means) = means(rows, &fitted.clusters, n_clusters);
    let norms: Vec<f64> = means.outer_iter().map(|c| f64::from(c.dot(&c)).sqrt()).collect();
    let blocks = rows.axis_chunks_iter(Axis(0), BLOCK).into_par_iter().zip(fitted.clusters.par_chunks(BLOCK));
    let silhouettes: Vec<f64> = blocks
        .flat_map_iter(|(rows, clusters)| {
            let mut products = Array2::zeros((rows.nrows(), n_clusters));
            similarity::products(rows, means.view(), products.view_mut());
            let of_row = |(i, &cluster): (usize, &u32)| {
                let (own, norm) = (cluster as usize, f64::from(rows.row(i).dot(&rows.row(i))));
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
            clusters.iter().enumerate().map(of_row).collect::<Vec<_>>()
        })
        .collect();
    let n = silhouettes.len() as f64;
    let mean = silhouettes.iter().sum::<f64>() / n;
    let variance = silhouettes.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n;
    CriterionAt { n_clusters, silhouette: mean as f32, standard_error: (variance / n).sqrt() as f32 }
}

/// The sizes of the clusters and their `(k, dim)` means. (The centroids of a fit that was cut short are
/// the means of one assignment earlier.)
fn means(rows: &Array2<f32>, clusters: &[u32], n_clusters: usize) -> (Vec<f64>, Array2<f32>) {
    let mut sums: Array2<f64> = Array2::zeros((n_clusters, rows.ncols()));
    let mut sizes = vec![0.0f64; n_clusters];
    for (row, &cluster) in rows.outer_iter().zip(clusters) {
        sizes[cluster as usize] += 1.0;
        sums.row_mut(cluster as usize).iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
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
        let fitted = Fitted {
            centroids: array![[x, 0.0], [-x, 0.0]],
            inertia: 1.0,
            clusters: vec![0, 0, 1, 1],
            n_iterations: 1,
        };
        // To the own centroid without itself, the other row: 1 − cos 60° = 0.5; to the other centroid
        // 1 − cos 150° = 1 + √0.75.
        let expected = 1.0 - 0.5 / (1.0 + x);
        let found = criterion(&rows, &fitted);
        assert!((found.silhouette - expected).abs() < 1e-6 && found.standard_error < 1e-4, "{found:?}");
        // Alone in their clusters, rows count 0.
        let fitted = Fitted { clusters: vec![0, 0, 0, 1], ..fitted };
        assert!(criterion(&rows, &fitted).silhouette < expected);
    }

    #[test]
    fn the_largest_within_one_standard_error_of_the_best() {
        let centres = unit_rows(12, 24, 1);
        let noise = unit_rows(3000, 24, 2) * 0.3;
        let rows = Array2::from_shape_fn((3000, 24), |(i, j)| centres[[i % 12, j]] + noise[[i, j]]);
        let order = Order::by_digest(rows.view(), &(0..3000).collect::<Vec<_>>(), 1);
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
