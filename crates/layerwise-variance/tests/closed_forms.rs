//! Bias, variance, approximation, estimation and optimization against formulas, where each term has one.
//!
//! Statistical comparisons allow 6 standard errors: for normal numbers once in 5·10⁸ by luck, and with these seeds not.
#![allow(clippy::unwrap_used)]

use layerwise_core::Init;
use layerwise_data::{BestValue, DataError, Dataset, Generator, Scaling, Target};
use layerwise_optimizers::Sgd;
use layerwise_stats::{Decomposition, Estimate, Part};
use layerwise_tensor::{Key, Purpose};
use layerwise_train::{NetworkSpec, Recipe};
use layerwise_variance::{Basis, LeastSquares, Measure, Point, RecipeTrainer, Runner, Source, Study, Trainer};
use nalgebra::{DMatrix, DVector};

fn rows(x: DMatrix<f64>, y: Vec<f64>) -> Dataset {
    let features = (0..x.nrows()).map(|i| format!("x{i}")).collect();
    let target = Target::Values { values: DMatrix::from_vec(1, y.len(), y), names: vec!["y".into()] };
    Dataset::new("rows", features, x, target).unwrap()
}

/// Always the same inputs, with fresh noise on their values.
#[derive(Debug)]
struct FixedDesign {
    x: DMatrix<f64>,
    mean: DVector<f64>,
    noise: f64,
}

impl Generator for FixedDesign {
    fn draw(&self, _: usize, seed: u64) -> Result<Dataset, DataError> {
        let mut rng = Key::new(seed, Purpose::Data).rng();
        Ok(rows(self.x.clone(), self.mean.iter().map(|f| f + self.noise * rng.normal()).collect()))
    }
}

/// Normal inputs, y = Σ xⱼ/j + noise.
#[derive(Debug)]
struct Harmonic {
    features: usize,
    noise: f64,
}

impl Harmonic {
    fn weight(j: usize) -> f64 {
        1.0 / (j + 1) as f64
    }
}

impl Generator for Harmonic {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        let mut rng = Key::new(seed, Purpose::Data).rng();
        let x = DMatrix::from_fn(self.features, n, |_, _| rng.normal());
        let mean = self.best().unwrap();
        let y = x.column_iter().map(|x| mean(x.as_slice()) + self.noise * rng.normal()).collect();
        Ok(rows(x, y))
    }
    fn best(&self) -> Option<BestValue> {
        Some(Box::new(|x| x.iter().enumerate().map(|(j, x)| x * Harmonic::weight(j)).sum()))
    }
}

fn normal(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    DMatrix::from_fn(rows, columns, |_, _| rng.normal())
}

fn value(split: &Decomposition, part: Part) -> f64 {
    split.part(part).unwrap().value
}

#[track_caller]
fn holds(name: &str, found: Estimate, truth: f64) {
    let off = (found.value - truth).abs();
    println!("{name}: {:.6} ± {:.6}, should be {truth:.6}", found.value, found.error);
    assert!(off <= 6.0 * found.error + 1e-9, "{name}: {found:?}, should be {truth}");
    // Not by an error so large that everything holds.
    assert!(found.error < 0.1 * truth.abs().max(0.01), "{name}: {found:?}, should be {truth}");
}

#[track_caller]
fn adds_up(split: &Decomposition) {
    let sum: f64 = split.parts.iter().map(|(_, part)| part.value).sum();
    assert!((sum - split.error.value).abs() <= 1e-12 * split.error.value.max(1.0), "{split:?}");
}

