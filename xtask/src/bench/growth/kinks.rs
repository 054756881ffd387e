//! Kinks of a curve on logarithmic axes: where growth changes from one step of size to the next, and why.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::curve::{Quantity, Sweep};
use super::results::{OURS, Results};
use crate::Trouble;

/// A change of the exponent above this, and above noise, is a kink: growth over ten times the size then changes by a factor of
/// 10^0.4 = 2.5. A fixed cost that proportional work takes over changes it by less: 0.27 at most, in steps of √10.
pub const LIMIT: f64 = 0.4;

/// A measured point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub size: f64,
    pub cost: f64,
    /// The greatest less the least of repeated measurements, over the cost.
    pub spread: f64,
}

/// A point, and the growth on its two sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bend {
    /// Which point.
    pub index: usize,
    /// The exponent on the way to the point, and on the way from it.
    pub before: f64,
    pub after: f64,
    /// How much of the change of the exponent the spread of the three points can make.
    pub noise: f64,
}

impl Bend {
    /// Whether the exponent changes by more than [`LIMIT`] wherever the three costs lie in the middle of their spread.
    pub fn is_kink(&self) -> bool {
        (self.after - self.before).abs() - self.noise > LIMIT
    }
}

/// Between each two points d ln cost / d ln size: cost grows as size to this power.
pub fn exponents(points: &[Measured]) -> Vec<f64> {
    let exponent = |pair: &[Measured]| (pair[1].cost / pair[0].cost).ln() / (pair[1].size / pair[0].size).ln();
    points.windows(2).map(exponent).collect()
}

/// All points but the first and the last.
pub fn bends(points: &[Measured]) -> Vec<Bend> {
    let exponents = exponents(points);
    let bend = |(i, of): (usize, &[Measured])| {
        let [to, from] = [0, 1].map(|j| (of[j + 1].size / of[j].size).ln());
        // A cost is off by up to half its spread on either side.
        let spread = of[0].spread / to + of[1].spread * (1.0 / to + 1.0 / from) + of[2].spread / from;
        Bend { index: i + 1, before: exponents[i], after: exponents[i + 1], noise: 0.5 * spread }
    };
    points.windows(3).enumerate().map(bend).collect()
}

/// What a person found out about kinks: an entry of `growth-kinks.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    pub sweep: Sweep,
    pub quantity: Quantity,
    /// At these numbers of threads; at all if none is given.
    #[serde(default)]
    pub threads: Vec<usize>,
    /// The sizes of the kinks, from the least to the greatest.
    pub from: u64,
    pub to: u64,
    /// A sentence.
    pub reason: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    kink: Vec<Explanation>,
}

/// The explanations of a file; none if there is no file.
///
/// Errors: it is something else.
pub fn read(path: &Path) -> Result<Vec<Explanation>, Trouble> {
    let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    parse(&text).map_err(|e| Trouble::Failed(format!("{}: {e}", path.display())))
}

fn parse(text: &str) -> Result<Vec<Explanation>, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    match file.kink.iter().find(|e| e.reason.trim().is_empty() || e.from > e.to) {
        Some(wrong) => {
            Err(format!("a kink should have sizes from the least to the greatest and a reason, got {wrong:?}"))
        }
        None => Ok(file.kink),
    }
}

/// A kink of ours, and why it is there if anybody knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Kink {
    pub sweep: Sweep,
    pub quantity: Quantity,
    pub threads: usize,
    pub size: u64,
    pub bend: Bend,
    pub reason: Option<String>,
}

impl Kink {
    /// Where it is.
    pub fn place(&self) -> String {
        let Kink { sweep, quantity, threads, size, bend, .. } = self;
        let (before, after) = (bend.before, bend.after);
        format!(
            "{} against {} at {size}, {threads} thread(s): {before:.2} to {after:.2}",
            quantity.name(),
            sweep.name()
        )
    }
}

/// The kinks of all our curves.
pub fn all(results: &Results, explanations: &[Explanation]) -> Vec<Kink> {
    let mut kinks = Vec::new();
    for threads in results.threads() {
        for (sweep, quantity) in
            Sweep::ALL.into_iter().flat_map(|sweep| Quantity::ALL.map(|quantity| (sweep, quantity)))
        {
            let rows = results.of(sweep, quantity, threads, OURS);
            let points: Vec<Measured> = rows.iter().filter_map(|row| row.measured(quantity)).collect();
            for bend in bends(&points).into_iter().filter(Bend::is_kink) {
                let size = rows[bend.index].size;
                let explains = |e: &&Explanation| {
                    (e.sweep, e.quantity) == (sweep, quantity)
                        && (e.threads.is_empty() || e.threads.contains(&threads))
                        && (e.from..=e.to).contains(&size)
                };
                let reason = explanations.iter().find(explains).map(|e| e.reason.clone());
                kinks.push(Kink { sweep, quantity, threads, size, bend, reason });
            }
        }
    }
    kinks
}

#[cfg(test)]
mod tests {
    use super::super::results::{Row, tests::row};
    use super::*;

    fn curve(spread: f64, cost: impl Fn(f64) -> f64) -> Vec<Measured> {
        let sizes = (2..=12).map(|power| f64::from(1 << power));
        sizes.map(|size| Measured { size, cost: cost(size), spread }).collect()
    }

    fn kinks(points: &[Measured]) -> Vec<f64> {
        bends(points).iter().filter(|bend| bend.is_kink()).map(|bend| points[bend.index].size).collect()
    }

