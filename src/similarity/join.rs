//! All pairs of rows with a dot product of at least a threshold, exactly.
//!
//! A screen that can only err by letting a pair through goes first, then each survivor's product is
//! taken in f64. So every pair is found, and what is found does not depend on the instruction set.
//! The screen is the product of the rows in 8 bits (`quantised`), or, where there is no kernel for it,
//! the matrix product in f32.
//!
//! Only the upper triangle is visited, in tiles. What is in memory at once is the 8-bit copy of the
//! rows and the pairs of a few tiles.

use super::kernel::{BLOCK, PANEL, Screen, products};
use super::quantised::{MAX_DIM, Quantised};
use super::{RowPair, dot};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

/// Left rows of a tile: at width 384 they stay in a core's second-level cache. A multiple of a
/// block's rows and a panel's.
const TILE_ROWS: usize = 8 * BLOCK * PANEL / 4;
/// Right rows of a tile.
const TILE_COLUMNS: usize = 128 * PANEL;
/// Rows at a time where the screen is a matrix product.
const PRODUCT_ROWS: usize = 256;
/// Fewer pieces of work are under way at once if they find more than this.
const MAX_WAITING: usize = 1 << 20;

/// What screens pairs. All find the same pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// 8-bit products by AVX-512 VNNI.
    Vnni,
    /// 8-bit products by AVX2.
    Avx2,
    /// f32 products by the `gemm` crate, in whatever the CPU has.
    Portable,
}

impl Kernel {
    /// Those that run on this CPU, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let x86 = [
            super::kernel::vnni::Vnni::new().map(|_| Self::Vnni),
            super::kernel::avx2::Avx2::new().map(|_| Self::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let x86: [Option<Self>; 0] = [];
        x86.into_iter().flatten().chain([Self::Portable]).collect()
    }

    /// The fastest that runs on this CPU.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available()[0]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vnni => "AVX-512 VNNI",
            Self::Avx2 => "AVX2",
            Self::Portable => "portable",
        }
    }
}

/// All pairs of `rows` with a dot product of at least `threshold`, by `(a, b)`. See
/// [`for_each_pair_at_least`].
#[must_use]
pub fn pairs_at_least(rows: ArrayView2<f32>, threshold: f32) -> Vec<RowPair> {
    let of: Vec<u32> = (0..rows.nrows() as u32).collect();
    let mut pairs = Vec::new();
    for_each_pair_at_least(rows, &of, of.len(), threshold, Kernel::fastest(), |found| pairs.extend_from_slice(found));
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    pairs
}

/// Hands to `found` all pairs of the rows `of` the `(n, dim)` rows whose dot product is at least
/// `threshold`, some at a time: always in the same order at any number of threads, but not in that
/// of the rows. A pair's `a` and `b` are places in `of`, with `a < b` and `a < n_left`: with `n_left`
/// below `of.len()`, the rows from there on are compared with those before them only.
///
/// Rows are finite, and of about unit length for the screen to be worth its name. `kernel` decides
/// the speed only. In memory beside the rows are `dim` + 8 bytes for each of them (none if portable),
/// and the pairs of a few tiles of 768 × 4,096.
///
/// # Panics
/// If a row in `of` is not there, or the CPU has not the `kernel`.
pub fn for_each_pair_at_least(
    rows: ArrayView2<f32>,
    of: &[u32],
    n_left: usize,
    threshold: f32,
    kernel: Kernel,
    found: impl FnMut(&[RowPair]),
) {
    let join = Join { rows, of, n_left: n_left.min(of.len()), threshold };
    match kernel {
        _ if rows.ncols() > MAX_DIM => join.by_products(found),
        Kernel::Portable => join.by_products(found),
        #[cfg(target_arch = "x86_64")]
        Kernel::Vnni => join.by_screen(super::kernel::vnni::Vnni::new().expect("the CPU has AVX-512 VNNI"), found),
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => join.by_screen(super::kernel::avx2::Avx2::new().expect("the CPU has AVX2"), found),
        #[cfg(not(target_arch = "x86_64"))]
        Kernel::Vnni | Kernel::Avx2 => panic!("the CPU has {}", kernel.name()),
    }
}

