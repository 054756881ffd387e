//! Autoencoders with one hidden layer: the code h = g(c + Wx̃) of an input x̃ has to reproduce x, by r = b + Vh.
//!
//! The risk is the mean over samples of −Σᵢ xᵢ ln pᵢ + (1 − xᵢ) ln(1 − pᵢ), p = σ(r), for Bernoulli units, or ½‖r − x‖² for Gaussian
//! ones. V = Wᵀ if tied, and then ∂/∂W is the sum of both untied gradients. To it come, if asked for,
//!
//! - λ ‖∂h/∂x̃‖²_F = λ Σⱼ g′(aⱼ)² ‖Wⱼ‖², the mean over samples: contractive. Source: Rifai, Vincent, Muller, Glorot and Bengio (2011),
//!   "Contractive auto-encoders".
//! - β Σⱼ ρ ln(ρ/ρ̂ⱼ) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂ⱼ)), ρ̂ⱼ the mean of hⱼ over the batch: sparse. Source: Lee, Ekanadham and Ng (2008),
//!   "Sparse deep belief net model for visual area V2", with the divergence of Ng (2011), "Sparse autoencoder".
//!
//! With x̃ a corrupted x it is a denoising autoencoder: Vincent, Larochelle, Bengio and Manzagol (2008). A linear code with squared
//! errors spans the leading principal components: Bourlard and Kamp (1988), Baldi and Hornik (1989).

use layerwise_core::{ActivityKernel, Block, LossKernel, Objective, Plan, Targets};
use layerwise_losses::{BernoulliCrossEntropy, Squared};
use layerwise_regularizers::Sparsity;
use layerwise_tensor::{Buf, Key, Mat, MatMut, Op, Scalar, Write, elementwise};
use layerwise_train::TrainError;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::corruption::Corruption;
use crate::layout::{Units, filled, laid_out};
use crate::rbm::window;

/// How an autoencoder codes, whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Autoencoding {
    /// The units of the code.
    pub code: Code,
    /// Whether the decoder is the encoder's transpose.
    pub tied: bool,
    /// What is done to the input in training.
    pub corruption: Corruption,
    /// λ of the contractive penalty; 0 for none.
    pub contraction: f64,
    /// How rarely units should be on; only for sigmoid codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparsity: Option<Sparsity>,
}

impl Default for Autoencoding {
    fn default() -> Self {
        Autoencoding { code: Code::Sigmoid, tied: true, corruption: Corruption::None, contraction: 0.0, sparsity: None }
    }
}

impl Autoencoding {
    /// Refuses values out of range.
    ///
    /// Errors: the key and what it should be.
    pub fn check(&self) -> Result<(), TrainError> {
        let from_0 = |key: &str, value: f64| {
            if value >= 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(TrainError::recipe(key, format!("should be a finite number of at least 0, got {value}")))
        };
        self.corruption.check()?;
        from_0("contraction", self.contraction)?;
        let Some(Sparsity { mean, strength }) = self.sparsity else { return Ok(()) };
        from_0("sparsity.strength", strength)?;
        if !(mean > 0.0 && mean < 1.0) {
            return Err(TrainError::recipe("sparsity.mean", format!("should be between 0 and 1, got {mean}")));
        }
        if self.code != Code::Sigmoid {
            let name = self.code.activation().name();
            return Err(TrainError::recipe("sparsity", format!("should go with a sigmoid code, got {name}")));
        }
        Ok(())
    }
}

/// An autoencoder. It owns no numbers: θ is one vector of the blocks `w`, `b`, `c` and, unless it is tied, `v`.
///
/// Shapes: W is n_hidden × n_visible, b has n_visible numbers, c n_hidden, V is n_visible × n_hidden; a batch is n_visible × n.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoencoder {
    /// What is reproduced: probabilities or numbers.
    #[serde(default)]
    pub visible: Units,
    /// Width of the input.
    pub n_visible: usize,
    /// Width of the code.
    pub n_hidden: usize,
    /// How it codes.
    #[serde(default)]
    pub coding: Autoencoding,
}

/// The places of W, b, c and V.
pub(crate) const W: usize = crate::rbm::W;
pub(crate) const B: usize = crate::rbm::B;
pub(crate) const C: usize = crate::rbm::C;
pub(crate) const V: usize = 3;

