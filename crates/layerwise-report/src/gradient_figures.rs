//! Figures of gradients and updates: layer by time for one training, and layer by layer for several recipes.

use layerwise_diagnosis::Trace;
use layerwise_stats::median;

use crate::axis::Axis;
use crate::heat_map::HeatMap;
use crate::layer_dots::{Dots, LayerDots};

/// Names of the layers with parameters, from the input.
pub(crate) fn names(trace: &Trace) -> Vec<String> {
    trace.after.iter().map(|units| units.layer.clone()).collect()
}

/// Lowest and highest gradient of some trainings, so that their maps share one range of colors.
pub(crate) fn gradient_range(traces: &[&Trace]) -> Option<(f64, f64)> {
    let all = traces.iter().flat_map(|trace| &trace.record.gradient).flatten().copied();
    let usable = all.filter(|value| value.is_finite() && *value > 0.0);
    let (low, high) = usable.fold((f64::INFINITY, 0.0), |(low, high), v| (v.min(low), v.max(high)));
    (low < high).then_some((low, high))
}

/// The gradient of every layer over time; none for a training that broke in its first step.
pub(crate) fn gradient_map(title: &str, trace: &Trace, range: Option<(f64, f64)>) -> Option<HeatMap> {
    let record = &trace.record;
    let rows = names(trace);
    if record.steps.is_empty() || rows.is_empty() {
        return None;
    }
    let layer = |i: usize| record.gradient.iter().map(|look| look.get(i).copied().unwrap_or(f64::NAN)).collect();
    let (x, per_epoch) = time_axis(trace);
    Some(HeatMap {
        title: title.into(),
        x,
        steps: record.steps.iter().map(|&step| step as f64 / per_epoch).collect(),
        values: (0..rows.len()).map(layer).collect(),
        rows,
        value: Axis { range, ..Axis::log10("weight gradient").unit("root mean square") },
    })
}

/// Epochs, with the number of steps in one, or steps if no epoch was finished.
fn time_axis(trace: &Trace) -> (Axis, f64) {
    match trace.outcome.history.last() {
        Some(row) if row.epoch > 0 && row.step > 0 => (Axis::linear("epoch"), row.step as f64 / row.epoch as f64),
        _ => (Axis::linear("step").whole(), 1.0),
    }
}

/// Each layer's gradient, for each recipe.
pub(crate) fn gradient_dots(recipes: &[(&str, &[Trace])]) -> LayerDots {
    dots("Gradient by layer", Axis::log10("weight gradient").unit("root mean square"), recipes, |trace| {
        &trace.record.gradient
    })
}

/// Each layer's ‖Δw‖ / ‖w‖, for each recipe.
pub(crate) fn update_dots(recipes: &[(&str, &[Trace])]) -> LayerDots {
    dots("Update by layer", Axis::log10("size of one update over size of the weights"), recipes, |trace| {
        &trace.record.update_ratio
    })
}

fn dots(title: &str, x: Axis, recipes: &[(&str, &[Trace])], of: fn(&Trace) -> &Vec<Vec<f64>>) -> LayerDots {
    let recipes: Vec<_> = recipes.iter().filter(|(_, traces)| !traces.is_empty()).collect();
    let layers = recipes.first().and_then(|(_, traces)| traces.first()).map_or(Vec::new(), names);
    let series = |(name, traces): &&(&str, &[Trace])| Dots {
        name: name.to_string(),
        values: (0..layers.len()).map(|layer| typical(traces, layer, of)).collect(),
    };
    LayerDots { title: title.into(), x, series: recipes.iter().map(series).collect(), layers }
}

/// Median over time and seeds: the way the diagnosis does it.
fn typical(traces: &[Trace], layer: usize, of: fn(&Trace) -> &Vec<Vec<f64>>) -> f64 {
    let of_seed = |trace: &Trace| {
        let over_time: Vec<f64> = of(trace).iter().filter_map(|look| look.get(layer).copied()).collect();
        median(&over_time)
    };
    median(&traces.iter().map(of_seed).filter(|value| value.is_finite()).collect::<Vec<_>>())
}
