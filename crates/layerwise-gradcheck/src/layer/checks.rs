//! What holds for every layer on every case.

use layerwise_core::Pass;
use layerwise_tensor::Bounded;

use super::Subject;
use super::bench::{Bench, Memory};
use crate::battery::Check;
use crate::derivative::{Derived, Function, Trace};
use crate::once::columns;
use crate::oracle::{EPS, dot, dual, errors, lift, normal, parts, rng};
use crate::report::Log;

pub(super) fn all<'a>() -> Vec<Check<Subject<'a>>> {
    vec![
        Check::each("dirty-output", "y does not depend on what its memory held", |b: &Bench<'_>, log: &mut Log| {
            dirty(b, log, |m| m.y = 1234.5);
        }),
        Check::each(
            "dirty-input-gradient",
            "∂L/∂x is set, whatever its memory held",
            |b: &Bench<'_>, log: &mut Log| {
                dirty(b, log, |m| m.dx = 1234.5);
            },
        ),
        Check::each(
            "dirty-scratch",
            "nothing depends on what the scratch memory held",
            |b: &Bench<'_>, log: &mut Log| {
                dirty(b, log, |m| m.cache = 1234.5);
            },
        )
        .applies(Subject::has_cache),
        Check::each("gradient-added", "∂L/∂θ is added to what earlier writers left", added)
            .applies(Subject::has_parameters),
        Check::each("gradient-twice", "two backward passes give twice ∂L/∂θ", twice).applies(Subject::has_parameters),
        Check::each("gradient-alone", "∂L/∂θ does not depend on whether ∂L/∂x is wanted", alone)
            .applies(Subject::has_parameters),
        Check::each("cotangent-sign", "−dy gives −∂L, 2 dy gives 2 ∂L, bit by bit", sign),
        Check::each("cotangent-sum", "the gradient for dy₁ + dy₂ is the sum of the gradients", cotangent_sum),
        Check::each("batch-order", "samples in another order give the same, in that order", order),
        Check::each("batch-sum", "∂L/∂θ of a batch is the sum over its samples", batch_sum)
            .applies(Subject::has_parameters),
        Check::each("samples-apart", "∂y_j/∂x_k = 0 for different samples", apart),
        Check::each("second-input", "what is added to the delta of the second input is ∂L/∂skip", second_input)
            .applies(Subject::has_skip),
        Check::each("backward-again", "a second backward pass after one forward pass gives the same bits", again)
            .applies(Subject::has_cache),
        Check::each(
            "statistics",
            "statistics are data: ∂L/∂statistic is 0, and nothing has a derivative with respect to one",
            statistics,
        )
        .applies(Subject::has_statistics),
        Check::each("prediction-without-noise", "in prediction nothing depends on the random stream", quiet),
    ]
}

fn dirty(b: &Bench<'_>, log: &mut Log, soil: fn(&mut Memory<'_>)) {
    let mut memory = Memory::CLEAN;
    soil(&mut memory);
    let (clean, dirty) = (b.base(), b.real(&memory));
    log.same_bits("y", &clean.values, &dirty.values);
    log.same_bits("∂L/∂(θ, x)", &clean.grad, &dirty.grad);
}

fn added(b: &Bench<'_>, log: &mut Log) {
    let errors = b.grad_errors();
    for round in 3..5 {
        let earlier = normal(b.n_theta, &mut rng(b.case.seed ^ round));
        let later = b.real(&Memory { earlier: Some(&earlier), ..Memory::CLEAN });
        for (i, (e, base)) in earlier.iter().zip(&b.base().grad).enumerate() {
            let sum = e + base;
            let bound = 2.0 * errors[i] + additions(b) * EPS * (e.abs() + base.abs());
            log.bounded(|| format!("{} after {e}", b.name(i)), [sum, later.grad[i]], bound);
        }
        log.same_bits("∂L/∂x", &b.base().grad[b.n_theta..], &later.grad[b.n_theta..]);
    }
}

/// How many terms may be added one by one to what stands in a number of the gradient: at most one for each input.
fn additions(b: &Bench<'_>) -> f64 {
    (b.point.len() - b.n_theta).max(2) as f64
}

