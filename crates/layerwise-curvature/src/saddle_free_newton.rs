//! θ ← θ − (|H| + μ I)⁻¹ ∇f with H = ∇²f = Q Λ Qᵀ and |H| = Q |Λ| Qᵀ: Newton's step, but away from saddles.
//!
//! Source: Dauphin et al. (2014), "Identifying and attacking the saddle point problem in high-dimensional non-convex optimization",
//! algorithm 1, with all eigenvectors; μ is the power of ten, here of the largest |λ|, that leads lowest (their appendix). Where the
//! gradient is 0 the step is too: there, and at no minimum, it goes along the eigenvector of the lowest λ < 0.

use layerwise_core::{End, Minimized, Objective, Real, SolverError, Stop};
use layerwise_tensor::Buf;
use nalgebra::{DVector, SymmetricEigen};

use crate::escape::{FLAT, escape};
use crate::exact::Exact;
use crate::krylov::{norm, rounding};
use crate::leave_saddles::refused;
use crate::spectral::Spectral;

/// Powers of ten of the largest |λ| that are tried for μ: all of the first range, then one after the other until f falls.
const TRIED: std::ops::RangeInclusive<i32> = -9..=0;
const LARGER: std::ops::RangeInclusive<i32> = 1..=12;

/// Minimizes with the whole Hessian: few steps through plateaus and past saddles, for at most [`Exact::MOST`] parameters.
///
/// Cost: a step takes as many products as there are parameters n, n² numbers, n³ operations, and some ten evaluations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaddleFreeNewton;

impl SaddleFreeNewton {
    /// Minimizes f from θ with its Hessian.
    ///
    /// `stop.evaluations` counts evaluations of f with its gradient, not products; the last step may go beyond it.
    /// Errors: the objective is not the same twice; more parameters than [`Exact::MOST`]; a product that is not finite.
    pub fn minimize<T: Real>(
        &self,
        f: &mut dyn Objective<T>,
        hessian: &mut dyn Spectral<T>,
        theta: &mut [T],
        stop: &Stop,
    ) -> Result<Minimized, SolverError> {
        let [mut grad, mut best] = [(); 2].map(|()| Buf::zeros(theta.len()));
        let mut done = Minimized::begin(f, theta, &mut grad, &mut best)?;
        if done.end == End::NotFinite {
            return Ok(done);
        }
        let space = hessian.space();
        done.end = loop {
            done.gradient = norm(&grad);
            if done.evaluations >= stop.evaluations {
                break End::Evaluations;
            }
            hessian.at(theta);
            let product = &mut |v: &[T], out: &mut [T]| hessian.product(v, out);
            let (matrix, places) = Exact::assemble(&space, product).map_err(refused)?;
            let modes = Modes { eigen: SymmetricEigen::new(matrix), places };
            let small = done.gradient <= stop.gradient;
            let stepped = !small && modes.newton(f, (theta, done.value), &mut grad, &mut best, &mut done.evaluations);
            if !stepped && !modes.leave(f, (theta, done.value), &mut grad, &mut best, &mut done.evaluations) {
                break if small { End::Gradient } else { End::NoProgress };
            }
            theta.copy_from_slice(&best);
            done.value = f.eval(theta, &mut grad).value();
            done.evaluations += 1;
            done.steps += 1;
            if !f.stepped(theta, done.value) {
                done.gradient = norm(&grad);
                break End::Asked;
            }
        };
        Ok(done)
    }
}

/// The eigenvalues and eigenvectors of the Hessian, and where its coordinates are in θ.
struct Modes {
    eigen: SymmetricEigen<f64, nalgebra::Dyn>,
    places: Vec<usize>,
}

impl Modes {
    /// `best` ← θ − (|H| + μ I)⁻¹ g of the best μ. Returns whether f falls, or, where values differ by rounding alone, the gradient;
    /// `grad` has g at first, and anything then.
    fn newton<T: Real>(
        &self,
        f: &mut dyn Objective<T>,
        (theta, value): (&[T], f64),
        grad: &mut [T],
        best: &mut [T],
        evaluations: &mut usize,
    ) -> bool {
        let SymmetricEigen { eigenvalues, eigenvectors } = &self.eigen;
        let largest = eigenvalues.amax();
        let g = DVector::from_iterator(self.places.len(), self.places.iter().map(|&place| grad[place].value()));
        let along = eigenvectors.tr_mul(&g);
        let step = |power: i32, to: &mut [T]| {
            let damping = largest * 10f64.powi(power);
            to.copy_from_slice(theta);
            let scaled = along.zip_map(eigenvalues, |g, curvature| -g / (curvature.abs() + damping));
            self.add(&(eigenvectors * scaled), to);
        };
        let small = 0.5 * g.norm();
        let (mut lowest, mut level): (Option<(i32, f64)>, Option<i32>) = (None, None);
        for power in TRIED.chain(LARGER) {
            if power > *TRIED.end() && lowest.is_some() {
                break;
            }
            step(power, best);
            *evaluations += 1;
            let there = f.eval(best, grad).value();
            // False for NaN.
            if there < lowest.map_or(value, |(_, lowest)| lowest) {
                lowest = Some((power, there));
            }
            if level.is_none() && there <= value + rounding::<T>() * value.abs() && norm(grad) < small {
                level = Some(power);
            }
        }
        let chosen = lowest.map(|(power, _)| power).or(level);
        if let Some(power) = chosen {
            step(power, best);
        }
        chosen.is_some()
    }

    /// `best` ← the lower end of a step along the direction of the most negative curvature. Returns whether there is one.
    fn leave<T: Real>(
        &self,
        f: &mut dyn Objective<T>,
        from: (&[T], f64),
        grad: &mut [T],
        best: &mut [T],
        evaluations: &mut usize,
    ) -> bool {
        let SymmetricEigen { eigenvalues, eigenvectors } = &self.eigen;
        let (column, lowest) = eigenvalues.argmin();
        if lowest >= -FLAT * eigenvalues.amax() {
            return false;
        }
        let mut v = Buf::zeros(best.len());
        self.add(&eigenvectors.column(column).into_owned(), &mut v);
        escape(f, from, (&v, lowest), (best, grad), evaluations).is_some()
    }

    /// Adds a vector of the coordinates at their places.
    fn add<T: Real>(&self, vector: &DVector<f64>, to: &mut [T]) {
        for (&place, v) in self.places.iter().zip(vector) {
            to[place] += T::of(*v);
        }
    }
}
