//! The oracles: hyper-dual numbers in double-double, central differences in double-double, and running error bounds.
//!
//! A truth has 30 digits. What a kernel computes in f64 or f32 is compared with it, and may differ by what rounding can do to
//! that kernel, which running error analysis bounds rigorously (Higham 2002, section 3.3).

use layerwise_core::Hyper;
use layerwise_tensor::{Bounded, DoubleDouble, Dual, Key, Purpose, Rng, Scalar, trace};

use crate::case::short;
use crate::report::{GATE, Log, SECOND, largest};

pub(crate) const EPS: f64 = f64::EPSILON;

/// Half the distance of central differences: in double-double they are right to about 20 digits.
pub(crate) const REACH: f64 = 1.0 / (1u64 << 35) as f64;

/// A stream for everything of a case that is not among its numbers.
pub(crate) fn rng(seed: u64) -> Rng {
    Key::new(seed, Purpose::Test).layer(7).rng()
}

/// Normal numbers of f32.
pub(crate) fn normal(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| short(rng.normal())).collect()
}

/// Every coordinate while there are at most 64, else 8 random directions.
pub(crate) fn directions(n: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
    if n <= 64 {
        (0..n).map(|i| (0..n).map(|k| f64::from(k == i)).collect()).collect()
    } else {
        (0..8).map(|_| normal(n, rng)).collect()
    }
}

/// The coordinate of a unit vector.
pub(crate) fn coordinate_of(direction: &[f64]) -> Option<usize> {
    let mut moving = direction.iter().enumerate().filter(|(_, d)| **d != 0.0);
    match (moving.next(), moving.next()) {
        (Some((i, d)), None) if *d == 1.0 => Some(i),
        _ => None,
    }
}

/// The same numbers in another type, exactly.
pub(crate) trait Lift: Scalar {
    fn exact(x: f64) -> Self;
}

macro_rules! lift {
    ($($t:ty: |$x:ident| $make:expr;)*) => {$(
        impl Lift for $t {
            fn exact($x: f64) -> Self {
                $make
            }
        }
    )*};
}
lift! {
    f32: |x| x as f32;
    f64: |x| x;
    DoubleDouble: |x| DoubleDouble::from(x);
    Bounded<f32>: |x| Bounded::exact(x as f32);
    Bounded<f64>: |x| Bounded::exact(x);
}
impl<T: layerwise_tensor::dual::Plane + Lift> Lift for Dual<T> {
    fn exact(x: f64) -> Self {
        Dual::new(T::exact(x), T::ZERO)
    }
}

pub(crate) fn lift<S: Lift>(p: &[f64]) -> Vec<S> {
    p.iter().map(|&p| S::exact(p)).collect()
}

/// p + ε v.
pub(crate) fn dual<T: layerwise_tensor::dual::Plane + Lift>(p: &[f64], v: &[f64]) -> Vec<Dual<T>> {
    p.iter().zip(v).map(|(&p, &v)| Dual::new(T::exact(p), T::exact(v))).collect()
}

/// p + ε₁ d + ε₂ v.
pub(crate) fn hyper(p: &[f64], d: &[f64], v: &[f64]) -> Vec<Hyper> {
    let dd = DoubleDouble::from;
    let lift =
        |((&p, &d), &v): ((&f64, &f64), &f64)| Dual::new(Dual::new(dd(p), dd(v)), Dual::new(dd(d), DoubleDouble::ZERO));
    p.iter().zip(d).zip(v).map(lift).collect()
}

/// p + t d, exactly for a coordinate.
pub(crate) fn moved(p: &[f64], t: f64, d: &[f64]) -> Vec<DoubleDouble> {
    let dd = DoubleDouble::from;
    p.iter().zip(d).map(|(&p, &d)| dd(p) + dd(t) * dd(d)).collect()
}

/// (values, ε parts).
pub(crate) fn parts<T: Scalar>(duals: &[Dual<T>]) -> (Vec<f64>, Vec<f64>) {
    duals.iter().map(|d| (d.re.value(), d.eps.value())).unzip()
}

/// (Σ aᵢ bᵢ, Σ |aᵢ bᵢ|), the sum in double-double.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (mut sum, mut size) = (DoubleDouble::ZERO, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        sum += DoubleDouble::from(a) * DoubleDouble::from(b);
        size += (a * b).abs();
    }
    (sum.value(), size)
}

/// Σ uᵢ yᵢ for exact u.
pub(crate) fn weighed<S: Lift>(u: &[f64], y: &[S]) -> S {
    u.iter().zip(y).fold(S::ZERO, |sum, (&u, &y)| sum + S::exact(u) * y)
}

/// Error bounds of numbers that stand in `Bounded` form.
pub(crate) fn errors<T: Scalar>(numbers: &[Bounded<T>]) -> Vec<f64> {
    numbers.iter().map(|x| x.error).collect()
}

