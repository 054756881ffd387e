//! The tasks of the workspace: `cargo xtask TASK`.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod budget;
mod ci;
mod date;
mod gradcheck;
mod instructions;
mod machine;
mod mutants;
mod ranks;
mod reproduce;
mod shell;
mod site;
mod source;
mod theory;
mod tidy;
mod tools;
mod ulp;

use std::process::ExitCode;

const HELP: &str = "\
Tasks of the workspace.

Usage: cargo xtask TASK [OPTIONS]

Tasks:
  gradcheck     Check every derivative: all catalogs and a few whole networks
  tidy          Check the rules of the house: arrows between crates, file heads, unsafe, catalogs
  bench         Time layerwise, alone or beside other libraries
  instructions  Count the instructions of hot kernels against the committed counts
  budget        Count the packages that a crate pulls in, and time first builds, against limits
  docs          Build book and API documentation as one site in target/site
  mutants       Change the code, one place at a time, and report what no test notices (hours)
  reproduce     Regenerate a classic result, with the published values beside ours (an hour)
  theory        Measure what the theory has formulas for (minutes)
  ulp           Measure the elementary functions: errors over all numbers of f32, and what a number costs (minutes)
  ci            Everything but the tests: format, lints, tidy, gradcheck, docs, budget, instructions

`cargo xtask TASK --help` tells more.";

/// How a task ends that did not succeed.
pub enum Trouble {
    /// The command line is wrong: exit status 2.
    Usage(String),
    /// Something does not hold: exit status 1.
    Failed(String),
}

impl From<std::io::Error> for Trouble {
    fn from(e: std::io::Error) -> Self {
        Trouble::Failed(e.to_string())
    }
}

impl From<String> for Trouble {
    fn from(problem: String) -> Self {
        Trouble::Failed(problem)
    }
}

/// A reader that has seen enough (`| head`) ends the task, without a trace of the stack.
fn end_quietly_on_a_closed_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|text| text.starts_with("failed printing to stdout")) {
            std::process::exit(141);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    end_quietly_on_a_closed_pipe();
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let words: Vec<String> = words.collect();
    let result = match task.as_str() {
        "gradcheck" => gradcheck::main(&words),
        "tidy" => tidy::main(&words),
        "bench" => bench::main(&words),
        "instructions" => instructions::main(&words),
        "budget" => budget::main(&words),
        "docs" => site::main(&words),
        "mutants" => mutants::main(&words),
        "reproduce" => reproduce::main(&words),
        "theory" => theory::main(&words),
        "ulp" => ulp::main(&words),
        "ci" => ci::main(&words),
        "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(())
        }
        "" => Err(Trouble::Usage("a task is missing; see `cargo xtask --help`".into())),
        other => Err(Trouble::Usage(format!(
            "task should be gradcheck, tidy, bench, instructions, budget, docs, mutants, reproduce, theory, ulp or ci, got \
             `{other}`; see `cargo xtask --help`"
        ))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Trouble::Failed(problem)) => {
            eprintln!("xtask {task}: {problem}");
            ExitCode::from(1)
        }
        Err(Trouble::Usage(problem)) => {
            eprintln!("xtask: {problem}");
            ExitCode::from(2)
        }
    }
}
