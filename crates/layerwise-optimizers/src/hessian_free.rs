//! θ ← θ + α d with (B + λ I) d ≈ −∇f by conjugate gradients, B the curvature at θ, known by its products alone.
//!
//! Source: Martens (2010), "Deep learning via Hessian-free optimization": λ by the rule of Levenberg and Marquardt (section 4.1),
//! the end of the conjugate gradients by relative progress (4.4), their start from the last solution (4.5), and their best
//! iterate by going back (4.6), only where the model is wrong about the last one. The preconditioner (4.7) is that of the curvature,
//! [`Curvature::precondition`]. Batches, with curvature on a part of their rows: Kiros (2013), "Training neural networks with
//! stochastic Hessian-free optimization".

use layerwise_core::{Curvature, End, Minimized, Objective, SolverError, Stop};
use layerwise_tensor::orthogonal::dot;
use layerwise_tensor::{Buf, Scalar, elementwise};

use crate::line_search::add_scaled;
use crate::{check_positive, global_norm, should};

/// The conjugate gradients end when the last k iterations brought less than k ε of all progress, k ≥ 10 and a tenth of all.
const EPSILON: f64 = 5e-4;
/// Iterates are kept at numbers that grow by this factor.
const APART: f64 = 1.3;
/// What is left of a solution as the start of the next.
const WARM: f64 = 0.95;
/// c and the factor on the step in the backtracking line search.
const DECREASE: f64 = 1e-2;
const SHORTER: f64 = 0.8;
const MOST_TRIALS: usize = 60;
/// A fall of f that is more than this share of what the model says means that the model is right.
const RIGHT: f64 = 0.75;
/// A step that leads up even with more damping than this has nowhere to go.
const HARDEST: f64 = 1e12;

/// Minimizes by truncated Newton steps: what finds the way along deep and narrow valleys, at the price of many products a step.
///
/// Cost: about as much as so many products, and a few evaluations, a step. It keeps some thirty vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HessianFree {
    /// λ at the start, above 0. Units: of the curvature.
    pub damping: f64,
    /// Products a step, at most.
    pub products: usize,
    /// Factor on λ after a step about which the model was right, above 0 and below 1; after one about which it was wrong, λ is
    /// divided by it. On batches λ should change slowly, as by 0.95: each flatters the step that was made for it.
    pub adapt: f64,
}

/// λ = 1, 250 products, 2/3.
impl Default for HessianFree {
    fn default() -> Self {
        HessianFree { damping: 1.0, products: 250, adapt: 2.0 / 3.0 }
    }
}

impl HessianFree {
    /// Errors: a damping that is not above 0, no product, a factor out of range.
    pub fn check(&self) -> Result<(), String> {
        check_positive("damping", self.damping)?;
        should(self.products >= 1, "products", "at least 1", self.products)?;
        should(self.adapt > 0.0 && self.adapt < 1.0, "adapt", "above 0 and below 1", self.adapt)
    }

    /// The start of a descent in n numbers, for steps on batches.
    ///
    /// Panics: if [`HessianFree::check`] fails.
    pub fn start<S: Scalar>(&self, n: usize) -> HessianFreeState<S> {
        if let Err(problem) = self.check() {
            panic!("hessian-free: {problem}");
        }
        let [solution, grad, there, grad_there] = [(); 4].map(|()| Buf::zeros(n));
        HessianFreeState { of: *self, damping: self.damping, solution, grad, there, grad_there, seen: false }
    }

