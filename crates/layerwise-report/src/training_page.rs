//! One training as one HTML page: how it ended, learning curves, and the units before and after.

use layerwise_diagnosis::{OverTime, Units};
use layerwise_train::{Epoch, Scores, StopReason};

use crate::about::About;
use crate::learning_curves::{Runs, errors, losses};
use crate::line_chart::Mark;
use crate::page::{Page, Tone};
use crate::terminal::{number, percent};
use crate::time_figures::over_time;
use crate::unit_figures::{activations, deaths, saturation};
use crate::words::share;

/// What is shown of a training.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// The result in one sentence.
    pub summary: &'a str,
    /// One row an epoch.
    pub history: &'a [Epoch],
    /// Why it ended.
    pub stop: &'a StopReason,
    /// The epoch that the delivered parameters are from, with their scores on all rows, without noise.
    pub delivered: Epoch,
    /// Units at the start.
    pub before: &'a [Units],
    /// Units at the end.
    pub after: &'a [Units],
    /// Gradient of recurrent layers over the steps of their sequences, at the start and at the end; empty without such layers.
    pub over_time: [&'a [OverTime]; 2],
}

/// One HTML page that shows how a training went.
pub fn training_page(training: &Training<'_>, about: &About<'_>) -> String {
    let mut page = Page::new(&format!("Training on {}", about.data));
    // A sign of good or bad only where it is known: that all epochs are done says nothing about the errors.
    match training.stop {
        StopReason::NotFinite(_) => page.headline(training.summary, Tone::Bad),
        _ => page.paragraph(training.summary),
    };
    curves(&mut page, training, about);
    units(&mut page, training);
    if !training.over_time[0].is_empty() {
        page.section("Gradient over time");
        for figure in over_time(training.over_time) {
            page.figure(&figure.svg(), OVER_TIME);
        }
    }
    page.section("Details");
    if !about.command.is_empty() {
        page.facts(&[("Command", about.command.to_owned())]);
    }
    page.details("Configuration", about.recipe);
    page.render()
}

/// What the curves show. The table's row of the delivered parameters is exact.
const LOSSES: &str = "Mean loss on each set, without penalties. Training: the mean over the batches of the epoch as its steps saw \
                      them; validation: at the end of the epoch, without noise.";

fn curves(page: &mut Page, training: &Training<'_>, about: &About<'_>) {
    let runs = [Runs::one(training.history, training.stop)];
    let kept = || vec![Mark { at: training.delivered.epoch as f64, label: "delivered".into() }];
    page.section("Learning curves")
        .figure(&losses(&runs, None, kept()).svg(), LOSSES)
        .figure(&errors(&runs, kept()).svg(), &format!("Error: {}.", about.error()));
    let moments = [
        ("at the start", training.history.first()),
        ("delivered", Some(&training.delivered)),
        ("at the end", training.history.last().filter(|row| row.epoch != training.delivered.epoch)),
    ];
    let row = |(name, row): (&str, Option<&Epoch>)| {
        let row = row?;
        let held = |of: fn(&Scores) -> f64| row.validation.as_ref().map(of);
        Some(vec![
            name.to_owned(),
            row.epoch.to_string(),
            number(row.train.loss),
            held(|v| v.loss).map_or("–".into(), number),
            percent(row.train.error),
            share(held(|v| v.error)),
        ])
    };
    let rows: Vec<Vec<String>> = moments.into_iter().filter_map(row).collect();
    let header = ["", "epoch", "training loss", "validation loss", "training error", "validation error"];
    page.table(&header, &rows);
}

/// What the figure of a recurrent layer shows.
const OVER_TIME: &str = "Size of the gradient of a sample's loss by the state after each step, mean over samples. A straight line that \
                         rises to the right says that the gradient vanishes on its way back through time: what was long ago cannot be learnt.";

fn units(page: &mut Page, training: &Training<'_>) {
    let moments = [("at the start", training.before), ("at the end", training.after)];
    page.section("Activations");
    for (when, units) in moments {
        let figure = activations(&format!("Activations {when}"), units);
        page.figure(&figure.svg(), "What the units of each hidden layer put out on the training rows.");
    }
    for (when, units) in moments {
        let caption = "Activations within 1% of an end of their activation function, where no gradient passes.";
        if let Some(figure) = saturation(&format!("Saturation {when}"), &[units]) {
            page.figure(&figure.svg(), caption);
        }
        if let Some(figure) = deaths(&format!("Dead units {when}"), &[units]) {
            page.figure(&figure.svg(), "Units that are off on every training row.");
        }
    }
}
