//! Paired comparisons over seeds: t = d̄ / (s/√n), n − 1 degrees of freedom (Student 1908). Several tests at once: Holm (1979).

use crate::student::student_tail;
use crate::summary::{deviation, mean};

/// A paired comparison: does the difference exceed `threshold`?
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Mean difference.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// One-sided p-value of "mean difference ≤ threshold".
    pub p: f64,
}

/// One-sided paired t-test of differences against `threshold`. With fewer than two pairs p is 1.
pub fn paired(differences: &[f64], threshold: f64) -> Paired {
    let (n, m) = (differences.len() as f64, mean(differences));
    let error = deviation(differences) / n.sqrt();
    let p = if differences.len() < 2 || !m.is_finite() {
        1.0
    } else if error == 0.0 {
        // All differences equal: certain, one way or the other.
        if m > threshold { 0.0 } else { 1.0 }
    } else {
        student_tail((m - threshold) / error, n - 1.0)
    };
    Paired { mean: m, error, p }
}

/// Holm's adjusted p-values, in the order given.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut so_far = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        so_far = so_far.max((p[i] * (p.len() - rank) as f64).min(1.0));
        adjusted[i] = so_far;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paired_test_by_hand() {
        // Differences 1, 2, 3: mean 2, s = 1, t = 2√3, ν = 2.
        let result = paired(&[1.0, 2.0, 3.0], 0.0);
        let t = 2.0 * 3f64.sqrt();
        assert_eq!(result.mean, 2.0);
        assert!((result.p - (0.5 - t / (2.0 * (2.0 + t * t).sqrt()))).abs() < 1e-14);
        assert_eq!(paired(&[1.0], 0.0).p, 1.0);
        assert_eq!((paired(&[1.0, 1.0], 0.0).p, paired(&[1.0, 1.0], 1.0).p), (0.0, 1.0));
    }

    #[test]
    fn several_tests_by_hand() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), vec![0.03, 0.06, 0.06]);
    }
}
