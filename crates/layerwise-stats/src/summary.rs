//! Numbers that sum up a sample.

/// Mean of the numbers; NaN of none.
pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// Sample standard deviation (n − 1); 0 of one number.
pub fn deviation(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return 0.0;
    }
    let m = mean(x);
    (x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (x.len() - 1) as f64).sqrt()
}

/// The middle number, or the mean of the two; NaN of none.
pub fn median(x: &[f64]) -> f64 {
    quantile(x, 0.5)
}

/// The p-quantile, linearly between order statistics (type 7 of Hyndman and Fan 1996); NaN of none.
pub fn quantile(x: &[f64], p: f64) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = p * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(sorted.len() - 1);
    if part == 0.0 { sorted[low] } else { sorted[low] * (1.0 - part) + sorted[high] * part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_order_statistics() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), quantile(&[0.0, 10.0], 0.95)), (2.0, 2.5, 9.5));
        assert!(median(&[]).is_nan() && mean(&[]).is_nan());
        assert_eq!((mean(&[1.0, 2.0, 6.0]), deviation(&[1.0, 2.0, 6.0]), deviation(&[4.0])), (3.0, 7f64.sqrt(), 0.0));
    }
}
