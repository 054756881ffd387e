//! Inverted dropout: y = m x / (1 − p), m ~ Bernoulli(1 − p) per unit and sample while training; y = x when predicting.
//!
//! Source: Srivastava et al. (2014), in the inverted form (scaled while training), so that E[y] = x. The mask is a function of
//! (seed, step, layer) alone: the same in every scalar type and for any number of threads.

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::{Scalar, elementwise};
use serde::{Deserialize, Serialize};

/// Sets each unit to 0 with probability `rate` while training.
///
/// Shapes: y as x. Cache: the mask, 0 or 1/(1 − rate) per number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Probability of dropping a unit, in [0, 1).
    pub rate: f64,
}

impl Default for Dropout {
    fn default() -> Self {
        Dropout { rate: 0.5 }
    }
}

impl Layer for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(ShapeError::mismatch("", "rate", "in [0, 1)", self.rate));
        }
        Ok(Plan::new(d_in).cache(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for Dropout {
    fn forward(&self, mut io: Forward<'_, S>) {
        let keep = 1.0 - self.rate;
        match io.pass {
            Pass::Predict => io.cache.fill(S::ONE),
            Pass::Train => {
                let mut rng = io.key.rng();
                let threshold = (keep * 4294967296.0) as u64;
                let scale = [S::ZERO, S::of(1.0 / keep)];
                for mask in io.cache.iter_mut() {
                    *mask = scale[usize::from(u64::from(rng.bits32()) < threshold)];
                }
            }
        }
        io.y.data().copy_from_slice(io.x.data());
        elementwise::zip(io.y.data(), io.cache, |y, mask| *y *= mask);
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(mut dx) = io.dx {
            dx.data().copy_from_slice(io.dy.data());
            elementwise::zip(dx.data(), io.cache, |dx, mask| *dx *= mask);
        }
    }
}
