//! The curves drawn: everybody's cost against size on logarithmic axes, with our kinks marked.

use layerwise_report::{Axis, LineChart, Mark, Series};

use super::curve::{Quantity, Sweep};
use super::kinks::Kink;
use super::page::{count, libraries};
use super::results::{OURS, Results};

/// The name of its file.
pub fn file(sweep: Sweep, quantity: Quantity, threads: usize) -> String {
    format!("growth-{}-{}-{threads}.svg", sweep.name(), quantity.name())
}

/// The curves of everybody who was measured; `None` if ours has no point.
pub fn svg(results: &Results, sweep: Sweep, quantity: Quantity, threads: usize, kinks: &[Kink]) -> Option<String> {
    let points = |library: &str| {
        let rows = results.of(sweep, quantity, threads, library);
        rows.iter().filter_map(|row| row.measured(quantity)).map(|m| (m.size, m.cost)).collect::<Vec<_>>()
    };
    let ours = points(OURS);
    if ours.is_empty() {
        return None;
    }
    let of_this = |kink: &&Kink| (kink.sweep, kink.quantity, kink.threads) == (sweep, quantity, threads);
    let mark = |kink: &Kink| {
        let rows = results.of(sweep, quantity, threads, OURS);
        let at = rows.get(kink.bend.index).and_then(|row| row.measured(quantity)).map_or(f64::NAN, |m| m.size);
        Mark { at, label: format!("{:.1} → {:.1}", kink.bend.before, kink.bend.after) }
    };
    let (what, unit) = match quantity {
        Quantity::Time => ("time of a training step", "s"),
        Quantity::Memory => ("peak resident memory", "MiB"),
    };
    let title = format!("{}{}, {}", what[..1].to_uppercase(), &what[1..], count(threads, "thread"));
    let series = libraries(results, sweep, threads).into_iter().map(|name| Series::new(name, points(name)).dotted());
    let chart = LineChart {
        title,
        x: Axis::log10(sweep.axis()),
        y: Axis::log10(what).unit(unit),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        marks: kinks.iter().filter(of_this).map(mark).collect(),
    };
    Some(chart.svg())
}

#[cfg(test)]
mod tests {
    use super::super::kinks::all;
    use super::super::results::{Row, tests::row};
    use super::*;

    #[test]
    fn a_chart_has_everybody_and_our_kinks() {
        let mut results = Results::default();
        for size in Sweep::Width.sizes() {
            let cost = 10.0 + if size < 64 { 0.0 } else { size as f64 };
            results.rows.push(Row { spread: 0.0, ..row(Sweep::Width, size, 2, OURS, cost) });
            results.rows.push(row(Sweep::Width, size, 2, "burn", 2.0 * cost));
        }
        let kinks = all(&results, &[]);
        let svg = |quantity, threads| svg(&results, Sweep::Width, quantity, threads, &kinks);
        let time = svg(Quantity::Time, 2).unwrap();
        assert!(time.contains("Time of a training step, 2 threads") && time.contains(">width of the hidden layers<"));
        assert!(time.contains(">layerwise<") && time.contains(">burn<") && !time.contains("JAX"), "{time}");
        assert_eq!(time.matches(" → ").count(), kinks.len());
        assert!(!kinks.is_empty());
        // The memory of burn is unknown.
        let memory = svg(Quantity::Memory, 2).unwrap();
        assert!(memory.contains("MiB") && !memory.contains(">burn<") && !memory.contains(" → "), "{memory}");
        assert_eq!(svg(Quantity::Time, 1), None);
        assert_eq!(file(Sweep::Width, Quantity::Memory, 2), "growth-width-memory-2.svg");
    }
}
