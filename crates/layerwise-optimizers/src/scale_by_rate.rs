//! update ← α_k update: the learning rate, usually the last link.

use layerwise_core::{Chunk, Link, Numbers, Planes, Schedule, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::{Schedules, check_rate};

/// Multiplies by the scheduled learning rate and by the trainer's `rate_factor`. A plain `f64` is the constant schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByRate<T> {
    /// The learning rate over time.
    pub schedule: T,
}

impl<T: Schedule> ScaleByRate<T> {
    /// Errors: a first rate that is negative or not finite.
    pub fn check(&self) -> Result<(), String> {
        check_rate("rate", self.schedule.at(1))
    }

    fn value(&self, at: &Step) -> f64 {
        self.schedule.at(at.count) * at.rate_factor
    }
}

impl<S: Scalar, T: Schedule> Transform<S> for ScaleByRate<T> {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        [self.value(at), 0.0, 0.0, 0.0]
    }
    fn apply(&self, update: &mut [S], _state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        let rate = S::of(numbers[0]);
        elementwise::each(update, |u| *u *= rate);
    }
}

impl<T: Schedule> Link for ScaleByRate<T> {
    fn rate(&self, at: &Step) -> Option<f64> {
        Some(self.value(at))
    }
}

/// A base rate times a schedule of factors.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// The base rate, finite and at least 0.
    pub rate: f64,
    /// The factor over time.
    pub schedule: Schedules,
}

impl Scheduled {
    /// Errors: a rate that is negative or not finite; what the schedule refuses.
    pub fn check(&self) -> Result<(), String> {
        check_rate("rate", self.rate)?;
        self.schedule.check()
    }
}

impl Schedule for Scheduled {
    fn at(&self, step: u64) -> f64 {
        self.rate * self.schedule.at(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_rate_is_base_times_schedule_times_factor() {
        let schedule = Scheduled { rate: 0.75, schedule: Schedules::InverseTime { decay: 1.0 } };
        let link = ScaleByRate { schedule };
        assert_eq!(Link::rate(&link, &Step { count: 3, rate_factor: 0.5 }), Some(0.125));
        testing::check(link, |grads| 0.75 / grads.len() as f64 * grads[grads.len() - 1]);
    }

    #[test]
    fn a_rate_is_finite_and_not_negative() {
        let text = "rate should be finite and at least 0, got -1";
        assert_eq!(ScaleByRate { schedule: -1.0 }.check(), Err(text.into()));
        assert!(Scheduled { rate: f64::INFINITY, schedule: Schedules::Constant }.check().is_err());
        assert_eq!(ScaleByRate { schedule: 0.0 }.check(), Ok(()));
    }
}
