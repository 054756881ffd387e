//! The regularized empirical risk 1/T Σ l(f(x(t); θ), y(t)) + λΩ(θ) on one batch, as an objective.

use std::ops::Range;
use std::sync::Arc;

use layerwise_core::{Activity, Loss, Number, Objective, Pass, Regularizer, Role, Targets};
use layerwise_tensor::{Key, Mat, MatMut, Scalar};

use crate::network::Network;
use crate::workspace::Workspace;

/// The blocks that a penalty falls on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Where {
    /// Groups by name; empty means all.
    pub groups: Vec<String>,
    /// Biases too.
    pub biases: bool,
}

impl Where {
    fn blocks<'a>(&'a self, network: &'a Network) -> impl Iterator<Item = &'a layerwise_core::Block> {
        network.blocks().filter_map(|(group, block)| {
            let here = self.groups.is_empty() || self.groups.iter().any(|g| g == group);
            let meant = match block.role {
                Role::Weight => true,
                Role::Bias => self.biases,
                Role::Statistic => false,
            };
            (here && meant).then_some(block)
        })
    }
}

/// A penalty in its place.
#[derive(Clone, Debug)]
pub enum Penalty {
    /// On parameters: λΩ(θ), or a proximal step or projection after each step.
    Parameters {
        /// What it is.
        regularizer: Arc<dyn Regularizer>,
        /// Where it acts.
        on: Where,
    },
    /// On what layers say: λΩ(y), whatever the weights of the samples.
    Activations {
        /// What it is.
        activity: Arc<dyn Activity>,
        /// The layers, by their places in [`Network::nodes`]; see [`Network::said_by`].
        layers: Vec<usize>,
    },
}

impl Penalty {
    /// Returns λΩ(θ) and adds its gradient.
    pub fn add<S: Number>(&self, network: &Network, theta: &[S], grad: &mut [S]) -> S {
        let mut total = S::ZERO;
        if let Penalty::Parameters { regularizer, on } = self {
            for block in on.blocks(network) {
                let window = Mat::new(&theta[block.range()], block.rows, block.cols);
                total += S::regularizer(&**regularizer).add(window, &mut grad[block.range()]);
            }
        }
        total
    }

    /// Returns λΩ(y) of layer i and adds its gradient to its delta.
    fn add_activity<S: Number>(&self, i: usize, y: Mat<'_, S>, dy: &mut [S]) -> S {
        match self {
            Penalty::Activations { activity, layers } if layers.contains(&i) => S::activity(&**activity).add(y, dy),
            _ => S::ZERO,
        }
    }

    /// The proximal step or projection after an update of size `rate`.
    pub fn project<S: Number>(&self, network: &Network, theta: &mut [S], rate: f64) {
        if let Penalty::Parameters { regularizer, on } = self {
            for block in on.blocks(network) {
                let window = MatMut::new(&mut theta[block.range()], block.rows, block.cols);
                S::regularizer(&**regularizer).project(window, rate);
            }
        }
    }
}

/// Samples with their targets.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, S> {
    /// Inputs, d_in × n.
    pub x: Mat<'a, S>,
    /// Targets of the n samples.
    pub targets: Targets<'a, S>,
    /// Weights of the samples, multiplying their losses; 1 if absent.
    pub weights: Option<&'a [S]>,
}

impl<'a, S: Scalar> Batch<'a, S> {
    /// The samples of this range.
    ///
    /// Panics: if it goes beyond them.
    pub fn part(&self, range: Range<usize>) -> Batch<'a, S> {
        let columns = |of: Mat<'a, S>| {
            let rows = of.rows();
            Mat::new(&of.data()[rows * range.start..rows * range.end], rows, range.len())
        };
        let targets = match self.targets {
            Targets::Classes(classes) => Targets::Classes(&classes[range.clone()]),
            Targets::Values(values) => Targets::Values(columns(values)),
        };
        Batch { x: columns(self.x), targets, weights: self.weights.map(|weights| &weights[range.clone()]) }
    }
}

/// The risk of one batch. The average over samples is taken here, and only here.
///
/// A batch without samples has risk 0 and gradient 0, so that only the penalties are left.
#[derive(Debug)]
pub struct Supervised<'a, S: Scalar> {
    /// The network.
    pub network: &'a Network,
    /// The loss per sample.
    pub loss: &'a dyn Loss,
    /// λΩ.
    pub penalties: &'a [Penalty],
    /// The samples.
    pub batch: Batch<'a, S>,
    /// Memory for the batch.
    pub workspace: &'a mut Workspace<S>,
    /// With or without noise.
    pub pass: Pass,
    /// Names the random streams of the step.
    pub key: Key,
}

impl<S: Scalar> Supervised<'_, S> {
    /// The same risk on other samples, in the same memory.
    pub fn on<'b>(&'b mut self, batch: Batch<'b, S>) -> Supervised<'b, S> {
        let &mut Supervised { network, loss, penalties, ref mut workspace, pass, key, .. } = self;
        Supervised { network, loss, penalties, batch, workspace, pass, key }
    }
}

impl<S: Number> Supervised<'_, S> {
    /// The empirical risk alone, without penalties and without a gradient.
    pub fn risk(&mut self, theta: &[S]) -> S {
        self.network.forward(theta, self.batch.x, self.workspace, self.pass, self.key);
        self.losses()
    }

    /// Losses and deltas of the outputs; returns the weighted mean loss.
    fn losses(&mut self) -> S {
        let Batch { targets, weights, x } = self.batch;
        let scale = S::of(1.0 / x.cols() as f64);
        let (y, mut dy, each) = self.workspace.output_parts();
        S::loss(self.loss).eval(y, targets, each, dy.reborrow());
        let rows = dy.rows();
        let mut total = S::ZERO;
        for (j, column) in dy.data().chunks_exact_mut(rows).enumerate() {
            let weight = weights.map_or(scale, |w| w[j] * scale);
            for d in column {
                *d *= weight;
            }
            total += each[j] * weight;
        }
        total
    }
}

impl<S: Number> Objective<S> for Supervised<'_, S> {
    fn len(&self) -> usize {
        self.network.n_theta()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let mut value = self.risk(theta);
        let penalties = self.penalties;
        let mut at_layer = |i: usize, y: Mat<'_, S>, dy: &mut [S]| {
            for penalty in penalties {
                value += penalty.add_activity(i, y, dy);
            }
        };
        self.network.backward_with(theta, grad, self.batch.x, self.workspace, self.pass, None, &mut at_layer);
        for penalty in self.penalties {
            value += penalty.add(self.network, theta, grad);
        }
        value
    }
}
