//! Losses: l(y, t) per sample, and its gradient. The function is L = Σ l over the samples.

use layerwise_core::loss::TargetKind;
use layerwise_core::{GenericLoss, GenericNumber, Targets};
use layerwise_tensor::simd::{Level, level, limit_level};
use layerwise_tensor::{Bounded, DoubleDouble, Dual64, Mat, MatMut, Rng, Team};

use crate::battery::{Check, Family};
use crate::case::{Case, Draw, Field, Space, Style, at};
use crate::derivative::{self, Derived, Function, Once, Trace, plain};
use crate::fault::{COMMON, Damage, Fault, Target, uneven};
use crate::kinks;
use crate::oracle::{EPS, Lift, dot, dual, errors, lift, normal, parts, rng, slope_errors, within};
use crate::report::Log;

/// A loss, perhaps with a fault in it.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub loss: &'a dyn GenericLoss,
    pub name: String,
    pub levels: bool,
    pub fault: Option<Fault>,
}

/// What the sizes of a case are: classes or values a sample, samples, and which of the two.
const K: usize = 0;
const BATCH: usize = 1;
const VALUES: usize = 2;

fn kind(sizes: &[usize]) -> TargetKind {
    if sizes[VALUES] == 1 { TargetKind::Values(sizes[K]) } else { TargetKind::Classes(sizes[K]) }
}

impl Subject<'_> {
    fn has_kinks(&self) -> Result<(), &'static str> {
        if self.loss.has_kinks() { Ok(()) } else { Err("no kinks declared") }
    }

    fn convex(&self) -> Result<(), &'static str> {
        if self.loss.convex() { Ok(()) } else { Err("not convex") }
    }

    /// Whether every class has the same loss where all outputs are the same.
    fn classes_alike(&self) -> Result<(), &'static str> {
        let honest = Subject { fault: None, ..self.clone() };
        let losses = |k: usize| -> Option<Vec<f64>> {
            let width = self.loss.width(TargetKind::Classes(k)).ok()?;
            let loss = |class: usize| {
                let numbers = [vec![0.0; width], vec![class as f64]].concat();
                Bench::new(&honest, &Case { sizes: vec![k, 1, 0], numbers, seed: 0 }).base().values[0]
            };
            Some((0..k).map(loss).collect())
        };
        match (1..9).filter_map(losses).any(|l| l.iter().any(|x| *x != l[0])) {
            true => Err("classes weigh differently"),
            false => Ok(()),
        }
    }

    fn takes(&self, kind: fn(usize) -> TargetKind) -> bool {
        (1..9).any(|k| self.loss.width(kind(k)).is_ok())
    }
}

impl Space for Subject<'_> {
    fn sizes(&self, index: usize, rng: &mut Rng) -> Vec<usize> {
        let size = |rng: &mut Rng| 1 + rng.below(1 + (index / 4).min(4));
        vec![size(rng), size(rng), index % 2]
    }
    fn least(&self) -> Vec<usize> {
        vec![1, 1, 0]
    }
    fn fields(&self, sizes: &[usize]) -> Option<Vec<Field>> {
        let width = self.loss.width(kind(sizes)).ok()?;
        let targets = match kind(sizes) {
            TargetKind::Values(k) => Field::new("t", k, sizes[BATCH]).drawn(Draw::Unit),
            TargetKind::Classes(k) => Field::new("class", 1, sizes[BATCH]).drawn(Draw::Class(k)),
        };
        Some(vec![Field::new("y", width, sizes[BATCH]), targets])
    }
    fn usable(&self, case: &Case) -> bool {
        self.bench(case).smooth()
    }
}

pub(crate) struct Bench<'a> {
    subject: Subject<'a>,
    case: Case,
    width: usize,
    batch: usize,
    y: Vec<f64>,
    targets: Vec<f64>,
    ones: Vec<f64>,
    once: Once,
}

