//! Why is this training hard? A deep network of sigmoid units under the old initialization, diagnosed and cured.
//!
//! `cargo run --release --example diagnose`

use layerwise::diagnosis::{Options, Rows};
use layerwise::report::{About, diagnosis_page, diagnosis_text};
use layerwise::{Init, NetworkSpec, Recipe, Scaling, Sgd, Sigmoid, Status, Task, diagnose, digits_split};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parts = digits_split();
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) };
    let patient = Recipe {
        epochs: 20,
        early_stopping: None,
        scaling: Scaling::MinMax,
        optimizer: Sgd { rate: 0.1, ..Sgd::default() }.into(),
        network: NetworkSpec {
            hidden: vec![32; 6],
            activation: Sigmoid.into(),
            init: Init::UniformFanIn,
            ..NetworkSpec::default()
        },
        ..Recipe::default()
    };
    let threads = std::thread::available_parallelism()?.get();
    let options = Options { threads, ..Options::default() };
    let (verdict, before, after) = diagnose(&patient, &rows, &options, &|line| println!("  {line}"), &|| false)?;

    // The verdict is plain data; the report crate shows it.
    println!("\n{}", diagnosis_text(&verdict, 100));
    let about = About {
        data: "digits",
        task: Task::Classification,
        command: "cargo run --release --example diagnose",
        recipe: &format!("{:#?}", verdict.recipe),
        remedied: &format!("{:#?}", verdict.remedied),
    };
    let page = std::env::temp_dir().join("layerwise-diagnosis.html");
    std::fs::write(&page, diagnosis_page(&verdict, &before, &after, &about))?;
    println!("report: {}", page.display());

    assert_eq!(verdict.status, Status::Sick);
    assert_eq!(verdict.causes[0].cause, "vanishing-gradient");
    Ok(())
}
