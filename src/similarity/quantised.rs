//! Rows in 8 bits, with a bound on what that costs.
//!
//! All rows are first turned by one rotation, which changes no product (`rotation`). Row x becomes q =
//! round(x / s), whole numbers from −127 to 127 with one step s for all, and its error e = ‖x − s q‖ is
//! measured. For rows no longer than N, with E the largest error,
//!
//! |x·y − s² qx·qy| = |(x − x̂)·y + x̂·(y − ŷ)| ≤ ex N + (N + ex) ey ≤ (N + E) ex + (N + E) ey,
//!
//! so a pair whose product in 8 bits stays under the threshold by more than the margins (N + E) e of the
//! two is none. Of the first dimensions alone, where the rotation has put most of the rows' length, the
//! same holds with what the rest can add at most: ‖x'‖ ‖y'‖ ≤ ‖x'‖²/2 + ‖y'‖²/2, again a margin for each.
//!
//! All margins are counted in steps s², so that a kernel adds and compares whole numbers only.

use super::kernel::{BLOCK, LeftBlock, Line, PANEL, Panel, Screen};
use super::rotation::Rotation;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;
use std::ops::Range;

/// The largest whole number.
const MOST: f32 = 127.0;
/// Up to this width all sums stay under 2³¹: products reach 2²⁸, partial ones and offsets 2²⁹ and 2²⁸.
pub(super) const MAX_DIM: usize = 16_384;
/// Margins are cut off here, where they let every product pass.
pub(super) const LARGEST_MARGIN: i32 = 1 << 30;
/// What a pair must reach is cut off here, either way: above all products less margin, or under all.
const LARGEST_LEAST: f64 = (1 << 29) as f64;
/// Rows that are rotated at a time: a number of panels.
const ROWS: usize = 8 * PANEL;
/// Rows that a sample has.
const SAMPLE: usize = 2048;

/// Rows in 8 bits. Memory: a byte for each number and eight for each row.
pub(super) struct Quantised {
    /// Groups of four dimensions, the last filled up with zeros.
    n_groups: usize,
    /// Groups at the front that can be compared alone; none if 0.
    n_first: usize,
    /// `(panels, n_groups, 32, 4)`: the numbers plus 128, the last panel filled up with zero rows.
    lines: Vec<[Line; 2]>,
    /// For each row its margin; the least there is for a row that fills a panel.
    margin: Vec<i32>,
    /// The same for the first groups alone.
    first_margin: Vec<i32>,
    /// s².
    step: f64,
    /// What all products together may be wrong by, beside the margins.
    slack: f64,
}

/// Left rows by twelves.
pub(super) struct Left<G> {
    n_groups: usize,
    n_first: usize,
    groups: Vec<[G; BLOCK]>,
    all: Vec<Bounds>,
    first: Vec<Bounds>,
}

/// What a block needs beside its rows.
#[derive(Clone)]
struct Bounds {
    offset: [i32; BLOCK],
    least: [i32; BLOCK],
}

