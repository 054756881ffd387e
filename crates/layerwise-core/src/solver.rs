//! Minimizers that drive an objective themselves, with line searches or with products of its curvature. They need one that is the
//! same at every call; the noisy gradients of batches are for chains of links ([`crate::Link`]).

use std::fmt;

use layerwise_tensor::Scalar;

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
}

impl fmt::Display for SolverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SolverError::Stochastic { first, second } = self;
        let what = "value and gradient should be the same in two calls with one theta";
        write!(f, "solver: {what}, got the values {first} and {second}: for batches and noise take a chain of links")
    }
}

impl std::error::Error for SolverError {}
