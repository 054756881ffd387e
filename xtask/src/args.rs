//! Command-line words of a task: `--help`, and options that take a value. Anything else is refused.

use std::collections::HashMap;

use crate::Trouble;

/// Whether a word without a value stands among the others, and the others.
///
/// Errors: it stands twice.
pub fn flag(words: &[String], name: &str) -> Result<(bool, Vec<String>), Trouble> {
    let rest: Vec<String> = words.iter().filter(|word| *word != name).cloned().collect();
    match words.len() - rest.len() {
        0 => Ok((false, rest)),
        1 => Ok((true, rest)),
        _ => Err(Trouble::Usage(format!("{name} should stand once, got it twice"))),
    }
}

/// The values of the options, by name; `None` if help was asked for, which is then printed.
///
/// Errors: an option that is not among `known`, stands twice or lacks its value.
pub fn parse<'a>(
    words: &'a [String],
    known: &[&'static str],
    help: &str,
) -> Result<Option<HashMap<&'static str, &'a str>>, Trouble> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{help}");
        return Ok(None);
    }
    let mut values = HashMap::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let Some(&option) = known.iter().find(|option| **option == name) else {
            let expected = if known.is_empty() { "none (or --help)".to_owned() } else { known.join(", ") };
            return Err(Trouble::Usage(format!("argument should be {expected}, got `{word}`")));
        };
        let value = match joined {
            Some(value) => value,
            None => match words.next() {
                Some(value) => value.as_str(),
                None => return Err(Trouble::Usage(format!("{option} should have a value, got nothing"))),
            },
        };
        if values.insert(option, value).is_some() {
            return Err(Trouble::Usage(format!("{option} should stand once, got it twice")));
        }
    }
    Ok(Some(values))
}

/// The number of an option, or its default.
///
/// Errors: text that is not a whole number of at least `least`.
pub fn number(values: &HashMap<&'static str, &str>, option: &str, default: u64, least: u64) -> Result<u64, Trouble> {
    let Some(&text) = values.get(option) else { return Ok(default) };
    match text.parse() {
        Ok(value) if value >= least => Ok(value),
        _ => Err(Trouble::Usage(format!("{option} should be a whole number of at least {least}, got `{text}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let got = match parse(&words, &["--seed", "--only"], "help") {
            Ok(None) => "help".to_owned(),
            Ok(Some(values)) => match number(&values, "--seed", 1, 0) {
                Ok(seed) => format!("{seed} {}", values.get("--only").unwrap_or(&"-")),
                Err(Trouble::Usage(problem) | Trouble::Failed(problem)) => problem,
            },
            Err(Trouble::Usage(problem) | Trouble::Failed(problem)) => problem,
        };
        assert_eq!(got, expected, "{line}");
    }

    #[test]
    fn options_are_read_and_the_rest_is_refused() {
        check("", "1 -");
        check("--seed 7 --only tanh", "7 tanh");
        check("--seed=7", "7 -");
        check("--only tanh --help", "help");
        check("--sead 7", "argument should be --seed, --only, got `--sead`");
        check("tanh", "argument should be --seed, --only, got `tanh`");
        check("--seed", "--seed should have a value, got nothing");
        check("--seed 1 --seed 2", "--seed should stand once, got it twice");
        check("--seed -1", "--seed should be a whole number of at least 0, got `-1`");
    }
}
