//! λΩ(θ) = λ Σ |w| by its proximal step, w ← sign(w) max(0, |w| − rate λ). Source: Daubechies, Defrise and De Mol (2004);
//! Beck and Teboulle (2009), as ISTA.

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, MatMut, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::sum::sum;

/// λ Σ |w|, by soft thresholding after each step: weights become exactly 0. Adds no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProximalL1 {
    /// λ.
    pub strength: f64,
}

impl Default for ProximalL1 {
    fn default() -> Self {
        ProximalL1 { strength: 1e-4 }
    }
}

impl ProximalL1 {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Regularizer for ProximalL1 {
    fn name(&self) -> &'static str {
        "proximal-l1"
    }
}

impl<S: Scalar> RegularizerKernel<S> for ProximalL1 {
    fn add(&self, theta: Mat<'_, S>, _grad: &mut [S]) -> S {
        S::of(self.strength) * sum(theta.data(), |w| w.abs())
    }
    fn project(&self, mut theta: MatMut<'_, S>, rate: f64) {
        let step = S::of(rate * self.strength);
        // Inside ±step this is w − w, an exact 0.
        elementwise::each(theta.data(), |w| *w = *w - (*w).max(-step).min(step));
    }
}
