//! Writes a page with every kind of plot, drawn from made-up data, to the path given as argument.

use layerwise_report::terminal::{number, percent, sparkline, table};
use layerwise_report::{
    Axis, Bars, Group, HeatMap, HistogramRow, Histograms, LayerBars, LineChart, Mark, Page, Series, Tone,
};

const LAYERS: usize = 9;
const EPOCHS: usize = 60;

fn main() -> std::io::Result<()> {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: gallery OUTPUT.html");
        std::process::exit(2);
    };
    std::fs::write(path, page().render())
}

fn page() -> Page {
    let mut page = Page::new("Why does the nine-layer sigmoid network not learn?");
    page.headline("Gradients vanish: layer 1 receives 1e-9 times what the output receives.", Tone::Bad)
        .headline("Normalization with He initialization repairs it on all five seeds.", Tone::Good)
        .headline("Whether dropout helps cannot be told from five seeds.", Tone::Unsure)
        .paragraph("Every number below comes from made-up data with realistic shapes.")
        .section("Learning curves")
        .figure(&learning_curves().svg(), "Mean over five seeds; the band spans lowest to highest.")
        .figure(&accuracies().svg(), "Nine close series, told apart by dash and end label.")
        .section("Gradients by layer")
        .figure(&gradients().svg(), "Root mean square of each layer's weight gradient.")
        .section("Activations by layer")
        .figure(&activations().svg(), "Outputs of each layer on the test set at epoch 60.")
        .figure(&saturation().svg(), "Units whose derivative is below 1 % of its maximum.")
        .section("Before and after")
        .figure(&before_after().svg(), "Test accuracy after 60 epochs.")
        .figure(&losses().svg(), "Test loss on a logarithmic axis, where bars would mislead.");
    let rows: Vec<Vec<String>> = (0..LAYERS)
        .map(|layer| {
            let sizes: Vec<f64> = (0..EPOCHS).map(|epoch| gradient(layer, epoch)).collect();
            let logs: Vec<f64> = sizes.iter().step_by(3).map(|size| size.log10()).collect();
            vec![name(layer), number(sizes[0]), percent(saturated(layer)), sparkline(&logs)]
        })
        .collect();
    let header = ["layer", "first gradient", "saturated", "log gradient over epochs"];
    page.section("Numbers").table(&header, &rows).details("As text", &table(&header, &rows));
    page
}

/// Noise in -1..1 that is the same on every run.
fn noise(seed: usize) -> f64 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as f64 / (1u64 << 23) as f64 - 1.0
}

fn name(layer: usize) -> String {
    match layer {
        0 => "layer 1 (784 → 128)".into(),
        8 => "output (128 → 10)".into(),
        _ => format!("layer {}", layer + 1),
    }
}

fn gradient(layer: usize, epoch: usize) -> f64 {
    match (layer, epoch) {
        (3, 45..) => 0.0,
        (6, 50..) => f64::NAN,
        _ => {
            let depth = (LAYERS - 1 - layer) as f64;
            let power = -depth * (1.0 + 0.4 * (epoch as f64 / 60.0)) - 0.01 * epoch as f64;
            10f64.powf(power + 0.25 * noise(layer * 977 + epoch))
        }
    }
}

fn saturated(layer: usize) -> f64 {
    [0.031, 0.12, 0.37, 0.62, 0.804, 0.93, 0.978, 0.9997, 0.0][layer]
}

fn curve(start: f64, end: f64, speed: f64, seed: usize) -> Vec<(f64, f64)> {
    let value = |epoch: usize| {
        let smooth = end + (start - end) * (-speed * epoch as f64).exp();
        smooth * (1.0 + 0.05 * noise(seed * 131 + epoch))
    };
    (0..=EPOCHS).map(|epoch| (epoch as f64, value(epoch))).collect()
}

