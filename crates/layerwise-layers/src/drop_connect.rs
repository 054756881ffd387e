//! DropConnect: a = (M ∘ W)/(1 − p) x + b with Mᵢₖ ~ Bernoulli(1 − p) while training; a = W x + b when predicting.
//!
//! Source: Wan et al. (2013), "Regularization of neural networks using DropConnect", eq. 2, in the inverted form (scaled while
//! training), so that E[a] is that of the whole matrix. Two differences: one mask a step, for all samples of the batch, where the
//! paper draws one for each and finds that this matters (section 4); and prediction takes the mean of the weights, where the paper
//! averages over a normal approximation of a (section 3.2). Biases are not dropped.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

use crate::dense::Dense;
use crate::dropout::Dropout;
use crate::room::{check_rate, split};

/// A fully connected layer of `width` units that sets each weight to 0 with probability `rate` while training, anew in every step.
///
/// Shapes: as [`Dense`]. Cache: the mask, the masked weights and their gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropConnect {
    /// Number of units.
    pub width: usize,
    /// Probability of dropping a weight, in [0, 1), by default 0.5.
    #[serde(default = "half")]
    pub rate: f64,
    /// How the weights start.
    #[serde(default)]
    pub init: Init,
    /// What all biases start at.
    #[serde(default)]
    pub bias: f64,
}

fn half() -> f64 {
    0.5
}

impl Default for DropConnect {
    /// Three units: what the gradient check runs.
    fn default() -> Self {
        DropConnect { width: 3, rate: half(), init: Init::Auto, bias: 0.0 }
    }
}

impl Layer for DropConnect {
    fn name(&self) -> &'static str {
        "drop-connect"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_rate(self.rate)?;
        let DropConnect { width, init, bias, .. } = *self;
        Ok(Dense { width, init, bias }.plan(d_in)?.shared(3 * width * d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for DropConnect {
    fn forward(&self, mut io: Forward<'_, S>) {
        let w = io.theta.mat(0);
        let [mask, masked] = split(io.cache, [w.data().len(); 2]);
        match io.pass {
            Pass::Predict => mask.fill(S::ONE),
            Pass::Train => Dropout { rate: self.rate }.draw(mask, io.key),
        }
        Dropout::apply(mask, w, MatMut::new(masked, w.rows(), w.cols()));
        S::gemm(io.y.reborrow(), Write::Set, Op::N(Mat::new(masked, w.rows(), w.cols())), Op::N(io.x));
        elementwise::add_bias(&mut io.y, io.theta.vec(1));
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        let (rows, cols) = (io.dy.rows(), io.x.rows());
        let [mask, masked, dw] = split(io.cache, [rows * cols; 3]);
        S::gemm(MatMut::new(dw, rows, cols), Write::Set, Op::N(io.dy), Op::T(io.x));
        elementwise::zip(dw, mask, |dw, mask| *dw *= mask);
        elementwise::zip(io.dtheta.mat(0).data(), dw, |sum, dw| *sum += dw);
        io.dtheta.add_columns(1, io.dy);
        if let Some(dx) = io.dx {
            S::gemm(dx, Write::Set, Op::T(Mat::new(masked, rows, cols)), Op::N(io.dy));
        }
    }
}
