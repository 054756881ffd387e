//! Losses: l(y, t) per sample. The average is taken once, by the caller.

use std::fmt::Debug;

use layerwise_tensor::{Dual32, Dual64, Mat, MatMut, Scalar};

use crate::shape::ShapeError;

/// What the network should have said.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, S> {
    /// The class of each sample.
    Classes(&'a [u32]),
    /// The values of each sample, k × n.
    Values(Mat<'a, S>),
}

impl<'a, S: Scalar> Targets<'a, S> {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values(values) => values.cols(),
        }
    }

    /// No samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What kind of targets a loss takes, for the check at building.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Class numbers below the given count.
    Classes(usize),
    /// Real values, so many a sample.
    Values(usize),
}

impl std::fmt::Display for TargetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TargetKind::Classes(k) => write!(f, "{k} classes"),
            TargetKind::Values(k) => write!(f, "{k} values a sample"),
        }
    }
}

/// What a loss is.
pub trait Loss:
    LossKernel<f32> + LossKernel<f64> + LossKernel<Dual32> + LossKernel<Dual64> + Debug + Send + Sync
{
    /// Its name in configurations and messages, in kebab case.
    fn name(&self) -> &'static str;
    /// The output width that fits these targets.
    ///
    /// Errors: if this loss cannot take them.
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError>;
    /// Whether its first or second derivative jumps somewhere. There, each ∂l/∂yᵢ is the number of least magnitude between the
    /// one-sided derivatives.
    fn has_kinks(&self) -> bool {
        false
    }
    /// Whether l(y, t) is convex in y.
    fn convex(&self) -> bool {
        true
    }
}

/// What a loss computes.
pub trait LossKernel<S: Scalar> {
    /// Per sample j: each\[j\] ← l(y_j, t_j), dy_j ← ∂l/∂y_j. No averaging: the caller weighs.
    ///
    /// Shapes: y and dy are k × n, each has n numbers.
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], dy: MatMut<'_, S>);
    /// Turns network outputs into predictions in place: probabilities, or the values themselves.
    fn predict(&self, y: MatMut<'_, S>);
}