/// With inputs Φ fixed, ridge regression is ŵ = A y, A = (ΦᵀΦ + nλ)⁻¹Φᵀ, so that at a test point φ the bias is φᵀA f* − f* and the
/// variance σ² ‖Aᵀφ‖².
#[test]
fn ridge_has_the_bias_and_variance_of_its_formula() {
    let (d, n, lambda, noise) = (6, 15, 0.3, 0.7);
    let beta = DVector::from_fn(d, |j, _| Harmonic::weight(j));
    let (x, test_x) = (normal(d, n, 1), normal(d, 40, 2));
    let phi = x.transpose();
    let a = (&x * &phi + DMatrix::identity(d, d) * (n as f64 * lambda)).try_inverse().unwrap() * &x;
    let (mean, test_mean) = (&phi * &beta, test_x.transpose() * &beta);
    let off = test_x.transpose() * &a * &mean - &test_mean;
    let bias = off.norm_squared() / 40.0;
    let variance = noise * noise * (test_x.transpose() * &a).norm_squared() / 40.0;

    let test_noise = normal(40, 1, 3) * noise;
    let y: Vec<f64> = test_mean.iter().zip(&test_noise).map(|(f, e)| f + e).collect();
    let test = rows(test_x, y);
    let ridge = LeastSquares { basis: Basis::Linear { features: d }, ridge: lambda };
    let split = |noise: f64, sets: usize| {
        let design = FixedDesign { x: x.clone(), mean: mean.clone(), noise };
        let source = Source::Fresh(&design);
        let study = Study { source, test: &test, measure: Measure::Squared, seed: 1 };
        let points = [Point { sets: 0..sets, ..Point::new(n, &ridge) }];
        let found = study.run(&points, &Runner::default()).unwrap();
        study.split(&found[0], Some(test_mean.as_slice())).unwrap()
    };
    let found = split(noise, 1000);
    adds_up(&found);
    holds("bias", found.part(Part::Bias).unwrap(), bias);
    holds("variance", found.part(Part::Sample).unwrap(), variance);
    // Without noise on the training rows all models are alike, and what is left is the bias, exactly.
    let quiet = split(0.0, 2);
    assert!((value(&quiet, Part::Bias) - bias).abs() < 1e-12 && value(&quiet, Part::Sample).abs() < 1e-20);
}

/// Belkin, Hsu and Xu (2019), theorem 1: normal features, fits of the first p of them to n rows by (minimum-norm) least squares.
/// With T the used features, Tᶜ the others, without the noise of the test row:
/// p ≤ n − 2: ‖β_Tᶜ‖² + (‖β_Tᶜ‖² + σ²) p/(n − p − 1);
/// p ≥ n + 2: ‖β_T‖² (1 − n/p) + ‖β_Tᶜ‖² + (‖β_Tᶜ‖² + σ²) n/(p − n − 1).
#[test]
fn the_error_of_least_squares_descends_twice_as_in_its_formula() {
    let (d, n, noise) = (60, 20, 0.5f64);
    let squares = |range: std::ops::Range<usize>| range.map(|j| Harmonic::weight(j).powi(2)).sum::<f64>();
    let truth = |p: usize| {
        let (used, unused) = (squares(0..p), squares(p..d));
        let (p, n, level) = (p as f64, n as f64, unused + noise * noise);
        if p < n {
            unused + level * p / (n - p - 1.0)
        } else {
            used * (1.0 - n / p) + unused + level * n / (p - n - 1.0)
        }
    };
    let harmonic = Harmonic { features: d, noise };
    // Rows √d eⱼ: the mean of (xᵀ(ŵ − β))² over them is ‖ŵ − β‖², the expectation over all normal rows.
    let test_x = DMatrix::identity(d, d) * (d as f64).sqrt();
    let best = harmonic.best().unwrap();
    let y = test_x.column_iter().map(|x| best(x.as_slice())).collect();
    let test = rows(test_x, y);
    let study = Study { source: Source::Fresh(&harmonic), test: &test, measure: Measure::Squared, seed: 3 };
    let widths = [5, 12, 20, 40, 60];
    let trainers = widths.map(|features| LeastSquares { basis: Basis::Linear { features }, ridge: 0.0 });
    let points: Vec<Point<'_>> = trainers.iter().map(|t| Point { sets: 0..400, ..Point::new(n, t) }).collect();
    let found = study.run(&points, &Runner { threads: 2, ..Runner::default() }).unwrap();
    let errors: Vec<Estimate> = found.iter().map(|ensemble| study.split(ensemble, None).unwrap().error).collect();
    for (&p, error) in widths.iter().zip(&errors).filter(|(p, _)| p.abs_diff(n) > 1) {
        holds(&format!("{p} features"), *error, truth(p));
    }
    // At p = n the expectation is infinite: some set has a huge error. All rows are learnt from there on.
    assert!(errors[2].value > 10.0 * errors[1].value.max(errors[3].value), "{errors:?}");
    assert!(
        found[1].train_error.value > 0.1 && found[2].train_error.value < 1e-9 && found[3].train_error.value < 1e-20
    );
}

