//! A run: (θ, optimizer state, step, data cursor, seed). Cloning it forks the training; both continue in the same bits.

use std::borrow::Cow;
use std::sync::Arc;

use layerwise_core::{Block, Loss, Objective, Pass, Real, Step};
use layerwise_data::fill_order;
use layerwise_network::{
    Batch, Contracted, Jacobian, JacobianRoom, Network, Penalty, Probe, Snapshot, Supervised, Workspace,
};
use layerwise_optimizers::{Optimizer, State};
use layerwise_tensor::{Buf, Key, Purpose, elementwise};

use crate::evaluate::{Scores, Tally};
use crate::lsuv;
use crate::mixup::Mixup;
use crate::samples::{Picked, Samples};

/// What a run does not change: everything but the numbers.
#[derive(Clone, Debug)]
pub struct Setup<S: Real> {
    /// The network.
    pub network: Network,
    /// The loss.
    pub loss: Arc<dyn Loss>,
    /// λΩ and constraints.
    pub penalties: Vec<Penalty>,
    /// A penalty on how much outputs change with inputs.
    pub jacobian: Option<Jacobian>,
    /// How rows are mixed.
    pub mixup: Option<Mixup>,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The training rows.
    pub train: Arc<Samples<S>>,
    /// Rows a step.
    pub batch: usize,
    /// 1 at the weights of θ.
    pub weights: Buf<S>,
}

impl<S: Real> Setup<S> {
    /// Memory for the penalty on the Jacobian, if there is one.
    fn slopes(&self) -> Option<JacobianRoom<S>> {
        self.jacobian.map(|_| JacobianRoom::new(&self.network, self.batch.min(self.train.len())))
    }

    /// Of how many classes a row may be mixed; 0 if none is.
    fn shares(&self) -> usize {
        self.mixup.map_or(0, |_| self.network.d_out())
    }

    /// The risk of the first `rows` training rows, or of all if there are fewer, with penalties and without noise: what solvers and
    /// curvature work on.
    ///
    /// Panics: if the workspace is for fewer rows.
    pub fn risk<'a>(&'a self, rows: usize, workspace: &'a mut Workspace<S>, seed: u64) -> Supervised<'a, S> {
        let Setup { network, loss, penalties, train, .. } = self;
        let all = 0..rows.min(train.len());
        Supervised {
            network,
            loss: &**loss,
            penalties,
            batch: Batch { x: train.x(all.clone()), targets: train.targets(all.clone()), weights: train.weights(all) },
            workspace,
            pass: Pass::Predict,
            key: Key::new(seed, Purpose::Mask),
        }
    }
}

/// A step whose risk or gradient was not finite: nothing was updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonFinite {
    /// The step, from 1.
    pub step: u64,
    /// The first layer it shows in, in the order of computation.
    pub layer: String,
    /// `input`, `parameter`, `activation`, `loss`, `delta` or `gradient`.
    pub quantity: &'static str,
}

impl std::fmt::Display for NonFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}, {}: the first non-finite number is in its {}", self.step, self.layer, self.quantity)
    }
}

/// One training in progress.
#[derive(Clone, Debug)]
pub struct Run<S: Real> {
    setup: Arc<Setup<S>>,
    seed: u64,
    theta: Buf<S>,
    /// The gradient, and after a step the update.
    grad: Buf<S>,
    /// Statistics as they were before a step of the optimizer.
    statistics: Vec<S>,
    state: State<S>,
    workspace: Workspace<S>,
    /// Memory for the penalty on the Jacobian.
    slopes: Option<JacobianRoom<S>>,
    picked: Picked<S>,
    /// The rows that the picked ones are mixed with.
    partners: Vec<usize>,
    order: Vec<usize>,
    /// Next row within `order`.
    cursor: usize,
    epoch: u64,
    step: u64,
    /// What the steps of this epoch saw.
    seen: Tally,
    /// Factor on the learning rate.
    pub rate_factor: f64,
}

impl<S: Real> Run<S> {
    /// A run at its start, from the initialization of `seed`.
    pub fn new(setup: Arc<Setup<S>>, seed: u64) -> Run<S> {
        let n = setup.network.n_theta();
        let rows = setup.train.len();
        let batch = setup.batch.min(rows);
        let mut theta = setup.network.init(seed);
        if lsuv::is_wanted(&setup.network) {
            lsuv::scale(&setup.network, &mut theta, &setup.train);
        }
        Run {
            seed,
            theta,
            statistics: setup.network.statistics().flat_map(Block::range).map(|_| S::ZERO).collect(),
            grad: Buf::zeros(n),
            state: setup.optimizer.state(n),
            workspace: Workspace::new(&setup.network, batch),
            slopes: setup.slopes(),
            picked: setup.train.room(batch, setup.shares()),
            partners: vec![0; batch],
            order: (0..rows).collect(),
            cursor: rows,
            epoch: 0,
            step: 0,
            seen: Tally::default(),
            rate_factor: 1.0,
            setup,
        }
    }