fn twice(b: &Bench<'_>, log: &mut Log) {
    let once = &b.base().grad;
    let again = b.real(&Memory { earlier: Some(&once[..b.n_theta]), ..Memory::CLEAN });
    let errors = b.grad_errors();
    for i in 0..b.n_theta {
        let bound = 2.0 * errors[i] + additions(b) * EPS * once[i].abs();
        log.bounded(|| b.name(i), [2.0 * once[i], again.grad[i]], bound);
    }
}

fn alone(b: &Bench<'_>, log: &mut Log) {
    let alone = b.real(&Memory { want_dx: false, ..Memory::CLEAN });
    log.same_bits("∂L/∂θ", &b.base().grad[..b.n_theta], &alone.grad[..b.n_theta]);
}

fn sign(b: &Bench<'_>, log: &mut Log) {
    for factor in [-1.0, 2.0] {
        let dy: Vec<f64> = b.dy.iter().map(|d| factor * d).collect();
        let other = b.trace(&b.point, &b.skip, &dy, &Memory::CLEAN).grad;
        for (i, (g, o)) in b.base().grad.iter().zip(&other).enumerate() {
            // Below the normal numbers doubling rounds.
            let bound = f64::MIN_POSITIVE;
            log.close(|| format!("{} for {factor} dy", b.name(i)), [factor * g, *o], bound);
        }
    }
}

fn cotangent_sum(b: &Bench<'_>, log: &mut Log) {
    let even = |i: usize| i.is_multiple_of(2);
    let part = |keep: &dyn Fn(usize) -> bool| -> (Vec<f64>, Vec<f64>) {
        let dy: Vec<f64> = b.dy.iter().enumerate().map(|(i, d)| if keep(i) { *d } else { 0.0 }).collect();
        let bounds: Trace<Bounded<f64>> = b.trace(&lift(&b.point), &lift(&b.skip), &lift(&dy), &Memory::CLEAN);
        (b.trace(&b.point, &b.skip, &dy, &Memory::CLEAN).grad, errors(&bounds.grad))
    };
    let ((first, e), (second, f)) = (part(&even), part(&|i| !even(i)));
    let errors = b.grad_errors();
    for (i, whole) in b.base().grad.iter().enumerate() {
        let bound = errors[i] + e[i] + f[i] + EPS * (first[i].abs() + second[i].abs());
        log.bounded(|| b.name(i), [first[i] + second[i], *whole], bound);
    }
}

/// The case with these samples only; noise is off, since a mask belongs to its place in the batch.
fn with_samples(b: &Bench<'_>, order: &[usize]) -> Trace<f64> {
    let n = b.n_theta;
    let point = [&b.point[..n], &columns(&b.point[n..], b.d_in, order)].concat();
    let d_out = b.plan.d_out;
    let skip = if b.skip.is_empty() { Vec::new() } else { columns(&b.skip, b.d_skip, order) };
    b.trace(&point, &skip, &columns(&b.dy, d_out, order), &Memory::CLEAN)
}

fn order(b: &Bench<'_>, log: &mut Log) {
    if b.pass == Pass::Train || b.batch < 2 {
        return log.skip();
    }
    let order: Vec<usize> = (0..b.batch).rev().collect();
    let other = with_samples(b, &order);
    let (base, n, bounds) = (b.base(), b.n_theta, b.bounds());
    let y_bounds = errors(&bounds.values);
    let back = columns(&other.values, b.plan.d_out, &order);
    for (i, (y, o)) in base.values.iter().zip(&back).enumerate() {
        log.bounded(|| format!("y[{i}]"), [*y, *o], 2.0 * y_bounds[i]);
    }
    let back = [&other.grad[..n], &columns(&other.grad[n..], b.d_in, &order)].concat();
    let grad_bounds = b.grad_errors();
    for (i, (g, o)) in base.grad.iter().zip(&back).enumerate() {
        log.bounded(|| b.name(i), [*g, *o], 2.0 * grad_bounds[i]);
    }
}

