//! The rows of a sample that are most like a row: all of the sample are looked at, by blocked matrix products.

use super::gather;
use crate::similarity;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a task.
const BLOCK: usize = 256;
/// Rows of the sample at a time: their products with a block stay in a core's second-level cache.
const COLUMNS: usize = 1024;
/// Products that are looked at together.
const TOGETHER: usize = 16;

/// A row of the sample, by its place, and its cosine with the row that it is a neighbour of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    pub place: u32,
    pub cosine: f32,
}

/// What `made_of` makes of the `k` rows of the sample that are most like each of the rows `order[places]`, the
/// most alike first. The sample are the first rows of `order`; none of them is its own neighbour.
pub fn of_each<T: Send>(
    rows: ArrayView2<f32>,
    order: &[u32],
    places: Range<usize>,
    sample: ArrayView2<f32>,
    k: usize,
    made_of: impl Fn(&[Neighbour]) -> T + Sync,
) -> Vec<T> {
    let starts: Vec<usize> = places.clone().step_by(BLOCK).collect();
    let of_block = |start: usize| {
        let block = start..places.end.min(start + BLOCK);
        let gathered = gather(rows, &order[block.clone()]);
        let nearest = nearest(gathered.view(), start, sample, k);
        nearest.into_iter().map(|neighbours| made_of(&neighbours)).collect::<Vec<T>>()
    };
    starts.into_par_iter().flat_map_iter(of_block).collect()
}

/// The neighbours of the rows of one block, which begins at the place `start`.
fn nearest(block: ArrayView2<f32>, start: usize, sample: ArrayView2<f32>, k: usize) -> Vec<Vec<Neighbour>> {
    let mut nearest: Vec<Nearest> = (0..block.nrows()).map(|i| Nearest::new(start + i, k)).collect();
    let mut products = Array2::zeros((block.nrows(), COLUMNS.min(sample.nrows())));
    for first in (0..sample.nrows()).step_by(COLUMNS) {
        let columns = sample.slice(s![first..sample.nrows().min(first + COLUMNS), ..]);
        let mut products = products.slice_mut(s![.., ..columns.nrows()]);
        similarity::products(block, columns, products.view_mut());
        for (nearest, products) in nearest.iter_mut().zip(products.outer_iter()) {
            nearest.look_at(first, products.as_slice().unwrap_or_default());
        }
    }
    let exactly = |(i, nearest): (usize, Nearest)| {
        // Products depend on the CPU's instructions in their last bits, these do not.
        let cosine = |place: u32| similarity::dot(block.row(i), sample.row(place as usize));
        let mut found = nearest.found;
        found.iter_mut().for_each(|neighbour| neighbour.cosine = cosine(neighbour.place));
        found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.place.cmp(&b.place)));
        found
    };
    nearest.into_iter().enumerate().map(exactly).collect()
}

/// The `k` nearest of the rows looked at so far, the most alike first, of equals the earlier.
struct Nearest {
    own_place: usize,
    k: usize,
    found: Vec<Neighbour>,
    /// A row must be more alike than this to be among them.
    least: f32,
}

impl Nearest {
    fn new(own_place: usize, k: usize) -> Self {
        let least = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { own_place, k, found: Vec::with_capacity(k + 1), least }
    }

    /// Products with the rows of the sample from the place `first` on.
    fn look_at(&mut self, first: usize, products: &[f32]) {
        for (first, products) in (first..).step_by(TOGETHER).zip(products.chunks(TOGETHER)) {
            if products.iter().fold(f32::NEG_INFINITY, |most, &product| most.max(product)) <= self.least {
                continue;
            }
            for (place, &cosine) in (first..).zip(products) {
                if cosine > self.least && place != self.own_place {
                    self.insert(Neighbour { place: place as u32, cosine });
                }
            }
        }
    }

    fn insert(&mut self, neighbour: Neighbour) {
        let at = self.found.partition_point(|found| found.cosine >= neighbour.cosine);
        self.found.insert(at, neighbour);
        self.found.truncate(self.k);
        if self.found.len() == self.k {
            self.least = self.found[self.k - 1].cosine;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn neighbours_are_those_of_a_plain_search(n in 1usize..1500, sampled in 0.1f64..1.0, k in 0usize..20, seed: u64) {
            let rows = unit_rows(n, 6, seed);
            let order: Vec<u32> = (0..n as u32).rev().collect();
            let sample = gather(rows.view(), &order[..(n as f64 * sampled).ceil() as usize]);
            let k = k.min(sample.nrows() - 1);
            let found = of_each(rows.view(), &order, 0..n, sample.view(), k, <[Neighbour]>::to_vec);
            prop_assert_eq!(found.len(), n);
            for place in (0..n).step_by(97) {
                let row = rows.row(order[place] as usize);
                let mut cosines: Vec<(f32, usize)> = (0..sample.nrows())
                    .filter(|&other| other != place)
                    .map(|other| (similarity::dot(row, sample.row(other)), other))
                    .collect();
                cosines.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                prop_assert_eq!(found[place].len(), k);
                for (found, expected) in found[place].iter().zip(cosines) {
                    // Rows that rounding cannot tell apart may change places.
                    prop_assert!(found.place as usize == expected.1 || (found.cosine - expected.0).abs() < 1e-6);
                }
            }
        }
    }
}
