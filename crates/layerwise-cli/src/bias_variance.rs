//! `layerwise bias-variance`: many trainings, and what their errors are made of.

use std::path::Path;

use clap::Args;
use layerwise_data::{Dataset, Generator, Generators, split};
use layerwise_report::{About, CurvePoint, VarianceCurve, VarianceReport, variance_page, variance_text};
use layerwise_stats::{Decomposition, Estimate};
use layerwise_train::{EarlyStopping, Recipe};
use layerwise_variance::{
    Ensemble, Kept, Measure, Point, RecipeTrainer, Restarts, Runner, Source, Study, Trainer, VarianceError,
};
use serde::Deserialize;

use crate::common::{Common, command};
use crate::failure::Failure;
use crate::{config, files, progress};

/// The probability with which the intervals hold.
const CONFIDENCE: f64 = 0.95;
/// Rows of generated data that all models predict, and rows of a training set unless others are asked for.
const TEST_ROWS: usize = 2000;
const ROWS: usize = 200;
/// The best of F is looked for on so many times the rows, and the best on a sample in so many times the epochs.
const MANY: usize = 20;
const LONGER: usize = 5;
/// Starts from which the best of either is looked for.
const RESTARTS: usize = 3;
/// Trainings of one study.
const MOST: usize = 100_000;

/// What to train how often.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Instead of a table: generated rows, as `teacher`, or `{ kind = "teacher", features = 5, noise = 0.3 }`.
    #[arg(long, value_name = "GENERATOR", conflicts_with = "data")]
    generate: Option<String>,
    /// Training sets: of a table disjoint parts, of a generator independent draws.
    #[arg(long, default_value_t = 5)]
    sets: usize,
    /// Starts (initialization and order of the rows) on each training set.
    #[arg(long, default_value_t = 3)]
    starts: usize,
    /// Rows of a training set; several numbers make a learning curve. By default all that the parts have, or 200.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    rows: Vec<usize>,
    /// Widths of the hidden layers to compare, at the largest number of rows: a curve against width.
    #[arg(long, value_name = "W,W,…", value_delimiter = ',')]
    widths: Vec<usize>,
    /// Draw training sets from the table with replacement instead: as large as the table, but alike.
    #[arg(long, conflicts_with = "generate")]
    bootstrap: bool,
    /// For classes: split the cross-entropy instead of the share of wrong classes.
    #[arg(long)]
    cross_entropy: bool,
    /// Also split the error into noise, approximation, estimation and optimization; where the best function is known.
    #[arg(long, requires = "generate")]
    excess: bool,
}

/// Where rows come from.
enum Rows {
    Table(Dataset),
    Generated(Box<dyn Generator>),
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let common = &arguments.common;
    let recipe = common.recipe(Recipe::default)?;
    let threads = common.threads()?;
    common.check_json()?;
    for (flag, count) in [("--sets", arguments.sets), ("--starts", arguments.starts)] {
        at_least_one(flag, count)?;
    }
    if arguments.sets * arguments.starts < 2 {
        return Err(Failure::usage("--sets times --starts: should be at least 2, got 1 (nothing would vary)"));
    }
    let (table, test, name) = data(arguments, recipe.seed)?;
    let source = match &table {
        Rows::Table(table) if arguments.bootstrap => Source::Bootstrap(table),
        Rows::Table(table) => Source::Parts { table, parts: arguments.sets },
        Rows::Generated(generator) => Source::Fresh(&**generator),
    };
    let sizes = sizes(arguments, &source, &table)?;
    let most = sizes.iter().copied().max().unwrap_or(ROWS);
    let measure = match (arguments.cross_entropy, Measure::of(&test)) {
        (true, Measure::Squared) => {
            return Err(Failure::usage("--cross-entropy: should go with classes, got a target of values"));
        }
        (true, _) => Measure::CrossEntropy,
        (false, usual) => usual,
    };
    let study = Study { source, test: &test, measure, seed: recipe.seed };