    #[test]
    fn planted_kinks_are_found_where_they_are() {
        let found = |cost: &dyn Fn(f64) -> f64| kinks(&curve(0.0, cost));
        assert!(found(&|n| 3.0 * n.powf(1.7)).is_empty());
        // A fixed cost that work takes over smoothly, and a twentieth up and down.
        assert!(found(&|n| 5.0 + 0.05 * n).is_empty());
        assert!(found(&|n| n * if n.log2() as i32 % 2 == 0 { 1.05 } else { 1.0 }).is_empty());
        // From one power to another at 128.
        let other_power = |n: f64| if n < 128.0 { 128.0 * n } else { n * n };
        assert_eq!(found(&other_power), [128.0]);
        // A step between 64 and 128 bends the curve at both.
        assert_eq!(found(&|n| if n < 128.0 { n } else { 1.6 * n }), [64.0, 128.0]);
        let points = curve(0.0, |n| if n < 128.0 { 100.0 } else { 100.0 * n / 128.0 });
        let bend = bends(&points).into_iter().find(Bend::is_kink).unwrap();
        assert!(bend.before.abs() < 1e-12 && (bend.after - 1.0).abs() < 1e-12 && bend.noise == 0.0, "{bend:?}");
        for few in [&points[..0], &points[..1], &points[..2]] {
            assert!(bends(few).is_empty());
        }
        // 1 + n² is smooth, but not in steps of two: where both are equal, the exponent goes from log₂ 1.6 = 0.68 to log₂ 2.5 = 1.32,
        // and by log₂ 1.36 = 0.44 on either side.
        assert_eq!(found(&|n| 1.0 + (n / 128.0).powi(2)), [64.0, 128.0, 256.0]);
    }

    #[test]
    fn what_noise_can_make_is_no_kink() {
        // The exponent changes from 1 to 2. Half a spread s on each of the three costs changes it by 2 s / ln 2.
        let at = |spread: f64| kinks(&curve(spread, |n| if n < 128.0 { 128.0 * n } else { n * n }));
        let enough = (1.0 - LIMIT) * 2f64.ln() / 2.0;
        assert_eq!(at(0.98 * enough), [128.0]);
        assert!(at(1.02 * enough).is_empty());
        // One cost too high by as much as its spread allows, the others too low.
        let off = |n: f64| n * if n == 64.0 { 1.2 } else { 0.8 };
        assert!(kinks(&curve(0.4, off)).is_empty() && kinks(&curve(0.01, off)).contains(&64.0));
    }

    #[test]
    fn exponents_do_not_depend_on_the_steps_of_size() {
        let points = [1.0, 10.0, 20.0, 1000.0].map(|n: f64| Measured { size: n, cost: 7.0 * n.powf(1.5), spread: 0.0 });
        assert!(exponents(&points).iter().all(|e| (e - 1.5).abs() < 1e-12));
    }

    /// Our batches on one and two threads: a kink at 32 with one, at 64 with two.
    fn results() -> Results {
        let mut results = Results::default();
        for (threads, at) in [(1, 32), (2, 64)] {
            for size in Sweep::Batch.sizes() {
                let cost = if size < at { 100.0 } else { 100.0 * size as f64 / at as f64 };
                let quiet = |row| Row { spread: 0.01, ..row };
                results.rows.push(quiet(row(Sweep::Batch, size, threads, OURS, cost)));
                // Whatever others do is theirs.
                results.rows.push(quiet(row(
                    Sweep::Batch,
                    size,
                    threads,
                    "JAX scan",
                    if size == 4 { 1.0 } else { 9.0 },
                )));
            }
        }
        results
    }

    #[test]
    fn explanations_cover_sweep_quantity_threads_and_sizes() {
        let entry =
            |rest: &str| format!("[[kink]]\nsweep = \"batch\"\nquantity = \"time\"\n{rest}\nreason = \"Two.\"\n");
        let open = |text: &str| {
            let kinks = all(&results(), &parse(text).unwrap());
            assert_eq!(kinks.iter().map(|kink| (kink.threads, kink.size)).collect::<Vec<_>>(), [(1, 32), (2, 64)]);
            kinks.iter().filter(|kink| kink.reason.is_none()).map(|kink| kink.size).collect::<Vec<_>>()
        };
        assert_eq!(open(""), [32, 64]);
        assert_eq!(open(&entry("from = 32\nto = 64")), [0; 0]);
        assert_eq!(open(&entry("threads = [2]\nfrom = 1\nto = 4096")), [32]);
        assert_eq!(open(&entry("from = 33\nto = 64")), [32]);
        assert_eq!(open(&entry("from = 32\nto = 64").replace("batch", "width")), [32, 64]);
        assert_eq!(open(&entry("from = 32\nto = 64").replace("time", "memory")), [32, 64]);
        let kink = &all(&results(), &[])[0];
        assert_eq!(kink.place(), "time against batch at 32, 1 thread(s): 0.00 to 1.00");
    }

    #[test]
    fn explanations_that_explain_nothing_are_refused() {
        let good = "[[kink]]\nsweep = \"batch\"\nquantity = \"time\"\nfrom = 1\nto = 2\nreason = \"So.\"";
        assert_eq!(parse(good).unwrap().len(), 1);
        let wrong = [
            ("batch", "length"),
            ("time", "money"),
            ("So.", " "),
            ("to = 2", "to = 0"),
            ("kink", "kinks"),
            ("to", "til"),
        ];
        for (old, new) in wrong {
            assert!(parse(&good.replace(old, new)).is_err(), "{new}");
        }
    }
}
