//! `saturated-units`: units sit at an asymptote of their activation, where its slope is nearly 0 and no gradient passes
//! (Glorot and Bengio 2010, section 3).

use layerwise_core::Init;
use layerwise_data::Scaling;

use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};
use crate::record::Units;
use layerwise_stats::mean;

/// Over half of a hidden layer's activations are within 1 % of an asymptote, at the start or at the end.
pub struct SaturatedUnits;

const SHARE: f64 = 0.5;

impl Cause for SaturatedUnits {
    fn name(&self) -> &'static str {
        "saturated-units"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "These units sit at the flat end of their activation. Its slope is nearly zero there, so hardly any gradient passes through them."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let hidden = patient.layers().len().saturating_sub(1);
        let share = |i: usize, of: fn(&crate::trial::Trace) -> &Vec<Units>| {
            mean(&patient.traces.iter().map(|t| of(t)[i].saturated.unwrap_or(0.0)).collect::<Vec<_>>())
        };
        let worst: Vec<f64> = (0..hidden).map(|i| share(i, |t| &t.before).max(share(i, |t| &t.after))).collect();
        let found: Vec<usize> = (0..hidden).filter(|&i| worst[i] > SHARE).collect();
        let (&first, names) = (found.first()?, patient.layers());
        patient.underfits().then(|| Symptom {
            layers: found.iter().map(|&i| names[i].clone()).collect(),
            evidence: format!(
                "{:.0} % of the activations of {} are within 1 % of an asymptote",
                100.0 * worst[first],
                names[first]
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        let mut changes = vec![Intervention::new(
            patient,
            "weights initialized to fit the activation, biases at 0",
            "initialize the weights to fit the activation: init = \"auto\", bias = 0",
            |recipe| recipe.network.set_init(Init::Auto),
        )];
        if patient.recipe.scaling == Scaling::None {
            changes.push(Intervention::new(
                patient,
                "weights initialized to fit the activation, inputs standardized",
                "standardize the inputs and initialize the weights to fit the activation",
                |recipe| {
                    recipe.network.set_init(Init::Auto);
                    recipe.scaling = Scaling::Standardize;
                },
            ));
        }
        changes
    }
}
