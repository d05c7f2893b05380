//! Rows become clusters: k-means on unit rows. The only module that names linfa.
//!
//! Each different text counts once in the fit, so that a blurb that stands under a hundred articles
//! does not pull a centroid to itself; its copies get the cluster of the one that counted. The
//! centroids come from [`KMeans`], or on request from linfa-clustering's own; assignment, sizes and
//! inertia are then taken from those final centroids here (linfa-clustering's counts are of the last
//! restart, and its inertia of the step before the last).

pub mod apart;
mod choice;
pub mod hierarchy;
mod kmeans;

pub use choice::CriterionAt;
pub use kmeans::{Init, KMeans, KMeansError, KMeansParams, KMeansValidParams};

use crate::{Error, Result, Warning};
use kmeans::lloyd::Fitted;
use kmeans::training::{Order, Training};
use linfa::prelude::*;
use linfa_clustering::KMeansInit;
use linfa_nn::distance::L2Dist;
use ndarray::{Array2, ArrayView2, Axis};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use std::cmp::Reverse;
use std::ops::RangeInclusive;

/// The least number of clusters that is chosen where there are rows enough.
const MIN_AUTO_CLUSTERS: usize = 4;
/// Nobody can survey themes that on average hold more different passages than this.
const MAX_TEXTS_PER_THEME: usize = 5000;
/// A theme of fewer different texts is none: its passages are outliers.
const MIN_THEME_TEXTS: usize = 2;
/// Fewer rows for each cluster than this make poor centroids (faiss, `Clustering.h`,
/// `min_points_per_centroid`).
pub const MIN_ROWS_PER_CENTROID: usize = 39;

/// How many clusters to form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NClusters {
    /// As many as the criterion says, but at least four and one for every 5,000 different passages, so that
    /// the most obvious division of a corpus does not hide all others, and at most √n for n different
    /// passages (Bezdek and Pal 1998, "Some new indexes of cluster validity").
    #[default]
    Auto,
    /// As many as the criterion says, within these limits, both included.
    Between(usize, usize),
    /// This many.
    Exactly(usize),
}

/// Which passages are so far from their centroid that they are in no theme. How far is judged by each
/// theme's own spread: by how many times the distance between the quartiles of its similarities a
/// passage's lies below the first quartile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outliers {
    /// Those farther out than this; 1.5 are Tukey's fences (Tukey 1977, "Exploratory data analysis").
    Beyond(f32),
    /// This share of the different texts, 0 to 1: those that are farthest out.
    Share(f32),
}

impl Default for Outliers {
    fn default() -> Self {
        Self::Beyond(1.5)
    }
}

/// What finds the centroids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Lloyd's iteration on matrix products: [`KMeans`].
    #[default]
    Lloyd,
    /// linfa-clustering's `KMeans`, on all rows: the reference, and slow.
    Linfa,
}

impl Algorithm {
    /// The name that reports and options use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lloyd => "lloyd",
            Self::Linfa => "linfa",
        }
    }
}

/// How to cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// How many clusters; default: by the criterion.
    pub n_clusters: NClusters,
    /// Where the fit begins; default: by the number of clusters. linfa-clustering's own begins with
    /// its k-means++ whatever this says.
    pub init: Init,
    /// Fits from different starts, of which the one with the least inertia is kept; default 10.
    pub restarts: usize,
    /// Iterations of a fit at most; default 300.
    pub max_iterations: usize,
    /// A fit on more than this many rows for each cluster is made on a seeded sample of so many;
    /// default 256, as faiss.
    pub train_per_cluster: usize,
    /// What finds the centroids; default: Lloyd's iteration on matrix products.
    pub algorithm: Algorithm,
    /// Which passages are in no theme; default: those beyond Tukey's fences.
    pub outliers: Outliers,
    /// Decides every random choice; default 42.
    pub seed: u64,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            n_clusters: NClusters::Auto,
            init: Init::Auto,
            restarts: 10,
            max_iterations: 300,
            train_per_cluster: 256,
            algorithm: Algorithm::Lloyd,
            outliers: Outliers::default(),
            seed: 42,
        }
    }
}

