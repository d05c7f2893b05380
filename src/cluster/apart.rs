//! Clustering in parts: what can be done by machines that hold a part of the rows each, with the same result as
//! [`cluster`](super::cluster) for the same starts.
//!
//! A fit works on the first rows by [`fit_keys`]. Where those fit into one machine, [`fit_first`] is that fit. Where
//! they do not, each machine adds up its rows in a [`Pass`] through the centroids, and [`moved`] goes from all passes
//! to the next centroids. Sums are whole numbers, so they are the same however the rows are divided.

use super::kmeans::training::{Order, Training, row_key, text_key};
use super::{ClusterOptions, CriterionAt, Fitted, Spread, fit};
use crate::similarity::{self, Nearest, dot};
use crate::{Error, Result};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

pub use super::kmeans::ROWS_PER_LAST_CHANGE;

/// Of a sum, 1 is this. A coordinate of a unit row is at most 1, so 2²² rows can be added up.
const ONE: f64 = (1u64 << 40) as f64;
/// Rows that a pass takes at most.
pub const MAX_PASS_ROWS: usize = 1 << 22;
/// Of the rows that are farthest from their centroids, so many are kept for clusters that have lost theirs.
const N_FARTHEST: usize = 8;

/// For each text its place in the order in which a fit takes rows: smaller ones first.
#[must_use]
pub fn fit_keys(texts: &[&str], seed: u64) -> Vec<u64> {
    texts.par_iter().map(|text| text_key(text, seed)).collect()
}

/// A number for each of the `(n, dim)` rows that is equal for equal rows, to count the different ones by: among 10⁹
/// of them about 0.03 are lost to chance.
#[must_use]
pub fn row_keys(rows: ArrayView2<f32>) -> Vec<u64> {
    rows.axis_iter(Axis(0)).into_par_iter().map(|row| row_key(row, 0)).collect()
}

/// What a fit found.
#[derive(Clone, Debug)]
pub struct FirstFit {
    /// `(k, dim)`.
    pub centroids: Array2<f32>,
    /// Iterations of the fit that was kept.
    pub n_iterations: usize,
    /// The criterion over the numbers of clusters tried; empty if the number was given.
    pub curve: Vec<CriterionAt>,
}

/// The fit that [`cluster`](super::cluster) makes of rows of which `first` are those that come first, in order, and
/// `n_distinct` differ from each other. If there are more rows, `first` must hold as many as the options train on.
///
/// # Errors
/// [`Error::TooManyClusters`], [`Error::Clustering`].
pub fn fit_first(first: ArrayView2<f32>, n_distinct: usize, options: &ClusterOptions) -> Result<FirstFit> {
    options.check()?;
    let order = Order::of_first(first.nrows(), n_distinct);
    let training = Training::new(first.view(), &order);
    let (n_clusters, curve) = super::number_of_clusters(training, options)?;
    if n_clusters > first.nrows() {
        return Err(Error::TooManyClusters { n_clusters, n_distinct: first.nrows() });
    }
    let Fitted { centroids, n_iterations, .. } = fit(training, n_clusters, options)?;
    Ok(FirstFit { centroids, n_iterations, curve })
}

/// A row that is far from its centroid.
#[derive(Clone, Debug, PartialEq)]
pub struct Far {
    /// Squared distance to its centroid.
    pub distance: f32,
    /// Its key, by which of equals the first is found.
    pub key: u64,
    /// The cluster it is in.
    pub cluster: u32,
    /// Its `dim` numbers.
    pub row: Vec<f32>,
}

/// What some rows add to the next centroids.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// `(k, dim)` sums of the rows of each cluster, in units of 2⁻⁴⁰.
    pub sums: Array2<i64>,
    /// Rows of each cluster.
    pub counts: Vec<u64>,
    /// Rows that were nearest to another of the centroids before.
    pub n_changed: u64,
    /// The rows that are farthest from their centroids, the farthest first.
    pub far: Vec<Far>,
}

impl Pass {
    /// Of no rows.
    #[must_use]
    pub fn new(shape: (usize, usize)) -> Self {
        Self { sums: Array2::zeros(shape), counts: vec![0; shape.0], n_changed: 0, far: vec![] }
    }

