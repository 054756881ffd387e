//! The verdict as plain text for a terminal, in the order of the page.

use layerwise_diagnosis::{Cure, Diagnosis};

use crate::statistics::MeanInterval;
use crate::terminal::{number, percent, sparkline, table, wrap};
use crate::width::display_width;
use crate::words::{capitalized, count, gradient_ratio, p_value, places, share, story, tight};

/// Fewer columns are not enough for the tables.
const NARROWEST: usize = 40;

/// The verdict as plain text without control sequences, its paragraphs at most `width` columns wide.
pub fn diagnosis_text(diagnosis: &Diagnosis, width: usize) -> String {
    let mut text = Text { lines: String::new(), width: width.max(NARROWEST) };
    text.paragraph("", &tight(&diagnosis.summary));
    causes(&mut text, diagnosis);
    layers(&mut text, diagnosis);
    observations(&mut text, diagnosis);
    if let Some(cure) = &diagnosis.cure {
        gain(&mut text, cure);
    }
    text.lines
}

/// Text under construction.
struct Text {
    lines: String,
    width: usize,
}

impl Text {
    fn heading(&mut self, heading: &str) {
        self.lines.push_str(&format!("\n{heading}\n"));
    }

    /// A paragraph behind `prefix`, its further lines indented as deep.
    fn paragraph(&mut self, prefix: &str, text: &str) {
        let indent = display_width(prefix);
        // Names come from files: none may move the cursor.
        let clean = text.replace(char::is_control, "\u{fffd}");
        for (index, line) in wrap(&clean, self.width - indent).lines().enumerate() {
            let before = if index == 0 { prefix.to_owned() } else { " ".repeat(indent) };
            self.lines.push_str(&format!("{before}{line}\n"));
        }
    }

    fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        for line in table(header, rows).lines() {
            self.lines.push_str(&format!("  {line}\n"));
        }
    }
}

fn causes(text: &mut Text, diagnosis: &Diagnosis) {
    for (index, cause) in diagnosis.causes.iter().enumerate() {
        text.heading(&format!("Cause {}: {}", index + 1, cause.cause));
        text.paragraph("  ", &cause.meaning);
        for (term, fact) in story(diagnosis, index) {
            text.paragraph(&format!("  {:<12}", format!("{term}:")), &fact);
        }
    }
}

fn layers(text: &mut Text, diagnosis: &Diagnosis) {
    let layers = &diagnosis.layers;
    let row = |layer: &layerwise_diagnosis::LayerRow| {
        vec![
            layer.name.clone(),
            layer.activation.clone(),
            layer.width.to_string(),
            number(layer.gradient),
            number(layer.update_ratio),
            share(layer.saturated),
            percent(layer.dead),
        ]
    };
    text.heading(&format!("Layers of the patient (mean over {})", count(diagnosis.risk.len(), "seed")));
    let header = ["layer", "activation", "units", "gradient", "update/weight", "saturated", "dead"];
    text.table(&header, &layers.iter().map(row).collect::<Vec<_>>());
    let (Some(first), Some(last)) = (layers.first(), layers.last()) else { return };
    let logs: Vec<f64> = layers.iter().map(|layer| layer.gradient.log10()).collect();
    let ratio = gradient_ratio(diagnosis).map_or(String::new(), |ratio| format!("; {ratio}"));
    let line = format!("{} {} {}  (log scale{ratio})", first.name, sparkline(&logs), last.name);
    text.paragraph("  gradient: ", &line);
}

fn observations(text: &mut Text, diagnosis: &Diagnosis) {
    if diagnosis.observations.is_empty() {
        return;
    }
    text.heading("Seen, but not named as a cause");
    for observation in &diagnosis.observations {
        let place = match &observation.layers[..] {
            [] => String::new(),
            found => format!(" in {}", places(found, &diagnosis.layers)),
        };
        let line = format!("{}{place}: {}", observation.symptom, tight(&observation.because));
        text.paragraph("  - ", &line);
    }
}

fn gain(text: &mut Text, cure: &Cure) {
    text.heading(&format!("{} error before and after the remedy", capitalized(&cure.measured_on)));
    let pairs = cure.error_before.iter().zip(&cure.error_after);
    let row = |(seed, (before, after)): (&u64, (&f64, &f64))| {
        vec![format!("seed {seed}"), format!("{:.1}%", 100.0 * before), format!("{:.1}%", 100.0 * after)]
    };
    let mut rows: Vec<Vec<String>> = cure.seeds.iter().zip(pairs).map(row).collect();
    rows.push(vec!["mean".into(), interval(&cure.error_before), interval(&cure.error_after)]);
    text.table(&["fresh seed", "before", "after"], &rows);
    let line = format!("± is the 95% confidence interval of the mean; {} for no gain.", p_value(cure.p_value));
    text.paragraph("  ", &line);
    if let Some(config) = &cure.config {
        text.paragraph("  Remedied configuration: ", config);
    }
}

/// `89.8% ± 0.4%` of shares.
fn interval(shares: &[f64]) -> String {
    let percentages: Vec<f64> = shares.iter().map(|share| 100.0 * share).collect();
    match MeanInterval::of(&percentages).rounded() {
        (mean, Some(half)) => format!("{mean}% ± {half}%"),
        (mean, None) => format!("{mean}%"),
    }
}
