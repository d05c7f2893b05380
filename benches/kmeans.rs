//! k-means: starts, and iterations from given starts, in rows per second.
//!
//! ```text
//! cargo bench --bench kmeans
//! ```

use divan::Bencher;
use divan::counter::ItemsCount;
use linfa::prelude::*;
use ndarray::{Array2, s};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use refrain::cluster::{Init, KMeansParams};
use refrain::similarity::nearest;

const N: usize = 50_000;
const DIM: usize = 384;
const ITERATIONS: usize = 10;

fn main() {
    divan::main();
}

/// Unit rows around 400 centres.
fn rows() -> Array2<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(42);
    let mut even = || random.next_u32() as f32 / u32::MAX as f32 - 0.5;
    let centres = Array2::from_shape_simple_fn((400, DIM), &mut even);
    let mut rows = Array2::from_shape_fn((N, DIM), |(i, k)| centres[[i % 400, k]] + even());
    for mut row in rows.outer_iter_mut() {
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    rows
}

fn fit(bencher: Bencher, k: usize, init: Init, iterations: usize) {
    let dataset = DatasetBase::from(rows());
    let params = KMeansParams::new(k).init(init).restarts(1).max_iterations(iterations).train_per_cluster(N);
    let params = params.check().expect("parameters in range");
    bencher.counter(ItemsCount::new(N)).bench_local(|| params.fit(&dataset).expect("a fit"));
}

/// One assignment, which every iteration would be if nothing were left out.
#[divan::bench(args = [32, 256, 1000], sample_count = 5, sample_size = 1)]
fn assignment(bencher: Bencher, k: usize) {
    let rows = rows();
    let centroids = rows.slice(s![..k, ..]);
    bencher.counter(ItemsCount::new(N)).bench_local(|| nearest(rows.view(), centroids));
}

/// Ten iterations: the first assigns as above.
#[divan::bench(args = [32, 256, 1000], sample_count = 5, sample_size = 1)]
fn iterations(bencher: Bencher, k: usize) {
    let starts = rows().slice(s![..k, ..]).to_owned();
    fit(bencher, k, Init::Given(starts), ITERATIONS);
}

/// Starts, and one iteration.
#[divan::bench(args = [32, 256, 1000], sample_count = 5, sample_size = 1)]
fn plus_plus(bencher: Bencher, k: usize) {
    fit(bencher, k, Init::PlusPlus, 1);
}

/// The same by k-means‖.
#[divan::bench(args = [256, 1000], sample_count = 5, sample_size = 1)]
fn parallel(bencher: Bencher, k: usize) {
    fit(bencher, k, Init::Parallel, 1);
}
