//! The loop over epochs: history, early stopping that restores the best parameters, rate reduction on a plateau.

use std::sync::Arc;

use layerwise_core::Real;
use layerwise_network::Probe;
use layerwise_optimizers::Plateau;
use layerwise_tensor::Buf;

use crate::evaluate::{Evaluator, Scores, evaluate};
use crate::prepared::Prepared;
use crate::recipe::Recipe;
use crate::run::{NonFinite, Run};

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
    /// Learning rate of the last step.
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

impl<S: Real> Prepared<S> {
    /// Trains from the start of `seed` to the end of the recipe.
    pub fn train(&self, seed: u64, probes: &mut [&mut dyn Probe<S>], watch: &mut dyn Watch) -> (Run<S>, Outcome<S>) {
        let mut run = self.start(seed);
        let outcome = self.carry_on(&mut run, self.recipe.epochs, probes, watch);
        (run, outcome)
    }

    /// Loss and error of θ on the training and the validation rows, without noise.
    pub fn scores(&self, theta: &[S]) -> (Scores, Option<Scores>) {
        let setup = &self.setup;
        let on = |rows| evaluate(&setup.network, &*setup.loss, theta, rows);
        (on(&setup.train), self.validation.as_deref().map(on))
    }

    /// Continues a run for at most `epochs` more.
    pub fn carry_on(
        &self,
        run: &mut Run<S>,
        epochs: usize,
        probes: &mut [&mut dyn Probe<S>],
        watch: &mut dyn Watch,
    ) -> Outcome<S> {
        let setup = Arc::clone(run.setup());
        let Recipe { early_stopping, reduce_on_plateau, .. } = &self.recipe;
        let judged_by_train = self.validation.is_none() && (early_stopping.is_some() || reduce_on_plateau.is_some());
        let exact = self.train_scores == TrainScores::Exact || judged_by_train;
        let evaluator = |rows| Evaluator::new(&setup.network, rows);
        let train = evaluator(&setup.train);
        let validation = self.validation.as_deref().map(evaluator);
        let scores = |rows: &Evaluator<'_, S>, theta: &[S], most_blocks: usize| {
            rows.scores(&setup.network, &*setup.loss, theta, most_blocks)
        };
        let row = |run: &Run<S>, theta: &[S], train: Scores| {
            let validation = validation.as_ref().map(|rows| scores(rows, theta, usize::MAX));
            Epoch { epoch: run.epoch(), step: run.step_count(), train, validation, rate: run.rate() }
        };
        let judged = |row: &Epoch| row.validation.unwrap_or(row.train).loss;
        let theta = Buf::copy_of(&run.averaged());
        let mut history = vec![row(run, &theta, scores(&train, &theta, if exact { usize::MAX } else { SAMPLE }))];
        let mut plateau = Plateau::default();
        let mut good = Kept { value: judged(&history[0]), epoch: run.epoch(), theta };
        let mut best = early_stopping.map(|rule| (rule, good.clone()));
        let mut stop = StopReason::Epochs;
        'training: for _ in 0..epochs {
            loop {
                if let Err(trouble) = run.step(probes) {
                    stop = StopReason::NotFinite(trouble);
                    break 'training;
                }
                if run.at_epoch_end() {
                    break;
                }
            }
            let seen_only = !exact && validation.is_none();
            let finite = !seen_only || run.still_finite();
            let theta = run.averaged();
            let now = row(run, &theta, if exact { scores(&train, &theta, usize::MAX) } else { run.seen() });
            history.push(now);
            let value = judged(&now);
            if !value.is_finite() || !finite {
                // The batches were fine one at a time, but under the parameters after the last step something overflows: the
                // next step would show where.
                let trouble = NonFinite { step: run.step_count(), layer: "output".into(), quantity: "loss" };
                stop = StopReason::NotFinite(trouble);
                break;
            }
            good.keep(value, run.epoch(), &theta);
            if let Some((rule, best)) = &mut best
                && (value < best.value - rule.margin || !best.value.is_finite())
            {
                best.keep(value, run.epoch(), &theta);
            }
            drop(theta);
            if let Some(rule) = reduce_on_plateau {
                run.rate_factor = rule.observe(&mut plateau, value);
            }
            if !watch.epoch(&now, epochs) {
                stop = StopReason::Asked;
                break;
            }
            if best.as_ref().is_some_and(|(rule, best)| run.epoch() >= best.epoch + rule.patience as u64) {
                stop = StopReason::EarlyStopping;
                break;
            }
        }
        let Kept { epoch, theta, .. } = best.map_or(good, |(_, best)| best);
        Outcome { theta, epoch, history, stop }
    }
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
