//! Layer normalization: x̂ = (x − μ) / √(σ² + ε) with the mean μ and variance σ² over the units of each sample, y = g ∘ x̂ + b.
//!
//! Backward, with d = g ∘ δ: ∂L/∂x = (d − mean(d) − x̂ mean(d ∘ x̂)) / √(σ² + ε), ∂L/∂g = Σ δ ∘ x̂ and ∂L/∂b = Σ δ over the samples.
//! Source: Ba, Kiros and Hinton (2016), "Layer normalization", eqs. 3 and 4, with the ε of batch normalization.

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::{Mat, Scalar};
use serde::{Deserialize, Serialize};

use crate::room::{check_size, check_width, columns, total};

/// Normalizes every sample over its units, and learns a gain and a shift a unit. Training and prediction are the same.
///
/// Shapes: y as x; blocks `gain` and `shift`, a number a unit. Cache: x̂.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerNorm {
    /// ε, finite and at least 0, by default 10⁻⁵. Units: of a variance of x.
    pub epsilon: f64,
}

impl Default for LayerNorm {
    fn default() -> Self {
        LayerNorm { epsilon: 1e-5 }
    }
}

impl Layer for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_width(d_in)?;
        check_size("epsilon", self.epsilon)?;
        Ok(Plan::new(d_in).bias("gain", d_in, 1.0).bias("shift", d_in, 0.0).cache(d_in))
    }
}

impl LayerNorm {
    /// (μ, 1/√(σ² + ε)) of a sample.
    fn moments<S: Scalar>(&self, x: &[S]) -> (S, S) {
        let d = S::of(x.len() as f64);
        let mean = total(x, x, |x, _| x) / d;
        let variance = total(x, x, |x, _| (x - mean) * (x - mean)) / d;
        (mean, S::ONE / (variance + S::of(self.epsilon)).sqrt())
    }
}

impl<S: Scalar> LayerKernel<S> for LayerNorm {
    fn forward(&self, mut io: Forward<'_, S>) {
        let (gain, b) = (io.theta.vec(0), io.theta.vec(1));
        columns(gain.len(), &mut [io.y.data(), io.cache], |j, views| {
            let [y, normal] = views else { return };
            let x = io.x.col(j);
            let (mean, scale) = self.moments(x);
            for ((((y, z), x), gain), b) in y.iter_mut().zip(normal.iter_mut()).zip(x).zip(gain).zip(b) {
                *z = (*x - mean) * scale;
                *y = *gain * *z + *b;
            }
        });
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        let gain = io.theta.vec(0);
        let d = gain.len();
        let normal = Mat::new(io.cache, d, io.x.cols());
        io.dtheta.add_products(0, io.dy, normal);
        io.dtheta.add_columns(1, io.dy);
        let Some(mut dx) = io.dx else { return };
        columns(d, &mut [dx.data()], |j, views| {
            let [dx] = views else { return };
            let (normal, n) = (normal.col(j), S::of(d as f64));
            for ((dx, dy), gain) in dx.iter_mut().zip(io.dy.col(j)).zip(gain) {
                *dx = *gain * *dy;
            }
            let (mean, along) = (total(dx, dx, |d, _| d) / n, total(dx, normal, |d, z| d * z) / n);
            let (_, scale) = self.moments(io.x.col(j));
            for (dx, z) in dx.iter_mut().zip(normal) {
                *dx = (*dx - mean - *z * along) * scale;
            }
        });
    }
}
