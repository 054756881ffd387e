//! `cargo xtask gradcheck`: every component of every catalog, every link, and whole networks, by `layerwise-gradcheck`.

mod components;
mod contracted;
mod implementors;
mod networks;
mod pretraining;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use layerwise_gradcheck::{Fate, GATE, Gradcheck, Report, SECOND, Scope};
use serde_json::{Value, json};

use crate::{Trouble, args};
use components::Item;

const HELP: &str = "\
Checks every derivative: all activations, layers, losses and regularizers of the catalogs, every link of an optimizer, and whole
networks, first and second order, against oracles that never call the component's own backward pass; and plants faults into
each, all of which must be found. One line each; a failure is shown with the smallest numbers that show it.

Usage: cargo xtask gradcheck [--only NAME] [--seed S] [--cases N] [--thorough] [--soak N] [--json FILE] [--replay CASE]

  --only NAME    Only the component of this name, or all whose name contains NAME
  --seed S       The seed of every random number (1)
  --cases N      Cases a component: shapes with numbers (256)
  --thorough     4096 cases a component; what planted faults are found by is shrunk and replayed too
  --soak N       With seed S, S + 1, …, until N evaluations of a check on a case were made; without planted faults
  --json FILE    Writes everything that was found
  --replay CASE  Runs one case again, as a failure printed it; with --only

cases      shapes with numbers; each check of the family runs on each of them that it says something about
worst ulp  largest error of a gradient, in units in the last place of the largest gradient of its case; at most 256
of bound   largest error over what rounding can do, by running error analysis; at most 1
second     largest error of a second derivative, relative to the largest of its case; at most 1e-12
kinks      numbers visited that lie exactly on a kink
faults     planted faults that were found / that changed a number";

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let (thorough, words) = args::flag(words, "--thorough")?;
    let options = ["--only", "--seed", "--cases", "--soak", "--json", "--replay"];
    let Some(values) = args::parse(&words, &options, HELP)? else { return Ok(()) };
    let default = if thorough { 4096 } else { 256 };
    let mut settings = Gradcheck::default();
    settings.seed = args::number(&values, "--seed", 1, 0)?;
    settings.cases = args::number(&values, "--cases", default, 1)? as usize;
    settings.counterexamples = thorough;
    settings.replay = values.get("--replay").map(|case| (*case).to_owned());
    let only = values.get("--only").copied().unwrap_or_default();
    let all = components::all();
    let exact = all.iter().any(|item| item.name == only);
    let items: Vec<Item> =
        all.into_iter().filter(|item| if exact { item.name == only } else { item.name.contains(only) }).collect();
    if items.is_empty() {
        return Err(Trouble::Usage(format!("--only should be part of a component's name, got `{only}`")));
    }
    if settings.replay.is_some() && items.len() > 1 {
        return Err(Trouble::Usage(format!("--replay should go with the name of one component, got {}", items.len())));
    }
    if values.contains_key("--soak") {
        return soak(&items, settings, args::number(&values, "--soak", 0, 1)? as usize);
    }
    // A file that cannot be written is found before the work.
    let json = values.get("--json").copied();
    if let Some(path) = json {
        std::fs::write(path, "").map_err(|e| Trouble::Usage(format!("--json: {path}: {e}")))?;
    }
    let whole = only.is_empty() && settings.replay.is_none();
    let mut problems = if whole { implementors::problems(&registered(&items))? } else { Vec::new() };
    let complete = problems.is_empty();
    let start = Instant::now();
    println!(
        "seed {}\n{:<12} {:<34} {:>6} {:>9} {:>8} {:>8} {:>6} {:>7} {:>8}",
        settings.seed, "family", "component", "cases", "worst ulp", "of bound", "second", "kinks", "faults", "seconds"
    );
    let mut reports = run(&items, &settings, print);
    if settings.replay.is_none() {
        instruction_sets(&items, &settings, &mut reports);
    }
    let unread = reports.iter().filter_map(|report| report.failure.as_ref()).find(|failure| failure.check == "replay");
    if let Some(failure) = unread {
        return Err(Trouble::Usage(format!("--replay: it should hold that {}", failure.coordinate)));
    }
    problems.extend(reports.iter().filter(|report| !report.passed()).map(|report| failure(report, &settings)));
    let seconds = start.elapsed().as_secs_f64();
    if let Some(path) = json {
        let text =
            serde_json::to_string_pretty(&summary(&reports, settings.seed, seconds)).map_err(|e| e.to_string())?;
        std::fs::write(path, text + "\n").map_err(|e| format!("{path}: {e}"))?;
    }
    for problem in &problems {
        println!("\n{problem}");
    }
    let (run, applicable, refused) = cells(&reports);
    let (planted, caught): (usize, usize) =
        (reports.iter().map(Report::planted).sum(), reports.iter().map(Report::caught).sum());
    println!(
        "\ngradcheck: {} components{}; cells {run} of {applicable} applicable run, {refused} refused with a reason; saboteurs \
         {caught} of {planted} caught ({} kinds); {} evaluations; worst {:.1} ulp, {:.3} of the bound, second order {:.1e}; seed \
         {}; {seconds:.1} s: {}",
        reports.len(),
        if whole && complete { ", every implementor among them" } else { "" },
        kinds(&reports),
        reports.iter().map(|r| r.evaluations).sum::<usize>(),
        worst(&reports, |r| r.worst_ulp),
        worst(&reports, |r| r.worst_ratio),
        worst(&reports, |r| r.second_order.unwrap_or(0.0)),
        settings.seed,
        if problems.is_empty() { "all passed".to_owned() } else { format!("{} FAILED", problems.len()) }
    );
    if let Some((n, median, worst, replayed)) = counterexamples(&reports) {
        println!(
            "counterexamples of {n} planted faults: {median} numbers that are neither 0 nor 1 in the median, {worst} at most; \
             {replayed} fail again when replayed"
        );
    }
    match problems.len() {
        0 => Ok(()),
        n => Err(Trouble::Failed(format!("{n} problem(s) in {} components", items.len()))),
    }
}

