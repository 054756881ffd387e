//! g(x) = x if x > 0, else α (eˣ − 1). Source: Clevert, Unterthiner and Hochreiter (2016), eq. 1.
//!
//! The slope at 0 is the smaller of α and 1, the sub- or supergradient of smallest norm. eˣ − 1 is computed as
//! eˣ − 1 = tanh(x/2) (eˣ + 1), which keeps its digits near 0.

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = x if x > 0, else α (eˣ − 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Elu {
    /// Negative of the asymptote at −∞.
    pub alpha: f64,
}

impl Default for Elu {
    fn default() -> Self {
        Elu { alpha: 1.0 }
    }
}

impl Elu {
    /// Errors: unless `alpha` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("alpha", self.alpha)
    }
}

impl Activation for Elu {
    const NAME: &'static str = "elu";
    const RANGE: (f64, f64) = (-1.0, f64::INFINITY);
    // For α = 1 only the second derivative jumps here.
    const KINKS: &'static [f64] = &[0.0];
    const INIT: Init = Init::He;

    fn range(&self) -> (f64, f64) {
        (-self.alpha, f64::INFINITY)
    }
    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        S::select(x > S::ZERO, x, S::of(self.alpha) * exp_m1(x))
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        // On the right of 0 e^x would overflow for nothing.
        let left = S::of(self.alpha) * S::select(x > S::ZERO, S::ZERO, x).exp();
        let right = (x > S::ZERO) | ((x == S::ZERO) & (self.alpha > 1.0));
        S::select(right, S::ONE, left)
    }
}

/// eˣ − 1 for x ≤ 0 (0 for x > 0), without cancellation.
#[inline(always)]
pub(crate) fn exp_m1<S: Scalar>(x: S) -> S {
    let x = S::select(x > S::ZERO, S::ZERO, x);
    (x * S::of(0.5)).tanh() * (x.exp() + S::ONE)
}
