//! The results as data: `docs/results/growth.json`, one line a point and library.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::curve::{Quantity, Sweep, parameters};
use super::kinks::Measured;
use crate::Trouble;
use crate::bench::results::{Head, Times, read_json, write_whole};
use crate::bench::statistics::median;

/// The name of ours.
pub const OURS: &str = "layerwise";

/// All that was measured.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Results {
    pub head: Head,
    pub rows: Vec<Row>,
}

/// A library at a point.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Row {
    pub sweep: Sweep,
    pub size: u64,
    pub parameters: u64,
    pub batch: usize,
    pub threads: usize,
    pub library: String,
    /// A step, in the median of the rounds.
    pub microseconds: f64,
    /// The greatest less the least of the rounds, over the median.
    pub spread: f64,
    /// Peak resident set of a process that did nothing else, from when all was prepared.
    pub peak_mib: Option<f64>,
    pub rounds: usize,
    /// The cores that all other processes used meanwhile.
    pub foreign_use: Option<f64>,
    /// When.
    pub date: String,
}

/// Where rows belong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub sweep: Sweep,
    pub size: u64,
    pub threads: usize,
}

impl Row {
    /// A row of the times of one library; `None` without times.
    pub fn new(
        point: Point,
        times: &Times,
        peak_mib: Option<f64>,
        foreign_use: Option<f64>,
        date: &str,
    ) -> Option<Row> {
        let Point { sweep, size, threads } = point;
        let net = sweep.net(size);
        let least = times.seconds.iter().copied().reduce(f64::min)?;
        let greatest = times.seconds.iter().copied().reduce(f64::max)?;
        let middle = median(&times.seconds);
        Some(Row {
            sweep,
            size,
            parameters: parameters(&net),
            batch: net.batch,
            threads,
            library: times.name.to_owned(),
            microseconds: four_digits(middle * 1e6),
            spread: four_digits((greatest - least) / middle),
            peak_mib: peak_mib.map(four_digits),
            rounds: times.seconds.len(),
            foreign_use: foreign_use.map(four_digits),
            date: date.to_owned(),
        })
    }

    fn point(&self) -> Point {
        Point { sweep: self.sweep, size: self.size, threads: self.threads }
    }

    /// What it adds to a curve: size, and seconds or MiB. `None`: that was not measured.
    pub fn measured(&self, quantity: Quantity) -> Option<Measured> {
        let size = if self.sweep == Sweep::Parameters { self.parameters } else { self.size } as f64;
        match quantity {
            Quantity::Time => Some(Measured { size, cost: 1e-6 * self.microseconds, spread: self.spread }),
            Quantity::Memory => Some(Measured { size, cost: self.peak_mib?, spread: 0.0 }),
        }
    }
}

/// More would be noise.
fn four_digits(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
}

impl Results {
    /// What is in the file; nothing if there is none. Points that are no longer measured are dropped.
    ///
    /// Errors: it is something else.
    pub fn read(path: &Path) -> Result<Results, Trouble> {
        let mut results: Results = read_json(path)?;
        results.rows.retain(|row| row.sweep.sizes().contains(&row.size));
        Ok(results)
    }

    /// Puts a point in the place of what these libraries had there, also of those who have nothing now.
    pub fn put(&mut self, point: Point, libraries: &[&str], rows: Vec<Row>) {
        self.rows.retain(|row| row.point() != point || !libraries.contains(&row.library.as_str()));
        self.rows.extend(rows);
    }

    /// The rows of a library that are points of a curve, by size.
    pub fn of(&self, sweep: Sweep, quantity: Quantity, threads: usize, library: &str) -> Vec<&Row> {
        let on = |row: &&Row| row.sweep == sweep && row.threads == threads && row.library == library;
        let mut rows: Vec<&Row> = self.rows.iter().filter(on).filter(|row| row.measured(quantity).is_some()).collect();
        rows.sort_by_key(|row| row.size);
        rows
    }

