//! `dead-units`: rectified units that are 0 on every training row; their gradient is 0, so they never come back
//! (Maas, Hannun and Ng 2013).

use layerwise_activations::{Activations, LeakyRelu};
use layerwise_core::Init;

use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// Over a quarter of a hidden layer's units are at their lower asymptote on all training rows.
pub struct DeadUnits;

const SHARE: f64 = 0.25;

impl Cause for DeadUnits {
    fn name(&self) -> &'static str {
        "dead-units"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "These units are off on every training row. No gradient passes through a unit that is off, so they cannot come back."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let names = patient.layers();
        let hidden = names.len().saturating_sub(1);
        let share = |i: usize| patient.mean(|t| t.after[i].dead.len() as f64 / t.after[i].width as f64);
        let found: Vec<usize> = (0..hidden).filter(|&i| share(i) > SHARE).collect();
        let &first = found.first()?;
        let units = patient.traces.first().map_or(&[][..], |t| &t.after[first].dead);
        let some: Vec<String> = units.iter().take(8).map(|u| u.to_string()).collect();
        let more = if units.len() > some.len() { ", …" } else { "" };
        patient.underfits().then(|| Symptom {
            layers: found.iter().map(|&i| names[i].clone()).collect(),
            evidence: format!(
                "{:.0} % of the units of {} are 0 on every training row (with the first seed: units {}{more})",
                100.0 * share(first),
                names[first],
                some.join(", ")
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        vec![
            Intervention::new(
                patient,
                "weights initialized to fit the activation, biases at 0",
                "initialize the weights to fit the activation: init = \"auto\", bias = 0",
                |recipe| recipe.network.set_init(Init::Auto),
            ),
            Intervention::new(
                patient,
                "activations replaced by leaky rectified units, biases at 0",
                "use leaky rectified units, which cannot die",
                |recipe| {
                    recipe.network.set_activation(Activations::LeakyRelu(LeakyRelu::default()));
                    recipe.network.set_init(Init::Auto);
                },
            ),
        ]
    }
}
