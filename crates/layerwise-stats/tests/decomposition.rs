//! Noise, bias and variances: they add up, are those of examples by hand, and are unbiased where the truth is known.
#![allow(clippy::unwrap_used)]

use layerwise_stats::{Decomposition, Part, Predictions};

/// Knuth's MMIX generator, and Box and Muller: this crate depends on nothing.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
    fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }
    fn classes(&mut self, n: usize, k: usize) -> Vec<u32> {
        (0..n).map(|_| (self.uniform() * k as f64) as u32).collect()
    }
}

fn value(decomposition: &Decomposition, part: Part) -> f64 {
    decomposition.part(part).unwrap().value
}

#[test]
fn parts_add_up_to_the_error() {
    let mut random = Random(1);
    for (sets, starts) in [(1, 1), (5, 1), (1, 4), (2, 2), (4, 3)] {
        let (rows, k) = (11, 3);
        let numbers = random.normals(sets * starts * rows * k).iter().map(|x| 3.0 * x + 1.0).collect();
        let table = Predictions::new([sets, starts, rows, k], numbers).unwrap();
        let (targets, best) = (random.normals(rows * k), random.normals(rows * k));
        let (classes, right) = (random.classes(rows, k), random.classes(rows, k));
        let all = [
            table.squared(&targets, None),
            table.squared(&targets, Some(&best)),
            table.zero_one(&classes, None),
            table.zero_one(&classes, Some(&right)),
            table.cross_entropy(&classes),
        ];
        for (i, found) in all.into_iter().map(Result::unwrap).enumerate() {
            let sum: f64 = found.parts.iter().map(|(_, estimate)| estimate.value).sum();
            assert!((sum - found.error.value).abs() <= 1e-12 * found.error.value.abs().max(1.0), "{i}: {found:?}");
            // No variance without something that varies.
            assert_eq!(found.part(Part::Sample).is_some(), sets > 1);
            assert_eq!(found.part(Part::Start).is_some(), starts > 1);
            assert_eq!(found.part(Part::Interaction).is_some(), sets > 1 && starts > 1 && i < 2);
            assert_eq!(found.part(Part::Noise).is_some(), i == 1 || i == 3);
            let known = sets > 2 || starts > 2;
            assert!(found.parts.iter().all(|(_, estimate)| estimate.error.is_finite() == known), "{found:?}");
        }
    }
}

#[test]
fn squared_loss_by_hand() {
    // One row, f = 1, 2, 6 from three sets: mean 3, variance 7 with k − 1. Target 5: errors 16, 9, 1.
    let table = Predictions::new([3, 1, 1, 1], vec![1.0, 2.0, 6.0]).unwrap();
    let found = table.squared(&[5.0], None).unwrap();
    assert!((found.error.value - 26.0 / 3.0).abs() < 1e-14);
    assert!((value(&found, Part::Sample) - 7.0).abs() < 1e-14 && (found.variance.value - 7.0).abs() < 1e-14);
    // ‖mean − t‖² less the variance of the mean: 4 − 7/3.
    assert!((value(&found, Part::Bias) - (4.0 - 7.0 / 3.0)).abs() < 1e-14);
    // Of two sets each, variances are 8, 12.5 and 0.5: 2/3 of their squares about the mean 7.
    assert!((found.variance.error.powi(2) - 2.0 / 3.0 * (1.0 + 30.25 + 42.25)).abs() < 1e-12);
    // Jackknife of the error: means of two are 12.5, 8.5, 5, whose squares about 26/3 sum to 28.1667, times 2/3.
    assert!(
        (found.error.error.powi(2)
            - 2.0 / 3.0
                * (3.833_333_333_333_333f64.powi(2)
                    + 0.166_666_666_666_667f64.powi(2)
                    + 3.666_666_666_666_667f64.powi(2)))
        .abs()
            < 1e-12
    );
    assert!((found.error.freedom - 2.0).abs() < 1e-12);
    // f* = 4: noise (5 − 4)² − 2 (3 − 4)(5 − 4) = 3.
    assert!((value(&table.squared(&[5.0], Some(&[4.0])).unwrap(), Part::Noise) - 3.0).abs() < 1e-14);
    // Two by two: 1 3 / 2 8 about 3.5: sets −1.5, 1.5; starts −2, 2; both ±1.
    let found = Predictions::new([2, 2, 1, 1], vec![1.0, 3.0, 2.0, 8.0]).unwrap().squared(&[0.0], None).unwrap();
    assert!((value(&found, Part::Interaction) - 4.0).abs() < 1e-14);
    assert!((value(&found, Part::Sample) - (9.0 - 4.0) / 2.0).abs() < 1e-14);
    assert!((value(&found, Part::Start) - (16.0 - 4.0) / 2.0).abs() < 1e-14);
}

