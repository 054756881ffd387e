//! The registers of AVX-512 and AVX2.
//!
//! Every function here must only run where the instructions exist: inside a `#[target_feature]` function that `gemm.rs` picks.

use std::arch::x86_64::*;

use super::vector::Vector;

macro_rules! vector {
    (
        $name:ident: $register:ident of $len:literal $t:ident, $strip:literal in a strip,
        $zero:ident, $splat:ident, $load:ident, $store:ident, $fma:ident,
        first($from:ident, $to:ident, $count:ident, $numbers:ident) $load_first:expr, $store_first:expr,
        transpose($rows:ident) $transpose:expr
    ) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        impl Vector for $name {
            type Item = $t;
            const LEN: usize = $len;
            const STRIP: usize = $strip;

            #[inline(always)]
            fn prefetch(at: *const $t) {
                // SAFETY: every x86-64 has the instruction, and it accesses no memory.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
            }
            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: the instruction exists (see above), as for all calls below; memory is the caller's promise.
                $name(unsafe { $zero() })
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                // SAFETY: as in `zero`.
                $name(unsafe { $splat(x) })
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: as in `zero`.
                $name(unsafe { $load(from) })
            }
            #[inline(always)]
            unsafe fn load_first($from: *const $t, $count: usize) -> Self {
                // SAFETY: as in `zero`; masked numbers are not read.
                $name(unsafe { $load_first })
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                // SAFETY: as in `zero`.
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, $to: *mut $t, $count: usize) {
                let $numbers = self.0;
                // SAFETY: as in `zero`; masked numbers are not written.
                unsafe { $store_first }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as in `zero`.
                $name(unsafe { $fma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            unsafe fn transpose(column: impl Fn(usize) -> Self, to: *mut $t, step: usize, rows: usize) {
                let $rows: [$register; $len] = std::array::from_fn(|j| column(j).0);
                // SAFETY: as in `zero`.
                let out: [$register; $len] = unsafe { $transpose };
                if rows == $len {
                    for (i, row) in out.into_iter().enumerate() {
                        // SAFETY: the caller's promise.
                        unsafe { $store(to.add(i * step), row) }
                    }
                } else {
                    for (i, row) in out.into_iter().enumerate().take(rows) {
                        // SAFETY: the caller's promise.
                        unsafe { $store(to.add(i * step), row) }
                    }
                }
            }
        }
    };
}

vector! {
    F32x16: __m512 of 16 f32, 4 in a strip,
    _mm512_setzero_ps, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps,
    first(from, to, count, numbers)
        _mm512_maskz_loadu_ps(((1u32 << count) - 1) as u16, from),
        _mm512_mask_storeu_ps(to, ((1u32 << count) - 1) as u16, numbers),
    transpose(r) {
        // Blocks of 2 × 2 numbers, then of 4 × 4, then the 4 × 4 blocks of four numbers.
        let a: [__m512d; 16] = std::array::from_fn(|i| {
            let (x, y) = (r[i & !1], r[i | 1]);
            _mm512_castps_pd(if i % 2 == 0 { _mm512_unpacklo_ps(x, y) } else { _mm512_unpackhi_ps(x, y) })
        });
        // b[4 g + c] holds numbers c, c + 4, c + 8, c + 12 of columns 4 g … 4 g + 3.
        let b: [__m512; 16] = std::array::from_fn(|i| {
            let (x, y) = (a[(i & !3) + (i % 4) / 2], a[(i & !3) + 2 + (i % 4) / 2]);
            _mm512_castpd_ps(if i % 2 == 0 { _mm512_unpacklo_pd(x, y) } else { _mm512_unpackhi_pd(x, y) })
        });
        let even: [__m512; 8] = std::array::from_fn(|i| {
            let (c, g) = (i % 4, 8 * (i / 4));
            _mm512_shuffle_f32x4::<0x88>(b[g + c], b[g + 4 + c])
        });
        let odd: [__m512; 8] = std::array::from_fn(|i| {
            let (c, g) = (i % 4, 8 * (i / 4));
            _mm512_shuffle_f32x4::<0xdd>(b[g + c], b[g + 4 + c])
        });
        std::array::from_fn(|i| {
            let (c, quarter) = (i % 4, i / 4);
            match quarter {
                0 => _mm512_shuffle_f32x4::<0x88>(even[c], even[4 + c]),
                1 => _mm512_shuffle_f32x4::<0x88>(odd[c], odd[4 + c]),
                2 => _mm512_shuffle_f32x4::<0xdd>(even[c], even[4 + c]),
                _ => _mm512_shuffle_f32x4::<0xdd>(odd[c], odd[4 + c]),
            }
        })
    }
}

vector! {
    F64x8: __m512d of 8 f64, 4 in a strip,
    _mm512_setzero_pd, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd,
    first(from, to, count, numbers)
        _mm512_maskz_loadu_pd(((1u32 << count) - 1) as u8, from),
        _mm512_mask_storeu_pd(to, ((1u32 << count) - 1) as u8, numbers),
    transpose(r) {
        // b[2 g + c] holds numbers c, c + 2, c + 4, c + 6 of columns 2 g and 2 g + 1.
        let b: [__m512d; 8] = std::array::from_fn(|i| {
            let (x, y) = (r[i & !1], r[i | 1]);
            if i % 2 == 0 { _mm512_unpacklo_pd(x, y) } else { _mm512_unpackhi_pd(x, y) }
        });
        let even: [__m512d; 4] =
            std::array::from_fn(|i| _mm512_shuffle_f64x2::<0x88>(b[4 * (i / 2) + i % 2], b[4 * (i / 2) + 2 + i % 2]));
        let odd: [__m512d; 4] =
            std::array::from_fn(|i| _mm512_shuffle_f64x2::<0xdd>(b[4 * (i / 2) + i % 2], b[4 * (i / 2) + 2 + i % 2]));
        std::array::from_fn(|i| {
            let c = i % 2;
            match i / 2 {
                0 => _mm512_shuffle_f64x2::<0x88>(even[c], even[2 + c]),
                1 => _mm512_shuffle_f64x2::<0x88>(odd[c], odd[2 + c]),
                2 => _mm512_shuffle_f64x2::<0xdd>(even[c], even[2 + c]),
                _ => _mm512_shuffle_f64x2::<0xdd>(odd[c], odd[2 + c]),
            }
        })
    }
}

vector! {
    F32x8: __m256 of 8 f32, 2 in a strip,
    _mm256_setzero_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps,
    first(from, to, count, numbers)
        _mm256_maskload_ps(from, first_of_8(count)),
        _mm256_maskstore_ps(to, first_of_8(count), numbers),
    transpose(r) {
        let a: [__m256; 8] = std::array::from_fn(|i| {
            let (x, y) = (r[i & !1], r[i | 1]);
            if i % 2 == 0 { _mm256_unpacklo_ps(x, y) } else { _mm256_unpackhi_ps(x, y) }
        });
        let b: [__m256; 8] = std::array::from_fn(|i| {
            let (x, y) = (a[(i & !3) + (i % 4) / 2], a[(i & !3) + 2 + (i % 4) / 2]);
            if i % 2 == 0 { _mm256_shuffle_ps::<0x44>(x, y) } else { _mm256_shuffle_ps::<0xee>(x, y) }
        });
        std::array::from_fn(|i| {
            let (x, y) = (b[i % 4], b[4 + i % 4]);
            if i < 4 { _mm256_permute2f128_ps::<0x20>(x, y) } else { _mm256_permute2f128_ps::<0x31>(x, y) }
        })
    }
}

vector! {
    F64x4: __m256d of 4 f64, 2 in a strip,
    _mm256_setzero_pd, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd,
    first(from, to, count, numbers)
        _mm256_maskload_pd(from, first_of_4(count)),
        _mm256_maskstore_pd(to, first_of_4(count), numbers),
    transpose(r) {
        let a: [__m256d; 4] = std::array::from_fn(|i| {
            let (x, y) = (r[i & !1], r[i | 1]);
            if i % 2 == 0 { _mm256_unpacklo_pd(x, y) } else { _mm256_unpackhi_pd(x, y) }
        });
        std::array::from_fn(|i| {
            let (x, y) = (a[i % 2], a[2 + i % 2]);
            if i < 2 { _mm256_permute2f128_pd::<0x20>(x, y) } else { _mm256_permute2f128_pd::<0x31>(x, y) }
        })
    }
}

/// The mask of the first `count` of eight numbers.
///
/// Safety: needs AVX2.
#[inline(always)]
unsafe fn first_of_8(count: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

/// The mask of the first `count` of four numbers.
///
/// Safety: needs AVX2.
#[inline(always)]
unsafe fn first_of_4(count: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)) }
}
