//! Hessian-free minimization, step by step, against a second implementation in Python (`reference/hessian_free.py`).

use std::cell::Cell;
use std::rc::Rc;

use layerwise_core::{Curvature, End, Objective, Stop};
use layerwise_optimizers::{HessianFree, HessianFreeStep};
use layerwise_tensor::Scalar;
use layerwise_tensor::orthogonal::dot;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Run {
    name: String,
    damping: f64,
    products: usize,
    /// Evaluations after which no new step begins.
    most: usize,
    /// The first numbers of θ.
    theta: Vec<f64>,
    norm: f64,
    value: f64,
    evaluations: usize,
    steps: usize,
    end: String,
}

/// f with its gradient.
type Function = dyn Fn(&[f64]) -> (f64, Vec<f64>);
/// λ and r to M⁻¹ r.
type Near = dyn Fn(f64, &[f64]) -> Vec<f64>;
/// B(θ) v.
type Product = dyn Fn(&[f64], &[f64]) -> Vec<f64>;

struct Problem {
    n: usize,
    f: Box<Function>,
    product: Box<Product>,
    /// λ, r ↦ M⁻¹ r.
    near: Option<Box<Near>>,
}

fn values<S: Scalar>(x: &[S]) -> Vec<f64> {
    x.iter().map(|x| x.value()).collect()
}

impl<S: Scalar> Objective<S> for Problem {
    fn len(&self) -> usize {
        self.n
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let (value, slopes) = (self.f)(&values(theta));
        grad.iter_mut().zip(slopes).for_each(|(g, slope)| *g = S::of(slope));
        S::of(value)
    }
}

/// The curvature of a problem at a θ.
struct At<'a>(&'a Problem, Vec<f64>);

impl<S: Scalar> Curvature<S> for At<'_> {
    fn at(&mut self, theta: &[S]) {
        self.1 = values(theta);
    }
    fn product(&mut self, v: &[S], out: &mut [S]) {
        let product = (self.0.product)(&self.1, &values(v));
        out.iter_mut().zip(product).for_each(|(out, p)| *out = S::of(p));
    }
    fn precondition(&mut self, damping: f64, v: &[S], out: &mut [S]) {
        let near = self.0.near.as_ref().map_or(values(v), |near| near(damping, &values(v)));
        out.iter_mut().zip(near).for_each(|(out, p)| *out = S::of(p));
    }
}

fn rosenbrock() -> Problem {
    let f = |x: &[f64]| {
        let (gap, rest) = (x[1] - x[0] * x[0], 1.0 - x[0]);
        (100.0 * gap * gap + rest * rest, vec![-400.0 * x[0] * gap - 2.0 * rest, 200.0 * gap])
    };
    // 2 JᵀJ of the residuals 10 (y − x²) and 1 − x.
    let product = |x: &[f64], v: &[f64]| {
        let jacobian = [[-20.0 * x[0], 10.0], [-1.0, 0.0]];
        let along = jacobian.map(|row| row[0] * v[0] + row[1] * v[1]);
        (0..2).map(|i| 2.0 * jacobian.iter().zip(along).map(|(row, a)| row[i] * a).sum::<f64>()).collect()
    };
    Problem { n: 2, f: Box::new(f), product: Box::new(product), near: None }
}

fn coefficients(n: usize, far: f64) -> Vec<f64> {
    (0..n).map(|i| far.powf(i as f64 / (n - 1) as f64)).collect()
}

/// Σ c_i x_i² / 2 + x_i⁴ / 4 − x_i with c from 1 to `far` in equal ratios; B is a share of the Hessian.
fn bowls(n: usize, far: f64, share: f64) -> Problem {
    let c = coefficients(n, far);
    let curvature = c.clone();
    let f = move |x: &[f64]| {
        let value = c.iter().zip(x).map(|(c, x)| 0.5 * c * x * x + 0.25 * x.powi(4) - x).sum();
        (value, c.iter().zip(x).map(|(c, x)| c * x + x.powi(3) - 1.0).collect())
    };
    let product = move |x: &[f64], v: &[f64]| {
        curvature.iter().zip(x).zip(v).map(|((c, x), v)| share * (c + 3.0 * x * x) * v).collect()
    };
    Problem { n, f: Box::new(f), product: Box::new(product), near: None }
}

