//! The curvature of a risk as one HTML page: what kind of point the training started from and stopped at, and the spectrum there.

use layerwise_curvature::{CriticalPoint, Exact, Kind, SpectralDensity};
use layerwise_stats::{Estimate, Interval};

use crate::about::About;
use crate::axis::Axis;
use crate::line_chart::{LineChart, Mark, Series};
use crate::page::{Page, Tone};
use crate::terminal::number;

/// The curvature at one θ.
#[derive(Clone, Debug)]
pub struct Moment {
    /// As in "at the end".
    pub when: String,
    /// The epoch θ is from.
    pub epoch: u64,
    /// What kind of point it is.
    pub point: CriticalPoint<f64>,
    /// The sum of the eigenvalues.
    pub trace: Estimate,
    /// How they are spread.
    pub density: SpectralDensity,
    /// All of them, of a small network.
    pub exact: Option<Exact>,
}

/// The curvature at several moments of a training.
#[derive(Clone, Debug)]
pub struct CurvatureReport {
    /// In the order of time.
    pub moments: Vec<Moment>,
    /// Parameters, without padding.
    pub parameters: usize,
    /// Rows that the risk is over.
    pub rows: usize,
    /// The probability with which each interval holds.
    pub confidence: f64,
}

fn between(interval: Interval) -> String {
    format!("{} to {}", number(interval.low), number(interval.high))
}

/// What a moment is, in one sentence.
pub fn in_words(moment: &Moment) -> String {
    let CriticalPoint { kind, gradient, noise, smallest, .. } = &moment.point;
    let mut letters = moment.when.chars();
    let when =
        letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str());
    let size = format!("the gradient, {}, is", number(*gradient));
    let small = format!("{size} within its noise of {}", number(*noise));
    let way = moment.point.escape.as_ref().filter(|escape| escape.step != 0.0).map(|escape| {
        format!(
            "; a step of {} along the direction of curvature {} lowers the risk by {}",
            number(escape.step.abs()),
            number(escape.curvature),
            number(escape.drop)
        )
    });
    let way = way.unwrap_or_default();
    match kind {
        Kind::Minimum => {
            format!(
                "{when}: a minimum: {small}, and curvature is positive in every direction, at least {}",
                number(smallest.low)
            )
        }
        Kind::Saddle => format!("{when}: a saddle point: {small}, but curvature is negative in some directions{way}"),
        Kind::Maximum => format!("{when}: a maximum: {small}, and curvature is negative in every direction{way}"),
        Kind::NotCritical => {
            let also = if moment.point.escape.is_some() { ", and there is negative curvature too" } else { "" };
            format!("{when}: no critical point: {size} above its noise of {}{also}{way}", number(*noise))
        }
        _ => format!("{when}: flat: {small}, and in some directions there is no curvature that could be told from 0"),
    }
}

/// One HTML page about the curvature of a training's risk.
pub fn curvature_page(report: &CurvatureReport, about: &About<'_>) -> String {
    let mut page = Page::new(&format!("Curvature on {}", about.data));
    for moment in &report.moments {
        let sentence = in_words(moment) + ".";
        match moment.point.kind {
            Kind::Minimum => page.headline(&sentence, Tone::Good),
            Kind::Saddle | Kind::Maximum => page.headline(&sentence, Tone::Bad),
            _ => page.paragraph(&sentence),
        };
    }
    page.section("Numbers");
    page.table(&header(report), &rows(report));
    page.paragraph(&format!(
        "The Hessian of the risk of {} training rows over {} parameters, penalties included, without noise of layers. Intervals hold \
         with {:.0}% probability, over the random vectors that they are estimated with. The noise is the standard error of the \
         gradient as a mean over rows.",
        report.rows,
        report.parameters,
        100.0 * report.confidence
    ));
    page.section("Spectrum");
    for moment in &report.moments {
        let title = format!("Eigenvalues of the Hessian {}", moment.when);
        page.figure(&density(&title, moment, report.confidence).svg(), &caption(moment));
    }
    page.section("Details");
    if !about.command.is_empty() {
        page.facts(&[("Command", about.command.to_owned())]);
    }
    page.details("Configuration", about.recipe);
    page.render()
}

fn header(report: &CurvatureReport) -> Vec<&str> {
    std::iter::once("").chain(report.moments.iter().map(|moment| moment.when.as_str())).collect()
}

/// A row a number, a column a moment.
fn rows(report: &CurvatureReport) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, of: &dyn Fn(&Moment) -> String| {
        rows.push(std::iter::once(name.to_owned()).chain(report.moments.iter().map(of)).collect());
    };
    row("epoch", &|moment| moment.epoch.to_string());
    row("kind", &|moment| moment.point.kind.to_string());
    row("risk", &|moment| number(moment.point.value));
    row("gradient", &|moment| number(moment.point.gradient));
    row("its noise", &|moment| number(moment.point.noise));
    row("smallest eigenvalue", &|moment| between(moment.point.smallest));
    row("largest eigenvalue", &|moment| between(moment.point.largest));
    row("trace", &|moment| between(moment.trace.interval(report.confidence)));
    if report.moments.iter().any(|moment| moment.exact.is_some()) {
        let exact = |of: fn(&Exact) -> usize| {
            move |moment: &Moment| moment.exact.as_ref().map_or("–".into(), |e| of(e).to_string())
        };
        row("negative eigenvalues", &exact(Exact::index));
        row("eigenvalues of 0", &exact(Exact::nullity));
    }
    row("products with the Hessian", &|moment| (moment.point.products + moment.density.products).to_string());
    rows
}

/// The smoothed density on a logarithmic axis: most eigenvalues are near 0, and what matters is far out.
fn density(title: &str, moment: &Moment, confidence: f64) -> LineChart {
    const POINTS: usize = 200;
    let sigma = moment.density.resolution();
    let curve = moment.density.curve(POINTS, sigma);
    let peak = curve.iter().fold(0.0, |peak: f64, (_, estimate)| peak.max(estimate.value));
    let floor = 1e-6 * peak;
    let shown = |y: f64| y.max(floor);
    let interval = |x: f64| moment.density.interval(x, sigma, confidence);
    let band = curve.iter().map(|(x, _)| (*x, shown(interval(*x).low), shown(interval(*x).high))).collect();
    let points = curve.iter().map(|(x, estimate)| (*x, shown(estimate.value))).collect();
    let estimated = Series { band: Some(band), ..Series::new("estimated", points) };
    let exact = moment
        .exact
        .as_ref()
        .map(|exact| Series::new("exact", curve.iter().map(|(x, _)| (*x, shown(exact.density(*x, sigma)))).collect()));
    LineChart {
        title: title.to_owned(),
        x: Axis::linear("eigenvalue"),
        y: Axis::log10("density"),
        series: std::iter::once(estimated).chain(exact).collect(),
        marks: vec![Mark { at: 0.0, label: "0".into() }],
    }
}

fn caption(moment: &Moment) -> String {
    format!(
        "Share of eigenvalues near each value, smoothed by a bell of width {}, from {} products; the band is the interval. Left of 0: \
         directions in which the risk curves down.",
        number(moment.density.resolution()),
        moment.density.products
    )
}
