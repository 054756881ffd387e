//! `inputs-not-scaled`: features far from mean 0 and deviation 1, which makes the curvature ill-conditioned (LeCun et al. 1998).

use layerwise_data::{Scaling, Standardizer};

use super::short;
use crate::cause::{Cause, Hypothesis, Intervention, Patient, Symptom};

/// A feature's mean or deviation exceeds 3, or deviations differ by over a hundred times, and nothing is scaled.
pub struct InputsNotScaled;

impl Cause for InputsNotScaled {
    fn name(&self) -> &'static str {
        "inputs-not-scaled"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Optimization
    }
    fn meaning(&self) -> &'static str {
        "The input features have very different sizes, so a step that suits one of them is too long or too short for another."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        if patient.recipe.scaling != Scaling::None {
            return None;
        }
        let train = &patient.rows.train;
        let fitted = Standardizer::fit(&train.x).ok()?;
        let varies = |i: &usize| train.x.row(*i).iter().any(|v| *v != train.x[(*i, 0)]);
        let features: Vec<usize> = (0..fitted.scale.len()).filter(varies).collect();
        let worst = *features.iter().max_by(|&&a, &&b| {
            let size = |i: usize| fitted.mean[i].abs().max(fitted.scale[i]);
            size(a).total_cmp(&size(b))
        })?;
        let smallest = features.iter().map(|&i| fitted.scale[i]).fold(f64::INFINITY, f64::min);
        let (mean, scale) = (fitted.mean[worst], fitted.scale[worst]);
        (mean.abs() > 3.0 || scale > 3.0 || scale > 100.0 * smallest).then(|| Symptom {
            layers: vec!["input".into()],
            evidence: format!(
                "feature {} has mean {} and deviation {}; the smallest deviation is {}",
                train.features[worst],
                short(mean),
                short(scale),
                short(smallest)
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        vec![Intervention::new(
            patient,
            "inputs standardized",
            "standardize the inputs: scaling = \"standardize\"",
            |recipe| recipe.scaling = Scaling::Standardize,
        )]
    }
}
