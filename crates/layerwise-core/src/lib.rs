//! The trait layer of `layerwise`: what an activation, a layer, a loss, a regularizer, an optimizer link and an objective *is*.
//!
//! One idea is used everywhere: these things are pure descriptions and own no numbers. All numbers live in flat vectors (θ, its
//! gradient, the optimizer state and one workspace), laid out once. Vocabulary only: the algorithms are in the crates above.
#![forbid(unsafe_code)]

pub mod activation;
pub mod activity;
pub mod catalog;
pub mod generic;
pub mod init;
pub mod layer;
pub mod loss;
pub mod number;
pub mod objective;
pub mod regularizer;
pub mod shape;
pub mod solver;
pub mod transform;

pub use activation::{Activation, Pointwise};
pub use activity::{Activity, ActivityKernel};
pub use generic::{
    GenericActivity, GenericLayer, GenericLoss, GenericNumber, GenericObjective, GenericRegularizer, Hyper,
};
pub use init::Init;
pub use layer::{Backward, Block, Forward, Layer, LayerKernel, Params, ParamsMut, Pass, Plan, Role, Settle, States};
pub use loss::{Loss, LossKernel, Targets};
pub use number::{Number, Real};
pub use objective::{Curvature, Objective, hvp};
pub use regularizer::{Regularizer, RegularizerKernel};
pub use shape::ShapeError;
pub use solver::{End, Minimized, Solver, SolverError, Stop};
pub use transform::{Chunk, Link, Numbers, Planes, Reach, Schedule, Step, Transform};

#[doc(hidden)]
pub use serde;
