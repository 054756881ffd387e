//! m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²; the update at step k is m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵏ),
//! v̂ = v / (1 − β₂ᵏ).
//!
//! Source: Kingma & Ba (2015), "Adam: a method for stochastic optimization", algorithm 1 and PyTorch's `Adam`. The paper's
//! section 2 also has a cheaper order whose ε is added to the uncorrected √v; this is not that one.
//! [`ScaleByAmsgrad`](crate::ScaleByAmsgrad) is another link.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::{check_epsilon, check_share, power};

/// The average gradient in units of its own root mean square, both corrected for their start at 0.
///
/// Units: about 1 per step in each number, whatever the scale of the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByAdam {
    /// β₁, decay of the average, in [0, 1).
    pub beta1: f64,
    /// β₂, decay of the average square, in [0, 1).
    pub beta2: f64,
    /// ε, added to the root.
    pub epsilon: f64,
}

/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8: the paper's.
impl Default for ScaleByAdam {
    fn default() -> Self {
        ScaleByAdam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl ScaleByAdam {
    /// Errors: β outside [0, 1); ε not above 0.
    pub fn check(&self) -> Result<(), String> {
        check_share("beta1", self.beta1)?;
        check_share("beta2", self.beta2)?;
        check_epsilon(self.epsilon)
    }
}

impl<S: Scalar> Transform<S> for ScaleByAdam {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        let average = 1.0 / (1.0 - power(self.beta1, at.count));
        let root = 1.0 / (1.0 - power(self.beta2, at.count)).sqrt();
        [average, root, 0.0, 0.0]
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [m, v] = state.get();
        let (beta1, rest1) = (S::of(self.beta1), S::of(1.0 - self.beta1));
        let (beta2, rest2) = (S::of(self.beta2), S::of(1.0 - self.beta2));
        let (average, root, epsilon) = (S::of(numbers[0]), S::of(numbers[1]), S::of(self.epsilon));
        elementwise::each3(update, m, v, |g, m, v| {
            *m = beta1 * *m + rest1 * *g;
            *v = beta2 * *v + rest2 * (*g * *g);
            *g = *m * average / (v.sqrt() * root + epsilon);
        });
    }
}

impl Link for ScaleByAdam {
    fn planes(&self) -> usize {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_algorithm_1() {
        let (beta1, beta2, epsilon) = (0.8, 0.95, 1e-3);
        testing::check(ScaleByAdam { beta1, beta2, epsilon }, |grads| {
            let (mut m, mut v) = (0.0, 0.0);
            for g in grads {
                m = beta1 * m + (1.0 - beta1) * g;
                v = beta2 * v + (1.0 - beta2) * g.powi(2);
            }
            let k = grads.len() as i32;
            m / (1.0 - beta1.powi(k)) / ((v / (1.0 - beta2.powi(k))).sqrt() + epsilon)
        });
    }

    #[test]
    fn betas_and_epsilon_are_checked() {
        let error = |link: ScaleByAdam| link.check().expect_err("refused");
        assert_eq!(error(ScaleByAdam { beta2: 1.0, ..Default::default() }), "beta2 should be in [0, 1), got 1");
        let text = "epsilon should be finite and at least 1e-37, got 0";
        assert_eq!(error(ScaleByAdam { epsilon: 0.0, ..Default::default() }), text);
        assert_eq!(ScaleByAdam::default().check(), Ok(()));
    }
}
