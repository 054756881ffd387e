//! Pure noise: nothing to learn, everything to learn by heart.

use serde::{Deserialize, Serialize};

use super::{Generator, at_least, check_size, classes};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Normal features and uniform classes that have nothing to do with them; see [`noise_labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseLabels {
    /// Number of features.
    pub features: usize,
    /// Number of classes.
    pub classes: usize,
}

impl Default for NoiseLabels {
    fn default() -> Self {
        NoiseLabels { features: 10, classes: 2 }
    }
}

impl Generator for NoiseLabels {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        at_least("noise-labels", "features", 1, self.features)?;
        at_least("noise-labels", "classes", 2, self.classes)?;
        check_size("noise-labels", n, self.features)?;
        Ok(noise_labels(n, self.features, self.classes, seed))
    }

    fn floor(&self) -> Option<f64> {
        Some(1.0 - 1.0 / self.classes as f64)
    }
}

/// Pure noise: standard normal features and uniform classes that have nothing to do with them.
///
/// Whatever is learned here is learned by heart: the Bayes error is 1 − 1/k. Panics: if `n`, `d` or `k` is 0.
pub fn noise_labels(n: usize, d: usize, k: usize, seed: u64) -> Dataset {
    classes("noise_labels", n, d, k, seed, |_, point, rng| {
        point.iter_mut().for_each(|value| *value = rng.normal());
        rng.below(k)
    })
}

#[cfg(test)]
mod tests {
    use super::super::labels;
    use super::*;

    /// Counts have a standard deviation of 87: 6.1 of them, a chance of 1e-9.
    #[test]
    fn noise_labels_are_uniform() {
        let set = noise_labels(40_000, 2, 4, 1);
        for class in 0..4 {
            let count = labels(&set).iter().filter(|&&label| label == class).count();
            assert!(count.abs_diff(10_000) < 530, "{count}");
        }
    }
}
