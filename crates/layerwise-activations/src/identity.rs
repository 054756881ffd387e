//! g(x) = x.

use layerwise_core::Activation;
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = x.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity;

impl Activation for Identity {
    const NAME: &'static str = "identity";
    const RANGE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, _x: S, _y: S) -> S {
        S::ONE
    }
}
