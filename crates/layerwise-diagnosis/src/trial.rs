//! Trainings as experiments: a recipe over several seeds, one training a core, each training bit-reproducible.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_data::{Dataset, split};
use layerwise_tensor::{Mat, MatMut};
use layerwise_train::{Epoch, Outcome, Prepared, Recipe, Samples, StopReason, TrainError, TrainScores};

use crate::record::{Record, Units, units};

/// What one training left behind.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Its seed.
    pub seed: u64,
    /// Learning curves, delivered parameters and why it ended.
    pub outcome: Outcome<f32>,
    /// Gradients and updates over time.
    pub record: Record,
    /// Units at the start.
    pub before: Vec<Units>,
    /// Units under the delivered parameters.
    pub after: Vec<Units>,
    /// Error on the held-out test rows, if there are any.
    pub test_error: Option<f64>,
}

impl Trace {
    /// The delivered parameters' scores.
    pub fn end(&self) -> Epoch {
        self.outcome.delivered()
    }
}

/// The rows that all trainings of a diagnosis share.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Learnt from.
    pub train: Dataset,
    /// Judged by.
    pub validation: Option<Dataset>,
    /// Looked at once, for the cure.
    pub test: Option<Dataset>,
}

/// The rows of one training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// All training rows.
    All,
    /// A random half of them, stratified, by the seed of the training.
    Half,
}

/// A recipe, the rows it is trained on, and the seeds.
pub type Wanted<'r> = (&'r Recipe, Share, &'r [u64]);

/// Runs recipes on the same rows and remembers what it ran.
pub struct Lab<'a> {
    rows: &'a Rows,
    threads: usize,
    stop: &'a (dyn Fn() -> bool + Sync),
    done: Mutex<HashMap<(String, Share, u64), Trace>>,
    trainings: AtomicUsize,
    /// Risk of the best constant prediction on the validation rows.
    pub chance: f64,
}

impl std::fmt::Debug for Lab<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lab of {} threads", self.threads)
    }
}

/// A diagnosis was ended from outside, or a recipe could not be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum LabError {
    /// The recipe or the data are unusable.
    Train(TrainError),
    /// Whoever watches asked to stop.
    Stopped,
}

impl From<TrainError> for LabError {
    fn from(e: TrainError) -> Self {
        LabError::Train(e)
    }
}

impl std::fmt::Display for LabError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LabError::Train(e) => e.fmt(f),
            LabError::Stopped => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for LabError {}

impl<'a> Lab<'a> {
    /// A lab over these rows with `threads` trainings at a time; `stop` is asked after every epoch.
    ///
    /// Errors: a recipe that cannot be run on these rows.
    pub fn new(
        recipe: &Recipe,
        rows: &'a Rows,
        threads: usize,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Lab<'a>, LabError> {
        if let Some(solver) = &recipe.solver {
            let problem = format!(
                "should be absent from what is diagnosed, which is steps of an optimizer, got {}",
                solver.name()
            );
            return Err(TrainError::recipe("solver", problem).into());
        }
        let prepared = Prepared::<f64>::new(recipe, &rows.train, rows.validation.as_ref())?;
        Ok(Lab {
            chance: chance(&prepared),
            rows,
            threads: threads.max(1),
            stop,
            done: Mutex::new(HashMap::new()),
            trainings: AtomicUsize::new(0),
        })
    }

    /// The rows.
    pub fn rows(&self) -> &Rows {
        self.rows
    }

    /// Trainings run so far.
    pub fn trainings(&self) -> usize {
        self.trainings.load(Ordering::Relaxed)
    }

    /// Trains the recipe on every seed; what was run before is remembered.
    ///
    /// Errors: a recipe that cannot be run; a stop from outside.
    pub fn run(&self, recipe: &Recipe, seeds: &[u64]) -> Result<Vec<Trace>, LabError> {
        Ok(self.run_all(&[(recipe, Share::All, seeds)])?.remove(0))
    }

