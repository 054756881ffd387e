//! The patient of the lecture: a deep network of sigmoid units under the old uniform initialization and plain gradient descent.

use layerwise_activations::{Activations, Sigmoid};
use layerwise_core::Init;
use layerwise_data::Scaling;
use layerwise_optimizers::Sgd;
use layerwise_train::{NetworkSpec, Recipe};

/// Ten hidden layers of 32 sigmoid units, weights from U(±1/√n_in), gradient descent at rate 0.1.
pub fn lecture() -> Recipe {
    Recipe {
        epochs: 60,
        early_stopping: None,
        // Pixels run from 0 to 16; standardizing would blow up those that are nearly always 0.
        scaling: Scaling::MinMax,
        optimizer: Sgd { rate: 0.1, ..Sgd::default() }.into(),
        network: NetworkSpec {
            hidden: vec![32; 10],
            activation: Activations::Sigmoid(Sigmoid),
            init: Init::UniformFanIn,
            ..NetworkSpec::default()
        },
        ..Recipe::default()
    }
}
