//! Friedman's first function: y = 10 sin(π x₁x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅. Source: J. H. Friedman (1991), "Multivariate
//! Adaptive Regression Splines", Annals of Statistics 19, 1-67, eq. 61.

use serde::{Deserialize, Serialize};

use super::turn::turn;
use super::{BestValue, Generator, at_least, check_noise, check_size, values};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Friedman's first function of uniform features; see [`friedman1`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Friedman1 {
    /// Number of features, at least 5; the others are irrelevant.
    pub features: usize,
    /// Standard deviation of the noise on the value.
    pub noise: f64,
}

impl Default for Friedman1 {
    fn default() -> Self {
        Friedman1 { features: 10, noise: 1.0 }
    }
}

impl Friedman1 {
    /// The value without noise.
    ///
    /// Panics: if `x` has less than 5 numbers.
    pub fn mean(x: &[f64]) -> f64 {
        let bowl = x[2] - 0.5;
        10.0 * turn(x[0] * x[1] / 2.0).0 + 20.0 * bowl * bowl + 10.0 * x[3] + 5.0 * x[4]
    }
}

impl Generator for Friedman1 {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        at_least("friedman1", "features", 5, self.features)?;
        check_noise("friedman1", self.noise)?;
        check_size("friedman1", n, self.features)?;
        Ok(friedman1(n, self.features, self.noise, seed))
    }

    fn floor(&self) -> Option<f64> {
        Some(self.noise * self.noise)
    }

    fn best(&self) -> Option<BestValue> {
        Some(Box::new(Friedman1::mean))
    }
}

/// Friedman's first function (1991): y = 10 sin(π x₁x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ plus noise, with `d` uniform
/// features on [0, 1).
///
/// Features from the sixth on are irrelevant; the least possible mean squared error is noise².
/// Source: J. H. Friedman (1991), "Multivariate Adaptive Regression Splines", Annals of Statistics 19, 1-67.
/// Panics: if `n` is 0 or `d` is below 5.
pub fn friedman1(n: usize, d: usize, noise: f64, seed: u64) -> Dataset {
    assert!(n > 0 && d >= 5, "friedman1: n and d should be at least 1 and 5, got {n} and {d}");
    values("friedman1", n, d, seed, |point, rng| {
        point.iter_mut().for_each(|value| *value = rng.uniform());
        Friedman1::mean(point) + noise * rng.normal()
    })
}

#[cfg(test)]
mod tests {
    use super::super::message;
    use super::*;

    #[test]
    #[should_panic(expected = "friedman1: n and d should be at least 1 and 5, got 3 and 4")]
    fn too_few_features_for_friedman() {
        friedman1(3, 4, 1.0, 1);
    }

    #[test]
    fn the_best_prediction_is_the_value_without_noise() {
        let friedman = Friedman1 { features: 7, noise: 0.0 };
        let (set, best) = (friedman.draw(20, 1).unwrap(), friedman.best().unwrap());
        let crate::Target::Values { values, .. } = &set.target else { unreachable!() };
        assert!(set.x.column_iter().zip(values).all(|(x, &y)| best(x.as_slice()) == y));
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let few = Friedman1 { features: 4, noise: 1.0 };
        assert_eq!(message(few.draw(9, 1)), "friedman1: features should be at least 5, got 4");
    }
}
