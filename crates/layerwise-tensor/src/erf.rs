//! The error function, branch-free.
//!
//! |x| < ¾: erf(x) = x + x P(x²). Else erfc(|x|) = e^(−x² − 11/16 + R) / |x|, where R is a polynomial of (|x| − 7/4) / (|x| + 1),
//! so small that its error hardly counts. The idea of a rational function within the exponential is that of Sun's fdlibm.

use crate::float::Float;
use crate::math::Exp;

/// Where the two meet.
const MEET: f64 = 0.75;

/// x P(x²).
#[inline(always)]
fn near<T: Float>(x: T) -> T {
    x * T::erf_small(x * x)
}

/// erfc(a) for a ≥ ¾.
#[inline(always)]
fn far<T: Float>(a: T) -> T {
    let a = a.max(T::of(MEET)).min(T::ERFC_END);
    let s = (a - T::of(1.75)) / (a + T::ONE);
    // x² in two parts, the first exact, so that the error of rounding it is not multiplied by x².
    let head = a.head();
    let rest = T::erf_tail(s) - (a - head) * (a + head);
    let parts = Exp::of(-(head * head + T::of(0.6875)), rest);
    // What the rounding of the numerator lost, times 1/head ≈ 1 − q, is given back to the quotient.
    let (head, lost) = parts.head();
    let y = head / a;
    parts.scale(y + y * (lost * (T::ONE - parts.q)))
}

/// erf(x) = 2/√π ∫₀ˣ e^(−t²) dt.
#[inline(always)]
pub fn erf<T: Float>(x: T) -> T {
    let a = x.abs();
    T::select(a < T::of(MEET), a + near(a), T::ONE - far(a)).copysign(x)
}

/// erfc(x) = 1 − erf(x), without cancellation for large x.
#[inline(always)]
pub fn erfc<T: Float>(x: T) -> T {
    let (a, half) = (x.abs(), T::of(0.5));
    let tail = far(a);
    let tail = T::select(x < T::ZERO, T::of(2.0) - tail, tail);
    // 1 − (x + near), where ½ − x loses nothing before the two nearly cancel.
    T::select(a < T::of(MEET), half - ((x - half) + near(x)), tail)
}