/// Memory for the risk of a batch.
#[derive(Clone, Debug)]
pub struct Room<S: Scalar> {
    /// Of n_hidden numbers a sample: the code, and ∂/∂h, which becomes ∂/∂a.
    code: Buf<S>,
    delta: Buf<S>,
    /// Of n_visible numbers a sample: r, and ∂/∂r.
    output: Buf<S>,
    output_delta: Buf<S>,
    each: Buf<S>,
    /// Of n_hidden numbers: ‖Wⱼ‖², and Σ g′².
    units: [Buf<S>; 2],
}

impl Autoencoder {
    /// The blocks in their places in θ.
    pub fn blocks(&self) -> Vec<Block> {
        self.layout().0
    }

    /// Length of θ, padding included.
    pub fn n_theta(&self) -> usize {
        self.layout().1
    }

    /// A fresh θ: weights by Glorot's rule (He's for rectified units), biases 0.
    pub fn init<S: Scalar>(&self, key: Key) -> Buf<S> {
        let (blocks, n) = self.layout();
        filled(&blocks, n, key)
    }

    fn layout(&self) -> (Vec<Block>, usize) {
        let (v, h, init) = (self.n_visible, self.n_hidden, self.coding.code.init());
        let plan = Plan::new(h).weight("w", h, v, init).bias("b", v, 0.0).bias("c", h, 0.0);
        laid_out(if self.coding.tied { plan } else { plan.weight("v", v, h, Code::Identity.init()) })
    }

    /// Memory for batches of up to `n` samples.
    pub fn room<S: Scalar>(&self, n: usize) -> Room<S> {
        let (v, h) = (self.n_visible * n, self.n_hidden * n);
        Room {
            code: Buf::zeros(h),
            delta: Buf::zeros(h),
            output: Buf::zeros(v),
            output_delta: Buf::zeros(v),
            each: Buf::zeros(n),
            units: [Buf::zeros(self.n_hidden), Buf::zeros(self.n_hidden)],
        }
    }

    /// out ← g(c 1ᵀ + W x): the codes.
    ///
    /// Shapes: x is n_visible × n, out is n_hidden × n. Panics: if they do not fit.
    pub fn codes<S: Scalar>(&self, theta: &[S], x: Mat<'_, S>, mut out: MatMut<'_, S>) {
        let blocks = self.blocks();
        S::gemm(out.reborrow(), Write::Set, Op::N(window(theta, &blocks[W])), Op::N(x));
        elementwise::add_bias(&mut out, &theta[blocks[C].range()]);
        self.coding.code.apply(out.data());
    }

    /// out ← b 1ᵀ + V h: the reproduction, before σ for Bernoulli units.
    ///
    /// Shapes: h is n_hidden × n, out is n_visible × n. Panics: if they do not fit.
    pub fn outputs<S: Scalar>(&self, theta: &[S], h: Mat<'_, S>, mut out: MatMut<'_, S>) {
        let blocks = self.blocks();
        S::gemm(out.reborrow(), Write::Set, self.decoder(theta, &blocks), Op::N(h));
        elementwise::add_bias(&mut out, &theta[blocks[B].range()]);
    }

