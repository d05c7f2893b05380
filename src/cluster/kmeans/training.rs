//! The rows that a fit works on, in an order that depends on nothing but their texts, or what is in them.
//!
//! Random choices fall on places in this order, and sums are made in it. So the same rows in another
//! order give the same clusters, a sample is a prefix, and a larger sample holds the smaller one.

use crate::similarity::{self, CoarsePoints, CoarseRows, Kernel, Nearest, NearestTo, rounding, squared_distance};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;
use std::borrow::Cow;
use twox_hash::XxHash3_64;

/// Rows of a task.
pub(in crate::cluster) const BLOCK: usize = 256;

/// Rows of an array in an order that is their own.
pub(in crate::cluster) struct Order {
    rows: Vec<u32>,
    /// How many of the rows differ from each other.
    n_distinct: usize,
}

impl Order {
    /// All rows as they stand, taken to be different.
    pub(in crate::cluster) fn as_given(n: usize) -> Self {
        Self::of_first(n, n)
    }

    /// Rows that come first of more and stand in their order; of all, so many differ from each other.
    pub(in crate::cluster) fn of_first(n: usize, n_distinct: usize) -> Self {
        Self { rows: (0..n as u32).collect(), n_distinct }
    }

    /// The rows `chosen` of `rows` in the order of a seeded digest: of the text that each row stands for, or
    /// where that is empty of its numbers. A text embedded in other company gives other last bits, and is to
    /// keep its place. Of rows with the same digest, the second gets another, so that a sample has its fair
    /// share of them.
    pub(in crate::cluster) fn by_digest(rows: ArrayView2<f32>, texts: &[&str], chosen: &[u32], seed: u64) -> Self {
        let mut different: Vec<u64> = chosen.par_iter().map(|&i| row_key(rows.row(i as usize), seed)).collect();
        let digest = |(&i, &of_numbers): (&u32, &u64)| match texts[i as usize] {
            "" => (of_numbers, i),
            text => (text_key(text, seed), i),
        };
        let mut digests: Vec<(u64, u32)> = chosen.par_iter().zip(&different).map(digest).collect();
        different.par_sort_unstable();
        different.dedup();
        digests.par_sort_unstable();
        for equal in digests.chunk_by_mut(|a, b| a.0 == b.0) {
            for (copy, (digest, _)) in (1u64..).zip(&mut equal[1..]) {
                *digest = XxHash3_64::oneshot_with_seed(*digest, &copy.to_le_bytes());
            }
        }
        digests.par_sort_unstable();
        Self { rows: digests.into_iter().map(|(_, i)| i).collect(), n_distinct: different.len() }
    }
}

/// What the rows of texts are put in order by.
pub(in crate::cluster) fn text_key(text: &str, seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, text.as_bytes())
}

/// The same of rows of which no text is known; equal for equal rows.
pub(in crate::cluster) fn row_key(row: ArrayView1<f32>, seed: u64) -> u64 {
    let numbers = row.to_slice().map_or_else(|| Cow::Owned(row.to_vec()), Cow::Borrowed);
    XxHash3_64::oneshot_with_seed(seed, bytemuck::cast_slice(&numbers))
}

/// The rows of a fit; a place is an index into their order. Nothing is copied: a copy of all rows would
/// double the memory of a run.
#[derive(Clone, Copy)]
pub(in crate::cluster) struct Training<'a> {
    rows: ArrayView2<'a, f32>,
    order: &'a [u32],
    n_distinct: usize,
}

impl<'a> Training<'a> {
    pub(in crate::cluster) fn new(rows: ArrayView2<'a, f32>, order: &'a Order) -> Self {
        Self { rows, order: &order.rows, n_distinct: order.n_distinct }
    }

    /// How many of the rows (of all, where this is a sample) differ from each other.
    pub(in crate::cluster) fn n_distinct(&self) -> usize {
        self.n_distinct
    }

    /// The first `most` of the rows: a sample, because the order is as good as random.
    pub(in crate::cluster) fn sample(self, most: usize) -> Self {
        Self { order: &self.order[..most.min(self.order.len())], ..self }
    }

