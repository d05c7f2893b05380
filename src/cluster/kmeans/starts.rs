//! Where Lloyd's iteration begins.
//!
//! - **k-means++**, greedy: every new centroid is the best of a few rows drawn with a chance in
//!   proportion to their squared distance from the centroids so far (Arthur and Vassilvitskii 2007,
//!   "k-means++"; about as many trials as in scikit-learn). One product per new centroid and all its
//!   trials. The first centroids of a long sequence are a shorter sequence.
//! - **k-means‖**: a few rounds draw many rows at once, and k-means++ chooses among them, each
//!   weighted by the rows that it is nearest to (Bahmani et al. 2012, "Scalable k-means++").
//! - **random**: different rows.

use super::training::{BLOCK, Training};
use super::uniform;
use crate::similarity;
use ndarray::{Array2, ArrayView2, Axis, s};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

/// Starts are chosen among at most this many rows for each centroid, and half of all: a product per
/// centroid over all rows would take longer than the iterations.
const ROWS_PER_CLUSTER: usize = 64;
/// … but never among fewer than this many.
const MIN_ROWS: usize = 4096;
/// Rounds of k-means‖, each of which draws about as many rows as there are centroids.
const ROUNDS: usize = 4;

/// The rows that starts are chosen among.
fn sample(training: Training, n_clusters: usize) -> Array2<f32> {
    let most = (ROWS_PER_CLUSTER * n_clusters).min(training.len() / 2).max(MIN_ROWS).max(n_clusters);
    let sample = training.sample(most);
    sample.gather(0..sample.len() as u32)
}

/// `(k, dim)` rows of the training by k-means++.
pub(in crate::cluster) fn plus_plus(
    training: Training,
    n_clusters: usize,
    random: &mut Xoshiro256PlusPlus,
) -> Array2<f32> {
    let rows = sample(training, n_clusters);
    let mut sequence = Sequence::new(&rows, vec![1.0; rows.nrows()], random);
    sequence.extend_to(n_clusters, random);
    sequence.centroids(n_clusters)
}

/// `(k, dim)` rows of the training by k-means‖.
pub(in crate::cluster) fn parallel(
    training: Training,
    n_clusters: usize,
    random: &mut Xoshiro256PlusPlus,
) -> Array2<f32> {
    let rows = sample(training, n_clusters);
    let n = rows.nrows();
    let norms = norms(rows.view());
    let mut drawn = vec![(uniform(random) * n as f64) as usize];
    // For each row the squared distance to the nearest row drawn, and which of them that is.
    let mut nearest: Vec<(f32, u32)> = vec![(f32::INFINITY, 0); n];
    let mut n_compared = 0;
    for round in 0..=ROUNDS {
        let points = rows.select(Axis(0), &drawn[n_compared..]);
        let point_norms: Vec<f32> = drawn[n_compared..].iter().map(|&i| norms[i]).collect();
        nearest
            .par_chunks_mut(BLOCK)
            .zip(rows.axis_chunks_iter(Axis(0), BLOCK).into_par_iter())
            .zip(norms.par_chunks(BLOCK))
            .for_each(|((nearest, rows), norms)| {
                let mut products = Array2::zeros((rows.nrows(), points.nrows()));
                similarity::products(rows, points.view(), products.view_mut());
                for ((nearest, products), norm) in nearest.iter_mut().zip(products.outer_iter()).zip(norms) {
                    for (point, (product, point_norm)) in (n_compared as u32..).zip(products.iter().zip(&point_norms)) {
                        let distance = (norm - 2.0 * product + point_norm).max(0.0);
                        if distance < nearest.0 {
                            *nearest = (distance, point);
                        }
                    }
                }
            });
        n_compared = drawn.len();
        let total: f64 = nearest.iter().map(|&(distance, _)| f64::from(distance)).sum();
        if round == ROUNDS || total <= 0.0 {
            break;
        }
        let chance = n_clusters as f64 / total;
        drawn.extend((0..n).filter(|&i| uniform(random) < f64::from(nearest[i].0) * chance));
    }
    let mut weights = vec![0.0f32; drawn.len()];
    nearest.iter().for_each(|&(_, point)| weights[point as usize] += 1.0);
    let candidates = rows.select(Axis(0), &drawn);
    let mut sequence = Sequence::new(&candidates, weights, random);
    sequence.extend_to(n_clusters.min(drawn.len()), random);
    let chosen = sequence.centroids(n_clusters.min(drawn.len()));
    // By chance too few rows may have been drawn: the first of the sample make up for them.
    let missing = rows.slice(s![..n_clusters - chosen.nrows(), ..]);
    ndarray::concatenate![Axis(0), chosen, missing]
}

