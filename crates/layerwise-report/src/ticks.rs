//! Tick placement: the round values an axis labels, and how it writes them.

use crate::terminal::{number, trim_zeros};

/// Tick positions in axis coordinates; only major ticks carry labels.
#[derive(Debug, Default)]
pub(crate) struct Ticks {
    pub major: Vec<(f64, String)>,
    pub minor: Vec<f64>,
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
pub(crate) fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

/// The logarithm of the largest 1, 2 or 5 times a power of ten that is at most 10^`at`.
///
/// These numbers mirror about 1, so the negative of this at `-at` rounds up.
pub(crate) fn log_floor(at: f64) -> f64 {
    let decade = (at + 1e-9).floor();
    let factors = [5f64, 2.0, 1.0].map(f64::log10);
    let below = factors.into_iter().find(|factor| decade + factor <= at + 1e-9);
    decade + below.unwrap_or(0.0)
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten.
pub(crate) fn linear_ticks(low: f64, high: f64, target: usize, whole: bool) -> Ticks {
    let mut step = round_step((high - low) / target.max(1) as f64);
    if whole {
        step = step.max(1.0);
    }
    let first = (low / step - 1e-9).ceil();
    let count = ((high / step + 1e-9).floor() - first).clamp(-1.0, 100.0) as i64 + 1;
    let largest = low.abs().max(high.abs());
    let major = (0..count)
        // Multiples, not sums, so that 0.3 does not drift to 0.30000000000000004.
        .map(|index| (first + index as f64) * step)
        .map(|value| (value, linear_label(value, step, largest)))
        .collect();
    Ticks { major, minor: Vec::new() }
}

/// Label of a linear tick, with as many digits as `step` needs.
fn linear_label(value: f64, step: f64, largest: f64) -> String {
    let exponent = (step * (1.0 + 1e-9)).log10().floor();
    let text = if value == 0.0 {
        "0".to_owned()
    } else if largest >= 1e6 || exponent < -5.0 {
        let digits = ((value.abs() * (1.0 + 1e-9)).log10().floor() - exponent).max(0.0) as usize;
        let text = format!("{value:.digits$e}");
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{power}", trim_zeros(mantissa))
    } else {
        let decimals = (-exponent).max(0.0) as usize;
        format!("{value:.decimals$}")
    };
    text.replace('-', "−")
}

/// Ticks at powers of ten, or at 1, 2, 5 between them where few powers fit.
///
/// `low` and `high` are logarithms, and so are the positions.
pub(crate) fn log_ticks(low: f64, high: f64, target: usize) -> Ticks {
    // The allowance keeps a range that ends on a tick from losing it to rounding.
    let inside = |at: f64| at >= low - 1e-9 && at <= high + 1e-9;
    let decades: Vec<i64> = (low.floor() as i64..=high.ceil() as i64).collect();
    if high - low < 0.5 {
        return narrow_log_ticks(low, high, target);
    }
    let mut ticks = Ticks::default();
    if high - low < 1.5 {
        for (&decade, factor) in decades.iter().flat_map(|d| (1..10).map(move |f| (d, f))) {
            let at = decade as f64 + f64::from(factor).log10();
            if !inside(at) {
                continue;
            }
            if matches!(factor, 1 | 2 | 5) {
                let value = number(10f64.powf(at)).replace('-', "−");
                ticks.major.push((at, value));
            } else {
                ticks.minor.push(at);
            }
        }
        return ticks;
    }
    let least = (high - low) / target.max(1) as f64;
    let strides = [1, 2, 3, 5, 10, 20, 50];
    let stride = strides.into_iter().find(|&stride| stride as f64 >= least).unwrap_or(100);
    for &decade in &decades {
        if decade.rem_euclid(stride) != 0 {
            if inside(decade as f64) && stride <= 10 {
                ticks.minor.push(decade as f64);
            }
        } else if inside(decade as f64) {
            ticks.major.push((decade as f64, power_label(decade)));
        }
        // Between decades that are far apart on paper, the steps 2 to 9 show the scale is curved.
        if stride == 1 && high - low <= 6.0 {
            let steps = (2..10).map(|factor| decade as f64 + f64::from(factor).log10());
            ticks.minor.extend(steps.filter(|&at| inside(at)));
        }
    }
    ticks
}

/// Ticks of a range so narrow that it holds too few of 1, 2, 5: linear steps at their logarithms.
fn narrow_log_ticks(low: f64, high: f64, target: usize) -> Ticks {
    let linear = linear_ticks(10f64.powf(low), 10f64.powf(high), target, false);
    let major = linear
        .major
        .into_iter()
        .filter(|(value, _)| *value > 0.0)
        .map(|(value, label)| (value.log10(), label))
        .collect();
    Ticks { major, minor: Vec::new() }
}

/// 10 with a superscript exponent.
fn power_label(exponent: i64) -> String {
    match exponent {
        0 => return "1".to_owned(),
        1 => return "10".to_owned(),
        _ => {}
    }
    let raise = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32(digit as u32 - '0' as u32 + '⁰' as u32).unwrap_or(digit),
    };
    let raised: String = exponent.to_string().chars().map(raise).collect();
    format!("10{raised}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Axis;

    fn labels(ticks: &Ticks) -> Vec<&str> {
        ticks.major.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn linear_ticks_step_by_1_2_5() {
        let axis = Axis::linear("x");
        let ticks = axis.ticks(0.0, 1.0, 5);
        let at: Vec<f64> = ticks.major.iter().map(|(at, _)| *at).collect();
        assert_eq!(at, [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(labels(&ticks), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&axis.ticks(-7.0, 12.0, 4)), ["−5", "0", "5", "10"]);
        assert_eq!(labels(&axis.ticks(0.0, 2.5e7, 3)), ["0", "1e7", "2e7"]);
        assert_eq!(labels(&axis.ticks(0.0, 3e-7, 3)), ["0", "1e−7", "2e−7", "3e−7"]);
        assert_eq!(labels(&axis.clone().whole().ticks(0.0, 2.0, 6)), ["0", "1", "2"]);
    }

    #[test]
    fn log_ticks_fit_the_number_of_decades() {
        let axis = Axis::log10("x");
        let wide = axis.ticks(-12.0, 0.0, 6);
        assert_eq!(labels(&wide), ["10⁻¹²", "10⁻¹⁰", "10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²", "1"]);
        assert_eq!(wide.minor, [-11.0, -9.0, -7.0, -5.0, -3.0, -1.0]);
        let few = axis.ticks(-2.0, 1.0, 6);
        assert_eq!(labels(&few), ["10⁻²", "10⁻¹", "1", "10"]);
        assert_eq!(few.minor.len(), 24);
        assert_eq!(labels(&axis.ticks(0.0, 1.0, 6)), ["1", "2", "5", "10"]);
        let narrow = axis.ticks(2f64.log10(), 2.4f64.log10(), 4);
        assert_eq!(labels(&narrow), ["2.0", "2.1", "2.2", "2.3", "2.4"]);
        assert!((narrow.major[1].0 - 2.1f64.log10()).abs() < 1e-12);
        assert!(axis.ticks(-323.3, 308.2, 6).major.len() <= 8);
    }
}
