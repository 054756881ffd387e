//! The update is c = β₁ m + (1 − β₁) g; then m ← β₂ m + (1 − β₂) g.
//!
//! Source: Chen et al. (2023), "Symbolic discovery of optimization algorithms", algorithm 2 (Lion), which goes on with
//! [`TakeSign`](crate::TakeSign), [`DecayWeights`](crate::DecayWeights) and the rate.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::check_share;

/// An average of past gradients with an extra share of the last one: what is remembered decays more slowly than what is used.
///
/// Units: of the gradient; from 0 without correction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlendMomentum {
    /// β₁, share of the average in the update, in [0, 1).
    pub beta1: f64,
    /// β₂, decay of the average, in [0, 1).
    pub beta2: f64,
}

/// β₁ = 0.9, β₂ = 0.99: the paper's.
impl Default for BlendMomentum {
    fn default() -> Self {
        BlendMomentum { beta1: 0.9, beta2: 0.99 }
    }
}

impl BlendMomentum {
    /// Errors: β outside [0, 1).
    pub fn check(&self) -> Result<(), String> {
        check_share("beta1", self.beta1)?;
        check_share("beta2", self.beta2)
    }
}

impl<S: Scalar> Transform<S> for BlendMomentum {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [m] = state.get();
        let (beta1, rest1) = (S::of(self.beta1), S::of(1.0 - self.beta1));
        let (beta2, rest2) = (S::of(self.beta2), S::of(1.0 - self.beta2));
        elementwise::each2(update, m, |g, m| {
            let blend = beta1 * *m + rest1 * *g;
            *m = beta2 * *m + rest2 * *g;
            *g = blend;
        });
    }
}

impl Link for BlendMomentum {
    fn planes(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_the_blend_with_the_average_before() {
        testing::check(BlendMomentum { beta1: 0.75, beta2: 0.9 }, |grads| {
            let (now, before) = grads.split_last().expect("a gradient");
            0.75 * before.iter().fold(0.0, |m, g| 0.9 * m + 0.1 * g) + 0.25 * now
        });
        let link = BlendMomentum { beta1: 1.0, beta2: 0.9 };
        assert_eq!(link.check(), Err("beta1 should be in [0, 1), got 1".into()));
    }
}
