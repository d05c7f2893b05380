//! The first two principal components, by subspace iteration (Halko, Martinsson and Tropp 2011, "Finding structure
//! with randomness").

use crate::similarity;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// Directions that are followed: some more than two, so that the two come out soon.
const DIRECTIONS: usize = 8;
const ITERATIONS: usize = 12;

/// Where the rows of a sample (n, dim) lie along their first two principal components; 0 where there is none.
pub fn first_two(sample: ArrayView2<f32>, seed: u64) -> Vec<[f32; 2]> {
    let (n, dim) = sample.dim();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let start = Array2::from_shape_simple_fn((DIRECTIONS, dim), || random.next_u32() as f32 / u32::MAX as f32 - 0.5);
    let mut directions = orthonormal(&start);
    for _ in 0..ITERATIONS {
        let along = along(sample, directions.view());
        directions = orthonormal(&product(along.t(), sample.t()));
    }
    let along = along(sample, directions.view());
    (0..n).map(|i| [along[(i, 0)], along[(i, 1)]]).collect()
}

/// How far each row lies from the mean in each direction: (n, directions).
fn along(sample: ArrayView2<f32>, directions: ArrayView2<f32>) -> Array2<f32> {
    let along = product(sample, directions);
    let mean = along.mapv(f64::from).mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(directions.nrows()));
    along - mean.mapv(|mean| mean as f32)
}

/// The rows made orthogonal and of unit length one after the other (Gram and Schmidt, each twice), with the largest
/// of their numbers above 0. One that lies in what those before it span becomes 0.
fn orthonormal(rows: &Array2<f32>) -> Array2<f32> {
    let mut done = rows.mapv(f64::from);
    for i in 0..done.nrows() {
        let (before, mut rest) = done.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        let length = row.dot(&row).sqrt();
        for _ in 0..2 {
            for earlier in before.outer_iter() {
                let along = earlier.dot(&row);
                row.scaled_add(-along, &earlier);
            }
        }
        let left = row.dot(&row).sqrt();
        let largest =
            row.iter().copied().fold(0.0, |largest: f64, x| if x.abs() > largest.abs() { x } else { largest });
        row *= if left > 1e-6 * length { largest.signum() / left } else { 0.0 };
    }
    done.mapv(|x| x as f32)
}

/// x yᵀ.
fn product(x: ArrayView2<f32>, y: ArrayView2<f32>) -> Array2<f32> {
    let mut out = Array2::zeros((x.nrows(), y.nrows()));
    similarity::products(x, y, out.view_mut());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;

    #[test]
    fn components_are_the_directions_of_most_spread() {
        // Spread 3 along the dimension 4, 2 along the dimension 1, little along the others, about some mean.
        let mut rows = unit_rows(2000, 6, 1) * 0.1;
        let along = unit_rows(2000, 2, 2);
        for (mut row, along) in rows.outer_iter_mut().zip(along.outer_iter()) {
            row[4] += 3.0 * along[0] + 5.0;
            row[1] -= 2.0 * along[1] - 7.0;
        }
        let found = first_two(rows.view(), 42);
        for (found, row) in found.iter().zip(rows.outer_iter()) {
            assert!(
                (found[0] - (row[4] - 5.0)).abs() < 0.2 && (found[1] - (row[1] - 7.0)).abs() < 0.2,
                "{found:?} {row}"
            );
        }
        // The seed decides where the search begins, not what it finds.
        let other = first_two(rows.view(), 43);
        assert!(found.iter().zip(&other).all(|(a, b)| (a[0] - b[0]).abs() < 1e-3 && (a[1] - b[1]).abs() < 1e-3));
    }

    #[test]
    fn rows_on_a_line_have_one_component_and_equal_rows_none() {
        let line = Array2::from_shape_fn((9, 3), |(i, _)| i as f32);
        let found = first_two(line.view(), 42);
        assert!(found.is_sorted_by(|a, b| a[0] < b[0]) && found.iter().all(|place| place[1].abs() < 1e-4), "{found:?}");
        let equal = Array2::from_elem((9, 3), 0.5);
        assert!(first_two(equal.view(), 42).iter().all(|place| place.iter().all(|x| x.abs() < f32::EPSILON)));
        assert_eq!(first_two(Array2::zeros((2, 0)).view(), 42), [[0.0; 2]; 2]);
        assert!(first_two(Array2::zeros((0, 3)).view(), 42).is_empty());
    }
}
