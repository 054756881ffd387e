//! Minimizers that drive an objective themselves, with line searches or with products of its curvature. They need one that is the
//! same at every call; the noisy gradients of batches are for chains of links ([`crate::Link`]).

use std::fmt;

use layerwise_tensor::orthogonal::dot;
use layerwise_tensor::{Scalar, elementwise};

use crate::objective::Objective;

/// Moves θ to a minimum of an objective. It owns no numbers: all memory of a minimization is made in it.
pub trait Solver<S: Scalar>: fmt::Debug {
    /// Minimizes f from θ, which ends at the best point that was found.
    ///
    /// Cost: the objective is evaluated once more than it would have to be, to see whether it is the same twice.
    /// Errors: it is not: [`SolverError::Stochastic`].
    fn minimize(&self, f: &mut dyn Objective<S>, theta: &mut [S], stop: &Stop) -> Result<Minimized, SolverError>;
}

/// When a minimization ends, if it does not end by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Once ‖∇f(θ)‖₂ is at most this.
    pub gradient: f64,
    /// After so many evaluations of f with its gradient.
    pub evaluations: usize,
}

/// A gradient of 10⁻⁶ or 1,000 evaluations.
impl Default for Stop {
    fn default() -> Self {
        Stop { gradient: 1e-6, evaluations: 1000 }
    }
}

/// Why a minimization ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The gradient is as small as [`Stop::gradient`].
    Gradient,
    /// All evaluations of [`Stop::evaluations`] are done.
    Evaluations,
    /// No step brings f down any more: the rest of the gradient is rounding, or θ is at a kink.
    NoProgress,
    /// f or its gradient is not finite where θ started.
    NotFinite,
    /// [`Objective::stepped`] asked for it.
    Asked,
}

/// What a minimization gave; θ is where the numbers are from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minimized {
    /// f(θ).
    pub value: f64,
    /// ‖∇f(θ)‖₂.
    pub gradient: f64,
    /// Steps of θ.
    pub steps: usize,
    /// Evaluations of f with its gradient.
    pub evaluations: usize,
    /// Why it ended.
    pub end: End,
}

impl Minimized {
    /// The start of every minimization: evaluates f at θ, twice. Both `grad` and `again` hold ∇f(θ) then.
    ///
    /// The end is [`End::NotFinite`] if f is not finite there, else [`End::Evaluations`]: nothing is done yet.
    /// Errors: the objective is not the same twice. Panics: unless θ, `grad` and `again` have the length of f.
    pub fn begin<S: Scalar>(
        f: &mut dyn Objective<S>,
        theta: &[S],
        grad: &mut [S],
        again: &mut [S],
    ) -> Result<Minimized, SolverError> {
        let value = f.eval(theta, grad).value();
        let gradient = dot(grad, grad).sqrt();
        let done = Minimized { value, gradient, steps: 0, evaluations: 1, end: End::NotFinite };
        if !value.is_finite() || !elementwise::all_finite(grad) {
            return Ok(done);
        }
        let second = f.eval(theta, again).value();
        if second != value || *again != *grad {
            return Err(SolverError::Stochastic { first: value, second });
        }
        Ok(Minimized { evaluations: 2, end: End::Evaluations, ..done })
    }
}

/// What a solver refuses.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SolverError {
    /// An objective that changes between two calls with the same θ: its batch is drawn anew, or its noise.
    Stochastic {
        /// f(θ) at first.
        first: f64,
        /// And then.
        second: f64,
    },
    /// The curvature cannot be had: too many parameters for all of it, a product that is not finite.
    Curvature(String),
}

impl fmt::Display for SolverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SolverError::Stochastic { first, second } => {
                let what = "value and gradient should be the same in two calls with one theta";
                let instead = "for batches and noise take a chain of links";
                write!(f, "solver: {what}, got the values {first} and {second}: {instead}")
            }
            SolverError::Curvature(problem) => write!(f, "solver: {problem}"),
        }
    }
}

impl std::error::Error for SolverError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// f = 3 θ₀ + 4 θ₁ plus `drift` more at every call, `tilt` more of which is in the gradient.
    struct Plane {
        calls: f64,
        drift: f64,
        tilt: f64,
    }

    impl Objective<f64> for Plane {
        fn len(&self) -> usize {
            2
        }
        fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
            grad.copy_from_slice(&[3.0 + self.tilt * self.calls, 4.0]);
            self.calls += 1.0;
            3.0 * theta[0] + 4.0 * theta[1] + self.drift * self.calls
        }
    }

    fn begin(theta: [f64; 2], drift: f64, tilt: f64) -> (Result<Minimized, SolverError>, f64) {
        let mut f = Plane { calls: 0.0, drift, tilt };
        let (mut grad, mut again) = ([f64::NAN; 2], [f64::NAN; 2]);
        let done = Minimized::begin(&mut f, &theta, &mut grad, &mut again);
        assert_eq!(grad, [3.0, 4.0]);
        (done, f.calls)
    }

    #[test]
    fn an_objective_is_looked_at_twice_before_it_is_minimized() {
        let start = Minimized { value: 11.0, gradient: 5.0, steps: 0, evaluations: 2, end: End::Evaluations };
        assert_eq!(begin([1.0, 2.0], 0.0, 0.0), (Ok(start), 2.0));
        let stochastic = |first: f64, second: f64| (Err(SolverError::Stochastic { first, second }), 2.0);
        assert_eq!(begin([1.0, 2.0], 0.5, 0.0), stochastic(11.5, 12.0));
        assert_eq!(begin([1.0, 2.0], 0.0, 0.5), stochastic(11.0, 11.0));
        // ∞ · 0 in the gradient.
        let mut f = Plane { calls: 0.0, drift: 0.0, tilt: f64::INFINITY };
        let steep = Minimized::begin(&mut f, &[1.0, 2.0], &mut [0.0; 2], &mut [0.0; 2]);
        assert_eq!((steep.map(|done| (done.value, done.end)), f.calls), (Ok((11.0, End::NotFinite)), 1.0));
        let (done, calls) = begin([1.0, f64::INFINITY], 0.0, 0.0);
        assert_eq!((done.map(|done| (done.evaluations, done.end)), calls), (Ok((1, End::NotFinite)), 1.0));
        assert!(Plane { calls: 0.0, drift: 0.0, tilt: 0.0 }.stepped(&[1.0, 2.0], 11.0));
    }

    #[test]
    fn what_is_refused_is_said_in_one_line() {
        let both = SolverError::Stochastic { first: 1.5, second: 2.0 }.to_string();
        assert!(both.contains("got the values 1.5 and 2: for batches and noise take a chain of links"), "{both}");
        assert_eq!(SolverError::Curvature("too large".into()).to_string(), "solver: too large");
    }
}
