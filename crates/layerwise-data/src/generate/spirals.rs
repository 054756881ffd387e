//! Spirals, one arm for each class. Source: Lang and Witbrock (1988), for two arms.

use serde::{Deserialize, Serialize};

use super::turn::turn;
use super::{Generator, at_least, blur, check_noise, check_size, classes, within};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Interleaved spiral arms; see [`spirals`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spirals {
    /// Number of arms, one a class.
    pub arms: usize,
    /// Turns of each arm.
    pub turns: f64,
    /// Standard deviation of the noise on both coordinates.
    pub noise: f64,
}

impl Default for Spirals {
    fn default() -> Self {
        Spirals { arms: 2, turns: 1.5, noise: 0.01 }
    }
}

impl Generator for Spirals {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        at_least("spirals", "arms", 2, self.arms)?;
        within("spirals", "turns", 0.0, 1e3, self.turns)?;
        check_noise("spirals", self.noise)?;
        check_size("spirals", n, 2)?;
        Ok(spirals(n, self.arms, self.turns, self.noise, seed))
    }
}

/// Spirals with one arm for each class: radius r uniform on [0, 1), angle 2π(turns · r + class / arms), plus noise.
///
/// Panics: if `n` or `arms` is 0.
pub fn spirals(n: usize, arms: usize, turns: f64, noise: f64, seed: u64) -> Dataset {
    classes("spirals", n, 2, arms, seed, |class, point, rng| {
        let radius = rng.uniform();
        let (sin, cos) = turn(turns * radius + class as f64 / arms as f64);
        point.copy_from_slice(&[radius * cos, radius * sin]);
        blur(point, noise, rng);
        class
    })
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::super::{error, message};
    use super::*;

    #[test]
    fn arms_without_noise_lie_on_their_curves() {
        let arm = |point: &[f64]| {
            let turn = point[1].atan2(point[0]) / TAU - 1.25 * point[0].hypot(point[1]);
            (turn.rem_euclid(1.0) * 3.0).round() as usize % 3
        };
        assert_eq!(error(&spirals(300, 3, 1.25, 0.0, 1), arm), 0.0);
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let spirals = Spirals::default();
        assert_eq!(message(Spirals { arms: 1, ..spirals }.draw(9, 1)), "spirals: arms should be at least 2, got 1");
        let wild = Spirals { turns: f64::NAN, ..spirals };
        assert_eq!(message(wild.draw(9, 1)), "spirals: turns should be from 0 to 1000, got NaN");
    }
}