/// Error bounds of the ε parts.
pub(crate) fn slope_errors<T: Scalar>(numbers: &[Dual<Bounded<T>>]) -> Vec<f64> {
    numbers.iter().map(|x| x.eps.error).collect()
}

/// First derivatives against the truth: each within its bound, and within 256 ulp of the largest. A case in which rounding alone
/// may lose that much, because terms cancel, is judged by the bounds.
pub(crate) fn first(log: &mut Log, name: &dyn Fn(usize) -> String, truth: &[f64], got: &[f64], bounds: &[f64]) {
    let gate = GATE * EPS * largest(truth);
    let conditioned = bounds.iter().all(|bound| *bound <= gate);
    for (i, ((&e, &g), bound)) in truth.iter().zip(got).zip(bounds).enumerate() {
        log.bounded(|| name(i), [e, g], bound + EPS * e.abs());
        if conditioned && e != g {
            let of_gate = log.close(|| name(i), [e, g], gate);
            log.ulp = log.ulp.max(GATE * of_gate);
        }
    }
}

/// Second derivatives likewise, and within 1e-12 of the largest.
pub(crate) fn second(log: &mut Log, name: &dyn Fn(usize) -> String, truth: &[f64], got: &[f64], bounds: &[f64]) {
    let gate = SECOND * largest(truth);
    let conditioned = bounds.iter().all(|bound| *bound <= gate);
    for (i, ((&e, &g), bound)) in truth.iter().zip(got).zip(bounds).enumerate() {
        log.bounded(|| name(i), [e, g], bound + EPS * e.abs());
        if conditioned {
            let of_gate = log.close(|| name(i), [e, g], gate);
            log.second = Some(log.second.unwrap_or(0.0).max(SECOND * of_gate));
        }
    }
}

/// Numbers of single precision or of a fast kernel: each within its bound.
pub(crate) fn within(log: &mut Log, name: &dyn Fn(usize) -> String, truth: &[f64], got: &[f64], bounds: &[f64]) {
    for (i, ((&e, &g), bound)) in truth.iter().zip(got).zip(bounds).enumerate() {
        log.bounded(|| name(i), [e, g], bound + EPS * e.abs());
    }
}

/// What rounding does in double-double, as a share of what it does in f64, with some to spare (elementary functions are right to
/// 28 digits).
const DOUBLED: f64 = 1.0 / (1u64 << 44) as f64;

/// Error of a central difference in double-double of a number that has this error bound in f64.
pub(crate) fn differenced(noise: f64) -> f64 {
    // Close to the smallest normal number the second half of a double-double has no digits left.
    (DOUBLED * noise + f64::MIN_POSITIVE) / REACH
}

/// A truth and a central difference: they agree to an ulp of the largest. `noise`: the error bound in f64 of what was differenced.
pub(crate) fn agree(log: &mut Log, name: &dyn Fn(usize) -> String, truth: &[f64], other: &[f64], noise: f64) {
    let bound = 2.0 * EPS * largest(truth) + differenced(noise);
    for (i, (&e, &g)) in truth.iter().zip(other).enumerate() {
        log.close(|| name(i), [e, g], bound);
    }
}

/// Whether f decides alike at every one of these points, and nowhere by less than what rounding may do: no branch in reach.
pub(crate) fn decided<S>(points: impl IntoIterator<Item = S>, mut f: impl FnMut(S)) -> bool {
    let mut first: Option<Vec<_>> = None;
    for point in points {
        let ((), comparisons) = trace::traced(|| f(point));
        if comparisons.iter().any(|c| c.margin.is_nan() || c.margin <= 2.0 * c.error) {
            return false;
        }
        let orderings: Vec<_> = comparisons.iter().map(|c| c.ordering).collect();
        if *first.get_or_insert_with(|| orderings.clone()) != orderings {
            return false;
        }
    }
    true
}

/// The derivatives just before and just after 0, of a function given by its derivative; and whether they differ by a jump: a
/// difference that does not shrink with the distance.
pub(crate) fn one_sided(derivative: impl Fn(f64) -> f64) -> ([f64; 2], bool) {
    let sides = |h: f64| [derivative(-h), derivative(h)];
    let (near, far) = (sides(2f64.powi(-40)), sides(2f64.powi(-20)));
    let jump = |sides: [f64; 2]| (sides[1] - sides[0]).abs();
    (near, jump(near) > 0.5 * jump(far) && jump(near) > 1e-9 * (near[0].abs() + near[1].abs()))
}

/// The number of least magnitude between two one-sided derivatives: the rule at kinks.
pub(crate) fn least_between(sides: [f64; 2]) -> f64 {
    0.0f64.clamp(sides[0].min(sides[1]), sides[0].max(sides[1]))
}
