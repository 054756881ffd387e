//! The results for readers: `docs/results/growth.md`, from the same data as the JSON beside it.

use std::fmt::Write;

use super::chart;
use super::curve::{Quantity, Sweep, multiply_adds};
use super::kinks::{Kink, LIMIT, Measured, bends, exponents};
use super::results::{OURS, Point, Results, Row};
use crate::bench::QUIET;
use crate::bench::page::{machine, three_digits, time};

/// What the tables say and how it was measured.
const METHOD: &str = "\
Made by `cargo xtask bench --growth`; the same numbers are in [growth.json](growth.json).

What a training step costs as a net grows: risk (softmax and cross-entropy), gradient, and an update with momentum 0.9, in f32, on
a batch that is in memory; ReLU in the hidden layers. JAX runs a scan of 20 steps as one compiled call, of 2 steps where a step
has more than 2·10⁹ multiply-adds. candle's SGD has no momentum. PyTorch is not compiled here: that takes longer than its row.

Everybody is a process of its own at every point and waits on its input while another works. In each round everybody works once,
one after the other; a time is the median of the rounds, within a round the median of about ten stretches. Nets of more than
2·10⁷ parameters have the memory of the machine for themselves: one library after the other. Memory is the greatest resident set
of the process while it works, with the program and its libraries, once data and weights are made and the first step is done
(`VmHWM`).

An exponent is the slope of the curve on logarithmic axes on the way from the size before: cost grows as size to this power.
GFLOP/s are the operations of the matrix products over the time of the whole step. A factor is theirs over ours: above 1, layerwise
is faster or smaller.
";

/// Everybody with a row, ours first and the others in the order in which they worked.
pub fn libraries(results: &Results, sweep: Sweep, threads: usize) -> Vec<&str> {
    let mut names = vec![OURS];
    for row in results.rows.iter().filter(|row| row.sweep == sweep && row.threads == threads) {
        if !names.contains(&row.library.as_str()) {
            names.push(&row.library);
        }
    }
    names
}

/// `1 thread`, `2 threads`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The page.
pub fn text(results: &Results, kinks: &[Kink]) -> String {
    let mut text = format!("# How cost grows\n\n{METHOD}");
    text += &machine(&results.head, results.rows.iter().map(|row| (row.date.as_str(), row.rounds)));
    if let Some(foreign) = results.rows.iter().filter_map(|row| row.foreign_use).reduce(f64::max) {
        let says = "While one worked, all other processes used at most";
        let _ = writeln!(text, "{says} {foreign:.2} cores; points with more than {QUIET} are marked † and doubtful.");
    }
    for threads in results.threads().into_iter().rev() {
        for sweep in Sweep::ALL {
            text += &section(results, sweep, threads);
        }
    }
    text + &listed(results, kinks)
}

/// Plots and tables of a sweep; nothing if we were not measured.
fn section(results: &Results, sweep: Sweep, threads: usize) -> String {
    if results.of(sweep, Quantity::Time, threads, OURS).is_empty() {
        return String::new();
    }
    let name = sweep.name();
    let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
    let mut text = format!("\n## {title}, {}\n\n{}\n", count(threads, "thread"), sweep.nets());
    for quantity in Quantity::ALL {
        if !results.of(sweep, quantity, threads, OURS).is_empty() {
            let file = chart::file(sweep, quantity, threads);
            let _ = write!(text, "\n![{} against {}]({file})\n\n", quantity.name(), sweep.axis());
            text += &table(results, sweep, quantity, threads);
        }
    }
    text
}

