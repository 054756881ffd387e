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
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let largest = patient.update_ratios().into_iter().fold(0.0, f64::max);
        patient.underfits().then(|| Symptom {
            layers: Vec::new(),
            evidence: format!(
                "training loss {} at rate {}; a step changes weights by up to {} of their size",
                short(patient.train_loss()),
                short(patient.recipe.optimizer.rate()),
                short(largest)
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
