//! Learning curves over several seeds: the mean, and a band from the lowest to the highest.

use layerwise_diagnosis::Trace;
use layerwise_train::{Epoch, Scores, StopReason};

use crate::axis::Axis;
use crate::line_chart::{LineChart, Mark, Series};

/// Trainings of one recipe.
pub(crate) struct Runs<'a> {
    /// `patient`, `remedied`, or nothing if there is but one recipe.
    name: &'static str,
    /// History of each, and whether it broke at a number that was not finite.
    histories: Vec<(&'a [Epoch], bool)>,
}

impl<'a> Runs<'a> {
    /// The trainings behind some traces.
    pub fn of(name: &'static str, traces: &'a [Trace]) -> Self {
        let history = |trace: &'a Trace| (&trace.outcome.history[..], broke(&trace.outcome.stop));
        Self { name, histories: traces.iter().map(history).collect() }
    }

    /// One training among others.
    pub fn named(name: &'static str, history: &'a [Epoch], stop: &StopReason) -> Self {
        Self { name, ..Self::one(history, stop) }
    }

    /// One training.
    pub fn one(history: &'a [Epoch], stop: &StopReason) -> Self {
        Self { name: "", histories: vec![(history, broke(stop))] }
    }

    /// The curve of a number; none if no row has it.
    fn series(&self, rows: &str, of: &dyn Fn(&Epoch) -> Option<f64>) -> Option<Series> {
        let (longest, _) = self.histories.iter().max_by_key(|(history, _)| history.len())?;
        longest.iter().find_map(of)?;
        let all_broke = self.histories.iter().all(|(_, broke)| *broke);
        let first = longest.first()?.epoch;
        let name = if self.name.is_empty() { rows.to_owned() } else { format!("{}, {rows}", self.name) };
        let (mut points, mut band) = (Vec::new(), Vec::new());
        // One epoch more where all broke: there the curve ends in a cross.
        for index in 0..longest.len() + usize::from(all_broke) {
            let at = (first + index as u64) as f64;
            let values: Vec<f64> = self.at(index, of).filter(|value| value.is_finite()).collect();
            points.push((at, values.iter().sum::<f64>() / values.len() as f64));
            let lowest = values.iter().copied().fold(f64::NAN, f64::min);
            band.push((at, lowest, values.iter().copied().fold(f64::NAN, f64::max)));
        }
        Some(Series { band: (self.histories.len() > 1).then_some(band), ..Series::new(name, points) })
    }

    /// The number in each training; one that ended keeps its last value, one that broke has none.
    fn at(&self, index: usize, of: &dyn Fn(&Epoch) -> Option<f64>) -> impl Iterator<Item = f64> {
        self.histories.iter().filter_map(move |(history, broke)| {
            let last = history.last().filter(|_| !broke);
            history.get(index).or(last).and_then(of)
        })
    }
}

fn broke(stop: &StopReason) -> bool {
    matches!(stop, StopReason::NotFinite(_))
}

/// Mean loss by epoch; `chance` is that of the best constant prediction.
pub(crate) fn losses(runs: &[Runs], chance: Option<f64>, marks: Vec<Mark>) -> LineChart {
    let mut series = curves(runs, |scores| scores.loss);
    let last = series.iter().flat_map(|series| &series.points).map(|point| point.0).fold(0.0, f64::max);
    if let Some(chance) = chance {
        series.push(Series::new("constant guess", vec![(0.0, chance), (last, chance)]));
    }
    let label = "mean loss";
    let y = if spans_decades(&series) { Axis::log10(label) } else { Axis::linear(label) };
    LineChart { title: "Loss by epoch".into(), x: Axis::linear("epoch").whole(), y, series, marks }
}

/// Error by epoch, in percent.
pub(crate) fn errors(runs: &[Runs], marks: Vec<Mark>) -> LineChart {
    let series = curves(runs, |scores| 100.0 * scores.error);
    let bands = series.iter().filter_map(|series| series.band.as_ref()).flatten().map(|band| band.2);
    let values = series.iter().flat_map(|series| &series.points).map(|point| point.1).chain(bands);
    let y = Axis::linear("error").unit("%");
    // From 0, so that a small error looks small.
    let (low, high) = y.widen(y.extent(values.chain([0.0])), 6);
    LineChart { title: "Error by epoch".into(), x: Axis::linear("epoch").whole(), y: y.range(low, high), series, marks }
}

/// Training and validation curve of each recipe.
fn curves(runs: &[Runs], of: fn(&Scores) -> f64) -> Vec<Series> {
    let of_one = |runs: &Runs| {
        let train = runs.series("training", &|row| Some(of(&row.train)));
        let validation = runs.series("validation", &|row| row.validation.as_ref().map(of));
        [train, validation]
    };
    runs.iter().flat_map(of_one).flatten().collect()
}

/// Whether the values differ so much that a linear axis would hide the small ones.
fn spans_decades(series: &[Series]) -> bool {
    let values = || series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|v| *v > 0.0);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(0.0, f64::max);
    high > 20.0 * low
}

/// How many trainings broke and when, as a sentence; nothing if none did.
pub(crate) fn breaks(traces: &[Trace]) -> Option<String> {
    let mut troubles: Vec<_> = traces
        .iter()
        .filter_map(|trace| match &trace.outcome.stop {
            StopReason::NotFinite(trouble) => Some(trouble),
            _ => None,
        })
        .collect();
    troubles.sort_by_key(|trouble| trouble.step);
    let first = troubles.first()?;
    Some(format!(
        "{} of {} trainings ended in a number that is not finite, the earliest at {first}.",
        troubles.len(),
        traces.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[f64]) -> Vec<Epoch> {
        let row = |(epoch, &loss): (usize, &f64)| Epoch {
            epoch: epoch as u64,
            step: 10 * epoch as u64,
            train: Scores { loss, error: 0.5 },
            validation: None,
            rate: 0.1,
        };
        losses.iter().enumerate().map(row).collect()
    }

    fn values(histories: &[(&[f64], bool)]) -> Vec<f64> {
        let histories: Vec<_> = histories.iter().map(|(losses, broke)| (history(losses), *broke)).collect();
        let runs =
            Runs { name: "", histories: histories.iter().map(|(history, broke)| (&history[..], *broke)).collect() };
        assert!(runs.series("validation", &|row| row.validation.as_ref().map(|v| v.loss)).is_none());
        let series = runs.series("training", &|row| Some(row.train.loss)).expect("it has rows");
        series.points.into_iter().map(|point| point.1).collect()
    }

    #[test]
    fn a_training_that_stopped_keeps_its_value_and_one_that_broke_has_none() {
        assert_eq!(values(&[(&[4.0, 2.0, 1.0], false), (&[6.0, 4.0], false)]), [5.0, 3.0, 2.5]);
        assert_eq!(values(&[(&[4.0, 2.0, 1.0], false), (&[6.0, f64::NAN], true)]), [5.0, 2.0, 1.0]);
        let broken = values(&[(&[4.0, 2.0], true)]);
        assert!(broken[..2] == [4.0, 2.0] && broken[2].is_nan() && broken.len() == 3);
        assert_eq!(values(&[(&[7.0], false)]), [7.0]);
    }

    #[test]
    fn no_training_gives_an_empty_chart() {
        assert!(losses(&[Runs::of("patient", &[])], Some(2.3), vec![]).svg().starts_with("<svg"));
        assert!(breaks(&[]).is_none());
    }
}
