//! One line for the person, and the exit status.

use layerwise_data::DataError;
use layerwise_diagnosis::LabError;
use layerwise_train::TrainError;
use layerwise_variance::VarianceError;

/// Why the program ends without success.
#[derive(Debug, PartialEq)]
pub struct Failure {
    /// One line: where, what was expected, what was found.
    pub message: String,
    /// 1 for failures, 2 for wrong commands, configurations and data.
    pub status: u8,
}

impl Failure {
    /// The command, the configuration or the data are wrong.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), status: 2 }
    }

    /// Something that should have worked did not.
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), status: 1 }
    }
}

impl From<DataError> for Failure {
    fn from(e: DataError) -> Failure {
        Failure::usage(e.to_string())
    }
}

impl From<TrainError> for Failure {
    fn from(e: TrainError) -> Failure {
        let status = if matches!(e, TrainError::Io { .. }) { 1 } else { 2 };
        Failure { message: e.to_string(), status }
    }
}

impl From<LabError> for Failure {
    fn from(e: LabError) -> Failure {
        match e {
            LabError::Train(e) => e.into(),
            _ => Failure::failed("stopped before the verdict; nothing was written"),
        }
    }
}

impl From<VarianceError> for Failure {
    fn from(e: VarianceError) -> Failure {
        match e {
            VarianceError::Train(e) => e.into(),
            VarianceError::Other { .. } => Failure::usage(e.to_string()),
            e => Failure::failed(e.to_string()),
        }
    }
}