struct Join<'r, 'o> {
    rows: ArrayView2<'r, f32>,
    of: &'o [u32],
    n_left: usize,
    threshold: f32,
}

/// A part of the upper triangle: left rows and right rows, from here on.
#[derive(Clone, Copy)]
struct Tile {
    left: usize,
    right: usize,
}

impl Join<'_, '_> {
    /// Screened in 8 bits.
    fn by_screen<S: Screen>(&self, screen: S, found: impl FnMut(&[RowPair])) {
        let quantised = Quantised::of(self.rows, self.of, self.threshold);
        self.for_each_tile(found, |tile| {
            let lefts = tile.left..(tile.left + TILE_ROWS).min(self.n_left);
            let rights = tile.right..(tile.right + TILE_COLUMNS).min(self.of.len());
            let left = quantised.left::<S>(lefts.clone(), self.threshold);
            let mut pairs = Vec::new();
            let mut trial = Trial::default();
            for p in rights.start / PANEL..rights.end.div_ceil(PANEL) {
                let panel = quantised.panel(p);
                let first_of_panel = quantised.first_of_panel(p);
                for b in 0..left.n_blocks() {
                    let first = lefts.start + b * BLOCK;
                    if first >= (p + 1) * PANEL {
                        break;
                    }
                    if let Some(panel) = first_of_panel.as_ref().filter(|_| trial.pays()) {
                        let passes = screen.survivors(&left.first_of_block(b), panel) != [0; BLOCK];
                        trial.count(passes);
                        if !passes {
                            continue;
                        }
                    }
                    let survivors = screen.survivors(&left.block(b), &panel);
                    for (a, mut survivors) in (first..lefts.end).zip(survivors) {
                        while survivors != 0 {
                            let b = p * PANEL + survivors.trailing_zeros() as usize;
                            survivors &= survivors - 1;
                            pairs.extend(self.verified(a, b));
                        }
                    }
                }
            }
            pairs
        });
    }

    /// Screened in f32.
    fn by_products(&self, found: impl FnMut(&[RowPair])) {
        // The order of additions is gemm's own: for any, the error is at most dim · 2⁻²⁴ Σ|x y|.
        let norm = self.of.par_iter().map(|&i| dot(self.rows.row(i as usize), self.rows.row(i as usize)));
        let norm = norm.reduce(|| 0.0, f32::max) * 1.001;
        let least = self.threshold - (self.rows.ncols() + 2) as f32 * f32::EPSILON * norm - 1e-6 * self.threshold.abs();
        self.for_each_tile(found, |tile| {
            let mut pairs = Vec::new();
            for left in (tile.left..(tile.left + TILE_ROWS).min(self.n_left)).step_by(PRODUCT_ROWS) {
                let lefts = self.selected(left..(left + PRODUCT_ROWS).min(self.n_left));
                for right in (tile.right..(tile.right + TILE_COLUMNS).min(self.of.len())).step_by(PRODUCT_ROWS) {
                    if right + PRODUCT_ROWS <= left {
                        continue;
                    }
                    let rights = self.selected(right..(right + PRODUCT_ROWS).min(self.of.len()));
                    let mut all = Array2::zeros((lefts.nrows(), rights.nrows()));
                    products(lefts.view(), rights.view(), all.view_mut());
                    for ((a, b), &product) in all.indexed_iter() {
                        if product >= least {
                            pairs.extend(self.verified(left + a, right + b));
                        }
                    }
                }
            }
            pairs
        });
    }

    fn selected(&self, range: std::ops::Range<usize>) -> Array2<f32> {
        let of: Vec<usize> = self.of[range].iter().map(|&i| i as usize).collect();
        self.rows.select(Axis(0), &of)
    }

    fn verified(&self, a: usize, b: usize) -> Option<RowPair> {
        if a >= b {
            return None;
        }
        let cosine = dot(self.rows.row(self.of[a] as usize), self.rows.row(self.of[b] as usize));
        (cosine >= self.threshold).then_some(RowPair { a: a as u32, b: b as u32, cosine })
    }

