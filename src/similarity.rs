//! Dot products of rows, in blocks, and all pairs of rows that are alike. Arrays only: nothing here
//! knows what a row stands for.
//!
//! Rows are unit length, so a dot product is a cosine, and ‖x − c‖² = 1 − 2 x·c + ‖c‖².

mod cells;
mod join;
mod kernel;
mod nearer;
mod quantised;
mod rotation;

pub use cells::{Cells, Stay};
pub(crate) use join::in_order;
pub use join::{Kernel, for_each_pair_at_least, pairs_at_least};
pub(crate) use nearer::{CoarsePoints, CoarseRows};

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, s};
use rayon::prelude::*;

/// Rows of a block: two blocks and their product stay in the second-level cache at width 384.
const BLOCK_ROWS: usize = 256;

/// Two rows, by their places, and their dot product. `a < b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowPair {
    /// The earlier row.
    pub a: u32,
    /// The later row.
    pub b: u32,
    /// Their dot product; of unit rows, the cosine.
    pub cosine: f32,
}

/// x·y, summed in f64 and in one fixed order, so that it is the same on every machine.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn dot(x: ArrayView1<f32>, y: ArrayView1<f32>) -> f32 {
    assert_eq!(x.len(), y.len(), "rows of one width");
    match (x.as_slice(), y.as_slice()) {
        (Some(x), Some(y)) => dot_of_slices(x, y),
        _ => dot_of_slices(&x.to_vec(), &y.to_vec()),
    }
}

/// Eight sums side by side, which the compiler can keep in vector registers.
fn dot_of_slices(x: &[f32], y: &[f32]) -> f32 {
    const LANES: usize = 8;
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in xs.iter().zip(ys) {
        for lane in 0..LANES {
            sums[lane] += f64::from(x[lane]) * f64::from(y[lane]);
        }
    }
    let rest: f64 = x_rest.iter().zip(y_rest).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
    (sums.iter().sum::<f64>() + rest) as f32
}

/// `out` (n, m) becomes the dot products of the rows of `x` (n, dim) with those of `y` (m, dim), on
/// the calling thread. By the `gemm` crate: on two cores with AVX-512 it reached 215 of about 240
/// GFLOP/s where ndarray's own product reached 57.
///
/// # Panics
/// If the widths or the shape of `out` do not match.
pub fn products(x: ArrayView2<f32>, y: ArrayView2<f32>, out: ArrayViewMut2<f32>) {
    kernel::products(x, y, out);
}

/// The nearest centroid of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// Index of the nearest centroid; the lowest of equals.
    pub centroid: u32,
    /// Squared Euclidean distance to it, at least 0.
    pub distance: f32,
}

/// The rows in blocks of [`BLOCK_ROWS`], the last one shorter.
pub(crate) fn blocks(rows: ArrayView2<f32>) -> Vec<ArrayView2<f32>> {
    let start = |b: usize| (b * BLOCK_ROWS).min(rows.nrows());
    (0..rows.nrows().div_ceil(BLOCK_ROWS)).map(|b| rows.slice_move(s![start(b)..start(b + 1), ..])).collect()
}

/// For each row of `(n, dim)`, the nearest of the `(k, dim)` centroids by Euclidean distance.
#[must_use]
pub fn nearest(rows: ArrayView2<f32>, centroids: ArrayView2<f32>) -> Vec<Nearest> {
    let nearest_to = NearestTo::new(centroids);
    blocks(rows).into_par_iter().flat_map_iter(|block| nearest_to.of_rows(block)).collect()
}

/// Centroids that rows are compared with.
pub(crate) struct NearestTo<'a> {
    centroids: ArrayView2<'a, f32>,
    half_norms: Vec<f32>,
}

impl<'a> NearestTo<'a> {
    pub(crate) fn new(centroids: ArrayView2<'a, f32>) -> Self {
        Self { centroids, half_norms: centroids.outer_iter().map(|c| c.dot(&c) / 2.0).collect() }
    }

    /// For each row of one block its nearest centroid, on the calling thread.
    pub(crate) fn of_rows(&self, rows: ArrayView2<f32>) -> Vec<Nearest> {
        let mut products = Array2::zeros((rows.nrows(), self.centroids.nrows()));
        self::products(rows, self.centroids, products.view_mut());
        let found = products.outer_iter().zip(rows.outer_iter()).map(|(products, row)| {
            // ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2): the nearest centroid has the largest difference.
            let (centroid, difference) = largest(products.as_slice().unwrap_or_default(), &self.half_norms);
            Nearest { centroid: centroid as u32, distance: (row.dot(&row) - 2.0 * difference).max(0.0) }
        });
        found.collect()
    }
}

/// More than rounding can move the squared distance of a row to a point by, if both have a squared norm of
/// at most this: a sum of `dim` products is off by at most `dim` ε ‖x‖ ‖c‖ (Higham 2002, "Accuracy and
/// stability of numerical algorithms", section 3.1), and ‖x − c‖² takes three such sums.
pub(crate) fn rounding(dim: usize, largest_squared_norm: f32) -> f32 {
    4.0 * dim as f32 * f32::EPSILON * largest_squared_norm
}

