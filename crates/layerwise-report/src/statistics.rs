//! Mean of repeated runs and its confidence interval under Student's t distribution.

use std::f64::consts::FRAC_2_PI;

use crate::terminal::number;

/// Mean of some values with the half-width of its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanInterval {
    /// Number of finite values.
    pub count: usize,
    /// Number of values left out because they are NaN or infinite.
    pub non_finite: usize,
    /// Arithmetic mean of the finite values; NaN when there are none.
    pub mean: f64,
    /// Half-width of the 95 % confidence interval of the mean; NaN below two values.
    pub half_width: f64,
}

impl MeanInterval {
    /// Mean and 95 % confidence interval of the finite `values`.
    pub fn of(values: &[f64]) -> Self {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let count = finite.len();
        let mean = finite.iter().sum::<f64>() / count as f64;
        let half_width = if count < 2 {
            f64::NAN
        } else {
            let squares: f64 = finite.iter().map(|value| (value - mean).powi(2)).sum();
            let standard_error = (squares / (count - 1) as f64 / count as f64).sqrt();
            student_t_quantile(0.95, count - 1) * standard_error
        };
        Self { count, non_finite: values.len() - count, mean, half_width }
    }

    /// Mean and half-width as text, both to the second digit of the half-width.
    pub(crate) fn rounded(&self) -> (String, Option<String>) {
        let mean = if self.count == 0 { "no value".to_owned() } else { number(self.mean) };
        if !self.half_width.is_finite() {
            return (mean, None);
        }
        // Outside this range of sizes plain decimals would be long, and an exact zero has none.
        if !(1e-5..1e5).contains(&self.half_width) || self.mean.abs() >= 1e6 {
            return (mean, Some(number(self.half_width)));
        }
        let decimals = (1.0 - self.half_width.log10().floor()).max(0.0) as usize;
        let text = |value: f64| format!("{value:.decimals$}");
        (text(self.mean), Some(text(self.half_width)))
    }
}

impl std::fmt::Display for MeanInterval {
    /// Writes "mean ± half-width", such as 0.967 ± 0.012.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rounded() {
            (mean, Some(half_width)) => write!(formatter, "{mean} ± {half_width}"),
            (mean, None) => formatter.write_str(&mean),
        }
    }
}

/// Two-sided quantile t of Student's distribution: P(|T| ≤ t) = `confidence`.
///
/// Solves the distribution's closed form for whole degrees of freedom (Abramowitz and Stegun
/// 26.7.3 and 26.7.4) by bisection. NaN for zero degrees of freedom or a confidence outside (0, 1).
pub fn student_t_quantile(confidence: f64, degrees_of_freedom: usize) -> f64 {
    if degrees_of_freedom == 0 || !(confidence > 0.0 && confidence < 1.0) {
        return f64::NAN;
    }
    // The quantile changes by less than 1e-4 beyond this, and the sum stays short.
    let degrees_of_freedom = degrees_of_freedom.min(20_000);
    // Bisecting over the angle atan(t / √ν) keeps the search interval finite.
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if central_probability(middle, degrees_of_freedom) < confidence {
            low = middle;
        } else {
            high = middle;
        }
    }
    (0.5 * (low + high)).tan() * (degrees_of_freedom as f64).sqrt()
}

/// P(|T| ≤ t) at `angle` = atan(t / √ν).
fn central_probability(angle: f64, degrees_of_freedom: usize) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees_of_freedom % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    let mut power = usize::from(odd);
    // Terms cos^k with k up to ν - 2, each with the next ratio of even to odd factors.
    while power + 2 <= degrees_of_freedom {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd { FRAC_2_PI * (angle + sine * sum) } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_published_tables() {
        for (degrees, expected) in [
            (1, 12.7062),
            (2, 4.3027),
            (3, 3.1824),
            (4, 2.7764),
            (9, 2.2622),
            (30, 2.0423),
            (120, 1.9799),
            (1_000_000, 1.9600),
        ] {
            let found = student_t_quantile(0.95, degrees);
            assert!((found - expected).abs() < 2e-4, "{degrees}: {found}");
        }
        assert!((student_t_quantile(0.99, 5) - 4.0321).abs() < 1e-4);
        assert!(student_t_quantile(0.95, 0).is_nan() && student_t_quantile(1.0, 3).is_nan());
    }

    #[test]
    fn mean_and_interval_of_known_sample() {
        // Sample variance 2.5, standard error √0.5, t(4) = 2.776445.
        let found = MeanInterval::of(&[1.0, 2.0, 3.0, 4.0, 5.0, f64::NAN]);
        assert_eq!((found.count, found.non_finite, found.mean), (5, 1, 3.0));
        assert!((found.half_width - 2.776445 * 0.5f64.sqrt()).abs() < 1e-5);
        assert_eq!(MeanInterval::of(&[2.0; 3]).half_width, 0.0);
        assert!(MeanInterval::of(&[2.0]).half_width.is_nan());
        assert!(MeanInterval::of(&[]).mean.is_nan());
        let texts = [&[1.0, 2.0, 3.0][..], &[0.9671, 0.9669], &[2.0; 3], &[0.5], &[]]
            .map(|values| MeanInterval::of(values).to_string());
        assert_eq!(texts, ["2.0 ± 2.5", "0.9670 ± 0.0013", "2 ± 0", "0.5", "no value"]);
    }
}
