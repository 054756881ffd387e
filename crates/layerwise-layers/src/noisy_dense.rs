//! Dense layer with weight noise: a = (W + σ E) x + b with Eᵢₖ ~ N(0, 1) while training; a = W x + b when predicting.
//!
//! Source: Murray and Edwards (1994), "Enhanced MLP performance and fault tolerance resulting from synaptic weight noise during
//! training", with additive noise; Graves (2011), "Practical variational inference for neural networks", section 3, where σ is
//! one number for all weights. One noise matrix a step, for all samples of the batch; biases have none.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::{Mat, Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

use crate::dense::Dense;
use crate::room::check_size;

/// A fully connected layer of `width` units whose weights are blurred while training, anew in every step.
///
/// Shapes: as [`Dense`]. Cache: the weights with their noise. Cost: a normal number a weight and step, beside those of [`Dense`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoisyDense {
    /// Number of units.
    pub width: usize,
    /// σ, finite and at least 0, by default 0.05. Units: of a weight.
    #[serde(default = "blur")]
    pub deviation: f64,
    /// How the weights start.
    #[serde(default)]
    pub init: Init,
    /// What all biases start at.
    #[serde(default)]
    pub bias: f64,
}

fn blur() -> f64 {
    0.05
}

impl Default for NoisyDense {
    /// Three units: what the gradient check runs.
    fn default() -> Self {
        NoisyDense { width: 3, deviation: blur(), init: Init::Auto, bias: 0.0 }
    }
}

impl Layer for NoisyDense {
    fn name(&self) -> &'static str {
        "noisy-dense"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_size("deviation", self.deviation)?;
        let NoisyDense { width, init, bias, .. } = *self;
        Ok(Dense { width, init, bias }.plan(d_in)?.shared(width * d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for NoisyDense {
    fn forward(&self, mut io: Forward<'_, S>) {
        let w = io.theta.mat(0);
        io.cache.copy_from_slice(w.data());
        if io.pass == Pass::Train {
            let mut rng = io.key.rng();
            for w in io.cache.iter_mut() {
                *w += S::of(self.deviation * rng.normal());
            }
        }
        S::gemm(io.y.reborrow(), Write::Set, Op::N(Mat::new(io.cache, w.rows(), w.cols())), Op::N(io.x));
        elementwise::add_bias(&mut io.y, io.theta.vec(1));
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        io.dtheta.add_product(0, Op::N(io.dy), Op::T(io.x));
        io.dtheta.add_columns(1, io.dy);
        if let Some(dx) = io.dx {
            S::gemm(dx, Write::Set, Op::T(Mat::new(io.cache, io.dy.rows(), io.x.rows())), Op::N(io.dy));
        }
    }
}
