//! g(x) = max(−1, min(1, x)). Source: Collobert (2004).
//!
//! The slope at −1 and 1 is 0, the sub- and supergradient of smallest norm.

use layerwise_core::Activation;
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = max(−1, min(1, x)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HardTanh;

impl Activation for HardTanh {
    const NAME: &'static str = "hard-tanh";
    const RANGE: (f64, f64) = (-1.0, 1.0);
    const KINKS: &'static [f64] = &[-1.0, 1.0];

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        let y = S::select(x > -S::ONE, x, -S::ONE);
        S::select(x < S::ONE, y, S::ONE)
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        S::select((x > -S::ONE) & (x < S::ONE), S::ONE, S::ZERO)
    }
}
