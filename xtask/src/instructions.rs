//! `cargo xtask instructions`: how many instructions hot kernels take, against the committed counts.

use std::collections::BTreeMap;
use std::fs;

use layerwise_bench::COUNTED;

use crate::shell::{cargo, output, program, root, run, target_folder};
use crate::{Trouble, args};

const HELP: &str = "\
Counts the instructions of hot kernels with callgrind (of valgrind, which must be installed), and fails if one takes more than
2 % more than docs/results/instructions.toml says. Counts are the same on a noisy machine; valgrind knows AVX2 and no AVX-512,
so they are those of the AVX2 kernels. Another compiler gives other counts: then nothing is compared.

Usage: cargo xtask instructions [--write]

  --write  Writes the counts to docs/results/instructions.toml instead";

/// Counts may differ by so much: the addresses of memory decide how many loops a head of a string function takes.
const SLACK: f64 = 0.02;

#[derive(serde::Serialize, serde::Deserialize)]
struct Counts {
    compiler: String,
    instructions: BTreeMap<String, u64>,
}

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let (write, words) = args::flag(words, "--write")?;
    if args::parse(&words, &[], HELP)?.is_none() {
        return Ok(());
    }
    run(cargo().args(["build", "--quiet", "--release", "--package", "layerwise-bench"]))?;
    let compiler = output(program("rustc").arg("--version"))?.trim().to_owned();
    let mut now = Counts { compiler, instructions: BTreeMap::new() };
    for name in COUNTED {
        now.instructions.insert(name.to_owned(), count(name)?);
    }
    let path = root().join("docs/results/instructions.toml");
    if write {
        let text = toml::to_string(&now).map_err(|e| e.to_string())?;
        fs::write(&path, text)?;
    }
    let then: Counts = toml::from_str(&fs::read_to_string(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
    let same_compiler = then.compiler == now.compiler;
    println!("{:<14} {:>10} {:>10}", "kernel", "committed", "now");
    for (name, count) in &now.instructions {
        let before = then.instructions.get(name).map_or("-".to_owned(), u64::to_string);
        println!("{name:<14} {before:>10} {count:>10}");
    }
    if !same_compiler {
        println!("the committed counts are those of {}, this is {}: not compared", then.compiler, now.compiler);
        return Ok(());
    }
    let over = over(&then.instructions, &now.instructions);
    if over.is_empty() { Ok(()) } else { Err(Trouble::Failed(over.join("; "))) }
}

/// Whether counting is possible here.
pub fn available() -> bool {
    program("valgrind").arg("--version").output().is_ok_and(|o| o.status.success())
}

/// The instructions of one kernel.
fn count(name: &str) -> Result<u64, Trouble> {
    let bench = target_folder()?.join("release/layerwise-bench");
    let mut command = program("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted::counted*"]);
    let done = command.arg(bench).args(["count", name]).output().map_err(|e| format!("valgrind: {e}"))?;
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.status.success() {
        return Err(Trouble::Failed(format!("valgrind ended with {}: {text}", done.status)));
    }
    match collected(&text) {
        Some(count) if count > 0 => Ok(count),
        _ => Err(Trouble::Failed(format!("valgrind should say how many instructions it collected, said {text}"))),
    }
}

/// `==1== Collected : 123` as a number.
fn collected(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// What takes more than it did, and what is not in the file.
fn over(then: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<String> {
    let judge = |(name, now): (&String, &u64)| match then.get(name) {
        None => Some(format!("{name}: no count is committed; see --write")),
        Some(then) if *now as f64 > *then as f64 * (1.0 + SLACK) => {
            Some(format!("{name} should take at most {then} instructions (and 2 %), took {now}"))
        }
        Some(_) => None,
    };
    now.iter().filter_map(judge).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_may_not_grow() {
        let counts = |n: u64| BTreeMap::from([("exp".to_owned(), n)]);
        assert!(over(&counts(1000), &counts(1020)).is_empty() && over(&counts(1000), &counts(1)).is_empty());
        assert_eq!(over(&counts(1000), &counts(1021)).len(), 1);
        assert_eq!(over(&BTreeMap::new(), &counts(1)).len(), 1);
    }

    #[test]
    fn the_count_is_read() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 104231\n"), Some(104_231));
        assert_eq!(collected("==7== Collected : many"), None);
    }
}
