//! g(x) = x σ(x), σ the logistic function. Source: Elfwing, Uchibe and Doya (2018); as "swish" in Ramachandran et al. (2017).
//!
//! The slope is σ(x) (1 + x σ(−x)).

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// g(x) = x σ(x).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silu;

impl Activation for Silu {
    const NAME: &'static str = "silu";
    const RANGE: (f64, f64) = (0.0, f64::INFINITY);
    const INIT: Init = Init::He;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x * x.sigmoid()
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        x.sigmoid() * (S::ONE + x * (-x).sigmoid())
    }
}
