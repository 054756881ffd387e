//! What turns rows into a function.

use layerwise_data::Dataset;
use layerwise_train::TrainError;
use nalgebra::DMatrix;

/// From inputs, features × n, to n · outputs numbers, sample after sample.
pub type Function = Box<dyn Fn(&DMatrix<f64>) -> Result<Vec<f64>, TrainError>>;

/// A function that was fitted to rows.
pub struct Fit {
    /// The function. For classes: outputs before any squashing, one a class.
    pub predict: Function,
    /// Whether training ended at a number that was not finite; the function is then the last good one.
    pub broken: bool,
}

impl std::fmt::Debug for Fit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fit").field("broken", &self.broken).finish_non_exhaustive()
    }
}

impl Fit {
    /// A function that was fitted without trouble.
    pub fn new(predict: impl Fn(&DMatrix<f64>) -> Vec<f64> + 'static) -> Fit {
        Fit { predict: Box::new(move |x| Ok(predict(x))), broken: false }
    }
}

/// Fits functions to rows. The same rows and seed give the same function, bit for bit.
pub trait Trainer: Sync {
    /// What it is, in words and numbers, on one line or several: kept trainings are taken again only under the same name.
    fn name(&self) -> String;

    /// Fits a function to `rows`; `seed` fixes initialization, order of batches and masks. `stop` may be asked now and then; a
    /// training that ended for its sake is thrown away.
    ///
    /// Errors: rows that cannot be trained on.
    fn fit(&self, rows: &Dataset, seed: u64, stop: &dyn Fn() -> bool) -> Result<Fit, TrainError>;
}

/// A trainer from a closure (rows, seed) → fit.
#[derive(Clone, Debug)]
pub struct By<F> {
    /// See [`Trainer::name`].
    pub name: String,
    /// See [`Trainer::fit`].
    pub fit: F,
}

impl<F: Fn(&Dataset, u64) -> Result<Fit, TrainError> + Sync> Trainer for By<F> {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn fit(&self, rows: &Dataset, seed: u64, _stop: &dyn Fn() -> bool) -> Result<Fit, TrainError> {
        (self.fit)(rows, seed)
    }
}
