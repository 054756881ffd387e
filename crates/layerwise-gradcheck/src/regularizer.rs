//! Regularizers: λΩ with its gradient; or, if it adds no gradient, λΩ with its proximal step.

use layerwise_core::{GenericNumber, GenericRegularizer};
use layerwise_tensor::simd::{Level, level, limit_level};
use layerwise_tensor::{Bounded, DoubleDouble, Mat, MatMut, Rng, Team};

use crate::battery::{Check, Family};
use crate::case::{Case, Draw, Field, Space, Style, at};
use crate::derivative::{self, Derived, Function, Once, Trace, plain};
use crate::fault::{COMMON, Damage, Fault, Target};
use crate::kinks;
use crate::oracle::{EPS, Lift, decided, dot, errors, lift, normal, rng, within};
use crate::report::{Log, largest};

/// A regularizer, perhaps with a fault in it.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub regularizer: &'a dyn GenericRegularizer,
    pub name: String,
    pub levels: bool,
    pub fault: Option<Fault>,
}

/// What the sizes of a case are.
const ROWS: usize = 0;
const COLS: usize = 1;

impl<'a> Subject<'a> {
    /// Whether it acts through its gradient. Otherwise it acts through its proximal step.
    fn penalizes(&self) -> Result<(), &'static str> {
        let honest = Subject { fault: None, ..self.clone() };
        let case = Case { sizes: vec![2, 2], numbers: vec![1.5, -2.0, 3.0, -0.5, 1.0], seed: 0 };
        let acts = Bench::new(&honest, &case).base().grad.iter().any(|g| *g != 0.0);
        acts.then_some(()).ok_or("acts through its proximal step")
    }

    fn projects(&self) -> Result<(), &'static str> {
        if self.penalizes().is_ok() { Err("acts through its gradient") } else { Ok(()) }
    }

    fn constrains(&self) -> Result<(), &'static str> {
        let honest = Subject { fault: None, ..self.clone() };
        let case = Case { sizes: vec![1, 2], numbers: vec![1e9, -1e9, 1.0], seed: 0 };
        let free = Bench::new(&honest, &case).base().values[0] == 0.0;
        free.then_some(()).ok_or("a penalty, not a constraint")
    }

    fn has_kinks(&self) -> Result<(), &'static str> {
        self.penalizes()?;
        if self.regularizer.has_kinks() { Ok(()) } else { Err("no kinks declared") }
    }
}

impl Space for Subject<'_> {
    fn sizes(&self, index: usize, rng: &mut Rng) -> Vec<usize> {
        let size = |rng: &mut Rng| 1 + rng.below(1 + (index / 4).min(4));
        vec![size(rng), size(rng)]
    }
    fn least(&self) -> Vec<usize> {
        vec![1, 1]
    }
    fn fields(&self, sizes: &[usize]) -> Option<Vec<Field>> {
        Some(vec![Field::new("theta", sizes[ROWS], sizes[COLS]), Field::new("rate", 1, 1).drawn(Draw::Unit)])
    }
    fn usable(&self, case: &Case) -> bool {
        self.bench(case).smooth()
    }
}

pub(crate) struct Bench<'a> {
    subject: Subject<'a>,
    case: Case,
    rows: usize,
    cols: usize,
    theta: Vec<f64>,
    rate: f64,
    once: Once,
}

