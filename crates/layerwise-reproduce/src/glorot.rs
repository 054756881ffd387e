//! Activation and initialization decide whether a deep network trains at all: five networks with five hidden layers on endless images
//! of Shapeset-3×2. Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks",
//! table 1, figures 2 to 4, 6 to 9.

mod course;
mod figures;
mod images;
mod initialization;

use std::fmt::Write;

use layerwise_activations::{Activations, Sigmoid, Softsign, Tanh};
use layerwise_core::Init;
use layerwise_stats::{Estimate, holm, paired};
use layerwise_train::NetworkSpec;
use serde_json::json;

use crate::results::{Results, table};
use crate::trainings::{Finished, Training, Trainings};
use crate::{Effort, percent, percents};
use course::{Course, Fixed, Plan, train};
use initialization::{ByLayer, Look, look};

/// A network of table 1.
struct Cell {
    name: &'static str,
    activation: Activations,
    init: Init,
    /// Test error in percent after five million updates, 1000 units a layer.
    published: f64,
}

/// W ~ U(±1/√n), the heuristic of the time.
const STANDARD: Init = Init::UniformFanIn;
/// W ~ U(±√(6/(n_in + n_out))), eq. 16.
const NORMALIZED: Init = Init::Glorot;
/// Rates that are tried for each network.
const RATES: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
/// The rate is chosen by a training of this seed, which counts for nothing else.
const PILOT: u64 = 0;
/// Least advantage of the normalized initialization over the standard one for tanh, in percent points.
const ADVANTAGE: f64 = 5.0;
/// Farthest distance between the three good networks, in percent points.
const ALIKE: f64 = 2.0;
/// Least error of the sigmoid network, in percent.
const STUCK: f64 = 80.0;
/// Largest relative distance between signals at the start and the recursion.
const NEAR: f64 = 0.02;

const SIGMOID: usize = 0;
const TANH: usize = 1;
const TANH_N: usize = 2;
const SOFTSIGN: usize = 3;
const SOFTSIGN_N: usize = 4;
const GOOD: [usize; 3] = [TANH_N, SOFTSIGN, SOFTSIGN_N];

fn cells() -> [Cell; 5] {
    let cell = |name, activation, init, published| Cell { name, activation, init, published };
    [
        cell("sigmoid", Sigmoid.into(), STANDARD, 82.61),
        cell("tanh", Tanh.into(), STANDARD, 27.15),
        cell("tanh, normalized", Tanh.into(), NORMALIZED, 15.60),
        cell("softsign", Softsign.into(), STANDARD, 16.27),
        cell("softsign, normalized", Softsign.into(), NORMALIZED, 16.06),
    ]
}

/// All trainings of a cell: the rate that was chosen, and one training a seed.
struct Row {
    cell: Cell,
    /// Validation error of each rate.
    tried: Vec<Option<f64>>,
    rate: f64,
    courses: Vec<Course>,
}

impl Row {
    /// Test errors in percent; of a training that broke, 100.
    fn errors(&self) -> Vec<f64> {
        self.courses.iter().map(|course| 100.0 * course.test.unwrap_or(1.0)).collect()
    }
}

/// Trains everything that is not kept, and judges it.
///
/// Errors: a training that cannot be done or kept.
pub fn run(trainings: &Trainings, effort: Effort) -> Result<Results, String> {
    let seeds = effort.seeds.unwrap_or(effort.size.pick(2, 5));
    let plan = Plan {
        width: effort.size.pick(100, 300),
        depth: 5,
        batch: 10,
        updates: effort.size.pick(2_000, 250_000),
        moments: effort.size.pick(10, 40),
        monitored: 300,
        validation: effort.size.pick(1_000, 5_000),
        test: effort.size.pick(2_000, 20_000),
    };
    let start = Look { width: effort.size.pick(200, 1000), depth: 5, images: 300, seeds: effort.size.pick(4, 32) };
    let mut results = Results::default();
    let starts = initializations(trainings, start)?;
    let rows = rows(trainings, &plan, seeds)?;
    results.seconds = starts.iter().map(|one| one.seconds).sum::<f64>() + rows.1;
    let (starts, rows) = (starts.map(|one| one.result), rows.0);
    judge(&mut results, &starts, &rows);
    write(&mut results, &plan, start, &starts, &rows);
    Ok(results)
}