/// `(k, dim)` different rows of the training.
pub(in crate::cluster) fn random(
    training: Training,
    n_clusters: usize,
    random: &mut Xoshiro256PlusPlus,
) -> Array2<f32> {
    // Selection sampling (Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 S).
    let n = training.len();
    let mut left = n_clusters;
    let chosen = (0..n).filter(|i| {
        let take = (n - i) as f64 * uniform(random) < left as f64;
        left -= usize::from(take);
        take
    });
    let chosen: Vec<u32> = chosen.map(|place| place as u32).collect();
    training.gather(chosen.into_iter())
}

fn norms(rows: ArrayView2<f32>) -> Vec<f32> {
    rows.outer_iter().map(|row| row.dot(&row)).collect()
}

/// A sequence of greedy k-means++ centroids, which can be made longer.
pub(in crate::cluster) struct Sequence<'a> {
    /// `(n, dim)` rows to choose among.
    rows: &'a Array2<f32>,
    /// The same in blocks of `(dim, rows)`: as the product of many rows with a few reads them, so that it
    /// spends no time on rearranging them for each centroid.
    columns: Vec<Array2<f32>>,
    /// How much each row counts.
    weights: Vec<f32>,
    norms: Vec<f32>,
    chosen: Vec<usize>,
    /// For each row its squared distance to the nearest centroid.
    least: Vec<f32>,
}

impl<'a> Sequence<'a> {
    /// The first centroid is any row, by weight.
    pub(in crate::cluster) fn new(rows: &'a Array2<f32>, weights: Vec<f32>, random: &mut Xoshiro256PlusPlus) -> Self {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let first = pick(weights.iter().map(|&weight| f64::from(weight)), uniform(random) * total);
        let norms = norms(rows.view());
        let least = vec![f32::INFINITY; rows.nrows()];
        let columns = rows.axis_chunks_iter(Axis(0), BLOCK).into_par_iter();
        let columns = columns.map(|block| block.t().as_standard_layout().into_owned()).collect();
        let mut sequence = Self { rows, columns, weights, norms, chosen: vec![], least };
        let distances = sequence.distances(&[first]);
        sequence.choose(first, 0, &distances);
        sequence
    }

    /// Goes on until there are `n_clusters` centroids.
    pub(in crate::cluster) fn extend_to(&mut self, n_clusters: usize, random: &mut Xoshiro256PlusPlus) {
        while self.chosen.len() < n_clusters {
            let n_trials = 2 + ((self.chosen.len() + 1) as f64).ln() as usize;
            let potentials: Vec<f64> = self.potentials(&self.least);
            let total: f64 = potentials.iter().sum();
            let trials: Vec<usize> = (0..n_trials).map(|_| self.draw(&potentials, uniform(random) * total)).collect();
            let distances = self.distances(&trials);
            let lowered = (0..n_trials).map(|trial| distances.iter().map(|block| block.potentials[trial]).sum::<f64>());
            let best = lowered.enumerate().reduce(|best, trial| if trial.1 < best.1 { trial } else { best });
            let best = best.map_or(0, |(trial, _)| trial);
            self.choose(trials[best], best, &distances);
        }
    }

    /// `(k, dim)`: the first `n_clusters` of the sequence.
    pub(in crate::cluster) fn centroids(&self, n_clusters: usize) -> Array2<f32> {
        self.rows.select(Axis(0), &self.chosen[..n_clusters])
    }

    fn choose(&mut self, row: usize, trial: usize, distances: &[TrialDistances]) {
        self.chosen.push(row);
        for (least, block) in self.least.chunks_mut(BLOCK).zip(distances) {
            least
                .iter_mut()
                .zip(block.distances.row(trial))
                .for_each(|(least, &distance)| *least = least.min(distance));
        }
    }

    /// For each block of rows the sum of their weighted distances.
    fn potentials(&self, distances: &[f32]) -> Vec<f64> {
        let blocks = distances.chunks(BLOCK).zip(self.weights.chunks(BLOCK));
        blocks.map(|(of, weights)| of.iter().zip(weights).map(|(&d, &w)| f64::from(d * w)).sum()).collect()
    }

