//! Mixup: every row of a batch is mixed with another, x ← s x + (1 − s) x′ and the same for targets and weights, s ~ Beta(α, α), one
//! for each batch. Source: Zhang, Cissé, Dauphin and Lopez-Paz (2018), "mixup: beyond empirical risk minimization".
//!
//! The larger share is the row's own: of s and 1 − s, and of a random order and its inverse, each is as likely as the other, so that
//! the batches are those of the paper. Classes become shares of classes, whose cross-entropy is the mean of both losses.

use layerwise_core::Loss;
use layerwise_tensor::Rng;
use serde::{Deserialize, Serialize};

/// Trains on mixtures of rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mixup {
    /// α of Beta(α, α): close to 0 rows are hardly mixed, at 1 every share is as likely.
    pub alpha: f64,
}

impl Default for Mixup {
    fn default() -> Self {
        Mixup { alpha: 0.2 }
    }
}

impl Mixup {
    /// Errors: unless `alpha` is a finite number above 0.
    pub fn check(&self) -> Result<(), String> {
        if self.alpha > 0.0 && self.alpha.is_finite() {
            Ok(())
        } else {
            Err(format!("alpha should be a finite number above 0, got {}", self.alpha))
        }
    }

    /// Errors: a loss on classes that has no meaning for shares of them.
    pub(crate) fn check_loss(loss: &dyn Loss) -> Result<(), String> {
        match loss.name() {
            "hinge" => Err("should go with a cross-entropy or a loss on values, got hinge".into()),
            _ => Ok(()),
        }
    }

    /// max(s, 1 − s), s ~ Beta(α, α), as the share of the larger of two Gamma(α) numbers. In logarithms, since those of a small α are
    /// too small for f64.
    pub fn share(&self, rng: &mut Rng) -> f64 {
        let distance = (ln_gamma_draw(self.alpha, rng) - ln_gamma_draw(self.alpha, rng)).abs();
        1.0 / (1.0 + (-distance).exp())
    }
}

/// ln of a draw from Gamma(α, 1). Source: Marsaglia and Tsang (2000), "A simple method for generating gamma variables", with α + 1
/// and U^(1/α) as in its section 6, so that α may be below 1.
fn ln_gamma_draw(alpha: f64, rng: &mut Rng) -> f64 {
    let d = alpha + 1.0 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = rng.normal();
        let v = (1.0 + c * z).powi(3);
        // Uniform above 0.
        let u = 1.0 - rng.uniform();
        if v > 0.0 && u.ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return (d * v).ln() + (1.0 - rng.uniform()).ln() / alpha;
        }
    }
}

#[cfg(test)]
mod tests {
    use layerwise_tensor::{Key, Purpose};

    use super::*;

    /// E s (1 − s) = α / (2 (2 α + 1)), since Var s = 1 / (4 (2 α + 1)); and shares of the larger part are from 1/2 to 1.
    #[test]
    fn shares_are_those_of_a_beta_distribution() {
        for (i, alpha) in [0.01, 0.2, 1.0, 4.0].into_iter().enumerate() {
            let mut rng = Key::new(5, Purpose::Test).step(i as u64).rng();
            let n = 40_000;
            let shares: Vec<f64> = (0..n).map(|_| Mixup { alpha }.share(&mut rng)).collect();
            assert!(shares.iter().all(|s| (0.5..=1.0).contains(s)));
            let mean = shares.iter().map(|s| s * (1.0 - s)).sum::<f64>() / n as f64;
            // s (1 − s) lies in [0, 1/4]: by Hoeffding, off by 4 × 0.25 / √n with probability below 2 e^(−32) ≈ 3e−14.
            let exact = alpha / (2.0 * (2.0 * alpha + 1.0));
            assert!((mean - exact).abs() < 1.0 / (n as f64).sqrt(), "{alpha}: {mean}, should be {exact}");
        }
        // Uniform for α = 1: the larger share is uniform on [1/2, 1], and its mean 3/4.
        let mut rng = Key::new(6, Purpose::Test).rng();
        let mean = (0..40_000).map(|_| Mixup { alpha: 1.0 }.share(&mut rng)).sum::<f64>() / 40_000.0;
        assert!((mean - 0.75).abs() < 0.01, "{mean}");
    }
}
