//! Training: a [`Recipe`] says everything about a training in words and numbers; [`Prepared`] joins it with data; a [`Run`] is
//! one training in progress, which can be cloned, continued and compared bit for bit; a [`Model`] is what comes out.
//!
//! In short: [`MlpClassifier`] and [`MlpRegressor`] with `fit`, `predict` and `score`.
#![forbid(unsafe_code)]

mod ensemble;
mod error;
mod estimator;
mod evaluate;
mod fit;
mod layer_spec;
mod lsuv;
mod mixup;
mod model;
mod penalties;
mod predictor;
mod prepared;
mod rate_range;
mod recipe;
mod run;
mod samples;
mod solvers;

pub use ensemble::{Ensemble, Members};
pub use error::TrainError;
pub use estimator::{MlpClassifier, MlpRegressor};
pub use evaluate::{Scores, evaluate, outputs, predict};
pub use fit::{Epoch, Outcome, StopReason, TrainScores, Watch};
pub use layer_spec::{LayerSpec, NetworkSpec, Residual};
pub use mixup::Mixup;
pub use model::{Model, Spread, write_whole};
pub use penalties::{ActivitySpec, JacobianSpec, PenaltySpec};
pub use predictor::Predictor;
pub use prepared::Prepared;
pub use rate_range::{RateCurve, RateEnd, RatePoint, RateRange};
pub use recipe::{EarlyStopping, Recipe};
pub use run::{NonFinite, Run, Setup};
pub use samples::Samples;
pub use solvers::{
    ConjugateGradient, KroneckerFactored, LeavesSaddles, LimitedBfgs, Preconditioning, SaddleFree, Solvers, Truncated,
};
