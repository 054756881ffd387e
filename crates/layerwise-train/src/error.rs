//! What can go wrong before and around a training. Numerical trouble during one is data, not an error (`StopReason`).

use layerwise_core::ShapeError;
use layerwise_data::DataError;

/// Why a training or a model could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// A layer does not fit.
    Shape(ShapeError),
    /// The data are unusable.
    Data(DataError),
    /// A value of the recipe is out of range: path of the key and what is wrong.
    Recipe {
        /// Key path, as `optimizer.rate`.
        key: String,
        /// `should be …, got …`.
        problem: String,
    },
    /// A model file is unreadable: file and what is wrong.
    Model {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Reading or writing failed.
    Io {
        /// The file.
        file: String,
        /// The system's reason.
        cause: std::io::Error,
    },
}

impl TrainError {
    /// A value of the recipe is out of range.
    pub fn recipe(key: impl Into<String>, problem: impl Into<String>) -> TrainError {
        TrainError::Recipe { key: key.into(), problem: problem.into() }
    }
}

impl std::fmt::Display for TrainError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TrainError::Shape(e) => e.fmt(f),
            TrainError::Data(e) => e.fmt(f),
            TrainError::Recipe { key, problem } => write!(f, "{key}: {problem}"),
            TrainError::Model { file, problem } => write!(f, "{file}: {problem}"),
            TrainError::Io { file, cause } => write!(f, "{file}: {cause}"),
        }
    }
}

impl std::error::Error for TrainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TrainError::Shape(e) => Some(e),
            TrainError::Data(e) => Some(e),
            TrainError::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<ShapeError> for TrainError {
    fn from(e: ShapeError) -> Self {
        TrainError::Shape(e)
    }
}

impl From<DataError> for TrainError {
    fn from(e: DataError) -> Self {
        TrainError::Data(e)
    }
}
