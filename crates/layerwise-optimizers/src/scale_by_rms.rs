//! s ← d s + (1 − d) g²; the update is g / (√s + ε).
//!
//! Source: Tieleman & Hinton (2012), "Lecture 6.5: RMSprop" (d = 0.9, no ε), in the form of PyTorch's `RMSprop` (d = 0.99,
//! ε = 1e-8 outside the root, s from 0 without correction, not centered). TensorFlow adds ε inside the root.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::{check_epsilon, check_share};

/// The gradient in units of its running root mean square.
///
/// Units: about 1 in each number; up to 1/√(1 − d) in the first steps, while s grows from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByRms {
    /// d, decay of the average square, in [0, 1).
    pub decay: f64,
    /// ε, added to the root.
    pub epsilon: f64,
}

/// d = 0.99, ε = 1e-8: PyTorch's.
impl Default for ScaleByRms {
    fn default() -> Self {
        ScaleByRms { decay: 0.99, epsilon: 1e-8 }
    }
}

impl ScaleByRms {
    /// Errors: d outside [0, 1); ε not above 0.
    pub fn check(&self) -> Result<(), String> {
        check_share("decay", self.decay)?;
        check_epsilon(self.epsilon)
    }
}

impl<S: Scalar> Transform<S> for ScaleByRms {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [square] = state.get();
        let (decay, rest, epsilon) = (S::of(self.decay), S::of(1.0 - self.decay), S::of(self.epsilon));
        elementwise::each2(update, square, |g, s| {
            *s = decay * *s + rest * (*g * *g);
            *g /= s.sqrt() + epsilon;
        });
    }
}

impl Link for ScaleByRms {
    fn planes(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_the_gradient_over_its_root_mean_square() {
        testing::check(ScaleByRms { decay: 0.9, epsilon: 1e-3 }, |grads| {
            let square = grads.iter().fold(0.0, |s, g| 0.9 * s + 0.1 * g.powi(2));
            grads[grads.len() - 1] / (square.sqrt() + 1e-3)
        });
    }

    #[test]
    fn the_decay_is_checked() {
        let link = ScaleByRms { decay: -0.1, ..Default::default() };
        assert_eq!(link.check(), Err("decay should be in [0, 1), got -0.1".into()));
        assert_eq!(ScaleByRms::default().check(), Ok(()));
    }
}
