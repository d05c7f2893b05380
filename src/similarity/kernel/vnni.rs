//! AVX-512 VNNI: `vpdpbusd` multiplies 64 pairs of 8-bit values and adds them up by fours.

use super::{BLOCK, LeftBlock, Line, PANEL, Panel, Screen};
use std::arch::x86_64::{
    __m512, __m512i, _CMP_GE_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_load_si512, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
};

/// Exists only where the CPU has AVX-512 F and VNNI.
#[derive(Clone, Copy)]
pub struct Vnni(());

impl Vnni {
    pub fn new() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")).then_some(Self(()))
    }
}

impl Screen for Vnni {
    type Group = i32;

    fn group(values: [i8; 4]) -> i32 {
        i32::from_le_bytes(values.map(i8::cast_unsigned))
    }

    fn survivors(self, left: &LeftBlock<i32>, panel: &Panel) -> [u32; BLOCK] {
        // SAFETY: `self` exists, so the CPU has the features.
        unsafe { survivors(left, panel) }
    }
}

/// # Safety
/// The CPU has AVX-512 F and VNNI.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn survivors(left: &LeftBlock<i32>, panel: &Panel) -> [u32; BLOCK] {
    assert_eq!(left.groups.len(), panel.lines.len(), "rows of one width");
    let mut sums: [[__m512i; 2]; BLOCK] = std::array::from_fn(|i| [_mm512_set1_epi32(left.offset[i]); 2]);
    for (values, lines) in left.groups.iter().zip(panel.lines) {
        let [first, second] = [load(&lines[0]), load(&lines[1])];
        for (sums, &value) in sums.iter_mut().zip(values) {
            let value = _mm512_set1_epi32(value);
            sums[0] = _mm512_dpbusd_epi32(sums[0], first, value);
            sums[1] = _mm512_dpbusd_epi32(sums[1], second, value);
        }
    }
    let (scale, error) = (halves(panel.scale), halves(panel.error));
    let mut survivors = [0; BLOCK];
    for (i, (survivors, sums)) in survivors.iter_mut().zip(sums).enumerate() {
        for (half, sum) in sums.into_iter().enumerate() {
            let product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale[half]);
            let most = _mm512_add_ps(_mm512_mul_ps(product, _mm512_set1_ps(left.scale[i])), error[half]);
            let mask = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(most, _mm512_set1_ps(left.least[i]));
            *survivors |= u32::from(mask) << (16 * half);
        }
    }
    survivors
}

#[target_feature(enable = "avx512f")]
fn halves(values: &[f32; PANEL]) -> [__m512; 2] {
    // SAFETY: 32 f32 are read, 16 from either place on.
    unsafe { [_mm512_loadu_ps(values.as_ptr()), _mm512_loadu_ps(values[16..].as_ptr())] }
}

#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a `Line` is 64 bytes, aligned to 64.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}
