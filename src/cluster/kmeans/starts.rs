//! Where Lloyd's iteration begins.
//!
//! - **k-means++**, greedy: every new centroid is the best of a few rows drawn with a chance in
//!   proportion to their squared distance from the centroids so far (Arthur and Vassilvitskii 2007,
//!   "k-means++"). All trials of a new centroid are compared at once, and only with rows that may be
//!   nearer to them. The first centroids of a long sequence are a shorter sequence.
//! - **k-means‖**: a few rounds draw many rows at once, and k-means++ chooses among them, each
//!   weighted by the rows that it is nearest to (Bahmani et al. 2012, "Scalable k-means++").
//! - **random**: different rows.

use super::training::{BLOCK, Order, Prepared, Training};
use super::uniform;
use crate::similarity::Nearest;
use ndarray::{Array2, Axis};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

/// Starts are chosen among at most this many rows for each centroid, and half of all: among all rows the
/// choice would take longer than the iterations.
const ROWS_PER_CLUSTER: usize = 64;
/// … but never among fewer than this many.
const MIN_ROWS: usize = 1 << 14;
/// As many rows are compared at once, and so at most tried for a centroid.
const MAX_TRIALS: usize = 12;
/// Rounds of k-means‖, each of which draws about as many rows as there are centroids.
const ROUNDS: usize = 4;

/// What an iteration begins with.
pub(in crate::cluster) struct Starts {
    /// `(k, dim)`.
    pub(super) centroids: Array2<f32>,
    /// Where the first training rows stand among them, as far as the choice has shown.
    pub(super) known: Vec<Nearest>,
}

impl From<Array2<f32>> for Starts {
    fn from(centroids: Array2<f32>) -> Self {
        Self { centroids, known: vec![] }
    }
}

/// How many rows, the first, starts are chosen among.
fn n_sampled(training: Training, n_clusters: usize) -> usize {
    let most = (ROWS_PER_CLUSTER * n_clusters).min(training.len() / 2).max(MIN_ROWS).max(n_clusters);
    most.min(training.len())
}

/// Rows of the training by k-means++.
pub(in crate::cluster) fn plus_plus(rows: &Prepared, n_clusters: usize, random: &mut Xoshiro256PlusPlus) -> Starts {
    let weights = vec![1.0; n_sampled(rows.training(), n_clusters)];
    let mut sequence = Sequence::new(rows, weights, random);
    sequence.extend_to(n_clusters, random);
    sequence.starts(n_clusters)
}

/// Rows of the training by k-means‖.
pub(in crate::cluster) fn parallel(rows: &Prepared, n_clusters: usize, random: &mut Xoshiro256PlusPlus) -> Starts {
    let training = rows.training();
    let n = n_sampled(training, n_clusters);
    let mut drawn = vec![(uniform(random) * n as f64) as u32];
    // For each row the squared distance to the nearest row drawn, and which of them that is.
    let mut nearest: Vec<(f32, u32)> = vec![(f32::INFINITY, 0); n];
    let mut n_compared = 0;
    for round in 0..=ROUNDS {
        let points = training.gather(drawn[n_compared..].iter().copied());
        let points = rows.points(points.view());
        nearest.par_chunks_mut(BLOCK).enumerate().for_each(|(block, nearest)| {
            let start = (block * BLOCK) as u32;
            let known: Vec<f32> = nearest.iter().map(|&(distance, _)| distance).collect();
            points.as_near_as(start, &known, |place, point, distance| {
                let nearest = &mut nearest[(place - start) as usize];
                if distance < nearest.0 {
                    *nearest = (distance, n_compared as u32 + point);
                }
            });
        });
        n_compared = drawn.len();
        let total: f64 = nearest.iter().map(|&(distance, _)| f64::from(distance)).sum();
        if round == ROUNDS || total <= 0.0 {
            break;
        }
        let chance = n_clusters as f64 / total;
        drawn.extend((0..n as u32).filter(|&i| uniform(random) < f64::from(nearest[i as usize].0) * chance));
    }
    let mut weights = vec![0.0f32; drawn.len()];
    nearest.iter().for_each(|&(_, point)| weights[point as usize] += 1.0);
    let candidates = training.gather(drawn.iter().copied());
    let order = Order::as_given(drawn.len());
    let candidates = Prepared::new(Training::new(candidates.view(), &order));
    let mut sequence = Sequence::new(&candidates, weights, random);
    sequence.extend_to(n_clusters.min(drawn.len()), random);
    let chosen = sequence.starts(n_clusters.min(drawn.len())).centroids;
    // By chance too few rows may have been drawn: the first of the sample make up for them.
    let missing = training.gather(0..(n_clusters - chosen.nrows()) as u32);
    ndarray::concatenate![Axis(0), chosen, missing].into()
}

