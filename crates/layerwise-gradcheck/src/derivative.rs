//! The checks that every family shares: a function of a point, L = Σ u∘values(p), and the gradient that a component claims for
//! it, against oracles that never call the component's backward.
//!
//! Three routes lead to a derivative: hyper-dual numbers in double-double through forward (30 digits, no step); central
//! differences in double-double (20 digits, no dual numbers); and the component's own gradient in f64, f32 and dual numbers.

use std::cell::OnceCell;

use layerwise_core::{GenericNumber, Hyper};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Bounded, DoubleDouble, Dual, Dual64, Scalar};

use crate::battery::{Check, Family};
use crate::oracle::{
    EPS, Lift, REACH, agree, coordinate_of, decided, differenced, directions, dot, dual, errors, first, hyper, lift,
    moved, normal, parts, rng, second, slope_errors, weighed, within,
};
use crate::report::Log;

/// What a forward and a backward pass left.
pub(crate) struct Trace<S> {
    pub values: Vec<S>,
    pub grad: Vec<S>,
}

/// A component at one case, as a function of a point.
pub(crate) trait Function {
    /// Values and gradient in any number type, from clean memory.
    fn run<S: GenericNumber + Lift>(&self, point: &[S]) -> Trace<S>;
    /// The values alone.
    fn values<S: GenericNumber + Lift>(&self, point: &[S]) -> Vec<S> {
        self.run(point).values
    }
    fn point(&self) -> &[f64];
    /// u, the weights of the values in L.
    fn weights(&self) -> &[f64];
    /// Name of ∂L/∂pᵢ.
    fn name(&self, i: usize) -> String;
    /// Whether pᵢ is no variable: nothing moves along it.
    fn held(&self, _i: usize) -> bool {
        false
    }
    fn seed(&self) -> u64;
    fn memory(&self) -> &Once;
}

/// What several checks of one case need, computed at most once.
#[derive(Default)]
pub(crate) struct Once {
    smooth: OnceCell<bool>,
    base: OnceCell<Trace<f64>>,
    bounds: OnceCell<Trace<Bounded<f64>>>,
    truth: OnceCell<Truth>,
}

/// Derivatives of L that do not come from the component's gradient.
pub(crate) struct Truth {
    pub directions: Vec<Vec<f64>>,
    /// ∂L/∂d for each direction d.
    pub first: Vec<f64>,
    /// ∂²L/∂d∂v.
    pub second: Vec<f64>,
}

/// What follows from the function alone.
pub(crate) trait Derived: Function {
    /// A random direction.
    fn v(&self) -> Vec<f64> {
        self.free(normal(self.point().len(), &mut rng(self.seed() ^ 1)))
    }

    /// The direction without what is held.
    fn free(&self, mut direction: Vec<f64>) -> Vec<f64> {
        direction.iter_mut().enumerate().filter(|(i, _)| self.held(*i)).for_each(|(_, d)| *d = 0.0);
        direction
    }

    /// Every coordinate that is not held, or some directions.
    fn ways(&self) -> Vec<Vec<f64>> {
        let all = directions(self.point().len(), &mut rng(self.seed())).into_iter();
        all.map(|d| self.free(d)).filter(|d| d.iter().any(|d| *d != 0.0)).collect()
    }

    /// In f64, by the kernels that train.
    fn base(&self) -> &Trace<f64> {
        self.memory().base.get_or_init(|| self.run(self.point()))
    }

    /// With running error bounds of f64.
    fn bounds(&self) -> &Trace<Bounded<f64>> {
        self.memory().bounds.get_or_init(|| self.run(&lift(self.point())))
    }

    fn grad_errors(&self) -> Vec<f64> {
        errors(&self.bounds().grad)
    }

    /// L and its derivatives along d, along v, along both.
    fn hyper_loss(&self, point: &[f64], d: &[f64], v: &[f64]) -> [f64; 4] {
        let loss: Hyper = weighed(self.weights(), &self.values(&hyper(point, d, v)));
        [loss.re.re, loss.eps.re, loss.re.eps, loss.eps.eps].map(|x| x.value())
    }

