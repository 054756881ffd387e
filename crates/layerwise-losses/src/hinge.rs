//! l(y, t) = Σ_{j≠t} max(0, 1 − y_t + y_j). Source: Weston and Watkins (1999); the sum, not the maximum of Crammer and Singer
//! (2001), and not divided by the number of classes as in PyTorch.
//!
//! A margin of exactly 1 has gradient 0.

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, ShapeError, Targets};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

use crate::pointwise::refused;

/// Multiclass hinge loss; predicts the scores as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hinge;

impl Loss for Hinge {
    fn has_kinks(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "hinge"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        match targets {
            TargetKind::Classes(k @ 1..) => Ok(k),
            other => Err(refused(Loss::name(self), "classes", other)),
        }
    }
}

struct Columns<'a, S>(Mat<'a, S>, &'a [u32], &'a mut [S], MatMut<'a, S>);

impl<S: Scalar> Kernel for Columns<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Columns(y, classes, each, mut dy) = self;
        for (j, (each, &class)) in each.iter_mut().zip(classes).enumerate() {
            let (y, dy, class) = (y.col(j), dy.col(j), class as usize);
            let base = S::ONE - y[class];
            let (mut sum, mut count) = (S::ZERO, S::ZERO);
            for (i, (dy, y)) in dy.iter_mut().zip(y).enumerate() {
                let margin = base + *y;
                let active = (margin > S::ZERO) & (i != class);
                *dy = S::select(active, S::ONE, S::ZERO);
                sum += S::select(active, margin, S::ZERO);
                count += *dy;
            }
            dy[class] = -count;
            *each = sum;
        }
    }
}

impl<S: Scalar> LossKernel<S> for Hinge {
    /// Panics: if the targets are not classes below the number of outputs, one a sample.
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], dy: MatMut<'_, S>) {
        let Targets::Classes(classes) = targets else { panic!("hinge: targets should be classes, got values") };
        assert!(classes.len() == y.cols() && each.len() == y.cols(), "hinge: {} targets", classes.len());
        simd::run(Columns(y, classes, each, dy));
    }
    fn predict(&self, _y: MatMut<'_, S>) {}
}
