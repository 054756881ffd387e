//! The two oracles, and the numbers that go into them.

use layerwise_tensor::{Dual, Dual64, Key, Purpose, Rng};

use crate::report::{EPS, Place, Report, largest};

/// Nodes and weights of Gauss–Legendre quadrature on \[−1, 1\] with five points.
const NODES: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
    (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.906_179_845_938_664, 0.236_926_885_056_189_08),
];

/// Half the length of the line, as powers of two. A kink or a pole nearby spoils a long line, rounding a short one; a number has
/// to agree on one of them.
const HALVES: [i32; 6] = [-6, -9, -12, -15, -18, -21];

/// Where the lines are centred: beside the point, which may lie on a kink itself because its numbers are round; and at two more
/// places, should the shortest line of the first meet a kink.
const CENTERS: [f64; 3] = [2.7e-4, -3.9e-4, 7.3e-4];

/// f(c + h) − f(c − h) = ∫ f′(t) dt for each component of a function on a line; `line(t)` gives f(t) and f′(t).
///
/// Bound: 64 ε (max|f| + size (1 + max|f′|)): rounding of f, and of its argument of the given `size`.
pub(crate) fn integral(
    report: &mut Report,
    law: &'static str,
    at: &Place,
    size: f64,
    coordinate: impl Fn(usize) -> String,
    mut line: impl FnMut(f64) -> (Vec<f64>, Vec<f64>),
) {
    // Per component: the line that fits best, as (ratio, expected change, change, bound).
    let mut best: Vec<(f64, f64, f64, f64)> = Vec::new();
    for (center, half) in CENTERS.into_iter().flat_map(|center| HALVES.map(|half| (center, half))) {
        let h = 2f64.powi(half);
        let ((upper, _), (lower, _)) = (line(center + h), line(center - h));
        let mut area = vec![0.0; upper.len()];
        let mut slope = 0.0f64;
        for (node, weight) in NODES {
            let (_, slopes) = line(center + h * node);
            slope = slope.max(largest(&slopes));
            for (area, s) in area.iter_mut().zip(&slopes) {
                *area += h * weight * s;
            }
        }
        let bound = 64.0 * EPS * (largest(&upper).max(largest(&lower)) + size * (1.0 + slope));
        best.resize(area.len(), (f64::INFINITY, f64::NAN, f64::NAN, bound));
        for (best, ((upper, lower), area)) in best.iter_mut().zip(upper.iter().zip(&lower).zip(area)) {
            let change = upper - lower;
            let ratio = (change - area).abs() / bound;
            if ratio < best.0 || best.1.is_nan() {
                *best = (ratio, change, area, bound);
            }
        }
        if best.iter().all(|b| b.0 <= 1.0) {
            break;
        }
    }
    for (i, (_, change, area, bound)) in best.into_iter().enumerate() {
        report.close(law, at, || coordinate(i), [change, area], bound);
    }
}

/// Which numbers a case has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    /// Normal, to four decimals: fit for a pocket calculator.
    Short,
    /// Normal with this standard deviation.
    Scaled(f64),
    /// Integers from −2 to 2: these meet kinks.
    Integer,
}

impl Draw {
    /// The kinds take turns, short numbers first.
    pub(crate) fn of_case(case: usize) -> Draw {
        [Draw::Short, Draw::Short, Draw::Scaled(10.0), Draw::Scaled(1e-3)][case % 4]
    }

    pub(crate) fn fill(self, n: usize, rng: &mut Rng) -> Vec<f64> {
        let mut draw = || match self {
            Draw::Short => (rng.normal() * 1e4).round() / 1e4,
            Draw::Scaled(scale) => rng.normal() * scale,
            Draw::Integer => rng.below(5) as f64 - 2.0,
        };
        (0..n).map(|_| draw()).collect()
    }
}

pub(crate) fn rng(seed: u64, case: usize) -> Rng {
    Key::new(seed, Purpose::Test).step(case as u64).rng()
}

/// A size from 1 to 5 that grows with the cases.
pub(crate) fn size(case: usize, rng: &mut Rng) -> usize {
    1 + rng.below(1 + (case / 2).min(4))
}

/// Every coordinate while there are at most 64, else 8 random directions.
pub(crate) fn directions(n: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
    if n <= 64 {
        (0..n).map(|i| (0..n).map(|k| f64::from(k == i)).collect()).collect()
    } else {
        (0..8).map(|_| Draw::Scaled(1.0).fill(n, rng)).collect()
    }
}

/// The coordinate of a unit vector.
pub(crate) fn coordinate_of(direction: &[f64]) -> Option<usize> {
    let mut moving = direction.iter().enumerate().filter(|(_, d)| **d != 0.0);
    match (moving.next(), moving.next()) {
        (Some((i, _)), None) => Some(i),
        _ => None,
    }
}

/// p + ε v.
pub(crate) fn lift(p: &[f64], v: &[f64]) -> Vec<Dual64> {
    p.iter().zip(v).map(|(&p, &v)| Dual::new(p, v)).collect()
}

/// p + t v.
pub(crate) fn moved(p: &[f64], t: f64, v: &[f64]) -> Vec<f64> {
    p.iter().zip(v).map(|(p, v)| p + t * v).collect()
}

/// (values, ε parts).
pub(crate) fn parts(duals: &[Dual64]) -> (Vec<f64>, Vec<f64>) {
    duals.iter().map(|d| (d.re, d.eps)).unzip()
}

/// The derivatives just before and just after 0, and whether they differ by a jump: a difference that does not shrink.
pub(crate) fn one_sided(derivative: impl Fn(f64) -> f64) -> ([f64; 2], bool) {
    let sides = |h: f64| [derivative(-h), derivative(h)];
    let (near, far) = (sides(2f64.powi(-24)), sides(2f64.powi(-12)));
    let jump = |sides: [f64; 2]| (sides[1] - sides[0]).abs();
    (near, jump(near) > 0.5 * jump(far))
}

/// (Σ aᵢ bᵢ, Σ |aᵢ bᵢ|).
pub(crate) fn dot(a: &[f64], b: &[f64]) -> (f64, f64) {
    a.iter().zip(b).fold((0.0, 0.0), |(sum, size), (a, b)| (sum + a * b, size + (a * b).abs()))
}

/// As many numbers as a person reads.
pub(crate) fn show(name: &str, numbers: &[f64]) -> String {
    match numbers.len() {
        0 => String::new(),
        1..=32 => format!("{name} = {numbers:?}  "),
        n => format!("{name} = {:?} and {} more  ", &numbers[..8], n - 8),
    }
}
