//! Wording that the page and the terminal share, so that both say the same.

use layerwise_diagnosis::{CauseFound, Diagnosis, LayerRow};

use crate::statistics::MeanInterval;
use crate::terminal::{number, percent};

/// `p = 0.012`; a p-value below the precision of the test reads as a bound.
pub(crate) fn p_value(p: f64) -> String {
    if p < 1e-12 { "p < 1e-12".to_owned() } else { format!("p = {}", number(p)) }
}

/// A confidence as a percentage that never reads 100%.
pub(crate) fn confidence(confidence: f64) -> String {
    if confidence > 0.9995 { ">99.9%".to_owned() } else { percent(confidence) }
}

/// `hidden1 to hidden7` where layers stand next to each other, otherwise their names; `the whole run` for none.
pub(crate) fn places(found: &[String], layers: &[LayerRow]) -> String {
    if found.is_empty() {
        return "the whole run".to_owned();
    }
    let at = |name: &String| layers.iter().position(|layer| layer.name == *name);
    let mut runs: Vec<Vec<&String>> = Vec::new();
    for name in found {
        let follows = |before: &String| at(name).is_some_and(|i| i > 0 && at(before) == Some(i - 1));
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| follows(last)) => run.push(name),
            _ => runs.push(vec![name]),
        }
    }
    let text = |run: Vec<&String>| match run[..] {
        [first, _, .., last] => format!("{first} to {last}"),
        _ => run.into_iter().cloned().collect::<Vec<_>>().join(", "),
    };
    runs.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What there is to say about the cause with this index, as terms and texts.
pub(crate) fn story(diagnosis: &Diagnosis, index: usize) -> Vec<(&'static str, String)> {
    let cause = &diagnosis.causes[index];
    vec![
        ("Seen", sentence(&cause.evidence)),
        ("Where", places(&cause.layers, &diagnosis.layers)),
        ("Experiment", experiment(cause, index)),
        ("Effect", effect(cause)),
        ("How sure", sureness(cause, diagnosis.relevant)),
        ("Remedy", sentence(&cause.remedy)),
    ]
}

fn experiment(cause: &CauseFound, index: usize) -> String {
    let base = if index == 0 { "" } else { ", with the remedies above already in place" };
    format!("{}; all else the same, seed by seed{base}.", capitalized(&tight(&cause.intervention)))
}

/// Validation loss without and with the intervention, and the paired difference.
fn effect(cause: &CauseFound) -> String {
    let (without, with): (Vec<f64>, Vec<f64>) = cause.pairs.iter().copied().unzip();
    let falls: Vec<f64> = cause.pairs.iter().map(|(a, b)| a - b).collect();
    format!(
        "The validation loss falls from {} to {}, by {} (mean over {} seeds, 95% confidence interval).",
        number(MeanInterval::of(&without).mean),
        number(MeanInterval::of(&with).mean),
        MeanInterval::of(&falls),
        falls.len()
    )
}

fn sureness(cause: &CauseFound, relevant: f64) -> String {
    format!(
        "Confidence {} that the fall exceeds {}, half of what counts as relevant; {} for no fall at all (one-sided \
         paired t-test, adjusted for testing several causes).",
        confidence(cause.confidence),
        number(0.5 * relevant),
        p_value(cause.p_value)
    )
}

/// How the gradient of the first layer compares to that of the last; nothing where that cannot be said.
pub(crate) fn gradient_ratio(diagnosis: &Diagnosis) -> Option<String> {
    let ratio = diagnosis.gradient_ratio.filter(|_| diagnosis.layers.len() > 1)?;
    Some(format!("the first layer gets {} times the gradient of the last", number(ratio)))
}

/// A share as a percentage, or a dash where the layer cannot have one.
pub(crate) fn share(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), percent)
}

/// `text` with a large first letter.
pub(crate) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// `text` as a sentence: a large first letter, a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = capitalized(&tight(text));
    if text.ends_with(['.', '!', '?']) { text } else { text + "." }
}

/// `5 %` as `5%`, the way percentages are written here, so that no line breaks between the two.
pub(crate) fn tight(text: &str) -> String {
    text.replace(" %", "%")
}

/// `1 seed`, `5 seeds`.
pub(crate) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> LayerRow {
        LayerRow {
            name: name.into(),
            activation: "tanh".into(),
            width: 1,
            gradient: 1.0,
            update_ratio: 1.0,
            saturated: None,
            dead: 0.0,
            mean: 0.0,
            deviation: 1.0,
            percentiles: [0.0; 3],
        }
    }

    #[test]
    fn neighboring_layers_are_named_as_a_range() {
        let layers = ["a", "b", "c", "d", "e"].map(row);
        let places = |found: &[&str]| places(&found.iter().map(|name| name.to_string()).collect::<Vec<_>>(), &layers);
        assert_eq!(places(&["a", "b", "c"]), "a to c");
        assert_eq!(places(&["a", "b", "d", "e"]), "a, b, d, e");
        assert_eq!(places(&["a", "c", "d", "e"]), "a, c to e");
        assert_eq!(places(&["input"]), "input");
        assert_eq!(places(&[]), "the whole run");
    }

    #[test]
    fn certainty_is_never_claimed() {
        assert_eq!([confidence(1.0), confidence(0.97), confidence(0.9996)], [">99.9%", "97%", ">99.9%"]);
        assert_eq!([p_value(0.0), p_value(0.0123)], ["p < 1e-12", "p = 0.0123"]);
        assert_eq!(sentence("over 5 % are off"), "Over 5% are off.");
        assert_eq!([count(1, "seed"), count(5, "seed")], ["1 seed", "5 seeds"]);
    }
}
