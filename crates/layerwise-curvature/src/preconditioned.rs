//! The Gauss–Newton matrix with a preconditioner for conjugate gradients: M = F̆ + λ I with the Kronecker factors of K-FAC.
//!
//! With M⁻¹, B + λ I becomes nearly the identity where the factors are good, and conjugate gradients need few products: what makes
//! Hessian-free minimization cheap enough for batches. Source: Martens and Grosse (2015), "Optimizing neural networks with
//! Kronecker-factored approximate curvature" (the matrix); Martens (2010), section 4.7 (the use of one, there a diagonal).

use layerwise_core::{Curvature, Number, Real};
use layerwise_network::Network;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Dual, Key, Purpose};

use crate::gauss_newton::GaussNewton;
use crate::kfac::FIRST;
use crate::kronecker::{Deltas, Kronecker};
use crate::spectral::CurvatureError;

/// The largest share of the old factors in their average.
const KEEP: f64 = 0.95;

/// Inverses are new once λ is so many times larger or smaller than theirs.
const FAR: f64 = 4.0;

/// The factors of a descent, which outlive its batches.
#[derive(Clone, Debug)]
pub struct Preconditioner<T: Real> {
    factors: Kronecker<T>,
    /// Times that they are used between two inverses.
    every: u64,
    uses: u64,
    /// λ of the inverses; 0 if there are none yet.
    damping: f64,
    seed: u64,
}

impl<T: Real + Plane> Preconditioner<T>
where
    Dual<T>: Number,
{
    /// No factors yet. They are averaged at every θ, and inverted at each of the first three, then at every `every`-th, and when λ has
    /// changed much.
    ///
    /// Errors: a layer with parameters that is not dense. Panics: if `every` is 0.
    pub fn new(network: &Network, every: u64, seed: u64) -> Result<Self, CurvatureError> {
        assert!(every > 0, "preconditioner: every should be at least 1, got 0");
        Ok(Preconditioner { factors: Kronecker::new(network)?, every, uses: 0, damping: 0.0, seed })
    }

    /// The Gauss–Newton matrix of a batch with these factors.
    pub fn with<'a>(&'a mut self, matrix: GaussNewton<'a, T>) -> Preconditioned<'a, T> {
        Preconditioned { matrix, by: self, due: true }
    }
}

/// The Gauss–Newton matrix of a risk on one batch, whose [`Curvature::precondition`] solves with Kronecker factors.
///
/// They are taken from the same batch, with one random delta a sample.
#[derive(Debug)]
pub struct Preconditioned<'a, T: Real + Plane> {
    matrix: GaussNewton<'a, T>,
    by: &'a mut Preconditioner<T>,
    /// θ is new to the factors.
    due: bool,
}

impl<T: Real + Plane> Preconditioned<'_, T>
where
    Dual<T>: Number,
{
    /// Factors at this θ. Where a factor cannot be inverted, the inverses stay as they are.
    fn refresh(&mut self, damping: f64) {
        let Preconditioner { factors, every, uses, damping: inverted, seed } = &mut *self.by;
        *uses += 1;
        let keep = (1.0 - 1.0 / *uses as f64).min(KEEP);
        let key = Key::new(*seed, Purpose::Direction).step(*uses);
        self.matrix.observe(factors, Deltas::Sampled { key }, keep);
        // With none yet, λ is far from 0.
        let far = !(*inverted / FAR..=*inverted * FAR).contains(&damping);
        if (far || *uses <= FIRST || uses.is_multiple_of(*every)) && factors.invert(damping.sqrt()).is_ok() {
            *inverted = damping;
        }
    }
}

impl<T: Real + Plane> Curvature<T> for Preconditioned<'_, T>
where
    Dual<T>: Number,
{
    fn at(&mut self, theta: &[T]) {
        self.matrix.at(theta);
        self.due = true;
    }
    fn product(&mut self, v: &[T], out: &mut [T]) {
        self.matrix.product(v, out);
    }
    fn precondition(&mut self, damping: f64, v: &[T], out: &mut [T]) {
        if std::mem::take(&mut self.due) {
            self.refresh(damping);
        }
        if self.by.damping > 0.0 {
            self.by.factors.solve(v, out);
        } else {
            out.copy_from_slice(v);
        }
    }
}
