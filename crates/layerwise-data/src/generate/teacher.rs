//! A teacher network: y = f*(x) + noise, with f*(x) = Σⱼ vⱼ tanh(Σᵢ wⱼᵢ xᵢ) / √h, x normal, wⱼᵢ of variance 1/d and vⱼ of
//! variance 1. Source: Gardner and Derrida (1989), "Three unfinished works on the optimal storage capacity of networks", for the
//! setting; the scale is chosen so that f* has variance of order 1.

use layerwise_tensor::{Key, Purpose, Scalar};
use serde::{Deserialize, Serialize};

use super::{BestValue, Generator, at_least, check_noise, check_size, values};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Values of a fixed random network with one hidden layer of tanh units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Teacher {
    /// Number of features.
    pub features: usize,
    /// Hidden units of the teacher.
    pub hidden: usize,
    /// Standard deviation of the noise on the value.
    pub noise: f64,
    /// Which teacher: the seed of its weights. The same for training and test rows.
    pub teacher: u64,
}

impl Default for Teacher {
    fn default() -> Self {
        Teacher { features: 20, hidden: 10, noise: 0.1, teacher: 1 }
    }
}

/// Apart from the stream of the samples, whatever their seed.
const WEIGHTS: u64 = 1;

impl Teacher {
    /// f*, the best prediction there is.
    pub fn mean(&self) -> impl Fn(&[f64]) -> f64 + use<> {
        let Teacher { features, hidden, .. } = *self;
        let mut rng = Key::new(self.teacher, Purpose::Data).layer(WEIGHTS).rng();
        let (deviation, scale) = ((features as f64).sqrt(), (hidden as f64).sqrt());
        let w: Vec<f64> = (0..features * hidden).map(|_| rng.normal() / deviation).collect();
        let v: Vec<f64> = (0..hidden).map(|_| rng.normal() / scale).collect();
        move |x| {
            let unit = |w: &[f64]| Scalar::tanh(w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>());
            v.iter().zip(w.chunks_exact(features)).map(|(v, w)| v * unit(w)).sum()
        }
    }
}

impl Generator for Teacher {
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        at_least("teacher", "features", 1, self.features)?;
        at_least("teacher", "hidden", 1, self.hidden)?;
        check_noise("teacher", self.noise)?;
        check_size("teacher", self.hidden, self.features)?;
        check_size("teacher", n, self.features)?;
        let mean = self.mean();
        Ok(values("teacher", n, self.features, seed, |point, rng| {
            point.iter_mut().for_each(|value| *value = rng.normal());
            mean(point) + self.noise * rng.normal()
        }))
    }

    fn floor(&self) -> Option<f64> {
        Some(self.noise * self.noise)
    }

    fn best(&self) -> Option<BestValue> {
        Some(Box::new(self.mean()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    #[test]
    fn without_noise_the_values_are_the_teachers_and_another_teacher_says_something_else() {
        let teacher = Teacher { noise: 0.0, ..Teacher::default() };
        let (set, mean) = (teacher.draw(50, 3).unwrap(), teacher.mean());
        let (best, other) = (teacher.best().unwrap(), Teacher { teacher: 2, ..teacher }.mean());
        let Target::Values { values, .. } = &set.target else { unreachable!() };
        for (x, &y) in set.x.as_slice().chunks(20).zip(values) {
            assert!(mean(x) == y && best(x) == y && other(x) != y);
        }
    }
}
