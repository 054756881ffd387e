//! Lowers the rate when the validation loss no longer falls.
//!
//! Source: PyTorch's `ReduceLROnPlateau` (mode min, relative threshold, no cooldown; its `eps` is left out). The improvement
//! asked for is relative to |best|, so that losses may be negative.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{check_rate, should};

/// Multiplies the rate factor by `factor` after more than `patience` observations in a row without a new best.
///
/// A loss is a new best if it is below best − threshold · |best|; NaN never is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReduceOnPlateau {
    /// In (0, 1).
    pub factor: f64,
    /// Observations without a new best that are forgiven. Units: of whoever observes, usually epochs.
    pub patience: u64,
    /// Relative improvement that counts, finite and at least 0.
    pub threshold: f64,
    /// The rate factor does not fall below this, in [0, 1].
    pub floor: f64,
}

/// PyTorch's: factor 0.1, patience 10, threshold 1e-4, floor 0.
impl Default for ReduceOnPlateau {
    fn default() -> Self {
        ReduceOnPlateau { factor: 0.1, patience: 10, threshold: 1e-4, floor: 0.0 }
    }
}

impl<'de> Deserialize<'de> for ReduceOnPlateau {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(remote = "ReduceOnPlateau", default = "ReduceOnPlateau::default", deny_unknown_fields)]
        struct Table {
            factor: f64,
            patience: u64,
            threshold: f64,
            floor: f64,
        }
        let rule = Table::deserialize(deserializer)?;
        rule.check().map_err(serde::de::Error::custom)?;
        Ok(rule)
    }
}

/// What [`ReduceOnPlateau`] remembers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The lowest loss so far.
    pub best: Option<f64>,
    /// Observations since then, or since the last reduction.
    pub waited: u64,
    /// The factor on the rate now.
    pub rate_factor: f64,
}

impl Default for Plateau {
    fn default() -> Self {
        Plateau { best: None, waited: 0, rate_factor: 1.0 }
    }
}

impl ReduceOnPlateau {
    /// Errors: a number out of its range.
    pub fn check(&self) -> Result<(), String> {
        should(self.factor > 0.0 && self.factor < 1.0, "factor", "in (0, 1)", self.factor)?;
        check_rate("threshold", self.threshold)?;
        should((0.0..=1.0).contains(&self.floor), "floor", "in [0, 1]", self.floor)
    }

    /// Takes note of a validation loss and returns the factor on the rate from now on.
    pub fn observe(&self, state: &mut Plateau, loss: f64) -> f64 {
        let is_best = match state.best {
            Some(best) => loss < best - self.threshold * best.abs(),
            None => !loss.is_nan(),
        };
        if is_best {
            (state.best, state.waited) = (Some(loss), 0);
        } else {
            state.waited += 1;
        }
        if state.waited > self.patience {
            state.waited = 0;
            // A fork may have gone below the floor already: this never raises the rate.
            state.rate_factor = state.rate_factor.min((state.rate_factor * self.factor).max(self.floor));
        }
        state.rate_factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: ReduceOnPlateau, losses: &[f64], want: &[f64]) {
        let mut state = Plateau::default();
        let got: Vec<f64> = losses.iter().map(|&loss| rule.observe(&mut state, loss)).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn the_rate_falls_after_patience_and_stops_at_the_floor() {
        let rule = ReduceOnPlateau { factor: 0.5, patience: 1, threshold: 0.1, floor: 0.2 };
        // 0.95 is not ten per cent better than 1; 0.8 is.
        check(rule, &[1.0, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8], &[1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
        check(rule, &[4.0, 3.7, 3.7, 3.5], &[1.0, 1.0, 0.5, 0.5]);
        check(rule, &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], &[1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2]);
        check(rule, &[-1.0, -1.05, -1.2, f64::NAN, f64::NAN], &[1.0, 1.0, 1.0, 1.0, 0.5]);
        check(rule, &[f64::NAN, f64::NAN, 5.0, 4.0], &[1.0, 0.5, 0.5, 0.5]);
        // The same again is no new best, however little is asked for.
        let rule = ReduceOnPlateau { factor: 0.5, patience: 0, threshold: 0.0, floor: 0.0 };
        check(rule, &[0.0, 0.0, -1e-300, -1e-300], &[1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn numbers_are_checked() {
        let error = |factor| ReduceOnPlateau { factor, ..Default::default() }.check();
        assert_eq!(error(1.0), Err("factor should be in (0, 1), got 1".into()));
        assert_eq!(error(0.0), Err("factor should be in (0, 1), got 0".into()));
        assert_eq!(error(2.0), Err("factor should be in (0, 1), got 2".into()));
        assert_eq!(ReduceOnPlateau::default().check(), Ok(()));
        let read = |text| serde_json::from_str::<ReduceOnPlateau>(text).map_err(|e| e.to_string());
        assert_eq!(read(r#"{"patience": 3}"#), Ok(ReduceOnPlateau { patience: 3, ..Default::default() }));
        assert!(read(r#"{"floor": 2.0}"#).is_err_and(|e| e.contains("floor should be in [0, 1], got 2")));
        assert!(read(r#"{"flor": 0.5}"#).is_err_and(|e| e.contains("unknown field `flor`")));
    }
}