#[test]
fn excess_by_hand() {
    // Two rows, f* = 0 and 0, targets 1 and −1, the best of the class 1 and 0: approximation ½.
    // Two sets: fitted (1, 1) and (2, 0), 1 and 2 off on average: estimation 3/2 − ½. Reached (1, 0) and (3, 1): ½ and 5.
    let fitted = Predictions::new([2, 1, 2, 1], vec![1.0, 1.0, 2.0, 0.0]).unwrap();
    let reached = Predictions::new([2, 1, 2, 1], vec![1.0, 0.0, 3.0, 1.0]).unwrap();
    let found = reached.excess(&[1.0, -1.0], &[0.0; 2], &[1.0, 0.0], &fitted).unwrap();
    let parts: Vec<(Part, f64)> = found.parts.iter().map(|(part, estimate)| (*part, estimate.value)).collect();
    // Against the targets: (0 + 1)/2 and (4 + 4)/2, mean 9/4. The rest is noise: 9/4 − 11/4, by chance below 0.
    assert_eq!(found.error.value, 2.25);
    let expected =
        [(Part::Noise, -0.5), (Part::Approximation, 0.5), (Part::Estimation, 1.0), (Part::Optimization, 1.25)];
    assert_eq!(parts, expected);
    assert_eq!(found.parts.iter().map(|(_, estimate)| estimate.value).sum::<f64>(), found.error.value);
    // Three sets of three starts, in which every number differs: they add up, and only approximation is exact.
    let mut random = Random(5);
    let (targets, best, class) = (random.normals(8), random.normals(8), random.normals(8));
    let fitted = Predictions::new([3, 1, 4, 2], random.normals(24)).unwrap();
    let reached = Predictions::new([3, 3, 4, 2], random.normals(72)).unwrap();
    let found = reached.excess(&targets, &best, &class, &fitted).unwrap();
    let sum: f64 = found.parts.iter().map(|(_, estimate)| estimate.value).sum();
    let plain = reached.squared(&targets, None).unwrap().error;
    assert!((sum - plain.value).abs() < 1e-12 && (found.error.error - plain.error).abs() < 1e-12);
    for (part, estimate) in found.parts {
        assert_eq!(estimate.error == 0.0, part == Part::Approximation, "{part}");
    }
}

/// Outputs that say this class.
fn votes(classes: &[usize], k: usize) -> Vec<f64> {
    classes.iter().flat_map(|&class| (0..k).map(move |i| f64::from(i == class))).collect()
}

