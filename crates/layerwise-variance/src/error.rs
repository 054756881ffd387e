//! What can go wrong in a study.

use std::fmt;
use std::path::PathBuf;

use layerwise_data::DataError;
use layerwise_stats::DecompositionError;
use layerwise_train::TrainError;

/// Why a study did not end.
#[derive(Debug)]
#[non_exhaustive]
pub enum VarianceError {
    /// The recipe or the data are unusable.
    Train(TrainError),
    /// The predictions cannot be split.
    Split(DecompositionError),
    /// The folder holds the trainings of something else.
    Other {
        /// The file that says what its trainings are.
        file: PathBuf,
        /// The first line that differs, from 1.
        line: usize,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// Reading or writing failed.
    Io {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// Whoever watches asked to stop.
    Stopped {
        /// Trainings that are finished.
        done: usize,
        /// Of so many.
        of: usize,
    },
}

impl fmt::Display for VarianceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VarianceError::Train(e) => e.fmt(f),
            VarianceError::Split(e) => e.fmt(f),
            VarianceError::Other { file, line, expected, got } => {
                let file = file.display();
                write!(f, "{file}: line {line} should be `{expected}`, got `{got}`: the trainings kept here are others")
            }
            VarianceError::Io { file, cause } => write!(f, "{}: {cause}", file.display()),
            VarianceError::Stopped { done, of } => write!(f, "stopped after {done} of {of} trainings"),
        }
    }
}

impl std::error::Error for VarianceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            VarianceError::Train(e) => Some(e),
            VarianceError::Split(e) => Some(e),
            VarianceError::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

impl From<TrainError> for VarianceError {
    fn from(e: TrainError) -> Self {
        VarianceError::Train(e)
    }
}

impl From<DataError> for VarianceError {
    fn from(e: DataError) -> Self {
        VarianceError::Train(e.into())
    }
}

impl From<DecompositionError> for VarianceError {
    fn from(e: DecompositionError) -> Self {
        VarianceError::Split(e)
    }
}
