//! g(x) = tanh x.
//!
//! The slope 1 − g² is computed as 4 t / (1 + t)², t = e^(−2|x|): in the saturated tails 1 − g² has lost its digits.

use layerwise_core::Activation;
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = tanh x.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tanh;

impl Activation for Tanh {
    const NAME: &'static str = "tanh";
    const RANGE: (f64, f64) = (-1.0, 1.0);

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x.tanh()
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        let a = x.abs();
        let t = (-(a + a)).exp();
        let s = S::of(2.0) / (S::ONE + t);
        t * s * s
    }
}
