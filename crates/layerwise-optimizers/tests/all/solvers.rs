//! Solvers on argmin's test functions, against the evaluations that argmin's own take (`reference/argmin.json`, made by the
//! program in `xtask/peers/argmin`), and at their limits.

use layerwise_core::{Curvature, End, Minimized, Objective, Solver, SolverError, Stop};
use layerwise_optimizers::{HessianFree, Lbfgs, NonlinearConjugateGradient};
use layerwise_tensor::Scalar;
use serde::Deserialize;
use std::f64::consts::{E, PI, TAU};

/// Value and gradient at a point.
type Function = fn(&[f64]) -> (f64, Vec<f64>);

#[derive(Deserialize)]
struct Reference {
    near: f64,
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
struct Run {
    name: String,
    start: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    minimum: f64,
    /// argmin's evaluations of the value and of the gradient, if it came near to the minimum.
    lbfgs: Option<[u64; 2]>,
    conjugate_gradient: Option<[u64; 2]>,
}

/// u² and its slope.
fn square(u: f64) -> [f64; 2] {
    [u * u, 2.0 * u]
}

/// A term of a sum over functions of one number u: its value and slope there, ∂u/∂x and ∂u/∂y.
type Term = ([f64; 2], f64, f64);

fn sum(terms: &[Term]) -> (f64, Vec<f64>) {
    let over = |f: &dyn Fn(&Term) -> f64| terms.iter().map(f).sum::<f64>();
    (over(&|t| t.0[0]), vec![over(&|t| t.0[1] * t.1), over(&|t| t.0[1] * t.2)])
}

fn rosenbrock(x: &[f64]) -> (f64, Vec<f64>) {
    let mut grad = vec![0.0; x.len()];
    let mut value = 0.0;
    for i in 0..x.len() - 1 {
        let (gap, rest) = (x[i + 1] - x[i] * x[i], 1.0 - x[i]);
        value += 100.0 * gap * gap + rest * rest;
        grad[i] += -400.0 * x[i] * gap - 2.0 * rest;
        grad[i + 1] += 200.0 * gap;
    }
    (value, grad)
}

/// Of each number alone.
fn separate(x: &[f64], f: impl Fn(f64) -> [f64; 2]) -> (f64, Vec<f64>) {
    (x.iter().map(|x| f(*x)[0]).sum(), x.iter().map(|x| f(*x)[1]).collect())
}

fn goldstein_price(x: &[f64]) -> (f64, Vec<f64>) {
    let (s, t) = (x[0] + x[1], 2.0 * x[0] - 3.0 * x[1]);
    // In s = x + y and t = 2x − 3y both factors are functions of one number.
    let (a, b) = (s + 1.0, 19.0 - 14.0 * s + 3.0 * s * s);
    let (c, d) = (t * t, 18.0 - 16.0 * t + 3.0 * t * t);
    let (first, second) = (1.0 + a * a * b, 30.0 + c * d);
    let first_slope = 2.0 * a * b + a * a * (6.0 * s - 14.0);
    let second_slope = 2.0 * t * d + c * (6.0 * t - 16.0);
    let grad = |ds: f64, dt: f64| first_slope * ds * second + first * second_slope * dt;
    (first * second, vec![grad(1.0, 2.0), grad(1.0, -3.0)])
}

fn ackley(x: &[f64]) -> (f64, Vec<f64>) {
    let n = x.len() as f64;
    let norm = (x.iter().map(|x| x * x).sum::<f64>() / n).sqrt();
    let (far, waves) = ((-0.2 * norm).exp(), (x.iter().map(|x| (TAU * x).cos()).sum::<f64>() / n).exp());
    let slope = |x: &f64| 4.0 * far * x / (n * norm.max(1e-300)) + TAU * (TAU * x).sin() * waves / n;
    (-20.0 * far - waves + 20.0 + E, x.iter().map(slope).collect())
}

fn function(name: &str) -> Function {
    match name {
        "rosenbrock" => rosenbrock,
        "himmelblau" => |x| {
            let (u, v) = (square(x[0] * x[0] + x[1] - 11.0), square(x[0] + x[1] * x[1] - 7.0));
            sum(&[(u, 2.0 * x[0], 1.0), (v, 1.0, 2.0 * x[1])])
        },
        "beale" => |x| {
            let term = |c: f64, k: i32| {
                let u = square(c - x[0] + x[0] * x[1].powi(k));
                (u, x[1].powi(k) - 1.0, f64::from(k) * x[0] * x[1].powi(k - 1))
            };
            sum(&[term(1.5, 1), term(2.25, 2), term(2.625, 3)])
        },
        "booth" => |x| {
            let (u, v) = (square(x[0] + 2.0 * x[1] - 7.0), square(2.0 * x[0] + x[1] - 5.0));
            sum(&[(u, 1.0, 2.0), (v, 2.0, 1.0)])
        },
        "matyas" => |x| {
            // 0.26 (x² + y²) − 0.48 x y in x + y and x − y.
            let scaled = |a: f64, u: f64| [a * u * u, 2.0 * a * u];
            sum(&[(scaled(0.01, x[0] + x[1]), 1.0, 1.0), (scaled(0.25, x[0] - x[1]), 1.0, -1.0)])
        },
        "sphere" => |x| separate(x, square),
        "three-hump-camel" => |x| {
            let (a, b) = (x[0], x[1]);
            let value = 2.0 * a * a - 1.05 * a.powi(4) + a.powi(6) / 6.0 + a * b + b * b;
            (value, vec![4.0 * a - 4.2 * a.powi(3) + a.powi(5) + b, a + 2.0 * b])
        },
        "goldstein-price" => goldstein_price,
        "styblinski-tang" => {
            |x| separate(x, |x| [0.5 * (x.powi(4) - 16.0 * x * x + 5.0 * x), 2.0 * x.powi(3) - 16.0 * x + 2.5])
        }
        "mccormick" => |x| {
            let wave = [(x[0] + x[1]).sin(), (x[0] + x[1]).cos()];
            let (value, grad) = sum(&[(wave, 1.0, 1.0), (square(x[0] - x[1]), 1.0, -1.0)]);
            (value - 1.5 * x[0] + 2.5 * x[1] + 1.0, vec![grad[0] - 1.5, grad[1] + 2.5])
        },
        "rastrigin" => {
            |x| separate(x, |x| [10.0 + x * x - 10.0 * (TAU * x).cos(), 2.0 * x + 20.0 * PI * (TAU * x).sin()])
        }
        "ackley" => ackley,
        other => panic!("no function {other}"),
    }
}

/// Counts evaluations, and knows after how many it was near to the minimum.
struct Counted {
    function: Function,
    n: usize,
    target: f64,
    evaluations: u64,
    reached: Option<u64>,
}

impl<S: Scalar> Objective<S> for Counted {
    fn len(&self) -> usize {
        self.n
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let (value, slopes) = (self.function)(&theta.iter().map(|x| x.value()).collect::<Vec<f64>>());
        self.evaluations += 1;
        if value <= self.target && self.reached.is_none() {
            self.reached = Some(self.evaluations);
        }
        grad.iter_mut().zip(slopes).for_each(|(g, slope)| *g = S::of(slope));
        S::of(value)
    }
}

fn minimize(solver: &dyn Solver<f64>, run: &Run, near: f64, stop: &Stop) -> (Minimized, Counted, Vec<f64>) {
    let (function, n) = (function(&run.name), run.start.len());
    let mut counted = Counted { function, n, target: run.minimum + near, evaluations: 0, reached: None };
    let mut theta = run.start.clone();
    let done = solver.minimize(&mut counted, &mut theta, stop).expect("deterministic");
    (done, counted, theta)
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/argmin.json")).expect("the reference file")
}

#[test]
fn the_functions_are_argmins() {
    for run in reference().runs {
        let (value, gradient) = function(&run.name)(&run.start);
        let scale = run.gradient.iter().fold(run.value.abs(), |m, g| m.max(g.abs()));
        assert!((value - run.value).abs() <= 1e-13 * scale, "{run:?}: {value}");
        for (got, want) in gradient.iter().zip(&run.gradient) {
            assert!((got - want).abs() <= 1e-13 * scale, "{run:?}: {gradient:?}");
        }
    }
}

/// One evaluation gives the value and the gradient, so it counts as two of argmin's. The one that looks whether the objective is
/// the same twice is not counted: argmin does not look. A minimum that argmin does not come near to has only to be reached.
fn compare(solver: &dyn Solver<f64>, argmin: impl Fn(&Run) -> Option<[u64; 2]>) {
    let Reference { near, runs } = reference();
    for run in &runs {
        let (done, counted, theta) = minimize(solver, run, near, &Stop { gradient: 1e-9, evaluations: 1000 });
        let reached = counted.reached.unwrap_or_else(|| panic!("{solver:?} on {run:?}: {done:?} at {theta:?}"));
        let most = argmin(run).map_or(u64::MAX, |[values, gradients]| (values + gradients) * 6 / 5);
        let ours = 2 * (reached - 1);
        println!("{} from {:?}: {ours} evaluations, at most {most}", run.name, run.start);
        assert!(ours <= most, "{solver:?} on {run:?}: {ours} evaluations, at most {most}");
        assert_eq!(done.evaluations as u64, counted.evaluations);
        let (value, gradient) = function(&run.name)(&theta);
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!(done.value == value && (done.gradient - norm).abs() <= 1e-15 * norm, "{done:?}");
    }
}

#[test]
fn lbfgs_takes_no_more_evaluations_than_argmins_and_a_fifth() {
    compare(&Lbfgs::default(), |run| run.lbfgs);
}

#[test]
fn conjugate_gradients_take_no_more_evaluations_than_argmins_and_a_fifth() {
    compare(&NonlinearConjugateGradient, |run| run.conjugate_gradient);
}

/// ½ Σ i x_i² − Σ x_i of as many curvatures as there are numbers.
fn quadratic(x: &[f64]) -> (f64, Vec<f64>) {
    let curvature = |i: usize| (i + 1) as f64;
    let value = x.iter().enumerate().map(|(i, x)| 0.5 * curvature(i) * x * x - x).sum();
    (value, x.iter().enumerate().map(|(i, x)| curvature(i) * x - 1.0).collect())
}

fn counted(function: Function, n: usize) -> Counted {
    Counted { function, n, target: f64::NEG_INFINITY, evaluations: 0, reached: None }
}

fn solvers<S: Scalar>() -> [Box<dyn Solver<S>>; 4] {
    let lbfgs = |memory| Box::new(Lbfgs { memory });
    [lbfgs(10), lbfgs(1), lbfgs(0), Box::new(NonlinearConjugateGradient)]
}

#[test]
fn quadratics_are_solved_to_rounding_in_both_precisions() {
    for (k, solver) in solvers::<f64>().iter().enumerate() {
        let mut theta = vec![0.0; 20];
        let done = solver.minimize(&mut counted(quadratic, 20), &mut theta, &Stop { gradient: 1e-8, evaluations: 500 });
        assert_eq!(done.map(|done| done.end), Ok(End::Gradient), "{k}");
        assert!(theta.iter().enumerate().all(|(i, x)| (x - 1.0 / (i + 1) as f64).abs() < 1e-8));
    }
    for (k, solver) in solvers::<f32>().iter().enumerate() {
        let mut theta = vec![0.0f32; 20];
        let done = solver.minimize(&mut counted(quadratic, 20), &mut theta, &Stop { gradient: 1e-3, evaluations: 500 });
        assert_eq!(done.map(|done| done.end), Ok(End::Gradient), "{k}");
        assert!(theta.iter().enumerate().all(|(i, x)| (x - 1.0 / (i + 1) as f32).abs() < 1e-3));
    }
}

#[test]
fn the_budget_is_kept_and_what_was_found_is_kept_too() {
    for solver in solvers::<f64>() {
        for evaluations in [2, 3, 7] {
            let (mut theta, mut f) = (vec![-1.2, 1.0], counted(rosenbrock, 2));
            let done =
                solver.minimize(&mut f, &mut theta, &Stop { gradient: 0.0, evaluations }).expect("deterministic");
            assert_eq!(
                (done.end, done.evaluations, f.evaluations),
                (End::Evaluations, evaluations, evaluations as u64)
            );
            assert!(done.value <= rosenbrock(&[-1.2, 1.0]).0 && done.value == rosenbrock(&theta).0);
        }
    }
}

#[test]
fn at_a_kink_and_among_rounding_errors_the_best_is_kept() {
    for solver in solvers::<f64>() {
        let mut theta = vec![0.3];
        let kink = counted(|x| ((x[0] - 1.0).abs(), vec![(x[0] - 1.0).signum()]), 1);
        let stop = Stop { evaluations: 100_000, ..Stop::default() };
        let done = solver.minimize(&mut { kink }, &mut theta, &stop).expect("deterministic");
        assert!(
            done.end == End::NoProgress && (theta[0] - 1.0).abs() < 1e-9 && done.value == (theta[0] - 1.0).abs(),
            "{done:?} at {theta:?}"
        );
        // An optimum in the hundreds, whose last digits are all that is left of the gradient.
        let mut theta = vec![0.0; 20];
        let hundreds: Function = |x| (quadratic(x).0 - 500.0, quadratic(x).1);
        let done = solver.minimize(&mut counted(hundreds, 20), &mut theta, &Stop { gradient: 0.0, evaluations: 2000 });
        let done = done.expect("deterministic");
        assert!(done.end != End::NotFinite && done.gradient < 1e-5, "{done:?}");
    }
}

/// Rosenbrock's function, which hears of every step and asks for the end after some.
struct Watched {
    f: Counted,
    told: Vec<f64>,
    most: usize,
}

impl Objective<f64> for Watched {
    fn len(&self) -> usize {
        2
    }
    fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.f.eval(theta, grad)
    }
    fn stepped(&mut self, theta: &[f64], value: f64) -> bool {
        assert_eq!(value, rosenbrock(theta).0);
        self.told.push(value);
        self.told.len() < self.most
    }
}

