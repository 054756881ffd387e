//! `layerwise predict`: new rows through a saved model, as CSV.

use std::path::PathBuf;

use clap::Args;
use layerwise_data::{CsvOptions, Task};
use layerwise_train::Model;

use crate::failure::Failure;
use crate::{files, progress};

/// More passes than this are refused.
const MAX_PASSES: usize = 100_000;

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
    /// Also write the spread of the predictions over so many passes with the noise of training (dropout and the like), and over the
    /// members of an ensemble; 0 for the members alone. The predictions are then the means.
    #[arg(long, value_name = "N")]
    passes: Option<usize>,
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
    if arguments.passes.is_some_and(|passes| passes > MAX_PASSES) {
        return Err(Failure::usage(format!("--passes: should be at most {MAX_PASSES}")));
    }
    let spread = arguments.passes.map(|passes| model.predict_spread(&rows.x, passes)).transpose()?;
    let (y, deviation) = match spread {
        Some(spread) => (spread.mean, Some(spread.deviation)),
        None => (model.predict_proba(&rows.x)?, None),
    };
    let failed = |e: &dyn std::fmt::Display| Failure::failed(format!("predictions cannot be written: {e}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    let names = model.output_names();
    match model.task() {
        Task::Classification => {
            let mut header = vec!["prediction".to_owned()];
            if arguments.probabilities {
                header.extend(names.iter().map(|name| format!("p({name})")));
            }
            header.extend(deviation.as_ref().map(|_| "spread".to_owned()));
            table.write_record(&header).map_err(|e| failed(&e))?;
            for (j, column) in y.column_iter().enumerate() {
                let class = column.imax();
                let mut row = vec![names[class].clone()];
                if arguments.probabilities {
                    row.extend(column.iter().map(|p| p.to_string()));
                }
                // Of the probability of the class that is predicted.
                row.extend(deviation.as_ref().map(|deviation| deviation[(class, j)].to_string()));
                table.write_record(&row).map_err(|e| failed(&e))?;
            }
        }
        Task::Regression => {
            let spreads = names.iter().filter(|_| deviation.is_some()).map(|name| format!("spread({name})"));
            table.write_record(names.iter().cloned().chain(spreads)).map_err(|e| failed(&e))?;
            for (j, column) in y.column_iter().enumerate() {
                let spreads =
                    deviation.iter().flat_map(|deviation| deviation.column(j).iter().copied().collect::<Vec<_>>());
                table
                    .write_record(column.iter().copied().chain(spreads).map(|v| v.to_string()))
                    .map_err(|e| failed(&e))?;
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
