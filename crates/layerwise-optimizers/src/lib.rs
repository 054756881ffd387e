//! Optimizers: chains of links, for the noisy gradients of batches, and solvers, for an objective that stays the same.
//!
//! First-order optimizers are chains of links over flat vectors. The gradient enters, each link rewrites it in place, and what
//! leaves is the update that is subtracted, θ ← θ − update.
//!
//! ```
//! use layerwise_optimizers::{AddMomentum, ClipByGlobalNorm, Optimizer, ScaleByRate};
//!
//! // Heavy-ball descent on f(θ) = |θ|²/2, whose gradient is θ.
//! let optimizer = Optimizer::default()
//!     .then(ClipByGlobalNorm { limit: 1.0 })
//!     .then(AddMomentum { momentum: 0.9, nesterov: false })
//!     .then(ScaleByRate { schedule: 0.1 });
//! let mut theta = [3.0, -4.0];
//! let mut state = optimizer.state::<f64>(theta.len());
//! for _ in 0..300 {
//!     let mut grad = theta;
//!     optimizer.step(&mut theta, &mut grad, &[1.0, 1.0], 1.0, &mut state);
//! }
//! assert!(theta.iter().all(|t| t.abs() < 1e-3));
//! ```
//!
//! A link of your own is one `impl Transform` and one `impl Link`:
//!
//! ```
//! use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
//! use layerwise_optimizers::{Optimizer, ScaleByRate};
//! use layerwise_tensor::{Scalar, elementwise};
//!
//! /// update ← sign(update); signSGD (Bernstein et al. 2018).
//! #[derive(Debug)]
//! struct TakeSign;
//!
//! impl<S: Scalar> Transform<S> for TakeSign {
//!     fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
//!         Default::default()
//!     }
//!     fn apply(&self, update: &mut [S], _state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
//!         let sign = |x: S| S::select(x > S::ZERO, S::ONE, S::select(x < S::ZERO, -S::ONE, S::ZERO));
//!         elementwise::each(update, |u| *u = sign(*u));
//!     }
//! }
//! impl Link for TakeSign {}
//!
//! let optimizer = Optimizer::default().then(TakeSign).then(ScaleByRate { schedule: 0.5 });
//! let (mut theta, mut grad) = ([1.0_f32, 2.0], [7.0_f32, -0.1]);
//! optimizer.step(&mut theta, &mut grad, &[1.0, 1.0], 1.0, &mut optimizer.state(2));
//! assert_eq!(theta, [0.5, 2.5]);
//! ```
//!
//! Configuration files name ready chains through [`Optimizers`] and schedules through [`Schedules`]. A link that acts on whole
//! weight matrices ([`OrthogonalizeMatrices`], in [`muon`], and [`ClipByUnitRatio`]) learns from [`Optimizer::on`] where they are. Links that average
//! ([`AverageParameters`], [`FreeFromSchedule`]) have other parameters evaluated than those they step: [`Optimizer::average`].
//!
//! Solvers ([`Lbfgs`], [`NonlinearConjugateGradient`]) drive an objective themselves. It must be the same at every call: the risk on
//! all rows, without noise. [`HessianFree`] takes products of its curvature beside it.
//!
//! ```
//! use layerwise_core::{Objective, Solver, Stop};
//! use layerwise_optimizers::Lbfgs;
//!
//! /// (1 − x)² + 100 (y − x²)², Rosenbrock's valley.
//! struct Valley;
//! impl Objective<f64> for Valley {
//!     fn len(&self) -> usize {
//!         2
//!     }
//!     fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
//!         let (x, gap) = (theta[0], theta[1] - theta[0] * theta[0]);
//!         grad.copy_from_slice(&[2.0 * (x - 1.0) - 400.0 * x * gap, 200.0 * gap]);
//!         (1.0 - x).powi(2) + 100.0 * gap * gap
//!     }
//! }
//!
//! let mut theta = [-1.2, 1.0];
//! let done = Lbfgs::default().minimize(&mut Valley, &mut theta, &Stop::default())?;
//! assert!(theta.iter().all(|t| (t - 1.0).abs() < 1e-6) && done.evaluations < 60);
//! # Ok::<(), layerwise_core::SolverError>(())
//! ```
//!
//! With the feature `argmin`, `argmin::Problem` hands any objective to the solvers of that crate.
//!
//! Deliberately absent: L2 penalties inside an optimizer (a regularizer adds them to the gradient) and per-group rates.
#![forbid(unsafe_code)]

