//! Programs of others that tasks run: an installed one of the right version, or one that is built once.

use crate::Trouble;
use crate::shell::{cargo, output, program, root, run};

/// A program, and how it is had.
pub struct Tool {
    /// Its package, and its program.
    name: &'static str,
    /// How it is asked for its version, and what it says before it.
    asked: &'static [&'static str],
    says: &'static str,
    /// How a version begins that will do.
    series: &'static str,
    /// The version that is built if none is there.
    version: &'static str,
    /// Features of the build.
    features: &'static [&'static str],
}

/// The book. Neither watching nor serving: half the packages.
pub const MDBOOK: Tool = Tool {
    name: "mdbook",
    asked: &["--version"],
    says: "mdbook v",
    series: "0.5.",
    version: "0.5.4",
    features: &["--no-default-features", "--features", "search"],
};

/// Mutants of the code, to test the tests. Which mutants there are depends on the version: one only.
pub const MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    asked: &["mutants", "--version"],
    says: "cargo-mutants ",
    series: "27.1.0",
    version: "27.1.0",
    features: &[],
};

impl Tool {
    /// The program to run, built if need be.
    ///
    /// Errors: it cannot be built.
    pub fn get(&self) -> Result<String, Trouble> {
        let tools = root().join("target/tools");
        let own = tools.join("bin").join(self.name).to_string_lossy().into_owned();
        let fits = |name: &str| {
            let says = output(program(name).args(self.asked)).unwrap_or_default();
            says.strip_prefix(self.says).is_some_and(|version| version.starts_with(self.series))
        };
        for name in [self.name, own.as_str()] {
            if fits(name) {
                return Ok(name.into());
            }
        }
        println!("{} {} is not installed: building {} (a few minutes, once)", self.name, self.series, self.version);
        run(cargo()
            .args(["install", self.name, "--version", self.version, "--locked", "--quiet"])
            .args(self.features)
            .arg("--root")
            .arg(&tools))?;
        Ok(own)
    }
}
