//! The chi-squared distribution, and an interval for the mean of squares of normal numbers.

use crate::estimate::Interval;
use crate::gamma::{upper_gamma, where_falls};
use crate::summary::{deviation, mean};

/// P(X > x) for chi-squared with `freedom` degrees.
pub fn chi_squared_tail(x: f64, freedom: f64) -> f64 {
    upper_gamma(0.5 * freedom, 0.5 * x)
}

/// The x with P(X > x) = `p`, for chi-squared with `freedom` degrees; NaN where p is no probability.
pub fn chi_squared_quantile(p: f64, freedom: f64) -> f64 {
    if freedom.is_nan() || freedom <= 0.0 || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 { f64::INFINITY } else { where_falls(|x| chi_squared_tail(x, freedom) - p) }
}

/// Where the expectation lies with at least about the probability `confidence`, of which these are independent samples, each a sum
/// Σ cᵢ gᵢ² with weights cᵢ ≥ 0 and standard normal gᵢ: a quadratic form gᵀ A g with A positive semidefinite.
///
/// The mean of k such sums is nearly a multiple of chi-squared with ν = 2 mean²/variance degrees of freedom (Satterthwaite 1946), which
/// is skewed, and the more the fewer weights there are; Student's interval misses too often then. ν is at least k, the value for a
/// single weight; beyond that it is estimated, by its lower confidence limit, with the same error probability as the interval.
pub fn interval_of_squares(sample: &[f64], confidence: f64) -> Interval {
    let k = sample.len() as f64;
    let (mean, error) = (mean(sample), deviation(sample) / k.sqrt());
    let miss = 1.0 - confidence;
    // The upper limit of the variance of the mean.
    let most = match sample.len() {
        0 | 1 => f64::INFINITY,
        _ => error * error * (k - 1.0) / chi_squared_quantile(1.0 - miss, k - 1.0),
    };
    let freedom = (2.0 * mean * mean / most).max(k);
    if mean <= 0.0 || mean.is_nan() || freedom > 1e12 {
        return Interval { low: mean, high: mean };
    }
    let at = |p: f64| mean * freedom / chi_squared_quantile(p, freedom);
    Interval { low: at(0.5 * miss), high: at(1.0 - 0.5 * miss) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_closed_forms_and_tables() {
        // Two degrees: exp(−x/2).
        for p in [0.01, 0.5, 0.99] {
            assert!((chi_squared_quantile(p, 2.0) + 2.0 * f64::ln(p)).abs() < 1e-12);
        }
        // Published points.
        for (freedom, p, x) in [(1.0, 0.05, 3.841_458_821), (10.0, 0.95, 3.940_299_136), (100.0, 0.025, 129.561_197)] {
            assert!((chi_squared_quantile(p, freedom) - x).abs() < 1e-6, "{freedom} {p}");
        }
        assert_eq!((chi_squared_quantile(0.0, 3.0), chi_squared_tail(0.0, 3.0)), (f64::INFINITY, 1.0));
        assert!(chi_squared_quantile(-0.1, 3.0).is_nan() && chi_squared_quantile(0.5, 0.0).is_nan());
    }

    #[test]
    fn a_single_square_has_the_exact_interval() {
        // x is chi-squared with one degree times the expectation.
        let interval = interval_of_squares(&[2.0], 0.95);
        for (end, p) in [(interval.low, 0.025), (interval.high, 0.975)] {
            assert!((end * chi_squared_quantile(p, 1.0) - 2.0).abs() < 1e-13, "{interval:?}");
        }
        assert_eq!(interval_of_squares(&[3.0; 5], 0.95), Interval { low: 3.0, high: 3.0 });
        assert_eq!(interval_of_squares(&[0.0; 5], 0.95), Interval { low: 0.0, high: 0.0 });
    }

    #[test]
    fn intervals_hold_the_expectation_as_often_as_they_say() {
        // A linear congruential generator (Knuth's MMIX) and Box and Muller: nothing else is at hand in this crate.
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        let mut normal = || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        let many: Vec<f64> = (0..30).map(|_| 1.0 / 30.0).collect();
        for weights in [&[1.0][..], &[0.5, 0.5], &[0.9, 0.09, 0.009, 0.001], &many] {
            for k in [8, 32] {
                let rounds = 4000;
                let mut held = 0;
                for _ in 0..rounds {
                    let mut sum = || weights.iter().map(|c| c * normal().powi(2)).sum::<f64>();
                    let sample: Vec<f64> = (0..k).map(|_| sum()).collect();
                    held += usize::from(interval_of_squares(&sample, 0.9).contains(weights.iter().sum()));
                }
                // Five standard deviations below 90 %: by luck once in three million.
                assert!(
                    held as f64 >= 0.9 * rounds as f64 - 5.0 * (0.09 * rounds as f64).sqrt(),
                    "{k} {weights:?}: {held}"
                );
            }
        }
    }
}
