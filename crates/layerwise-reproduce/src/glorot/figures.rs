//! The figures of the paper, from our trainings.

use layerwise_report::{Axis, Dots, HistogramRow, Histograms, LayerDots, LineChart, Series};

use super::course::{BINS, Layer, Moment};
use super::initialization::ByLayer;
use super::{Row, SIGMOID, SOFTSIGN, TANH, TANH_N};
use crate::results::Results;

/// The networks whose layers are drawn, as they stand in names of files.
const DRAWN: [(usize, &str); 4] =
    [(SIGMOID, "sigmoid"), (TANH, "tanh"), (TANH_N, "tanh-normalized"), (SOFTSIGN, "softsign")];

fn updates() -> Axis {
    Axis::linear("update")
}

/// Errors on fresh images over the training: the mean over seeds, and their range.
pub fn learning(results: &mut Results, rows: &[Row]) {
    let series = rows.iter().map(|row| {
        let (mut points, mut band) = (Vec::new(), Vec::new());
        let moments = row.courses.iter().map(|course| course.moments.len()).min().unwrap_or(0);
        for i in 0..moments {
            let at: Vec<f64> = row.courses.iter().filter_map(|course| course.moments[i].error).collect();
            let ends = at.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &e| (low.min(e), high.max(e)));
            if !at.is_empty() {
                let update = row.courses[0].moments[i].update as f64;
                points.push((update, 100.0 * layerwise_stats::mean(&at)));
                band.push((update, 100.0 * ends.0, 100.0 * ends.1));
            }
        }
        Series { band: Some(band), ..Series::new(row.cell.name, points) }
    });
    let chart = LineChart {
        title: "Error on images that were not seen before".into(),
        x: updates(),
        y: Axis::linear("error").unit("%"),
        series: series.collect(),
        marks: Vec::new(),
    };
    results.figure("glorot-learning.svg", "errors over the training, mean and range over seeds", chart.svg());
}

/// One line a hidden layer over the training of the first seed.
fn by_layer(row: &Row, title: String, y: Axis, of: fn(&Layer) -> f64) -> String {
    let moments: &[Moment] = row.courses.first().map_or(&[], |course| &course.moments);
    let depth = moments.first().map_or(0, |at| at.layers.len());
    let series = (0..depth).map(|layer| {
        let points = moments.iter().map(|at| (at.update as f64, of(&at.layers[layer])));
        Series::new(format!("layer {}", layer + 1), points.collect())
    });
    LineChart { title, x: updates(), y, series: series.collect(), marks: Vec::new() }.svg()
}

/// Activations over the training: the mean of sigmoids, the 98th percentile of the others.
pub fn saturation(results: &mut Results, rows: &[Row]) {
    for (i, slug) in DRAWN {
        let (row, file) = (&rows[i], format!("glorot-{slug}.svg"));
        let (what, of): (_, fn(&Layer) -> f64) =
            if i == SIGMOID { ("mean", |layer| layer.mean) } else { ("98th percentile", |layer| layer.percentile) };
        let y = Axis::linear(what).range(0.0, 1.0);
        let title = format!("{}: {what} of activations", row.cell.name);
        results.figure(file, &title, by_layer(row, title.clone(), y, of));
    }
}

/// Activations at the end of the training.
pub fn histograms(results: &mut Results, rows: &[Row]) {
    for (i, slug) in DRAWN {
        let (row, file) = (&rows[i], format!("glorot-{slug}-end.svg"));
        let edges: Vec<f64> = (0..=BINS).map(|i| 2.0 * i as f64 / BINS as f64 - 1.0).collect();
        let histograms = row.courses.first().map_or(&[][..], |course| &course.histograms);
        let line = |(layer, counts): (usize, &Vec<f64>)| HistogramRow {
            name: format!("layer {}", layer + 1),
            edges: edges.clone(),
            counts: counts.clone(),
        };
        let chart = Histograms {
            title: format!("{}: activations at the end", row.cell.name),
            x: Axis::linear("activation"),
            rows: histograms.iter().enumerate().map(line).collect(),
        };
        results.figure(file, &chart.title, chart.svg());
    }
}

/// Gradients of the units' inputs at the start.
pub fn gradients(results: &mut Results, starts: &[ByLayer; 2]) {
    let depth = starts[0].gradients.len();
    let dots = |name: &str, values: &[f64]| Dots { name: name.into(), values: values.to_vec() };
    let chart = LayerDots {
        title: "Back-propagated gradients at the start".into(),
        x: Axis::log10("∂C/∂s, root mean square"),
        layers: (1..=depth).map(|layer| format!("layer {layer}")).collect(),
        series: vec![
            dots("standard", &starts[0].gradients),
            dots("standard, expected", &starts[0].expected_gradients),
            dots("normalized", &starts[1].gradients),
            dots("normalized, expected", &starts[1].expected_gradients),
        ],
    };
    results.figure("glorot-gradients.svg", "back-propagated gradients by layer at the start", chart.svg());
}

/// Gradients of the weights over the training.
pub fn weight_gradients(results: &mut Results, rows: &[Row]) {
    for (i, slug) in DRAWN.into_iter().filter(|(i, _)| [TANH, TANH_N].contains(i)) {
        let file = format!("glorot-{slug}-gradients.svg");
        let y = Axis::log10("∂C/∂W, root mean square");
        let name = rows[i].cell.name;
        let svg = by_layer(&rows[i], format!("{name}: gradients of the weights"), y, |layer| layer.gradient);
        results.figure(file, &format!("gradients of the weights by layer, {name}"), svg);
    }
}
