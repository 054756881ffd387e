//! The results as data: `docs/results/performance.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::statistics::{Ratio, median};
use crate::Trouble;

/// All that was measured.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Results {
    pub head: Head,
    pub rows: Vec<Row>,
}

/// Where, and with what.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Head {
    pub processor: String,
    pub cores: usize,
    pub system: String,
    pub compiler: String,
    /// By worker.
    pub versions: BTreeMap<String, String>,
}

/// A cell at a number of threads.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Row {
    pub kind: String,
    pub net: String,
    pub case: String,
    pub threads: usize,
    /// When.
    pub date: String,
    pub rounds: usize,
    /// Our median.
    pub seconds: f64,
    /// What our job returned: a risk, an accuracy, a number of operations.
    pub number: Option<f64>,
    /// The share of a core that all waiting workers together used while one worked.
    pub idle_use: Option<f64>,
    /// The cores that all other processes (and the host of a virtual machine) used meanwhile.
    pub foreign_use: Option<f64>,
    pub others: Vec<Other>,
}

/// Somebody else in a row.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Other {
    pub name: String,
    /// Ours too, of another kind: no peer.
    pub own: bool,
    pub seconds: f64,
    pub number: Option<f64>,
    /// Their time over ours.
    #[serde(flatten)]
    pub ratio: Ratio,
}

/// The times of one contestant, round by round, and what its job returned.
#[derive(Clone, Debug, Default)]
pub struct Times {
    pub name: &'static str,
    pub own: bool,
    pub seconds: Vec<f64>,
    pub number: f64,
}

impl Row {
    /// A row of the times of a cell, ours first. `None` if ours are missing; others without times are left out.
    pub fn new([kind, net, case]: [&str; 3], threads: usize, date: &str, times: &[Times]) -> Option<Row> {
        let (ours, others) = times.split_first()?;
        let finite = |number: f64| number.is_finite().then_some(number);
        let other = |theirs: &Times| {
            Some(Other {
                name: theirs.name.to_owned(),
                own: theirs.own,
                seconds: median(&theirs.seconds),
                number: finite(theirs.number),
                ratio: Ratio::of(&theirs.seconds, &ours.seconds)?,
            })
        };
        (!ours.seconds.is_empty()).then(|| Row {
            kind: kind.to_owned(),
            net: net.to_owned(),
            case: case.to_owned(),
            threads,
            date: date.to_owned(),
            rounds: ours.seconds.len(),
            seconds: median(&ours.seconds),
            number: finite(ours.number),
            idle_use: None,
            foreign_use: None,
            others: others.iter().filter_map(other).collect(),
        })
    }

    /// What it is about; there is one row a key.
    fn key(&self) -> (&str, &str, &str, usize) {
        (&self.kind, &self.net, &self.case, self.threads)
    }

    /// The others that are peers.
    pub fn peers(&self) -> impl Iterator<Item = &Other> {
        self.others.iter().filter(|other| !other.own)
    }

    /// The fastest peer, by the ratio.
    pub fn best_peer(&self) -> Option<&Other> {
        self.peers().min_by(|a, b| a.ratio.ratio.total_cmp(&b.ratio.ratio))
    }

    /// Somebody by name.
    pub fn other(&self, name: &str) -> Option<&Other> {
        self.others.iter().find(|other| other.name == name)
    }
}

impl Results {
    /// What is in the file; nothing if there is none.
    ///
    /// Errors: it is something else.
    pub fn read(path: &Path) -> Result<Results, Trouble> {
        read_json(path)
    }

    /// Puts a row in the place of its predecessor, or at the end.
    pub fn put(&mut self, row: Row) {
        match self.rows.iter_mut().find(|old| old.key() == row.key()) {
            Some(old) => *old = row,
            None => self.rows.push(row),
        }
    }

    /// The best rate of the matrix products at a number of threads, in operations a second.
    pub fn best_rate(&self, threads: usize) -> Option<f64> {
        let rates = self.rows.iter().filter(|row| row.kind == "products" && row.threads == threads);
        rates.filter_map(|row| Some(row.number? / row.seconds)).reduce(f64::max)
    }

