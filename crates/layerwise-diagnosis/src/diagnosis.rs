//! The verdict as data: what `--json` writes and the report draws. Names once published stay.

use layerwise_train::Recipe;
use serde::{Deserialize, Serialize};

use crate::cause::Hypothesis;

/// Whether something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing that was tried improves it by a relevant amount.
    Healthy,
    /// At least one cause was confirmed by an intervention.
    Sick,
    /// Too little evidence.
    CannotTell,
}

/// A confirmed cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CauseFound {
    /// `vanishing-gradient`, …
    pub cause: String,
    /// The hypothesis it speaks for.
    pub hypothesis: Hypothesis,
    /// What it is, for a reader who never heard of it.
    pub meaning: String,
    /// Layers, or empty for the whole run.
    #[serde(rename = "where")]
    pub layers: Vec<String>,
    /// What was seen.
    pub evidence: String,
    /// 1 − p of "the improvement is at most half of what is relevant".
    pub confidence: f64,
    /// Holm-adjusted one-sided p-value of "no improvement".
    pub p_value: f64,
    /// Mean fall of the validation loss when it is removed.
    pub effect: f64,
    /// Validation loss of each seed without and with the intervention.
    pub pairs: Vec<(f64, f64)>,
    /// What was changed.
    pub intervention: String,
    /// What to do.
    pub remedy: String,
}

/// A symptom whose removal did not help enough: not a cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The name of the cause it could have been.
    pub symptom: String,
    /// Layers, or empty for the whole run.
    #[serde(rename = "where")]
    pub layers: Vec<String>,
    /// What was seen.
    pub evidence: String,
    /// Why it is not named as a cause.
    pub because: String,
}

/// One layer of the patient, averaged over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// `hidden1`, …, `output`.
    pub name: String,
    /// Its activation.
    pub activation: String,
    /// Units.
    pub width: usize,
    /// Root mean square of the weight gradient, median over time.
    pub gradient: f64,
    /// ‖Δw‖/‖w‖, median over time.
    pub update_ratio: f64,
    /// Share of activations near an asymptote at the end; null where a side is unbounded.
    pub saturated: Option<f64>,
    /// Share of units that are off on every training row at the end.
    pub dead: f64,
    /// Mean activation at the end.
    pub mean: f64,
    /// Standard deviation of the activations at the end.
    pub deviation: f64,
    /// 5, 50 and 95 % points of the activations at the end, of the first seed.
    pub percentiles: [f64; 3],
}

/// What the remedies gained on fresh seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cure {
    /// Error of the patient on each fresh seed.
    pub error_before: Vec<f64>,
    /// Error of the remedied recipe on the same seeds.
    pub error_after: Vec<f64>,
    /// The rows the errors are measured on: `test` or `validation`.
    pub measured_on: String,
    /// The fresh seeds.
    pub seeds: Vec<u64>,
    /// One-sided p-value of "no improvement".
    pub p_value: f64,
    /// Where the remedied configuration was written.
    pub config: Option<String>,
}

/// The whole verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Healthy, sick or cannot tell.
    pub status: Status,
    /// The hypothesis of the first cause.
    pub hypothesis: Hypothesis,
    /// One sentence for a person.
    pub summary: String,
    /// Confirmed causes, the one to remove first first.
    pub causes: Vec<CauseFound>,
    /// Symptoms that are not causes.
    pub observations: Vec<Observation>,
    /// The patient layer by layer.
    pub layers: Vec<LayerRow>,
    /// Gradient of the first layer over that of the output layer; null if that is 0.
    pub gradient_ratio: Option<f64>,
    /// What the remedies gained; null for a healthy run, and if only more rows would help.
    pub cure: Option<Cure>,
    /// Risk of the patient on the validation rows, one a seed.
    pub risk: Vec<f64>,
    /// Risk of the best constant prediction.
    pub chance: f64,
    /// An improvement of less than this is not relevant.
    pub relevant: f64,
    /// Trainings run.
    pub trainings: usize,
    /// The seed of the diagnosis.
    pub seed: u64,
    /// Version of the program.
    pub version: String,
    /// The patient.
    pub recipe: Recipe,
    /// The recipe with all remedies.
    pub remedied: Recipe,
}
