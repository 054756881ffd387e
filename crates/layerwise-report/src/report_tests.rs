//! Tests of whole reports over real trainings on a tiny data set.

use std::sync::OnceLock;

use layerwise_activations::{Activations, Relu, Tanh};
use layerwise_data::{Task, friedman1, split, two_moons};
use layerwise_diagnosis::{Diagnosis, Observation, Options, Rows, Status, Trace, diagnose, record::units};
use layerwise_optimizers::Sgd;
use layerwise_train::{NetworkSpec, Prepared, Recipe};

use crate::markup::assert_well_formed;
use crate::{About, Training, diagnosis_page, diagnosis_text, training_page};

type Case = (Diagnosis, Vec<Trace>, Vec<Trace>);

const ABOUT: About<'_> = About {
    data: "moons & <stars>",
    task: Task::Classification,
    command: "layerwise diagnose --data 'a b.csv'",
    recipe: "epochs = 4",
    remedied: "epochs = 16",
};

/// Sections of every page.
const ALWAYS: [&str; 7] = [
    "Learning curves",
    "Gradients and updates",
    "Activations",
    "Saturation",
    "The patient, layer by layer",
    "How the verdict was reached",
    "Details",
];

fn moons() -> Rows {
    let parts = split(&two_moons(400, 0.1, 1), [0.5, 0.25, 0.25], 1).unwrap();
    Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) }
}

fn recipe(rate: f64, activation: Activations) -> Recipe {
    Recipe {
        epochs: 10,
        early_stopping: None,
        optimizer: Sgd { rate, momentum: 0.9, ..Sgd::default() }.into(),
        network: NetworkSpec { hidden: vec![8, 8], activation, ..NetworkSpec::default() },
        ..Recipe::default()
    }
}

fn run(recipe: &Recipe, rows: &Rows) -> Case {
    let options = Options { seeds: 5, pilots: 2, fresh: 3, threads: 2, ..Options::default() };
    diagnose(recipe, rows, &options, &|_| (), &|| false).unwrap()
}

/// A training that is hardly moved by its rate.
fn slow() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| {
        let case = run(&recipe(1e-5, Activations::Tanh(Tanh)), &moons());
        assert_eq!(case.0.status, Status::Sick, "{}", case.0.summary);
        case
    })
}

/// Checks what holds for every page and text, and returns both.
fn check((diagnosis, patient, cured): &Case, sections: &[&str]) -> (String, String) {
    let page = diagnosis_page(diagnosis, patient, cured, &ABOUT);
    assert_page(&page);
    for section in ALWAYS.iter().chain(sections) {
        assert!(page.contains(&format!("<h2>{section}</h2>")), "{section}");
    }
    let text = diagnosis_text(diagnosis, 100);
    for line in text.lines() {
        assert!(line.chars().count() <= 100 && line.chars().all(|c| !c.is_control()), "{line:?}");
    }
    (page, text)
}

fn assert_page(page: &str) {
    assert_well_formed(page);
    let outside = page.replacen("http-equiv", "", 1);
    for banned in ["<script", "http", "<stars>", "src=", "href="] {
        assert!(!outside.contains(banned), "{banned}");
    }
}

#[test]
fn a_sick_training_is_explained_in_every_section() {
    let case = slow();
    let more = ["Why", "What the remedy gains", "Seen, but not named as a cause"];
    let (page, text) = check(case, &more);
    let cause = &case.0.causes[0];
    for part in [cause.cause.as_str(), "Remedied configuration", "epochs = 16", "Gradient over time: remedied"] {
        assert!(page.contains(part), "{part}");
    }
    for part in ["Cause 1: ", "Experiment: ", "p = ", "before", "hidden2", "update/weight", "mean over 5 seeds"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let narrow = diagnosis_text(&case.0, 0);
    assert!(narrow.contains("Cause 1"));
}

#[test]
fn a_training_that_is_not_sick_has_no_remedy() {
    let (mut diagnosis, patient, _) = slow().clone();
    (diagnosis.status, diagnosis.cure) = (Status::Healthy, None);
    diagnosis.causes.clear();
    diagnosis.observations.clear();
    let (page, text) = check(&(diagnosis, patient, vec![]), &["Seen, but not named as a cause"]);
    assert!(page.contains("✓ Good") && page.contains("No other symptom was seen."));
    assert!(!page.contains("<h2>Why") && !page.contains("remedy gains") && !page.contains("remedied, at the end"));
    assert!(!text.contains("Cause") && !text.contains("before"));
}

#[test]
fn trainings_that_break_are_drawn_up_to_where_they_broke() {
    let case = run(&recipe(1e25, Activations::Relu(Relu)), &moons());
    assert!(!case.0.observations.is_empty() || !case.0.causes.is_empty());
    let (page, _) = check(&case, &[]);
    assert!(page.contains("× not finite from here on") && page.contains("not finite, the earliest at step"));
    assert!(page.contains("so none can saturate"));
}

#[test]
fn a_training_without_one_finished_step_is_drawn() {
    let (diagnosis, mut patient, cured) = slow().clone();
    for trace in &mut patient {
        trace.record = layerwise_diagnosis::Record::over(10);
        trace.outcome.history.truncate(1);
    }
    check(&(diagnosis.clone(), patient, cured), &[]);
    check(&(diagnosis, vec![], vec![]), &[]);
}

#[test]
fn hostile_names_neither_break_the_page_nor_move_the_cursor() {
    let (mut diagnosis, patient, cured) = slow().clone();
    diagnosis.observations.push(Observation {
        symptom: "inputs-not-scaled".into(),
        layers: vec!["input".into()],
        evidence: "feature <script>alert('&')</script> is large".into(),
        because: "\u{1b}[2J it is not".into(),
    });
    diagnosis.layers[0].name = "\u{7}bell".into();
    diagnosis.layers[1].gradient = f64::NAN;
    check(&(diagnosis, patient, cured), &[]);
}

#[test]
fn values_are_diagnosed_too() {
    let parts = split(&friedman1(300, 5, 0.1, 1), [0.5, 0.25, 0.25], 1).unwrap();
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: None };
    let (diagnosis, patient, cured) = run(&recipe(1e-6, Activations::Relu(Relu)), &rows);
    let about = About { task: Task::Regression, ..ABOUT };
    let page = diagnosis_page(&diagnosis, &patient, &cured, &about);
    assert_page(&page);
    assert!(page.contains("not explained") && page.contains("validation error"));
}

#[test]
fn one_training_has_a_page() {
    let rows = moons();
    for (rate, tone) in [(0.1, "<p>done;"), (1e25, "✗ Problem")] {
        let recipe = recipe(rate, Activations::Relu(Relu));
        let prepared = Prepared::<f32>::new(&recipe, &rows.train, rows.validation.as_ref()).unwrap();
        let mut run = prepared.start(1);
        let before = units(&prepared.setup, run.theta());
        let outcome = prepared.carry_on(&mut run, recipe.epochs, &mut [], &mut ());
        let training = Training {
            summary: "done; 3 % wrong",
            history: &outcome.history,
            stop: &outcome.stop,
            delivered: outcome.delivered(),
            before: &before,
            after: &units(&prepared.setup, &outcome.theta),
            over_time: [&[], &[]],
        };
        let page = training_page(&training, &ABOUT);
        assert_page(&page);
        for part in [tone, "Loss by epoch", "Activations at the end", "delivered", "epochs = 4"] {
            assert!(page.contains(part), "{part}");
        }
    }
}