impl Quantised {
    /// The rows `of` the `(n, dim)` rows, to look for products of at least `threshold`. `dim` is at most
    /// [`MAX_DIM`].
    pub fn of(rows: ArrayView2<f32>, of: &[u32], threshold: f32) -> Self {
        let n_groups = rows.ncols().div_ceil(4);
        let n_panels = of.len().div_ceil(PANEL);
        let sampled: Vec<usize> = of.iter().step_by(of.len().div_ceil(SAMPLE).max(1)).map(|&i| i as usize).collect();
        let sample = rows.select(Axis(0), &sampled);
        let rotation = Rotation::of(&sample, of.len(), threshold);
        let n_first = rotation.as_ref().map_or(0, |rotation| rotation.n_first / 4);
        let step = step(&rotation.as_ref().map_or_else(|| sample.clone(), |rotation| rotation.rotated(sample.view())));
        let longest = of.par_iter().map(|&i| norm(rows.row(i as usize))).reduce(|| 0.0, f64::max);
        // Rotated rows are not quite as long, and not quite where they should be.
        let (stretch, shift) = rotation.as_ref().map_or((0.0, 0.0), |r| (r.stretch, r.shift * longest));
        let longest = longest * (1.0 + stretch);

        let mut lines = vec![[Line([128; 64]); 2]; n_panels * n_groups];
        let parts = lines.par_chunks_mut((n_groups * ROWS / PANEL).max(1)).zip(of.par_chunks(ROWS));
        let errors: Vec<Vec<Errors>> = parts
            .map(|(lines, of)| {
                let of: Vec<usize> = of.iter().map(|&i| i as usize).collect();
                let rows = rows.select(Axis(0), &of);
                let rows = rotation.as_ref().map_or(rows.clone(), |rotation| rotation.rotated(rows.view()));
                let places = rows.outer_iter().enumerate();
                places
                    .map(|(i, row)| quantise(row, i % PANEL, step, n_first, &mut lines[i / PANEL * n_groups..]))
                    .collect()
            })
            .collect();
        let reach = longest + errors.iter().flatten().map(|errors| errors.all + shift).fold(0.0, f64::max);
        let step = f64::from(step) * f64::from(step);
        let margin = |of: fn(&Errors) -> (f64, f64)| {
            let margin = |errors: &Errors| {
                let (error, rest) = of(errors);
                as_margin((reach * (error + shift) + (rest + shift).powi(2) / 2.0) / step * (1.0 + 1e-9))
            };
            let filled = std::iter::repeat_n(-LARGEST_MARGIN, n_panels * PANEL - of_len(&errors));
            errors.iter().flatten().map(margin).chain(filled).collect::<Vec<i32>>()
        };
        let margins = margin(|errors| (errors.all, 0.0));
        let first_margin = if n_first == 0 { vec![] } else { margin(|errors| (errors.first, errors.rest)) };
        // The rotation; and the rounding to f32 of the product that is compared with the threshold in the end.
        let slack = stretch * longest * longest + 1e-6 * (1.0 + longest * longest + f64::from(threshold.abs()));
        Self { n_groups, n_first, lines, margin: margins, first_margin, step, slack }
    }

    /// Thirty-two rows from the `p` · 32nd on.
    pub fn panel(&self, p: usize) -> Panel<'_> {
        Panel { lines: &self.lines[p * self.n_groups..][..self.n_groups], error: &self.margin.as_chunks().0[p] }
    }

    /// Their first dimensions, if those can be compared alone.
    pub fn first_of_panel(&self, p: usize) -> Option<Panel<'_>> {
        let error = self.first_margin.as_chunks().0.get(p)?;
        Some(Panel { lines: &self.lines[p * self.n_groups..][..self.n_first], error })
    }

    /// The rows of a range as left rows, for products of at least `threshold`. Rows that fill up the
    /// last block survive with none.
    pub fn left<S: Screen>(&self, range: Range<usize>, threshold: f32) -> Left<S::Group> {
        let n_blocks = range.len().div_ceil(BLOCK);
        let none = Bounds { offset: [0; BLOCK], least: [LARGEST_LEAST as i32; BLOCK] };
        let mut left = Left {
            n_groups: self.n_groups,
            n_first: self.n_first,
            groups: vec![[S::Group::default(); BLOCK]; n_blocks * self.n_groups],
            all: vec![none.clone(); n_blocks],
            first: vec![none; n_blocks],
        };
        let least = |margin: i32| {
            let least = ((f64::from(threshold) - self.slack) / self.step).floor() - 1.0 - f64::from(margin);
            least.clamp(-LARGEST_LEAST, LARGEST_LEAST) as i32
        };
        for (i, row) in range.enumerate() {
            let (block, i) = (i / BLOCK, i % BLOCK);
            let (mut sum, place) = (0, row % PANEL);
            for (g, lines) in self.panel(row / PANEL).lines.iter().enumerate() {
                if g == self.n_first && g > 0 {
                    left.first[block].offset[i] = -128 * sum;
                    left.first[block].least[i] = least(self.first_margin[row]);
                }
                let values =
                    lines[place / 16].0.as_chunks::<4>().0[place % 16].map(|value| (value ^ 128).cast_signed());
                sum += values.map(i32::from).iter().sum::<i32>();
                left.groups[block * self.n_groups + g][i] = S::group(values);
            }
            left.all[block].offset[i] = -128 * sum;
            left.all[block].least[i] = least(self.margin[row]);
        }
        left
    }
}

impl<G> Left<G> {
    pub fn n_blocks(&self) -> usize {
        self.all.len()
    }