impl<'a> Bench<'a> {
    fn new(subject: &Subject<'a>, case: &Case) -> Bench<'a> {
        let batch = case.sizes[BATCH];
        let width = subject.loss.width(kind(&case.sizes)).unwrap_or_else(|e| panic!("{e}"));
        let (y, targets) = case.numbers.split_at(width * batch);
        Bench {
            subject: subject.clone(),
            case: case.clone(),
            width,
            batch,
            y: y.to_vec(),
            targets: targets.to_vec(),
            ones: vec![1.0; batch],
            once: Once::default(),
        }
    }

    /// Losses and gradient, from memory that holds these numbers.
    fn eval<S: GenericNumber + Lift>(&self, y: &[S], targets: &[f64], fill: [f64; 2]) -> Trace<S> {
        let honest = |y: &[S], fill: [f64; 2]| {
            let batch = y.len() / self.width.max(1);
            let (mut each, mut dy) = (vec![S::of(fill[0]); batch], vec![S::of(fill[1]); y.len()]);
            let classes: Vec<u32>;
            let numbers: Vec<S>;
            let targets = match kind(&self.case.sizes) {
                TargetKind::Classes(_) => {
                    classes = targets.iter().map(|&t| t as u32).collect();
                    Targets::Classes(&classes)
                }
                TargetKind::Values(k) => {
                    numbers = lift(targets);
                    Targets::Values(Mat::new(&numbers, k, batch))
                }
            };
            let window = MatMut::new(&mut dy, self.width, batch);
            S::generic_loss(self.subject.loss).eval(Mat::new(y, self.width, batch), targets, &mut each, window);
            Trace { values: each, grad: dy }
        };
        let mut trace = honest(y, fill);
        if let Some(fault) = &self.subject.fault {
            let old = Trace { values: vec![S::of(fill[0]); trace.values.len()], grad: vec![S::of(fill[1]); y.len()] };
            let beside = |by: f64| {
                let moved: Vec<S> = y.iter().enumerate().map(|(i, &y)| y + S::of(uneven(by, i))).collect();
                honest(&moved, fill).grad
            };
            let other = match fault.damage {
                Damage::Beside(by) => Some(beside(by)),
                Damage::WrongBranch if self.subject.loss.has_kinks() => {
                    let larger = |(l, r): (&S, &S)| if l.value().abs() > r.value().abs() { *l } else { *r };
                    Some(beside(-1e-9).iter().zip(&beside(1e-9)).map(larger).collect())
                }
                Damage::FirstSample => {
                    let mut dy = trace.grad.clone();
                    dy[self.width.min(y.len())..].fill(S::ZERO);
                    Some(dy)
                }
                _ => None,
            };
            if let Some(other) = other {
                match fault.damage {
                    Damage::WrongBranch => fault.compare_values(&trace.grad, &other),
                    _ => fault.compare(&trace.grad, &other),
                }
                trace.grad = other;
            }
            fault.strike(Target::Input, &mut trace.grad, &old.grad, self.width);
            fault.strike(Target::Value, &mut trace.values, &old.values, 1);
        }
        trace
    }

    fn predict<S: GenericNumber>(&self, y: &[S]) -> Vec<S> {
        let mut y = y.to_vec();
        S::generic_loss(self.subject.loss).predict(MatMut::new(&mut y, self.width, self.batch));
        y
    }
}

impl Function for Bench<'_> {
    fn run<S: GenericNumber + Lift>(&self, point: &[S]) -> Trace<S> {
        self.eval(point, &self.targets, [f64::NAN; 2])
    }
    fn point(&self) -> &[f64] {
        &self.y
    }
    fn weights(&self) -> &[f64] {
        &self.ones
    }
    fn name(&self, i: usize) -> String {
        format!("∂l/∂y[{}, {}]", i % self.width, i / self.width)
    }
    fn seed(&self) -> u64 {
        self.case.seed
    }
    fn memory(&self) -> &Once {
        &self.once
    }
}

impl<'a> Family for Subject<'a> {
    type Bench = Bench<'a>;

