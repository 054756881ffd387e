//! λΩ(θ) = λ Σ |w|, with subgradient λ sign(w), 0 at w = 0. Source: Tibshirani (1996), the lasso.

use layerwise_core::{Activity, ActivityKernel, Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::sum::{sign, sum};

/// λ Σ |w|, descended by its subgradient: weights shrink towards 0 but do not stay there; see [`ProximalL1`](crate::ProximalL1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct L1 {
    /// λ.
    pub strength: f64,
}

impl Default for L1 {
    fn default() -> Self {
        L1 { strength: 1e-4 }
    }
}

impl L1 {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Regularizer for L1 {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "l1"
    }
}

impl<S: Scalar> RegularizerKernel<S> for L1 {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        let strength = S::of(self.strength);
        elementwise::zip(grad, theta.data(), |g, w| *g += strength * sign(w));
        strength * sum(theta.data(), |w| w.abs())
    }
}

impl Activity for L1 {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "l1"
    }
}

impl<S: Scalar> ActivityKernel<S> for L1 {
    fn add(&self, y: Mat<'_, S>, dy: &mut [S]) -> S {
        RegularizerKernel::add(&L1 { strength: crate::mean(self.strength, y.cols()) }, y, dy)
    }
}
