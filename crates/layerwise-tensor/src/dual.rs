//! Dual numbers a + ε b, ε² = 0: running a program on them gives its value and its exact directional derivative.
//!
//! f(a + ε b) = f(a) + ε f′(a) b. Run on a gradient they give an exact Hessian-vector product (Pearlmutter 1994). At a kink the
//! derivative is that of the side that `Scalar::select` chooses; |x| has derivative 0 at 0. Dual numbers of dual numbers, the
//! hyper-dual numbers of Fike and Alonso (2011), give exact second derivatives.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use std::thread::LocalKey;

use crate::bounded::Bounded;
use crate::buf::Buf;
use crate::double_double::{self, DoubleDouble};
use crate::dual_gemm::{self, Current};
use crate::gemm::{Op, Write};
use crate::matrix::MatMut;
use crate::scalar::{Scalar, assign, sealed};

/// A dual number.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Dual<T> {
    /// The value.
    pub re: T,
    /// The coefficient of ε: the derivative in the chosen direction.
    pub eps: T,
}

/// A dual number of two f32.
pub type Dual32 = Dual<f32>;
/// A dual number of two f64.
pub type Dual64 = Dual<f64>;

impl<T> Dual<T> {
    /// re + ε eps.
    #[inline(always)]
    pub const fn new(re: T, eps: T) -> Self {
        Dual { re, eps }
    }
}

impl<T: Scalar> PartialEq for Dual<T> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.re == other.re
    }
}
impl<T: Scalar> PartialOrd for Dual<T> {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.re.partial_cmp(&other.re)
    }
    #[inline(always)]
    fn lt(&self, other: &Self) -> bool {
        self.re < other.re
    }
    #[inline(always)]
    fn gt(&self, other: &Self) -> bool {
        self.re > other.re
    }
    #[inline(always)]
    fn le(&self, other: &Self) -> bool {
        self.re <= other.re
    }
    #[inline(always)]
    fn ge(&self, other: &Self) -> bool {
        self.re >= other.re
    }
}
impl<T: Scalar> Add for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Dual::new(self.re + o.re, self.eps + o.eps)
    }
}
impl<T: Scalar> Sub for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Dual::new(self.re - o.re, self.eps - o.eps)
    }
}
impl<T: Scalar> Mul for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        Dual::new(self.re * o.re, self.re * o.eps + self.eps * o.re)
    }
}
impl<T: Scalar> Div for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        let re = self.re / o.re;
        Dual::new(re, (self.eps - re * o.eps) / o.re)
    }
}
impl<T: Scalar> Neg for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Dual::new(-self.re, -self.eps)
    }
}
assign!([T: Scalar] Dual<T>);

impl<T> sealed::Sealed for Dual<T> {}