impl ClusterOptions {
    /// Refuses values out of range, before any slow work.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<()> {
        let positive = |option, value: usize| {
            if value > 0 {
                Ok(())
            } else {
                Err(Error::Option { option, found: "0".into(), expected: "at least 1".into() })
            }
        };
        match self.n_clusters {
            NClusters::Exactly(n) => positive("-k", n)?,
            NClusters::Between(least, most) if least > most || least == 0 => {
                let expected = "the smaller number first, at least 1".into();
                return Err(Error::Option { option: "-k", found: format!("{least}..{most}"), expected });
            }
            NClusters::Auto | NClusters::Between(..) => {}
        }
        if let Outliers::Share(share) = self.outliers
            && !(0.0..1.0).contains(&share)
        {
            let expected = "a share of the passages, at least 0 and below 1".into();
            return Err(Error::Option { option: "--outliers", found: share.to_string(), expected });
        }
        positive("--restarts", self.restarts)?;
        positive("--train-per-cluster", self.train_per_cluster)?;
        positive("--max-iterations", self.max_iterations)
    }
}

/// Clusters of rows, numbered by size and then by first row.
#[derive(Clone, Debug)]
pub struct Clustering {
    /// `(k, dim)` means of the clusters' rows; not of unit length.
    pub centroids: Array2<f32>,
    /// For each row its cluster, or none for an outlier.
    pub assignment: Vec<Option<u32>>,
    /// For each row its cosine similarity to the nearest centroid, outliers too.
    pub similarity: Vec<f32>,
    /// Rows of each cluster, without outliers.
    pub sizes: Vec<usize>,
    /// Sum of squared distances of the rows that count to their nearest final centroid, outliers
    /// included.
    pub inertia: f64,
    /// Iterations of the fit that was kept; none of linfa-clustering's own, which does not say.
    pub n_iterations: Option<usize>,
    /// The criterion over the numbers of clusters tried; empty if the number was given.
    pub curve: Vec<CriterionAt>,
}

/// What is clustered.
#[derive(Clone, Copy, Debug)]
pub struct ClusterRows<'a> {
    /// `(n, dim)` rows of unit length.
    pub rows: ArrayView2<'a, f32>,
    /// The text of each, empty where it is not known: random choices go by it, so that they stay the same
    /// when the last bits of a row do not.
    pub texts: &'a [&'a str],
    /// For each row which row counts in the fit for it: itself, or the one that it repeats.
    pub representative_of: &'a [u32],
}

/// Clusters rows.
///
/// # Errors
/// [`Error::TooManyClusters`] if more clusters are asked for than there are different rows that count,
/// [`Error::Rows`] if a row is not finite, [`Error::Clustering`] if the fit itself fails.
pub fn cluster(clustered: ClusterRows, options: &ClusterOptions) -> Result<Clustering> {
    options.check()?;
    let ClusterRows { rows, texts, representative_of } = clustered;
    apart::check_rows(rows)?;
    let counts: Vec<u32> = (0..).zip(representative_of).filter(|(i, of)| i == *of).map(|(i, _)| i).collect();
    let order = Order::by_digest(rows, texts, &counts, options.seed);
    let training = Training::new(rows.view(), &order);
    let (n_clusters, curve) = number_of_clusters(training, options)?;
    let Fitted { centroids, inertia, nearest, n_iterations } = fit(training, n_clusters, options)?;
    let mut cluster_of = vec![0; rows.nrows()];
    (0..).zip(nearest).for_each(|(place, nearest)| cluster_of[training.index(place)] = nearest.centroid);
    let cluster_of: Vec<u32> = representative_of.iter().map(|&i| cluster_of[i as usize]).collect();
    let (assignment, similarity) = assign(rows, &cluster_of, representative_of, &centroids, options.outliers);
    let (order, assignment, sizes) = number(&assignment, centroids.nrows());
    let centroids = centroids.select(Axis(0), &order);
    let n_iterations = (options.algorithm == Algorithm::Lloyd).then_some(n_iterations);
    Ok(Clustering { centroids, assignment, similarity, sizes, inertia, n_iterations, curve })
}

/// How many clusters are formed, and the criterion that was asked.
fn number_of_clusters(training: Training, options: &ClusterOptions) -> Result<(usize, Vec<CriterionAt>)> {
    let n_distinct = training.n_distinct();
    let (n_clusters, curve) = match (options.n_clusters, &options.init) {
        (NClusters::Exactly(n_clusters), _) => (n_clusters, vec![]),
        (_, Init::Given(centroids)) => (centroids.nrows(), vec![]),
        (NClusters::Between(least, _), _) if least > n_distinct => (least, vec![]),
        (NClusters::Between(least, most), _) => choice::choose(training, least..=most.min(n_distinct), options.seed),
        (NClusters::Auto, _) => choice::choose(training, auto_range(n_distinct), options.seed),
    };
    if n_clusters > n_distinct {
        return Err(Error::TooManyClusters { n_clusters, n_distinct });
    }
    Ok((n_clusters, curve))
}

