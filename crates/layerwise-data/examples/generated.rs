//! Every generator's invariants beside their published or derived values: `cargo run --release -p layerwise-data --example generated`.

use layerwise_data::{
    Addition, Blobs, Circles, Convex, Curves, DataError, Dataset, ExclusiveOr, Friedman1, Generator, Moons,
    Multiplication, NoiseLabels, Parity, Permutation, Rectangles, SequenceGenerator, Shapeset, Spirals, Target,
    Teacher, TemporalOrder,
};
use nalgebra::DMatrix;

/// A number that is known of a generator, and what was found.
pub struct Invariant {
    of: &'static str,
    what: &'static str,
    /// Where the expected value is from.
    source: &'static str,
    expected: f64,
    found: f64,
    /// Standard error of the difference: of what was found, and of what is expected if that was measured too.
    error: f64,
}

impl Invariant {
    /// Within 6.1 standard errors: luck alone fails once in 10⁹.
    pub fn holds(&self) -> bool {
        (self.found - self.expected).abs() <= 6.1 * self.error
    }
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Invariant { of, what, source, expected, found, error } = self;
        let verdict = if self.holds() { "" } else { "  NO" };
        write!(f, "{of:<15} {what:<52} {expected:>9.4} {found:>9.4} ± {error:<7.4} {source}{verdict}")
    }
}

/// Prints them all.
pub fn main() -> Result<(), DataError> {
    println!("{:<15} {:<52} {:>9} {:>9}   {:<7} source", "generator", "quantity", "expected", "found", "s.e.");
    for invariant in invariants()? {
        println!("{invariant}");
    }
    Ok(())
}

/// All of them, from seed 1.
pub fn invariants() -> Result<Vec<Invariant>, DataError> {
    let mut all = Vec::new();
    points(&mut all)?;
    images(&mut all)?;
    sequences(&mut all)?;
    Ok(all)
}