    pub(in crate::cluster) fn len(&self) -> usize {
        self.order.len()
    }

    pub(in crate::cluster) fn dim(&self) -> usize {
        self.rows.ncols()
    }

    pub(in crate::cluster) fn row(&self, place: u32) -> ArrayView1<'_, f32> {
        self.rows.row(self.order[place as usize] as usize)
    }

    /// Where in the array the row at a place stands.
    pub(in crate::cluster) fn index(&self, place: u32) -> usize {
        self.order[place as usize] as usize
    }

    /// For each row from the place `start` on, in this order, the nearest of the `(k, dim)` centroids.
    pub(in crate::cluster) fn nearest(&self, start: usize, centroids: ArrayView2<f32>) -> Vec<Nearest> {
        let nearest_to = NearestTo::new(centroids);
        let places: Vec<u32> = (start as u32..self.len() as u32).collect();
        let block = |places: &[u32]| nearest_to.of_rows(self.gather(places.iter().copied()).view());
        places.par_chunks(BLOCK).flat_map_iter(block).collect()
    }

    /// `(places, dim)` copies of the rows at these places.
    pub(in crate::cluster) fn gather(&self, places: impl ExactSizeIterator<Item = u32>) -> Array2<f32> {
        let mut gathered = Vec::with_capacity(places.len() * self.dim());
        let n = places.len();
        for place in places {
            let row = self.row(place);
            match row.to_slice() {
                Some(row) => gathered.extend_from_slice(row),
                None => gathered.extend(row),
            }
        }
        Array2::from_shape_vec((n, self.dim()), gathered).unwrap_or_default()
    }
}

/// The rows of a fit, made ready to be compared with points again and again.
pub(in crate::cluster) struct Prepared<'a> {
    training: Training<'a>,
    /// None where the CPU has no kernel for it.
    coarse: Option<CoarseRows>,
}

impl<'a> Prepared<'a> {
    pub(in crate::cluster) fn new(training: Training<'a>) -> Self {
        Self::for_kernel(training, Kernel::fastest())
    }

    fn for_kernel(training: Training<'a>, kernel: Kernel) -> Self {
        let shape = (training.len(), training.dim());
        Self { training, coarse: CoarseRows::of(kernel, shape, |place| training.row(place as u32)) }
    }

    pub(in crate::cluster) fn training(&self) -> Training<'a> {
        self.training
    }

    pub(in crate::cluster) fn points<'p>(&'p self, points: ArrayView2<'p, f32>) -> Points<'p, 'a> {
        let coarse = self.coarse.as_ref().map(|rows| rows.points(points));
        Points { training: &self.training, all: points, coarse }
    }
}

/// Points that the rows of a fit are compared with.
pub(in crate::cluster) struct Points<'p, 'a> {
    training: &'p Training<'a>,
    all: ArrayView2<'p, f32>,
    coarse: Option<CoarsePoints<'p>>,
}

impl Points<'_, '_> {
    /// The squared distance of a row to a point: the only way in which it is computed, so that it is the same
    /// whatever the CPU has.
    pub(in crate::cluster) fn distance(&self, place: u32, point: u32) -> f32 {
        squared_distance(self.training.row(place), self.all.row(point as usize))
    }

    /// Hands to `found` each of the rows from `start` on (a multiple of [`BLOCK`]) with each point that is
    /// as near to it as `distances` says, and their squared distance. A point's rows come in their order.
    pub(in crate::cluster) fn as_near_as(&self, start: u32, distances: &[f32], mut found: impl FnMut(u32, u32, f32)) {
        self.maybe_as_near_as(start, distances, |place, point| {
            let distance = self.distance(place, point);
            if distance <= distances[(place - start) as usize] {
                found(place, point, distance);
            }
        });
    }