    // The points of the study: rows, then widths, then what the excess needs.
    let trainer = RecipeTrainer::new(recipe.clone());
    let widths = widths(arguments, &recipe)?;
    let best = match &table {
        Rows::Generated(generator) => generator.best().map(|best| study.values_of(&*best)),
        Rows::Table(_) => None,
    };
    if arguments.excess && best.is_none() {
        return Err(Failure::usage(
            "--excess: should go with a generator whose best function is known (teacher, friedman1)",
        ));
    }
    let (of_sample, of_class) = (fitting(&recipe), fitting(&Recipe { batch: recipe.batch.max(64), ..recipe.clone() }));
    let point = |rows, trainer| Point { rows, sets: 0..arguments.sets, starts: arguments.starts, trainer };
    let mut points: Vec<Point<'_>> = sizes.iter().map(|&rows| point(rows, &trainer as &dyn Trainer)).collect();
    points.extend(widths.iter().map(|(_, trainer)| point(most, trainer as &dyn Trainer)));
    if arguments.excess {
        points.push(Point { starts: 1, ..point(most, &of_sample) });
        let set = arguments.sets;
        points.push(Point { rows: MANY * most, sets: set..set + 1, starts: 1, trainer: &of_class });
    }
    let trainings: usize = points.iter().map(|point| point.sets.len() * point.starts).sum();
    if trainings > MOST {
        return Err(Failure::usage(format!("trainings: should be at most {MOST}, got {trainings}")));
    }
    // What cannot be drawn or trained on is refused before the folder is made.
    let checks = sizes.iter().map(|&rows| (rows, &trainer)).chain(widths.iter().map(|(_, trainer)| (most, trainer)));
    for (rows, trainer) in checks {
        trainer.check(&study.source.draw(0, rows, study.seed)?)?;
    }
    let plan = study.plan(&points);
    let goes_on = |folder: &Path| Kept::fits(&folder.join("trainings"), &plan) && !folder.join("report.html").exists();
    let folder = files::resumable_folder(common.out.as_deref(), "layerwise-bias-variance", &goes_on)?;
    progress::catch_interrupts();
    let bar = progress::Trainings::new();
    eprintln!("{trainings} trainings on {name}");
    let runner = Runner {
        threads,
        keep: Some(folder.join("trainings")),
        progress: &|at| bar.tell(at.done, at.of),
        stop: &progress::interrupted,
    };
    let found = study.run(&points, &runner);
    drop(bar);
    let found = found.map_err(|e| match e {
        VarianceError::Stopped { .. } => {
            let out = folder.display();
            Failure::failed(format!("{e}, which are kept: the same command goes on (with --out {out})"))
        }
        e => e.into(),
    })?;

    let splits: Vec<Decomposition> = found
        .iter()
        .take(sizes.len() + widths.len())
        .map(|e| study.split(e, best.as_deref()))
        .collect::<Result<_, _>>()?;
    let curve = |along: &str, at: &[usize], from: usize| {
        let points = at.iter().zip(&splits[from..]).zip(&found[from..]);
        let points = points.map(|((&at, split), Ensemble { train_error, .. })| CurvePoint {
            at: at as f64,
            split: split.clone(),
            train: *train_error,
        });
        VarianceCurve { along: along.into(), points: points.collect() }
    };
    let mut curves = Vec::new();
    if sizes.len() > 1 {
        curves.push(curve("rows of a training set", &sizes, 0));
    }
    if !widths.is_empty() {
        let at: Vec<usize> = widths.iter().map(|(width, _)| *width).collect();
        curves.push(curve("width of the hidden layers", &at, sizes.len()));
    }
    let main = sizes.iter().position(|&rows| rows == most).unwrap_or_default();
    let excess = match (&best, &found[sizes.len() + widths.len()..]) {
        (Some(best), [fitted, class]) => {
            Some(study.excess(&found[main], fitted, class.predictions.model(0, 0), best)?)
        }
        _ => None,
    };
    let report = VarianceReport {
        measure: measure.to_string(),
        design: format!(
            "{} training sets of {most} rows, {} starts on each; {} test rows",
            arguments.sets,
            arguments.starts,
            test.len()
        ),
        split: splits[main].clone(),
        train: found[main].train_error,
        curves,
        excess,
        found_by: found_by(most),
        broken: found.iter().map(|ensemble| ensemble.broken).sum(),
        confidence: CONFIDENCE,
    };
    let json = format!("{:#}\n", json(&report, recipe.seed, trainings));
    common.print(&variance_text(&report), &json)?;
    let toml = config::write(&recipe)?;
    let about = About { data: &name, task: test.task(), command: &command(), recipe: &toml, remedied: "" };
    files::write(&folder.join("bias-variance.json"), &json)?;
    files::write(&folder.join("report.html"), &variance_page(&report, &about))?;
    common.write_json(&json)?;
    eprintln!("report: {}", folder.join("report.html").display());
    Ok(())
}

fn at_least_one(flag: &str, count: usize) -> Result<(), Failure> {
    if count == 0 { Err(Failure::usage(format!("{flag}: should be at least 1, got 0"))) } else { Ok(()) }
}

/// Where training rows come from, the test rows, and the name of both.
fn data(arguments: &Arguments, seed: u64) -> Result<(Rows, Dataset, String), Failure> {
    let Some(text) = &arguments.generate else {
        let (all, _, name) = arguments.common.data.whole()?;
        let parts = split(&all, [0.8, 0.0, 0.2], seed)?;
        return Ok((Rows::Table(parts.train), parts.test, name));
    };
    #[derive(Deserialize)]
    struct One {
        generate: Generators,
    }
    let value = if text.trim_start().starts_with('{') { text.clone() } else { format!("{text:?}") };
    let one: One = toml::from_str(&format!("generate = {value}")).map_err(|e| {
        Failure::usage(format!("--generate: {}", config::with_suggestion(&e.message().replace('\n', " "))))
    })?;
    let generator = one.generate.boxed();
    let test = Source::Fresh(&*generator).draw(Source::TEST, TEST_ROWS, seed)?;
    Ok((Rows::Generated(generator), test, format!("generated rows, {text}")))
}

