//! β Σⱼ ρ ln(ρ/ρ̂ⱼ) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂ⱼ)), ρ̂ⱼ the mean of unit j over the batch: units that are rarely on. Source: Lee,
//! Ekanadham and Ng (2008), "Sparse deep belief net model for visual area V2", with the divergence of Ng (2011), "Sparse
//! autoencoder".

use layerwise_core::{Activity, ActivityKernel};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, Scalar};
use serde::{Deserialize, Serialize};

/// A wish for rare units: β times the divergence of Bernoulli's distribution of mean ρ̂ⱼ from that of mean ρ, for activations
/// between 0 and 1. Infinite where a unit is always off or always on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sparsity {
    /// ρ: the mean that every unit should have.
    pub mean: f64,
    /// β: weight of the divergence from it.
    pub strength: f64,
}

impl Default for Sparsity {
    fn default() -> Self {
        Sparsity { mean: 0.05, strength: 1.0 }
    }
}

impl Sparsity {
    /// Errors: unless `strength` is a finite number of at least 0, and `mean` between 0 and 1.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)?;
        if self.mean > 0.0 && self.mean < 1.0 {
            Ok(())
        } else {
            Err(format!("mean should be between 0 and 1, got {}", self.mean))
        }
    }
}

impl Activity for Sparsity {
    fn name(&self) -> &'static str {
        "sparsity"
    }
    fn domain(&self) -> (f64, f64) {
        (0.0, 1.0)
    }
}

/// Units whose sums are on the stack while the samples pass by.
const UNITS: usize = 64;

struct Units<'a, S> {
    y: Mat<'a, S>,
    dy: &'a mut [S],
    mean: f64,
    strength: f64,
}

impl<S: Scalar> Kernel for Units<'_, S> {
    type Out = S;
    #[inline(always)]
    fn run(self) -> S {
        let Units { y, dy, mean, strength } = self;
        let (rho, rest) = (S::of(mean), S::of(1.0 - mean));
        let (rows, share) = (y.rows(), S::of(crate::mean(1.0, y.cols())));
        let weight = S::of(strength) * share;
        let mut total = S::ZERO;
        for start in (0..rows).step_by(UNITS) {
            let range = start..rows.min(start + UNITS);
            let mut units = [S::ZERO; UNITS];
            let units = &mut units[..range.len()];
            for column in y.columns() {
                for (sum, y) in units.iter_mut().zip(&column[range.clone()]) {
                    *sum += *y;
                }
            }
            for unit in &mut *units {
                let (on, off) = (*unit * share, S::ONE - *unit * share);
                total += rho * (rho / on).ln() + rest * (rest / off).ln();
                *unit = weight * (rest / off - rho / on);
            }
            for column in dy.chunks_exact_mut(rows) {
                for (dy, slope) in column[range.clone()].iter_mut().zip(&*units) {
                    *dy += *slope;
                }
            }
        }
        S::of(strength) * total
    }
}

impl<S: Scalar> ActivityKernel<S> for Sparsity {
    fn add(&self, y: Mat<'_, S>, dy: &mut [S]) -> S {
        simd::run(Units { y, dy, mean: self.mean, strength: self.strength })
    }
}
