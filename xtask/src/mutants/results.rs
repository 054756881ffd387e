//! Mutants by what they change, and what became of them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::Trouble;
use crate::shell::root;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The compiler refuses it.
    Unviable,
    /// A test fails.
    Caught,
    /// The tests do not end.
    TimedOut,
    /// All tests pass.
    Survived,
}

/// A mutant of a list.
#[derive(Debug)]
pub struct Mutant {
    /// Its name with its position, unique in the list.
    pub name: String,
    /// The file, from the top of the workspace.
    pub file: String,
    /// What it changes, without the position, which moves with every edit:
    /// ``src/skip.rs: replace == with != in <impl Layer for Skip>::plan: `if self.back «==» 0 {` ``. Unique too: the second of
    /// the same name ends in ` (2)`.
    pub id: String,
}

/// The mutants of a package, from `cargo mutants --list --json`.
///
/// Errors: the list is written in another way, or a file cannot be read.
pub fn list(text: &str, package: &str) -> Result<Vec<Mutant>, Trouble> {
    let list: Vec<Value> = serde_json::from_str(text).map_err(|e| format!("list of the mutants of {package}: {e}"))?;
    let mut sources = BTreeMap::new();
    let mut seen = BTreeMap::new();
    let mut mutants = Vec::new();
    for entry in list {
        let strange = || Trouble::Failed(format!("cargo-mutants should list name, file and span, got {entry}"));
        let name = entry["name"].as_str().ok_or_else(strange)?;
        let file = entry["file"].as_str().ok_or_else(strange)?;
        if !sources.contains_key(file) {
            sources.insert(file.to_owned(), fs::read_to_string(root().join(file)).map_err(|e| format!("{file}: {e}"))?);
        }
        let short = file.strip_prefix(&format!("crates/{package}/")).unwrap_or(file);
        let span = |end: &str, axis: &str| entry["span"][end][axis].as_u64().map(|n| n as usize).ok_or_else(strange);
        let (start, end) =
            ((span("start", "line")?, span("start", "column")?), (span("end", "line")?, span("end", "column")?));
        // `file:line:column: what`.
        let what = name.splitn(4, ':').nth(3).ok_or_else(strange)?.trim();
        let place = if entry["genre"] == "FnValue" { None } else { marked(&sources[file], start, end) };
        let mut id = format!("{short}: {what}") + &place.map(|place| format!(": `{place}`")).unwrap_or_default();
        let count = seen.entry(id.clone()).and_modify(|n| *n += 1).or_insert(1);
        if *count > 1 {
            id += &format!(" ({count})");
        }
        mutants.push(Mutant { name: name.to_owned(), file: file.to_owned(), id });
    }
    Ok(mutants)
}

/// The line of a change, with the changed part in `«»`; `None` if it goes over several lines. Lines and columns are from 1.
fn marked(text: &str, start: (usize, usize), end: (usize, usize)) -> Option<String> {
    let line: Vec<char> = text.lines().nth(start.0.checked_sub(1)?)?.chars().collect();
    let (from, to) = (start.1.checked_sub(1)?, end.1.checked_sub(1)?);
    if start.0 != end.0 || from > to || to > line.len() {
        return None;
    }
    let piece = |from: usize, to: usize| line[from..to].iter().collect::<String>();
    let marked = format!("{}«{}»{}", piece(0, from), piece(from, to), piece(to, line.len()));
    Some(marked.trim().to_owned())
}

/// The words of cargo-mutants that choose the mutants of these names.
pub fn only<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.flat_map(|name| ["--re".to_owned(), format!("^{}$", literally(name))]).collect()
}

/// A regular expression that matches this text alone.
fn literally(text: &str) -> String {
    let mut expression = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            expression.push('\\');
        }
        expression.push(c);
    }
    expression
}

/// What is kept of `outcomes.json`: a table from names to fates.
///
/// Errors: it is written in another way, or a mutant has no fate.
pub fn fates(outcomes: &str) -> Result<String, Trouble> {
    let outcomes: Value = serde_json::from_str(outcomes).map_err(|e| format!("outcomes.json: {e}"))?;
    let list =
        outcomes["outcomes"].as_array().ok_or("outcomes.json should have a list of outcomes, got none".to_owned())?;
    let mut fates = serde_json::Map::new();
    for outcome in list {
        let Some(name) = outcome["scenario"]["Mutant"]["name"].as_str() else { continue };
        fate(&outcome["summary"]).ok_or_else(|| format!("{name}: {} is no fate of a mutant", outcome["summary"]))?;
        fates.insert(name.to_owned(), outcome["summary"].clone());
    }
    Ok(format!("{:#}\n", Value::Object(fates)))
}

