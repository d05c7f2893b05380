//! AVX2: `vpmaddwd` multiplies 16 pairs of values that were widened to 16 bits, so that nothing can
//! saturate, as the 16-bit sums of `vpmaddubsw` would.

use super::{BLOCK, LeftBlock, Line, Panel, Screen};
use std::arch::x86_64::{
    __m256i, _mm_load_si128, _mm256_add_epi32, _mm256_castsi256_ps, _mm256_cmpgt_epi32, _mm256_cvtepu8_epi16,
    _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_movemask_ps, _mm256_permute4x64_epi64,
    _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256,
};

/// Left rows at once: six times two registers of sums, and the factors, fill the 16 registers.
const ROWS: usize = 6;
/// Panel rows at once: two registers hold four rows of four 16-bit values each.
const COLUMNS: usize = 8;

/// Exists only where the CPU has AVX2.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    pub fn new() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Screen for Avx2 {
    /// Four 16-bit values.
    type Group = i64;

    fn group(values: [i8; 4]) -> i64 {
        let [a, b, c, d] = values.map(|v| i16::from(v).to_le_bytes());
        i64::from_le_bytes([a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]])
    }

    fn survivors(self, left: &LeftBlock<i64>, panel: &Panel) -> [u32; BLOCK] {
        // SAFETY: `self` exists, so the CPU has the features.
        unsafe { survivors(left, panel) }
    }
}

/// # Safety
/// The CPU has AVX2.
#[target_feature(enable = "avx2")]
unsafe fn survivors(left: &LeftBlock<i64>, panel: &Panel) -> [u32; BLOCK] {
    assert_eq!(left.groups.len(), panel.lines.len(), "rows of one width");
    let mut survivors = [0; BLOCK];
    for column in (0..super::PANEL).step_by(COLUMNS) {
        // SAFETY: 8 i32 are read of the 32, from a multiple of 8 on.
        let error = unsafe { _mm256_loadu_si256(panel.error[column..].as_ptr().cast()) };
        for row in (0..BLOCK).step_by(ROWS) {
            let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
            for (values, lines) in left.groups.iter().zip(panel.lines) {
                let line = &lines[column / 16];
                let [first, second] = [load(line, column % 16 / 4), load(line, column % 16 / 4 + 1)];
                for (sums, &value) in sums.iter_mut().zip(&values[row..]) {
                    let value = _mm256_set1_epi64x(value);
                    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(first, value));
                    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(second, value));
                }
            }
            for (i, sums) in (row..).zip(sums) {
                // Each row has two sums side by side; of the four pairs, the inner two change places.
                let sums = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(sums[0], sums[1]));
                let sums = _mm256_add_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(left.offset[i])), error);
                let is_under = _mm256_cmpgt_epi32(_mm256_set1_epi32(left.least[i]), sums);
                let mask = !_mm256_movemask_ps(_mm256_castsi256_ps(is_under)) & 0xff;
                survivors[i] |= mask.cast_unsigned() << column;
            }
        }
    }
    survivors
}

/// The `quarter`th 16 bytes of a line, each widened to 16 bits.
#[target_feature(enable = "avx2")]
fn load(line: &Line, quarter: usize) -> __m256i {
    let bytes: &[u8; 16] = &line.0.as_chunks().0[quarter];
    // SAFETY: 16 bytes are read, from a multiple of 16 in a line that is aligned to 64.
    _mm256_cvtepu8_epi16(unsafe { _mm_load_si128(bytes.as_ptr().cast()) })
}
