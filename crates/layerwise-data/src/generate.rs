//! Generated data sets whose difficulty is known, for diagnosis: blobs, moons, circles, spirals, parity, Friedman's
//! function, noise.
//!
//! Every number comes from the stream (seed, data), so that the same arguments give the same set. Classes take turns:
//! sample i is of class i mod k where the class is chosen first. Noise is normal and its parameter the standard
//! deviation.

use std::f64::consts::{PI, TAU};

use layerwise_tensor::{Key, Purpose, Rng};
use nalgebra::DMatrix;

use crate::dataset::{Dataset, Target};

/// Gaussian blobs: sample i is centre i mod k plus noise.
///
/// Shapes: `centres` is features × classes. Panics: if `n` is 0 or `centres` is empty.
pub fn gaussian_blobs(n: usize, centres: &DMatrix<f64>, noise: f64, seed: u64) -> Dataset {
    let k = centres.ncols();
    classes("gaussian_blobs", n, centres.nrows(), k, seed, |class, point, rng| {
        for (value, centre) in point.iter_mut().zip(centres.column(class).iter()) {
            *value = centre + noise * rng.normal();
        }
        class
    })
}

/// Two Gaussian blobs of unit variance in `d` features, whose centres are `distance` apart along the first feature.
///
/// No classifier errs less often than [`two_blobs_error`]. Panics: if `n` or `d` is 0.
pub fn two_blobs(n: usize, d: usize, distance: f64, seed: u64) -> Dataset {
    let mut centres = DMatrix::zeros(d, 2);
    centres[(0, 0)] = -distance / 2.0;
    centres[(0, 1)] = distance / 2.0;
    Dataset { name: "two_blobs".to_owned(), ..gaussian_blobs(n, &centres, 1.0, seed) }
}

/// The Bayes error of [`two_blobs`]: Φ(−distance / 2), with Φ the normal distribution function.
pub fn two_blobs_error(distance: f64) -> f64 {
    normal_tail(distance.abs() / 2.0)
}

/// Two interleaving half circles of radius 1: (cos t, sin t) and (1 − cos t, ½ − sin t) with t uniform on [0, π), plus
/// noise.
///
/// Panics: if `n` is 0.
pub fn two_moons(n: usize, noise: f64, seed: u64) -> Dataset {
    classes("two_moons", n, 2, 2, seed, |class, point, rng| {
        let (sin, cos) = rng.between(0.0, PI).sin_cos();
        point.copy_from_slice(&if class == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] });
        blur(point, noise, rng);
        class
    })
}

/// Concentric circles of radius 1 (class 0) and `factor` (class 1), plus noise.
///
/// Panics: if `n` is 0.
pub fn circles(n: usize, factor: f64, noise: f64, seed: u64) -> Dataset {
    classes("circles", n, 2, 2, seed, |class, point, rng| {
        let radius = if class == 0 { 1.0 } else { factor };
        let (sin, cos) = rng.between(0.0, TAU).sin_cos();
        point.copy_from_slice(&[radius * cos, radius * sin]);
        blur(point, noise, rng);
        class
    })
}

/// Spirals with one arm for each class: radius r uniform on [0, 1), angle 2π(turns · r + class / arms), plus noise.
///
/// Panics: if `n` or `arms` is 0.
pub fn spirals(n: usize, arms: usize, turns: f64, noise: f64, seed: u64) -> Dataset {
    classes("spirals", n, 2, arms, seed, |class, point, rng| {
        let radius = rng.uniform();
        let (sin, cos) = (TAU * (turns * radius + class as f64 / arms as f64)).sin_cos();
        point.copy_from_slice(&[radius * cos, radius * sin]);
        blur(point, noise, rng);
        class
    })
}

/// Parity: random corners of the cube [−1, 1]^bits plus noise; the class is the number of +1 of the corner, mod 2.
///
/// No classifier errs less often than [`parity_error`]. Panics: if `n` or `bits` is 0.
pub fn parity(n: usize, bits: usize, noise: f64, seed: u64) -> Dataset {
    classes("parity", n, bits, 2, seed, |_, point, rng| {
        let mut class = 0;
        for value in point.iter_mut() {
            let bit = rng.below(2);
            class ^= bit;
            *value = 2.0 * bit as f64 - 1.0 + noise * rng.normal();
        }
        class
    })
}

/// The Bayes error of [`parity`]: (1 − (1 − 2p)^bits) / 2 with p = Φ(−1 / noise), the chance that noise flips a bit.
///
/// Given a point, the chances of even and odd parity differ by ∏ tanh(xᵢ / noise²) up to sign: the best guess is the
/// parity of the signs, and it errs if noise flips an odd number of them.
pub fn parity_error(bits: usize, noise: f64) -> f64 {
    let flip = normal_tail(1.0 / noise.abs());
    // ln(1 − 2p) and expm1 keep small errors exact.
    -(bits as f64 * (-2.0 * flip).ln_1p()).exp_m1() / 2.0
}

