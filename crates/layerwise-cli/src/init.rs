//! `layerwise init`: a commented configuration to start from.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::files;

/// Where to.
#[derive(Args)]
pub struct Arguments {
    /// The file to write.
    #[arg(default_value = "layerwise.toml")]
    file: PathBuf,
    /// Write the lecture's patient, the deep network that fails, instead of a good start.
    #[arg(long)]
    patient: bool,
}

/// The good start, with comments.
const TEMPLATE: &str = include_str!("template.toml");

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    files::must_be_new(&arguments.file)?;
    let text = if arguments.patient { crate::config::write(&crate::patient::lecture())? } else { TEMPLATE.to_owned() };
    files::write(&arguments.file, &text)?;
    eprintln!("wrote {}", arguments.file.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_is_the_default() {
        let found = crate::config::parse("template.toml", super::TEMPLATE).unwrap();
        assert_eq!((found.recipe, found.pretraining), (layerwise_train::Recipe::default(), None));
    }

    /// What stands behind `# ` in the template can be used as it is.
    #[test]
    fn the_pretraining_of_the_template_is_its_default() {
        let lines = super::TEMPLATE.lines().skip_while(|line| *line != "# [pretraining]");
        let text: String = lines.map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
        let found = crate::config::parse("template.toml", &text).unwrap();
        assert_eq!(found.pretraining, Some(crate::pretrain::suited(&layerwise_train::Recipe::default()).unwrap()));
    }
}