    /// Adds `(n, dim)` unit rows with their keys: in all at most [`MAX_PASS_ROWS`]. `before` are the centroids of the
    /// last pass; without them every row has changed.
    ///
    /// # Panics
    /// If the rows are too many, or of another width than the centroids.
    pub fn add(
        &mut self,
        rows: ArrayView2<f32>,
        keys: &[u64],
        centroids: ArrayView2<f32>,
        before: Option<ArrayView2<f32>>,
    ) {
        assert!(self.counts.iter().sum::<u64>() as usize + rows.nrows() <= MAX_PASS_ROWS, "sums would overflow");
        let nearest = similarity::nearest(rows, centroids);
        let is_same = before.map(|before| {
            similarity::nearest(rows, before)
                .into_iter()
                .zip(&nearest)
                .filter(|(was, is)| was.centroid == is.centroid)
                .count()
        });
        self.n_changed += (rows.nrows() - is_same.unwrap_or(0)) as u64;
        let mut members: Vec<Vec<usize>> = vec![vec![]; centroids.nrows()];
        nearest.iter().enumerate().for_each(|(i, nearest)| members[nearest.centroid as usize].push(i));
        let sums = self.sums.axis_iter_mut(Axis(0)).into_par_iter().zip(&mut self.counts).zip(members);
        sums.for_each(|((mut sum, count), members)| {
            *count += members.len() as u64;
            for i in members {
                sum.iter_mut()
                    .zip(rows.row(i))
                    .for_each(|(sum, &value)| *sum += (f64::from(value) * ONE).round() as i64);
            }
        });
        let far = |(i, &Nearest { centroid, distance }): (usize, &Nearest)| (distance, keys[i], centroid, i);
        let mut farthest: Vec<_> = nearest.iter().enumerate().map(far).collect();
        farthest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        farthest.truncate(N_FARTHEST);
        let far = |(distance, key, cluster, i): (f32, u64, u32, usize)| Far {
            distance,
            key,
            cluster,
            row: rows.row(i).to_vec(),
        };
        self.far.extend(farthest.into_iter().map(far));
        keep_farthest(&mut self.far);
    }
}

impl Pass {
    /// To be sent to where all passes meet; little-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (n_clusters, dim) = self.sums.dim();
        let mut bytes = Vec::with_capacity(8 * (self.sums.len() + n_clusters));
        for number in [n_clusters as u64, dim as u64, self.n_changed, self.far.len() as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.counts.iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
        self.sums.iter().for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
        for Far { distance, key, cluster, row } in &self.far {
            bytes.extend_from_slice(&distance.to_le_bytes());
            bytes.extend_from_slice(&key.to_le_bytes());
            bytes.extend_from_slice(&cluster.to_le_bytes());
            row.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        }
        bytes
    }

    /// The pass that was sent; none if the bytes are not those of one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
            let (taken, after) = rest.split_first_chunk()?;
            *rest = after;
            Some(*taken)
        }
        let mut rest = bytes;
        let number = |rest: &mut &[u8]| take(rest).map(u64::from_le_bytes);
        let (n_clusters, dim) = (number(&mut rest)? as usize, number(&mut rest)? as usize);
        let (n_changed, n_far) = (number(&mut rest)?, number(&mut rest)? as usize);
        let is_whole = 8 * (n_clusters as u128) * (dim as u128 + 1) + n_far as u128 * (16 + 4 * dim as u128);
        if rest.len() as u128 != is_whole {
            return None;
        }
        let counts = (0..n_clusters).map(|_| number(&mut rest)).collect::<Option<_>>()?;
        let sums = (0..n_clusters * dim).map(|_| take(&mut rest).map(i64::from_le_bytes)).collect::<Option<_>>()?;
        let far = |rest: &mut &[u8]| {
            Some(Far {
                distance: f32::from_le_bytes(take(rest)?),
                key: u64::from_le_bytes(take(rest)?),
                cluster: u32::from_le_bytes(take(rest)?),
                row: (0..dim).map(|_| take(rest).map(f32::from_le_bytes)).collect::<Option<_>>()?,
            })
        };
        let far: Vec<Far> = (0..n_far).map(|_| far(&mut rest)).collect::<Option<_>>()?;
        let is_known = far.iter().all(|far| (far.cluster as usize) < n_clusters);
        is_known.then_some(())?;
        Some(Self { sums: Array2::from_shape_vec((n_clusters, dim), sums).ok()?, counts, n_changed, far })
    }
}

fn keep_farthest(far: &mut Vec<Far>) {
    far.sort_unstable_by(|a, b| b.distance.total_cmp(&a.distance).then(a.key.cmp(&b.key)));
    far.truncate(N_FARTHEST);
}

