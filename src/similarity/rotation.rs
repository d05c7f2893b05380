//! A rotation of all rows that gathers their length in the first dimensions, as principal components
//! do. A product of two rows stays what it is, but most pairs can then be told to be unlike from the
//! first dimensions alone.
//!
//! The components come from a sample by subspace iteration (Halko, Martinsson and Tropp 2011, "Finding
//! structure with randomness"). How good they are decides the speed only; how far they are from
//! turning rows without stretching them is measured, and belongs to the bound. The first dimensions are
//! turned once more, at random, so that none is much larger than the others: 8 bits are for all alike.

use super::kernel::{BLOCK, PANEL, products};
use ndarray::{Array2, ArrayView2, Axis, s};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// With fewer rows for each dimension, the rotation would cost more than it saves.
const MIN_ROWS_PER_DIM: usize = 32;
const MIN_DIM: usize = 64;
const ITERATIONS: usize = 3;
/// What the margins of 8 bits come to, about.
const MARGIN: f32 = 0.03;
/// Rows of the sample that the first dimensions are tried on, against as many others.
const TRIED: usize = 512;
/// A rotation further from one than this is none.
const MAX_STRETCH: f64 = 1e-3;

pub(super) struct Rotation {
    /// `(dim, dim)`: the new dimensions as rows.
    basis: Array2<f32>,
    /// Dimensions that are worth comparing alone: a multiple of four.
    pub n_first: usize,
    /// What a product of unit rows changes at most by it: ‖BᵀB − I‖.
    pub stretch: f64,
    /// How far a unit row may be from where it belongs, by rounding.
    pub shift: f64,
}

impl Rotation {
    /// From a sample of the `n` rows, to look for products of at least `threshold`; none if it does not
    /// pay.
    pub fn of(sample: &Array2<f32>, n: usize, threshold: f32) -> Option<Self> {
        let dim = sample.ncols();
        if dim < MIN_DIM || n < MIN_ROWS_PER_DIM * dim {
            return None;
        }
        let mut random = Xoshiro256PlusPlus::seed_from_u64(42);
        let mut components = orthonormal(&at_random(dim / 2, dim, &mut random), &mut random)?;
        for _ in 0..ITERATIONS {
            let along = product(sample.view(), components.view());
            components = orthonormal(&product(along.t(), sample.t()), &mut random)?;
        }
        let n_first = n_first(sample, &components, threshold)?;
        let turn = orthonormal(&at_random(n_first, n_first, &mut random), &mut random)?;
        let first = product(turn.view(), components.slice(s![..n_first, ..]).t());
        components.slice_mut(s![..n_first, ..]).assign(&first);
        components.append(Axis(0), at_random(dim - dim / 2, dim, &mut random).view()).ok()?;
        let basis = orthonormal(&components, &mut random)?;
        let stretch = stretch(&basis);
        let rounding = dim as f64 * f64::from(f32::EPSILON);
        let shift = rounding * (dim as f64).sqrt() * (1.0 + stretch);
        (stretch < MAX_STRETCH).then_some(Self { basis, n_first, stretch, shift })
    }

    /// Rows `(n, dim)`, rotated.
    pub fn rotated(&self, rows: ArrayView2<f32>) -> Array2<f32> {
        product(rows, self.basis.view())
    }
}

/// So many first dimensions that what they cost, and what passes them, is least; none if they save little.
fn n_first(sample: &Array2<f32>, components: &Array2<f32>, threshold: f32) -> Option<usize> {
    let dim = sample.ncols();
    let tried = TRIED.min(sample.nrows() / 2);
    let along = product(sample.view(), components.view());
    let cost = |n: usize| {
        let first = along.slice(s![.., ..n]);
        let rest: Vec<f32> =
            sample.outer_iter().zip(first.outer_iter()).map(|(row, first)| row.dot(&row) - first.dot(&first)).collect();
        let (upper, lower) = (first.slice(s![..tried, ..]), first.slice(s![sample.nrows() - tried.., ..]));
        let rest_of_lower = &rest[sample.nrows() - tried..];
        let passes = |&((i, j), &product): &((usize, usize), &f32)| {
            product + f32::midpoint(rest[i], rest_of_lower[j]) >= threshold - MARGIN
        };
        let n_passed = product(upper, lower).indexed_iter().filter(passes).count();
        // A block passes if one of its pairs does.
        let passed = (n_passed * BLOCK * PANEL) as f64 / (tried * tried).max(1) as f64;
        n as f64 / dim as f64 + passed.min(1.0)
    };
    let candidates = [16, 12, 8, 6, 4, 3].map(|part| (dim / part).next_multiple_of(4));
    let costs = candidates.map(|n| (cost(n), n));
    let (cost, n) = costs.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    (cost < 0.8).then_some(n)
}

