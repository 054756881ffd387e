//! Simple recurrent layer: cₜ = φ(W xₜ + U hₜ₋₁ + b), hₜ = cₜ, with h₀ = 0. Source: Elman (1990), "Finding structure in time".
//!
//! Rectified units with U = I at the start and small W are the IRNN of Le, Jaitly and Hinton (2015), "A simple way to initialize
//! recurrent networks of rectified linear units".
//!
//! Ω keeps the gradient's norm on its way back (Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural
//! networks", eq. 9). With δₜ = ∂L/∂hₜ, aₜ = φ′ ∘ δₜ and rₜ = ‖Uᵀaₜ‖² / ‖δₜ‖², it is the mean of (rₜ − 1)² over steps t ≥ 2 and samples.
//! As in their program, rₜ is the ratio of *squared* norms (the paper prints norms), steps with ‖δₜ‖² < 10⁻²⁰ are left out, and only
//! the immediate derivative by U is taken, with δ and h held: 4 (rₜ − 1) / ‖δₜ‖² · aₜ (Uᵀaₜ)ᵀ for each term.

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Pass, Plan, ShapeError};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write};
use serde::{Deserialize, Serialize};

use crate::sequence::{Returns, Sequence, cut, dense, gather, scatter, truncated};

/// φ of a recurrent layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Squashing {
    /// φ(a) = tanh a.
    #[default]
    Tanh,
    /// φ(a) = max(a, 0).
    Relu,
}

/// A simple recurrent layer over sequences.
///
/// Shapes: x is T · channels × n, y is units × n or T · units × n (and T more rows for the flags of padded steps); blocks `w` (units × inputs), `u`
/// (units × units), `b` (units).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elman {
    /// Numbers a step, the flag of padding included.
    pub channels: usize,
    /// Numbers of the state.
    pub units: usize,
    /// φ.
    #[serde(default)]
    pub activation: Squashing,
    /// Whether the last channel of a step is 1 for a step and 0 for padding.
    #[serde(default)]
    pub padded: bool,
    /// Which states are the output.
    #[serde(default)]
    pub returns: Returns,
    /// The gradient does not cross a boundary every so many steps; it is no derivative then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncate: Option<usize>,
    /// How W starts.
    #[serde(default = "glorot")]
    pub init: Init,
    /// How U starts.
    #[serde(default = "orthogonal")]
    pub recurrent: Init,
    /// Strength of Ω, whose gradient is added to that of U in training; 0 for none.
    #[serde(default)]
    pub omega: f64,
}

/// What input weights start as.
pub(crate) fn glorot() -> Init {
    Init::Glorot
}

/// What recurrent weights start as.
pub(crate) fn orthogonal() -> Init {
    Init::Orthogonal { gain: 1.0 }
}

impl Elman {
    /// A layer of `units` tanh units over steps of `channels` numbers, that puts out the last state.
    pub fn new(channels: usize, units: usize) -> Elman {
        Elman {
            channels,
            units,
            activation: Squashing::Tanh,
            padded: false,
            returns: Returns::Last,
            truncate: None,
            init: glorot(),
            recurrent: orthogonal(),
            omega: 0.0,
        }
    }

    /// The IRNN: rectified units, U = I, W normal with deviation 0.001, as published.
    pub fn irnn(channels: usize, units: usize) -> Elman {
        Elman {
            activation: Squashing::Relu,
            init: Init::Normal { deviation: 0.001 },
            recurrent: Init::Identity { gain: 1.0 },
            ..Elman::new(channels, units)
        }
    }

    fn sequence(&self) -> Sequence {
        let &Elman { channels, units, padded, returns, truncate, .. } = self;
        Sequence { channels, units, padded, returns, truncate }
    }

    /// Scratch: ∂L/∂h | x | flag | c | h₀ … h_T | ∂L/∂a | ∂L/∂flag | ∂L/∂x | Uᵀa.
    fn scratch(&self, steps: usize) -> [usize; 9] {
        let (states, inputs) = (steps * self.units, steps * self.sequence().inputs()[0]);
        let of_omega = if self.omega == 0.0 { 0 } else { states };
        [states, inputs, steps, states, states + self.units, states, steps, inputs, of_omega]
    }
}

