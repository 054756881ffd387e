//! The seam: something with a value and a gradient at every θ. Networks, penalties, line searches, gradient checks and curvature
//! take one or are one.

use layerwise_tensor::{Dual, Dual64, Scalar};

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
}

/// out ← ∇²f(θ) v, exactly: one gradient in dual numbers. Returns f(θ).
///
/// Cost: three to four gradients. Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".
/// Panics: if the lengths differ.
pub fn hvp(f: &mut dyn Objective<Dual64>, theta: &[f64], v: &[f64], out: &mut [f64], scratch: &mut Vec<Dual64>) -> f64 {
    let n = theta.len();
    assert!(
        f.len() == n && v.len() == n && out.len() == n,
        "hvp: lengths {}, {n}, {}, {}",
        f.len(),
        v.len(),
        out.len()
    );
    scratch.clear();
    scratch.resize(2 * n, Dual64::ZERO);
    let (point, grad) = scratch.split_at_mut(n);
    for ((p, &t), &v) in point.iter_mut().zip(theta).zip(v) {
        *p = Dual::new(t, v);
    }
    let value = f.eval(point, grad);
    for (out, g) in out.iter_mut().zip(grad) {
        *out = g.eps;
    }
    value.re
}
