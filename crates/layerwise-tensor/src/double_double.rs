//! A number as the exact sum of two f64: about 106 bits. With it the gradient check knows what f64 should have given.
//!
//! Sums by the exact sum of two numbers (Knuth 1969), products by a fused multiply-add in the place of the splitting of Dekker
//! (1971): exact on every processor, if slow on one without the instruction. Sum, product and quotient are algorithms 6, 10 and
//! 17 of Joldes, Muller and Popescu (2017), with relative errors of some 2⁻¹⁰³; elementary functions in the manner of Hida, Li
//! and Bailey (2001), tested to 1e-28. Numbers below 1e-292 carry fewer bits, because f64 has no exponents for their lower
//! half.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::float::Float;
use crate::gemm::{self, Op, Write};
use crate::math;
use crate::matrix::MatMut;
use crate::scalar::{Scalar, assign, sealed};
use crate::trace;

/// hi + lo, where hi is the f64 nearest to the sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoubleDouble {
    hi: f64,
    lo: f64,
}

/// ln 2 in three parts.
const LN_2: [f64; 3] = [std::f64::consts::LN_2, 2.3190468138462996e-17, 5.707708438416212e-34];
/// 2/√π.
pub(crate) const FRAC_2_SQRT_PI: DoubleDouble =
    DoubleDouble { hi: std::f64::consts::FRAC_2_SQRT_PI, lo: 1.533545961316588e-17 };
const TWO: DoubleDouble = DoubleDouble { hi: 2.0, lo: 0.0 };

/// a + b and its rounding error.
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// a b and its rounding error.
#[inline]
fn two_prod(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// sum + error, of which |error| is much the smaller. Errors of infinities are NaN and are dropped.
#[inline]
fn settled((sum, error): (f64, f64)) -> DoubleDouble {
    let hi = sum + error;
    if hi.is_finite() {
        DoubleDouble { hi, lo: error - (hi - sum) }
    } else {
        DoubleDouble { hi: if sum.is_finite() { hi } else { sum }, lo: 0.0 }
    }
}

impl DoubleDouble {
    /// hi + lo, of any sizes.
    #[inline]
    pub fn new(hi: f64, lo: f64) -> Self {
        settled(two_sum(hi, lo))
    }

    /// The nearest f64.
    #[inline]
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// What is left: at most half a unit in the last place of `hi`.
    #[inline]
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// The nearest f64.
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.hi
    }

    /// self · 2ᵏ.
    fn scaled(self, k: i64) -> Self {
        // Two factors, because 2ᵏ alone may not be a number where the result is one.
        let [a, b] = f64::powers(k as f64 + f64::MAGIC);
        settled((self.hi * a * b, self.lo * a * b))
    }

    /// eˣ − 1 for |x| ≤ 0.7, without cancellation.
    fn exp_m1_near_0(self) -> Self {
        // Taylor's series at x/2⁷, of which 12!/n! are whole numbers; then seven times e²ˣ − 1 = 2(eˣ − 1) + (eˣ − 1)².
        let r = self.scaled(-7);
        let (mut sum, mut quotient) = (Self::ONE, 1.0);
        for n in (2..=12).rev() {
            quotient *= f64::from(n);
            sum = sum * r + Self::from(quotient);
        }
        let mut y = sum * r / Self::from(quotient);
        for _ in 0..7 {
            y = y + y + y * y;
        }
        y
    }

    /// ln(1 + x) for |x| ≤ 0.5: a step of Newton's method on eʸ − 1 = x from the f64 value.
    fn ln_1p_near_0(self) -> Self {
        let y = Self::from(math::ln_1p(self.hi));
        let x = y.exp_m1_near_0();
        y + (self - x) / (x + Self::ONE)
    }

    /// erf x for |x| ≤ 1.5: 2/√π e^(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, whose terms have one sign.
    fn erf_near_0(self) -> Self {
        let square = self * self;
        let mut sum = Self::ONE;
        for n in (1..=40).rev() {
            sum = Self::ONE + sum * (square + square) / Self::from(f64::from(2 * n + 1));
        }
        FRAC_2_SQRT_PI * self * (-square).exp() * sum
    }

    /// erfc x for x ≥ 1.5: the even part of Laplace's continued fraction (Abramowitz and Stegun 7.1.14).
    fn erfc_far(self) -> Self {
        if self.hi > 28.0 {
            return Self::ZERO;
        }
        let square = self * self;
        let partial = |n: f64| square + Self::from(2.0 * n + 0.5);
        let mut tail = partial(190.0);
        for n in (1..=190).rev() {
            let n = f64::from(n);
            tail = partial(n - 1.0) - Self::from(n * (n - 0.5)) / tail;
        }
        // x² in two parts, so that the error of rounding it is not multiplied by x².
        let head = f64::from(self.hi as f32);
        let rest = self - Self::from(head);
        let gauss = Self::from(-head * head).exp() * (-(rest * (self + Self::from(head)))).exp();
        FRAC_2_SQRT_PI * self.scaled(-1) * gauss / tail
    }
}

impl From<f64> for DoubleDouble {
    #[inline]
    fn from(value: f64) -> Self {
        DoubleDouble { hi: value, lo: 0.0 }
    }
}

