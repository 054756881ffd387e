//! The examples run, and the example of the README is one of them.

#[allow(dead_code)]
#[path = "../examples/csv.rs"]
mod csv;
#[allow(dead_code)]
#[path = "../examples/digits.rs"]
mod digits;
#[allow(dead_code)]
#[path = "../examples/double_descent.rs"]
mod double_descent;
#[allow(dead_code)]
#[path = "../examples/own_activation.rs"]
mod own_activation;
#[allow(dead_code)]
#[path = "../examples/regularization.rs"]
mod regularization;

#[allow(dead_code)]
#[path = "../examples/signal.rs"]
mod signal;

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

#[test]
fn digits_are_learnt() -> Result {
    digits::main()
}

#[test]
fn errors_descend_twice() -> Result {
    double_descent::main()
}

#[test]
fn an_own_activation_is_checked_and_learns() -> Result {
    own_activation::main()
}

#[test]
fn the_signal_of_deep_networks_is_kept_alive() -> Result {
    signal::main()
}

#[test]
fn regularizations_keep_rows_from_being_learnt_by_heart() -> Result {
    regularization::main()
}

#[test]
fn a_csv_file_is_learnt() -> Result {
    csv::main()
}

#[test]
fn the_readme_shows_the_example_in_at_most_15_lines() {
    let readme = include_str!("../../../README.md");
    let example = include_str!("../examples/csv.rs");
    let code = readme.split("```rust").nth(1).and_then(|rest| rest.split("```").next()).expect("a Rust example");
    let lines: Vec<&str> = code.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
    assert!(lines.len() <= 15, "{} lines", lines.len());
    for line in lines.iter().filter(|line| !line.starts_with("use ")) {
        assert!(example.contains(line), "the example lacks `{line}`");
    }
}
