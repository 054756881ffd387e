//! One training on endless images by plain stochastic gradient descent, and what is seen of its layers on the way.

use layerwise_core::{Objective, Pass, Targets};
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_network::{Batch, Network, Supervised, Workspace};
use layerwise_optimizers::sgd;
use layerwise_stats::quantile;
use layerwise_tensor::{Buf, Key, Purpose, elementwise};
use layerwise_train::NetworkSpec;
use serde::{Deserialize, Serialize};

use super::images::{CLASSES, Images, PIXELS, block_seed};
use super::initialization::{evaluate, mean_square};

/// Everything that a training depends on, besides its network and rate.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Plan {
    /// Units of a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// Images a step.
    pub batch: usize,
    /// Steps.
    pub updates: usize,
    /// Moments at which layers are looked at, besides the start.
    pub moments: usize,
    /// Images that layers are looked at with.
    pub monitored: usize,
    /// Images that a rate is chosen by.
    pub validation: usize,
    /// Images of the final error.
    pub test: usize,
}

/// Fixed images that all trainings share.
pub struct Fixed {
    monitored: Images,
    validation: Images,
    test: Images,
}

/// What a training gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Share of wrong answers on the validation images; none if a number was not finite.
    pub validation: Option<f64>,
    /// Share of wrong answers on the test images; none if a number was not finite.
    pub test: Option<f64>,
    /// What was seen on the way.
    pub moments: Vec<Moment>,
    /// Shares of the activations of each hidden layer at the end, in `BINS` equal bins from −1 to 1.
    pub histograms: Vec<Vec<f64>>,
}

/// A moment of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Steps done.
    pub update: usize,
    /// Share of wrong answers on the images since the moment before, each before it was learnt from; none at the start.
    pub error: Option<f64>,
    /// The hidden layers, from the input.
    pub layers: Vec<Layer>,
}

/// A layer at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Mean of the activations over units and images.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Their 98th percentile.
    pub percentile: f64,
    /// Root mean square of the gradient of the weights on the monitored images.
    pub gradient: f64,
}

/// Bins of a histogram.
pub const BINS: usize = 40;
/// Images that are drawn at a time.
const BLOCK: usize = 1000;
/// Images that are evaluated at a time.
const ROWS: usize = 500;

impl Fixed {
    /// Draws them.
    ///
    /// Errors: a plan without images.
    pub fn draw(plan: &Plan) -> Result<Fixed, String> {
        Ok(Fixed {
            monitored: Images::draw(plan.monitored, 1)?,
            validation: Images::draw(plan.validation, 2)?,
            test: Images::draw(plan.test, 3)?,
        })
    }
}

/// Trains a network by `rate` on the images of `seed`.
///
/// Errors: sizes that make no network.
pub fn train(plan: &Plan, spec: &NetworkSpec, rate: f64, seed: u64, fixed: &Fixed) -> Result<Course, String> {
    let network = spec.build(PIXELS, CLASSES).map_err(|e| e.to_string())?;
    let (optimizer, n) = (sgd(rate), network.n_theta());
    let mut theta = network.init::<f32>(seed);
    let (mut grad, mut state, weights) = (Buf::zeros(n), optimizer.state(n), network.weights_mask());
    let mut workspace = Workspace::new(&network, plan.batch.max(ROWS).max(plan.monitored));
    let mut moments = Vec::new();
    let (mut wrong, mut seen) = (0, 0);
    let mut images = Images::draw(1, 0)?;
    for update in 0..=plan.updates {
        if update * plan.moments % plan.updates < plan.moments {
            let error = (seen > 0).then(|| wrong as f64 / seen as f64);
            (wrong, seen) = (0, 0);
            evaluate(&network, &fixed.monitored, &theta, &mut workspace, &mut grad);
            moments.push(Moment { update, error, layers: layers(&network, &workspace, &grad) });
        }
        if update == plan.updates {
            break;
        }
        let steps = BLOCK / plan.batch;
        if update % steps == 0 {
            images = Images::draw(steps * plan.batch, block_seed(seed, update / steps))?;
        }
        let range = update % steps * plan.batch..(update % steps + 1) * plan.batch;
        let labels = &images.labels[range.clone()];
        let risk = Supervised {
            network: &network,
            loss: &SoftmaxCrossEntropy::default(),
            penalties: &[],
            batch: Batch { x: images.x(range), targets: Targets::Classes(labels), weights: None },
            workspace: &mut workspace,
            pass: Pass::Train,
            key: Key::new(seed, Purpose::Mask),
        }
        .eval(&theta, &mut grad);
        if !risk.is_finite() || !elementwise::all_finite(&grad) {
            return Ok(Course { validation: None, test: None, moments, histograms: Vec::new() });
        }
        wrong += misses(workspace.output().data(), labels);
        seen += plan.batch;
        optimizer.step(&mut theta, &mut grad, &weights, 1.0, &mut state);
    }
    let mut error = |images: &Images| error(&network, &theta, images, &mut workspace);
    let (validation, test) = (error(&fixed.validation), error(&fixed.test));
    network.forward(
        &theta,
        fixed.monitored.x(0..plan.monitored),
        &mut workspace,
        Pass::Predict,
        Key::new(0, Purpose::Mask),
    );
    let histograms = (0..plan.depth).map(|layer| histogram(workspace.y(2 * layer + 1).data())).collect();
    Ok(Course { validation: Some(validation), test: Some(test), moments, histograms })
}

