//! Alpha dropout: y = a (m x + (1 − m) α′) + b with m ~ Bernoulli(q), q = 1 − p, per unit and sample while training; y = x when
//! predicting.
//!
//! α′ = −λα is where SELU saturates; a = (q + α′² q (1 − q))^(−1/2) and b = −a (1 − q) α′ keep mean 0 and variance 1. Source:
//! Klambauer et al. (2017), "Self-normalizing neural networks", "New dropout technique". q is rounded up to a multiple of 2⁻³²,
//! as in [`Dropout`].

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::Scalar;
use serde::{Deserialize, Serialize};

use crate::dropout::{Dropout, RANGE};
use crate::room::{check_rate, check_width};

/// Sets each unit to SELU's lower limit with probability `rate` while training, and keeps mean 0 and variance 1.
///
/// Shapes: y as x. Cache: the factor of each x, 0 or a.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlphaDropout {
    /// Probability of dropping a unit, in [0, 1); the paper has 0.05 and 0.1.
    pub rate: f64,
}

impl Default for AlphaDropout {
    fn default() -> Self {
        AlphaDropout { rate: 0.1 }
    }
}

/// α′ = −λα of SELU (eq. 14 of the paper).
const LOWEST: f64 = -1.0507009873554805 * 1.6732632423543772;

impl AlphaDropout {
    /// (a, b) for a probability q of keeping.
    fn affine(q: f64) -> (f64, f64) {
        let a = 1.0 / (q + LOWEST * LOWEST * q * (1.0 - q)).sqrt();
        (a, -a * (1.0 - q) * LOWEST)
    }
}

impl Layer for AlphaDropout {
    fn name(&self) -> &'static str {
        "alpha-dropout"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_rate(self.rate)?;
        check_width(d_in)?;
        Ok(Plan::new(d_in).cache(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for AlphaDropout {
    fn forward(&self, mut io: Forward<'_, S>) {
        if io.pass == Pass::Predict {
            io.cache.fill(S::ONE);
            return Dropout::apply(io.cache, io.x, io.y);
        }
        let (mut rng, kept) = (io.key.rng(), Dropout { rate: self.rate }.kept());
        let (a, b) = AlphaDropout::affine(kept / RANGE);
        let maps = [(S::ZERO, S::of(a * LOWEST + b)), (S::of(a), S::of(b))];
        for ((y, x), factor) in io.y.data().iter_mut().zip(io.x.data()).zip(io.cache.iter_mut()) {
            let (slope, shift) = maps[usize::from(u64::from(rng.bits32()) < kept as u64)];
            *factor = slope;
            *y = slope * *x + shift;
        }
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(dx) = io.dx {
            Dropout::apply(io.cache, io.dy, dx);
        }
    }
}
