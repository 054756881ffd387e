//! `rate-too-high`: steps overshoot, so the loss rises, wanders or is no longer finite.

use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// The training rows are learnt badly, and a lower rate learns them better.
pub struct RateTooHigh;

impl Cause for RateTooHigh {
    fn name(&self) -> &'static str {
        "rate-too-high"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "The steps are too long: they jump across the valley instead of going down into it."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        patient.underfits().then(|| Symptom {
            layers: Vec::new(),
            evidence: format!(
                "training loss {} at rate {}; the largest step seen changes a layer's weights by {} of their size",
                short(patient.train_loss()),
                short(patient.recipe.optimizer.rate()),
                short(patient.largest_update())
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        rates(patient, &[1.0 / 3.0, 0.1, 0.03, 0.01, 0.001])
    }
}

/// The recipe at other rates.
pub(super) fn rates(patient: &Patient<'_>, factors: &[f64]) -> Vec<Intervention> {
    let rate = patient.recipe.optimizer.rate();
    factors
        .iter()
        .map(|factor| {
            let new = rate * factor;
            Intervention::new(
                patient,
                format!("learning rate {} instead of {}", short(new), short(rate)),
                format!("set the learning rate to {}", short(new)),
                |recipe| recipe.optimizer.set_rate(new),
            )
        })
        .collect()
}
