//! The only unsafe code: the call of the `gemm` crate's matrix product, which takes pointers.
#![allow(unsafe_code, reason = "gemm's interface is pointers and strides; the shapes are checked here")]

use ndarray::{ArrayView2, ArrayViewMut2};

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
mod tests {
    use super::*;
    use crate::similarity::tests::unit_rows;
    use ndarray::{Array2, s};
    use proptest::prelude::*;

    /// The scalar twin.
    fn by_hand(x: ArrayView2<f32>, y: ArrayView2<f32>) -> Array2<f32> {
        Array2::from_shape_fn((x.nrows(), y.nrows()), |(i, j)| x.row(i).iter().zip(y.row(j)).map(|(a, b)| a * b).sum())
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
    }

    #[test]
    #[should_panic(expected = "rows of one width")]
    fn shapes_that_do_not_fit_are_refused() {
        products(unit_rows(2, 3, 1).view(), unit_rows(2, 4, 1).view(), Array2::zeros((2, 2)).view_mut());
    }
}
