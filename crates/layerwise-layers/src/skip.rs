//! Skip connection: y = x + s, where s is the output of an earlier layer; the end of a residual block. Or y = x + W s, where the widths
//! differ.
//!
//! Source: He, Zhang, Ren and Sun (2016), "Deep residual learning", eq. 1 (identity shortcut) and eq. 2 (projection). The delta δ,
//! or Wᵀ δ, is added to the gradient of the layer that s came from: the signal reaches it undiminished. ∂L/∂W = δ sᵀ.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Params, Plan, ShapeError};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

use crate::room::check_width;

/// Adds the output of the layer `back` places before it (1 is its own input) to its input.
///
/// Shapes: all widths equal, unless there is a projection; that has the block `w` (width of the input × width of the source).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// How many layers back the shortcut starts.
    pub back: usize,
    /// Whether it goes through a weight matrix, which fits a source of any width.
    #[serde(default)]
    pub projection: bool,
}

impl Skip {
    /// The identity shortcut.
    pub fn new(back: usize) -> Skip {
        Skip { back, projection: false }
    }
}

impl Default for Skip {
    fn default() -> Self {
        Skip::new(2)
    }
}

impl Layer for Skip {
    fn name(&self) -> &'static str {
        "skip"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if self.back == 0 {
            return Err(ShapeError::mismatch("", "back", "at least 1", 0));
        }
        check_width(d_in)?;
        let plan = Plan::new(d_in);
        Ok(if self.projection { plan.projected(self.back, Init::Auto) } else { plan.skip(self.back) })
    }
}

impl<S: Scalar> LayerKernel<S> for Skip {
    fn forward(&self, mut io: Forward<'_, S>) {
        io.y.data().copy_from_slice(io.x.data());
        let Some(skip) = io.skip else { return };
        if self.projection {
            S::gemm(io.y, Write::Add, Op::N(io.theta.mat(0)), Op::N(skip));
        } else {
            elementwise::zip(io.y.data(), skip.data(), |y, s| *y += s);
        }
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        if let (true, Some(skip)) = (self.projection, io.skip) {
            io.dtheta.add_product(0, Op::N(io.dy), Op::T(skip));
        }
        if let Some(mut dx) = io.dx {
            dx.data().copy_from_slice(io.dy.data());
        }
    }
    fn shortcut(&self, theta: Params<'_, S>, dy: Mat<'_, S>, mut ds: MatMut<'_, S>) {
        if self.projection {
            S::gemm(ds, Write::Add, Op::T(theta.mat(0)), Op::N(dy));
        } else {
            elementwise::zip(ds.data(), dy.data(), |ds, dy| *ds += dy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_refused_by_name() {
        let check = |back: usize, d_in: usize, message: &str| {
            assert_eq!(Skip::new(back).plan(d_in).unwrap_err().to_string(), message);
        };
        check(0, 3, ": back should be at least 1, got 0");
        check(1, 0, ": input width should be at least 1, got 0");
        assert_eq!(Skip::new(4).plan(1), Ok(Plan::new(1).skip(4)));
        let projected = Skip { projection: true, ..Skip::new(4) }.plan(2);
        assert_eq!(projected, Ok(Plan::new(2).projected(4, Init::Auto)));
    }
}
