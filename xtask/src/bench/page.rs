//! The results for readers: `docs/results/performance.md`, from the same data as the JSON beside it.

use std::collections::BTreeSet;
use std::fmt::Write;

use layerwise_bench::NETS;

use super::results::{Head, Other, Results, Row};
use super::statistics::geometric_mean;

/// What the tables say, how it was measured, and what was not.
const METHOD: &str = "\
Made by `cargo xtask bench --peers`; the same numbers with every spread are in [performance.json](performance.json).

Everybody is a process of its own on the same cores (one thread: on the first core) and waits on its input while another works.
In each round everybody works once, one after the other; a time is the median of the rounds, within a round the median of about
ten stretches. A factor is the median over the rounds of their time over ours in the same round, with the least and the greatest:
above 1, layerwise is faster. The fastest peer is **bold**. Factors within about a tenth of 1 are ties.

Everybody does the same work in f32: forward pass, mean softmax cross-entropy, backward pass, update, on a batch that lies in
memory; SGD with momentum 0.9, or Adam. Rates are 1e-9, so that parameters stay where they are and no value drifts into
denormals. Each peer is configured for speed: fused optimizers in PyTorch; donated parameters in JAX, with one step a call or a
scan of 20 steps a call (which a loop that looks at every loss cannot use); the loop inside scikit-learn's `fit` without its
checks; the AVX-512 features of the matrix products of candle and burn; weights as constants in JAX, ONNX Runtime and tract.
candle's SGD has no momentum, and does less than the others.

Not measured: other processors, graphics cards, more threads, PyTorch with its C++ front end, burn's compiling backend.
";

/// Reads and orders results as tables.
pub fn text(results: &Results) -> String {
    let mut text = String::from("# Performance\n\n");
    text += METHOD;
    text += &conditions(results);
    let threads: BTreeSet<usize> = results.rows.iter().map(|row| row.threads).collect();
    for (kind, title, says) in [
        (
            "train",
            "Training",
            "Time of one step. *Products*: the step over its own matrix products in the same round, and over \
            their operations at the best rate of any products below.",
        ),
        ("infer", "Inference", "Time of one call, outputs before the softmax."),
        (
            "curvature",
            "Curvature",
            "Time of one product of a matrix with a vector, with everything computed anew or at the θ of the product \
            before; and of the largest eigenvalue, to a residual of 10⁻³ of it, with its number of products in parentheses. \
            *Own gradient*: the time over that of one gradient of ours in the same numbers.",
        ),
        (
            "fit",
            "The whole way",
            "Time of a step within the whole training of a classifier: scaling (ours only: the peer's data \
            come scaled), shuffling, batches, metrics, history. *Bare step*: the whole over the same step alone; *epochs*: without \
            the preparation. In parentheses the accuracy on test samples.",
        ),
        (
            "products",
            "Matrix products",
            "The products of one step alone: W X, D Xᵀ and, but for the first layer, Wᵀ D.",
        ),
    ] {
        for &threads in &threads {
            let rows: Vec<&Row> =
                results.rows.iter().filter(|row| row.kind == kind && row.threads == threads).collect();
            if rows.is_empty() {
                continue;
            }
            let plural = if threads == 1 { "" } else { "s" };
            let _ = write!(text, "\n## {title}, {threads} thread{plural}\n\n{says}\n\n");
            text += &if kind == "products" { products(&rows) } else { table(&rows, results.best_rate(threads)) };
        }
    }
    text
}

/// On what, when, in how many rounds and with which versions it was measured.
pub fn machine<'a>(head: &Head, when: impl Iterator<Item = (&'a str, usize)>) -> String {
    let (dates, rounds): (BTreeSet<&str>, BTreeSet<usize>) = when.unzip();
    let dates: Vec<&str> = dates.into_iter().collect();
    let rounds: Vec<String> = rounds.iter().map(usize::to_string).collect();
    let Head { processor, cores, system, compiler, versions } = head;
    let versions: Vec<&str> = versions.values().map(String::as_str).collect();
    format!(
        "\nMeasured on {processor} with {cores} cores ({system}), {}; {compiler}; rounds: {}.\nVersions: {}.\n",
        dates.join(", "),
        rounds.join(", "),
        versions.join(", ")
    )
}