/// The type of both parts of a dual number.
pub trait Plane: Scalar {
    /// Per-thread scratch for products.
    #[doc(hidden)]
    fn scratch() -> &'static LocalKey<RefCell<Buf<Self>>>;
    /// What products on this thread look at.
    #[doc(hidden)]
    fn current() -> &'static LocalKey<Current<Self>>;
    /// Whether this is the exact number 0 in every part, without a comparison for `trace`.
    fn vanishes(self) -> bool;
    /// The sign of the number, or of its zero, without a comparison for `trace`.
    fn negative(self) -> bool;
    /// 2/√π in the precision of the type.
    #[inline(always)]
    fn frac_2_sqrt_pi() -> Self {
        Self::of(std::f64::consts::FRAC_2_SQRT_PI)
    }
}
macro_rules! plane {
    ($($t:ty: $vanishes:expr, $negative:expr $(, $constant:expr)?;)*) => {$(
        impl Plane for $t {
            fn scratch() -> &'static LocalKey<RefCell<Buf<Self>>> {
                thread_local! {
                    static SCRATCH: RefCell<Buf<$t>> = RefCell::default();
                }
                &SCRATCH
            }
            fn current() -> &'static LocalKey<Current<Self>> {
                thread_local! {
                    static CURRENT: Current<$t> = const { Current::none() };
                }
                &CURRENT
            }
            #[inline(always)]
            fn vanishes(self) -> bool {
                let vanishes: fn(Self) -> bool = $vanishes;
                vanishes(self)
            }
            #[inline(always)]
            fn negative(self) -> bool {
                let negative: fn(Self) -> bool = $negative;
                negative(self)
            }
            $(
                fn frac_2_sqrt_pi() -> Self {
                    $constant
                }
            )?
        }
    )*};
}
plane! {
    f32: |x| x == 0.0, |x| x.is_sign_negative();
    f64: |x| x == 0.0, |x| x.is_sign_negative();
    DoubleDouble: |x| x.hi() == 0.0, |x| x.hi().is_sign_negative(), double_double::FRAC_2_SQRT_PI;
    Bounded<f32>: |x| x.value == 0.0 && x.error == 0.0, |x| x.value.is_sign_negative();
    Bounded<f64>: |x| x.value == 0.0 && x.error == 0.0, |x| x.value.is_sign_negative();
    Dual<DoubleDouble>:
        |x| x.re.vanishes() && x.eps.vanishes(), |x| x.re.negative(), Dual::new(Plane::frac_2_sqrt_pi(), Scalar::ZERO);
}

impl<T: Plane> Scalar for Dual<T> {
    const ZERO: Self = Dual::new(T::ZERO, T::ZERO);
    const ONE: Self = Dual::new(T::ONE, T::ZERO);

    #[inline(always)]
    fn of(value: f64) -> Self {
        Dual::new(T::of(value), T::ZERO)
    }
    #[inline(always)]
    fn value(self) -> f64 {
        self.re.value()
    }
    #[inline(always)]
    fn select(test: bool, a: Self, b: Self) -> Self {
        Dual::new(T::select(test, a.re, b.re), T::select(test, a.eps, b.eps))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let y = self.re.exp();
        Dual::new(y, y * self.eps)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        Dual::new(self.re.ln(), self.eps / self.re)
    }
    #[inline(always)]
    fn ln_1p(self) -> Self {
        Dual::new(self.re.ln_1p(), self.eps / (T::ONE + self.re))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let y = self.re.sqrt();
        Dual::new(y, self.eps / (y + y))
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        // 1/cosh² as 4t/(1+t)², t = e^(−2|x|): unlike 1 − y², exact in the tails.
        let twice = self.re + self.re;
        let t = T::select(self.re.negative(), twice, -twice).exp();
        let sech = T::of(2.0) / (T::ONE + t);
        Dual::new(self.re.tanh(), t * sech * sech * self.eps)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        // 1 − σ(x) as σ(−x), exact in the tails.
        Dual::new(self.re.sigmoid(), self.re.sigmoid() * (-self.re).sigmoid() * self.eps)
    }
    #[inline(always)]
    fn softplus(self) -> Self {
        Dual::new(self.re.softplus(), self.re.sigmoid() * self.eps)
    }
    #[inline(always)]
    fn erf(self) -> Self {
        let slope = T::frac_2_sqrt_pi() * (-(self.re * self.re)).exp();
        Dual::new(self.re.erf(), slope * self.eps)
    }
    #[inline(always)]
    fn erfc(self) -> Self {
        let slope = T::frac_2_sqrt_pi() * (-(self.re * self.re)).exp();
        Dual::new(self.re.erfc(), -(slope * self.eps))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let sign = T::select(self.re > T::ZERO, T::ONE, T::select(self.re < T::ZERO, -T::ONE, T::ZERO));
        Dual::new(self.re.abs(), sign * self.eps)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.re.finite() && self.eps.finite()
    }