type Minimize<'a> = dyn Fn(&mut Watched, &mut [f64]) -> Result<Minimized, SolverError> + 'a;

#[test]
fn the_objective_hears_of_every_step_and_may_end_it() {
    let check = |minimize: &Minimize<'_>| {
        for (most, end) in [(3, End::Asked), (usize::MAX, End::Gradient)] {
            let mut f = Watched { f: counted(rosenbrock, 2), told: Vec::new(), most };
            let mut theta = [-1.2, 1.0];
            let done = minimize(&mut f, &mut theta).expect("deterministic");
            assert_eq!((done.end, done.steps, done.value), (end, f.told.len(), rosenbrock(&theta).0));
            assert!(f.told.is_sorted_by(|a, b| a >= b) && (end != End::Asked || done.steps == 3));
            let slope = rosenbrock(&theta).1;
            assert!((done.gradient - slope[0].hypot(slope[1])).abs() <= 1e-12 * done.gradient, "{done:?}");
        }
    };
    let stop = Stop { gradient: 1e-6, evaluations: 5000 };
    for solver in [Box::new(Lbfgs::default()) as Box<dyn Solver<f64>>, Box::new(NonlinearConjugateGradient)] {
        check(&|f, theta| solver.minimize(f, theta, &stop));
    }
    check(&|f, theta| {
        HessianFree::default().minimize(f, &mut Entries(rosenbrocks_gauss_newton, Vec::new()), theta, &stop)
    });
}

