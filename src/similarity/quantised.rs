//! Rows in 8 bits, with a bound on what that costs.
//!
//! Row x becomes q = round(x / scale), whole numbers from −127 to 127 with a scale of its own, and
//! its error e = ‖x − q · scale‖ is measured. For rows no longer than N,
//!
//! |x·y − scale_x scale_y (qx·qy)| = |(x − x̂)·y + x̂·(y − ŷ)| ≤ ex N + (N + ex) ey,
//!
//! so a pair whose approximate product stays under the threshold by more than that is none. The bound
//! holds for any rows; it is tight where no dimension is much larger than the rest.

use super::kernel::{BLOCK, LeftBlock, Line, PANEL, Panel, Screen};
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;
use std::ops::Range;

/// The largest whole number.
const MOST: f32 = 127.0;
/// Wider rows could overflow a 32-bit sum: 65,536 · 255 · 127 < 2³¹.
pub(super) const MAX_DIM: usize = 65_536;

/// Rows in 8 bits. Memory: a byte for each number and eight for each row.
pub(super) struct Quantised {
    /// Groups of four dimensions, the last filled up with zeros.
    n_groups: usize,
    /// `(panels, n_groups, 32, 4)`: the numbers plus 128, the last panel filled up with zero rows.
    lines: Vec<[Line; 2]>,
    /// For each row its scale.
    scale: Vec<f32>,
    /// For each row (N + E) e, rounded up, with E the largest e. −∞ for a row that fills a panel.
    error: Vec<f32>,
    /// N + E, rounded up.
    reach: f32,
}

/// Left rows by twelves.
pub(super) struct Left<G> {
    n_groups: usize,
    groups: Vec<[G; BLOCK]>,
    offset: Vec<[i32; BLOCK]>,
    scale: Vec<[f32; BLOCK]>,
    least: Vec<[f32; BLOCK]>,
}

impl Quantised {
    /// The rows `of` the `(n, dim)` rows. `dim` is at most [`MAX_DIM`].
    pub fn of(rows: ArrayView2<f32>, of: &[u32]) -> Self {
        let n_groups = rows.ncols().div_ceil(4);
        let n_panels = of.len().div_ceil(PANEL);
        let mut lines = vec![[Line([128; 64]); 2]; n_panels * n_groups];
        let (mut scale, mut error) = (vec![[0.0; PANEL]; n_panels], vec![[f32::NEG_INFINITY; PANEL]; n_panels]);
        let norms = lines
            .par_chunks_mut(n_groups.max(1))
            .zip(scale.par_iter_mut().zip(&mut error))
            .zip(of.par_chunks(PANEL))
            .map(|((lines, (scale, error)), of)| {
                let mut norm: f64 = 0.0;
                for (j, &row) in of.iter().enumerate() {
                    let found = quantise(rows.row(row as usize), j, lines);
                    (scale[j], error[j]) = (found.scale, up(found.error));
                    norm = norm.max(found.norm);
                }
                norm
            });
        let norm = up(norms.reduce(|| 0.0, f64::max));
        let mut error = error.into_flattened();
        let reach = (norm + error.iter().fold(0.0, |a, &b| f32::max(a, b))).next_up();
        error.iter_mut().for_each(|error| *error = (*error * reach).next_up());
        Self { n_groups, lines, scale: scale.into_flattened(), error, reach }
    }

    /// Thirty-two rows from the `p` · 32nd on.
    pub fn panel(&self, p: usize) -> Panel<'_> {
        Panel {
            lines: &self.lines[p * self.n_groups..][..self.n_groups],
            scale: &self.scale.as_chunks().0[p],
            error: &self.error.as_chunks().0[p],
        }
    }

    /// The rows of a range as left rows, for products of at least `threshold`. Rows that fill up the
    /// last block survive with none.
    pub fn left<S: Screen>(&self, range: Range<usize>, threshold: f32) -> Left<S::Group> {
        let n_blocks = range.len().div_ceil(BLOCK);
        let mut left = Left {
            n_groups: self.n_groups,
            groups: vec![[S::Group::default(); BLOCK]; n_blocks * self.n_groups],
            offset: vec![[0; BLOCK]; n_blocks],
            scale: vec![[0.0; BLOCK]; n_blocks],
            least: vec![[f32::INFINITY; BLOCK]; n_blocks],
        };
        // Four roundings in f32 of numbers up to (N + E)², and that of the product which is compared
        // with the threshold in the end.
        let slack = 1e-6 * (1.0 + self.reach * self.reach + threshold.abs());
        for (i, row) in range.enumerate() {
            let (block, i) = (i / BLOCK, i % BLOCK);
            let mut sum = 0;
            for (g, lines) in self.panel(row / PANEL).lines.iter().enumerate() {
                let place = row % PANEL;
                let values =
                    lines[place / 16].0.as_chunks::<4>().0[place % 16].map(|value| (value ^ 128).cast_signed());
                sum += values.map(i32::from).iter().sum::<i32>();
                left.groups[block * self.n_groups + g][i] = S::group(values);
            }
            left.offset[block][i] = -128 * sum;
            left.scale[block][i] = self.scale[row];
            // `error` is (N + E) e: at least N e.
            left.least[block][i] = (threshold - self.error[row] - slack).next_down();
        }
        left
    }
}

impl<G> Left<G> {
    pub fn n_blocks(&self) -> usize {
        self.offset.len()
    }

    pub fn block(&self, b: usize) -> LeftBlock<'_, G> {
        LeftBlock {
            groups: &self.groups[b * self.n_groups..][..self.n_groups],
            offset: &self.offset[b],
            scale: &self.scale[b],
            least: &self.least[b],
        }
    }
}

struct Found {
    scale: f32,
    error: f64,
    norm: f64,
}

/// Writes a row into place `j` of a panel.
fn quantise(row: ArrayView1<f32>, j: usize, lines: &mut [[Line; 2]]) -> Found {
    let largest = row.iter().fold(0.0, |a: f32, &b| a.max(b.abs()));
    let scale = largest / MOST;
    let steps = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let steps = if steps.is_finite() { steps } else { 0.0 };
    let (mut error, mut norm) = (0.0, 0.0);
    for (k, &x) in row.iter().enumerate() {
        let q = (x * steps).round().clamp(-MOST, MOST);
        lines[k / 4][j / 16].0[j % 16 * 4 + k % 4] = (q as i8).cast_unsigned() ^ 128;
        error += (f64::from(x) - f64::from(q) * f64::from(scale)).powi(2);
        norm += f64::from(x).powi(2);
    }
    Found { scale, error: error.sqrt(), norm: norm.sqrt() }
}

/// To f32, not below.
fn up(x: f64) -> f32 {
    (x as f32).next_up()
}