/// A row a size, a column a library.
fn table(results: &Results, sweep: Sweep, quantity: Quantity, threads: usize) -> String {
    let rows = results.of(sweep, quantity, threads, OURS);
    let points: Vec<Measured> = rows.iter().filter_map(|row| row.measured(quantity)).collect();
    let exponents = exponents(&points);
    let peers: Vec<&str> = libraries(results, sweep, threads).into_iter().filter(|name| *name != OURS).collect();
    let mut heading = vec![sweep.name(), OURS, "exponent"];
    if sweep != Sweep::Parameters {
        heading.insert(1, "parameters");
    }
    if quantity == Quantity::Time {
        heading.push("GFLOP/s");
    }
    heading.extend(&peers);
    // Others at work take time, not memory.
    let doubt = |row: &Row| if quantity == Quantity::Time { doubt(row) } else { "" };
    let mut text = format!("| {} |\n|{}\n", heading.join(" | "), "---|".repeat(heading.len()));
    for (i, (row, measured)) in rows.iter().zip(&points).enumerate() {
        let Row { size, parameters, .. } = **row;
        let mut cells = vec![parameters.to_string(), cost(*measured, quantity) + doubt(row)];
        if sweep != Sweep::Parameters {
            cells.insert(0, size.to_string());
        }
        let exponent = i.checked_sub(1).and_then(|i| exponents.get(i));
        cells.push(exponent.map_or("–".to_owned(), |exponent| format!("{exponent:.2}")));
        if quantity == Quantity::Time {
            cells.push(three_digits(2e-9 * multiply_adds(&sweep.net(size)) / measured.cost));
        }
        for name in &peers {
            let other = results.at(Point { sweep, size, threads }, name);
            let theirs = other.and_then(|row| Some((row.measured(quantity)?, doubt(row))));
            cells.push(theirs.map_or("–".to_owned(), |(theirs, doubt)| {
                format!("{}{doubt}, {}×", cost(theirs, quantity), three_digits(theirs.cost / measured.cost))
            }));
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// With its unit.
fn cost(measured: Measured, quantity: Quantity) -> String {
    match quantity {
        Quantity::Time => time(measured.cost),
        Quantity::Memory => format!("{} MiB", three_digits(measured.cost)),
    }
}

/// The mark of times that others disturbed.
fn doubt(row: &Row) -> &'static str {
    if row.foreign_use.is_some_and(|cores| cores > QUIET) { " †" } else { "" }
}

/// The kinks with their reasons, and the rule.
fn listed(results: &Results, kinks: &[Kink]) -> String {
    let noise = results.threads().into_iter().flat_map(|threads| {
        Sweep::ALL.into_iter().flat_map(move |sweep| {
            let rows = results.of(sweep, Quantity::Time, threads, OURS);
            bends(&rows.iter().filter_map(|row| row.measured(Quantity::Time)).collect::<Vec<_>>())
        })
    });
    let noise = noise.map(|bend| bend.noise).reduce(f64::max).unwrap_or(0.0);
    let mut text = format!(
        "\n## Kinks\n\nA kink of our curves is a size where the exponent on the way to it and the exponent on the way from it \
         differ by more\nthan {LIMIT}, even if each of the three costs is off by half of the spread of its rounds (noise: at most \
         {noise:.2} of an exponent at\nany size). A fixed cost that work in proportion to size takes over smoothly changes the \
         exponent by 0.27 at most in such steps;\none that work in proportion to the square of the size takes over, by 0.64, and \
         by 0.44 at the sizes beside: three kinks\nin a row may be one such change. The reasons were found by people, and stand in \
         [growth-kinks.toml](growth-kinks.toml).\n\n"
    );
    if kinks.is_empty() {
        return text + "There is none.\n";
    }
    text += "| curve | threads | at | exponent | reason |\n|---|---|---|---|---|\n";
    for Kink { sweep, quantity, threads, size, bend, reason } in kinks {
        let reason = reason.as_deref().unwrap_or("**not explained**").trim();
        let (quantity, sweep, before, after) = (quantity.name(), sweep.name(), bend.before, bend.after);
        let _ = writeln!(
            text,
            "| {quantity} against {sweep} | {threads} | {size} | {before:.2} to {after:.2} | {reason} |"
        );
    }
    text
}

/// A point for the terminal.
pub fn line(point: Point, rows: &[Row]) -> String {
    let Point { sweep, size, threads } = point;
    let mut text = format!("{} {size}, {}:", sweep.name(), count(threads, "thread"));
    for row in rows {
        let memory = row.peak_mib.map_or(String::new(), |mib| format!(", {} MiB", three_digits(mib)));
        let seconds = time(1e-6 * row.microseconds);
        let _ = write!(text, " | {} {seconds} ±{:.0} %{memory}{}", row.library, 50.0 * row.spread, doubt(row));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::kinks::all;
    use super::super::results::tests::row;
    use super::*;

    /// Ours and two others at two widths, ours alone at two depths on one thread.
    fn results() -> Results {
        let mut results = Results::default();
        results.head.versions.insert("Jax".into(), "JAX 0.1".into());
        for (size, cost) in [(4, 10.0), (8, 20.0)] {
            results.rows.push(row(Sweep::Width, size, 2, OURS, cost));
            results.rows.push(Row { foreign_use: Some(0.5), ..row(Sweep::Width, size, 2, "JAX scan", 3.0 * cost) });
            results.rows.push(row(Sweep::Depth, size, 1, OURS, cost));
        }
        results.rows.push(row(Sweep::Width, 8, 2, "burn", 2e3));
        results
    }

    #[test]
    fn a_table_has_a_row_a_size_and_a_column_a_library() {
        let lines =
            |quantity| table(&results(), Sweep::Width, quantity, 2).lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            lines(Quantity::Time),
            [
                "| width | parameters | layerwise | exponent | GFLOP/s | JAX scan | burn |",
                "|---|---|---|---|---|---|---|",
                // 64 (2·64·4 + 3·(4·4 + 4·4 + 4·10)) = 46592 multiply-adds in 10 µs.
                "| 4 | 350 | 10.0 µs | – | 9.32 | 30.0 µs †, 3.00× | – |",
                // 64 (2·64·8 + 3·(8·8 + 8·8 + 8·10)) = 105472.
                "| 8 | 754 | 20.0 µs | 1.00 | 10.5 | 60.0 µs †, 3.00× | 2.00 ms, 100× |",
            ]
        );
        assert_eq!(
            lines(Quantity::Memory),
            [
                "| width | parameters | layerwise | exponent | JAX scan | burn |",
                "|---|---|---|---|---|---|",
                "| 4 | 350 | 4.00 MiB | – | 4.00 MiB, 1.00× | – |",
                "| 8 | 754 | 4.00 MiB | 0.00 | 4.00 MiB, 1.00× | – |",
            ]
        );
        let mut grown = Results::default();
        grown.rows.push(row(Sweep::Parameters, 100, 1, OURS, 1.0));
        let text = table(&grown, Sweep::Parameters, Quantity::Memory, 1);
        assert_eq!(text.lines().last(), Some("| 103 | 4.00 MiB | – |"));
    }

    #[test]
    fn the_page_has_what_was_measured_and_nothing_else() {
        let page = text(&results(), &[]);
        let titles: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(titles, ["## Width, 2 threads", "## Depth, 1 thread", "## Kinks"]);
        assert!(
            page.contains("](growth-width-memory-2.svg)") && page.contains("JAX 0.1") && page.contains("2026-01-02")
        );
        assert!(page.contains("used at most 0.50 cores") && page.ends_with("There is none.\n"), "{page}");
    }

    #[test]
    fn kinks_stand_with_their_reasons() {
        let mut results = Results::default();
        for size in Sweep::Depth.sizes() {
            let cost = if size < 8 { 100.0 } else { 100.0 * size as f64 / 8.0 };
            results.rows.push(Row { spread: 0.02, ..row(Sweep::Depth, size, 2, OURS, cost) });
        }
        let mut kinks = all(&results, &[]);
        let last = |kinks: &[Kink]| text(&results, kinks).lines().last().map(str::to_owned);
        let expected = "| time against depth | 2 | 8 | 0.00 to 1.00 | **not explained** |";
        assert_eq!(last(&kinks).as_deref(), Some(expected));
        kinks[0].reason = Some("Planted.\n".into());
        assert_eq!(last(&kinks), Some(expected.replace("**not explained**", "Planted.")));
        // Half of two percent, four times over ln 2.
        assert!(text(&results, &kinks).contains("noise: at most 0.06 of"));
    }

    #[test]
    fn a_point_is_a_line_for_the_terminal() {
        let rows = [row(Sweep::Width, 4, 2, OURS, 10.0), row(Sweep::Width, 4, 2, "burn", 20.0)];
        let expected = "width 4, 2 threads: | layerwise 10.0 µs ±15 %, 4.00 MiB | burn 20.0 µs ±15 %";
        assert_eq!(line(Point { sweep: Sweep::Width, size: 4, threads: 2 }, &rows), expected);
    }
}
