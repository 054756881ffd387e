//! m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε); the update at step k is m̂ / u with m̂ = m / (1 − β₁ᵏ).
//!
//! Source: Kingma & Ba (2015), "Adam: a method for stochastic optimization", algorithm 2, with the ε of PyTorch's `Adamax`, which
//! keeps u above 0.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::{check_epsilon, check_share, power};

/// The average gradient in units of its own largest magnitude, which is slowly forgotten.
///
/// Units: at most about 1 per step in each number, whatever the scale of the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByAdamax {
    /// β₁, decay of the average, in [0, 1).
    pub beta1: f64,
    /// β₂, decay of the maximum, in [0, 1).
    pub beta2: f64,
    /// ε, added to magnitudes.
    pub epsilon: f64,
}

/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8: PyTorch's.
impl Default for ScaleByAdamax {
    fn default() -> Self {
        ScaleByAdamax { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl ScaleByAdamax {
    /// Errors: β outside [0, 1); ε not above 0.
    pub fn check(&self) -> Result<(), String> {
        check_share("beta1", self.beta1)?;
        check_share("beta2", self.beta2)?;
        check_epsilon(self.epsilon)
    }
}

impl<S: Scalar> Transform<S> for ScaleByAdamax {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        [1.0 / (1.0 - power(self.beta1, at.count)), 0.0, 0.0, 0.0]
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [m, u] = state.get();
        let (beta1, rest1, beta2) = (S::of(self.beta1), S::of(1.0 - self.beta1), S::of(self.beta2));
        let (average, epsilon) = (S::of(numbers[0]), S::of(self.epsilon));
        elementwise::each3(update, m, u, |g, m, u| {
            *m = beta1 * *m + rest1 * *g;
            *u = (g.abs() + epsilon).max(beta2 * *u);
            *g = *m * average / *u;
        });
    }
}

impl Link for ScaleByAdamax {
    fn planes(&self) -> usize {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_algorithm_2() {
        let (beta1, beta2, epsilon) = (0.8, 0.5, 1e-3);
        testing::check(ScaleByAdamax { beta1, beta2, epsilon }, |grads| {
            let (mut m, mut u) = (0.0, 0.0f64);
            for g in grads {
                m = beta1 * m + (1.0 - beta1) * g;
                u = (beta2 * u).max(g.abs() + epsilon);
            }
            m / (1.0 - beta1.powi(grads.len() as i32)) / u
        });
        let link = ScaleByAdamax { epsilon: 0.0, ..Default::default() };
        assert_eq!(link.check(), Err("epsilon should be finite and at least 1e-37, got 0".into()));
    }
}
