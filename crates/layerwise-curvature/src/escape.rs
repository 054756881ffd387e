//! A step along a direction of negative curvature, f(θ ± s v) ≈ f(θ) + λ s²/2 with λ = vᵀ∇²f v < 0, from a θ whose gradient is small.
//!
//! Source: Moré and Sorensen (1979), "On the use of directions of negative curvature in a modified Newton method": the step is halved
//! until f falls by a share of what the model says. Both signs are tried, for a gradient that is rounding or noise tells none.

use layerwise_core::{Objective, Real};
use layerwise_tensor::orthogonal;

/// The share of λ s²/2 that f is to fall by.
const DECREASE: f64 = 0.25;
const HALVINGS: i32 = 40;

/// What is larger than this share of the largest curvature is no rounding: a direction with less leads nowhere.
pub(crate) const FLAT: f64 = 1e-6;

/// Moves `there` to the lower of θ ± s v for the largest s = 1, 1/2, … that is good enough, and returns f there, with its gradient in
/// `grad`; `None` if no s is. Counts the evaluations.
pub(crate) fn escape<T: Real>(
    f: &mut dyn Objective<T>,
    (theta, value): (&[T], f64),
    (v, curvature): (&[T], f64),
    (there, grad): (&mut [T], &mut [T]),
    evaluations: &mut usize,
) -> Option<f64> {
    let mut at = |step: f64| {
        there.copy_from_slice(theta);
        orthogonal::add_combination(there, &[v], &[step]);
        *evaluations += 1;
        f.eval(there, grad).value()
    };
    for halvings in 0..HALVINGS {
        let step = 0.5f64.powi(halvings);
        let (ahead, back) = (at(step), at(-step));
        // False for NaN.
        let falls = |value_there: f64| value_there <= value + 0.5 * DECREASE * curvature * step * step;
        if falls(back) && !(falls(ahead) && ahead < back) {
            return Some(back);
        }
        if falls(ahead) {
            return Some(at(step));
        }
    }
    None
}
