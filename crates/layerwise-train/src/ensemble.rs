//! Ensembles: several trainings of one recipe, whose predictions are averaged.
//!
//! - Bagged: each member learns from as many rows as there are, drawn with replacement; a row is left out by about 37 % of the members,
//!   and the error of their mean on it is the out-of-bag error. Source: Breiman (1996), "Bagging predictors", and (1996),
//!   "Out-of-bag estimation".
//! - Snapshots: one training whose rate falls along a half cosine again and again; a member is what each cycle ends with. Source:
//!   Huang, Li, Pleiss, Liu, Hopcroft and Weinberger (2017), "Snapshot ensembles: train 1, get M for free", eq. 2.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use layerwise_core::{Number, Real, Schedule};
use layerwise_optimizers::Schedules;
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Key, Purpose};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::evaluate::predict_rows;
use crate::fit::{Epoch, Outcome, StopReason, Watch};
use crate::prepared::Prepared;
use crate::run::Setup;

/// How the members of an ensemble come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ensemble {
    /// Trainings on rows drawn with replacement, each with its own start and order, by the whole recipe.
    Bagged {
        /// How many.
        members: usize,
    },
    /// What a single training passes by, at the end of cosine cycles of equal length that fill its epochs. Early stopping and the
    /// reduction of the rate do not apply; a schedule of the optimizer is a factor besides.
    Snapshots {
        /// How many.
        members: usize,
    },
}

/// The members of an ensemble.
#[derive(Clone, Debug)]
pub struct Members<S: Real> {
    /// What each training gave; of snapshots, without a history.
    pub outcomes: Vec<Outcome<S>>,
    /// The error on the training rows by the members that did not learn from them, over the rows that somebody left out. Bagged only.
    pub out_of_bag: Option<f64>,
}

impl Ensemble {
    /// Errors: unless there is a member.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Ensemble::Bagged { members: 0 } | Ensemble::Snapshots { members: 0 } => {
                Err("members should be at least 1, got 0".into())
            }
            _ => Ok(()),
        }
    }
}

/// Ends a training when it is told to.
struct Ask<'a>(&'a (dyn Fn() -> bool + Sync));

impl Watch for Ask<'_> {
    fn epoch(&mut self, _: &Epoch, _: usize) -> bool {
        !(self.0)()
    }
}

impl<S: Real + Plane> Prepared<S>
where
    Dual<S>: Number,
{
    /// Trains the members, `threads` at a time; `stop` is asked after every epoch. The same bits for any number of threads.
    ///
    /// Errors: no members, or one none of whose numbers were finite.
    pub fn members(
        &self,
        ensemble: Ensemble,
        seed: u64,
        threads: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Members<S>, TrainError> {
        ensemble.check().map_err(|problem| TrainError::recipe("ensemble", problem))?;
        match ensemble {
            Ensemble::Bagged { members } => self.bagged(members, seed, threads, stop),
            Ensemble::Snapshots { members } => self.snapshots(members, seed, stop),
        }
    }

    fn bagged(
        &self,
        members: usize,
        seed: u64,
        threads: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Members<S>, TrainError> {
        let rows = self.setup.train.len();
        let drawn = |member: usize| -> Vec<usize> {
            let mut rng = Key::new(seed, Purpose::Split).layer(1 + member as u64).rng();
            (0..rows).map(|_| rng.below(rows)).collect()
        };
        let train = |member: usize| {
            let bag = Arc::new(self.setup.train.picked(&drawn(member)));
            let setup = Arc::new(Setup { train: bag, ..(*self.setup).clone() });
            let prepared = Prepared { setup, ..self.clone() };
            prepared.train(seed.wrapping_add(member as u64), &mut [], &mut Ask(stop)).1
        };
        let outcomes: Vec<OnceLock<Outcome<S>>> = (0..members).map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, members) {
                scope.spawn(|| {
                    loop {
                        let member = next.fetch_add(1, Ordering::Relaxed);
                        let Some(place) = outcomes.get(member) else { break };
                        let _ = place.set(train(member));
                    }
                });
            }
        });
        let outcomes: Vec<Outcome<S>> = outcomes.into_iter().filter_map(OnceLock::into_inner).collect();
        for (i, outcome) in outcomes.iter().enumerate() {
            if let (StopReason::NotFinite(trouble), 0) = (&outcome.stop, outcome.epoch) {
                return Err(TrainError::recipe(
                    format!("member {}", i + 1),
                    format!("{trouble}; no epoch was completed"),
                ));
            }
        }
        let out_of_bag = Some(self.out_of_bag(&outcomes, &drawn));
        Ok(Members { outcomes, out_of_bag })
    }

    /// The error of the mean prediction, for each row, of the members that did not draw it. NaN if every member drew every row.
    fn out_of_bag(&self, outcomes: &[Outcome<S>], drawn: &dyn Fn(usize) -> Vec<usize>) -> f64 {
        let Setup { network, loss, train, .. } = &*self.setup;
        let (rows, k) = (train.len(), network.d_out());
        let (mut sums, mut counts) = (vec![0.0; k * rows], vec![0usize; rows]);
        for (member, outcome) in outcomes.iter().enumerate() {
            let y = predict_rows(network, Some(&**loss), &outcome.theta, rows, None, |range, to| {
                to.copy_from_slice(train.x(range).data());
            });
            let mut left_out = vec![true; rows];
            drawn(member).into_iter().for_each(|row| left_out[row] = false);
            for (row, _) in left_out.iter().enumerate().filter(|(_, out)| **out) {
                counts[row] += 1;
                sums[row * k..(row + 1) * k].iter_mut().zip(y.column(row).iter()).for_each(|(sum, y)| *sum += y);
            }
        }
        let seen: Vec<usize> = (0..rows).filter(|&row| counts[row] > 0).collect();
        let mut means = Vec::new();
        for &row in &seen {
            means.extend(sums[row * k..(row + 1) * k].iter().map(|sum| sum / counts[row] as f64));
        }
        train.picked(&seen).error(&means, k)
    }

    fn snapshots(&self, members: usize, seed: u64, stop: &(dyn Fn() -> bool + Sync)) -> Result<Members<S>, TrainError> {
        let mut run = self.start(seed);
        let cycle = (run.steps_per_epoch() * self.recipe.epochs / members).max(1) as u64;
        let cosine = Schedules::CosineRestarts { steps: cycle, growth: 1, floor: 0.0 };
        let mut outcomes: Vec<Outcome<S>> = Vec::new();
        while outcomes.len() < members && !stop() {
            let mut end = StopReason::Epochs;
            for _ in 0..cycle {
                run.rate_factor = Schedule::at(&cosine, run.step_count() + 1);
                if let Err(trouble) = run.step(&mut []) {
                    end = StopReason::NotFinite(trouble);
                    break;
                }
            }
            match (&end, outcomes.last_mut()) {
                (StopReason::NotFinite(trouble), None) => {
                    return Err(TrainError::recipe("member 1", format!("{trouble}; no cycle was completed")));
                }
                // The members before it are good.
                (StopReason::NotFinite(_), Some(last)) => {
                    last.stop = end;
                    break;
                }
                _ => {}
            }
            let theta = Buf::copy_of(&run.averaged());
            outcomes.push(Outcome { theta, epoch: run.epoch(), history: Vec::new(), stop: end });
        }
        Ok(Members { outcomes, out_of_bag: None })
    }
}