fn conditions(results: &Results) -> String {
    let mut text = machine(&results.head, results.rows.iter().map(|row| (row.date.as_str(), row.rounds)));
    let most = |read: fn(&Row) -> Option<f64>| results.rows.iter().filter_map(read).reduce(f64::max);
    if let (Some(idle), Some(foreign)) = (most(|row| row.idle_use), most(|row| row.foreign_use)) {
        let says = "While one worked, those who waited used at most";
        let _ = writeln!(text, "{says} {idle:.2} cores in any row, and all other processes {foreign:.2}.");
    }
    let nets: Vec<String> = NETS.iter().map(|(name, net)| format!("{name}: {net}")).collect();
    let _ = writeln!(text, "\nNets, as widths, activation and batch: {}.", nets.join("; "));
    text
}

/// A row a cell, a column a contestant, and the means of the factors below.
fn table(rows: &[&Row], best_rate: Option<f64>) -> String {
    let columns = |own: bool| {
        let mut names: Vec<&str> = Vec::new();
        for other in rows.iter().flat_map(|row| &row.others).filter(|other| other.own == own) {
            if !names.contains(&other.name.as_str()) {
                names.push(&other.name);
            }
        }
        names
    };
    let (peers, own) = (columns(false), columns(true));
    let headings = own.iter().map(|name| match *name {
        "own products" => "products | at best rate".to_owned(),
        name => name.to_owned(),
    });
    let mut heading = vec!["net".to_owned(), "case".into(), "layerwise".into(), "best peer over ours".into()];
    heading.extend(peers.iter().map(|name| name.to_string()));
    heading.extend(headings);
    let heading = format!("| {} |\n", heading.join(" | "));
    let mut text = format!("{heading}|{}\n", "---|".repeat(heading.matches('|').count() - 1));
    for row in rows {
        let best = row.best_peer();
        let lead = best.map_or("–".to_owned(), |best| {
            let ratio = best.ratio;
            format!("{} ({}–{})", factor(ratio.ratio), factor(ratio.low), factor(ratio.high))
        });
        let mut cells = vec![row.net.clone(), row.case.clone(), timed(row.seconds, shown(row, row.number)), lead];
        cells.extend(peers.iter().map(|name| match row.other(name) {
            None => "–".to_owned(),
            Some(peer) => {
                let time = format!("{}, {}×", timed(peer.seconds, shown(row, peer.number)), factor(peer.ratio.ratio));
                if best.is_some_and(|best| best.name == *name) { format!("**{time}**") } else { time }
            }
        }));
        for name in &own {
            let other = row.other(name);
            cells.push(other.map_or("–".into(), |other| factor(1.0 / other.ratio.ratio)));
            if *name == "own products" {
                cells.push(at_best_rate(row, other, best_rate).map_or("–".into(), factor));
            }
        }
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text + &means(rows, &peers)
}

/// The time over what the operations of the products would take at the best rate.
fn at_best_rate(row: &Row, products: Option<&Other>, best_rate: Option<f64>) -> Option<f64> {
    Some(row.seconds * best_rate? / products?.number?)
}

/// Accuracies and numbers of products are shown; risks and the like show only that work was done.
fn shown(row: &Row, number: Option<f64>) -> Option<String> {
    match number {
        Some(accuracy) if row.kind == "fit" => Some(format!("{:.1} %", 100.0 * accuracy)),
        Some(products) if row.case.starts_with("top") => Some(format!("{products}")),
        _ => None,
    }
}

fn means(rows: &[&Row], peers: &[&str]) -> String {
    let mean =
        |factors: Vec<f64>| geometric_mean(&factors).map_or("–".to_owned(), |mean| format!("{}×", factor(mean)));
    let best = mean(rows.iter().filter_map(|row| Some(row.best_peer()?.ratio.ratio)).collect());
    let each = peers.iter().map(|name| {
        let factors: Vec<f64> = rows.iter().filter_map(|row| Some(row.other(name)?.ratio.ratio)).collect();
        let some = if factors.len() < rows.len() { format!(" of {}", factors.len()) } else { String::new() };
        format!("{name} {}{some}", mean(factors))
    });
    format!("\nGeometric means: the best peer of each row {best}; {}.\n", each.collect::<Vec<_>>().join(", "))
}

fn products(rows: &[&Row]) -> String {
    let mut text = "| net | time | GFLOP/s |\n|---|---|---|\n".to_owned();
    for row in rows {
        let rate = row.number.map_or("–".to_owned(), |operations| format!("{:.0}", operations / row.seconds / 1e9));
        let _ = writeln!(text, "| {} | {} | {rate} |", row.net, time(row.seconds));
    }
    text
}

/// One row for the terminal.
pub fn line(row: &Row) -> String {
    let others = row.others.iter().map(|other| {
        let ratio = other.ratio;
        format!("{} {} ({}–{})", other.name, factor(ratio.ratio), factor(ratio.low), factor(ratio.high))
    });
    let others: Vec<String> = others.collect();
    let ours = timed(row.seconds, shown(row, row.number));
    format!("{} {} {}, {} thread(s): {ours} | {}", row.kind, row.net, row.case, row.threads, others.join(" | "))
}

/// A time, and what came out if that is of interest.
fn timed(seconds: f64, shown: Option<String>) -> String {
    shown.map_or(time(seconds), |shown| format!("{} ({shown})", time(seconds)))
}

/// Three digits with the unit that fits.
pub fn time(seconds: f64) -> String {
    let (number, unit) = match seconds {
        s if s < 999.5e-9 => (s * 1e9, "ns"),
        s if s < 999.5e-6 => (s * 1e6, "µs"),
        s if s < 999.5e-3 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    format!("{} {unit}", three_digits(number))
}

/// Two decimals below 10, one below 100.
pub fn three_digits(x: f64) -> String {
    let decimals = if x < 9.995 { 2 } else { usize::from(x < 99.95) };
    format!("{x:.decimals$}")
}

fn factor(x: f64) -> String {
    three_digits(x)
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::row;
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let check = |seconds: f64, expected: &str| assert_eq!(time(seconds), expected);
        check(6.604e-6, "6.60 µs");
        check(234e-9, "234 ns");
        check(999.7e-9, "1.00 µs");
        check(5.0642e-3, "5.06 ms");
        check(0.35, "350 ms");
        check(12.34, "12.3 s");
        assert_eq!([1.004, 9.999, 99.96].map(factor), ["1.00", "10.0", "100"]);
    }

    #[test]
    fn a_table_has_a_row_a_cell_and_the_means() {
        let mut later = row("train", "adam", 1, 0.5e-3);
        later.others.retain(|other| other.name != "burn");
        let text = table(&[&row("train", "sgd", 1, 1e-3), &later], Some(4e12));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "| net | case | layerwise | best peer over ours | JAX | burn | products | at best rate |",
                "|---|---|---|---|---|---|---|---|",
                "| b | sgd | 1.00 ms | 2.00 (2.00–2.00) | **2.00 ms, 2.00×** | 5.00 ms, 5.00× | 1.00 | 2.00 |",
                "| b | adam | 500 µs | 4.00 (4.00–4.00) | **2.00 ms, 4.00×** | – | 0.50 | 1.00 |",
                "",
                "Geometric means: the best peer of each row 2.83×; JAX 2.83×, burn 5.00× of 1."
            ]
        );
    }

    #[test]
    fn the_page_has_what_was_measured_and_nothing_else() {
        let mut results = Results::default();
        results.put(row("train", "sgd", 1, 1e-3));
        results.put(row("fit", "digits", 2, 1e-3));
        results.put(row("products", "", 2, 1e-3));
        results.put(row("curvature", "top eigenvalue, f64", 2, 1e-3));
        let page = text(&results);
        let titles: Vec<&str> = page.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(
            titles,
            [
                "## Training, 1 thread",
                "## Curvature, 2 threads",
                "## The whole way, 2 threads",
                "## Matrix products, 2 threads"
            ]
        );
        // The number of a fit is its accuracy, that of a step its risk, that of products their operations.
        assert!(page.contains("1.00 ms (800.0 %)") && page.contains("| b | sgd | 1.00 ms |"), "{page}");
        assert!(page.contains("| b | 1.00 ms | 0 |") && page.contains("1.00 ms (8)"), "{page}");
    }

    #[test]
    fn a_row_is_a_line_for_the_terminal() {
        let expected = "train b sgd, 1 thread(s): 1.00 ms | JAX 2.00 (2.00–2.00) | burn 5.00 (4.00–6.00) | own products 1.00 \
                        (1.00–1.00)";
        assert_eq!(line(&row("train", "sgd", 1, 1e-3)), expected);
    }
}
