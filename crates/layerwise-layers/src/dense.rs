//! Dense layer: a = W h + b 1ᵀ.
//!
//! Backward: ∂L/∂W = δ hᵀ, ∂L/∂b = δ 1, ∂L/∂h = Wᵀ δ, with δ = ∂L/∂a. Source: Rumelhart, Hinton and Williams (1986).

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::{Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

/// A fully connected layer of `width` units.
///
/// Shapes: x is d_in × n, y is width × n; blocks `w` (width × d_in) and `b` (width).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Number of units.
    pub width: usize,
    /// How the weights start.
    #[serde(default)]
    pub init: Init,
    /// What all biases start at.
    #[serde(default)]
    pub bias: f64,
}

impl Dense {
    /// A layer of `width` units, initialized to fit the activation that follows.
    pub fn new(width: usize) -> Dense {
        Dense { width, init: Init::Auto, bias: 0.0 }
    }
}

impl Default for Dense {
    /// Three units: what the gradient check runs.
    fn default() -> Self {
        Dense::new(3)
    }
}

impl Layer for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if self.width == 0 || d_in == 0 {
            let what = if self.width == 0 { "width" } else { "input width" };
            return Err(ShapeError::mismatch("w", what, "at least 1", 0));
        }
        self.init.check().map_err(|problem| ShapeError::new("w", format!("init: {problem}")))?;
        if !self.bias.is_finite() {
            return Err(ShapeError::mismatch("b", "bias", "finite", self.bias));
        }
        Ok(Plan::new(self.width).weight("w", self.width, d_in, self.init).bias("b", self.width, self.bias))
    }
}

impl<S: Scalar> LayerKernel<S> for Dense {
    fn forward(&self, mut io: Forward<'_, S>) {
        S::gemm(io.y.reborrow(), Write::Set, Op::N(io.theta.mat(0)), Op::N(io.x));
        elementwise::add_bias(&mut io.y, io.theta.vec(1));
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        io.dtheta.add_product(0, Op::N(io.dy), Op::T(io.x));
        io.dtheta.add_columns(1, io.dy);
        if let Some(dx) = io.dx {
            S::gemm(dx, Write::Set, Op::T(io.theta.mat(0)), Op::N(io.dy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_refused_by_name() {
        assert_eq!(Dense::new(0).plan(3).unwrap_err().to_string(), "w: width should be at least 1, got 0");
        assert_eq!(Dense::new(2).plan(0).unwrap_err().to_string(), "w: input width should be at least 1, got 0");
        let wild = Dense { init: Init::Uniform { bound: f64::NAN }, ..Dense::new(2) };
        assert!(wild.plan(3).unwrap_err().to_string().contains("bound should be a finite number"));
    }
}