/// Standard and normalized.
fn initializations(trainings: &Trainings, size: Look) -> Result<[Finished<ByLayer>; 2], String> {
    let training = |(name, init): (&str, Init)| Training {
        name: format!("start {name}"),
        settings: json!({ "init": init, "look": size }),
        work: Box::new(move || look(size, init, 1)),
    };
    let line = |found: &ByLayer| format!("within {:.1} % of the recursion", 100.0 * found.miss());
    let both = trainings.finish([("standard", STANDARD), ("normalized", NORMALIZED)].map(training).into(), &line)?;
    both.try_into().map_err(|_| "initializations should be two".to_owned())
}

/// All trainings, and their seconds.
fn rows(trainings: &Trainings, plan: &Plan, seeds: u64) -> Result<(Vec<Row>, f64), String> {
    let fixed = Fixed::draw(plan)?;
    let line =
        |course: &Course| course.test.map_or("broke".to_owned(), |error| format!("test error {}", percent(error)));
    let training = |cell: &Cell, rate: f64, seed: u64| {
        let hidden = vec![plan.width; plan.depth];
        let (activation, init) = (cell.activation.clone(), cell.init);
        let spec = NetworkSpec { hidden, activation, init, ..NetworkSpec::default() };
        let fixed = &fixed;
        Training {
            name: format!("{} rate {rate} seed {seed}", cell.name),
            settings: json!({ "network": spec, "rate": rate, "seed": seed, "plan": plan }),
            work: Box::new(move || train(plan, &spec, rate, seed, fixed)),
        }
    };
    let cells = cells();
    let pilots = cells.iter().flat_map(|cell| RATES.map(|rate| training(cell, rate, PILOT))).collect();
    let pilots = trainings.finish(pilots, &line)?;
    let error = |course: &Finished<Course>| course.result.validation;
    let chosen: Vec<(f64, Vec<Option<f64>>)> = pilots
        .chunks(RATES.len())
        .map(|tried| {
            let tried: Vec<Option<f64>> = tried.iter().map(error).collect();
            let of = |i: usize| tried[i].unwrap_or(f64::INFINITY);
            let best = (1..RATES.len()).fold(0, |best, i| if of(i) < of(best) { i } else { best });
            (RATES[best], tried)
        })
        .collect();
    let all = cells.iter().zip(&chosen).flat_map(|(cell, (rate, _))| {
        let training = &training;
        (1..=seeds).map(move |seed| training(cell, *rate, seed))
    });
    let all = trainings.finish(all.collect(), &line)?;
    let seconds = pilots.iter().chain(&all).map(|one| one.seconds).sum();
    let mut all = all.into_iter().map(|one| one.result);
    let row = |(cell, (rate, tried)): (Cell, (f64, Vec<Option<f64>>))| Row {
        cell,
        tried,
        rate,
        courses: all.by_ref().take(seeds as usize).collect(),
    };
    Ok((cells.into_iter().zip(chosen).map(row).collect(), seconds))
}

