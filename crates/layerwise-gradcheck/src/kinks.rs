//! Kinks of any function of a point: the rule at a point that lies on one, and the search for others along a line.

use std::cmp::Ordering;

use layerwise_tensor::{DoubleDouble, trace};

use crate::derivative::Derived;
use crate::oracle::{dual, least_between, moved, one_sided};
use crate::report::Log;

/// Coordinate by coordinate: where the derivative of value(i) jumps at the point, ∂/∂pᵢ is the number of least magnitude between
/// the two sides.
pub(crate) fn rule<F: Derived>(b: &F, value: impl Fn(usize) -> usize, log: &mut Log) {
    let n = b.point().len();
    let before = log.kinks;
    for i in 0..n {
        let e: Vec<f64> = (0..n).map(|k| f64::from(k == i)).collect();
        let derivative = |t: f64| {
            let beside: Vec<f64> = b.point().iter().zip(&e).map(|(p, e)| p + t * e).collect();
            b.values(&dual::<f64>(&beside, &e))[value(i)].eps
        };
        let bent = |t: f64| {
            let beside: Vec<f64> = b.point().iter().zip(&e).map(|(p, e)| p + t * e).collect();
            b.hyper_loss(&beside, &e, &e)[3]
        };
        let (sides, jumps) = one_sided(derivative);
        if jumps || one_sided(bent).1 {
            log.kinks += 1;
            // Where only the second derivative jumps, both sides are the derivative.
            let expected = if jumps { least_between(sides) } else { 0.5 * (sides[0] + sides[1]) };
            let slack = 1e-9 * (sides[0].abs() + sides[1].abs());
            log.close(|| format!("{} at a kink, between {sides:?},", b.name(i)), [expected, b.base().grad[i]], slack);
        }
    }
    if log.kinks == before {
        log.skip();
    }
}

/// All decisions on the way of f.
pub(crate) fn decisions<S>(point: S, f: impl FnOnce(S)) -> Vec<Option<Ordering>> {
    trace::traced(|| f(point)).1.iter().map(|c| c.ordering).collect()
}

/// Where decisions change between two ends.
pub(crate) fn flip(mut low: f64, mut high: f64, decisions: &impl Fn(f64) -> Vec<Option<Ordering>>) -> f64 {
    let start = decisions(low);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if decisions(middle) == start { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Along p + t v, t from −1 to 1: wherever a decision changes, L′ and L″ are looked at on both sides.
pub(crate) fn on_a_line<F: Derived>(b: &F, declared: bool, log: &mut Log) {
    let v = b.v();
    let at = |t: f64| decisions(moved(b.point(), t, &v), |p| drop(b.values::<DoubleDouble>(&p)));
    let steps: Vec<_> = (0..=16).map(|k| f64::from(k) / 8.0 - 1.0).map(|t| (t, at(t))).collect();
    for pair in steps.windows(2) {
        let [(low, before), (high, after)] = pair else { continue };
        if before == after {
            continue;
        }
        let t = flip(*low, *high, &at);
        for (order, part) in [("L′", 1), ("L″", 3)] {
            let derivative = |s: f64| {
                let beside: Vec<f64> = b.point().iter().zip(&v).map(|(p, v)| p + (t + s) * v).collect();
                b.hyper_loss(&beside, &v, &v)[part]
            };
            let (sides, jumps) = one_sided(derivative);
            if jumps && declared {
                log.kinks += 1;
            } else if jumps {
                log.close(|| format!("{order} along v, just after t = {t}: no kink is declared there, it"), sides, 0.0);
            }
        }
    }
}
