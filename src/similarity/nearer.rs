//! Which points can be nearer to a row than one that is known, by products in 8 bits.
//!
//! The mean of some rows is taken from rows and points alike, which changes no distance and leaves shorter rows.
//! Then row x becomes s q and point c becomes r p, whole numbers q and p from −127 to 127, with errors ex = ‖x − s q‖
//! and ec = ‖c − r p‖ that are measured. For rows and errors of rows no longer than N and E, and points no
//! longer than C,
//!
//! |x·c − s r q·p| ≤ ex C + (N + E) ec.
//!
//! c is as near to x as √d only if x·c − ‖c‖²/2 ≥ (‖x‖² − d)/2, so only if
//!
//! q·p + (ex C − (‖x‖² − d)/2)/(s r) ≥ (‖c‖²/2 − (N + E) ec)/(s r),
//!
//! whole numbers that are added and compared, one term for each row and one for each point. Whoever asks takes
//! the distances to those points in f32. This is the assignment step of k-means with a quarter of the memory
//! traffic and several times the products per second.

use super::kernel::{BLOCK, LeftBlock, Line, PANEL, Panel, Screen};
use super::quantised::{LARGEST_MARGIN, MAX_DIM, as_margin, quantise, step};
use super::{Kernel, rounding};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

/// Rows that the centre and the step are taken from.
const SAMPLE: usize = 256;

/// Rows in 8 bits. Memory: a byte for each number and eight for each row.
pub(crate) struct CoarseRows {
    kernel: Kernel,
    /// Groups of four dimensions, the last filled up with zeros.
    n_groups: usize,
    /// `(panels, n_groups, 32, 4)`: the numbers plus 128, the last panel filled up with zero rows.
    lines: Vec<[Line; 2]>,
    /// For each row the length of its error.
    errors: Vec<f32>,
    /// For each row ‖x‖², of what is left of it.
    squared_norms: Vec<f32>,
    /// What is taken from rows and points.
    centre: Array1<f32>,
    /// s.
    step: f32,
    /// N, E.
    longest: f64,
    largest_error: f64,
}

/// Points that the rows are compared with.
pub(crate) struct CoarsePoints<'a> {
    rows: &'a CoarseRows,
    blocks: Box<dyn Blocks>,
    /// s r.
    step: f64,
    /// C.
    longest: f64,
    /// What rounding may have moved the terms by.
    slack: f64,
}

