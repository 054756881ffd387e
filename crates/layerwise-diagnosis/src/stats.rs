//! The statistics of paired comparisons over seeds.
//!
//! Student's t: t = d̄ / (s/√n), n − 1 degrees of freedom (Student 1908). Its distribution through the regularized incomplete
//! beta function, P(T ≤ t) = 1 − ½ I_{ν/(ν+t²)}(ν/2, ½) for t ≥ 0, by Lentz's continued fraction (Press et al. 2007, §6.4);
//! ln Γ by Lanczos (1964), g = 7. Several tests: Holm (1979).

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

/// P(T > t) for Student's t with `freedom` degrees.
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    let tail = 0.5 * incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5);
    if t >= 0.0 { tail } else { 1.0 - tail }
}

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

fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let sum = C[0] + C[1..].iter().enumerate().map(|(i, c)| c / (x + i as f64 + 1.0)).sum::<f64>();
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// I_x(a, b).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_closed_forms() {
        // ν = 1 is Cauchy: ½ − atan(t)/π. ν = 2: ½ − t / (2√(2 + t²)).
        for t in [0.0, 0.3, 1.0, 4.0, 50.0, -2.0] {
            let cauchy = 0.5 - f64::atan(t) / std::f64::consts::PI;
            assert!((student_tail(t, 1.0) - cauchy).abs() < 1e-14, "{t}");
            let two = 0.5 - t / (2.0 * (2.0 + t * t).sqrt());
            assert!((student_tail(t, 2.0) - two).abs() < 1e-14, "{t}");
        }
        // Published 5 % points.
        for (freedom, t) in [(4.0, 2.131_846_786), (9.0, 1.833_112_933), (30.0, 1.697_260_887)] {
            assert!((student_tail(t, freedom) - 0.05).abs() < 1e-9);
        }
    }

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
    fn quantiles_and_holm() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), quantile(&[0.0, 10.0], 0.95)), (2.0, 2.5, 9.5));
        assert_eq!(holm(&[0.01, 0.04, 0.03]), vec![0.03, 0.06, 0.06]);
    }
}
