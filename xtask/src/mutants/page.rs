//! The page of the results: a row a package, and every mutant that is no better caught, with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::PACKAGES;
use super::results::Fate;
use crate::Trouble;
use crate::date::today;

const HEAD: &str = "\
# Mutants of the code

What the tests are worth: [cargo-mutants](https://mutants.rs) changes the code in one place (`*` becomes `/`, a function
returns its default, a branch is gone), and the tests of the package, the gradient check among them, should notice. Made by

```sh
cargo xtask mutants
```

A change that no test notices is *missed*, or *equivalent*: it makes no difference that anybody may rely on, and the reason is
below. Score: of the mutants that compile and are not equivalent, those that a test catches or that never end.

";

const COLUMNS: &str = "\
| package | mutants | unviable | caught | timed out | missed | equivalent | score | date |
|---|---|---|---|---|---|---|---|---|
";

const EQUIVALENT: &str = "mutants-equivalent.toml";

/// Reasons by package and mutant.
type Reasons = BTreeMap<String, BTreeMap<String, String>>;

/// Writes the page, with new rows for the packages that were found and the old ones for the others, and says what is wrong.
///
/// Errors: a survivor without a reason, a reason without a survivor.
pub fn write(folder: &Path, found: &BTreeMap<&str, Vec<(String, Fate)>>) -> Result<(), Trouble> {
    let (page, file) = (folder.join("mutants.md"), folder.join(EQUIVALENT));
    let reasons = reasons(&file)?;
    let problems = problems(&reasons, found);
    for problem in &problems {
        println!("{problem}");
    }
    if !found.is_empty() {
        let old = if page.exists() { fs::read_to_string(&page)? } else { String::new() };
        let new = text_of(&old, &reasons, found, &today());
        fs::write(&page, &new)?;
        print!("{COLUMNS}");
        new.lines().filter(|line| line.starts_with("| layerwise")).for_each(|row| println!("{row}"));
    }
    match problems.len() {
        0 => Ok(()),
        n => Err(Trouble::Failed(format!("{n} mutant(s) to catch or to explain in {}", file.display()))),
    }
}

fn reasons(file: &Path) -> Result<Reasons, Trouble> {
    let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
    Ok(toml::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
}

/// The survivors of a package that have no reason.
pub fn unexplained(folder: &Path, package: &str, fates: &[(String, Fate)]) -> Result<BTreeSet<String>, Trouble> {
    let reasons = reasons(&folder.join(EQUIVALENT))?;
    let none = BTreeMap::new();
    let explained = reasons.get(package).unwrap_or(&none);
    Ok(survivors(fates, explained).cloned().collect())
}

fn survivors<'a>(
    fates: &'a [(String, Fate)],
    explained: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    let open = |(id, fate): &'a (String, Fate)| (*fate == Fate::Survived && !explained.contains_key(id)).then_some(id);
    fates.iter().filter_map(open)
}

/// What does not fit together, a line each; a missing reason as it would stand in the file.
fn problems(reasons: &Reasons, found: &BTreeMap<&str, Vec<(String, Fate)>>) -> Vec<String> {
    let mut problems = Vec::new();
    for package in reasons.keys().filter(|name| !PACKAGES.contains(&name.as_str())) {
        problems.push(format!("[{package}] should be a package whose mutants are tested"));
    }
    for (package, fates) in found {
        let none = BTreeMap::new();
        let explained = reasons.get(*package).unwrap_or(&none);
        for id in survivors(fates, explained) {
            problems
                .push(format!("survivor without a reason, {package}: {} = \"\"", serde_json::Value::from(id.as_str())));
        }
        for id in explained.keys() {
            let is = match fates.iter().find(|(known, _)| known == id) {
                Some((_, Fate::Survived)) => continue,
                Some((_, Fate::Unviable)) => "does not compile",
                Some(_) => "is caught",
                None => "does not exist",
            };
            problems.push(format!("reason without a survivor, {package}: the mutant {is}: {id}"));
        }
    }
    problems
}

