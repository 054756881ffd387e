//! The verdict as one HTML page: the answer first, then why, what the remedy gained, and all that was measured.

use layerwise_diagnosis::{Cure, Diagnosis, LayerRow, Status, Trace};

use crate::about::About;
use crate::axis::Axis;
use crate::bars::{Bars, Group};
use crate::gradient_figures::{gradient_dots, gradient_map, gradient_range, update_dots};
use crate::learning_curves::{Runs, breaks, errors, losses};
use crate::page::{Page, Tone};
use crate::terminal::{number, percent};
use crate::unit_figures::{Moment, activations, at, deaths, saturation};
use crate::words::{capitalized, count, gradient_ratio, p_value, places, sentence, share, story, tight};

/// What training is called before and after the remedy.
const PATIENT: &str = "patient";
const REMEDIED: &str = "remedied";
/// The moment that the verdict looks at most.
const PATIENT_END: &str = "patient, at the end";

/// Everything a section may draw.
struct Case<'a> {
    diagnosis: &'a Diagnosis,
    patient: &'a [Trace],
    cured: &'a [Trace],
    about: &'a About<'a>,
}

/// One HTML page that says whether and why the training is hard, how that was found out and what the remedy gained.
///
/// `patient` and `cured` are what [`layerwise_diagnosis::diagnose`] returns beside the verdict; `cured` is empty for a
/// training that is not sick.
pub fn diagnosis_page(diagnosis: &Diagnosis, patient: &[Trace], cured: &[Trace], about: &About<'_>) -> String {
    let mut page = Page::new(&format!("Diagnosis of a training on {}", about.data));
    let tone = match diagnosis.status {
        Status::Healthy => Tone::Good,
        Status::Sick => Tone::Bad,
        Status::CannotTell => Tone::Unsure,
    };
    page.headline(&tight(&diagnosis.summary), tone);
    let case = Case { diagnosis, patient, cured, about };
    let sections = [why, gain, curves, gradients, activation, saturated, dead, layers, observations, method, details];
    for section in sections {
        section(&mut page, &case);
    }
    page.render()
}

fn why(page: &mut Page, case: &Case<'_>) {
    let diagnosis = case.diagnosis;
    if diagnosis.causes.is_empty() {
        return;
    }
    page.section("Why");
    for (index, cause) in diagnosis.causes.iter().enumerate() {
        let place = match &cause.layers[..] {
            [] => String::new(),
            found => format!(" in {}", places(found, &diagnosis.layers)),
        };
        page.subsection(&format!("{}. {}{place}", index + 1, cause.cause));
        page.paragraph(&cause.meaning);
        page.facts(&story(diagnosis, index));
    }
    let broken = diagnosis.causes.iter().flat_map(|c| &c.pairs).any(|pair| pair.0 == 2.0 * diagnosis.chance);
    let capped =
        if broken { " A training that broke, or did worse, counts as twice the loss of a constant guess." } else { "" };
    let caption = format!(
        "The experiment behind each cause: the same training without and with the one change, on the same seeds. A \
         constant guess, the best that can be done without looking at the inputs, has a loss of {}.{capped}",
        number(diagnosis.chance)
    );
    page.figure(&experiments(diagnosis).svg(), &caption);
}

/// Validation loss without and with each intervention.
fn experiments(diagnosis: &Diagnosis) -> Bars {
    let groups = diagnosis.causes.iter().enumerate().flat_map(|(index, cause)| {
        let (without, with): (Vec<f64>, Vec<f64>) = cause.pairs.iter().copied().unzip();
        let name = |what: &str| format!("cause {}: {what}", index + 1);
        let (before, after) = (name("as it is"), name("changed"));
        [Group { name: before, values: without }, Group { name: after, values: with }]
    });
    Bars {
        title: "Effect of each confirmed change".into(),
        y: Axis::linear("validation loss"),
        groups: groups.collect(),
    }
}

fn gain(page: &mut Page, case: &Case<'_>) {
    let Some(cure) = &case.diagnosis.cure else { return };
    let seeds = count(cure.seeds.len(), "fresh seed");
    page.section("What the remedy gains");
    page.figure(
        &before_after(cure).svg(),
        &format!(
            "Error, {}, on the {} rows, with all remedies together; {seeds} that nothing was chosen or tested on \
             ({} for no gain, one-sided paired t-test).",
            case.about.error(),
            cure.measured_on,
            p_value(cure.p_value)
        ),
    );
    if let Some(config) = &cure.config {
        page.paragraph(&format!("The remedied configuration is in {config}, ready to train with."));
    }
}

fn before_after(cure: &Cure) -> Bars {
    let group = |name: &str, errors: &[f64]| Group {
        name: name.into(),
        values: errors.iter().map(|error| 100.0 * error).collect(),
    };
    Bars {
        title: "Error before and after the remedy".into(),
        y: Axis::linear(format!("{} error", cure.measured_on)).unit("%"),
        groups: vec![group(PATIENT, &cure.error_before), group(REMEDIED, &cure.error_after)],
    }
}