/// f* is a polynomial of degree 5, F are those of degree 2. With Legendre's polynomials f* = Σ cₖ Pₖ, the best of F is the sum up to 2,
/// and what it misses is Σ_{k>2} cₖ²/(2k + 1). On fixed inputs Φ, least squares is A y, and t steps of gradient descent with
/// rate α from 0 are (I − (I − αH)ᵗ) A y, H = ΦᵀΦ/n.
#[test]
fn every_term_of_the_excess_has_its_formula() {
    let (coefficients, noise, n, rate, steps) = ([0.5, 1.0, -1.0, 0.8, 0.3, -0.6], 0.4, 25, 0.3, 8);
    let series = |x: &DMatrix<f64>, degree: usize| {
        let c = DVector::from_fn(degree + 1, |k, _| coefficients[k]);
        Basis::Legendre { degree }.values(x, 0) * c
    };
    let mut rng = Key::new(4, Purpose::Data).rng();
    let x = DMatrix::from_fn(1, n, |_, _| rng.between(-1.0, 1.0));
    // The midpoints of 2000 pieces: the mean over them is the integral, to 1e-5.
    let test_x = DMatrix::from_fn(1, 2000, |_, i| -1.0 + (i as f64 + 0.5) / 1000.0);
    let (mean, best, of_class) = (series(&x, 5), series(&test_x, 5), series(&test_x, 2));
    let basis = Basis::Legendre { degree: 2 };
    let (phi, test_phi) = (basis.values(&x, 0), basis.values(&test_x, 0));
    let h = phi.transpose() * &phi / n as f64;
    let a = h.clone().try_inverse().unwrap() * phi.transpose() / n as f64;
    let mut left = DMatrix::identity(3, 3);
    for _ in 0..steps {
        left -= &h * &left * rate;
    }
    let a_reached = (DMatrix::identity(3, 3) - left) * &a;
    // E‖f − f*‖² of f = Σ Pₖ (A y)ₖ.
    let excess = |a: &DMatrix<f64>| {
        let spread = noise * noise * (&test_phi * a).norm_squared();
        ((&test_phi * a * &mean - &best).norm_squared() + spread) / 2000.0
    };
    let approximation: f64 = (3..6).map(|k| coefficients[k].powi(2) / (2 * k + 1) as f64).sum();
    let (estimation, optimization) = (excess(&a) - approximation, excess(&a_reached) - excess(&a));

    let test_noise = normal(2000, 1, 5) * noise;
    let test = rows(test_x.clone(), best.iter().zip(&test_noise).map(|(f, e)| f + e).collect());
    let design = FixedDesign { x: x.clone(), mean: mean.clone(), noise };
    let study = Study { source: Source::Fresh(&design), test: &test, measure: Measure::Squared, seed: 1 };
    // The network is given the polynomials as its inputs.
    let fitted = LeastSquares { basis, ridge: 0.0 };
    let reached = layerwise_variance::By {
        name: format!("{steps} steps of gradient descent"),
        fit: |rows: &Dataset, seed: u64| {
            let Target::Values { values, .. } = &rows.target else { unreachable!() };
            let mut inputs = rows.clone();
            inputs.x = basis.values(&rows.x, 0).columns(1, 2).transpose();
            inputs.features = vec!["P1".into(), "P2".into()];
            assert_eq!(values.ncols(), n);
            let fit = descent(rate, steps, n).fit(&inputs, seed, &|| false)?;
            let predict = move |x: &DMatrix<f64>| (fit.predict)(&basis.values(x, 0).columns(1, 2).transpose());
            Ok(layerwise_variance::Fit { predict: Box::new(predict), broken: fit.broken })
        },
    };
    let points = [Point { sets: 0..300, ..Point::new(n, &fitted) }, Point { sets: 0..300, ..Point::new(n, &reached) }];
    let found = study.run(&points, &Runner { threads: 2, ..Runner::default() }).unwrap();
    let split = study.excess(&found[1], &found[0], of_class.as_slice(), best.as_slice()).unwrap();
    adds_up(&split);
    assert!((value(&split, Part::Approximation) - approximation).abs() < 1e-5, "{split:?}");
    holds("estimation", split.part(Part::Estimation).unwrap(), estimation);
    holds("optimization", split.part(Part::Optimization).unwrap(), optimization);
    // The noise of these test rows, but for what goes together by chance: 2 mean(e (f − f*)), of deviation 2σ √(excess/rows).
    let of_rows = test_noise.norm_squared() / 2000.0;
    let chance = 6.0 * 2.0 * noise * (excess(&a_reached) / 2000.0).sqrt();
    assert!((value(&split, Part::Noise) - of_rows).abs() < chance, "{split:?}");
    assert!(optimization > 0.001 && estimation > 0.001, "{optimization} {estimation}");
}

/// Gradient descent on a network without hidden layers, from 0.
fn descent(rate: f64, steps: usize, n: usize) -> RecipeTrainer {
    let network = NetworkSpec { hidden: Vec::new(), init: Init::Constant { value: 0.0 }, ..NetworkSpec::default() };
    RecipeTrainer::new(Recipe {
        epochs: steps,
        batch: n,
        scaling: Scaling::None,
        target_scaling: Scaling::None,
        optimizer: Sgd { rate, ..Sgd::default() }.into(),
        early_stopping: None,
        network,
        ..Recipe::default()
    })
}
