//! Gated recurrent unit: r, z = σ(W x + U h₋ + b), n = tanh(W x + b + r ∘ (U h₋ + b_q)), h = (1 − z) ∘ n + z ∘ h₋, each with weights
//! of its own, and h₀ = 0. Source: Cho et al. (2014), "Learning phrase representations using RNN encoder–decoder".
//!
//! Of the two forms in use this is that of PyTorch's `GRU`: the reset gate multiplies *after* the product with U, where Cho et al.
//! have U (r ∘ h₋), and z is the share of the old state.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write};
use serde::{Deserialize, Serialize};

use crate::elman::{glorot, orthogonal};
use crate::sequence::{Returns, Sequence, cut, dense, gather, scatter, truncated};

/// A layer of gated recurrent units over sequences.
///
/// Shapes: x is T · channels × n, y is units × n or T · units × n (and T more rows for the flags of padded steps). Blocks `w_r`, `w_z`, `w_n` (units ×
/// inputs), `u_r`, `u_z`, `u_n` (units × units), `b_r`, `b_z`, `b_n`, `b_q` (units).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gru {
    /// Numbers a step, the flag of padding included.
    pub channels: usize,
    /// Numbers of the state.
    pub units: usize,
    /// Whether the last channel of a step is 1 for a step and 0 for padding.
    #[serde(default)]
    pub padded: bool,
    /// Which states are the output.
    #[serde(default)]
    pub returns: Returns,
    /// The gradient does not cross a boundary every so many steps; it is no derivative then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<usize>,
    /// How the weights of the inputs start.
    #[serde(default = "glorot")]
    pub init: Init,
    /// How the weights of the state start.
    #[serde(default = "orthogonal")]
    pub recurrent: Init,
}

impl Gru {
    /// A layer of `units` units over steps of `channels` numbers, that puts out the last state.
    pub fn new(channels: usize, units: usize) -> Gru {
        Gru {
            channels,
            units,
            padded: false,
            returns: Returns::Last,
            truncate: None,
            init: glorot(),
            recurrent: orthogonal(),
        }
    }

    fn sequence(&self) -> Sequence {
        let &Gru { channels, units, padded, returns, truncate, .. } = self;
        Sequence { channels, units, padded, returns, truncate }
    }

    /// Scratch: ∂L/∂h | x | flag | r | z | n | q | h₀ … h_T | ∂L/∂a of r, z, n, q | ∂L/∂flag | ∂L/∂x.
    fn scratch(&self, steps: usize) -> [usize; 14] {
        let (s, inputs) = (steps * self.units, steps * self.sequence().inputs()[0]);
        [s, inputs, steps, s, s, s, s, s + self.units, s, s, s, s, steps, inputs]
    }
}

impl Default for Gru {
    /// Two units over steps of one number: what the gradient check runs.
    fn default() -> Self {
        Gru::new(1, 2)
    }
}

impl Layer for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        let (steps, mut plan) = self.sequence().plan(d_in)?;
        for (block, init) in [("w_r", self.init), ("u_r", self.recurrent)] {
            init.check().map_err(|problem| ShapeError::new(block, problem))?;
        }
        for w in ["w_r", "w_z", "w_n"] {
            plan = plan.weight(w, self.units, self.sequence().inputs()[0], self.init);
        }
        for u in ["u_r", "u_z", "u_n"] {
            plan = plan.weight(u, self.units, self.units, self.recurrent);
        }
        for b in ["b_r", "b_z", "b_n", "b_q"] {
            plan = plan.bias(b, self.units, 0.0);
        }
        Ok(plan.cache(self.scratch(steps).iter().sum()))
    }
    fn approximates(&self) -> Option<&'static str> {
        truncated(self.truncate)
    }
}

/// One step of all samples: from what goes into the gates to the gates and the states.
struct Advance<'a, S> {
    gates: [&'a mut [S]; 3],
    q: &'a [S],
    h: &'a mut [S],
    before: &'a [S],
    flag: &'a [S],
}