fn problem(name: &str) -> (Problem, Vec<f64>) {
    let down = (0..40).map(|i| 2.0 - 0.1 * f64::from(i)).collect();
    match name {
        "valley" | "strong start" => (rosenbrock(), vec![-1.2, 1.0]),
        "bowls" | "few products" => (bowls(40, 100.0, 1.0), down),
        "too little curvature" => (bowls(40, 100.0, 0.02), down),
        "too much curvature" => (bowls(40, 100.0, 4.0), down),
        "long" => (bowls(300, 1e4, 1.0), vec![1.0; 300]),
        "preconditioned" => {
            let c = coefficients(300, 1e4);
            let near = move |damping: f64, r: &[f64]| c.iter().zip(r).map(|(c, r)| r / (c + damping)).collect();
            (Problem { near: Some(Box::new(near)), ..bowls(300, 1e4, 1.0) }, vec![1.0; 300])
        }
        // A slope that promises more than there is.
        "lie" => {
            let f = |x: &[f64]| (x[0].abs(), vec![3.0]);
            (Problem { n: 1, f: Box::new(f), product: Box::new(|_, v| v.to_vec()), near: None }, vec![0.5])
        }
        // Nowhere lower than at the start, whatever the slope says: the damping grows until its end.
        "flat" => {
            let f = |_: &[f64]| (1.0, vec![1.0]);
            (Problem { n: 1, f: Box::new(f), product: Box::new(|_, v| v.to_vec()), near: None }, vec![0.25])
        }
        other => panic!("no problem {other}"),
    }
}

fn minimize(run: &Run, most: usize) -> (layerwise_core::Minimized, Vec<f64>) {
    let (mut f, mut theta) = problem(&run.name);
    let (copy, _) = problem(&run.name);
    let solver = HessianFree { damping: run.damping, products: run.products, ..HessianFree::default() };
    let stop = Stop { gradient: 1e-10, evaluations: most };
    let done = solver.minimize(&mut f, &mut At(&copy, Vec::new()), &mut theta, &stop).expect("deterministic");
    (done, theta)
}

#[test]
fn every_step_is_that_of_the_paper() {
    let runs: Vec<Run> = serde_json::from_str(include_str!("reference/hessian_free.json")).expect("the reference file");
    assert!(runs.len() > 15);
    for run in &runs {
        let (done, theta) = minimize(run, run.most);
        assert_eq!((done.steps, done.evaluations), (run.steps, run.evaluations), "{run:?}: {done:?}");
        let norm = theta.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Conjugate gradients of many products have more rounding in θ than in f.
        let near = |got: f64, want: f64, tolerance: f64| (got - want).abs() <= tolerance * run.norm.max(1.0);
        assert!(near(norm, run.norm, 1e-5) && near(done.value, run.value, 1e-7), "{run:?}: {norm}, {done:?}");
        assert!(theta.iter().zip(&run.theta).all(|(got, want)| near(*got, *want, 1e-5)), "{run:?}: {theta:?}");
        let end = match done.end {
            End::Gradient => "gradient",
            End::Evaluations => "evaluations",
            End::NoProgress => "no progress",
            End::NotFinite | End::Asked => "another end",
        };
        assert_eq!(end, run.end, "{run:?}: {done:?}");
    }
}

/// Batches: every step sees the same bowl from another side, and λ, the last solution and the products go on.
#[test]
fn steps_on_batches_are_those_of_the_whole_where_all_batches_are_the_same() {
    let solver = HessianFree { products: 6, adapt: 0.8, ..HessianFree::default() };
    let (mut f, start) = problem("few products");
    let (copy, _) = problem("few products");
    let mut state = solver.start::<f64>(start.len());
    let mut theta = start.clone();
    let mut value = f64::INFINITY;
    for steps in 1..=5 {
        let step = state.step(&mut f, &mut At(&copy, Vec::new()), &mut theta).expect("finite");
        // The gradient, and one look where the model is right.
        assert!(step.taken && step.after < step.value && step.value <= value && step.evaluations == 2, "{step:?}");
        value = step.after;
        // As many steps of the whole: the budget is looked at after each of them.
        let (mut whole, mut evaluations) = (start.clone(), 3);
        let done = loop {
            whole.copy_from_slice(&start);
            let stop = Stop { gradient: 0.0, evaluations };
            let done = solver.minimize(&mut f, &mut At(&copy, Vec::new()), &mut whole, &stop).expect("the same twice");
            if done.steps >= steps {
                break done;
            }
            evaluations = done.evaluations + 1;
        };
        assert_eq!((done.steps, done.value), (steps, step.after), "{done:?}");
        assert_eq!(whole, theta);
    }
    // λ fell by a fifth at each of these good steps.
    assert!((state.damping() - 0.8f64.powi(5)).abs() < 1e-12, "{}", state.damping());
}

