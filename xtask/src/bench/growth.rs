//! `cargo xtask bench --growth`: how the time of a training step, and the memory for it, grow with width, depth, batch and
//! parameters; beside other libraries.

mod chart;
mod curve;
mod kinks;
mod page;
mod results;

use std::fs;
use std::path::Path;
use std::time::Instant;

use self::curve::{Quantity, Sweep, multiply_adds, parameters};
use self::kinks::Explanation;
use self::results::{OURS, Point, Results, Row};
use super::cells::Contestant;
use super::results::write_whole;
use super::workers::{Kind, Place};
use super::{alone, answered, build_all, interleaved, start_all, update};
use crate::date::today;
use crate::shell::{root, target_folder};
use crate::{Trouble, args};

const HELP: &str = "\
Times a training step of nets that grow in width, depth, batch, or from 10² to 10⁸ parameters, and reads the memory that it
takes: layerwise, and beside it PyTorch, JAX, scikit-learn, candle and burn. Everybody is a process of its own at every point; in
each round everybody works once, one after the other. Writes docs/results/growth.json, growth.md and growth-*.svg there; points
that were not measured stay as they are. Fails if one of our curves has a kink, a place where growth changes at once, that
docs/results/growth-kinks.toml does not explain. The machine should have nothing else to do: about a quarter of an hour, a
minute or two for ours alone.

Usage: cargo xtask bench --growth [--only WORD[,WORD…]] [--rounds N] [--seconds S] [--threads N[,N…]]
       cargo xtask bench --growth --page

  --only WORDS   Only these sweeps (width, depth, batch, parameters); own: nobody else
  --rounds N     Rounds, 2 at least: their spread is the noise (5; 3 at most for large nets)
  --seconds S    How long one works in a round (0.1)
  --threads N    Numbers of threads (all cores)
  --page         Measure nothing: the page, the plots and the kinks of the numbers that are there";

/// Nets of so many multiply-adds a step have few rounds, and few steps in a call of JAX's scan.
const LARGE: f64 = 2e9;
const ROUNDS_OF_LARGE: u64 = 3;

/// Nets of so many parameters have the memory of the machine for themselves: one library after the other, all rounds of it.
const ALONE: u64 = 20_000_000;

/// A library that can be expected to need more MiB is left out.
const MOST: f64 = 10.0 * 1024.0;

#[derive(Debug, PartialEq)]
struct Options {
    sweeps: Vec<Sweep>,
    peers: bool,
    rounds: u64,
    seconds: f64,
    threads: Vec<usize>,
}

/// What the words ask for.
#[derive(Debug, PartialEq)]
enum Wish {
    Help,
    Page,
    Measure(Options),
}

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let options = match wish(words)? {
        Wish::Help => return Ok(()),
        Wish::Page => None,
        Wish::Measure(options) => Some(options),
    };
    let folder = root().join("docs/results");
    let explanations = kinks::read(&folder.join("growth-kinks.toml"))?;
    let mut results = Results::read(&folder.join("growth.json"))?;
    if let Some(options) = options {
        measure_all(&options, &mut results, &folder.join("growth.json"))?;
    }
    show(&results, &explanations, &folder)
}

fn wish(words: &[String]) -> Result<Wish, Trouble> {
    let (page, words) = args::flag(words, "--page")?;
    let Some(values) = args::parse(&words, &["--only", "--rounds", "--seconds", "--threads"], HELP)? else {
        return Ok(Wish::Help);
    };
    if page && values.is_empty() {
        return Ok(Wish::Page);
    }
    if page {
        return Err(Trouble::Usage("--page should stand alone: it measures nothing".into()));
    }
    let (sweeps, peers) = chosen(values.get("--only").copied())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    Ok(Wish::Measure(Options {
        sweeps,
        peers,
        rounds: args::number(&values, "--rounds", 5, 2)?,
        seconds: super::seconds(&values, "0.1")?,
        threads: super::threads(values.get("--threads").copied().unwrap_or(&cores))?,
    }))
}

/// The sweeps of `--only`, all if it names none, and whether peers take part.
fn chosen(only: Option<&str>) -> Result<(Vec<Sweep>, bool), Trouble> {
    let (mut sweeps, mut peers) = (Vec::new(), true);
    for word in only.iter().flat_map(|only| only.split(',')) {
        match Sweep::ALL.into_iter().find(|sweep| sweep.name() == word) {
            Some(sweep) => sweeps.push(sweep),
            None if word == "own" => peers = false,
            None => {
                let expected = "--only should be among width, depth, batch, parameters and own";
                return Err(Trouble::Usage(format!("{expected}, got `{word}`")));
            }
        }
    }
    Ok((if sweeps.is_empty() { Sweep::ALL.to_vec() } else { sweeps }, peers))
}