    fn family(&self) -> &'static str {
        "loss"
    }
    fn name(&self) -> String {
        self.name.clone()
    }
    fn bench(&self, case: &Case) -> Bench<'a> {
        Bench::new(self, case)
    }
    fn shape(&self, case: &Case) -> String {
        format!("{}, batch {}", kind(&case.sizes), case.sizes[BATCH])
    }
    fn exercise(b: &Bench<'a>) {
        derivative::exercise(b);
        b.eval(&b.y, &b.targets, [1234.5; 2]);
    }
    fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
    fn sabotaged(&self) -> Vec<Self> {
        use Damage::*;
        let own = [
            (Target::Input, Added),
            (Target::Input, Detached),
            (Target::Input, Beside(1e-6)),
            (Target::Input, FirstSample),
            (Target::Input, WrongBranch),
            (Target::Value, Added),
            (Target::Value, Single),
            (Target::Value, NextColumn),
            (Target::Value, Tail),
            (Target::Value, Scale(1e-10)),
            (Target::Value, Sign),
            (Target::Value, Twice),
            (Target::Value, DropLast),
            (Target::Value, SumForMean),
        ];
        let faults = COMMON.into_iter().map(|d| (Target::Input, d)).chain(own);
        faults.map(|(t, d)| Subject { fault: Some(Fault::new(t, d)), ..self.clone() }).collect()
    }
    fn checks() -> Vec<Check<Self>> {
        let mut checks = derivative::all();
        checks.extend(own());
        checks
    }
}

fn own<'a>() -> Vec<Check<Subject<'a>>> {
    vec![
        Check::each("dirty-losses", "each loss is set, whatever its memory held", |b, log| {
            dirty(b, log, [1234.5, f64::NAN])
        }),
        Check::each(
            "dirty-gradient",
            "the gradient is set, whatever its memory held",
            |b: &Bench<'_>, log: &mut Log| {
                dirty(b, log, [f64::NAN, 1234.5]);
            },
        ),
        Check::each("batch-order", "samples in another order have the same losses and gradients", order),
        Check::each("batch-apart", "a sample alone has the loss and the gradient that it has in a batch", alone),
        Check::each("samples-apart", "∂l_j/∂y_k = 0 for different samples", apart),
        Check::each("convex-curvature", "⟨v, H v⟩ ≥ 0 for a convex loss", curvature).applies(Subject::convex),
        Check::each("convex-subgradient", "l(q) ≥ l(p) + ⟨∂l(p), q − p⟩ for a convex loss, at kinks too", subgradient)
            .applies(Subject::convex),
        Check::each(
            "kink-rule",
            "at a kink ∂l/∂yᵢ is the number of least magnitude between the one-sided derivatives",
            rule,
        )
        .applies(Subject::has_kinks),
        Check::each(
            "kinks-declared",
            "l′ and l″ jump along a line only if kinks are declared",
            |b: &Bench<'_>, log: &mut Log| {
                kinks::on_a_line(b, b.subject.loss.has_kinks(), log);
            },
        ),
        Check::each("prediction-value", "∂l/∂y = 0 where the target is what is predicted", prediction_value).applies(
            |s| {
                if s.takes(TargetKind::Values) { Ok(()) } else { Err("targets are classes") }
            },
        ),
        Check::each("prediction-class", "the class that is predicted has the least loss", prediction_class).applies(
            |s| {
                if s.takes(TargetKind::Classes) { s.classes_alike() } else { Err("targets are values") }
            },
        ),
        Check::each(
            "prediction-types",
            "predictions of f64 and f32 meet double-double, within bounds",
            prediction_types,
        ),
        Check::once("zero-width", "0 classes or values are refused, with an error that says so", zero_width),
        Check::once("name", "the name is in kebab case", |s, log| crate::once::kebab(s.loss.name(), log)),
        Check::once("far-outputs", "outputs from 1e-30 to 1e4 give finite losses and gradients in f32 and f64", far),
        Check::once("non-finite-outputs", "NaN and infinite outputs are numbers like others: no panic", non_finite),
        Check::once("empty-batch", "a batch of 0 samples is no reason to panic", |s, log| {
            for sizes in [[2, 0, 0], [2, 0, 1]] {
                if let Some(case) = at(s, &sizes, Style::Short, 1) {
                    let b = Bench::new(s, &case);
                    log.holds(
                        || "no losses, no gradient".into(),
                        b.base().values.is_empty() && b.base().grad.is_empty(),
                    );
                }
            }
        }),
        Check::once(
            "thresholds",
            "on both sides of every threshold of the kernels l and ∂l meet double-double",
            thresholds,
        ),
        Check::once("threads", "the same bits on 1, 2 and 3 threads", threads),
        Check::once("instruction-sets", "every instruction set gives the same bits", levels)
            .applies(|s| if s.levels { Ok(()) } else { Err(crate::once::LEVELS) }),
    ]
}

