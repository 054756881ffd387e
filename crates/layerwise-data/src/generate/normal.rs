//! The tail of the normal distribution.

use std::f64::consts::TAU;

/// The upper tail of the normal distribution, Φ(−x) for x ≥ 0, to a relative error of about 10⁻¹⁴.
///
/// Up to 3: ½ − φ(x)(x + x³/3 + x⁵/15 + …); above: Laplace's continued fraction φ(x) / (x + 1/(x + 2/(x + 3/…))).
pub(super) fn normal_tail(x: f64) -> f64 {
    if x == f64::INFINITY {
        return 0.0;
    }
    let density = normal_density(x);
    if x > 3.0 {
        return density / (1..=200).rev().fold(x, |below, i| x + f64::from(i) / below);
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 - density * sum
}

/// φ(x).
pub(super) fn normal_density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of scipy.stats.norm.cdf(-x).
    #[test]
    fn the_normal_tail_agrees_with_scipy() {
        for (x, tail) in [
            (0.0, 0.5),
            (0.5, 0.3085375387259869),
            (1.0, 0.15865525393145707),
            (2.0, 0.022750131948179195),
            (2.9, 0.0018658133003840375),
            (3.1, 0.0009676032132183563),
            (5.0, 2.866515718791933e-07),
            (10.0, 7.61985302416047e-24),
            (30.0, 4.906713927147908e-198),
        ] {
            assert!((normal_tail(x) / tail - 1.0).abs() < 1e-13, "{x}: {} and {tail}", normal_tail(x));
        }
        assert_eq!(normal_tail(f64::INFINITY), 0.0);
    }
}