fn worst(reports: &[Report], of: fn(&Report) -> f64) -> f64 {
    reports.iter().map(of).fold(0.0, f64::max)
}

/// Looks for false alarms: one line a seed.
fn soak(items: &[Item], mut settings: Gradcheck, enough: usize) -> Result<(), Trouble> {
    settings.saboteurs = false;
    let (mut evaluations, first, start) = (0, settings.seed, Instant::now());
    let (mut ulp, mut ratio, mut second, mut redrawn) = (0.0f64, 0.0f64, 0.0f64, 0);
    while evaluations < enough {
        let reports = run(items, &settings, |_| ());
        if let Some(report) = reports.iter().find(|report| !report.passed()) {
            println!("{}", failure(report, &settings));
            return Err(Trouble::Failed(format!(
                "an alarm after {evaluations} evaluations, with seed {}",
                settings.seed
            )));
        }
        evaluations += reports.iter().map(|r| r.evaluations).sum::<usize>();
        redrawn += reports.iter().map(|r| r.redrawn).sum::<usize>();
        ulp = ulp.max(worst(&reports, |r| r.worst_ulp));
        ratio = ratio.max(worst(&reports, |r| r.worst_ratio));
        second = second.max(worst(&reports, |r| r.second_order.unwrap_or(0.0)));
        println!(
            "seed {}: {evaluations} evaluations, {redrawn} redrawn, worst {ulp:.1} ulp, {ratio:.3} of the bound, second order \
             {second:.1e}, {:.0} s",
            settings.seed,
            start.elapsed().as_secs_f64()
        );
        settings.seed += 1;
    }
    println!("soak: {evaluations} evaluations over seeds {first} to {}: no alarm", settings.seed - 1);
    Ok(())
}

/// Implementors that tests of their own package check against an exact oracle, with the reason why there is no case here.
const ELSEWHERE: [((&str, &str), &str); 1] = [(("Objective", "Watched"), "passes everything on to `Supervised`")];

/// The traits and types that have a case, here or elsewhere.
fn registered(items: &[Item]) -> Vec<(&'static str, String)> {
    let here = items.iter().flat_map(|item| &item.covers).copied();
    here.chain(ELSEWHERE.map(|(what, _)| what)).map(|(kind, ty)| (kind, ty.to_owned())).collect()
}

/// All components, on all cores; told one by one in their order.
fn run(items: &[Item], settings: &Gradcheck, tell: fn(&Report)) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(items.len()) {
            let (next, send) = (&next, send.clone());
            scope.spawn(move || {
                while let Some((i, item)) = items.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = (item.check)(&settings.clone().name(item.name.clone()));
                    // Nobody listens any more only if the program ends.
                    let _ = send.send((i, report));
                }
            });
        }
        drop(send);
        let mut waiting = BTreeMap::new();
        let mut reports = Vec::new();
        for (i, report) in receive {
            waiting.insert(i, report);
            while let Some(report) = waiting.remove(&reports.len()) {
                tell(&report);
                reports.push(report);
            }
        }
        reports
    })
}

/// The check that nothing may run beside.
fn instruction_sets(items: &[Item], settings: &Gradcheck, reports: &mut [Report]) {
    for (item, report) in items.iter().zip(reports).filter(|(_, report)| report.passed()) {
        let mut alone = settings.clone().name(item.name.clone());
        alone.scope = Scope::InstructionSets;
        report.absorb((item.check)(&alone));
    }
}

