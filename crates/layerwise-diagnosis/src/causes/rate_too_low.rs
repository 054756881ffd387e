//! `rate-too-low`: steps are so small that the budget ends far from a minimum.

use super::rate_too_high::rates;
use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// The training rows are learnt badly, and a higher rate learns them better within the same budget.
pub struct RateTooLow;

impl Cause for RateTooLow {
    fn name(&self) -> &'static str {
        "rate-too-low"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "The steps are too short: training goes the right way, but hardly gets anywhere."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let largest = patient.update_ratios().into_iter().fold(0.0, f64::max);
        (patient.underfits() && !patient.broken()).then(|| Symptom {
            layers: Vec::new(),
            evidence: format!(
                "training loss {} after the whole budget; a typical step changes a layer's weights by at most {} of their size",
                short(patient.train_loss()),
                short(largest)
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        rates(patient, &[3.0, 10.0, 30.0, 100.0, 300.0, 1000.0])
    }
}
