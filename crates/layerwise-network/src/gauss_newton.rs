//! The Gauss–Newton matrix of a risk, G = Jᵀ H J with J = ∂y/∂θ of the outputs of the batch and H = 1/n ∂²l/∂y², one block a
//! sample, times its weight; as exact products with vectors.
//!
//! Source: Schraudolph (2002), "Fast curvature matrix-vector products for second-order gradient descent". Forward in dual numbers
//! gives y + ε J v, the loss in dual numbers ∂L/∂y + ε H J v, and one backward pass in real numbers from the delta H J v is Jᵀ (H J v).
//!
//! G is the Hessian without the curvature of the network, Σ ∂L/∂yᵢ ∂²yᵢ/∂θ². It is symmetric, positive semidefinite if the loss
//! is convex in y, 0 if the loss is piecewise linear, and the Hessian itself if y is linear in θ.

use layerwise_core::Targets;
use layerwise_tensor::{Buf, Dual, Dual64, Mat};

use crate::supervised::{Batch, Supervised};
use crate::workspace::Workspace;

/// The Gauss–Newton matrix of the risk on one batch at one θ, with all memory that its products need.
///
/// Penalties are not in it: G is the curvature of the empirical risk alone. Noise is frozen by the key of the risk: masks are the
/// same in every product. It holds the workspace of the risk, where the forward pass at θ stays and the deltas are overwritten.
///
/// At a kink of an activation, J is that of the side that `Scalar::select` chooses and Jᵀ that of the declared slope.
#[derive(Debug)]
pub struct GaussNewton<'a> {
    risk: Supervised<'a, f64>,
    theta: Buf<f64>,
    /// θ + ε v.
    point: Buf<Dual64>,
    workspace: Workspace<Dual64>,
    /// The batch in dual numbers, whose ε-parts are 0.
    x: Buf<Dual64>,
    values: Buf<Dual64>,
    weights: Buf<Dual64>,
}

impl<'a> GaussNewton<'a> {
    /// G of this risk at θ.
    ///
    /// Cost: one forward pass. Panics: if the batch does not fit the network and the workspace.
    pub fn new(risk: Supervised<'a, f64>, theta: &[f64]) -> Self {
        let Batch { x, targets, weights } = risk.batch;
        let values = match targets {
            Targets::Classes(_) => &[],
            Targets::Values(values) => values.data(),
        };
        let mut this = GaussNewton {
            theta: Buf::zeros(risk.network.n_theta()),
            point: Buf::zeros(risk.network.n_theta()),
            workspace: Workspace::new(risk.network, x.cols()),
            x: lifted(x.data()),
            values: lifted(values),
            weights: lifted(weights.unwrap_or_default()),
            risk,
        };
        this.at(theta);
        this
    }

    /// Moves to another θ. Returns the risk there, without penalties.
    ///
    /// Cost: one forward pass. Panics: if the length of θ is not that of the network.
    pub fn at(&mut self, theta: &[f64]) -> f64 {
        let value = self.risk.risk(theta);
        self.theta.copy_from_slice(theta);
        value
    }

    /// out ← G v.
    ///
    /// Cost: a forward pass in dual numbers and a backward pass in real ones; allocates nothing. Panics: if the lengths differ.
    pub fn product(&mut self, v: &[f64], out: &mut [f64]) {
        let Supervised { network, loss, batch, pass, key, .. } = self.risk;
        let n = self.theta.len();
        assert!(v.len() == n && out.len() == n, "gauss-newton: lengths {n}, {}, {}", v.len(), out.len());
        for ((point, &theta), &v) in self.point.iter_mut().zip(&self.theta[..]).zip(v) {
            *point = Dual::new(theta, v);
        }
        let targets = match batch.targets {
            Targets::Classes(classes) => Targets::Classes(classes),
            Targets::Values(t) => Targets::Values(Mat::new(&self.values, t.rows(), t.cols())),
        };
        let x = Mat::new(&self.x, batch.x.rows(), batch.x.cols());
        let batch_of_duals = Batch { x, targets, weights: batch.weights.map(|_| &self.weights[..]) };
        let workspace = &mut self.workspace;
        Supervised { network, loss, penalties: &[], batch: batch_of_duals, workspace, pass, key }.risk(&self.point);
        let (_, dual_dy, _) = self.workspace.output_parts();
        let (_, mut dy, _) = self.risk.workspace.output_parts();
        for (dy, dual) in dy.data().iter_mut().zip(dual_dy.as_mat().data()) {
            *dy = dual.eps;
        }
        network.backward(&self.theta, out, batch.x, self.risk.workspace, pass);
    }
}

/// The same numbers as constants.
fn lifted(numbers: &[f64]) -> Buf<Dual64> {
    let mut duals = Buf::zeros(numbers.len());
    for (dual, &number) in duals.iter_mut().zip(numbers) {
        *dual = Dual::new(number, 0.0);
    }
    duals
}