fn print(report: &Report) {
    println!(
        "{:<12} {:<34} {:>6} {:>9.2} {:>8.3} {:>8} {:>6} {:>7} {:>8.2}{}",
        report.family,
        report.component,
        report.cases,
        report.worst_ulp,
        report.worst_ratio,
        report.second_order.map_or_else(|| "-".to_owned(), |second| format!("{second:.1e}")),
        report.kinks,
        format!("{}/{}", report.caught(), report.planted()),
        report.seconds,
        if report.passed() { "" } else { "  FAILED" }
    );
}

/// A failure with the line that replays it.
fn failure(report: &Report, settings: &Gradcheck) -> String {
    let name = &report.component;
    let Some(failure) = &report.failure else { return format!("{name}: checks run should be at least 1, got 0") };
    let quoted = if name.contains(['(', ' ', '[']) { format!("'{name}'") } else { name.clone() };
    let again = if failure.replay.is_empty() {
        format!("cargo xtask gradcheck --only {quoted} --seed {} --cases {}", settings.seed, settings.cases)
    } else {
        format!("cargo xtask gradcheck --only {quoted} --replay {}", failure.replay)
    };
    format!("{failure}\n  again       {again}")
}

/// How small counterexamples get: (how many, median and largest number of numbers that are neither 0 nor 1, how many replay).
fn counterexamples(reports: &[Report]) -> Option<(usize, usize, usize, usize)> {
    let found = reports.iter().flat_map(|r| &r.saboteurs).filter_map(|s| s.counterexample);
    let mut efforts: Vec<usize> = found.clone().map(|(effort, _)| effort).collect();
    efforts.sort_unstable();
    let replayed = found.filter(|(_, replays)| *replays).count();
    Some((efforts.len(), *efforts.get(efforts.len() / 2)?, *efforts.last()?, replayed))
}

/// (run, applicable, refused).
fn cells(reports: &[Report]) -> (usize, usize, usize) {
    let all = || reports.iter().flat_map(|report| &report.cells);
    let run = all().filter(|cell| cell.run > 0).count();
    let refused = all().filter(|cell| cell.run == 0 && cell.refused.is_some()).count();
    (run, all().count() - refused, refused)
}

/// Kinds of faults that changed a number somewhere.
fn kinds(reports: &[Report]) -> usize {
    let felt = reports.iter().flat_map(|report| &report.saboteurs).filter(|s| s.fate != Fate::NoEffect);
    felt.map(|s| &s.fault).collect::<std::collections::BTreeSet<_>>().len()
}

fn summary(reports: &[Report], seed: u64, seconds: f64) -> Value {
    let component = |r: &Report| {
        json!({
            "name": r.component,
            "family": r.family,
            "passed": r.passed(),
            "cases": r.cases,
            "evaluations": r.evaluations,
            "redrawn": r.redrawn,
            "worst_ulp": r.worst_ulp,
            "worst_ratio": r.worst_ratio,
            "second_order": r.second_order,
            "kinks": r.kinks,
            "seconds": r.seconds,
            "saboteurs": { "planted": r.planted(), "caught": r.caught() },
            "checks": r.cells.iter().map(|c| json!({ "name": c.check, "law": c.law, "run": c.run, "refused": c.refused }))
                .collect::<Vec<_>>(),
            "failure": r.failure.as_ref().map(|f| json!({
                "check": f.check, "law": f.law, "shape": f.shape, "input": f.input, "coordinate": f.coordinate,
                "expected": number(f.expected), "got": number(f.got), "bound": number(f.bound), "replay": f.replay,
            })),
        })
    };
    let refused: Vec<Value> = reports
        .iter()
        .flat_map(|r| r.cells.iter().map(move |c| (r, c)))
        .filter(|(_, c)| c.run == 0)
        .filter_map(|(r, c)| c.refused.map(|why| json!({ "component": r.component, "check": c.check, "reason": why })))
        .collect();
    let mut caught_by: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for saboteur in reports.iter().flat_map(|r| &r.saboteurs) {
        if let Fate::Caught(check) = saboteur.fate {
            *caught_by.entry(&saboteur.fault).or_default().entry(check).or_default() += 1;
        }
    }
    let (run, applicable, _) = cells(reports);
    json!({
        "components": reports.iter().map(component).collect::<Vec<_>>(),
        "cells": { "run": run, "applicable": applicable, "refused": refused },
        "saboteurs": {
            "planted": reports.iter().map(Report::planted).sum::<usize>(),
            "caught": reports.iter().map(Report::caught).sum::<usize>(),
            "kinds": kinds(reports),
            "caught_by": caught_by,
            "counterexamples": counterexamples(reports).map(|(n, median, worst, replayed)| {
                json!({ "shrunk": n, "median": median, "worst": worst, "replayed": replayed })
            }),
        },
        "gates": { "ulp": GATE, "ratio": 1.0, "second_order": SECOND },
        "seconds": seconds,
        "seed": seed,
    })
}

/// JSON has no NaN and no infinities.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!(x.to_string()) }
}
