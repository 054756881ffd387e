//! From a data set to predictions: descriptions of a multilayer perceptron whose `fit` returns a [`Model`].

use layerwise_data::{Dataset, Target, Task, split};
use layerwise_losses::{Losses, SoftmaxCrossEntropy};

use crate::error::TrainError;
use crate::fit::StopReason;
use crate::model::Model;
use crate::prepared::Prepared;
use crate::recipe::Recipe;

/// A multilayer perceptron for classes: softmax output, cross-entropy.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpClassifier {
    /// How to train.
    pub recipe: Recipe,
    /// Share of the rows held back to judge early stopping by; 0 for none.
    pub validation: f64,
    /// Weigh classes by n / (k n_c), so that rare ones count as much as frequent ones.
    pub balanced: bool,
}

/// A multilayer perceptron for values: linear output, squared loss.
#[derive(Clone, Debug, PartialEq)]
pub struct MlpRegressor {
    /// How to train.
    pub recipe: Recipe,
    /// Share of the rows held back to judge early stopping by; 0 for none.
    pub validation: f64,
}

impl Default for MlpClassifier {
    fn default() -> Self {
        MlpClassifier { recipe: Recipe::default(), validation: 0.15, balanced: false }
    }
}

impl Default for MlpRegressor {
    fn default() -> Self {
        MlpRegressor { recipe: Recipe::default(), validation: 0.15 }
    }
}

macro_rules! options {
    ($estimator:ident) => {
        impl $estimator {
            /// Hidden layers of these widths.
            pub fn hidden(mut self, widths: impl Into<Vec<usize>>) -> Self {
                self.recipe.network.hidden = widths.into();
                self
            }
            /// At most so many passes over the rows.
            pub fn epochs(mut self, epochs: usize) -> Self {
                self.recipe.epochs = epochs;
                self
            }
            /// The seed of every random number.
            pub fn seed(mut self, seed: u64) -> Self {
                self.recipe.seed = seed;
                self
            }
        }
    };
}
options!(MlpClassifier);
options!(MlpRegressor);

impl MlpClassifier {
    /// Trains on the rows; some are held back for early stopping.
    ///
    /// Errors: targets that are not classes, a recipe out of range, a loss that was never finite.
    pub fn fit(&self, data: &Dataset) -> Result<Model, TrainError> {
        let Target::Classes { labels, names } = &data.target else {
            return Err(TrainError::recipe("target", "should be classes, got values (use MlpRegressor)"));
        };
        let mut recipe = self.recipe.clone();
        if self.balanced {
            let mut counts = vec![0.0f64; names.len()];
            for &label in labels {
                counts[label as usize] += 1.0;
            }
            let share = labels.len() as f64 / names.len() as f64;
            let class_weights = counts.iter().map(|&c| if c > 0.0 { share / c } else { 1.0 }).collect();
            let smoothing = match &recipe.loss {
                Some(Losses::SoftmaxCrossEntropy(loss)) => loss.smoothing,
                None => 0.0,
                Some(_) => return Err(TrainError::recipe("balanced", "should go with softmax-cross-entropy")),
            };
            recipe.loss = Some(Losses::SoftmaxCrossEntropy(SoftmaxCrossEntropy { smoothing, class_weights }));
        }
        fit(&recipe, self.validation, data)
    }
}

impl MlpRegressor {
    /// Trains on the rows; some are held back for early stopping.
    ///
    /// Errors: targets that are not values, a recipe out of range, a loss that was never finite.
    pub fn fit(&self, data: &Dataset) -> Result<Model, TrainError> {
        if data.task() != Task::Regression {
            return Err(TrainError::recipe("target", "should be values, got classes (use MlpClassifier)"));
        }
        fit(&self.recipe, self.validation, data)
    }
}

/// Trains by `recipe` on `data`, with `validation` of its rows held back.
fn fit(recipe: &Recipe, validation: f64, data: &Dataset) -> Result<Model, TrainError> {
    let prepared = if validation > 0.0 {
        let parts = split(data, [1.0 - validation, validation, 0.0], recipe.seed)?;
        Prepared::new(recipe, &parts.train, Some(&parts.validation))?
    } else {
        Prepared::new(recipe, data, None)?
    };
    if let Some(ensemble) = recipe.ensemble {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let members = prepared.members(ensemble, recipe.seed, cores, &|| false)?;
        return Model::ensemble(&prepared, data, &members);
    }
    let (_, outcome) = prepared.train(recipe.seed, &mut [], &mut ());
    if let (StopReason::NotFinite(trouble), 0) = (&outcome.stop, outcome.epoch) {
        return Err(TrainError::recipe("training", format!("{trouble}; no epoch was completed")));
    }
    Ok(Model::new(&prepared, data, &outcome))
}
