//! `layerwise train`: one training, saved with everything that prediction needs.

use std::path::Path;

use clap::Args;
use layerwise_data::{Schema, Split, Task};
use layerwise_report::{About, Training, training_page};
use layerwise_tensor::Team;
use layerwise_train::{Ensemble, Epoch, Model, Prepared, Recipe, Scores, StopReason};

use crate::common::{Common, command};
use crate::failure::Failure;
use crate::{config, files, progress};

/// What to train.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let common = &arguments.common;
    let recipe = common.recipe(Recipe::default)?;
    let threads = common.threads()?;
    let (parts, schema, name) = common.data.split(recipe.seed)?;
    common.check_json()?;
    let prepared = Prepared::<f32>::new(&recipe, &parts.train, Some(&parts.validation))?;
    let folder = files::output_folder(common.out.as_deref(), "layerwise-model")?;
    progress::catch_interrupts();
    if let Some(ensemble) = recipe.ensemble {
        return members(ensemble, &prepared, (&parts, schema, &name), threads, (common, &folder));
    }
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
        StopReason::Settled => "no way down any more".to_owned(),
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
    let json = format!("{summary:#}\n");
    common.print(&format!("{line}\n"), &json)?;
    let mut model = Model::new(&prepared, &parts.train, &outcome);
    if let Some(schema) = schema {
        model = model.with_schema(schema);
    }
    model.save(folder.join("model.json"))?;

    files::write(&folder.join("history.csv"), &history(&outcome))?;
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
    let about = About { data: &name, task: parts.train.task(), command: &command(), recipe: &toml, remedied: "" };
    let page = training_page(&training, &about);
    files::write(&folder.join("recipe.toml"), &toml)?;
    files::write(&folder.join("report.html"), &page)?;
    common.write_json(&json)?;
    eprintln!("model: {}", folder.join("model.json").display());
    match outcome.stop {
        StopReason::NotFinite(trouble) => Err(Failure::failed(format!(
            "training broke: {trouble} (the last good parameters are saved; try `layerwise diagnose`)"
        ))),
        _ => Ok(()),
    }
}

/// An ensemble: its members, and how good their mean is.
fn members(
    ensemble: Ensemble,
    prepared: &Prepared<f32>,
    (parts, schema, name): (&Split, Option<Schema>, &str),
    threads: usize,
    (common, folder): (&Common, &Path),
) -> Result<(), Failure> {
    let recipe = &prepared.recipe;
    eprintln!("training an ensemble on {name}: {} rows, {} features", parts.train.len(), parts.train.n_features());
    let members = prepared.members(ensemble, recipe.seed, threads, &progress::interrupted)?;
    let mut model = Model::ensemble(prepared, &parts.train, &members)?;
    if let Some(schema) = schema {
        model = model.with_schema(schema);
    }
    let [train, validation, test] = [&parts.train, &parts.validation, &parts.test].map(|rows| model.evaluate(rows));
    let (train, validation, test) = (train?, validation?, test?);
    let what = if parts.train.task() == Task::Classification { "error" } else { "unexplained variance (1 - R²)" };
    let out_of_bag = members.out_of_bag.map_or(String::new(), |error| format!(", {error:.4} out of bag"));
    let line = format!(
        "{} members: {what} {:.4} on training rows{out_of_bag}, {:.4} on validation rows, {:.4} on test rows",
        members.outcomes.len(),
        train.error,
        validation.error,
        test.error
    );
    let scores = |scores: Scores| serde_json::json!({ "loss": scores.loss, "error": scores.error });
    let summary = serde_json::json!({
        "members": members.outcomes.len(),
        "epochs": members.outcomes.iter().map(|outcome| outcome.epoch).collect::<Vec<_>>(),
        "measure": what,
        "train": scores(train),
        "out_of_bag": members.out_of_bag,
        "validation": scores(validation),
        "test": scores(test),
        "seed": recipe.seed,
        "version": env!("CARGO_PKG_VERSION"),
    });
    model.save(folder.join("model.json"))?;
    files::write(&folder.join("recipe.toml"), &config::write(recipe)?)?;
    let json = format!("{summary:#}\n");
    common.write_json(&json)?;
    common.print(&format!("{line}\n"), &json)?;
    eprintln!("model: {}", folder.join("model.json").display());
    Ok(())
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