    fn for_each_tile(&self, mut found: impl FnMut(&[RowPair]), work: impl Fn(Tile) -> Vec<RowPair> + Sync) {
        let tiles = |left: usize| {
            let from = left / TILE_COLUMNS * TILE_COLUMNS;
            (from..self.of.len()).step_by(TILE_COLUMNS).map(move |right| Tile { left, right })
        };
        in_order((0..self.n_left).step_by(TILE_ROWS).flat_map(tiles), work, |pairs| found(pairs));
    }
}

/// Whether it pays to look at the first dimensions alone: not where most blocks pass them.
#[derive(Default)]
struct Trial {
    n_tried: u32,
    n_passed: u32,
}

impl Trial {
    fn pays(&self) -> bool {
        self.n_tried < 256 || self.n_passed < self.n_tried / 4 * 3
    }

    fn count(&mut self, passes: bool) {
        self.n_tried += 1;
        self.n_passed += u32::from(passes);
    }
}

/// Does pieces of work on all threads, some at a time, and hands on what each found in their order.
/// The more they find, the fewer are under way at once.
pub(crate) fn in_order<T: Send, P: Send>(
    mut pieces: impl Iterator<Item = T>,
    work: impl Fn(T) -> Vec<P> + Sync,
    mut found: impl FnMut(&[P]),
) {
    let least = rayon::current_num_threads();
    let mut at_once = least;
    loop {
        let next: Vec<T> = pieces.by_ref().take(at_once).collect();
        if next.is_empty() {
            return;
        }
        let all: Vec<Vec<P>> = next.into_par_iter().map(&work).collect();
        all.iter().for_each(|each| found(each));
        let is_much = all.iter().map(Vec::len).sum::<usize>() > MAX_WAITING;
        at_once = if is_much { (at_once / 2).max(least) } else { (at_once * 2).min(64 * least) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use proptest::prelude::*;

    /// Brute force in f64 finds the same pairs, but for those within 1e-6 of the threshold; and every
    /// kernel finds the same to the bit.
    fn assert_exact(rows: ArrayView2<f32>, of: &[u32], n_left: usize, threshold: f32) {
        let mut by_kernel = Vec::new();
        for kernel in Kernel::available() {
            let mut pairs = Vec::new();
            for_each_pair_at_least(rows, of, n_left, threshold, kernel, |found| pairs.extend_from_slice(found));
            pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
            by_kernel.push((kernel, pairs));
        }
        let (first, rest) = by_kernel.split_first().unwrap();
        rest.iter().for_each(|(kernel, pairs)| assert!(*pairs == first.1, "{kernel:?} and {:?} differ", first.0));
        let mut next = first.1.iter().peekable();
        for a in 0..n_left.min(of.len()) {
            for b in a + 1..of.len() {
                let (x, y) = (rows.row(of[a] as usize), rows.row(of[b] as usize));
                let exact: f64 = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                let tolerance = 1e-6 * exact.abs().max(1.0);
                if let Some(pair) = next.next_if(|pair| (pair.a as usize, pair.b as usize) == (a, b)) {
                    assert!(exact >= f64::from(threshold) - tolerance, "{a}, {b} at {exact}");
                    assert!((f64::from(pair.cosine) - exact).abs() < tolerance);
                } else {
                    assert!(exact < f64::from(threshold) + tolerance, "{a}, {b} at {exact} is missing");
                }
            }
        }
        assert!(next.next().is_none());
    }

    fn all(rows: &Array2<f32>) -> Vec<u32> {
        (0..rows.nrows() as u32).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn pairs_are_those_of_brute_force_in_f64(
            n in 0usize..300, dim in 1usize..80, left in 0.0f64..1.2, threshold in -0.2f32..1.0, seed: u64,
        ) {
            let rows = unit_rows(n, dim, seed);
            // Every second row, backwards: what is asked for need not be all, nor in order.
            let of: Vec<u32> = (0..n as u32).rev().filter(|i| i % 2 == 0 || seed % 2 == 0).collect();
            assert_exact(rows.view(), &of, (n as f64 * left) as usize, threshold);
        }

        #[test]
        fn copies_and_hubs_are_found(n in 1usize..200, dim in 1usize..20, seed: u64, threshold in 0.5f32..1.0) {
            // All rows but a few are about the same.
            let mut rows = unit_rows(n, dim, seed);
            for i in 1..n {
                if !(seed as usize + i).is_multiple_of(5) {
                    let near = &rows.row(0) * 20.0 + rows.row(i);
                    let norm = near.dot(&near).sqrt();
                    rows.row_mut(i).assign(&(near / norm));
                }
            }
            assert_exact(rows.view(), &all(&rows), n, threshold);
        }

        #[test]
        fn rows_of_any_length_and_shape_lose_no_pair(n in 1usize..120, dim in 1usize..40, seed: u64, threshold in -1.0f32..2.0) {
            // Lengths from 0 to 3; one dimension may be a thousand times as large as the rest.
            let mut rows = unit_rows(n, dim, seed);
            for (i, mut row) in rows.outer_iter_mut().enumerate() {
                row *= (i % 7) as f32 / 2.0;
                if i % 3 == 0 {
                    row[dim / 2] *= 1000.0;
                    row /= 1000.0;
                }
            }
            assert_exact(rows.view(), &all(&rows), n, threshold);
        }
    }

    #[test]
    fn rows_that_are_worth_rotating_lose_no_pair() {
        // Enough of them, in a width that is no multiple of four, by clusters; some are short.
        let (n, dim) = (3000, 70);
        let (centres, noise) = (unit_rows(n / 3, dim, 1), unit_rows(n, dim, 2));
        let mut rows = Array2::zeros((n, dim));
        for (i, mut row) in rows.outer_iter_mut().enumerate() {
            row.assign(&(&centres.row(i * 7 % (n / 3)) + &(&noise.row(i) * (0.2 + (i % 5) as f32 / 5.0))));
            let norm = row.dot(&row).sqrt();
            row /= norm * if i % 97 == 0 { 2.0 } else { 1.0 };
        }
        for threshold in [0.3, 0.8, 0.95] {
            let sample = rows.select(Axis(0), &(0..n).step_by(2).collect::<Vec<_>>());
            assert!(threshold < 0.95 || crate::similarity::rotation::Rotation::of(&sample, n, threshold).is_some());
            assert_exact(rows.view(), &all(&rows), n, threshold);
        }
    }

    #[test]
    fn tiles_meet_without_gap_or_overlap() {
        // More rows than a tile has, and in a width that is no multiple of four.
        let rows = unit_rows(TILE_COLUMNS + TILE_ROWS + 13, 3, 7);
        let threshold = 0.9999;
        let pairs = pairs_at_least(rows.view(), threshold);
        let by_hand = |a: usize| {
            let rows = &rows;
            (a + 1..rows.nrows()).filter(move |&b| dot(rows.row(a), rows.row(b)) >= threshold).map(move |b| (a, b))
        };
        let expected: Vec<(usize, usize)> = (0..rows.nrows()).into_par_iter().flat_map_iter(by_hand).collect();
        let found: Vec<(usize, usize)> = pairs.iter().map(|pair| (pair.a as usize, pair.b as usize)).collect();
        assert!(expected.len() > 100);
        assert!(found == expected);
    }

    #[test]
    fn pairs_come_in_one_order_at_any_number_of_threads() {
        let rows = unit_rows(3 * TILE_ROWS, 4, 3);
        let at = |threads: usize, kernel: Kernel| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut pairs = Vec::new();
            let mut join = || {
                for_each_pair_at_least(rows.view(), &all(&rows), usize::MAX, 0.9, kernel, |found| {
                    pairs.extend_from_slice(found);
                });
            };
            pool.install(&mut join);
            pairs
        };
        for kernel in Kernel::available() {
            let one = at(1, kernel);
            assert!(!one.is_empty() && one == at(3, kernel));
        }
    }
}