    /// Minimizes f from θ with products of its curvature: of its Gauss–Newton matrix, or of its Hessian where that is positive
    /// definite.
    ///
    /// `stop.evaluations` counts evaluations of f with its gradient, not products. Errors: the objective is not the same twice.
    /// Panics: if [`HessianFree::check`] fails.
    pub fn minimize<S: Scalar>(
        &self,
        f: &mut dyn Objective<S>,
        curvature: &mut dyn Curvature<S>,
        theta: &mut [S],
        stop: &Stop,
    ) -> Result<Minimized, SolverError> {
        let mut state = self.start(theta.len());
        let mut done = Minimized::begin(f, theta, &mut state.grad, &mut state.grad_there)?;
        if done.end == End::NotFinite {
            return Ok(done);
        }
        done.end = loop {
            done.gradient = global_norm(&state.grad);
            if done.gradient <= stop.gradient {
                break End::Gradient;
            }
            let damping = state.damping;
            let step = state.advance(f, curvature, theta, done.value);
            done.evaluations += step.evaluations;
            if step.taken {
                (done.value, done.steps) = (step.after, done.steps + 1);
                if !state.seen {
                    f.eval(theta, &mut state.grad_there);
                    done.evaluations += 1;
                }
                std::mem::swap(&mut state.grad, &mut state.grad_there);
                if !f.stepped(theta, done.value) {
                    done.gradient = global_norm(&state.grad);
                    break End::Asked;
                }
            } else if damping > HARDEST {
                break End::NoProgress;
            }
            if done.evaluations >= stop.evaluations {
                done.gradient = global_norm(&state.grad);
                break if done.gradient <= stop.gradient { End::Gradient } else { End::Evaluations };
            }
        };
        Ok(done)
    }
}

/// The numbers of a Hessian-free descent: the last solution, λ.
#[derive(Clone, Debug)]
pub struct HessianFreeState<S: Scalar> {
    of: HessianFree,
    damping: f64,
    /// The last solution, from which the next one starts; 0 if there is none.
    solution: Buf<S>,
    grad: Buf<S>,
    /// The place looked at last, and ∇f there.
    there: Buf<S>,
    grad_there: Buf<S>,
    /// Whether `grad_there` is the gradient after the step.
    seen: bool,
}

/// What a step of [`HessianFreeState`] saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HessianFreeStep {
    /// f before the step.
    pub value: f64,
    /// f after it; where it led up, at the shortest step that was tried.
    pub after: f64,
    /// Whether θ has changed: f fell.
    pub taken: bool,
    /// Evaluations of f with its gradient.
    pub evaluations: usize,
}

impl<S: Scalar> HessianFreeState<S> {
    /// λ now.
    pub fn damping(&self) -> f64 {
        self.damping
    }

    /// One step of f, which may be the risk on other rows at each call, with products of the curvature on some of them at θ.
    ///
    /// Cost: the products, and two to four evaluations of f. Errors: f or its gradient is not finite at θ, which is then as before.
    /// Panics: unless all have the length of the state.
    pub fn step(
        &mut self,
        f: &mut dyn Objective<S>,
        curvature: &mut dyn Curvature<S>,
        theta: &mut [S],
    ) -> Result<HessianFreeStep, SolverError> {
        let value = f.eval(theta, &mut self.grad).value();
        if !value.is_finite() || !elementwise::all_finite(&self.grad) {
            return Err(SolverError::Curvature(format!(
                "hessian-free: the risk should be finite with its gradient, got {value}"
            )));
        }
        let step = self.advance(f, curvature, theta, value);
        Ok(HessianFreeStep { evaluations: step.evaluations + 1, ..step })
    }