    /// The same with some points more, and no distance taken: for whom one of the distances is known.
    pub(in crate::cluster) fn maybe_as_near_as(&self, start: u32, distances: &[f32], mut found: impl FnMut(u32, u32)) {
        if let Some(coarse) = &self.coarse {
            coarse.as_near_as(start as usize, distances, |i, point| found(start + i as u32, point));
            return;
        }
        let rows = self.training.gather(start..start + distances.len() as u32);
        let norms = |rows: ArrayView2<f32>| rows.outer_iter().map(|row| row.dot(&row)).collect::<Vec<f32>>();
        let (of_rows, of_points) = (norms(rows.view()), norms(self.all));
        let largest = of_rows.iter().chain(&of_points).fold(0.0, |largest: f32, &norm| largest.max(norm));
        let slack = rounding(self.training.dim(), largest);
        let mut products = Array2::zeros((rows.nrows(), self.all.nrows()));
        similarity::products(rows.view(), self.all, products.view_mut());
        for ((i, point), product) in products.indexed_iter() {
            if of_rows[i] - 2.0 * product + of_points[point] <= distances[i] + 2.0 * slack {
                found(start + i as u32, point as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use ndarray::Axis;

    #[test]
    fn the_order_is_that_of_the_rows_and_not_of_their_positions() {
        let rows = unit_rows(50, 8, 1);
        let reversed: Vec<usize> = (0..50).rev().collect();
        let (all, turned): (Vec<u32>, _) = ((0..50).collect(), rows.select(Axis(0), &reversed));
        let order = |rows: &Array2<f32>, seed| Order::by_digest(rows.view(), &[""; 50], &all, seed).rows;
        let (first, second) = (order(&rows, 42), order(&turned, 42));
        assert_ne!(first, all);
        assert_eq!(first, second.iter().map(|&i| 49 - i).collect::<Vec<u32>>());
        assert_ne!(first, order(&rows, 43), "another seed is another order");
    }

    #[test]
    fn a_row_whose_last_bits_moved_keeps_the_place_of_its_text() {
        let rows = unit_rows(50, 8, 1);
        let moved = &rows * (1.0 + f32::EPSILON);
        assert_ne!(rows, moved);
        let texts: Vec<String> = (0..50).map(|i| format!("text {i}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let all: Vec<u32> = (0..50).collect();
        let order = |rows: &Array2<f32>, texts: &[&str]| Order::by_digest(rows.view(), texts, &all, 42).rows;
        assert_eq!(order(&rows, &texts), order(&moved, &texts));
        assert_ne!(order(&rows, &[""; 50]), order(&moved, &[""; 50]), "without texts there is nothing else to go by");
    }

    #[test]
    fn equal_rows_are_counted_once_and_sampled_as_often_as_they_are_there() {
        let of_three: Vec<usize> = (0..3000).map(|i| i % 3).collect();
        let rows = unit_rows(3, 8, 1).select(Axis(0), &of_three);
        let order = Order::by_digest(rows.view(), &vec![""; 3000], &(0..3000).collect::<Vec<_>>(), 7);
        let training = Training::new(rows.view(), &order);
        assert_eq!(training.n_distinct(), 3);
        let firsts = order.rows[..300].iter().filter(|&i| i % 3 == 0).count();
        assert!((60..140).contains(&firsts), "{firsts} of 300, a third expected");
        assert_eq!(training.gather([3, 1].into_iter()).row(1), training.row(1));
    }

    #[test]
    fn every_kernel_finds_the_same() {
        let (rows, points) = (unit_rows(200, 24, 1), unit_rows(30, 24, 2) * 0.8);
        let order = Order::as_given(200);
        let found = |kernel| {
            let prepared = Prepared::for_kernel(Training::new(rows.view(), &order), kernel);
            let mut found = Vec::new();
            let distances: Vec<f32> = (0..200).map(|i| 0.8 + i as f32 / 200.0).collect();
            prepared.points(points.view()).as_near_as(0, &distances, |place, point, distance| {
                found.push((place, point, distance.to_bits()));
            });
            found.sort_unstable();
            found
        };
        let expected = found(Kernel::Portable);
        assert!(expected.len() > 100);
        for kernel in Kernel::available() {
            assert!(found(kernel) == expected, "{}", kernel.name());
        }
    }
}