    fn truth(&self) -> &Truth {
        self.memory().truth.get_or_init(|| {
            let directions = self.ways();
            let v = self.v();
            let found = directions.iter().map(|d| self.hyper_loss(self.point(), d, &v));
            let (first, second) = found.map(|[_, first, _, second]| (first, second)).unzip();
            Truth { directions, first, second }
        })
    }

    /// No branch within reach: running error analysis decides every comparison, in f64 and in f32, and all points that central
    /// differences visit decide alike.
    fn smooth(&self) -> bool {
        *self.memory().smooth.get_or_init(|| {
            let ways = self.ways();
            let v = self.v();
            let zero = vec![0.0; v.len()];
            let beside =
                ways.iter().chain([&v, &zero]).flat_map(|d| [REACH, -REACH].map(|t| moved(self.point(), t, d)));
            self.settled::<f64>() && self.settled::<f32>() && decided(beside, |p| drop(self.values::<DoubleDouble>(&p)))
        })
    }

    /// Rounding in T decides no comparison.
    fn settled<T: Scalar>(&self) -> bool
    where
        Bounded<T>: GenericNumber + Lift,
    {
        decided([()], |()| drop(self.run::<Bounded<T>>(&lift(self.point()))))
    }

    /// Numbers of the point and their bounds, along the directions of the truth.
    fn along(&self, numbers: &[f64], bounds: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let along = |d: &Vec<f64>| match coordinate_of(d) {
            Some(i) => (numbers[i], bounds[i]),
            None => {
                let (sum, size) = dot(numbers, d);
                (sum, dot(bounds, d).1 + EPS * size)
            }
        };
        self.truth().directions.iter().map(along).unzip()
    }

    /// Name of the derivative along a direction of the truth.
    fn direction(&self, k: usize) -> String {
        match coordinate_of(&self.truth().directions[k]) {
            Some(i) => self.name(i),
            None => format!("∂L along random direction {k}"),
        }
    }

    /// Everything once more in dual numbers of T, along a direction.
    fn tangent<T: Plane + Lift>(&self, v: &[f64]) -> Trace<Dual<T>>
    where
        Dual<T>: GenericNumber,
    {
        self.run(&dual::<T>(self.point(), v))
    }
}

impl<F: Function> Derived for F {}

/// Runs what a fault may act on.
pub(crate) fn exercise<F: Function>(b: &F) {
    b.base();
    b.run::<f32>(&lift(b.point()));
    // On a kink the derivative of the gradient has no rule.
    if b.smooth() {
        b.tangent::<f64>(&b.v());
        b.tangent::<f32>(&b.v());
    }
}

/// The shared checks, for families whose bench is a function.
pub(crate) fn all<T: Family<Bench: Function>>() -> Vec<Check<T>> {
    // A wrong value explains a wrong gradient, and not the reverse.
    let mut checks = values();
    checks.extend(gradients());
    checks
}

/// Those of first and second derivatives.
pub(crate) fn gradients<T: Family<Bench: Function>>() -> Vec<Check<T>> {
    vec![
        Check::each("gradient", "the gradient = the derivative of L = Σ u∘y in hyper-dual numbers", gradient),
        Check::each(
            "gradient-difference",
            "the derivative = (L(p + h) − L(p − h)) / 2h, h → 0, in double-double",
            difference,
        ),
        Check::each("adjoint", "⟨J v, u⟩ = ⟨v, Jᵀu⟩, with J v in dual numbers", adjoint),
        Check::each("second-order", "H v from the gradient in dual numbers = ∂²L/∂p∂v in hyper-dual numbers", hessian),
        Check::each(
            "second-order-difference",
            "H v in dual numbers = (∇L(p + h v) − ∇L(p − h v)) / 2h, h → 0, in double-double",
            bent,
        ),
        Check::each("hessian-symmetry", "⟨w, H v⟩ = ⟨v, H w⟩", symmetry),
        Check::each("gradient-f32", "the gradient in f32 = the derivative, within its running error bound", gradient32),
        Check::each(
            "second-order-f32",
            "H v in f32 dual numbers = ∂²L/∂p∂v, within its running error bound",
            hessian32,
        ),
    ]
}

