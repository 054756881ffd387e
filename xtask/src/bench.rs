//! `cargo xtask bench`: how fast it is, alone (criterion) or beside other libraries (interleaved in one run).

mod cells;
mod growth;
mod page;
mod results;
mod statistics;
mod workers;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use self::cells::{Cell, Contestant, OWN, cells, models};
use self::results::{Head, Results, Row, Times, write_whole};
use self::workers::{Kind, Place, Worker, used_by_all};
use crate::date::today;
use crate::shell::{cargo, output, program, root, run, target_folder};
use crate::{Trouble, args};

const HELP: &str = "\
Without --peers: the criterion benchmarks of layerwise-bench, those whose name contains the word of --only.

With --peers: times layerwise beside PyTorch, JAX, scikit-learn, ONNX Runtime (from PyPI), candle, burn and tract (from
crates.io), which are built once into target/bench. Everybody is a process of its own; in each round everybody works once,
one after the other, on the same jobs. Writes docs/results/performance.json and docs/results/performance.md; rows that were
not measured stay as they are. The machine should have nothing else to do: about 25 minutes.

With --growth: how time and memory grow with the size of a net; `cargo xtask bench --growth --help` tells more.

Usage: cargo xtask bench [--peers] [--only WORD[,WORD…]] [--rounds N] [--seconds S] [--threads N[,N…]]
       cargo xtask bench --growth [OPTIONS]

  --peers        Beside other libraries; the options below --only are for this
  --only WORDS   Only these kinds (products, train, infer, curvature, fit) or nets (a, b, c, d, square)
  --rounds N     Rounds (5; 3 at most for fit)
  --seconds S    How long one works in a round (0.3)
  --threads N    Numbers of threads (1,2)";

/// Between two workers: who waits actively after a job (OpenMP, BLAS) has given up by then.
const PAUSE: Duration = Duration::from_millis(50);

/// Whole trainings are long, and average by themselves.
const ROUNDS_OF_FIT: u64 = 3;

/// Above this use of the processor by others, in cores, times are doubtful.
const QUIET: f64 = 0.05;

struct Options {
    only: Option<String>,
    rounds: u64,
    seconds: f64,
    threads: Vec<usize>,
}

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let (growth, words) = args::flag(words, "--growth")?;
    if growth {
        return growth::main(&words);
    }
    let (peers, words) = args::flag(&words, "--peers")?;
    let Some(values) = args::parse(&words, &["--only", "--rounds", "--seconds", "--threads"], HELP)? else {
        return Ok(());
    };
    let only = values.get("--only").map(|word| word.to_string());
    if !peers {
        if values.keys().any(|name| *name != "--only") {
            return Err(Trouble::Usage("--rounds, --seconds and --threads should go with --peers".into()));
        }
        return run(cargo().args(["bench", "--package", "layerwise-bench", "--"]).args(only));
    }
    let threads = threads(values.get("--threads").copied().unwrap_or("1,2"))?;
    let (rounds, seconds) = (args::number(&values, "--rounds", 5, 1)?, seconds(&values, "0.3")?);
    compare(&Options { only, rounds, seconds, threads })
}

/// The number of `--seconds`.
fn seconds(values: &HashMap<&'static str, &str>, default: &str) -> Result<f64, Trouble> {
    let text = values.get("--seconds").copied().unwrap_or(default);
    let seconds = text.parse().ok().filter(|s| (0.01..=60.0).contains(s));
    seconds.ok_or_else(|| Trouble::Usage(format!("--seconds should be a number from 0.01 to 60, got `{text}`")))
}

/// `1,2` as numbers.
fn threads(text: &str) -> Result<Vec<usize>, Trouble> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let number = |word: &str| word.parse().ok().filter(|n| (1..=cores).contains(n));
    text.split(',').map(number).collect::<Option<_>>().ok_or_else(|| {
        Trouble::Usage(format!("--threads should be numbers from 1 to {cores}, the number of cores, got `{text}`"))
    })
}

