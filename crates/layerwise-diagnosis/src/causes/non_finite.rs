//! `non-finite`: a number overflowed or became NaN; the first step, layer and quantity are named.

use layerwise_core::Init;
use layerwise_train::StopReason;

use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// A run stopped at a number that was not finite.
pub struct NonFinite;

impl Cause for NonFinite {
    fn name(&self) -> &'static str {
        "non-finite"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "A number overflowed or became NaN, and training cannot go on from there."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let broken = |t: &crate::trial::Trace| match &t.outcome.stop {
            StopReason::NotFinite(trouble) => Some(trouble.clone()),
            _ => None,
        };
        let first = patient.traces.iter().filter_map(broken).min_by_key(|trouble| trouble.step)?;
        let count = patient.traces.iter().filter(|t| broken(t).is_some()).count();
        Some(Symptom {
            layers: vec![first.layer.clone()],
            evidence: format!("{count} of {} runs stopped; {first}", patient.traces.len()),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        let rate = 0.1 * patient.recipe.optimizer.rate();
        vec![Intervention::new(
            patient,
            "a tenth of the rate, gradient clipped to a norm of 1, weights initialized to fit the activation",
            "lower the rate, clip the gradient, initialize to fit the activation",
            |recipe| {
                recipe.optimizer.set_rate(rate);
                recipe.optimizer.set_clip(Some(1.0));
                recipe.network.set_init(Init::Auto);
            },
        )]
    }
}
