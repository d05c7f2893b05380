//! Rows become clusters: k-means on unit rows. The only module that names linfa.
//!
//! Each different text counts once in the fit, so that a blurb that stands under a hundred articles
//! does not pull a centroid to itself. The centroids come from [`KMeans`], or on request from
//! linfa-clustering's own; assignment, sizes and inertia are then taken from those final centroids
//! here (linfa-clustering's counts are of the last restart, and its inertia of the step before the
//! last).
//!
//! How many clusters (`-k auto`): the number with the best simplified silhouette, the mean over
//! passages of (b − a) / max(a, b), where a is the distance to the own centroid and b to the next
//! (Vendramin, Campello and Hruschka 2010, "Relative clustering validity criteria").

pub mod hierarchy;
mod kmeans;

pub use kmeans::{KMeans, KMeansError, KMeansParams, KMeansValidParams};

use crate::similarity::{self, Nearest};
use crate::{Error, Result};
use linfa::prelude::*;
use linfa_clustering::KMeansInit;
use linfa_nn::distance::L2Dist;
use ndarray::{Array2, ArrayView2, Axis};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::Serialize;
use std::cmp::Reverse;

/// Restarts of a trial fit during the search for k.
const TRIAL_RESTARTS: usize = 3;
/// Iterations of a trial fit: the criterion settles long before the last rows do.
const TRIAL_ITERATIONS: usize = 20;
/// The search looks no further than this many clusters.
const MAX_AUTO_CLUSTERS: usize = 256;
/// A theme of fewer different texts is none: its passages are outliers.
const MIN_THEME_TEXTS: usize = 2;
/// Tukey's fences: a passage is an outlier if its similarity to the centroid is below the theme's
/// first quartile by more than this many times the distance between the quartiles.
const FENCE: f32 = 1.5;

/// How many clusters to form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NClusters {
    /// As many as the criterion says.
    #[default]
    Auto,
    /// This many.
    Exactly(usize),
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
#[derive(Clone, Copy, Debug)]
pub struct ClusterOptions {
    /// How many clusters; default: by the criterion.
    pub n_clusters: NClusters,
    /// Fits from different starts, of which the one with the least inertia is kept; default 10.
    pub restarts: usize,
    /// Iterations of a fit at most; default 300.
    pub max_iterations: usize,
    /// A fit on more than this many rows for each cluster is made on a seeded sample of so many;
    /// default 256, as faiss.
    pub train_per_cluster: usize,
    /// What finds the centroids; default: Lloyd's iteration on matrix products.
    pub algorithm: Algorithm,
    /// Decides every random choice; default 42.
    pub seed: u64,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            n_clusters: NClusters::Auto,
            restarts: 10,
            max_iterations: 300,
            train_per_cluster: 256,
            algorithm: Algorithm::Lloyd,
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
        if let NClusters::Exactly(n) = self.n_clusters {
            positive("-k", n)?;
        }
        positive("--restarts", self.restarts)?;
        positive("--train-per-cluster", self.train_per_cluster)?;
        positive("--max-iterations", self.max_iterations)
    }
}

/// The criterion at one number of clusters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CriterionAt {
    /// Number of clusters tried.
    pub n_clusters: usize,
    /// Mean simplified silhouette, −1 to 1.
    pub silhouette: f32,
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
    /// Sum of squared distances of the fitted rows to their nearest final centroid, outliers included.
    pub inertia: f64,
    /// The criterion over the numbers of clusters tried; empty if the number was given.
    pub curve: Vec<CriterionAt>,
}

/// Clusters the `(n, dim)` unit rows; `distinct` are the rows that count in the fit, one for each
/// different text.
///
/// # Errors
/// [`Error::TooManyClusters`] if `n_clusters` exceeds the distinct rows, [`Error::Rows`] if a row is
/// not finite, [`Error::Clustering`] if the fit itself fails.
pub fn cluster(rows: ArrayView2<f32>, distinct: &[usize], options: &ClusterOptions) -> Result<Clustering> {
    options.check()?;
    if let Some(row) = rows.outer_iter().position(|row| row.iter().any(|v| !v.is_finite())) {
        return Err(Error::Rows { row, found: "holds a number that is not finite".into(), dim: rows.ncols() });
    }
    let fitted = rows.select(Axis(0), distinct);
    let (n_clusters, curve) = match options.n_clusters {
        NClusters::Exactly(n) if n > distinct.len() => {
            return Err(Error::TooManyClusters { n_clusters: n, n_distinct: distinct.len() });
        }
        NClusters::Exactly(n) => (n, vec![]),
        NClusters::Auto => choose(&fitted, options)?,
    };
    let centroids = fit(&fitted, n_clusters, options)?;
    let inertia = kmeans::inertia(&similarity::nearest(fitted.view(), centroids.view()));
    let nearest = similarity::nearest(rows, centroids.view());
    let mut is_distinct = vec![false; rows.nrows()];
    distinct.iter().for_each(|&i| is_distinct[i] = true);
    Ok(number(&nearest, &is_distinct, rows, &centroids, inertia, curve))
}

