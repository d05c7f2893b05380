//! A second, broader level over many clusters: each cluster gets a parent that it shares with the
//! clusters nearest to it.
//!
//! Parents come from Ward's linkage (Ward 1963, "Hierarchical grouping to optimize an objective
//! function"; the `kodama` crate) over the centroids, scaled to unit length so that the cosine decides.
//! A cluster counts once whatever its size: it is the list of clusters that has become too long to
//! read. So there are √k parents, which makes the list of parents about as long as the lists under
//! them; and none where k is below [`MIN_CLUSTERS`].

use crate::similarity;
use kodama::{Method, linkage};
use ndarray::{Array2, ArrayView2};
use std::cmp::Reverse;

/// Fewer clusters than this have no parents.
pub const MIN_CLUSTERS: usize = 20;

/// The parent of each cluster, of `(k, dim)` centroids and the clusters' sizes. Parents are numbered by
/// the passages under them, then by their first cluster. None if there are too few clusters.
#[must_use]
pub fn parents(centroids: ArrayView2<f32>, sizes: &[usize]) -> Option<Vec<u32>> {
    let n = centroids.nrows();
    if n < MIN_CLUSTERS {
        return None;
    }
    let n_parents = (n as f64).sqrt().round() as usize;
    let cosines = cosines(centroids);
    let mut distances = Vec::with_capacity(n * (n - 1) / 2);
    for i in 0..n {
        // ‖x − y‖² = 2 − 2 x·y for unit rows.
        distances.extend((i + 1..n).map(|j| (2.0 - 2.0 * cosines[[i, j]]).max(0.0).sqrt()));
    }
    let steps = linkage(&mut distances, n, Method::Ward);
    // Step i makes cluster n + i of two before it.
    let mut members: Vec<Vec<usize>> = (0..n).map(|cluster| vec![cluster]).collect();
    for step in &steps.steps()[..n - n_parents] {
        let mut merged = std::mem::take(&mut members[step.cluster1]);
        merged.append(&mut members[step.cluster2]);
        members.push(merged);
    }
    members.retain(|of| !of.is_empty());
    members.iter_mut().for_each(|of| of.sort_unstable());
    members.sort_by_key(|of| (Reverse(of.iter().map(|&cluster| sizes[cluster]).sum::<usize>()), of[0]));
    let mut parent = vec![0; n];
    for (number, of) in (0..).zip(&members) {
        of.iter().for_each(|&cluster| parent[cluster] = number);
    }
    Some(parent)
}

/// `(k, k)` cosines of the `(k, dim)` centroids with each other.
pub(crate) fn cosines(centroids: ArrayView2<f32>) -> Array2<f32> {
    let mut units = centroids.to_owned();
    for mut row in units.outer_iter_mut() {
        let norm = similarity::dot(row.view(), row.view()).sqrt().max(f32::MIN_POSITIVE);
        row /= norm;
    }
    let mut cosines = Array2::zeros((units.nrows(), units.nrows()));
    similarity::products(units.view(), units.view(), cosines.view_mut());
    cosines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use proptest::prelude::*;

    #[test]
    fn clusters_around_the_same_direction_share_a_parent() {
        // 25 centroids around 5 directions, of different lengths: √25 parents.
        let directions = unit_rows(5, 32, 1);
        let noise = unit_rows(25, 32, 2) * 0.3;
        let centroids =
            Array2::from_shape_fn((25, 32), |(i, j)| (directions[[i % 5, j]] + noise[[i, j]]) * (1.0 + i as f32));
        let sizes: Vec<usize> = (0..25).map(|i| 100 - i % 5 - i).collect();
        let found = parents(centroids.view(), &sizes).unwrap();
        assert_eq!(found, (0..25).map(|i| i % 5).collect::<Vec<_>>());
    }

    #[test]
    fn few_clusters_have_no_parents_and_equal_ones_do_not_matter() {
        assert_eq!(parents(unit_rows(MIN_CLUSTERS - 1, 8, 1).view(), &[1; MIN_CLUSTERS - 1]), None);
        let equal = Array2::from_elem((30, 4), 0.5_f32);
        let found = parents(equal.view(), &[1; 30]).unwrap();
        assert_eq!(found.iter().max(), Some(&4));
        assert!(parents(Array2::zeros((30, 4)).view(), &[1; 30]).is_some());
    }

    proptest! {
        #[test]
        fn there_are_as_many_parents_as_stated_the_largest_first(k in MIN_CLUSTERS..150, seed: u64) {
            let sizes: Vec<usize> = (0..k).map(|i| (seed as usize >> (i % 40)) % 97 + 1).collect();
            let found = parents(unit_rows(k, 8, seed).view(), &sizes).unwrap();
            let n = (k as f64).sqrt().round() as usize;
            let mut of_parent = vec![0; n];
            found.iter().zip(&sizes).for_each(|(&parent, size)| of_parent[parent as usize] += size);
            prop_assert!(of_parent.windows(2).all(|pair| pair[0] >= pair[1]) && of_parent[n - 1] > 0);
        }
    }
}
