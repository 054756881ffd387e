//! Long short-term memory: with i, f, o = σ(W x + U h₋ + b) and g = tanh(W x + U h₋ + b), each with weights of its own,
//! c = f ∘ c₋ + i ∘ g, h = o ∘ tanh c, and h₀ = c₀ = 0. Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers,
//! Schmidhuber and Cummins (2000), without peepholes: the form of PyTorch's `LSTM`.
//!
//! The bias of the forget gate starts at 1, so that the state is kept at first (Gers et al. 2000; Jozefowicz, Zaremba and
//! Sutskever 2015).

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write};
use serde::{Deserialize, Serialize};

use crate::elman::{glorot, hold, orthogonal};
use crate::sequence::{Returns, Sequence, cut, dense, gather, scatter, truncated};

/// A layer of long short-term memory over sequences.
///
/// Shapes: x is T · channels × n, y is units × n or T · units × n (and T more rows for the flags of padded steps). For each gate `i`, `f`, `g`, `o`
/// blocks `w_i` (units × inputs), then for each `u_i` (units × units), then for each `b_i` (units).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lstm {
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
    /// What the biases of the forget gate start at.
    #[serde(default = "one")]
    pub forget_bias: f64,
}

fn one() -> f64 {
    1.0
}

impl Lstm {
    /// A layer of `units` units over steps of `channels` numbers, that puts out the last state.
    pub fn new(channels: usize, units: usize) -> Lstm {
        Lstm {
            channels,
            units,
            padded: false,
            returns: Returns::Last,
            truncate: None,
            init: glorot(),
            recurrent: orthogonal(),
            forget_bias: one(),
        }
    }

    fn sequence(&self) -> Sequence {
        let &Lstm { channels, units, padded, returns, truncate, .. } = self;
        Sequence { channels, units, padded, returns, truncate }
    }

    /// Scratch: ∂L/∂h | x | flag | i | f | g | o | c₀ … c_T | tanh c̃ | h₀ … h_T | their ∂L/∂a | ∂L/∂c | ∂L/∂flag | ∂L/∂x.
    fn scratch(&self, steps: usize) -> [usize; 17] {
        let (s, inputs) = (steps * self.units, steps * self.sequence().inputs()[0]);
        let with_start = s + self.units;
        [s, inputs, steps, s, s, s, s, with_start, s, with_start, s, s, s, s, self.units, steps, inputs]
    }
}

impl Default for Lstm {
    /// Two units over steps of one number: what the gradient check runs.
    fn default() -> Self {
        Lstm::new(1, 2)
    }
}

impl Layer for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        let (steps, mut plan) = self.sequence().plan(d_in)?;
        for (block, init) in [("w_i", self.init), ("u_i", self.recurrent)] {
            init.check().map_err(|problem| ShapeError::new(block, problem))?;
        }
        if !self.forget_bias.is_finite() {
            return Err(ShapeError::mismatch("b_f", "forget_bias", "finite", self.forget_bias));
        }
        for w in ["w_i", "w_f", "w_g", "w_o"] {
            plan = plan.weight(w, self.units, self.sequence().inputs()[0], self.init);
        }
        for u in ["u_i", "u_f", "u_g", "u_o"] {
            plan = plan.weight(u, self.units, self.units, self.recurrent);
        }
        for (b, value) in [("b_i", 0.0), ("b_f", self.forget_bias), ("b_g", 0.0), ("b_o", 0.0)] {
            plan = plan.bias(b, self.units, value);
        }
        Ok(plan.cache(self.scratch(steps).iter().sum()))
    }
    fn approximates(&self) -> Option<&'static str> {
        truncated(self.truncate)
    }
}

/// One step of all samples: from what goes into the gates to the gates, the cells and the states.
struct Advance<'a, S> {
    gates: [&'a mut [S]; 4],
    c: &'a mut [S],
    q: &'a mut [S],
    h: &'a mut [S],
    before: [&'a [S]; 2],
    flag: &'a [S],
}

impl<S: Scalar> Kernel for Advance<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let units = self.h.len() / self.flag.len().max(1);
        let [i, f, g, o] = self.gates;
        for (j, &m) in self.flag.iter().enumerate() {
            let of = j * units..(j + 1) * units;
            let [i, f, g, o] = [&mut i[of.clone()], &mut f[of.clone()], &mut g[of.clone()], &mut o[of.clone()]];
            let [c, q, h] = [&mut self.c[of.clone()], &mut self.q[of.clone()], &mut self.h[of.clone()]];
            let [c0, h0] = self.before.map(|before| &before[of.clone()]);
            for k in 0..units {
                i[k] = i[k].sigmoid();
                f[k] = f[k].sigmoid();
                g[k] = g[k].tanh();
                o[k] = o[k].sigmoid();
                let cell = f[k] * c0[k] + i[k] * g[k];
                q[k] = cell.tanh();
                c[k] = m * cell + (S::ONE - m) * c0[k];
                h[k] = m * (o[k] * q[k]) + (S::ONE - m) * h0[k];
            }
        }
    }
}

