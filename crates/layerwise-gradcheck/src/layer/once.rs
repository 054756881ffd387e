//! What is checked once a layer: refusals, sizes on both sides of every threshold, threads, instruction sets, far inputs.

use layerwise_core::GenericNumber;
use layerwise_tensor::simd::{Level, level, limit_level};
use layerwise_tensor::{Bounded, DoubleDouble, Key, MatMut, Purpose, Scalar, Team};

use super::Subject;
use super::bench::Bench;
use crate::battery::Check;
use crate::case::{Style, at};
use crate::derivative::{Derived, Function, Trace};
use crate::oracle::{Lift, errors, lift, within};
use crate::report::Log;

pub(super) fn all<'a>() -> Vec<Check<Subject<'a>>> {
    vec![
        Check::once("zero-width", "an input width of 0 is refused, with an error that says so", zero_width),
        Check::once("empty-batch", "a batch of 0 samples adds nothing, and is no reason to panic", empty_batch),
        Check::once("name", "the name is in kebab case", |s, log| crate::once::kebab(s.layer.name(), log)),
        Check::once("plan", "the plan is the same each time, and its blocks have names of their own", plan),
        Check::once("initialization", "every block can be initialized, with finite numbers", initialization)
            .applies(Subject::has_parameters),
        Check::once("asymptotes", "a finite end of the range is a limit of g, or a bound that is reached", asymptotes)
            .applies(Subject::pointwise),
        Check::once("far-inputs", "inputs from 1e-30 to 1e4 give finite numbers in f32 and f64", far_inputs),
        Check::once("non-finite-inputs", "NaN and infinite inputs are numbers like others: no panic", non_finite),
        Check::once(
            "thresholds",
            "on both sides of every threshold of the kernels y and ∂L meet double-double",
            thresholds,
        ),
        Check::once("threads", "the same bits on 1, 2 and 3 threads", threads),
        Check::once(
            "instruction-sets",
            "every instruction set meets double-double; without products, the same bits",
            levels,
        )
        .applies(|s| if s.levels { Ok(()) } else { Err(crate::once::LEVELS) }),
    ]
}

fn zero_width(s: &Subject<'_>, log: &mut Log) {
    let said = s.layer.plan(0).err().map(|e| e.to_string()).unwrap_or_default();
    log.holds(
        || format!("a plan for width 0 is refused with `… should be …` (got `{said}`)"),
        said.contains("should be"),
    );
}

fn empty_batch(s: &Subject<'_>, log: &mut Log) {
    for d_in in (1..5).chain([s.width()]) {
        let Some(case) = at(s, &[d_in, 0, 1], Style::Short, 1) else { continue };
        let b = Bench::new(s, &case);
        log.same_bits("∂L/∂θ", &vec![0.0; b.n_theta], &b.base().grad);
    }
}

fn plan(s: &Subject<'_>, log: &mut Log) {
    for d_in in (1..9).chain([s.width()]) {
        let (once, again) = (s.layer.plan(d_in), s.layer.plan(d_in));
        log.holds(|| format!("the plan for width {d_in} is the same again"), once == again);
        let Ok(plan) = once else { continue };
        for (i, block) in plan.blocks.iter().enumerate() {
            log.holds(|| format!("block {} has numbers", block.name), block.rows * block.cols > 0);
            log.holds(
                || format!("no other block is called {}", block.name),
                plan.blocks[..i].iter().all(|other| other.name != block.name),
            );
        }
    }
}

fn initialization(s: &Subject<'_>, log: &mut Log) {
    for block in s.plan(s.width()).map(|plan| plan.blocks).unwrap_or_default() {
        log.holds(|| format!("{}: {:?} is usable", block.name, block.init), block.init.check().is_ok());
        let mut numbers = vec![f64::NAN; block.rows * block.cols];
        let mut rng = Key::new(1, Purpose::Init).rng();
        block.init.fill(MatMut::new(&mut numbers, block.rows, block.cols), &mut rng);
        log.holds(|| format!("{} starts with finite numbers", block.name), numbers.iter().all(|x| x.is_finite()));
    }
}

/// g at these points.
fn values(s: &Subject<'_>, x: &[f64]) -> Vec<f64> {
    let numbers = [x, &vec![0.0; x.len()]].concat();
    let case = crate::case::Case { sizes: vec![1, x.len(), 0], numbers, seed: 0 };
    Bench::new(s, &case).base().values.clone()
}

fn asymptotes(s: &Subject<'_>, log: &mut Log) {
    let Some((lower, upper)) = s.layer.range() else { return };
    log.holds(|| format!("the range ({lower}, {upper}) is in order"), lower < upper);
    let limits = values(s, &[-1e9, 1e9]);
    let grid: Vec<f64> = (-10_000..=10_000).map(|k| f64::from(k) / 500.0).collect();
    let on_grid = values(s, &grid);
    let least = on_grid.iter().copied().fold(f64::INFINITY, f64::min);
    let most = on_grid.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (end, extreme) in [(lower, least), (upper, most)] {
        let near = |v: f64| (v - end).abs() <= 1e-6 * (1.0 + end.abs());
        if end.is_finite() && !limits.iter().copied().any(near) && !near(extreme) {
            log.close(|| "g(±1e9), or the extreme of g,".into(), [end, extreme], 0.0);
        }
    }
}