fn curves(page: &mut Page, case: &Case<'_>) {
    page.section("Learning curves");
    let mut runs = vec![Runs::of(PATIENT, case.patient)];
    if !case.cured.is_empty() {
        runs.push(Runs::of(REMEDIED, case.cured));
    }
    let seeds = if case.cured.is_empty() {
        format!("Mean over {}", count(case.patient.len(), "seed"))
    } else {
        let (patient, cured) = (count(case.patient.len(), "seed"), case.cured.len());
        format!("Mean over {patient} (patient) and {cured} fresh ones (remedied)")
    };
    let broken = breaks(case.patient).map_or(String::new(), |breaks| format!(" {breaks}"));
    page.figure(
        &losses(&runs, Some(case.diagnosis.chance), vec![]).svg(),
        &format!(
            "{seeds}; the bands reach from the lowest to the highest seed, and a training that stopped early keeps its \
             last value.{broken}"
        ),
    );
    page.figure(&errors(&runs, vec![]).svg(), &format!("Error: {}.", case.about.error()));
}

fn gradients(page: &mut Page, case: &Case<'_>) {
    page.section("Gradients and updates");
    let ratio = gradient_ratio(case.diagnosis).map_or(String::new(), |ratio| format!(" In the patient {ratio}."));
    page.paragraph(&format!(
        "The gradient is computed from the output (last row) back to the input (first row).{ratio}"
    ));
    let firsts: Vec<&Trace> = case.patient.first().into_iter().chain(case.cured.first()).collect();
    let range = gradient_range(&firsts);
    for (name, trace) in [(PATIENT, case.patient.first()), (REMEDIED, case.cured.first())] {
        let Some(trace) = trace else { continue };
        match gradient_map(&format!("Gradient over time: {name}"), trace, range) {
            Some(map) => page.figure(
                &map.svg(),
                &format!("Seed {}. Darker is larger, on a logarithmic scale{}.", trace.seed, shared(&firsts)),
            ),
            None => page.paragraph(&format!("The {name} broke in its first step: there is no gradient to draw.")),
        };
    }
    let recipes = [(PATIENT, case.patient), (REMEDIED, case.cured)];
    let typical = "Median over time and seeds.";
    page.figure(&gradient_dots(&recipes).svg(), typical);
    page.figure(
        &update_dots(&recipes).svg(),
        &format!(
            "How far one step moves the weights, ‖Δw‖ / ‖w‖. {typical} About a thousandth is a common rule of thumb."
        ),
    );
}

fn shared(maps: &[&Trace]) -> &'static str {
    if maps.len() > 1 { " that both maps share" } else { "" }
}

/// The moments at which units were looked at, with their names; the remedied ones only if there are any.
fn moments<'a>(case: &Case<'a>) -> Vec<(String, &'a [Trace], Moment)> {
    let all: [(&str, &str, &[Trace], Moment); 3] = [
        (PATIENT, "at the start", case.patient, |trace| &trace.before),
        (PATIENT, "at the end", case.patient, |trace| &trace.after),
        (REMEDIED, "at the end", case.cured, |trace| &trace.after),
    ];
    let shown = all.into_iter().filter(|(_, _, traces, _)| !traces.is_empty());
    shown.map(|(name, when, traces, moment)| (format!("{name}, {when}"), traces, moment)).collect()
}

fn activation(page: &mut Page, case: &Case<'_>) {
    page.section("Activations");
    page.paragraph(
        "What the units of each hidden layer put out, all units and all training rows together. Separate bars with gaps \
         between them mean that each unit says nearly the same whatever row it is shown; bars piled up at an end of the \
         activation mean saturation.",
    );
    for (name, traces, moment) in moments(case) {
        let Some(first) = traces.first() else { continue };
        let figure = activations(&format!("Activations: {name}"), moment(first));
        page.figure(&figure.svg(), &format!("Seed {}.", first.seed));
    }
}

fn saturated(page: &mut Page, case: &Case<'_>) {
    page.section("Saturation");
    page.paragraph(
        "A saturated unit is within 1% of the upper or lower end of its activation, where the slope is nearly zero and no \
         gradient passes.",
    );
    let mut can = false;
    for (name, traces, moment) in moments(case) {
        let Some(figure) = saturation(&format!("Saturation: {name}"), &at(traces, moment)) else { continue };
        can = true;
        // Empty plots say little, but that of the patient at its end is what a reader looks for.
        if figure.rows.iter().any(|row| row.1 >= 0.1) || name == PATIENT_END {
            let seeds = count(traces.len(), "seed");
            page.figure(&figure.svg(), &format!("Mean over {seeds} and all training rows."));
        } else {
            page.paragraph(&format!("{}: less than 0.1% in every layer.", capitalized(&name)));
        }
    }
    if !can {
        page.paragraph("No layer here has an activation with two ends, so none can saturate.");
    }
}

