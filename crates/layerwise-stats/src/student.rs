//! Student's t distribution (Student 1908).
//!
//! P(T ≤ t) = 1 − ½ I_{ν/(ν+t²)}(ν/2, ½) for t ≥ 0, with the regularized incomplete beta function by Lentz's continued fraction
//! (Press et al. 2007, §6.4).

use crate::gamma::{away, ln_gamma, where_falls};

/// P(T > t) for Student's t with `freedom` degrees.
pub fn student_tail(t: f64, freedom: f64) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    let tail = 0.5 * incomplete_beta(freedom / (freedom + t * t), 0.5 * freedom, 0.5);
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The t with P(T > t) = `p`, for Student's t with `freedom` degrees; infinite at 0 and 1, NaN where p is no probability.
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    if freedom.is_nan() || freedom <= 0.0 || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -student_quantile(1.0 - p, freedom);
    }
    if p == 0.0 { f64::INFINITY } else { where_falls(|t| student_tail(t, freedom) - p) }
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
    fn quantiles_invert_tails() {
        for freedom in [1.0, 2.0, 7.5, 63.0] {
            for t in [0.0, 0.1, 1.0, 3.0] {
                let back = student_quantile(student_tail(t, freedom), freedom);
                assert!((back - t).abs() < 1e-12, "{t} {back} {freedom}");
                assert!((student_quantile(student_tail(-t, freedom), freedom) + t).abs() < 1e-12, "{t} {freedom}");
            }
        }
        assert!((student_quantile(0.025, 1.0) - 12.706_204_736_174_7).abs() < 1e-9);
        assert_eq!((student_quantile(0.0, 3.0), student_quantile(1.0, 3.0)), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(student_quantile(1.5, 3.0).is_nan() && student_quantile(0.5, 0.0).is_nan());
    }
}