    /// The row at which the running sum of weighted distances exceeds `draw`; a row at no distance
    /// from the centroids is never drawn while any other is.
    fn draw(&self, potentials: &[f64], draw: f64) -> usize {
        let mut left = draw;
        let block = potentials.iter().position(|&potential| {
            let is_here = left < potential;
            left -= if is_here { 0.0 } else { potential };
            is_here
        });
        let Some(start) = block.map(|block| block * BLOCK) else {
            return self.least.iter().rposition(|&distance| distance > 0.0).unwrap_or(0);
        };
        let end = self.least.len().min(start + BLOCK);
        let weighted = self.least[start..end].iter().zip(&self.weights[start..end]);
        start + pick(weighted.map(|(&distance, &weight)| f64::from(distance * weight)), left)
    }

    /// The squared distances of all rows to a few of them, and what would be left with each.
    fn distances(&self, few: &[usize]) -> Vec<TrialDistances> {
        let points = self.rows.select(Axis(0), few);
        let blocks = self.columns.par_iter().enumerate();
        let of_block = |(block, columns): (usize, &Array2<f32>)| {
            let mut distances = Array2::zeros((few.len(), columns.ncols()));
            similarity::products(columns.t(), points.view(), distances.view_mut().reversed_axes());
            let at = block * BLOCK..block * BLOCK + columns.ncols();
            let (norms, least, weights) = (&self.norms[at.clone()], &self.least[at.clone()], &self.weights[at]);
            let mut potentials = Vec::with_capacity(few.len());
            for (mut distances, &point) in distances.outer_iter_mut().zip(few) {
                let mut potential = 0.0;
                for (i, distance) in distances.iter_mut().enumerate() {
                    *distance = (norms[i] - 2.0 * *distance + self.norms[point]).max(0.0);
                    potential += f64::from(distance.min(least[i]) * weights[i]);
                }
                potentials.push(potential);
            }
            TrialDistances { distances, potentials }
        };
        blocks.map(of_block).collect()
    }
}

/// The squared distances of a block of rows to the trials.
struct TrialDistances {
    /// `(trials, rows)`.
    distances: Array2<f32>,
    /// For each trial, the rows' weighted distances to their nearest centroid if it were chosen.
    potentials: Vec<f64>,
}

/// The first place at which the running sum exceeds `draw`, or else the last that adds to it.
fn pick(shares: impl ExactSizeIterator<Item = f64>, draw: f64) -> usize {
    let mut sum = 0.0;
    let mut last = 0;
    for (place, share) in shares.enumerate() {
        sum += share;
        if share > 0.0 {
            last = place;
            if sum > draw {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kmeans::training::Order;
    use crate::similarity::tests::unit_rows;
    use proptest::prelude::*;
    use rand_xoshiro::rand_core::SeedableRng;

    fn is_row(rows: &Array2<f32>, centroid: ndarray::ArrayView1<f32>) -> bool {
        rows.outer_iter().any(|row| row == centroid)
    }

    proptest! {
        #[test]
        fn starts_are_different_rows(n in 1usize..300, k in 1usize..40, seed: u64) {
            let (rows, k) = (unit_rows(n, 5, seed), k.min(n));
            let order = Order::by_digest(rows.view(), &(0..n as u32).collect::<Vec<_>>(), seed);
            let training = Training::new(rows.view(), &order);
            for init in [plus_plus, parallel, random] {
                let starts = init(training, k, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
                prop_assert_eq!(starts.dim(), (k, 5));
                prop_assert!(starts.outer_iter().all(|start| is_row(&rows, start)));
            }
            for init in [plus_plus, random] {
                let starts = init(training, k, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
                let is_new = |i: usize| !is_row(&starts.slice(s![..i, ..]).to_owned(), starts.row(i));
                prop_assert!((0..k).all(is_new));
            }
        }

        #[test]
        fn a_sequence_begins_as_a_shorter_one(n in 20usize..200, seed: u64) {
            let rows = unit_rows(n, 5, seed);
            let random = || Xoshiro256PlusPlus::seed_from_u64(seed);
            let (mut at_once, mut in_steps) = (random(), random());
            let mut whole = Sequence::new(&rows, vec![1.0; n], &mut at_once);
            whole.extend_to(7, &mut at_once);
            let mut grown = Sequence::new(&rows, vec![1.0; n], &mut in_steps);
            for k in 1..=7 {
                grown.extend_to(k, &mut in_steps);
                prop_assert_eq!(whole.centroids(k), grown.centroids(k));
            }
        }
    }

    #[test]
    fn a_draw_falls_on_rows_in_proportion() {
        assert_eq!(pick([1.0, 0.0, 2.0].into_iter(), 0.5), 0);
        assert_eq!(pick([1.0, 0.0, 2.0].into_iter(), 1.0), 2);
        assert_eq!(pick([1.0, 2.0, 0.0].into_iter(), 9.0), 1, "past the end by rounding");
    }
}
