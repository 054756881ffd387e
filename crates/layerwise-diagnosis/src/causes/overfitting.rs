//! `overfitting`: hypothesis 2. The function space is rich for so few rows: the training rows are learnt, others are not.

use layerwise_regularizers::{L2, Regularizers};
use layerwise_train::{EarlyStopping, PenaltySpec, Recipe};

use super::short;
use crate::cause::{Cause, Contrast, Hypothesis, Intervention, Patient, Symptom};

/// The validation loss exceeds the training loss by over 5 % of that of a constant prediction.
pub struct Overfitting;

const GAP: f64 = 0.05;

impl Cause for Overfitting {
    fn name(&self) -> &'static str {
        "overfitting"
    }
    fn hypothesis(&self) -> Hypothesis {
        Hypothesis::Variance
    }
    fn meaning(&self) -> &'static str {
        "The network learns the training rows by heart instead of what they have in common: it does well on them and worse on rows it has not seen."
    }
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom> {
        let gap = patient.gap();
        (gap > GAP * patient.chance && gap > patient.train_loss()).then(|| Symptom {
            layers: Vec::new(),
            evidence: format!(
                "training loss {}, validation loss {}, with {} training rows",
                short(patient.train_loss()),
                short(patient.train_loss() + gap),
                patient.rows.train.len()
            ),
        })
    }
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention> {
        let penalty = |strength: f64| PenaltySpec {
            penalty: Regularizers::L2(L2 { strength }),
            layers: Vec::new(),
            biases: false,
        };
        let decay = |recipe: &mut Recipe, strength: f64| recipe.penalties.push(penalty(strength));
        let stop = |recipe: &mut Recipe| {
            recipe.early_stopping.get_or_insert(EarlyStopping::default());
        };
        let mut changes = vec![
            Intervention::new(patient, "L2 penalty of 0.01", "penalize the weights: l2 with strength 0.01", |r| {
                decay(r, 0.01)
            }),
            Intervention::new(patient, "L2 penalty of 0.03", "penalize the weights: l2 with strength 0.03", |r| {
                decay(r, 0.03)
            }),
            Intervention::new(
                patient,
                "dropout of 0.5 on hidden units and 0.2 on inputs",
                "train with dropout: 0.5 on hidden units, 0.2 on inputs",
                |recipe| {
                    recipe.network.set_dropout(0.5);
                    if recipe.network.layers.is_empty() {
                        recipe.network.input_dropout = 0.2;
                    }
                },
            ),
            Intervention::new(
                patient,
                "dropout of 0.5 and L2 penalty of 0.01",
                "train with dropout of 0.5 and an l2 penalty of 0.01",
                |recipe| {
                    recipe.network.set_dropout(0.5);
                    decay(recipe, 0.01);
                },
            ),
        ];
        let (rows, change) = (patient.rows.train.len(), "trained on all rows instead of a random half of them");
        changes.push(Intervention {
            contrast: Contrast::HalfTheRows,
            ..Intervention::new(patient, change, format!("get more training rows than {rows}"), |_| {})
        });
        if patient.recipe.early_stopping.is_none() {
            changes.push(Intervention::new(
                patient,
                "early stopping",
                "stop early: early_stopping.patience = 20",
                stop,
            ));
        }
        changes
    }
}
