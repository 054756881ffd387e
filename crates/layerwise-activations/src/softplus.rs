//! g(x) = ln(1 + eˣ). Source: Dugas et al. (2001).
//!
//! The slope is 1 / (1 + e⁻ˣ).

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = ln(1 + eˣ).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Softplus;

impl Activation for Softplus {
    const NAME: &'static str = "softplus";
    const RANGE: (f64, f64) = (0.0, f64::INFINITY);
    const INIT: Init = Init::He;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x.softplus()
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        x.sigmoid()
    }
}
