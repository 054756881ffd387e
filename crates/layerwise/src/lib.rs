//! Neural networks that say why training is hard, and what to do about it.
//!
//! This crate only re-exports: each module is a crate of its own, and depending on the few you need builds faster. What most
//! programs use stands at the root.
//!
//! From a table to predictions, whole (the rows come from a text here; [`Schema::learn`] reads a file):
//!
//! ```
//! use layerwise::{CsvOptions, MlpClassifier, Schema};
//!
//! let table = "length,width,kind\n".to_owned() + &"5.1,3.5,setosa\n6.3,2.9,virginica\n4.8,3.1,setosa\n6.7,3.3,virginica\n".repeat(20);
//! let (data, schema) = Schema::learn_from(table.as_bytes(), "table", &CsvOptions::default())?;
//! let model = MlpClassifier::default().hidden([8]).seed(1).fit(&data)?;
//! let new = schema.read_from("length,width\n5.0,3.4\n".as_bytes(), "new", &CsvOptions::default())?;
//! assert_eq!(model.predict_names(&new.x)?, ["setosa"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The examples are the tutorial: `csv` (a table to predictions), `digits` (train, stop early, look at the curve),
//! `own_activation` (write one, check its derivatives, train with it), `signal` (what keeps 30 layers learning), `pretraining`
//! (rows without labels help), `regularization` (what keeps rows from being learnt by heart), `double_descent` (bias and variance
//! against width), `dependencies` (sequences whose answer was seen long ago), `diagnose` (why is this training hard?).
#![forbid(unsafe_code)]

pub use layerwise_activations as activations;
pub use layerwise_core as core;
pub use layerwise_curvature as curvature;
pub use layerwise_data as data;
pub use layerwise_diagnosis as diagnosis;
pub use layerwise_layers as layers;
pub use layerwise_losses as losses;
pub use layerwise_network as network;
pub use layerwise_optimizers as optimizers;
pub use layerwise_pretrain as pretrain;
pub use layerwise_regularizers as regularizers;
pub use layerwise_report as report;
pub use layerwise_stats as stats;
pub use layerwise_tensor as tensor;
pub use layerwise_train as train;
pub use layerwise_variance as variance;

pub use nalgebra;

pub use layerwise_activations::{
    Activations, Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Relu, Selu, Sigmoid, Silu, Softplus, Softsign,
    Tanh,
};
pub use layerwise_core::{Activation, Init, Layer, LayerKernel, Loss, Objective, Pointwise, Regularizer, ShapeError};
pub use layerwise_data::{
    CsvOptions, DataError, Dataset, Scaling, Schema, Split, Target, TargetColumn, Task, digits, digits_split, read_csv,
    split,
};
pub use layerwise_diagnosis::{Diagnosis, Status, diagnose};
pub use layerwise_layers::{
    AlphaDropout, BatchNorm, Dense, DropConnect, Dropout, EachStep, Elman, GaussianDropout, GaussianNoise, Gru,
    Highway, LayerNorm, Layers, Lstm, NoisyDense, NormedDense, Returns, Skip,
};
pub use layerwise_losses::{Absolute, BernoulliCrossEntropy, Hinge, Huber, Losses, SoftmaxCrossEntropy, Squared};
pub use layerwise_network::{Builder, Network};
pub use layerwise_optimizers::{
    Adagrad, Adam, Adamax, Adamw, Amsgrad, Averaging, Lion, Muon, Nadam, Optimizer, Optimizers, Radam, Rmsprop,
    ScheduleFreeAdamw, ScheduleFreeSgd, Schedules, Sgd,
};
pub use layerwise_pretrain::Pretraining;
pub use layerwise_regularizers::{
    Activities, ElasticNet, GroupLasso, L1, L2, MaxNorm, Orthogonality, ProximalGroupLasso, ProximalL1, Regularizers,
    Sparsity, StudentT,
};
pub use layerwise_tensor::Scalar;
pub use layerwise_train::{
    ActivitySpec, EarlyStopping, Ensemble, JacobianSpec, Mixup, MlpClassifier, MlpRegressor, Model, NetworkSpec,
    PenaltySpec, Prepared, Recipe, Run, Spread, TrainError,
};

/// The example of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