    /// What it trains.
    pub fn setup(&self) -> &Arc<Setup<S>> {
        &self.setup
    }

    /// The same numbers under another description of equal layout: a fork with another optimizer constant, penalty or loss.
    ///
    /// Panics: if θ or the optimizer state would not fit.
    pub fn under(&self, setup: Arc<Setup<S>>) -> Run<S> {
        assert!(
            setup.network.n_theta() == self.theta.len()
                && setup.train.len() == self.order.len()
                && setup.batch == self.setup.batch,
            "under: the setup has another layout"
        );
        let state = if setup.optimizer.planes() == self.setup.optimizer.planes() {
            self.state.clone()
        } else {
            setup.optimizer.state(self.theta.len())
        };
        let same_rows = setup.shares() == self.setup.shares();
        let picked =
            if same_rows { self.picked.clone() } else { setup.train.room(self.partners.len(), setup.shares()) };
        Run { state, picked, slopes: setup.slopes(), setup, ..self.clone() }
    }

    /// The parameters, as they are stepped.
    pub fn theta(&self) -> &[S] {
        &self.theta
    }

    /// The parameters to evaluate and deliver: θ, or the average that the optimizer keeps of it. Statistics are those of θ.
    pub fn averaged(&self) -> Cow<'_, [S]> {
        let mut theta = Cow::Borrowed(&self.theta[..]);
        if self.setup.optimizer.averages() {
            self.setup.optimizer.average(theta.to_mut(), &self.state);
            for block in self.setup.network.statistics() {
                theta.to_mut()[block.range()].copy_from_slice(&self.theta[block.range()]);
            }
        }
        theta
    }

    /// The parameters, to start from others.
    pub fn theta_mut(&mut self) -> &mut [S] {
        &mut self.theta
    }

    /// The optimizer's state.
    pub fn state(&self) -> &State<S> {
        &self.state
    }

    /// Steps done.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// Epochs begun.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the next step begins an epoch.
    pub fn at_epoch_end(&self) -> bool {
        self.cursor >= self.order.len()
    }

    /// Steps an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.order.len().div_ceil(self.setup.batch)
    }

    /// The scores of the epoch so far, as its steps saw the rows: each batch with the parameters before its step, and with noise.
    ///
    /// NaN before the first step.
    pub fn seen(&self) -> Scores {
        self.seen.scores(&self.setup.train)
    }

    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        self.setup.optimizer.rate(&Step { count: self.step + 1, rate_factor: self.rate_factor })
    }

    /// One step of stochastic gradient descent: next rows, gradient, update. Returns the risk of the batch at the old θ.
    /// Allocates nothing, unless a probe is due.
    ///
    /// Errors: a risk or gradient that is not finite; θ and the optimizer state are then as before.
    pub fn step(&mut self, probes: &mut [&mut dyn Probe<S>]) -> Result<f64, NonFinite> {
        let setup = Arc::clone(&self.setup);
        if self.cursor >= self.order.len() {
            self.epoch += 1;
            self.cursor = 0;
            self.seen = Tally::default();
            fill_order(&mut self.order, self.seed, self.epoch);
        }
        let end = (self.cursor + setup.batch).min(self.order.len());
        self.picked.pick(&setup.train, &self.order[self.cursor..end]);
        let n = end - self.cursor;
        self.step += 1;
        if let Some(mixup) = setup.mixup {
            let mut rng = Key::new(self.seed, Purpose::Shuffle).step(self.step).layer(1).rng();
            let partners = &mut self.partners[..n];
            partners.copy_from_slice(&self.order[self.cursor..end]);
            rng.shuffle(partners);
            self.picked.mix(&setup.train, partners, S::of(mixup.share(&mut rng)));
        }
        self.cursor = end;
        let rows = self.picked.rows();
        let batch = Batch { x: rows.x(0..n), targets: self.picked.targets(n), weights: rows.weights(0..n) };
        let mut risk = Supervised {
            network: &setup.network,
            loss: &*setup.loss,
            penalties: &setup.penalties,
            batch,
            workspace: &mut self.workspace,
            pass: Pass::Train,
            key: Key::new(self.seed, Purpose::Mask).step(self.step),
        };
        let value = match (setup.jacobian, &mut self.slopes) {
            (Some(jacobian), Some(room)) => {
                let directions = Key::new(self.seed, Purpose::Direction).step(self.step);
                Contracted { risk, jacobian, directions, room }.eval(&self.theta, &mut self.grad)
            }
            _ => risk.eval(&self.theta, &mut self.grad),
        };
        let finite = value.finite() && elementwise::all_finite(&self.grad);
        if !finite {
            return Err(self.locate());
        }
        // The targets of `batch` again, which cannot be borrowed for so long.
        let rows = self.picked.rows();
        self.seen.add(self.workspace.output(), rows.targets(0..n), rows.weights(0..n), self.workspace.each());
        let step = self.step;
        let due = probes.iter().any(|probe| probe.due(step));
        let before = due.then(|| (self.theta.clone(), self.grad.clone()));
        self.keep_statistics();
        setup.optimizer.step(&mut self.theta, &mut self.grad, &setup.weights, self.rate_factor, &mut self.state);
        self.restore_statistics();
        setup.network.settle(&mut self.theta, &self.workspace);
        if !setup.penalties.is_empty() {
            let rate = setup.optimizer.rate(&Step { count: step, rate_factor: self.rate_factor });
            for penalty in &setup.penalties {
                penalty.project(&setup.network, &mut self.theta, rate);
            }
        }
        if let Some((theta, grad)) = before {
            let snapshot = Snapshot {
                network: &setup.network,
                step,
                value: value.value(),
                theta: &theta,
                grad: &grad,
                update: &self.grad,
                x: self.picked.rows().x(0..n),
                workspace: &self.workspace,
            };
            for probe in probes.iter_mut().filter(|probe| probe.due(step)) {
                probe.observe(&snapshot);
            }
        }
        Ok(value.value())
    }

    fn keep_statistics(&mut self) {
        let places = self.setup.network.statistics().flat_map(Block::range);
        self.statistics.iter_mut().zip(places).for_each(|(kept, at)| *kept = self.theta[at]);
    }

    /// An optimizer does not know them: decay, for one, moves numbers without a gradient.
    fn restore_statistics(&mut self) {
        let places = self.setup.network.statistics().flat_map(Block::range);
        for (kept, at) in self.statistics.iter().zip(places) {
            (self.theta[at], self.grad[at]) = (*kept, S::ZERO);
        }
    }

    /// A step that was made elsewhere, and is an epoch: θ is there.
    pub(crate) fn moved(&mut self, theta: &[S]) {
        self.theta.copy_from_slice(theta);
        (self.step, self.epoch, self.cursor) = (self.step + 1, self.epoch + 1, self.order.len());
    }

    /// Whether the risk of the last batch, without noise, is finite under the parameters after its step.
    pub(crate) fn still_finite(&mut self) -> bool {
        let Setup { network, loss, .. } = &*self.setup;
        let (rows, n) = (self.picked.rows(), self.workspace.n());
        let batch = Batch { x: rows.x(0..n), targets: rows.targets(0..n), weights: rows.weights(0..n) };
        let (workspace, key) = (&mut self.workspace, Key::new(0, Purpose::Mask));
        let mut objective =
            Supervised { network, loss: &**loss, penalties: &[], batch, workspace, pass: Pass::Predict, key };
        objective.risk(&self.theta).finite()
    }

    /// The first place, in the order of computation, that holds a number which is not finite.
    fn locate(&self) -> NonFinite {
        let bad = |numbers: &[S]| !elementwise::all_finite(numbers);
        let found = |layer: &str, quantity| NonFinite { step: self.step, layer: layer.to_owned(), quantity };
        let network = &self.setup.network;
        if bad(self.picked.rows().x(0..self.workspace.n()).data()) {
            return found("input", "input");
        }
        for (i, node) in network.nodes().iter().enumerate() {
            if node.plan.blocks.iter().any(|block| bad(&self.theta[block.range()])) {
                return found(&node.group, "parameter");
            }
            if bad(self.workspace.y(i).data()) {
                return found(&node.group, "activation");
            }
        }
        if bad(self.workspace.each()) {
            return found("output", "loss");
        }
        for (i, node) in network.nodes().iter().enumerate().rev() {
            if bad(self.workspace.dy(i).data()) {
                return found(&node.group, "delta");
            }
        }
        let block = network.blocks().find(|(_, block)| bad(&self.grad[block.range()]));
        found(block.map_or("output", |(group, _)| group), if block.is_some() { "gradient" } else { "loss" })
    }
}
