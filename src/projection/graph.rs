//! UMAP's weighted graph of neighbours (McInnes, Healy and Melville 2018, section 3.1).

use super::neighbours::Neighbour;

/// Halvings of the interval in which the scale of a row lies; umap-learn's.
const HALVINGS: usize = 64;
/// A scale is at least this share of the mean distance to the neighbours; umap-learn's.
const MIN_SCALE: f64 = 1e-3;

/// Two rows of the sample by their places, and how surely they are neighbours, over 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub from: u32,
    pub to: u32,
    pub weight: f32,
}

/// How surely each neighbour of a row is one: exp(−(d − ρ)/σ) for the cosine distance d, where ρ is the distance to
/// the nearest that is not the same, and σ is such that these sum to log₂(k + 1) for k neighbours.
pub(super) fn memberships(neighbours: &[Neighbour]) -> impl Iterator<Item = (u32, f32)> {
    let distances: Vec<f64> = neighbours.iter().map(|n| f64::from((1.0 - n.cosine).max(0.0))).collect();
    let nearest = distances.iter().copied().find(|&distance| distance > 0.0).unwrap_or(0.0);
    let scale = scale(&distances, nearest);
    let weight = move |distance: f64| membership(distance - nearest, scale) as f32;
    neighbours.iter().zip(distances).map(move |(neighbour, distance)| (neighbour.place, weight(distance)))
}

fn membership(beyond: f64, scale: f64) -> f64 {
    if beyond > 0.0 { (-beyond / scale).exp() } else { 1.0 }
}

/// σ.
fn scale(distances: &[f64], nearest: f64) -> f64 {
    let expected = (distances.len() as f64 + 1.0).log2();
    let sum = |scale: f64| distances.iter().map(|distance| membership(distance - nearest, scale)).sum::<f64>();
    let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..HALVINGS {
        let sum = sum(scale);
        if (sum - expected).abs() < 1e-5 {
            break;
        }
        if sum > expected {
            high = scale;
        } else {
            low = scale;
        }
        scale = if high.is_finite() { f64::midpoint(low, high) } else { scale * 2.0 };
    }
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    scale.max(MIN_SCALE * mean).max(f64::MIN_POSITIVE)
}

/// The graph of all rows: with weights v and w of a pair from either side, v + w − v w, which is how sure it is
/// that one of them holds. Each pair from both ends, by places.
pub(super) fn union(members: &[Vec<(u32, f32)>]) -> Vec<Edge> {
    let directed =
        (0u32..).zip(members).flat_map(|(from, members)| members.iter().map(move |&(to, weight)| (from, to, weight)));
    let mut edges: Vec<Edge> =
        directed.map(|(from, to, weight)| Edge { from: from.min(to), to: from.max(to), weight }).collect();
    let ends = |edge: &Edge| (edge.from, edge.to);
    // Stable: v before w.
    edges.sort_by_key(ends);
    edges.dedup_by(|later, first| {
        let is_same = ends(later) == ends(first);
        if is_same {
            first.weight += later.weight - first.weight * later.weight;
        }
        is_same
    });
    let turned = |edge: &Edge| Edge { from: edge.to, to: edge.from, ..*edge };
    edges.extend(edges.iter().map(turned).collect::<Vec<_>>());
    edges.sort_by_key(ends);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn neighbours(cosines: &[f32]) -> Vec<Neighbour> {
        (0..).zip(cosines).map(|(place, &cosine)| Neighbour { place, cosine }).collect()
    }

    proptest! {
        #[test]
        fn memberships_fall_with_the_distance_and_have_the_sum_that_was_asked_for(
            mut cosines in proptest::collection::vec(-0.5f32..0.99, 3..20),
        ) {
            cosines.sort_by(|a, b| b.total_cmp(a));
            let weights: Vec<f32> = memberships(&neighbours(&cosines)).map(|(_, weight)| weight).collect();
            prop_assert!((weights[0] - 1.0).abs() < f32::EPSILON);
            prop_assert!(weights.is_sorted_by(|a, b| a >= b) && weights.iter().all(|weight| (0.0..=1.0).contains(weight)));
            let (sum, expected) = (weights.iter().sum::<f32>(), (cosines.len() as f32 + 1.0).log2());
            // Many at the same distance cannot be told apart.
            let n_nearest = cosines.iter().filter(|cosine| cosine.total_cmp(&cosines[0]).is_eq()).count();
            prop_assert!((sum - expected).abs() < 1e-3 || n_nearest as f32 > expected, "{} of {}", sum, expected);
        }
    }

    #[test]
    fn neighbours_of_which_none_differs_are_all_sure() {
        let weights: Vec<f32> = memberships(&neighbours(&[1.0; 14])).map(|(_, weight)| weight).collect();
        assert_eq!(weights, [1.0; 14]);
        assert_eq!(memberships(&[]).count(), 0);
    }

    #[test]
    fn a_pair_named_from_both_sides_is_as_sure_as_that_one_of_them_holds() {
        let members = [vec![(1, 1.0), (2, 0.5)], vec![(0, 0.25)], vec![(0, 0.5)]];
        let edge = |from, to, weight| Edge { from, to, weight };
        assert_eq!(union(&members), [edge(0, 1, 1.0), edge(0, 2, 0.75), edge(1, 0, 1.0), edge(2, 0, 0.75)]);
    }
}
