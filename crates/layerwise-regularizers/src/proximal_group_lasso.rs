//! λΩ(θ) = λ Σ_g √|g| ‖w_g‖ by its proximal step, w_g ← w_g max(0, 1 − rate λ √|g| / ‖w_g‖). Source: Yuan and Lin (2006);
//! as a proximal step, Parikh and Boyd (2014), "Proximal algorithms", section 6.5.

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

use crate::group_lasso;
use crate::groups::{self, Groups};

/// λ Σ_g √|g| ‖w_g‖, by shrinking the norm of every group after each step: whole groups become exactly 0. Adds no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProximalGroupLasso {
    /// λ.
    pub strength: f64,
    /// What belongs together.
    pub groups: Groups,
}

impl Default for ProximalGroupLasso {
    fn default() -> Self {
        ProximalGroupLasso { strength: 1e-4, groups: Groups::default() }
    }
}

impl ProximalGroupLasso {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Regularizer for ProximalGroupLasso {
    fn name(&self) -> &'static str {
        "proximal-group-lasso"
    }
}

impl<S: Scalar> RegularizerKernel<S> for ProximalGroupLasso {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        group_lasso::add(self.strength, self.groups, theta, grad, |_, _, _| {})
    }
    fn project(&self, theta: MatMut<'_, S>, rate: f64) {
        let rows = theta.rows();
        let step = S::of(rate * self.groups.weight(self.strength, rows, theta.cols()));
        let factor = |square: S| {
            let norm = square.sqrt();
            (S::ZERO, S::select(norm <= step, S::ZERO, S::ONE - step / norm))
        };
        groups::each(self.groups, rows, theta.into_data(), None, factor, |w, old, factor| *w = old * factor);
    }
}
