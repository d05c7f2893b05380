//! All pairs of rows with a cosine of at least 0.9, with every kernel that this CPU has. The portable
//! one, a matrix product in f32, is what the others are compared with.
//!
//! ```text
//! cargo bench --bench similarity
//! ```

use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use refrain::similarity::{Kernel, for_each_pair_at_least};

const DIM: usize = 384;
const CLUSTER: usize = 5;
const THRESHOLD: f32 = 0.9;

fn main() {
    divan::main();
}

/// Clusters of five around directions whose spectrum falls as 1/k, as that of text embeddings does about.
fn rows(n: usize) -> Array2<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(42);
    let mut even = || random.next_u32() as f32 / u32::MAX as f32;
    let mut centre = [0.0; DIM];
    let mut rows = Array2::zeros((n, DIM));
    for (i, mut row) in rows.outer_iter_mut().enumerate() {
        if i % CLUSTER == 0 {
            centre = std::array::from_fn(|_| even() - even());
        }
        let noise = 0.1 + 0.5 * even();
        for (k, (x, centre)) in row.iter_mut().zip(centre).enumerate() {
            *x = (centre + noise * (even() - even())) / ((1 + k) as f32).sqrt();
        }
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    rows
}

/// Pairs compared per second.
#[divan::bench(args = Kernel::available(), consts = [8_000, 32_000], sample_count = 7, sample_size = 1)]
fn join<const N: usize>(bencher: Bencher, kernel: Kernel) {
    let rows = rows(N);
    let of: Vec<u32> = (0..N as u32).collect();
    bencher.counter(ItemsCount::new(N * (N - 1) / 2)).bench_local(|| {
        let mut n_pairs = 0;
        for_each_pair_at_least(rows.view(), &of, N, THRESHOLD, kernel, |found| n_pairs += found.len());
        n_pairs
    });
}
