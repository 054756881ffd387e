//! `cargo xtask mutants`: whether the tests notice when the code is wrong. cargo-mutants changes one place of a crate at a time;
//! a change that all tests pass is a hole in them, or makes no difference, and then the reason is written down.

mod kept;
mod page;
mod results;
mod tree;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use kept::Kept;

use crate::shell::{self, cargo, output, root, target_folder};
use crate::tools::MUTANTS;
use crate::{Trouble, args};

const HELP: &str = "\
Changes the code of the numeric crates, one place at a time, and reports the changes that no test notices. An installed
cargo-mutants is used; if there is none, it is built once into target/tools.

Usage: cargo xtask mutants [--only PACKAGE] [--shard K/N] [--jobs N]

  --only PACKAGE  Only this package, as layerwise-layers
  --shard K/N     Only part K of N (1/4 to 4/4)
  --jobs N        So many copies of the workspace at work at once (1)

At most a few dozen mutants of one file are a shard. Finished shards are kept in target/mutants/results, until that file
changes: a run that was stopped goes on where it was, and results of parts that ran elsewhere count once they lie there. When
all shards of a package are there, survivors without a reason in docs/results/mutants-equivalent.toml are judged once more, by
the tests as they are now, and the row of the package in docs/results/mutants.md is written. Results of whole files are kept in
docs/results/mutants-kept.json too, so that files that have not changed are judged nowhere again. It fails if a mutant survives
without a reason, or a reason stands there without its survivor. When tests were taken away, or other code changed so that
they might notice less, delete what is kept in both places.";

/// The packages whose code is changed. The judges are a package's own tests, where the gradient check is too: the tests of
/// the packages above would catch little more, at several times the cost.
pub const PACKAGES: [&str; 7] = [
    "layerwise-tensor",
    "layerwise-core",
    "layerwise-activations",
    "layerwise-layers",
    "layerwise-losses",
    "layerwise-regularizers",
    "layerwise-optimizers",
];

/// Mutants in a shard, at most: what a stopped run loses.
const SHARD: usize = 40;

/// The least time that tests get; a mutant that never ends is stopped after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// A part of the mutants of a file.
struct Shard {
    package: &'static str,
    file: String,
    /// From 0.
    number: usize,
    of: usize,
    /// Where its result will be.
    result: PathBuf,
}