    /// A library at a point.
    pub fn at(&self, point: Point, library: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.point() == point && row.library == library)
    }

    /// All numbers of threads, the least first.
    pub fn threads(&self) -> BTreeSet<usize> {
        self.rows.iter().map(|row| row.threads).collect()
    }

    /// Writes the file as a whole or not at all, ordered, a row a line.
    pub fn write(&mut self, path: &Path) -> Result<(), Trouble> {
        // Stable: libraries stay in the order in which they worked.
        self.rows.sort_by_key(|row| (row.sweep, row.threads, row.size));
        let json = |e: serde_json::Error| e.to_string();
        let head = serde_json::to_string_pretty(&self.head).map_err(json)?;
        let rows: Result<Vec<String>, _> = self.rows.iter().map(serde_json::to_string).collect();
        let text = format!("{{\n\"head\": {head},\n\"rows\": [\n{}\n]\n}}\n", rows.map_err(json)?.join(",\n"));
        write_whole(path, &text)
    }
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    use super::*;

    /// A row of planted numbers.
    pub fn row(sweep: Sweep, size: u64, threads: usize, library: &'static str, microseconds: f64) -> Row {
        let seconds = [0.9, 1.0, 1.2].map(|factor| factor * 1e-6 * microseconds).to_vec();
        let times = Times { name: library, seconds, ..Times::default() };
        let peak = (library != "burn").then(|| 4.0 + 12.0 * size as f64 / 1048576.0);
        Row::new(Point { sweep, size, threads }, &times, peak, Some(0.01), "2026-01-02").unwrap()
    }

    #[test]
    fn a_row_has_the_median_and_the_spread() {
        let row = row(Sweep::Width, 4, 2, "JAX", 12.34567);
        assert_eq!((row.microseconds, row.spread, row.rounds), (12.35, 0.3, 3));
        assert_eq!((row.parameters, row.batch, row.peak_mib), (64 * 4 + 2 * 16 + 3 * 4 + 50, 64, Some(4.0)));
        let time = Measured { size: 4.0, cost: 12.35e-6, spread: 0.3 };
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
        assert!(
            row.measured(Quantity::Time)
                .is_some_and(|m| m.size == time.size && near(m.cost, time.cost) && m.spread == 0.3)
        );
        assert_eq!(row.measured(Quantity::Memory), Some(Measured { size: 4.0, cost: 4.0, spread: 0.0 }));
        let nothing = Times { name: "JAX", ..Times::default() };
        assert_eq!(Row::new(Point { sweep: Sweep::Width, size: 4, threads: 1 }, &nothing, None, None, ""), None);
    }

    #[test]
    fn a_partial_run_changes_its_points_only() {
        let mut results = Results::default();
        let mut put = |size, libraries: &[&'static str], microseconds| {
            let point = Point { sweep: Sweep::Batch, size, threads: 1 };
            let rows = libraries.iter().map(|library| row(Sweep::Batch, size, 1, library, microseconds)).collect();
            results.put(point, &[libraries, &["burn"]].concat(), rows);
        };
        put(2, &["layerwise", "JAX", "burn"], 1.0);
        put(1, &["layerwise", "JAX"], 2.0);
        // Ours alone, and one that has failed this time.
        put(2, &["layerwise"], 3.0);
        let of = |library| {
            results.of(Sweep::Batch, Quantity::Time, 1, library).iter().map(|row| row.microseconds).collect::<Vec<_>>()
        };
        assert_eq!([of("layerwise"), of("JAX"), of("burn")], [vec![2.0, 3.0], vec![2.0, 1.0], vec![]]);
        assert!(results.of(Sweep::Batch, Quantity::Time, 2, "JAX").is_empty());
        assert!(results.of(Sweep::Width, Quantity::Time, 1, "JAX").is_empty());
    }

    #[test]
    fn what_is_written_is_read_again_a_line_a_row() {
        let mut results = Results::default();
        results.head.versions.insert("JAX".into(), "JAX 0.1".into());
        results.rows = vec![row(Sweep::Parameters, 1000, 1, "JAX", 1.0 / 3.0), row(Sweep::Width, 8, 2, "burn", 2.0)];
        let folder = std::env::temp_dir().join(format!("layerwise-growth-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("growth.json");
        results.write(&path).ok().unwrap();
        let again = Results::read(&path).ok().unwrap();
        assert_eq!((&again.head, &again.rows), (&results.head, &results.rows));
        assert_eq!(again.rows[0].sweep, Sweep::Width);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("{\"sweep\":")).count(), 2, "{text}");
        // A size that is measured no more.
        fs::write(&path, text.replace("\"size\":8", "\"size\":9")).unwrap();
        assert_eq!(Results::read(&path).ok().unwrap().rows.len(), 1);
        fs::write(&path, text.replace("width", "length")).unwrap();
        assert!(Results::read(&path).is_err());
        fs::remove_dir_all(&folder).unwrap();
        assert!(Results::read(&path).is_ok_and(|nothing| nothing.rows.is_empty()));
    }
}