/// The numbers of clusters of [`NClusters::Auto`].
fn auto_range(n_distinct: usize) -> RangeInclusive<usize> {
    let most = n_distinct.isqrt();
    MIN_AUTO_CLUSTERS.max(n_distinct / MAX_TEXTS_PER_THEME).min(most)..=most
}

/// The warning that a number of clusters that was asked for leaves few of the different passages to each.
#[must_use]
pub fn few_per_cluster(representative_of: &[u32], options: &ClusterOptions) -> Option<Warning> {
    let n_distinct = (0..).zip(representative_of).filter(|(i, of)| i == *of).count();
    let NClusters::Exactly(n_clusters) = options.n_clusters else { return None };
    let is_few = n_distinct < n_clusters.saturating_mul(MIN_ROWS_PER_CENTROID);
    is_few.then_some(Warning::FewPerCluster { n_clusters, n_distinct })
}

/// A fit, with the clusters and the inertia of all training rows.
fn fit(training: Training, n_clusters: usize, options: &ClusterOptions) -> Result<Fitted> {
    let failed = |reason: String| Error::Clustering { n_rows: training.len(), n_clusters, reason };
    let (centroids, n_iterations) = match options.algorithm {
        Algorithm::Lloyd => {
            let params = KMeansParams::new(n_clusters)
                .init(options.init.clone())
                .restarts(options.restarts)
                .max_iterations(options.max_iterations)
                .train_per_cluster(options.train_per_cluster)
                .seed(options.seed);
            let fitted = params.check_ref().and_then(|params| params.fit_training(training));
            let fitted = fitted.map_err(|e| failed(e.to_string()))?;
            if fitted.nearest.len() == training.len() {
                return Ok(fitted);
            }
            (fitted.centroids, fitted.n_iterations)
        }
        Algorithm::Linfa => {
            let random = Xoshiro256Plus::seed_from_u64(options.seed);
            let fitted = linfa_clustering::KMeans::params_with(n_clusters, random, L2Dist)
                .n_runs(options.restarts)
                .max_n_iterations(options.max_iterations as u64)
                .init_method(KMeansInit::KMeansPlusPlus)
                .fit(&DatasetBase::from(training.gather(0..training.len() as u32)));
            (fitted.map_err(|e| failed(e.to_string()))?.centroids().to_owned(), 0)
        }
    };
    // The fit was of a sample, or says nothing of its final centroids.
    let nearest = training.nearest(0, centroids.view());
    Ok(Fitted::new(centroids, nearest, n_iterations))
}

/// For each row its cluster (none for an outlier; a row is one if its representative is), and its cosine
/// similarity to that cluster's centroid.
fn assign(
    rows: ArrayView2<f32>,
    cluster_of: &[u32],
    representative_of: &[u32],
    centroids: &Array2<f32>,
    outliers: Outliers,
) -> (Vec<Option<u32>>, Vec<f32>) {
    let similarity = apart::cosines(rows, cluster_of, centroids.view());

    let mut by_cluster: Vec<Vec<f32>> = vec![vec![]; centroids.nrows()];
    let counting: Vec<usize> = (0..cluster_of.len()).filter(|&i| representative_of[i] as usize == i).collect();
    counting.iter().for_each(|&i| by_cluster[cluster_of[i] as usize].push(similarity[i]));
    let spreads: Vec<Option<Spread>> = by_cluster.into_iter().map(Spread::of).collect();
    // How far out each row is; a cluster of a single text is no theme.
    let far_out =
        |i: usize| spreads[cluster_of[i] as usize].map_or(f32::INFINITY, |spread| spread.below(similarity[i]));
    let limit = match outliers {
        Outliers::Beyond(limit) => limit,
        Outliers::Share(share) => {
            let mut all: Vec<f32> = counting.iter().map(|&i| far_out(i)).collect();
            all.sort_by(f32::total_cmp);
            let n_members = all.len() - (share * all.len() as f32).round() as usize;
            if n_members == 0 { f32::NEG_INFINITY } else { all[n_members - 1].min(f32::MAX) }
        }
    };
    let is_member = |i: usize| far_out(representative_of[i] as usize) <= limit;
    let assignment = (0..cluster_of.len()).map(|i| Some(cluster_of[i]).filter(|_| is_member(i))).collect();
    (assignment, similarity)
}

/// The lengths of centroids, above 0.
fn norms(centroids: ArrayView2<f32>) -> Vec<f32> {
    centroids.outer_iter().map(|c| c.dot(&c).sqrt().max(f32::MIN_POSITIVE)).collect()
}

