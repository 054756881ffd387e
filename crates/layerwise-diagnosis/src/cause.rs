//! What a cause is: a symptom to look for and interventions that would remove it. Adding one is a file in `causes/` and a line
//! in `causes/mod.rs`.

use layerwise_train::{Recipe, StopReason};
use serde::{Deserialize, Serialize};

use crate::trial::{Rows, Trace};
use layerwise_stats::{mean, median};

/// Which of the reasons why training is hard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hypothesis {
    /// 1: optimization is hard; the network underfits what it could represent.
    Optimization,
    /// 2: the function space is too rich for the data; the network overfits.
    Variance,
    /// The function space is too poor.
    Capacity,
    /// The data or their form.
    Data,
    /// Nothing is wrong, or nothing is known.
    None,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// Layers it shows in; empty if it is of the whole run.
    pub layers: Vec<String>,
    /// One sentence with numbers.
    pub evidence: String,
}

/// How an intervention is compared with the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// The changed recipe should do better than the patient.
    Changed,
    /// The patient should do better than itself on a random half of its rows: what doubling the rows removes. Its recipe is the
    /// patient's; the remedy is taken from the best of the cause's other interventions.
    HalfTheRows,
}

/// One thing changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Intervention {
    /// What was changed, as `activations replaced by relu`.
    pub change: String,
    /// What to do about it, as an instruction.
    pub remedy: String,
    /// The recipe with the change.
    pub recipe: Recipe,
    /// What it is compared with.
    pub contrast: Contrast,
}

impl Intervention {
    /// `recipe` changed by `edit`.
    pub fn new(
        patient: &Patient<'_>,
        change: impl Into<String>,
        remedy: impl Into<String>,
        edit: impl FnOnce(&mut Recipe),
    ) -> Intervention {
        let mut recipe = patient.recipe.clone();
        edit(&mut recipe);
        Intervention { change: change.into(), remedy: remedy.into(), recipe, contrast: Contrast::Changed }
    }
}

/// What can be wrong with a training.
pub trait Cause: Sync {
    /// Its published name, in kebab case.
    fn name(&self) -> &'static str;
    /// The hypothesis it speaks for.
    fn hypothesis(&self) -> Hypothesis;
    /// What it is, in a sentence or two for a reader who never heard of it.
    fn meaning(&self) -> &'static str;
    /// What it looks like, if it is there.
    fn symptom(&self, patient: &Patient<'_>) -> Option<Symptom>;
    /// Changes that would remove it. Only asked for if there is a symptom.
    fn interventions(&self, patient: &Patient<'_>) -> Vec<Intervention>;
}

/// A recipe with its trainings over the seeds.
#[derive(Clone, Copy, Debug)]
pub struct Patient<'a> {
    /// How it was trained.
    pub recipe: &'a Recipe,
    /// What it was trained on.
    pub rows: &'a Rows,
    /// One training a seed.
    pub traces: &'a [Trace],
    /// Risk of the best constant prediction.
    pub chance: f64,
}

impl Patient<'_> {
    /// Mean of a number over the seeds.
    pub fn mean(&self, f: impl Fn(&Trace) -> f64) -> f64 {
        mean(&self.traces.iter().map(f).collect::<Vec<_>>())
    }

    /// Mean training loss at the end; that of chance for a run that broke.
    pub fn train_loss(&self) -> f64 {
        self.mean(|t| {
            let loss = t.end().train.loss;
            if loss.is_finite() { loss.min(2.0 * self.chance) } else { 2.0 * self.chance }
        })
    }

    /// Mean of validation less training loss at the end.
    pub fn gap(&self) -> f64 {
        self.mean(|t| t.end().validation.map_or(0.0, |v| v.loss) - t.end().train.loss)
    }

    /// Whether the training rows themselves are learnt badly: a loss of over 5 % of that of a constant prediction.
    pub fn underfits(&self) -> bool {
        self.broken() || self.train_loss() > 0.05 * self.chance
    }

    /// Whether any seed ended in a number that was not finite.
    pub fn broken(&self) -> bool {
        self.traces.iter().any(|t| matches!(t.outcome.stop, StopReason::NotFinite(_)))
    }

    /// Names of the layers with parameters, from the input.
    pub fn layers(&self) -> Vec<String> {
        self.traces.first().map_or(Vec::new(), |t| t.after.iter().map(|u| u.layer.clone()).collect())
    }

    /// Root mean square of each layer's weight gradient: the median over time and seeds.
    pub fn gradients(&self) -> Vec<f64> {
        self.typical(|t| &t.record.gradient)
    }

    /// Each layer's ‖Δw‖/‖w‖: the median over time and seeds.
    pub fn update_ratios(&self) -> Vec<f64> {
        self.typical(|t| &t.record.update_ratio)
    }

    /// The largest ‖Δw‖/‖w‖ of any layer at any time that was looked at; NaN if there is none.
    pub fn largest_update(&self) -> f64 {
        let all = self.traces.iter().flat_map(|t| t.record.update_ratio.iter().flatten());
        all.copied().filter(|ratio| ratio.is_finite()).fold(f64::NAN, f64::max)
    }

    fn typical(&self, of: impl Fn(&Trace) -> &Vec<Vec<f64>>) -> Vec<f64> {
        let of_seed = |t: &Trace, i| median(&of(t).iter().filter_map(|row| row.get(i).copied()).collect::<Vec<_>>());
        let layer = |i: usize| median(&self.traces.iter().map(|t| of_seed(t, i)).collect::<Vec<_>>());
        (0..self.layers().len()).map(layer).collect()
    }
}