/// The rows made orthogonal and of unit length one after the other (Gram and Schmidt, each twice).
/// One that lies in what those before it span is replaced by a random one; none if that fails too.
fn orthonormal(rows: &Array2<f32>, random: &mut Xoshiro256PlusPlus) -> Option<Array2<f32>> {
    let mut done: Array2<f64> = rows.mapv(f64::from);
    for i in 0..done.nrows() {
        let (before, mut rest) = done.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        let is_independent = (0..4).any(|attempt| {
            if attempt > 0 {
                row.assign(&at_random(1, rows.ncols(), random).row(0).mapv(f64::from));
            }
            let length = row.dot(&row).sqrt();
            row /= length;
            for _ in 0..2 {
                for earlier in before.outer_iter() {
                    let along = earlier.dot(&row);
                    row.scaled_add(-along, &earlier);
                }
            }
            let left = row.dot(&row).sqrt();
            row /= left;
            left > 1e-6
        });
        if !is_independent {
            return None;
        }
    }
    Some(done.mapv(|v| v as f32))
}

/// ‖B Bᵀ − I‖ by its entries, which for a square B is ‖Bᵀ B − I‖.
fn stretch(basis: &Array2<f32>) -> f64 {
    let exact = basis.mapv(f64::from);
    let of_row = |i: usize| -> f64 {
        let row = exact.row(i);
        let entries = (0..=i).map(|j| (row.dot(&exact.row(j)) - f64::from(u8::from(i == j))).powi(2));
        entries.sum::<f64>() * 2.0
    };
    (0..basis.nrows()).into_par_iter().map(of_row).collect::<Vec<f64>>().iter().sum::<f64>().sqrt()
}

fn at_random(n: usize, dim: usize, random: &mut Xoshiro256PlusPlus) -> Array2<f32> {
    // The sum of two is peaked enough: all directions are about as likely.
    let mut even = || random.next_u32() as f32 / u32::MAX as f32;
    Array2::from_shape_simple_fn((n, dim), || even() - even())
}

/// x yᵀ.
fn product(x: ArrayView2<f32>, y: ArrayView2<f32>) -> Array2<f32> {
    let mut out = Array2::zeros((x.nrows(), y.nrows()));
    products(x, y, out.view_mut());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;

    /// Rows of which most dimensions matter little.
    fn uneven_rows(n: usize, dim: usize, seed: u64) -> Array2<f32> {
        let mut rows = unit_rows(n, dim, seed);
        for mut row in rows.outer_iter_mut() {
            row.iter_mut().enumerate().for_each(|(k, x)| *x /= (1.0 + k as f32).sqrt());
            let norm = row.dot(&row).sqrt();
            row /= norm;
        }
        // Turned, so that it takes finding out which they are.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let turn = orthonormal(&at_random(dim, dim, &mut random), &mut random).unwrap();
        product(rows.view(), turn.view())
    }

    #[test]
    fn products_stay_within_the_bound_and_length_is_gathered_in_front() {
        let rows = uneven_rows(4096, 96, 5);
        let rotation = Rotation::of(&rows, rows.nrows(), 0.9).unwrap();
        let rotated = rotation.rotated(rows.view());
        assert!(rotation.stretch < 1e-5 && rotation.shift < 1e-3 && rotation.n_first < 48);
        for (i, j) in (0..100).flat_map(|i| (0..100).map(move |j| (i, j))) {
            let exact = |of: &Array2<f32>| -> f64 {
                of.row(i).iter().zip(of.row(j)).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
            };
            assert!((exact(&rows) - exact(&rotated)).abs() < rotation.stretch + 3.0 * rotation.shift);
        }
        let first = rotated.slice(s![.., ..rotation.n_first]);
        let share = first.iter().map(|x| x * x).sum::<f32>() / rows.nrows() as f32;
        assert!(share > 2.0 * rotation.n_first as f32 / 96.0, "{share} in {}", rotation.n_first);
    }

    #[test]
    fn rows_that_have_no_structure_or_only_one_are_no_harm() {
        // In one direction only; then all of them zero.
        let mut rows = Array2::zeros((64 * 64, 64));
        rows.column_mut(3).fill(1.0);
        assert!(Rotation::of(&rows, rows.nrows(), 0.9).is_none_or(|rotation| rotation.stretch < 1e-5));
        rows.fill(0.0);
        assert!(Rotation::of(&rows, rows.nrows(), 0.9).is_none_or(|rotation| rotation.stretch < 1e-5));
        let few = unit_rows(100, 64, 1);
        assert!(Rotation::of(&few, few.nrows(), 0.9).is_none());
    }
}
