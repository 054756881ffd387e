//! From a recipe and rows to a verdict.

use layerwise_train::{Recipe, StopReason};

use crate::cause::{Cause, Contrast, Hypothesis, Intervention, Patient, Symptom};
use crate::causes::{self, short};
use crate::diagnosis::{CauseFound, Cure, Diagnosis, LayerRow, Observation, Status};
use crate::trial::{Lab, LabError, Rows, Share, Trace, Wanted};
use layerwise_stats::{holm, mean, paired};

/// How thorough a diagnosis is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Seeds an intervention is tested on.
    pub seeds: usize,
    /// Other seeds it is chosen on.
    pub pilots: usize,
    /// Fresh seeds the cure is measured on.
    pub fresh: usize,
    /// Trainings at a time.
    pub threads: usize,
    /// p-values below this are significant.
    pub level: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options { seeds: 5, pilots: 3, fresh: 5, threads: 1, level: 0.05 }
    }
}

/// At most so many causes are removed one after the other.
const ROUNDS: usize = 3;

/// An improvement counts if it is at least this share of the risk of a constant prediction, …
const OF_CHANCE: f64 = 0.05;
/// … and at least this share of the patient's risk.
const OF_RISK: f64 = 0.1;
/// Between causes whose removal gains at least this share of the best, the one listed first is preferred.
const ABOUT_THE_SAME: f64 = 0.8;
/// So many interventions against a cause are tested: what does best on the pilot seeds may be unreliable on others.
const TESTED: usize = 2;
/// Validation rows below which nothing is judged.
const FEW_ROWS: usize = 20;

/// Seeds of one diagnosis: confirmation 0.., pilots 1000.., cure 2000...
fn seeds(seed: u64, first: u64, n: usize) -> Vec<u64> {
    (0..n as u64).map(|i| seed.wrapping_mul(10_000).wrapping_add(first + i)).collect()
}

/// A symptom with the interventions that did best on the pilot seeds.
struct Candidate {
    cause: &'static dyn Cause,
    symptom: Symptom,
    best: Vec<Intervention>,
}

