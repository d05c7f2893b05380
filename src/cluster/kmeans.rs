//! k-means on matrix products, in linfa's shape: parameters that are checked, `Fit` over a
//! `DatasetBase`, `Predict` of the fitted model.
//!
//! Lloyd's iteration: the nearest centroid of every row by one blocked product per step
//! ([`similarity::nearest`]), then every centroid as the mean of its rows. A centroid's rows are added
//! in row order and in f64, each centroid by one thread, so that the result does not depend on the
//! number of threads. Starts are greedy k-means++ (Arthur and Vassilvitskii 2007, "k-means++", with
//! the trials of scikit-learn), over a sample where there are many rows: one product per new centroid
//! and all its trials.

use crate::similarity::{self, Nearest};
use linfa::prelude::*;
use ndarray::{Array1, Array2, ArrayBase, ArrayView2, Axis, Data, Ix2};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// A fit has converged when at most one row in this many changes its cluster: what few rows at the
/// borders do in the next hundred iterations moves the inertia by less than a restart does.
const ROWS_PER_LATE_CHANGE: usize = 1000;
/// Starts are chosen among at most this many rows for each centroid: a product per centroid over all
/// rows would take longer than the iterations.
const START_ROWS_PER_CLUSTER: usize = 64;
/// … but never among fewer than this many.
const MIN_START_ROWS: usize = 4096;

/// Why a fit is not possible.
#[derive(Debug, thiserror::Error)]
pub enum KMeansError {
    /// A parameter is out of range.
    #[error("{0} must be at least 1")]
    Parameter(&'static str),
    /// More clusters than rows.
    #[error("{n_clusters} clusters cannot be made of {n_rows} rows")]
    TooFewRows {
        /// Clusters asked for.
        n_clusters: usize,
        /// Rows given.
        n_rows: usize,
    },
    /// What linfa itself refuses.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

/// Parameters of a fit; [`check`](ParamGuard::check) them to [`Fit`].
#[derive(Clone, Debug)]
pub struct KMeansParams(KMeansValidParams);

/// Checked parameters.
#[derive(Clone, Debug)]
pub struct KMeansValidParams {
    n_clusters: usize,
    restarts: usize,
    max_iterations: usize,
    tolerance: f64,
    train_per_cluster: usize,
    seed: u64,
}

impl KMeansParams {
    /// `n_clusters` clusters, 10 restarts, at most 300 iterations, a tolerance of 1e-4, 256 training
    /// rows for each cluster and the seed 42.
    #[must_use]
    pub fn new(n_clusters: usize) -> Self {
        Self(KMeansValidParams {
            n_clusters,
            restarts: 10,
            max_iterations: 300,
            tolerance: 1e-4,
            train_per_cluster: 256,
            seed: 42,
        })
    }

    /// Fits from different starts, of which the one with the least inertia is kept.
    #[must_use]
    pub fn restarts(mut self, restarts: usize) -> Self {
        self.0.restarts = restarts;
        self
    }

    /// Iterations of a fit at most.
    #[must_use]
    pub fn max_iterations(mut self, max_iterations: usize) -> Self {
        self.0.max_iterations = max_iterations;
        self
    }

    /// A fit on more than this many rows for each cluster is made on a sample of so many.
    #[must_use]
    pub fn train_per_cluster(mut self, rows: usize) -> Self {
        self.0.train_per_cluster = rows;
        self
    }

    /// Decides every random choice.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = seed;
        self
    }
}

impl ParamGuard for KMeansParams {
    type Checked = KMeansValidParams;
    type Error = KMeansError;

    fn check_ref(&self) -> Result<&Self::Checked, Self::Error> {
        let Self(p) = self;
        for (name, value) in [
            ("n_clusters", p.n_clusters),
            ("restarts", p.restarts),
            ("max_iterations", p.max_iterations),
            ("train_per_cluster", p.train_per_cluster),
        ] {
            if value == 0 {
                return Err(KMeansError::Parameter(name));
            }
        }
        Ok(p)
    }

