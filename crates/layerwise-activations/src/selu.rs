//! g(x) = λ x if x > 0, else λ α (eˣ − 1). Source: Klambauer, Unterthiner, Mayr and Hochreiter (2017), eq. 2, with the α and λ
//! of eq. 14, for which mean 0 and variance 1 are a fixed point.
//!
//! The slope at 0 is λ, the supergradient of smallest norm (PyTorch returns λ α there, the derivative from the left).

use layerwise_core::{Activation, Init};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::elu::exp_m1;

const ALPHA: f64 = 1.673_263_242_354_377_2;
const LAMBDA: f64 = 1.050_700_987_355_480_5;

/// g(x) = λ x if x > 0, else λ α (eˣ − 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selu;

impl Activation for Selu {
    const NAME: &'static str = "selu";
    const RANGE: (f64, f64) = (-LAMBDA * ALPHA, f64::INFINITY);
    const KINKS: &'static [f64] = &[0.0];
    const INIT: Init = Init::Lecun;

    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        S::of(LAMBDA) * S::select(x < S::ZERO, S::of(ALPHA) * exp_m1(x), x)
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        S::of(LAMBDA) * S::select(x < S::ZERO, S::of(ALPHA) * S::select(x < S::ZERO, x, S::ZERO).exp(), S::ONE)
    }
}