/// How widely the similarities of a cluster's rows to its centroid are spread.
#[derive(Clone, Copy)]
struct Spread {
    first_quartile: f32,
    between_quartiles: f32,
}

impl Spread {
    /// None for fewer than [`MIN_THEME_TEXTS`].
    fn of(mut similarities: Vec<f32>) -> Option<Self> {
        if similarities.len() < MIN_THEME_TEXTS {
            return None;
        }
        similarities.sort_by(f32::total_cmp);
        let at = |share: f32| {
            let place = share * (similarities.len() - 1) as f32;
            let (low, high) = (place.floor() as usize, place.ceil() as usize);
            similarities[low] + (similarities[high] - similarities[low]) * (place - place.floor())
        };
        Some(Self { first_quartile: at(0.25), between_quartiles: at(0.75) - at(0.25) })
    }

    /// By how many times the distance between the quartiles this is below the first: negative above
    /// it. Where all are equal but for rounding, nothing is far out.
    fn below(self, similarity: f32) -> f32 {
        (self.first_quartile - similarity) / self.between_quartiles.max(1e-5)
    }
}

/// Numbers the clusters that have members by size, then by first row: the old numbers in the new order,
/// the assignment in new numbers, and the sizes.
fn number(assignment: &[Option<u32>], n_clusters: usize) -> (Vec<usize>, Vec<Option<u32>>, Vec<usize>) {
    let mut sizes = vec![0; n_clusters];
    let mut firsts = vec![usize::MAX; n_clusters];
    for (i, &cluster) in assignment.iter().enumerate() {
        if let Some(cluster) = cluster.map(|cluster| cluster as usize) {
            sizes[cluster] += 1;
            firsts[cluster] = firsts[cluster].min(i);
        }
    }
    let mut order: Vec<usize> = (0..n_clusters).filter(|&c| sizes[c] > 0).collect();
    order.sort_by_key(|&c| (Reverse(sizes[c]), firsts[c]));
    let mut new_number = vec![None; n_clusters];
    (0..).zip(&order).for_each(|(new, &old)| new_number[old] = Some(new));
    let assignment =
        assignment.iter().map(|cluster| cluster.and_then(|cluster| new_number[cluster as usize])).collect();
    let sizes = order.iter().map(|&c| sizes[c]).collect();
    (order, assignment, sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use ndarray::array;

    fn cluster(rows: &Array2<f32>, representative_of: &[u32], options: &ClusterOptions) -> Result<Clustering> {
        let texts = vec![""; rows.nrows()];
        super::cluster(ClusterRows { rows: rows.view(), texts: &texts, representative_of }, options)
    }

    /// Each row counts for itself.
    fn all(rows: &Array2<f32>) -> Vec<u32> {
        (0..rows.nrows() as u32).collect()
    }

    #[test]
    fn four_points_by_hand() {
        // Two pairs at the ends of a line: centroids (1, 0) and (-1, 0) up to the pairs' spread of 0.1.
        let rows = array![[1.0_f32, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]];
        let options = ClusterOptions { n_clusters: NClusters::Exactly(2), ..Default::default() };
        let found = cluster(&rows, &all(&rows), &options).unwrap();
        assert_eq!(found.assignment, [Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!(found.sizes, [2, 2]);
        assert!((found.inertia - 0.04).abs() < 1e-6, "four times 0.1²: {}", found.inertia);
        assert!((&found.centroids - &array![[1.0, 0.0], [-1.0, 0.0]]).iter().all(|d| d.abs() < 1e-6));
    }

    #[test]
    fn auto_finds_well_separated_clusters() {
        let centres = unit_rows(5, 32, 7);
        let noise = unit_rows(100, 32, 8) * 0.2;
        let rows = Array2::from_shape_fn((100, 32), |(i, j)| centres[[i % 5, j]] + noise[[i, j]]);
        let found = cluster(&rows, &all(&rows), &ClusterOptions::default()).unwrap();
        assert_eq!(found.centroids.nrows(), 5);
        for i in 0..100 {
            assert!(found.assignment[i].is_none() || found.assignment[i] == found.assignment[i % 5]);
        }
        assert!(found.curve.iter().all(|at| at.silhouette.is_finite()));
        let tried: Vec<usize> = found.curve.iter().map(|at| at.n_clusters).collect();
        assert_eq!(tried, [4, 5, 6, 7, 9]);
    }

    #[test]
    fn numbers_that_are_tried_grow_with_the_corpus() {
        let expected = [(1, 1..=1), (10, 3..=3), (2_225, 4..=47), (90_000, 18..=300), (1_000_000, 200..=1000)];
        for (n_distinct, range) in expected.into_iter().chain([(100_000_000, 10_000..=10_000)]) {
            assert_eq!(auto_range(n_distinct), range, "{n_distinct} different passages");
        }
    }

    #[test]
    fn centroids_that_are_given_say_how_many_clusters() {
        let rows = array![[1.0_f32, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]];
        let init = Init::Given(array![[0.5_f32, 0.0], [-0.5, 0.0]]);
        let found = cluster(&rows, &all(&rows), &ClusterOptions { init, ..Default::default() }).unwrap();
        assert_eq!(found.assignment, [Some(0), Some(0), Some(1), Some(1)]);
        let init = Init::Given(array![[0.5_f32, 0.0, 0.0], [-0.5, 0.0, 0.0]]);
        let error = cluster(&rows, &all(&rows), &ClusterOptions { init, ..Default::default() }).unwrap_err();
        assert!(error.to_string().contains("(2, 3), expected (2, 2)"), "{error}");
    }

    #[test]
    fn copies_do_not_count_in_the_fit_but_are_assigned() {
        let rows = array![[1.0_f32, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1], [-1.0, -0.1]];
        let options = ClusterOptions { n_clusters: NClusters::Exactly(2), ..Default::default() };
        let found = cluster(&rows, &[0, 1, 2, 3, 3], &options).unwrap();
        assert_eq!(found.assignment, [Some(1), Some(1), Some(0), Some(0), Some(0)]);
        assert!((found.inertia - 0.04).abs() < 1e-6);
    }

    #[test]
    fn one_row_equal_rows_and_as_many_clusters_as_rows() {
        let one = array![[1.0_f32, 0.0]];
        let found = cluster(&one, &[0], &ClusterOptions::default()).unwrap();
        assert_eq!((found.assignment, found.sizes.len()), (vec![None], 0));
        let rows = unit_rows(6, 4, 1);
        let options = ClusterOptions { n_clusters: NClusters::Exactly(6), ..Default::default() };
        let found = cluster(&rows, &all(&rows), &options).unwrap();
        assert!(found.inertia.abs() < 1e-5);
        let equal = Array2::from_elem((9, 4), 0.5_f32);
        let found = cluster(&equal, &all(&equal), &ClusterOptions::default()).unwrap();
        assert!(found.inertia.abs() < 1e-5 && found.similarity.iter().all(|s| s.is_finite()));
    }

    #[test]
    fn the_reference_finds_the_same_partition_and_no_better_inertia() {
        let centres = unit_rows(6, 24, 5);
        let noise = unit_rows(240, 24, 6) * 0.3;
        let rows = Array2::from_shape_fn((240, 24), |(i, j)| centres[[i % 6, j]] + noise[[i, j]]);
        let with = |algorithm| {
            let options = ClusterOptions { n_clusters: NClusters::Exactly(6), algorithm, ..Default::default() };
            cluster(&rows, &all(&rows), &options).unwrap()
        };
        let (ours, reference) = (with(Algorithm::Lloyd), with(Algorithm::Linfa));
        assert_eq!(ours.assignment, reference.assignment);
        assert!(ours.inertia <= reference.inertia * 1.0001, "{} and {}", ours.inertia, reference.inertia);
        // Where clusters are not so plain, never a worse inertia.
        let rows = unit_rows(300, 16, 9);
        for k in [2, 5, 20] {
            let with = |algorithm| {
                let options = ClusterOptions { n_clusters: NClusters::Exactly(k), algorithm, ..Default::default() };
                cluster(&rows, &all(&rows), &options).unwrap().inertia
            };
            let (ours, reference) = (with(Algorithm::Lloyd), with(Algorithm::Linfa));
            assert!(ours <= reference * 1.001, "k = {k}: {ours} and {reference}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_numbers() {
        let mut rows = unit_rows(3, 4, 1);
        let options = ClusterOptions { n_clusters: NClusters::Exactly(4), ..Default::default() };
        let error = cluster(&rows, &[0, 1, 2], &options).unwrap_err().to_string();
        assert!(error.contains("-k 4") && error.contains("only 3 passages"), "{error}");
        rows[[1, 2]] = f32::NAN;
        let error = cluster(&rows, &[0, 1, 2], &ClusterOptions::default()).unwrap_err().to_string();
        assert!(error.contains("row 1"), "{error}");
        let zero = ClusterOptions { restarts: 0, ..Default::default() };
        assert!(zero.check().unwrap_err().to_string().contains("--restarts"));
    }
}