/// The means of the rows of all passes. A cluster without rows begins anew at one of the farthest, or keeps its
/// centroid where none can leave its own.
#[must_use]
pub fn moved(passes: &[Pass], centroids: ArrayView2<f32>) -> Array2<f32> {
    let (n_clusters, dim) = centroids.dim();
    let mut counts: Vec<u64> = (0..n_clusters).map(|c| passes.iter().map(|pass| pass.counts[c]).sum()).collect();
    let mut sums: Vec<i128> = vec![0; n_clusters * dim];
    for pass in passes {
        sums.iter_mut().zip(&pass.sums).for_each(|(sum, &of_pass)| *sum += i128::from(of_pass));
    }
    let mut far: Vec<&Far> = passes.iter().flat_map(|pass| &pass.far).collect();
    far.sort_unstable_by(|a, b| b.distance.total_cmp(&a.distance).then(a.key.cmp(&b.key)));
    let mut far = far.into_iter();
    for empty in (0..n_clusters).filter(|&c| counts[c] == 0).collect::<Vec<_>>() {
        let Some(Far { cluster, row, .. }) = far.find(|far| counts[far.cluster as usize] > 1) else { break };
        let from = *cluster as usize;
        (counts[from], counts[empty]) = (counts[from] - 1, 1);
        for (j, &value) in row.iter().enumerate() {
            let value = (f64::from(value) * ONE).round() as i128;
            sums[from * dim + j] -= value;
            sums[empty * dim + j] += value;
        }
    }
    Array2::from_shape_fn((n_clusters, dim), |(c, j)| match counts[c] {
        0 => centroids[[c, j]],
        n => (sums[c * dim + j] as f64 / (n as f64 * ONE)) as f32,
    })
}

/// For each of the `(n, dim)` rows its nearest centroid, the squared distance to it, and the cosine.
#[must_use]
pub fn placed(rows: ArrayView2<f32>, centroids: ArrayView2<f32>) -> (Vec<Nearest>, Vec<f32>) {
    let nearest = similarity::nearest(rows, centroids);
    let clusters: Vec<u32> = nearest.iter().map(|nearest| nearest.centroid).collect();
    let cosines = cosines(rows, &clusters, centroids);
    (nearest, cosines)
}

/// The cosine of each of the `(n, dim)` rows to the centroid of its cluster.
///
/// # Panics
/// If there are not as many clusters as rows, or one is not there.
#[must_use]
pub fn cosines(rows: ArrayView2<f32>, clusters: &[u32], centroids: ArrayView2<f32>) -> Vec<f32> {
    assert_eq!(rows.nrows(), clusters.len(), "a cluster for each row");
    let norms = super::norms(centroids);
    let of_row =
        |(row, &cluster): (ArrayView1<f32>, &u32)| dot(row, centroids.row(cluster as usize)) / norms[cluster as usize];
    rows.axis_iter(Axis(0)).into_par_iter().zip(clusters).map(of_row).collect()
}

/// Below which similarity to its centroid a row of a cluster is an outlier, from the similarities of the rows that
/// count: `beyond` times the distance between their quartiles below the first. Of a cluster of a single text, all are.
#[must_use]
pub fn fence(similarities: Vec<f32>, beyond: f32) -> Fence {
    Fence { spread: Spread::of(similarities), beyond }
}

/// See [`fence`].
#[derive(Clone, Copy)]
pub struct Fence {
    spread: Option<Spread>,
    beyond: f32,
}

impl Fence {
    /// Whether a row of this similarity is within.
    #[must_use]
    pub fn holds(&self, similarity: f32) -> bool {
        self.spread.is_some_and(|spread| spread.below(similarity) <= self.beyond)
    }
}