/// Those of the values, and of all numbers alike.
pub(crate) fn values<T: Family<Bench: Function>>() -> Vec<Check<T>> {
    vec![
        Check::each(
            "value-f64",
            "values of the f64 kernels = those in double-double, within running error bounds",
            value64,
        ),
        Check::each(
            "value-f32",
            "values of the f32 kernels = those in double-double, within running error bounds",
            value32,
        ),
        Check::each("number-types", "every number type computes the same values", types),
        Check::each("deterministic", "the same pass twice gives the same bits", deterministic),
        Check::each("finite", "values, gradient and H v are finite", finite),
    ]
}

fn gradient<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let (got, bounds) = b.along(&b.base().grad, &b.grad_errors());
    first(log, &|k| b.direction(k), &b.truth().first, &got, &bounds);
}

/// The slope of f from f(t) − f(−t), at t = h and h/2: the error is of the fourth order in h, since that of the second is large close
/// to a kink, as of a norm close to 0. Source: Richardson (1911).
fn richardson(gap: impl Fn(f64) -> DoubleDouble) -> f64 {
    let slope = |t: f64| gap(t) / DoubleDouble::from(2.0 * t);
    extrapolate(slope(REACH), slope(0.5 * REACH)).0
}

/// The slope from those over h and h/2, and what is left of its error at most: where it is exactly 0, the two do not quite cancel.
fn extrapolate(far: DoubleDouble, near: DoubleDouble) -> (f64, f64) {
    let slope = (DoubleDouble::from(4.0) * near - far) / DoubleDouble::from(3.0);
    (slope.value(), (far - near).value().abs())
}

fn difference<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let loss = |t: f64, d: &[f64]| weighed(b.weights(), &b.values::<DoubleDouble>(&moved(b.point(), t, d)));
    let slope = |d: &Vec<f64>| richardson(|t| loss(t, d) - loss(-t, d));
    let slopes: Vec<f64> = b.truth().directions.iter().map(slope).collect();
    let noise = dot(b.weights(), &errors(&b.bounds().values)).1;
    agree(log, &|k| b.direction(k), &b.truth().first, &slopes, noise);
}

fn adjoint<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let v = b.v();
    let (_, jv) = parts(&b.values(&dual::<f64>(b.point(), &v)));
    let (forward, a) = dot(b.weights(), &jv);
    let (backward, c) = dot(&b.base().grad, &v);
    let jv_errors = slope_errors(&b.values(&dual::<Bounded<f64>>(b.point(), &v)));
    let bound = dot(b.weights(), &jv_errors).1 + dot(&b.grad_errors(), &v).1 + EPS * (a + c);
    log.bounded(|| "⟨J v, u⟩".into(), [forward, backward], bound);
}

fn hessian<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let v = b.v();
    let (_, hv) = parts(&b.tangent::<f64>(&v).grad);
    let bounds = slope_errors(&b.tangent::<Bounded<f64>>(&v).grad);
    let (got, bounds) = b.along(&hv, &bounds);
    second(log, &|k| format!("∂/∂v of {}", b.direction(k)), &b.truth().second, &got, &bounds);
}

fn bent<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let v = b.v();
    let at = |t: f64| b.run::<DoubleDouble>(&moved(b.point(), t, &v)).grad;
    let slopes = |reach: f64| -> Vec<DoubleDouble> {
        at(reach).iter().zip(&at(-reach)).map(|(h, l)| (*h - *l) / DoubleDouble::from(2.0 * reach)).collect()
    };
    let (far, near) = (slopes(REACH), slopes(0.5 * REACH));
    let trace = b.tangent::<f64>(&v);
    let bounds = slope_errors(&b.tangent::<Bounded<f64>>(&v).grad);
    let bounds: Vec<f64> = bounds.iter().zip(b.grad_errors()).map(|(bound, e)| bound + differenced(e)).collect();
    let extrapolated = |(far, near): (&DoubleDouble, &DoubleDouble)| extrapolate(*far, *near);
    let (slopes, rest): (Vec<f64>, Vec<f64>) = far.iter().zip(&near).map(extrapolated).unzip();
    let bounds: Vec<f64> = bounds.iter().zip(rest).map(|(bound, rest)| bound + rest).collect();
    second(log, &|i| format!("∂/∂v of {}", b.name(i)), &slopes, &parts(&trace.grad).1, &bounds);
}

