//! `cargo xtask ci`: everything that is checked besides the tests.

use std::time::Instant;

use crate::shell::{cargo, run};
use crate::{Trouble, args, budget, gradcheck, instructions, site, tidy};

const HELP: &str = "\
Runs, one after the other, and stops at the first that fails:

  cargo fmt --all --check
  cargo clippy --workspace --all-targets --all-features -- -D warnings
  cargo xtask tidy
  cargo xtask gradcheck
  cargo xtask docs
  cargo xtask budget
  cargo xtask instructions, if valgrind is installed

The tests are not among them: `cargo test --workspace` runs those.

Usage: cargo xtask ci";

type Step = (&'static str, fn() -> Result<(), Trouble>);

const STEPS: [Step; 7] = [
    ("format", || run(cargo().args(["fmt", "--all", "--check"]))),
    ("lints", || {
        run(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]))
    }),
    ("tidy", || tidy::main(&[])),
    ("gradcheck", || gradcheck::main(&[])),
    ("docs", || site::main(&[])),
    ("budget", || budget::main(&[])),
    ("instructions", || {
        if !instructions::available() {
            println!("valgrind is not installed: left out");
            return Ok(());
        }
        instructions::main(&[])
    }),
];

pub fn main(words: &[String]) -> Result<(), Trouble> {
    if args::parse(words, &[], HELP)?.is_none() {
        return Ok(());
    }
    let start = Instant::now();
    for (i, (name, step)) in STEPS.iter().enumerate() {
        println!("=== ci {}/{}: {name}", i + 1, STEPS.len());
        let begun = Instant::now();
        match step() {
            Ok(()) => println!("=== {name}: passed ({:.1} s)\n", begun.elapsed().as_secs_f64()),
            Err(Trouble::Failed(problem) | Trouble::Usage(problem)) => {
                return Err(Trouble::Failed(format!("FAILED at step {} of {}, {name}: {problem}", i + 1, STEPS.len())));
            }
        }
    }
    println!("=== ci: all {} steps passed ({:.0} s)", STEPS.len(), start.elapsed().as_secs_f64());
    Ok(())
}