fn compare(options: &Options) -> Result<(), Trouble> {
    let target = target_folder()?;
    let place = Place::new(&target)?;
    let _lock = alone(&place)?;
    let data = place.folder.join("data");
    let mut cells = cells(&data.to_string_lossy());
    if let Some(only) = &options.only {
        cells.retain(|cell| cell.matches(only));
        if cells.is_empty() {
            return Err(Trouble::Usage(format!("--only should be kinds or nets, got `{only}`; see --help")));
        }
    }
    let wanted: BTreeSet<Kind> = cells.iter().flat_map(|cell| cell.contestants.iter().map(|c| c.worker)).collect();
    let able = build_all(&place, &wanted)?;
    place.write_data(&target, &models(), able.contains(&Kind::OnnxRuntime))?;

    let folder = root().join("docs/results");
    let path = folder.join("performance.json");
    let mut results = Results::read(&path)?;
    let start = Instant::now();
    for &threads in &options.threads {
        let mut workers = start_all(&place, &able, &target, threads)?;
        let names: Vec<&str> = workers.iter().map(|worker| worker.name.as_str()).collect();
        println!("\n{threads} thread(s): {}", names.join(", "));
        update(&mut results.head, &workers);
        for cell in &cells {
            let Some(row) = measure(cell, &mut workers, threads, options) else {
                println!("{} {} {}: no time of ours", cell.kind, cell.net, cell.case);
                continue;
            };
            println!("{}", page::line(&row));
            if let Some(cores) = row.foreign_use.filter(|cores| *cores > QUIET) {
                println!("  doubtful: other processes used {cores:.2} cores meanwhile");
            }
            results.put(row);
            // After each cell: a run that is stopped keeps what it has, and whole files.
            results.write(&path)?;
            write_whole(&folder.join("performance.md"), &page::text(&results))?;
        }
    }
    println!("{:.0} minutes; wrote {}", start.elapsed().as_secs_f64() / 60.0, folder.display());
    Ok(())
}

/// The lock of those who measure.
///
/// Errors: somebody has it.
fn alone(place: &Place) -> Result<fs::File, Trouble> {
    let lock = fs::File::create(place.folder.join("lock"))?;
    lock.try_lock().map_err(|_| "another comparison is at work here: they would disturb each other".to_owned())?;
    Ok(lock)
}