#[test]
fn trouble_is_data() {
    for solver in solvers::<f64>() {
        let mut theta = vec![1.0];
        let functions: [Function; 2] = [|_| (f64::NAN, vec![1.0]), |_| (1.0, vec![f64::INFINITY])];
        for bad in functions {
            let nan = solver.minimize(&mut counted(bad, 1), &mut theta, &Stop::default());
            assert_eq!((nan.map(|done| done.end), &theta[..]), (Ok(End::NotFinite), &[1.0][..]));
        }
        // Below 0 there is nothing; the first step would lead there.
        let mut theta = vec![0.1];
        let barrier: Function = |x| (x[0] - 0.01 * x[0].ln(), vec![1.0 - 0.01 / x[0]]);
        let done = solver.minimize(&mut counted(barrier, 1), &mut theta, &Stop::default()).expect("deterministic");
        assert!(done.end == End::Gradient && (theta[0] - 0.01).abs() < 1e-8, "{done:?} at {theta:?}");
        let done = solver.minimize(&mut counted(|_| (3.0, Vec::new()), 0), &mut [], &Stop::default());
        assert_eq!(done.map(|done| (done.value, done.end)), Ok((3.0, End::Gradient)));
    }
}

/// |x − 1|, and where it was asked for.
struct Kink(Vec<f64>);