fn judge(results: &mut Results, starts: &[ByLayer; 2], rows: &[Row]) {
    let miss = starts.iter().map(ByLayer::miss).fold(0.0, f64::max);
    results.criterion(
        "activations and gradients at the start follow the recursion of wide networks",
        format!("within {}", percent(NEAR)),
        format!("farthest: {}", percent(miss)),
        miss <= NEAR,
    );
    let errors: Vec<Vec<f64>> = rows.iter().map(Row::errors).collect();
    let means: Vec<f64> = errors.iter().map(|errors| layerwise_stats::mean(errors)).collect();
    let sigmoid = means[SIGMOID];
    results.criterion(
        "the sigmoid network learns nothing",
        format!("at least {STUCK} %"),
        percents(sigmoid),
        sigmoid >= STUCK,
    );
    let better = |worse: usize, better: usize| -> (f64, f64) {
        let differences: Vec<f64> = errors[worse].iter().zip(&errors[better]).map(|(a, b)| a - b).collect();
        let test = paired(&differences, 0.0);
        (test.mean, test.p)
    };
    let pairs: Vec<(usize, usize)> = [(SIGMOID, TANH)].into_iter().chain(GOOD.map(|good| (TANH, good))).collect();
    let tests: Vec<(f64, f64)> = pairs.iter().map(|&(a, b)| better(a, b)).collect();
    let adjusted = holm(&tests.iter().map(|test| test.1).collect::<Vec<_>>());
    for ((&(a, b), (mean, _)), p) in pairs.iter().zip(&tests).zip(adjusted) {
        results.criterion(
            format!("{} is worse than {}", rows[a].cell.name, rows[b].cell.name),
            "paired over seeds, p < 0.05 (Holm)",
            format!("by {mean:.2} points, p = {p:.2e}"),
            *mean > 0.0 && p < 0.05,
        );
    }
    let advantage = means[TANH] - means[TANH_N];
    results.criterion(
        "the normalized initialization helps tanh",
        format!("by more than {ADVANTAGE} points"),
        format!("{advantage:.2} points"),
        advantage > ADVANTAGE,
    );
    let good = GOOD.map(|i| means[i]);
    let apart = good.iter().fold(0.0f64, |most, a| good.iter().fold(most, |most, b| most.max(a - b)));
    results.criterion(
        "tanh normalized, softsign and softsign normalized are alike",
        format!("within {ALIKE} points"),
        format!("{apart:.2} points"),
        apart <= ALIKE,
    );
}