fn dirty(b: &Bench<'_>, log: &mut Log, fill: [f64; 2]) {
    let dirty = b.eval(&b.y, &b.targets, fill);
    log.same_bits("l", &b.base().values, &dirty.values);
    log.same_bits("∂l/∂y", &b.base().grad, &dirty.grad);
}

/// The case with these samples only.
fn with_samples(b: &Bench<'_>, order: &[usize]) -> Trace<f64> {
    let per_sample = b.targets.len() / b.batch;
    let y = crate::once::columns(&b.y, b.width, order);
    b.eval(&y, &crate::once::columns(&b.targets, per_sample, order), [f64::NAN; 2])
}

fn order(b: &Bench<'_>, log: &mut Log) {
    if b.batch < 2 {
        return log.skip();
    }
    let order: Vec<usize> = (0..b.batch).rev().collect();
    let other = with_samples(b, &order);
    log.same_bits("l", &b.base().values, &crate::once::columns(&other.values, 1, &order));
    log.same_bits("∂l/∂y", &b.base().grad, &crate::once::columns(&other.grad, b.width, &order));
}

fn alone(b: &Bench<'_>, log: &mut Log) {
    for j in 0..b.batch {
        let alone = with_samples(b, &[j]);
        log.same_bits("l", &b.base().values[j..j + 1], &alone.values);
        log.same_bits("∂l/∂y", &b.base().grad[j * b.width..(j + 1) * b.width], &alone.grad);
    }
}

fn apart(b: &Bench<'_>, log: &mut Log) {
    if b.batch < 2 {
        return log.skip();
    }
    for k in 0..b.batch {
        let mut v = vec![0.0; b.y.len()];
        v[k * b.width..(k + 1) * b.width].fill(1.0);
        let trace: Trace<Dual64> = b.run(&dual::<f64>(&b.y, &v));
        for (j, l) in trace.values.iter().enumerate().filter(|(j, _)| *j != k) {
            log.close(|| format!("∂l[{j}]/∂y[·, {k}]"), [0.0, l.eps], 0.0);
        }
        for (i, d) in trace.grad.iter().enumerate().filter(|(i, _)| i / b.width != k) {
            log.close(|| format!("∂/∂y[·, {k}] of {}", b.name(i)), [0.0, d.eps], 0.0);
        }
    }
}

fn curvature(b: &Bench<'_>, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let v = b.v();
    let (_, hv) = parts(&b.tangent::<f64>(&v).grad);
    let bounds = slope_errors(&b.tangent::<Bounded<f64>>(&v).grad);
    let (bent, size) = dot(&v, &hv);
    log.bounded(|| "⟨v, H v⟩".into(), [bent.max(0.0), bent], dot(&v, &bounds).1 + EPS * size);
}

fn subgradient(b: &Bench<'_>, log: &mut Log) {
    let mut rng = rng(b.case.seed ^ 3);
    for scale in [1e-2, 1.0, 100.0] {
        let q: Vec<f64> = normal(b.y.len(), &mut rng).iter().zip(&b.y).map(|(z, p)| p + scale * z).collect();
        let there: Trace<Bounded<f64>> = b.run(&lift(&q));
        for j in 0..b.batch {
            let range = j * b.width..(j + 1) * b.width;
            let step: Vec<f64> = range.clone().map(|i| q[i] - b.y[i]).collect();
            let (rise, size) = dot(&b.base().grad[range.clone()], &step);
            let (low, high) = (b.base().values[j] + rise, there.values[j].value);
            let bound = there.values[j].error
                + b.bounds().values[j].error
                + dot(&b.grad_errors()[range], &step).1
                + 4.0 * EPS * (size + low.abs());
            log.bounded(|| format!("l[{j}] at y + z, z = {step:?}"), [high.max(low), high], bound);
        }
    }
}