impl CoarseRows {
    /// `n` rows of `dim` numbers; none if the kernel is not one of 8-bit products, or they are too wide for it.
    pub(crate) fn of<'r>(
        kernel: Kernel,
        (n, dim): (usize, usize),
        row: impl Fn(usize) -> ArrayView1<'r, f32> + Sync,
    ) -> Option<Self> {
        if kernel == Kernel::Portable || dim > MAX_DIM || dim == 0 {
            return None;
        }
        let sampled: Vec<usize> = (0..n).step_by(n.div_ceil(SAMPLE).max(1)).collect();
        let mut sample = Array2::zeros((sampled.len(), dim));
        sample.outer_iter_mut().zip(sampled).for_each(|(mut copy, i)| copy.assign(&row(i)));
        let centre = sample.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(dim));
        let step = step(&(sample - &centre));
        let n_groups = dim.div_ceil(4);
        let mut lines = vec![[Line([128; 64]); 2]; n.div_ceil(PANEL) * n_groups];
        let panels = lines.par_chunks_mut(n_groups).enumerate();
        let measured: Vec<(f32, f32)> = panels
            .flat_map_iter(|(p, lines)| {
                let of_row = |i: usize| {
                    let row = &row(i) - &centre;
                    (quantise(row.view(), i % PANEL, step, 0, lines).all as f32, row.dot(&row))
                };
                (p * PANEL..n.min((p + 1) * PANEL)).map(of_row).collect::<Vec<_>>()
            })
            .collect();
        let (errors, squared_norms): (Vec<f32>, Vec<f32>) = measured.into_iter().unzip();
        let largest = |of: &[f32]| f64::from(of.iter().copied().fold(0.0, f32::max));
        let (longest, largest_error) = (largest(&squared_norms).sqrt(), largest(&errors));
        Some(Self { kernel, n_groups, lines, errors, squared_norms, centre, step, longest, largest_error })
    }

    /// Points of the rows' width.
    pub(crate) fn points(&self, points: ArrayView2<f32>) -> CoarsePoints<'_> {
        let points = &points - &self.centre;
        let squared_norms: Vec<f64> = points.outer_iter().map(|point| f64::from(point.dot(&point))).collect();
        let largest = squared_norms.iter().copied().fold(0.0, f64::max);
        // The numbers of shorter points are smaller by about as much.
        let shrunk = (f64::from(self.step) * largest.sqrt() / self.longest) as f32;
        let step = if (shrunk * self.step).is_normal() { shrunk } else { self.step };
        let both = f64::from(self.step) * f64::from(step);
        let reach = self.longest + self.largest_error;
        let least = |i: usize, error: f64| {
            let least = ((squared_norms[i] / 2.0 - reach * error) / both).floor() - 1.0;
            // Cut off below what any row can reach; above, all would pass.
            least.clamp(f64::from(i32::MIN), f64::from(LARGEST_MARGIN / 2)) as i32
        };
        let blocks: Box<dyn Blocks> = match self.kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => Box::new(PointBlocks::of(
                super::kernel::vnni::Vnni::new().expect("the CPU has AVX-512 VNNI"),
                points.view(),
                step,
                least,
            )),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => Box::new(PointBlocks::of(
                super::kernel::avx2::Avx2::new().expect("the CPU has AVX2"),
                points.view(),
                step,
                least,
            )),
            _ => unreachable!("rows are made for a kernel in 8 bits"),
        };
        let slack = f64::from(rounding(points.ncols(), largest.max(self.longest.powi(2)) as f32));
        CoarsePoints { rows: self, blocks, step: both, longest: largest.sqrt(), slack }
    }
}

impl CoarsePoints<'_> {
    /// Hands to `found` each of the rows from `start` on (a multiple of 32), counted from there, with each
    /// point that may be as near to it as the squared distance in `distances`, and maybe some that are not.
    pub(crate) fn as_near_as(&self, start: usize, distances: &[f32], mut found: impl FnMut(usize, u32)) {
        let rows = self.rows;
        for (p, distances) in (start / PANEL..).zip(distances.chunks(PANEL)) {
            let mut margin = [-LARGEST_MARGIN; PANEL];
            for (j, &distance) in distances.iter().enumerate() {
                let row = p * PANEL + j;
                let least = (f64::from(rows.squared_norms[row]) - f64::from(distance)) / 2.0 - self.slack;
                margin[j] = as_margin((f64::from(rows.errors[row]) * self.longest - least) / self.step);
            }
            let panel = Panel { lines: &rows.lines[p * rows.n_groups..][..rows.n_groups], error: &margin };
            for b in 0..self.blocks.len() {
                for (i, survivors) in self.blocks.survivors(b, &panel).into_iter().enumerate() {
                    let mut survivors = survivors & (u32::MAX >> (PANEL - distances.len()));
                    while survivors != 0 {
                        let j = survivors.trailing_zeros() as usize;
                        survivors &= survivors - 1;
                        found(p * PANEL + j - start, (b * BLOCK + i) as u32);
                    }
                }
            }
        }
    }
}

/// Points in blocks, in whatever instruction set.
trait Blocks: Send + Sync {
    fn len(&self) -> usize;

    fn survivors(&self, block: usize, panel: &Panel) -> [u32; BLOCK];
}

struct PointBlocks<S: Screen> {
    screen: S,
    n_groups: usize,
    groups: Vec<[S::Group; BLOCK]>,
    offset: Vec<[i32; BLOCK]>,
    least: Vec<[i32; BLOCK]>,
}