/// Exclusive or: [`parity`] of two bits.
///
/// Panics: if `n` is 0.
pub fn xor(n: usize, noise: f64, seed: u64) -> Dataset {
    Dataset { name: "xor".to_owned(), ..parity(n, 2, noise, seed) }
}

/// Friedman's first function (1991): y = 10 sin(π x₁x₂) + 20 (x₃ − ½)² + 10 x₄ + 5 x₅ plus noise, with `d` uniform
/// features on [0, 1).
///
/// Features from the sixth on are irrelevant; the least possible mean squared error is noise².
/// Source: J. H. Friedman (1991), "Multivariate Adaptive Regression Splines", Annals of Statistics 19, 1-67.
/// Panics: if `n` is 0 or `d` is below 5.
pub fn friedman1(n: usize, d: usize, noise: f64, seed: u64) -> Dataset {
    assert!(n > 0 && d >= 5, "friedman1: n and d should be at least 1 and 5, got {n} and {d}");
    let mut rng = Key::new(seed, Purpose::Data).rng();
    let mut x = DMatrix::zeros(d, n);
    let mut y = DMatrix::zeros(1, n);
    for (mut sample, y) in x.column_iter_mut().zip(y.iter_mut()) {
        sample.iter_mut().for_each(|value| *value = rng.uniform());
        let bowl = sample[2] - 0.5;
        let mean = 10.0 * (PI * sample[0] * sample[1]).sin() + 20.0 * bowl * bowl + 10.0 * sample[3] + 5.0 * sample[4];
        *y = mean + noise * rng.normal();
    }
    let target = Target::Values { values: y, names: vec!["y".to_owned()] };
    Dataset { x, target, features: numbered("x", 1, d), name: "friedman1".to_owned(), weights: None }
}

/// Pure noise: standard normal features and uniform classes that have nothing to do with them.
///
/// Whatever is learned here is learned by heart: the Bayes error is 1 − 1/k. Panics: if `n`, `d` or `k` is 0.
pub fn noise_labels(n: usize, d: usize, k: usize, seed: u64) -> Dataset {
    classes("noise_labels", n, d, k, seed, |_, point, rng| {
        point.iter_mut().for_each(|value| *value = rng.normal());
        rng.below(k)
    })
}

/// A set of `n` points in `d` features and `k` classes; `draw` is given i mod k, fills point i and returns its class.
fn classes(
    name: &str,
    n: usize,
    d: usize,
    k: usize,
    seed: u64,
    mut draw: impl FnMut(usize, &mut [f64], &mut Rng) -> usize,
) -> Dataset {
    assert!(n > 0 && d > 0 && k > 0, "{name}: n, features and classes should be at least 1, got {n}, {d} and {k}");
    let mut rng = Key::new(seed, Purpose::Data).rng();
    let mut x = DMatrix::zeros(d, n);
    let points = x.as_mut_slice().chunks_exact_mut(d).enumerate();
    let labels = points.map(|(i, point)| draw(i % k, point, &mut rng) as u32).collect();
    let target = Target::Classes { labels, names: numbered("", 0, k) };
    Dataset { x, target, features: numbered("x", 1, d), name: name.to_owned(), weights: None }
}

/// Adds noise to a point.
fn blur(point: &mut [f64], noise: f64, rng: &mut Rng) {
    point.iter_mut().for_each(|value| *value += noise * rng.normal());
}

/// `count` names: the prefix with a number.
fn numbered(prefix: &str, first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|i| format!("{prefix}{i}")).collect()
}

