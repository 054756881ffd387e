//! Links of an optimizer: the update that leaves a link, step by step, against the formula of its paper.
//!
//! A link has no forward pass that its own derivative could be taken of. Its oracle is the formula, written down a second time over
//! the whole history of gradients.

use layerwise_core::{Chunk, Link, Planes, Reach, Real, Step};
use layerwise_tensor::simd::{Level, level, limit_level};
use layerwise_tensor::{Mat, MatMut, Rng, Scalar, Team};

use crate::battery::{Check, Family, field};
use crate::case::{Case, Draw, Field, Space, Style, at};
use crate::derivative::plain;
use crate::fault::{COMMON, Damage, Fault, Target};
use crate::oracle::{EPS, Lift, lift};
use crate::papers::{Seen, Want, matrix_rows};
use crate::report::{GATE, Log};

/// The update that should leave a link, by the formula of its paper ([`crate::papers`] has those of the common ones). For a link
/// that averages, what it makes of θ stands behind the update.
pub type Formula<'a> = &'a dyn Fn(&Seen<'_>) -> Vec<Want>;

/// A link, perhaps with a fault in it.
#[derive(Clone)]
pub(crate) struct Subject<'a> {
    pub link: &'a dyn Link,
    pub formula: Formula<'a>,
    pub name: String,
    pub levels: bool,
    pub fault: Option<Fault>,
}

/// What the sizes of a case are.
const N: usize = 0;
const STEPS: usize = 1;

impl Subject<'_> {
    fn elementwise(&self) -> Result<(), &'static str> {
        if self.link.reach() == Reach::Element { Ok(()) } else { Err("acts on the whole update at once") }
    }
    fn same_on_all(&self) -> Result<(), &'static str> {
        match (self.levels, self.link.reach()) {
            (false, _) => Err(crate::once::LEVELS),
            (true, Reach::Matrices) => Err("a matrix product has other bits without fused multiply-add"),
            (true, Reach::Element | Reach::Whole) => Ok(()),
        }
    }
    fn has_state(&self) -> Result<(), &'static str> {
        if self.link.planes() > 0 { Ok(()) } else { Err("no state") }
    }
    fn has_rate(&self) -> Result<(), &'static str> {
        self.link.rate(&step(1)).map(drop).ok_or("sets no rate")
    }
}

fn step(count: u64) -> Step {
    Step { count, rate_factor: 0.5 }
}

impl Space for Subject<'_> {
    fn sizes(&self, index: usize, rng: &mut Rng) -> Vec<usize> {
        // Long enough for links that wait some steps before they use all of their state.
        let size = |rng: &mut Rng, most: usize| 1 + rng.below((1 + index / 4).min(most));
        vec![size(rng, 6), size(rng, 10)]
    }
    fn least(&self) -> Vec<usize> {
        vec![1, 1]
    }
    fn fields(&self, sizes: &[usize]) -> Option<Vec<Field>> {
        Some(vec![
            Field::new("gradients", sizes[N], sizes[STEPS]),
            Field::new("theta", sizes[N], sizes[STEPS]).drawn(Draw::Short),
            Field::new("weights", sizes[N], 1).drawn(Draw::Class(2)),
        ])
    }
    fn usable(&self, _case: &Case) -> bool {
        true
    }
}

pub(crate) struct Bench<'a> {
    subject: Subject<'a>,
    case: Case,
    n: usize,
    steps: usize,
    gradients: Vec<f64>,
    theta: Vec<f64>,
    weights: Vec<f64>,
}

/// The updates of all steps, and the state after the last.
#[derive(Clone, Debug, PartialEq)]
struct Path<S> {
    updates: Vec<Vec<S>>,
    planes: Vec<Vec<S>>,
}

