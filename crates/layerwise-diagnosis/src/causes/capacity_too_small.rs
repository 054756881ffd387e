//! `capacity-too-small`: the best function the network can represent is far from the target, however well it is trained.

use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// The training rows are learnt badly, validation rows hardly worse, and a wider network learns them better.
pub struct CapacityTooSmall;

impl Cause for CapacityTooSmall {
    fn name(&self) -> &'static str {
        "capacity-too-small"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Capacity
    }
    fn meaning(&self) -> &'static str {
        "The network has too few units to represent what the data show."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let narrowest = patient.traces.first()?.after.iter().rev().skip(1).min_by_key(|units| units.width)?;
        let trained = patient.underfits() && !patient.broken() && patient.gap() < patient.train_loss();
        trained.then(|| Symptom {
            layers: vec![narrowest.layer.clone()],
            evidence: format!(
                "training loss {}, validation loss hardly higher; the narrowest hidden layer, {}, has {} units",
                short(patient.train_loss()),
                narrowest.layer,
                narrowest.width
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        vec![Intervention::new(
            patient,
            "hidden layers four times as wide, at least 32 units",
            "widen the hidden layers four times, to at least 32 units",
            |recipe| recipe.network.widen(4, 32),
        )]
    }
}