#[test]
fn zero_one_loss_by_hand() {
    // Five models, one row. Right is class 0. Votes 0 0 0 1 2: unbiased, variance 2/5 adds.
    let found = |votes_of: [usize; 5], target: u32, best: Option<u32>| {
        let table = Predictions::new([5, 1, 1, 3], votes(&votes_of, 3)).unwrap();
        table.zero_one(&[target], best.as_ref().map(std::slice::from_ref)).unwrap()
    };
    let all = |found: &Decomposition| [found.error.value, value(found, Part::Bias), value(found, Part::Sample)];
    let close = |a: [f64; 3], b: [f64; 3]| assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15), "{a:?} {b:?}");
    close(all(&found([0, 0, 0, 1, 2], 0, None)), [0.4, 0.0, 0.4]);
    // Votes 1 1 1 0 2: biased; of the two fifths that differ, half are right: −½ · 2/5.
    close(all(&found([1, 1, 1, 0, 2], 0, None)), [0.8, 1.0, -0.2]);
    // The target is not the best class: 3/5 are wrong where 2/5 are against the best.
    let noisy = found([0, 0, 0, 1, 1], 1, Some(0));
    close(all(&noisy), [0.6, 0.0, 0.4]);
    assert!((value(&noisy, Part::Noise) - 0.2).abs() < 1e-15);
    // Two sets of three starts: each set votes right, so nothing comes from the sample.
    let table = Predictions::new([2, 3, 1, 2], votes(&[0, 0, 1, 0, 1, 0], 2)).unwrap();
    let found = table.zero_one(&[0], None).unwrap();
    assert_eq!((value(&found, Part::Sample), value(&found, Part::Bias)), (0.0, 0.0));
    assert!((value(&found, Part::Start) - 1.0 / 3.0).abs() < 1e-15);
}

#[test]
fn cross_entropy_by_hand() {
    // Two models, p = ½ ½ and 9/10 1/10: the geometric mean is √0.45 : √0.05 = 3 : 1, of sum 4 √0.05.
    let table = Predictions::new([2, 1, 1, 2], vec![0.0, 0.0, 9f64.ln() + 5.0, 5.0]).unwrap();
    let found = table.cross_entropy(&[1]).unwrap();
    assert!((found.error.value + 0.5 * (0.5f64.ln() + 0.1f64.ln())).abs() < 1e-14);
    assert!((value(&found, Part::Bias) + 0.25f64.ln()).abs() < 1e-14);
    assert!((value(&found, Part::Sample) + (4.0 * 0.05f64.sqrt()).ln()).abs() < 1e-14);
}

