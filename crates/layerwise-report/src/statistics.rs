//! Mean of repeated runs and its confidence interval under Student's t distribution.

use layerwise_stats::student_quantile;

use crate::terminal::number;

/// Beyond so many degrees of freedom the quantile changes by less than 1e-4.
const MOST: usize = 20_000;

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
            student_quantile(0.025, (count - 1).min(MOST) as f64) * standard_error
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

#[cfg(test)]
mod tests {
    use super::*;

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