/// ‖x − c‖² of rows of one width.
pub(crate) fn squared_distance(x: ArrayView1<f32>, c: ArrayView1<f32>) -> f32 {
    match (x.as_slice(), c.as_slice()) {
        (Some(x), Some(c)) => squared_distance_of_slices(x, c),
        _ => squared_distance_of_slices(&x.to_vec(), &c.to_vec()),
    }
}

fn squared_distance_of_slices(x: &[f32], c: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(SquaredDistance { x, c })
}

/// ‖x − c‖² in the vector instructions of the CPU.
struct SquaredDistance<'a> {
    x: &'a [f32],
    c: &'a [f32],
}

impl pulp::WithSimd for SquaredDistance<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) -> f32 {
        // As many sums side by side as it takes to hide the latency of an addition.
        const SUMS: usize = 4;
        let ((x, x_rest), (c, c_rest)) = (S::as_simd_f32s(self.x), S::as_simd_f32s(self.c));
        let mut sums = [simd.splat_f32s(0.0); SUMS];
        let add = |sum: S::f32s, x: S::f32s, c: S::f32s| {
            let difference = simd.sub_f32s(x, c);
            simd.mul_add_e_f32s(difference, difference, sum)
        };
        let ((x, x_last), (c, c_last)) = (x.as_chunks::<SUMS>(), c.as_chunks::<SUMS>());
        for (x, c) in x.iter().zip(c) {
            for i in 0..SUMS {
                sums[i] = add(sums[i], x[i], c[i]);
            }
        }
        for (sum, (&x, &c)) in sums.iter_mut().zip(x_last.iter().zip(c_last)) {
            *sum = add(*sum, x, c);
        }
        let both = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
        let rest: f32 = x_rest.iter().zip(c_rest).map(|(x, c)| (x - c) * (x - c)).sum();
        simd.reduce_sum_f32s(both) + rest
    }
}

/// The place of the largest `a[i] - b[i]` (the first of equals), and it. Eight lanes, so that the compiler
/// can keep them in vector registers.
fn largest(a: &[f32], b: &[f32]) -> (usize, f32) {
    const LANES: usize = 8;
    let (mut best, mut at) = ([f32::NEG_INFINITY; LANES], [0u32; LANES]);
    let mut take = |lane: usize, round: u32, value: f32| {
        let is_better = value > best[lane];
        at[lane] = if is_better { round } else { at[lane] };
        best[lane] = if is_better { value } else { best[lane] };
    };
    let (a_rounds, a_rest) = a.as_chunks::<LANES>();
    let (b_rounds, b_rest) = b.as_chunks::<LANES>();
    for (round, (a, b)) in (0u32..).zip(a_rounds.iter().zip(b_rounds)) {
        for lane in 0..LANES {
            take(lane, round, a[lane] - b[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        take(lane, a_rounds.len() as u32, a - b);
    }
    let place = |lane: usize| at[lane] as usize * LANES + lane;
    let winner = (1..LANES).fold(0, |winner, lane| {
        let is_better = best[lane] > best[winner] || (best[lane] >= best[winner] && place(lane) < place(winner));
        if is_better { lane } else { winner }
    });
    (place(winner), best[winner])
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Unit rows from a seed.
    pub(crate) fn unit_rows(n: usize, dim: usize, seed: u64) -> Array2<f32> {
        use rand_xoshiro::rand_core::{RngCore, SeedableRng};
        let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut rows = Array2::from_shape_fn((n, dim), |_| random.next_u32() as f32 / u32::MAX as f32 - 0.5);
        for mut row in rows.outer_iter_mut() {
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        rows
    }

    proptest! {
        #[test]
        fn the_largest_is_that_of_a_plain_search(a in proptest::collection::vec(-3i8..3, 1..70)) {
            let a: Vec<f32> = a.into_iter().map(f32::from).collect();
            let b: Vec<f32> = (0..a.len()).map(|i| (i % 3) as f32).collect();
            let differences: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
            let first = (0..a.len()).rev().max_by(|&i, &j| differences[i].total_cmp(&differences[j])).unwrap();
            prop_assert_eq!(largest(&a, &b), (first, differences[first]));
        }

        #[test]
        fn nearest_is_that_of_brute_force(n in 1usize..300, k in 1usize..20, seed: u64) {
            let rows = unit_rows(n, 8, seed);
            let centroids = unit_rows(k, 8, !seed) * 0.7;
            for (row, found) in rows.outer_iter().zip(nearest(rows.view(), centroids.view())) {
                let distances: Vec<f32> = centroids.outer_iter().map(|c| (&row - &c).mapv(|d| d * d).sum()).collect();
                prop_assert!((distances[found.centroid as usize] - found.distance).abs() < 1e-5);
                let least = distances.into_iter().fold(f32::INFINITY, f32::min);
                prop_assert!((least - found.distance).abs() < 1e-5);
            }
        }
    }
}
