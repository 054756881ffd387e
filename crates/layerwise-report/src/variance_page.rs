//! Bias, variance and noise as one HTML page: what the error is made of, learning curves, and the excess error of the lecture.

use layerwise_stats::{Decomposition, Estimate, Part};

use crate::about::About;
use crate::axis::Axis;
use crate::interval_bars::{IntervalBar, IntervalBars};
use crate::line_chart::{LineChart, Series};
use crate::page::Page;
use crate::terminal::{number, table};

/// A point of a learning curve.
#[derive(Clone, Debug)]
pub struct CurvePoint {
    /// Rows of a training set, or width of the hidden layers.
    pub at: f64,
    /// The error on the test rows.
    pub split: Decomposition,
    /// The error on the training rows.
    pub train: Estimate,
}

/// Errors against something that changes from point to point.
#[derive(Clone, Debug)]
pub struct VarianceCurve {
    /// What changes, as in "rows of a training set".
    pub along: String,
    /// In increasing order.
    pub points: Vec<CurvePoint>,
}

/// What many trainings showed.
#[derive(Clone, Debug)]
pub struct VarianceReport {
    /// What counts as an error.
    pub measure: String,
    /// What was trained on what, in a sentence.
    pub design: String,
    /// The error on the test rows.
    pub split: Decomposition,
    /// The error on the training rows.
    pub train: Estimate,
    /// Learning curves, if any were asked for.
    pub curves: Vec<VarianceCurve>,
    /// Noise, approximation, estimation and optimization, if they were asked for.
    pub excess: Option<Decomposition>,
    /// How f_F and f_n were found.
    pub found_by: String,
    /// How many trainings ended at a number that was not finite.
    pub broken: usize,
    /// The probability with which intervals hold.
    pub confidence: f64,
}

/// What a part is, in half a sentence.
fn meaning(part: Part) -> &'static str {
    match part {
        Part::Noise => "what even the best function gets wrong",
        Part::Bias => "what the mean of all models gets wrong",
        Part::Sample => "how far models differ by their training sets",
        Part::Start => "how far they differ by their starts",
        Part::Interaction => "how far they differ by both together",
        Part::Approximation => "what the best function that the network can be gets wrong beyond noise",
        Part::Estimation => "what is lost because the best function on the sample is not the best one",
        Part::Optimization => "what is lost because training does not reach the best function on the sample",
        _ => "",
    }
}

/// Value ± standard error.
fn with_error(estimate: &Estimate) -> String {
    if estimate.error.is_finite() {
        format!("{} ± {}", number(estimate.value), number(estimate.error))
    } else {
        number(estimate.value)
    }
}

/// Part, value, standard error, share; the whole last.
fn rows(split: &Decomposition) -> Vec<Vec<String>> {
    let row = |name: String, estimate: &Estimate, what: &str| {
        let share = 100.0 * estimate.value / split.error.value;
        let error = if estimate.error.is_finite() { number(estimate.error) } else { "–".into() };
        vec![name, number(estimate.value), error, format!("{share:.1}%"), what.to_owned()]
    };
    let parts = split.parts.iter().map(|(part, estimate)| row(part.to_string(), estimate, meaning(*part)));
    parts.chain([row("error".into(), &split.error, "their sum")]).collect()
}

const HEADER: [&str; 5] = ["", "value", "standard error", "share", ""];

