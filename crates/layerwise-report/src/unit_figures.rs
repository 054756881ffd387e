//! Figures of units: histograms of activations, shares of saturated and of dead units.

use layerwise_diagnosis::{Trace, Units};

use crate::axis::Axis;
use crate::histograms::{HistogramRow, Histograms};
use crate::layer_bars::LayerBars;

/// The units of one moment of a training.
pub(crate) type Moment = fn(&Trace) -> &Vec<Units>;

/// Histograms of the hidden layers' activations, or of the output's if there is no hidden layer.
///
/// The outputs of a network are on a scale of their own, which would squeeze all other rows.
pub(crate) fn activations(title: &str, units: &[Units]) -> Histograms {
    let hidden = &units[..units.len().saturating_sub(1)];
    let shown = if hidden.is_empty() { units } else { hidden };
    let row = |units: &Units| HistogramRow {
        name: units.layer.clone(),
        edges: units.edges.clone(),
        counts: units.counts.clone(),
    };
    Histograms { title: title.into(), x: Axis::linear("activation"), rows: shown.iter().map(row).collect() }
}

/// Share of saturated activations of the layers that can saturate, mean over the trainings; none if no layer can.
pub(crate) fn saturation(title: &str, trainings: &[&[Units]]) -> Option<LayerBars> {
    bars(title, "saturated activations", trainings, |units| units.saturated)
}

/// Share of dead units of each hidden layer, mean over the trainings; none if no unit is dead.
pub(crate) fn deaths(title: &str, trainings: &[&[Units]]) -> Option<LayerBars> {
    trainings.iter().copied().flatten().any(|units| !units.dead.is_empty()).then_some(())?;
    bars(title, "dead units", trainings, |units| {
        (units.layer != "output").then_some(units.dead.len() as f64 / units.width as f64)
    })
}

fn bars(title: &str, label: &str, trainings: &[&[Units]], of: fn(&Units) -> Option<f64>) -> Option<LayerBars> {
    let first = trainings.first()?;
    let row = |layer: usize| {
        let shares: Vec<f64> = trainings.iter().filter_map(|units| units.get(layer).and_then(of)).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        (!shares.is_empty()).then(|| (first[layer].layer.clone(), 100.0 * mean))
    };
    let rows: Vec<(String, f64)> = (0..first.len()).filter_map(row).collect();
    let x = Axis::linear(label).unit("%").range(0.0, 100.0);
    (!rows.is_empty()).then(|| LayerBars { title: title.into(), x, rows })
}

/// The units of every training at one moment.
pub(crate) fn at(traces: &[Trace], moment: Moment) -> Vec<&[Units]> {
    traces.iter().map(|trace| &moment(trace)[..]).collect()
}
