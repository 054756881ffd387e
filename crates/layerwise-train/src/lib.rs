//! Training: a [`Recipe`] says everything about a training in words and numbers; [`Prepared`] joins it with data; a [`Run`] is
//! one training in progress, which can be cloned, continued and compared bit for bit; a [`Model`] is what comes out.
//!
//! In short: [`MlpClassifier`] and [`MlpRegressor`] with `fit`, `predict` and `score`.
#![forbid(unsafe_code)]

mod error;
mod estimator;
mod evaluate;
mod fit;
mod layer_spec;
mod lsuv;
mod model;
mod predictor;
mod prepared;
mod recipe;
mod run;
mod samples;

pub use error::TrainError;
pub use estimator::{MlpClassifier, MlpRegressor};
pub use evaluate::{Scores, evaluate, predict};
pub use fit::{Epoch, Outcome, StopReason, TrainScores, Watch};
pub use layer_spec::{LayerSpec, NetworkSpec, Residual};
pub use model::{Model, write_whole};
pub use predictor::Predictor;
pub use prepared::Prepared;
pub use recipe::{EarlyStopping, PenaltySpec, Recipe};
pub use run::{NonFinite, Run, Setup};
pub use samples::Samples;
