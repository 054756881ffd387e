//! `layerwise diagnose`: verdict on the terminal, as JSON, and as a report.

use std::path::PathBuf;

use clap::Args;
use layerwise_diagnosis::{Options, Rows, diagnose};
use layerwise_report::{About, diagnosis_page, diagnosis_text};
use layerwise_train::Recipe;

use crate::failure::Failure;
use crate::rows::{DataArguments, threads};
use crate::{config, files, patient, progress};

/// What to diagnose.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// The training to diagnose (see `layerwise init`); by default the lecture's patient, or with --data the default training.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Instead of the seed in the configuration.
    #[arg(long)]
    seed: Option<u64>,
    /// Trainings at a time; by default one a core. The verdict does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Seeds that an intervention is tested on.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(3..=100))]
    seeds: u64,
    /// Also write the verdict as JSON; `-` for the standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The folder for report.html, diagnosis.json, patient.toml and remedied.toml; by default a new one, layerwise-diagnosis.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut recipe = match (&arguments.config, &arguments.data.data) {
        (Some(path), _) => config::read(path)?,
        (None, Some(_)) => Recipe::default(),
        (None, None) => patient::lecture(),
    };
    recipe.seed = arguments.seed.unwrap_or(recipe.seed);
    let threads = threads(arguments.threads)?;
    let (parts, _, name) = arguments.data.split(recipe.seed)?;
    let to_stdout = arguments.json.as_deref().is_some_and(|p| p.as_os_str() == "-");
    if let Some(json) = arguments.json.as_deref().filter(|_| !to_stdout) {
        files::must_be_new(json)?;
    }
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) };
    // Everything that can be refused is refused before the folder is made.
    layerwise_train::Prepared::<f32>::new(&recipe, &rows.train, rows.validation.as_ref())?;
    let folder = files::output_folder(arguments.out.as_deref(), "layerwise-diagnosis")?;
    progress::catch_interrupts();
    eprintln!("diagnosing {} on {name}: {} training rows", describe(&recipe), rows.train.len());
    let fresh = arguments.seeds as usize;
    let options = Options { seeds: fresh, fresh: fresh.max(5), threads, ..Options::default() };
    let teller = progress::Teller::new();
    let result = diagnose(&recipe, &rows, &options, &|line| teller.tell(line), &progress::interrupted);
    drop(teller);
    let (mut diagnosis, patient, cured) = match result {
        Ok(done) => done,
        Err(e) => {
            // Only an empty folder is removed.
            let _ = std::fs::remove_dir(&folder);
            return Err(e.into());
        }
    };
    if let Some(cure) = &mut diagnosis.cure {
        cure.config = Some(folder.join("remedied.toml").display().to_string());
    }
    let text = diagnosis_text(&diagnosis, 100);
    let json = serde_json::to_string_pretty(&diagnosis)
        .map_err(|e| Failure::failed(format!("verdict cannot be written as JSON: {e}")))?;
    // The terminal first: nothing that was found is lost if the disk is full.
    if to_stdout {
        eprintln!("{text}");
        progress::print(&format!("{json}\n"))?;
    } else {
        progress::print(&format!("{text}\n"))?;
    }
    let (patient_toml, remedied_toml) = (config::write(&diagnosis.recipe)?, config::write(&diagnosis.remedied)?);
    let command = std::env::args().collect::<Vec<_>>().join(" ");
    let about = About {
        data: &name,
        task: rows.train.task(),
        command: &command,
        recipe: &patient_toml,
        remedied: if diagnosis.cure.is_some() { &remedied_toml } else { "" },
    };
    let page = diagnosis_page(&diagnosis, &patient, &cured, &about);
    files::write(&folder.join("diagnosis.json"), &json)?;
    files::write(&folder.join("patient.toml"), &patient_toml)?;
    if diagnosis.cure.is_some() {
        files::write(&folder.join("remedied.toml"), &remedied_toml)?;
    }
    files::write(&folder.join("report.html"), &page)?;
    if let Some(path) = arguments.json.as_deref().filter(|_| !to_stdout) {
        files::write(path, &json)?;
    }
    eprintln!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// The recipe in half a line.
fn describe(recipe: &Recipe) -> String {
    let network = if recipe.network.layers.is_empty() {
        let widths: Vec<String> = recipe.network.hidden.iter().map(|w| w.to_string()).collect();
        format!("hidden layers {} of {} units", widths.join("-"), recipe.network.activation.name())
    } else {
        format!("{} layers", recipe.network.layers.len())
    };
    format!("{network}, {} at rate {}, {} epochs", recipe.optimizer.name(), recipe.optimizer.rate(), recipe.epochs)
}
