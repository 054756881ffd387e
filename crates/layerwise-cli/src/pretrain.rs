//! `layerwise pretrain`: hidden layers learn without labels, one by one; then the network is trained with them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use layerwise_activations::{Activations, Sigmoid};
use layerwise_data::{Dataset, Scaler, Scaling, Task};
use layerwise_optimizers::Adam;
use layerwise_pretrain::{
    Autoencoding, Code, Corruption, Method, PretrainEpoch, PretrainProbe, Pretraining, Tuned, Units,
};
use layerwise_report::{About, PretrainReport, PretrainedLayer, pretrain_page, terminal};
use layerwise_tensor::Team;
use layerwise_train::{MlpClassifier, MlpRegressor, Model, NetworkSpec, Prepared, Recipe, TrainError};
use nalgebra::DMatrix;

use crate::common::{Common, command};
use crate::failure::Failure;
use crate::{config, files, progress};

/// At most so many units of the first layer are shown.
const SHOWN: usize = 36;

/// What to train.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// A table of rows without labels, with the same features, to be learnt from too.
    #[arg(long, value_name = "FILE.csv", requires = "data")]
    unlabelled: Option<PathBuf>,
    /// Keep the labels of only so many training rows; the others are learnt from without.
    #[arg(long, value_name = "N")]
    labels: Option<usize>,
}

/// Without a configuration: two hidden layers of sigmoid units on inputs from 0 to 1.
fn default() -> Recipe {
    Recipe {
        scaling: Scaling::MinMax,
        network: NetworkSpec { hidden: vec![100, 100], activation: Sigmoid.into(), ..NetworkSpec::default() },
        ..Recipe::default()
    }
}

/// Denoising autoencoders that suit a network: its activation is their code, its scaling says what the inputs are.
pub fn suited(recipe: &Recipe) -> Result<Pretraining, Failure> {
    let known = [Code::Sigmoid, Code::Tanh, Code::Relu, Code::Identity];
    let activation = &recipe.network.activation;
    let code = known.into_iter().find(|code| code.activation() == *activation).ok_or_else(|| {
        let problem = "should be sigmoid, tanh, relu or identity for pre-training";
        Failure::usage(format!("network.activation: {problem}, got {}", activation.name()))
    })?;
    let corruption = Corruption::Masking { share: 0.25 };
    Ok(Pretraining {
        method: Method::Autoencoder(Autoencoding { code, corruption, ..Autoencoding::default() }),
        visible: if recipe.scaling == Scaling::MinMax { Units::Bernoulli } else { Units::Gaussian },
        epochs: 30,
        batch: 32,
        optimizer: Adam::default().into(),
        weight_decay: 0.0,
        ..Pretraining::default()
    })
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let common = &arguments.common;
    let found = common.config.as_deref().map(config::read_all).transpose()?;
    let (mut recipe, table) = found.map_or_else(|| (default(), None), |found| (found.recipe, found.pretraining));
    recipe.seed = common.seed.unwrap_or(recipe.seed);
    let mut pretraining = table.map_or_else(|| suited(&recipe), Ok)?;
    pretraining.seed = recipe.seed;
    let threads = common.threads()?;
    let (mut parts, schema, name) = common.data.split(recipe.seed)?;
    common.check_json()?;
    let unlabelled = unlabelled(arguments, &mut parts.train, schema.as_ref(), recipe.seed)?;

    // The scaling is fitted to all rows, with labels and without: it needs none.
    let rows = joined(&parts.train.x, unlabelled.as_ref());
    let scaler = Scaler::fit(recipe.scaling, &rows)?;
    let scaled = |x: &DMatrix<f64>| -> Result<DMatrix<f64>, Failure> {
        let mut x = x.clone();
        scaler.transform(&mut x)?;
        Ok(x)
    };
    let inside = Recipe { scaling: Scaling::None, ..recipe.clone() };
    let mut sets = [parts.train.clone(), parts.validation.clone(), parts.test.clone()];
    for set in &mut sets {
        set.x = scaled(&set.x)?;
    }
    let [train, validation, test] = &sets;
    let unlabelled = unlabelled.as_ref().map(scaled).transpose()?;
    let plain = Prepared::<f32>::new(&inside, train, Some(validation))?;
    layerwise_pretrain::check_rows(pretraining.visible, window(&scaled(&rows)?))
        .map_err(|e| hinted(e, &pretraining))?;
    check_network(&pretraining, &recipe)?;

    let folder = files::output_folder(common.out.as_deref(), "layerwise-pretrain")?;
    progress::catch_interrupts();
    let more = unlabelled.as_ref().map_or(0, |x| x.ncols());
    eprintln!("pre-training on {name}: {} rows with labels, {more} without", train.len());
    let team = Team::new(threads).map_err(|e| Failure::failed(format!("threads cannot be started: {e}")))?;
    let (tuned, without, probes) = team.install(|| -> Result<_, Failure> {
        let mut watch = progress::Epochs::new(recipe.epochs);
        let tuned: Tuned<f32> =
            pretraining.fit(&inside, train, Some(validation), unlabelled.as_ref(), &mut Layers, &mut watch)?;
        drop(watch);
        stop()?;
        eprintln!("the same training without pre-training");
        let mut watch = progress::Epochs::new(recipe.epochs);
        let (_, without) = plain.train(recipe.seed, &mut [], &mut watch);
        drop(watch);
        stop()?;
        let depths = 0..=tuned.stack.layers.len();
        let probes: Vec<f64> =
            depths.map(|depth| probe(&tuned, depth, train, test, recipe.seed)).collect::<Result<_, _>>()?;
        Ok((tuned, without, probes))
    })?;
    stop()?;

    let errors = [tuned.prepared.score(&tuned.outcome.theta, test)?.error, plain.score(&without.theta, test)?.error];
    let what = if test.task() == Task::Classification { "error" } else { "unexplained variance (1 - R²)" };
    let summary = format!(
        "{what} on test rows: {} with pre-training, {} without (one seed)",
        terminal::percent(errors[0]),
        terminal::percent(errors[1])
    );
    let layers = tuned.stack.layers.iter().zip(&probes[1..]);
    let layers: Vec<PretrainedLayer> = layers
        .map(|(layer, &probe)| PretrainedLayer { units: layer.layer.n_hidden(), history: layer.history.clone(), probe })
        .collect();
    let report = PretrainReport {
        summary: format!("{}.", capital(&summary)),
        layers,
        probe: probes[0],
        minimized: minimized(&pretraining).into(),
        filters: common.data.data.is_none().then(|| (8, filters(&tuned))),
        tuned: (&tuned.outcome.history, &tuned.outcome.stop),
        plain: (&without.history, &without.stop),
        errors,
        broken: tuned.stack.broken.map(|broken| broken.to_string()),
    };
    let json = format!("{:#}\n", json(&report, what, recipe.seed));
    common.print(&format!("{}{summary}\n", text(&report)), &json)?;
    let table = BTreeMap::from([("pretraining", &pretraining)]);
    let toml = format!("{}\n{}", config::write(&recipe)?, config::write_any(&table)?);
    let about = About { data: &name, task: test.task(), command: &command(), recipe: &toml, remedied: "" };
    files::write(&folder.join("report.html"), &pretrain_page(&report, &about))?;
    files::write(&folder.join("pretrain.json"), &json)?;
    // The model takes rows as they are in the table.
    let (mut delivered, outcome) = (tuned.prepared.clone(), &tuned.outcome);
    (delivered.scaler, delivered.recipe) = (scaler, recipe);
    let mut model = Model::new(&delivered, &parts.train, outcome);
    if let Some(schema) = schema {
        model = model.with_schema(schema);
    }
    model.save(folder.join("model.json"))?;
    common.write_json(&json)?;
    eprintln!("report: {}", folder.join("report.html").display());
    match &report.broken {
        Some(broken) => Err(Failure::failed(broken.clone())),
        None => Ok(()),
    }
}

