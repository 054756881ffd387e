//! `cargo xtask ulp`: how far off the elementary functions are, over all numbers of f32, and what a number costs.

use crate::shell::{cargo, run};
use crate::{Trouble, args};

const HELP: &str = "\
Runs the slow test of the elementary functions in layerwise-tensor and prints the table of docs/results/elementwise.md: for
each function and type the worst error in units in the last place, where that is, and nanoseconds a number at each
instruction set of this processor. f32 over all its numbers, at every instruction set, which have to agree in every bit; f64
at a million numbers, against double-double numbers. It fails if an error is above its bound. Some minutes.

Usage: cargo xtask ulp";

pub fn main(words: &[String]) -> Result<(), Trouble> {
    if args::parse(words, &[], HELP)?.is_none() {
        return Ok(());
    }
    let test = ["test", "--quiet", "--release", "--package", "layerwise-tensor", "--test", "math"];
    run(cargo().args(test).args(["--", "--ignored", "--nocapture"]))
}
