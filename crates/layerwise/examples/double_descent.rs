//! Double descent: the error of a model that is linear in random rectified features rises until it has as many features as there
//! are rows, where it just learns them by heart, and falls again beyond. With a small ridge the peak is gone. Source: Belkin, Hsu, Ma
//! and Mandal (2019); Nakkiran, Venkat, Kakade and Ma (2020) for the ridge.
//!
//! `cargo run --release --example double_descent [FILE.svg]`

use layerwise::data::{Generator, Teacher};
use layerwise::report::{Axis, LineChart, Mark, Series, terminal};
use layerwise::stats::Part;
use layerwise::variance::{Basis, LeastSquares, Measure, Point, Runner, Source, Study};

const ROWS: usize = 60;
const UNITS: [usize; 9] = [5, 10, 20, 40, 60, 90, 150, 300, 600];

/// Panics or fails if there is no peak.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let teacher = Teacher { features: 10, noise: 0.3, ..Teacher::default() };
    let source = Source::Fresh(&teacher);
    let test = source.draw(Source::TEST, 500, 1)?;
    let study = Study { source, test: &test, measure: Measure::Squared, seed: 1 };
    let best = teacher.best().map(|best| study.values_of(&*best));
    let mut curves = Vec::new();
    for ridge in [0.0, 0.001] {
        let trainers = UNITS.map(|units| LeastSquares { basis: Basis::RandomRelu { units }, ridge });
        let points: Vec<Point> =
            trainers.iter().map(|trainer| Point { sets: 0..10, starts: 3, ..Point::new(ROWS, trainer) }).collect();
        let found = study.run(&points, &Runner { threads: 2, ..Runner::default() })?;
        println!("{ROWS} rows, ridge {ridge}");
        let (mut table, mut errors) = (Vec::new(), Vec::new());
        for (units, ensemble) in UNITS.iter().zip(&found) {
            let split = study.split(ensemble, best.as_deref())?;
            let part = |part| split.part(part).map_or(f64::NAN, |estimate| estimate.value);
            let numbers =
                [split.error.value, part(Part::Bias), part(Part::Sample), part(Part::Start), part(Part::Interaction)];
            let cells = numbers.into_iter().chain([ensemble.train_error.value]).map(terminal::number);
            table.push(std::iter::once(units.to_string()).chain(cells).collect());
            errors.push(split.error.value);
        }
        let header = ["features", "error", "bias", "by sample", "by features", "by both", "on training rows"];
        println!("{}", terminal::table(&header, &table));
        curves.push(errors);
    }
    let series = curves.iter().zip(["least squares", "small ridge"]).map(|(errors, name)| {
        Series::new(name, UNITS.iter().map(|u| *u as f64).zip(errors.iter().copied()).collect()).dotted()
    });
    let chart = LineChart {
        title: "Double descent".into(),
        x: Axis::log10("random features"),
        y: Axis::log10("squared error"),
        series: series.collect(),
        marks: vec![Mark { at: ROWS as f64, label: "as many as rows".into() }],
    };
    if let Some(file) = std::env::args().nth(1).filter(|name| name.ends_with(".svg")) {
        std::fs::write(file, chart.svg())?;
    }
    // The peak is where the features are as many as the rows, and the last error is below the first minimum.
    let (plain, ridge) = (&curves[0], &curves[1]);
    let peak = UNITS.iter().position(|&units| units == ROWS).unwrap_or(0);
    assert!(plain.iter().enumerate().all(|(i, error)| i == peak || plain[peak] > 3.0 * error), "{plain:?}");
    assert!(plain[8] < plain[..peak].iter().copied().fold(f64::INFINITY, f64::min), "{plain:?}");
    assert!(ridge[peak] < 0.1 * plain[peak], "{ridge:?}");
    Ok(())
}
