//! Highway layer: y = T ∘ h + (1 − T) ∘ x with h = tanh(W x + b) and the gate T = σ(W_T x + b_T).
//!
//! Backward, with a and c the arguments of tanh and σ: ∂L/∂a = δ ∘ T ∘ (1 − h²), ∂L/∂c = δ ∘ (h − x) ∘ T ∘ (1 − T),
//! ∂L/∂x = Wᵀ ∂L/∂a + W_Tᵀ ∂L/∂c + δ ∘ (1 − T). Source: Srivastava, Greff and Schmidhuber (2015), "Highway networks", eqs. 2 and 3; a
//! negative b_T at the start carries the input through (section 2.2).

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

use crate::room::{check_width, split};

/// A layer of tanh units that passes its input through where its gate is closed. Its activation is inside.
///
/// Shapes: y as x; blocks `w` and `gate` (d × d), `b` and `gate-b` (d). Cache: h, T and their deltas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Highway {
    /// What all biases of the gate start at, finite, by default −2.
    pub gate_bias: f64,
}

impl Default for Highway {
    fn default() -> Self {
        Highway { gate_bias: -2.0 }
    }
}

/// Places of the blocks.
const W: usize = 0;
const B: usize = 1;
const GATE: usize = 2;
const GATE_B: usize = 3;

impl Layer for Highway {
    fn name(&self) -> &'static str {
        "highway"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        check_width(d_in)?;
        if !self.gate_bias.is_finite() {
            return Err(ShapeError::mismatch("gate-b", "gate_bias", "finite", self.gate_bias));
        }
        let plan = Plan::new(d_in).weight("w", d_in, d_in, Init::Glorot).bias("b", d_in, 0.0);
        Ok(plan.weight("gate", d_in, d_in, Init::Glorot).bias("gate-b", d_in, self.gate_bias).cache(4 * d_in))
    }
}

impl<S: Scalar> LayerKernel<S> for Highway {
    fn forward(&self, mut io: Forward<'_, S>) {
        let (d, n) = (io.x.rows(), io.x.cols());
        let [h, gate] = split(io.cache, [d * n; 2]);
        for (out, w, b) in [(&mut *h, W, B), (&mut *gate, GATE, GATE_B)] {
            let mut out = MatMut::new(out, d, n);
            S::gemm(out.reborrow(), Write::Set, Op::N(io.theta.mat(w)), Op::N(io.x));
            elementwise::add_bias(&mut out, io.theta.vec(b));
        }
        elementwise::zip(h, io.x.data(), |h, _| *h = h.tanh());
        elementwise::zip(gate, io.x.data(), |gate, _| *gate = gate.sigmoid());
        elementwise::map3(io.y.data(), gate, h, io.x.data(), |gate, h, x| x + gate * (h - x));
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        let (d, n, dy) = (io.x.rows(), io.x.cols(), io.dy.data());
        let [h, gate, da, dc] = split(io.cache, [d * n; 4]);
        elementwise::map3(da, dy, gate, h, |dy, gate, h| dy * gate * (S::ONE - h * h));
        elementwise::map3(dc, dy, h, io.x.data(), |dy, h, x| dy * (h - x));
        elementwise::zip(dc, gate, |dc, gate| *dc *= gate * (S::ONE - gate));
        let (da, dc) = (Mat::new(da, d, n), Mat::new(dc, d, n));
        for (delta, w, b) in [(da, W, B), (dc, GATE, GATE_B)] {
            io.dtheta.add_product(w, Op::N(delta), Op::T(io.x));
            io.dtheta.add_columns(b, delta);
        }
        if let Some(mut dx) = io.dx {
            elementwise::map3(dx.data(), dy, gate, gate, |dy, gate, _| dy * (S::ONE - gate));
            S::gemm(dx.reborrow(), Write::Add, Op::T(io.theta.mat(W)), Op::N(da));
            S::gemm(dx, Write::Add, Op::T(io.theta.mat(GATE)), Op::N(dc));
        }
    }
}
