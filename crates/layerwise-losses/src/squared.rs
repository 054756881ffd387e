//! l(y, t) = ½ ‖y − t‖², the negative logarithm of a unit Gaussian without its constant. Source: Gauss (1809).

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, ShapeError, Targets};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

use crate::pointwise::{self, Term};

/// ½ ‖y − t‖²: half the sum over outputs, not their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Squared;

impl Loss for Squared {
    fn name(&self) -> &'static str {
        "squared"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        pointwise::width("squared", targets)
    }
}

impl Term for Squared {
    #[inline(always)]
    fn term<S: Scalar>(self, y: S, t: S) -> (S, S) {
        let d = y - t;
        (S::of(0.5) * d * d, d)
    }
}

impl<S: Scalar> LossKernel<S> for Squared {
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], dy: MatMut<'_, S>) {
        pointwise::eval(*self, y, targets, each, dy);
    }
    fn predict(&self, _y: MatMut<'_, S>) {}
}