impl<'a> Bench<'a> {
    fn new(subject: &Subject<'a>, case: &Case) -> Bench<'a> {
        let n = case.sizes[ROWS] * case.sizes[COLS];
        Bench {
            subject: subject.clone(),
            case: case.clone(),
            rows: case.sizes[ROWS],
            cols: case.sizes[COLS],
            theta: case.numbers[..n].to_vec(),
            rate: case.numbers[n],
            once: Once::default(),
        }
    }

    /// λΩ, and `earlier` + its gradient.
    fn add<S: GenericNumber + Lift>(&self, theta: &[S], earlier: Vec<S>) -> (S, Vec<S>) {
        let kernel = S::generic_regularizer(self.subject.regularizer);
        let honest = |theta: &[S]| {
            let mut grad = vec![S::ZERO; theta.len()];
            let omega = kernel.add(Mat::new(theta, self.rows, self.cols), &mut grad);
            (omega, grad)
        };
        let Some(fault) = &self.subject.fault else {
            let mut grad = earlier;
            return (kernel.add(Mat::new(theta, self.rows, self.cols), &mut grad), grad);
        };
        let (omega, mut grad) = honest(theta);
        let beside = |by: f64| honest(&theta.iter().map(|&w| w + S::of(by)).collect::<Vec<_>>()).1;
        let other = match fault.damage {
            Damage::Beside(by) => Some(beside(by)),
            Damage::WrongBranch => {
                let larger = |(l, r): (&S, &S)| if l.value().abs() > r.value().abs() { *l } else { *r };
                let sides = (beside(-1e-9), beside(1e-9));
                let steep: Vec<S> = sides.0.iter().zip(&sides.1).map(larger).collect();
                let at_0 = |(i, w): (usize, &S)| if w.value() == 0.0 { steep[i] } else { grad[i] };
                Some(theta.iter().enumerate().map(at_0).collect::<Vec<S>>())
            }
            _ => None,
        };
        if let Some(other) = other {
            match fault.damage {
                Damage::WrongBranch => fault.compare_values(&grad, &other),
                _ => fault.compare(&grad, &other),
            }
            grad = other;
        }
        fault.strike(Target::Parameters, &mut grad, &vec![S::of(1234.5); theta.len()], self.rows);
        let mut omega = [omega];
        fault.strike(Target::Value, &mut omega, &[S::of(1234.5)], 1);
        if fault.damage == Damage::Set && fault.target == Target::Parameters {
            fault.feel(earlier.iter().any(|e| e.value() != 0.0) && grad.iter().any(|g| g.value() != 0.0));
        } else {
            grad.iter_mut().zip(&earlier).for_each(|(g, e)| *g += *e);
        }
        (omega[0], grad)
    }

    /// θ after the proximal step.
    fn project<S: GenericNumber + Lift>(&self, theta: &[S], rate: f64) -> Vec<S> {
        let step = |theta: &[S], rate: f64| {
            let mut theta = theta.to_vec();
            let window = MatMut::new(&mut theta, self.rows, self.cols);
            S::generic_regularizer(self.subject.regularizer).project(window, rate);
            theta
        };
        let mut new = step(theta, rate);
        if let Some(fault) = &self.subject.fault {
            if let (Target::State, Damage::Beside(by)) = (fault.target, fault.damage) {
                let other = step(theta, rate * (1.0 + by));
                fault.compare(&new, &other);
                new = other;
            }
            fault.strike(Target::State, &mut new, theta, self.rows);
        }
        new
    }
}

impl Function for Bench<'_> {
    fn run<S: GenericNumber + Lift>(&self, point: &[S]) -> Trace<S> {
        let (omega, grad) = self.add(point, vec![S::ZERO; point.len()]);
        Trace { values: vec![omega], grad }
    }
    fn point(&self) -> &[f64] {
        &self.theta
    }
    fn weights(&self) -> &[f64] {
        // A penalty by its proximal step has no gradient to compare with.
        if self.subject.penalizes().is_ok() { &[1.0] } else { &[0.0] }
    }
    fn name(&self, i: usize) -> String {
        format!("∂λΩ/∂θ[{}, {}]", i % self.rows, i / self.rows)
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
        "regularizer"
    }
    fn name(&self) -> String {
        self.name.clone()
    }
    fn bench(&self, case: &Case) -> Bench<'a> {
        Bench::new(self, case)
    }
    fn shape(&self, case: &Case) -> String {
        format!("{} × {}", case.sizes[ROWS], case.sizes[COLS])
    }
    fn exercise(b: &Bench<'a>) {
        derivative::exercise(b);
        b.add(&b.theta, b.theta.clone());
        b.project(&b.theta, b.rate);
        b.project::<f32>(&lift(&b.theta), b.rate);
    }
    fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
    fn sabotaged(&self) -> Vec<Self> {
        use Damage::*;
        let own = [
            (Target::Parameters, Set),
            (Target::Parameters, Detached),
            (Target::Parameters, Beside(1e-6)),
            (Target::Parameters, WrongBranch),
            (Target::Value, Scale(1e-10)),
            (Target::Value, Sign),
            (Target::Value, Twice),
            (Target::Value, Single),
            (Target::Value, Rounded),
            (Target::State, Beside(1e-6)),
            (Target::State, Beside(1.0)),
        ];
        let common = [Target::Parameters, Target::State].into_iter().flat_map(|t| COMMON.map(|d| (t, d)));
        let faults = common.chain(own);
        faults.map(|(t, d)| Subject { fault: Some(Fault::new(t, d)), ..self.clone() }).collect()
    }
    fn checks() -> Vec<Check<Self>> {
        let mut checks: Vec<Check<Self>> = derivative::values();
        checks.extend(derivative::gradients().into_iter().map(|check| check.applies(Subject::penalizes)));
        checks.extend(own());
        checks
    }
}

