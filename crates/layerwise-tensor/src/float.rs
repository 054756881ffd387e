//! What the elementary functions need to know of a format: its bits, and polynomials that are as short as it allows.
//!
//! `scripts/polynomials.py` prints those of `exp`, `erf_small` and `erf_tail`. The others: `tanh` from Cephes (Moshier), `ln`
//! from Sun's fdlibm.

// Coefficients stand as their sources print them; 2/√π − 1 and ln 2 are among them.
#![allow(clippy::excessive_precision, clippy::approx_constant)]

use crate::scalar::Scalar;

/// c₀ + c₁ x + c₂ x² + …, by Horner's rule. A macro, because a loop over coefficients would keep the loop around it from being
/// vectorized.
macro_rules! polynomial {
    ($x:ident: $c:expr) => { $c };
    ($x:ident: $c:expr, $($higher:expr),+) => { $c + $x * polynomial!($x: $($higher),+) };
}

/// `f32` and `f64`.
pub trait Float: Scalar {
    /// 1.5 · 2^(bits of the mantissa): adding it rounds to a whole number, which then stands in the low bits.
    const MAGIC: Self;
    /// 1 / ln 2.
    const LOG2_E: Self;
    /// ln 2 in two parts; whole multiples of the first are exact.
    const LN_2: [Self; 2];
    /// eˣ is 0 at the first and infinite at the second.
    const EXP_ENDS: [Self; 2];
    /// erfc x is 0.
    const ERFC_END: Self;
    /// The smallest normal number, and a power of two that makes normal numbers of all below it, with its exponent.
    const TINY: [Self; 3];
    /// ∞.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;

    /// |x| with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
    /// Its leading bits, so few that their square plus 11/16 is a number of the format.
    fn head(self) -> Self;
    /// 2ᵃ and 2ᵇ for a + b = n, given n + MAGIC: 2ⁿ itself may not be a number of the format.
    fn powers(shifted: Self) -> [Self; 2];
    /// k and m of a normal number 2ᵏ m, √½ ≤ m < √2.
    fn exponent(self) -> [Self; 2];

    /// (eʳ − 1 − r) / r² for |r| ≤ ½ ln 2.
    fn exp_series(r: Self) -> Self;
    /// ln((1 + s) / (1 − s)) / s − 2, of s².
    fn ln_series(z: Self) -> Self;
    /// Numerator and denominator of tanh(x) / x − 1, of x² ≤ 0.625².
    fn tanh_ratio(z: Self) -> [Self; 2];
    /// erf(x) / x − 1, of x² ≤ 9/16.
    fn erf_small(z: Self) -> Self;
    /// 11/16 + ln(x e^(x²) erfc x), of s = (x − 7/4) / (x + 1) for x ≥ 3/4.
    fn erf_tail(s: Self) -> Self;
}

impl Float for f64 {
    const MAGIC: f64 = 6755399441055744.0;
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN_2: [f64; 2] = [6.93147180369123816490e-01, 1.90821492927058770002e-10];
    const EXP_ENDS: [f64; 2] = [-746.0, 710.0];
    const ERFC_END: f64 = 28.0;
    const TINY: [f64; 3] = [f64::MIN_POSITIVE, 18014398509481984.0, 54.0];
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    #[inline(always)]
    fn copysign(self, sign: f64) -> f64 {
        f64::copysign(self, sign)
    }
    #[inline(always)]
    fn head(self) -> f64 {
        f64::from_bits(self.to_bits() & 0xffff_ffff_f800_0000)
    }
    #[inline(always)]
    fn powers(shifted: f64) -> [f64; 2] {
        // Exponents with their bias are above 0: shifts without a sign, which every instruction set has.
        let n = shifted.to_bits().wrapping_sub(Self::MAGIC.to_bits()).wrapping_add(2 * 1023);
        let half = n >> 1;
        [f64::from_bits(half << 52), f64::from_bits(n.wrapping_sub(half) << 52)]
    }
    #[inline(always)]
    fn exponent(self) -> [f64; 2] {
        const ROOT: u64 = 0x3fe6_a09e_0000_0000; // √½
        let bits = self.to_bits().wrapping_add(f64::to_bits(1.0) - ROOT);
        let k = f64::from_bits((bits >> 52).wrapping_add(Self::MAGIC.to_bits())) - (Self::MAGIC + 1023.0);
        [k, f64::from_bits((bits & ((1 << 52) - 1)).wrapping_add(ROOT))]
    }

