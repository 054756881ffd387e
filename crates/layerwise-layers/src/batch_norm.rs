//! Batch normalization: x̂ = (x − μ) / √(σ² + ε) with the mean μ and variance σ² of each unit over the samples, y = g ∘ x̂ + b.
//!
//! Training takes μ and σ² (with 1/n) of the batch. Backward: ∂L/∂x = g/√(σ² + ε) (δ − mean(δ) − x̂ mean(δ ∘ x̂)), ∂L/∂g = Σ δ ∘ x̂,
//! ∂L/∂b = Σ δ. Source: Ioffe and Szegedy (2015), "Batch normalization", algorithm 1.
//!
//! Prediction takes averages over the batches of the training, of the mean and of the unbiased variance (with 1/(n − 1)):
//! algorithm 2, in the form of PyTorch's `BatchNorm1d`: after every step s ← s + α (s_batch − s). They are statistics
//! ([`layerwise_core::Role::Statistic`]) and no parameters.

use layerwise_core::{Backward, Forward, Layer, LayerKernel, Pass, Plan, Settle, ShapeError};
use layerwise_tensor::{Mat, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

use crate::room::{check_size, check_width, columns, split};

/// Normalizes every unit over the batch, and learns a gain and a shift a unit.
///
/// A training batch of one sample has variance 0: y is b there, x gets no gradient, and the statistics stay as they are.
///
/// Shapes: y as x; blocks `gain` and `shift`, statistics `mean` and `variance`, each a number a unit. Cache: x̂, and five numbers a unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchNorm {
    /// ε, finite and at least 0, by default 10⁻⁵. Units: of a variance of x.
    pub epsilon: f64,
    /// α, the share of the last batch in the statistics, in (0, 1], by default 0.1.
    pub rate: f64,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { epsilon: 1e-5, rate: 0.1 }
    }
}

/// Places of the blocks.
const GAIN: usize = 0;
const B: usize = 1;
const MEAN: usize = 2;
const VARIANCE: usize = 3;

impl Layer for BatchNorm {
    fn name(&self) -> &'static str {
        "batch-norm"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_width(d_in)?;
        check_size("epsilon", self.epsilon)?;
        if !(self.rate > 0.0 && self.rate <= 1.0) {
            return Err(ShapeError::mismatch("", "rate", "in (0, 1]", self.rate));
        }
        let plan = Plan::new(d_in).bias("gain", d_in, 1.0).bias("shift", d_in, 0.0);
        Ok(plan.statistic("mean", d_in, 0.0).statistic("variance", d_in, 1.0).shared(5 * d_in).cache(d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for BatchNorm {
    fn forward(&self, mut io: Forward<'_, S>) {
        let (gain, b) = (io.theta.vec(GAIN), io.theta.vec(B));
        let (d, n) = (gain.len(), io.x.cols());
        let [mean, variance, scale, _, _, normal] = split(io.cache, [d, d, d, d, d, d * n]);
        let over_batch = |s: &mut S| *s /= S::of(n as f64);
        match io.pass {
            Pass::Train => {
                elementwise::sum_columns(Write::Set, mean, io.x);
                elementwise::each(mean, over_batch);
            }
            Pass::Predict => io.theta.statistic(MEAN, mean),
        }
        columns(d, &mut [normal], |j, views| {
            for ((z, x), mean) in views[0].iter_mut().zip(io.x.col(j)).zip(&*mean) {
                *z = *x - *mean;
            }
        });
        match io.pass {
            Pass::Train => {
                let centered = Mat::new(normal, d, n);
                elementwise::sum_products(Write::Set, variance, centered, centered);
                elementwise::each(variance, over_batch);
            }
            Pass::Predict => io.theta.statistic(VARIANCE, variance),
        }
        let epsilon = S::of(self.epsilon);
        elementwise::map(scale, variance, |variance| S::ONE / (variance + epsilon).sqrt());
        columns(d, &mut [io.y.data(), normal], |_, views| {
            let [y, normal] = views else { return };
            for ((((y, z), scale), gain), b) in y.iter_mut().zip(normal.iter_mut()).zip(&*scale).zip(gain).zip(b) {
                *z *= *scale;
                *y = *gain * *z + *b;
            }
        });
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        let gain = io.theta.vec(GAIN);
        let (d, n) = (gain.len(), io.x.cols());
        let [_, _, scale, sum, along, normal] = split(io.cache, [d, d, d, d, d, d * n]);
        let normal = Mat::new(normal, d, n);
        io.dtheta.add_products(GAIN, io.dy, normal);
        io.dtheta.add_columns(B, io.dy);
        let Some(mut dx) = io.dx else { return };
        elementwise::sum_columns(Write::Set, sum, io.dy);
        elementwise::sum_products(Write::Set, along, io.dy, normal);
        // The mean and the variance of the statistics do not depend on the batch.
        let share = match io.pass {
            Pass::Train => S::ONE / S::of(n as f64),
            Pass::Predict => S::ZERO,
        };
        columns(d, &mut [dx.data()], |j, views| {
            let of_unit = scale.iter().zip(gain).zip(&*sum).zip(&*along);
            let of_sample = io.dy.col(j).iter().zip(normal.col(j));
            for ((dx, (dy, z)), (((scale, gain), sum), along)) in views[0].iter_mut().zip(of_sample).zip(of_unit) {
                *dx = *gain * *scale * (*dy - share * (*sum + *z * *along));
            }
        });
    }
    fn settle(&self, mut io: Settle<'_, S>) {
        let d = io.statistic(MEAN).len();
        let (mean, variance) = (&io.cache[..d], &io.cache[d..2 * d]);
        if io.n < 2 {
            return;
        }
        let (rate, unbiased) = (S::of(self.rate), S::of(io.n as f64 / (io.n as f64 - 1.0)));
        elementwise::zip(io.statistic(MEAN), mean, |s, batch| *s += rate * (batch - *s));
        elementwise::zip(io.statistic(VARIANCE), variance, |s, batch| *s += rate * (unbiased * batch - *s));
    }
}