fn own<'a>() -> Vec<Check<Subject<'a>>> {
    vec![
        Check::each("gradient-added", "the gradient is added to what earlier writers left", added)
            .applies(Subject::penalizes),
        Check::each("gradient-twice", "adding twice gives twice the gradient", twice).applies(Subject::penalizes),
        Check::each(
            "gradient-or-step",
            "a penalty with a gradient leaves θ alone after the step",
            |b: &Bench<'_>, log: &mut Log| {
                log.same_bits("θ", &b.theta, &b.project(&b.theta, 0.25));
                log.same_bits("θ in f32", &b.theta, &plain(&b.project::<f32>(&lift(&b.theta), 0.25)));
            },
        )
        .applies(Subject::penalizes),
        Check::each(
            "no-gradient",
            "a penalty by its proximal step adds no gradient",
            |b: &Bench<'_>, log: &mut Log| {
                let earlier = normal(b.theta.len(), &mut rng(b.case.seed ^ 3));
                log.same_bits("the gradient", &earlier, &b.add(&b.theta, earlier.clone()).1);
            },
        )
        .applies(Subject::projects),
        Check::each(
            "kink-rule",
            "at a kink ∂Ω/∂θᵢ is the number of least magnitude between the one-sided derivatives",
            |b: &Bench<'_>, log: &mut Log| {
                kinks::rule(b, |_| 0, log);
            },
        )
        .applies(Subject::has_kinks),
        Check::each(
            "kinks-declared",
            "Ω′ and Ω″ jump along a line only if kinks are declared",
            |b: &Bench<'_>, log: &mut Log| {
                kinks::on_a_line(b, b.subject.regularizer.has_kinks(), log);
            },
        )
        .applies(Subject::penalizes),
        Check::each(
            "at-least-0",
            "λΩ ≥ 0, and 0 at θ = 0 only if that is declared",
            |b: &Bench<'_>, log: &mut Log| {
                let (omega, n) = (b.base().values[0], b.theta.len());
                log.close(|| "λΩ".into(), [omega.max(0.0), omega], 0.0);
                let zero = b.add(&vec![0.0; n], vec![0.0; n]).0 == 0.0;
                log.holds(|| "λΩ(0) is 0 as declared".into(), zero == b.subject.regularizer.at_zero());
            },
        ),
        Check::each("proximal", "p = prox(v): rate λ(Ω(q) − Ω(p)) ≥ ⟨v − p, q − p⟩ for every feasible q", proximal)
            .applies(Subject::projects),
        Check::each("proximal-contracts", "|prox(v) − prox(w)| ≤ |v − w|", contracts).applies(Subject::projects),
        Check::each("proximal-rate-0", "without a step nothing feasible moves", |b: &Bench<'_>, log: &mut Log| {
            let p = b.project(&b.theta, 0.0);
            for (i, (p, q)) in p.iter().zip(b.project(&p, 0.0)).enumerate() {
                log.close(|| format!("θ[{i}]"), [*p, q], 4.0 * EPS * p.abs());
            }
        }),
        Check::each(
            "constraint-inside",
            "a constraint leaves weights close to 0 alone",
            |b: &Bench<'_>, log: &mut Log| {
                let small: Vec<f64> = b.theta.iter().map(|w| w * 2f64.powi(-20)).collect();
                log.same_bits("θ", &small, &b.project(&small, 0.25));
            },
        )
        .applies(|s| s.projects().and_then(|()| s.constrains())),
        Check::each("proximal-types", "the step of f64 and f32 meets double-double, within bounds", projected)
            .applies(Subject::projects),
        Check::once("name", "the name is in kebab case", |s, log| crate::once::kebab(s.regularizer.name(), log)),
        Check::once("acts", "far weights have a gradient, or are moved", |s, log| {
            constant(s, 1e9, |b| {
                let acts = b.base().grad.iter().any(|g| *g != 0.0) || b.project(&b.theta, 0.5) != b.theta;
                log.holds(|| "it acts on weights of 1e9".into(), acts);
            });
        }),
        Check::once("degree", "Ω(2θ) ≤ 2^degree Ω(θ), far out", |s, log| {
            let omega = |w: f64| {
                let mut omega = 0.0;
                constant(s, w, |b| omega = b.base().values[0]);
                omega
            };
            let bound = 2f64.powi(s.regularizer.degree()) * omega(1e9);
            log.holds(|| "it grows as declared".into(), omega(2e9) <= bound * (1.0 + 1e-6));
        }),
        Check::once(
            "far-weights",
            "weights from 0 to 1e15, or as far as f32 has Ω, give finite numbers in f32 and f64",
            far,
        ),
        Check::once("non-finite-weights", "NaN and infinite weights are numbers like others: no panic", non_finite),
        Check::once("empty-block", "a block without numbers is no reason to panic", |s, log| {
            for sizes in [[0, 0], [0, 3], [3, 0]] {
                let case = Case { sizes: sizes.to_vec(), numbers: vec![0.5], seed: 0 };
                let b = Bench::new(s, &case);
                let stays = b.base().values == [0.0] && b.project::<f64>(&[], 0.5).is_empty();
                log.holds(|| "λΩ of nothing is 0".into(), stays);
            }
        }),
        Check::once(
            "thresholds",
            "on both sides of every threshold of the kernels numbers meet double-double",
            thresholds,
        ),
        Check::once("threads", "the same bits on 1, 2 and 3 threads", threads),
        Check::once("instruction-sets", "every instruction set gives the same bits", levels)
            .applies(|s| if s.levels { Ok(()) } else { Err(crate::once::LEVELS) }),
    ]
}

