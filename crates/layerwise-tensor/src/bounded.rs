//! Running error analysis (Wilkinson 1986; Higham 2002, section 3.3): a number of f32 or f64 with a bound on how far rounding
//! has carried it from the result in real arithmetic.
//!
//! The bound is rigorous, and it holds for every evaluation of the same formula in which sums of a matrix product are ordered
//! differently or multiply and add are fused there: such an evaluation differs from `value` by at most 2 `error`, and that is
//! why magnitudes below are |value| + 2 `error`. Presumed are comparisons that go the same way (see [`crate::trace`]) and no
//! intermediate overflow.
//!
//! The bounds themselves are computed in f64 and multiplied by 1 + 10⁻⁶ after every operation, which is far more than the
//! rounding errors of computing them.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::gemm::{self, Op, Write};
use crate::matrix::MatMut;
use crate::scalar::{Scalar, assign, sealed};
use crate::trace;

/// A number and a bound on its error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounded<T> {
    /// The number as T computes it.
    pub value: T,
    /// At least |value − exact result|; infinite where nothing is known.
    pub error: f64,
}

/// The format of a number: f32 or f64.
#[doc(hidden)]
pub trait Format: Scalar {
    /// Relative error of one rounding.
    const UNIT: f64;
    /// The smallest number of full precision.
    const NORMAL: f64;
    /// Absolute error of an operation whose result may be below that: some units of the smallest number, so that the
    /// underflow of the bound itself is covered.
    const TINY: f64;
}
impl Format for f32 {
    const UNIT: f64 = f32::EPSILON as f64 / 2.0;
    const NORMAL: f64 = f32::MIN_POSITIVE as f64;
    const TINY: f64 = 4.0 * Self::NORMAL * f32::EPSILON as f64;
}
impl Format for f64 {
    const UNIT: f64 = f64::EPSILON / 2.0;
    const NORMAL: f64 = f64::MIN_POSITIVE;
    const TINY: f64 = 4.0 * Self::NORMAL * f64::EPSILON;
}

/// Elementary functions are tested to 2 units in the last place, each at most 2 UNIT, of the exact result; one more is spare.
const ELEMENTARY: f64 = 6.0;

/// Factor on every bound for the rounding errors of bounds.
const SLACK: f64 = 1.0 + 1e-6;

impl<T: Format> Bounded<T> {
    /// A number without an error.
    pub fn exact(value: T) -> Self {
        Bounded { value, error: 0.0 }
    }

    fn new(value: T, error: f64) -> Self {
        let error = error * SLACK;
        Bounded { value, error: if error.is_nan() || !value.finite() { f64::INFINITY } else { error } }
    }

    /// The bound after `n_roundings` of a result that the errors of the operands have moved by at most `moved`.
    fn rounded(value: T, n_roundings: f64, moved: f64) -> Self {
        Self::new(value, moved + n_roundings * T::UNIT * (value.value().abs() + 2.0 * moved))
    }

    /// The result of an elementary function: its slope is at most `slope` within twice the error of the argument.
    fn elementary(self, value: T, n_roundings: f64, slope: f64) -> Self {
        let moved = if self.error == 0.0 { 0.0 } else { self.error * slope };
        // Below the normal numbers those are units of the smallest.
        let tiny = if Self::may_underflow(value.value(), moved) { T::TINY } else { 0.0 };
        Self::rounded(value, n_roundings, moved + tiny)
    }

    /// Whether any evaluation may give a number of less than full precision.
    fn may_underflow(value: f64, moved: f64) -> bool {
        value.abs() - 2.0 * moved < 2.0 * T::NORMAL
    }

    /// |exact number| is at most this.
    fn reach(self) -> f64 {
        self.value.value().abs() + self.error
    }

    /// |number| of any evaluation is at least this, if the distance from 0 is `distance`; 0 if it may be 0.
    fn clear(self, distance: f64) -> f64 {
        (distance / SLACK - 2.0 * self.error).max(0.0)
    }

    /// How far a product may be moved by the errors of its factors, and by underflow.
    fn product_moved(self, o: Self) -> f64 {
        let moved = self.reach() * o.error + self.error * o.reach() + self.error * o.error;
        let zero = self.reach() == 0.0 || o.reach() == 0.0;
        if !zero && Self::may_underflow(self.value.value() * o.value.value(), moved) { moved + T::TINY } else { moved }
    }
}

