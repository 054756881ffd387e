//! `cargo xtask gradcheck`: every component of every catalog, and whole networks, against the oracles of
//! `layerwise-gradcheck`.

mod implementors;
mod networks;

use std::time::Instant;

use layerwise_activations::Activations;
use layerwise_gradcheck::{GATE, Report, check_layer_shapes, check_loss, check_pointwise, check_regularizer};
use layerwise_layers::Layers;
use layerwise_losses::Losses;
use layerwise_regularizers::Regularizers;

use crate::{Trouble, args};

const HELP: &str = "\
Checks every derivative against two oracles (dual numbers; the integral along a line): all activations, layers, losses and
regularizers of the catalogs, and whole networks, first and second order. One line each; the first failure of a component
is shown with the numbers that went in.

Usage: cargo xtask gradcheck [--only NAME] [--seed S] [--cases N]

  --only NAME  Only components whose name contains NAME
  --seed S     The seed of every random number (1)
  --cases N    Cases a component: shapes with numbers (512)

worst ulp   largest error of a gradient, in units in the last place of the largest gradient of its case
of bound    largest error over its bound, of any comparison; above 1 is a failure
kinks       points visited that lie exactly on a kink";

/// A component and how to check it.
struct Item {
    family: &'static str,
    name: String,
    check: Box<dyn Fn(u64, usize) -> Report>,
}

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let Some(values) = args::parse(words, &["--only", "--seed", "--cases"], HELP)? else { return Ok(()) };
    let seed = args::number(&values, "--seed", 1, 0)?;
    let cases = args::number(&values, "--cases", 512, 1)? as usize;
    let only = values.get("--only").copied().unwrap_or_default();
    let items: Vec<Item> = items().into_iter().filter(|item| item.name.contains(only)).collect();
    if items.is_empty() {
        return Err(Trouble::Usage(format!("--only should be part of a component's name, got `{only}`")));
    }
    let start = Instant::now();
    println!(
        "{:<12} {:<24} {:>6} {:>10} {:>9} {:>6} {:>8}",
        "family", "component", "cases", "worst ulp", "of bound", "kinks", "seconds"
    );
    let mut failures = Vec::new();
    for Item { family, name, check } in &items {
        let begun = Instant::now();
        let report = check(seed, cases);
        println!(
            "{family:<12} {name:<24} {:>6} {:>10.2} {:>9.3} {:>6} {:>8.2}{}",
            report.cases,
            report.worst_ulp,
            report.worst_ratio,
            report.kinks,
            begun.elapsed().as_secs_f64(),
            if report.passed() { "" } else { "  FAILED" }
        );
        if !report.passed() {
            let again = format!("  again       cargo xtask gradcheck --only {name} --seed {seed} --cases {cases}");
            let what = match &report.failure {
                Some(failure) => failure.to_string(),
                None => format!("{name}: cases run should be at least 1, got 0"),
            };
            failures.push(format!("{what}\n{again}"));
        }
    }
    for failure in &failures {
        println!("\n{failure}");
    }
    println!(
        "\ngradcheck: {} components, seed {seed}, gate {GATE} ulp, {:.1} s: {}",
        items.len(),
        start.elapsed().as_secs_f64(),
        if failures.is_empty() { "all passed".to_owned() } else { format!("{} FAILED", failures.len()) }
    );
    match failures.len() {
        0 => Ok(()),
        n => Err(Trouble::Failed(format!("{n} of {} components failed", items.len()))),
    }
}

/// Everything that is checked, from the catalogs.
fn items() -> Vec<Item> {
    let mut items = Vec::new();
    for a in Activations::all() {
        let (name, layer, kinks) = (a.name().into(), a.boxed(), a.kinks());
        let check = Box::new(move |seed, cases| check_pointwise(&*layer, kinks, seed, cases));
        items.push(Item { family: "activation", name, check });
    }
    for l in Layers::all() {
        let (name, layer) = (l.name().into(), l.boxed());
        items.push(Item {
            family: "layer",
            name,
            check: Box::new(move |seed, cases| check_layer_shapes(&*layer, seed, cases)),
        });
    }
    for l in Losses::all() {
        let (name, loss) = (l.name().into(), l.boxed());
        items.push(Item { family: "loss", name, check: Box::new(move |seed, cases| check_loss(&*loss, seed, cases)) });
    }
    for r in Regularizers::all() {
        let (name, regularizer) = (r.name().into(), r.boxed());
        let check = Box::new(move |seed, cases| check_regularizer(&*regularizer, seed, cases));
        items.push(Item { family: "regularizer", name, check });
    }
    for (name, check) in networks::ALL {
        let check = Box::new(move |seed, cases: usize| check(name, seed, cases.div_ceil(16)));
        items.push(Item { family: "network", name: (*name).into(), check });
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_so_that_only_finds_them() {
        let mut names: Vec<String> = items().into_iter().map(|item| item.name).collect();
        let n = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n);
    }
}