    fn check(self) -> Result<Self::Checked, Self::Error> {
        self.check_ref()?;
        Ok(self.0)
    }
}

/// Centroids that were fitted.
#[derive(Clone, Debug)]
pub struct KMeans {
    /// `(k, dim)` means of their rows, to the tolerance.
    pub centroids: Array2<f32>,
    /// Iterations of the fit that was kept.
    pub n_iterations: usize,
}

impl<D: Data<Elem = f32>, T> Fit<ArrayBase<D, Ix2>, T, KMeansError> for KMeansValidParams {
    type Object = KMeans;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<KMeans, KMeansError> {
        let rows = dataset.records().view();
        let (n_rows, n_clusters) = (rows.nrows(), self.n_clusters);
        if n_clusters > n_rows {
            return Err(KMeansError::TooFewRows { n_clusters, n_rows });
        }
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let sample = sample(n_rows, self.train_per_cluster.saturating_mul(n_clusters), &mut random);
        let sampled = sample.map(|sample| rows.select(Axis(0), &sample));
        let rows = sampled.as_ref().map_or(rows, Array2::view);
        let tolerance = self.tolerance * mean_variance(rows);
        let mut best: Option<(f64, KMeans)> = None;
        for _ in 0..self.restarts {
            let starts = starts(rows, n_clusters, &mut random);
            let fitted = lloyd(rows, starts, self.max_iterations, tolerance);
            let inertia = inertia(&similarity::nearest(rows, fitted.centroids.view()));
            if best.as_ref().is_none_or(|(least, _)| inertia < *least) {
                best = Some((inertia, fitted));
            }
        }
        best.map(|(_, fitted)| fitted).ok_or(KMeansError::Parameter("restarts"))
    }
}

impl<D: Data<Elem = f32>> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>> for KMeans {
    fn predict_inplace<'a>(&'a self, rows: &'a ArrayBase<D, Ix2>, clusters: &mut Array1<usize>) {
        for (cluster, nearest) in clusters.iter_mut().zip(similarity::nearest(rows.view(), self.centroids.view())) {
            *cluster = nearest.centroid as usize;
        }
    }

    fn default_target(&self, rows: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(rows.nrows())
    }
}

/// Sum of squared distances to the nearest centroid.
pub(super) fn inertia(nearest: &[Nearest]) -> f64 {
    nearest.iter().map(|n| f64::from(n.distance)).sum()
}

/// `most` different row numbers in order, if there are more rows than that.
fn sample(n_rows: usize, most: usize, random: &mut Xoshiro256PlusPlus) -> Option<Vec<usize>> {
    if n_rows <= most {
        return None;
    }
    // Selection sampling (Knuth, The Art of Computer Programming, volume 2, algorithm 3.4.2 S).
    let mut left = most;
    let chosen = (0..n_rows).filter(|i| {
        let take = (n_rows - i) as f64 * uniform(random) < left as f64;
        left -= usize::from(take);
        take
    });
    Some(chosen.collect())
}

/// In [0, 1), with 53 random bits.
fn uniform(random: &mut Xoshiro256PlusPlus) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The mean over columns of their variance: what a tolerance is relative to.
fn mean_variance(rows: ArrayView2<f32>) -> f64 {
    let n = rows.nrows() as f64;
    let variance = |column: ndarray::ArrayView1<f32>| {
        let mean = column.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        column.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n
    };
    rows.axis_iter(Axis(1)).map(variance).sum::<f64>() / rows.ncols().max(1) as f64
}

/// Greedy k-means++: every new centroid is the best of a few rows drawn with a chance in proportion
/// to their squared distance from the centroids so far.
fn starts(all: ArrayView2<f32>, n_clusters: usize, random: &mut Xoshiro256PlusPlus) -> Array2<f32> {
    let sampled = sample(all.nrows(), (START_ROWS_PER_CLUSTER * n_clusters).max(MIN_START_ROWS), random);
    let sampled = sampled.map(|sample| all.select(Axis(0), &sample));
    let rows = sampled.as_ref().map_or(all.view(), Array2::view);
    let n = rows.nrows();
    let n_trials = 2 + (n_clusters as f64).ln() as usize;
    let first = (uniform(random) * n as f64) as usize;
    let mut chosen = vec![first];
    let norms: Vec<f32> = rows.outer_iter().map(|row| row.dot(&row)).collect();
    let mut least = distances(rows, &norms, &[first]).remove(0);
    while chosen.len() < n_clusters {
        let total: f64 = least.iter().map(|&d| f64::from(d)).sum();
        let draws: Vec<f64> = (0..n_trials).map(|_| uniform(random) * total).collect();
        let trials: Vec<usize> = draws.iter().map(|&draw| pick(&least, draw)).collect();
        let candidates = distances(rows, &norms, &trials);
        let lowered = candidates.into_iter().map(|distances| {
            let least: Vec<f32> = least.iter().zip(distances).map(|(&a, b)| a.min(b)).collect();
            (least.iter().map(|&d| f64::from(d)).sum::<f64>(), least)
        });
        let best = lowered.zip(&trials).reduce(|best, trial| if trial.0.0 < best.0.0 { trial } else { best });
        if let Some(((_, lowered), &row)) = best {
            chosen.push(row);
            least = lowered;
        }
    }
    rows.select(Axis(0), &chosen)
}

