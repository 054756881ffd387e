//! Factors on the learning rate over time.
//!
//! t counts updates from 0: t = 0 at the first. [`Schedule::at`] counts from 1, so `at(step)` is the value at t = step − 1.

use layerwise_core::Schedule;
use layerwise_core::catalog::named;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{check_positive, check_rate, power, should};

/// A factor on the base rate, as configurations name it: `"constant"`, or a table with `kind`.
///
/// Units: t, `every` and `steps` count updates, not epochs.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Schedules {
    /// 1.
    #[default]
    Constant,
    /// factor^⌊t / every⌋. Source: PyTorch's `StepLR`.
    Step {
        /// Updates between two changes, at least 1.
        every: u64,
        /// Factor at each change, finite and above 0.
        factor: f64,
    },
    /// 1 / (1 + decay · t): the classical rate that meets Robbins & Monro (1951).
    InverseTime {
        /// Finite and at least 0.
        decay: f64,
    },
    /// decayᵗ. Source: PyTorch's `ExponentialLR`. A decay above 1 makes a range test.
    Exponential {
        /// Factor a step, finite and above 0.
        decay: f64,
    },
    /// floor + (1 − floor) (1 + cos(π t / steps)) / 2, and floor after `steps`. Source: Loshchilov & Hutter (2017), "SGDR",
    /// equation 5, one period without restart; within it PyTorch's `CosineAnnealingLR`.
    Cosine {
        /// Length of the half wave, at least 1.
        steps: u64,
        /// The factor at its end, in [0, 1].
        floor: f64,
    },
    /// (t + 1) / steps, then `then`, whose t is 0 when the warm-up ends. Source: Goyal et al. (2017), section 2.2, updates in
    /// place of epochs.
    WarmUp {
        /// Length of the ramp, at least 1; its last update has the full rate.
        steps: u64,
        /// What follows.
        then: Box<Schedules>,
    },
}

impl Schedules {
    /// Errors: a number out of its range, named by schedule and field.
    pub fn check(&self) -> Result<(), String> {
        let at_least_1 = |name, count: u64| should(count >= 1, name, "at least 1", count);
        match *self {
            Schedules::Constant => Ok(()),
            Schedules::Step { every, factor } => {
                at_least_1("step: every", every).and_then(|()| check_positive("step: factor", factor))
            }
            Schedules::InverseTime { decay } => check_rate("inverse-time: decay", decay),
            Schedules::Exponential { decay } => check_positive("exponential: decay", decay),
            Schedules::Cosine { steps, floor } => at_least_1("cosine: steps", steps)
                .and_then(|()| should((0.0..=1.0).contains(&floor), "cosine: floor", "in [0, 1]", floor)),
            Schedules::WarmUp { steps, ref then } => at_least_1("warm-up: steps", steps)
                .and_then(|()| then.check().map_err(|problem| format!("warm-up: then: {problem}"))),
        }
    }

    /// The factor at t, from 0.
    fn factor(&self, t: u64) -> f64 {
        match *self {
            Schedules::Constant => 1.0,
            Schedules::Step { every, factor } => power(factor, t / every),
            Schedules::InverseTime { decay } => 1.0 / (1.0 + decay * t as f64),
            Schedules::Exponential { decay } => power(decay, t),
            Schedules::Cosine { steps, floor } if t >= steps => floor,
            Schedules::Cosine { steps, floor } => {
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * t as f64 / steps as f64).cos())
            }
            Schedules::WarmUp { steps, .. } if t < steps => (t + 1) as f64 / steps as f64,
            Schedules::WarmUp { steps, ref then } => then.factor(t - steps),
        }
    }
}

impl Schedule for Schedules {
    fn at(&self, step: u64) -> f64 {
        self.factor(step.saturating_sub(1))
    }
}

/// The same as serde sees it; the compiler keeps the two alike.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Schedules", tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Tagged {
    #[serde(deserialize_with = "no_fields")]
    Constant,
    Step {
        every: u64,
        factor: f64,
    },
    InverseTime {
        decay: f64,
    },
    Exponential {
        decay: f64,
    },
    Cosine {
        steps: u64,
        #[serde(default)]
        floor: f64,
    },
    WarmUp {
        steps: u64,
        #[serde(default)]
        then: Box<Schedules>,
    },
}

impl Serialize for Schedules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Tagged::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Schedules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Table(#[serde(with = "Tagged")] Schedules);
        let Table(schedule) = named(deserializer)?;
        schedule.check().map_err(serde::de::Error::custom)?;
        Ok(schedule)
    }
}

/// A table without keys: serde alone would ignore what stands there.
fn no_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    Nothing::deserialize(deserializer).map(|Nothing {}| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factor at t = 0, 1, 2, …
    fn check(schedule: Schedules, want: &[f64]) {
        for (t, want) in want.iter().enumerate() {
            let got = schedule.at(t as u64 + 1);
            assert!((got - want).abs() <= 1e-15, "{schedule:?} at {t}: {got}, should be {want}");
        }
        let text = serde_json::to_string(&schedule).expect("text");
        assert_eq!(serde_json::from_str::<Schedules>(&text).expect("the same"), schedule);
    }

    #[test]
    fn factors_at_named_points() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let cosine = Schedules::Cosine { steps: 4, floor: 0.2 };
        let wave = [1.0, 0.6 + 0.4 * half, 0.6, 0.6 - 0.4 * half, 0.2, 0.2, 0.2];
        check(Schedules::Constant, &[1.0, 1.0, 1.0]);
        check(Schedules::Step { every: 2, factor: 0.1 }, &[1.0, 1.0, 0.1, 0.1, 0.01]);
        check(Schedules::InverseTime { decay: 0.5 }, &[1.0, 1.0 / 1.5, 0.5, 0.4]);
        check(Schedules::Exponential { decay: 0.5 }, &[1.0, 0.5, 0.25, 0.125]);
        check(cosine.clone(), &wave);
        let warm_up = Schedules::WarmUp { steps: 2, then: Box::new(cosine) };
        check(warm_up, &[&[0.5, 1.0], &wave[..]].concat());
    }

    /// The error of a text.
    fn error(text: &str) -> String {
        toml::from_str::<toml::Table>(&format!("schedule = {text}")).expect("toml")["schedule"]
            .clone()
            .try_into::<Schedules>()
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn texts_are_names_or_tables_and_mistakes_are_named() {
        let read = |text| serde_json::from_str::<Schedules>(text).expect("a schedule");
        assert_eq!(read(r#""constant""#), Schedules::Constant);
        let then = r#"{"kind": "warm-up", "steps": 3, "then": {"kind": "cosine", "steps": 9}}"#;
        let cosine = Schedules::Cosine { steps: 9, floor: 0.0 };
        assert_eq!(read(then), Schedules::WarmUp { steps: 3, then: Box::new(cosine) });
        assert!(error(r#""linear""#).contains("unknown variant `linear`, expected one of `constant`, `step`"));
        assert!(error(r#""cosine""#).contains("missing field `steps`"));
        assert!(error(r#"{ kind = "cosine", steps = 0 }"#).contains("cosine: steps should be at least 1, got 0"));
        assert!(error(r#"{ kind = "cosine", steps = 5, flor = 0.1 }"#).contains("unknown field `flor`"));
        assert!(error(r#"{ kind = "constant", decay = 0.1 }"#).contains("unknown field `decay`"));
        let text = "exponential: decay should be finite and above 0, got -1";
        let nested = error(r#"{ kind = "warm-up", steps = 5, then = { kind = "exponential", decay = -1.0 } }"#);
        assert!(nested.contains(text), "{nested}");
    }
}