impl Add for DoubleDouble {
    type Output = Self;
    #[inline]
    fn add(self, o: Self) -> Self {
        let (sum, error) = two_sum(self.hi, o.hi);
        let (low_sum, low_error) = two_sum(self.lo, o.lo);
        let DoubleDouble { hi, lo } = settled((sum, error + low_sum));
        settled((hi, low_error + lo))
    }
}
impl Sub for DoubleDouble {
    type Output = Self;
    #[inline]
    fn sub(self, o: Self) -> Self {
        self + -o
    }
}
impl Mul for DoubleDouble {
    type Output = Self;
    #[inline]
    fn mul(self, o: Self) -> Self {
        let (product, error) = two_prod(self.hi, o.hi);
        settled((product, error + (self.hi * o.lo + self.lo * o.hi)))
    }
}
impl Div for DoubleDouble {
    type Output = Self;
    #[inline]
    fn div(self, o: Self) -> Self {
        let quotient = self.hi / o.hi;
        if o.hi.is_infinite() {
            return Self::from(quotient);
        }
        // The remainder of the leading parts is a number of f64.
        let rest = (-quotient).mul_add(o.hi, self.hi) + self.lo - quotient * o.lo;
        settled((quotient, rest / o.hi))
    }
}
impl Neg for DoubleDouble {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        DoubleDouble { hi: -self.hi, lo: -self.lo }
    }
}
assign!([] DoubleDouble);

impl PartialEq for DoubleDouble {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}
impl PartialOrd for DoubleDouble {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let ordering = match self.hi.partial_cmp(&other.hi) {
            Some(Ordering::Equal) => self.lo.partial_cmp(&other.lo),
            ordering => ordering,
        };
        trace::record(ordering, || ((*self - *other).hi.abs(), 0.0))
    }
}

impl sealed::Sealed for DoubleDouble {}

impl Scalar for DoubleDouble {
    const ZERO: Self = DoubleDouble { hi: 0.0, lo: 0.0 };
    const ONE: Self = DoubleDouble { hi: 1.0, lo: 0.0 };

    #[inline]
    fn of(value: f64) -> Self {
        Self::from(value)
    }
    #[inline]
    fn value(self) -> f64 {
        self.hi
    }
    #[inline]
    fn select(test: bool, a: Self, b: Self) -> Self {
        if test { a } else { b }
    }
    fn exp(self) -> Self {
        // Beyond these the result is 0 or infinite; within, the lower part is far below 1.
        let x = DoubleDouble { hi: self.hi.clamp(-748.0, 712.0), lo: self.lo.clamp(-1.0, 1.0) };
        let k = (x.hi * std::f64::consts::LOG2_E).round_ties_even();
        let r = LN_2.iter().fold(x, |r, &part| r - settled(two_prod(k, part)));
        (r.exp_m1_near_0() + Self::ONE).scaled(k as i64)
    }
    fn ln(self) -> Self {
        if (self.hi - 1.0).abs() <= 0.5 {
            return (self - Self::ONE).ln_1p_near_0();
        }
        let y = math::ln(self.hi);
        if !y.is_finite() {
            return Self::from(y);
        }
        // The same step of Newton's method, on e^(y/2), whose lower half f64 can hold.
        let y = Self::from(y);
        let root = (-y).scaled(-1).exp();
        y + (self * root * root - Self::ONE)
    }
    fn ln_1p(self) -> Self {
        if self.hi.abs() <= 0.5 { self.ln_1p_near_0() } else { (self + Self::ONE).ln() }
    }
    #[inline]
    fn sqrt(self) -> Self {
        let root = self.hi.sqrt();
        if root == 0.0 || !root.is_finite() {
            return Self::from(root);
        }
        let rest = (-root).mul_add(root, self.hi) + self.lo;
        settled((root, rest / (root + root)))
    }
    fn tanh(self) -> Self {
        if self.hi.abs() <= 0.35 {
            let y = (self + self).exp_m1_near_0();
            return y / (y + TWO);
        }
        let sign = Self::from(self.hi.signum());
        let x = sign * self;
        sign * (Self::ONE - TWO / ((x + x).exp() + Self::ONE))
    }
    fn sigmoid(self) -> Self {
        // For negative numbers e⁻ˣ may be infinite where the result is a number.
        if self.hi < 0.0 {
            let e = self.exp();
            return e / (Self::ONE + e);
        }
        Self::ONE / (Self::ONE + (-self).exp())
    }
    fn softplus(self) -> Self {
        // On both sides the same function, so this is no comparison for `trace`.
        if self.hi.is_sign_negative() { self.exp().ln_1p() } else { self + (-self).exp().ln_1p() }
    }
    fn erf(self) -> Self {
        if self.hi >= 1.5 {
            Self::ONE - self.erfc_far()
        } else if self.hi <= -1.5 {
            (-self).erfc_far() - Self::ONE
        } else {
            self.erf_near_0()
        }
    }
    fn erfc(self) -> Self {
        if self.hi >= 1.5 {
            self.erfc_far()
        } else if self.hi <= -1.5 {
            TWO - (-self).erfc_far()
        } else {
            Self::ONE - self.erf_near_0()
        }
    }
    #[inline]
    fn abs(self) -> Self {
        // For the trace: the sign decides the derivative.
        let _ = self.partial_cmp(&Self::ZERO);
        if self.hi.is_sign_negative() { -self } else { self }
    }
    #[inline]
    fn finite(self) -> bool {
        self.hi.is_finite()
    }
    fn gemm(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>) {
        gemm::plain(c, write, &a, &b);
    }
}
