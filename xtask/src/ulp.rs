//! `cargo xtask ulp`: how far off the elementary functions are, over all numbers of f32, and what a number costs in them and in
//! the activations.

use crate::shell::{cargo, run};
use crate::{Trouble, args};

const HELP: &str = "\
Runs the slow tests behind docs/results/elementwise.md and prints its tables: for each elementary function and type the worst
error in units in the last place, where that is, and nanoseconds a number at each instruction set of this processor; then what
a number costs in each activation. f32 over all its numbers, at every instruction set, which have to agree in every bit; f64 at
a million numbers, against double-double numbers. It fails if an error is above its bound. Some minutes, on an idle machine.

Usage: cargo xtask ulp";

pub fn main(words: &[String]) -> Result<(), Trouble> {
    if args::parse(words, &[], HELP)?.is_none() {
        return Ok(());
    }
    for (package, test) in [("layerwise-activations", "costs"), ("layerwise-tensor", "elementwise")] {
        let command = ["test", "--quiet", "--release", "--package", package, "--test", test];
        run(cargo().args(command).args(["--", "--ignored", "--nocapture"]))?;
    }
    Ok(())
}
