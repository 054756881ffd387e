//! A dense layer on each step of a sequence: yₜ = mₜ (W xₜ + b), with the same W and b for all steps: the output of a many-to-many
//! network. Padding gives 0, so that a target of 0 there costs nothing in a loss of differences.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write};
use serde::{Deserialize, Serialize};

use crate::sequence::{at_least, cut, dense, gather, scatter, steps};

/// A dense layer of `width` units for each step.
///
/// Shapes: x is T · channels × n, y is T · width × n; blocks `w` (width × inputs) and `b` (width).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EachStep {
    /// Numbers a step, the flag of padding included.
    pub channels: usize,
    /// Number of units.
    pub width: usize,
    /// Whether the last channel of a step is 1 for a step and 0 for padding. It is not passed on.
    #[serde(default)]
    pub padded: bool,
    /// How the weights start.
    #[serde(default)]
    pub init: Init,
}

impl EachStep {
    /// A layer of `width` units over steps of `channels` numbers.
    pub fn new(channels: usize, width: usize) -> EachStep {
        EachStep { channels, width, padded: false, init: Init::Auto }
    }

    fn inputs(&self) -> [usize; 2] {
        [self.channels - usize::from(self.padded), self.channels]
    }

    /// Scratch: x | flag | W x + b | ∂L/∂(W x + b) | ∂L/∂flag | ∂L/∂x.
    fn scratch(&self, steps: usize) -> [usize; 6] {
        let (inputs, outputs) = (steps * self.inputs()[0], steps * self.width);
        [inputs, steps, outputs, outputs, steps, inputs]
    }
}

impl Default for EachStep {
    /// Two units for each number: what the gradient check runs.
    fn default() -> Self {
        EachStep::new(1, 2)
    }
}

impl Layer for EachStep {
    fn name(&self) -> &'static str {
        "each-step"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        let steps = steps(self.channels, self.padded, d_in)?;
        at_least("width", 1, self.width)?;
        self.init.check().map_err(|problem| ShapeError::new("w", problem))?;
        let plan = Plan::new(steps * self.width).weight("w", self.width, self.inputs()[0], self.init);
        Ok(plan.bias("b", self.width, 0.0).cache(self.scratch(steps).iter().sum()))
    }
}

impl<S: Scalar> LayerKernel<S> for EachStep {
    fn forward(&self, mut io: Forward<'_, S>) {
        let (steps, n) = (io.x.rows() / self.channels, io.x.cols());
        let [x, flag, a, y, ..] = cut(io.cache, n, self.scratch(steps));
        gather(io.x, self.inputs(), x, flag, S::ONE);
        dense(a, io.theta.mat(0), Mat::new(x, self.inputs()[0], steps * n), io.theta.vec(1));
        times(y, a, flag, self.width);
        scatter(y, flag, [self.width; 2], &mut io.y);
    }

    fn backward(&self, mut io: Backward<'_, S>) {
        let (steps, n) = (io.x.rows() / self.channels, io.x.cols());
        let [x, flag, a, da, dflag, dx] = cut(io.cache, n, self.scratch(steps));
        gather(io.dy, [self.width; 2], da, dflag, S::ZERO);
        for ((dflag, a), dy) in dflag.iter_mut().zip(a.chunks_exact(self.width)).zip(da.chunks_exact(self.width)) {
            a.iter().zip(dy).for_each(|(a, dy)| *dflag += *a * *dy);
        }
        for (da, &m) in da.chunks_exact_mut(self.width).zip(&*flag) {
            da.iter_mut().for_each(|da| *da *= m);
        }
        let da = Mat::new(da, self.width, steps * n);
        io.dtheta.add_product(0, Op::N(da), Op::T(Mat::new(x, self.inputs()[0], steps * n)));
        io.dtheta.add_columns(1, da);
        if let Some(mut to) = io.dx {
            let inputs = self.inputs();
            S::gemm(MatMut::new(dx, inputs[0], steps * n), Write::Set, Op::T(io.theta.mat(0)), Op::N(da));
            scatter(dx, dflag, inputs, &mut to);
        }
    }
}

/// y ← a, each column times its flag.
fn times<S: Scalar>(y: &mut [S], a: &[S], flag: &[S], width: usize) {
    for ((y, a), &m) in y.chunks_exact_mut(width).zip(a.chunks_exact(width)).zip(flag) {
        y.iter_mut().zip(a).for_each(|(y, a)| *y = m * *a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let check = |layer: EachStep, message: &str| {
            assert_eq!(layer.plan(4).unwrap_err().to_string(), message);
        };
        check(EachStep::new(2, 0), ": width should be at least 1, got 0");
        check(EachStep::new(3, 1), ": input width should be a multiple of channels (3), at least one step, got 4");
        check(EachStep { padded: true, ..EachStep::new(1, 1) }, ": channels should be at least 2, got 1");
        let init = Init::Uniform { bound: -1.0 };
        check(EachStep { init, ..EachStep::new(2, 1) }, "w: bound should be a finite number of at least 0, got -1");
        // 2 steps of one input and a flag, 3 units.
        let plan = EachStep { padded: true, ..EachStep::new(2, 3) }.plan(4).unwrap();
        assert_eq!((plan.d_out, plan.cache), (6, 2 + 2 + 6 + 6 + 2 + 2));
    }
}