/// The split as text for a terminal.
pub fn variance_text(report: &VarianceReport) -> String {
    let mut text = format!("{} on test rows, {}.\n\n", capitalized(&report.measure), report.design);
    text += &table(&HEADER, &rows(&report.split));
    text += &format!("\nOn the training rows: {}.\n", with_error(&report.train));
    for curve in &report.curves {
        text += &format!("\n{}\n", table(&curve_header(curve), &curve_rows(curve)));
    }
    if let Some(excess) = &report.excess {
        text += &format!("\n{}", table(&HEADER, &rows(excess)));
    }
    if report.broken > 0 {
        text += &format!("\n{} trainings ended at a number that was not finite.\n", report.broken);
    }
    text
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn curve_header(curve: &VarianceCurve) -> [&str; 5] {
    [&curve.along, "error", "bias", "variance", "on training rows"]
}

fn curve_rows(curve: &VarianceCurve) -> Vec<Vec<String>> {
    let row = |point: &CurvePoint| {
        let bias = point.split.part(Part::Bias);
        vec![
            number(point.at),
            with_error(&point.split.error),
            bias.as_ref().map_or("–".into(), with_error),
            with_error(&point.split.variance),
            with_error(&point.train),
        ]
    };
    curve.points.iter().map(row).collect()
}

/// One HTML page about what errors are made of.
pub fn variance_page(report: &VarianceReport, about: &About<'_>) -> String {
    let mut page = Page::new(&format!("Bias and variance on {}", about.data));
    page.paragraph(&format!("{} on test rows, {}.", capitalized(&report.measure), report.design));
    if report.broken > 0 {
        let sentence = format!("{} trainings ended at a number that was not finite.", report.broken);
        page.headline(&sentence, crate::page::Tone::Bad);
    }
    page.section("What the error is made of");
    page.figure(&bars("Parts of the error", report, &report.split).svg(), &caption(report));
    page.table(&HEADER, &rows(&report.split));
    page.facts(&[("On the training rows", with_error(&report.train))]);
    if report.curves.iter().any(|curve| !curve.points.is_empty()) {
        page.section("Learning curves");
    }
    for curve in &report.curves {
        let title = format!("Error against {}", curve.along);
        let cut = "Bands end at 0, or at the value where that is negative.";
        page.figure(&chart(&title, report, curve).svg(), &format!("{} {cut}", caption(report)));
        page.table(&curve_header(curve), &curve_rows(curve));
    }
    if let Some(excess) = &report.excess {
        page.section("Noise, approximation, estimation, optimization");
        page.figure(&bars("Where the error comes from", report, excess).svg(), &caption(report));
        page.table(&HEADER, &rows(excess));
        page.paragraph(&report.found_by);
    }
    page.section("Details");
    page.paragraph(
        "Standard errors are those of the jackknife over training sets and starts; the test rows are taken as they are. Parts are \
         estimated without bias, so a small one may come out below 0.",
    );
    if !about.command.is_empty() {
        page.facts(&[("Command", about.command.to_owned())]);
    }
    page.details("Configuration", about.recipe);
    page.render()
}

fn caption(report: &VarianceReport) -> String {
    format!("{:.0}% intervals, over training sets and starts.", 100.0 * report.confidence)
}

fn interval(estimate: &Estimate, confidence: f64) -> (f64, f64) {
    let interval = estimate.interval(confidence);
    (interval.low, interval.high)
}

fn bars(title: &str, report: &VarianceReport, split: &Decomposition) -> IntervalBars {
    let row = |name: String, estimate: &Estimate| IntervalBar {
        name,
        value: estimate.value,
        interval: interval(estimate, report.confidence),
        text: with_error(estimate),
    };
    let rows = split.parts.iter().map(|(part, estimate)| row(part.to_string(), estimate));
    let rows = rows.chain([row("error".into(), &split.error)]).collect();
    IntervalBars { title: title.into(), x: Axis::linear(&report.measure), rows }
}

fn chart(title: &str, report: &VarianceReport, curve: &VarianceCurve) -> LineChart {
    let series = |name: &str, of: &dyn Fn(&CurvePoint) -> Option<Estimate>| {
        let found: Vec<(f64, Estimate)> = curve.points.iter().filter_map(|p| Some((p.at, of(p)?))).collect();
        let points = found.iter().map(|(at, estimate)| (*at, estimate.value)).collect();
        let ends = |(at, estimate): &(f64, Estimate)| {
            let (low, high) = interval(estimate, report.confidence);
            // Below 0 only as far as the value itself is.
            (*at, low.max(estimate.value.min(0.0)), high)
        };
        let band: Vec<(f64, f64, f64)> = found.iter().map(ends).filter(|(_, _, high)| high.is_finite()).collect();
        Series { band: Some(band), ..Series::new(name, points).dotted() }
    };
    let all = [
        series("error", &|p| Some(p.split.error)),
        series("bias", &|p| p.split.part(Part::Bias)),
        series("variance", &|p| Some(p.split.variance)),
        series("noise", &|p| p.split.part(Part::Noise)),
        series("on training rows", &|p| Some(p.train)),
    ];
    let (first, last) = (curve.points.first().map_or(1.0, |p| p.at), curve.points.last().map_or(1.0, |p| p.at));
    let wide = first > 0.0 && last > 8.0 * first;
    let x = if wide { Axis::log10(&curve.along) } else { Axis::linear(&curve.along).whole() };
    let series = all.into_iter().filter(|series| !series.points.is_empty()).collect();
    LineChart { title: title.into(), x, y: Axis::linear(&report.measure), series, marks: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;
    use layerwise_data::Task;
    use layerwise_stats::Predictions;

    const ABOUT: About<'_> =
        About { data: "a <b>", task: Task::Regression, command: "layerwise", recipe: "seed = 1", remedied: "" };

    /// Three sets, so many starts, two rows; in the units of `scale`.
    fn report(starts: usize, scale: f64) -> VarianceReport {
        let numbers = |starts: usize| (0..3 * starts * 2).map(|i| scale * ((i * i) % 7) as f64).collect();
        let models = Predictions::new([3, starts, 2, 1], numbers(starts)).unwrap();
        let split = models.squared(&[scale, 2.0 * scale], Some(&[scale, scale])).unwrap();
        let fitted = Predictions::new([3, 1, 2, 1], numbers(1)).unwrap();
        let excess = models.excess(&[scale, 2.0 * scale], &[scale; 2], &[0.5 * scale; 2], &fitted).unwrap();
        let train = Estimate { value: 0.25 * scale, error: 0.01 * scale, freedom: 2.0 };
        let point = |at: f64| CurvePoint { at, split: split.clone(), train };
        let curve = VarianceCurve { along: "rows & more".into(), points: [10.0, 20.0, 200.0].map(point).to_vec() };
        VarianceReport {
            measure: "squared error".into(),
            design: "3 training sets".into(),
            train,
            curves: vec![curve],
            excess: Some(excess),
            found_by: "found <so>".into(),
            broken: 0,
            confidence: 0.95,
            split,
        }
    }

    #[test]
    fn page_and_text_show_every_part_and_its_share() {
        let report = report(2, 1.0);
        let (page, text) = (variance_page(&report, &ABOUT), variance_text(&report));
        assert_well_formed(&page);
        let parts = report.split.parts.iter().chain(&report.excess.as_ref().unwrap().parts);
        for (part, estimate) in parts {
            let (name, value) = (part.to_string(), number(estimate.value));
            for shown in [&page, &text] {
                assert!(shown.contains(&name) && shown.contains(&value), "{name} {value}");
            }
        }
        assert!(text.contains("100.0%") && text.contains("On the training rows: 0.25 ± 0.01."), "{text}");
        assert!(page.contains("Error against rows &amp; more") && page.contains("found &lt;so&gt;"));
        assert!(!page.contains("not finite") && !text.contains("not finite"));
        let broken = VarianceReport { broken: 3, ..report };
        assert!(variance_page(&broken, &ABOUT).contains("3 trainings ended at a number that was not finite"));
        assert!(variance_text(&broken).contains("3 trainings ended at a number that was not finite"));
    }

    #[test]
    fn one_start_large_numbers_and_no_curve_are_drawn() {
        for scale in [1e-8, 1e9, 0.0] {
            assert_well_formed(&variance_page(&report(1, scale), &ABOUT));
        }
        let bare = VarianceReport { curves: Vec::new(), excess: None, ..report(1, 1.0) };
        let page = variance_page(&bare, &ABOUT);
        assert!(!page.contains("Learning curves") && !page.contains("approximation"));
        // Of one model nothing is known of the error: no interval, and the page stands.
        let one = Predictions::new([1, 1, 2, 1], vec![1.0, 2.0]).unwrap().squared(&[0.0; 2], None).unwrap();
        let page = variance_page(&VarianceReport { split: one, ..bare }, &ABOUT);
        assert_well_formed(&page);
        assert!(page.contains("–"));
    }

    #[test]
    fn bands_end_at_zero_or_at_the_value() {
        let mut report = report(2, 1.0);
        let wide = Estimate { value: 1.0, error: 10.0, freedom: 3.0 };
        report.curves[0].points[0].train = wide;
        let below = Estimate { value: -1.0, error: 1.0, freedom: 3.0 };
        report.curves[0].points[1].train = below;
        let chart = chart("t", &report, &report.curves[0]);
        let series = chart.series.iter().find(|series| series.name == "on training rows").unwrap();
        let band = series.band.as_ref().unwrap();
        assert_eq!((band[0].1, band[1].1), (0.0, -1.0));
        assert!((band[0].2 - wide.interval(0.95).high).abs() < 1e-12);
    }
}