impl Default for Elman {
    /// Two units over steps of one number: what the gradient check runs.
    fn default() -> Self {
        Elman::new(1, 2)
    }
}

impl Layer for Elman {
    fn name(&self) -> &'static str {
        "elman"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        let (steps, plan) = self.sequence().plan(d_in)?;
        for (block, init) in [("w", self.init), ("u", self.recurrent)] {
            init.check().map_err(|problem| ShapeError::new(block, problem))?;
        }
        if !(self.omega >= 0.0 && self.omega.is_finite()) {
            return Err(ShapeError::mismatch("u", "omega", "a finite number of at least 0", self.omega));
        }
        let plan = plan.weight("w", self.units, self.sequence().inputs()[0], self.init);
        let plan = plan.weight("u", self.units, self.units, self.recurrent).bias("b", self.units, 0.0);
        Ok(plan.cache(self.scratch(steps).iter().sum()))
    }
    fn kinks(&self) -> &[f64] {
        match self.activation {
            Squashing::Tanh => &[],
            Squashing::Relu => &[0.0],
        }
    }
    fn approximates(&self) -> Option<&'static str> {
        truncated(self.truncate).or((self.omega != 0.0).then_some("omega"))
    }
}

/// c ← φ(c), h ← m c + (1 − m) h₋, for one step of all samples.
struct Advance<'a, S> {
    activation: Squashing,
    c: &'a mut [S],
    h: &'a mut [S],
    before: &'a [S],
    flag: &'a [S],
}

impl<S: Scalar> Kernel for Advance<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        match self.activation {
            Squashing::Tanh => self.c.iter_mut().for_each(|c| *c = c.tanh()),
            Squashing::Relu => self.c.iter_mut().for_each(|c| *c = S::select(*c > S::ZERO, *c, S::ZERO)),
        }
        let units = self.c.len() / self.flag.len().max(1);
        for (j, &m) in self.flag.iter().enumerate() {
            let of = j * units..(j + 1) * units;
            let states = self.h[of.clone()].iter_mut().zip(&self.c[of.clone()]).zip(&self.before[of]);
            for ((h, c), before) in states {
                *h = m * *c + (S::ONE - m) * *before;
            }
        }
    }
}

/// ∂L/∂a ← m φ′ ∘ δ, and ∂L/∂m += ⟨δ, c − h₋⟩, for one step of all samples.
struct Retreat<'a, S> {
    activation: Squashing,
    da: &'a mut [S],
    dflag: &'a mut [S],
    delta: &'a [S],
    c: &'a [S],
    before: &'a [S],
    flag: &'a [S],
}

impl<S: Scalar> Kernel for Retreat<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let units = self.da.len() / self.flag.len().max(1);
        for (j, &m) in self.flag.iter().enumerate() {
            let of = j * units..(j + 1) * units;
            let (delta, c, before) = (&self.delta[of.clone()], &self.c[of.clone()], &self.before[of.clone()]);
            let of_units = self.da[of].iter_mut().zip(delta).zip(c);
            match self.activation {
                Squashing::Tanh => of_units.for_each(|((da, d), c)| *da = m * *d * (S::ONE - *c * *c)),
                Squashing::Relu => {
                    of_units.for_each(|((da, d), c)| *da = S::select(*c > S::ZERO, m * *d, S::ZERO));
                }
            }
            for ((d, c), before) in delta.iter().zip(c).zip(before) {
                self.dflag[j] += *d * (*c - *before);
            }
        }
    }
}

/// δ₋ += (1 − m) δ: what padding hands to the state before, for one step of all samples.
pub(crate) fn hold<S: Scalar>(earlier: &mut [S], delta: &[S], flag: &[S]) {
    let units = delta.len() / flag.len().max(1);
    for (j, &m) in flag.iter().enumerate() {
        let of = j * units..(j + 1) * units;
        earlier[of.clone()].iter_mut().zip(&delta[of]).for_each(|(e, d)| *e += (S::ONE - m) * *d);
    }
}

