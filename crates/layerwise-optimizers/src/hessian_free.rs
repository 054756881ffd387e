//! θ ← θ + α d with (B + λ I) d ≈ −∇f by conjugate gradients, B the curvature at θ, known by its products alone.
//!
//! Source: Martens (2010), "Deep learning via Hessian-free optimization": λ by the rule of Levenberg and Marquardt (section 4.1),
//! the end of the conjugate gradients by relative progress (4.4), their start from the last solution (4.5), and their best
//! iterate by going back (4.6). Deliberately absent: the preconditioner (4.7), and curvature on a part of the rows (4.3).

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

/// Minimizes by truncated Newton steps: what finds the way along deep and narrow valleys, at the price of many products a step.
///
/// Cost: about as much as so many products, and a few evaluations, a step. It keeps some thirty vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HessianFree {
    /// λ at the start, above 0. Units: of the curvature.
    pub damping: f64,
    /// Products a step, at most.
    pub products: usize,
}

/// λ = 1 and 250 products.
impl Default for HessianFree {
    fn default() -> Self {
        HessianFree { damping: 1.0, products: 250 }
    }
}

impl HessianFree {
    /// Errors: a damping that is not above 0, no product.
    pub fn check(&self) -> Result<(), String> {
        check_positive("damping", self.damping)?;
        should(self.products >= 1, "products", "at least 1", self.products)
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
        if let Err(problem) = self.check() {
            panic!("hessian-free: {problem}");
        }
        let [mut grad, mut grad_there, mut there, mut step] = [(); 4].map(|()| Buf::zeros(theta.len()));
        let mut done = Minimized::begin(f, theta, &mut grad, &mut grad_there)?;
        if done.end == End::NotFinite {
            return Ok(done);
        }
        let mut damped = Damped { curvature, damping: self.damping };
        done.end = loop {
            done.gradient = global_norm(&grad);
            if done.gradient <= stop.gradient {
                break End::Gradient;
            }
            damped.curvature.at(theta);
            elementwise::each(&mut step, |d| *d *= S::of(WARM));
            let iterates = damped.solve(&grad, &mut step, self.products);
            // f at θ + α d; `there` and `grad_there` are of the last one asked.
            let mut at = |d: &[S], alpha: f64| {
                there.copy_from_slice(theta);
                add_scaled(&mut there, alpha, d);
                done.evaluations += 1;
                let value = f.eval(&there, &mut grad_there).value();
                if value.is_nan() { f64::INFINITY } else { value }
            };
            // Back from the last iterate, as long as f falls.
            let mut best: Option<(&Iterate<S>, f64)> = None;
            for iterate in iterates.iter().rev() {
                let value = at(&iterate.d, 1.0);
                if best.is_some_and(|(_, best)| value >= best) {
                    break;
                }
                best = Some((iterate, value));
            }
            let Some((iterate, mut value)) = best else { break End::NoProgress };
            let ratio = (value - done.value) / iterate.model;
            let slope = dot(&grad, &iterate.d);
            let (mut alpha, mut trials) = (1.0, 0);
            while value > done.value + DECREASE * alpha * slope.min(0.0) && trials < MOST_TRIALS {
                alpha *= SHORTER;
                trials += 1;
                value = at(&iterate.d, alpha);
            }
            let falls = value < done.value;
            if falls {
                if trials == 0 {
                    // Going back, another one was looked at last.
                    value = at(&iterate.d, alpha);
                }
                theta.copy_from_slice(&there);
                std::mem::swap(&mut grad, &mut grad_there);
                (done.value, done.steps) = (value, done.steps + 1);
                step.copy_from_slice(&iterate.d);
                if !f.stepped(theta, done.value) {
                    done.gradient = global_norm(&grad);
                    break End::Asked;
                }
            } else {
                elementwise::each(&mut step, |d| *d = S::ZERO);
            }
            if !falls && damped.damping > 1e12 {
                break End::NoProgress;
            }
            damped.damping *= match ratio {
                // The paper does not say.
                _ if !falls => 10.0,
                ratio if ratio > 0.75 => 2.0 / 3.0,
                ratio if ratio >= 0.25 => 1.0,
                _ => 1.5,
            };
            if done.evaluations >= stop.evaluations {
                done.gradient = global_norm(&grad);
                break if done.gradient <= stop.gradient { End::Gradient } else { End::Evaluations };
            }
        };
        Ok(done)
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

    /// Conjugate gradients for (B + λ I) d = −g from d; some iterates, and the last one.
    fn solve(&mut self, grad: &[S], d: &mut [S], products: usize) -> Vec<Iterate<S>> {
        let [mut rest, mut product] = [(); 2].map(|()| Buf::zeros(d.len()));
        self.product(d, &mut rest);
        add_scaled(&mut rest, 1.0, grad);
        let mut direction = rest.clone();
        elementwise::each(&mut direction, |p| *p = -*p);
        let mut square = dot(&rest, &rest);
        // φ = dᵀ A d / 2 + gᵀ d with A d = rest − g.
        let damped = |rest: &[S], d: &[S]| 0.5 * (dot(rest, d) + dot(grad, d));
        let mut progress = vec![damped(&rest, d)];
        let (mut iterates, mut next) = (Vec::new(), 1);
        let keep = |iterates: &mut Vec<Iterate<S>>, d: &[S], now: f64, damping: f64| {
            iterates.push(Iterate { d: Buf::copy_of(d), model: now - 0.5 * damping * dot(d, d) });
        };
        for i in 1..=products {
            self.product(&direction, &mut product);
            let along = dot(&direction, &product);
            // No positive curvature, a NaN, or solved to the last digit.
            if !(along.is_finite() && along > 0.0 && square > 0.0) {
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
                next = (i as f64 * APART).ceil() as usize;
                keep(&mut iterates, d, now, self.damping);
            }
            let before = std::mem::replace(&mut square, dot(&rest, &rest));
            let share = S::of(square / before);
            elementwise::zip(&mut direction, &rest, |p, r| *p = share * *p - r);
        }
        keep(&mut iterates, d, progress[progress.len() - 1], self.damping);
        iterates
    }
}