fn added(b: &Bench<'_>, log: &mut Log) {
    for round in 3..5 {
        let earlier = normal(b.theta.len(), &mut rng(b.case.seed ^ round));
        let (_, sum) = b.add(&b.theta, earlier.clone());
        for (i, (e, g)) in earlier.iter().zip(&b.base().grad).enumerate() {
            let bound = 2.0 * b.grad_errors()[i] + 2.0 * EPS * (e.abs() + g.abs());
            log.bounded(|| format!("{} after {e}", b.name(i)), [e + g, sum[i]], bound);
        }
    }
}

fn twice(b: &Bench<'_>, log: &mut Log) {
    let (_, sum) = b.add(&b.theta, b.base().grad.clone());
    for (i, g) in b.base().grad.iter().enumerate() {
        let bound = 2.0 * b.grad_errors()[i] + 2.0 * EPS * g.abs();
        log.bounded(|| b.name(i), [2.0 * g, sum[i]], bound);
    }
}

fn penalty(b: &Bench<'_>, theta: &[f64]) -> f64 {
    b.add(theta, vec![0.0; theta.len()]).0
}

fn proximal(b: &Bench<'_>, log: &mut Log) {
    let n = b.theta.len();
    let mut rng = rng(b.case.seed ^ 4);
    for rate in [0.0, b.rate, 1e3 * b.rate, 1e5] {
        let p = b.project(&b.theta, rate);
        let gap: Vec<f64> = b.theta.iter().zip(&p).map(|(v, p)| v - p).collect();
        let random = [1e-3, 1.0, 10.0].map(|spread| {
            let q: Vec<f64> = p.iter().zip(normal(n, &mut rng)).map(|(p, z)| p + spread * z).collect();
            if b.subject.constrains().is_ok() { b.project(&q, rate) } else { q }
        });
        // What random points rarely find: where the step came from, nothing at all, and half of the way.
        let others = [
            if b.subject.constrains().is_ok() { p.clone() } else { b.theta.clone() },
            vec![0.0; n],
            p.iter().map(|p| 0.5 * p).collect(),
        ];
        for q in random.into_iter().chain(others) {
            let step: Vec<f64> = q.iter().zip(&p).map(|(q, p)| q - p).collect();
            let ((work, size), (at_p, at_q)) = (dot(&gap, &step), (penalty(b, &p), penalty(b, &q)));
            let excess = rate * at_q - rate * at_p - work;
            let bound = 64.0
                * EPS
                * (size
                    + rate * (at_p.abs() + at_q.abs())
                    + largest(&gap) * (largest(&p) + largest(&q)) * n as f64
                    + largest(&step) * largest(&b.theta) * n as f64);
            let name = || format!("rate λ(Ω(q) − Ω(p)) − ⟨v − p, q − p⟩ for rate {rate}, p = {p:?}, q = {q:?},");
            log.close(name, [excess.max(0.0), excess], bound);
        }
    }
}