impl<S: Scalar> Kernel for Advance<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let units = self.h.len() / self.flag.len().max(1);
        let [r, z, n] = self.gates;
        for (j, &m) in self.flag.iter().enumerate() {
            let of = j * units..(j + 1) * units;
            let [r, z, n] = [&mut r[of.clone()], &mut z[of.clone()], &mut n[of.clone()]];
            let (h, q, h0) = (&mut self.h[of.clone()], &self.q[of.clone()], &self.before[of]);
            for k in 0..units {
                r[k] = r[k].sigmoid();
                z[k] = z[k].sigmoid();
                n[k] = (n[k] + r[k] * q[k]).tanh();
                let state = (S::ONE - z[k]) * n[k] + z[k] * h0[k];
                h[k] = m * state + (S::ONE - m) * h0[k];
            }
        }
    }
}

/// One step of all samples backward: ∂L/∂a of r, z, n and q, and += ∂L/∂m.
struct Retreat<'a, S> {
    da: [&'a mut [S]; 4],
    dflag: &'a mut [S],
    delta: &'a [S],
    gates: [&'a [S]; 4],
    before: &'a [S],
    flag: &'a [S],
}

impl<S: Scalar> Kernel for Retreat<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let units = self.delta.len() / self.flag.len().max(1);
        let [dr, dz, dn, dq] = self.da;
        for (j, &m) in self.flag.iter().enumerate() {
            let of = j * units..(j + 1) * units;
            let [r, z, n, q] = self.gates.map(|gate| &gate[of.clone()]);
            let (delta, h0) = (&self.delta[of.clone()], &self.before[of.clone()]);
            for k in 0..units {
                self.dflag[j] += delta[k] * ((S::ONE - z[k]) * n[k] + z[k] * h0[k] - h0[k]);
            }
            let [dr, dz] = [&mut dr[of.clone()], &mut dz[of.clone()]];
            let [dn, dq] = [&mut dn[of.clone()], &mut dq[of]];
            for k in 0..units {
                let dh = m * delta[k];
                dn[k] = dh * (S::ONE - z[k]) * (S::ONE - n[k] * n[k]);
                dz[k] = dh * (h0[k] - n[k]) * z[k] * (S::ONE - z[k]);
                dr[k] = dn[k] * q[k] * r[k] * (S::ONE - r[k]);
                dq[k] = dn[k] * r[k];
            }
        }
    }
}

/// δ₋ += (m z + 1 − m) δ: what the gate and padding hand to the state before, for one step of all samples.
fn keep<S: Scalar>(earlier: &mut [S], delta: &[S], z: &[S], flag: &[S]) {
    let units = delta.len() / flag.len().max(1);
    for (j, &m) in flag.iter().enumerate() {
        let of = j * units..(j + 1) * units;
        let numbers = earlier[of.clone()].iter_mut().zip(&delta[of.clone()]).zip(&z[of]);
        numbers.for_each(|((e, d), z)| *e += (m * *z + (S::ONE - m)) * *d);
    }
}

impl<S: Scalar> LayerKernel<S> for Gru {
    fn forward(&self, io: Forward<'_, S>) {
        let (sequence, n, units) = (self.sequence(), io.x.cols(), self.units);
        let steps = io.x.rows() / self.channels;
        let [_, x, flag, r, z, candidate, q, h, ..] = cut(io.cache, n, self.scratch(steps));
        let (inputs, of_step) = (sequence.inputs(), units * n);
        gather(io.x, inputs, x, flag, S::ONE);
        let mut gates = [r, z, candidate];
        for (k, gate) in gates.iter_mut().enumerate() {
            dense(gate, io.theta.mat(k), Mat::new(x, inputs[0], steps * n), io.theta.vec(6 + k));
        }
        h[..of_step].fill(S::ZERO);
        for t in 0..steps {
            let at = t * of_step..(t + 1) * of_step;
            let (before, now) = h[at.start..].split_at_mut(of_step);
            let state = Mat::new(before, units, n);
            let mut gates = gates.each_mut().map(|gate| &mut gate[at.clone()]);
            for (k, gate) in gates.iter_mut().take(2).enumerate() {
                S::gemm(MatMut::new(gate, units, n), Write::Add, Op::N(io.theta.mat(3 + k)), Op::N(state));
            }
            let q = &mut q[at];
            dense(q, io.theta.mat(5), state, io.theta.vec(9));
            simd::run(Advance { gates, q, h: &mut now[..of_step], before, flag: &flag[t * n..(t + 1) * n] });
        }
        sequence.write(&h[of_step..], flag, io.y);
    }

