//! Additive noise: y = x + σ e with e ~ N(0, 1) per unit and sample while training; y = x when predicting.
//!
//! As the first layer it is noise on the inputs, which for small σ is a penalty on the derivatives of the network. Source: Bishop
//! (1995), "Training with noise is equivalent to Tikhonov regularization".

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::room::{check_size, check_width};

/// Adds a normal number of mean 0 to each unit while training.
///
/// Shapes: y as x.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// σ, finite and at least 0. Units: of x.
    pub deviation: f64,
}

impl Default for GaussianNoise {
    fn default() -> Self {
        GaussianNoise { deviation: 0.1 }
    }
}

impl Layer for GaussianNoise {
    fn name(&self) -> &'static str {
        "gaussian-noise"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_size("deviation", self.deviation)?;
        check_width(d_in)?;
        Ok(Plan::new(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for GaussianNoise {
    fn forward(&self, mut io: Forward<'_, S>) {
        io.y.data().copy_from_slice(io.x.data());
        if io.pass == Pass::Train {
            let mut rng = io.key.rng();
            for y in io.y.data() {
                *y += S::of(self.deviation * rng.normal());
            }
        }
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(mut dx) = io.dx {
            dx.data().copy_from_slice(io.dy.data());
        }
    }
}