fn rule(b: &Bench<'_>, log: &mut Log) {
    kinks::rule(b, |i| i / b.width, log);
}

fn prediction_value(b: &Bench<'_>, log: &mut Log) {
    let TargetKind::Values(k) = kind(&b.case.sizes) else { return log.skip() };
    if k != b.width {
        return log.skip();
    }
    let predicted = b.predict(&b.y);
    let numbers: Trace<Bounded<f64>> = b.eval(&lift(&b.y), &predicted, [f64::NAN; 2]);
    let grad = b.eval(&b.y, &predicted, [f64::NAN; 2]).grad;
    let bounded = errors(&b.predict::<Bounded<f64>>(&lift(&b.y)));
    for (i, g) in grad.iter().enumerate() {
        // The rounding of the prediction comes on top, with a factor of at most the curvature, which is 1 at most here.
        let bound = numbers.grad[i].error + 2.0 * bounded[i] + EPS;
        log.close(|| format!("{} at its own prediction", b.name(i)), [0.0, *g], bound);
    }
}

fn prediction_class(b: &Bench<'_>, log: &mut Log) {
    let TargetKind::Classes(k) = kind(&b.case.sizes) else { return log.skip() };
    let losses = |y: &[f64]| -> Vec<Vec<f64>> {
        (0..k).map(|class| b.eval(y, &vec![class as f64; b.batch], [f64::NAN; 2]).values).collect()
    };
    let (losses, predicted) = (losses(&b.y), b.predict(&b.y));
    for j in 0..b.batch {
        let p = &predicted[j * b.width..(j + 1) * b.width];
        // One output is the probability of class 1.
        let score = |class: usize| match (b.width, k) {
            (1, 2) => [1.0 - p[0], p[0]][class],
            _ => p[class],
        };
        let best = (0..k).max_by(|&a, &c| score(a).total_cmp(&score(c))).unwrap_or(0);
        let least = (0..k).map(|class| losses[class][j]).fold(f64::INFINITY, f64::min);
        let bound = 64.0 * EPS * (1.0 + least.abs());
        log.close(
            || format!("loss of class {best}, which is predicted for sample {j},"),
            [least, losses[best][j]],
            bound,
        );
    }
}

fn prediction_types(b: &Bench<'_>, log: &mut Log) {
    if !b.smooth() {
        return log.skip();
    }
    let exact = plain(&b.predict::<DoubleDouble>(&lift(&b.y)));
    let bounds = errors(&b.predict::<Bounded<f64>>(&lift(&b.y)));
    within(log, &|i| format!("prediction {i}"), &exact, &b.predict(&b.y), &bounds);
    let bounds = errors(&b.predict::<Bounded<f32>>(&lift(&b.y)));
    within(log, &|i| format!("prediction {i} in f32"), &exact, &plain(&b.predict::<f32>(&lift(&b.y))), &bounds);
}

fn zero_width(s: &Subject<'_>, log: &mut Log) {
    for kind in [TargetKind::Classes(0), TargetKind::Values(0)] {
        let said = s.loss.width(kind).err().map(|e| e.to_string()).unwrap_or_default();
        log.holds(|| format!("{kind} are refused with `… should be …` (got `{said}`)"), said.contains("should be"));
    }
}

/// Cases of the kinds that the loss takes, with every output the same y.
fn constant(s: &Subject<'_>, y: f64, mut with: impl FnMut(&Bench<'_>)) {
    for sizes in [[2, 3, 0], [3, 2, 0], [2, 3, 1]] {
        let Some(mut case) = at(s, &sizes, Style::Kinks, 2) else { continue };
        let n = s.fields(&sizes).map_or(0, |fields| fields[0].len());
        for (i, x) in case.numbers[..n].iter_mut().enumerate() {
            *x = if i % 3 == 2 { -y } else { y };
        }
        with(&Bench::new(s, &case));
    }
}

