//! A map of all passages: rows of `dim` numbers are given places in the plane, so that rows which are alike lie
//! near each other.
//!
//! The method is UMAP (McInnes, Healy and Melville 2018, "UMAP: Uniform manifold approximation and projection
//! for dimension reduction", arXiv:1802.03426), with exact neighbours. It begins with the first two principal
//! components: where the clusters lie to each other is theirs, what lies within a cluster is UMAP's (Kobak and
//! Linderman 2021, "Initialization is critical for preserving global data structure in both t-SNE and UMAP",
//! Nature Biotechnology 39).
//!
//! Every different row counts once. Of more than [`MAX_SAMPLE`] a sample is laid out, and the others are put among
//! the rows of the sample that they are most like. Distances in the plane say who is near whom, not how far
//! apart: a page that draws them gives no scale.

mod components;
mod graph;
mod layout;
mod neighbours;

use ndarray::{Array2, ArrayView2, Axis, s};
use neighbours::Neighbour;
use rayon::prelude::*;
use twox_hash::XxHash3_64;

/// So many different rows are laid out at most.
pub const MAX_SAMPLE: usize = 20_000;
/// Rows beyond the sample are compared with all of it, or of very many with as much of it as makes so many
/// comparisons, but not with less than so many rows.
const MAX_COMPARISONS: usize = 2_000_000_000;
const MIN_COMPARED: usize = 2_000;
/// Neighbours of a row that decide its place; umap-learn's 15, of which one is the row itself.
const N_NEIGHBOURS: usize = 14;

/// Where each of the `(n, dim)` rows of unit length is drawn: `(n, 2)`, x and y from −1 to 1, of which the longer
/// extent is all. The same rows and `seed` give the same numbers at any number of threads.
///
/// `distinct` names a row for each class of copies, `class_of` (n) the class of each row; a row is put where
/// the one of its class is. Rows of the same numbers are put in one place as well.
///
/// # Panics
/// If a class or a row is named that is not there.
#[must_use]
pub fn project(rows: ArrayView2<f32>, distinct: &[usize], class_of: &[u32], seed: u64) -> Array2<f32> {
    assert_eq!(class_of.len(), rows.nrows(), "a class for each row");
    let order = Order::of(rows, distinct, seed);
    let n_sample = order.rows.len().min(MAX_SAMPLE);
    let mut places = places(rows, &order.rows, n_sample, seed);
    fit_to_range(&mut places);
    let of_class = |&class: &u32| places[order.place_of_class[class as usize] as usize];
    Array2::from(class_of.iter().map(of_class).collect::<Vec<[f32; 2]>>())
}

/// The rows that differ, in an order that is theirs: a prefix is a sample of them, whatever the order of the input.
struct Order {
    rows: Vec<u32>,
    /// Where the row of each class stands in it.
    place_of_class: Vec<u32>,
}

impl Order {
    /// By a seeded digest of the rows' numbers.
    fn of(rows: ArrayView2<f32>, distinct: &[usize], seed: u64) -> Self {
        let digest = |(class, &i): (usize, &usize)| {
            let row = rows.row(i).to_vec();
            (XxHash3_64::oneshot_with_seed(seed, bytemuck::cast_slice(&row)), class)
        };
        let mut digests: Vec<(u64, usize)> = distinct.par_iter().enumerate().map(digest).collect();
        digests.par_sort_unstable();
        let mut order = Self { rows: Vec::with_capacity(digests.len()), place_of_class: vec![0; distinct.len()] };
        for (_, class) in digests {
            let is_last = |&last: &u32| rows.row(last as usize) == rows.row(distinct[class]);
            if !order.rows.last().is_some_and(is_last) {
                order.rows.push(distinct[class] as u32);
            }
            order.place_of_class[class] = order.rows.len() as u32 - 1;
        }
        order
    }
}

