//! A recipe joined with data: scaled rows, a laid-out network, an optimizer. Any number of runs start from one.

use std::sync::Arc;

use layerwise_core::{Number, Real};
use layerwise_data::{Dataset, Scaler, Target, check_batch};
use layerwise_network::{Supervised, Workspace};
use layerwise_tensor::Dual;
use layerwise_tensor::dual::Plane;

use crate::error::TrainError;
use crate::evaluate::{Scores, evaluate};
use crate::fit::TrainScores;
use crate::mixup::Mixup;
use crate::recipe::Recipe;
use crate::run::{Run, Setup};
use crate::samples::Samples;

/// Everything that trainings of one recipe on one data set share.
#[derive(Clone, Debug)]
pub struct Prepared<S: Real> {
    /// How to train.
    pub recipe: Recipe,
    /// Fitted on the training rows.
    pub scaler: Scaler,
    /// Fitted on the target values of the training rows; nothing for classes.
    pub target_scaler: Scaler,
    /// The description that runs share.
    pub setup: Arc<Setup<S>>,
    /// Rows to judge by.
    pub validation: Option<Arc<Samples<S>>>,
    /// How trainings score their training rows; [`TrainScores::Seen`] unless it is changed.
    pub train_scores: TrainScores,
}

impl<S: Real + Plane> Prepared<S>
where
    Dual<S>: Number,
{
    /// Checks the recipe, scales the rows, builds the network.
    ///
    /// Errors: a value out of range, a layer that does not fit, unusable data, a solver for what it cannot minimize.
    pub fn new(recipe: &Recipe, train: &Dataset, validation: Option<&Dataset>) -> Result<Self, TrainError> {
        recipe.check()?;
        check_batch(recipe.batch, train.len())?;
        let scaler = Scaler::fit_features(recipe.scaling, train)?;
        let target_scaler = match &train.target {
            Target::Classes { .. } => Scaler::None,
            Target::Values { values, .. } => Scaler::fit(recipe.target_scaling, values)?,
        };
        let scaled = |data: &Dataset| Samples::new(data, &scaler, &target_scaler).map(Arc::new);
        let network = recipe.network_for(train)?;
        let loss = recipe.loss_for(&train.target);
        if let (Some(_), Target::Classes { .. }) = (recipe.mixup, &train.target) {
            Mixup::check_loss(&*loss).map_err(|problem| TrainError::recipe("mixup", problem))?;
        }
        let setup = Setup {
            loss,
            penalties: recipe.penalties_for(&network)?,
            jacobian: recipe.jacobian.map(|jacobian| jacobian.penalty()),
            mixup: recipe.mixup,
            optimizer: recipe.optimizer.build().on(network.blocks().map(|(_, block)| block)),
            train: scaled(train)?,
            batch: recipe.batch,
            weights: network.weights_mask(),
            network,
        };
        if let Some(solver) = &recipe.solver {
            solver.check_for(recipe, &setup)?;
        }
        let validation = validation.map(scaled).transpose()?;
        let (recipe, setup, train_scores) = (recipe.clone(), Arc::new(setup), TrainScores::default());
        Ok(Prepared { recipe, scaler, target_scaler, setup, validation, train_scores })
    }
}

impl<S: Real> Prepared<S> {
    /// A run at its start.
    pub fn start(&self, seed: u64) -> Run<S> {
        Run::new(Arc::clone(&self.setup), seed)
    }

    /// The risk of the first `rows` training rows, or of all if there are fewer, with penalties and without noise: what solvers and
    /// curvature work on. The penalty on the Jacobian and mixtures of rows are not in it.
    ///
    /// Panics: if the workspace is for fewer rows.
    pub fn risk<'a>(&'a self, rows: usize, workspace: &'a mut Workspace<S>) -> Supervised<'a, S> {
        self.setup.risk(rows, workspace, self.recipe.seed)
    }

    /// Loss and error of θ on a data set that was not scaled yet.
    ///
    /// Errors: another number of features.
    pub fn score(&self, theta: &[S], data: &Dataset) -> Result<Scores, TrainError> {
        let rows = Samples::new(data, &self.scaler, &self.target_scaler)?;
        Ok(evaluate(&self.setup.network, &*self.setup.loss, theta, &rows))
    }
}
