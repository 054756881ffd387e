//! What every command that trains takes.

use std::path::{Path, PathBuf};

use clap::Args;
use layerwise_train::Recipe;

use crate::failure::Failure;
use crate::rows::{self, DataArguments};
use crate::{config, files, progress};

/// Data, configuration, seed, threads, and where results go.
#[derive(Args, Clone, Debug)]
pub struct Common {
    #[command(flatten)]
    pub data: DataArguments,
    /// How to train; `layerwise init` writes one to start from.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Instead of the seed in the configuration.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Threads to use; by default all cores. Results have the same bits for any number.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Also write the result as JSON; `-` for the standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The folder for the report and all other files; by default a new one, named after the command.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Common {
    /// The recipe, with the seed that was asked for; `default` without a configuration.
    pub fn recipe(&self, default: impl FnOnce() -> Recipe) -> Result<Recipe, Failure> {
        let mut recipe = self.config.as_deref().map_or_else(|| Ok(default()), config::read)?;
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        Ok(recipe)
    }

    /// Threads to use.
    pub fn threads(&self) -> Result<usize, Failure> {
        rows::threads(self.threads)
    }

    /// The file for the JSON, if it is one.
    fn json_file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|path| path.as_os_str() != "-")
    }

    /// Refuses a file for the JSON that is there already, before any work is done.
    pub fn check_json(&self) -> Result<(), Failure> {
        self.json_file().map_or(Ok(()), files::must_be_new)
    }

    /// Prints the result: text, or JSON if that was asked for on the standard output.
    pub fn print(&self, text: &str, json: &str) -> Result<(), Failure> {
        if self.json.is_some() && self.json_file().is_none() {
            eprint!("{text}");
            return progress::print(json);
        }
        progress::print(text)
    }

    /// Writes the JSON to its file, if one was asked for.
    pub fn write_json(&self, json: &str) -> Result<(), Failure> {
        self.json_file().map_or(Ok(()), |file| files::write(file, json))
    }
}

/// The command as it was given.
pub fn command() -> String {
    std::env::args().collect::<Vec<_>>().join(" ")
}
