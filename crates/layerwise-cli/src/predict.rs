//! `layerwise predict`: new rows through a saved model, as CSV.

use std::path::PathBuf;

use clap::Args;
use layerwise_data::{CsvOptions, Task};
use layerwise_train::Model;

use crate::failure::Failure;
use crate::{files, progress};

/// What to predict.
#[derive(Args)]
pub struct Arguments {
    /// A model that `layerwise train` saved.
    #[arg(long, value_name = "model.json")]
    model: PathBuf,
    /// Rows with the columns that the model was trained on; the target column may be there or not.
    #[arg(long, value_name = "FILE.csv")]
    data: PathBuf,
    /// Also write the probability of every class.
    #[arg(long)]
    probabilities: bool,
    /// Where to write the predictions; by default the standard output.
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(out) = &arguments.out {
        files::must_be_new(out)?;
    }
    let model = Model::load(&arguments.model)?;
    let Some(schema) = model.schema() else {
        let message = "should be trained on a CSV file, got one trained on the embedded digits";
        return Err(Failure::usage(format!("{}: {message}", arguments.model.display())));
    };
    let rows = schema.read(&arguments.data, &CsvOptions::default())?;
    let y = model.predict_proba(&rows.x)?;
    let failed = |e: &dyn std::fmt::Display| Failure::failed(format!("predictions cannot be written: {e}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    let names = model.output_names();
    match model.task() {
        Task::Classification => {
            let mut header = vec!["prediction".to_owned()];
            if arguments.probabilities {
                header.extend(names.iter().map(|name| format!("p({name})")));
            }
            table.write_record(&header).map_err(|e| failed(&e))?;
            for (column, class) in y.column_iter().zip(model.predict_classes(&rows.x)?) {
                let mut row = vec![names[class].clone()];
                if arguments.probabilities {
                    row.extend(column.iter().map(|p| p.to_string()));
                }
                table.write_record(&row).map_err(|e| failed(&e))?;
            }
        }
        Task::Regression => {
            table.write_record(names).map_err(|e| failed(&e))?;
            for column in y.column_iter() {
                table.write_record(column.iter().map(|v| v.to_string())).map_err(|e| failed(&e))?;
            }
        }
    }
    let bytes = table.into_inner().map_err(|e| failed(&e))?;
    let text = String::from_utf8(bytes).map_err(|e| failed(&e))?;
    match &arguments.out {
        Some(out) => files::write(out, &text),
        None => progress::print(&text),
    }
}
