//! m and v as in [`ScaleByAdam`](crate::ScaleByAdam); the update at step k is r_k m̂ √(1 − β₂ᵏ) / (√v + ε) once ρ_k > 5, and m̂
//! before, with ρ_∞ = 2 / (1 − β₂) − 1, ρ_k = ρ_∞ − 2 k β₂ᵏ / (1 − β₂ᵏ), r_k² = (ρ_k − 4)(ρ_k − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2)
//! ρ_k).
//!
//! Source: Liu et al. (2020), "On the variance of the adaptive learning rate and beyond", algorithm 2, in the form of PyTorch's
//! `RAdam`: it asks for ρ_k > 5 (the paper for 4) and adds ε to the uncorrected root (the paper has none).

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::{check_epsilon, check_share, power};

/// Adam that trusts its denominator only as far as enough gradients are in it: a warm-up of its own.
///
/// Units: of the gradient while ρ_k ≤ 5 (five steps, unless β₂ is small), then at most about 1 per step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByRadam {
    /// β₁, decay of the average, in [0, 1).
    pub beta1: f64,
    /// β₂, decay of the average square, in [0, 1).
    pub beta2: f64,
    /// ε, added to the root.
    pub epsilon: f64,
}

/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8: PyTorch's.
impl Default for ScaleByRadam {
    fn default() -> Self {
        ScaleByRadam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl ScaleByRadam {
    /// Errors: β outside [0, 1); ε not above 0.
    pub fn check(&self) -> Result<(), String> {
        check_share("beta1", self.beta1)?;
        check_share("beta2", self.beta2)?;
        check_epsilon(self.epsilon)
    }

    /// r_k √(1 − β₂ᵏ), if the denominator can be trusted.
    fn rectifier(&self, k: u64) -> Option<f64> {
        let longest = 2.0 / (1.0 - self.beta2) - 1.0;
        let fading = power(self.beta2, k);
        let length = longest - 2.0 * k as f64 * fading / (1.0 - fading);
        let ratio = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
        (length > 5.0).then(|| ratio.sqrt() * (1.0 - fading).sqrt())
    }
}

impl<S: Scalar> Transform<S> for ScaleByRadam {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        let average = 1.0 / (1.0 - power(self.beta1, at.count));
        let rectifier = self.rectifier(at.count);
        [average, f64::from(u8::from(rectifier.is_some())), rectifier.unwrap_or(1.0), 0.0]
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [m, v] = state.get();
        let (beta1, rest1) = (S::of(self.beta1), S::of(1.0 - self.beta1));
        let (beta2, rest2) = (S::of(self.beta2), S::of(1.0 - self.beta2));
        let (factor, trusted) = (S::of(numbers[0] * numbers[2]), numbers[1] != 0.0);
        let epsilon = S::of(self.epsilon);
        elementwise::each3(update, m, v, |g, m, v| {
            *m = beta1 * *m + rest1 * *g;
            *v = beta2 * *v + rest2 * (*g * *g);
            *g = *m * factor / S::select(trusted, v.sqrt() + epsilon, S::ONE);
        });
    }
}

impl Link for ScaleByRadam {
    fn planes(&self) -> usize {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_rectified_once_five_gradients_count() {
        // Shares whose first powers are exact: nobody rounds the digits that 1 − βᵏ cancels.
        let (beta1, beta2, epsilon) = (0.75, 0.984375, 1e-3);
        testing::check(ScaleByRadam { beta1, beta2, epsilon }, |grads| {
            let (mut m, mut v) = (0.0, 0.0);
            for g in grads {
                m = beta1 * m + (1.0 - beta1) * g;
                v = beta2 * v + (1.0 - beta2) * g.powi(2);
            }
            let (k, n) = (grads.len() as f64, grads.len() as i32);
            let m = m / (1.0 - beta1.powi(n));
            let last = 2.0 / (1.0 - beta2) - 1.0;
            let now = last - 2.0 * k * beta2.powi(n) / (1.0 - beta2.powi(n));
            // In the sixth step for the first time.
            assert_eq!(now > 5.0, grads.len() > 5);
            if now <= 5.0 {
                return m;
            }
            let r2 = (now - 4.0) * (now - 2.0) * last / ((last - 4.0) * (last - 2.0) * now);
            m * r2.sqrt() * (1.0 - beta2.powi(n)).sqrt() / (v.sqrt() + epsilon)
        });
        // Six gradients are the most that such a short memory can hold: the denominator is never used.
        assert!((1..100).all(|k| ScaleByRadam { beta2: 0.6, ..Default::default() }.rectifier(k).is_none()));
        assert!(ScaleByRadam { beta2: 1.0, ..Default::default() }.check().is_err());
        // ρ_8 is 5 to the last bit: more is asked for.
        assert!(ScaleByRadam { beta2: 0.729637229259242, ..Default::default() }.rectifier(8).is_none());
        assert!(ScaleByRadam { beta2: 0.7297, ..Default::default() }.rectifier(8).is_some());
    }
}