/// Different rows of the training.
pub(in crate::cluster) fn random(rows: &Prepared, n_clusters: usize, random: &mut Xoshiro256PlusPlus) -> Starts {
    let training = rows.training();
    // Selection sampling (Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 S).
    let n = training.len();
    let mut left = n_clusters;
    let chosen = (0..n).filter(|i| {
        let take = (n - i) as f64 * uniform(random) < left as f64;
        left -= usize::from(take);
        take
    });
    let chosen: Vec<u32> = chosen.map(|place| place as u32).collect();
    training.gather(chosen.into_iter()).into()
}

/// A sequence of greedy k-means++ centroids, which can be made longer.
pub(in crate::cluster) struct Sequence<'p, 'a> {
    /// The first of them are chosen among.
    rows: &'p Prepared<'a>,
    /// How much each row counts.
    weights: Vec<f32>,
    chosen: Vec<u32>,
    /// For each row its squared distance to the nearest centroid.
    least: Vec<f32>,
    /// For each centroid the rows that it is nearer to than those before it, and their squared distances.
    nearer: Vec<Vec<(u32, f32)>>,
}

impl<'p, 'a> Sequence<'p, 'a> {
    /// Chooses among as many rows as there are weights. The first centroid is any of them, by weight.
    pub(in crate::cluster) fn new(rows: &'p Prepared<'a>, weights: Vec<f32>, random: &mut Xoshiro256PlusPlus) -> Self {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let first = pick(weights.iter().map(|&weight| f64::from(weight)), uniform(random) * total) as u32;
        let least = vec![f32::INFINITY; weights.len()];
        let mut sequence = Self { rows, weights, chosen: vec![], least, nearer: vec![] };
        let nearer = sequence.nearer(&[first]);
        sequence.choose(first, 0, &nearer);
        sequence
    }

    /// Goes on until there are `n_clusters` centroids.
    pub(in crate::cluster) fn extend_to(&mut self, n_clusters: usize, random: &mut Xoshiro256PlusPlus) {
        while self.chosen.len() < n_clusters {
            // Twice as many as scikit-learn's: they cost little (ARCHITECTURE.md), and ten restarts end lower.
            let n_trials = MAX_TRIALS.min((2.0 * (2.0 + ((self.chosen.len() + 1) as f64).ln())) as usize);
            let potentials: Vec<f64> = self.potentials();
            let total: f64 = potentials.iter().sum();
            let trials: Vec<u32> = (0..n_trials).map(|_| self.draw(&potentials, uniform(random) * total)).collect();
            let nearer = self.nearer(&trials);
            let mut gains = vec![0.0; n_trials];
            for nearer in nearer.iter().flatten() {
                let place = nearer.place as usize;
                gains[nearer.trial as usize] += f64::from((self.least[place] - nearer.distance) * self.weights[place]);
            }
            let best = (0..n_trials).reduce(|best, trial| if gains[trial] > gains[best] { trial } else { best });
            let best = best.unwrap_or_default();
            self.choose(trials[best], best as u32, &nearer);
        }
    }

    /// The first `n_clusters` of the sequence.
    pub(in crate::cluster) fn starts(&self, n_clusters: usize) -> Starts {
        let mut known = vec![Nearest { centroid: 0, distance: f32::INFINITY }; self.least.len()];
        for (centroid, nearer) in (0..).zip(&self.nearer[..n_clusters]) {
            nearer.iter().for_each(|&(place, distance)| known[place as usize] = Nearest { centroid, distance });
        }
        Starts { centroids: self.rows.training().gather(self.chosen[..n_clusters].iter().copied()), known }
    }

    fn choose(&mut self, row: u32, trial: u32, nearer: &[Vec<Nearer>]) {
        self.chosen.push(row);
        let of_trial = nearer.iter().flatten().filter(|nearer| nearer.trial == trial);
        let nearer = of_trial.filter(|nearer| nearer.distance < self.least[nearer.place as usize]);
        let nearer: Vec<(u32, f32)> = nearer.map(|nearer| (nearer.place, nearer.distance)).collect();
        nearer.iter().for_each(|&(place, distance)| self.least[place as usize] = distance);
        self.nearer.push(nearer);
    }

