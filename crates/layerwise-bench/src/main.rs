//! The worker of `cargo xtask bench --peers`: does our jobs on so many threads, asked on standard input (see [`worker`]).
//!
//! `layerwise-bench --threads N`, or `layerwise-bench export SET FOLDER` to write a data set for the peers, or
//! `layerwise-bench count NAME` to do the work of a name whose instructions are counted.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use layerwise_bench::{counted, export, prepare, worker};
use layerwise_tensor::{simd, team::Team};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["export", set, folder] => export(set, Path::new(folder)),
        ["count", name] => counted::count(name),
        _ => work(worker::threads()).map_err(|e| e.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("layerwise-bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn work(threads: usize) -> std::io::Result<()> {
    let name = format!("layerwise {} ({:?})", env!("CARGO_PKG_VERSION"), simd::level());
    Team::new(threads)?.install(|| worker::serve(&name, prepare))
}