impl<'a> Bench<'a> {
    fn new(subject: &Subject<'a>, case: &Case) -> Bench<'a> {
        let fields = subject.fields(&case.sizes).unwrap_or_default();
        Bench {
            subject: subject.clone(),
            case: case.clone(),
            n: case.sizes[N],
            steps: case.sizes[STEPS],
            gradients: field(case, &fields, "gradients").to_vec(),
            theta: field(case, &fields, "theta").to_vec(),
            weights: field(case, &fields, "weights").to_vec(),
        }
    }

    fn column<'b>(&self, numbers: &'b [f64], t: usize) -> &'b [f64] {
        &numbers[t * self.n..(t + 1) * self.n]
    }

    /// Steps `range` from a state, in pieces of this many numbers.
    fn walk<S: Real + Lift>(
        &self,
        gradients: &[f64],
        mut planes: Vec<Vec<S>>,
        range: std::ops::Range<usize>,
        piece: usize,
    ) -> Path<S> {
        let link = S::link(self.subject.link);
        let weights: Vec<S> = lift(&self.weights);
        let mut updates = Vec::new();
        for t in range {
            let mut update: Vec<S> = lift(self.column(gradients, t));
            let theta: Vec<S> = lift(self.column(&self.theta, t));
            let fault = self.subject.fault.as_ref();
            let late = u64::from(fault.is_some_and(|f| f.damage == Damage::LateStep));
            let count = step(t as u64 + 1 + late);
            let whole = (self.subject.link.reach() == Reach::Whole).then_some(&update[..]);
            let numbers = link.prepare(&count, whole);
            if let (Some(fault), true) = (fault, late > 0) {
                let honest = link.prepare(&step(t as u64 + 1), whole);
                fault.feel(honest.map(f64::to_bits) != numbers.map(f64::to_bits));
            }
            let (old, before) = (update.clone(), planes.clone());
            if self.subject.link.reach() == Reach::Matrices {
                let (rows, cols) = (matrix_rows(self.n), self.n / matrix_rows(self.n));
                let mut scratch = vec![S::ZERO; self.subject.link.scratch(rows, cols)];
                link.matrix(MatMut::new(&mut update, rows, cols), Mat::new(&theta, rows, cols), &mut scratch);
            }
            let mut start = 0;
            while start < self.n {
                let end = (start + piece).min(self.n);
                let mut parts: Vec<&mut [S]> = planes.iter_mut().map(|plane| &mut plane[start..end]).collect();
                let at = Chunk { theta: &theta[start..end], weights: &weights[start..end] };
                link.apply(&mut update[start..end], Planes(&mut parts), &numbers, &at);
                start = end;
            }
            if let Some(fault) = fault {
                fault.strike(Target::Value, &mut update, &old, self.n);
                for (plane, before) in planes.iter_mut().zip(&before) {
                    fault.strike(Target::State, plane, before, self.n);
                }
            }
            if self.subject.link.averages() {
                let mut average = theta;
                link.average(&mut average, &planes.concat(), &step(t as u64 + 1));
                update.extend(average);
            }
            updates.push(update);
        }
        Path { updates, planes }
    }

    fn fresh<S: Scalar>(&self) -> Vec<Vec<S>> {
        vec![vec![S::ZERO; self.n]; self.subject.link.planes()]
    }

    fn path<S: Real + Lift>(&self, gradients: &[f64]) -> Path<S> {
        self.walk(gradients, self.fresh(), 0..self.steps, self.n.max(1))
    }

    /// What the paper says, step by step.
    fn expected(&self, gradients: &[f64]) -> Vec<Vec<Want>> {
        let history = |of: &[f64]| (0..self.steps).map(|t| self.column(of, t).to_vec()).collect::<Vec<_>>();
        let (grads, thetas) = (history(gradients), history(&self.theta));
        let at = |t: usize| Seen {
            grads: &grads[..=t],
            thetas: &thetas[..=t],
            weights: &self.weights,
            rate_factor: step(1).rate_factor,
        };
        (0..self.steps).map(|t| (self.subject.formula)(&at(t))).collect()
    }
}

impl<'a> Family for Subject<'a> {
    type Bench = Bench<'a>;