    /// For each block of rows the sum of their weighted distances.
    fn potentials(&self) -> Vec<f64> {
        let blocks = self.least.chunks(BLOCK).zip(self.weights.chunks(BLOCK));
        blocks.map(|(of, weights)| of.iter().zip(weights).map(|(&d, &w)| f64::from(d * w)).sum()).collect()
    }

    /// The row at which the running sum of weighted distances exceeds `draw`; a row at no distance
    /// from the centroids is never drawn while any other is.
    fn draw(&self, potentials: &[f64], draw: f64) -> u32 {
        let mut left = draw;
        let block = potentials.iter().position(|&potential| {
            let is_here = left < potential;
            left -= if is_here { 0.0 } else { potential };
            is_here
        });
        let Some(start) = block.map(|block| block * BLOCK) else {
            return self.least.iter().rposition(|&distance| distance > 0.0).unwrap_or(0) as u32;
        };
        let end = self.least.len().min(start + BLOCK);
        let weighted = self.least[start..end].iter().zip(&self.weights[start..end]);
        (start + pick(weighted.map(|(&distance, &weight)| f64::from(distance * weight)), left)) as u32
    }

    /// By blocks, the rows that are nearer to a trial than to the centroids so far.
    fn nearer(&self, trials: &[u32]) -> Vec<Vec<Nearer>> {
        let points = self.rows.training().gather(trials.iter().copied());
        let points = self.rows.points(points.view());
        let blocks = self.least.par_chunks(BLOCK).enumerate();
        let of_block = |(block, least): (usize, &[f32])| {
            let mut nearer = Vec::new();
            points.as_near_as((block * BLOCK) as u32, least, |place, trial, distance| {
                nearer.push(Nearer { place, trial, distance });
            });
            nearer
        };
        blocks.map(of_block).collect()
    }
}

/// A row that is nearer to a trial than to the centroids so far.
struct Nearer {
    place: u32,
    trial: u32,
    /// Squared.
    distance: f32,
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
    use crate::similarity::{self, tests::unit_rows};
    use ndarray::s;
    use proptest::prelude::*;
    use rand_xoshiro::rand_core::SeedableRng;

    fn is_row(rows: &Array2<f32>, centroid: ndarray::ArrayView1<f32>) -> bool {
        rows.outer_iter().any(|row| row == centroid)
    }

    proptest! {
        #[test]
        fn starts_are_different_rows(n in 1usize..300, k in 1usize..40, seed: u64) {
            let (rows, k) = (unit_rows(n, 5, seed), k.min(n));
            let order = Order::by_digest(rows.view(), &vec![""; n], &(0..n as u32).collect::<Vec<_>>(), seed);
            let prepared = Prepared::new(Training::new(rows.view(), &order));
            for init in [plus_plus, parallel, random] {
                let starts = init(&prepared, k, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).centroids;
                prop_assert_eq!(starts.dim(), (k, 5));
                prop_assert!(starts.outer_iter().all(|start| is_row(&rows, start)));
            }
            for init in [plus_plus, random] {
                let starts = init(&prepared, k, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).centroids;
                let is_new = |i: usize| !is_row(&starts.slice(s![..i, ..]).to_owned(), starts.row(i));
                prop_assert!((0..k).all(is_new));
            }
        }

        #[test]
        fn a_sequence_begins_as_a_shorter_one(n in 20usize..200, seed: u64) {
            let rows = unit_rows(n, 5, seed);
            let order = Order::as_given(n);
            let rows = Prepared::new(Training::new(rows.view(), &order));
            let random = || Xoshiro256PlusPlus::seed_from_u64(seed);
            let (mut at_once, mut in_steps) = (random(), random());
            let mut whole = Sequence::new(&rows, vec![1.0; n], &mut at_once);
            whole.extend_to(7, &mut at_once);
            let mut grown = Sequence::new(&rows, vec![1.0; n], &mut in_steps);
            for k in 1..=7 {
                grown.extend_to(k, &mut in_steps);
                let (of_whole, of_grown) = (whole.starts(k), grown.starts(k));
                prop_assert_eq!(&of_whole.centroids, &of_grown.centroids);
                prop_assert_eq!(&of_whole.known, &of_grown.known);
                for (row, known) in rows.training().gather(0..n as u32).outer_iter().zip(of_whole.known) {
                    let distances = of_whole.centroids.outer_iter().map(|c| similarity::squared_distance(row, c));
                    let nearest = (0..).zip(distances).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                    prop_assert_eq!((known.centroid, known.distance), nearest);
                }
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
