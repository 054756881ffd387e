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
    /// floor + (1 − floor) (1 + cos(π s / T)) / 2 with s updates since the last restart and T between this and the next: `steps` at
    /// first, `growth` times as many after each. Source: Loshchilov & Hutter (2017), "SGDR", equation 5; PyTorch's
    /// `CosineAnnealingWarmRestarts`.
    CosineRestarts {
        /// Length of the first half wave, at least 1.
        steps: u64,
        /// Factor on it at each restart, at least 1; 1 by default.
        growth: u64,
        /// The factor at the end of each, in [0, 1].
        floor: f64,
    },
    /// Up from `start` to 1 and down to `end`, both as half waves: (1 + cos π p) / 2 with p the share of the way, the turn at
    /// t = `peak` · steps − 1; `end` from t = steps − 1 on. Source: Smith & Topin (2019), "Super-convergence", in the form of
    /// PyTorch's `OneCycleLR` (cosine, two phases, momentum not cycled); its `div_factor` is 1/start, its `final_div_factor`
    /// start/end.
    OneCycle {
        /// Updates in all, at least 1.
        steps: u64,
        /// Share of them that leads up, in (0, 1); 0.3 by default.
        peak: f64,
        /// The factor at first, in [0, 1]; 0.04 by default.
        start: f64,
        /// The factor at last, in [0, 1]; 4e-6 by default.
        end: f64,
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
        let share = |name, value: f64| should((0.0..=1.0).contains(&value), name, "in [0, 1]", value);
        match *self {
            Schedules::Constant => Ok(()),
            Schedules::Step { every, factor } => {
                at_least_1("step: every", every).and_then(|()| check_positive("step: factor", factor))
            }
            Schedules::InverseTime { decay } => check_rate("inverse-time: decay", decay),
            Schedules::Exponential { decay } => check_positive("exponential: decay", decay),
            Schedules::Cosine { steps, floor } => {
                at_least_1("cosine: steps", steps).and_then(|()| share("cosine: floor", floor))
            }
            Schedules::CosineRestarts { steps, growth, floor } => at_least_1("cosine-restarts: steps", steps)
                .and_then(|()| at_least_1("cosine-restarts: growth", growth))
                .and_then(|()| share("cosine-restarts: floor", floor)),
            Schedules::OneCycle { steps, peak, start, end } => at_least_1("one-cycle: steps", steps)
                .and_then(|()| should(peak > 0.0 && peak < 1.0, "one-cycle: peak", "in (0, 1)", peak))
                .and_then(|()| share("one-cycle: start", start))
                .and_then(|()| share("one-cycle: end", end)),
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
            Schedules::Cosine { steps, floor } => between(1.0, floor, t as f64 / steps as f64),
            Schedules::CosineRestarts { steps, growth, floor } => {
                let (since, length) = since_restart(t, steps, growth);
                between(1.0, floor, since as f64 / length as f64)
            }
            Schedules::OneCycle { steps, peak, start, end } => {
                let (t, turn, last) = (t as f64, peak * steps as f64 - 1.0, steps as f64 - 1.0);
                if t < turn {
                    between(start, 1.0, t / turn)
                } else if t < last {
                    between(1.0, end, (t - turn) / (last - turn))
                } else {
                    end
                }
            }
            Schedules::WarmUp { steps, .. } if t < steps => (t + 1) as f64 / steps as f64,
            Schedules::WarmUp { steps, ref then } => then.factor(t - steps),
        }
    }

    /// The length of the warm-up, 0 without.
    ///
    /// Errors: anything but a warm-up to a constant rate.
    pub(crate) fn warm_up_alone(&self) -> Result<u64, String> {
        match self {
            Schedules::Constant => Ok(0),
            Schedules::WarmUp { steps, then } if **then == Schedules::Constant => Ok(*steps),
            other => Err(format!("schedule should be constant, or a warm-up to it, got {other:?}")),
        }
    }
}

/// The half wave of a cosine from `from` to `to`, at a share of the way.
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
}

/// Updates since the last restart before t, and those from it to the next.
fn since_restart(t: u64, steps: u64, growth: u64) -> (u64, u64) {
    if growth == 1 {
        return (t % steps, steps);
    }
    let (mut since, mut length) = (t, steps);
    while since >= length {
        since -= length;
        length = length.saturating_mul(growth);
    }
    (since, length)
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
    CosineRestarts {
        steps: u64,
        #[serde(default = "once")]
        growth: u64,
        #[serde(default)]
        floor: f64,
    },
    OneCycle {
        steps: u64,
        #[serde(default = "peak")]
        peak: f64,
        #[serde(default = "start")]
        start: f64,
        #[serde(default = "end")]
        end: f64,
    },
    WarmUp {
        steps: u64,
        #[serde(default)]
        then: Box<Schedules>,
    },
}

fn once() -> u64 {
    1
}

// PyTorch's: div_factor 25, final_div_factor 1e4.
fn peak() -> f64 {
    0.3
}
fn start() -> f64 {
    0.04
}
fn end() -> f64 {
    4e-6
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
    fn a_warm_up_stands_alone_before_a_constant_rate() {
        let warm_up = |then| Schedules::WarmUp { steps: 3, then: Box::new(then) };
        assert_eq!(Schedules::Constant.warm_up_alone(), Ok(0));
        assert_eq!(warm_up(Schedules::Constant).warm_up_alone(), Ok(3));
        let refused = warm_up(Schedules::Exponential { decay: 0.5 }).warm_up_alone();
        assert!(
            refused.is_err_and(|problem| problem.starts_with("schedule should be constant, or a warm-up to it, got"))
        );
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
        let restarts = Schedules::CosineRestarts { steps: 2, growth: 2, floor: 0.2 };
        check(restarts, &[&[1.0, 0.6], &wave[..4], &[1.0]].concat());
        let saw = Schedules::CosineRestarts { steps: 2, growth: 1, floor: 0.0 };
        check(saw, &[1.0, 0.5, 1.0, 0.5, 1.0]);
        let cycle = Schedules::OneCycle { steps: 9, peak: 1.0 / 3.0, start: 0.2, end: 0.0 };
        let down = |sixths: f64| 0.5 * (1.0 + (std::f64::consts::FRAC_PI_6 * sixths).cos());
        check(cycle, &[0.2, 0.6, 1.0, down(1.0), 0.75, 0.5, 0.25, down(5.0), 0.0, 0.0]);
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
        let restarts = Schedules::CosineRestarts { steps: 7, growth: 1, floor: 0.0 };
        assert_eq!(read(r#"{"kind": "cosine-restarts", "steps": 7}"#), restarts);
        let cycle = Schedules::OneCycle { steps: 7, peak: 0.3, start: 0.04, end: 4e-6 };
        assert_eq!(read(r#"{"kind": "one-cycle", "steps": 7}"#), cycle);
        assert!(
            error(r#"{ kind = "one-cycle", steps = 7, peak = 1.0 }"#).contains("one-cycle: peak should be in (0, 1)")
        );
        let never = r#"{ kind = "one-cycle", steps = 7, peak = 0.0 }"#;
        assert!(error(never).contains("one-cycle: peak should be in (0, 1), got 0"));
        let growth = error(r#"{ kind = "cosine-restarts", steps = 7, growth = 0 }"#);
        assert!(growth.contains("cosine-restarts: growth should be at least 1, got 0"));
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