impl Objective<f64> for Kink {
    fn len(&self) -> usize {
        1
    }
    fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.0.push(theta[0]);
        grad[0] = (theta[0] - 1.0).signum();
        (theta[0] - 1.0).abs()
    }
}

#[test]
fn before_a_method_gives_up_it_forgets() {
    let (mut kink, mut theta, stop) = (Kink(Vec::new()), [0.3], Stop { gradient: 1e-6, evaluations: 100_000 });
    let done = Lbfgs::default().minimize(&mut kink, &mut theta, &stop).expect("deterministic");
    assert!(done.end == End::NoProgress && (theta[0] - 1.0).abs() < 1e-9, "{done:?} at {theta:?}");
    // The last search is along the gradient, with a first guess of 1: what was learned would lead nowhere far.
    assert!(kink.0.iter().rev().take(40).any(|x| (x - theta[0]).abs() >= 0.5), "{:?}", &kink.0[kink.0.len() - 90..]);
}

#[test]
fn what_was_learned_is_forgotten_where_it_leads_nowhere() {
    // After the first step L-BFGS goes along (1, 1), where f is higher everywhere; down the gradient is the minimum.
    let corner: Function = |x| match x {
        [0.0, 0.0] => (0.0, vec![-1.0, 0.0]),
        [1.0, 0.0] => (-1.0, vec![0.0, -1.0]),
        [1.0, 1.0] => (-2.0, vec![0.0, 0.0]),
        _ => (5.0, vec![0.0, 0.0]),
    };
    let mut theta = vec![0.0, 0.0];
    let done = Lbfgs::default().minimize(&mut counted(corner, 2), &mut theta, &Stop::default()).expect("deterministic");
    assert_eq!((done.end, done.value, done.steps), (End::Gradient, -2.0, 2), "{theta:?}");
}

