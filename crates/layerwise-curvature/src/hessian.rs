//! The Hessian of a risk, ∇²(1/n Σ l(f(x; θ), y) + λΩ(θ)), as exact products with vectors.
//!
//! Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian": the ε-part of the gradient at θ + ε v, in dual numbers.

use layerwise_core::{Curvature, Number, Objective, Real};
use layerwise_network::Supervised;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Gradient};

use crate::lifted::Lifted;
use crate::spectral::Spectral;

/// The Hessian of the risk on one batch at one θ, with penalties, with all memory that its products need.
///
/// The first product at a θ keeps the values of all matrix products, and the later ones compute derivatives alone. Noise is frozen
/// by the key of the risk: masks are the same in every product. The workspace of the risk itself is not used.
///
/// At a kink, the derivative of a slope is that of the side that `Scalar::select` chooses. The padding of θ has curvature 0.
#[derive(Debug)]
pub struct Hessian<'a, T: Plane> {
    risk: Supervised<'a, T>,
    lifted: Lifted<T>,
    grad: Gradient<T>,
    n: usize,
}

impl<'a, T: Real + Plane> Hessian<'a, T>
where
    Dual<T>: Number,
{
    /// The Hessian of this risk at θ.
    ///
    /// Panics: if θ or the batch does not fit the network.
    pub fn new(risk: Supervised<'a, T>, theta: &[T]) -> Self {
        let n = risk.network.n_theta();
        assert!(theta.len() == n, "hessian: theta has {} numbers, should have {n}", theta.len());
        Hessian { lifted: Lifted::new(&risk, theta), grad: Gradient::new(n), n, risk }
    }

    /// Moves to another θ.
    ///
    /// Panics: if the length of θ is not that of the network.
    pub fn at(&mut self, theta: &[T]) {
        self.lifted.at(theta);
    }

    /// out ← ∇² v. Returns the risk with its penalties.
    ///
    /// Cost: about two and a half gradients, the first product at a θ; then about two. Allocates nothing after the first product.
    /// Panics: if the lengths differ.
    pub fn product(&mut self, v: &[T], out: &mut [T]) -> T {
        let n = self.n;
        assert!(v.len() == n && out.len() == n, "hessian: lengths {n}, {}, {}", v.len(), out.len());
        let grad = &mut self.grad;
        self.lifted.along(&self.risk, v, |mut risk, point, evaluation| {
            evaluation.derivative(grad, out, |grad| risk.eval(point, grad)).re
        })
    }
}

impl<T: Real + Plane> Spectral<T> for Hessian<'_, T>
where
    Dual<T>: Number,
{
    fn space(&self) -> Buf<T> {
        self.risk.network.params_mask()
    }
}

impl<T: Real + Plane> Curvature<T> for Hessian<'_, T>
where
    Dual<T>: Number,
{
    fn at(&mut self, theta: &[T]) {
        Hessian::at(self, theta);
    }
    fn product(&mut self, v: &[T], out: &mut [T]) {
        Hessian::product(self, v, out);
    }
}