#[test]
fn a_batch_that_is_not_finite_or_leads_up_changes_nothing() {
    let mut state = HessianFree { products: 3, ..HessianFree::default() }.start::<f64>(1);
    let (mut flat, _) = problem("flat");
    let (copy, _) = problem("flat");
    let mut theta = [0.25];
    let step = state.step(&mut flat, &mut At(&copy, Vec::new()), &mut theta).expect("finite");
    // The gradient, the iterates, and 60 shorter steps.
    assert!(!step.taken && step.evaluations > 60, "{step:?}");
    assert_eq!((theta, state.damping()), ([0.25], 10.0));
    let mut broken = Problem { f: Box::new(|_: &[f64]| (f64::NAN, vec![1.0])), ..problem("flat").0 };
    let error = state.step(&mut broken, &mut At(&copy, Vec::new()), &mut theta).expect_err("not finite");
    assert!(
        error.to_string().contains("hessian-free: the risk should be finite with its gradient, got NaN"),
        "{error}"
    );
    let mut steep = Problem { f: Box::new(|_: &[f64]| (1.0, vec![f64::INFINITY])), ..problem("flat").0 };
    assert!(state.step(&mut steep, &mut At(&copy, Vec::new()), &mut theta).is_err());
    assert_eq!((theta, state.damping()), ([0.25], 10.0));
}

/// One step of λ = 1 from 0 in an f that is asked where it is, with B of these eigenvalues.
fn step_in(
    eigenvalues: &'static [f64],
    products: usize,
    f: fn(&[f64]) -> (f64, Vec<f64>),
) -> (HessianFreeStep, f64, Vec<f64>) {
    let n = eigenvalues.len();
    let product = |_: &[f64], v: &[f64]| eigenvalues.iter().zip(v).map(|(b, v)| b * v).collect();
    let problem = || Problem { n, f: Box::new(f), product: Box::new(product), near: None };
    let mut state = HessianFree { products, adapt: 0.5, ..HessianFree::default() }.start::<f64>(n);
    let mut theta = vec![0.0; n];
    let step = state.step(&mut problem(), &mut At(&problem(), Vec::new()), &mut theta).expect("finite");
    (step, state.damping(), theta)
}

/// B + λ I = diag(2, 5) and g = (−2, −5): the iterates are 29/133 · (2, 5) and (1, 1), of which the model says −3.851 and −4.5.
#[test]
fn the_ratio_is_that_of_the_iterate_that_is_taken() {
    let f = |x: &[f64]| {
        let value = match x[0] {
            0.0 => 10.0,
            x if x < 0.5 => 8.0,
            _ => 12.0,
        };
        (value, vec![-2.0, -5.0])
    };
    let (step, damping, theta) = step_in(&[1.0, 4.0], 2, f);
    // Up at the last, down by 0.52 of the model at the first: taken, and λ stays.
    assert_eq!((step.taken, step.after, step.evaluations, damping), (true, 8.0, 3, 1.0));
    assert!((theta[0] - 58.0 / 133.0).abs() < 1e-15 && (theta[1] - 145.0 / 133.0).abs() < 1e-15, "{theta:?}");
}

#[test]
fn damping_changes_only_beyond_its_limits() {
    // d = 1, of which the model says −1.5; f falls by 3/4 of it, by a little more, by 1/4, and by a little less.
    let damping = |f| step_in(&[1.0], 1, f).1;
    assert_eq!(damping(|x| (10.0 - 1.125 * x[0], vec![-2.0])), 1.0);
    assert_eq!(damping(|x| (10.0 - 1.25 * x[0], vec![-2.0])), 0.5);
    assert_eq!(damping(|x| (10.0 - 0.375 * x[0], vec![-2.0])), 1.0);
    assert_eq!(damping(|x| (10.0 - 0.25 * x[0], vec![-2.0])), 2.0);
}

#[test]
fn no_step_is_made_where_nothing_curves_upward() {
    for eigenvalues in [&[-1.0], &[-2.0], &[f64::NAN]] {
        let lower_elsewhere = |x: &[f64]| (if x[0] == 0.0 { 1.0 } else { -1.0 }, vec![1.0]);
        let (step, damping, theta) = step_in(eigenvalues, 5, lower_elsewhere);
        assert!(!step.taken && damping == 10.0 && theta == [0.0], "{step:?} to {theta:?}");
    }
}