/// Everybody who can be built. Who cannot is left out, but for ours.
fn build_all(place: &Place, wanted: &BTreeSet<Kind>) -> Result<Vec<Kind>, Trouble> {
    let mut able = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| wanted.contains(kind)) {
        match place.build(kind) {
            Ok(()) => able.push(kind),
            Err(Trouble::Failed(problem) | Trouble::Usage(problem)) if kind != Kind::Layerwise => {
                println!("{kind:?} is left out: {problem}");
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(able)
}

/// Everybody who starts. Who does not is left out, but for ours.
fn start_all(place: &Place, able: &[Kind], target: &Path, threads: usize) -> Result<Vec<Worker>, Trouble> {
    let mut workers = Vec::new();
    for &kind in able {
        match place.start(kind, target, threads) {
            Ok(worker) => workers.push(worker),
            Err(Trouble::Failed(problem) | Trouble::Usage(problem)) if kind != Kind::Layerwise => {
                println!("{kind:?} is left out: {problem}");
            }
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(workers)
}

/// What is known of the machine and of those who work on it.
fn update(head: &mut Head, workers: &[Worker]) {
    head.processor = crate::machine::processor();
    head.cores = crate::machine::cores();
    head.system = output(program("uname").args(["-s", "-m"])).unwrap_or_default().trim().to_owned();
    head.compiler = output(program("rustc").arg("--version")).unwrap_or_default().trim().to_owned();
    for worker in workers {
        head.versions.insert(format!("{:?}", worker.kind), worker.name.clone());
    }
}

/// One cell.
fn measure(cell: &Cell, workers: &mut [Worker], threads: usize, options: &Options) -> Option<Row> {
    let rounds = if cell.kind == "fit" { options.rounds.min(ROUNDS_OF_FIT) } else { options.rounds };
    let (times, use_of) = interleaved(&cell.contestants, workers, rounds, options.seconds);
    let row = Row::new([cell.kind, &cell.net, &cell.case], threads, &today(), &times)?;
    Some(Row { idle_use: use_of.share(use_of.idle), foreign_use: use_of.share(use_of.foreign), ..row })
}

/// The times of contestants, round by round, and who else used the processor. A worker that fails has no times here.
fn interleaved(contestants: &[Contestant], workers: &mut [Worker], rounds: u64, seconds: f64) -> (Vec<Times>, Use) {
    let mut times: Vec<Times> = Vec::new();
    let mut there = Vec::new();
    for (i, contestant) in contestants.iter().enumerate() {
        let own = OWN.contains(&contestant.name);
        times.push(Times { name: contestant.name, own, ..Times::default() });
        // The first time prepares: data, memory, compilation. It does not count.
        let worker = workers.iter().position(|worker| worker.kind == contestant.worker);
        if let Some(place) = worker
            && answered(&mut workers[place], &contestant.job, 0.0).is_some()
        {
            there.push((i, place));
        }
    }
    let mut use_of = Use::default();
    for _ in 0..rounds {
        let mut round = Vec::new();
        for &(i, place) in &there {
            std::thread::sleep(PAUSE);
            let before = Clock::read(workers, place);
            let Some(answer) = answered(&mut workers[place], &contestants[i].job, seconds) else {
                continue;
            };
            use_of.add(&before, &Clock::read(workers, place));
            round.push((i, answer));
        }
        // Rounds in which somebody is missing would pair times of different rounds.
        there.retain(|(i, _)| round.iter().any(|(answered, _)| answered == i));
        for (i, answer) in round {
            times[i].seconds.push(answer.seconds);
            times[i].number = answer.number;
        }
    }
    for contestant in &mut times {
        if contestant.seconds.len() < rounds as usize {
            contestant.seconds.clear();
        }
    }
    for worker in workers.iter_mut() {
        // One that has ended says so at its next job.
        let _ = worker.forget();
    }
    (times, use_of)
}

/// Processor time, in seconds, at a moment; `None` where the system does not tell.
struct Clock {
    at: Instant,
    /// Of all processes.
    all: Option<f64>,
    /// Of all workers.
    workers: Option<f64>,
    /// Of those workers who wait.
    waiting: Option<f64>,
}

impl Clock {
    /// While the worker at `place` works.
    fn read(workers: &[Worker], place: usize) -> Clock {
        let used: Vec<Option<f64>> = workers.iter().map(Worker::used).collect();
        let waiting = used.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, used)| *used).sum();
        Clock { at: Instant::now(), all: used_by_all(), workers: used.into_iter().sum(), waiting }
    }
}

/// Who else used the processor while somebody worked: what would falsify times.
#[derive(Default)]
struct Use {
    elapsed: f64,
    /// Workers who should wait.
    idle: f64,
    /// Everything but the workers.
    foreign: f64,
}

impl Use {
    fn add(&mut self, before: &Clock, after: &Clock) {
        let between = |read: fn(&Clock) -> Option<f64>| Some(read(after)? - read(before)?);
        if let (Some(all), Some(workers), Some(waiting)) =
            (between(|c| c.all), between(|c| c.workers), between(|c| c.waiting))
        {
            self.elapsed += (after.at - before.at).as_secs_f64();
            self.idle += waiting;
            self.foreign += all - workers;
        }
    }

    /// In cores.
    fn share(&self, used: f64) -> Option<f64> {
        (self.elapsed > 0.0).then(|| (used / self.elapsed).max(0.0))
    }
}

/// The answer of a worker; what goes wrong is said, and is no answer.
fn answered(worker: &mut Worker, job: &str, seconds: f64) -> Option<workers::Answer> {
    worker.time(job, seconds).unwrap_or_else(|problem| {
        println!("  {problem}");
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_read() {
        assert_eq!(threads("1").ok(), Some(vec![1]));
        for wrong in ["", "0", "1,", "a", "1000000"] {
            assert!(threads(wrong).is_err(), "{wrong}");
        }
    }
}
