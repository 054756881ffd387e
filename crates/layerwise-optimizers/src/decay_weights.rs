//! update ← update + λ θ: decoupled weight decay.
//!
//! Source: Loshchilov & Hutter (2019), "Decoupled weight decay regularization", algorithm 2, in the form of PyTorch's `AdamW`:
//! behind [`ScaleByAdam`](crate::ScaleByAdam) and before [`ScaleByRate`](crate::ScaleByRate), so θ shrinks by the factor
//! 1 − α λ a step (in the paper by 1 − η λ with the schedule η alone, without α). In front of Adam it would be an L2 penalty.
//! PyTorch shrinks biases too.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Scalar, elementwise};
use serde::{Deserialize, Serialize};

use crate::check_rate;

/// What weight decay falls on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecayOn {
    /// Multiplying parameters, not biases.
    WeightsOnly,
    /// All of θ, as in PyTorch.
    #[default]
    Everything,
}

/// Pulls parameters towards 0, in proportion to their size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecayWeights {
    /// λ, finite and at least 0. Units: per step at rate 1.
    pub strength: f64,
    /// Weights only, or everything.
    pub on: DecayOn,
}

impl DecayWeights {
    /// Errors: a strength that is negative or not finite.
    pub fn check(&self) -> Result<(), String> {
        check_rate("strength", self.strength)
    }
}

/// update += λ · weights · θ.
struct DecayMasked<'a, S>(&'a mut [S], &'a Chunk<'a, S>, S);

impl<S: Scalar> Kernel for DecayMasked<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        for ((update, theta), weight) in self.0.iter_mut().zip(self.1.theta).zip(self.1.weights) {
            *update += self.2 * *weight * *theta;
        }
    }
}

impl<S: Scalar> Transform<S> for DecayWeights {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], _state: Planes<'_, '_, S>, _numbers: &Numbers, at: &Chunk<'_, S>) {
        let strength = S::of(self.strength);
        match self.on {
            DecayOn::WeightsOnly => simd::run(DecayMasked(update, at, strength)),
            DecayOn::Everything => elementwise::zip(update, at.theta, |u, theta| *u += strength * theta),
        }
    }
}

impl Link for DecayWeights {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, ScaleByRate};

    /// Three steps at rate 0.5 with gradient 1.
    fn check(on: DecayOn, want: [f64; 2]) {
        let optimizer =
            Optimizer::default().then(DecayWeights { strength: 0.1, on }).then(ScaleByRate { schedule: 0.5 });
        let mut theta = [2.0, 2.0];
        let mut state = optimizer.state(2);
        for _ in 0..3 {
            optimizer.step(&mut theta, &mut [1.0, 1.0], &[1.0, 0.0], 1.0, &mut state);
        }
        assert!((theta[0] - want[0]).abs() < 1e-15 && (theta[1] - want[1]).abs() < 1e-15, "{theta:?}");
    }

    #[test]
    fn theta_shrinks_by_rate_times_strength() {
        // θ ← 0.95 θ − 0.5, three times, from 2: 0.95³ (2 + 10) − 10.
        let shrunk = 0.95f64.powi(3) * 12.0 - 10.0;
        check(DecayOn::WeightsOnly, [shrunk, 0.5]);
        check(DecayOn::Everything, [shrunk, shrunk]);
        let link = DecayWeights { strength: -1.0, on: DecayOn::Everything };
        assert_eq!(link.check(), Err("strength should be finite and at least 0, got -1".into()));
    }
}
