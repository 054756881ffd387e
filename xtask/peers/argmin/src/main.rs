//! How many evaluations argmin's L-BFGS and nonlinear conjugate gradient take to the minima of its test functions:
//! `cargo run --release > ../../../crates/layerwise-optimizers/tests/all/reference/argmin.json`.
//!
//! An evaluation is one of the value or one of the gradient; they are counted until a value within 10⁻⁸ of the minimum is seen.
//! Both solvers have argmin's defaults (line search of Moré and Thuente, ten pairs) except that they go on for up to 1000
//! iterations.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::rc::Rc;

use argmin::core::{CostFunction, Error, Executor, Gradient};
use argmin::solver::conjugategradient::NonlinearConjugateGradient;
use argmin::solver::conjugategradient::beta::PolakRibierePlus;
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use argmin_testfunctions as functions;

const NEAR: f64 = 1e-8;

/// A test function, where it is started from, and the value of the minimum there.
#[derive(Clone)]
struct Case {
    name: &'static str,
    value: fn(&[f64]) -> f64,
    gradient: fn(&[f64]) -> Vec<f64>,
    start: Vec<f64>,
    minimum: f64,
}

/// Evaluations of the value and of the gradient so far, and when the minimum was reached.
#[derive(Default)]
struct Counts {
    values: u64,
    gradients: u64,
    reached: Option<[u64; 2]>,
}

struct Counted(Case, Rc<RefCell<Counts>>);

impl CostFunction for Counted {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        let (value, mut counts) = ((self.0.value)(x), self.1.borrow_mut());
        counts.values += 1;
        if counts.reached.is_none() && value <= self.0.minimum + NEAR {
            counts.reached = Some([counts.values, counts.gradients]);
        }
        Ok(value)
    }
}

impl Gradient for Counted {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.1.borrow_mut().gradients += 1;
        Ok((self.0.gradient)(x))
    }
}

/// Evaluations until the minimum was reached, or `null`.
macro_rules! evaluations {
    ($case:expr, $solver:expr) => {{
        let counts = Rc::new(RefCell::new(Counts::default()));
        let problem = Counted($case.clone(), counts.clone());
        let start = $case.start.clone();
        let run = Executor::new(problem, $solver).configure(|state| state.param(start).max_iters(1000)).run();
        if let Ok(run) = run {
            eprintln!("{}: {} after {:?}", $case.name, run.state().get_best_cost(), counts.borrow().reached);
        }
        let counts = counts.borrow();
        counts.reached.map_or("null".to_owned(), |[values, gradients]| format!("[{values}, {gradients}]"))
    }};
}

macro_rules! two {
    ($f:path) => {
        |x: &[f64]| $f(&[x[0], x[1]])
    };
    ($f:path, gradient) => {
        |x: &[f64]| $f(&[x[0], x[1]]).to_vec()
    };
}

fn main() {
    let mut cases = Vec::new();
    let mut case = |name, value: fn(&[f64]) -> f64, gradient: fn(&[f64]) -> Vec<f64>, minimum, starts: &[&[f64]]| {
        cases.extend(starts.iter().map(|start| Case { name, value, gradient, start: start.to_vec(), minimum }));
    };
    let four: [&[f64]; 3] = [&[-1.2, 1.0], &[0.0, 0.0], &[-1.2, 1.0, -1.2, 1.0]];
    case("rosenbrock", functions::rosenbrock, functions::rosenbrock_derivative, 0.0, &four);
    let [value, gradient]: [fn(&[f64]) -> f64; 2] = [two!(functions::himmelblau), two!(functions::beale)];
    case(
        "himmelblau",
        value,
        two!(functions::himmelblau_derivative, gradient),
        0.0,
        &[&[0.0, 0.0], &[-4.0, 1.0], &[5.0, -4.0]],
    );
    case("beale", gradient, two!(functions::beale_derivative, gradient), 0.0, &[&[1.0, 1.0], &[0.0, -1.0]]);
    case(
        "booth",
        two!(functions::booth),
        two!(functions::booth_derivative, gradient),
        0.0,
        &[&[0.0, 0.0], &[-7.0, 9.0]],
    );
    case("matyas", two!(functions::matyas), two!(functions::matyas_derivative, gradient), 0.0, &[&[8.0, 3.0]]);
    case("sphere", functions::sphere, functions::sphere_derivative, 0.0, &[&[3.0, -2.0, 0.5]]);
    let camel = two!(functions::threehumpcamel);
    case("three-hump-camel", camel, two!(functions::threehumpcamel_derivative, gradient), 0.0, &[&[0.5, 0.7]]);
    let goldstein = two!(functions::goldsteinprice);
    case(
        "goldstein-price",
        goldstein,
        two!(functions::goldsteinprice_derivative, gradient),
        3.0,
        &[&[0.2, -0.8], &[-0.3, -1.2]],
    );
    let styblinski = -39.166165703771412;
    let starts: [&[f64]; 1] = [&[-2.0, -4.0]];
    case(
        "styblinski-tang",
        functions::styblinski_tang,
        functions::styblinski_tang_derivative,
        2.0 * styblinski,
        &starts,
    );
    let mccormick = -1.9132229549810362;
    case(
        "mccormick",
        two!(functions::mccormick),
        two!(functions::mccormick_derivative, gradient),
        mccormick,
        &[&[0.0, 0.0]],
    );
    case("rastrigin", functions::rastrigin, functions::rastrigin_derivative, 0.0, &[&[0.1, -0.05, 0.08]]);
    case("ackley", functions::ackley, functions::ackley_derivative, 0.0, &[&[0.2, -0.1]]);

    let mut lines = Vec::new();
    for case in &cases {
        let lbfgs = evaluations!(case, LBFGS::new(MoreThuenteLineSearch::new(), 10));
        let search = MoreThuenteLineSearch::new().with_c(1e-4, 0.1).expect("constants");
        let cg = evaluations!(
            case,
            NonlinearConjugateGradient::new(search, PolakRibierePlus::new()).restart_orthogonality(0.1)
        );
        let (value, gradient) = ((case.value)(&case.start), (case.gradient)(&case.start));
        lines.push(format!(
            "  {{\"name\": {:?}, \"start\": {:?}, \"value\": {value:?}, \"gradient\": {gradient:?}, \"minimum\": {:?}, \"lbfgs\": {lbfgs}, \"conjugate_gradient\": {cg}}}",
            case.name, case.start, case.minimum
        ));
    }
    println!(
        "{{\n \"argmin\": \"0.11.0\", \"argmin_testfunctions\": \"0.3.0\", \"near\": {NEAR:?},\n \"runs\": [\n{}\n ]\n}}",
        lines.join(",\n")
    );
}
