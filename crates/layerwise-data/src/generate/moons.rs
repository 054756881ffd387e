//! Moons and circles: two classes of the plane that no line separates.

use serde::{Deserialize, Serialize};

use super::turn::turn;
use super::{Generator, blur, check_noise, check_size, classes, within};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Two interleaving half circles; see [`two_moons`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Moons {
    /// Standard deviation of the noise on both coordinates.
    pub noise: f64,
}

impl Default for Moons {
    fn default() -> Self {
        Moons { noise: 0.1 }
    }
}

impl Generator for Moons {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        check_noise("moons", self.noise)?;
        check_size("moons", n, 2)?;
        Ok(Dataset { name: "moons".to_owned(), ..two_moons(n, self.noise, seed) })
    }
}

/// Concentric circles; see [`circles`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Circles {
    /// Radius of the inner circle; that of the outer one is 1.
    pub factor: f64,
    /// Standard deviation of the noise on both coordinates.
    pub noise: f64,
}

impl Default for Circles {
    fn default() -> Self {
        Circles { factor: 0.5, noise: 0.1 }
    }
}

impl Generator for Circles {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        within("circles", "factor", 0.0, 1.0, self.factor)?;
        check_noise("circles", self.noise)?;
        check_size("circles", n, 2)?;
        Ok(circles(n, self.factor, self.noise, seed))
    }
}

/// Two interleaving half circles of radius 1: (cos t, sin t) and (1 − cos t, ½ − sin t) with t uniform on [0, π), plus
/// noise.
///
/// Panics: if `n` is 0.
pub fn two_moons(n: usize, noise: f64, seed: u64) -> Dataset {
    classes("two_moons", n, 2, 2, seed, |class, point, rng| {
        let (sin, cos) = turn(rng.uniform() / 2.0);
        point.copy_from_slice(&if class == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] });
        blur(point, noise, rng);
        class
    })
}

/// Concentric circles of radius 1 (class 0) and `factor` (class 1), plus noise.
///
/// Panics: if `n` is 0.
pub fn circles(n: usize, factor: f64, noise: f64, seed: u64) -> Dataset {
    classes("circles", n, 2, 2, seed, |class, point, rng| {
        let radius = if class == 0 { 1.0 } else { factor };
        let (sin, cos) = turn(rng.uniform());
        point.copy_from_slice(&[radius * cos, radius * sin]);
        blur(point, noise, rng);
        class
    })
}

#[cfg(test)]
mod tests {
    use super::super::{error, message};
    use super::*;

    #[test]
    fn shapes_without_noise_lie_on_their_curves() {
        let radius = |point: &[f64]| point[0].hypot(point[1]);
        assert_eq!(error(&circles(100, 0.5, 0.0, 1), |point| usize::from(radius(point) < 0.75)), 0.0);
        let upper = |point: &[f64]| usize::from(!((radius(point) - 1.0).abs() < 1e-12 && point[1] >= 0.0));
        assert_eq!(error(&two_moons(100, 0.0, 1), upper), 0.0);
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let wanted = "moons: noise should be a finite number of at least 0, got";
        assert_eq!(message(Moons { noise: -0.1 }.draw(9, 1)), format!("{wanted} -0.1"));
        assert_eq!(message(Moons { noise: f64::INFINITY }.draw(9, 1)), format!("{wanted} inf"));
        let wild = Circles { factor: 1.5, ..Circles::default() };
        assert_eq!(message(wild.draw(9, 1)), "circles: factor should be from 0 to 1, got 1.5");
    }
}