#[test]
fn a_direction_upward_is_not_taken() {
    // No slope that a search would end at, and a direction of conjugate gradients that would lead upward: down the gradient
    // instead, 0.01 far, for the same fall to first order as in the step before.
    let spikes: Function = |x| match x[0] {
        1.0 => (-1.0, vec![100.0]),
        x if (x - 0.99).abs() < 1e-9 => (-2.0, vec![0.0]),
        _ => (0.0, vec![-1.0]),
    };
    let mut theta = vec![0.0];
    let done = NonlinearConjugateGradient.minimize(&mut counted(spikes, 1), &mut theta, &Stop::default());
    let done = done.expect("deterministic");
    assert_eq!((done.end, done.value, done.steps), (End::Gradient, -2.0, 2), "{theta:?}");
}

/// Another batch at every call.
struct Batches(f64);

impl Objective<f64> for Batches {
    fn len(&self) -> usize {
        1
    }
    fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.0 += 0.25;
        grad[0] = theta[0] - self.0;
        0.5 * grad[0] * grad[0]
    }
}

#[test]
fn a_stochastic_objective_is_refused_in_one_line() {
    for solver in solvers::<f64>() {
        let mut theta = [1.0];
        let refused = solver.minimize(&mut Batches(0.0), &mut theta, &Stop::default());
        assert_eq!(refused, Err(SolverError::Stochastic { first: 0.28125, second: 0.125 }));
        assert_eq!(theta, [1.0]);
        let line = refused.map_err(|error| error.to_string()).expect_err("refused");
        let want = "solver: value and gradient should be the same in two calls with one theta, got the values 0.28125 and 0.125: \
                    for batches and noise take a chain of links";
        assert_eq!(line, want);
    }
}

/// A matrix B(θ), by its entries.
struct Entries<F>(F, Vec<f64>);

