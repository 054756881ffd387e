//! g(x) = x / (1 + |x|). Source: Bergstra et al. (2009); compared with tanh in Glorot and Bengio (2010).
//!
//! The slope is 1 / (1 + |x|)²; its own derivative jumps at 0.

use layerwise_core::Activation;
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = x / (1 + |x|).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softsign;

impl Activation for Softsign {
    const NAME: &'static str = "softsign";
    const RANGE: (f64, f64) = (-1.0, 1.0);
    // The second derivative jumps here.
    const KINKS: &'static [f64] = &[0.0];

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x / (S::ONE + x.abs())
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        let s = S::ONE / (S::ONE + x.abs());
        s * s
    }
}
