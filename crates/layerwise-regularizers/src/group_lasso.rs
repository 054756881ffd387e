//! λΩ(θ) = λ Σ_g √|g| ‖w_g‖: whole groups of weights become small together. Source: Yuan and Lin (2006), "Model selection and
//! estimation in regression with grouped variables"; for units of a network, Scardapane, Comminiello, Hussain and Uncini
//! (2017), "Group sparse regularization for deep neural networks".

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, Scalar};
use serde::{Deserialize, Serialize};

use crate::groups::{self, Groups};

/// λ Σ_g √|g| ‖w_g‖, with gradient λ √|g| w / ‖w_g‖, and 0 for a group of zeros. For groups that become exactly 0 see
/// [`ProximalGroupLasso`](crate::ProximalGroupLasso).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupLasso {
    /// λ.
    pub strength: f64,
    /// What belongs together.
    pub groups: Groups,
}

impl Default for GroupLasso {
    fn default() -> Self {
        GroupLasso { strength: 1e-4, groups: Groups::default() }
    }
}

impl GroupLasso {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Regularizer for GroupLasso {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "group-lasso"
    }
}

impl<S: Scalar> RegularizerKernel<S> for GroupLasso {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        add(self.strength, self.groups, theta, grad, |grad, w, factor| *grad += factor * w)
    }
}

/// Returns λ Σ_g √|g| ‖w_g‖; `apply` gets each number of the gradient, its weight, and λ √|g| / ‖w_g‖.
pub(crate) fn add<S: Scalar>(
    strength: f64,
    groups: Groups,
    theta: Mat<'_, S>,
    grad: &mut [S],
    apply: impl Fn(&mut S, S, S),
) -> S {
    let weight = S::of(groups.weight(strength, theta.rows(), theta.cols()));
    let factor = |square: S| {
        // 1 where there is nothing: the derivative of √ at 0 would spoil dual numbers, whatever is selected.
        let nothing = square <= S::ZERO;
        let norm = S::select(nothing, S::ONE, square).sqrt();
        (S::select(nothing, S::ZERO, weight * norm), S::select(nothing, S::ZERO, weight / norm))
    };
    groups::each(groups, theta.rows(), grad, Some(theta.data()), factor, apply)
}
