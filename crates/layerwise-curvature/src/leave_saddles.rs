//! Descend until the gradient is small; if λ = min vᵀ∇²f v < 0 there, step along ±v and descend again; else it is a minimum.
//!
//! A descent never ends *at* a saddle but by starting on its stable manifold (Lee et al. 2016, "Gradient descent only converges to
//! minimizers"); it is slowed down near one for as long as the curvature is weak (Dauphin et al. 2014), and stops there if its tolerance
//! is not tight enough. The eigenvector is Lanczos's, as in Royer, O'Neill and Wright (2020), "A Newton-CG algorithm with complexity
//! guarantees for smooth unconstrained optimization".

use layerwise_core::{End, Minimized, Objective, Real, Solver, SolverError, Stop};
use layerwise_tensor::Buf;

use crate::escape::{FLAT, escape};
use crate::krylov::norm;
use crate::lanczos::{Lanczos, Wanted};
use crate::spectral::{CurvatureError, Spectral};

/// Lets a descent go on where it stopped at a saddle.
///
/// What counts as a small gradient is [`Stop::gradient`], which may be the noise of the gradient
/// ([`CriticalPoint::noise`](crate::CriticalPoint::noise)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeaveSaddles<D> {
    /// The descent.
    pub descent: D,
    /// Most products with the Hessian at each critical point.
    pub products: usize,
    /// Seed of the random starts of Lanczos.
    pub seed: u64,
}

impl<D> LeaveSaddles<D> {
    /// With at most 100 products each time.
    pub fn of(descent: D) -> Self {
        LeaveSaddles { descent, products: 100, seed: 0 }
    }

    /// Minimizes f from θ with the descent, and with products of its Hessian wherever that ends.
    ///
    /// `stop.evaluations` counts evaluations of f with its gradient, not products. It ends as the descent does: with
    /// [`End::Gradient`] at a point without negative curvature, as far as the products see.
    ///
    /// Errors: the objective is not the same twice; a product is not finite. Panics: if the Hessian has another length.
    pub fn minimize<T: Real>(
        &self,
        f: &mut dyn Objective<T>,
        hessian: &mut dyn Spectral<T>,
        theta: &mut [T],
        stop: &Stop,
    ) -> Result<Minimized, SolverError>
    where
        D: Solver<T>,
    {
        let (mut there, mut grad) = (Buf::zeros(theta.len()), Buf::zeros(theta.len()));
        let mut done = self.descent.minimize(f, theta, stop)?;
        for seed in self.seed.. {
            if !matches!(done.end, End::Gradient | End::NoProgress) {
                break;
            }
            hessian.at(theta);
            let request = Lanczos { wanted: Wanted::Smallest, max_products: self.products, seed, ..Lanczos::default() };
            let found = hessian.spectrum(&request).map_err(refused)?;
            let Some((&lowest, v)) = found.values.first().zip(found.vectors.first()) else {
                return Err(refused(CurvatureError::not_finite("leave saddles: the Hessian", found.products)));
            };
            if lowest >= -FLAT * found.largest(0.95).low.abs().max(-lowest) {
                break;
            }
            let from = (&*theta, done.value);
            let Some(value) = escape(f, from, (v, lowest), (&mut there, &mut grad), &mut done.evaluations) else {
                break;
            };
            theta.copy_from_slice(&there);
            (done.value, done.gradient, done.steps) = (value, norm(&grad), done.steps + 1);
            if !f.stepped(theta, value) {
                done.end = End::Asked;
                break;
            }
            if done.evaluations >= stop.evaluations {
                done.end = End::Evaluations;
                break;
            }
            let rest = Stop { evaluations: stop.evaluations - done.evaluations, ..*stop };
            let more = self.descent.minimize(f, theta, &rest)?;
            let (steps, evaluations) = (done.steps + more.steps, done.evaluations + more.evaluations);
            done = Minimized { steps, evaluations, ..more };
        }
        Ok(done)
    }
}

/// As the error of a solver.
pub(crate) fn refused(error: CurvatureError) -> SolverError {
    SolverError::Curvature(error.to_string())
}