impl<T: Format> Add for Bounded<T> {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self::rounded(self.value + o.value, 1.0, self.error + o.error)
    }
}
impl<T: Format> Sub for Bounded<T> {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self::rounded(self.value - o.value, 1.0, self.error + o.error)
    }
}
impl<T: Format> Mul for Bounded<T> {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self::rounded(self.value * o.value, 1.0, self.product_moved(o))
    }
}
impl<T: Format> Div for Bounded<T> {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let value = self.value / o.value;
        let divisor = o.clear(o.value.value().abs());
        if divisor == 0.0 {
            return Self::new(value, f64::INFINITY);
        }
        let moved = (self.error + self.reach() / divisor * o.error) / divisor;
        let tiny = if self.reach() > 0.0 && Self::may_underflow(value.value(), moved) { T::TINY } else { 0.0 };
        Self::rounded(value, 1.0, moved + tiny)
    }
}
impl<T: Format> Neg for Bounded<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Bounded { value: -self.value, ..self }
    }
}
assign!([T: Format] Bounded<T>);

impl<T: Format> PartialEq for Bounded<T> {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}
impl<T: Format> PartialOrd for Bounded<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let distance = || (self.value.value() - other.value.value()).abs();
        trace::record(self.value.partial_cmp(&other.value), || (distance(), self.error + other.error))
    }
}

impl<T> sealed::Sealed for Bounded<T> {}

impl<T: Format> Scalar for Bounded<T> {
    const ZERO: Self = Bounded { value: T::ZERO, error: 0.0 };
    const ONE: Self = Bounded { value: T::ONE, error: 0.0 };

    /// A constant of few binary places is taken as meant exactly; any other stands for a real number that was rounded.
    fn of(value: f64) -> Self {
        const PLACES: f64 = (1u64 << 20) as f64;
        let number = T::of(value);
        let few_places = (value * PLACES).fract() == 0.0 && value.abs() < PLACES;
        if few_places && number.value() == value || value.is_infinite() {
            return Self::exact(number);
        }
        Self::new(number, (T::UNIT * value.abs()).max((number.value() - value).abs()))
    }
    fn value(self) -> f64 {
        self.value.value()
    }
    fn select(test: bool, a: Self, b: Self) -> Self {
        if test { a } else { b }
    }
    fn exp(self) -> Self {
        self.elementary(self.value.exp(), ELEMENTARY, (self.value.value() + 2.0 * self.error).exp())
    }
    fn ln(self) -> Self {
        self.elementary(self.value.ln(), ELEMENTARY, 1.0 / self.clear(self.value.value()))
    }
    fn ln_1p(self) -> Self {
        self.elementary(self.value.ln_1p(), ELEMENTARY, 1.0 / self.clear(1.0 + self.value.value()))
    }
    fn sqrt(self) -> Self {
        let y = self.value.sqrt();
        // |√a − √b| = |a − b| / (√a + √b), and at most √|a − b|.
        let by_slope = self.error / (2.0 * self.clear(self.value.value()).sqrt());
        Self::rounded(y, 1.0, by_slope.min(self.error.sqrt()))
    }
    fn tanh(self) -> Self {
        let slope = self.clear(self.value.value().abs()).cosh().powi(-2);
        self.elementary(self.value.tanh(), ELEMENTARY, slope)
    }
    fn sigmoid(self) -> Self {
        let slope = 0.25 * (0.5 * self.clear(self.value.value().abs())).cosh().powi(-2);
        self.elementary(self.value.sigmoid(), ELEMENTARY, slope)
    }
    fn erf(self) -> Self {
        self.elementary(self.value.erf(), ELEMENTARY, gauss(self.clear(self.value.value().abs())))
    }
    fn erfc(self) -> Self {
        self.elementary(self.value.erfc(), ELEMENTARY, gauss(self.clear(self.value.value().abs())))
    }
    fn abs(self) -> Self {
        // For the trace: the sign decides the derivative.
        let _ = self.partial_cmp(&Self::ZERO);
        Bounded { value: self.value.abs(), ..self }
    }
    fn finite(self) -> bool {
        self.value.finite()
    }
    fn max(self, other: Self) -> Self {
        if self < other { other.chosen_over(self) } else { self.chosen_over(other) }
    }
    fn min(self, other: Self) -> Self {
        if self > other { other.chosen_over(self) } else { self.chosen_over(other) }
    }
    fn softplus(self) -> Self {
        let slope = 1.0 / (1.0 + (-(self.value.value() + 2.0 * self.error)).exp());
        self.elementary(self.value.softplus(), ELEMENTARY, slope)
    }
    fn gemm(c: MatMut<'_, Self>, write: Write, a: Op<'_, Self>, b: Op<'_, Self>) {
        product(c, write, &a, &b);
    }
}

