//! The rate range test: on a fork of a run the rate grows from step to step by the same factor, until the risk explodes.
//!
//! Source: Smith (2017), "Cyclical learning rates for training neural networks", section 3.3, with a geometric instead of a linear growth,
//! as is usual since. What is read off it: below some rate nothing happens, beyond another the training diverges; a tenth of the rate at
//! which the smoothed risk is lowest is between both.

use layerwise_core::{Real, Step};

use crate::error::TrainError;
use crate::run::{NonFinite, Run};

/// How a rate range is tested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRange {
    /// The first rate.
    pub low: f64,
    /// The last one, if nothing diverges before.
    pub high: f64,
    /// Steps.
    pub steps: usize,
    /// Share of the old value in the average of the risk, whose start is corrected.
    pub smoothing: f64,
    /// It has diverged when the average is so many times its lowest.
    pub diverged: f64,
}

impl Default for RateRange {
    /// From 10⁻⁷ to 10 in 200 steps; averages over ten; diverged at four times the lowest.
    fn default() -> Self {
        RateRange { low: 1e-7, high: 10.0, steps: 200, smoothing: 0.9, diverged: 4.0 }
    }
}

/// A step of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatePoint {
    /// The rate of the step.
    pub rate: f64,
    /// The risk of the next batch, after the step.
    pub value: f64,
    /// Its average.
    pub smooth: f64,
}

/// Why the test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateEnd {
    /// At the last rate.
    Highest,
    /// The average of the risk is far above its lowest.
    Diverged,
    /// A risk or a gradient is not finite.
    NotFinite(NonFinite),
}

/// What a rate range test gave.
#[derive(Clone, Debug, PartialEq)]
pub struct RateCurve {
    /// The steps, by rising rate.
    pub points: Vec<RatePoint>,
    /// Why it ended.
    pub end: RateEnd,
    /// The average of the risk over the batches before the first step of the test: one batch.
    pub start: f64,
}

impl RateRange {
    /// Tests the rates of this run from where it is, on a fork of it: the run itself does not change.
    ///
    /// Cost: so many steps. Errors: a value out of range; an optimizer whose rate is 0 at every factor.
    pub fn test<S: Real>(&self, run: &Run<S>) -> Result<RateCurve, TrainError> {
        self.check()?;
        let mut fork = run.clone();
        let growth = (self.high / self.low).powf(1.0 / (self.steps - 1) as f64);
        let mut curve = RateCurve { points: Vec::with_capacity(self.steps), end: RateEnd::Highest, start: f64::NAN };
        let (mut sum, mut weight, mut lowest) = (0.0, 0.0, f64::INFINITY);
        for k in 0..=self.steps {
            // The last step is only looked at.
            let rate = self.low * growth.powi(k.min(self.steps - 1) as i32);
            let at = Step { count: fork.step_count() + 1, rate_factor: 1.0 };
            let unit = fork.setup().optimizer.rate(&at);
            if !(unit > 0.0 && unit.is_finite()) {
                let problem = format!("should be above 0 for a rate range test, got {unit} at step {}", at.count);
                return Err(TrainError::recipe("optimizer.rate", problem));
            }
            fork.rate_factor = rate / unit;
            let value = match fork.step(&mut []) {
                Ok(value) => value,
                Err(trouble) => {
                    curve.end = RateEnd::NotFinite(trouble);
                    break;
                }
            };
            if k == 0 {
                curve.start = value;
                continue;
            }
            sum = self.smoothing * sum + (1.0 - self.smoothing) * value;
            weight = self.smoothing * weight + (1.0 - self.smoothing);
            let smooth = sum / weight;
            curve.points.push(RatePoint { rate: self.low * growth.powi(k as i32 - 1), value, smooth });
            lowest = smooth.min(lowest);
            if smooth > self.diverged * lowest.max(f64::MIN_POSITIVE) {
                curve.end = RateEnd::Diverged;
                break;
            }
        }
        Ok(curve)
    }

    fn check(&self) -> Result<(), TrainError> {
        let should = |holds: bool, key: &str, what: &str, got: f64| {
            let problem = || TrainError::recipe(format!("rate range: {key}"), format!("should be {what}, got {got}"));
            if holds { Ok(()) } else { Err(problem()) }
        };
        should(self.low > 0.0 && self.low.is_finite(), "low", "finite and above 0", self.low)?;
        should(self.high > self.low && self.high.is_finite(), "high", "finite and above low", self.high)?;
        should(self.steps >= 2, "steps", "at least 2", self.steps as f64)?;
        should((0.0..1.0).contains(&self.smoothing), "smoothing", "in [0, 1)", self.smoothing)?;
        should(self.diverged > 1.0, "diverged", "above 1", self.diverged)
    }
}

impl RateCurve {
    /// The point at which the average of the risk is lowest.
    pub fn lowest(&self) -> Option<&RatePoint> {
        self.points.iter().min_by(|a, b| a.smooth.total_cmp(&b.smooth))
    }

    /// A tenth of the rate at which the average of the risk is lowest, if that is below the start: the training fell at all.
    pub fn suggestion(&self) -> Option<f64> {
        self.lowest().filter(|point| point.smooth < self.start).map(|point| 0.1 * point.rate)
    }
}
