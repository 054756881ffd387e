//! g(x) = 1 / (1 + e⁻ˣ), the logistic function.
//!
//! The slope g (1 − g) is computed as t / (1 + t)², t = e^(−|x|): in the saturated tails 1 − g has lost its digits.

use layerwise_core::Activation;
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = 1 / (1 + e⁻ˣ).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const RANGE: (f64, f64) = (0.0, 1.0);

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x.sigmoid()
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        let t = (-x.abs()).exp();
        let s = S::ONE / (S::ONE + t);
        t * s * s
    }
}