    /// A step from θ, where f is `value` and its gradient is in place.
    fn advance(
        &mut self,
        f: &mut dyn Objective<S>,
        curvature: &mut dyn Curvature<S>,
        theta: &mut [S],
        value: f64,
    ) -> HessianFreeStep {
        let HessianFreeState { of, damping, solution, grad, there, grad_there, seen } = self;
        curvature.at(theta);
        elementwise::each(solution, |d| *d *= S::of(WARM));
        let iterates = Damped { curvature, damping: *damping }.solve(grad, solution, of.products);
        let mut evaluations = 0;
        // f at θ + α d; `there` and `grad_there` are of the last one asked.
        let mut at = |d: &[S], alpha: f64| {
            there.copy_from_slice(theta);
            add_scaled(there, alpha, d);
            evaluations += 1;
            let value = f.eval(there, grad_there).value();
            if value.is_nan() { f64::INFINITY } else { value }
        };
        // Back from the last iterate, as long as f falls; not where the model is right about the last, since it says less of the others.
        let last = iterates.len() - 1;
        let (mut best, mut after, mut looked) = (last, at(&iterates[last].d, 1.0), last);
        let mut ratio = (after - value) / iterates[last].model;
        // Also for a NaN.
        while !(ratio > RIGHT && best == last) && looked > 0 {
            looked -= 1;
            let there = at(&iterates[looked].d, 1.0);
            if there >= after {
                break;
            }
            (best, after) = (looked, there);
            ratio = (after - value) / iterates[best].model;
        }
        let d = &iterates[best].d;
        let slope = dot(grad, d).min(0.0);
        let (mut alpha, mut trials) = (1.0, 0);
        while after > value + DECREASE * alpha * slope && trials < MOST_TRIALS {
            alpha *= SHORTER;
            trials += 1;
            after = at(d, alpha);
        }
        let taken = after < value;
        if taken {
            add_scaled(theta, alpha, d);
            solution.copy_from_slice(d);
        } else {
            elementwise::each(solution, |d| *d = S::ZERO);
        }
        *seen = trials > 0 || looked == best;
        *damping *= match ratio {
            // The paper does not say.
            _ if !taken => 10.0,
            ratio if ratio > RIGHT => of.adapt,
            ratio if ratio >= 0.25 => 1.0,
            _ => 1.0 / of.adapt,
        };
        HessianFreeStep { value, after, taken, evaluations }
    }
}

/// B + λ I.
struct Damped<'a, S: Scalar> {
    curvature: &'a mut dyn Curvature<S>,
    damping: f64,
}

/// An approximate solution, and what the model without damping says about f there, dᵀ B d / 2 + ∇fᵀ d.
struct Iterate<S: Scalar> {
    d: Buf<S>,
    model: f64,
}

impl<S: Scalar> Damped<'_, S> {
    fn product(&mut self, v: &[S], out: &mut [S]) {
        self.curvature.product(v, out);
        add_scaled(out, self.damping, v);
    }

    /// Preconditioned conjugate gradients for (B + λ I) d = −g from d; some iterates, and the last one.
    fn solve(&mut self, grad: &[S], d: &mut [S], products: usize) -> Vec<Iterate<S>> {
        let [mut rest, mut product, mut near] = [(); 3].map(|()| Buf::zeros(d.len()));
        self.product(d, &mut rest);
        add_scaled(&mut rest, 1.0, grad);
        self.curvature.precondition(self.damping, &rest, &mut near);
        let mut direction = near.clone();
        elementwise::each(&mut direction, |p| *p = -*p);
        let mut square = dot(&rest, &near);
        // φ = dᵀ A d / 2 + gᵀ d with A d = rest − g.
        let damped = |rest: &[S], d: &[S]| 0.5 * (dot(rest, d) + dot(grad, d));
        let mut progress = vec![damped(&rest, d)];
        let (mut iterates, mut next, mut kept) = (Vec::new(), 1, usize::MAX);
        let keep = |iterates: &mut Vec<Iterate<S>>, d: &[S], now: f64, damping: f64| {
            iterates.push(Iterate { d: Buf::copy_of(d), model: now - 0.5 * damping * dot(d, d) });
        };
        for i in 1..=products {
            self.product(&direction, &mut product);
            let along = dot(&direction, &product);
            // No positive curvature, a NaN, or solved to the last digit, which leaves no direction.
            if !(along.is_finite() && along > 0.0) {
                break;
            }
            add_scaled(d, square / along, &direction);
            add_scaled(&mut rest, square / along, &product);
            let now = damped(&rest, d);
            progress.push(now);
            let window = (i / 10).max(10);
            let slow = i > window && now < 0.0 && (now - progress[i - window]) / now < window as f64 * EPSILON;
            if slow {
                break;
            }
            if i == next {
                (next, kept) = ((i as f64 * APART).ceil() as usize, i);
                keep(&mut iterates, d, now, self.damping);
            }
            self.curvature.precondition(self.damping, &rest, &mut near);
            let before = std::mem::replace(&mut square, dot(&rest, &near));
            let share = S::of(square / before);
            elementwise::zip(&mut direction, &near, |p, r| *p = share * *p - r);
        }
        let last = progress.len() - 1;
        if kept != last {
            keep(&mut iterates, d, progress[last], self.damping);
        }
        iterates
    }
}
