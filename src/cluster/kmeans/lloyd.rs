//! Lloyd's iteration, exact.
//!
//! A row's first distances to all centroids are one line of a blocked matrix product, unless the choice of the
//! starts has told which is its nearest. From then on each row has a centroid, and only those matter that may
//! be nearer: products in 8 bits find them (`similarity::CoarseRows`), and the few that they let through are
//! compared in f32. Where the CPU has no kernel for that, every iteration is a matrix product. Sums are kept in
//! f64 from one iteration to the next, and only rows that changed their cluster are moved.

use super::starts::Starts;
use super::training::{BLOCK, Points, Prepared, Training};
use crate::similarity::Nearest;
use ndarray::{Array2, Axis, Zip};
use rayon::prelude::*;

/// When an iteration is the last.
#[derive(Clone, Copy)]
pub(in crate::cluster) struct Stop {
    /// So many have been made.
    pub(in crate::cluster) max_iterations: usize,
    /// At most one row in so many has changed its cluster.
    pub(in crate::cluster) rows_per_late_change: usize,
}

/// The cluster of a row that has none yet.
const NONE: u32 = u32::MAX;

/// What came of one start.
pub(in crate::cluster) struct Fitted {
    /// `(k, dim)`.
    pub(in crate::cluster) centroids: Array2<f32>,
    /// Sum of squared distances of the training rows to these centroids.
    pub(in crate::cluster) inertia: f64,
    /// For each training row, in training order, the nearest of them.
    pub(in crate::cluster) nearest: Vec<Nearest>,
    /// Times that the centroids were moved.
    pub(in crate::cluster) n_iterations: usize,
}

impl Fitted {
    pub(in crate::cluster) fn new(centroids: Array2<f32>, nearest: Vec<Nearest>, n_iterations: usize) -> Self {
        let inertia = nearest.iter().map(|nearest| f64::from(nearest.distance)).sum();
        Self { centroids, inertia, nearest, n_iterations }
    }

    /// Iterates from where this ended.
    pub(in crate::cluster) fn go_on(self, rows: &Prepared, stop: Stop) -> Self {
        let left = Stop { max_iterations: stop.max_iterations.saturating_sub(self.n_iterations), ..stop };
        let ended = lloyd(rows, Starts { centroids: self.centroids, known: self.nearest }, left);
        Self { n_iterations: self.n_iterations + ended.n_iterations, ..ended }
    }
}

/// The fit with the least inertia, the first of equals.
pub(in crate::cluster) fn best_of(fits: impl Iterator<Item = Fitted>) -> Option<Fitted> {
    fits.reduce(|best, next| if next.inertia < best.inertia { next } else { best })
}

/// A row that goes from one cluster (none at first) to another.
struct Change {
    place: u32,
    from: u32,
    to: u32,
}

/// Iterates from `starts`. The clusters and the inertia are those of the centroids that are returned.
pub(in crate::cluster) fn lloyd(rows: &Prepared, starts: Starts, stop: Stop) -> Fitted {
    let training = rows.training();
    let Starts { mut centroids, known: mut nearest } = starts;
    nearest.extend(training.nearest(nearest.len(), centroids.view()));
    let mut changes: Vec<Change> =
        (0..).zip(&nearest).map(|(place, nearest)| Change { place, from: NONE, to: nearest.centroid }).collect();
    let mut sums = Sums::new(centroids.dim());
    let mut n_iterations = 0;
    while n_iterations < stop.max_iterations {
        sums.apply(training, &changes);
        let refilled = refill_empty(&sums.counts, &mut nearest);
        sums.apply(training, &refilled);
        centroids = sums.means(&centroids);
        n_iterations += 1;
        changes = assign(&rows.points(centroids.view()), &mut nearest);
        if changes.len() <= training.len() / stop.rows_per_late_change {
            break;
        }
    }
    Fitted::new(centroids, nearest, n_iterations)
}

/// Gives every row its nearest centroid, of equals the first, and returns what changed, in training order.
fn assign(centroids: &Points, nearest: &mut [Nearest]) -> Vec<Change> {
    let blocks = nearest.par_chunks_mut(BLOCK).enumerate();
    let changes = blocks.flat_map_iter(|(block, nearest)| {
        let start = (block * BLOCK) as u32;
        let before: Vec<u32> = nearest.iter().map(|nearest| nearest.centroid).collect();
        (start..).zip(&mut *nearest).for_each(|(place, nearest)| {
            nearest.distance = centroids.distance(place, nearest.centroid);
        });
        let known: Vec<f32> = nearest.iter().map(|nearest| nearest.distance).collect();
        centroids.maybe_as_near_as(start, &known, |place, cluster| {
            let i = (place - start) as usize;
            // The distance to its own is known.
            if cluster == before[i] {
                return;
            }
            let distance = centroids.distance(place, cluster);
            let nearest = &mut nearest[i];
            if (distance, cluster) < (nearest.distance, nearest.centroid) {
                *nearest = Nearest { centroid: cluster, distance };
            }
        });
        let change = |(place, (from, nearest)): (u32, (u32, &Nearest))| {
            (nearest.centroid != from).then_some(Change { place, from, to: nearest.centroid })
        };
        (start..).zip(before.into_iter().zip(&*nearest)).filter_map(change).collect::<Vec<_>>()
    });
    changes.collect()
}

