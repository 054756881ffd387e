//! Medians, and ratios of times that were taken in the same rounds.

use serde::{Deserialize, Serialize};

/// The middle one, or the mean of the two in the middle; NaN of nothing.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

/// How many times as long something takes: in the median of the rounds, and in the least and the greatest of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
}

impl Ratio {
    /// `theirs` over `ours`, round by round: what disturbs a round disturbs both. `None` without rounds.
    pub fn of(theirs: &[f64], ours: &[f64]) -> Option<Ratio> {
        let ratios: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
        let low = ratios.iter().copied().reduce(f64::min)?;
        let high = ratios.iter().copied().reduce(f64::max)?;
        Some(Ratio { ratio: median(&ratios), low, high })
    }
}

/// (∏ x)^(1/n); `None` of nothing.
pub fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let logarithms: f64 = numbers.iter().map(|x| x.ln()).sum();
    (!numbers.is_empty()).then(|| (logarithms / numbers.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |numbers: &[f64], expected: f64| assert_eq!(median(numbers), expected, "{numbers:?}");
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 100.0], 3.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn ratios_are_taken_within_rounds() {
        // The second round was slow for both: the ratio of the medians would say 2.
        let ratio = Ratio::of(&[2.0, 30.0, 4.5], &[1.0, 10.0, 1.5]);
        assert_eq!(ratio, Some(Ratio { ratio: 3.0, low: 2.0, high: 3.0 }));
        assert_eq!(Ratio::of(&[], &[]), None);
    }

    #[test]
    fn the_geometric_mean_of_ratios() {
        let mean = geometric_mean(&[2.0, 8.0]).unwrap_or(f64::NAN);
        assert!((mean - 4.0).abs() < 1e-15, "{mean}");
        assert_eq!(geometric_mean(&[]), None);
    }
}
