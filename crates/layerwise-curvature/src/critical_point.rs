//! Is θ a critical point, and which kind: ∇f(θ) = 0, and the sign of vᵀ∇²f v over all directions v.
//!
//! A point where the gradient is 0 is a minimum if vᵀ∇²f v > 0 for every v, a maximum if it is below 0 for every v, and a saddle point if
//! it has both signs; where it is 0 to second order, f is flat. A training that stands still may stand at any of them (Dauphin et al.
//! 2014), and one v with vᵀ∇²f v < 0 proves that it stands at no minimum: ±v leads down.
//!
//! The gradient of T samples is never exactly that of the distribution: it is a mean, whose standard error √(Σ Var gᵢ / T) is estimated
//! from groups of samples. A gradient that is no longer than this cannot be told from 0.

use std::fmt;

use layerwise_core::{Number, Objective, Real};
use layerwise_network::Supervised;
use layerwise_stats::Interval;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, orthogonal};

use crate::hessian::Hessian;
use crate::krylov::{norm, rounding};
use crate::lanczos::{Lanczos, Wanted};
use crate::spectral::{CurvatureError, Spectral};

/// How a point is examined.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// A gradient is small up to so many of its standard errors.
    pub noise: f64,
    /// Groups of samples whose gradients are compared.
    pub groups: usize,
    /// Curvature is none below this share of the largest one.
    pub flat: f64,
    /// The probability with which both intervals of the curvature hold.
    pub confidence: f64,
    /// Most products with the Hessian.
    pub max_products: usize,
    /// Seed of the random start.
    pub seed: u64,
}

impl Default for Search {
    /// One standard error, 10 groups, 10⁻⁴ of the largest curvature, 95 %, 100 products.
    fn default() -> Self {
        Search { noise: 1.0, groups: 10, flat: 1e-4, confidence: 0.95, max_products: 100, seed: 0 }
    }
}

/// What kind of point it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The gradient is not small: there is a way down without any curvature.
    NotCritical,
    /// Curvature is positive in every direction.
    Minimum,
    /// In some direction it is negative, in another one positive.
    Saddle,
    /// It is negative in every direction.
    Maximum,
    /// In no direction it is shown to be negative, nor in every one positive.
    Flat,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::NotCritical => "not critical",
            Kind::Minimum => "minimum",
            Kind::Saddle => "saddle point",
            Kind::Maximum => "maximum",
            Kind::Flat => "flat",
        })
    }
}

/// A way down from a point with negative curvature.
#[derive(Clone, Debug)]
pub struct Escape<T: Real> {
    /// The unit vector v, with ∇fᵀ v ≤ 0 or, if that is 0, either sign.
    pub direction: Buf<T>,
    /// vᵀ∇²f v < 0.
    pub curvature: f64,
    /// The step s that leads lowest, of ±2⁰, ±2⁻¹, …; 0 if none leads down.
    pub step: f64,
    /// f(θ) − f(θ + s v).
    pub drop: f64,
}

/// What a point is, with the numbers that say so.
#[derive(Clone, Debug)]
pub struct CriticalPoint<T: Real> {
    /// The verdict.
    pub kind: Kind,
    /// f(θ), with penalties.
    pub value: f64,
    /// ‖∇f(θ)‖.
    pub gradient: f64,
    /// Its standard error as an estimate of the distribution's gradient; 0 of a single sample.
    pub noise: f64,
    /// Where the smallest eigenvalue of ∇²f lies.
    pub smallest: Interval,
    /// Where the largest one lies.
    pub largest: Interval,
    /// The direction of the most negative curvature that was found, if any is negative.
    pub escape: Option<Escape<T>>,
    /// Products with the Hessian.
    pub products: usize,
}

