//! The only unsafe code. Two leaves of inner loops, each with a scalar twin that the tests hold it to:
//! the call of the `gemm` crate's matrix product, which takes pointers, and the screens of 8-bit rows
//! in the instruction sets that a CPU may have.
#![allow(unsafe_code, reason = "gemm's interface is pointers and strides, that of the instruction sets intrinsics")]

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod vnni;

use ndarray::{ArrayView2, ArrayViewMut2};

/// Rows of a left block: with two registers of 32-bit sums each, and the factors, they fill the 32
/// registers of AVX-512.
pub(super) const BLOCK: usize = 12;
/// Rows of a panel: two registers of 32-bit sums.
pub(super) const PANEL: usize = 32;

/// 64 bytes that stand on one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line(pub [u8; 64]);

/// Twelve 8-bit rows, and what a pair with each must reach.
pub(super) struct LeftBlock<'a, G> {
    /// For each group of four dimensions, the four values of each row.
    pub groups: &'a [[G; BLOCK]],
    /// −128 Σ q: takes back what the offset of the panel's values adds to a product.
    pub offset: &'a [i32; BLOCK],
    /// A pair survives from here on.
    pub least: &'a [i32; BLOCK],
}

/// Thirty-two 8-bit rows.
pub(super) struct Panel<'a> {
    /// For each group of four dimensions, the four values of each row, plus 128.
    pub lines: &'a [[Line; 2]],
    /// What each row adds at most to a product's error.
    pub error: &'a [i32; PANEL],
}

/// A screen in one instruction set. A value of it shows that the CPU has the set.
///
/// With `p` the product of row `i` of the block and row `j` of the panel, bit `j` of entry `i` is set if
/// `p + error_j >= least_i`. The caller sees to it that no sum leaves the range of `i32`.
pub(super) trait Screen: Copy + Sync {
    /// Four values of a left row, as the instruction set wants them.
    type Group: Copy + Default + Send + Sync;

    fn group(values: [i8; 4]) -> Self::Group;

    /// # Panics
    /// If the block and the panel differ in width.
    fn survivors(self, left: &LeftBlock<Self::Group>, panel: &Panel) -> [u32; BLOCK];
}

