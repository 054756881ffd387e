//! The rows a command works on: the embedded digits, or a CSV file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use layerwise_data::{
    CsvOptions, Dataset, Layout, Missing, Schema, Split, TargetColumn, Task, digits, digits_split, split,
};

use crate::failure::Failure;

/// What the embedded rows are called.
const DIGITS: &str = "handwritten digits (embedded)";

/// Which table, and how to read it.
#[derive(Args, Clone, Debug)]
pub struct DataArguments {
    /// A CSV file; without it, 1,797 embedded handwritten digits.
    #[arg(long, value_name = "FILE.csv")]
    pub data: Option<PathBuf>,
    /// The column to predict, by name or number from 0; by default the last.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub target: Option<String>,
    /// What the target is; by default detected.
    #[arg(long, value_enum, requires = "data")]
    pub task: Option<TaskName>,
    /// The character between columns; by default detected.
    #[arg(long, value_name = "CHARACTER", requires = "data")]
    pub delimiter: Option<String>,
    /// Whether the first line names the columns; by default detected.
    #[arg(long, value_name = "true|false", requires = "data")]
    pub header: Option<bool>,
    /// The features are steps of a sequence, so many numbers each, step after step.
    #[arg(long, value_name = "NUMBER", requires = "data")]
    pub channels: Option<usize>,
    /// The last channel of each step is 1 for a step and 0 for what fills up shorter sequences.
    #[arg(long, requires = "channels")]
    pub padded: bool,
    /// Replace missing feature values by the column's mean (or most frequent category) instead of refusing them.
    #[arg(long, requires = "data")]
    pub impute: bool,
}

/// What a target is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum TaskName {
    /// One of several classes.
    Classification,
    /// A number.
    Regression,
}

impl DataArguments {
    /// How to read the file.
    pub fn options(&self) -> Result<CsvOptions, Failure> {
        let delimiter = match self.delimiter.as_deref() {
            None => None,
            Some("\\t" | "tab") => Some(b'\t'),
            Some(text) if text.len() == 1 => text.bytes().next(),
            Some(text) => {
                return Err(Failure::usage(format!(
                    "--delimiter: should be one ASCII character or `tab`, got `{text}`"
                )));
            }
        };
        Ok(CsvOptions {
            delimiter,
            header: self.header,
            target: match &self.target {
                None => TargetColumn::Last,
                Some(name) => name.parse().map_or_else(|_| TargetColumn::Name(name.clone()), TargetColumn::Index),
            },
            task: self.task.map(|task| match task {
                TaskName::Classification => Task::Classification,
                TaskName::Regression => Task::Regression,
            }),
            missing: if self.impute { Missing::Mean } else { Missing::Refuse },
            ..CsvOptions::default()
        })
    }

    /// All rows, how they were read, and what they are called.
    pub fn whole(&self) -> Result<(Dataset, Option<Schema>, String), Failure> {
        match &self.data {
            None => Ok((digits(), None, DIGITS.into())),
            Some(path) => {
                let (mut data, schema) = Schema::learn(path, &self.options()?)?;
                if let Some(channels) = self.channels {
                    data = data.with_layout(Layout { channels, padded: self.padded })?;
                }
                Ok((data, Some(schema), path.display().to_string()))
            }
        }
    }

    /// The rows in three parts, and how they were read.
    ///
    /// The digits are split as the data crate fixes it, a file 60 : 20 : 20, stratified, by the seed.
    pub fn split(&self, seed: u64) -> Result<(Split, Option<Schema>, String), Failure> {
        match &self.data {
            None => Ok((digits_split(), None, DIGITS.into())),
            Some(_) => {
                let (data, schema, name) = self.whole()?;
                Ok((split(&data, [0.6, 0.2, 0.2], seed)?, schema, name))
            }
        }
    }
}

/// Threads to use: as asked, else all cores.
pub fn threads(asked: Option<usize>) -> Result<usize, Failure> {
    match asked {
        Some(0) => Err(Failure::usage("--threads: should be at least 1, got 0")),
        Some(n) => Ok(n.min(256)),
        None => Ok(std::thread::available_parallelism().map_or(1, |n| n.get())),
    }
}
