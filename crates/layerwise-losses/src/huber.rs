//! l(y, t) = Σᵢ ½ dᵢ² where |dᵢ| ≤ δ, else δ (|dᵢ| − ½ δ), d = y − t. Source: Huber (1964).
//!
//! The gradient is d cut off at ±δ.

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, ShapeError, Targets};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

use crate::pointwise::{self, Term};

/// Squared for small errors, absolute for large ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Huber {
    /// Error from which the loss is linear.
    pub delta: f64,
}

impl Default for Huber {
    fn default() -> Self {
        Huber { delta: 1.0 }
    }
}

impl Huber {
    /// Errors: unless `delta` is a finite number above 0.
    pub fn check(&self) -> Result<(), String> {
        if self.delta > 0.0 && self.delta.is_finite() {
            Ok(())
        } else {
            Err(format!("delta should be a finite number above 0, got {}", self.delta))
        }
    }
}

impl Loss for Huber {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "huber"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        pointwise::width("huber", targets)
    }
}

impl Term for Huber {
    #[inline(always)]
    fn term<S: Scalar>(self, y: S, t: S) -> (S, S) {
        let delta = S::of(self.delta);
        let d = y - t;
        let cut = d.max(-delta).min(delta);
        // ½ d² = cut (d − ½ cut) inside; δ (|d| − ½ δ) = cut (d − ½ cut) outside.
        (cut * (d - S::of(0.5) * cut), cut)
    }
}

impl<S: Scalar> LossKernel<S> for Huber {
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], dy: MatMut<'_, S>) {
        pointwise::eval(*self, y, targets, each, dy);
    }
    fn predict(&self, _y: MatMut<'_, S>) {}
}
