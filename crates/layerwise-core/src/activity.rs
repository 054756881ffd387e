//! Penalties on activations: λΩ of what a layer says on a batch.

use std::fmt::Debug;

use layerwise_tensor::{Dual32, Dual64, Mat, Scalar};

/// What a penalty on activations is.
pub trait Activity:
    ActivityKernel<f32> + ActivityKernel<f64> + ActivityKernel<Dual32> + ActivityKernel<Dual64> + Debug + Send + Sync
{
    /// Its name in configurations and messages, in kebab case.
    fn name(&self) -> &'static str;
    /// Whether the derivative of Ω jumps somewhere. There, each ∂Ω/∂yᵢ is the number of least magnitude between the one-sided
    /// derivatives.
    fn has_kinks(&self) -> bool {
        false
    }
    /// Between which numbers activations have to lie for Ω to be finite.
    fn domain(&self) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
}

/// What a penalty on activations computes.
pub trait ActivityKernel<S: Scalar> {
    /// Returns λΩ(y) and adds its gradient to `dy`. Where Ω is a sum over samples, its mean is taken here, and only here.
    ///
    /// Shapes: y is d × n, `dy` has as many numbers.
    fn add(&self, y: Mat<'_, S>, dy: &mut [S]) -> S;
}
