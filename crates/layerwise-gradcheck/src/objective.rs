//! Objectives: f(θ) and ∇f(θ), whole networks among them.

use std::cell::RefCell;
use std::rc::Rc;

use layerwise_core::{GenericNumber, GenericObjective};
use layerwise_tensor::{Rng, Scalar};

use crate::battery::{Check, Family};
use crate::case::{Case, Draw, Field, Space};
use crate::derivative::{self, Derived, Function, Once, Trace};
use crate::fault::{COMMON, Damage, Fault, Target};
use crate::kinks;
use crate::oracle::{Lift, dot, lift, normal, rng};
use crate::report::{Log, SECOND, largest};

/// An objective, and where to look at it.
pub struct Problem<'a> {
    objective: Rc<RefCell<&'a mut (dyn GenericObjective + 'a)>>,
    theta: &'a [f64],
    used: Vec<usize>,
    kinks: bool,
    gauss_newton: Option<[Product<'a>; 2]>,
}

/// θ and v to G v.
pub type Product<'a> = &'a dyn Fn(&[f64], &[f64]) -> Vec<f64>;

impl<'a> Problem<'a> {
    /// f near θ.
    pub fn new(objective: &'a mut (dyn GenericObjective + 'a), theta: &'a [f64]) -> Problem<'a> {
        let (objective, used) = (Rc::new(RefCell::new(objective)), (0..theta.len()).collect());
        Problem { objective, theta, used, kinks: false, gauss_newton: None }
    }

    /// Only these numbers of θ belong to somebody; the others are padding.
    pub fn used(self, used: Vec<usize>) -> Self {
        Problem { used, ..self }
    }

    /// Its derivative may jump.
    pub fn with_kinks(self) -> Self {
        Problem { kinks: true, ..self }
    }

    /// Its Gauss–Newton product is checked too, against an oracle; the loss is convex.
    pub fn gauss_newton(self, product: Product<'a>, oracle: Product<'a>) -> Self {
        Problem { gauss_newton: Some([product, oracle]), ..self }
    }

    pub(crate) fn named(self, name: String) -> Subject<'a> {
        let Problem { objective, theta: start, used, kinks, gauss_newton } = self;
        Subject { objective, name, start, used, kinks, gauss_newton, fault: None }
    }
}

/// An objective near a point, perhaps with a fault in it.
#[derive(Clone)]
pub(crate) struct Subject<'a> {
    objective: Rc<RefCell<&'a mut (dyn GenericObjective + 'a)>>,
    name: String,
    start: &'a [f64],
    /// Numbers of θ that belong to somebody; the others are padding.
    used: Vec<usize>,
    kinks: bool,
    gauss_newton: Option<[Product<'a>; 2]>,
    fault: Option<Fault>,
}

impl Subject<'_> {
    fn has_gauss_newton(&self) -> Result<(), &'static str> {
        self.gauss_newton.map(drop).ok_or("no Gauss–Newton product given")
    }
}

impl Space for Subject<'_> {
    fn sizes(&self, _index: usize, _rng: &mut Rng) -> Vec<usize> {
        Vec::new()
    }
    fn least(&self) -> Vec<usize> {
        Vec::new()
    }
    fn fields(&self, _sizes: &[usize]) -> Option<Vec<Field>> {
        Some(vec![Field::new("shift", self.used.len(), 1).drawn(Draw::Input)])
    }
    fn usable(&self, case: &Case) -> bool {
        self.bench(case).smooth()
    }
}

pub(crate) struct Bench<'a> {
    subject: Subject<'a>,
    case: Case,
    /// The used numbers of θ: where it starts, and a quarter of what is drawn.
    point: Vec<f64>,
    once: Once,
}