impl<T: Real + Plane> CriticalPoint<T>
where
    Dual<T>: Number,
{
    /// Examines θ.
    ///
    /// Cost: two gradients for the noise, the products, and at most 42 gradients for the step of the escape.
    /// Errors: a setting that makes no sense; a gradient or a product that is not finite.
    /// Panics: if θ or the batch does not fit the network and the workspace.
    pub fn at(mut risk: Supervised<'_, T>, theta: &[T], search: &Search) -> Result<CriticalPoint<T>, CurvatureError> {
        search.check()?;
        let mut grad = Buf::zeros(theta.len());
        let value = risk.eval(theta, &mut grad).value();
        let gradient = norm(&grad);
        if !(value.is_finite() && gradient.is_finite()) {
            return Err(CurvatureError::new("critical point: the risk", "finite with its gradient", value));
        }
        let (noise, size) = noise(&mut risk, theta, &grad, search.groups);
        let critical = gradient <= (search.noise * noise).max(rounding::<T>() * size);

        let request = Lanczos {
            wanted: Wanted::Smallest,
            // Far below `flat`, so that what is found is settled.
            tolerance: 1e-6,
            max_products: search.max_products,
            seed: search.seed,
            ..Lanczos::default()
        };
        let batch = risk.batch;
        let mut found = Hessian::new(risk.on(batch), theta).spectrum(&request)?;
        let Some((&lowest, direction)) = found.values.first().zip(found.vectors.pop()) else {
            return Err(CurvatureError::not_finite("critical point: the Hessian", found.products));
        };
        let (smallest, largest) = (found.smallest(search.confidence), found.largest(search.confidence));
        let scale = smallest.high.abs().max(largest.low.abs());
        let flat = (search.flat * scale).max(rounding::<T>() * scale);
        let kind = if !critical {
            Kind::NotCritical
        } else if largest.high < -flat {
            Kind::Maximum
        } else if lowest < -flat {
            Kind::Saddle
        } else if smallest.low > flat {
            Kind::Minimum
        } else {
            Kind::Flat
        };
        let escape = (lowest < -flat).then(|| {
            let mut escape = Escape { direction, curvature: lowest, step: 0.0, drop: 0.0 };
            escape.look(&mut risk, theta, &grad, value);
            escape
        });
        Ok(CriticalPoint { kind, value, gradient, noise, smallest, largest, escape, products: found.products })
    }
}

impl Search {
    fn check(&self) -> Result<(), CurvatureError> {
        let not_negative = [("critical point: noise", self.noise), ("critical point: flat", self.flat)];
        for (at, number) in not_negative {
            if !(number >= 0.0 && number.is_finite()) {
                return Err(CurvatureError::new(at, "at least 0 and finite", number));
            }
        }
        if self.groups < 2 {
            return Err(CurvatureError::new("critical point: groups", "at least 2", self.groups));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(CurvatureError::new("critical point: confidence", "between 0 and 1", self.confidence));
        }
        Ok(())
    }
}

/// The standard error of the length of the gradient `grad` of all samples, and the largest gradient of a group.
fn noise<T: Real>(risk: &mut Supervised<'_, T>, theta: &[T], grad: &[T], groups: usize) -> (f64, f64) {
    let (batch, n) = (risk.batch, risk.batch.x.cols());
    let groups = groups.min(n);
    let mut own = Buf::zeros(theta.len());
    let (mut squares, mut size) = (0.0, 0.0f64);
    for group in 0..groups {
        risk.on(batch.part(group * n / groups..(group + 1) * n / groups)).eval(theta, &mut own);
        size = size.max(norm(&own));
        for (own, all) in own.iter_mut().zip(grad) {
            *own -= *all;
        }
        squares += orthogonal::dot(&own, &own);
    }
    let variance = if groups < 2 { 0.0 } else { squares / (groups * (groups - 1)) as f64 };
    (variance.sqrt(), size)
}

impl<T: Real> Escape<T> {
    /// Turns the direction downhill and finds the step that leads lowest.
    fn look(&mut self, risk: &mut Supervised<'_, T>, theta: &[T], grad: &[T], value: f64) {
        if orthogonal::dot(grad, &self.direction) > 0.0 {
            for v in self.direction.iter_mut() {
                *v = -*v;
            }
        }
        let (mut at, mut scratch) = (Buf::zeros(theta.len()), Buf::zeros(theta.len()));
        for halvings in 0..=20 {
            for step in [0.5f64.powi(halvings), -0.5f64.powi(halvings)] {
                for ((at, &theta), &v) in at.iter_mut().zip(theta).zip(&self.direction[..]) {
                    *at = theta + T::of(step) * v;
                }
                let drop = value - risk.eval(&at, &mut scratch).value();
                // NaN is no drop.
                if drop > self.drop {
                    (self.step, self.drop) = (step, drop);
                }
            }
        }
    }
}
