//! Trainings on several sets from several starts, and what their errors are made of.

use std::ops::Range;

use layerwise_data::{Dataset, Target};
use layerwise_stats::{Decomposition, Estimate, Predictions};

use crate::error::VarianceError;
use crate::measure::Measure;
use crate::runner::{Job, Runner};
use crate::source::{Source, fingerprint};
use crate::trainer::Trainer;

/// What all trainings share.
#[derive(Clone, Copy, Debug)]
pub struct Study<'a> {
    /// Where training sets come from.
    pub source: Source<'a>,
    /// The rows that all models predict.
    pub test: &'a Dataset,
    /// What counts as an error.
    pub measure: Measure,
    /// Fixes every random number.
    pub seed: u64,
}

/// One trainer on sets of one size: a point of a learning curve.
#[derive(Clone)]
pub struct Point<'a> {
    /// Rows of each training set.
    pub rows: usize,
    /// The training sets, by number.
    pub sets: Range<usize>,
    /// Starts on each set; start i is the same on all of them.
    pub starts: usize,
    /// What is trained.
    pub trainer: &'a dyn Trainer,
}

impl<'a> Point<'a> {
    /// Five training sets of `rows` rows, one start on each.
    pub fn new(rows: usize, trainer: &'a dyn Trainer) -> Self {
        Point { rows, sets: 0..5, starts: 1, trainer }
    }
}

impl std::fmt::Debug for Point<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows, sets {:?}, {} starts, {}", self.rows, self.sets, self.starts, self.trainer.name())
    }
}

/// The models of one point.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// What they say of the test rows.
    pub predictions: Predictions,
    /// Their error on their own training rows, with its standard error over training sets.
    pub train_error: Estimate,
    /// How many trainings ended at a number that was not finite.
    pub broken: usize,
}

impl Study<'_> {
    /// Trains all points, with all their trainings in one queue.
    ///
    /// Cost: Σ sets · starts trainings. Errors: rows that cannot be drawn or trained on, predictions that are not finite, a folder of
    /// another study, or a stop from outside.
    pub fn run(&self, points: &[Point<'_>], runner: &Runner<'_>) -> Result<Vec<Ensemble>, VarianceError> {
        let mut places = Vec::new();
        let mut jobs = Vec::new();
        let len = self.test.len() * self.test.n_outputs();
        for (i, point) in points.iter().enumerate() {
            for set in point.sets.clone() {
                for start in 0..point.starts {
                    places.push((point, set, start));
                    jobs.push(Job { name: format!("point{i}-set{set}-start{start}"), len: len + 2 });
                }
            }
        }
        let one = |job: usize| {
            let (point, set, start) = places[job];
            self.train(point, set, start, runner.stop)
        };
        let mut numbers = runner.run(&self.plan(points), &jobs, &one)?.into_iter();
        let ensemble = |point: &Point<'_>| {
            let (sets, starts) = (point.sets.len(), point.starts);
            let (mut predictions, mut train, mut broken) = (Vec::new(), vec![0.0; sets], 0);
            for (place, mut model) in numbers.by_ref().take(sets * starts).enumerate() {
                train[place / starts] += model[len] / starts as f64;
                broken += usize::from(model[len + 1] != 0.0);
                model.truncate(len);
                predictions.extend(model);
            }
            let shape = [sets, starts, self.test.len(), self.test.n_outputs()];
            let predictions = Predictions::new(shape, predictions)?;
            Ok(Ensemble { predictions, train_error: Estimate::of(&train), broken })
        };
        points.iter().map(ensemble).collect()
    }

    /// Predictions for the test rows, error on the training rows, and 1 if the training broke.
    fn train(
        &self,
        point: &Point<'_>,
        set: usize,
        start: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<f64>, VarianceError> {
        let rows = self.source.draw(set, point.rows, self.seed)?;
        let fit = point.trainer.fit(&rows, self.seed.wrapping_mul(1 << 20).wrapping_add(start as u64), stop)?;
        let mut numbers = (fit.predict)(&self.test.x)?;
        numbers.push(self.measure.error((fit.predict)(&rows.x)?, &rows)?);
        numbers.push(fit.broken.into());
        Ok(numbers)
    }

    /// What the trainings are, in words and numbers; kept trainings are taken again only under the same plan.
    pub fn plan(&self, points: &[Point<'_>]) -> String {
        let mut plan = format!(
            "layerwise {}\nseed {}\nmeasure: {}\ntest rows: {}\ntraining sets: {}\n",
            env!("CARGO_PKG_VERSION"),
            self.seed,
            self.measure,
            fingerprint(self.test),
            self.source.name()
        );
        let mut before = None;
        for (i, point) in points.iter().enumerate() {
            let name = point.trainer.name();
            let sets = format!("sets {} to {}", point.sets.start, point.sets.end);
            plan += &format!("point {i}: {} rows, {sets}, {} starts\n", point.rows, point.starts);
            if before.as_ref() != Some(&name) {
                plan += &format!("{name}\n");
            }
            before = Some(name);
        }
        plan
    }

    /// What the error on the test rows is made of. `best` are the values of f* there, if they are known.
    ///
    /// Errors: a measure that does not fit the targets, or numbers that do not fit.
    pub fn split(&self, ensemble: &Ensemble, best: Option<&[f64]>) -> Result<Decomposition, VarianceError> {
        self.measure.split(&ensemble.predictions, self.test, best)
    }

    /// The squared error of `reached` as noise + approximation + estimation + optimization; see [`Predictions::excess`].
    ///
    /// `fitted` has one start on each of the same sets: the functions that are best on the sample; `of_class` is one model, the best of
    /// all that the trainer can reach, or its values if they are known.
    ///
    /// Errors: targets that are not values, or numbers that do not fit.
    pub fn excess(
        &self,
        reached: &Ensemble,
        fitted: &Ensemble,
        of_class: &[f64],
        best: &[f64],
    ) -> Result<Decomposition, VarianceError> {
        let Target::Values { values, .. } = &self.test.target else {
            let problem = "should be values for this split, got classes";
            return Err(layerwise_train::TrainError::recipe("targets", problem).into());
        };
        Ok(reached.predictions.excess(values.as_slice(), best, of_class, &fitted.predictions)?)
    }

    /// The values of a function of one row on the test rows.
    pub fn values_of(&self, f: &dyn Fn(&[f64]) -> f64) -> Vec<f64> {
        self.test.x.as_slice().chunks_exact(self.test.n_features()).map(f).collect()
    }
}