/// A cluster without rows begins anew at one of the rows that are farthest from their centroids; such
/// a row must leave its old cluster with at least one other.
fn refill_empty(counts: &[u32], nearest: &mut [Nearest]) -> Vec<Change> {
    let mut counts = counts.to_vec();
    let empty: Vec<u32> = (0..counts.len() as u32).filter(|&cluster| counts[cluster as usize] == 0).collect();
    if empty.is_empty() {
        return vec![];
    }
    let mut far: Vec<u32> = (0..nearest.len() as u32).collect();
    let distance = |place: u32| nearest[place as usize].distance;
    far.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)).then(a.cmp(&b)));
    let mut far = far.into_iter();
    let mut changes = Vec::new();
    for to in empty {
        let taken = far.find(|&place| counts[nearest[place as usize].centroid as usize] > 1);
        let Some(place) = taken else { break };
        let nearest = &mut nearest[place as usize];
        counts[nearest.centroid as usize] -= 1;
        changes.push(Change { place, from: nearest.centroid, to });
        *nearest = Nearest { centroid: to, distance: 0.0 };
    }
    changes
}

/// Sums and numbers of the rows of each cluster.
struct Sums {
    /// `(k, dim)`.
    sums: Array2<f64>,
    counts: Vec<u32>,
}

impl Sums {
    fn new((n_clusters, dim): (usize, usize)) -> Self {
        Self { sums: Array2::zeros((n_clusters, dim)), counts: vec![0; n_clusters] }
    }

    /// Moves rows from cluster to cluster. Each cluster's rows are added by one thread in training
    /// order, so the sums do not depend on the number of threads.
    fn apply(&mut self, training: Training, changes: &[Change]) {
        let mut by_cluster: Vec<Vec<(u32, f64)>> = vec![vec![]; self.counts.len()];
        for change in changes {
            by_cluster[change.to as usize].push((change.place, 1.0));
            self.counts[change.to as usize] += 1;
            if change.from != NONE {
                by_cluster[change.from as usize].push((change.place, -1.0));
                self.counts[change.from as usize] -= 1;
            }
        }
        self.sums.axis_iter_mut(Axis(0)).into_par_iter().zip(by_cluster).for_each(|(mut sum, changes)| {
            for (place, sign) in changes {
                let of_row = Zip::from(&mut sum).and(training.row(place));
                of_row.for_each(|sum, &value| *sum += sign * f64::from(value));
            }
        });
    }

