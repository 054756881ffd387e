//! d_{k+1} = −∇f_{k+1} + β d_k with β = max(0, ∇f_{k+1}ᵀ (∇f_{k+1} − ∇f_k) / ‖∇f_k‖²), and d = −∇f again where consecutive
//! gradients are far from orthogonal, |∇f_{k+1}ᵀ ∇f_k| ≥ 0.1 ‖∇f_{k+1}‖², or d does not lead downward.
//!
//! Source: Polak & Ribière (1969), "Note sur la convergence de méthodes de directions conjuguées", with the maximum of Gilbert &
//! Nocedal (1992), "Global convergence properties of conjugate gradient methods for optimization", and the restart of Powell
//! (1977); Nocedal & Wright (2006), equations 5.44, 5.45 and 5.52.

use layerwise_core::{Minimized, Objective, Solver, SolverError, Stop};
use layerwise_tensor::orthogonal::dot;
use layerwise_tensor::{Scalar, elementwise};

use crate::descent::{descend, first_guess, steepest};
use crate::line_search::Wolfe;

/// Nocedal & Wright's for conjugate gradients, whose directions are only as good as the searches.
const WOLFE: Wolfe = Wolfe { decrease: 1e-4, slope: 0.1 };
/// ν of the restart.
const FAR_FROM_ORTHOGONAL: f64 = 0.1;

/// Minimizes along conjugate directions, from the last gradient and direction alone: where [`Lbfgs`](crate::Lbfgs) has no room
/// for its pairs.
///
/// Cost: about two evaluations a step. It keeps 4 vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonlinearConjugateGradient;

impl<S: Scalar> Solver<S> for NonlinearConjugateGradient {
    fn minimize(&self, f: &mut dyn Objective<S>, theta: &mut [S], stop: &Stop) -> Result<Minimized, SolverError> {
        descend(f, theta, stop, WOLFE, |grad, before, direction| {
            let Some(before) = before else {
                steepest(direction, grad);
                return first_guess(grad);
            };
            let [now, then, both] = [dot(grad, grad), dot(before.grad, before.grad), dot(grad, before.grad)];
            let beta = if both.abs() >= FAR_FROM_ORTHOGONAL * now { 0.0 } else { ((now - both) / then).max(0.0) };
            let share = S::of(beta);
            elementwise::zip(direction, grad, |d, g| *d = share * *d - g);
            let mut slope = dot(grad, direction);
            if slope >= 0.0 {
                steepest(direction, grad);
                slope = -now;
            }
            // The same fall of f to first order as in the step before.
            before.step * before.slope / slope
        })
    }
}