fn dead(page: &mut Page, case: &Case<'_>) {
    let figures: Vec<_> = moments(case)
        .into_iter()
        .filter_map(|(name, traces, moment)| deaths(&format!("Dead units: {name}"), &at(traces, moment)))
        .collect();
    if figures.is_empty() {
        return;
    }
    page.section("Dead units");
    page.paragraph("A dead unit is off on every training row: it contributes nothing, and no gradient reaches it.");
    for figure in figures {
        page.figure(&figure.svg(), "Mean over the seeds.");
    }
}

fn layers(page: &mut Page, case: &Case<'_>) {
    let rows = |cells: fn(&LayerRow) -> Vec<String>| -> Vec<Vec<String>> {
        let row = |layer: &LayerRow| [vec![layer.name.clone()], cells(layer)].concat();
        case.diagnosis.layers.iter().map(row).collect()
    };
    let trained = rows(|layer| {
        vec![
            layer.activation.clone(),
            layer.width.to_string(),
            number(layer.gradient),
            number(layer.update_ratio),
            share(layer.saturated),
            percent(layer.dead),
        ]
    });
    let spread = rows(|layer| {
        let [low, middle, high] = layer.percentiles;
        [layer.mean, layer.deviation, low, middle, high].map(number).to_vec()
    });
    page.section("The patient, layer by layer")
        .table(&["layer", "activation", "units", "gradient", "update", "saturated", "dead"], &trained)
        .paragraph(
            "Gradient: root mean square of the weight gradient, median over time. Update: ‖Δw‖ / ‖w‖ of one step, median \
             over time. Saturated and dead: at the end of training, mean over the seeds.",
        )
        .table(&["layer", "mean", "deviation", "5% point", "median", "95% point"], &spread)
        .paragraph("Activations at the end of training; the last three columns are of the first seed.");
}

fn observations(page: &mut Page, case: &Case<'_>) {
    page.section("Seen, but not named as a cause");
    if case.diagnosis.observations.is_empty() {
        page.paragraph("No other symptom was seen.");
        return;
    }
    for observation in &case.diagnosis.observations {
        page.subsection(&observation.symptom).facts(&[
            ("Seen", sentence(&observation.evidence)),
            ("Where", places(&observation.layers, &case.diagnosis.layers)),
            ("Why not", sentence(&observation.because)),
        ]);
    }
}

fn method(page: &mut Page, case: &Case<'_>) {
    let diagnosis = case.diagnosis;
    let fresh = match &diagnosis.cure {
        Some(cure) if cure.measured_on == "test" => {
            " Finally the patient and the recipe with all remedies were trained on fresh seeds and compared on test rows \
             that no decision was based on."
        }
        Some(_) => " Finally the patient and the recipe with all remedies were trained on fresh seeds and compared.",
        None => "",
    };
    page.section("How the verdict was reached").paragraph(&format!(
        "The patient was trained on {}, and probes read the gradients, updates and activations of every layer without \
         disturbing them. Each symptom that showed suggested changes that would remove it; the most promising \
         ones were chosen on pilot seeds and then tested on the seeds of the patient. A symptom is called a cause only if \
         such a change lowers the validation loss significantly (one-sided paired t-test, p-values adjusted after Holm 1979) and \
         by at least {}, and the search is then repeated with the remedy in place.{fresh}",
        count(case.patient.len(), "seed"),
        number(diagnosis.relevant)
    ));
}

fn details(page: &mut Page, case: &Case<'_>) {
    let diagnosis = case.diagnosis;
    let seeds = |seeds: &mut dyn Iterator<Item = u64>| seeds.map(|s| s.to_string()).collect::<Vec<_>>().join(", ");
    let mut facts = vec![
        ("Data", case.about.data.to_owned()),
        ("Trainings", diagnosis.trainings.to_string()),
        ("Seed", diagnosis.seed.to_string()),
        ("Seeds of the patient", seeds(&mut case.patient.iter().map(|trace| trace.seed))),
        ("Its validation losses", diagnosis.risk.iter().map(|&risk| number(risk)).collect::<Vec<_>>().join(", ")),
    ];
    if let Some(cure) = &diagnosis.cure {
        facts.push(("Fresh seeds", seeds(&mut cure.seeds.iter().copied())));
    }
    facts.push(("Loss of a constant guess", number(diagnosis.chance)));
    facts.push(("Relevant gain", format!("{} or more", number(diagnosis.relevant))));
    facts.push(("Version", diagnosis.version.clone()));
    if !case.about.command.is_empty() {
        facts.push(("Command", case.about.command.to_owned()));
    }
    page.section("Details").facts(&facts).details("Configuration of the patient", case.about.recipe);
    if !case.about.remedied.is_empty() {
        page.details("Remedied configuration", case.about.remedied);
    }
}