    /// Trains several recipes at once, so that all cores are busy.
    ///
    /// Errors: as for [`Lab::run`].
    pub fn run_all(&self, wanted: &[Wanted<'_>]) -> Result<Vec<Vec<Trace>>, LabError> {
        let names: Vec<String> = wanted.iter().map(|(recipe, _, _)| format!("{recipe:?}")).collect();
        let key = |i: usize, seed: u64| (names[i].clone(), wanted[i].1, seed);
        let mut jobs: Vec<(usize, u64)> =
            wanted.iter().enumerate().flat_map(|(i, (_, _, seeds))| seeds.iter().map(move |&s| (i, s))).collect();
        jobs.retain(|&(i, seed)| !lock(&self.done).contains_key(&key(i, seed)));
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.min(jobs.len()) {
                scope.spawn(|| {
                    while let Some(&(i, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let (recipe, share, _) = wanted[i];
                        match self.train(recipe, share, seed) {
                            Ok(trace) => drop(lock(&self.done).insert(key(i, seed), trace)),
                            Err(e) => {
                                lock(&failed).get_or_insert(e);
                                return;
                            }
                        }
                    }
                });
            }
        });
        if let Some(e) = lock(&failed).take() {
            return Err(e);
        }
        let done = lock(&self.done);
        let of = |i: usize, seed: u64| done.get(&key(i, seed)).cloned().ok_or(LabError::Stopped);
        wanted.iter().enumerate().map(|(i, (_, _, seeds))| seeds.iter().map(|&seed| of(i, seed)).collect()).collect()
    }

    fn train(&self, recipe: &Recipe, share: Share, seed: u64) -> Result<Trace, LabError> {
        struct Ask<'s>(&'s (dyn Fn() -> bool + Sync));
        impl layerwise_train::Watch for Ask<'_> {
            fn epoch(&mut self, _: &Epoch, _: usize) -> bool {
                !(self.0)()
            }
        }
        self.trainings.fetch_add(1, Ordering::Relaxed);
        let all = &self.rows.train;
        let half = match share {
            Share::All => None,
            Share::Half => Some(split(all, [0.5, 0.5, 0.0], seed).map_err(TrainError::from)?.train),
        };
        let train = half.as_ref().unwrap_or(all);
        // A small half may have fewer rows than a batch.
        let recipe = Recipe { batch: recipe.batch.min(train.len()), ..recipe.clone() };
        let mut prepared = Prepared::<f32>::new(&recipe, train, self.rows.validation.as_ref())?;
        // Causes compare training with validation scores: both of the same parameters, both without noise.
        prepared.train_scores = TrainScores::Exact;
        let mut run = prepared.start(seed);
        let before = units(&prepared.setup, run.theta());
        let mut record = Record::over((run.steps_per_epoch() * prepared.recipe.epochs) as u64);
        let epochs = prepared.recipe.epochs;
        let outcome = prepared.carry_on(&mut run, epochs, &mut [&mut record], &mut Ask(self.stop));
        if outcome.stop == StopReason::Asked {
            return Err(LabError::Stopped);
        }
        let after = units(&prepared.setup, &outcome.theta);
        let test_error = match &self.rows.test {
            Some(test) => Some(prepared.score(&outcome.theta, test)?.error),
            None => None,
        };
        Ok(Trace { seed, outcome, record, before, after, test_error })
    }

    /// The validation loss of the delivered parameters, at most twice that of the best constant prediction: a run that broke is
    /// as bad as can be, not infinitely bad.
    pub fn risk(&self, trace: &Trace) -> f64 {
        let end = trace.end();
        let loss = end.validation.unwrap_or(end.train).loss;
        let broken = matches!(trace.outcome.stop, StopReason::NotFinite(_));
        if broken || !loss.is_finite() { 2.0 * self.chance } else { loss.min(2.0 * self.chance) }
    }
}