/// Every input the same x, in a small case.
fn constant<S: GenericNumber + Lift>(s: &Subject<'_>, x: f64, trains: usize) -> Option<Trace<S>> {
    let case = at(s, &[s.width(), 2, trains], Style::Short, 5)?;
    let b = Bench::new(s, &case);
    let n = b.n_theta;
    let point: Vec<f64> = (0..b.point.len()).map(|i| if i < n { b.point[i] } else { x }).collect();
    Some(b.run(&lift::<S>(&point)))
}

fn far_inputs(s: &Subject<'_>, log: &mut Log) {
    for size in [0.0, 1e-30, 1e-10, 1.0, 30.0, 88.0, 104.0, 710.0, 1e4] {
        for x in [size, -size] {
            for trains in [0, 1] {
                if let Some(trace) = constant::<f64>(s, x, trains) {
                    let finite = trace.values.iter().chain(&trace.grad).all(|v| v.is_finite());
                    log.holds(|| format!("f64 numbers at x = {x:e} are finite"), finite);
                }
                if let Some(trace) = constant::<f32>(s, x, trains) {
                    let finite = trace.values.iter().chain(&trace.grad).all(|v| v.is_finite());
                    log.holds(|| format!("f32 numbers at x = {x:e} are finite"), finite);
                }
            }
        }
    }
}

fn non_finite(s: &Subject<'_>, log: &mut Log) {
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE / 4.0] {
        for trains in [0, 1] {
            let double = constant::<f64>(s, x, trains);
            let single = constant::<f32>(s, x, trains);
            log.holds(|| "kernels ran".into(), double.is_some() == single.is_some());
        }
    }
}

/// Sizes around the blocks of vectors, of the matrix product, and of the split over threads.
const SIZES: [(usize, usize); 12] = [
    (1, 7),
    (7, 1),
    (8, 9),
    (15, 17),
    (16, 16),
    (17, 15),
    (31, 33),
    (33, 31),
    (63, 65),
    (65, 63),
    (127, 130),
    (130, 127),
];

/// y and ∂L of the fast kernels against double-double, within running error bounds.
fn meets(b: &Bench<'_>, log: &mut Log) {
    let numbers = |v: &[DoubleDouble]| -> Vec<f64> { v.iter().map(|x| x.value()).collect() };
    let exact: Trace<DoubleDouble> = b.run(&lift(&b.point));
    let real = b.run(&b.point);
    within(log, &|i| format!("y[{i}]"), &numbers(&exact.values), &real.values, &errors(&b.bounds().values));
    within(log, &|i| b.name(i), &numbers(&exact.grad), &real.grad, &b.grad_errors());
    let single: Trace<f32> = b.run(&lift(&b.point));
    let bounds: Trace<Bounded<f32>> = b.run(&lift(&b.point));
    let values = |v: &[f32]| -> Vec<f64> { v.iter().map(|&x| f64::from(x)).collect() };
    within(
        log,
        &|i| format!("y[{i}] in f32"),
        &numbers(&exact.values),
        &values(&single.values),
        &errors(&bounds.values),
    );
    let name = |i| format!("{} in f32", b.name(i));
    within(log, &name, &numbers(&exact.grad), &values(&single.grad), &errors(&bounds.grad));
}

fn thresholds(s: &Subject<'_>, log: &mut Log) {
    for (d_in, batch) in SIZES.into_iter().chain([(s.width(), 17)]) {
        let Some(case) = at(s, &[d_in, batch, 1], Style::Short, 3) else { continue };
        let b = Bench::new(s, &case);
        if b.settled::<f64>() && b.settled::<f32>() {
            meets(&b, log);
        }
    }
}

fn threads(s: &Subject<'_>, log: &mut Log) {
    for (d_in, batch) in [(3, 2), (130, 131), (257, 640), (s.width(), 33)] {
        let Some(case) = at(s, &[d_in, batch, 1], Style::Short, 4) else { continue };
        let b = Bench::new(s, &case);
        let run = || (b.run(&b.point), b.run::<f32>(&lift(&b.point)));
        let alone = run();
        for width in [2, 3] {
            let Ok(team) = Team::new(width) else { continue };
            let (double, single) = team.install(run);
            log.same_bits("y", &alone.0.values, &double.values);
            log.same_bits("∂L/∂(θ, x)", &alone.0.grad, &double.grad);
            let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
            log.holds(
                || "bits of f32".into(),
                same(&alone.1.values, &single.values) && same(&alone.1.grad, &single.grad),
            );
        }
    }
}

fn levels(s: &Subject<'_>, log: &mut Log) {
    let best = level();
    for (d_in, batch) in [(3, 2), (17, 15), (65, 63), (s.width(), 33)] {
        let Some(case) = at(s, &[d_in, batch, 1], Style::Short, 6) else { continue };
        let first = Bench::new(s, &case);
        let first = first.base();
        for limit in [Level::Base, Level::Avx2, Level::Avx512] {
            limit_level(limit);
            let b = Bench::new(s, &case);
            if b.settled::<f64>() && b.settled::<f32>() {
                meets(&b, log);
            }
            if s.plan(d_in).is_some_and(|plan| plan.blocks.is_empty()) {
                let other = b.run(&b.point);
                log.same_bits("y", &first.values, &other.values);
                log.same_bits("∂L/∂x", &first.grad, &other.grad);
            }
        }
        limit_level(best);
    }
}
