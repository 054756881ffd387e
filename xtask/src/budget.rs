//! `cargo xtask budget`: how many packages a user of a crate builds, and for how long, against stated limits.

mod cold;

use std::collections::BTreeSet;

use crate::ranks::RANKS;
use crate::shell::{cargo, output};
use crate::{Trouble, args};

const HELP: &str = "\
Counts the packages that each crate pulls in, itself included (normal dependencies of this platform, `cargo tree -e
normal`, each package and version once), and fails if one exceeds its limit.

Usage: cargo xtask budget [--cold]

  --cold  First builds, timed: of each crate, of its main dependencies alone, of candle-nn and of burn; about 20 minutes.
          Writes docs/results/builds.md";

/// The most packages that a crate may pull in, itself included.
const LIMITS: [(&str, usize); 3] = [("layerwise-activations", 40), ("layerwise", 75), ("layerwise-cli", 110)];

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let (cold, words) = args::flag(words, "--cold")?;
    if args::parse(&words, &[], HELP)?.is_none() {
        return Ok(());
    }
    if cold {
        return cold::main();
    }
    println!("{:<24} {:>8} {:>6} {:>6}", "crate", "packages", "own", "limit");
    let mut over = Vec::new();
    for (name, _) in RANKS {
        let tree = output(cargo().args(["tree", "--package", name, "--edges", "normal", "--prefix", "none"]))?;
        let packages = packages(&tree);
        let own = packages.iter().filter(|p| RANKS.iter().any(|(name, _)| p.split(' ').next() == Some(name))).count();
        let limit = LIMITS.iter().find(|(limited, _)| limited == name).map(|(_, limit)| *limit);
        let shown = limit.map_or("-".to_owned(), |limit| limit.to_string());
        println!("{name:<24} {:>8} {own:>6} {shown:>6}", packages.len());
        if let Some(limit) = limit.filter(|limit| packages.len() > *limit) {
            over.push(format!("{name} should have at most {limit} packages, got {}", packages.len()));
        }
    }
    if over.is_empty() { Ok(()) } else { Err(Trouble::Failed(over.join("; "))) }
}

/// `name version` of each line of `cargo tree --prefix none`, once.
fn packages(tree: &str) -> BTreeSet<String> {
    let package = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    tree.lines().filter(|line| !line.trim().is_empty()).map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_once_a_version() {
        let tree =
            "a v1.0.0 (/x/a)\nb v1.0.0\nc v2.0.0 (proc-macro)\nc v2.0.0 (proc-macro) (*)\nb v1.0.0 (*)\nb v2.0.0\n\n";
        let got: Vec<String> = packages(tree).into_iter().collect();
        assert_eq!(got, ["a v1.0.0", "b v1.0.0", "b v2.0.0", "c v2.0.0"]);
    }
}