/// Rows without labels: those of a table of their own, and training rows whose labels are taken away.
fn unlabelled(
    arguments: &Arguments,
    train: &mut Dataset,
    schema: Option<&layerwise_data::Schema>,
    seed: u64,
) -> Result<Option<DMatrix<f64>>, Failure> {
    let mut rows = match (&arguments.unlabelled, schema) {
        (Some(file), Some(schema)) => Some(schema.read(file, &arguments.common.data.options()?)?.x),
        _ => None,
    };
    if let Some(labels) = arguments.labels {
        let all = train.len();
        if !(1..=all).contains(&labels) {
            let problem = format!("should be from 1 to {all}, the number of training rows, got {labels}");
            return Err(Failure::usage(format!("--labels: {problem}")));
        }
        if labels < all {
            let share = labels as f64 / all as f64;
            let parts = layerwise_data::split_rows(train, [share, 1.0 - share, 0.0], seed)?;
            let others = train.subset(&parts[1]).x;
            *train = train.subset(&parts[0]);
            rows = Some(joined(&others, rows.as_ref()));
        }
    }
    Ok(rows)
}

fn joined(x: &DMatrix<f64>, more: Option<&DMatrix<f64>>) -> DMatrix<f64> {
    let columns = x.column_iter().chain(more.into_iter().flat_map(|more| more.column_iter()));
    DMatrix::from_columns(&columns.collect::<Vec<_>>())
}

fn window(x: &DMatrix<f64>) -> layerwise_tensor::Mat<'_, f64> {
    layerwise_tensor::Mat::new(x.as_slice(), x.nrows(), x.ncols())
}

/// Adds what to do about inputs that the visible units cannot show.
fn hinted(e: TrainError, pretraining: &Pretraining) -> Failure {
    let hint = match pretraining.visible {
        Units::Bernoulli => " (use scaling = \"min_max\", or visible = \"gaussian\")",
        Units::Gaussian => "",
    };
    Failure::usage(format!("training rows, {e}{hint}"))
}