/// The whole page.
fn text_of(old: &str, reasons: &Reasons, found: &BTreeMap<&str, Vec<(String, Fate)>>, date: &str) -> String {
    let mut text = HEAD.to_owned() + COLUMNS;
    for name in PACKAGES {
        let Some(fates) = found.get(name) else {
            let row = old.lines().find(|line| line.starts_with(&format!("| {name} |")));
            row.into_iter().for_each(|row| text += &format!("{row}\n"));
            continue;
        };
        let count = |fate: Fate| fates.iter().filter(|(_, f)| *f == fate).count();
        let explained = |id: &String| reasons.get(name).is_some_and(|reasons| reasons.contains_key(id));
        let (unviable, caught, timed_out) = (count(Fate::Unviable), count(Fate::Caught), count(Fate::TimedOut));
        let equivalent = fates.iter().filter(|(id, fate)| *fate == Fate::Survived && explained(id)).count();
        let missed = count(Fate::Survived) - equivalent;
        let score = score(caught + timed_out, caught + timed_out + missed);
        let n = fates.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {n} | {unviable} | {caught} | {timed_out} | {missed} | {equivalent} | {score} | {date} |"
        );
    }
    if reasons.values().any(|reasons| !reasons.is_empty()) {
        text += "\n## Equivalent mutants\n\nEach with the changed part in « ».\n";
    }
    for (package, reasons) in reasons.iter().filter(|(_, reasons)| !reasons.is_empty()) {
        let _ = write!(text, "\n### {package}\n\n");
        for (id, reason) in reasons {
            // The mutant itself has code in single backticks.
            let _ = writeln!(text, "- `` {id} ``  \n  {reason}");
        }
    }
    text
}

/// In tenths of a percent, rounded down: 100 % is all of them.
fn score(caught: usize, of: usize) -> String {
    if of == 0 {
        return "–".into();
    }
    let tenths = 1000 * caught / of;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(list: &[(&str, &str)]) -> Reasons {
        let entries = list.iter().map(|(id, reason)| (id.to_string(), reason.to_string())).collect();
        Reasons::from([("layerwise-layers".to_owned(), entries)])
    }

    fn found(list: &[(&str, Fate)]) -> BTreeMap<&'static str, Vec<(String, Fate)>> {
        BTreeMap::from([("layerwise-layers", list.iter().map(|(id, fate)| (id.to_string(), *fate)).collect())])
    }

    #[test]
    fn reasons_and_survivors_belong_together() {
        let fates =
            found(&[("a \"x\"", Fate::Survived), ("b", Fate::Caught), ("c", Fate::Survived), ("d", Fate::Unviable)]);
        assert_eq!(
            problems(&reasons(&[("b", "r"), ("c", "r"), ("d", "r"), ("e", "r")]), &fates),
            [
                "survivor without a reason, layerwise-layers: \"a \\\"x\\\"\" = \"\"",
                "reason without a survivor, layerwise-layers: the mutant is caught: b",
                "reason without a survivor, layerwise-layers: the mutant does not compile: d",
                "reason without a survivor, layerwise-layers: the mutant does not exist: e",
            ]
        );
        // What was not run is not judged.
        assert_eq!(problems(&reasons(&[("e", "r")]), &BTreeMap::new()), [""; 0]);
        let other = Reasons::from([("other".to_owned(), BTreeMap::new())]);
        assert_eq!(problems(&other, &BTreeMap::new()), ["[other] should be a package whose mutants are tested"]);
    }

    #[test]
    fn rows_are_counted_and_old_ones_stay() {
        let old = "| layerwise-core | old |\n| layerwise-layers | old |\n| layerwise-gone | old |\n";
        let fates = found(&[
            ("a", Fate::Survived),
            ("b", Fate::Caught),
            ("c", Fate::Survived),
            ("d", Fate::Unviable),
            ("e", Fate::TimedOut),
        ]);
        let text = text_of(old, &reasons(&[("c", "same bits")]), &fates, "2026-01-02");
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| layerwise")).collect();
        assert_eq!(
            rows,
            ["| layerwise-core | old |", "| layerwise-layers | 5 | 1 | 1 | 1 | 1 | 1 | 66.6 % | 2026-01-02 |"]
        );
        assert!(text.ends_with("### layerwise-layers\n\n- `` c ``  \n  same bits\n"), "{text}");
        assert_eq!([score(0, 0), score(999_999, 1_000_000), score(3, 3)], ["–", "99.9 %", "100.0 %"]);
    }
}
