//! The verdicts on the digits over many seeds: `cargo run --release -p layerwise-diagnosis --example verdicts -- [CASE|all] [SEEDS] [-v]`.
//!
//! One line a case and seed, then the share of seeds with the expected verdict. Thresholds were not set on these cases.

use layerwise_activations::{Activations, Relu, Sigmoid};
use layerwise_core::Init;
use layerwise_data::{Dataset, Scaling, digits_split, split};
use layerwise_diagnosis::{Diagnosis, Options, Rows, Status, diagnose};
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_optimizers::Sgd;
use layerwise_train::{NetworkSpec, Recipe};

struct Case {
    name: &'static str,
    recipe: Recipe,
    train_rows: Option<usize>,
    /// Accepted first causes; none for healthy.
    expected: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let network =
        |hidden: Vec<usize>| NetworkSpec { hidden, activation: Activations::Relu(Relu), ..NetworkSpec::default() };
    let plain = Recipe { network: network(vec![128]), scaling: Scaling::MinMax, ..Recipe::default() };
    let smoothed = SoftmaxCrossEntropy { smoothing: 0.1, ..SoftmaxCrossEntropy::default() };
    let sensible = Recipe { loss: Some(smoothed.into()), ..plain.clone() };
    let sgd = |rate: f64| Sgd { rate, momentum: 0.9, ..Sgd::default() }.into();
    let deep = NetworkSpec {
        hidden: vec![32; 10],
        activation: Activations::Sigmoid(Sigmoid),
        init: Init::UniformFanIn,
        ..NetworkSpec::default()
    };
    let gradient_descent = Sgd { rate: 0.1, ..Sgd::default() }.into();
    let free = Recipe { early_stopping: None, epochs: 60, ..plain.clone() };
    vec![
        Case { name: "sensible", recipe: sensible, train_rows: None, expected: &[] },
        Case {
            name: "lecture",
            recipe: Recipe { network: deep, optimizer: gradient_descent, ..free.clone() },
            train_rows: None,
            expected: &["vanishing-gradient", "saturated-units"],
        },
        Case {
            name: "overfit",
            recipe: Recipe { network: network(vec![512, 512]), ..free.clone() },
            train_rows: Some(100),
            expected: &["overfitting"],
        },
        Case {
            name: "too-small",
            recipe: Recipe { network: network(vec![2]), ..free.clone() },
            train_rows: None,
            expected: &["capacity-too-small"],
        },
        Case {
            name: "rate-x100",
            recipe: Recipe { optimizer: sgd(5.0), ..free.clone() },
            train_rows: None,
            expected: &["rate-too-high"],
        },
        Case {
            name: "rate/1000",
            recipe: Recipe { optimizer: sgd(5e-5), ..free.clone() },
            train_rows: None,
            expected: &["rate-too-low"],
        },
        Case { name: "plain", recipe: plain.clone(), train_rows: None, expected: &[] },
        Case {
            name: "sgd",
            recipe: Recipe { optimizer: sgd(0.05), early_stopping: plain.early_stopping, ..free },
            train_rows: None,
            expected: &[],
        },
    ]
}

fn right(case: &Case, found: &Diagnosis) -> bool {
    match (found.status, found.causes.first()) {
        (Status::Healthy, _) => case.expected.is_empty(),
        (Status::Sick, Some(cause)) => case.expected.contains(&cause.cause.as_str()),
        _ => false,
    }
}

fn first_rows(data: &Dataset, rows: usize) -> Dataset {
    let share = rows as f64 / data.len() as f64;
    split(data, [share, 1.0 - share, 0.0], 1).map_or_else(|e| panic!("{e}"), |parts| parts.train)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.first().map_or("all", |a| a.as_str());
    let seeds: u64 = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let verbose = arguments.iter().any(|a| a == "-v");
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    for case in cases().iter().filter(|case| only == "all" || only == case.name) {
        let parts = digits_split();
        let train = case.train_rows.map_or(parts.train.clone(), |rows| first_rows(&parts.train, rows));
        let rows = Rows { train, validation: Some(parts.validation), test: Some(parts.test) };
        let (mut hits, mut worst) = (0, 0.0f64);
        for seed in 1..=seeds {
            let start = std::time::Instant::now();
            let recipe = Recipe { seed, ..case.recipe.clone() };
            let options = Options { threads, ..Options::default() };
            let tell = |line: &str| {
                if verbose {
                    println!("    {line}");
                }
            };
            let found = match diagnose(&recipe, &rows, &options, &tell, &|| false) {
                Ok((found, patient, _)) => {
                    let errors = patient.iter().filter_map(|t| t.test_error);
                    worst = worst.max(errors.fold(0.0, f64::max));
                    found
                }
                Err(e) => panic!("{}: {e}", case.name),
            };
            hits += u64::from(right(case, &found));
            let causes: Vec<String> = found
                .causes
                .iter()
                .map(|c| format!("{} (effect {:.3}, p {:.1e}, {})", c.cause, c.effect, c.p_value, c.intervention))
                .collect();
            let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
            let cure = found.cure.as_ref().map_or(String::new(), |c| {
                format!("; error {:.3} -> {:.3}", mean(&c.error_before), mean(&c.error_after))
            });
            println!(
                "{} seed {seed}: {:?} {}{cure}; risk {:.3}, {} trainings, {:.1} s",
                case.name,
                found.status,
                causes.join(" + "),
                mean(&found.risk),
                found.trainings,
                start.elapsed().as_secs_f64()
            );
            if verbose {
                for o in &found.observations {
                    println!("    not a cause: {}: {} ({})", o.symptom, o.evidence, o.because);
                }
            }
        }
        println!(
            "{}: {hits} of {seeds} as expected {:?}; worst test error of the patient over 5 x {seeds} trainings {worst:.4}",
            case.name, case.expected
        );
    }
}
