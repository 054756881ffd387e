//! Parity of bits: no subset of the features tells anything about the class. Source: Minsky and Papert (1969).

use serde::{Deserialize, Serialize};

use super::normal::normal_tail;
use super::{Generator, at_least, check_noise, check_size, classes};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Corners of a cube with the parity of their bits; see [`parity`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parity {
    /// Number of bits.
    pub bits: usize,
    /// Standard deviation of the noise on every feature.
    pub noise: f64,
}

impl Default for Parity {
    fn default() -> Self {
        Parity { bits: 4, noise: 0.1 }
    }
}

impl Generator for Parity {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        at_least("parity", "bits", 1, self.bits)?;
        check_noise("parity", self.noise)?;
        check_size("parity", n, self.bits)?;
        Ok(parity(n, self.bits, self.noise, seed))
    }

    fn floor(&self) -> Option<f64> {
        Some(parity_error(self.bits, self.noise))
    }
}

/// Parity: random corners of the cube [−1, 1]^bits plus noise; the class is the number of +1 of the corner, mod 2.
///
/// No classifier errs less often than [`parity_error`]. Panics: if `n` or `bits` is 0.
pub fn parity(n: usize, bits: usize, noise: f64, seed: u64) -> Dataset {
    classes("parity", n, bits, 2, seed, |_, point, rng| {
        let mut class = 0;
        for value in point.iter_mut() {
            let bit = rng.below(2);
            class ^= bit;
            *value = 2.0 * bit as f64 - 1.0 + noise * rng.normal();
        }
        class
    })
}

/// The Bayes error of [`parity`]: (1 − (1 − 2p)^bits) / 2 with p = Φ(−1 / noise), the chance that noise flips a bit.
///
/// Given a point, the chances of even and odd parity differ by ∏ tanh(xᵢ / noise²) up to sign: the best guess is the
/// parity of the signs, and it errs if noise flips an odd number of them.
pub fn parity_error(bits: usize, noise: f64) -> f64 {
    let flip = normal_tail(1.0 / noise.abs());
    // ln(1 − 2p) and expm1 keep small errors exact.
    -(bits as f64 * (-2.0 * flip).ln_1p()).exp_m1() / 2.0
}

/// Exclusive or: [`parity`] of two bits.
///
/// Panics: if `n` is 0.
pub fn xor(n: usize, noise: f64, seed: u64) -> Dataset {
    Dataset { name: "xor".to_owned(), ..parity(n, 2, noise, seed) }
}

#[cfg(test)]
mod tests {
    use super::super::error;
    use super::*;

    /// The standard error at n = 100 000 is at most 0.0016: 6.1 of them, a chance of 1e-9.
    #[test]
    fn the_parity_of_the_signs_errs_as_often_as_the_formula_says() {
        let odd = |point: &[f64]| point.iter().filter(|value| **value > 0.0).count() % 2;
        let found = error(&parity(100_000, 3, 0.7, 1), odd);
        assert!((found - parity_error(3, 0.7)).abs() < 0.0097, "{found}");
        assert_eq!(parity_error(2, 0.0), 0.0);
        assert_eq!(error(&xor(1000, 0.0, 1), odd), 0.0);
    }
}