    /// The means; a cluster without rows keeps its centroid.
    fn means(&self, before: &Array2<f32>) -> Array2<f32> {
        let mut means = before.clone();
        for ((mut mean, sum), &count) in means.outer_iter_mut().zip(self.sums.outer_iter()).zip(&self.counts) {
            if count > 0 {
                mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean = (sum / f64::from(count)) as f32);
            }
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kmeans::training::Order;
    use crate::similarity::tests::unit_rows;
    use ndarray::{ArrayView1, array};
    use proptest::prelude::*;

    fn lloyd(training: Training, starts: Array2<f32>, max_iterations: usize) -> Fitted {
        super::lloyd(&Prepared::new(training), starts.into(), Stop { max_iterations, rows_per_late_change: 1000 })
    }

    fn clusters(fitted: &Fitted) -> Vec<u32> {
        fitted.nearest.iter().map(|nearest| nearest.centroid).collect()
    }

    /// Every row's nearest centroid and its squared distance, from the differences in f64. None if a row is as
    /// near to another one, but for what the fit's f32 may round.
    fn assign(rows: &Array2<f32>, centroids: &Array2<f32>) -> Option<Vec<(u32, f64)>> {
        let nearest = |row: ArrayView1<f32>| {
            let distance = |centroid: ArrayView1<f32>| (&row - &centroid).mapv(|d| f64::from(d).powi(2)).sum();
            let mut by_distance: Vec<(u32, f64)> = (0..).zip(centroids.outer_iter().map(distance)).collect();
            by_distance.sort_by(|a, b| a.1.total_cmp(&b.1));
            let is_tie = by_distance.get(1).is_some_and(|second| second.1 - by_distance[0].1 < 2e-6);
            (!is_tie).then_some(by_distance[0])
        };
        rows.outer_iter().map(nearest).collect()
    }

    /// The plain twin, with its centroids: every distance in every iteration, every mean from all its rows. None
    /// if a cluster loses all its rows on the way, or two are equally near to a row.
    fn by_hand(rows: &Array2<f32>, starts: &Array2<f32>, n_iterations: usize) -> Option<ByHand> {
        let mut centroids = starts.clone();
        for _ in 0..n_iterations {
            let nearest = assign(rows, &centroids)?;
            for (c, mut centroid) in (0..).zip(centroids.outer_iter_mut()) {
                let members: Vec<usize> = (0..rows.nrows()).filter(|&i| nearest[i].0 == c).collect();
                let mean = rows.select(Axis(0), &members).mapv(f64::from).mean_axis(Axis(0))?;
                centroid.assign(&mean.mapv(|value| value as f32));
            }
        }
        Some((assign(rows, &centroids)?, centroids))
    }

    type ByHand = (Vec<(u32, f64)>, Array2<f32>);

    #[test]
    fn a_cluster_without_rows_begins_anew_at_the_farthest_row() {
        // All rows are nearest to the first centroid, and the last row is the farthest from it.
        let rows = array![[1.0f32, 0.0], [0.9, 0.0], [0.0, 1.0], [-1.0, 0.0]];
        let fitted = lloyd(Training::new(rows.view(), &Order::as_given(4)), array![[0.6f32, 0.2], [-9.0, -9.0]], 1);
        assert_eq!(fitted.centroids.row(1).to_vec(), [-1.0, 0.0]);
        assert!((&fitted.centroids.row(0) - &array![1.9 / 3.0, 1.0 / 3.0]).iter().all(|d: &f32| d.abs() < 1e-6));
        assert_eq!(clusters(&fitted), [0, 0, 0, 1]);
    }

    #[test]
    fn a_fit_that_goes_on_ends_like_one_that_was_not_cut_short() {
        let (centres, noise) = (unit_rows(7, 12, 1), unit_rows(300, 12, 2));
        let rows = Array2::from_shape_fn((300, 12), |(i, j)| centres[[i % 7, j]] + noise[[i, j]]);
        let order = Order::as_given(300);
        let prepared = Prepared::new(Training::new(rows.view(), &order));
        let starts = || Starts::from(rows.slice(ndarray::s![..9, ..]).to_owned());
        let stop = |max_iterations| Stop { max_iterations, rows_per_late_change: 1000 };
        let whole = super::lloyd(&prepared, starts(), stop(20));
        let in_two = super::lloyd(&prepared, starts(), stop(3)).go_on(&prepared, stop(20));
        assert!(whole.n_iterations > 3);
        assert_eq!((whole.n_iterations, clusters(&whole)), (in_two.n_iterations, clusters(&in_two)));
    }

    proptest! {
        #[test]
        fn what_is_not_looked_at_changes_nothing(
            n in 1usize..400, k in 1usize..20, n_iterations in 0usize..12, spread in 0.05f32..1.0, seed: u64,
        ) {
            let (centres, noise) = (unit_rows(7, 12, seed), unit_rows(n, 12, !seed));
            let rows = Array2::from_shape_fn((n, 12), |(i, j)| centres[[i % 7, j]] + spread * noise[[i, j]]);
            let order = Order::as_given(n);
            // Starts at rows, so that no cluster is empty at first.
            let starts = rows.slice(ndarray::s![..k.min(n), ..]).to_owned();
            let fitted = lloyd(Training::new(rows.view(), &order), starts.clone(), n_iterations);
            let by_hand = by_hand(&rows, &starts, fitted.n_iterations);
            prop_assume!(by_hand.is_some());
            let (nearest, centroids) = by_hand.unwrap();
            prop_assert_eq!(clusters(&fitted), nearest.iter().map(|nearest| nearest.0).collect::<Vec<_>>());
            prop_assert!((&fitted.centroids - &centroids).iter().all(|d| d.abs() < 1e-5));
            let inertia: f64 = nearest.iter().map(|nearest| nearest.1).sum();
            prop_assert!((fitted.inertia - inertia).abs() <= 1e-4 * n as f64);
        }

        #[test]
        fn an_iteration_never_raises_the_inertia(n in 3usize..120, k in 1usize..12, seed: u64) {
            let rows = unit_rows(n, 6, seed);
            let order = Order::as_given(n);
            let starts = unit_rows(k.min(n), 6, !seed);
            let inertias = (0..6).map(|most| lloyd(Training::new(rows.view(), &order), starts.clone(), most).inertia);
            let inertias: Vec<f64> = inertias.collect();
            prop_assert!(inertias.windows(2).all(|pair| pair[1] <= pair[0] + 1e-4), "{inertias:?}");
        }
    }
}