/// The first row at which the running sum of distances exceeds `draw`; a row that is at no distance
/// from the centroids is never picked while any other is.
fn pick(distances: &[f32], draw: f64) -> usize {
    let mut sum = 0.0;
    let found = distances.iter().position(|&d| {
        sum += f64::from(d);
        sum > draw
    });
    found.unwrap_or_else(|| distances.iter().rposition(|&d| d > 0.0).unwrap_or(0))
}

/// For each of a few rows its squared distances to all rows; `norms` are the rows' ‖x‖².
fn distances(rows: ArrayView2<f32>, norms: &[f32], few: &[usize]) -> Vec<Vec<f32>> {
    let points = rows.select(Axis(0), few);
    let blocks: Vec<Array2<f32>> = similarity::blocks(rows)
        .into_par_iter()
        .map(|block| {
            let mut products = Array2::zeros((few.len(), block.nrows()));
            similarity::products(points.view(), block, &mut products);
            products
        })
        .collect();
    let distances = few.iter().enumerate().map(|(p, &point)| {
        let products = blocks.iter().flat_map(|block| block.row(p).to_vec());
        norms.iter().zip(products).map(|(norm, product)| (norm - 2.0 * product + norms[point]).max(0.0)).collect()
    });
    distances.collect()
}

/// Lloyd's iteration until hardly a row changes its cluster, the centroids together move by no more
/// than `tolerance` (squared), or `max_iterations`.
fn lloyd(rows: ArrayView2<f32>, starts: Array2<f32>, max_iterations: usize, tolerance: f64) -> KMeans {
    let mut centroids = starts;
    let mut before: Vec<u32> = vec![];
    for n_iterations in 1..=max_iterations {
        let nearest = similarity::nearest(rows, centroids.view());
        let assignment: Vec<u32> = nearest.iter().map(|n| n.centroid).collect();
        let n_changed = assignment.iter().zip(&before).filter(|(now, before)| now != before).count();
        if !before.is_empty() && n_changed == 0 {
            return KMeans { centroids, n_iterations };
        }
        let is_settled = !before.is_empty() && n_changed <= rows.nrows() / ROWS_PER_LATE_CHANGE;
        let moved = means(rows, &nearest, centroids.nrows());
        let shift: f64 = moved.iter().zip(&centroids).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        centroids = moved;
        if is_settled || shift <= tolerance {
            return KMeans { centroids, n_iterations };
        }
        before = assignment;
    }
    KMeans { centroids, n_iterations: max_iterations }
}

