//! Restricted Boltzmann machines: p(v, h) = e^(−E(v, h)) / Z over visible units v and hidden units h.
//!
//! Bernoulli visible units: E = −hᵀWv − bᵀv − cᵀh. Gaussian ones, of variance 1: E = ½‖v − b‖² − hᵀWv − cᵀh. In both,
//! p(hⱼ = 1 | v) = σ(cⱼ + Wⱼv), and v given h is Bernoulli σ(b + Wᵀh) or normal around b + Wᵀh. The free energy
//! F(v) = −ln Σₕ e^(−E(v, h)) is −bᵀv (or ½‖v − b‖²) − Σⱼ ln(1 + e^(cⱼ + Wⱼv)), and
//! ∂F/∂W = −σ(c + Wv) vᵀ, ∂F/∂c = −σ(c + Wv), ∂F/∂b = −v (or b − v).
//!
//! Source: Smolensky (1986); Hinton (2002), "Training products of experts by minimizing contrastive divergence"; for Gaussian
//! units Welling, Rosen-Zvi and Hinton (2005).

use layerwise_core::{Block, Init, Objective, Plan};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Op, Rng, Scalar, Write, elementwise};
use layerwise_train::TrainError;
use serde::{Deserialize, Serialize};

use crate::layout::{SMALL, Units, filled, laid_out};

/// A restricted Boltzmann machine. It owns no numbers: θ is one vector of the blocks `w`, `b` and `c`.
///
/// Shapes: W is n_hidden × n_visible, b has n_visible numbers, c n_hidden; a batch of visible states is n_visible × n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rbm {
    /// What the visible units are; the hidden ones are Bernoulli.
    #[serde(default)]
    pub visible: Units,
    /// Number of visible units.
    pub n_visible: usize,
    /// Number of hidden units.
    pub n_hidden: usize,
}

/// The places of W, b and c.
pub(crate) const W: usize = 0;
pub(crate) const B: usize = 1;
pub(crate) const C: usize = 2;

impl Rbm {
    /// A machine of Bernoulli units.
    pub fn new(n_visible: usize, n_hidden: usize) -> Rbm {
        Rbm { visible: Units::Bernoulli, n_visible, n_hidden }
    }

    /// A machine without units is refused.
    ///
    /// Errors: which number is 0.
    pub fn check(&self) -> Result<(), TrainError> {
        for (key, n) in [("n_visible", self.n_visible), ("n_hidden", self.n_hidden)] {
            if n == 0 {
                return Err(TrainError::recipe(key, "should be at least 1, got 0"));
            }
        }
        Ok(())
    }

    /// The blocks `w`, `b` (visible) and `c` (hidden) in their places in θ.
    pub fn blocks(&self) -> Vec<Block> {
        self.layout(SMALL).0
    }

    /// Length of θ, padding included.
    pub fn n_theta(&self) -> usize {
        self.layout(SMALL).1
    }

    /// A fresh θ: weights N(0, 0.01²), biases 0.
    pub fn init<S: Scalar>(&self, key: Key) -> Buf<S> {
        self.init_with(SMALL, key)
    }

    /// A fresh θ whose weights start otherwise.
    pub fn init_with<S: Scalar>(&self, weights: Init, key: Key) -> Buf<S> {
        let (blocks, n) = self.layout(weights);
        filled(&blocks, n, key)
    }

    fn layout(&self, weights: Init) -> (Vec<Block>, usize) {
        let plan = Plan::new(self.n_hidden).weight("w", self.n_hidden, self.n_visible, weights);
        laid_out(plan.bias("b", self.n_visible, 0.0).bias("c", self.n_hidden, 0.0))
    }

    /// out ← c 1ᵀ + W v: the inputs of the hidden units.
    ///
    /// Shapes: v is n_visible × n, out is n_hidden × n. Panics: if they do not fit.
    pub fn hidden_inputs<S: Scalar>(&self, theta: &[S], v: Mat<'_, S>, mut out: MatMut<'_, S>) {
        let blocks = self.blocks();
        S::gemm(out.reborrow(), Write::Set, Op::N(window(theta, &blocks[W])), Op::N(v));
        elementwise::add_bias(&mut out, &theta[blocks[C].range()]);
    }

    /// out ← b 1ᵀ + Wᵀ h: the inputs of Bernoulli visible units, the means of Gaussian ones.
    ///
    /// Shapes: h is n_hidden × n, out is n_visible × n. Panics: if they do not fit.
    pub fn visible_inputs<S: Scalar>(&self, theta: &[S], h: Mat<'_, S>, mut out: MatMut<'_, S>) {
        let blocks = self.blocks();
        S::gemm(out.reborrow(), Write::Set, Op::T(window(theta, &blocks[W])), Op::N(h));
        elementwise::add_bias(&mut out, &theta[blocks[B].range()]);
    }