impl<S: Screen> PointBlocks<S> {
    /// `least` says what a point must reach, by its number and its error.
    fn of(screen: S, points: ArrayView2<f32>, step: f32, least: impl Fn(usize, f64) -> i32) -> Self {
        let (n_blocks, n_groups) = (points.nrows().div_ceil(BLOCK), points.ncols().div_ceil(4));
        let mut blocks = Self {
            screen,
            n_groups,
            groups: vec![[S::Group::default(); BLOCK]; n_blocks * n_groups],
            offset: vec![[0; BLOCK]; n_blocks],
            // Points that fill up the last block survive with no row.
            least: vec![[i32::MAX; BLOCK]; n_blocks],
        };
        let mut lines = vec![[Line([128; 64]); 2]; n_groups];
        for (i, point) in points.outer_iter().enumerate() {
            let error = quantise(point, 0, step, 0, &mut lines).all;
            let (block, place) = (i / BLOCK, i % BLOCK);
            let mut sum = 0;
            for (g, lines) in lines.iter().enumerate() {
                let values = lines[0].0.as_chunks::<4>().0[0].map(|value| (value ^ 128).cast_signed());
                sum += values.map(i32::from).iter().sum::<i32>();
                blocks.groups[block * n_groups + g][place] = S::group(values);
            }
            blocks.offset[block][place] = -128 * sum;
            blocks.least[block][place] = least(i, error);
        }
        blocks
    }
}

impl<S: Screen + Send> Blocks for PointBlocks<S> {
    fn len(&self) -> usize {
        self.least.len()
    }

    fn survivors(&self, block: usize, panel: &Panel) -> [u32; BLOCK] {
        let groups = &self.groups[block * self.n_groups..][..self.n_groups];
        let left = LeftBlock { groups, offset: &self.offset[block], least: &self.least[block] };
        self.screen.survivors(&left, panel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use proptest::prelude::*;

    const ROWS: usize = 2 * PANEL;

    proptest! {
        #[test]
        fn no_point_that_is_as_near_is_left_out(
            n in 1usize..300, k in 1usize..40, dim in 1usize..40, scale in -12i32..12, seed: u64,
        ) {
            let rows = unit_rows(n, dim, seed);
            let points = unit_rows(k, dim, !seed) * 2.0f32.powi(scale);
            let distance = |i: usize, c: usize| (&rows.row(i) - &points.row(c)).mapv(|d| d * d).sum();
            let distances: Vec<f32> = (0..n).map(|i| distance(i, i % k)).collect();
            for coarse in Kernel::available().into_iter().filter_map(|k| CoarseRows::of(k, (n, dim), |i| rows.row(i))) {
                let of_points = coarse.points(points.view());
                for (part, distances) in distances.chunks(ROWS).enumerate() {
                    let mut found = std::collections::BTreeSet::new();
                    of_points.as_near_as(part * ROWS, distances, |i, c| {
                        found.insert((i, c as usize));
                    });
                    for (i, &known) in distances.iter().enumerate() {
                        for c in (0..k).filter(|&c| distance(part * ROWS + i, c) <= known) {
                            prop_assert!(found.contains(&(i, c)), "row {i}, point {c}, {}", coarse.kernel.name());
                        }
                    }
                    prop_assert!(found.iter().all(|&(i, c)| i < distances.len() && c < k));
                }
            }
        }
    }

    #[test]
    fn hardly_a_point_that_is_farther_is_found() {
        let points = unit_rows(50, 384, 1);
        let noise = unit_rows(1000, 384, 2) * 0.5;
        let rows = Array2::from_shape_fn((1000, 384), |(i, j)| points[[i % 50, j]] + noise[[i, j]]);
        let Some(coarse) = CoarseRows::of(Kernel::fastest(), (1000, 384), |i| rows.row(i)) else { return };
        let mut n_found = 0;
        let of_points = coarse.points(points.view());
        for (part, distances) in [0.25f32; 1000].chunks(ROWS).enumerate() {
            of_points.as_near_as(part * ROWS, distances, |_, _| n_found += 1);
        }
        assert_eq!(n_found, 1000);
    }
}
