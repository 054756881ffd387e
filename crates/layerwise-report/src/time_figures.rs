//! Figures of recurrent layers: the gradient by the state of every step of a sequence.

use layerwise_diagnosis::OverTime;

use crate::axis::Axis;
use crate::line_chart::{LineChart, Series};

/// One chart for each recurrent layer, at the start and at the end of a training.
pub(crate) fn over_time([before, after]: [&[OverTime]; 2]) -> Vec<LineChart> {
    let points = |of: &OverTime| (1u32..).map(f64::from).zip(of.norms.iter().copied()).collect();
    let chart = |(i, layer): (usize, &OverTime)| LineChart {
        title: format!("Gradient over time in {}", layer.layer),
        x: Axis::linear("step of the sequence").whole(),
        y: Axis::log10("size of the gradient"),
        series: [("at the start", Some(layer)), ("at the end", after.get(i))]
            .into_iter()
            .filter_map(|(name, of)| Some(Series::new(name, points(of?))))
            .collect(),
        marks: Vec::new(),
    };
    before.iter().enumerate().map(chart).collect()
}