    fn family(&self) -> &'static str {
        "link"
    }
    fn name(&self) -> String {
        self.name.clone()
    }
    fn bench(&self, case: &Case) -> Bench<'a> {
        Bench::new(self, case)
    }
    fn shape(&self, case: &Case) -> String {
        format!("{} numbers, {} steps", case.sizes[N], case.sizes[STEPS])
    }
    fn exercise(b: &Bench<'a>) {
        b.path::<f64>(&b.gradients);
        b.path::<f32>(&b.gradients);
    }
    fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
    fn sabotaged(&self) -> Vec<Self> {
        let own = [(Target::Value, Damage::Added), (Target::Value, Damage::LateStep)];
        let common = [Target::Value, Target::State].into_iter().flat_map(|t| COMMON.map(|d| (t, d)));
        let faults = common.chain(own);
        faults.map(|(t, d)| Subject { fault: Some(Fault::new(t, d)), ..self.clone() }).collect()
    }
    fn checks() -> Vec<Check<Self>> {
        vec![
            Check::each("formula", "the update of every step is that of the paper's formula, in f64", formula),
            Check::each("formula-f32", "the update of every step is that of the paper's formula, in f32", formula32),
            Check::each("deterministic", "the same steps twice give the same bits", |b: &Bench<'_>, log: &mut Log| {
                log.holds(|| "the path is the same".into(), b.path::<f64>(&b.gradients) == b.path(&b.gradients));
            }),
            Check::each("pieces", "pieces of any length give the same bits as the whole", pieces)
                .applies(Subject::elementwise),
            Check::each("resumed", "a path continued from its state has the same bits", resumed),
            Check::each("order", "coordinates in another order give the same, in that order", order)
                .applies(Subject::elementwise),
            Check::each("state-used", "the state has the planes that were declared", |b: &Bench<'_>, log: &mut Log| {
                let path: Path<f64> = b.path(&b.gradients);
                log.holds(|| "state is finite".into(), path.planes.iter().flatten().all(|x| x.is_finite()));
            })
            .applies(Subject::has_state),
            Check::each("finite", "updates are finite, for gradients from 0 to 1e15 too", finite),
            Check::once("non-finite-gradients", "NaN stays NaN, and is no reason to panic", non_finite),
            Check::once("rate", "the rate is finite and at least 0, and goes with the factor on it", rate)
                .applies(Subject::has_rate),
            Check::once("empty", "no numbers are no reason to panic", |s, log| {
                let case = Case { sizes: vec![0, 2], numbers: Vec::new(), seed: 0 };
                log.holds(|| "no update".into(), Bench::new(s, &case).path::<f64>(&[]).updates.concat().is_empty());
            }),
            Check::once("threads", "the same bits on 1, 2 and 3 threads", threads),
            Check::once("instruction-sets", "every instruction set gives the same bits", levels)
                .applies(Subject::same_on_all),
        ]
    }
}

fn formula(b: &Bench<'_>, log: &mut Log) {
    let path: Path<f64> = b.path(&b.gradients);
    for (t, (want, got)) in b.expected(&b.gradients).iter().zip(&path.updates).enumerate() {
        log.holds(|| "as many numbers as the formula has".into(), want.len() == got.len());
        for (i, (Want { value, largest }, &g)) in want.iter().zip(got).enumerate() {
            let gate = GATE * EPS * largest;
            let of_gate = log.close(|| format!("update[{i}] of step {}", t + 1), [*value, g], gate);
            log.ulp = log.ulp.max(GATE * of_gate);
        }
    }
}

fn formula32(b: &Bench<'_>, log: &mut Log) {
    let path: Path<f32> = b.path(&b.gradients);
    for (t, (want, got)) in b.expected(&b.gradients).iter().zip(&path.updates).enumerate() {
        for (i, (Want { value, largest }, &g)) in want.iter().zip(got).enumerate() {
            // Squares of small numbers may lie below the numbers of f32.
            let gate = GATE * f64::from(f32::EPSILON) * largest.max(f64::from(f32::MIN_POSITIVE));
            log.close(|| format!("update[{i}] of step {} in f32", t + 1), [*value, f64::from(g)], gate);
        }
    }
}

fn pieces(b: &Bench<'_>, log: &mut Log) {
    let whole: Path<f64> = b.path(&b.gradients);
    for piece in [1, 2, 3] {
        let path = b.walk(&b.gradients, b.fresh(), 0..b.steps, piece);
        log.same_bits(&format!("updates in pieces of {piece}"), &whole.updates.concat(), &path.updates.concat());
    }
}

