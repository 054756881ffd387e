//! Penalties λΩ(θ) and constraints, block by block.

use std::fmt::Debug;

use layerwise_tensor::{Dual32, Dual64, Mat, MatMut, Scalar};

/// What a regularizer is.
pub trait Regularizer:
    RegularizerKernel<f32>
    + RegularizerKernel<f64>
    + RegularizerKernel<Dual32>
    + RegularizerKernel<Dual64>
    + Debug
    + Send
    + Sync
{
    /// Its name in configurations and messages, in kebab case.
    fn name(&self) -> &'static str;
    /// Whether the derivative of Ω jumps somewhere. There, each ∂Ω/∂θᵢ is the number of least magnitude between the one-sided
    /// derivatives.
    fn has_kinks(&self) -> bool {
        false
    }
    /// Ω grows no faster than this power of θ, far out.
    fn degree(&self) -> i32 {
        2
    }
    /// Whether Ω(0) = 0: it draws θ there, and not elsewhere.
    fn at_zero(&self) -> bool {
        true
    }
}

/// What a regularizer computes on one block.
pub trait RegularizerKernel<S: Scalar> {
    /// Returns λΩ(θ) and adds its gradient to `grad`.
    ///
    /// Shapes: `grad` has as many numbers as `theta`.
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S;
    /// After a step of size `rate`: the proximal step of a penalty, or the projection onto a constraint.
    fn project(&self, theta: MatMut<'_, S>, rate: f64) {
        let _ = (theta, rate);
    }
}
