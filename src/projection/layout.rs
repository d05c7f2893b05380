//! UMAP's layout: edges draw their ends together, and push rows that are picked at random away (McInnes, Healy and
//! Melville 2018, section 3.2 and appendix C).
//!
//! Two points at the distance d are neighbours with q = 1/(1 + a d²ᵇ), which fits 1 up to the distance 0.1 and
//! exp(0.1 − d) from there on (umap-learn's default, where b is 0.895). With b = 7/8 square roots do instead of
//! powers: every machine rounds them alike. One thread makes one step after the other, so that the result does not
//! depend on who comes first.

use super::graph::Edge;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// a, the best with b = 7/8.
const STEEPNESS: f32 = 1.581;
/// Rounds through all edges, of up to [`FEW`] rows and of more; umap-learn's.
const EPOCHS: [u16; 2] = [500, 200];
const FEW: usize = 10_000;
/// Rows that are pushed away from for each pull; umap-learn's.
const PUSHES: usize = 5;
/// A step is no longer than this in either direction, at the first rate; umap-learn's.
const LONGEST_STEP: f32 = 4.0;
/// Squared distances below this are taken for it where they would be divided by.
const CLOSEST: f32 = 1e-12;
/// The first places reach so far from the middle; umap-learn's.
const REACH: f32 = 10.0;
/// The first places are moved at random by no more than this: rows along a single component would never leave
/// their line.
const SHAKE: f32 = 1e-3;

/// Moves the first places of the rows to where their edges want them.
pub(super) fn optimise(places: &mut [[f32; 2]], edges: &[Edge], seed: u64) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    spread(places, &mut random);
    let n_epochs = EPOCHS[usize::from(places.len() > FEW)];
    let mut springs = springs(edges, n_epochs);
    for epoch in 0..n_epochs {
        let rate = 1.0 - f32::from(epoch) / f32::from(n_epochs);
        for spring in &mut springs {
            if spring.due <= f32::from(epoch) {
                spring.due += spring.period;
                pull(places, spring, rate);
                push(places, spring.from as usize, rate, &mut random);
            }
        }
    }
}

/// An edge that is drawn now and then.
struct Spring {
    from: u32,
    to: u32,
    /// Epochs from one time to the next.
    period: f32,
    /// The next time.
    due: f32,
}

/// Edges that are drawn as often as they weigh, the heaviest in each epoch; without those whose turn never comes.
fn springs(edges: &[Edge], n_epochs: u16) -> Vec<Spring> {
    let heaviest = edges.iter().map(|edge| edge.weight).fold(0.0, f32::max);
    let spring = |edge: &Edge| {
        let period = heaviest / edge.weight;
        Spring { from: edge.from, to: edge.to, period, due: period }
    };
    edges.iter().map(spring).filter(|spring| spring.period <= f32::from(n_epochs)).collect()
}

/// Draws the ends of an edge together.
fn pull(places: &mut [[f32; 2]], spring: &Spring, rate: f32) {
    let (from, to) = (spring.from as usize, spring.to as usize);
    let step = step(places[from], places[to], attraction).map(|step| step * rate);
    for axis in 0..2 {
        places[from][axis] += step[axis];
        places[to][axis] -= step[axis];
    }
}

/// Pushes a row away from rows that are picked at random.
fn push(places: &mut [[f32; 2]], row: usize, rate: f32, random: &mut Xoshiro256PlusPlus) {
    for _ in 0..PUSHES {
        let other = ((u64::from(random.next_u32()) * places.len() as u64) >> 32) as usize;
        if other != row {
            let step = step(places[row], places[other], repulsion).map(|step| step * rate);
            places[row] = [places[row][0] + step[0], places[row][1] + step[1]];
        }
    }
}

/// How a point moves because of another, at a rate of 1. `force`: for a squared distance, the force for each unit
/// of it.
fn step(point: [f32; 2], other: [f32; 2], force: fn(f32) -> f32) -> [f32; 2] {
    let apart = [point[0] - other[0], point[1] - other[1]];
    let force = force(apart[0] * apart[0] + apart[1] * apart[1]);
    apart.map(|apart| (force * apart).clamp(-LONGEST_STEP, LONGEST_STEP))
}

/// The slope of ln q, divided by d, at the squared distance d².
fn attraction(squared: f32) -> f32 {
    let root = eighth_root(squared.max(CLOSEST));
    -1.75 * STEEPNESS / (root + STEEPNESS * squared)
}

/// The slope of ln(1 − q), divided by d; less near 0, where it is without bound (umap-learn).
fn repulsion(squared: f32) -> f32 {
    let powered = squared / eighth_root(squared.max(CLOSEST));
    1.75 / ((0.001 + squared) * (1.0 + STEEPNESS * powered))
}

fn eighth_root(x: f32) -> f32 {
    x.sqrt().sqrt().sqrt()
}

/// Scales the first places to [`REACH`], and shakes them.
fn spread(places: &mut [[f32; 2]], random: &mut Xoshiro256PlusPlus) {
    let largest = places.as_flattened().iter().fold(f32::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    for x in places.as_flattened_mut() {
        *x = *x / largest * REACH + (random.next_u32() as f32 / u32::MAX as f32 - 0.5) * SHAKE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_draw_their_ends_together_and_rows_without_one_drift_apart() {
        let edge = |from, to| Edge { from, to, weight: 1.0 };
        let mut places = vec![[0.0, 0.0], [1.0, 0.0], [0.5, 1.0], [0.5, -1.0]];
        optimise(&mut places, &[edge(0, 1), edge(1, 0), edge(2, 3), edge(3, 2)], 42);
        let distance = |i: usize, j: usize| (places[i][0] - places[j][0]).hypot(places[i][1] - places[j][1]);
        assert!(distance(0, 1) < 1.0 && distance(2, 3) < 1.0, "{places:?}");
        assert!([(0, 2), (0, 3), (1, 2), (1, 3)].iter().all(|&(i, j)| distance(i, j) > 2.0), "{places:?}");
    }

    #[test]
    fn the_force_of_a_pair_is_the_slope_of_its_cross_entropy() {
        // −ln q draws, −ln(1 − q) pushes, for q = 1/(1 + a d^1.75): numbers on either side of d, by hand.
        for d in [0.3_f32, 1.0, 2.5] {
            let q = |d: f32| 1.0 / (1.0 + STEEPNESS * d.powf(1.75));
            let h = 1e-2;
            let pulled = (q(d + h).ln() - q(d - h).ln()) / (2.0 * h);
            let pushed = ((1.0 - q(d + h)).ln() - (1.0 - q(d - h)).ln()) / (2.0 * h);
            assert!((attraction(d * d) * d - pulled).abs() < 2e-2, "{d}");
            assert!((repulsion(d * d) * d - pushed).abs() < 2e-2 * pushed.abs().max(1.0), "{d}");
        }
    }
}
