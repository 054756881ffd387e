//! The loop over epochs: history, early stopping that restores the best parameters, rate reduction on a plateau.

use layerwise_core::Real;
use layerwise_network::Probe;
use layerwise_optimizers::Plateau;
use layerwise_tensor::Buf;

use crate::evaluate::{Scores, evaluate};
use crate::prepared::Prepared;
use crate::run::{NonFinite, Run};

/// One row of the history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Number of the epoch, from 1; 0 is before the first step.
    pub epoch: u64,
    /// Steps done.
    pub step: u64,
    /// On the training rows, without noise.
    pub train: Scores,
    /// On the validation rows.
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
    /// The scores of the delivered parameters.
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

    /// Loss and error on both sets.
    pub fn scores(&self, run: &Run<S>) -> (Scores, Option<Scores>) {
        let setup = run.setup();
        let on = |rows| evaluate(&setup.network, &*setup.loss, run.theta(), rows);
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
        let row = |run: &Run<S>| {
            let (train, validation) = self.scores(run);
            Epoch { epoch: run.epoch(), step: run.step_count(), train, validation, rate: run.rate() }
        };
        let judged = |row: &Epoch| row.validation.unwrap_or(row.train).loss;
        let mut history = vec![row(run)];
        let mut plateau = Plateau::default();
        let mut best = (judged(&history[0]), run.epoch(), Buf::copy_of(run.theta()));
        let mut good = best.clone();
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
            let now = row(run);
            history.push(now);
            let value = judged(&now);
            if !value.is_finite() {
                // Training rows were fine one batch at a time, but the whole set overflows: the next step would show where.
                let trouble = NonFinite { step: run.step_count(), layer: "output".into(), quantity: "loss" };
                stop = StopReason::NotFinite(trouble);
                break;
            }
            good = (value, run.epoch(), Buf::copy_of(run.theta()));
            let margin = self.recipe.early_stopping.map_or(0.0, |s| s.margin);
            if value < best.0 - margin || !best.0.is_finite() {
                best.clone_from(&good);
            }
            if let Some(rule) = &self.recipe.reduce_on_plateau {
                run.rate_factor = rule.observe(&mut plateau, value);
            }
            if !watch.epoch(&now, epochs) {
                stop = StopReason::Asked;
                break;
            }
            if self.recipe.early_stopping.is_some_and(|s| run.epoch() >= best.1 + s.patience as u64) {
                stop = StopReason::EarlyStopping;
                break;
            }
        }
        let (_, epoch, theta) = if self.recipe.early_stopping.is_some() { best } else { good };
        Outcome { theta, epoch, history, stop }
    }
}