    fn backward(&self, mut io: Backward<'_, S>) {
        let (sequence, n, units) = (self.sequence(), io.x.cols(), self.units);
        let steps = io.x.rows() / self.channels;
        let [delta, x, flag, r, z, candidate, q, h, dr, dz, dn, dq, dflag, dx] = cut(io.cache, n, self.scratch(steps));
        let (inputs, of_step) = (sequence.inputs(), units * n);
        let (gates, mut da): ([&[S]; 4], _) = ([r, z, candidate, q], [dr, dz, dn, dq]);
        sequence.read_deltas(io.dy, delta, dflag);
        for t in (0..steps).rev() {
            let (at, samples) = (t * of_step..(t + 1) * of_step, t * n..(t + 1) * n);
            let (earlier, now) = delta.split_at_mut(at.start);
            let (delta, flag) = (&now[..of_step], &flag[samples.clone()]);
            let gates = gates.map(|gate| &gate[at.clone()]);
            let mut da = da.each_mut().map(|da| &mut da[at.clone()]);
            simd::run(Retreat {
                da: da.each_mut().map(|da| &mut **da),
                dflag: &mut dflag[samples],
                delta,
                gates,
                before: &h[at.clone()],
                flag,
            });
            if sequence.crosses(t) {
                let earlier = &mut earlier[at.start - of_step..];
                keep(earlier, delta, gates[1], flag);
                let [dr, dz, _, dq] = da;
                for (k, da) in [dr, dz, dq].into_iter().enumerate() {
                    let (earlier, da) = (MatMut::new(earlier, units, n), Mat::new(da, units, n));
                    S::gemm(earlier, Write::Add, Op::T(io.theta.mat(3 + k)), Op::N(da));
                }
            }
        }
        let (x, h) = (Mat::new(x, inputs[0], steps * n), Mat::new(&h[..steps * of_step], units, steps * n));
        let [dr, dz, dn, dq] = da.map(|da| Mat::new(da, units, steps * n));
        for (k, da) in [dr, dz, dn].into_iter().enumerate() {
            io.dtheta.add_product(k, Op::N(da), Op::T(x));
            io.dtheta.add_columns(6 + k, da);
        }
        for (k, da) in [dr, dz, dq].into_iter().enumerate() {
            io.dtheta.add_product(3 + k, Op::N(da), Op::T(h));
        }
        io.dtheta.add_columns(9, dq);
        if let Some(mut to) = io.dx {
            dx.fill(S::ZERO);
            for (k, da) in [dr, dz, dn].into_iter().enumerate() {
                let dx = MatMut::new(dx, inputs[0], steps * n);
                S::gemm(dx, Write::Add, Op::T(io.theta.mat(k)), Op::N(da));
            }
            scatter(dx, dflag, inputs, &mut to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name_and_truncation_is_named() {
        let check = |gru: Gru, message: &str| {
            assert_eq!(gru.plan(4).unwrap_err().to_string(), message);
        };
        let base = Gru::new(2, 3);
        let wild = Init::Uniform { bound: -1.0 };
        check(Gru { init: wild, ..base }, "w_r: bound should be a finite number of at least 0, got -1");
        check(Gru { recurrent: wild, ..base }, "u_r: bound should be a finite number of at least 0, got -1");
        check(Gru { units: 0, ..base }, ": units should be at least 1, got 0");
        assert_eq!(base.approximates(), None);
        assert_eq!(Gru { truncate: Some(1), ..base }.approximates(), Some("truncate"));
    }

    #[test]
    fn scratch_is_what_two_passes_need() {
        // 3 steps of one input and a flag, 4 units.
        let plan = Gru { padded: true, ..Gru::new(2, 4) }.plan(6).unwrap();
        assert_eq!(plan.cache, 9 * 12 + 16 + 4 * 3);
    }
}
