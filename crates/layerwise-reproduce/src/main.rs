//! Regenerates one classic: its page, without the title, on the output, its figures in a folder, progress on the error stream. Exit
//! status 1 if a criterion fails, 2 if it could not be done.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use layerwise_reproduce::{CLASSICS, Effort, Size, Trainings};

const HELP: &str = "\
Usage: layerwise-reproduce CLASSIC --keep FOLDER --figures FOLDER [--seeds N] [--workers N] [--quick]";

struct Options {
    classic: String,
    keep: PathBuf,
    figures: PathBuf,
    workers: usize,
    effort: Effort,
}

fn options(words: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut words, mut named) = (words, std::collections::HashMap::new());
    let (mut classic, mut size) = (None, Size::Whole);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--quick" => size = Size::Quick,
            "--keep" | "--figures" | "--seeds" | "--workers" => {
                let value = words.next().ok_or_else(|| format!("{word} should have a value, got nothing"))?;
                named.insert(word, value);
            }
            _ if classic.is_none() => classic = Some(word),
            _ => return Err(format!("argument should be an option, got `{word}`")),
        }
    }
    let number = |name: &str| match named.get(name).map(|text| (text, text.parse::<u64>())) {
        None => Ok(None),
        Some((_, Ok(n))) if n > 0 => Ok(Some(n)),
        Some((text, _)) => Err(format!("{name} should be a whole number of at least 1, got `{text}`")),
    };
    let folder = |name: &str| named.get(name).map(PathBuf::from).ok_or_else(|| format!("{name} should be given"));
    Ok(Options {
        classic: classic.ok_or("a classic should be given")?,
        keep: folder("--keep")?,
        figures: folder("--figures")?,
        workers: number("--workers")?.unwrap_or(2) as usize,
        effort: Effort { size, seeds: number("--seeds")? },
    })
}

/// Whether all criteria hold.
fn run(options: &Options) -> Result<bool, String> {
    let found = CLASSICS.iter().find(|(name, ..)| *name == options.classic);
    let Some((name, _, classic)) = found else {
        let names: Vec<&str> = CLASSICS.iter().map(|(name, ..)| *name).collect();
        return Err(format!("classic should be {}, got `{}`", names.join(" or "), options.classic));
    };
    let folder = options.keep.join(options.effort.size.pick("quick", "whole")).join(name);
    let trainings = Trainings { folder, workers: options.workers };
    let results = classic(&trainings, options.effort)?;
    let write = |folder: &Path, file: &str, text: &str| {
        let path = folder.join(file);
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    std::fs::create_dir_all(&options.figures).map_err(|e| format!("{}: {e}", options.figures.display()))?;
    for (file, svg) in &results.figures {
        write(&options.figures, file, svg)?;
    }
    let minutes = results.seconds / 60.0;
    println!("Time on a processor, all trainings together: {minutes:.1} min; on two cores half of it.\n");
    println!("{}", results.page());
    Ok(results.hold())
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("layerwise-reproduce: {problem}\n{HELP}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_the_rest_is_refused() {
        let read = |line: &str| match options(line.split(' ').map(str::to_owned)) {
            Ok(Options { classic, keep, workers, effort, .. }) => {
                format!("{classic} {} {workers} {:?} {:?}", keep.display(), effort.size, effort.seeds)
            }
            Err(problem) => problem,
        };
        assert_eq!(read("a --keep b --figures c"), "a b 2 Whole None");
        assert_eq!(read("--quick --seeds 3 a --keep b --figures c --workers 1"), "a b 1 Quick Some(3)");
        assert_eq!(read("a --keep b"), "--figures should be given");
        assert_eq!(read("--keep b --figures c"), "a classic should be given");
        assert_eq!(read("a b"), "argument should be an option, got `b`");
        assert_eq!(read("a --seeds"), "--seeds should have a value, got nothing");
        assert_eq!(read("a --keep b --figures c --seeds 0"), "--seeds should be a whole number of at least 1, got `0`");
    }
}
