//! An objective of ours under argmin's solvers.

use argmin::core::{CostFunction, Executor, Gradient};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use layerwise_core::Objective;
use layerwise_optimizers::argmin::Problem;

/// (1 − x)² + 100 (y − x²)², and how often it was asked.
struct Valley(usize);

impl Objective<f64> for Valley {
    fn len(&self) -> usize {
        2
    }
    fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
        self.0 += 1;
        let (x, gap) = (theta[0], theta[1] - theta[0] * theta[0]);
        grad.copy_from_slice(&[2.0 * (x - 1.0) - 400.0 * x * gap, 200.0 * gap]);
        (1.0 - x).powi(2) + 100.0 * gap * gap
    }
}

#[test]
fn argmins_lbfgs_minimizes_an_objective() {
    let mut valley = Valley(0);
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 10);
    let run = Executor::new(Problem::new(&mut valley), solver)
        .configure(|state| state.param(vec![-1.2, 1.0]).max_iters(100))
        .run()
        .expect("argmin");
    let theta = run.state.best_param.expect("parameters");
    assert!(theta.iter().all(|x| (x - 1.0).abs() < 1e-6), "{theta:?}");
    // argmin alone takes 45 values and 78 gradients to come within 1e-8 of the minimum, and a few more to its end.
    assert!((45..60).contains(&valley.0), "{} evaluations", valley.0);
}

#[test]
fn value_and_gradient_at_one_place_cost_one_evaluation() {
    let mut valley = Valley(0);
    let problem = Problem::new(&mut valley);
    let (there, here) = (vec![-1.2, 1.0], vec![1.0, 1.0]);
    let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got}, should be {want}");
    close(problem.cost(&there).expect("a value"), 24.2);
    let slopes = problem.gradient(&there).expect("a gradient");
    close(slopes[0], -215.6);
    close(slopes[1], -88.0);
    assert_eq!(problem.gradient(&here).expect("a gradient"), [0.0, 0.0]);
    assert_eq!(problem.cost(&here).expect("a value"), 0.0);
    drop(problem);
    assert_eq!(valley.0, 2);
}
