//! ‖wᵢ‖ ≤ c for the incoming weights wᵢ of each unit, a row of W. Source: Srebro and Shraibman (2005); with dropout, Srivastava
//! et al. (2014), c about 3.

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde::{Deserialize, Serialize};

/// Scales each row of W whose norm is above the limit back to it, after each step. Adds no penalty and no gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxNorm {
    /// c, the largest norm.
    pub limit: f64,
}

impl Default for MaxNorm {
    fn default() -> Self {
        MaxNorm { limit: 3.0 }
    }
}

impl MaxNorm {
    /// Errors: unless `limit` is a finite number above 0.
    pub fn check(&self) -> Result<(), String> {
        if self.limit > 0.0 && self.limit.is_finite() {
            Ok(())
        } else {
            Err(format!("limit should be a finite number above 0, got {}", self.limit))
        }
    }
}

impl Regularizer for MaxNorm {
    fn name(&self) -> &'static str {
        "max-norm"
    }
}

/// Rows whose norms are on the stack while the columns pass by.
const ROWS: usize = 64;

struct Rows<'a, S>(MatMut<'a, S>, S);

impl<S: Scalar> Kernel for Rows<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Rows(theta, limit) = self;
        let rows = theta.rows();
        let theta = theta.into_data();
        for start in (0..rows).step_by(ROWS) {
            let range = start..rows.min(start + ROWS);
            let mut factors = [S::ZERO; ROWS];
            let factors = &mut factors[..range.len()];
            for column in theta.chunks_exact(rows) {
                for (f, w) in factors.iter_mut().zip(&column[range.clone()]) {
                    *f += *w * *w;
                }
            }
            for f in &mut *factors {
                let norm = f.sqrt();
                *f = S::select(norm > limit, limit / norm, S::ONE);
            }
            for column in theta.chunks_exact_mut(rows) {
                for (w, f) in column[range.clone()].iter_mut().zip(&*factors) {
                    *w *= *f;
                }
            }
        }
    }
}

impl<S: Scalar> RegularizerKernel<S> for MaxNorm {
    fn add(&self, _theta: Mat<'_, S>, _grad: &mut [S]) -> S {
        S::ZERO
    }
    fn project(&self, theta: MatMut<'_, S>, _rate: f64) {
        simd::run(Rows(theta, S::of(self.limit)));
    }
}
