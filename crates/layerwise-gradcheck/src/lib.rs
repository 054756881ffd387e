//! The gradient check as a library: one line a component in the tests of your own crate.
//!
//! ```
//! use layerwise_core::Activation;
//! use layerwise_tensor::Scalar;
//!
//! /// g(x) = x².
//! #[derive(Clone, Copy, Debug)]
//! struct Square;
//!
//! impl Activation for Square {
//!     const NAME: &'static str = "square";
//!     const RANGE: (f64, f64) = (0.0, f64::INFINITY);
//!     #[inline(always)]
//!     fn value<S: Scalar>(&self, x: S) -> S {
//!         x * x
//!     }
//!     #[inline(always)]
//!     fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
//!         x + x
//!     }
//! }
//!
//! layerwise_gradcheck::check_activation(&Square, 1, 64).assert();
//! ```
//!
//! Two oracles, neither with a tolerance to tune:
//!
//! 1. *Dual numbers.* The same forward source run on a + ε b gives the exact derivative; there is no step size. The hand-written
//!    backward must meet it within [`GATE`] = 256 ulp of the largest gradient of the case (at least 1/16 of ∂L/∂y, as a slope that
//!    crosses 0 is a difference of larger numbers), plus what the comparison itself can lose, 4 n ε Σ|terms| for its n-term sum.
//!    Correct code stays below 10 ulp; a factor of 1 + 1e-9 is caught.
//! 2. *The fundamental theorem of calculus.* f(h) − f(−h) = ∫ f′ along a random line, by Gauss–Legendre with five nodes. It
//!    needs no dual numbers for the gradient, so it also finds a wrong rule *in* the dual numbers; and it checks the second
//!    derivatives (that a backward kernel is itself differentiable, as Hessian-vector products need).
//!
//! Besides: outputs start as NaN and then as 1234.5 and must end in the same bits; gradients are added, not set; batch samples
//! stay apart; at kinks the slope lies between the one-sided derivatives; second derivatives are symmetric; f32 agrees with f64.
//! Cases grow from 1 × 1 with short numbers, so the first failure, which is the one reported, is small.
#![forbid(unsafe_code)]

mod activation;
mod layer;
mod loss;
mod objective;
mod oracle;
mod regularizer;
mod report;

pub use activation::{check_activation, check_pointwise};
pub use layer::{check_layer, check_layer_shapes};
pub use loss::check_loss;
pub use objective::check_objective;
pub use regularizer::check_regularizer;
pub use report::{Failure, GATE, Report};
