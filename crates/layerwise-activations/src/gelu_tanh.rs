//! g(x) = ½ x (1 + tanh u), u = √(2/π) (x + 0.044715 x³). Source: Hendrycks and Gimpel (2016), the approximation in section 2.
//!
//! ½ (1 + tanh u) = σ(2u) keeps its digits in the negative tail; the slope is σ(2u) + x σ(2u) σ(−2u) 2u′.

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// √(2/π).
const SQRT_2_PI: f64 = 0.797_884_560_802_865_4;
const CUBE: f64 = 0.044_715;

/// g(x) = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeluTanh;

impl Activation for GeluTanh {
    const NAME: &'static str = "gelu-tanh";
    const RANGE: (f64, f64) = (0.0, f64::INFINITY);
    const INIT: Init = Init::He;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x * argument(x).sigmoid()
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        let z = argument(x);
        let near = near(x);
        let steep = S::of(2.0 * SQRT_2_PI) * (S::ONE + S::of(3.0 * CUBE) * near * near);
        let s = z.sigmoid();
        s + s * (near * (-z).sigmoid() * steep)
    }
}

/// Beyond ±40 the gate is 0 or 1 in every precision, and x³ could overflow.
#[inline(always)]
fn near<S: Scalar>(x: S) -> S {
    x.max(S::of(-40.0)).min(S::of(40.0))
}

/// 2u.
#[inline(always)]
fn argument<S: Scalar>(x: S) -> S {
    let x = near(x);
    S::of(2.0 * SQRT_2_PI) * (x + S::of(CUBE) * x * x * x)
}
