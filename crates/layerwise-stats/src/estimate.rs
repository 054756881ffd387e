//! A number that was estimated from a sample, with how far off it may be: mean, standard error s/√k, and Student's interval.

use crate::student::student_quantile;
use crate::summary::{deviation, mean};

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of the standard error: one less than the numbers it is made of.
    pub freedom: f64,
}

impl Estimate {
    /// The mean of independent numbers. Of a single one the standard error is infinite: nothing is known of it.
    pub fn of(sample: &[f64]) -> Estimate {
        let count = sample.len() as f64;
        let error = if sample.len() < 2 { f64::INFINITY } else { deviation(sample) / count.sqrt() };
        Estimate { value: mean(sample), error, freedom: count - 1.0 }
    }

    /// Where the true number lies with probability `confidence`, if the sample is large or normal: value ± t · error.
    pub fn interval(&self, confidence: f64) -> Interval {
        if self.error == 0.0 {
            return Interval { low: self.value, high: self.value };
        }
        let t = if self.error.is_finite() { student_quantile(0.5 * (1.0 - confidence), self.freedom) } else { 1.0 };
        Interval { low: self.value - t * self.error, high: self.value + t * self.error }
    }
}

/// All numbers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Interval {
    /// Whether x is one of them.
    pub fn contains(&self, x: f64) -> bool {
        (self.low..=self.high).contains(&x)
    }

    /// The largest minus the smallest.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_by_hand() {
        // Mean 2, s = 1, error 1/√3, ν = 2; the quantile of ν = 2 is (1 − 2p) √(2 / (4 p (1 − p))), p = 0.05.
        let estimate = Estimate::of(&[1.0, 2.0, 3.0]);
        assert_eq!((estimate.value, estimate.freedom), (2.0, 2.0));
        assert!((estimate.error - 3f64.sqrt().recip()).abs() < 1e-15);
        let t = 0.9 * (2.0f64 / (4.0 * 0.05 * 0.95)).sqrt();
        let interval = estimate.interval(0.9);
        assert!((interval.width() - 2.0 * t * estimate.error).abs() < 1e-12, "{interval:?}");
        assert!(interval.contains(2.0) && !interval.contains(2.0 + 1.01 * t * estimate.error));
    }

    #[test]
    fn a_single_number_says_nothing_and_equal_ones_everything() {
        assert_eq!(Estimate::of(&[3.0]).interval(0.95), Interval { low: f64::NEG_INFINITY, high: f64::INFINITY });
        assert_eq!(Estimate::of(&[3.0; 4]).interval(0.95), Interval { low: 3.0, high: 3.0 });
    }
}
