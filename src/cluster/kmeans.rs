//! k-means on matrix products, in linfa's shape: parameters that are checked, `Fit` over a
//! `DatasetBase`, `Predict` of the fitted model.
//!
//! [`lloyd`] is the iteration, [`starts`] what it begins with, [`training`] the rows that it works on:
//! a sample of so many per cluster, in an order that is their own, so that neither the order of the
//! input nor the number of threads changes a bit of the result.

pub(super) mod lloyd;
pub(super) mod starts;
pub(super) mod training;

use crate::similarity;
use linfa::prelude::*;
use lloyd::{Fitted, Stop, best_of};
use ndarray::{Array1, Array2, ArrayBase, Data, Ix2};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;
use starts::Starts;
use training::{Order, Prepared, Training};

/// From this many clusters on, k-means‖ finds starts as good in less time than k-means++.
const MIN_CLUSTERS_FOR_PARALLEL: usize = 1000;
/// Restarts go on until at most one row in this many changes its cluster: what few rows at the borders do
/// in the next hundred iterations moves the inertia by less than another start does.
const ROWS_PER_LATE_CHANGE: usize = 1000;
/// The best of them goes on to this.
pub const ROWS_PER_LAST_CHANGE: usize = 10_000;
/// Fits of at most this many rows are made side by side.
const MAX_ROWS_SIDE_BY_SIDE: usize = 1 << 15;

/// Where Lloyd's iteration begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Init {
    /// k-means++ below 1,000 clusters, from there on k-means‖.
    #[default]
    Auto,
    /// Greedy k-means++ (Arthur and Vassilvitskii 2007).
    PlusPlus,
    /// k-means‖ (Bahmani et al. 2012).
    Parallel,
    /// Different rows at random.
    Random,
    /// These `(k, dim)` centroids; there is then nothing to restart from.
    Given(Array2<f32>),
}

impl Init {
    /// The name that reports and options use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::PlusPlus => "kmeans++",
            Self::Parallel => "kmeans||",
            Self::Random => "random",
            Self::Given(_) => "given",
        }
    }
}

/// Why a fit is not possible.
#[derive(Debug, thiserror::Error)]
pub enum KMeansError {
    /// A parameter is out of range.
    #[error("{0} must be at least 1")]
    Parameter(&'static str),
    /// More clusters than different rows.
    #[error("{n_clusters} clusters cannot be made of {n_distinct} different rows")]
    TooFewRows {
        /// Clusters asked for.
        n_clusters: usize,
        /// Rows given that differ from each other.
        n_distinct: usize,
    },
    /// Centroids to start from that do not fit the rows or the number of clusters.
    #[error(
        "the centroids to start from are {found:?}, expected {expected:?} (clusters, dimensions) of finite numbers"
    )]
    Given {
        /// Their shape.
        found: (usize, usize),
        /// The shape expected.
        expected: (usize, usize),
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
    init: Init,
    restarts: usize,
    max_iterations: usize,
    train_per_cluster: usize,
    seed: u64,
}

impl KMeansParams {
    /// `n_clusters` clusters, starts by [`Init::Auto`], 10 restarts, at most 300 iterations, 256
    /// training rows for each cluster and the seed 42.
    #[must_use]
    pub fn new(n_clusters: usize) -> Self {
        Self(KMeansValidParams {
            n_clusters,
            init: Init::Auto,
            restarts: 10,
            max_iterations: 300,
            train_per_cluster: 256,
            seed: 42,
        })
    }

    /// Where the iteration begins.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.0.init = init;
        self
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
    /// `(k, dim)` means of their rows, to the last few rows that would still change their cluster.
    pub centroids: Array2<f32>,
    /// Sum of squared distances of the training rows to their nearest centroid.
    pub inertia: f64,
    /// Rows that the fit worked on.
    pub n_rows: usize,
    /// Iterations of the fit that was kept.
    pub n_iterations: usize,
}

/// Chooses so many starts.
type Start = fn(&Prepared, usize, &mut Xoshiro256PlusPlus) -> Starts;

impl KMeansValidParams {
    /// Fits on a sample of these rows, and says which cluster each row of the sample is in.
    pub(super) fn fit_training(&self, rows: Training) -> Result<Fitted, KMeansError> {
        let (n_clusters, n_distinct) = (self.n_clusters, rows.n_distinct());
        if n_clusters > n_distinct {
            return Err(KMeansError::TooFewRows { n_clusters, n_distinct });
        }
        let training = rows.sample(self.train_per_cluster.saturating_mul(n_clusters));
        let prepared = Prepared::new(training);
        let max_iterations = self.max_iterations;
        let last = Stop { max_iterations, rows_per_late_change: ROWS_PER_LAST_CHANGE };
        let start: Start = match &self.init {
            Init::Given(centroids) => {
                let (found, expected) = (centroids.dim(), (n_clusters, training.dim()));
                if found != expected || centroids.iter().any(|value| !value.is_finite()) {
                    return Err(KMeansError::Given { found, expected });
                }
                return Ok(lloyd::lloyd(&prepared, centroids.clone().into(), last));
            }
            Init::Random => starts::random,
            Init::Auto if n_clusters < MIN_CLUSTERS_FOR_PARALLEL => starts::plus_plus,
            Init::PlusPlus => starts::plus_plus,
            Init::Parallel | Init::Auto => starts::parallel,
        };
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let streams: Vec<Xoshiro256PlusPlus> = std::iter::repeat_with(|| {
            random.jump();
            random.clone()
        })
        .take(self.restarts)
        .collect();
        let fit = |mut random: Xoshiro256PlusPlus| {
            let stop = Stop { rows_per_late_change: ROWS_PER_LATE_CHANGE, ..last };
            lloyd::lloyd(&prepared, start(&prepared, n_clusters, &mut random), stop)
        };
        // Fits of few rows leave threads idle, so they run side by side. What each holds then is small.
        let best = if training.len() <= MAX_ROWS_SIDE_BY_SIDE {
            best_of(streams.into_par_iter().map(fit).collect::<Vec<_>>().into_iter())
        } else {
            best_of(streams.into_iter().map(fit))
        };
        let best = best.ok_or(KMeansError::Parameter("restarts"))?;
        Ok(best.go_on(&prepared, last))
    }
}

