//! ln Γ by Lanczos (1964), g = 7; the regularized incomplete gamma function Q(a, x) by its series and its continued fraction (Press
//! et al. 2007, §6.2).

/// ln Γ(x) for x > 0.
pub(crate) fn ln_gamma(x: f64) -> f64 {
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

/// Q(a, x) = Γ(a, x) / Γ(a), for a > 0.
pub(crate) fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    // Both need about √a terms near x = a.
    let most = 200 + (20.0 * a.sqrt()) as usize;
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for i in 1..most {
            term *= x / (a + i as f64);
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    let mut b = x + 1.0 - a;
    let mut c = f64::MAX;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..most {
        let i = i as f64;
        let step = -i * (i - a);
        b += 2.0;
        d = 1.0 / away(step * d + b);
        c = away(b + step / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * h
}

/// Not 0, for continued fractions.
pub(crate) fn away(x: f64) -> f64 {
    if x.abs() < 1e-300 { 1e-300 } else { x }
}

/// The t ≥ 0 where `f`, which falls from above 0 to below, is 0, to the last bit.
pub(crate) fn where_falls(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while f(high) > 0.0 && high < f64::MAX / 4.0 {
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if f(middle) > 0.0 { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_functions_meet_closed_forms() {
        // Γ(½) = √π, Γ(6) = 120; Q(1, x) = e^(−x), Q(2, x) = (1 + x) e^(−x).
        assert!((ln_gamma(0.5) - 0.5 * std::f64::consts::PI.ln()).abs() < 1e-14);
        assert!((ln_gamma(6.0) - 120f64.ln()).abs() < 1e-14);
        for x in [0.0, 1e-3, 0.7, 1.9, 2.1, 3.5, 20.0, 700.0] {
            assert!((upper_gamma(1.0, x) - (-x).exp()).abs() < 1e-14, "{x}");
            assert!((upper_gamma(2.0, x) - (1.0 + x) * (-x).exp()).abs() < 1e-14, "{x}");
        }
    }
}