    #[inline(always)]
    fn exp_series(r: f64) -> f64 {
        polynomial!(
            r:
            0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326141, 0.0013888888888883752,
            0.00019841269874800493, 2.4801587325533363e-05, 2.7557255425746435e-06, 2.7557273661348637e-07,
            2.510520637395701e-08, 2.0914679376583935e-09
        )
    }
    #[inline(always)]
    fn ln_series(z: f64) -> f64 {
        let w = z * z;
        let even = polynomial!(w: 3.999999999940941908e-1, 2.222219843214978396e-1, 1.531383769920937332e-1);
        let odd = polynomial!(
            w:
            6.666666666666735130e-1, 2.857142874366239149e-1, 1.818357216161805012e-1, 1.479819860511658591e-1
        );
        w * even + z * odd
    }
    #[inline(always)]
    fn tanh_ratio(z: f64) -> [f64; 2] {
        let p = polynomial!(z: -1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1);
        let q = polynomial!(z: 4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1.0);
        [z * p, q]
    }
    #[inline(always)]
    fn erf_small(z: f64) -> f64 {
        polynomial!(
            z:
            0.1283791670955126, -0.37612638903183754, 0.11283791670955087, -0.026866170645118446, 0.005223977625222192,
            -0.0008548327001135946, 0.00012055331545294116, -1.4925589383821143e-05, 1.646038320985815e-06,
            -1.63332293434337e-07, 1.4413879289095029e-08, -9.502840894774706e-10
        )
    }
    #[inline(always)]
    fn erf_tail(s: f64) -> f64 {
        // Two halves, which a processor computes at the same time.
        let z = s * s;
        let even = polynomial!(
            z:
            -0.008247737497799985, -0.24611779249090848, -0.014277873961511721, -0.006719290699715891,
            -0.0019720571329722874, -0.00015461845219814064, -8.796645000457636e-05, -5.5576878769244104e-05,
            -6.578954948292227e-06, 7.367969873016884e-07, 1.3707001900580179e-06, -5.0428587911730265e-06,
            2.8855789940644077e-06
        );
        let odd = polynomial!(
            z:
            0.3074985941916791, 0.06661094886569324, 0.016098391825517647, 0.0014150084806799855,
            0.0008004537042287595, 0.00031281726557182496, 2.262993970173302e-05, 4.3356649859359276e-06,
            1.0891437224255092e-05, -7.305504191536814e-07, 2.888633472540545e-06, -7.381408350896981e-07,
            -8.919404764242537e-07
        );
        even + s * odd
    }
}

impl Float for f32 {
    const MAGIC: f32 = 12582912.0;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN_2: [f32; 2] = [6.9314575195e-01, 1.4286067653e-06];
    const EXP_ENDS: [f32; 2] = [-104.0, 89.0];
    const ERFC_END: f32 = 10.25;
    const TINY: [f32; 3] = [f32::MIN_POSITIVE, 33554432.0, 25.0];
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;

    #[inline(always)]
    fn copysign(self, sign: f32) -> f32 {
        f32::copysign(self, sign)
    }
    #[inline(always)]
    fn head(self) -> f32 {
        f32::from_bits(self.to_bits() & 0xffff_e000)
    }
    #[inline(always)]
    fn powers(shifted: f32) -> [f32; 2] {
        // Exponents with their bias are above 0: shifts without a sign, which every instruction set has.
        let n = shifted.to_bits().wrapping_sub(Self::MAGIC.to_bits()).wrapping_add(2 * 127);
        let half = n >> 1;
        [f32::from_bits(half << 23), f32::from_bits(n.wrapping_sub(half) << 23)]
    }
    #[inline(always)]
    fn exponent(self) -> [f32; 2] {
        const ROOT: u32 = 0x3f35_04f3; // √½
        let bits = self.to_bits().wrapping_add(f32::to_bits(1.0) - ROOT);
        let k = f32::from_bits((bits >> 23).wrapping_add(Self::MAGIC.to_bits())) - (Self::MAGIC + 127.0);
        [k, f32::from_bits((bits & ((1 << 23) - 1)).wrapping_add(ROOT))]
    }

    #[inline(always)]
    fn exp_series(r: f32) -> f32 {
        polynomial!(r: 5e-01, 1.6666667e-01, 4.1666467e-02, 8.3333105e-03, 1.3933642e-03, 1.9890981e-04)
    }
    #[inline(always)]
    fn ln_series(z: f32) -> f32 {
        let w = z * z;
        let even = polynomial!(w: 0.40000972152, 0.24279078841);
        let odd = polynomial!(w: 0.66666662693, 0.28498786688);
        w * even + z * odd
    }
    #[inline(always)]
    fn tanh_ratio(z: f32) -> [f32; 2] {
        let p = polynomial!(
            z:
            -3.33332819422e-1, 1.33314422036e-1, -5.37397155531e-2, 2.06390887954e-2, -5.70498872745e-3
        );
        [z * p, 1.0]
    }
    #[inline(always)]
    fn erf_small(z: f32) -> f32 {
        polynomial!(z: 1.2837917e-01, -3.761262e-01, 1.12833865e-01, -2.6835114e-02, 5.115332e-03, -6.75648e-04)
    }
    #[inline(always)]
    fn erf_tail(s: f32) -> f32 {
        // Two halves, which a processor computes at the same time.
        let z = s * s;
        let even = polynomial!(z: -8.247738e-03, -2.4611765e-01, -1.4282459e-02, -6.674346e-03, -2.1321725e-03);
        let odd = polynomial!(z: 3.0749857e-01, 6.661166e-02, 1.6095202e-02, 1.3887655e-03, 9.965562e-04);
        even + s * odd
    }
}