fn fit(rows: &Array2<f32>, n_clusters: usize, options: &ClusterOptions) -> Result<Array2<f32>> {
    let failed = |reason: String| Error::Clustering { n_rows: rows.nrows(), n_clusters, reason };
    let dataset = DatasetBase::from(rows.view());
    let centroids = match options.algorithm {
        Algorithm::Lloyd => {
            let params = KMeansParams::new(n_clusters)
                .restarts(options.restarts)
                .max_iterations(options.max_iterations)
                .train_per_cluster(options.train_per_cluster)
                .seed(options.seed);
            params.check_ref().and_then(|params| params.fit(&dataset)).map_err(|e| failed(e.to_string()))?.centroids
        }
        Algorithm::Linfa => {
            let random = Xoshiro256Plus::seed_from_u64(options.seed);
            let fitted = linfa_clustering::KMeans::params_with(n_clusters, random, L2Dist)
                .n_runs(options.restarts)
                .max_n_iterations(options.max_iterations as u64)
                .init_method(KMeansInit::KMeansPlusPlus)
                .fit(&dataset);
            fitted.map_err(|e| failed(e.to_string()))?.centroids().to_owned()
        }
    };
    Ok(centroids)
}

/// Tries numbers of clusters, each about a quarter larger than the one before, and returns the one
/// with the best criterion (the smallest of equals) and the curve.
fn choose(rows: &Array2<f32>, options: &ClusterOptions) -> Result<(usize, Vec<CriterionAt>)> {
    let options = &ClusterOptions {
        restarts: options.restarts.min(TRIAL_RESTARTS),
        max_iterations: options.max_iterations.min(TRIAL_ITERATIONS),
        ..*options
    };
    let most = (rows.nrows() / 4).min(MAX_AUTO_CLUSTERS);
    let mut curve: Vec<CriterionAt> = Vec::new();
    let mut n_clusters = 2;
    while n_clusters <= most {
        let centroids = fit(rows, n_clusters, options)?;
        let nearest = similarity::nearest(rows.view(), centroids.view());
        curve.push(CriterionAt { n_clusters, silhouette: simplified_silhouette(&nearest) });
        n_clusters += (n_clusters / 4).max(1);
    }
    let best = curve.iter().copied().reduce(|best, at| if at.silhouette > best.silhouette { at } else { best });
    Ok((best.map_or(1, |best| best.n_clusters), curve))
}

fn simplified_silhouette(nearest: &[Nearest]) -> f32 {
    let sum: f64 = nearest
        .iter()
        .map(|n| {
            let (a, b) = (f64::from(n.distance).sqrt(), f64::from(n.second).sqrt());
            if b > 0.0 && b.is_finite() { (b - a) / b } else { 0.0 }
        })
        .sum();
    (sum / nearest.len() as f64) as f32
}

/// Marks outliers, drops clusters that are none, and numbers the rest by size, then by first row.
fn number(
    nearest: &[Nearest],
    is_distinct: &[bool],
    rows: ArrayView2<f32>,
    centroids: &Array2<f32>,
    inertia: f64,
    curve: Vec<CriterionAt>,
) -> Clustering {
    let norms: Vec<f32> = centroids.outer_iter().map(|c| c.dot(&c).sqrt().max(f32::MIN_POSITIVE)).collect();
    let similarity: Vec<f32> = rows
        .outer_iter()
        .zip(nearest)
        .map(|(row, n)| similarity::dot(row, centroids.row(n.centroid as usize)) / norms[n.centroid as usize])
        .collect();
    let mut of_distinct: Vec<Vec<f32>> = vec![vec![]; centroids.nrows()];
    for ((n, &similarity), _) in nearest.iter().zip(&similarity).zip(is_distinct).filter(|(_, distinct)| **distinct) {
        of_distinct[n.centroid as usize].push(similarity);
    }
    let fences: Vec<f32> = of_distinct.iter_mut().map(|of| lower_fence(of)).collect();
    let member = |i: usize| Some(nearest[i].centroid as usize).filter(|&c| similarity[i] >= fences[c]);
    let mut sizes = vec![0; centroids.nrows()];
    let mut firsts = vec![usize::MAX; centroids.nrows()];
    for i in 0..nearest.len() {
        if let Some(c) = member(i) {
            sizes[c] += 1;
            firsts[c] = firsts[c].min(i);
        }
    }
    let mut order: Vec<usize> = (0..centroids.nrows()).filter(|&c| sizes[c] > 0).collect();
    order.sort_by_key(|&c| (Reverse(sizes[c]), firsts[c]));
    let mut new_number = vec![None; centroids.nrows()];
    order.iter().enumerate().for_each(|(new, &old)| new_number[old] = Some(new as u32));
    Clustering {
        centroids: centroids.select(Axis(0), &order),
        assignment: (0..nearest.len()).map(|i| member(i).and_then(|c| new_number[c])).collect(),
        sizes: order.iter().map(|&c| sizes[c]).collect(),
        similarity,
        inertia,
        curve,
    }
}

