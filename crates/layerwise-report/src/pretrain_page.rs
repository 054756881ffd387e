//! Pre-training as one HTML page: what each layer learnt without labels, and what it gave the training with labels.

use layerwise_train::{Epoch, StopReason};

use crate::about::About;
use crate::axis::Axis;
use crate::filters::Filters;
use crate::learning_curves::{Runs, errors, losses};
use crate::line_chart::{LineChart, Series};
use crate::page::{Page, Tone};
use crate::terminal::{number, percent};

/// A layer after its pre-training.
#[derive(Clone, Debug)]
pub struct PretrainedLayer {
    /// Its units.
    pub units: usize,
    /// What was minimized, the mean over each epoch.
    pub history: Vec<f64>,
    /// The error, on test rows, of a linear model on its codes, before fine-tuning.
    pub probe: f64,
}

/// What pre-training and fine-tuning gave.
#[derive(Clone, Debug)]
pub struct PretrainReport<'a> {
    /// The result in one sentence.
    pub summary: String,
    /// From the input upward.
    pub layers: Vec<PretrainedLayer>,
    /// The test error of a linear model on the inputs.
    pub probe: f64,
    /// What was minimized, as in "squared error of the reconstruction".
    pub minimized: String,
    /// Weights of the first layer's units as images: pixels of a side, and the images.
    pub filters: Option<(usize, Vec<Vec<f64>>)>,
    /// Fine-tuning, an epoch a row, and why it ended.
    pub tuned: (&'a [Epoch], &'a StopReason),
    /// The same training without pre-training.
    pub plain: (&'a [Epoch], &'a StopReason),
    /// Test errors with and without pre-training.
    pub errors: [f64; 2],
    /// Why pre-training ended early, if it did.
    pub broken: Option<String>,
}

/// One HTML page about a pre-training.
pub fn pretrain_page(report: &PretrainReport<'_>, about: &About<'_>) -> String {
    let mut page = Page::new(&format!("Pre-training on {}", about.data));
    match &report.broken {
        Some(broken) => page.headline(broken, Tone::Bad),
        None => page.paragraph(&report.summary),
    };
    page.section("Layer by layer");
    page.paragraph(&format!(
        "Each layer learns to describe what the layers below it put out, without labels. Minimized: {}.",
        report.minimized
    ));
    let start = vec!["the inputs".into(), "–".into(), "–".into(), "–".into(), percent(report.probe)];
    let row = |(k, layer): (usize, &PretrainedLayer)| {
        let at = |value: Option<&f64>| value.map_or("–".into(), |v| number(*v));
        let (first, last) = (at(layer.history.first()), at(layer.history.last()));
        vec![format!("layer {}", k + 1), layer.units.to_string(), first, last, percent(layer.probe)]
    };
    let rows: Vec<Vec<String>> = std::iter::once(start).chain(report.layers.iter().enumerate().map(row)).collect();
    let header = ["", "units", "in the first epoch", "in the last epoch", "linear model: test error"];
    page.table(&header, &rows);
    for (k, layer) in report.layers.iter().enumerate() {
        let points = layer.history.iter().enumerate().map(|(epoch, value)| ((epoch + 1) as f64, *value)).collect();
        let chart = LineChart {
            title: format!("Layer {}: {} units", k + 1, layer.units),
            x: Axis::linear("epoch").whole(),
            y: Axis::linear("minimized"),
            series: vec![Series::new(format!("layer {}", k + 1), points)],
            marks: Vec::new(),
        };
        page.figure(&chart.svg(), &format!("The {}, the mean over the batches of each epoch.", report.minimized));
    }
    if let Some((side, images)) = &report.filters {
        let figure =
            Filters { title: "What the units of the first layer look for".into(), side: *side, images: images.clone() };
        page.figure(
            &figure.svg(),
            "Weights into each unit after pre-training, laid out as the input. Each image has its own scale.",
        );
    }
    page.section("Fine-tuning");
    let runs = [
        Runs::named("pre-trained", report.tuned.0, report.tuned.1),
        Runs::named("without", report.plain.0, report.plain.1),
    ];
    let caption = "The same recipe, seed and batches, from the pre-trained layers and from the usual start. One seed: a small difference \
                   may be chance.";
    page.figure(&losses(&runs, None, Vec::new()).svg(), caption);
    page.figure(&errors(&runs, Vec::new()).svg(), &format!("Error: {}.", about.error()));
    let [with, without] = report.errors.map(percent);
    page.facts(&[("Test error with pre-training", with), ("Test error without", without)]);
    page.section("Details");
    if !about.command.is_empty() {
        page.facts(&[("Command", about.command.to_owned())]);
    }
    page.details("Configuration", about.recipe);
    page.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;
    use layerwise_data::Task;
    use layerwise_train::Scores;

    #[test]
    fn every_layer_has_a_figure_and_trouble_is_said_first() {
        let row = |epoch: u64| Epoch {
            epoch,
            step: 10 * epoch,
            train: Scores { loss: 1.0 / (epoch + 1) as f64, error: 0.5 },
            validation: None,
            rate: 0.1,
        };
        let (tuned, plain) = ([row(0), row(1), row(2)], [row(0), row(1)]);
        let layer = |units| PretrainedLayer { units, history: vec![3.0, 2.0], probe: 0.25 };
        let report = PretrainReport {
            summary: "1 < 2".into(),
            layers: vec![layer(7), layer(5), PretrainedLayer { history: Vec::new(), ..layer(3) }],
            probe: 0.5,
            minimized: "squared error".into(),
            filters: Some((2, vec![vec![0.0, 1.0, 2.0, 3.0]])),
            tuned: (&tuned, &StopReason::Epochs),
            plain: (&plain, &StopReason::EarlyStopping),
            errors: [0.125, 0.25],
            broken: None,
        };
        let about = About { data: "d & d", task: Task::Classification, command: "", recipe: "", remedied: "" };
        let page = pretrain_page(&report, &about);
        assert_well_formed(&page);
        for shown in
            ["1 &lt; 2", "Layer 1: 7 units", "Layer 3: 3 units", "12.5%", "pre-trained, training", "without, training"]
        {
            assert!(page.contains(shown), "{shown}");
        }
        assert!(page.contains("first layer look for") && !page.contains("Problem"));
        let broken = PretrainReport { broken: Some("layer 2 broke".into()), filters: None, ..report };
        let page = pretrain_page(&broken, &about);
        assert!(page.contains("✗ Problem</span> layer 2 broke") && !page.contains("first layer look for"));
    }
}
