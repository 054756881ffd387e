//! Annealed importance sampling of ln Z, for machines that are too large to enumerate.
//!
//! Between a base machine without weights, whose visible biases are b₀, and the machine itself lie the distributions
//!
//! p_β(v) ∝ p*_β(v) = e^(−(1 − β) E₀(v) − β E(v)) ∏ⱼ (1 + e^(β (cⱼ + Wⱼv))),
//!
//! E and E₀ the energies of the visible units alone (−bᵀv or ½‖v − b‖²). A chain starts at a sample of p₀ and is carried from each
//! β to the next by a Gibbs step that leaves p_β as it is: hⱼ is σ(β (cⱼ + Wⱼv)), v is Bernoulli or normal with the input
//! (1 − β) b₀ + β (b + Wᵀh). Its weight w = ∏ p*_{β(k)}(v) / p*_{β(k−1)}(v) has mean Z / Z₀, whatever the number of
//! temperatures; Z₀ is a formula. Source: Neal (2001), "Annealed importance sampling"; for these machines Salakhutdinov and Murray
//! (2008), "On the quantitative analysis of deep belief networks", section 3; with normal units the same path.

use layerwise_tensor::{Key, Mat, MatMut, Scalar, elementwise};
use layerwise_train::TrainError;
use serde::{Deserialize, Serialize};

use crate::layout::Units;
use crate::rbm::{B, Rbm, bernoulli};

/// How ln Z is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Annealing {
    /// Independent chains.
    pub chains: usize,
    /// Steps of β from 0 to 1, all of one size.
    pub temperatures: usize,
}

impl Default for Annealing {
    fn default() -> Self {
        Annealing { chains: 100, temperatures: 1000 }
    }
}

/// An estimate of ln Z with its interval: three standard errors of the mean weight to both sides.
///
/// The mean weight is unbiased for Z, so that its logarithm is on average too low. The interval is honest only where the weights of
/// the chains are alike: a wide one asks for more temperatures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogZ {
    /// The logarithm of the mean weight.
    pub value: f64,
    /// ln of three standard errors below; −∞ where nothing is left.
    pub low: f64,
    /// ln of three standard errors above.
    pub high: f64,
}

impl Annealing {
    /// Refuses less than two chains and no temperature.
    ///
    /// Errors: the key and what it should be.
    pub fn check(&self) -> Result<(), TrainError> {
        for (key, least, n) in [("annealing.chains", 2, self.chains), ("annealing.temperatures", 1, self.temperatures)]
        {
            if n < least {
                return Err(TrainError::recipe(key, format!("should be at least {least}, got {n}")));
            }
        }
        Ok(())
    }

    /// ln Z of a machine, from the base with the visible biases `base`: [`Rbm::base`] has those of data, zeros will do.
    ///
    /// Cost: two products of the weights with all chains for each temperature. Errors: as for [`Annealing::check`]. Panics: unless
    /// `base` has n_visible numbers.
    pub fn log_z<S: Scalar>(&self, rbm: &Rbm, theta: &[S], base: &[f64], key: Key) -> Result<LogZ, TrainError> {
        self.check()?;
        let (v, h, n) = (rbm.n_visible, rbm.n_hidden, self.chains);
        assert!(base.len() == v, "annealing: base should have {v} numbers, got {}", base.len());
        let base: Vec<S> = base.iter().map(|&b| S::of(b)).collect();
        let (mut visible, mut hidden) = (vec![S::ZERO; v * n], vec![S::ZERO; h * n]);
        let mut log_weights = vec![0.0; n];
        let mut rng = key.rng();
        visible.chunks_exact_mut(v).for_each(|column| column.copy_from_slice(&base));
        rbm.draw_visible(&mut visible, &mut rng);
        let b = theta[rbm.blocks()[B].range()].to_vec();
        let step = 1.0 / self.temperatures as f64;
        for k in 1..=self.temperatures {
            let (before, beta) =
                (S::of((k - 1) as f64 * step), S::of(if k < self.temperatures { k as f64 * step } else { 1.0 }));
            rbm.hidden_inputs(theta, Mat::new(&visible, v, n), MatMut::new(&mut hidden, h, n));
            let columns = visible.chunks_exact(v).zip(hidden.chunks_exact(h));
            for (weight, (visible, inputs)) in log_weights.iter_mut().zip(columns) {
                let energy = rbm.visible_energy(&base, visible) - rbm.visible_energy(&b, visible);
                let hidden =
                    inputs.iter().fold(S::ZERO, |sum, &a| sum + (beta * a).softplus() - (before * a).softplus());
                *weight += ((beta - before) * energy + hidden).value();
            }
            if k == self.temperatures {
                break;
            }
            elementwise::each(&mut hidden, |a| *a = (beta * *a).sigmoid());
            bernoulli(&mut hidden, &mut rng);
            rbm.visible_inputs(theta, Mat::new(&hidden, h, n), MatMut::new(&mut visible, v, n));
            for column in visible.chunks_exact_mut(v) {
                column.iter_mut().zip(&base).for_each(|(a, &b)| *a = beta * *a + (S::ONE - beta) * b);
            }
            rbm.draw_visible(&mut visible, &mut rng);
        }
        Ok(interval(&log_weights, rbm.base_log_z(&base)))
    }
}

