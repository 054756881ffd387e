//! `layerwise train`: one training, saved with everything that prediction needs.

use std::path::PathBuf;

use clap::Args;
use layerwise_data::Task;
use layerwise_report::{About, Training, training_page};
use layerwise_tensor::Team;
use layerwise_train::{Epoch, Model, Prepared, Recipe, StopReason};

use crate::failure::Failure;
use crate::rows::{DataArguments, threads};
use crate::{config, files, progress};

/// What to train.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// How to train (see `layerwise init`); by default one hidden layer of 64 rectified units, with early stopping.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Instead of the seed in the configuration.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads inside a step; by default all cores. The result has the same bits for any number.
    #[arg(long)]
    threads: Option<usize>,
    /// Also write the result as JSON; `-` for the standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The folder for model.json, history.csv, recipe.toml and report.html; by default a new one, layerwise-model.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut recipe = arguments.config.as_deref().map_or(Ok(Recipe::default()), config::read)?;
    recipe.seed = arguments.seed.unwrap_or(recipe.seed);
    let threads = threads(arguments.threads)?;
    let (parts, schema, name) = arguments.data.split(recipe.seed)?;
    let to_stdout = arguments.json.as_deref().is_some_and(|p| p.as_os_str() == "-");
    if let Some(json) = arguments.json.as_deref().filter(|_| !to_stdout) {
        files::must_be_new(json)?;
    }
    let prepared = Prepared::<f32>::new(&recipe, &parts.train, Some(&parts.validation))?;
    let folder = files::output_folder(arguments.out.as_deref(), "layerwise-model")?;
    progress::catch_interrupts();
    eprintln!(
        "training {} parameters on {name}: {} rows, {} features",
        prepared.setup.network.n_params(),
        parts.train.len(),
        parts.train.n_features()
    );
    let team = Team::new(threads).map_err(|e| Failure::failed(format!("threads cannot be started: {e}")))?;
    let mut run = prepared.start(recipe.seed);
    let before = layerwise_diagnosis::record::units(&prepared.setup, run.theta());
    let mut watch = progress::Epochs::new(recipe.epochs);
    let outcome = team.install(|| prepared.carry_on(&mut run, recipe.epochs, &mut [], &mut watch));
    drop(watch);
    let after = layerwise_diagnosis::record::units(&prepared.setup, &outcome.theta);
    let over_time = |theta: &[f32]| layerwise_diagnosis::over_time::over_time_at(&prepared.setup, theta);
    let over_time = (over_time(&prepared.setup.network.init::<f32>(recipe.seed)), over_time(&outcome.theta));
    let (train, held) = team.install(|| prepared.scores(&outcome.theta));
    let delivered = Epoch { train, validation: held, ..outcome.delivered() };
    let test = prepared.score(&outcome.theta, &parts.test)?;
    let what = if parts.train.task() == Task::Classification { "error" } else { "unexplained variance (1 - R²)" };
    let validation = delivered.validation.unwrap_or(delivered.train);
    let ended = match &outcome.stop {
        StopReason::Epochs => "all epochs done".to_owned(),
        StopReason::EarlyStopping => "stopped early".to_owned(),
        StopReason::Asked => "stopped by you".to_owned(),
        StopReason::NotFinite(trouble) => format!("stopped: {trouble}"),
    };
    let summary = serde_json::json!({
        "stop": ended,
        "epoch": outcome.epoch,
        "epochs": outcome.history.len() - 1,
        "measure": what,
        "train": { "loss": delivered.train.loss, "error": delivered.train.error },
        "validation": { "loss": validation.loss, "error": validation.error },
        "test": { "loss": test.loss, "error": test.error },
        "parameters": prepared.setup.network.n_params(),
        "seed": recipe.seed,
        "version": env!("CARGO_PKG_VERSION"),
    });
    let line = format!(
        "{ended}; parameters of epoch {}: {what} {:.4} on training rows, {:.4} on validation rows, {:.4} on test rows",
        outcome.epoch, delivered.train.error, validation.error, test.error
    );
    if to_stdout {
        eprintln!("{line}");
        progress::print(&format!("{summary:#}\n"))?;
    } else {
        progress::print(&format!("{line}\n"))?;
    }
    let mut model = Model::new(&prepared, &parts.train, &outcome);
    if let Some(schema) = schema {
        model = model.with_schema(schema);
    }
    model.save(folder.join("model.json"))?;

    files::write(&folder.join("history.csv"), &history(&outcome))?;
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    let toml = config::write(&recipe)?;
    let training = Training {
        summary: &line,
        history: &outcome.history,
        stop: &outcome.stop,
        delivered,
        before: &before,
        after: &after,
        over_time: [&over_time.0, &over_time.1],
    };
    let about = About { data: &name, task: parts.train.task(), command: &command, recipe: &toml, remedied: "" };
    let page = training_page(&training, &about);
    files::write(&folder.join("recipe.toml"), &toml)?;
    files::write(&folder.join("report.html"), &page)?;
    if let Some(path) = arguments.json.as_deref().filter(|_| !to_stdout) {
        files::write(path, &format!("{summary:#}\n"))?;
    }
    eprintln!("model: {}", folder.join("model.json").display());
    match outcome.stop {
        StopReason::NotFinite(trouble) => Err(Failure::failed(format!(
            "training broke: {trouble} (the last good parameters are saved; try `layerwise diagnose`)"
        ))),
        _ => Ok(()),
    }
}

/// The learning curves as a table.
fn history(outcome: &layerwise_train::Outcome<f32>) -> String {
    let mut text = String::from("epoch,step,train_loss,train_error,validation_loss,validation_error,rate\n");
    for row in &outcome.history {
        let held = row.validation.map_or(",".to_owned(), |v| format!("{},{}", v.loss, v.error));
        text += &format!("{},{},{},{},{held},{}\n", row.epoch, row.step, row.train.loss, row.train.error, row.rate);
    }
    text
}