/// Refuses a network whose layers are not those of the codes.
fn check_network(pretraining: &Pretraining, recipe: &Recipe) -> Result<(), Failure> {
    let network = &recipe.network;
    if !network.layers.is_empty() || network.hidden.is_empty() {
        return Err(Failure::usage(
            "network.hidden: should give the widths of at least one hidden layer to be pre-trained",
        ));
    }
    let code = match pretraining.method {
        Method::Rbm(_) => Code::Sigmoid,
        Method::Autoencoder(coding) => coding.code,
    };
    let (wanted, got): (Activations, _) = (code.activation(), &network.activation);
    if wanted != *got {
        let problem = format!("should be {}, the code of pre-training, got {}", wanted.name(), got.name());
        return Err(Failure::usage(format!("network.activation: {problem}")));
    }
    Ok(())
}

/// Tells the last epoch of each layer, and stops when asked.
struct Layers;

impl PretrainProbe<f32> for Layers {
    fn epoch(&mut self, at: &PretrainEpoch<'_, f32>) {
        if at.epoch == 1 || at.epoch.is_multiple_of(10) {
            eprintln!("  layer {}, epoch {}: {:.4}", at.layer, at.epoch, at.error);
        }
    }
    fn stop(&self) -> bool {
        progress::interrupted()
    }
}

fn stop() -> Result<(), Failure> {
    match progress::interrupted() {
        true => Err(Failure::failed("stopped before the report; nothing was written")),
        false => Ok(()),
    }
}

/// The error on test rows of a linear model on the codes of a layer.
fn probe(tuned: &Tuned<f32>, depth: usize, train: &Dataset, test: &Dataset, seed: u64) -> Result<f64, Failure> {
    let codes = |data: &Dataset| tuned.stack.code_set(depth, &Scaler::None, data);
    let (train, test) = (codes(train)?, codes(test)?);
    let model = match train.task() {
        Task::Classification => {
            MlpClassifier { validation: 0.0, ..MlpClassifier::default() }.hidden([]).seed(seed).fit(&train)?
        }
        Task::Regression => {
            MlpRegressor { validation: 0.0, ..MlpRegressor::default() }.hidden([]).seed(seed).fit(&train)?
        }
    };
    Ok(1.0 - model.score(&test)?)
}

fn minimized(pretraining: &Pretraining) -> &'static str {
    match (pretraining.method, pretraining.visible) {
        (Method::Rbm(_), _) => {
            "squared error of the reconstruction (the likelihood is what contrastive divergence raises)"
        }
        (Method::Autoencoder(_), Units::Bernoulli) => "cross-entropy of the reconstruction",
        (Method::Autoencoder(_), Units::Gaussian) => "half the squared error of the reconstruction",
    }
}

/// The weights into the units of the first layer, those of the largest norms.
fn filters(tuned: &Tuned<f32>) -> Vec<Vec<f64>> {
    let Some(first) = tuned.stack.layers.first() else { return Vec::new() };
    let (units, d) = (first.layer.n_hidden(), first.layer.n_visible());
    let Some(block) = first.layer.blocks().into_iter().next() else { return Vec::new() };
    let w = &first.theta[block.range()];
    let mut images: Vec<Vec<f64>> =
        (0..units).map(|unit| (0..d).map(|pixel| f64::from(w[pixel * units + unit])).collect()).collect();
    let norm = |image: &[f64]| image.iter().map(|v| v * v).sum::<f64>();
    images.sort_by(|a, b| norm(b).total_cmp(&norm(a)));
    images.truncate(SHOWN);
    images
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// One line a layer.
fn text(report: &PretrainReport<'_>) -> String {
    let ends = |history: &[f64]| match (history.first(), history.last()) {
        (Some(first), Some(last)) => format!("{} to {}", terminal::number(*first), terminal::number(*last)),
        _ => "no epoch".into(),
    };
    let mut rows = vec![vec!["inputs".into(), String::new(), String::new(), terminal::percent(report.probe)]];
    rows.extend(report.layers.iter().enumerate().map(|(k, layer)| {
        let probe = terminal::percent(layer.probe);
        vec![format!("layer {}", k + 1), layer.units.to_string(), ends(&layer.history), probe]
    }));
    terminal::table(&["", "units", "minimized, first to last epoch", "linear model on it: test error"], &rows)
}

/// The report as JSON.
fn json(report: &PretrainReport<'_>, measure: &str, seed: u64) -> serde_json::Value {
    let layer = |layer: &PretrainedLayer| {
        let PretrainedLayer { units, history, probe } = layer;
        serde_json::json!({ "units": units, "history": history, "linear_error": probe })
    };
    serde_json::json!({
        "measure": measure,
        "test_error": { "pretrained": report.errors[0], "plain": report.errors[1] },
        "linear_error_of_inputs": report.probe,
        "layers": report.layers.iter().map(layer).collect::<Vec<_>>(),
        "minimized": report.minimized,
        "broken": report.broken,
        "seed": seed,
        "version": env!("CARGO_PKG_VERSION"),
    })
}