fn fate(text: &Value) -> Option<Fate> {
    let text = text.as_str()?;
    [Fate::Unviable, Fate::Caught, Fate::TimedOut, Fate::Survived].into_iter().find(|fate| summary(*fate) == text)
}

/// What cargo-mutants calls it.
pub fn summary(fate: Fate) -> &'static str {
    match fate {
        Fate::Unviable => "Unviable",
        Fate::Caught => "CaughtMutant",
        Fate::TimedOut => "Timeout",
        Fate::Survived => "MissedMutant",
    }
}

/// The fates of all mutants of a list, in its order, from the results of its shards; where one has two fates, the later one.
///
/// Errors: a mutant is in none of them.
pub fn merge(list: &[Mutant], shards: &[String]) -> Result<Vec<(String, Fate)>, Trouble> {
    let mut fates = serde_json::Map::new();
    for shard in shards {
        let shard: serde_json::Map<_, _> =
            serde_json::from_str(shard).map_err(|e| format!("results of a shard: {e}"))?;
        fates.extend(shard);
    }
    let of = |mutant: &Mutant| {
        let fate = fates.get(&mutant.name).and_then(fate);
        Ok((mutant.id.clone(), fate.ok_or(format!("{}: should have a result, got none", mutant.name))?))
    };
    list.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mutant_is_named_by_what_it_changes() {
        let text = "//! S.\nfn f() {\n    let π = a * b;\n}\n";
        assert_eq!(marked(text, (3, 15), (3, 16)).as_deref(), Some("let π = a «*» b;"));
        for (start, end) in [((3, 15), (4, 1)), ((3, 15), (3, 40)), ((9, 1), (9, 2)), ((3, 0), (3, 1))] {
            assert_eq!(marked(text, start, end), None);
        }
        let entry = |line: usize, genre: &str, what: &str| {
            let file = "xtask/src/mutants/results.rs";
            let at = |column: usize| json!({"line": line, "column": column});
            json!({"name": format!("{file}:{line}:1: {what}"), "file": file, "genre": genre, "span": {"start": at(1), "end": at(4)}})
        };
        let entries = json!([
            entry(1, "BinaryOperator", "replace ! with a::b in f"),
            entry(2, "FnValue", "replace f with ()"),
            entry(2, "FnValue", "replace f with ()"),
        ]);
        let ids: Vec<String> = list(&entries.to_string(), "x").ok().unwrap().into_iter().map(|m| m.id).collect();
        let file = "xtask/src/mutants/results.rs";
        assert_eq!(
            ids[0],
            format!("{file}: replace ! with a::b in f: `«//!» Mutants by what they change, and what became of them.`")
        );
        assert_eq!(ids[1..], [format!("{file}: replace f with ()"), format!("{file}: replace f with () (2)")]);
        assert!(list("[{}]", "x").is_err());
    }

    #[test]
    fn mutants_are_chosen_by_name() {
        let names = ["src/a.rs:1:2: replace * with + in <impl A for B<'_>>::c", "d"];
        let expected = ["--re", r"^src/a\.rs:1:2: replace \* with \+ in <impl A for B<'_>>::c$", "--re", "^d$"];
        assert_eq!(only(names.into_iter()), expected);
    }

    #[test]
    fn shards_are_merged_and_none_may_lack() {
        let outcome = |name: &str, summary: &str| json!({"scenario": {"Mutant": {"name": name}}, "summary": summary});
        let baseline = json!({"scenario": "Baseline", "summary": "Success"});
        let outcomes = |list: Value| fates(&json!({ "outcomes": list }).to_string());
        let first = outcomes(json!([baseline, outcome("a", "MissedMutant"), outcome("b", "Timeout")])).ok().unwrap();
        let second = outcomes(json!([outcome("c", "Unviable"), outcome("d", "CaughtMutant")])).ok().unwrap();
        assert!(outcomes(json!([outcome("a", "Failure")])).is_err());
        let mutants =
            ["d", "a", "b", "c"].map(|name| Mutant { name: name.into(), file: String::new(), id: name.to_uppercase() });
        let merged = merge(&mutants, &[first.clone(), second]).ok().unwrap();
        let expected = [("D", Fate::Caught), ("A", Fate::Survived), ("B", Fate::TimedOut), ("C", Fate::Unviable)];
        assert_eq!(merged, expected.map(|(id, fate)| (id.to_owned(), fate)));
        let again = outcomes(json!([outcome("a", "CaughtMutant")])).ok().unwrap();
        assert_eq!(merge(&mutants[1..2], &[first.clone(), again]).ok().unwrap(), [("A".to_owned(), Fate::Caught)]);
        assert!(merge(&mutants, &[first]).is_err());
    }
}