/// Places of the rows `order`: of the first `n_sample` by UMAP, of the others among those.
fn places(rows: ArrayView2<f32>, order: &[u32], n_sample: usize, seed: u64) -> Vec<[f32; 2]> {
    let sample = gather(rows, &order[..n_sample]);
    let mut places = components::first_two(sample.view(), seed);
    let known = |neighbours: &[Neighbour]| graph::memberships(neighbours).collect::<Vec<_>>();
    let n_neighbours = N_NEIGHBOURS.min(n_sample.saturating_sub(1));
    let members = neighbours::of_each(rows, order, 0..n_sample, sample.view(), n_neighbours, known);
    layout::optimise(&mut places, &graph::union(&members), seed);
    let among = |neighbours: &[Neighbour]| mean(&places, graph::memberships(neighbours));
    let n_others = order.len() - n_sample;
    let n_compared = (MAX_COMPARISONS / n_others.max(1)).clamp(MIN_COMPARED.min(n_sample), n_sample);
    let compared = sample.slice(s![..n_compared, ..]);
    let others = neighbours::of_each(rows, order, n_sample..order.len(), compared, n_neighbours, among);
    places.extend(others);
    places
}

/// `(rows.len(), dim)` copies of the rows `of`.
fn gather(rows: ArrayView2<f32>, of: &[u32]) -> Array2<f32> {
    let of: Vec<usize> = of.iter().map(|&i| i as usize).collect();
    rows.select(Axis(0), &of)
}

/// The mean of the places of some rows, each with its weight.
fn mean(places: &[[f32; 2]], weights: impl Iterator<Item = (u32, f32)>) -> [f32; 2] {
    let (mut sum, mut total) = ([0.0; 2], 0.0);
    for (i, weight) in weights {
        let place = places[i as usize];
        sum = [sum[0] + weight * place[0], sum[1] + weight * place[1]];
        total += weight;
    }
    sum.map(|sum| sum / total)
}

