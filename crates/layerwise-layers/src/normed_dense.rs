//! Dense layer with weight normalization: a = W x + b with rows wᵢ = gᵢ vᵢ / ‖vᵢ‖.
//!
//! Backward, with the gradient ∇ᵢ of row wᵢ: ∂L/∂gᵢ = ∇ᵢ·vᵢ / ‖vᵢ‖, ∂L/∂vᵢ = gᵢ/‖vᵢ‖ (∇ᵢ − (∂L/∂gᵢ) vᵢ/‖vᵢ‖). Source: Salimans and
//! Kingma (2016), "Weight normalization", eqs. 2 and 3. A row v of zeros has no direction: it counts as w = 0, without gradient.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

use crate::dense::Dense;
use crate::room::{check_size, columns, split};

/// A fully connected layer of `width` units whose weights are learnt as length and direction.
///
/// Shapes: x is d_in × n, y is width × n; blocks `v` (width × d_in), `g` and `b` (width). Cache: W, its gradient, two numbers a unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormedDense {
    /// Number of units.
    pub width: usize,
    /// What all lengths g start at, finite and at least 0, by default 1: as Lecun's initialization. √2 is as He's.
    #[serde(default = "one")]
    pub gain: f64,
}

fn one() -> f64 {
    1.0
}

impl NormedDense {
    /// A layer of `width` units with weights of length 1.
    pub fn new(width: usize) -> NormedDense {
        NormedDense { width, gain: one() }
    }
}

impl Default for NormedDense {
    /// Three units: what the gradient check runs.
    fn default() -> Self {
        NormedDense::new(3)
    }
}

/// Places of the blocks.
const V: usize = 0;
const GAIN: usize = 1;
const B: usize = 2;

impl NormedDense {
    /// 1/‖v‖ a unit, ∇·v/‖v‖ a unit, W, its gradient.
    fn split<'a, S>(&self, scratch: &'a mut [S], d_in: usize) -> [&'a mut [S]; 4] {
        split(scratch, [self.width, self.width, self.width * d_in, self.width * d_in])
    }
}

impl Layer for NormedDense {
    fn name(&self) -> &'static str {
        "normed-dense"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        Dense::new(self.width).plan(d_in)?;
        check_size("gain", self.gain)?;
        let plan = Plan::new(self.width).weight("v", self.width, d_in, Init::Lecun).bias("g", self.width, self.gain);
        Ok(plan.bias("b", self.width, 0.0).shared(2 * self.width * (1 + d_in)))
    }
    /// Of a row v, not of an input.
    fn kinks(&self) -> &[f64] {
        &[0.0]
    }
}

impl<S: Scalar> LayerKernel<S> for NormedDense {
    fn forward(&self, mut io: Forward<'_, S>) {
        let (v, gain, d_in) = (io.theta.mat(V), io.theta.vec(GAIN), io.x.rows());
        let [inverse, _, w, _] = self.split(io.cache, d_in);
        elementwise::sum_products(Write::Set, inverse, v, v);
        elementwise::each(inverse, |s| *s = S::select(*s > S::ZERO, S::ONE / s.sqrt(), S::ZERO));
        columns(self.width, &mut [w], |k, views| {
            for (((w, v), gain), inverse) in views[0].iter_mut().zip(v.col(k)).zip(gain).zip(&*inverse) {
                *w = *gain * *inverse * *v;
            }
        });
        S::gemm(io.y.reborrow(), Write::Set, Op::N(Mat::new(w, self.width, d_in)), Op::N(io.x));
        elementwise::add_bias(&mut io.y, io.theta.vec(B));
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        let (v, gain, d_in) = (io.theta.mat(V), io.theta.vec(GAIN), io.x.rows());
        let [inverse, along, w, dw] = self.split(io.cache, d_in);
        S::gemm(MatMut::new(dw, self.width, d_in), Write::Set, Op::N(io.dy), Op::T(io.x));
        elementwise::sum_products(Write::Set, along, Mat::new(dw, self.width, d_in), v);
        elementwise::zip(along, inverse, |along, inverse| *along *= inverse);
        elementwise::zip(io.dtheta.mat(GAIN).data(), along, |dg, along| *dg += along);
        columns(self.width, &mut [io.dtheta.mat(V).data()], |k, views| {
            let of_unit = gain.iter().zip(&*inverse).zip(&*along);
            let of_input = dw[k * self.width..].iter().zip(v.col(k));
            for ((dv, (dw, v)), ((gain, inverse), along)) in views[0].iter_mut().zip(of_input).zip(of_unit) {
                *dv += *gain * *inverse * (*dw - *along * *inverse * *v);
            }
        });
        io.dtheta.add_columns(B, io.dy);
        if let Some(dx) = io.dx {
            S::gemm(dx, Write::Set, Op::T(Mat::new(w, self.width, d_in)), Op::N(io.dy));
        }
    }
}