/// How many products conjugate gradients take for (diag(c) + λ I) d = −g from d, written down once more in the same operations.
fn products(c: &[f64], damping: f64, g: &[f64], d: &mut [f64], most: usize) -> usize {
    let a = |v: &[f64]| c.iter().zip(v).map(|(c, v)| c * v + damping * v).collect::<Vec<f64>>();
    let mut rest: Vec<f64> = a(d).iter().zip(g).map(|(a, g)| a + g).collect();
    let mut p: Vec<f64> = rest.iter().map(|r| -r).collect();
    let model = |rest: &[f64], d: &[f64]| 0.5 * (dot(rest, d) + dot(g, d));
    let mut phi = vec![model(&rest, d)];
    for i in 1..=most {
        let (ap, square) = (a(&p), dot(&rest, &rest));
        let step = square / dot(&p, &ap);
        d.iter_mut().zip(&p).for_each(|(d, p)| *d += step * p);
        rest.iter_mut().zip(&ap).for_each(|(r, ap)| *r += step * ap);
        phi.push(model(&rest, d));
        // Of the last tenth of all iterations, and of ten at least.
        let k = if i < 110 { 10 } else { i / 10 };
        if i > k && phi[i] < 0.0 && (phi[i] - phi[i - k]) / phi[i] < k as f64 * 5e-4 {
            // One more was for A d.
            return i + 1;
        }
        let share = dot(&rest, &rest) / square;
        p.iter_mut().zip(&rest).for_each(|(p, r)| *p = share * *p - r);
    }
    most + 1
}

#[test]
fn conjugate_gradients_end_when_the_last_tenth_brought_little() {
    let (n, damping) = (400, 1e-6);
    let c = coefficients(n, 1e6);
    let taken = Rc::new(Cell::new(0));
    let (count, of_f, of_b) = (taken.clone(), c.clone(), c.clone());
    let f = move |x: &[f64]| {
        let value = of_f.iter().zip(x).map(|(c, x)| 0.5 * c * x * x - x).sum();
        (value, of_f.iter().zip(x).map(|(c, x)| c * x - 1.0).collect())
    };
    let product = move |_: &[f64], v: &[f64]| {
        count.set(count.get() + 1);
        of_b.iter().zip(v).map(|(c, v)| c * v).collect()
    };
    // Two halves: the risk, and its curvature.
    let mut problem = Problem { n, f: Box::new(f), product: Box::new(|_, v| v.to_vec()), near: None };
    let curvature = Problem { n, f: Box::new(|_| (0.0, Vec::new())), product: Box::new(product), near: None };
    let mut state = HessianFree { damping, products: 1000, adapt: 0.999 }.start::<f64>(n);
    let (mut theta, mut d, mut longest) = (vec![0.0; n], vec![0.0; n], 0);
    for step in 0..4 {
        let (_, g) = (problem.f)(&theta);
        d.iter_mut().for_each(|d| *d *= 0.95);
        let want = products(&c, damping * 0.999f64.powi(step), &g, &mut d, 1000);
        taken.set(0);
        let done = state.step(&mut problem, &mut At(&curvature, Vec::new()), &mut theta).expect("finite");
        assert!(done.taken && done.evaluations == 2, "{step}: {done:?}");
        assert_eq!(taken.get(), want, "step {step}");
        longest = longest.max(want);
    }
    assert!(longest > 120, "{longest}");
}

/// From 0.95 of the solution, the first ten iterations bring a four hundredth of what there is: they end one later, when ten more have
/// been seen.
#[test]
fn a_warm_start_is_given_ten_iterations_beyond_its_first() {
    let (n, damping) = (400, 1e-2);
    let c = coefficients(n, 1e3);
    let taken = Rc::new(Cell::new(0));
    let (count, of_b) = (taken.clone(), c.clone());
    // A plane: the same system at every θ.
    let f = |x: &[f64]| (-x.iter().sum::<f64>(), vec![-1.0; x.len()]);
    let product = move |_: &[f64], v: &[f64]| {
        count.set(count.get() + 1);
        of_b.iter().zip(v).map(|(c, v)| c * v).collect()
    };
    let mut problem = Problem { n, f: Box::new(f), product: Box::new(|_, v| v.to_vec()), near: None };
    let curvature = Problem { n, f: Box::new(f), product: Box::new(product), near: None };
    let mut state = HessianFree { damping, products: 1000, adapt: 0.999 }.start::<f64>(n);
    let (mut theta, mut d, mut seen) = (vec![0.0; n], vec![0.0; n], Vec::new());
    for step in 0..2 {
        d.iter_mut().for_each(|d| *d *= 0.95);
        let want = products(&c, damping * 0.999f64.powi(step), &vec![-1.0; n], &mut d, 1000);
        taken.set(0);
        assert!(state.step(&mut problem, &mut At(&curvature, Vec::new()), &mut theta).expect("finite").taken);
        assert_eq!(taken.get(), want, "step {step}");
        seen.push(want);
    }
    // One for A d, and 11.
    assert!(seen[0] > 30 && seen[1] == 12, "{seen:?}");
}
