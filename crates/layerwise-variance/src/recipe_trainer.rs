//! Recipes as trainers.

use std::borrow::Cow;

use layerwise_core::Targets;
use layerwise_data::{Dataset, split};
use layerwise_train::{Epoch, Outcome, Prepared, Recipe, StopReason, TrainError, Watch, outputs};
use nalgebra::DMatrix;

use crate::trainer::{Fit, Trainer};

/// A network by its recipe. If the recipe stops early or lowers its rate by validation rows, a share of the rows is held back for that:
/// the same rows for every start.
#[derive(Clone, Debug, PartialEq)]
pub struct RecipeTrainer {
    /// How to train. Its seed is not used; batches are at most as large as the training set.
    pub recipe: Recipe,
    /// Share of the rows held back.
    pub validation: f64,
}

impl RecipeTrainer {
    /// The recipe with 15 % of the rows held back, as by [`layerwise_train::MlpRegressor`].
    pub fn new(recipe: Recipe) -> RecipeTrainer {
        RecipeTrainer { recipe, validation: 0.15 }
    }

    /// Rows to learn from, and rows to judge by.
    fn parts<'r>(&self, rows: &'r Dataset) -> Result<(Cow<'r, Dataset>, Option<Dataset>), TrainError> {
        let judged = self.recipe.early_stopping.is_some() || self.recipe.reduce_on_plateau.is_some();
        if !judged || self.validation == 0.0 {
            return Ok((Cow::Borrowed(rows), None));
        }
        let parts = split(rows, [1.0 - self.validation, self.validation, 0.0], 0)?;
        Ok((Cow::Owned(parts.train), Some(parts.validation)))
    }

    /// Refuses a recipe that cannot be run on these rows, without running it.
    ///
    /// Errors: those of training.
    pub fn check(&self, rows: &Dataset) -> Result<(), TrainError> {
        let (rows, validation) = self.parts(rows)?;
        prepare(&self.recipe, &rows, validation.as_ref()).map(drop)
    }
}

impl Trainer for RecipeTrainer {
    fn name(&self) -> String {
        format!("{self:#?}")
    }

    fn fit(&self, rows: &Dataset, seed: u64, stop: &dyn Fn() -> bool) -> Result<Fit, TrainError> {
        let (rows, validation) = self.parts(rows)?;
        let (prepared, outcome) = train(&self.recipe, &rows, validation.as_ref(), seed, stop)?;
        Ok(function(prepared, outcome))
    }
}

/// Several trainings of a recipe on all rows, of which the one with the least training loss is taken: an upper bound of what the best
/// function of the class does on the sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Restarts {
    /// How to train, without validation rows.
    pub recipe: Recipe,
    /// How many.
    pub restarts: usize,
}

impl Trainer for Restarts {
    fn name(&self) -> String {
        format!("{self:#?}")
    }

    fn fit(&self, rows: &Dataset, seed: u64, stop: &dyn Fn() -> bool) -> Result<Fit, TrainError> {
        let mut best: Option<(f64, Fit)> = None;
        for restart in 0..self.restarts.max(1) as u64 {
            let (prepared, outcome) = train(&self.recipe, rows, None, seed.wrapping_add(restart), stop)?;
            let loss = prepared.scores(&outcome.theta).0.loss;
            if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                best = Some((loss, function(prepared, outcome)));
            }
        }
        best.map(|(_, fit)| fit).ok_or_else(|| TrainError::recipe("restarts", "should be at least 1, got 0"))
    }
}

/// With batches of at most all rows.
fn prepare(recipe: &Recipe, rows: &Dataset, validation: Option<&Dataset>) -> Result<Prepared<f32>, TrainError> {
    let recipe = Recipe { batch: recipe.batch.min(rows.len()), ..recipe.clone() };
    Prepared::new(&recipe, rows, validation)
}

/// One training, which the closure may stop after an epoch.
fn train(
    recipe: &Recipe,
    rows: &Dataset,
    validation: Option<&Dataset>,
    seed: u64,
    stop: &dyn Fn() -> bool,
) -> Result<(Prepared<f32>, Outcome<f32>), TrainError> {
    struct Ask<'s>(&'s dyn Fn() -> bool);
    impl Watch for Ask<'_> {
        fn epoch(&mut self, _: &Epoch, _: usize) -> bool {
            !(self.0)()
        }
    }
    let prepared = prepare(recipe, rows, validation)?;
    let (_, outcome) = prepared.train(seed, &mut [], &mut Ask(stop));
    Ok((prepared, outcome))
}

/// What a training delivered, as a function of unscaled inputs.
fn function(prepared: Prepared<f32>, outcome: Outcome<f32>) -> Fit {
    let broken = matches!(outcome.stop, StopReason::NotFinite(_));
    let classes = matches!(prepared.setup.train.targets(0..1), Targets::Classes(_));
    let predict = move |x: &DMatrix<f64>| {
        let mut x = x.clone();
        prepared.scaler.transform(&mut x)?;
        let mut y = outputs(&prepared.setup.network, &outcome.theta, &x);
        if !classes {
            prepared.target_scaler.inverse(&mut y)?;
        } else if y.nrows() == 1 {
            // One output alone is the logit of the second class.
            y = y.insert_row(0, 0.0);
        }
        Ok(y.as_slice().to_vec())
    };
    Fit { predict: Box::new(predict), broken }
}