/// Moves and scales places so that they reach from −1 to 1 along the longer side, and have 0 in the middle of both.
fn fit_to_range(places: &mut [[f32; 2]]) {
    let range = |axis: usize| {
        let values = || places.iter().map(|place| place[axis]);
        (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
    };
    let ranges = [range(0), range(1)];
    let middle = ranges.map(|(least, largest)| f32::midpoint(least, largest));
    let half = ranges.iter().map(|(least, largest)| (largest - least) / 2.0).fold(f32::MIN_POSITIVE, f32::max);
    for place in places {
        for axis in 0..2 {
            place[axis] = ((place[axis] - middle[axis]) / half).clamp(-1.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use proptest::prelude::*;

    /// Rows around centres, the `i`-th around the `i % centres.len()`-th; the noise is as long as `noise`.
    fn around(centres: &Array2<f32>, n: usize, noise: f32, seed: u64) -> Array2<f32> {
        let mut rows = unit_rows(n, centres.ncols(), seed) * noise;
        for (i, mut row) in rows.outer_iter_mut().enumerate() {
            row += &centres.row(i % centres.nrows());
            let length = row.dot(&row).sqrt();
            row /= length;
        }
        rows
    }

    /// The map of rows of which nothing is known but their numbers.
    fn map(rows: &Array2<f32>, seed: u64) -> Array2<f32> {
        let n = rows.nrows();
        project(rows.view(), &(0..n).collect::<Vec<_>>(), &(0..n as u32).collect::<Vec<_>>(), seed)
    }

    /// Of the 10 nearest places of each row, the share that belongs to the same of `k` clusters.
    fn share_of_own(places: &[[f32; 2]], of: std::ops::Range<usize>, k: usize) -> f64 {
        let distance = |i: usize, j: usize| (places[i][0] - places[j][0]).hypot(places[i][1] - places[j][1]);
        let of_row = |i: usize| {
            let mut others: Vec<usize> = (0..places.len()).filter(|&j| j != i).collect();
            others.sort_by(|&a, &b| distance(i, a).total_cmp(&distance(i, b)));
            others[..10].iter().filter(|&&j| j % k == i % k).count()
        };
        of.clone().map(of_row).sum::<usize>() as f64 / (10 * of.len()) as f64
    }

    fn as_places(map: &Array2<f32>) -> Vec<[f32; 2]> {
        map.outer_iter().map(|place| [place[0], place[1]]).collect()
    }

    #[test]
    fn clusters_that_are_apart_stay_apart() {
        let rows = around(&unit_rows(8, 24, 1), 320, 0.6, 2);
        let places = as_places(&map(&rows, 42));
        let share = share_of_own(&places, 0..320, 8);
        assert!(share > 0.99, "{share} of the nearest are of the same cluster");
    }

    #[test]
    fn rows_beyond_the_sample_are_put_among_those_like_them() {
        let rows = around(&unit_rows(8, 24, 1), 480, 0.6, 2);
        let order: Vec<u32> = (0..480).collect();
        let places = places(rows.view(), &order, 160, 42);
        let share = share_of_own(&places, 160..480, 8);
        assert!(share > 0.97, "{share} of the nearest are of the same cluster");
    }

    #[test]
    fn where_clusters_lie_to_each_other_is_said_by_the_principal_components() {
        // Nine clusters on a grid, each with enough rows that no neighbour is of another: nothing but the first
        // places knows how they lie to each other.
        let at = |cluster: usize| [(cluster % 3) as f32 - 1.0, (cluster / 3) as f32 - 1.0];
        let mut centres = Array2::zeros((9, 16));
        for (cluster, mut centre) in centres.outer_iter_mut().enumerate() {
            (centre[3], centre[5], centre[7]) = (at(cluster)[0], at(cluster)[1], 2.0);
        }
        let rows = around(&centres, 9 * 40, 0.2, 3);
        let distance = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        for seed in 0..3 {
            let places = as_places(&map(&rows, seed));
            let middle = |cluster: u32| mean(&places, (cluster..360).step_by(9).map(|i| (i, 1.0)));
            for cluster in 0..9 {
                // The nearest cluster on the map is one beside it on the grid, or over the corner.
                let others = (0..9).filter(|&other| other != cluster);
                let from_here = |&other: &u32| distance(middle(cluster), middle(other));
                let nearest = others.min_by(|a, b| from_here(a).total_cmp(&from_here(b))).unwrap();
                let on_grid = distance(at(cluster as usize), at(nearest as usize));
                assert!(on_grid < 1.5, "seed {seed}: {cluster} is beside {nearest}");
            }
        }
    }

    #[test]
    fn the_map_is_the_same_at_any_number_of_threads_and_in_any_order() {
        let rows = around(&unit_rows(5, 24, 1), 700, 0.8, 2);
        let order: Vec<u32> = (0..700).collect();
        let at = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            // With rows that are laid out, and rows that are put among them.
            pool.install(|| places(rows.view(), &order, 600, 7))
        };
        let bytes = |places: &[[f32; 2]]| bytemuck::cast_slice::<_, u8>(places).to_vec();
        assert!(bytes(&at(1)) == bytes(&at(2)));
        let turned: Vec<usize> = (0..700).rev().collect();
        let (straight, turned) = (map(&rows, 7), map(&rows.select(Axis(0), &turned), 7));
        assert!((0..700).all(|i| straight.row(i) == turned.row(699 - i)));
        assert!(straight != map(&rows, 8), "another seed is another map");
    }

    #[test]
    fn few_rows_have_places_too() {
        for (n, dim) in [(0, 0), (0, 4), (1, 4), (2, 4), (3, 4), (3, 1), (5, 0), (20, 2)] {
            let map = map(&unit_rows(n, dim, 1).mapv(|x| if x.is_finite() { x } else { 0.0 }), 42);
            assert_eq!(map.dim(), (n, 2));
            assert!(map.iter().all(|x| x.abs() <= 1.0), "{n} rows: {map}");
        }
        assert_eq!(map(&unit_rows(1, 4, 1), 42).row(0).to_vec(), [0.0, 0.0]);
    }

    #[test]
    fn rows_of_the_same_numbers_are_in_one_place() {
        let rows = unit_rows(3, 8, 1).select(Axis(0), &(0..90).map(|i| i % 3).collect::<Vec<_>>());
        let map = map(&rows, 42);
        assert!((3..90).all(|i| map.row(i) == map.row(i - 3)));
        assert_ne!(map.row(0), map.row(1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn places_are_in_range_and_copies_are_where_their_class_is(
            n in 2usize..60, dim in 1usize..20, n_classes in 2usize..30, seed: u64,
        ) {
            let rows = unit_rows(n, dim, seed);
            let n_classes = n_classes.min(n);
            let distinct: Vec<usize> = (0..n_classes).collect();
            let class_of: Vec<u32> = (0..n).map(|i| (i % n_classes) as u32).collect();
            let map = project(rows.view(), &distinct, &class_of, seed);
            for i in n_classes..n {
                prop_assert_eq!(map.row(i), map.row(i - n_classes));
            }
            let largest = map.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
            // In one dimension all rows may be the same.
            let is_point = dim == 1 && largest.abs() < f32::EPSILON;
            prop_assert!((largest - 1.0).abs() < f32::EPSILON || is_point, "{}", largest);
        }
    }
}