    /// each ← F(v) of every column; `inputs` is room for n_hidden × n numbers.
    ///
    /// Panics: if the shapes do not fit.
    pub fn free_energies<S: Scalar>(&self, theta: &[S], v: Mat<'_, S>, inputs: &mut [S], each: &mut [S]) {
        self.hidden_inputs(theta, v, MatMut::new(inputs, self.n_hidden, v.cols()));
        let b = &theta[self.blocks()[B].range()];
        for ((each, v), a) in each.iter_mut().zip(v.columns()).zip(inputs.chunks_exact(self.n_hidden)) {
            *each = self.visible_energy(b, v) - a.iter().fold(S::ZERO, |sum, &a| sum + a.softplus());
        }
    }

    /// −bᵀv or ½‖v − b‖².
    pub(crate) fn visible_energy<S: Scalar>(&self, b: &[S], v: &[S]) -> S {
        b.iter().zip(v).fold(S::ZERO, |sum, (&b, &v)| match self.visible {
            Units::Bernoulli => sum - b * v,
            Units::Gaussian => sum + S::of(0.5) * (v - b) * (v - b),
        })
    }

    /// grad += scale Σₙ ∂F(vₙ)/∂θ. `inputs` holds the inputs of the hidden units, and is overwritten.
    pub(crate) fn add_gradient<S: Scalar>(
        &self,
        theta: &[S],
        v: Mat<'_, S>,
        inputs: MatMut<'_, S>,
        scale: f64,
        grad: &mut [S],
    ) {
        let (blocks, scale) = (self.blocks(), S::of(scale));
        let n = v.cols();
        let p = inputs.into_data();
        elementwise::each(p, |p| *p = -(scale * p.sigmoid()));
        let p = Mat::new(&*p, self.n_hidden, n);
        let w = &blocks[W];
        S::gemm(MatMut::new(&mut grad[w.range()], w.rows, w.cols), Write::Add, Op::N(p), Op::T(v));
        elementwise::sum_columns(Write::Add, &mut grad[blocks[C].range()], p);
        for (i, grad) in grad[blocks[B].range()].iter_mut().enumerate() {
            let sum = v.columns().fold(S::ZERO, |sum, v| sum + v[i]);
            let still = match self.visible {
                Units::Bernoulli => S::ZERO,
                Units::Gaussian => S::of(n as f64) * theta[blocks[B].offset + i],
            };
            *grad += scale * (still - sum);
        }
    }

    /// h ← a state of the hidden units, from their inputs, in place.
    pub(crate) fn draw_hidden<S: Scalar>(inputs: &mut [S], rng: &mut Rng) {
        elementwise::each(inputs, |a| *a = a.sigmoid());
        bernoulli(inputs, rng);
    }

    /// v ← a state of the visible units, from their inputs, in place.
    pub(crate) fn draw_visible<S: Scalar>(&self, inputs: &mut [S], rng: &mut Rng) {
        match self.visible {
            Units::Bernoulli => Rbm::draw_hidden(inputs, rng),
            Units::Gaussian => inputs.iter_mut().for_each(|v| *v += S::of(rng.normal())),
        }
    }
}

/// 1 with the probability that stands there, else 0.
pub(crate) fn bernoulli<S: Scalar>(p: &mut [S], rng: &mut Rng) {
    p.iter_mut().for_each(|p| *p = S::of(f64::from(u8::from(rng.uniform() < p.value()))));
}

/// A block of θ as a matrix.
pub(crate) fn window<'a, S: Scalar>(theta: &'a [S], block: &Block) -> Mat<'a, S> {
    Mat::new(&theta[block.range()], block.rows, block.cols)
}

/// The mean free energy of rows, as an objective: what the data term of the likelihood is, and what the gradient check takes.
#[derive(Clone, Copy, Debug)]
pub struct FreeEnergy<'a> {
    /// The machine.
    pub rbm: Rbm,
    /// Visible states, n_visible × n.
    pub rows: Mat<'a, f64>,
}

impl<S: Scalar> Objective<S> for FreeEnergy<'_> {
    fn len(&self) -> usize {
        self.rbm.n_theta()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let n = self.rows.cols();
        let v: Vec<S> = self.rows.data().iter().map(|&v| S::of(v)).collect();
        let v = Mat::new(&v, self.rbm.n_visible, n);
        let (mut inputs, mut each) = (vec![S::ZERO; self.rbm.n_hidden * n], vec![S::ZERO; n]);
        self.rbm.free_energies(theta, v, &mut inputs, &mut each);
        grad.fill(S::ZERO);
        self.rbm.add_gradient(theta, v, MatMut::new(&mut inputs, self.rbm.n_hidden, n), 1.0 / n as f64, grad);
        each.into_iter().fold(S::ZERO, |sum, f| sum + f) * S::of(1.0 / n as f64)
    }
}