/// f(s, i) = μ + a(s) + b(i) + e(s, i) with known variances: over many tables the mean of each part is the truth, within four
/// standard errors of that mean (by luck once in 16 000 for each of six, with this seed not), and two standard errors by the
/// jackknife hold the truth as often as Student's t with so many degrees says, or nearly.
#[test]
fn components_are_unbiased_and_their_errors_right() {
    let mut random = Random(7);
    let (sets, starts, rows, rounds) = (12, 6, 20, 400);
    let (sample, start, both, noise) = (0.5f64, 0.2f64, 0.3f64, 0.4f64);
    let expected = [
        (Part::Noise, noise),
        (Part::Bias, 0.25),
        (Part::Sample, sample),
        (Part::Start, start),
        (Part::Interaction, both),
    ];
    let (mut values, mut held) = (vec![Vec::new(); 5], [0; 5]);
    for _ in 0..rounds {
        // The axes' effects are independent between rows, as if every row were a table of its own.
        let (a, b) = (random.normals(sets * rows), random.normals(starts * rows));
        let mut numbers = Vec::new();
        for s in 0..sets {
            for i in 0..starts {
                for row in 0..rows {
                    numbers.push(
                        0.5 + sample.sqrt() * a[s * rows + row]
                            + start.sqrt() * b[i * rows + row]
                            + both.sqrt() * random.normal(),
                    );
                }
            }
        }
        let targets: Vec<f64> = random.normals(rows).iter().map(|x| noise.sqrt() * x).collect();
        let table = Predictions::new([sets, starts, rows, 1], numbers).unwrap();
        let found = table.squared(&targets, Some(&vec![0.0; rows])).unwrap();
        for (i, (part, truth)) in expected.into_iter().enumerate() {
            let estimate = found.part(part).unwrap();
            values[i].push(estimate.value);
            held[i] += usize::from((estimate.value - truth).abs() <= 2.0 * estimate.error);
        }
    }
    for (i, (part, truth)) in expected.into_iter().enumerate() {
        let n = rounds as f64;
        let mean = values[i].iter().sum::<f64>() / n;
        let error = (values[i].iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt();
        assert!((mean - truth).abs() < 4.0 * error, "{part}: {mean} ± {error}, should be {truth}");
        // The noise of the test rows is no matter of models: the jackknife over models knows nothing of it.
        if !matches!(part, Part::Noise) {
            // |t| ≤ 2 has the probability 0.90 with 5 degrees of freedom.
            assert!(held[i] as f64 > 0.88 * n, "{part}: {} of {rounds}", held[i]);
        }
    }
}

/// Satterthwaite's degrees of freedom: those of the axis that matters, or of both together if they matter alike.
#[test]
fn degrees_of_freedom_are_those_of_the_axes_that_vary() {
    let freedom = |of: &dyn Fn(usize, usize) -> f64| {
        let numbers = (0..5).flat_map(|set| (0..3).map(move |start| (set, start)));
        let numbers = numbers.map(|(set, start)| of(set, start)).collect();
        Predictions::new([5, 3, 1, 1], numbers).unwrap().squared(&[0.0], None).unwrap().error.freedom
    };
    assert!((freedom(&|set, _| set as f64) - 4.0).abs() < 1e-12);
    assert!((freedom(&|_, start| start as f64) - 2.0).abs() < 1e-12);
    // f² is s² + i² exactly: the jackknife of a mean has the variance of the numbers over their count.
    let of = |set: usize, start: usize| ((set * set + start * start) as f64).sqrt();
    let variance = |n: usize| {
        let x: Vec<f64> = (0..n).map(|i| (i * i) as f64).collect();
        let m = x.iter().sum::<f64>() / n as f64;
        x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (n * (n - 1)) as f64
    };
    let (a, b) = (variance(5), variance(3));
    assert!((freedom(&of) - (a + b).powi(2) / (a * a / 4.0 + b * b / 2.0)).abs() < 1e-9);
}

#[test]
fn wrong_tables_and_targets_are_refused_in_a_line() {
    let new = |shape, n| Predictions::new(shape, vec![0.0; n]);
    assert_eq!(
        new([0, 1, 1, 1], 0).unwrap_err().to_string(),
        "decomposition: training sets should be at least 1, got 0"
    );
    assert_eq!(
        new([2, 1, 3, 2], 11).unwrap_err().to_string(),
        "decomposition: the number of predictions should be 12, got 11"
    );
    let broken = Predictions::new([1, 1, 1, 2], vec![0.0, f64::NAN]).unwrap_err();
    assert_eq!(broken.to_string(), "decomposition: predictions should be finite, got NaN");
    let table = new([2, 1, 3, 2], 12).unwrap();
    let say = |found: Result<Decomposition, layerwise_stats::DecompositionError>| found.unwrap_err().to_string();
    assert_eq!(say(table.squared(&[0.0; 5], None)), "decomposition: the targets should be 6 numbers, got 5");
    assert_eq!(
        say(table.squared(&[0.0; 6], Some(&[f64::INFINITY; 6]))),
        "decomposition: the best values should be finite, got inf"
    );
    let fitted = new([2, 2, 3, 2], 24).unwrap();
    assert_eq!(
        say(table.excess(&[0.0; 6], &[0.0; 6], &[0.0; 6], &fitted)),
        "decomposition: the fitted functions (training sets × starts × rows × outputs) should be 2 × 1 × 3 × 2, got 2 × 2 × 3 × 2"
    );
    assert_eq!(say(table.zero_one(&[0, 1], None)), "decomposition: the targets should be 3 classes, got 2");
    assert_eq!(
        say(table.zero_one(&[0, 1, 0], Some(&[0, 2, 0]))),
        "decomposition: the best classes should be below 2, got 2"
    );
    assert_eq!(say(table.cross_entropy(&[0, 1, 5])), "decomposition: the targets should be below 2, got 5");
}
