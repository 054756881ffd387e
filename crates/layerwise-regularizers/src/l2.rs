//! λΩ(θ) = λ/2 Σ w², with gradient λ w: weight decay, ridge. Source: Hoerl and Kennard (1970); for networks, Krogh and Hertz (1991).

use layerwise_core::{Activity, ActivityKernel, Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::sum::sum;

/// λ/2 Σ w². With a momentum or adaptive optimizer this is not the same as decoupled weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct L2 {
    /// λ; per sample, as the loss it is added to is an average.
    pub strength: f64,
}

impl Default for L2 {
    fn default() -> Self {
        L2 { strength: 1e-4 }
    }
}

impl L2 {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Regularizer for L2 {
    fn name(&self) -> &'static str {
        "l2"
    }
}

impl<S: Scalar> RegularizerKernel<S> for L2 {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        let strength = S::of(self.strength);
        elementwise::zip(grad, theta.data(), |g, w| *g += strength * w);
        S::of(0.5) * strength * sum(theta.data(), |w| w * w)
    }
}

impl Activity for L2 {
    fn name(&self) -> &'static str {
        "l2"
    }
}

impl<S: Scalar> ActivityKernel<S> for L2 {
    fn add(&self, y: Mat<'_, S>, dy: &mut [S]) -> S {
        RegularizerKernel::add(&L2 { strength: crate::mean(self.strength, y.cols()) }, y, dy)
    }
}
