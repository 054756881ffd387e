//! Prints all findings as tables in Markdown; exit status 1 if one does not hold.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use layerwise_theory::{Size, THEORIES};

/// Text in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        1e-3.. => format!("{x:.5}"),
        _ => format!("{x:.2e}"),
    }
}

fn main() -> ExitCode {
    let only = std::env::args().nth(1).unwrap_or_default();
    let (mut all, mut missed) = (0, 0);
    for (title, findings) in THEORIES.iter().filter(|(title, _)| title.contains(&only)) {
        let start = Instant::now();
        let found = findings(Size::Whole);
        println!("## {title}\n\n| what | formula | measured | theory | tolerance | |\n|---|---|---|---|---|---|");
        for finding in &found {
            let holds = finding.holds();
            all += 1;
            missed += usize::from(!holds);
            println!(
                "| {} | {} | {} | {} | {:.1e} | {} |",
                cell(&finding.what),
                cell(finding.formula),
                number(finding.measured),
                number(finding.expected),
                finding.tolerance,
                if holds { "holds" } else { "**fails**" }
            );
        }
        println!("\n{:.0} s.\n", start.elapsed().as_secs_f64());
    }
    println!("{} of {all} hold.", all - missed);
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
