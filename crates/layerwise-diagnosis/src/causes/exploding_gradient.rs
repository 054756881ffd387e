//! `exploding-gradient`: the gradient grows from layer to layer, or in rare jumps, until steps leave the region where it
//! means anything (Pascanu, Mikolov and Bengio 2013).

use layerwise_core::Init;

use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};
use layerwise_stats::median;

/// The lowest layer's gradient is over a hundred times the output layer's, or the norm jumps to over a hundred times its median.
pub struct ExplodingGradient;

const FACTOR: f64 = 100.0;

impl Cause for ExplodingGradient {
    fn name(&self) -> &'static str {
        "exploding-gradient"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "The gradient is so large at times that one step destroys what earlier steps have learnt."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let gradients = patient.gradients();
        let (first, last) = (*gradients.first()?, *gradients.last()?);
        let jump = patient.mean(|t| {
            let largest = t.record.norm.iter().copied().fold(0.0, f64::max);
            largest / median(&t.record.norm).max(1e-300)
        });
        if !patient.underfits() {
            None
        } else if first > FACTOR * last {
            Some(Symptom {
                layers: patient.layers().first().cloned().into_iter().collect(),
                evidence: format!(
                    "the weight gradient grows from {} in the output layer to {} in the first",
                    short(last),
                    short(first)
                ),
            })
        } else if jump > FACTOR {
            let evidence = format!("the norm of the gradient jumps to {} times its median", short(jump));
            Some(Symptom { layers: Vec::new(), evidence })
        } else {
            None
        }
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        vec![
            Intervention::new(
                patient,
                "weights initialized to fit the activation",
                "initialize the weights to fit the activation: init = \"auto\"",
                |recipe| recipe.network.set_init(Init::Auto),
            ),
            Intervention::new(
                patient,
                "gradient clipped to a norm of 1",
                "clip the gradient to a norm of 1: optimizer.clip = 1.0",
                |recipe| recipe.optimizer.set_clip(Some(1.0)),
            ),
        ]
    }
}
