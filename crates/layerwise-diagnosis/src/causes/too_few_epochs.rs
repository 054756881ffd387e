//! `too-few-epochs`: the loss was still falling when the budget ended, at a rate that is fine.

use layerwise_train::StopReason;

use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// The validation loss fell by over 2 % in the last quarter of the epochs.
pub struct TooFewEpochs;

const FALL: f64 = 0.02;

impl Cause for TooFewEpochs {
    fn name(&self) -> &'static str {
        "too-few-epochs"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "Training was still getting better when it was ended."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let fall = patient.mean(|t| {
            let curve: Vec<f64> =
                t.outcome.history.iter().map(|row| row.validation.unwrap_or(row.train).loss).collect();
            let (then, now) = (curve[curve.len() * 3 / 4], curve[curve.len() - 1]);
            if t.outcome.stop == StopReason::Epochs { (then - now) / then } else { 0.0 }
        });
        (fall > FALL).then(|| Symptom {
            layers: Vec::new(),
            evidence: format!("the loss fell by {} % in the last quarter of the epochs", short(100.0 * fall)),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        let epochs = 4 * patient.recipe.epochs;
        vec![Intervention::new(
            patient,
            format!("{epochs} epochs instead of {}", patient.recipe.epochs),
            format!("train for {epochs} epochs"),
            |recipe| recipe.epochs = epochs,
        )]
    }
}