impl Bench<'_> {
    fn eval<S: GenericNumber>(&self, point: &[S], fill: f64) -> Trace<S> {
        let Subject { objective, start, used, fault, .. } = &self.subject;
        let honest = |point: &[S]| {
            let mut theta: Vec<S> = start.iter().map(|&x| S::of(x)).collect();
            used.iter().zip(point).for_each(|(&i, &p)| theta[i] = p);
            let mut grad = vec![S::of(fill); theta.len()];
            let value = S::generic_objective(&mut **objective.borrow_mut()).eval(&theta, &mut grad);
            (value, used.iter().map(|&i| grad[i]).collect::<Vec<S>>())
        };
        let (value, mut grad) = honest(point);
        let mut values = vec![value];
        if let Some(fault) = fault {
            if let Damage::Beside(by) = fault.damage {
                let other = honest(&point.iter().map(|&p| p + S::of(by)).collect::<Vec<S>>()).1;
                fault.compare(&grad, &other);
                grad = other;
            }
            let old = vec![S::of(fill); grad.len()];
            fault.strike(Target::Parameters, &mut grad, &old, used.len());
            fault.strike(Target::Value, &mut values, &old, 1);
        }
        Trace { values, grad }
    }
}

impl Bench<'_> {
    /// G v at the point, by the library (0) or by the oracle (1); `None` where a branch is in reach.
    fn product(&self, by: usize, v: &[f64]) -> Option<Vec<f64>> {
        let Subject { start, used, gauss_newton, .. } = &self.subject;
        if !self.smooth() {
            return None;
        }
        let spread = |numbers: &[f64], mut into: Vec<f64>| {
            used.iter().zip(numbers).for_each(|(&i, &x)| into[i] = x);
            into
        };
        let found = (*gauss_newton)?[by](&spread(&self.point, start.to_vec()), &spread(v, vec![0.0; start.len()]));
        Some(used.iter().map(|&i| found[i]).collect())
    }
}

