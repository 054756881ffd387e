//! `layerwise curvature`: one training, and the curvature of its risk at the start and at the end.

use clap::Args;
use layerwise_curvature::{CriticalPoint, Density, Exact, Hessian, Search, Spectral, Trace};
use layerwise_network::Workspace;
use layerwise_report::{About, CurvatureReport, Moment, curvature_page, in_words};
use layerwise_tensor::Team;
use layerwise_train::{Prepared, Recipe};

use crate::common::{Common, command};
use crate::failure::Failure;
use crate::{config, files, progress};

/// The probability with which the intervals hold.
const CONFIDENCE: f64 = 0.95;

/// What to train, and what to look at.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// At most so many training rows in the risk whose curvature is measured.
    #[arg(long, default_value_t = 2000)]
    rows: usize,
    /// Products with the Hessian for each of the estimates.
    #[arg(long, default_value_t = 100)]
    products: usize,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.rows == 0 {
        return Err(Failure::usage("--rows: should be at least 1, got 0"));
    }
    if !(12..=10_000).contains(&arguments.products) {
        return Err(Failure::usage(format!("--products: should be from 12 to 10000, got {}", arguments.products)));
    }
    let common = &arguments.common;
    let recipe = common.recipe(Recipe::default)?;
    let threads = common.threads()?;
    let (parts, _, name) = common.data.split(recipe.seed)?;
    common.check_json()?;
    // Second derivatives of a trained network are small differences: in double precision.
    let prepared = Prepared::<f64>::new(&recipe, &parts.train, Some(&parts.validation))?;
    let folder = files::output_folder(common.out.as_deref(), "layerwise-curvature")?;
    progress::catch_interrupts();
    let parameters = prepared.setup.network.n_params();
    eprintln!("training {parameters} parameters on {name}: {} rows", parts.train.len());
    let team = Team::new(threads).map_err(|e| Failure::failed(format!("threads cannot be started: {e}")))?;
    let report = team.install(|| -> Result<CurvatureReport, Failure> {
        let mut run = prepared.start(recipe.seed);
        let start = run.theta().to_vec();
        let mut watch = progress::Epochs::new(recipe.epochs);
        let outcome = prepared.carry_on(&mut run, recipe.epochs, &mut [], &mut watch);
        drop(watch);
        let rows = arguments.rows.min(prepared.setup.train.len());
        let mut moments = Vec::new();
        for (when, epoch, theta) in [("at the start", 0, &start[..]), ("at the end", outcome.epoch, &outcome.theta[..])]
        {
            eprintln!("curvature {when}");
            moments.push(look(&prepared, theta, when, epoch, rows, arguments.products, recipe.seed)?);
        }
        Ok(CurvatureReport { moments, parameters, rows, confidence: CONFIDENCE })
    })?;
    let text: String = report.moments.iter().map(|moment| format!("{}.\n", in_words(moment))).collect();
    let json = format!("{:#}\n", json(&report, recipe.seed));
    common.print(&text, &json)?;
    let toml = config::write(&recipe)?;
    let about = About { data: &name, task: parts.train.task(), command: &command(), recipe: &toml, remedied: "" };
    files::write(&folder.join("report.html"), &curvature_page(&report, &about))?;
    files::write(&folder.join("curvature.json"), &json)?;
    common.write_json(&json)?;
    eprintln!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// The curvature at one θ.
fn look(
    prepared: &Prepared<f64>,
    theta: &[f64],
    when: &str,
    epoch: u64,
    rows: usize,
    products: usize,
    seed: u64,
) -> Result<Moment, Failure> {
    let ended = |e: layerwise_curvature::CurvatureError| Failure::failed(format!("curvature {when}: {e}"));
    let stop = || match progress::interrupted() {
        true => Err(Failure::failed("stopped before the report; nothing was written")),
        false => Ok(()),
    };
    let mut workspace = Workspace::new(&prepared.setup.network, rows);
    stop()?;
    let search = Search { max_products: products, confidence: CONFIDENCE, seed, ..Search::default() };
    let point = CriticalPoint::at(prepared.risk(rows, &mut workspace), theta, &search).map_err(ended)?;
    stop()?;
    let mut hessian = Hessian::new(prepared.risk(rows, &mut workspace), theta);
    let trace = hessian.trace(&Trace { products, seed: seed + 1 }).map_err(ended)?;
    stop()?;
    let density =
        hessian.density(&Density { steps: products.min(60), seed: seed + 2, ..Density::default() }).map_err(ended)?;
    stop()?;
    let small = prepared.setup.network.n_params() <= Exact::MOST;
    let exact = if small { Some(hessian.exact().map_err(ended)?) } else { None };
    Ok(Moment { when: when.to_owned(), epoch, point, trace, density, exact })
}

/// The report as JSON.
fn json(report: &CurvatureReport, seed: u64) -> serde_json::Value {
    let interval = |interval: layerwise_stats::Interval| serde_json::json!([interval.low, interval.high]);
    let moment = |moment: &Moment| {
        let point = &moment.point;
        serde_json::json!({
            "when": moment.when,
            "epoch": moment.epoch,
            "kind": point.kind.to_string(),
            "risk": point.value,
            "gradient": point.gradient,
            "noise": point.noise,
            "smallest": interval(point.smallest),
            "largest": interval(point.largest),
            "trace": moment.trace.value,
            "trace_interval": interval(moment.trace.interval(report.confidence)),
            "escape": point.escape.as_ref().map(|escape| serde_json::json!({
                "curvature": escape.curvature, "step": escape.step, "drop": escape.drop,
            })),
            "eigenvalues": moment.exact.as_ref().map(|exact| &exact.eigenvalues),
            "index": moment.exact.as_ref().map(Exact::index),
        })
    };
    serde_json::json!({
        "moments": report.moments.iter().map(moment).collect::<Vec<_>>(),
        "parameters": report.parameters,
        "rows": report.rows,
        "confidence": report.confidence,
        "seed": seed,
        "version": env!("CARGO_PKG_VERSION"),
    })
}
