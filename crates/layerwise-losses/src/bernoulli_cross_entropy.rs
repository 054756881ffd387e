//! l(y, t) = −Σᵢ tᵢ ln pᵢ + (1 − tᵢ) ln(1 − pᵢ), p = 1 / (1 + e⁻ʸ): the negative logarithm of independent Bernoulli
//! probabilities, from logits. Source: Cox (1958); for networks, Bishop (1995), eq. 6.120.
//!
//! Computed as (1 − t) max(y, 0) + t max(−y, 0) + ln(1 + e^(−|y|)), with gradient (1 − t) p − t (1 − p).

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, ShapeError, Targets};
use layerwise_tensor::{Mat, MatMut, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::pointwise::{self, Term};

/// Cross-entropy of independent yes-or-no outputs, from logits; predicts their probabilities.
///
/// Targets are values in \[0, 1\], one an output, or two classes for one output, which is then the logit of class 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BernoulliCrossEntropy;

impl Loss for BernoulliCrossEntropy {
    fn name(&self) -> &'static str {
        "bernoulli-cross-entropy"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        match targets {
            TargetKind::Values(k @ 1..) => Ok(k),
            TargetKind::Classes(2) => Ok(1),
            other => Err(pointwise::refused(Loss::name(self), "values in [0, 1] or 2 classes", other)),
        }
    }
}

impl Term for BernoulliCrossEntropy {
    #[inline(always)]
    fn term<S: Scalar>(self, y: S, t: S) -> (S, S) {
        // |y| by `select`, as a function whose derivative at 0 is that of one side: with 0 the two kinks would not cancel.
        let positive = y > S::ZERO;
        let e = S::select(positive, -y, y).exp();
        let (likely, unlikely) = (S::ONE / (S::ONE + e), e / (S::ONE + e));
        let (p, q) = (S::select(positive, likely, unlikely), S::select(positive, unlikely, likely));
        let linear = S::select(positive, (S::ONE - t) * y, -(t * y));
        (linear + e.ln_1p(), (S::ONE - t) * p - t * q)
    }
}

impl<S: Scalar> LossKernel<S> for BernoulliCrossEntropy {
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], dy: MatMut<'_, S>) {
        pointwise::eval(*self, y, targets, each, dy);
    }
    fn predict(&self, mut y: MatMut<'_, S>) {
        elementwise::each(y.data(), |y| *y = y.sigmoid());
    }
}
