//! The loop over epochs: history, early stopping that restores the best parameters, rate reduction on a plateau.

use layerwise_core::{End, Number, Real};
use layerwise_network::Probe;
use layerwise_optimizers::Plateau;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual};

use crate::evaluate::{Evaluator, Scores, evaluate};
use crate::prepared::Prepared;
use crate::recipe::{EarlyStopping, Recipe};
use crate::run::{NonFinite, Run, Setup};
use crate::solvers::Solvers;

/// How a training scores its training rows after every epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrainScores {
    /// As the steps of the epoch saw them: the mean over its rows of loss and error, each batch with the parameters before its
    /// step, and with noise where the network has any. So it lags behind, and with dropout it lies higher; but it is free.
    /// Where the optimizer averages parameters, the steps see those that are not averaged.
    ///
    /// Epoch 0 is scored exactly, on at most 2,048 rows that are spread over all. If a rule judges by the training rows (early
    /// stopping or reduction on a plateau, without validation rows), they are scored as by `Exact`.
    #[default]
    Seen,
    /// With the parameters that the epoch ends with, without noise: another forward pass over all rows, a third of an epoch.
    Exact,
}

/// Blocks of rows that epoch 0 is scored on.
const SAMPLE: usize = 8;

/// One row of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Number of the epoch, from 1; 0 is before the first step.
    pub epoch: u64,
    /// Steps done.
    pub step: u64,
    /// On the training rows, as [`TrainScores`] says.
    pub train: Scores,
    /// On the validation rows, with the parameters that the epoch ends with, without noise.
    pub validation: Option<Scores>,
    /// Learning rate of the last step; 0 of a solver.
    pub rate: f64,
}

/// Why a training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs done.
    Epochs,
    /// The validation loss no longer fell.
    EarlyStopping,
    /// A number was not finite; the parameters are the last good ones.
    NotFinite(NonFinite),
    /// Whoever watches asked to stop; the parameters are the best so far.
    Asked,
    /// A solver found no way down any more: the gradient is as small as it was to be, or the rest is rounding.
    Settled,
}

/// Watches a training from outside, and may end it.
pub trait Watch {
    /// After every epoch; `false` ends the training.
    fn epoch(&mut self, row: &Epoch, of: usize) -> bool;
}

impl Watch for () {
    fn epoch(&mut self, _row: &Epoch, _of: usize) -> bool {
        true
    }
}

/// What a training gave.
#[derive(Clone, Debug)]
pub struct Outcome<S: Real> {
    /// The delivered parameters: the best on validation with early stopping, else the last.
    pub theta: Buf<S>,
    /// The epoch they are from.
    pub epoch: u64,
    /// One row an epoch, from epoch 0.
    pub history: Vec<Epoch>,
    /// Why it ended.
    pub stop: StopReason,
}

impl<S: Real> Outcome<S> {
    /// The row of the history that the delivered parameters are from. For their exact scores see [`Prepared::scores`].
    pub fn delivered(&self) -> Epoch {
        let found = self.history.iter().find(|row| row.epoch == self.epoch);
        *found.or(self.history.last()).unwrap_or(&Epoch {
            epoch: 0,
            step: 0,
            train: Scores { loss: f64::NAN, error: f64::NAN },
            validation: None,
            rate: 0.0,
        })
    }
}

impl<S: Real + Plane> Prepared<S>
where
    Dual<S>: Number,
{
    /// Trains from the start of `seed` to the end of the recipe.
    pub fn train(&self, seed: u64, probes: &mut [&mut dyn Probe<S>], watch: &mut dyn Watch) -> (Run<S>, Outcome<S>) {
        let mut run = self.start(seed);
        let outcome = self.carry_on(&mut run, self.recipe.epochs, probes, watch);
        (run, outcome)
    }

    /// Continues a run for at most `epochs` more. Each step of a solver is an epoch; probes see nothing of it.
    pub fn carry_on(
        &self,
        run: &mut Run<S>,
        epochs: usize,
        probes: &mut [&mut dyn Probe<S>],
        watch: &mut dyn Watch,
    ) -> Outcome<S> {
        let mut record = Record::new(self, run);
        if let Some(solver) = &self.recipe.solver {
            let stop = record.solve(run, solver, epochs, watch);
            return record.outcome(stop);
        }
        for _ in 0..epochs {
            loop {
                if let Err(trouble) = run.step(probes) {
                    return record.outcome(StopReason::NotFinite(trouble));
                }
                if run.at_epoch_end() {
                    break;
                }
            }
            if let Some(stop) = record.epoch(run, epochs, watch) {
                return record.outcome(stop);
            }
        }
        record.outcome(StopReason::Epochs)
    }
}

impl<S: Real> Prepared<S> {
    /// Loss and error of θ on the training and the validation rows, without noise.
    pub fn scores(&self, theta: &[S]) -> (Scores, Option<Scores>) {
        let setup = &self.setup;
        let on = |rows| evaluate(&setup.network, &*setup.loss, theta, rows);
        (on(&setup.train), self.validation.as_deref().map(on))
    }
}

/// What is kept of a training while it goes on, and judged after every epoch.
struct Record<'a, S: Real> {
    recipe: &'a Recipe,
    setup: &'a Setup<S>,
    /// Training rows are scored exactly.
    exact: bool,
    train: Evaluator<'a, S>,
    validation: Option<Evaluator<'a, S>>,
    history: Vec<Epoch>,
    plateau: Plateau,
    good: Kept<S>,
    best: Option<(EarlyStopping, Kept<S>)>,
}