    pub fn block(&self, b: usize) -> LeftBlock<'_, G> {
        let groups = &self.groups[b * self.n_groups..][..self.n_groups];
        LeftBlock { groups, offset: &self.all[b].offset, least: &self.all[b].least }
    }

    /// The first dimensions of a block.
    pub fn first_of_block(&self, b: usize) -> LeftBlock<'_, G> {
        let groups = &self.groups[b * self.n_groups..][..self.n_first];
        LeftBlock { groups, offset: &self.first[b].offset, least: &self.first[b].least }
    }
}

/// A margin in whole steps, rounded up.
pub(super) fn as_margin(margin: f64) -> i32 {
    // As a cast does it: too large a number becomes the largest.
    (margin.ceil() as i32).saturating_add(1).clamp(-LARGEST_MARGIN, LARGEST_MARGIN)
}

/// What 8 bits leave of a row: lengths.
pub(super) struct Errors {
    /// Of what is lost.
    pub(super) all: f64,
    /// Of what is lost in the first dimensions.
    first: f64,
    /// Of the row without the first dimensions.
    rest: f64,
}

/// Writes a row into place `j` of a panel.
pub(super) fn quantise(row: ArrayView1<f32>, j: usize, step: f32, n_first: usize, lines: &mut [[Line; 2]]) -> Errors {
    match row.as_slice() {
        Some(row) => quantise_slice(row, j, step, n_first, lines),
        None => quantise_slice(&row.to_vec(), j, step, n_first, lines),
    }
}

fn quantise_slice(row: &[f32], j: usize, step: f32, n_first: usize, lines: &mut [[Line; 2]]) -> Errors {
    // Added to a number of at most 2²², this leaves no bits for a fraction: it rounds, and in vector registers.
    const ROUND: f32 = 1.5 * (1 << 23) as f32;
    let (mut lost, mut rest) = ([0.0; 4], [0.0; 4]);
    let mut first = 0.0;
    let mut write = |g: usize, x: [f32; 4]| {
        if g == n_first {
            first = lost.iter().sum();
        }
        let q = x.map(|x| (x / step).clamp(-MOST, MOST) + ROUND - ROUND);
        for k in 0..4 {
            lost[k] += (f64::from(x[k]) - f64::from(q[k]) * f64::from(step)).powi(2);
            rest[k] += if g >= n_first { f64::from(x[k]).powi(2) } else { 0.0 };
        }
        lines[g][j / 16].0.as_chunks_mut().0[j % 16] = q.map(|q| (q as i8).cast_unsigned() ^ 128);
    };
    let (groups, last) = row.as_chunks::<4>();
    groups.iter().enumerate().for_each(|(g, &x)| write(g, x));
    if !last.is_empty() {
        let mut x = [0.0; 4];
        x[..last.len()].copy_from_slice(last);
        write(groups.len(), x);
    }
    let all: f64 = lost.iter().sum();
    Errors { all: all.sqrt(), first: first.sqrt(), rest: rest.iter().sum::<f64>().sqrt() }
}

/// The step with which a sample of rows loses the least. Rows that reach beyond 127 steps are cut off
/// there, which their errors show.
pub(super) fn step(sample: &Array2<f32>) -> f32 {
    let mut largest: Vec<f32> =
        sample.outer_iter().map(|row| row.iter().fold(0.0, |most: f32, x| most.max(x.abs()))).collect();
    largest.sort_unstable_by(f32::total_cmp);
    let candidates = (1..=8).filter_map(|eighth| largest.get((largest.len() * eighth / 8).saturating_sub(1)));
    let lost = |step: f32| -> f64 {
        let mut lines = vec![[Line([0; 64]); 2]; sample.ncols().div_ceil(4)];
        sample.outer_iter().map(|row| quantise(row, 0, step, 0, &mut lines).all).sum()
    };
    let steps = candidates.map(|&largest| largest / MOST).filter(|&step| step.is_normal() && (step * step).is_normal());
    let steps: Vec<(f64, f32)> = steps.map(|step| (lost(step), step)).collect();
    steps.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0 / MOST, |(_, step)| step)
}

fn norm(row: ArrayView1<f32>) -> f64 {
    row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

fn of_len(parts: &[Vec<Errors>]) -> usize {
    parts.iter().map(Vec::len).sum()
}
