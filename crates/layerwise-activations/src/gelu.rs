//! g(x) = x Φ(x), Φ the standard normal distribution function. Source: Hendrycks and Gimpel (2016).
//!
//! Φ(x) = ½ erfc(−x/√2), accurate in the negative tail; the slope is Φ(x) + x φ(x).

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// 1/√(2π), the normal density at 0.
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// g(x) = x Φ(x), Φ the standard normal distribution function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gelu;

impl Activation for Gelu {
    const NAME: &'static str = "gelu";
    const RANGE: (f64, f64) = (0.0, f64::INFINITY);
    const INIT: Init = Init::He;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x * normal_below(x)
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        // φ is 0 far out, where x² would overflow.
        let near = x.max(S::of(-40.0)).min(S::of(40.0));
        let density = S::of(FRAC_1_SQRT_2PI) * (-(near * near) * S::of(0.5)).exp();
        normal_below(x) + near * density
    }
}

/// Φ(x).
#[inline(always)]
fn normal_below<S: Scalar>(x: S) -> S {
    let near = x.max(S::of(-40.0)).min(S::of(40.0));
    S::of(0.5) * (-near * S::of(std::f64::consts::FRAC_1_SQRT_2)).erfc()
}