/// Rows of a training set, in increasing order.
fn sizes(arguments: &Arguments, source: &Source<'_>, table: &Rows) -> Result<Vec<usize>, Failure> {
    let mut sizes = arguments.rows.clone();
    let all = match (source.most_rows(), table) {
        (Some(0), Rows::Table(table)) => {
            let (sets, rows) = (arguments.sets, table.len());
            let problem = format!("should be at most {rows}, the number of training rows, got {sets}");
            return Err(Failure::usage(format!("--sets: {problem} (or use --bootstrap)")));
        }
        (Some(most), _) => most,
        (None, Rows::Table(table)) => table.len(),
        (None, Rows::Generated(_)) => ROWS,
    };
    if sizes.is_empty() {
        sizes.push(all);
    }
    sizes.sort_unstable();
    sizes.dedup();
    for &rows in &sizes {
        at_least_one("--rows", rows)?;
        if let Some(most) = source.most_rows().filter(|&most| rows > most) {
            let sets = arguments.sets;
            let problem = format!("should be at most {most} in each of {sets} disjoint parts, got {rows}");
            return Err(Failure::usage(format!("--rows: {problem} (or use --bootstrap)")));
        }
    }
    Ok(sizes)
}

/// The recipe at each width, in increasing order.
fn widths(arguments: &Arguments, recipe: &Recipe) -> Result<Vec<(usize, RecipeTrainer)>, Failure> {
    let mut widths = arguments.widths.clone();
    widths.sort_unstable();
    widths.dedup();
    if !widths.is_empty() && (!recipe.network.layers.is_empty() || recipe.network.hidden.is_empty()) {
        return Err(Failure::usage("--widths: should go with a network given by `hidden`, got one without"));
    }
    let of = |width: usize| {
        at_least_one("--widths", width)?;
        let mut recipe = recipe.clone();
        recipe.network.hidden.fill(width);
        Ok((width, RecipeTrainer::new(recipe)))
    };
    widths.into_iter().map(of).collect()
}

/// A training that fits its rows as well as it can: for longer, from several starts, without penalties or noise.
fn fitting(recipe: &Recipe) -> Restarts {
    let mut recipe = recipe.clone();
    recipe.epochs *= LONGER;
    // Judged by the training rows: the best parameters are delivered.
    recipe.early_stopping = Some(EarlyStopping { patience: recipe.epochs, margin: 0.0 });
    recipe.penalties.clear();
    recipe.network.set_dropout(0.0);
    recipe.network.input_dropout = 0.0;
    Restarts { recipe, restarts: RESTARTS }
}

fn found_by(rows: usize) -> String {
    format!(
        "The best function that the network can be is the best found: of {RESTARTS} trainings, for {LONGER} times the epochs and without \
         penalties, on {} fresh rows the one of least training loss. So approximation is at most what stands here. The function that is \
         best on a sample is found by {RESTARTS} such trainings on it.",
        MANY * rows
    )
}

/// The report as JSON.
fn json(report: &VarianceReport, seed: u64, trainings: usize) -> serde_json::Value {
    let estimate = |estimate: &Estimate| {
        let error = estimate.error.is_finite().then_some(estimate.error);
        serde_json::json!({ "value": estimate.value, "standard_error": error })
    };
    let split = |split: &Decomposition| {
        let parts = split.parts.iter().map(|(part, value)| (part.to_string(), estimate(value)));
        serde_json::json!({
            "error": estimate(&split.error),
            "parts": parts.collect::<serde_json::Map<_, _>>(),
            "variance": estimate(&split.variance),
        })
    };
    let curve = |curve: &VarianceCurve| {
        let point = |point: &CurvePoint| {
            serde_json::json!({
                "at": point.at, "split": split(&point.split), "train": estimate(&point.train),
            })
        };
        serde_json::json!({ "along": curve.along, "points": curve.points.iter().map(point).collect::<Vec<_>>() })
    };
    serde_json::json!({
        "measure": report.measure,
        "design": report.design,
        "split": split(&report.split),
        "train": estimate(&report.train),
        "curves": report.curves.iter().map(curve).collect::<Vec<_>>(),
        "excess": report.excess.as_ref().map(split),
        "broken": report.broken,
        "trainings": trainings,
        "confidence": report.confidence,
        "seed": seed,
        "version": env!("CARGO_PKG_VERSION"),
    })
}
