//! g(x) = x if x > 0, else s x. Source: Maas, Hannun and Ng (2013), with s = 0.01.
//!
//! The slope at 0 is the smaller of s and 1, the subgradient (s > 1: supergradient) of smallest norm.

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = x if x > 0, else `slope` · x.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeakyRelu {
    /// Slope for x < 0.
    pub slope: f64,
}

impl Default for LeakyRelu {
    fn default() -> Self {
        LeakyRelu { slope: 0.01 }
    }
}

impl LeakyRelu {
    /// Errors: unless `slope` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("slope", self.slope)
    }
}

impl Activation for LeakyRelu {
    const NAME: &'static str = "leaky-relu";
    const RANGE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
    const KINKS: &'static [f64] = &[0.0];
    const INIT: Init = Init::He;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        S::select(x > S::ZERO, x, S::of(self.slope) * x)
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        let right = (x > S::ZERO) | ((x == S::ZERO) & (self.slope > 1.0));
        S::select(right, S::ONE, S::of(self.slope))
    }
}