impl<S: Scalar, F: Fn(&[f64], usize, usize) -> f64> Curvature<S> for Entries<F> {
    fn at(&mut self, theta: &[S]) {
        self.1 = theta.iter().map(|x| x.value()).collect();
    }
    fn product(&mut self, v: &[S], out: &mut [S]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = S::of(v.iter().enumerate().map(|(j, v)| (self.0)(&self.1, i, j) * v.value()).sum());
        }
    }
}

/// 2 JᵀJ of the residuals 10 (y − x²) and 1 − x.
fn rosenbrocks_gauss_newton(x: &[f64], i: usize, j: usize) -> f64 {
    let jacobian = [[-20.0 * x[0], 10.0], [-1.0, 0.0]];
    2.0 * jacobian.iter().map(|row| row[i] * row[j]).sum::<f64>()
}

#[test]
fn hessian_free_goes_down_the_valley_and_solves_quadratics() {
    let stop = Stop { gradient: 1e-8, evaluations: 300 };
    let (mut theta, mut f) = (vec![-1.2, 1.0], counted(rosenbrock, 2));
    let mut valley = Entries(rosenbrocks_gauss_newton, Vec::new());
    let done = HessianFree::default().minimize(&mut f, &mut valley, &mut theta, &stop).expect("deterministic");
    assert_eq!((done.end, done.evaluations as u64), (End::Gradient, f.evaluations), "{done:?}");
    assert!(theta.iter().all(|x| (x - 1.0).abs() < 1e-7) && done.value == rosenbrock(&theta).0);

    let diagonal = |_: &[f64], i: usize, j: usize| if i == j { (i + 1) as f64 } else { 0.0 };
    let mut theta = vec![0.0f32; 20];
    let stop = Stop { gradient: 1e-3, evaluations: 100 };
    let done = HessianFree::default()
        .minimize(&mut counted(quadratic, 20), &mut Entries(diagonal, Vec::new()), &mut theta, &stop)
        .expect("deterministic");
    assert_eq!(done.end, End::Gradient);
    // Undamped, one step is Newton's.
    let exact = HessianFree { damping: 1e-12, products: 40, ..HessianFree::default() };
    let (mut theta, stop) = (vec![0.0; 20], Stop { gradient: 1e-8, evaluations: 100 });
    let done = exact
        .minimize(&mut counted(quadratic, 20), &mut Entries(diagonal, Vec::new()), &mut theta, &stop)
        .expect("deterministic");
    assert!(done.end == End::Gradient && done.steps <= 2, "{done:?}");
}

#[test]
fn hessian_free_keeps_its_limits() {
    let diagonal = |_: &[f64], i: usize, j: usize| f64::from(u8::from(i == j));
    let minimize = |f: &mut dyn Objective<f64>, theta: &mut [f64]| {
        HessianFree::default().minimize(f, &mut Entries(diagonal, Vec::new()), theta, &Stop::default())
    };
    assert_eq!(minimize(&mut Batches(0.0), &mut [1.0]), Err(SolverError::Stochastic { first: 0.28125, second: 0.125 }));
    let nan = minimize(&mut counted(|_| (f64::NAN, vec![1.0]), 1), &mut [1.0]).expect("data");
    assert_eq!((nan.end, nan.evaluations), (End::NotFinite, 1));
    // The slope claims a descent that is not there.
    let mut theta = [1.0];
    let stuck = minimize(&mut counted(|x| (-x[0], vec![1.0]), 1), &mut theta).expect("data");
    assert!(stuck.end != End::Gradient && theta == [1.0], "{stuck:?} at {theta:?}");
    let refused = HessianFree { damping: 0.0, ..HessianFree::default() };
    assert_eq!(refused.check(), Err("damping should be finite and above 0, got 0".into()));
    let none = HessianFree { products: 0, ..HessianFree::default() };
    assert_eq!(none.check(), Err("products should be at least 1, got 0".into()));
    for (adapt, shown) in [(0.0, "0"), (1.0, "1"), (f64::NAN, "NaN")] {
        let refused = HessianFree { adapt, ..HessianFree::default() };
        assert_eq!(refused.check(), Err(format!("adapt should be above 0 and below 1, got {shown}")));
    }
}
