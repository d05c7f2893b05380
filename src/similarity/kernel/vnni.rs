//! AVX-512 VNNI: `vpdpbusd` multiplies 64 pairs of 8-bit values and adds them up by fours.

use super::{BLOCK, LeftBlock, Line, Panel, Screen};
use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cmpge_epi32_mask, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_si512,
    _mm512_set1_epi32,
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
    // SAFETY: 32 i32 are read, 16 from either place on.
    let error = unsafe {
        [_mm512_loadu_si512(panel.error.as_ptr().cast()), _mm512_loadu_si512(panel.error[16..].as_ptr().cast())]
    };
    let mut sums: [[__m512i; 2]; BLOCK] =
        std::array::from_fn(|i| error.map(|error| _mm512_add_epi32(error, _mm512_set1_epi32(left.offset[i]))));
    for (values, lines) in left.groups.iter().zip(panel.lines) {
        let [first, second] = [load(&lines[0]), load(&lines[1])];
        for (sums, &value) in sums.iter_mut().zip(values) {
            let value = _mm512_set1_epi32(value);
            sums[0] = _mm512_dpbusd_epi32(sums[0], first, value);
            sums[1] = _mm512_dpbusd_epi32(sums[1], second, value);
        }
    }
    let mut survivors = [0; BLOCK];
    for (i, (survivors, sums)) in survivors.iter_mut().zip(sums).enumerate() {
        let least = _mm512_set1_epi32(left.least[i]);
        let [first, second] = sums.map(|sum| _mm512_cmpge_epi32_mask(sum, least));
        *survivors = u32::from(first) | u32::from(second) << 16;
    }
    survivors
}

#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a `Line` is 64 bytes, aligned to 64.
    unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) }
}
