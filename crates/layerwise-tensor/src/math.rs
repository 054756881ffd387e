//! Elementary functions of f32 and f64 as branch-free polynomials, so that the compiler vectorizes every loop over them and
//! the bits are the same on every processor (multiply and add are never fused).
//!
//! Accuracy, measured by the tests beside this file against 60-digit references: at most 2 ulp over the whole range, except
//! results below the smallest normal number. NaN passes through; infinities and overflow behave as in IEEE 754.
//!
//! Sources: reduction and coefficients of `exp` (Taylor, f64; Cephes `expf`), `tanh` (Cephes), `ln` (Sun's fdlibm); `ln_1p` by
//! the correction of Kahan (HP-15C handbook); `erf`, `erfc` in `erf.rs`.

// Coefficients stand as their sources print them.
#![allow(clippy::excessive_precision, clippy::approx_constant)]

use std::hint::select_unpredictable as select;

/// f64 functions.
pub mod f64s {
    use super::select;

    const MAGIC: f64 = 6755399441055744.0; // 1.5 · 2^52: adding it rounds to an integer in the low bits
    const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN2_LO: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

    /// eˣ.
    #[inline(always)]
    pub fn exp(x: f64) -> f64 {
        let x = x.clamp(-746.0, 710.0);
        let shifted = x * std::f64::consts::LOG2_E + MAGIC;
        let k = shifted.to_bits().wrapping_sub(MAGIC.to_bits()) as i64;
        let n = shifted - MAGIC;
        let r = (x - n * LN2_HI) - n * LN2_LO;
        let mut p = 1.0 / 6227020800.0;
        p = p * r + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        let y = (p * r) * r + r + 1.0;
        // Two factors, so that results below the smallest normal number and above 2^1023 need no branch.
        let half = k >> 1;
        y * pow2(half) * pow2(k - half)
    }

    /// 2ᵏ for −1022 ≤ k ≤ 1023.
    #[inline(always)]
    pub fn pow2(k: i64) -> f64 {
        f64::from_bits(((k + 1023) as u64) << 52)
    }

    /// Natural logarithm.
    #[inline(always)]
    pub fn ln(x: f64) -> f64 {
        let tiny = x < f64::MIN_POSITIVE;
        let scaled = select(tiny, x * 18014398509481984.0, x);
        let bits = scaled.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_0000_0000);
        let exponent = (bits >> 52).wrapping_add(MAGIC.to_bits());
        let k = (f64::from_bits(exponent) - MAGIC) - select(tiny, 1023.0 + 54.0, 1023.0);
        let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_0000_0000)) - 1.0;
        let s = f / (2.0 + f);
        let z = s * s;
        let w = z * z;
        let even = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
        let odd = z
            * (6.666666666666735130e-1
                + w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
        let half_square = 0.5 * f * f;
        let y = s * (half_square + odd + even) + k * 1.90821492927058770002e-10 - half_square
            + f
            + k * 6.93147180369123816490e-01;
        let y = select(x == f64::INFINITY, f64::INFINITY, y);
        let y = select(x == 0.0, f64::NEG_INFINITY, y);
        select(x < 0.0 || x.is_nan(), f64::NAN, y)
    }

    /// ln(1 + x).
    #[inline(always)]
    pub fn ln_1p(x: f64) -> f64 {
        let w = 1.0 + x;
        let y = ln(w) + (x - (w - 1.0)) / w;
        select(w > 0.0 && w < f64::INFINITY, y, ln(w))
    }

    /// Hyperbolic tangent.
    #[inline(always)]
    pub fn tanh(x: f64) -> f64 {
        let a = x.abs();
        let z = x * x;
        let p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
        let q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
        let near = (x + x * (z * (p / q))).copysign(x);
        let far = (1.0 - 2.0 / (exp(2.0 * a) + 1.0)).copysign(x);
        select(a < 0.625, near, far)
    }

    /// 1 / (1 + e⁻ˣ).
    #[inline(always)]
    pub fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + exp(-x))
    }
}

/// f32 functions.
pub mod f32s {
    use super::select;

    const MAGIC: f32 = 12582912.0; // 1.5 · 2^23

    /// eˣ.
    #[inline(always)]
    pub fn exp(x: f32) -> f32 {
        let x = x.clamp(-104.0, 89.0);
        let shifted = x * std::f32::consts::LOG2_E + MAGIC;
        let k = shifted.to_bits().wrapping_sub(MAGIC.to_bits()) as i32;
        let n = shifted - MAGIC;
        let r = (x - n * 0.693359375) - n * -2.12194440e-4;
        let mut p = 1.9875691500e-4;
        p = p * r + 1.3981999507e-3;
        p = p * r + 8.3334519073e-3;
        p = p * r + 4.1665795894e-2;
        p = p * r + 1.6666665459e-1;
        p = p * r + 5.0000001201e-1;
        let y = (p * r) * r + r + 1.0;
        let half = k >> 1;
        y * pow2(half) * pow2(k - half)
    }

    #[inline(always)]
    fn pow2(k: i32) -> f32 {
        f32::from_bits(((k + 127) as u32) << 23)
    }

    /// Natural logarithm.
    #[inline(always)]
    pub fn ln(x: f32) -> f32 {
        let tiny = x < f32::MIN_POSITIVE;
        let scaled = select(tiny, x * 33554432.0, x);
        let bits = scaled.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
        let k = ((bits >> 23) as i32 - select(tiny, 127 + 25, 127)) as f32;
        let f = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3)) - 1.0;
        let s = f / (2.0 + f);
        let z = s * s;
        let w = z * z;
        let r = z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841);
        let half_square = 0.5 * f * f;
        let y = s * (half_square + r) + k * 9.0580006145e-06 - half_square + f + k * 6.9313812256e-01;
        let y = select(x == f32::INFINITY, f32::INFINITY, y);
        let y = select(x == 0.0, f32::NEG_INFINITY, y);
        select(x < 0.0 || x.is_nan(), f32::NAN, y)
    }

    /// ln(1 + x).
    #[inline(always)]
    pub fn ln_1p(x: f32) -> f32 {
        let w = 1.0 + x;
        let y = ln(w) + (x - (w - 1.0)) / w;
        select(w > 0.0 && w < f32::INFINITY, y, ln(w))
    }

    /// Hyperbolic tangent.
    #[inline(always)]
    pub fn tanh(x: f32) -> f32 {
        let a = x.abs();
        let z = x * x;
        let mut p = -5.70498872745e-3;
        p = p * z + 2.06390887954e-2;
        p = p * z - 5.37397155531e-2;
        p = p * z + 1.33314422036e-1;
        p = p * z - 3.33332819422e-1;
        let near = ((p * z) * x + x).copysign(x);
        let far = (1.0 - 2.0 / (exp(2.0 * a) + 1.0)).copysign(x);
        select(a < 0.625, near, far)
    }

    /// 1 / (1 + e⁻ˣ).
    #[inline(always)]
    pub fn sigmoid(x: f32) -> f32 {
        1.0 / (1.0 + exp(-x))
    }
}
