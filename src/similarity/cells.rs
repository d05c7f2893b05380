//! Rows in cells, so that a join can be done cell by cell by machines that hold a part of the rows each.
//!
//! A row's home is the cell of the centre that it is most similar to. A pair of rows of different homes is found in
//! one of the two cells, which the row of the other one visits: which, their numbers say, so that each cell is visited
//! from half of the others. A row visits only cells that can hold a partner:
//! between the centres h of its own and c of another cell lies a plane through the origin, of unit normal
//! u = (h − c) / ‖h − c‖, and all rows at home with c are on the other side of it, y·u ≤ 0. So for unit rows
//! x·y ≤ √(1 − (x·u)²): the triangle inequality on angles (hyperplane partitioning; Zezula, Amato, Dohnal and Batko
//! 2006, "Similarity search: the metric space approach", section 1.5), and no pair is lost.

use super::{blocks, products, rounding};
use ndarray::{Array2, ArrayView1, ArrayView2};
use rayon::prelude::*;

/// Cells, by their centres.
#[derive(Clone, Debug)]
pub struct Cells {
    /// `(n, dim)` centres of unit length.
    centres: Array2<f32>,
    /// `(n, n)`: how far apart two centres are.
    gaps: Array2<f32>,
}

/// A row's home, and the other cells that it visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The cell of the centre that it is most similar to, the first of equals.
    pub home: u32,
    /// Cells that may hold rows alike to it, of those that it is its part to visit.
    pub visits: Vec<u32>,
}

impl Cells {
    /// Around these `(n, dim)` centres, at least one; each is scaled to unit length.
    #[must_use]
    pub fn new(mut centres: Array2<f32>) -> Self {
        for mut centre in centres.outer_iter_mut() {
            let norm = centre.dot(&centre).sqrt().max(f32::MIN_POSITIVE);
            centre /= norm;
        }
        let gaps = Array2::from_shape_fn((centres.nrows(), centres.nrows()), |(i, j)| {
            super::squared_distance(centres.row(i), centres.row(j)).sqrt()
        });
        Self { centres, gaps }
    }

    /// Where `(n, dim)` unit rows are to be compared, so that all pairs with a dot product of at least `threshold`
    /// are found, above 0.
    #[must_use]
    pub fn stays(&self, rows: ArrayView2<f32>, threshold: f32) -> Vec<Stay> {
        blocks(rows).into_par_iter().flat_map_iter(|block| self.stays_of_block(block, threshold)).collect()
    }

    /// The cells that `(n, dim)` unit rows are at home in.
    #[must_use]
    pub fn homes(&self, rows: ArrayView2<f32>) -> Vec<u32> {
        let home =
            |cosines: ArrayView2<f32>| cosines.outer_iter().map(|of_row| home(of_row) as u32).collect::<Vec<_>>();
        blocks(rows).into_par_iter().flat_map_iter(|block| home(self.cosines(block).view())).collect()
    }

    fn cosines(&self, rows: ArrayView2<f32>) -> Array2<f32> {
        let mut cosines = Array2::zeros((rows.nrows(), self.centres.nrows()));
        products(rows, self.centres.view(), cosines.view_mut());
        cosines
    }

    fn stays_of_block(&self, rows: ArrayView2<f32>, threshold: f32) -> Vec<Stay> {
        let cosines = self.cosines(rows);
        let slack = rounding(rows.ncols(), 1.0);
        let stay = |cosines: ArrayView1<f32>| {
            let home = home(cosines);
            let may_hold_partner = |&c: &usize| {
                // By how much rounding may have put x, and a row at home with c, on another side than they are on.
                let error = 2.0 * slack / self.gaps[[home, c]];
                let beyond = (cosines[home] - cosines[c]) / self.gaps[[home, c]] - error;
                let least = threshold - error - slack;
                // Not a number where centres are equal: then it may.
                !(beyond > 0.0 && least > 0.0 && beyond * beyond + least * least > 1.0)
            };
            let visited = (0..cosines.len()).filter(|&c| is_visited(c, home)).filter(may_hold_partner);
            Stay { home: home as u32, visits: visited.map(|c| c as u32).collect() }
        };
        cosines.outer_iter().map(stay).collect()
    }
}

/// The centre that a row is most similar to, the first of equals.
fn home(cosines: ArrayView1<f32>) -> usize {
    (0..cosines.len()).fold(0, |home, c| if cosines[c] > cosines[home] { c } else { home })
}

/// Whether it is rows of `home` that visit the cell, and not rows of the cell that visit `home`.
fn is_visited(cell: usize, home: usize) -> bool {
    cell != home && (cell < home) == ((cell + home) % 2 == 1)
}

#[cfg(test)]
mod tests {
    use super::super::tests::unit_rows;
    use super::super::{Kernel, for_each_pair_at_least, pairs_at_least};
    use super::*;
    use ndarray::Axis;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cell_by_cell_every_pair_is_found_once(
            n in 1usize..300, n_cells in 1usize..20, spread in 0.01f32..1.0, threshold in 0.3f32..1.0, seed: u64,
        ) {
            let (centres, noise) = (unit_rows(9, 8, seed), unit_rows(n, 8, !seed));
            let mut rows = Array2::from_shape_fn((n, 8), |(i, j)| centres[[i % 9, j]] + spread * noise[[i, j]]);
            for mut row in rows.outer_iter_mut() {
                let norm = row.dot(&row).sqrt();
                row /= norm;
            }
            // Some centres are equal.
            let chosen: Vec<usize> = (0..n_cells).map(|c| c * 7 % n).collect();
            let cells = Cells::new(rows.select(Axis(0), &chosen));
            let stays = cells.stays(rows.view(), threshold);
            let mut found = Vec::new();
            for cell in 0..n_cells as u32 {
                let at_home: Vec<u32> = (0..n as u32).filter(|&i| stays[i as usize].home == cell).collect();
                let visiting = (0..n as u32).filter(|&i| stays[i as usize].visits.contains(&cell));
                let of: Vec<u32> = at_home.iter().copied().chain(visiting).collect();
                for_each_pair_at_least(rows.view(), &of, at_home.len(), threshold, Kernel::fastest(), |pairs| {
                    let row = |place: u32| of[place as usize];
                    found.extend(pairs.iter().map(|pair| (row(pair.a).min(row(pair.b)), row(pair.a).max(row(pair.b)))));
                });
            }
            found.sort_unstable();
            let expected: Vec<(u32, u32)> =
                pairs_at_least(rows.view(), threshold).iter().map(|pair| (pair.a, pair.b)).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_row_far_from_the_border_visits_nobody() {
        let cells = Cells::new(ndarray::array![[1.0f32, 0.0], [0.0, 2.0]]);
        let rows = ndarray::array![[0.0f32, 1.0], [0.6, 0.8], [1.0, 0.0]];
        let stays = cells.stays(rows.view(), 0.9);
        let expected = [(1, vec![]), (1, vec![0]), (0, vec![])];
        assert_eq!(stays.into_iter().map(|stay| (stay.home, stay.visits)).collect::<Vec<_>>(), expected);
    }
}