/// The upper tail of the normal distribution, Φ(−x) for x ≥ 0, to a relative error of about 10⁻¹⁴.
///
/// Up to 3: ½ − φ(x)(x + x³/3 + x⁵/15 + …); above: Laplace's continued fraction φ(x) / (x + 1/(x + 2/(x + 3/…))).
fn normal_tail(x: f64) -> f64 {
    if x == f64::INFINITY {
        return 0.0;
    }
    let density = (-x * x / 2.0).exp() / TAU.sqrt();
    if x > 3.0 {
        return density / (1..=200).rev().fold(x, |below, i| x + f64::from(i) / below);
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(set: &Dataset) -> Vec<usize> {
        match &set.target {
            Target::Classes { labels, .. } => labels.iter().map(|&label| label as usize).collect(),
            Target::Values { .. } => unreachable!(),
        }
    }

    /// The fraction of samples for which `guess` errs.
    fn error(set: &Dataset, guess: impl Fn(&[f64]) -> usize) -> f64 {
        let d = set.n_features();
        let wrong = set.x.as_slice().chunks(d).zip(labels(set)).filter(|(point, label)| guess(point) != *label).count();
        wrong as f64 / set.len() as f64
    }

    #[test]
    fn all_sets_pass_the_checks_and_are_fixed_by_their_seed() {
        let makers: [fn(u64) -> Dataset; 9] = [
            |seed| gaussian_blobs(20, &DMatrix::identity(3, 3), 0.5, seed),
            |seed| two_blobs(20, 4, 2.0, seed),
            |seed| two_moons(20, 0.1, seed),
            |seed| circles(20, 0.5, 0.1, seed),
            |seed| spirals(20, 3, 1.5, 0.01, seed),
            |seed| parity(20, 5, 0.1, seed),
            |seed| xor(20, 0.1, seed),
            |seed| friedman1(20, 10, 1.0, seed),
            |seed| noise_labels(20, 3, 4, seed),
        ];
        for make in makers {
            let set = make(3);
            assert_eq!(
                Dataset::new(&set.name, set.features.clone(), set.x.clone(), set.target.clone()).as_ref(),
                Ok(&set)
            );
            assert_eq!(set, make(3));
            assert_ne!(set, make(4));
        }
    }

    /// Numbers of scipy.stats.norm.cdf(-x).
    #[test]
    fn the_normal_tail_agrees_with_scipy() {
        for (x, tail) in [
            (0.0, 0.5),
            (0.5, 0.3085375387259869),
            (1.0, 0.15865525393145707),
            (2.0, 0.022750131948179195),
            (2.9, 0.0018658133003840375),
            (3.1, 0.0009676032132183563),
            (5.0, 2.866515718791933e-07),
            (10.0, 7.61985302416047e-24),
            (30.0, 4.906713927147908e-198),
        ] {
            assert!((normal_tail(x) / tail - 1.0).abs() < 1e-13, "{x}: {} and {tail}", normal_tail(x));
        }
        assert_eq!(normal_tail(f64::INFINITY), 0.0);
    }

    /// Standard errors at n = 100 000 are at most 0.0016.
    #[test]
    fn the_best_classifiers_err_as_often_as_the_formulas_say() {
        let found = error(&two_blobs(100_000, 3, 1.5, 1), |point| usize::from(point[0] > 0.0));
        assert!((found - two_blobs_error(1.5)).abs() < 0.006, "{found}");
        let odd = |point: &[f64]| point.iter().filter(|value| **value > 0.0).count() % 2;
        let found = error(&parity(100_000, 3, 0.7, 1), odd);
        assert!((found - parity_error(3, 0.7)).abs() < 0.006, "{found}");
        assert_eq!(parity_error(2, 0.0), 0.0);
        assert_eq!(error(&xor(1000, 0.0, 1), odd), 0.0);
    }

    #[test]
    fn shapes_without_noise_lie_on_their_curves() {
        let radius = |point: &[f64]| point[0].hypot(point[1]);
        assert_eq!(error(&circles(100, 0.5, 0.0, 1), |point| usize::from(radius(point) < 0.75)), 0.0);
        let upper = |point: &[f64]| usize::from(!((radius(point) - 1.0).abs() < 1e-12 && point[1] >= 0.0));
        assert_eq!(error(&two_moons(100, 0.0, 1), upper), 0.0);
        let arm = |point: &[f64]| {
            let turn = point[1].atan2(point[0]) / TAU - 1.25 * radius(point);
            (turn.rem_euclid(1.0) * 3.0).round() as usize % 3
        };
        assert_eq!(error(&spirals(300, 3, 1.25, 0.0, 1), arm), 0.0);
    }

    /// Friedman (1991): the function has mean 14.4 and variance 23.8 on the unit cube.
    #[test]
    fn friedman_has_its_known_moments() {
        let set = friedman1(100_000, 5, 1.0, 1);
        let Target::Values { values, .. } = &set.target else { unreachable!() };
        let (mean, variance) = (values.mean(), values.variance());
        assert!((mean - 14.41).abs() < 0.06 && (variance - 24.8).abs() < 0.4, "{mean} {variance}");
    }

    #[test]
    fn noise_labels_are_uniform() {
        let set = noise_labels(40_000, 2, 4, 1);
        for class in 0..4 {
            let count = labels(&set).iter().filter(|&&label| label == class).count();
            assert!(count.abs_diff(10_000) < 400, "{count}");
        }
    }

    #[test]
    #[should_panic(expected = "friedman1: n and d should be at least 1 and 5, got 3 and 4")]
    fn too_few_features_for_friedman() {
        friedman1(3, 4, 1.0, 1);
    }
}
