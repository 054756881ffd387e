//! `cargo xtask theory`: the closed forms of the theory beside what the library measures.

use std::fs;
use std::process::Stdio;

use crate::date::today;
use crate::shell::{cargo, root, target_folder};
use crate::{Trouble, args, shell};

const HELP: &str = "\
Measures what the theory has formulas for (layerwise-theory; its tests are the quick half) and writes the table to
docs/results/theory.md. It fails if a number is farther from its formula than its tolerance. Minutes.

Usage: cargo xtask theory [--only WORD]

  --only WORD  Only the theories whose title contains it; nothing is written";

const HEAD: &str = "\
# The theory, measured

Formulas of the theory beside what the library measures, by

```sh
cargo xtask theory
```

Random numbers are drawn from fixed seeds: a run gives the same numbers again.
";

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let Some(values) = args::parse(words, &["--only"], HELP)? else { return Ok(()) };
    shell::run(cargo().args(["build", "--quiet", "--release", "--package", "layerwise-theory"]))?;
    let mut program = shell::program(&target_folder()?.join("release/layerwise-theory").to_string_lossy());
    let only = values.get("--only").copied();
    let ended = program.args(only).stderr(Stdio::inherit()).output()?;
    let tables = String::from_utf8_lossy(&ended.stdout);
    print!("{tables}");
    if only.is_none() {
        let path = root().join("docs/results/theory.md");
        fs::write(&path, format!("{HEAD}\nDate: {}.\n\n{}", today(), tables))?;
        println!("wrote {}", path.display());
    } else if tables.trim() == "0 of 0 hold." {
        return Err(Trouble::Usage(format!("--only should be a word of a title, got `{}`", only.unwrap_or_default())));
    }
    if ended.status.success() { Ok(()) } else { Err(Trouble::Failed("a number does not fit its formula".into())) }
}