/// A poisoned lock holds whole traces all the same.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The loss on the validation rows of the constant output that is best for the training rows, in the recipe's own loss and units.
///
/// By gradient descent with backtracking (Armijo 1966) on the output; the losses are convex in it.
fn chance(prepared: &Prepared<f64>) -> f64 {
    let setup = &prepared.setup;
    let k = setup.network.d_out();
    let constant = |rows: &Samples<f64>, output: &[f64], gradient: &mut [f64]| -> f64 {
        let n = rows.len();
        let y: Vec<f64> = output.iter().copied().cycle().take(k * n).collect();
        let (mut each, mut dy) = (vec![0.0; n], vec![0.0; k * n]);
        setup.loss.eval(Mat::new(&y, k, n), rows.targets(0..n), &mut each, MatMut::new(&mut dy, k, n));
        gradient.fill(0.0);
        for column in dy.chunks_exact(k) {
            for (g, d) in gradient.iter_mut().zip(column) {
                *g += d / n as f64;
            }
        }
        each.iter().sum::<f64>() / n as f64
    };
    let (mut output, mut gradient, mut step) = (vec![0.0; k], vec![0.0; k], 1.0);
    let mut trial = vec![0.0; k];
    let mut value = constant(&setup.train, &output, &mut gradient);
    for _ in 0..200 {
        let slope: f64 = gradient.iter().map(|g| g * g).sum();
        let mut next = vec![0.0; k];
        loop {
            for ((t, o), g) in trial.iter_mut().zip(&output).zip(&gradient) {
                *t = o - step * g;
            }
            let reached = constant(&setup.train, &trial, &mut next);
            if reached <= value - 0.5 * step * slope {
                value = reached;
                break;
            }
            step *= 0.5;
            if step < 1e-12 {
                let judge = prepared.validation.as_deref().unwrap_or(&setup.train);
                return constant(judge, &output, &mut next);
            }
        }
        output.copy_from_slice(&trial);
        gradient = next;
        step *= 2.0;
    }
    let judge = prepared.validation.as_deref().unwrap_or(&setup.train);
    constant(judge, &output, &mut gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerwise_data::{Scaling, Target, friedman1, two_blobs};
    use layerwise_losses::{Absolute, Losses};

    fn chance_of(recipe: &Recipe, data: &Dataset) -> f64 {
        chance(&Prepared::new(recipe, data, None).unwrap_or_else(|e| panic!("{e}")))
    }

    #[test]
    fn the_best_constant_is_that_of_the_loss_and_its_units() {
        let data = friedman1(301, 5, 1.0, 1);
        let Target::Values { values, .. } = &data.target else { panic!() };
        let n = values.len() as f64;
        let variance = values.iter().map(|v| (v - values.mean()).powi(2)).sum::<f64>() / n;
        let scaled = chance_of(&Recipe::default(), &data);
        assert!((scaled - 0.5).abs() < 1e-9, "{scaled}");
        let plain = Recipe { target_scaling: Scaling::None, ..Recipe::default() };
        let unscaled = chance_of(&plain, &data);
        assert!((unscaled - 0.5 * variance).abs() < 1e-6, "{unscaled} should be {}", 0.5 * variance);
        let mut sorted: Vec<f64> = values.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let spread = values.iter().map(|v| (v - sorted[150]).abs()).sum::<f64>() / n;
        let absolute = chance_of(&Recipe { loss: Some(Losses::Absolute(Absolute)), ..plain }, &data);
        assert!((absolute / spread - 1.0).abs() < 1e-2, "{absolute} should be {spread}");
        let blobs = two_blobs(400, 2, 1.0, 1);
        let Target::Classes { labels, .. } = &blobs.target else { panic!() };
        let p = labels.iter().filter(|l| **l == 1).count() as f64 / 400.0;
        let entropy = -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());
        assert!((chance_of(&Recipe::default(), &blobs) - entropy).abs() < 1e-6);
    }
}
