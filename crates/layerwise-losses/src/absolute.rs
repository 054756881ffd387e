//! l(y, t) = Σᵢ |yᵢ − tᵢ|, the negative logarithm of a Laplace density without its constant. Source: Laplace (1774).
//!
//! The gradient is 0 where y = t, the subgradient of smallest norm.

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, ShapeError, Targets};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

use crate::pointwise::{self, Term};

/// Σᵢ |yᵢ − tᵢ|.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absolute;

impl Loss for Absolute {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "absolute"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        pointwise::width("absolute", targets)
    }
}

impl Term for Absolute {
    #[inline(always)]
    fn term<S: Scalar>(self, y: S, t: S) -> (S, S) {
        let d = y - t;
        let sign = S::select(d > S::ZERO, S::ONE, S::select(d < S::ZERO, -S::ONE, S::ZERO));
        (d.abs(), sign)
    }
}

impl<S: Scalar> LossKernel<S> for Absolute {
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], dy: MatMut<'_, S>) {
        pointwise::eval(*self, y, targets, each, dy);
    }
    fn predict(&self, _y: MatMut<'_, S>) {}
}
