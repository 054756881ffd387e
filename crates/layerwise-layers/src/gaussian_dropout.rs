//! Gaussian dropout: y = m x with m ~ N(1, p/(1 − p)) per unit and sample while training; y = x when predicting.
//!
//! Source: Srivastava et al. (2014), "Dropout", section 10: the same mean and variance as dropout with probability p.

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::dropout::Dropout;
use crate::room::{check_rate, check_width};

/// Multiplies each unit by a normal number of mean 1 while training.
///
/// Shapes: y as x. Cache: the factors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianDropout {
    /// p, in [0, 1): the variance of the factors is p/(1 − p).
    pub rate: f64,
}

impl Default for GaussianDropout {
    fn default() -> Self {
        GaussianDropout { rate: 0.5 }
    }
}

impl Layer for GaussianDropout {
    fn name(&self) -> &'static str {
        "gaussian-dropout"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_rate(self.rate)?;
        check_width(d_in)?;
        Ok(Plan::new(d_in).cache(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for GaussianDropout {
    fn forward(&self, io: Forward<'_, S>) {
        io.cache.fill(S::ONE);
        if io.pass == Pass::Train {
            let (mut rng, deviation) = (io.key.rng(), (self.rate / (1.0 - self.rate)).sqrt());
            for m in io.cache.iter_mut() {
                *m = S::of(1.0 + deviation * rng.normal());
            }
        }
        Dropout::apply(io.cache, io.x, io.y);
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(dx) = io.dx {
            Dropout::apply(io.cache, io.dy, dx);
        }
    }
}