/// Refuses rows that are not finite.
///
/// # Errors
/// [`Error::Rows`].
pub fn check_rows(rows: ArrayView2<f32>) -> Result<()> {
    let bad = rows.axis_iter(Axis(0)).into_par_iter().position_first(|row| row.iter().any(|value| !value.is_finite()));
    bad.map_or(Ok(()), |row| {
        Err(Error::Rows { row, found: "holds a number that is not finite".into(), dim: rows.ncols() })
    })
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::{Init, KMeansParams};
    use super::super::{ClusterRows, NClusters, cluster};
    use super::*;
    use crate::similarity::tests::unit_rows;
    use linfa::prelude::*;
    use ndarray::ArrayBase;
    use proptest::prelude::*;

    /// Lloyd's iteration over rows that are divided among so many parts.
    fn by_parts(rows: &Array2<f32>, starts: &Array2<f32>, n_parts: usize) -> (Array2<f32>, usize) {
        let (mut centroids, mut before) = (starts.clone(), None::<Array2<f32>>);
        for n_iterations in 0.. {
            let passes: Vec<Pass> = (0..n_parts)
                .map(|part| {
                    let mine: Vec<usize> = (part..rows.nrows()).step_by(n_parts).collect();
                    let mut pass = Pass::new(centroids.dim());
                    for some in mine.chunks(11) {
                        let keys: Vec<u64> = some.iter().map(|&i| i as u64).collect();
                        pass.add(
                            rows.select(Axis(0), some).view(),
                            &keys,
                            centroids.view(),
                            before.as_ref().map(ArrayBase::view),
                        );
                    }
                    pass
                })
                .collect();
            if passes.iter().map(|pass| pass.n_changed).sum::<u64>() as usize <= rows.nrows() / ROWS_PER_LAST_CHANGE {
                return (centroids, n_iterations);
            }
            let next = moved(&passes, centroids.view());
            before = Some(std::mem::replace(&mut centroids, next));
        }
        unreachable!()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_division_of_the_rows_gives_the_same_bits_and_those_of_one_machine_but_for_rounding(
            n in 20usize..300, k in 1usize..12, n_parts in 1usize..9, spread in 0.05f32..1.0, seed: u64,
        ) {
            let (centres, noise) = (unit_rows(7, 12, seed), unit_rows(n, 12, !seed));
            let mut rows = Array2::from_shape_fn((n, 12), |(i, j)| centres[[i % 7, j]] + spread * noise[[i, j]]);
            for mut row in rows.outer_iter_mut() {
                let norm = row.dot(&row).sqrt();
                row /= norm;
            }
            let starts = rows.slice(ndarray::s![..k, ..]).to_owned();
            let (whole, n_iterations) = by_parts(&rows, &starts, 1);
            let (parts, of_parts) = by_parts(&rows, &starts, n_parts);
            prop_assert_eq!((&whole, n_iterations), (&parts, of_parts));
            // Of all rows, not of a sample.
            let params = KMeansParams::new(k).init(Init::Given(starts)).train_per_cluster(n).check().unwrap();
            let model = params.fit(&DatasetBase::from(rows.clone())).unwrap();
            prop_assert!((&model.centroids - &whole).iter().all(|d| d.abs() < 1e-5));
            prop_assert_eq!(model.n_iterations, n_iterations);
        }
    }

    #[test]
    fn the_first_rows_are_enough_for_the_fit_of_all() {
        let n = 900;
        let (centres, noise) = (unit_rows(5, 16, 1), unit_rows(n, 16, 2) * 0.3);
        let mut rows = Array2::from_shape_fn((n, 16), |(i, j)| centres[[i % 5, j]] + noise[[i, j]]);
        for mut row in rows.outer_iter_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        let texts: Vec<String> = (0..n).map(|i| format!("text {i}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let options = ClusterOptions { n_clusters: NClusters::Exactly(5), train_per_cluster: 60, ..Default::default() };
        let all: Vec<u32> = (0..n as u32).collect();
        let clustered = ClusterRows { rows: rows.view(), texts: &texts, representative_of: &all };
        let expected = cluster(clustered, &options).unwrap();

        let keys = fit_keys(&texts, options.seed);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| keys[i]);
        let found = fit_first(rows.select(Axis(0), &order[..300]).view(), n, &options).unwrap();
        let (nearest, cosines) = placed(rows.view(), found.centroids.view());
        let mut of_cluster = vec![vec![]; 5];
        nearest.iter().zip(&cosines).for_each(|(nearest, &cosine)| of_cluster[nearest.centroid as usize].push(cosine));
        let fences: Vec<Fence> = of_cluster.into_iter().map(|similarities| fence(similarities, 1.5)).collect();
        for i in 0..n {
            let cluster = nearest[i].centroid as usize;
            assert_eq!(expected.assignment[i].is_some(), fences[cluster].holds(cosines[i]));
            if let Some(number) = expected.assignment[i] {
                assert_eq!(expected.centroids.row(number as usize), found.centroids.row(cluster));
            }
            assert!((expected.similarity[i] - cosines[i]).abs() < 1e-7);
        }
    }

    #[test]
    fn a_cluster_without_rows_begins_anew_at_the_farthest() {
        let rows = ndarray::array![[1.0f32, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]];
        let starts = ndarray::array![[0.6f32, 0.2], [-9.0, -9.0]];
        let mut pass = Pass::new((2, 2));
        pass.add(rows.view(), &[0, 1, 2, 3], starts.view(), None);
        let bytes = pass.to_bytes();
        assert_eq!(Pass::from_bytes(&bytes), Some(pass.clone()));
        assert_eq!(Pass::from_bytes(&bytes[1..]), None);
        let next = moved(&[pass], starts.view());
        assert_eq!(next.row(1).to_vec(), [-1.0, 0.0]);
        assert!((next[[0, 0]] - 0.6).abs() < 1e-6 && (next[[0, 1]] - 1.6 / 3.0).abs() < 1e-6);
    }
}
