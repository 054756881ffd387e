//! Trainings as experiments: a recipe over several seeds, one training a core, each training bit-reproducible.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_data::{Dataset, Target, split};
use layerwise_train::{Epoch, Outcome, Prepared, Recipe, StopReason, TrainError};

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
    /// Units at the end.
    pub after: Vec<Units>,
    /// Loss and error on the held-out test rows, if there are any.
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
    pub fn new(rows: &'a Rows, threads: usize, stop: &'a (dyn Fn() -> bool + Sync)) -> Lab<'a> {
        let judge = rows.validation.as_ref().unwrap_or(&rows.train);
        Lab {
            chance: chance(&rows.train, judge),
            rows,
            threads: threads.max(1),
            stop,
            done: Mutex::new(HashMap::new()),
            trainings: AtomicUsize::new(0),
        }
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
        let prepared = Prepared::<f32>::new(&recipe, train, self.rows.validation.as_ref())?;
        let mut run = prepared.start(seed);
        let before = units(&run);
        let mut record = Record::over((run.steps_per_epoch() * prepared.recipe.epochs) as u64);
        let epochs = prepared.recipe.epochs;
        let outcome = prepared.carry_on(&mut run, epochs, &mut [&mut record], &mut Ask(self.stop));
        if outcome.stop == StopReason::Asked {
            return Err(LabError::Stopped);
        }
        let after = units(&run);
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

/// Mean loss of predicting the training frequencies (cross-entropy) or means (half the variance in scaled units).
fn chance(train: &Dataset, judge: &Dataset) -> f64 {
    match (&train.target, &judge.target) {
        (Target::Classes { labels, names }, Target::Classes { labels: judged, .. }) => {
            let mut counts = vec![0.5; names.len()];
            for &label in labels {
                counts[label as usize] += 1.0;
            }
            let total: f64 = counts.iter().sum();
            judged.iter().map(|&label| -(counts[label as usize] / total).ln()).sum::<f64>() / judged.len() as f64
        }
        (Target::Values { values, .. }, _) => 0.5 * values.nrows() as f64,
        _ => f64::NAN,
    }
}
