//! Kinks of layers: the rule at each declared one, and the search for others.

use layerwise_tensor::DoubleDouble;

use super::Subject;
use super::bench::Bench;
use crate::battery::Check;
use crate::case::Case;
use crate::derivative::{Derived, Function};
use crate::kinks::{self, decisions, flip};
use crate::oracle::{dual, least_between, lift, one_sided, parts};
use crate::report::Log;

pub(super) fn all<'a>() -> Vec<Check<Subject<'a>>> {
    vec![
        Check::each(
            "kink-rule",
            "at a kink ∂L/∂x is dy times the number of least magnitude between g′(x−) and g′(x+)",
            rule,
        )
        .applies(|s| s.pointwise().and_then(|()| s.has_kinks())),
        Check::each(
            "kinks-on-lines",
            "along a line L′ and L″ jump only if kinks are declared",
            |b: &Bench<'_>, log: &mut Log| {
                kinks::on_a_line(b, !b.subject.layer.kinks().is_empty(), log);
            },
        ),
        Check::once("kinks-declared", "g′ and g″ jump at every declared kink on [−10, 10], and nowhere else", declared)
            .applies(Subject::pointwise),
    ]
}

fn rule(b: &Bench<'_>, log: &mut Log) {
    let at: Vec<usize> =
        (b.n_theta..b.point.len()).filter(|&i| b.subject.layer.kinks().contains(&b.point[i])).collect();
    if at.is_empty() {
        return log.skip();
    }
    let ones = vec![1.0; b.point.len()];
    let side = |t: f64| {
        let beside: Vec<f64> = b.point.iter().map(|x| x + t).collect();
        parts(&b.forward(&dual::<f64>(&beside, &ones), &lift(&b.skip))).1
    };
    let (left, right) = (side(-1e-12), side(1e-12));
    for i in at {
        let unit = i - b.n_theta;
        let expected = least_between([left[unit], right[unit]]) * b.dy[unit];
        let got = b.base().grad[i];
        log.kinks += 1;
        log.close(|| b.name(i), [expected, got], 1e-9 * expected.abs());
    }
}

/// [g′, g″] at x.
fn slopes(subject: &Subject<'_>, x: f64) -> [f64; 2] {
    let case = Case { sizes: vec![1, 1, 0], numbers: vec![x, 1.0], seed: 0 };
    let [_, first, _, second] = Bench::new(subject, &case).hyper_loss(&[x], &[1.0], &[1.0]);
    [first, second]
}

/// Looks where decisions change, and where g′ changes by more than g″ explains (an interval is halved, and the half that is
/// explained worse is kept), in case somebody decides without a comparison that can be seen.
fn declared(subject: &Subject<'_>, log: &mut Log) {
    const CELLS: i32 = 20 * 64;
    let grid: Vec<f64> = (0..=CELLS).map(|i| -10.0 + f64::from(i) / 64.0 + 1e-3).collect();
    let at = |x: f64| {
        let case = Case { sizes: vec![1, 1, 0], numbers: vec![x, 1.0], seed: 0 };
        decisions((), |()| drop(Bench::new(subject, &case).forward::<DoubleDouble>(&lift(&[x]), &[])))
    };
    let mut suspects: Vec<f64> = subject.layer.kinks().to_vec();
    let decided: Vec<_> = grid.iter().map(|&x| at(x)).collect();
    let sampled: Vec<_> = grid.iter().map(|&x| slopes(subject, x)).collect();
    for (i, pair) in grid.windows(2).enumerate() {
        let [low, high] = [pair[0], pair[1]];
        if decided[i] != decided[i + 1] {
            suspects.push(flip(low, high, &at));
        }
        let unexplained =
            |a: (f64, [f64; 2]), b: (f64, [f64; 2])| (b.1[0] - a.1[0] - 0.5 * (b.0 - a.0) * (a.1[1] + b.1[1])).abs();
        let (mut a, mut b) = ((low, sampled[i]), (high, sampled[i + 1]));
        if unexplained(a, b) < 1e-7 {
            continue;
        }
        for _ in 0..36 {
            let middle = 0.5 * (a.0 + b.0);
            let middle = (middle, slopes(subject, middle));
            if unexplained(a, middle) > unexplained(middle, b) { b = middle } else { a = middle }
        }
        if (a.1[0] - b.1[0]).abs() > 1e-8 {
            suspects.push(0.5 * (a.0 + b.0));
        }
    }
    for x in suspects {
        let jumps = [0, 1].map(|order| one_sided(|t| slopes(subject, x + t)[order]));
        let is_kink = jumps.iter().any(|(_, jumps)| *jumps);
        let is_declared = subject.layer.kinks().iter().any(|k| (k - x).abs() < 1e-9);
        if is_declared {
            log.kinks += 1;
            log.holds(|| format!("g′ or g″ jumps at the declared kink {x:?}"), is_kink);
        } else {
            let ([before, after], _) = jumps[usize::from(!jumps[0].1)];
            let order = if jumps[0].1 { "g′" } else { "g″" };
            let pair = if is_kink { [before, after] } else { [0.0; 2] };
            log.close(|| format!("{order} just after x = {x:?}, which is not declared as a kink,"), pair, 0.0);
        }
    }
}