impl Rbm {
    /// The visible biases of the machine without weights that fits the rows best: ln(p / (1 − p)) of the mean, kept from 0 and 1
    /// by half a row of each, or the mean itself.
    pub fn base<S: Scalar>(&self, rows: Mat<'_, S>) -> Vec<f64> {
        let n = rows.cols() as f64;
        let sum = |i: usize| rows.columns().map(|v| v[i].value()).sum::<f64>();
        let bias = |sum: f64| match self.visible {
            Units::Bernoulli => ((sum + 0.5) / (n - sum + 0.5)).ln(),
            Units::Gaussian => sum / n,
        };
        (0..self.n_visible).map(|i| bias(sum(i))).collect()
    }

    /// ln Z of the base: 2^n_hidden ∏ (1 + e^b), or 2^n_hidden (2π)^(n_visible/2).
    fn base_log_z<S: Scalar>(&self, base: &[S]) -> f64 {
        let visible: f64 = match self.visible {
            Units::Bernoulli => base.iter().map(|b| b.softplus().value()).sum(),
            Units::Gaussian => self.n_visible as f64 / 2.0 * std::f64::consts::TAU.ln(),
        };
        visible + self.n_hidden as f64 * 2f64.ln()
    }

    /// The mean over rows of ln p(v) = −F(v) − ln Z, with ln Z from [`Rbm::log_z`] or [`Annealing::log_z`].
    pub fn log_likelihood<S: Scalar>(&self, theta: &[S], rows: Mat<'_, S>, log_z: f64) -> f64 {
        let n = rows.cols();
        let (mut inputs, mut each) = (vec![S::ZERO; self.n_hidden * n], vec![S::ZERO; n]);
        self.free_energies(theta, rows, &mut inputs, &mut each);
        -each.iter().map(|f| f.value()).sum::<f64>() / n as f64 - log_z
    }
}

/// ln of the mean of weights, with three standard errors of that mean.
fn interval(log_weights: &[f64], base: f64) -> LogZ {
    let n = log_weights.len() as f64;
    let most = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = log_weights.iter().map(|w| (w - most).exp()).collect();
    let mean = weights.iter().sum::<f64>() / n;
    let variance = weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let reach = 3.0 * (variance / n).sqrt();
    let log = |mean: f64| base + most + mean.max(0.0).ln();
    LogZ { value: log(mean), low: log(mean - reach), high: log(mean + reach) }
}

#[cfg(test)]
mod tests {
    use layerwise_tensor::Purpose;

    use super::*;

    /// Weights 1, 1, 1, 5: mean 2, standard error 1.
    #[test]
    fn the_interval_is_three_standard_errors_of_the_mean_weight() {
        let found = interval(&[0.0, 0.0, 0.0, 5f64.ln()], 7.0);
        assert!((found.value - (7.0 + 2f64.ln())).abs() < 1e-14 && (found.high - (7.0 + 5f64.ln())).abs() < 1e-14);
        assert_eq!(found.low, f64::NEG_INFINITY);
    }

    #[test]
    fn a_machine_without_weights_is_exact() {
        let key = Key::new(1, Purpose::Test);
        for visible in [Units::Bernoulli, Units::Gaussian] {
            let rbm = Rbm { visible, n_visible: 3, n_hidden: 2 };
            let mut theta = vec![0.0; rbm.n_theta()];
            let b = [0.3, -1.0, 0.5];
            theta[rbm.blocks()[B].range()].copy_from_slice(&b);
            let found = Annealing { chains: 5, temperatures: 3 }.log_z(&rbm, &theta, &b, key).unwrap();
            let exact = rbm.log_z(&theta).unwrap();
            assert!((found.value - exact).abs() < 1e-13 && found.high - found.low < 1e-13, "{found:?} {exact}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let message = |annealing: Annealing| annealing.check().unwrap_err().to_string();
        let annealing = Annealing::default();
        assert_eq!(message(Annealing { chains: 1, ..annealing }), "annealing.chains: should be at least 2, got 1");
        assert_eq!(
            message(Annealing { temperatures: 0, ..annealing }),
            "annealing.temperatures: should be at least 1, got 0"
        );
    }
}
