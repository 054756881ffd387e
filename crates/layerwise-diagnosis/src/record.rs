//! What the probes of a training record: per layer and over time, read from the workspace after the step.

use layerwise_core::{Block, Pass, Real, Role};
use layerwise_network::{Network, Probe, Snapshot, Workspace};
use layerwise_tensor::{Key, Mat, Purpose, Scalar};
use layerwise_train::Setup;

use layerwise_stats::quantile;

/// Units within this share of their range from an asymptote are saturated.
const NEAR: f64 = 0.01;

/// At most so many looks at a training.
const LOOKS: u64 = 100;

/// Gradient and update of each layer over time.
#[derive(Clone, Debug, Default)]
pub struct Record {
    stride: u64,
    /// The steps that were looked at.
    pub steps: Vec<u64>,
    /// Risk of the batch.
    pub values: Vec<f64>,
    /// Root mean square of the weight gradient: one row a look, one column a layer.
    pub gradient: Vec<Vec<f64>>,
    /// ‖Δw‖ / ‖w‖ of the weights: the same shape.
    pub update_ratio: Vec<Vec<f64>>,
    /// Norm of the whole gradient.
    pub norm: Vec<f64>,
}

impl Record {
    /// Looks at about a hundred of `steps` steps, always at the first three.
    pub fn over(steps: u64) -> Record {
        Record { stride: steps.div_ceil(LOOKS).max(1), ..Record::default() }
    }
}

impl<S: Real> Probe<S> for Record {
    fn due(&self, step: u64) -> bool {
        step <= 3 || step.is_multiple_of(self.stride)
    }

    fn observe(&mut self, at: &Snapshot<'_, S>) {
        let norm = |numbers: &[S]| numbers.iter().map(|v| v.value().powi(2)).sum::<f64>().sqrt();
        let (mut gradient, mut ratio) = (Vec::new(), Vec::new());
        for node in at.network.nodes() {
            let weights = || node.plan.blocks.iter().filter(|block| block.role == Role::Weight).flat_map(Block::range);
            let n = weights().count();
            if n > 0 {
                let norm = |of: &[S]| weights().map(|i| of[i].value().powi(2)).sum::<f64>().sqrt();
                gradient.push(norm(at.grad) / (n as f64).sqrt());
                ratio.push(norm(at.update) / norm(at.theta));
            }
        }
        self.steps.push(at.step);
        self.values.push(at.value);
        self.gradient.push(gradient);
        self.update_ratio.push(ratio);
        self.norm.push(norm(at.grad));
    }
}

/// The units of one layer over all training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// `hidden1`, …, `output`.
    pub layer: String,
    /// The activation, or `dense` for a linear output.
    pub activation: &'static str,
    /// Mean of the activations.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Their 5, 50 and 95 % points.
    pub percentiles: [f64; 3],
    /// Share of activations near an asymptote, where both sides are bounded.
    pub saturated: Option<f64>,
    /// Units at their lower asymptote on every training row, where only the lower side is bounded.
    pub dead: Vec<usize>,
    /// Number of units.
    pub width: usize,
    /// Edges of the histogram's bins, one more than counts.
    pub edges: Vec<f64>,
    /// Histogram of the activations.
    pub counts: Vec<f64>,
}

/// Looks at every layer's units under θ, with one forward pass over (at most 2,000 of) the training rows, without noise.
pub fn units<S: Real>(setup: &Setup<S>, theta: &[S]) -> Vec<Units> {
    let rows = setup.train.len().min(2000);
    let mut workspace = Workspace::new(&setup.network, rows);
    let x = setup.train.x(0..rows);
    setup.network.forward(theta, x, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
    layers(&setup.network)
        .into_iter()
        .map(|(layer, node)| look(layer, &setup.network, node, workspace.y(node)))
        .collect()
}

/// Each group with weights, and the node whose output speaks for it: its last activation, else its last layer.
fn layers(network: &Network) -> Vec<(String, usize)> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for (i, node) in network.nodes().iter().enumerate().filter(|(_, node)| node.group != "input") {
        let weights = node.plan.blocks.iter().any(|block| block.role == Role::Weight);
        let speaks = node.layer.range().is_some() || weights;
        match found.last_mut() {
            Some((group, at)) if *group == node.group => {
                if speaks {
                    *at = i;
                }
            }
            _ => found.push((node.group.clone(), i)),
        }
    }
    found
}

fn look<S: Scalar>(layer: String, network: &Network, node: usize, y: Mat<'_, S>) -> Units {
    const BINS: usize = 40;
    let values: Vec<f64> = y.data().iter().map(|v| v.value()).filter(|v| v.is_finite()).collect();
    let (low, high) = network.nodes()[node].layer.range().unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let near = NEAR * (high - low);
    let saturated = (low.is_finite() && high.is_finite())
        .then(|| values.iter().filter(|&&v| v - low < near || high - v < near).count() as f64 / n);
    let mut dead = Vec::new();
    if low.is_finite() && high.is_infinite() {
        dead = (0..y.rows())
            .filter(|&unit| y.columns().all(|column| (column[unit].value() - low).abs() <= 1e-6))
            .collect();
    }
    let (mut first, mut last) = (quantile(&values, 0.001), quantile(&values, 0.999));
    if low.is_finite() && high.is_finite() {
        (first, last) = (low, high);
    }
    if last <= first || last.is_nan() || first.is_nan() {
        (first, last) = (first - 0.5, first + 0.5);
    }
    let width = (last - first) / BINS as f64;
    let mut counts = vec![0.0; BINS];
    for v in &values {
        counts[(((v - first) / width).max(0.0) as usize).min(BINS - 1)] += 1.0;
    }
    Units {
        layer,
        activation: network.nodes()[node].layer.name(),
        mean,
        deviation,
        percentiles: [0.05, 0.5, 0.95].map(|p| quantile(&values, p)),
        saturated,
        dead,
        width: y.rows(),
        edges: (0..=BINS).map(|i| first + width * i as f64).collect(),
        counts,
    }
}
