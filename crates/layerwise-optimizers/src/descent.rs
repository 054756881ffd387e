//! θ ← θ + α d with d from a method and α from a line search, again and again: what L-BFGS and conjugate gradients share.

use layerwise_core::{End, Minimized, Objective, SolverError, Stop};
use layerwise_tensor::orthogonal::dot;
use layerwise_tensor::{Buf, Scalar, elementwise};

use crate::global_norm;
use crate::line_search::{Line, Trial, Wolfe};

/// c₂ of a first step, at most.
const FIRST_SLOPE: f64 = 0.1;

/// The step that led to where θ is.
pub(crate) struct Before<'a, S> {
    /// ∇f before it.
    pub grad: &'a [S],
    /// α.
    pub step: f64,
    /// ∇fᵀ d before it.
    pub slope: f64,
}

/// Minimizes f along directions. `turn` has ∇f(θ), the step before unless it is to start anew, and d, which it replaces; it
/// returns a first guess for α.
///
/// Errors: the objective is not the same twice.
pub(crate) fn descend<S: Scalar>(
    f: &mut dyn Objective<S>,
    theta: &mut [S],
    stop: &Stop,
    wolfe: Wolfe,
    mut turn: impl FnMut(&[S], Option<Before<'_, S>>, &mut [S]) -> f64,
) -> Result<Minimized, SolverError> {
    let [mut grad, mut grad_there, mut there, mut direction] = [(); 4].map(|()| Buf::zeros(theta.len()));
    let mut done = Minimized::begin(f, theta, &mut grad, &mut grad_there)?;
    if done.end == End::NotFinite {
        return Ok(done);
    }
    let mut before = None;
    done.end = loop {
        done.gradient = global_norm(&grad);
        if done.gradient <= stop.gradient {
            break End::Gradient;
        }
        if done.evaluations >= stop.evaluations {
            break End::Evaluations;
        }
        let anew = before.is_none();
        let guess = turn(&grad, before.map(|(step, slope)| Before { grad: &grad_there, step, slope }), &mut direction);
        let slope = dot(&grad, &direction);
        let left = stop.evaluations - done.evaluations;
        let (start, there_now) = (&*theta, &mut there[..]);
        let mut line = Line { f, start, direction: &direction, theta: there_now, grad: &mut grad_there, left };
        // The first step sets the scale of all that is learned from it.
        let wolfe = if anew { Wolfe { slope: wolfe.slope.min(FIRST_SLOPE), ..wolfe } } else { wolfe };
        let found = line.search(Trial { step: 0.0, value: done.value, slope }, guess, wolfe);
        done.evaluations += left - line.left;
        match found {
            Some(found) => {
                theta.copy_from_slice(&there);
                std::mem::swap(&mut grad, &mut grad_there);
                (done.value, before) = (found.value, Some((found.step, slope)));
                done.steps += 1;
                if !f.stepped(theta, done.value) {
                    done.gradient = global_norm(&grad);
                    break End::Asked;
                }
            }
            None if done.evaluations >= stop.evaluations => break End::Evaluations,
            None if anew => break End::NoProgress,
            // What the method remembers may mislead it.
            None => before = None,
        }
    };
    Ok(done)
}

/// The first guess without experience: a step of length 1, or of the gradient if that is shorter.
pub(crate) fn first_guess<S: Scalar>(grad: &[S]) -> f64 {
    (1.0 / global_norm(grad)).min(1.0)
}

/// d ← −g.
pub(crate) fn steepest<S: Scalar>(direction: &mut [S], grad: &[S]) {
    elementwise::zip(direction, grad, |d, g| *d = -g);
}