/// How many columns of outputs are not largest at their class.
fn misses(outputs: &[f32], labels: &[u32]) -> usize {
    let right = |outputs: &[f32], label: u32| {
        let mine = outputs[label as usize];
        (0u32..).zip(outputs).all(|(i, &other)| i == label || other < mine)
    };
    outputs.chunks_exact(CLASSES).zip(labels).filter(|(outputs, label)| !right(outputs, **label)).count()
}

/// Share of wrong answers.
fn error(network: &Network, theta: &[f32], images: &Images, workspace: &mut Workspace<f32>) -> f64 {
    let mut wrong = 0;
    for start in (0..images.len()).step_by(ROWS) {
        let range = start..(start + ROWS).min(images.len());
        let labels = &images.labels[range.clone()];
        network.forward(theta, images.x(range), workspace, Pass::Predict, Key::new(0, Purpose::Mask));
        wrong += misses(workspace.output().data(), labels);
    }
    wrong as f64 / images.len() as f64
}

/// The hidden layers after `evaluate`.
fn layers(network: &Network, workspace: &Workspace<f32>, grad: &[f32]) -> Vec<Layer> {
    let groups = network.nodes().iter().filter(|node| !node.plan.blocks.is_empty());
    let hidden = groups.zip(0..).filter(|(node, _)| node.group != "output");
    let layer = |(node, i): (&layerwise_network::Node, usize)| {
        let h: Vec<f64> = workspace.y(2 * i + 1).data().iter().map(|&h| f64::from(h)).collect();
        let mean = layerwise_stats::mean(&h);
        let square = h.iter().map(|h| (h - mean).powi(2)).sum::<f64>() / h.len() as f64;
        let gradient = mean_square(&grad[node.plan.blocks[0].range()]).sqrt();
        Layer { mean, deviation: square.sqrt(), percentile: quantile(&h, 0.98), gradient }
    };
    hidden.map(layer).collect()
}

/// Shares of numbers from −1 to 1 in equal bins.
fn histogram(h: &[f32]) -> Vec<f64> {
    let mut shares = vec![0.0; BINS];
    for &value in h {
        let bin = ((f64::from(value) + 1.0) / 2.0 * BINS as f64) as usize;
        shares[bin.min(BINS - 1)] += 1.0 / h.len() as f64;
    }
    shares
}

#[cfg(test)]
mod tests {
    use layerwise_activations::Tanh;

    use super::*;

    fn plan(updates: usize) -> Plan {
        let (width, depth, batch) = (8, 2, 10);
        Plan { width, depth, batch, updates, moments: 4, monitored: 20, validation: 30, test: 1010 }
    }

    fn course(plan: &Plan, rate: f64) -> Course {
        let spec = NetworkSpec { hidden: vec![8; 2], activation: Tanh.into(), ..NetworkSpec::default() };
        train(plan, &spec, rate, 1, &Fixed::draw(plan).unwrap()).unwrap()
    }

    #[test]
    fn a_course_is_fixed_by_its_seed_and_looked_at_when_asked() {
        let plan = plan(110);
        let one = course(&plan, 0.01);
        assert_eq!(one, course(&plan, 0.01));
        assert_eq!(one.moments.iter().map(|at| at.update).collect::<Vec<_>>(), [0, 28, 55, 83, 110]);
        assert_eq!(
            one.moments.iter().map(|at| at.error.is_some()).collect::<Vec<_>>(),
            [false, true, true, true, true]
        );
        // Two layers, and shares that sum to 1.
        assert!(one.moments.iter().all(|at| at.layers.len() == 2));
        assert!(one.histograms.iter().all(|shares| (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    }

    /// 1e39 is infinite in f32.
    #[test]
    fn a_training_that_breaks_has_no_error() {
        let one = course(&plan(50), 1e39);
        assert_eq!((one.validation, one.test), (None, None));
    }

    #[test]
    fn misses_and_histograms_by_hand() {
        let mut outputs = [0.0f32; 27];
        outputs[3] = 1.0;
        outputs[9 + 4] = 2.0;
        // Of equal outputs none is largest.
        assert_eq!(misses(&outputs, &[3, 3, 0]), 2);
        let shares = histogram(&[-1.0, -0.96, 0.0, 1.0]);
        assert_eq!((shares[0], shares[BINS / 2], shares[BINS - 1]), (0.5, 0.25, 0.25));
    }
}
