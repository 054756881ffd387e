//! Gaussian blobs, whose Bayes error is a formula.
//!
//! Centers of equal distance δ, unit variance, equal shares: a point belongs most likely to the nearest center, so that the
//! Bayes error of k classes is 1 − ∫ φ(z) Φ(z + δ/√2)^(k−1) dz; for two classes Φ(−δ/2). Source: Fukunaga (1990), "Introduction
//! to Statistical Pattern Recognition", chapter 3; the integral is that of the largest of k normal numbers.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::normal::{normal_density, normal_tail};
use super::{Generator, at_least, check_size, classes, within};
use crate::dataset::Dataset;
use crate::error::DataError;

/// `classes` Gaussian blobs of unit variance, whose centers lie on the first axes, all `distance` apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blobs {
    /// Number of classes.
    pub classes: usize,
    /// Number of features, at least that of the classes; the others are noise.
    pub features: usize,
    /// Distance between any two centers, in standard deviations.
    pub distance: f64,
}

impl Default for Blobs {
    fn default() -> Self {
        Blobs { classes: 2, features: 2, distance: 2.0 }
    }
}

impl Generator for Blobs {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        at_least("blobs", "classes", 2, self.classes)?;
        at_least("blobs", "features", self.classes, self.features)?;
        within("blobs", "distance", 0.0, 1e6, self.distance)?;
        check_size("blobs", n, self.features)?;
        let reach = self.distance / 2f64.sqrt();
        Ok(classes("blobs", n, self.features, self.classes, seed, |class, point, rng| {
            point.iter_mut().for_each(|value| *value = rng.normal());
            point[class] += reach;
            class
        }))
    }

    /// The Bayes error: the trapezoid rule, which on a smooth bell is exact to rounding.
    fn floor(&self) -> Option<f64> {
        let reach = self.distance / 2f64.sqrt();
        let others = self.classes as f64 - 1.0;
        let step = 1.0 / 16.0;
        let at = |i: i32| {
            let z = f64::from(i) * step;
            let above = z + reach;
            let farther = if above >= 0.0 { normal_tail(above) } else { 1.0 - normal_tail(-above) };
            // 1 − (1 − q)^(k−1), exact where q is small.
            normal_density(z) * -(others * (-farther).ln_1p()).exp_m1()
        };
        Some((-640..=640).map(at).sum::<f64>() * step)
    }
}

/// Gaussian blobs: sample i is center i mod k plus noise.
///
/// Shapes: `centres` is features × classes. Panics: if `n` is 0 or `centres` is empty.
pub fn gaussian_blobs(n: usize, centres: &DMatrix<f64>, noise: f64, seed: u64) -> Dataset {
    let k = centres.ncols();
    classes("gaussian_blobs", n, centres.nrows(), k, seed, |class, point, rng| {
        for (value, centre) in point.iter_mut().zip(centres.column(class).iter()) {
            *value = centre + noise * rng.normal();
        }
        class
    })
}

/// Two Gaussian blobs of unit variance in `d` features, whose centers are `distance` apart along the first feature.
///
/// No classifier errs less often than [`two_blobs_error`]. Panics: if `n` or `d` is 0.
pub fn two_blobs(n: usize, d: usize, distance: f64, seed: u64) -> Dataset {
    let mut centres = DMatrix::zeros(d, 2);
    centres[(0, 0)] = -distance / 2.0;
    centres[(0, 1)] = distance / 2.0;
    Dataset { name: "two_blobs".to_owned(), ..gaussian_blobs(n, &centres, 1.0, seed) }
}

/// The Bayes error of [`two_blobs`]: Φ(−distance / 2), with Φ the normal distribution function.
pub fn two_blobs_error(distance: f64) -> f64 {
    normal_tail(distance.abs() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::{error, message};
    use super::*;

    /// Two classes: Φ(−δ/2). Three and ten: numbers of scripts/bayes_error.py.
    #[test]
    fn the_bayes_error_is_the_formula_for_two_and_the_integral_for_more() {
        for distance in [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0] {
            let found = Blobs { distance, ..Blobs::default() }.floor().unwrap();
            assert!((found / two_blobs_error(distance) - 1.0).abs() < 1e-12, "{distance}: {found}");
        }
        for (classes, distance, error) in BAYES {
            let found = Blobs { classes, features: classes, distance }.floor().unwrap();
            assert!((found / error - 1.0).abs() < 1e-10, "{classes} {distance}: {found} and {error}");
        }
    }

    const BAYES: [(usize, f64, f64); 4] = [
        (3, 1.0, 4.537555561429105e-01),
        (3, 4.0, 4.144731766119545e-02),
        (10, 2.0, 5.208039431383096e-01),
        (10, 6.0, 1.006362773226344e-02),
    ];

    /// Standard errors at n = 100 000 are at most 0.0016: 6.1 of them, a chance of 1e-9.
    #[test]
    fn the_nearest_center_errs_as_often_as_the_formulas_say() {
        let found = error(&two_blobs(100_000, 3, 1.5, 1), |point| usize::from(point[0] > 0.0));
        assert!((found - two_blobs_error(1.5)).abs() < 0.0097, "{found}");
        let blobs = Blobs { classes: 4, features: 5, distance: 2.0 };
        let nearest = |point: &[f64]| (0..4).max_by(|&a, &b| point[a].total_cmp(&point[b])).unwrap();
        let found = error(&blobs.draw(100_000, 1).unwrap(), nearest);
        assert!((found - blobs.floor().unwrap()).abs() < 0.0097, "{found}");
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let blobs = Blobs::default();
        assert_eq!(message(Blobs { classes: 1, ..blobs }.draw(9, 1)), "blobs: classes should be at least 2, got 1");
        assert_eq!(message(Blobs { classes: 3, ..blobs }.draw(9, 1)), "blobs: features should be at least 3, got 2");
        let wanted = "blobs: distance should be from 0 to 1000000, got";
        assert_eq!(message(Blobs { distance: f64::NAN, ..blobs }.draw(9, 1)), format!("{wanted} NaN"));
        assert_eq!(message(Blobs { distance: -1.0, ..blobs }.draw(9, 1)), format!("{wanted} -1"));
    }
}