impl Function for Bench<'_> {
    fn run<S: GenericNumber + Lift>(&self, point: &[S]) -> Trace<S> {
        self.eval(point, f64::NAN)
    }
    fn point(&self) -> &[f64] {
        &self.point
    }
    fn weights(&self) -> &[f64] {
        &[1.0]
    }
    fn name(&self, i: usize) -> String {
        format!("∂f/∂θ[{}]", self.subject.used[i])
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
        "objective"
    }
    fn name(&self) -> String {
        self.name.clone()
    }
    fn bench(&self, case: &Case) -> Bench<'a> {
        let shifted =
            self.used.iter().zip(&case.numbers).map(|(&i, shift)| crate::case::short(self.start[i] + 0.25 * shift));
        Bench { subject: self.clone(), case: case.clone(), point: shifted.collect(), once: Once::default() }
    }
    fn shape(&self, _case: &Case) -> String {
        format!("{} parameters at their start + shift / 4", self.used.len())
    }
    fn exercise(b: &Bench<'a>) {
        derivative::exercise(b);
        b.eval(b.point(), 1234.5);
    }
    fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
    fn sabotaged(&self) -> Vec<Self> {
        use Damage::*;
        let own = [
            (Target::Parameters, Added),
            (Target::Parameters, Detached),
            (Target::Parameters, Beside(1e-6)),
            (Target::Value, Scale(1e-10)),
            (Target::Value, Sign),
            (Target::Value, Twice),
            (Target::Value, Single),
        ];
        let faults = COMMON.into_iter().map(|d| (Target::Parameters, d)).chain(own);
        faults.map(|(t, d)| Subject { fault: Some(Fault::new(t, d)), ..self.clone() }).collect()
    }
    fn checks() -> Vec<Check<Self>> {
        let mut checks = derivative::all();
        checks.extend([
            Check::once("length", "its length is that of θ", |s: &Self, log: &mut Log| {
                let mut objective = s.objective.borrow_mut();
                let lens = [
                    f64::generic_objective(&mut **objective).len(),
                    f32::generic_objective(&mut **objective).len(),
                    layerwise_tensor::Dual64::generic_objective(&mut **objective).len(),
                ];
                for len in lens {
                    log.close(|| "len".into(), [s.start.len() as f64, len as f64], 0.0);
                }
            }),
            Check::each(
                "dirty-gradient",
                "∇f is overwritten, whatever its memory held",
                |b: &Bench<'_>, log: &mut Log| {
                    let dirty = b.eval(b.point(), 1234.5);
                    log.same_bits("f", &b.base().values, &dirty.values);
                    log.same_bits("∇f", &b.base().grad, &dirty.grad);
                },
            ),
            Check::each(
                "kinks-declared",
                "f′ and f″ jump along a line only if kinks are declared",
                |b: &Bench<'_>, log: &mut Log| {
                    kinks::on_a_line(b, b.subject.kinks, log);
                },
            ),
            Check::each(
                "curvature-quadratic",
                "⟨v, H v⟩ for 2 v is 4 times that for v",
                |b: &Bench<'_>, log: &mut Log| {
                    if !b.smooth() {
                        return log.skip();
                    }
                    let v = b.v();
                    let double: Vec<f64> = v.iter().map(|v| 2.0 * v).collect();
                    let [once, twice] = [&v, &double].map(|v| b.tangent::<f64>(v).grad);
                    for (i, (h, g)) in once.iter().zip(&twice).enumerate() {
                        log.close(|| format!("∂/∂v of {}", b.name(i)), [2.0 * h.eps, g.eps], f64::MIN_POSITIVE);
                    }
                },
            ),
            Check::each(
                "gauss-newton",
                "G v = Jᵀ H_l J v, with J and H_l in double-double",
                |b: &Bench<'_>, log: &mut Log| {
                    let (Some(got), Some(exact)) = (b.product(0, &b.v()), b.product(1, &b.v())) else {
                        return log.skip();
                    };
                    let bound = SECOND * largest(&exact);
                    for (i, (e, g)) in exact.iter().zip(&got).enumerate() {
                        let of_gate = log.close(|| format!("(G v)[{i}]"), [*e, *g], bound);
                        log.second = Some(log.second.unwrap_or(0.0).max(SECOND * of_gate));
                    }
                },
            )
            .applies(Subject::has_gauss_newton),
            Check::each("gauss-newton-symmetry", "⟨w, G v⟩ = ⟨v, G w⟩", |b: &Bench<'_>, log: &mut Log| {
                let (v, w) = (b.v(), normal(b.point.len(), &mut rng(b.case.seed ^ 2)));
                let (Some(gv), Some(gw)) = (b.product(0, &v), b.product(0, &w)) else { return log.skip() };
                let ((left, a), (right, c)) = (dot(&w, &gv), dot(&v, &gw));
                log.close(|| "⟨w, G v⟩".into(), [left, right], SECOND * (a + c));
            })
            .applies(Subject::has_gauss_newton),
            Check::each("gauss-newton-semidefinite", "⟨v, G v⟩ ≥ 0", |b: &Bench<'_>, log: &mut Log| {
                let v = b.v();
                let Some(gv) = b.product(0, &v) else { return log.skip() };
                let (bent, size) = dot(&v, &gv);
                log.close(|| "⟨v, G v⟩".into(), [bent.max(0.0), bent], SECOND * size);
            })
            .applies(Subject::has_gauss_newton),
            Check::each(
                "gradient-lifted",
                "the gradient in dual numbers has the gradient as its value",
                |b: &Bench<'_>, log: &mut Log| {
                    let bounds = b.grad_errors();
                    let lifted = b.run::<layerwise_tensor::Dual64>(&lift(b.point()));
                    for (i, (g, l)) in b.base().grad.iter().zip(&lifted.grad).enumerate() {
                        log.bounded(|| b.name(i), [*g, l.value()], 2.0 * bounds[i]);
                    }
                },
            ),
        ]);
        checks
    }
}