fn learning_curves() -> LineChart {
    let mut plain = Series::new("before: sigmoid", curve(2.302, 2.29, 0.02, 1));
    plain.points.iter_mut().for_each(|point| point.1 = 2.302 - 0.0003 * point.0);
    let mut fixed = Series::new("after: batch normalization", curve(2.3, 0.03, 0.12, 2));
    let band = fixed.points.iter().map(|&(x, y)| (x, 0.7 * y, 1.4 * y)).collect();
    fixed.band = Some(band);
    let mut wild = Series::new("after: learning rate 1.0", curve(2.3, 0.6, 0.3, 3));
    wild.points.iter_mut().skip(14).for_each(|point| point.1 *= 1.5f64.powf(point.0 - 14.0));
    wild.points.iter_mut().skip(22).for_each(|point| point.1 = f64::NAN);
    let mut gappy = Series::new("validation", curve(2.4, 0.09, 0.1, 4));
    gappy.points.iter_mut().skip(30).take(4).for_each(|point| point.1 = f64::NAN);
    LineChart {
        title: "Training loss before and after the remedy".into(),
        x: Axis::linear("epoch").whole(),
        y: Axis::log10("cross-entropy").unit("nats"),
        series: vec![plain, fixed, wild, gappy],
        marks: vec![
            Mark { at: 14.0, label: "diagnosed: exploding".into() },
            Mark { at: 20.0, label: "learning rate halved".into() },
            Mark { at: 60.0, label: "early stopping".into() },
        ],
    }
}

fn accuracies() -> LineChart {
    let series = |index: usize| {
        let end = 0.93 + 0.004 * index as f64;
        Series::new(format!("depth {}", index + 1), curve(0.1, end, 0.15, 50 + index))
    };
    LineChart {
        title: "Test accuracy by depth".into(),
        x: Axis::linear("epoch").whole(),
        y: Axis::linear("accuracy").range(0.0, 1.0),
        series: (0..LAYERS).map(series).collect(),
        marks: vec![],
    }
}

fn gradients() -> HeatMap {
    let row = |layer| (0..EPOCHS).map(|epoch| gradient(layer, epoch)).collect();
    HeatMap {
        title: "Gradient size by layer and epoch".into(),
        x: Axis::linear("epoch").whole(),
        steps: (0..EPOCHS).map(|epoch| epoch as f64).collect(),
        rows: (0..LAYERS).map(name).collect(),
        values: (0..LAYERS).map(row).collect(),
        value: Axis::log10("gradient").unit("root mean square"),
    }
}

fn activations() -> Histograms {
    let row = |layer: usize| {
        let edges: Vec<f64> = (0..=40).map(|edge| f64::from(edge) / 40.0).collect();
        let width = 0.22 - 0.02 * layer as f64;
        let density = |center: f64| {
            let bell = |at: f64| (-((center - at) / width).powi(2)).exp();
            1000.0 * (bell(0.5) * (1.0 - saturated(layer)) + saturated(layer) * (bell(0.0) + bell(1.0)))
        };
        let counts = edges.windows(2).map(|pair| density(0.5 * (pair[0] + pair[1])).round());
        HistogramRow { name: name(layer), counts: counts.collect(), edges }
    };
    Histograms {
        title: "Activations of every layer".into(),
        x: Axis::linear("activation"),
        rows: (0..LAYERS).map(row).collect(),
    }
}

fn saturation() -> LayerBars {
    LayerBars {
        title: "Saturated units by layer".into(),
        x: Axis::linear("saturated units").unit("%").range(0.0, 100.0),
        rows: (0..LAYERS).map(|layer| (name(layer), 100.0 * saturated(layer))).collect(),
    }
}

fn group(name: &str, mean: f64, spread: f64, seed: usize) -> Group {
    let values = (0..5).map(|index| mean + spread * noise(seed * 17 + index)).collect();
    Group { name: name.into(), values }
}

fn before_after() -> Bars {
    let mut wild = group("after: learning rate 1.0", 0.55, 0.2, 9);
    wild.values[1] = f64::NAN;
    Bars {
        title: "Test accuracy before and after".into(),
        y: Axis::linear("accuracy"),
        groups: vec![
            group("before: sigmoid, plain initialization", 0.114, 0.01, 1),
            group("after: He initialization", 0.41, 0.12, 2),
            group("after: batch normalization", 0.968, 0.006, 3),
            group("after: both", 0.972, 0.004, 4),
            wild,
        ],
    }
}

fn losses() -> Bars {
    Bars {
        title: "Test loss before and after".into(),
        y: Axis::log10("cross-entropy").unit("nats"),
        groups: vec![
            group("before", 2.3, 0.01, 5),
            group("after", 0.06, 0.02, 6),
            group("after, longer", 0.011, 0.008, 8),
        ],
    }
}
