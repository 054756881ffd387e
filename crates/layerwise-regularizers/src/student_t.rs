//! λΩ(y) = λ/n Σ ln(1 + y²), the mean over samples: many activations close to 0 and few large ones. It is the negative logarithm of
//! a Cauchy density, Student's t with one degree of freedom. Source: Olshausen and Field (1996), "Emergence of simple-cell receptive
//! field properties by learning a sparse code for natural images"; with Student's t, Welling, Hinton and Osindero (2003).

use layerwise_core::{Activity, ActivityKernel};
use layerwise_tensor::{Mat, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::sum::sum;

/// λ/n Σ ln(1 + y²) over n samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudentT {
    /// λ.
    pub strength: f64,
}

impl Default for StudentT {
    fn default() -> Self {
        StudentT { strength: 1e-4 }
    }
}

impl StudentT {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Activity for StudentT {
    fn name(&self) -> &'static str {
        "student-t"
    }
}

impl<S: Scalar> ActivityKernel<S> for StudentT {
    fn add(&self, y: Mat<'_, S>, dy: &mut [S]) -> S {
        let strength = S::of(crate::mean(self.strength, y.cols()));
        let twice = S::of(2.0) * strength;
        elementwise::zip(dy, y.data(), |d, y| *d += twice * y / (S::ONE + y * y));
        strength * sum(y.data(), |y| (y * y).ln_1p())
    }
}