/// Steps with less of ‖δ‖² do not count in Ω.
const NOTHING: f64 = 1e-20;

/// Turns xₜ = Uᵀaₜ into ∂Ω/∂U = Σ aₜ xₜᵀ: each column times 4 (r − 1) / ‖δ‖², over the number of columns that count. The first
/// step has no state before it.
fn weigh_ratios<S: Scalar>(x: &mut [S], delta: &[S], flag: &[S], units: usize, n: usize, strength: f64) {
    let mut count = S::ZERO;
    let squared = |v: &[S]| v.iter().fold(S::ZERO, |sum, v| sum + *v * *v);
    for (at, (x, delta)) in x.chunks_exact_mut(units).zip(delta.chunks_exact(units)).enumerate() {
        let size = squared(delta);
        let counts = at >= n && size.value() >= NOTHING;
        let m = S::select(counts, flag[at], S::ZERO);
        let size = S::select(counts, size, S::ONE);
        let factor = m * S::of(4.0) * (squared(x) / size - S::ONE) / size;
        x.iter_mut().for_each(|x| *x *= factor);
        count += m;
    }
    let share = S::of(strength) / count.max(S::ONE);
    x.iter_mut().for_each(|x| *x *= share);
}

impl<S: Scalar> LayerKernel<S> for Elman {
    fn forward(&self, io: Forward<'_, S>) {
        let (sequence, n) = (self.sequence(), io.x.cols());
        let steps = io.x.rows() / self.channels;
        let [_, x, flag, c, h, ..] = cut(io.cache, n, self.scratch(steps));
        let (inputs, of_step) = (sequence.inputs(), self.units * n);
        gather(io.x, inputs, x, flag, S::ONE);
        dense(c, io.theta.mat(0), Mat::new(x, inputs[0], steps * n), io.theta.vec(2));
        h[..of_step].fill(S::ZERO);
        for t in 0..steps {
            let (before, now) = h[t * of_step..].split_at_mut(of_step);
            let c = &mut c[t * of_step..(t + 1) * of_step];
            let a = MatMut::new(c, self.units, n);
            S::gemm(a, Write::Add, Op::N(io.theta.mat(1)), Op::N(Mat::new(before, self.units, n)));
            let flag = &flag[t * n..(t + 1) * n];
            simd::run(Advance { activation: self.activation, c, h: &mut now[..of_step], before, flag });
        }
        sequence.write(&h[of_step..], flag, io.y);
    }