/// Mean and standard error.
fn mean(numbers: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let numbers: Vec<f64> = numbers.into_iter().collect();
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

fn samples(set: &Dataset) -> impl Iterator<Item = &[f64]> {
    set.x.as_slice().chunks(set.n_features())
}

fn labels(set: &Dataset) -> &[u32] {
    match &set.target {
        Target::Classes { labels, .. } => labels,
        Target::Values { .. } => &[],
    }
}

fn values(set: &Dataset) -> &[f64] {
    match &set.target {
        Target::Classes { .. } => &[],
        Target::Values { values, .. } => values.as_slice(),
    }
}

/// The share of samples for which the best guess errs.
fn wrong(set: &Dataset, guess: impl Fn(&[f64]) -> u32) -> (f64, f64) {
    mean(samples(set).zip(labels(set)).map(|(x, &label)| f64::from(u8::from(guess(x) != label))))
}

fn points(all: &mut Vec<Invariant>) -> Result<(), DataError> {
    let mut push = |of, what, source, expected, (found, error)| {
        all.push(Invariant { of, what, source, expected, found, error });
    };
    let n = 50_000;
    for blobs in [Blobs::default(), Blobs { classes: 4, features: 6, distance: 2.0 }] {
        let classes = blobs.classes;
        let nearest = |x: &[f64]| (0..classes).max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap_or(0) as u32;
        let found = wrong(&blobs.draw(n, 1)?, nearest);
        let what = if classes == 2 { "error of the nearest of 2 centers" } else { "error of the nearest of 4 centers" };
        push("blobs", what, "Bayes error", blobs.floor().unwrap_or(f64::NAN), found);
    }
    let moons = Moons::default().draw(n, 1)?;
    let of_class = |class| samples(&moons).zip(labels(&moons)).filter(move |(_, l)| **l == class).map(|(x, _)| x[1]);
    let height = 2.0 / std::f64::consts::PI;
    push("moons", "mean height of the upper one", "2/π", height, mean(of_class(0)));
    push("moons", "mean height of the lower one", "½ − 2/π", 0.5 - height, mean(of_class(1)));
    let square = |x: &[f64]| x[0] * x[0] + x[1] * x[1];
    let set = Circles::default().draw(n, 1)?;
    push("circles", "mean square of the radius", "5/8 + 2σ²", 0.625 + 0.02, mean(samples(&set).map(square)));
    let set = Spirals::default().draw(n, 1)?;
    push("spirals", "mean square of the radius", "1/3 + 2σ²", 1.0 / 3.0 + 2e-4, mean(samples(&set).map(square)));
    let parity = Parity { bits: 3, noise: 0.7 };
    let odd = |x: &[f64]| x.iter().filter(|v| **v > 0.0).count() as u32 % 2;
    push(
        "parity",
        "error of the parity of the signs, σ = 0.7",
        "Bayes error",
        parity.floor().unwrap_or(f64::NAN),
        wrong(&parity.draw(n, 1)?, odd),
    );
    let set = NoiseLabels::default().draw(n, 1)?;
    push("noise-labels", "error of the sign of the first feature", "½", 0.5, wrong(&set, |x| u32::from(x[0] > 0.0)));
    let friedman = Friedman1::default();
    let set = friedman.draw(n, 1)?;
    let clean = || samples(&set).map(Friedman1::mean);
    // 10 (γ + ln π − Ci π) / π + 20/12 + 15/2.
    let average = 14.413_271;
    push("friedman1", "mean of the function", "integral", average, mean(clean()));
    push(
        "friedman1",
        "variance of the function",
        "published: 23.8",
        23.8,
        mean(clean().map(|v| (v - average).powi(2))),
    );
    let noise = mean(clean().zip(values(&set)).map(|(clean, y)| (y - clean).powi(2)));
    push("friedman1", "mean squared error of the function", "σ²", friedman.floor().unwrap_or(f64::NAN), noise);
    let teacher = Teacher { noise: 0.5, ..Teacher::default() };
    let (set, best) = (teacher.draw(n, 1)?, teacher.mean());
    let noise = mean(samples(&set).zip(values(&set)).map(|(x, y)| (y - best(x)).powi(2)));
    push("teacher", "mean squared error of the teacher, σ = 0.5", "σ²", teacher.floor().unwrap_or(f64::NAN), noise);
    Ok(())
}

fn images(all: &mut Vec<Invariant>) -> Result<(), DataError> {
    let mut push = |of, what, source, expected, (found, error)| {
        all.push(Invariant { of, what, source, expected, found, error });
    };
    let white = |x: &[f64]| x.iter().sum::<f64>();
    let rectangles = Rectangles::default();
    let set = rectangles.draw(4000, 1)?;
    push(
        "rectangles",
        "mean number of white pixels",
        "sum over all sides",
        rectangles.mean_white(),
        mean(samples(&set).map(white)),
    );
    push("rectangles", "share of wide ones", "½", 0.5, mean(labels(&set).iter().map(|&l| f64::from(l))));

    let set = Convex.draw(4000, 1)?;
    let of_class = |class| samples(&set).zip(labels(&set)).filter(move |(_, l)| **l == class).map(|(x, _)| white(x));
    // The expected values were measured too: 3 000 convex images and 400 others, of the latter from 1 176 candidates.
    let both = |(found, error): (f64, f64), other: f64| (found, (error * error + other * other).sqrt());
    let found = |class| mean(of_class(class));
    push("convex", "mean number of white pixels, convex", "calibration", 449.0, both(found(1), 296.0 / 3000f64.sqrt()));
    push("convex", "mean number of white pixels, non-convex", "calibration", 439.0, both(found(0), 208.0 / 20.0));
    let difference = (found(1).0 - found(0).0, f64::hypot(found(1).1, found(0).1));
    push("convex", "difference of the means (balanced: about 10 ± 12)", "calibration", 10.0, both(difference, 11.7));
    let full = mean(of_class(1).map(|v| f64::from(u8::from(v == 784.0))));
    push(
        "convex",
        "share of white images among the convex",
        "calibration",
        0.34,
        both(full, (0.34 * 0.66 / 3000f64).sqrt()),
    );
    let accepted = Convex.accepted_unions(1000, 1);
    let error = |candidates: f64| (0.34 * 0.66 / candidates).sqrt();
    push(
        "convex",
        "share of unions that are not convex",
        "calibration",
        0.34,
        both((accepted, error(2900.0)), error(1176.0)),
    );

    let set = Shapeset.draw(9000, 1)?;
    let share =
        |classes: std::ops::Range<u32>| mean(labels(&set).iter().map(|l| f64::from(u8::from(classes.contains(l)))));
    // A second shape that finds no place is left out: what is expected holds before that.
    let left_out = 0.005;
    push("shapeset", "share of one shape (before any is left out)", "recipe", 0.5, both(share(0..3), left_out));
    push("shapeset", "share of two shapes of different kinds", "recipe", 1.0 / 3.0, both(share(3..6), left_out));
    push("shapeset", "share of two shapes of one kind", "recipe", 1.0 / 6.0, both(share(6..9), left_out));
    let one = share(0..1);
    push(
        "shapeset",
        "error of always saying triangle",
        "published: 0.833",
        0.833,
        both((1.0 - one.0, one.1), left_out),
    );

    let set = Curves.draw(2000, 1)?;
    let Spectrum { total, residual_6, residual_18 } = Spectrum::of(&set.x);
    // Measured on 2 000 images there as here.
    let twice = |(found, error): (f64, f64)| (found, error * 2f64.sqrt());
    push("curves", "squared error of the mean image", "calibration (about 16)", 16.17, twice(total));
    push("curves", "what 6 principal components leave", "calibration", 10.4, twice(residual_6));
    push("curves", "what 18 principal components leave", "calibration (5.90)", 5.85, twice(residual_18));
    push("curves", "mean of a pixel", "calibration", 0.038, twice(mean(samples(&set).map(|x| white(x) / 784.0))));
    Ok(())
}

/// Squared error per image, with its standard error, of the mean and of the best 6 and 18 directions.
struct Spectrum {
    total: (f64, f64),
    residual_6: (f64, f64),
    residual_18: (f64, f64),
}

impl Spectrum {
    fn of(x: &DMatrix<f64>) -> Spectrum {
        let center = x.column_mean();
        let mut centered = x.clone();
        centered.column_iter_mut().for_each(|mut column| column -= &center);
        let directions = top_directions(&centered, 18);
        let codes = directions.transpose() * &centered;
        let residual = |k: usize| {
            let square = |j: usize| {
                let kept: f64 = codes.column(j).iter().take(k).map(|c| c * c).sum();
                centered.column(j).norm_squared() - kept
            };
            mean((0..centered.ncols()).map(square))
        };
        Spectrum { total: residual(0), residual_6: residual(6), residual_18: residual(18) }
    }
}

/// The leading principal directions, by subspace iteration with room for 20 more.
fn top_directions(centered: &DMatrix<f64>, k: usize) -> DMatrix<f64> {
    let covariance = centered * centered.transpose();
    let d = covariance.nrows();
    let mut basis = DMatrix::from_fn(d, k + 20, |i, j| ((i * (j + 1)) as f64).cos());
    for _ in 0..20 {
        basis = (&covariance * basis).qr().q();
    }
    let small = (basis.transpose() * &covariance * &basis).symmetric_eigen();
    let mut order: Vec<usize> = (0..k + 20).collect();
    order.sort_by(|&a, &b| small.eigenvalues[b].total_cmp(&small.eigenvalues[a]));
    basis * small.eigenvectors.select_columns(&order[..k])
}

fn sequences(all: &mut Vec<Invariant>) -> Result<(), DataError> {
    let mut push = |of, what, source, expected, (found, error)| {
        all.push(Invariant { of, what, source, expected, found, error });
    };
    let set = Addition { steps: 20 }.draw(20_000, 1)?.data;
    let errors = || values(&set).iter().map(|y| (y - 0.5).abs());
    push("addition", "mean squared error of saying ½", "1/24", 1.0 / 24.0, mean(errors().map(|e| e * e)));
    let more = |least: f64| mean(errors().map(|e| f64::from(u8::from(e > least))));
    push("addition", "share off by more than 0.04", "0.8464", 0.8464, more(0.04));
    push("addition", "share with a square above 0.04", "0.36", 0.36, more(0.2));
    let set = Multiplication { steps: 20 }.draw(20_000, 1)?.data;
    // E(a²b²) − E(ab)².
    push(
        "multiplication",
        "mean squared error of saying ¼",
        "7/144",
        7.0 / 144.0,
        mean(values(&set).iter().map(|y| (y - 0.25).powi(2))),
    );
    let set = ExclusiveOr { steps: 20 }.draw(20_000, 1)?.data;
    push("exclusive-or", "share of sequences whose bits differ", "½", 0.5, mean(values(&set).iter().copied()));
    let set = Permutation { steps: 20, symbols: 100 }.draw(20_000, 1)?.data;
    push(
        "permutation",
        "error of always saying the first symbol",
        "½",
        0.5,
        mean(labels(&set).iter().map(|&l| f64::from(l))),
    );
    let mut lengths = TemporalOrder { steps: 100, places: 2 }.draw(20_000, 1)?;
    let length = mean(lengths.lengths.drain(..).map(|l| l as f64));
    push("temporal-order", "mean length, T = 100", "104.5", 104.5, length);
    let other = |class: u32| mean(labels(&lengths.data).iter().map(|&l| f64::from(u8::from(l != class))));
    push("temporal-order", "error of always saying class 3", "3/4", 0.75, other(3));
    let set = TemporalOrder { steps: 100, places: 3 }.draw(20_000, 1)?.data;
    push(
        "temporal-order",
        "error of always saying class 7 of 8",
        "7/8",
        0.875,
        mean(labels(&set).iter().map(|&l| f64::from(u8::from(l != 7)))),
    );
    Ok(())
}
