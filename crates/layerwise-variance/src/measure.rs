//! What counts as an error.

use std::fmt;

use layerwise_data::{Dataset, Target};
use layerwise_stats::{Decomposition, Predictions};
use layerwise_train::TrainError;

use crate::error::VarianceError;

/// The loss that is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// ‖f − t‖², over outputs summed, of values.
    Squared,
    /// The share of wrong classes.
    ZeroOne,
    /// −ln p of the right class.
    CrossEntropy,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Measure::Squared => "squared error",
            Measure::ZeroOne => "share of wrong classes",
            Measure::CrossEntropy => "cross-entropy",
        })
    }
}

impl Measure {
    /// The usual one for these targets: squared for values, 0-1 for classes.
    pub fn of(data: &Dataset) -> Measure {
        match data.target {
            Target::Values { .. } => Measure::Squared,
            Target::Classes { .. } => Measure::ZeroOne,
        }
    }

    /// The error of predictions for these rows, split. `best` are the values of f* there, if they are known; of classes they are not.
    ///
    /// Errors: a measure of classes for values or the other way round, or numbers that do not fit.
    pub fn split(
        self,
        predictions: &Predictions,
        rows: &Dataset,
        best: Option<&[f64]>,
    ) -> Result<Decomposition, VarianceError> {
        match (self, &rows.target) {
            (Measure::Squared, Target::Values { values, .. }) => Ok(predictions.squared(values.as_slice(), best)?),
            (Measure::ZeroOne, Target::Classes { labels, .. }) => Ok(predictions.zero_one(labels, None)?),
            (Measure::CrossEntropy, Target::Classes { labels, .. }) => Ok(predictions.cross_entropy(labels)?),
            (_, target) => {
                let targets = if matches!(target, Target::Values { .. }) { "values" } else { "classes" };
                let problem = format!("should fit the targets, which are {targets}, got {self}");
                Err(TrainError::recipe("measure", problem).into())
            }
        }
    }

    /// The error of one model.
    ///
    /// Errors: as for [`Measure::split`].
    pub fn error(self, predictions: Vec<f64>, rows: &Dataset) -> Result<f64, VarianceError> {
        let one = Predictions::new([1, 1, rows.len(), rows.n_outputs()], predictions)?;
        Ok(self.split(&one, rows, None)?.error.value)
    }
}
