//! `layerwise diagnose`: verdict on the terminal, as JSON, and as a report.

use clap::Args;
use layerwise_diagnosis::{Options, Rows, diagnose};
use layerwise_report::{About, diagnosis_page, diagnosis_text};
use layerwise_train::Recipe;

use crate::common::{Common, command};
use crate::failure::Failure;
use crate::{config, files, patient, progress};

/// What to diagnose.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Seeds that an intervention is tested on.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(3..=100))]
    seeds: u64,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let common = &arguments.common;
    let ours = common.data.data.is_none();
    let recipe = common.recipe(|| if ours { patient::lecture() } else { Recipe::default() })?;
    let threads = common.threads()?;
    let (parts, _, name) = common.data.split(recipe.seed)?;
    common.check_json()?;
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) };
    // Everything that can be refused is refused before the folder is made.
    layerwise_train::Prepared::<f32>::new(&recipe, &rows.train, rows.validation.as_ref())?;
    let folder = files::output_folder(common.out.as_deref(), "layerwise-diagnosis")?;
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
    common.print(&format!("{text}\n"), &format!("{json}\n"))?;
    let (patient_toml, remedied_toml) = (config::write(&diagnosis.recipe)?, config::write(&diagnosis.remedied)?);
    let about = About {
        data: &name,
        task: rows.train.task(),
        command: &command(),
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
    common.write_json(&json)?;
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
