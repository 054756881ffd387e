//! g(x) = max(0, x). Source: Nair and Hinton (2010); Glorot, Bordes and Bengio (2011), as "rectifier".
//!
//! The slope at 0 is 0, the subgradient of smallest norm.

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = max(0, x).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu;

impl Activation for Relu {
    const NAME: &'static str = "relu";
    const RANGE: (f64, f64) = (0.0, f64::INFINITY);
    const KINKS: &'static [f64] = &[0.0];
    const INIT: Init = Init::He;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        S::select(x > S::ZERO, x, S::ZERO)
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        S::select(x > S::ZERO, S::ONE, S::ZERO)
    }
}