/// `out` = `x` `y`ᵀ for `x` (n, dim), `y` (m, dim), `out` (n, m), whatever their strides.
///
/// # Panics
/// If the shapes do not fit.
pub(super) fn products(x: ArrayView2<f32>, y: ArrayView2<f32>, mut out: ArrayViewMut2<f32>) {
    let ((n, dim), m) = (x.dim(), y.nrows());
    assert_eq!(y.ncols(), dim, "rows of one width");
    assert_eq!(out.dim(), (n, m), "a product for each pair of rows");
    let (out_strides, x_strides, y_strides) = (out.strides().to_vec(), x.strides().to_vec(), y.strides().to_vec());
    // SAFETY: each pointer is that of a live view, and with the strides of that view gemm reaches
    // exactly the elements (i, j) of its shape: `out` is (n, m), the left factor (n, dim) is `x`, and
    // the right factor (dim, m) is `y` with its strides exchanged. `out` is borrowed mutably, so it
    // overlaps neither factor. `read_dst` is false, so `out` is only written.
    unsafe {
        gemm::gemm(
            n,
            m,
            dim,
            out.as_mut_ptr(),
            out_strides[1],
            out_strides[0],
            false,
            x.as_ptr(),
            x_strides[1],
            x_strides[0],
            y.as_ptr(),
            y_strides[0],
            y_strides[1],
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    /// The scalar twin.
    fn by_hand(x: ArrayView2<f32>, y: ArrayView2<f32>) -> Array2<f32> {
        Array2::from_shape_fn((x.nrows(), y.nrows()), |(i, j)| x.row(i).iter().zip(y.row(j)).map(|(a, b)| a * b).sum())
    }

    /// The scalar twin of the screens.
    #[derive(Clone, Copy)]
    pub struct Scalar;

    impl Screen for Scalar {
        type Group = [i8; 4];

        fn group(values: [i8; 4]) -> [i8; 4] {
            values
        }

        fn survivors(self, left: &LeftBlock<[i8; 4]>, panel: &Panel) -> [u32; BLOCK] {
            let mut survivors = [0; BLOCK];
            for (i, j) in (0..BLOCK).flat_map(|i| (0..PANEL).map(move |j| (i, j))) {
                let mut product = left.offset[i] + panel.error[j];
                for (group, lines) in left.groups.iter().zip(panel.lines) {
                    let right = &lines[j / 16].0.as_chunks::<4>().0[j % 16];
                    product += group[i].iter().zip(right).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum::<i32>();
                }
                survivors[i] |= u32::from(product >= left.least[i]) << j;
            }
            survivors
        }
    }

    /// A block and a panel from a seed, of any values that are allowed, the largest among them.
    fn assert_like_its_twin<S: Screen>(screen: S, n_groups: usize, seed: u64, extreme: bool) {
        use rand_xoshiro::rand_core::{RngCore, SeedableRng};
        let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut values: Vec<[[i8; 4]; BLOCK]> = vec![[[0; 4]; BLOCK]; n_groups];
        let mut lines = vec![[Line([0; 64]); 2]; n_groups];
        for value in values.as_flattened_mut().as_flattened_mut() {
            *value = if extreme { 127 } else { (random.next_u32() % 255) as u8 as i8 }.max(-127);
        }
        for line in lines.as_flattened_mut() {
            line.0.iter_mut().for_each(|value| *value = if extreme { 255 } else { (random.next_u32() % 256) as u8 });
        }
        let offset = std::array::from_fn(|i| -128 * values.iter().flat_map(|g| g[i]).map(i32::from).sum::<i32>());
        let mut any = |range: i32| (random.next_u32() as i32) % range.max(1);
        let error = std::array::from_fn(|j| if j == 5 { -(1 << 30) } else { any(10_000) });
        let least = std::array::from_fn(|i| if i == 7 { 1 << 29 } else { any(20_000 * n_groups as i32) });
        let panel = Panel { lines: &lines, error: &error };
        let left = LeftBlock { groups: &values, offset: &offset, least: &least };
        let expected = Scalar.survivors(&left, &panel);
        let groups: Vec<[S::Group; BLOCK]> = values.iter().map(|rows| rows.map(S::group)).collect();
        let left = LeftBlock { groups: &groups, offset: &offset, least: &least };
        assert_eq!(screen.survivors(&left, &panel), expected);
    }

    proptest! {
        #[test]
        fn products_are_those_made_by_hand(n in 0usize..40, m in 0usize..40, dim in 1usize..70, step in 1usize..3, seed: u64) {
            let (x, y) = (unit_rows(n, dim, seed), unit_rows(m, dim, !seed));
            let (x, y) = (x.slice(s![..; step, ..; step]), y.slice(s![.., ..; step]));
            let mut out = Array2::from_elem((x.nrows(), y.nrows()), f32::NAN);
            products(x, y, out.view_mut());
            prop_assert!((out - by_hand(x, y)).iter().all(|d| d.abs() < 1e-5));
        }

        #[cfg(target_arch = "x86_64")]
        #[test]
        fn screens_are_like_their_scalar_twin(n_groups in 0usize..130, seed: u64, extreme: bool) {
            if let Some(screen) = vnni::Vnni::new() {
                assert_like_its_twin(screen, n_groups, seed, extreme);
            }
            if let Some(screen) = avx2::Avx2::new() {
                assert_like_its_twin(screen, n_groups, seed, extreme);
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of one width")]
    fn shapes_that_do_not_fit_are_refused() {
        products(unit_rows(2, 3, 1).view(), unit_rows(2, 4, 1).view(), Array2::zeros((2, 2)).view_mut());
    }
}