/// One step of all samples backward: ∂L/∂a of the gates, ∂L/∂c of the step before in the place of this one's, and += ∂L/∂m.
struct Retreat<'a, S> {
    da: [&'a mut [S]; 4],
    dc: &'a mut [S],
    dflag: &'a mut [S],
    delta: &'a [S],
    gates: [&'a [S]; 4],
    q: &'a [S],
    before: [&'a [S]; 2],
    flag: &'a [S],
}

impl<S: Scalar> Kernel for Retreat<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let units = self.dc.len() / self.flag.len().max(1);
        let [di, df, dg, d_o] = self.da;
        for (j, &m) in self.flag.iter().enumerate() {
            let of = j * units..(j + 1) * units;
            let [i, f, g, o] = self.gates.map(|gate| &gate[of.clone()]);
            let [c0, h0] = self.before.map(|before| &before[of.clone()]);
            let (delta, q, dc) = (&self.delta[of.clone()], &self.q[of.clone()], &mut self.dc[of.clone()]);
            for k in 0..units {
                self.dflag[j] += delta[k] * (o[k] * q[k] - h0[k]) + dc[k] * (f[k] * c0[k] + i[k] * g[k] - c0[k]);
            }
            let [di, df] = [&mut di[of.clone()], &mut df[of.clone()]];
            let [dg, d_o] = [&mut dg[of.clone()], &mut d_o[of.clone()]];
            for k in 0..units {
                let dh = m * delta[k];
                let cell = m * dc[k] + dh * o[k] * (S::ONE - q[k] * q[k]);
                di[k] = cell * g[k] * i[k] * (S::ONE - i[k]);
                df[k] = cell * c0[k] * f[k] * (S::ONE - f[k]);
                dg[k] = cell * i[k] * (S::ONE - g[k] * g[k]);
                d_o[k] = dh * q[k] * o[k] * (S::ONE - o[k]);
                dc[k] = cell * f[k] + (S::ONE - m) * dc[k];
            }
        }
    }
}

impl<S: Scalar> LayerKernel<S> for Lstm {
    fn forward(&self, io: Forward<'_, S>) {
        let (sequence, n, units) = (self.sequence(), io.x.cols(), self.units);
        let steps = io.x.rows() / self.channels;
        let [_, x, flag, i, f, g, o, c, q, h, ..] = cut(io.cache, n, self.scratch(steps));
        let (inputs, of_step) = (sequence.inputs(), units * n);
        gather(io.x, inputs, x, flag, S::ONE);
        let mut gates = [i, f, g, o];
        for (k, gate) in gates.iter_mut().enumerate() {
            dense(gate, io.theta.mat(k), Mat::new(x, inputs[0], steps * n), io.theta.vec(8 + k));
        }
        h[..of_step].fill(S::ZERO);
        c[..of_step].fill(S::ZERO);
        for t in 0..steps {
            let at = t * of_step..(t + 1) * of_step;
            let (h0, h) = h[at.start..].split_at_mut(of_step);
            let (c0, c) = c[at.start..].split_at_mut(of_step);
            let mut gates = gates.each_mut().map(|gate| &mut gate[at.clone()]);
            for (k, gate) in gates.iter_mut().enumerate() {
                let state = Mat::new(h0, units, n);
                S::gemm(MatMut::new(gate, units, n), Write::Add, Op::N(io.theta.mat(4 + k)), Op::N(state));
            }
            let (c, q, h) = (&mut c[..of_step], &mut q[at], &mut h[..of_step]);
            simd::run(Advance { gates, c, q, h, before: [c0, h0], flag: &flag[t * n..(t + 1) * n] });
        }
        sequence.write(&h[of_step..], flag, io.y);
    }