impl<T: Format> Bounded<T> {
    /// The larger or smaller of two, where another evaluation may choose the other.
    fn chosen_over(self, other: Self) -> Self {
        let distance = (self.value.value() - other.value.value()).abs();
        let certain = distance > SLACK * 2.0 * (self.error + other.error);
        Bounded { error: if certain { self.error } else { self.error.max(other.error) }, ..self }
    }
}

/// The slope of erf at x.
fn gauss(x: f64) -> f64 {
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp()
}

/// The product, with a bound for every order of its sums (Higham 2002, section 3.1).
fn product<T: Format>(mut c: MatMut<'_, Bounded<T>>, write: Write, a: &Op<'_, Bounded<T>>, b: &Op<'_, Bounded<T>>) {
    gemm::check(&c, a, b);
    let k = a.shape().1;
    let roundings = (k as f64 + 1.0) * T::UNIT;
    let gamma = roundings / (1.0 - roundings);
    for j in 0..c.cols() {
        for (i, c) in c.col(j).iter_mut().enumerate() {
            let start = match write {
                Write::Set => Bounded::ZERO,
                Write::Add => *c,
            };
            let mut value = start.value;
            // Of the magnitudes in any evaluation, and of what the errors of the operands contribute.
            let (mut size, mut moved) = (start.value.value().abs() + 2.0 * start.error, start.error);
            for l in 0..k {
                let (a, b) = (a.at(i, l), b.at(l, j));
                value += a.value * b.value;
                let step = a.product_moved(b);
                size += a.value.value().abs() * b.value.value().abs() + 2.0 * step;
                moved += step;
            }
            *c = Bounded::new(value, moved + gamma * size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mat;

    fn bounded<T: Format>(value: f64, error: f64) -> Bounded<T> {
        Bounded { value: T::of(value), error }
    }

    /// The error, where the operands moved the result by `moved`, and `n` roundings were charged.
    #[track_caller]
    fn check<T: Format>(got: Bounded<T>, moved: f64, n: f64) {
        let want = (1.0 + 1e-6) * (moved + n * T::UNIT * (got.value().abs() + 2.0 * moved));
        assert!((got.error - want).abs() <= 1e-9 * want, "{got:?} should have the error {want:e}");
    }

    #[test]
    fn every_rule_charges_what_it_should() {
        fn all<T: Format>() {
            let (x, y) = (bounded::<T>(3.0, 0.5), bounded::<T>(-2.0, 0.25));
            check(x + y, 0.75, 1.0);
            check(x - y, 0.75, 1.0);
            check(x * y, 3.5 * 0.25 + 0.5 * 2.25 + 0.5 * 0.25, 1.0);
            let divisor = 2.0 / SLACK - 0.5;
            check(x / y, 0.5 / divisor + 3.5 * 0.25 / (divisor * divisor), 1.0);
            // Slopes at the worse end of the argument ± twice its error.
            for sign in [1.0, -1.0] {
                let x = bounded::<T>(sign * 1.5, 0.25);
                let near = 1.5 / SLACK - 0.5;
                check(x.exp(), 0.25 * (sign * 1.5 + 0.5).exp(), 6.0);
                check(x.tanh(), 0.25 * (1.0 - near.tanh() * near.tanh()), 6.0);
                let sigmoid = 1.0 / (1.0 + near.exp());
                check(x.sigmoid(), 0.25 * sigmoid * (1.0 - sigmoid), 6.0);
                check(x.erf(), 0.25 * std::f64::consts::FRAC_2_SQRT_PI * (-near * near).exp(), 6.0);
                check(x.erfc(), 0.25 * std::f64::consts::FRAC_2_SQRT_PI * (-near * near).exp(), 6.0);
                check(x.softplus(), 0.25 / (1.0 + (-sign * 1.5 - 0.5).exp()), 6.0);
            }
            let x = bounded::<T>(1.5, 0.25);
            check(x.ln(), 0.25 / (1.5 / SLACK - 0.5), 6.0);
            check(x.ln_1p(), 0.25 / (2.5 / SLACK - 0.5), 6.0);
            check(x.sqrt(), 0.125 / (1.5 / SLACK - 0.5).sqrt(), 1.0);
            check(bounded::<T>(1.5, 0.75).sqrt(), 0.75f64.sqrt(), 1.0);
        }
        all::<f32>();
        all::<f64>();
    }

    #[test]
    fn underflow_is_charged_where_it_may_happen() {
        fn all<T: Format>() {
            let (normal, one) = (T::NORMAL, Bounded::<T>::ONE);
            check(bounded::<T>(2.0 * normal, 0.0) * one, 0.0, 1.0);
            check(bounded::<T>(3.0 * normal, normal) * one, normal + T::TINY, 1.0);
            check(bounded::<T>(2.0 * normal, 0.0) / one, 0.0, 1.0);
            check(bounded::<T>(1.5 * normal, 0.0) / one, T::TINY, 1.0);
            check(bounded::<T>(-800.0, 0.0).sigmoid(), T::TINY, 6.0);
            check(bounded::<T>(3.0 * normal, 0.0).tanh(), 0.0, 6.0);
        }
        all::<f32>();
        all::<f64>();
        assert_eq!((f32::UNIT, f32::NORMAL, f32::TINY), (2f64.powi(-24), 2f64.powi(-126), 2f64.powi(-147)));
        assert_eq!((f64::UNIT, f64::NORMAL, f64::TINY), (2f64.powi(-53), 2f64.powi(-1022), f64::from_bits(4)));
    }

    #[test]
    fn a_product_charges_every_order_of_its_sums() {
        fn all<T: Format>() {
            let (a, b) = ([bounded::<T>(3.0, 0.5), bounded(2.0, 0.0)], [bounded::<T>(-2.0, 0.25), bounded(4.0, 0.0)]);
            let moved = 3.5 * 0.25 + 0.5 * 2.25 + 0.5 * 0.25;
            let gamma = 3.0 * T::UNIT / (1.0 - 3.0 * T::UNIT);
            let product = |a: &[Bounded<T>], b: &[Bounded<T>], write| {
                let mut c = [bounded::<T>(1.0, 0.125)];
                Scalar::gemm(MatMut::new(&mut c, 1, 1), write, Op::N(Mat::new(a, 1, 2)), Op::N(Mat::new(b, 2, 1)));
                (c[0].value(), c[0].error / SLACK)
            };
            let close = |(value, error): (f64, f64), want: (f64, f64)| {
                assert!(value == want.0 && (error - want.1).abs() <= 1e-9 * want.1, "{value} {error:e}: {want:?}");
            };
            close(product(&a, &b, Write::Set), (2.0, moved + gamma * (6.0 + 2.0 * moved + 8.0)));
            close(product(&a, &b, Write::Add), (3.0, 0.125 + moved + gamma * (1.25 + 6.0 + 2.0 * moved + 8.0)));
            let exact = [3.0, 2.0].map(|x| bounded::<T>(x, 0.0));
            close(product(&exact, &exact, Write::Set), (13.0, gamma * 13.0));
        }
        all::<f32>();
        all::<f64>();
    }

    #[test]
    fn a_choice_that_is_certain_has_one_error_and_any_other_the_larger() {
        let of_two = |distance: f64, (e, f): (f64, f64)| {
            let (high, low) = (bounded::<f64>(distance, e), bounded::<f64>(0.0, f));
            assert_eq!((low.max(high).value, low.max(high).error), (distance, high.max(low).error));
            assert_eq!((low.min(high).value, low.min(high).error), (0.0, high.min(low).error));
            (high.max(low).error, high.min(low).error)
        };
        assert_eq!(of_two(2.5, (0.5, 0.75)), (0.75, 0.75));
        assert_eq!(of_two(SLACK * 2.0 * 1.25, (0.5, 0.75)), (0.75, 0.75));
        assert_eq!(of_two(2.50001, (0.5, 0.75)), (0.5, 0.75));
        assert_eq!(of_two(2.50001, (0.75, 0.5)), (0.75, 0.5));
        assert_eq!(of_two(1.0, (0.75, 0.5)), (0.75, 0.75));
        // Of equals the first, as for plain numbers.
        let zeros = [0.0, -0.0].map(|x| bounded::<f64>(x, 0.0));
        for (a, b) in [(zeros[0], zeros[1]), (zeros[1], zeros[0])] {
            assert_eq!(a.max(b).value.to_bits(), a.value.to_bits());
            assert_eq!(a.min(b).value.to_bits(), a.value.to_bits());
        }
    }
}