    fn decoder<'a, S: Scalar>(&self, theta: &'a [S], blocks: &[Block]) -> Op<'a, S> {
        if self.coding.tied { Op::T(window(theta, &blocks[W])) } else { Op::N(window(theta, &blocks[V])) }
    }

    /// The risk of reproducing `target` from `input`, with its penalties; grad ← its gradient.
    ///
    /// Shapes: both are n_visible × n. Panics: if they do not fit each other or the room.
    pub fn risk<S: Scalar>(
        &self,
        theta: &[S],
        input: Mat<'_, S>,
        target: Mat<'_, S>,
        room: &mut Room<S>,
        grad: &mut [S],
    ) -> S {
        let (v, h, n, blocks) = (self.n_visible, self.n_hidden, input.cols(), self.blocks());
        let mean = S::of(1.0 / n as f64);
        let Room { code, delta, output, output_delta, each, units } = room;
        let (code, delta, each) = (&mut code[..h * n], &mut delta[..h * n], &mut each[..n]);
        let (output, output_delta) = (&mut output[..v * n], &mut output_delta[..v * n]);
        self.codes(theta, input, MatMut::new(code, h, n));
        self.outputs(theta, Mat::new(code, h, n), MatMut::new(output, v, n));
        let (r, dr) = (Mat::new(output, v, n), MatMut::new(output_delta, v, n));
        match self.visible {
            Units::Bernoulli => BernoulliCrossEntropy.eval(r, Targets::Values(target), each, dr),
            Units::Gaussian => Squared.eval(r, Targets::Values(target), each, dr),
        }
        let mut value = each.iter().fold(S::ZERO, |sum, &l| sum + l) * mean;
        elementwise::each(output_delta, |d| *d *= mean);

        let (h_all, dr) = (Mat::new(code, h, n), Mat::new(output_delta, v, n));
        grad.fill(S::ZERO);
        let mut add = |block: &Block, a: Op<'_, S>, b: Op<'_, S>| {
            S::gemm(MatMut::new(&mut grad[block.range()], block.rows, block.cols), Write::Add, a, b);
        };
        let back = if self.coding.tied {
            add(&blocks[W], Op::N(h_all), Op::T(dr));
            Op::N(window(theta, &blocks[W]))
        } else {
            add(&blocks[V], Op::N(dr), Op::T(h_all));
            Op::T(window(theta, &blocks[V]))
        };
        S::gemm(MatMut::new(delta, h, n), Write::Set, back, Op::N(dr));
        elementwise::sum_columns(Write::Add, &mut grad[blocks[B].range()], dr);
        if let Some(sparsity) = self.coding.sparsity {
            value += sparsity.add(h_all, delta);
        }
        if self.coding.contraction == 0.0 {
            let g = self.coding.code;
            elementwise::zip(delta, code, |d, h| *d *= g.slopes(h).0);
        } else {
            value += self.contract(theta, code, delta, units, mean, &mut grad[blocks[W].range()]);
        }
        let da = Mat::new(delta, h, n);
        let w = &blocks[W];
        S::gemm(MatMut::new(&mut grad[w.range()], h, v), Write::Add, Op::N(da), Op::T(input));
        elementwise::sum_columns(Write::Add, &mut grad[blocks[C].range()], da);
        value
    }

    /// λ mean Σⱼ g′² ‖Wⱼ‖², what it adds to ∂/∂W, and ∂/∂h in `delta` made ∂/∂a.
    fn contract<S: Scalar>(
        &self,
        theta: &[S],
        code: &[S],
        delta: &mut [S],
        units: &mut [Buf<S>; 2],
        mean: S,
        grad: &mut [S],
    ) -> S {
        let (g, strength) = (self.coding.code, S::of(self.coding.contraction) * mean);
        let [norms, squares] = units;
        norms.fill(S::ZERO);
        squares.fill(S::ZERO);
        let w = window(theta, &self.blocks()[W]);
        for column in w.columns() {
            norms.iter_mut().zip(column).for_each(|(norm, &w)| *norm += w * w);
        }
        let columns = delta.chunks_exact_mut(self.n_hidden).zip(code.chunks_exact(self.n_hidden));
        for (delta, code) in columns {
            let units = norms.iter().zip(squares.iter_mut());
            for ((delta, &h), (&norm, square)) in delta.iter_mut().zip(code).zip(units) {
                let (slope, bend) = g.slopes(h);
                *square += slope * slope;
                *delta = slope * (*delta + (strength + strength) * bend * norm);
            }
        }
        for (grad, w) in grad.chunks_exact_mut(self.n_hidden).zip(w.columns()) {
            for ((grad, &w), &square) in grad.iter_mut().zip(w).zip(squares.iter()) {
                *grad += (strength + strength) * square * w;
            }
        }
        norms.iter().zip(squares.iter()).fold(S::ZERO, |sum, (&norm, &square)| sum + norm * square) * strength
    }
}

/// The risk of an autoencoder on rows, as an objective: what the gradient check takes.
#[derive(Clone, Copy, Debug)]
pub struct AutoencoderRisk<'a> {
    /// The autoencoder.
    pub autoencoder: Autoencoder,
    /// What it sees, n_visible × n: corrupted already, if at all.
    pub input: Mat<'a, f64>,
    /// What it has to reproduce.
    pub target: Mat<'a, f64>,
}

impl<S: Scalar> Objective<S> for AutoencoderRisk<'_> {
    fn len(&self) -> usize {
        self.autoencoder.n_theta()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let [input, target] = [self.input, self.target].map(|x| x.data().iter().map(|&v| S::of(v)).collect::<Vec<S>>());
        let (v, n) = (self.input.rows(), self.input.cols());
        let mut room = self.autoencoder.room(n);
        self.autoencoder.risk(theta, Mat::new(&input, v, n), Mat::new(&target, v, n), &mut room, grad)
    }
}