pub fn main(words: &[String]) -> Result<(), Trouble> {
    let Some(values) = args::parse(words, &["--only", "--shard", "--jobs"], HELP)? else { return Ok(()) };
    let only = values.get("--only").copied();
    let packages: Vec<&str> = PACKAGES.into_iter().filter(|package| only.is_none_or(|name| name == *package)).collect();
    if packages.is_empty() {
        let names = PACKAGES.join(", ");
        return Err(Trouble::Usage(format!("--only should be one of {names}, got `{}`", only.unwrap_or_default())));
    }
    let (part, parts) = part(values.get("--shard").copied().unwrap_or("1/1"))?;
    let jobs = args::number(&values, "--jobs", 1, 1)? as usize;

    let tool = MUTANTS.get()?;
    let folder = target_folder()?.join("mutants");
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.try_lock().map_err(|_| format!("{}: another run is at work here", folder.display()))?;

    let results = root().join("docs/results");
    let path = results.join("mutants-kept.json");
    let mut kept = Kept::read(&path)?;
    let mut lists = BTreeMap::new();
    let mut shards = Vec::new();
    // The code of each file, as it is before anything is judged.
    let mut codes = BTreeMap::new();
    // Results of files that need no shards.
    let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for &package in &packages {
        let text = output(shell::program(&tool).args(["mutants", "--list", "--json", "--package", package]))?;
        let list = results::list(&text, package)?;
        let mut files = BTreeMap::new();
        for mutant in &list {
            *files.entry(mutant.file.clone()).or_insert(0_usize) += 1;
        }
        for (file, mutants) in files {
            let code = tree::fingerprint(&file)?;
            codes.insert(file.clone(), code.clone());
            if let Some(fates) = kept.fates(&file, &code, list.iter()) {
                known.entry(package).or_default().push(fates);
                continue;
            }
            let place = folder.join("results").join(package).join(code);
            let of = mutants.div_ceil(SHARD);
            let result = |number: usize| place.join(format!("{}-of-{of}.json", number + 1));
            let shard = |number| Shard { package, file: file.clone(), number, of, result: result(number) };
            shards.extend((0..of).map(shard));
        }
        lists.insert(package, list);
    }
    let mine = shards.iter().enumerate().filter(|(i, _)| i % parts == part - 1).map(|(_, shard)| shard);
    work(&tool, &folder, mine.filter(|shard| !shard.result.exists()).collect(), jobs)?;

    let mut found = BTreeMap::new();
    for package in packages {
        let list = &lists[package];
        let own = || shards.iter().filter(|shard| shard.package == package);
        let read = own().filter(|shard| shard.result.exists()).map(|shard| fs::read_to_string(&shard.result));
        let read = read.collect::<Result<Vec<_>, _>>()?;
        let missing = own().count() - read.len();
        let mut texts = [known.remove(package).unwrap_or_default(), read].concat();
        if missing == 0 {
            let unexplained = page::unexplained(&results, package, &results::merge(list, &texts)?)?;
            if !unexplained.is_empty() {
                println!("{package}: {} survivor(s) once more", unexplained.len());
                let names = list.iter().filter(|mutant| unexplained.contains(&mutant.id)).map(|mutant| &*mutant.name);
                let mut place = Place::new(&folder.join("worker-1"), cores())?;
                texts.push(place.judge(&tool, package, &results::only(names))?);
            }
            found.insert(package, results::merge(list, &texts)?);
        } else {
            println!("{package}: {missing} shard(s) are not there yet");
        }
        for file in list.chunk_by(|a, b| a.file == b.file) {
            // Not of files that lack a shard.
            let Ok(fates) = results::merge(file, &texts) else { continue };
            let fates: Vec<_> = file.iter().zip(fates.iter().map(|(_, fate)| *fate)).collect();
            kept.put(&file[0].file, codes[&file[0].file].clone(), &fates);
        }
    }
    kept.write(&path, |file| root().join(file).exists())?;
    page::write(&results, &found)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `K/N` as numbers.
fn part(text: &str) -> Result<(usize, usize), Trouble> {
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    numbers
        .filter(|(k, n)| (1..=*n).contains(k))
        .ok_or_else(|| Trouble::Usage(format!("--shard should be K/N with 1 ≤ K ≤ N, got `{text}`")))
}

/// Runs shards, each worker in its own copy of the workspace, until all are done or one fails.
fn work(tool: &str, folder: &Path, shards: Vec<&Shard>, jobs: usize) -> Result<(), Trouble> {
    let total = shards.len();
    let queue = Mutex::new(shards.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = |id: usize| -> Result<(), Trouble> {
        let mut place = None;
        while let Some((i, shard)) = next() {
            println!("{} {}/{} ({} of {total} to do)", shard.file, shard.number + 1, shard.of, i + 1);
            let place = match &mut place {
                Some(place) => place,
                none => none.insert(Place::new(&folder.join(format!("worker-{id}")), cores().div_ceil(jobs))?),
            };
            let done = place.run(tool, shard);
            if done.is_err() {
                // The others finish what they are at, and take nothing new.
                while next().is_some() {}
            }
            done?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..=jobs.min(total)).map(|id| scope.spawn(move || worker(id))).collect();
        let ends = workers.into_iter().map(|w| w.join().unwrap_or_else(|_| Err("a worker panicked".to_owned().into())));
        ends.collect::<Vec<_>>().into_iter().collect()
    })
}

/// A copy of the workspace, in which code is changed, and what was built of it: from one mutant to the next only what the
/// change reaches is built again, and from one run to the next too.
struct Place {
    folder: PathBuf,
    threads: usize,
    /// How long the tests of a package take as it is.
    times: HashMap<&'static str, Duration>,
}

impl Place {
    fn new(folder: &Path, threads: usize) -> Result<Place, Trouble> {
        tree::copy(&root(), &folder.join("tree"))?;
        Ok(Place { folder: folder.to_path_buf(), threads, times: HashMap::new() })
    }

    /// How long the tests of a package take.
    ///
    /// Errors: one of them fails as it is.
    fn time(&mut self, package: &'static str) -> Result<Duration, Trouble> {
        if let Some(time) = self.times.get(package) {
            return Ok(*time);
        }
        let mut test = cargo();
        test.current_dir(self.folder.join("tree")).env("CARGO_TARGET_DIR", self.folder.join("build"));
        test.args(["test", "--profile", "mutants", "--tests", "--all-features", "--quiet", "--package", package]);
        // The first time builds.
        output(&mut test)?;
        let start = Instant::now();
        output(&mut test)?;
        self.times.insert(package, start.elapsed());
        Ok(start.elapsed())
    }

    /// Tests the mutants of a shard and keeps their fates.
    fn run(&mut self, tool: &str, shard: &Shard) -> Result<(), Trouble> {
        let part = format!("{}/{}", shard.number, shard.of);
        let chosen = ["--file".to_owned(), shard.file.clone(), "--shard".to_owned(), part];
        let fates = self.judge(tool, shard.package, &chosen)?;
        let draft = shard.result.with_extension("draft");
        fs::create_dir_all(draft.parent().unwrap_or(&draft))?;
        fs::write(&draft, fates)?;
        fs::rename(&draft, &shard.result)?;
        Ok(())
    }

    /// Tests the mutants of a package that these words of cargo-mutants choose; their fates.
    fn judge(&mut self, tool: &str, package: &'static str, chosen: &[String]) -> Result<String, Trouble> {
        let timeout = PATIENCE.max(5 * self.time(package)?).as_secs();
        let out = self.folder.join("mutants.out");
        shell::remove(&out)?;
        let mut command = shell::program(tool);
        command
            .current_dir(self.folder.join("tree"))
            .env("CARGO_TARGET_DIR", self.folder.join("build"))
            // What one mutant failed at is no test of the next.
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            .args(["mutants", "--in-place", "--no-config", "--colors", "never"])
            .args(["--profile", "mutants", "--baseline", "skip", "--all-features"])
            .args(["--package", package, "--timeout", &timeout.to_string()])
            .args(chosen)
            .args(["--jobserver-tasks", &self.threads.to_string()])
            .arg("--output")
            .arg(&self.folder)
            // Examples in the documentation judge nothing: they are slow to build, and their number grows with the words.
            .args(["--", "--tests"]);
        let ended = command.output()?;
        // 2: a mutant survived; 3: one did not end.
        if !matches!(ended.status.code(), Some(0 | 2 | 3)) {
            let said = [ended.stdout, ended.stderr].concat();
            return Err(format!("{}: {}", shell::line(&command), String::from_utf8_lossy(&said)).into());
        }
        results::fates(&fs::read_to_string(out.join("outcomes.json"))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read() {
        let check = |text: &str, expected: Option<(usize, usize)>| assert_eq!(part(text).ok(), expected, "{text}");
        check("1/1", Some((1, 1)));
        check("3/4", Some((3, 4)));
        for wrong in ["0/4", "5/4", "1", "a/b", "1/0", ""] {
            check(wrong, None);
        }
    }
}