fn contracts(b: &Bench<'_>, log: &mut Log) {
    let distance = |a: &[f64], c: &[f64]| a.iter().zip(c).map(|(a, c)| (a - c) * (a - c)).sum::<f64>().sqrt();
    for spread in [1e-3, 1.0, 10.0] {
        let w: Vec<f64> =
            b.theta.iter().zip(normal(b.theta.len(), &mut rng(b.case.seed ^ 5))).map(|(v, z)| v + spread * z).collect();
        let before = distance(&b.theta, &w);
        let after = distance(&b.project(&b.theta, b.rate), &b.project(&w, b.rate));
        let bound = 16.0 * EPS * (1.0 + largest(&b.theta) + largest(&w)) * b.theta.len() as f64;
        log.close(|| "|prox(v) − prox(w)|".into(), [after.min(before), after], bound);
    }
}

fn projected(b: &Bench<'_>, log: &mut Log) {
    let rate = 1e3 * b.rate;
    let smooth = decided([()], |()| drop(b.project::<Bounded<f64>>(&lift(&b.theta), rate)))
        && decided([()], |()| drop(b.project::<Bounded<f32>>(&lift(&b.theta), rate)));
    if !smooth {
        return log.skip();
    }
    let exact = plain(&b.project::<DoubleDouble>(&lift(&b.theta), rate));
    let bounds = errors(&b.project::<Bounded<f64>>(&lift(&b.theta), rate));
    within(log, &|i| format!("θ[{i}]"), &exact, &b.project(&b.theta, rate), &bounds);
    let bounds = errors(&b.project::<Bounded<f32>>(&lift(&b.theta), rate));
    within(log, &|i| format!("θ[{i}] in f32"), &exact, &plain(&b.project::<f32>(&lift(&b.theta), rate)), &bounds);
}

