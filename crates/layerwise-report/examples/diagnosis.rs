//! Diagnoses the lecture's patient on the digits and writes the page to the path given as argument.
//!
//! `cargo run --release -p layerwise-report --example diagnosis -- OUTPUT.html`

use layerwise_activations::{Activations, Sigmoid};
use layerwise_core::Init;
use layerwise_data::{Task, digits_split};
use layerwise_diagnosis::{Options, Rows, diagnose};
use layerwise_optimizers::Sgd;
use layerwise_report::{About, diagnosis_page, diagnosis_text};
use layerwise_train::{NetworkSpec, Recipe};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: diagnosis OUTPUT.html");
        std::process::exit(2);
    };
    let recipe = Recipe {
        epochs: 30,
        early_stopping: None,
        optimizer: Sgd { rate: 0.1, ..Sgd::default() }.into(),
        network: NetworkSpec {
            hidden: vec![32; 10],
            activation: Activations::Sigmoid(Sigmoid),
            init: Init::UniformFanIn,
            ..NetworkSpec::default()
        },
        ..Recipe::default()
    };
    let parts = digits_split();
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let options = Options { threads, ..Options::default() };
    let (found, patient, cured) = diagnose(&recipe, &rows, &options, &|line| eprintln!("{line}"), &|| false)?;
    println!("{}", diagnosis_text(&found, 100));
    let (recipe, remedied) = (format!("{:#?}", found.recipe), format!("{:#?}", found.remedied));
    let about = About { data: "digits", task: Task::Classification, command: "", recipe: &recipe, remedied: &remedied };
    std::fs::write(path, diagnosis_page(&found, &patient, &cured, &about))?;
    Ok(())
}
