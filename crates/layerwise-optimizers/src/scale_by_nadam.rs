//! m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²; with μ_k = β₁ (1 − ½ · 0.96^(ψ k)) and Π_k = μ_1 ⋯ μ_k the update at step k is
//! (μ_{k+1} m / (1 − Π_{k+1}) + (1 − μ_k) g / (1 − Π_k)) / (√v̂ + ε), v̂ = v / (1 − β₂ᵏ).
//!
//! Source: Dozat (2016), "Incorporating Nesterov momentum into Adam", algorithm 2, in the form of PyTorch's `NAdam` (ψ = 0.004; m
//! itself averages with β₁, where the paper uses μ_k).

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::{check_epsilon, check_rate, check_share, power};

/// Adam with Nesterov's look ahead: the momentum of the next step is used in this one.
///
/// Units: about 1 per step in each number, whatever the scale of the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByNadam {
    /// β₁, decay of the average, in [0, 1).
    pub beta1: f64,
    /// β₂, decay of the average square, in [0, 1).
    pub beta2: f64,
    /// ε, added to the root.
    pub epsilon: f64,
    /// ψ, finite and at least 0: how fast the momentum grows from β₁ / 2 to β₁.
    pub momentum_decay: f64,
}

/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8, ψ = 0.004: PyTorch's.
impl Default for ScaleByNadam {
    fn default() -> Self {
        ScaleByNadam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentum_decay: 0.004 }
    }
}

impl ScaleByNadam {
    /// Errors: β outside [0, 1); ε not above 0; ψ negative or not finite.
    pub fn check(&self) -> Result<(), String> {
        check_share("beta1", self.beta1)?;
        check_share("beta2", self.beta2)?;
        check_epsilon(self.epsilon)?;
        check_rate("momentum_decay", self.momentum_decay)
    }

    /// μ_k.
    fn momentum(&self, k: u64) -> f64 {
        self.beta1 * (1.0 - 0.5 * 0.96f64.powf(self.momentum_decay * k as f64))
    }

    /// Π_k, which no plane carries. Below 1e-20 it is not told from 0 beside 1: some hundreds of factors at most for usual β₁.
    fn product(&self, k: u64) -> f64 {
        let mut product = 1.0;
        for i in 1..=k {
            product *= self.momentum(i);
            if product < 1e-20 {
                return 0.0;
            }
        }
        product
    }
}

impl<S: Scalar> Transform<S> for ScaleByNadam {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        let k = at.count;
        let (now, next, product) = (self.momentum(k), self.momentum(k + 1), self.product(k));
        let root = 1.0 / (1.0 - power(self.beta2, k)).sqrt();
        [next / (1.0 - product * next), (1.0 - now) / (1.0 - product), root, 0.0]
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [m, v] = state.get();
        let (beta1, rest1) = (S::of(self.beta1), S::of(1.0 - self.beta1));
        let (beta2, rest2) = (S::of(self.beta2), S::of(1.0 - self.beta2));
        let (of_average, of_gradient, root) = (S::of(numbers[0]), S::of(numbers[1]), S::of(numbers[2]));
        let epsilon = S::of(self.epsilon);
        elementwise::each3(update, m, v, |g, m, v| {
            *m = beta1 * *m + rest1 * *g;
            *v = beta2 * *v + rest2 * (*g * *g);
            *g = (*m * of_average + *g * of_gradient) / (v.sqrt() * root + epsilon);
        });
    }
}

impl Link for ScaleByNadam {
    fn planes(&self) -> usize {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_dozats() {
        let (beta1, beta2, epsilon, momentum_decay) = (0.8, 0.95, 1e-3, 0.1);
        let link = ScaleByNadam { beta1, beta2, epsilon, momentum_decay };
        testing::check(link, |grads| {
            let mu = |k: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(k * momentum_decay));
            let (mut m, mut v, mut product) = (0.0, 0.0, 1.0);
            for (k, g) in (1..).zip(grads) {
                m = beta1 * m + (1.0 - beta1) * g;
                v = beta2 * v + (1.0 - beta2) * g.powi(2);
                product *= mu(f64::from(k));
            }
            let k = grads.len() as f64;
            let root = (v / (1.0 - beta2.powf(k))).sqrt() + epsilon;
            let (now, next) = (mu(k), mu(k + 1.0));
            (1.0 - now) * grads[grads.len() - 1] / (1.0 - product) / root + next * m / (1.0 - product * next) / root
        });
    }

    #[test]
    fn late_steps_cost_no_more_than_early_ones_and_numbers_are_checked() {
        let link = ScaleByNadam { beta1: 0.999, ..Default::default() };
        let numbers = Transform::<f64>::prepare(&link, &Step { count: u64::MAX - 1, rate_factor: 1.0 }, None);
        assert!((numbers[0] - 0.999).abs() < 1e-12 && (numbers[1] - 0.001).abs() < 1e-12 && numbers[2] == 1.0);
        let link = ScaleByNadam { momentum_decay: -1.0, ..Default::default() };
        assert_eq!(link.check(), Err("momentum_decay should be finite and at least 0, got -1".into()));
    }
}