fn symmetry<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let (v, w) = (b.v(), normal(b.point().len(), &mut rng(b.seed() ^ 2)));
    let product = |v: &[f64], w: &[f64]| {
        let (_, hv) = parts(&b.tangent::<f64>(v).grad);
        let bounds = slope_errors(&b.tangent::<Bounded<f64>>(v).grad);
        let (sum, size) = dot(w, &hv);
        (sum, dot(w, &bounds).1 + EPS * size)
    };
    let ((left, e), (right, f)) = (product(&v, &w), product(&w, &v));
    log.bounded(|| "⟨w, H v⟩".into(), [left, right], e + f);
}

/// The numbers as f64.
pub(crate) fn plain<S: Scalar>(numbers: &[S]) -> Vec<f64> {
    numbers.iter().map(|x| x.value()).collect()
}

fn value64<F: Function>(b: &F, log: &mut Log) {
    let exact = plain(&b.values::<DoubleDouble>(&lift(b.point())));
    within(log, &|i| format!("value {i}"), &exact, &b.base().values, &errors(&b.bounds().values));
}

fn value32<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let exact = plain(&b.values::<DoubleDouble>(&lift(b.point())));
    let single = plain(&b.values::<f32>(&lift(b.point())));
    let bounds = errors(&b.values::<Bounded<f32>>(&lift(b.point())));
    within(log, &|i| format!("value {i} in f32"), &exact, &single, &bounds);
}

fn gradient32<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let single = plain(&b.run::<f32>(&lift(b.point())).grad);
    let bounds = errors(&b.run::<Bounded<f32>>(&lift(b.point())).grad);
    let (got, bounds) = b.along(&single, &bounds);
    within(log, &|k| format!("{} in f32", b.direction(k)), &b.truth().first, &got, &bounds);
}

fn hessian32<F: Function>(b: &F, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let v = b.v();
    let (_, hv) = parts(&b.tangent::<f32>(&v).grad);
    let bounds = slope_errors(&b.tangent::<Bounded<f32>>(&v).grad);
    let (got, bounds) = b.along(&hv, &bounds);
    within(log, &|k| format!("∂/∂v of {} in f32", b.direction(k)), &b.truth().second, &got, &bounds);
}

fn types<F: Function>(b: &F, log: &mut Log) {
    let bounds = errors(&b.bounds().values);
    let exact = plain(&b.values::<DoubleDouble>(&lift(b.point())));
    let (dual, _) = parts(&b.values::<Dual64>(&lift(b.point())));
    let hyper = plain(&b.values::<Hyper>(&lift(b.point())));
    for (what, other) in [("dual", dual), ("hyper-dual", hyper), ("bounded", plain(&b.bounds().values))] {
        within(log, &|i| format!("value {i} in {what} numbers"), &exact, &other, &bounds);
    }
}

fn deterministic<F: Function>(b: &F, log: &mut Log) {
    let again = b.run(b.point());
    log.same_bits("values", &b.base().values, &again.values);
    log.same_bits("the gradient", &b.base().grad, &again.grad);
}

fn finite<F: Function>(b: &F, log: &mut Log) {
    let single = b.run::<f32>(&lift(b.point()));
    let tangent = b.tangent::<f64>(&b.v());
    let all = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
    log.holds(|| "values and gradient are finite".into(), all(&b.base().values) && all(&b.base().grad));
    log.holds(|| "f32 is finite".into(), all(&plain(&single.values)) && all(&plain(&single.grad)));
    log.holds(|| "H v is finite".into(), tangent.grad.iter().all(|x| x.finite()));
}
