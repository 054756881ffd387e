//! Inverted dropout: y = m x / (1 − p), m ~ Bernoulli(1 − p) per unit and sample while training; y = x when predicting.
//!
//! Source: Srivastava et al. (2014), in the inverted form (scaled while training), so that E[y] = x. The mask is a function of
//! (seed, step, layer) alone: the same in every scalar type and for any number of threads.
//!
//! 32 random bits decide on a unit, so 1 − p is rounded up to a multiple of 2⁻³², in the probability and in the scale: E[y] = x
//! stays exact, and no rate below 1 drops everything.

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::{Key, Mat, MatMut, Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::room::{check_rate, check_width};

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

/// 32 random bits are below this.
pub(crate) const RANGE: f64 = 4294967296.0;

impl Dropout {
    /// y ← m ∘ x for a mask that is given: forward with the mask that it drew, and, as a diagonal matrix is its own transpose,
    /// backward from `dy` to `dx`.
    ///
    /// Shapes: y as x, one number of the mask for each of theirs. Panics: if they differ.
    pub fn apply<S: Scalar>(mask: &[S], x: Mat<'_, S>, mut y: MatMut<'_, S>) {
        y.data().copy_from_slice(x.data());
        elementwise::zip(y.data(), mask, |y, mask| *y *= mask);
    }

    /// How many of the 2³² values of 32 random bits keep a unit.
    pub(crate) fn kept(&self) -> f64 {
        ((1.0 - self.rate) * RANGE).ceil()
    }

    /// A mask, 0 or 1/(1 − rate).
    pub(crate) fn draw<S: Scalar>(&self, mask: &mut [S], key: Key) {
        let (mut rng, kept) = (key.rng(), self.kept());
        let scale = [S::ZERO, S::of(RANGE / kept)];
        for mask in mask {
            *mask = scale[usize::from(u64::from(rng.bits32()) < kept as u64)];
        }
    }
}

impl Layer for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_rate(self.rate)?;
        check_width(d_in)?;
        Ok(Plan::new(d_in).cache(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for Dropout {
    fn forward(&self, io: Forward<'_, S>) {
        match io.pass {
            Pass::Predict => io.cache.fill(S::ONE),
            Pass::Train => self.draw(io.cache, io.key),
        }
        Dropout::apply(io.cache, io.x, io.y);
    }
    fn backward(&self, io: Backward<'_, S>) {
        if let Some(dx) = io.dx {
            Dropout::apply(io.cache, io.dy, dx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probability_of_keeping_is_rounded_up_to_32_bits() {
        let check = |rate: f64, kept: f64| assert_eq!(Dropout { rate }.kept(), kept, "{rate}");
        check(0.0, RANGE);
        check(0.5, RANGE / 2.0);
        check(0.2, 3435973837.0);
        check(1.0 - 3.0 / RANGE, 3.0);
        check(1.0 - 1.5 / RANGE, 2.0);
        check(1.0 - f64::EPSILON / 2.0, 1.0);
        check(f64::MIN_POSITIVE, RANGE);
    }

    #[test]
    fn rates_outside_and_empty_inputs_are_refused_by_name() {
        let check = |rate: f64, d_in: usize, message: &str| {
            assert_eq!(Dropout { rate }.plan(d_in).unwrap_err().to_string(), message);
        };
        check(-0.1, 3, ": rate should be in [0, 1), got -0.1");
        check(1.0, 3, ": rate should be in [0, 1), got 1");
        check(f64::NAN, 3, ": rate should be in [0, 1), got NaN");
        check(0.5, 0, ": input width should be at least 1, got 0");
        assert!(Dropout { rate: 0.0 }.plan(1).is_ok() && Dropout { rate: 1.0 - f64::EPSILON / 2.0 }.plan(1).is_ok());
    }
}
