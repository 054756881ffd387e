//! The causes, one file each. The order is the order of preference between causes whose removal gains about the same: the
//! simpler change first.

mod capacity_too_small;
mod dead_units;
mod exploding_gradient;
mod inputs_not_scaled;
mod non_finite;
mod overfitting;
mod rate_too_high;
mod rate_too_low;
mod saturated_units;
mod too_few_epochs;
mod vanishing_gradient;

use crate::cause::Cause;

/// Every cause that is looked for.
pub const ALL: &[&dyn Cause] = &[
    &inputs_not_scaled::InputsNotScaled,
    &rate_too_high::RateTooHigh,
    &rate_too_low::RateTooLow,
    &vanishing_gradient::VanishingGradient,
    &saturated_units::SaturatedUnits,
    &dead_units::DeadUnits,
    &exploding_gradient::ExplodingGradient,
    &overfitting::Overfitting,
    &too_few_epochs::TooFewEpochs,
    &capacity_too_small::CapacityTooSmall,
    &non_finite::NonFinite,
];

/// `1.2e-7` or `0.34`: three figures.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 || (1e-3..1e4).contains(&value.abs()) {
        let digits = (2 - value.abs().max(1e-3).log10().floor() as i32).clamp(0, 5) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.1e}")
    }
}