/// The similarity below which a passage does not belong: infinite for a cluster of one text.
fn lower_fence(similarities: &mut [f32]) -> f32 {
    if similarities.len() < MIN_THEME_TEXTS {
        return f32::INFINITY;
    }
    similarities.sort_by(f32::total_cmp);
    let at = |share: f32| {
        let place = share * (similarities.len() - 1) as f32;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        similarities[low] + (similarities[high] - similarities[low]) * (place - place.floor())
    };
    let (first, third) = (at(0.25), at(0.75));
    first - FENCE * (third - first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use ndarray::array;

    fn all(rows: &Array2<f32>) -> Vec<usize> {
        (0..rows.nrows()).collect()
    }

    #[test]
    fn four_points_by_hand() {
        // Two pairs at the ends of a line: centroids (1, 0) and (-1, 0) up to the pairs' spread of 0.1.
        let rows = array![[1.0_f32, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]];
        let options = ClusterOptions { n_clusters: NClusters::Exactly(2), ..Default::default() };
        let found = cluster(rows.view(), &all(&rows), &options).unwrap();
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
        let found = cluster(rows.view(), &all(&rows), &ClusterOptions::default()).unwrap();
        assert_eq!(found.centroids.nrows(), 5);
        for i in 0..100 {
            assert!(found.assignment[i].is_none() || found.assignment[i] == found.assignment[i % 5]);
        }
        assert!(found.curve.iter().all(|at| at.silhouette.is_finite()) && found.curve.len() > 5);
    }

    #[test]
    fn copies_do_not_count_in_the_fit_but_are_assigned() {
        let rows = array![[1.0_f32, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1], [-1.0, -0.1]];
        let options = ClusterOptions { n_clusters: NClusters::Exactly(2), ..Default::default() };
        let found = cluster(rows.view(), &[0, 1, 2, 3], &options).unwrap();
        assert_eq!(found.assignment, [Some(1), Some(1), Some(0), Some(0), Some(0)]);
        assert!((found.inertia - 0.04).abs() < 1e-6);
    }

    #[test]
    fn one_row_equal_rows_and_as_many_clusters_as_rows() {
        let one = array![[1.0_f32, 0.0]];
        let found = cluster(one.view(), &[0], &ClusterOptions::default()).unwrap();
        assert_eq!((found.assignment, found.sizes.len()), (vec![None], 0));
        let rows = unit_rows(6, 4, 1);
        let options = ClusterOptions { n_clusters: NClusters::Exactly(6), ..Default::default() };
        let found = cluster(rows.view(), &all(&rows), &options).unwrap();
        assert!(found.inertia.abs() < 1e-5);
        let equal = Array2::from_elem((9, 4), 0.5_f32);
        let found = cluster(equal.view(), &all(&equal), &ClusterOptions::default()).unwrap();
        assert!(found.inertia.abs() < 1e-5 && found.similarity.iter().all(|s| s.is_finite()));
    }

    #[test]
    fn the_reference_finds_the_same_partition_and_no_better_inertia() {
        let centres = unit_rows(6, 24, 5);
        let noise = unit_rows(240, 24, 6) * 0.3;
        let rows = Array2::from_shape_fn((240, 24), |(i, j)| centres[[i % 6, j]] + noise[[i, j]]);
        let with = |algorithm| {
            let options = ClusterOptions { n_clusters: NClusters::Exactly(6), algorithm, ..Default::default() };
            cluster(rows.view(), &all(&rows), &options).unwrap()
        };
        let (ours, reference) = (with(Algorithm::Lloyd), with(Algorithm::Linfa));
        assert_eq!(ours.assignment, reference.assignment);
        assert!(ours.inertia <= reference.inertia * 1.0001, "{} and {}", ours.inertia, reference.inertia);
        // Where clusters are not so plain, never a worse inertia.
        let rows = unit_rows(300, 16, 9);
        for k in [2, 5, 20] {
            let with = |algorithm| {
                let options = ClusterOptions { n_clusters: NClusters::Exactly(k), algorithm, ..Default::default() };
                cluster(rows.view(), &all(&rows), &options).unwrap().inertia
            };
            let (ours, reference) = (with(Algorithm::Lloyd), with(Algorithm::Linfa));
            assert!(ours <= reference * 1.001, "k = {k}: {ours} and {reference}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_numbers() {
        let mut rows = unit_rows(3, 4, 1);
        let options = ClusterOptions { n_clusters: NClusters::Exactly(4), ..Default::default() };
        let error = cluster(rows.view(), &[0, 1, 2], &options).unwrap_err().to_string();
        assert!(error.contains("-k 4") && error.contains("only 3 passages"), "{error}");
        rows[[1, 2]] = f32::NAN;
        let error = cluster(rows.view(), &[0, 1, 2], &ClusterOptions::default()).unwrap_err().to_string();
        assert!(error.contains("row 1"), "{error}");
        let zero = ClusterOptions { restarts: 0, ..Default::default() };
        assert!(zero.check().unwrap_err().to_string().contains("--restarts"));
    }
}
