//! λΩ(θ) = λ₁ Σ |w| + λ₂/2 Σ w², with subgradient λ₁ sign(w) + λ₂ w. Source: Zou and Hastie (2005), with ½ on the square.

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::sum::{sign, sum};

/// λ₁ Σ |w| + λ₂/2 Σ w².
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ElasticNet {
    /// λ₁, the strength of Σ |w|.
    pub l1: f64,
    /// λ₂, the strength of ½ Σ w².
    pub l2: f64,
}

impl Default for ElasticNet {
    fn default() -> Self {
        ElasticNet { l1: 1e-4, l2: 1e-4 }
    }
}

impl ElasticNet {
    /// Errors: unless `l1` and `l2` are finite numbers of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("l1", self.l1)?;
        crate::finite_from_0("l2", self.l2)
    }
}

impl Regularizer for ElasticNet {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "elastic-net"
    }
}

impl<S: Scalar> RegularizerKernel<S> for ElasticNet {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        let (l1, l2) = (S::of(self.l1), S::of(self.l2));
        elementwise::zip(grad, theta.data(), |g, w| *g += l1 * sign(w) + l2 * w);
        sum(theta.data(), |w| l1 * w.abs() + S::of(0.5) * l2 * w * w)
    }
}