/// The mean of each cluster's rows; a cluster without rows begins anew at one of the rows that are
/// farthest from their centroids.
fn means(rows: ArrayView2<f32>, nearest: &[Nearest], n_clusters: usize) -> Array2<f32> {
    let mut members: Vec<Vec<usize>> = vec![vec![]; n_clusters];
    nearest.iter().enumerate().for_each(|(i, n)| members[n.centroid as usize].push(i));
    let n_empty = members.iter().filter(|of| of.is_empty()).count();
    if n_empty > 0 {
        let mut far: Vec<usize> = (0..nearest.len()).collect();
        far.sort_by(|&a, &b| nearest[b].distance.total_cmp(&nearest[a].distance).then(a.cmp(&b)));
        let mut far = far.into_iter();
        for cluster in 0..n_clusters {
            // A row that is taken must leave its old cluster with at least one other.
            while members[cluster].is_empty() {
                let Some(row) = far.next() else { break };
                let old = &mut members[nearest[row].centroid as usize];
                if old.len() > 1 {
                    old.retain(|&i| i != row);
                    members[cluster].push(row);
                }
            }
        }
    }
    let mut centroids = Array2::zeros((n_clusters, rows.ncols()));
    centroids.axis_iter_mut(Axis(0)).into_par_iter().zip(&members).for_each(|(mut centroid, members)| {
        let mut sum = vec![0.0f64; rows.ncols()];
        for &i in members {
            sum.iter_mut().zip(rows.row(i)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let n = members.len().max(1) as f64;
        centroid.iter_mut().zip(sum).for_each(|(value, sum)| *value = (sum / n) as f32);
    });
    centroids
}

/// Rows by cluster, the largest first: what two partitions are compared by in tests.
#[cfg(test)]
pub(super) fn partition(nearest: &[Nearest]) -> Vec<Vec<usize>> {
    let mut members: std::collections::BTreeMap<u32, Vec<usize>> = std::collections::BTreeMap::new();
    nearest.iter().enumerate().for_each(|(i, n)| members.entry(n.centroid).or_default().push(i));
    let mut partition: Vec<Vec<usize>> = members.into_values().collect();
    partition.sort_by_key(|of| (std::cmp::Reverse(of.len()), of[0]));
    partition
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use linfa::traits::{Fit, Predict};
    use ndarray::array;
    use proptest::prelude::*;

    fn fit(rows: &Array2<f32>, params: KMeansParams) -> KMeans {
        params.check().unwrap().fit(&DatasetBase::from(rows.clone())).unwrap()
    }

    #[test]
    fn four_points_by_hand() {
        let rows = array![[1.0f32, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]];
        let model = fit(&rows, KMeansParams::new(2));
        let clusters = model.predict(&rows);
        assert!(clusters[0] == clusters[1] && clusters[2] == clusters[3] && clusters[0] != clusters[2]);
        let mut means: Vec<Vec<f32>> = model.centroids.outer_iter().map(|c| c.to_vec()).collect();
        means.sort_by(|a, b| a[0].total_cmp(&b[0]));
        assert_eq!(means, [[-1.0, 0.0], [1.0, 0.0]]);
    }

    #[test]
    fn as_many_clusters_as_rows_one_cluster_and_equal_rows() {
        let rows = unit_rows(12, 5, 3);
        let model = fit(&rows, KMeansParams::new(12));
        assert!(inertia(&similarity::nearest(rows.view(), model.centroids.view())) < 1e-5);
        let one = fit(&rows, KMeansParams::new(1));
        let mean = rows.mean_axis(Axis(0)).unwrap();
        assert!((&one.centroids.row(0) - &mean).iter().all(|d| d.abs() < 1e-6));
        let equal = Array2::from_elem((9, 4), 0.5f32);
        assert!(fit(&equal, KMeansParams::new(3)).centroids.iter().all(|v| (v - 0.5).abs() < 1e-6));
    }

    #[test]
    fn a_cluster_without_rows_begins_anew_at_the_farthest_row() {
        let rows = array![[1.0f32, 0.0], [0.9, 0.0], [0.0, 1.0], [-1.0, 0.0]];
        // All rows are nearest to the first centroid, the last row is the farthest from it.
        let nearest = similarity::nearest(rows.view(), array![[0.6f32, 0.2], [-9.0, -9.0]].view());
        let centroids = means(rows.view(), &nearest, 2);
        assert_eq!(centroids.row(1).to_vec(), [-1.0, 0.0]);
        assert!((centroids[[0, 0]] - 1.9 / 3.0).abs() < 1e-6 && (centroids[[0, 1]] - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn parameters_and_rows_are_checked() {
        assert!(KMeansParams::new(0).check().is_err() && KMeansParams::new(2).restarts(0).check().is_err());
        let few = KMeansParams::new(3).check().unwrap().fit(&DatasetBase::from(unit_rows(2, 4, 1)));
        assert_eq!(few.unwrap_err().to_string(), "3 clusters cannot be made of 2 rows");
    }

    #[test]
    fn a_sample_of_the_rows_finds_the_same_clusters() {
        let centres = unit_rows(4, 16, 1);
        let rows = Array2::from_shape_fn((4000, 16), |(i, j)| {
            centres[[i % 4, j]] + 0.01 * ((i * 31 + j * 17) % 13) as f32 / 13.0
        });
        let all = fit(&rows, KMeansParams::new(4));
        let sampled = fit(&rows, KMeansParams::new(4).train_per_cluster(50));
        let of = |model: &KMeans| partition(&similarity::nearest(rows.view(), model.centroids.view()));
        assert_eq!(of(&all), of(&sampled));
    }

    proptest! {
        #[test]
        fn an_iteration_never_raises_the_inertia(
            n in 3usize..120, k in 1usize..12, seed: u64,
        ) {
            let rows = unit_rows(n, 6, seed);
            let k = k.min(n);
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut centroids = starts(rows.view(), k, &mut random);
            let mut last = f64::INFINITY;
            for _ in 0..6 {
                let nearest = similarity::nearest(rows.view(), centroids.view());
                let now = inertia(&nearest);
                prop_assert!(now <= last + 1e-4, "{now} after {last}");
                last = now;
                centroids = means(rows.view(), &nearest, k);
            }
        }

        #[test]
        fn samples_are_ordered_and_as_large_as_asked(n in 0usize..500, most in 0usize..500, seed: u64) {
            let sample = sample(n, most, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
            match sample {
                None => prop_assert!(n <= most),
                Some(sample) => {
                    prop_assert_eq!(sample.len(), most);
                    prop_assert!(sample.windows(2).all(|pair| pair[0] < pair[1]) && sample.last().is_none_or(|&i| i < n));
                }
            }
        }
    }
}