fn write(results: &mut Results, plan: &Plan, start: Look, starts: &[ByLayer; 2], rows: &[Row]) {
    let Plan { width, depth, batch, updates, test, validation, .. } = plan;
    let seeds = rows[0].courses.len();
    let images = updates * batch;
    let _ = writeln!(
        results.text,
        "## Test errors\n\n\
        {depth} hidden layers of {width} units, softmax and negative log-likelihood, plain stochastic gradient descent with\n\
        batches of {batch} and a constant rate, {updates} updates: {images} images, none of them twice. The paper has 1000 units and\n\
        five million updates, so its errors are lower; what should agree is the order. Published values are those of its table 1 as\n\
        others quote them. For each network the rate is the one of {RATES:?} with the least error on {validation} validation\n\
        images, in a training of its own; seeds 1 to {seeds} are trained with it and tested on {test} images. Always to say the\n\
        commonest class errs in 83.3 %.\n"
    );
    let row = |row: &Row| {
        let errors = row.errors();
        let interval = Estimate::of(&errors).interval(0.95);
        let tried = row.tried.iter().map(|error| error.map_or("broke".to_owned(), percent));
        vec![
            row.cell.name.to_owned(),
            format!("{:.2}", row.cell.published),
            format!("{:.2} ± {:.2}", layerwise_stats::mean(&errors), interval.width() / 2.0),
            errors.iter().map(|error| format!("{error:.2}")).collect::<Vec<_>>().join(", "),
            row.rate.to_string(),
            tried.collect::<Vec<_>>().join(", "),
        ]
    };
    let rates: Vec<String> = RATES.iter().map(f64::to_string).collect();
    let tried = format!("validation error with rate {}", rates.join(", "));
    let head = ["network", "published, %", "measured, % (mean and 95 % interval)", "each seed", "rate", &tried];
    results.text += &table(&head, &rows.iter().map(row).collect::<Vec<_>>());
    results.text += "\n";
    figures::learning(results, rows);

    results.text += "## Saturation\n\n\
        Activations of the hidden layers on 300 fixed images, the first seed. Published: the sigmoid network's top layer drops to 0 at\n\
        once; with tanh and the standard initialization layer 1 saturates first, then layer 2, and so on; with softsign all move together.\n\n";
    figures::saturation(results, rows);
    results.text += "At the end of the training:\n\n";
    figures::histograms(results, rows);

    let Look { width, images, seeds, .. } = start;
    let _ = writeln!(
        results.text,
        "## The start\n\n\
        tanh, {depth} hidden layers of {width} units, {images} images, {seeds} initializations; C is the loss of an image. Expected is the\n\
        recursion of wide networks. The mean singular value of ∂hⁱ⁺¹/∂hⁱ: {:.3} with the standard initialization (published: about\n\
        0.5), {:.3} with the normalized one (about 0.8).\n",
        starts[0].singular_value, starts[1].singular_value
    );
    let mut lines = Vec::new();
    for (name, start) in ["standard", "normalized"].iter().zip(starts) {
        for layer in 0..start.activations.len() {
            lines.push(vec![
                (*name).to_owned(),
                (layer + 1).to_string(),
                format!("{:.4}", start.activations[layer]),
                format!("{:.4}", start.expected_activations[layer]),
                format!("{:.3e}", start.gradients[layer]),
                format!("{:.3e}", start.expected_gradients[layer]),
                format!("{:.3e}", start.weight_gradients[layer]),
            ]);
        }
    }
    let head =
        ["initialization", "hidden layer", "activations, RMS", "expected", "∂C/∂s, RMS", "expected", "∂C/∂W, RMS"];
    results.text += &table(&head, &lines);
    results.text += "\n";
    figures::gradients(results, starts);
    results.text += "With the standard initialization gradients of weights are alike in all layers at the start, and drift apart in training:\n\n";
    figures::weight_gradients(results, rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with these mean errors in percent, and three seeds that are 0.1 points apart.
    fn rows(means: [f64; 5]) -> Vec<Row> {
        let course =
            |error: f64| Course { validation: None, test: Some(error / 100.0), moments: vec![], histograms: vec![] };
        let row = |(cell, mean): (Cell, f64)| Row {
            cell,
            tried: vec![],
            rate: 0.1,
            courses: [-0.1, 0.0, 0.1].map(|luck| course(mean + luck)).into(),
        };
        cells().into_iter().zip(means).map(row).collect()
    }

    #[test]
    fn criteria_by_hand() {
        let start = |far: f64| ByLayer {
            activations: vec![1.0 + far],
            expected_activations: vec![1.0],
            gradients: vec![1.0],
            expected_gradients: vec![1.0],
            ..ByLayer::default()
        };
        let verdicts = |far: f64, means: [f64; 5]| {
            let mut results = Results::default();
            judge(&mut results, &[start(0.0), start(far)], &rows(means));
            results.criteria.iter().map(|one| one.holds).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(0.019, [82.6, 27.1, 15.6, 16.3, 16.1]), [true; 8]);
        assert!(!verdicts(-0.021, [82.6, 27.1, 15.6, 16.3, 16.1])[0]);
        let all = [true, false, true, true, true, true, true, true];
        assert_eq!(verdicts(0.0, [79.9, 27.1, 15.6, 16.3, 16.1]), all);
        // 4 points are no more than 5, and 19 is farther than 2 points from 16.
        assert_eq!(verdicts(0.0, [82.6, 20.0, 16.0, 19.0, 16.1]), [true, true, true, true, true, true, false, false]);
        assert_eq!(verdicts(0.0, [82.6, 15.0, 15.6, 16.3, 16.1]), [true, true, true, false, false, false, false, true]);
    }

    #[test]
    fn a_training_that_broke_counts_as_wrong_everywhere() {
        let mut row = rows([1.0; 5]).remove(0);
        row.courses[1].test = None;
        assert_eq!(row.errors()[1], 100.0);
    }
}