    fn backward(&self, mut io: Backward<'_, S>) {
        let (sequence, n) = (self.sequence(), io.x.cols());
        let steps = io.x.rows() / self.channels;
        let [delta, x, flag, c, h, da, dflag, dx, ratios] = cut(io.cache, n, self.scratch(steps));
        let (inputs, units, of_step) = (sequence.inputs(), self.units, self.units * n);
        let (w, u) = (io.theta.mat(0), io.theta.mat(1));
        sequence.read_deltas(io.dy, delta, dflag);
        for t in (0..steps).rev() {
            let (at, samples) = (t * of_step..(t + 1) * of_step, t * n..(t + 1) * n);
            let (earlier, now) = delta.split_at_mut(at.start);
            let (da, delta, flag) = (&mut da[at.clone()], &now[..of_step], &flag[samples.clone()]);
            let (c, before) = (&c[at.clone()], &h[at.clone()]);
            simd::run(Retreat { activation: self.activation, da, dflag: &mut dflag[samples], delta, c, before, flag });
            if sequence.crosses(t) {
                let earlier = &mut earlier[at.start - of_step..];
                hold(earlier, delta, flag);
                S::gemm(MatMut::new(earlier, units, n), Write::Add, Op::T(u), Op::N(Mat::new(da, units, n)));
            }
        }
        let da = Mat::new(da, units, steps * n);
        io.dtheta.add_product(0, Op::N(da), Op::T(Mat::new(x, inputs[0], steps * n)));
        io.dtheta.add_product(1, Op::N(da), Op::T(Mat::new(&h[..steps * of_step], units, steps * n)));
        io.dtheta.add_columns(2, da);
        if self.omega != 0.0 && io.pass == Pass::Train {
            S::gemm(MatMut::new(ratios, units, steps * n), Write::Set, Op::T(u), Op::N(da));
            weigh_ratios(ratios, delta, flag, units, n, self.omega);
            io.dtheta.add_product(1, Op::N(da), Op::T(Mat::new(ratios, units, steps * n)));
        }
        if let Some(mut to) = io.dx {
            S::gemm(MatMut::new(dx, inputs[0], steps * n), Write::Set, Op::T(w), Op::N(da));
            scatter(dx, dflag, inputs, &mut to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let check = |elman: Elman, message: &str| {
            assert_eq!(elman.plan(4).unwrap_err().to_string(), message);
        };
        let base = Elman::new(2, 3);
        check(Elman { omega: -1.0, ..base }, "u: omega should be a finite number of at least 0, got -1");
        check(Elman { omega: f64::INFINITY, ..base }, "u: omega should be a finite number of at least 0, got inf");
        let wild = Init::Uniform { bound: -1.0 };
        check(Elman { init: wild, ..base }, "w: bound should be a finite number of at least 0, got -1");
        check(Elman { recurrent: wild, ..base }, "u: bound should be a finite number of at least 0, got -1");
        assert_eq!(Elman::new(3, 2).plan(4).unwrap_err().place, "");
    }

    #[test]
    fn what_is_no_derivative_is_named() {
        let base = Elman::new(2, 3);
        assert_eq!(base.approximates(), None);
        assert_eq!(Elman { omega: 0.5, ..base }.approximates(), Some("omega"));
        assert_eq!(Elman { truncate: Some(3), omega: 0.5, ..base }.approximates(), Some("truncate"));
        assert!(base.kinks().is_empty() && Elman::irnn(1, 1).kinks() == [0.0]);
    }

    #[test]
    fn room_for_the_regularizer_only_if_it_is_wanted() {
        // 3 steps of one input and a flag, 4 units.
        let base = Elman { padded: true, ..Elman::new(2, 4) };
        assert_eq!(base.plan(6).unwrap().cache, 12 + 3 + 3 + 12 + 16 + 12 + 3 + 3);
        assert_eq!(Elman { omega: 1.0, ..base }.plan(6).unwrap().cache, 64 + 12);
    }

    #[test]
    fn steps_without_a_gradient_and_the_first_do_not_count_in_omega() {
        // Two samples, three steps, one unit; the second sample has no gradient at its last step.
        let mut x = [9.0, 9.0, 3.0, 1.0, 2.0, 5.0];
        weigh_ratios(&mut x, &[1.0, 1.0, 1.0, 2.0, 1.0, 1e-11], &[1.0; 6], 1, 2, 3.0);
        let of = |x: f64, d: f64| x * 4.0 * (x * x / (d * d) - 1.0) / (d * d);
        assert_eq!(x, [0.0, 0.0, of(3.0, 1.0), of(1.0, 2.0), of(2.0, 1.0), 0.0]);
        // The squares sum to 10⁻²⁰ to the last bit, which counts: r = 4, and 2 · 4 (4 − 1) / 10⁻²⁰ times 2 · 10⁻¹⁰.
        let small = [5e-14, 9.999998749999921e-11];
        let mut edge = [0.0, 0.0, 0.0, 2e-10];
        weigh_ratios(&mut edge, &[small, small].concat(), &[1.0; 2], 2, 1, 2.0);
        assert!((edge[3] / 4.8e11 - 1.0).abs() < 1e-12, "{}", edge[3]);
        let mut nothing = [1.0; 2];
        weigh_ratios(&mut nothing, &[1.0; 2], &[1.0; 2], 1, 2, 3.0);
        assert_eq!(nothing, [0.0; 2]);
    }
}