    /// Writes the file as a whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        write_whole(path, &(text + "\n"))
    }
}

/// What is in a file; the default if there is none.
///
/// Errors: it is something else.
pub fn read_json<T: Default + DeserializeOwned>(path: &Path) -> Result<T, Trouble> {
    if !path.exists() {
        return Ok(T::default());
    }
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).map_err(|e| Trouble::Failed(format!("{}: {e}", path.display())))
}

/// Writes a file under another name first: whoever stops the program leaves the old one or the new one.
pub fn write_whole(path: &Path, text: &str) -> Result<(), Trouble> {
    let draft = path.with_extension("draft.tmp");
    fs::write(&draft, text)?;
    Ok(fs::rename(&draft, path)?)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn times(name: &'static str, own: bool, seconds: &[f64], number: f64) -> Times {
        Times { name, own, seconds: seconds.to_vec(), number }
    }

    /// A row of three contestants, with the given medians.
    pub fn row(kind: &str, case: &str, threads: usize, ours: f64) -> Row {
        let all = [
            times("layerwise", false, &[ours, ours], 8.0),
            times("JAX", false, &[2e-3, 2e-3], f64::NAN),
            times("burn", false, &[4e-3, 6e-3], 1.0),
            times("candle", false, &[], 1.0),
            times("own products", true, &[1e-3, 1e-3], 2e9),
        ];
        Row::new([kind, "b", case], threads, "2026-01-02", &all).unwrap()
    }

    #[test]
    fn a_row_has_medians_and_ratios_of_those_who_were_there() {
        let row = row("train", "sgd", 1, 1e-3);
        assert_eq!((row.seconds, row.rounds, row.number), (1e-3, 2, Some(8.0)));
        let names: Vec<&str> = row.others.iter().map(|other| other.name.as_str()).collect();
        assert_eq!(names, ["JAX", "burn", "own products"]);
        let burn = row.other("burn").unwrap();
        assert_eq!((burn.seconds, burn.ratio), (5e-3, Ratio { ratio: 5.0, low: 4.0, high: 6.0 }));
        // Products are no peer, though they are the fastest; a number that is none is left out.
        assert_eq!(row.best_peer().map(|best| (best.name.as_str(), best.number)), Some(("JAX", None)));
        assert_eq!(Row::new(["train", "b", "sgd"], 1, "", &[times("layerwise", false, &[], 1.0)]), None);
    }

    #[test]
    fn a_partial_run_changes_its_rows_only() {
        let mut results = Results::default();
        results.put(row("train", "sgd", 1, 1e-3));
        results.put(row("train", "sgd", 2, 5e-4));
        results.put(row("train", "sgd", 1, 2e-3));
        let seconds: Vec<f64> = results.rows.iter().map(|row| row.seconds).collect();
        assert_eq!(seconds, [2e-3, 5e-4]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut results = Results::default();
        results.head.versions.insert("JAX".into(), "JAX 0.1".into());
        results.put(row("train", "adam", 2, 1.0 / 3.0));
        let folder = std::env::temp_dir().join(format!("layerwise-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("performance.json");
        results.write(&path).ok().unwrap();
        let again = Results::read(&path).ok().unwrap();
        assert_eq!((again.head, again.rows), (results.head, results.rows));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::write(&path, "[]").unwrap();
        assert!(Results::read(&path).is_err());
        fs::remove_dir_all(&folder).unwrap();
        assert!(Results::read(&path).is_ok_and(|nothing| nothing.rows.is_empty()));
    }

    #[test]
    fn the_best_rate_is_that_of_products() {
        let mut results = Results::default();
        results.put(Row { number: Some(3e9), ..row("products", "", 1, 0.5) });
        results.put(Row { number: Some(9e9), net: "c".into(), ..row("products", "", 1, 1.0) });
        results.put(Row { number: Some(1e12), ..row("train", "sgd", 1, 1.0) });
        assert_eq!((results.best_rate(1), results.best_rate(2)), (Some(9e9), None));
    }
}