mod add_momentum;
#[cfg(feature = "argmin")]
pub mod argmin;
mod average_parameters;
mod blend_momentum;
mod clip_by_global_norm;
mod clip_by_unit_ratio;
mod clip_by_value;
mod config;
mod decay_weights;
mod descent;
mod free_from_schedule;
mod hessian_free;
mod lbfgs;
mod line_search;
mod nonlinear_conjugate_gradient;
mod only;
mod optimizer;
mod orthogonalize_matrices;
mod plateau;
mod ready;
mod scale_by_adagrad;
mod scale_by_adam;
mod scale_by_adamax;
mod scale_by_amsgrad;
mod scale_by_nadam;
mod scale_by_radam;
mod scale_by_rate;
mod scale_by_rms;
mod schedule;
mod take_sign;
#[cfg(test)]
mod testing;

pub use add_momentum::AddMomentum;
pub use average_parameters::{AverageParameters, Averaging};
pub use blend_momentum::BlendMomentum;
pub use clip_by_global_norm::{ClipByGlobalNorm, global_norm};
pub use clip_by_unit_ratio::ClipByUnitRatio;
pub use clip_by_value::ClipByValue;
pub use config::{
    Adagrad, Adam, Adamax, Adamw, Amsgrad, Lion, Muon, Nadam, Optimizers, Radam, Rmsprop, ScheduleFreeAdamw,
    ScheduleFreeSgd, Sgd,
};
pub use decay_weights::{DecayOn, DecayWeights};
pub use free_from_schedule::FreeFromSchedule;
pub use hessian_free::{HessianFree, HessianFreeState, HessianFreeStep};
pub use lbfgs::Lbfgs;
pub use nonlinear_conjugate_gradient::NonlinearConjugateGradient;
pub use only::Only;
pub use optimizer::{CHUNK, Optimizer, State};
pub use orthogonalize_matrices::OrthogonalizeMatrices;
pub use plateau::{Plateau, ReduceOnPlateau};
pub use ready::{
    adagrad, adam, adamax, adamw, amsgrad, lion, momentum, muon, nadam, nesterov, radam, rmsprop, schedule_free_adamw,
    schedule_free_sgd, sgd,
};
pub use scale_by_adagrad::ScaleByAdagrad;
pub use scale_by_adam::ScaleByAdam;
pub use scale_by_adamax::ScaleByAdamax;
pub use scale_by_amsgrad::ScaleByAmsgrad;
pub use scale_by_nadam::ScaleByNadam;
pub use scale_by_radam::ScaleByRadam;
pub use scale_by_rate::{ScaleByRate, Scheduled};
pub use scale_by_rms::ScaleByRms;
pub use schedule::Schedules;
pub use take_sign::TakeSign;

/// `name should be what, got value`, unless it holds.
fn should(holds: bool, name: &str, what: &str, value: impl std::fmt::Display) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{name} should be {what}, got {value}")) }
}

/// A share in [0, 1): momenta and decay rates of averages.
fn check_share(name: &str, value: f64) -> Result<(), String> {
    should((0.0..1.0).contains(&value), name, "in [0, 1)", value)
}

/// Rates and strengths.
fn check_rate(name: &str, value: f64) -> Result<(), String> {
    should(value.is_finite() && value >= 0.0, name, "finite and at least 0", value)
}

/// Limits and factors.
fn check_positive(name: &str, value: f64) -> Result<(), String> {
    should(value.is_finite() && value > 0.0, name, "finite and above 0", value)
}

/// The ε of a denominator: it must not round to 0 in f32, or units without gradient give 0/0.
fn check_epsilon(value: f64) -> Result<(), String> {
    should(value.is_finite() && value >= 1e-37, "epsilon", "finite and at least 1e-37", value)
}

/// xⁿ by squaring: the same bits everywhere, which `f64::powi` does not promise.
fn power(x: f64, mut n: u64) -> f64 {
    let (mut result, mut square) = (1.0, x);
    while n > 0 {
        if n % 2 == 1 {
            result *= square;
        }
        square *= square;
        n /= 2;
    }
    result
}
