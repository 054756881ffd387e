//! Elementary functions of f32 and f64, branch-free, so that the compiler vectorizes every loop over them and the bits are the
//! same on every processor (multiply and add are never fused). What is particular to a format stands in `float.rs`.
//!
//! Sources: the reduction of `exp` is that of Cody and Waite (1980); `ln` from Sun's fdlibm; `ln_1p` by the correction of Kahan
//! (HP-15C handbook); `tanh` from Cephes. `erf` and `erfc` are in `erf.rs`.

use crate::float::Float;

/// eˣ = (1 + q) 2ᵃ 2ᵇ.
pub(crate) struct Exp<T> {
    /// eʳ − 1 of the remainder |r| ≤ ½ ln 2.
    pub q: T,
    /// 2ᵃ and 2ᵇ.
    pub powers: [T; 2],
}

impl<T: Float> Exp<T> {
    /// e^(x + rest), |rest| ≤ 1, for x + rest between the ends of `exp`.
    #[inline(always)]
    pub fn of(x: T, rest: T) -> Self {
        let shifted = (x + rest) * T::LOG2_E + T::MAGIC;
        let n = shifted - T::MAGIC;
        let r = (x - n * T::LN_2[0]) + (rest - n * T::LN_2[1]);
        Exp { q: (T::exp_series(r) * r) * r + r, powers: T::powers(shifted) }
    }

    /// 1 + q, and what its rounding lost.
    #[inline(always)]
    pub fn head(&self) -> (T, T) {
        let head = T::ONE + self.q;
        (head, self.q - (head - T::ONE))
    }

    /// y 2ᵃ 2ᵇ: two factors, so that results below the smallest normal number and near the largest need no branch.
    #[inline(always)]
    pub fn scale(&self, y: T) -> T {
        y * self.powers[0] * self.powers[1]
    }
}

/// eˣ.
#[inline(always)]
pub fn exp<T: Float>(x: T) -> T {
    let parts = Exp::of(x.max(T::EXP_ENDS[0]).min(T::EXP_ENDS[1]), T::ZERO);
    parts.scale(parts.q + T::ONE)
}

/// Natural logarithm of a normal number above 0; `shift` is taken from its exponent.
#[inline(always)]
fn ln_normal<T: Float>(x: T, shift: T) -> T {
    let [k, m] = x.exponent();
    let k = k - shift;
    let f = m - T::ONE;
    let s = f / (T::of(2.0) + f);
    let half_square = T::of(0.5) * f * f;
    // ln m = s (half_square + …) − half_square + f; the parts of k ln 2 are added where they lose least.
    s * (half_square + T::ln_series(s * s)) + k * T::LN_2[1] - half_square + f + k * T::LN_2[0]
}

/// y, or what a logarithm is where x is not a normal number above 0.
#[inline(always)]
fn or_limit<T: Float>(y: T, x: T) -> T {
    let y = T::select(x < T::INFINITY, y, x);
    let y = T::select(x > T::ZERO, y, -T::INFINITY);
    // NaN is not at least 0 either.
    T::select(x >= T::ZERO, y, T::NAN)
}

/// Natural logarithm.
#[inline(always)]
pub fn ln<T: Float>(x: T) -> T {
    let [normal, factor, exponent] = T::TINY;
    let tiny = x < normal;
    or_limit(ln_normal(T::select(tiny, x * factor, x), T::select(tiny, exponent, T::ZERO)), x)
}

/// ln(w + lost) of a normal number w, `lost` being what its rounding lost.
#[inline(always)]
fn ln_rounded<T: Float>(w: T, lost: T) -> T {
    ln_normal(w, T::ZERO) + lost / w
}

/// ln(1 + x).
#[inline(always)]
pub fn ln_1p<T: Float>(x: T) -> T {
    let w = T::ONE + x;
    or_limit(ln_rounded(w, x - (w - T::ONE)), w)
}

/// Hyperbolic tangent: a rational function of x² below 0.625, then 1 − 2 / (e²ˣ + 1); one division for both.
#[inline(always)]
pub fn tanh<T: Float>(x: T) -> T {
    let a = x.abs();
    let near = a < T::of(0.625);
    let [p, q] = T::tanh_ratio(x * x);
    let numerator = T::select(near, a * p, -T::of(2.0));
    let denominator = T::select(near, q, exp(a + a) + T::ONE);
    (T::select(near, a, T::ONE) + numerator / denominator).copysign(x)
}

/// t = e^(−|x|) and w = 1 + t, each with what its rounding lost.
#[inline(always)]
fn one_plus_exp<T: Float>(x: T) -> [T; 4] {
    let parts = Exp::of((-x.abs()).max(T::EXP_ENDS[0]), T::ZERO);
    let (head, lost) = parts.head();
    let (t, t_lost) = (parts.scale(head), parts.scale(lost));
    let w = T::ONE + t;
    [t, t_lost, w, (t - (w - T::ONE)) + t_lost]
}

/// ln(1 + eˣ) as max(x, 0) + ln(1 + e^(−|x|)).
#[inline(always)]
pub fn softplus<T: Float>(x: T) -> T {
    let [_, _, w, w_lost] = one_plus_exp(x);
    let y = ln_rounded(w, w_lost);
    T::select(x > T::ZERO, x + y, y)
}

/// 1 / (1 + e⁻ˣ), as t / (1 + t) for x < 0 and 1 / (1 + t) else, t = e^(−|x|). To first order, the quotient is given back what
/// the roundings of both lost.
#[inline(always)]
pub fn sigmoid<T: Float>(x: T) -> T {
    let negative = x < T::ZERO;
    let [t, t_lost, w, w_lost] = one_plus_exp(x);
    let y = T::select(negative, t, T::ONE) / w;
    let inverse = T::select(negative, T::ONE - y, y);
    y + inverse * (T::select(negative, t_lost, T::ZERO) - y * w_lost)
}