    fn backward(&self, mut io: Backward<'_, S>) {
        let (sequence, n, units) = (self.sequence(), io.x.cols(), self.units);
        let steps = io.x.rows() / self.channels;
        let [delta, x, flag, i, f, g, o, c, q, h, di, df, dg, d_o, dc, dflag, dx] =
            cut(io.cache, n, self.scratch(steps));
        let (inputs, of_step) = (sequence.inputs(), units * n);
        let (gates, mut da): ([&[S]; 4], _) = ([i, f, g, o], [di, df, dg, d_o]);
        sequence.read_deltas(io.dy, delta, dflag);
        dc.fill(S::ZERO);
        for t in (0..steps).rev() {
            let (at, samples) = (t * of_step..(t + 1) * of_step, t * n..(t + 1) * n);
            let (earlier, now) = delta.split_at_mut(at.start);
            let (delta, flag) = (&now[..of_step], &flag[samples.clone()]);
            let mut da = da.each_mut().map(|da| &mut da[at.clone()]);
            simd::run(Retreat {
                da: da.each_mut().map(|da| &mut **da),
                dc,
                dflag: &mut dflag[samples],
                delta,
                gates: gates.map(|gate| &gate[at.clone()]),
                q: &q[at.clone()],
                before: [&c[at.clone()], &h[at.clone()]],
                flag,
            });
            if sequence.crosses(t) {
                let earlier = &mut earlier[at.start - of_step..];
                hold(earlier, delta, flag);
                for (k, da) in da.into_iter().enumerate() {
                    let (earlier, da) = (MatMut::new(earlier, units, n), Mat::new(da, units, n));
                    S::gemm(earlier, Write::Add, Op::T(io.theta.mat(4 + k)), Op::N(da));
                }
            } else {
                dc.fill(S::ZERO);
            }
        }
        let (x, h) = (Mat::new(x, inputs[0], steps * n), Mat::new(&h[..steps * of_step], units, steps * n));
        let da = da.map(|da| Mat::new(da, units, steps * n));
        for (k, &da) in da.iter().enumerate() {
            io.dtheta.add_product(k, Op::N(da), Op::T(x));
            io.dtheta.add_product(4 + k, Op::N(da), Op::T(h));
            io.dtheta.add_columns(8 + k, da);
        }
        if let Some(mut to) = io.dx {
            dx.fill(S::ZERO);
            for (k, &da) in da.iter().enumerate() {
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
    fn settings_out_of_range_are_refused_by_name() {
        let check = |lstm: Lstm, message: &str| {
            assert_eq!(lstm.plan(4).unwrap_err().to_string(), message);
        };
        let base = Lstm::new(2, 3);
        check(Lstm { forget_bias: f64::NAN, ..base }, "b_f: forget_bias should be finite, got NaN");
        let wild = Init::Uniform { bound: -1.0 };
        check(Lstm { init: wild, ..base }, "w_i: bound should be a finite number of at least 0, got -1");
        check(Lstm { recurrent: wild, ..base }, "u_i: bound should be a finite number of at least 0, got -1");
        check(Lstm { units: 0, ..base }, ": units should be at least 1, got 0");
    }

    #[test]
    fn the_forget_gate_alone_starts_with_a_bias_and_truncation_is_named() {
        let lstm = Lstm { forget_bias: 2.0, ..Lstm::new(2, 3) };
        let biases: Vec<_> = lstm.plan(4).unwrap().blocks[8..].iter().map(|b| (b.name, b.init)).collect();
        let constant = |value| Init::Constant { value };
        let expected = [("b_i", 0.0), ("b_f", 2.0), ("b_g", 0.0), ("b_o", 0.0)].map(|(name, b)| (name, constant(b)));
        assert_eq!(biases, expected);
        assert_eq!(Lstm::default().forget_bias, 1.0);
        assert_eq!(lstm.approximates(), None);
        assert_eq!(Lstm { truncate: Some(1), ..lstm }.approximates(), Some("truncate"));
    }

    #[test]
    fn scratch_is_what_two_passes_need() {
        // 3 steps of one input and a flag, 4 units.
        let plan = Lstm { padded: true, ..Lstm::new(2, 4) }.plan(6).unwrap();
        assert_eq!(plan.cache, 10 * 12 + 2 * 16 + 4 + 4 * 3);
    }
}