/// Everybody who trains the net of a point, ours first.
fn contestants(sweep: Sweep, size: u64, peers: bool) -> Vec<Contestant> {
    let net = sweep.net(size);
    let job = format!("train {net} sgd");
    let steps = if multiply_adds(&net) < LARGE { 20 } else { 2 };
    let mut all = vec![Contestant { name: OURS, worker: Kind::Layerwise, job: job.clone() }];
    if peers {
        let scan = format!("{job} scan {steps}");
        all.push(Contestant { name: "PyTorch", worker: Kind::Torch, job: job.clone() });
        all.push(Contestant { name: "JAX scan", worker: Kind::Jax, job: scan });
        all.push(Contestant { name: "scikit-learn", worker: Kind::Sklearn, job: job.clone() });
        all.push(Contestant { name: "candle", worker: Kind::Candle, job: job.clone() });
        all.push(Contestant { name: "burn", worker: Kind::Burn, job });
    }
    all
}

/// MiB to expect with so many parameters, from what a net with fewer needed: they grow no faster than these.
fn expected(before: &Row, parameters: u64) -> Option<f64> {
    Some(before.peak_mib? * parameters as f64 / before.parameters as f64)
}

fn measure_all(options: &Options, results: &mut Results, path: &Path) -> Result<(), Trouble> {
    let target = target_folder()?;
    let place = Place::new(&target)?;
    let _lock = alone(&place)?;
    let wanted = contestants(Sweep::Batch, 1, options.peers).iter().map(|c| c.worker).collect();
    let able = build_all(&place, &wanted)?;
    let start = Instant::now();
    for &threads in &options.threads {
        let workers = start_all(&place, &able, &target, threads)?;
        update(&mut results.head, &workers);
        let able: Vec<Kind> = workers.iter().map(|worker| worker.kind).collect();
        println!("\n{threads} thread(s): {}", workers.iter().map(|w| w.name.as_str()).collect::<Vec<_>>().join(", "));
        drop(workers);
        for &sweep in &options.sweeps {
            let sizes = sweep.sizes();
            for (i, &size) in sizes.iter().enumerate() {
                let point = Point { sweep, size, threads };
                let mut there = contestants(sweep, size, options.peers);
                let names: Vec<&str> = there.iter().map(|contestant| contestant.name).collect();
                there.retain(|contestant| able.contains(&contestant.worker));
                there.retain(|contestant| {
                    let before =
                        sizes[..i].last().and_then(|&size| results.at(Point { size, ..point }, contestant.name));
                    let mib = before.and_then(|row| expected(row, parameters(&sweep.net(size)))).unwrap_or(0.0);
                    if mib > MOST {
                        println!("  {} is left out: it would need {:.0} GiB", contestant.name, mib / 1024.0);
                    }
                    mib <= MOST
                });
                let rows = measure(point, &there, &place, &target, options)?;
                println!("{}", page::line(point, &rows));
                results.put(point, &names, rows);
                // After each point: a run that is stopped keeps what it has, and a whole file.
                results.write(path)?;
            }
        }
    }
    println!("{:.1} minutes", start.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

/// A point, by processes of its own.
fn measure(
    point: Point,
    contestants: &[Contestant],
    place: &Place,
    target: &Path,
    options: &Options,
) -> Result<Vec<Row>, Trouble> {
    let net = point.sweep.net(point.size);
    let rounds = if multiply_adds(&net) < LARGE { options.rounds } else { options.rounds.min(ROUNDS_OF_LARGE) };
    let together = if parameters(&net) < ALONE { contestants.len() } else { 1 };
    let mut rows = Vec::new();
    for group in contestants.chunks(together) {
        let kinds: Vec<Kind> = group.iter().map(|contestant| contestant.worker).collect();
        let mut workers = start_all(place, &kinds, target, point.threads)?;
        let mut known = Vec::new();
        for contestant in group {
            let Some(worker) = workers.iter_mut().find(|worker| worker.kind == contestant.worker) else { continue };
            // What making data, weights and programs took is no part of a step.
            answered(worker, &contestant.job, 0.0);
            if worker.reset_peak() {
                known.push(worker.kind);
            }
        }
        let (times, used) = interleaved(group, &mut workers, rounds, options.seconds);
        for (contestant, times) in group.iter().zip(&times) {
            let worker = workers.iter().find(|worker| worker.kind == contestant.worker && known.contains(&worker.kind));
            let peak = worker.and_then(|worker| worker.peak());
            rows.extend(Row::new(point, times, peak, used.share(used.foreign), &today()));
        }
    }
    Ok(rows)
}

/// Writes page and plots.
///
/// Errors: kinks that nobody has explained.
fn show(results: &Results, explanations: &[Explanation], folder: &Path) -> Result<(), Trouble> {
    let kinks = kinks::all(results, explanations);
    for threads in results.threads() {
        for (sweep, quantity) in Sweep::ALL.into_iter().flat_map(|s| Quantity::ALL.map(|quantity| (s, quantity))) {
            if let Some(svg) = chart::svg(results, sweep, quantity, threads, &kinks) {
                fs::write(folder.join(chart::file(sweep, quantity, threads)), svg)?;
            }
        }
    }
    write_whole(&folder.join("growth.md"), &page::text(results, &kinks))?;
    println!("wrote {}", folder.display());
    let open: Vec<String> = kinks.iter().filter(|kink| kink.reason.is_none()).map(kinks::Kink::place).collect();
    if open.is_empty() {
        return Ok(());
    }
    let many = open.len();
    Err(Trouble::Failed(format!(
        "{many} kinks without a reason in docs/results/growth-kinks.toml:\n  {}",
        open.join("\n  ")
    )))
}

#[cfg(test)]
mod tests {
    use super::results::tests::row;
    use super::*;

    fn wish_of(line: &str) -> Result<Wish, Trouble> {
        wish(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn measured(line: &str) -> Options {
        match wish_of(line) {
            Ok(Wish::Measure(options)) => options,
            _ => panic!("{line}"),
        }
    }

    #[test]
    fn words_are_read() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let all = Options { sweeps: Sweep::ALL.to_vec(), peers: true, rounds: 5, seconds: 0.1, threads: vec![cores] };
        assert_eq!(measured(""), all);
        assert_eq!(measured("--only own"), Options { peers: false, ..all });
        let some = measured("--only batch,own,width --rounds 2 --seconds 0.5 --threads 1");
        let expected = Options {
            sweeps: vec![Sweep::Batch, Sweep::Width],
            peers: false,
            rounds: 2,
            seconds: 0.5,
            threads: vec![1],
        };
        assert_eq!(some, expected);
        assert!(measured("--only depth").peers);
        assert_eq!((wish_of("--page").ok(), wish_of("--help").ok()), (Some(Wish::Page), Some(Wish::Help)));
        for wrong in
            ["--only length", "--only own,", "--page --only own", "--rounds 1", "--threads 0", "--peers", "own"]
        {
            assert!(matches!(wish_of(wrong), Err(Trouble::Usage(_))), "{wrong}");
        }
    }

    #[test]
    fn ours_is_first_and_large_nets_have_short_scans() {
        let jobs = |size, peers| {
            let all = contestants(Sweep::Parameters, size, peers);
            all.into_iter().map(|contestant| format!("{}: {}", contestant.name, contestant.job)).collect::<Vec<_>>()
        };
        assert_eq!(jobs(100, false), ["layerwise: train 16-3-3-10 relu 64 sgd"]);
        let (small, large) = (jobs(100, true), jobs(100_000_000, true));
        assert_eq!(
            (small.len(), &small[0], &small[2]),
            (6, &jobs(100, false)[0], &"JAX scan: train 16-3-3-10 relu 64 sgd scan 20".to_owned())
        );
        assert!(large[2].ends_with("sgd scan 2"), "{large:?}");
    }

    #[test]
    fn memory_is_expected_to_grow_as_the_parameters() {
        let before = row(Sweep::Parameters, 31_622_777, 1, "JAX scan", 1.0);
        let (peak, parameters) = (before.peak_mib.unwrap(), before.parameters);
        assert_eq!(expected(&before, 2 * parameters), Some(2.0 * peak));
        assert_eq!(expected(&row(Sweep::Parameters, 100, 1, "burn", 1.0), 1000), None);
    }

    #[test]
    fn a_kink_without_a_reason_is_an_error_and_all_is_written() {
        let mut results = Results::default();
        for size in Sweep::Depth.sizes() {
            let cost = if size < 8 { 100.0 } else { 100.0 * size as f64 };
            results.rows.push(Row { spread: 0.0, ..row(Sweep::Depth, size, 2, OURS, cost) });
        }
        let folder = std::env::temp_dir().join(format!("layerwise-growth-page-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let Err(Trouble::Failed(problem)) = show(&results, &[], &folder) else { panic!("no kink") };
        assert!(problem.contains("time against depth at 8, 2 thread(s): 3.00 to 1.00"), "{problem}");
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["growth-depth-memory-2.svg", "growth-depth-time-2.svg", "growth.md"]);
        let reason = "Planted.".to_owned();
        let why =
            Explanation { sweep: Sweep::Depth, quantity: Quantity::Time, threads: vec![], from: 1, to: 64, reason };
        assert!(show(&results, &[why], &folder).is_ok());
        assert!(fs::read_to_string(folder.join("growth.md")).unwrap().contains("Planted."));
        fs::remove_dir_all(&folder).unwrap();
    }
}
