//! Corruption of the input of a denoising autoencoder. Source: Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), "Stacked
//! denoising autoencoders", section 3.3.

use layerwise_tensor::{Rng, Scalar};
use layerwise_train::TrainError;
use serde::{Deserialize, Serialize};

/// What is done to the input of an autoencoder, which has to reproduce what was there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Corruption {
    /// Nothing.
    #[default]
    None,
    /// Each number becomes 0 with probability `share`.
    Masking {
        /// Probability.
        share: f64,
    },
    /// Each number becomes 0 or 1, equally likely, with probability `share`.
    SaltAndPepper {
        /// Probability.
        share: f64,
    },
    /// Normal noise is added.
    Gaussian {
        /// Standard deviation.
        deviation: f64,
    },
}

impl Corruption {
    /// Refuses a share outside \[0, 1\] and a deviation that is negative or not finite.
    ///
    /// Errors: the key and what it should be.
    pub fn check(&self) -> Result<(), TrainError> {
        match *self {
            Corruption::Masking { share } | Corruption::SaltAndPepper { share } if !(0.0..=1.0).contains(&share) => {
                Err(TrainError::recipe("corruption.share", format!("should be from 0 to 1, got {share}")))
            }
            Corruption::Gaussian { deviation } if !(deviation >= 0.0 && deviation.is_finite()) => {
                let problem = format!("should be a finite number of at least 0, got {deviation}");
                Err(TrainError::recipe("corruption.deviation", problem))
            }
            _ => Ok(()),
        }
    }

    /// Corrupts numbers in place.
    pub fn apply<S: Scalar>(&self, x: &mut [S], rng: &mut Rng) {
        match *self {
            Corruption::None => {}
            Corruption::Masking { share } => {
                x.iter_mut().filter(|_| rng.uniform() < share).for_each(|x| *x = S::ZERO);
            }
            Corruption::SaltAndPepper { share } => {
                for x in x {
                    // One number decides both whether and what.
                    let u = rng.uniform();
                    if u < share {
                        *x = if u < share / 2.0 { S::ZERO } else { S::ONE };
                    }
                }
            }
            Corruption::Gaussian { deviation } => x.iter_mut().for_each(|x| *x += S::of(deviation * rng.normal())),
        }
    }
}

#[cfg(test)]
mod tests {
    use layerwise_tensor::{Key, Purpose};

    use super::*;

    /// n = 100 000: shares have standard errors of at most 0.0016, the deviation one of 0.0007; 6.1 of them, a chance of 1e-9.
    #[test]
    fn shares_and_deviation_are_as_asked() {
        let corrupted = |corruption: Corruption| {
            let mut x = vec![0.5f64; 100_000];
            corruption.apply(&mut x, &mut Key::new(1, Purpose::Test).rng());
            x
        };
        let share = |x: &[f64], of: f64| x.iter().filter(|&&v| v == of).count() as f64 / 1e5;
        assert_eq!(share(&corrupted(Corruption::None), 0.5), 1.0);
        let masked = corrupted(Corruption::Masking { share: 0.25 });
        assert!((share(&masked, 0.0) - 0.25).abs() < 0.0097 && share(&masked, 0.0) + share(&masked, 0.5) == 1.0);
        let salted = corrupted(Corruption::SaltAndPepper { share: 0.4 });
        assert!((share(&salted, 0.0) - 0.2).abs() < 0.0097 && (share(&salted, 1.0) - 0.2).abs() < 0.0097);
        let noisy = corrupted(Corruption::Gaussian { deviation: 0.3 });
        let square = noisy.iter().map(|v| (v - 0.5).powi(2)).sum::<f64>() / 1e5;
        assert!((square.sqrt() - 0.3).abs() < 0.0043, "{square}");
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let message = |corruption: Corruption| corruption.check().unwrap_err().to_string();
        assert_eq!(message(Corruption::Masking { share: 1.5 }), "corruption.share: should be from 0 to 1, got 1.5");
        assert_eq!(
            message(Corruption::Gaussian { deviation: f64::NAN }),
            "corruption.deviation: should be a finite number of at least 0, got NaN"
        );
    }
}