    fn gemm(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>) {
        dual_gemm::product(c, write, a, b);
    }
    fn gemm_gradient(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>) {
        dual_gemm::gradient(c, write, a, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// f and 3 f′ by duals against closed forms.
    #[track_caller]
    fn check(f: fn(Dual64) -> Dual64, value: fn(f64) -> f64, slope: fn(f64) -> f64) {
        for x in [-800.0, -3.0, -0.7, -1e-3, 0.2, 0.9, 5.0, 800.0] {
            let got = f(Dual::new(x, 3.0));
            approx::assert_relative_eq!(got.value(), value(x), max_relative = 4e-15);
            approx::assert_relative_eq!(got.eps, 3.0 * slope(x), max_relative = 4e-15, epsilon = 4e-18);
        }
    }

    #[test]
    fn every_rule_meets_its_closed_form() {
        type D = Dual64;
        check(|x| (x / D::of(8.0)).exp(), |x| (x / 8.0).exp(), |x| (x / 8.0).exp() / 8.0);
        check(|x| (x * x + D::ONE).ln(), |x| (x * x + 1.0).ln(), |x| 2.0 * x / (x * x + 1.0));
        check(|x| (x * x).ln_1p(), |x| (x * x).ln_1p(), |x| 2.0 * x / (x * x + 1.0));
        check(|x| (x * x + D::ONE).sqrt(), |x| (x * x + 1.0).sqrt(), |x| x / (x * x + 1.0).sqrt());
        check(|x| x.tanh(), |x| x.tanh(), |x| x.cosh().powi(-2));
        check(|x| x.sigmoid(), |x| 1.0 / (1.0 + (-x).exp()), |x| 0.25 * (0.5 * x).cosh().powi(-2));
        check(|x| x.erf(), Scalar::erf, |x| std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp());
        check(|x| x.erfc(), Scalar::erfc, |x| -std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp());
        check(|x| x.softplus(), |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), |x| 1.0 / (1.0 + (-x).exp()));
        check(|x| D::ONE / (x * x + D::ONE), |x| 1.0 / (x * x + 1.0), |x| -2.0 * x / (x * x + 1.0).powi(2));
        check(|x| x.abs() - x * x, |x| x.abs() - x * x, |x| x.signum() - 2.0 * x);
        check(|x| -(x - x * x), |x| x * x - x, |x| 2.0 * x - 1.0);
        check(
            |x| x.max(D::ZERO) + x.min(D::ONE),
            |x| x.max(0.0) + x.min(1.0),
            |x| f64::from(x > 0.0) + f64::from(x < 1.0),
        );
        let mut x = Dual::new(3.0, 1.0);
        x += D::ONE;
        x -= D::of(2.0);
        x *= x;
        x /= D::of(5.0);
        assert_eq!((x.re, x.eps), (0.8, 0.8));
    }

    #[test]
    fn at_zero_the_absolute_value_is_flat_and_the_rest_has_its_slope() {
        let x = Dual::new(0.0, 3.0);
        assert_eq!((x.abs().eps, (-x).abs().eps, x.tanh().eps, (-x).tanh().eps), (0.0, 0.0, 3.0, -3.0));
        assert_eq!((x.sigmoid().eps, x.softplus().eps), (0.75, 1.5));
    }

    #[test]
    fn order_is_that_of_the_values() {
        for (a, b) in [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0)] {
            let (x, y) = (Dual64::new(a, 5.0), Dual64::new(b, 4.0));
            assert_eq!((x < y, x <= y, x > y, x >= y), (a < b, a <= b, a > b, a >= b));
            assert_eq!((x == y, x != y, x.partial_cmp(&y)), (a == b, a != b, a.partial_cmp(&b)));
        }
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        assert!(Dual::new(1.0, 2.0).finite() && !Dual::new(1.0, nan).finite() && !Dual::new(inf, 1.0).finite());
        assert!(Dual64::select(true, Dual64::ONE, Dual64::ZERO) > Dual64::select(false, Dual64::ONE, Dual64::ZERO));
    }
}