impl<'a, S: Real> Record<'a, S> {
    fn new(prepared: &'a Prepared<S>, run: &Run<S>) -> Self {
        let Prepared { recipe, setup, validation, .. } = prepared;
        let judged_by_train =
            validation.is_none() && (recipe.early_stopping.is_some() || recipe.reduce_on_plateau.is_some());
        let exact = prepared.train_scores == TrainScores::Exact || judged_by_train || recipe.solver.is_some();
        let evaluator = |rows| Evaluator::new(&setup.network, rows);
        let theta = Buf::copy_of(&run.averaged());
        let good = Kept { value: f64::NAN, epoch: run.epoch(), theta };
        let mut record = Record {
            recipe,
            setup,
            exact,
            train: evaluator(&setup.train),
            validation: validation.as_deref().map(evaluator),
            history: Vec::new(),
            plateau: Plateau::default(),
            good,
            best: None,
        };
        let first = record.train.scores(
            &setup.network,
            &*setup.loss,
            &record.good.theta,
            if exact { usize::MAX } else { SAMPLE },
        );
        let row = record.row(run, &record.good.theta, first);
        record.history.push(row);
        record.good.value = judged(&row);
        record.best = recipe.early_stopping.map(|rule| (rule, record.good.clone()));
        record
    }

    fn row(&self, run: &Run<S>, theta: &[S], train: Scores) -> Epoch {
        let Setup { network, loss, .. } = self.setup;
        let validation = self.validation.as_ref().map(|rows| rows.scores(network, &**loss, theta, usize::MAX));
        let rate = if self.recipe.solver.is_some() { 0.0 } else { run.rate() };
        Epoch { epoch: run.epoch(), step: run.step_count(), train, validation, rate }
    }

    /// Notes an epoch that has ended. Returns why the training should.
    fn epoch(&mut self, run: &mut Run<S>, epochs: usize, watch: &mut dyn Watch) -> Option<StopReason> {
        let seen_only = !self.exact && self.validation.is_none();
        let finite = !seen_only || run.still_finite();
        let theta = run.averaged();
        let Setup { network, loss, .. } = self.setup;
        let train = if self.exact { self.train.scores(network, &**loss, &theta, usize::MAX) } else { run.seen() };
        let now = self.row(run, &theta, train);
        self.history.push(now);
        let value = judged(&now);
        if !value.is_finite() || !finite {
            // The batches were fine one at a time, but under the parameters after the last step something overflows: the
            // next step would show where.
            let trouble = NonFinite { step: run.step_count(), layer: "output".into(), quantity: "loss" };
            return Some(StopReason::NotFinite(trouble));
        }
        self.good.keep(value, run.epoch(), &theta);
        if let Some((rule, best)) = &mut self.best
            && (value < best.value - rule.margin || !best.value.is_finite())
        {
            best.keep(value, run.epoch(), &theta);
        }
        drop(theta);
        if let Some(rule) = &self.recipe.reduce_on_plateau {
            run.rate_factor = rule.observe(&mut self.plateau, value);
        }
        if !watch.epoch(&now, epochs) {
            return Some(StopReason::Asked);
        }
        let waited = |(rule, best): &(EarlyStopping, Kept<S>)| run.epoch() >= best.epoch + rule.patience as u64;
        self.best.as_ref().is_some_and(waited).then_some(StopReason::EarlyStopping)
    }

    fn outcome(self, stop: StopReason) -> Outcome<S> {
        let Kept { epoch, theta, .. } = self.best.map_or(self.good, |(_, best)| best);
        Outcome { theta, epoch, history: self.history, stop }
    }
}

impl<S: Real + Plane> Record<'_, S>
where
    Dual<S>: Number,
{
    /// Trains by a solver for at most so many of its steps.
    fn solve(&mut self, run: &mut Run<S>, solver: &Solvers, epochs: usize, watch: &mut dyn Watch) -> StopReason {
        if epochs == 0 {
            return StopReason::Epochs;
        }
        let (mut theta, mut left, mut stop) = (Buf::copy_of(run.theta()), epochs, None);
        let seed = self.recipe.seed;
        let setup = self.setup;
        let done = solver.minimize(setup, seed, &mut theta, &mut |theta, _| {
            run.moved(theta);
            left -= 1;
            stop = self.epoch(run, epochs, watch);
            stop.is_none() && left > 0
        });
        let broken = |quantity| {
            StopReason::NotFinite(NonFinite { step: run.step_count() + 1, layer: "output".into(), quantity })
        };
        match (stop, done.map(|done| done.end)) {
            (Some(stop), _) => stop,
            (None, Ok(End::NotFinite)) => broken("loss"),
            (None, Err(_)) => broken("curvature"),
            (None, Ok(End::Gradient | End::NoProgress)) => StopReason::Settled,
            (None, Ok(_)) => StopReason::Epochs,
        }
    }
}

/// The loss that decides.
fn judged(row: &Epoch) -> f64 {
    row.validation.unwrap_or(row.train).loss
}

/// Parameters that may be delivered.
#[derive(Clone)]
struct Kept<S: Real> {
    value: f64,
    epoch: u64,
    theta: Buf<S>,
}

impl<S: Real> Kept<S> {
    fn keep(&mut self, value: f64, epoch: u64, theta: &[S]) {
        (self.value, self.epoch) = (value, epoch);
        self.theta.copy_from_slice(theta);
    }
}