fn far(s: &Subject<'_>, log: &mut Log) {
    for size in [0.0, 1e-30, 1e-10, 1.0, 30.0, 88.0, 104.0, 710.0, 1e4] {
        for y in [size, -size] {
            constant(s, y, |b| {
                let single: Trace<f32> = b.run(&lift(&b.y));
                let numbers = [&b.base().values[..], &b.base().grad, &b.predict(&b.y)].concat();
                let short =
                    [plain(&single.values), plain(&single.grad), plain(&b.predict::<f32>(&lift(&b.y)))].concat();
                log.holds(|| format!("f64 numbers at y = ±{y:e} are finite"), numbers.iter().all(|x| x.is_finite()));
                log.holds(|| format!("f32 numbers at y = ±{y:e} are finite"), short.iter().all(|x| x.is_finite()));
            });
        }
    }
}

fn non_finite(s: &Subject<'_>, log: &mut Log) {
    for y in [f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE / 4.0] {
        constant(s, y, |b| {
            let (trace, single): (_, Trace<f32>) = (b.run(&b.y), b.run(&lift(&b.y)));
            log.holds(|| "kernels ran".into(), trace.grad.len() == single.grad.len());
        });
    }
}

/// Outputs and samples around the blocks of vectors and of columns.
const SIZES: [(usize, usize); 10] =
    [(1, 1), (1, 129), (2, 127), (3, 128), (7, 300), (16, 17), (63, 33), (65, 31), (513, 5), (2049, 2)];

fn thresholds(s: &Subject<'_>, log: &mut Log) {
    for (k, batch) in SIZES {
        for values in [0, 1] {
            let Some(case) = at(s, &[k, batch, values], Style::Short, 3) else { continue };
            let b = Bench::new(s, &case);
            if !b.settled::<f64>() {
                continue;
            }
            let exact: Trace<DoubleDouble> = b.run(&lift(&b.y));
            let (values, grad) = (plain(&exact.values), plain(&exact.grad));
            within(
                log,
                &|i| format!("l[{i}] of {k} × {batch}"),
                &values,
                &b.base().values,
                &errors(&b.bounds().values),
            );
            within(log, &|i| format!("{} of {k} × {batch}", b.name(i)), &grad, &b.base().grad, &b.grad_errors());
        }
    }
}

fn threads(s: &Subject<'_>, log: &mut Log) {
    for sizes in [[3, 2, 0], [10, 4000, 0], [10, 4000, 1], [2, 20_000, 0]] {
        let Some(case) = at(s, &sizes, Style::Short, 4) else { continue };
        let b = Bench::new(s, &case);
        let predicted = b.predict(&b.y);
        for width in [2, 3] {
            let Ok(team) = Team::new(width) else { continue };
            let (other, again) = team.install(|| (b.run(&b.y), b.predict(&b.y)));
            log.same_bits("l", &b.base().values, &other.values);
            log.same_bits("∂l/∂y", &b.base().grad, &other.grad);
            log.same_bits("the prediction", &predicted, &again);
        }
    }
}

fn levels(s: &Subject<'_>, log: &mut Log) {
    let best = level();
    for sizes in [[3, 2, 0], [17, 33, 0], [17, 33, 1], [2, 100, 0]] {
        let Some(case) = at(s, &sizes, Style::Short, 6) else { continue };
        let b = Bench::new(s, &case);
        let (first, predicted): (&Trace<f64>, _) = (b.base(), b.predict(&b.y));
        let single: Trace<f32> = b.run(&lift(&b.y));
        for limit in [Level::Base, Level::Avx2, Level::Avx512] {
            limit_level(limit);
            let (other, other32): (_, Trace<f32>) = (b.run(&b.y), b.run(&lift(&b.y)));
            log.same_bits("l", &first.values, &other.values);
            log.same_bits("∂l/∂y", &first.grad, &other.grad);
            log.same_bits("∂l/∂y in f32", &plain(&single.grad), &plain(&other32.grad));
            log.same_bits("the prediction", &predicted, &b.predict(&b.y));
        }
        limit_level(best);
    }
}
