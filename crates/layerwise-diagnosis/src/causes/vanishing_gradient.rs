//! `vanishing-gradient`: the gradient shrinks from layer to layer on its way to the input (Bengio, Simard and Frasconi 1994;
//! Glorot and Bengio 2010), so the lower layers hardly learn.

use layerwise_activations::{Activations, Relu, Tanh};
use layerwise_core::Init;

use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// The gradient of a lower layer is below a hundredth of the output layer's.
pub struct VanishingGradient;

const RATIO: f64 = 1e-2;

impl Cause for VanishingGradient {
    fn name(&self) -> &'static str {
        "vanishing-gradient"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "The gradient tells each weight which way to move. Here it shrinks from layer to layer on its way from the output back to the input, so the lower layers hardly learn."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let gradients = patient.gradients();
        let (first, last) = (*gradients.first()?, *gradients.last()?);
        let layers: Vec<String> =
            patient.layers().into_iter().zip(&gradients).filter(|(_, g)| **g < RATIO * last).map(|(l, _)| l).collect();
        (!layers.is_empty() && patient.underfits()).then(|| Symptom {
            evidence: format!(
                "the weight gradient falls from {} in the output layer to {} in {}, a factor of {}",
                short(last),
                short(first),
                layers[0],
                short(first / last)
            ),
            layers,
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        let auto = |recipe: &mut layerwise_train::Recipe| recipe.network.set_init(Init::Auto);
        vec![
            Intervention::new(
                patient,
                "weights initialized to fit the activation (Glorot, He or LeCun)",
                "initialize the weights to fit the activation: init = \"auto\"",
                auto,
            ),
            Intervention::new(
                patient,
                "activations replaced by tanh with Glorot initialization",
                "use tanh with Glorot initialization",
                |recipe| {
                    recipe.network.set_activation(Activations::Tanh(Tanh));
                    auto(recipe);
                },
            ),
            Intervention::new(
                patient,
                "activations replaced by rectified linear units with He initialization",
                "use rectified linear units with He initialization",
                |recipe| {
                    recipe.network.set_activation(Activations::Relu(Relu));
                    auto(recipe);
                },
            ),
        ]
    }
}