/// Every weight the same.
fn constant(s: &Subject<'_>, w: f64, with: impl FnOnce(&Bench<'_>)) {
    let case = Case { sizes: vec![2, 2], numbers: vec![w, -w, w, w, 0.5], seed: 0 };
    with(&Bench::new(s, &case));
}

fn far(s: &Subject<'_>, log: &mut Log) {
    for w in [0.0, 1e-30, 1e-10, 1.0, 1e4, 1e15].into_iter().filter(|w: &f64| w.powi(s.regularizer.degree()) <= 1e30) {
        constant(s, w, |b| {
            let single: Trace<f32> = b.run(&lift(&b.theta));
            let double = [&b.base().values[..], &b.base().grad, &b.project(&b.theta, 0.5)].concat();
            let short =
                [plain(&single.values), plain(&single.grad), plain(&b.project::<f32>(&lift(&b.theta), 0.5))].concat();
            log.holds(|| format!("f64 numbers at {w:e} are finite"), double.iter().all(|x| x.is_finite()));
            log.holds(|| format!("f32 numbers at {w:e} are finite"), short.iter().all(|x| x.is_finite()));
        });
    }
}

fn non_finite(s: &Subject<'_>, log: &mut Log) {
    for w in [f64::NAN, f64::INFINITY, f64::MAX] {
        constant(s, w, |b| {
            let ran = b.base().grad.len() == 4 && b.project(&b.theta, 0.5).len() == 4;
            log.holds(|| "kernels ran".into(), ran);
        });
    }
}

fn thresholds(s: &Subject<'_>, log: &mut Log) {
    for sizes in [[1, 31], [31, 1], [1, 33], [63, 2], [64, 2], [65, 2], [129, 5], [5, 129]] {
        let Some(case) = at(s, &sizes, Style::Scaled(1.0), 3) else { continue };
        let b = Bench::new(s, &case);
        if b.settled::<f64>() {
            let exact: Trace<DoubleDouble> = b.run(&lift(&b.theta));
            within(log, &|_| "λΩ".into(), &plain(&exact.values), &b.base().values, &errors(&b.bounds().values));
            within(log, &|i| b.name(i), &plain(&exact.grad), &b.base().grad, &b.grad_errors());
        }
        if s.projects().is_ok() {
            projected(&b, log);
            log.skipped = false;
        }
    }
}

fn threads(s: &Subject<'_>, log: &mut Log) {
    for sizes in [[3, 2], [257, 130]] {
        let Some(case) = at(s, &sizes, Style::Short, 4) else { continue };
        let b = Bench::new(s, &case);
        let moved = b.project(&b.theta, 0.5);
        for width in [2, 3] {
            let Ok(team) = Team::new(width) else { continue };
            let (other, again) = team.install(|| (b.run(&b.theta), b.project(&b.theta, 0.5)));
            log.same_bits("λΩ", &b.base().values, &other.values);
            log.same_bits("the gradient", &b.base().grad, &other.grad);
            log.same_bits("θ", &moved, &again);
        }
    }
}

fn levels(s: &Subject<'_>, log: &mut Log) {
    let best = level();
    for sizes in [[3, 2], [65, 33]] {
        let Some(case) = at(s, &sizes, Style::Short, 6) else { continue };
        let b = Bench::new(s, &case);
        let (first, moved): (&Trace<f64>, _) = (b.base(), b.project(&b.theta, 0.5));
        for limit in [Level::Base, Level::Avx2, Level::Avx512] {
            limit_level(limit);
            let other = b.run(&b.theta);
            log.same_bits("λΩ", &first.values, &other.values);
            log.same_bits("the gradient", &first.grad, &other.grad);
            log.same_bits("θ", &moved, &b.project(&b.theta, 0.5));
        }
        limit_level(best);
    }
}
