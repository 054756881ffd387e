//! Axes: which values they show, where ticks go, and how ticks are labelled.

use crate::ticks::{Ticks, linear_ticks, log_floor, log_ticks, round_step};

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences take equal lengths.
    Linear,
    /// Equal ratios take equal lengths; values at or below zero cannot be shown.
    Log10,
}

impl Scale {
    /// The position of `value` in axis coordinates, or `None` where the scale cannot show it.
    pub(crate) fn transform(self, value: f64) -> Option<f64> {
        match self {
            // Beyond 1e300 differences of two positions overflow.
            Self::Linear => value.is_finite().then(|| value.clamp(-1e300, 1e300)),
            Self::Log10 => (value.is_finite() && value > 0.0).then(|| value.log10()),
        }
    }
}

/// An axis: its label, unit, scale, and the range it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What the axis measures.
    pub label: String,
    /// Unit of the values, empty for pure numbers.
    pub unit: String,
    /// Spread of values.
    pub scale: Scale,
    /// Lowest and highest value shown; `None` follows the data.
    pub range: Option<(f64, f64)>,
    /// Whether ticks stay on whole numbers.
    pub whole: bool,
}

impl Axis {
    /// A linear axis that follows the data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), unit: String::new(), scale: Scale::Linear, range: None, whole: false }
    }

    /// A logarithmic axis that follows the data.
    pub fn log10(label: impl Into<String>) -> Self {
        Self { scale: Scale::Log10, ..Self::linear(label) }
    }

    /// The same axis with a unit.
    pub fn unit(self, unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// The same axis showing a fixed range.
    pub fn range(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }

    /// The same axis with ticks on whole numbers only, for counts such as epochs.
    pub fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// The label with its unit in parentheses.
    pub(crate) fn caption(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{} ({})", self.label, self.unit) }
    }

    /// Lowest and highest axis coordinate shown for `values`, never of zero length.
    pub(crate) fn extent(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let fixed = self.range.and_then(|(low, high)| Some((self.scale.transform(low)?, self.scale.transform(high)?)));
        let (low, high) = fixed.unwrap_or_else(|| {
            values
                .filter_map(|value| self.scale.transform(value))
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
        });
        let (low, high) = if low > high && fixed.is_some() { (high, low) } else { (low, high) };
        if low > high {
            return (0.0, 1.0);
        }
        // A spread this small is rounding noise, and its tick labels would all look alike.
        let size = low.abs().max(high.abs());
        if high - low > 1e-6 * size {
            return (low, high);
        }
        let margin = match self.scale {
            Scale::Linear if size > 0.0 => 0.1 * size,
            _ => 0.5,
        };
        (low - margin, high + margin)
    }

    /// Ticks for the axis coordinates from `low` to `high`, about `target` of them labelled.
    pub(crate) fn ticks(&self, low: f64, high: f64, target: usize) -> Ticks {
        match self.scale {
            Scale::Linear => linear_ticks(low, high, target, self.whole),
            Scale::Log10 => log_ticks(low, high, target),
        }
    }

    /// `low` and `high` moved outward to round values, unless the range is fixed.
    pub(crate) fn widen(&self, (low, high): (f64, f64), target: usize) -> (f64, f64) {
        if self.range.is_some() {
            return (low, high);
        }
        match self.scale {
            Scale::Linear => widen_linear(low, high, target),
            // So narrow a range holds too few of 1, 2, 5, and its ticks are linear steps.
            Scale::Log10 if high - low < 0.5 => {
                let (low, high) = widen_linear(10f64.powf(low), 10f64.powf(high), target);
                (low.log10(), high.log10())
            }
            Scale::Log10 => (log_floor(low), -log_floor(-high)),
        }
    }
}

/// `low` and `high` moved outward to multiples of a round step.
fn widen_linear(low: f64, high: f64, target: usize) -> (f64, f64) {
    let step = round_step((high - low) / target as f64);
    // The small allowance keeps 0.3 / 0.1 from counting as more than 3.
    let down = (low / step + 1e-9).floor() * step;
    let up = (high / step - 1e-9).ceil() * step;
    (down.min(low), up.max(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_ends_on_round_values() {
        let linear = Axis::linear("x");
        assert_eq!(linear.widen((0.03, 0.97), 5), (0.0, 1.0));
        assert_eq!(linear.clone().range(0.0, 0.9).widen((0.0, 0.9), 5), (0.0, 0.9));
        let (low, high) = Axis::log10("x").widen((0.03f64.log10(), 10.2f64.log10()), 5);
        assert!((low - 0.02f64.log10()).abs() < 1e-12 && (high - 20f64.log10()).abs() < 1e-12);
        assert_eq!(Axis::log10("x").widen((-3.0, 2.0), 5), (-3.0, 2.0));
        let (low, high) = Axis::log10("x").widen((2.13f64.log10(), 2.31f64.log10()), 5);
        assert!((low - 2.1f64.log10()).abs() < 1e-12 && (high - 2.35f64.log10()).abs() < 1e-12);
    }

    #[test]
    fn extent_survives_degenerate_data() {
        let linear = Axis::linear("x");
        assert_eq!(linear.extent([f64::NAN, f64::INFINITY].into_iter()), (0.0, 1.0));
        assert_eq!(linear.extent([5.0, 5.0].into_iter()), (4.5, 5.5));
        assert_eq!(linear.extent([0.0].into_iter()), (-0.5, 0.5));
        let (low, high) = linear.extent([f64::MAX, f64::MIN].into_iter());
        assert!((high - low).is_finite() && !linear.ticks(low, high, 5).major.is_empty());
        let log = Axis::log10("x");
        assert_eq!(log.extent([0.0, -1.0, 10.0, 1000.0].into_iter()), (1.0, 3.0));
        assert_eq!(log.extent([1.0].into_iter()), (-0.5, 0.5));
        assert_eq!(log.clone().range(10.0, 0.1).extent([].into_iter()), (-1.0, 1.0));
        let noise = linear.extent([std::f64::consts::LN_2, std::f64::consts::LN_2 + 1e-12].into_iter());
        assert!(noise.1 - noise.0 > 0.1);
    }
}