/// Diagnoses a recipe on these rows. `tell` gets a line now and then; `stop` is asked after every epoch.
///
/// Cost: some dozens of trainings. Errors: a recipe that cannot be run, or a stop from outside.
pub fn diagnose(
    recipe: &Recipe,
    rows: &Rows,
    options: &Options,
    tell: &dyn Fn(&str),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(Diagnosis, Vec<Trace>, Vec<Trace>), LabError> {
    let lab = Lab::new(recipe, rows, options.threads, stop)?;
    let confirm = seeds(recipe.seed, 0, options.seeds);
    tell(&format!("training the patient on {} seeds", confirm.len()));
    let patient_traces = lab.run(recipe, &confirm)?;
    let base: Vec<f64> = patient_traces.iter().map(|t| lab.risk(t)).collect();
    let relevant = (OF_CHANCE * lab.chance).max(OF_RISK * mean(&base));

    let mut current = recipe.clone();
    let mut found: Vec<CauseFound> = Vec::new();
    let mut observations = Vec::new();
    let mut unsure = false;
    for round in 0..ROUNDS {
        let traces = lab.run(&current, &confirm)?;
        let patient = Patient { recipe: &current, rows, traces: &traces, chance: lab.chance };
        let candidates = shortlist(&lab, &patient, &found, options, tell)?;
        let tested = confirm_all(&lab, &patient, &candidates, &confirm, options.level, tell)?;
        let named = |t: &Tested| t.p < options.level && t.effect >= relevant;
        unsure |= round == 0 && tested.iter().flatten().any(|t| t.effect >= relevant && t.p >= options.level);
        let best = tested.iter().flatten().filter(|t| named(t)).map(|t| t.effect).fold(0.0, f64::max);
        let winner =
            tested.iter().position(|t| t.as_ref().is_some_and(|t| named(t) && t.effect >= ABOUT_THE_SAME * best));
        for (i, (candidate, test)) in candidates.iter().zip(&tested).enumerate() {
            let name = candidate.cause.name();
            if Some(i) == winner || round > 0 {
                continue;
            }
            let because = match test {
                Some(t) if named(t) => format!(
                    "its removal gains {} too, but not more than the named cause's; see whether it remains once that is removed",
                    short(t.effect)
                ),
                Some(t) => format!(
                    "removing it changes the validation loss by {} (p = {}), and {} would be relevant",
                    short(-t.effect),
                    short(t.p),
                    short(relevant)
                ),
                None => "no intervention that removes it improved the pilot runs".into(),
            };
            observations.push(Observation {
                symptom: name.into(),
                layers: candidate.symptom.layers.clone(),
                evidence: candidate.symptom.evidence.clone(),
                because,
            });
        }
        let Some((candidate, test)) = winner.and_then(|i| Some((&candidates[i], tested[i].as_ref()?))) else { break };
        tell(&format!("confirmed: {} ({})", candidate.cause.name(), test.intervention.change));
        found.push(CauseFound {
            cause: candidate.cause.name().into(),
            hypothesis: candidate.cause.hypothesis(),
            meaning: candidate.cause.meaning().into(),
            layers: candidate.symptom.layers.clone(),
            evidence: candidate.symptom.evidence.clone(),
            confidence: 1.0 - paired(&test.differences, 0.5 * relevant).p,
            p_value: test.p,
            effect: test.effect,
            pairs: test.pairs.clone(),
            intervention: test.intervention.change.clone(),
            remedy: test.intervention.remedy.clone(),
        });
        current = test.intervention.recipe.clone();
    }
    observations.retain(|o: &Observation| !found.iter().any(|c| c.cause == o.symptom));

    let judged = rows.validation.as_ref().map_or(0, |v| v.len());
    let (status, reason) = if judged < FEW_ROWS {
        (Status::CannotTell, format!("only {judged} validation rows to judge by"))
    } else if !found.is_empty() {
        (Status::Sick, String::new())
    } else if unsure {
        (Status::CannotTell, "an intervention helps, but not reliably over the seeds".into())
    } else if patient_traces.iter().all(|t| matches!(t.outcome.stop, StopReason::NotFinite(_))) {
        (Status::CannotTell, "every run stopped at a number that was not finite, and nothing tried helps".into())
    } else if mean(&base) > 0.95 * lab.chance {
        (Status::CannotTell, "no better than a constant prediction, and nothing that was tried helps".into())
    } else {
        (Status::Healthy, String::new())
    };
    if status == Status::CannotTell {
        found.clear();
        current = recipe.clone();
    }
    let (cure, cured_traces) = match status {
        Status::Sick if current != *recipe => {
            let fresh = seeds(recipe.seed, 2000, options.fresh);
            tell(&format!("training patient and cure on {} fresh seeds", fresh.len()));
            let mut both = lab.run_all(&[(recipe, Share::All, &fresh), (&current, Share::All, &fresh)])?;
            let after = both.pop().unwrap_or_default();
            let before = both.pop().unwrap_or_default();
            (Some(cure(&before, &after, fresh)), after)
        }
        _ => (None, Vec::new()),
    };
    let patient = Patient { recipe, rows, traces: &patient_traces, chance: lab.chance };
    let layers = layer_rows(&patient);
    let ratio = match (layers.first(), layers.last()) {
        (Some(first), Some(last)) => Some(first.gradient / last.gradient).filter(|ratio| ratio.is_finite()),
        _ => None,
    };
    let hypothesis = found.first().map_or(Hypothesis::None, |c| c.hypothesis);
    let diagnosis = Diagnosis {
        summary: summary(status, &found, &reason, cure.as_ref()),
        status,
        hypothesis,
        causes: found,
        observations,
        layers,
        gradient_ratio: ratio,
        cure,
        risk: base,
        chance: lab.chance,
        relevant,
        trainings: lab.trainings(),
        seed: recipe.seed,
        version: env!("CARGO_PKG_VERSION").into(),
        recipe: recipe.clone(),
        remedied: current,
    };
    Ok((diagnosis, patient_traces, cured_traces))
}

/// Symptoms, each with the interventions that did best on the pilot seeds, if any did better than nothing.
fn shortlist(
    lab: &Lab<'_>,
    patient: &Patient<'_>,
    found: &[CauseFound],
    options: &Options,
    tell: &dyn Fn(&str),
) -> Result<Vec<Candidate>, LabError> {
    let pilots = seeds(patient.recipe.seed, 1000, options.pilots);
    let mut symptoms = Vec::new();
    for &cause in causes::ALL.iter().filter(|cause| !found.iter().any(|f| f.cause == cause.name())) {
        if let Some(symptom) = cause.symptom(patient) {
            tell(&format!("symptom: {}: {}", cause.name(), symptom.evidence));
            let mut changes = cause.interventions(patient);
            changes.retain(|i| i.contrast == Contrast::HalfTheRows || i.recipe != *patient.recipe);
            symptoms.push((cause, symptom, changes));
        }
    }
    let all: Vec<&Intervention> = symptoms.iter().flat_map(|(_, _, changes)| changes).collect();
    tell(&format!("trying {} interventions on {} pilot seeds", all.len(), pilots.len()));
    let mut effects = contrasts(lab, patient.recipe, &all, &pilots)?
        .into_iter()
        .map(|pairs| mean(&pairs.iter().map(|(without, with)| without - with).collect::<Vec<_>>()))
        .collect::<Vec<_>>()
        .into_iter();
    let mut candidates = Vec::new();
    for (cause, symptom, changes) in symptoms {
        let mut helpful: Vec<(f64, Intervention)> = changes
            .into_iter()
            .map(|change| (effects.next().unwrap_or(f64::NAN), change))
            .filter(|(effect, _)| *effect > 0.0)
            .collect();
        helpful.sort_by(|a, b| b.0.total_cmp(&a.0));
        let remedy = helpful.iter().find(|(_, i)| i.contrast == Contrast::Changed).map(|(_, i)| i.clone());
        let best = helpful
            .into_iter()
            .take(TESTED)
            .map(|(_, mut best)| {
                if let (Contrast::HalfTheRows, Some(remedy)) = (best.contrast, &remedy) {
                    best.remedy = format!("{}; until then, {}", best.remedy, remedy.remedy);
                    best.recipe = remedy.recipe.clone();
                }
                best
            })
            .collect();
        candidates.push(Candidate { cause, symptom, best });
    }
    Ok(candidates)
}

/// The risk without and with each intervention, seed by seed.
fn contrasts(
    lab: &Lab<'_>,
    patient: &Recipe,
    interventions: &[&Intervention],
    seeds: &[u64],
) -> Result<Vec<Vec<(f64, f64)>>, LabError> {
    let mut wanted: Vec<Wanted<'_>> = vec![(patient, Share::All, seeds)];
    wanted.extend(interventions.iter().map(|i| match i.contrast {
        Contrast::Changed => (&i.recipe, Share::All, seeds),
        Contrast::HalfTheRows => (patient, Share::Half, seeds),
    }));
    let risks: Vec<Vec<f64>> =
        lab.run_all(&wanted)?.iter().map(|traces| traces.iter().map(|t| lab.risk(t)).collect()).collect();
    let (patient, changed) = (&risks[0], &risks[1..]);
    let pair = |(i, changed): (&&Intervention, &Vec<f64>)| {
        let pairs = patient.iter().copied().zip(changed.iter().copied());
        match i.contrast {
            Contrast::Changed => pairs.collect(),
            Contrast::HalfTheRows => pairs.map(|(all, half)| (half, all)).collect(),
        }
    };
    Ok(interventions.iter().zip(changed).map(pair).collect())
}

/// An intervention compared with doing nothing, seed by seed.
struct Tested {
    intervention: Intervention,
    pairs: Vec<(f64, f64)>,
    differences: Vec<f64>,
    effect: f64,
    /// Holm-adjusted.
    p: f64,
}

/// Tests the shortlisted interventions on the confirmation seeds; per candidate the one that helps most, among those that help
/// significantly if there are any.
fn confirm_all(
    lab: &Lab<'_>,
    patient: &Patient<'_>,
    candidates: &[Candidate],
    confirm: &[u64],
    level: f64,
    tell: &dyn Fn(&str),
) -> Result<Vec<Option<Tested>>, LabError> {
    let chosen: Vec<&Intervention> = candidates.iter().flat_map(|c| &c.best).collect();
    tell(&format!("confirming {} of them on {} other seeds", chosen.len(), confirm.len()));
    let mut tests: Vec<Tested> = chosen
        .iter()
        .zip(contrasts(lab, patient.recipe, &chosen, confirm)?)
        .map(|(intervention, pairs)| {
            let differences: Vec<f64> = pairs.iter().map(|(without, with)| without - with).collect();
            let test = paired(&differences, 0.0);
            Tested { intervention: (*intervention).clone(), pairs, differences, effect: test.mean, p: test.p }
        })
        .collect();
    let adjusted = holm(&tests.iter().map(|t| t.p).collect::<Vec<_>>());
    for (test, p) in tests.iter_mut().zip(adjusted) {
        test.p = p;
    }
    let mut tests = tests.into_iter();
    let better = |a: &Tested, b: &Tested| (a.p < level).cmp(&(b.p < level)).then(a.effect.total_cmp(&b.effect));
    Ok(candidates.iter().map(|c| tests.by_ref().take(c.best.len()).max_by(better)).collect())
}

fn cure(before: &[Trace], after: &[Trace], seeds: Vec<u64>) -> Cure {
    let on_test = before.iter().chain(after).all(|t| t.test_error.is_some());
    let error = |t: &Trace| match t.test_error {
        Some(error) if on_test => error,
        _ => t.end().validation.map_or(t.end().train.error, |v| v.error),
    };
    let (error_before, error_after): (Vec<f64>, Vec<f64>) =
        (before.iter().map(error).collect(), after.iter().map(error).collect());
    let differences: Vec<f64> = error_before.iter().zip(&error_after).map(|(a, b)| a - b).collect();
    Cure {
        p_value: paired(&differences, 0.0).p,
        error_before,
        error_after,
        measured_on: if on_test { "test" } else { "validation" }.into(),
        seeds,
        config: None,
    }
}

fn layer_rows(patient: &Patient<'_>) -> Vec<LayerRow> {
    let (gradients, ratios) = (patient.gradients(), patient.update_ratios());
    let Some(first) = patient.traces.first() else { return Vec::new() };
    first
        .after
        .iter()
        .enumerate()
        .map(|(i, units)| LayerRow {
            name: units.layer.clone(),
            activation: units.activation.into(),
            width: units.width,
            gradient: gradients[i],
            update_ratio: ratios[i],
            saturated: units.saturated.map(|_| patient.mean(|t| t.after[i].saturated.unwrap_or(0.0))),
            dead: patient.mean(|t| t.after[i].dead.len() as f64 / t.after[i].width as f64),
            mean: patient.mean(|t| t.after[i].mean),
            deviation: patient.mean(|t| t.after[i].deviation),
            percentiles: units.percentiles,
        })
        .collect()
}

fn summary(status: Status, causes: &[CauseFound], reason: &str, cure: Option<&Cure>) -> String {
    let Some(first) = causes.first() else {
        return match status {
            Status::Healthy => "Healthy: nothing that was tried improves this training by a relevant amount.".into(),
            _ => format!("Cannot tell: {reason}."),
        };
    };
    let why = match first.hypothesis {
        Hypothesis::Optimization => "optimization is hard",
        Hypothesis::Variance => "the network overfits",
        Hypothesis::Capacity => "the network is too small",
        _ => "the data are in the way",
    };
    let place = match &first.layers[..] {
        [] => String::new(),
        [one] => format!(" in {one}"),
        [a, .., b] => format!(" in {a} to {b}"),
    };
    let gain = cure.map_or(String::new(), |c| {
        format!(
            " Remedied, the {} error falls from {:.1} % to {:.1} % (mean of {} fresh seeds).",
            c.measured_on,
            100.0 * mean(&c.error_before),
            100.0 * mean(&c.error_after),
            c.seeds.len()
        )
    });
    let sure =
        if first.confidence > 0.9995 { "above 99.9 %".into() } else { format!("{:.1} %", 100.0 * first.confidence) };
    let others: Vec<&str> = causes[1..].iter().map(|c| c.cause.as_str()).collect();
    let then = if others.is_empty() { String::new() } else { format!(" Then: {}.", others.join(", ")) };
    format!("Sick: {why}: {}{place}, confirmed with confidence {sure}.{then}{gain}", first.cause)
}
