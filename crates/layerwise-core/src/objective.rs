//! The seam: something with a value and a gradient at every θ. Networks, penalties, line searches, gradient checks and curvature
//! take one or are one.

use layerwise_tensor::dual::Plane;
use layerwise_tensor::dual_gemm::derivatives;
use layerwise_tensor::{Dual, Evaluation, Known, Scalar};

/// A function of θ.
pub trait Objective<S: Scalar> {
    /// Length of θ.
    fn len(&self) -> usize;
    /// Nothing to minimize over.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Returns f(θ) and overwrites `grad` with ∇f(θ).
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S;
    /// Solvers tell each step here: θ and f(θ). `false` asks for the end. An objective that is to be watched overrides it.
    fn stepped(&mut self, theta: &[S], value: f64) -> bool {
        let _ = (theta, value);
        true
    }
}

/// A symmetric matrix that goes with a point θ, by its products: the Hessian of an objective, or its Gauss–Newton matrix.
pub trait Curvature<S: Scalar> {
    /// Moves to another θ.
    fn at(&mut self, theta: &[S]);
    /// out ← B(θ) v.
    fn product(&mut self, v: &[S], out: &mut [S]);
    /// out ← M⁻¹ v, for an M near B(θ) + λ I that is easily inverted, symmetric and positive definite, and the same until the next
    /// [`Curvature::at`], which conjugate gradients are preconditioned by. M = I unless it is overridden.
    fn precondition(&mut self, damping: f64, v: &[S], out: &mut [S]) {
        let _ = damping;
        out.copy_from_slice(v);
    }
}

/// out ← ∇²f(θ) v, exactly: one gradient in dual numbers, of `f32` or `f64`. Returns f(θ).
///
/// Cost: about three gradients in the same precision. The scratch grows in the first call and is kept.
/// Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian". Panics: if the lengths differ.
pub fn hvp<T: Plane>(
    f: &mut dyn Objective<Dual<T>>,
    theta: &[T],
    v: &[T],
    out: &mut [T],
    scratch: &mut Vec<Dual<T>>,
) -> T {
    let n = theta.len();
    assert!(
        f.len() == n && v.len() == n && out.len() == n,
        "hvp: lengths {}, {n}, {}, {}",
        f.len(),
        v.len(),
        out.len()
    );
    scratch.resize(2 * n, Dual::ZERO);
    let (point, grad) = scratch.split_at_mut(n);
    let known = [Known::join(point, theta, Some(v))];
    let value = Evaluation::new(&known).run(|| f.eval(known[0].duals(), grad));
    derivatives(out, grad);
    value.re
}
