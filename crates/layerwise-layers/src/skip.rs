//! Skip connection: y = x + s, where s is the output of an earlier layer; the end of a residual block.
//!
//! Source: He, Zhang, Ren and Sun (2016), identity shortcut. The network adds δ to the gradient of the layer that s came from,
//! so the signal reaches it undiminished.

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::{Scalar, elementwise};
use serde::{Deserialize, Serialize};

/// Adds the output of the layer `back` places before it (1 is its own input) to its input.
///
/// Shapes: all widths equal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// How many layers back the shortcut starts.
    pub back: usize,
}

impl Default for Skip {
    fn default() -> Self {
        Skip { back: 2 }
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
        if d_in == 0 {
            return Err(ShapeError::mismatch("", "input width", "at least 1", 0));
        }
        Ok(Plan::new(d_in).skip(self.back))
    }
}

impl<S: Scalar> LayerKernel<S> for Skip {
    fn forward(&self, mut io: Forward<'_, S>) {
        io.y.data().copy_from_slice(io.x.data());
        if let Some(skip) = io.skip {
            elementwise::zip(io.y.data(), skip.data(), |y, s| *y += s);
        }
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(mut dx) = io.dx {
            dx.data().copy_from_slice(io.dy.data());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_refused_by_name() {
        let check = |back: usize, d_in: usize, message: &str| {
            assert_eq!(Skip { back }.plan(d_in).unwrap_err().to_string(), message);
        };
        check(0, 3, ": back should be at least 1, got 0");
        check(1, 0, ": input width should be at least 1, got 0");
        assert_eq!(Skip { back: 4 }.plan(1), Ok(Plan::new(1).skip(4)));
    }
}
