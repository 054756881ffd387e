//! The Gauss–Newton matrix of a risk, G = Jᵀ H J with J = ∂y/∂θ of the outputs of the batch and H = 1/n ∂²l/∂y², one block a
//! sample, times its weight; as exact products with vectors.
//!
//! Source: Schraudolph (2002), "Fast curvature matrix-vector products for second-order gradient descent". Forward in dual numbers
//! gives y + ε J v, the loss in dual numbers ∂L/∂y + ε H J v, and one backward pass in real numbers from the delta H J v is Jᵀ (H J v).
//!
//! G is the Hessian without the curvature of the network, Σ ∂L/∂yᵢ ∂²yᵢ/∂θ². It is symmetric, positive semidefinite if the loss
//! is convex in y, 0 if the loss is piecewise linear, and the Hessian itself if y is linear in θ.

use layerwise_core::{Curvature, Number, Real};
use layerwise_network::Supervised;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual};

use crate::kronecker::{Deltas, Kronecker};
use crate::lifted::Lifted;
use crate::spectral::Spectral;

/// The Gauss–Newton matrix of the risk on one batch at one θ, with all memory that its products need.
///
/// Penalties are not in it: G is the curvature of the empirical risk alone. Noise is frozen by the key of the risk: masks are the
/// same in every product. It holds the workspace of the risk, where the forward pass at θ stays and the deltas are overwritten.
///
/// At a kink of an activation, J is that of the side that `Scalar::select` chooses and Jᵀ that of the declared slope.
#[derive(Debug)]
pub struct GaussNewton<'a, T: Plane> {
    risk: Supervised<'a, T>,
    lifted: Lifted<T>,
}

impl<'a, T: Real + Plane> GaussNewton<'a, T>
where
    Dual<T>: Number,
{
    /// G of this risk at θ.
    ///
    /// Cost: one forward pass. Panics: if the batch does not fit the network and the workspace.
    pub fn new(mut risk: Supervised<'a, T>, theta: &[T]) -> Self {
        risk.risk(theta);
        GaussNewton { lifted: Lifted::new(&risk, theta), risk }
    }

    /// Moves to another θ. Returns the risk there, without penalties.
    ///
    /// Cost: one forward pass. Panics: if the length of θ is not that of the network.
    pub fn at(&mut self, theta: &[T]) -> T {
        let value = self.risk.risk(theta);
        self.lifted.at(theta);
        value
    }

    /// out ← G v.
    ///
    /// Cost: a forward pass in dual numbers, without the products of values after the first time at a θ, and a backward pass in
    /// real ones; allocates nothing after the first product. Panics: if the lengths differ.
    pub fn product(&mut self, v: &[T], out: &mut [T]) {
        let n = self.lifted.theta().len();
        assert!(v.len() == n && out.len() == n, "gauss-newton: lengths {n}, {}, {}", v.len(), out.len());
        self.lifted.along(&self.risk, v, |mut risk, point, evaluation| evaluation.run(|| risk.risk(point)));
        let (_, dual_dy, _) = self.lifted.workspace.output_parts();
        let Supervised { network, batch, workspace, pass, .. } = &mut self.risk;
        let (_, mut dy, _) = workspace.output_parts();
        for (dy, dual) in dy.data().iter_mut().zip(dual_dy.as_mat().data()) {
            *dy = dual.eps;
        }
        network.backward(self.lifted.theta(), out, batch.x, workspace, *pass);
    }

    /// Averages the factors of this batch into those that are there, as [`Kronecker::observe`] does.
    pub(crate) fn observe(&mut self, factors: &mut Kronecker<T>, deltas: Deltas, keep: f64) {
        factors.observe(&mut self.risk, self.lifted.theta(), deltas, keep);
    }
}

impl<T: Real + Plane> Spectral<T> for GaussNewton<'_, T>
where
    Dual<T>: Number,
{
    fn space(&self) -> Buf<T> {
        self.risk.network.params_mask()
    }
}

impl<T: Real + Plane> Curvature<T> for GaussNewton<'_, T>
where
    Dual<T>: Number,
{
    fn at(&mut self, theta: &[T]) {
        // Made for this θ, it is there already: a step on a batch would go forward twice.
        if theta != self.lifted.theta() {
            GaussNewton::at(self, theta);
        }
    }
    fn product(&mut self, v: &[T], out: &mut [T]) {
        GaussNewton::product(self, v, out);
    }
}