fn batch_sum(b: &Bench<'_>, log: &mut Log) {
    if b.pass == Pass::Train || b.batch < 2 {
        return log.skip();
    }
    let n = b.n_theta;
    let mut sum = vec![0.0; n];
    let mut size = vec![0.0; n];
    for j in 0..b.batch {
        for (i, g) in with_samples(b, &[j]).grad[..n].iter().enumerate() {
            sum[i] += g;
            size[i] += g.abs();
        }
    }
    let errors = b.grad_errors();
    for i in 0..n {
        let bound = 2.0 * errors[i] + b.batch as f64 * EPS * size[i];
        log.bounded(|| b.name(i), [sum[i], b.base().grad[i]], bound);
    }
}

fn apart(b: &Bench<'_>, log: &mut Log) {
    // A layer that keeps statistics of the batches computes with those of the batch while it trains.
    let joined = b.pass == Pass::Train && (0..b.n_theta).any(|i| b.held(i));
    if b.batch < 2 || joined {
        return log.skip();
    }
    let (n, d_out) = (b.n_theta, b.plan.d_out);
    for k in 0..b.batch {
        let mut v = vec![0.0; b.point.len()];
        v[n + k * b.d_in..n + (k + 1) * b.d_in].fill(1.0);
        let (_, jv) = parts(&b.forward(&dual::<f64>(&b.point, &v), &lift(&b.skip)));
        for (i, slope) in jv.iter().enumerate().filter(|(i, _)| i / d_out != k) {
            log.close(|| format!("∂y[{}, {}]/∂x[·, {k}]", i % d_out, i / d_out), [0.0, *slope], 0.0);
        }
    }
}

fn second_input(b: &Bench<'_>, log: &mut Log) {
    let zero = vec![0.0; b.point.len()];
    let earlier = normal(b.skip.len(), &mut rng(b.case.seed ^ 5));
    let got = b.shortcut(&b.point, &b.dy, &earlier);
    let bounds: Vec<Bounded<f64>> = b.shortcut(&lift(&b.point), &lift(&b.dy), &lift(&earlier));
    for (i, bound) in errors(&bounds).into_iter().enumerate() {
        let v: Vec<f64> = (0..b.skip.len()).map(|k| f64::from(k == i)).collect();
        let (_, jv) = parts(&b.forward(&dual::<f64>(&b.point, &zero), &dual(&b.skip, &v)));
        let (slope, size) = dot(&b.dy, &jv);
        let bound = bound + EPS * (earlier[i].abs() + size);
        log.bounded(|| format!("∂L/∂skip[{i}] after {}", earlier[i]), [earlier[i] + slope, got[i]], bound);
    }
}

fn again(b: &Bench<'_>, log: &mut Log) {
    let [first, second] = b.again();
    log.same_bits("∂L/∂(θ, x)", &first, &second);
}

fn statistics(b: &Bench<'_>, log: &mut Log) {
    let v: Vec<f64> = (0..b.point.len()).map(|i| f64::from(b.held(i))).collect();
    for (i, g) in b.base().grad.iter().enumerate().filter(|(i, _)| b.held(*i)) {
        log.close(|| b.name(i), [0.0, *g], 0.0);
    }
    let along = b.tangent::<f64>(&v);
    for (i, slope) in parts(&along.values).1.into_iter().enumerate() {
        log.close(|| format!("∂y[{i}] along the statistics"), [0.0, slope], 0.0);
    }
    for (i, slope) in parts(&along.grad).1.into_iter().enumerate() {
        log.close(|| format!("∂ along the statistics of {}", b.name(i)), [0.0, slope], 0.0);
    }
}

fn quiet(b: &Bench<'_>, log: &mut Log) {
    if b.pass == Pass::Train {
        return log.skip();
    }
    let case = crate::case::Case { seed: b.case.seed.wrapping_add(77), ..b.case.clone() };
    let other = Bench::new(&b.subject, &case);
    log.same_bits("y", &b.base().values, &other.base().values);
    log.same_bits("∂L/∂(θ, x)", &b.base().grad, &other.base().grad);
}
