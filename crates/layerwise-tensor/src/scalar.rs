//! The numbers the library computes in. Every kernel is written once over `S: Scalar`; second order and the exact oracle of the
//! gradient check come from running the same source in dual numbers (`dual.rs`).

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::gemm::{self, Op, Write};
use crate::matrix::MatMut;
use crate::{erf, math};

pub(crate) mod sealed {
    /// Keeps `Scalar` to the types of this crate.
    pub trait Sealed {}
}

/// Assigning operators by way of the plain ones.
macro_rules! assign {
    ([$($generics:tt)*] $t:ty) => {
        impl<$($generics)*> AddAssign for $t {
            #[inline(always)]
            fn add_assign(&mut self, o: Self) {
                *self = *self + o;
            }
        }
        impl<$($generics)*> SubAssign for $t {
            #[inline(always)]
            fn sub_assign(&mut self, o: Self) {
                *self = *self - o;
            }
        }
        impl<$($generics)*> MulAssign for $t {
            #[inline(always)]
            fn mul_assign(&mut self, o: Self) {
                *self = *self * o;
            }
        }
        impl<$($generics)*> DivAssign for $t {
            #[inline(always)]
            fn div_assign(&mut self, o: Self) {
                *self = *self / o;
            }
        }
    };
}
pub(crate) use assign;

/// A number the library computes in: `f32`, `f64`, `Dual32` or `Dual64`; and those that judge them, `DoubleDouble` and
/// `Bounded`.
///
/// Every method of the former is branch-free and inlined, so that loops over it vectorize; choose between two computed values
/// with [`Scalar::select`], never with `if`. There is no fused multiply-add: in return every elementwise result has the same
/// bits at every dispatch level.
///
/// # Accuracy
///
/// In `f32` and `f64` every elementary function is within 2 units in the last place of the exact result, over the whole range;
/// where the result is below the smallest normal number, within 2 of the smallest number. `cargo xtask ulp` measures it, over
/// all numbers of `f32`. Results below the normal numbers are gradual, not flushed to 0; `exp` is infinite where the result
/// rounds to more than the largest number, and 0 where it rounds to less than the smallest. At infinite arguments each
/// function has its limit; `ln` and `ln_1p` are −∞ at 0 and −1, and NaN below; NaN gives NaN. `tanh` and `erf` keep the sign
/// of 0. In duals the values are the same.
pub trait Scalar:
    Copy
    + Debug
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + sealed::Sealed
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The constant `value`, rounded.
    fn of(value: f64) -> Self;
    /// The (primal) value.
    fn value(self) -> f64;
    /// `a` where `test` holds, else `b`; both are computed.
    fn select(test: bool, a: Self, b: Self) -> Self;
    /// eˣ.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x).
    fn ln_1p(self) -> Self;
    /// √x.
    fn sqrt(self) -> Self;
    /// tanh x.
    fn tanh(self) -> Self;
    /// 1 / (1 + e⁻ˣ).
    fn sigmoid(self) -> Self;
    /// ln(1 + eˣ), without overflow.
    fn softplus(self) -> Self;
    /// erf x.
    fn erf(self) -> Self;
    /// erfc x = 1 − erf x, accurate in its tail.
    fn erfc(self) -> Self;
    /// |x|; the derivative at 0 is 0.
    fn abs(self) -> Self;
    /// Neither infinite nor NaN, in every part.
    fn finite(self) -> bool;

    /// The larger of the two; NaN if the first is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(self < other, other, self)
    }
    /// The smaller of the two; NaN if the first is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(self > other, other, self)
    }
    /// c ← op(a) op(b), or c ← c + op(a) op(b). The only matrix product in the workspace.
    ///
    /// Panics: if the shapes do not fit.
    fn gemm(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>);

    /// The same for a part of a gradient, which is added to and read by nobody before it is complete: where only its derivative is
    /// wanted ([`crate::dual_gemm::Gradient`]), values are left out.
    fn gemm_gradient(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>) {
        Self::gemm(c, write, a, b);
    }
}

macro_rules! real {
    ($t:ident) => {
        impl sealed::Sealed for $t {}

        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn value(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn select(test: bool, a: Self, b: Self) -> Self {
                std::hint::select_unpredictable(test, a, b)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                math::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                math::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                math::ln_1p(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                math::tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                math::sigmoid(self)
            }
            #[inline(always)]
            fn softplus(self) -> Self {
                math::softplus(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                erf::erf(self)
            }
            #[inline(always)]
            fn erfc(self) -> Self {
                erf::erfc(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn finite(self) -> bool {
                $t::is_finite(self)
            }
            fn gemm(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>) {
                gemm::real(c, write, a, b);
            }
        }
    };
}
real!(f32);
real!(f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equals_the_first_is_chosen_and_softplus_does_not_overflow() {
        fn check<S: Scalar>() {
            for (a, b) in [(0.0, -0.0), (-0.0, 0.0)] {
                let (x, y) = (S::of(a), S::of(b));
                assert_eq!((x.max(y).value().to_bits(), x.min(y).value().to_bits()), (a.to_bits(), a.to_bits()));
            }
            let (low, high) = (S::of(-1.5), S::of(2.5));
            assert_eq!((low.max(high).value(), high.max(low).value()), (2.5, 2.5));
            assert_eq!((low.min(high).value(), high.min(low).value()), (-1.5, -1.5));
            assert_eq!((S::of(800.0).softplus().value(), S::of(-800.0).softplus().value()), (800.0, 0.0));
            assert!((S::of(1.0).softplus().value() - 1.3132616875182228).abs() < 1e-6);
            assert!((S::of(-1.0).softplus().value() - 0.31326168751822286).abs() < 1e-6);
        }
        check::<f32>();
        check::<f64>();
        check::<crate::Dual64>();
        check::<crate::DoubleDouble>();
        check::<crate::Bounded<f32>>();
    }
}