fn resumed(b: &Bench<'_>, log: &mut Log) {
    let whole: Path<f64> = b.path(&b.gradients);
    let half = b.steps / 2;
    let first = b.walk::<f64>(&b.gradients, b.fresh(), 0..half, b.n.max(1));
    let rest = b.walk(&b.gradients, first.planes, half..b.steps, b.n.max(1));
    log.same_bits("updates", &whole.updates.concat(), &[first.updates, rest.updates].concat().concat());
    log.same_bits("state", &whole.planes.concat(), &rest.planes.concat());
}

fn order(b: &Bench<'_>, log: &mut Log) {
    let reversed =
        |numbers: &[f64]| -> Vec<f64> { numbers.chunks(b.n.max(1)).flat_map(|c| c.iter().rev().copied()).collect() };
    let numbers = [&b.gradients, &b.theta, &b.weights].map(|numbers| reversed(numbers)).concat();
    let case = Case { numbers, ..b.case.clone() };
    let other: Path<f64> = {
        let there = Bench::new(&b.subject, &case);
        there.path(&there.gradients)
    };
    let whole: Path<f64> = b.path(&b.gradients);
    log.same_bits("updates", &whole.updates.concat(), &reversed(&other.updates.concat()));
}

fn finite(b: &Bench<'_>, log: &mut Log) {
    for scale in [0.0, 1e-15, 1.0, 1e15] {
        let gradients: Vec<f64> = b.gradients.iter().map(|g| g * scale).collect();
        let (double, single): (Path<f64>, Path<f32>) = (b.path(&gradients), b.path(&gradients));
        let f64s = double.updates.concat().iter().all(|x| x.is_finite());
        let f32s = single.updates.concat().iter().all(|x| x.is_finite());
        log.holds(|| format!("updates for gradients times {scale:e} are finite"), f64s && f32s);
    }
}

fn non_finite(s: &Subject<'_>, log: &mut Log) {
    let Some(case) = at(s, &[3, 2], Style::Short, 2) else { return };
    let b = Bench::new(s, &case);
    let mut gradients = b.gradients.to_vec();
    gradients[1] = f64::NAN;
    let path: Path<f64> = b.path(&gradients);
    log.holds(|| "an update from NaN is NaN".into(), path.updates[0][1].is_nan());
    gradients[1] = f64::INFINITY;
    log.holds(|| "kernels ran".into(), b.path::<f64>(&gradients).updates.len() == 2);
}

fn rate(s: &Subject<'_>, log: &mut Log) {
    for count in [1, 2, 10, 1000, 1_000_000_000] {
        let at = |factor: f64| s.link.rate(&Step { count, rate_factor: factor }).unwrap_or(f64::NAN);
        log.holds(|| format!("the rate at step {count} is finite and at least 0"), (0.0..=f64::MAX).contains(&at(1.0)));
        log.close(|| format!("half the rate at step {count}"), [0.5 * at(1.0), at(0.5)], 0.0);
    }
}

fn threads(s: &Subject<'_>, log: &mut Log) {
    for sizes in [[3, 2], [40_000, 2]] {
        let Some(case) = at(s, &sizes, Style::Short, 4) else { continue };
        let b = Bench::new(s, &case);
        let alone: Path<f64> = b.path(&b.gradients);
        for width in [2, 3] {
            let Ok(team) = Team::new(width) else { continue };
            let other: Path<f64> = team.install(|| b.path(&b.gradients));
            log.same_bits("updates", &alone.updates.concat(), &other.updates.concat());
        }
    }
}

fn levels(s: &Subject<'_>, log: &mut Log) {
    let best = level();
    for sizes in [[3, 2], [129, 3]] {
        let Some(case) = at(s, &sizes, Style::Short, 6) else { continue };
        let b = Bench::new(s, &case);
        let (first, first32): (Path<f64>, Path<f32>) = (b.path(&b.gradients), b.path(&b.gradients));
        for limit in [Level::Base, Level::Avx2, Level::Avx512] {
            limit_level(limit);
            let (other, other32): (Path<f64>, Path<f32>) = (b.path(&b.gradients), b.path(&b.gradients));
            log.same_bits("updates", &first.updates.concat(), &other.updates.concat());
            log.same_bits("updates in f32", &plain(&first32.updates.concat()), &plain(&other32.updates.concat()));
        }
        limit_level(best);
    }
}