impl<D: Data<Elem = f32>, T> Fit<ArrayBase<D, Ix2>, T, KMeansError> for KMeansValidParams {
    type Object = KMeans;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<KMeans, KMeansError> {
        let rows = dataset.records().view();
        let all: Vec<u32> = (0..rows.nrows() as u32).collect();
        let order = Order::by_digest(rows, &vec![""; all.len()], &all, self.seed);
        let Fitted { centroids, inertia, nearest, n_iterations } = self.fit_training(Training::new(rows, &order))?;
        Ok(KMeans { centroids, inertia, n_rows: nearest.len(), n_iterations })
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

/// In [0, 1), with 53 random bits.
fn uniform(random: &mut Xoshiro256PlusPlus) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Rows by cluster, the largest first: what two partitions are compared by in tests.
#[cfg(test)]
pub(super) fn partition(nearest: &[similarity::Nearest]) -> Vec<Vec<usize>> {
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
        assert!(model.inertia < 1e-5);
        let one = fit(&rows, KMeansParams::new(1));
        let mean = rows.mean_axis(ndarray::Axis(0)).unwrap();
        assert!((&one.centroids.row(0) - &mean).iter().all(|d| d.abs() < 1e-6));
        let equal = Array2::from_elem((9, 4), 0.5f32);
        assert!(fit(&equal, KMeansParams::new(1)).centroids.iter().all(|v| (v - 0.5).abs() < 1e-6));
        let three = KMeansParams::new(3).check().unwrap().fit(&DatasetBase::from(equal));
        assert_eq!(three.unwrap_err().to_string(), "3 clusters cannot be made of 1 different rows");
    }

    #[test]
    fn parameters_and_rows_are_checked() {
        assert!(KMeansParams::new(0).check().is_err() && KMeansParams::new(2).restarts(0).check().is_err());
        let few = KMeansParams::new(3).check().unwrap().fit(&DatasetBase::from(unit_rows(2, 4, 1)));
        assert_eq!(few.unwrap_err().to_string(), "3 clusters cannot be made of 2 different rows");
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
        assert!(of(&all) == of(&sampled));
    }

    #[test]
    fn every_init_finds_plain_clusters() {
        let centres = unit_rows(5, 16, 1);
        let noise = unit_rows(500, 16, 2) * 0.1;
        let rows = Array2::from_shape_fn((500, 16), |(i, j)| centres[[i % 5, j]] + noise[[i, j]]);
        let of = |init| {
            let model = fit(&rows, KMeansParams::new(5).init(init));
            (partition(&similarity::nearest(rows.view(), model.centroids.view())), model.inertia)
        };
        let (expected, inertia) = of(Init::PlusPlus);
        assert!(expected.iter().all(|members| members.iter().all(|i| i % 5 == members[0] % 5)));
        for init in [Init::Auto, Init::Parallel, Init::Random, Init::Given(centres)] {
            let (found, other) = of(init);
            assert!(found == expected && (other - inertia).abs() < 1e-3);
        }
    }

    #[test]
    fn starts_of_another_shape_are_refused() {
        let rows = unit_rows(9, 4, 1);
        let with = |given: Array2<f32>| {
            let params = KMeansParams::new(2).init(Init::Given(given)).check().unwrap();
            params.fit(&DatasetBase::from(rows.clone())).unwrap_err().to_string()
        };
        assert!(with(unit_rows(3, 4, 2)).contains("are (3, 4), expected (2, 4)"));
        assert!(with(Array2::from_elem((2, 4), f32::NAN)).contains("finite"));
    }

    proptest! {
        #[test]
        fn rows_in_another_order_give_the_same_partition(n in 2usize..200, k in 1usize..9, seed: u64, restarts in 1usize..3) {
            let rows = unit_rows(n, 6, seed);
            // A permutation, seeded as well.
            let mut order: Vec<usize> = (0..n).collect();
            let mut random = Xoshiro256PlusPlus::seed_from_u64(!seed);
            (1..n).for_each(|i| order.swap(i, (uniform(&mut random) * (i + 1) as f64) as usize));
            let permuted = rows.select(ndarray::Axis(0), &order);
            let params = KMeansParams::new(k.min(n)).restarts(restarts).seed(seed);
            let (first, second) = (fit(&rows, params.clone()), fit(&permuted, params));
            prop_assert_eq!(&first.centroids, &second.centroids);
            let (clusters, of_permuted) = (first.predict(&rows), second.predict(&permuted));
            prop_assert!((0..n).all(|i| of_permuted[i] == clusters[order[i]]));
        }
    }
}
