//! A stack of layers that were trained one after the other, and what becomes of it.
//!
//! The encoder of each layer is a layer of a network: h⁽ᵏ⁾ = g(c + W h⁽ᵏ⁻¹⁾). Unrolled, the decoders follow in reverse, and the
//! whole reproduces its input: Hinton and Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks". A
//! stack of Boltzmann machines is a deep belief net: the topmost machine, below which samples go down by the other machines'
//! p(v | h): Hinton, Osindero and Teh (2006), "A fast learning algorithm for deep belief nets".

use layerwise_core::{Block, Real};
use layerwise_data::{Dataset, Scaler};
use layerwise_layers::{Dense, Layers};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Scalar};
use layerwise_train::{LayerSpec, NetworkSpec, TrainError};
use nalgebra::DMatrix;

use crate::autoencoder::{Autoencoder, B, C, V, W};
use crate::code::Code;
use crate::layout::Units;
use crate::pretrained::{NamedBlock, Pretrained};
use crate::rbm::{Rbm, bernoulli};

/// What a layer is pre-trained as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PretrainLayer {
    /// A restricted Boltzmann machine.
    Rbm(Rbm),
    /// An autoencoder.
    Autoencoder(Autoencoder),
}

/// A layer after its pre-training.
#[derive(Clone, Debug)]
pub struct TrainedLayer<S: Scalar> {
    /// What it is.
    pub layer: PretrainLayer,
    /// Its parameters.
    pub theta: Buf<S>,
    /// What was minimized, the mean over each epoch: the risk of an autoencoder, the squared error of a machine's reconstruction.
    pub history: Vec<f64>,
}

/// A training of a layer that ended at a number which is not finite; the parameters are those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The layer, from 1.
    pub layer: usize,
    /// The epoch, from 1.
    pub epoch: usize,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "pre-training, layer {}: the gradient should be finite, got another in epoch {}",
            self.layer, self.epoch
        )
    }
}

/// Layers that were pre-trained, from the input upward.
#[derive(Clone, Debug)]
pub struct Stack<S: Scalar> {
    /// The layers.
    pub layers: Vec<TrainedLayer<S>>,
    /// Whether, and where, training ended early: the layers above are then missing.
    pub broken: Option<Broken>,
}

impl PretrainLayer {
    /// What it sees.
    pub fn visible(&self) -> Units {
        match self {
            PretrainLayer::Rbm(rbm) => rbm.visible,
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.visible,
        }
    }

    /// Width of its input.
    pub fn n_visible(&self) -> usize {
        match self {
            PretrainLayer::Rbm(rbm) => rbm.n_visible,
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.n_visible,
        }
    }

    /// Width of its code.
    pub fn n_hidden(&self) -> usize {
        match self {
            PretrainLayer::Rbm(rbm) => rbm.n_hidden,
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.n_hidden,
        }
    }

    /// The units of its code.
    pub fn code(&self) -> Code {
        match self {
            PretrainLayer::Rbm(_) => Code::Sigmoid,
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.coding.code,
        }
    }

    /// Its blocks in their places in θ.
    pub fn blocks(&self) -> Vec<Block> {
        match self {
            PretrainLayer::Rbm(rbm) => rbm.blocks(),
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.blocks(),
        }
    }

    /// A fresh θ.
    pub fn init<S: Scalar>(&self, key: Key) -> Buf<S> {
        match self {
            PretrainLayer::Rbm(rbm) => rbm.init(key),
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.init(key),
        }
    }

    /// out ← the codes of x; for a machine the probabilities of its hidden units.
    ///
    /// Shapes: x is n_visible × n, out is n_hidden × n. Panics: if they do not fit.
    pub fn codes<S: Scalar>(&self, theta: &[S], x: Mat<'_, S>, mut out: MatMut<'_, S>) {
        match self {
            PretrainLayer::Rbm(rbm) => {
                rbm.hidden_inputs(theta, x, out.reborrow());
                Code::Sigmoid.apply(out.data());
            }
            PretrainLayer::Autoencoder(autoencoder) => autoencoder.codes(theta, x, out),
        }
    }
}

impl<S: Real> TrainedLayer<S> {
    /// Its encoder (`w`, `b`) or decoder as the blocks of a group.
    fn group(&self, name: &str, decoder: bool) -> [NamedBlock<S>; 2] {
        let blocks = self.layer.blocks();
        let numbers = |i: usize| self.theta[blocks[i].range()].to_vec();
        let (v, h) = (self.layer.n_visible(), self.layer.n_hidden());
        let (rows, cols, weights, biases) = match (decoder, blocks.len() > V) {
            (false, _) => (h, v, numbers(W), numbers(C)),
            (true, true) => (v, h, numbers(V), numbers(B)),
            (true, false) => {
                let w = &self.theta[blocks[W].range()];
                (v, h, (0..v * h).map(|at| w[at % v * h + at / v]).collect(), numbers(B))
            }
        };
        let block =
            |block: &str, rows, cols, numbers| NamedBlock { name: format!("{name}/{block}"), rows, cols, numbers };
        [block("w", rows, cols, weights), block("b", rows, 1, biases)]
    }
}

impl<S: Real> Stack<S> {
    /// The codes of rows after the first `depth` layers, all if there are less.
    ///
    /// Shapes: x is features × samples, scaled as in pre-training; the result is width × samples. Panics: if it does not fit.
    pub fn codes(&self, depth: usize, x: Mat<'_, S>) -> Buf<S> {
        let mut codes = Buf::copy_of(x.data());
        for TrainedLayer { layer, theta, .. } in self.layers.iter().take(depth) {
            let mut next = Buf::zeros(layer.n_hidden() * x.cols());
            let input = Mat::new(&codes, layer.n_visible(), x.cols());
            layer.codes(theta, input, MatMut::new(&mut next, layer.n_hidden(), x.cols()));
            codes = next;
        }
        codes
    }

    /// The data set with codes in place of its features: what a linear classifier reads off them is the classical probe of a layer
    /// (Alain and Bengio 2016).
    ///
    /// Errors: another number of features than the scaling was fitted to.
    pub fn code_set(&self, depth: usize, scaler: &Scaler, data: &Dataset) -> Result<Dataset, TrainError> {
        let (d, n) = data.x.shape();
        let mut x: Vec<S> = vec![S::ZERO; d * n];
        scaler.transform_into(d, data.x.as_slice(), &mut x)?;
        let codes = self.codes(depth, Mat::new(&x, d, n));
        let width = codes.len() / n.max(1);
        let mut set = data.clone();
        set.x = DMatrix::from_iterator(width, n, codes.iter().map(|v| v.value()));
        set.features = (1..=width).map(|i| format!("h{i}")).collect();
        Ok(set)
    }

    /// The encoders as the hidden layers of a network; its output layer is not pre-trained.
    pub fn encoder(&self) -> Pretrained<S> {
        let mut pretrained =
            Pretrained { network: NetworkSpec::default(), blocks: Vec::new(), activations: Vec::new() };
        pretrained.network.hidden = self.layers.iter().map(|layer| layer.layer.n_hidden()).collect();
        for (k, layer) in self.layers.iter().enumerate() {
            let activation = layer.layer.code().activation();
            let group = format!("hidden{}", k + 1);
            pretrained.blocks.extend(layer.group(&group, false));
            pretrained.activations.push((group, activation.name()));
            pretrained.network.activation = activation;
        }
        pretrained
    }

    /// The encoders, and the decoders in reverse, as a network that reproduces its input: all of it is pre-trained.
    ///
    /// The lowest decoder is the output layer: its loss is Bernoulli cross-entropy if the input is, else squared. A decoder of
    /// probabilities ends in sigmoid units, one of numbers in linear ones.
    pub fn unrolled(&self) -> Pretrained<S> {
        let mut pretrained = self.encoder();
        let n = self.layers.len();
        let mut layers = pretrained.network.expand();
        for (k, layer) in self.layers.iter().enumerate().rev() {
            let group = if k == 0 { "output".to_owned() } else { format!("hidden{}", 2 * n - k) };
            pretrained.blocks.extend(layer.group(&group, true));
            if k > 0 {
                layers.push(LayerSpec::Layer(Layers::Dense(Dense::new(layer.layer.n_visible()))));
                if layer.layer.visible() == Units::Bernoulli {
                    let activation = Code::Sigmoid.activation();
                    pretrained.activations.push((group, activation.name()));
                    layers.push(LayerSpec::Activation(activation));
                }
            }
        }
        pretrained.network = NetworkSpec { layers, ..NetworkSpec::default() };
        pretrained
    }

    /// `n` samples of the deep belief net: `steps` Gibbs steps of the topmost machine, then down.
    ///
    /// Shapes: the result is n_visible × n. Errors: a layer that is no machine, or no layer at all.
    pub fn dream(&self, n: usize, steps: usize, key: Key) -> Result<Buf<S>, TrainError> {
        let mut machines = Vec::new();
        for (k, TrainedLayer { layer, theta, .. }) in self.layers.iter().enumerate() {
            match layer {
                PretrainLayer::Rbm(rbm) => machines.push((rbm, theta)),
                PretrainLayer::Autoencoder(_) => {
                    let problem = "should be a Boltzmann machine to be sampled from, got an autoencoder";
                    return Err(TrainError::recipe(format!("layer {}", k + 1), problem));
                }
            }
        }
        let Some((top, top_theta)) = machines.pop() else {
            return Err(TrainError::recipe("layers", "should be at least 1, got 0"));
        };
        let mut rng = key.rng();
        let (v, h) = (top.n_visible, top.n_hidden);
        let (mut visible, mut hidden) = (Buf::zeros(v * n), Buf::zeros(h * n));
        hidden.fill(S::of(0.5));
        bernoulli(&mut hidden, &mut rng);
        for _ in 0..steps {
            top.visible_inputs(top_theta, Mat::new(&hidden, h, n), MatMut::new(&mut visible, v, n));
            top.draw_visible(&mut visible, &mut rng);
            top.hidden_inputs(top_theta, Mat::new(&visible, v, n), MatMut::new(&mut hidden, h, n));
            Rbm::draw_hidden(&mut hidden, &mut rng);
        }
        top.visible_inputs(top_theta, Mat::new(&hidden, h, n), MatMut::new(&mut visible, v, n));
        top.draw_visible(&mut visible, &mut rng);
        for (rbm, theta) in machines.into_iter().rev() {
            let mut below = Buf::zeros(rbm.n_visible * n);
            rbm.visible_inputs(theta, Mat::new(&visible, rbm.n_hidden, n), MatMut::new(&mut below, rbm.n_visible, n));
            rbm.draw_visible(&mut below, &mut rng);
            visible = below;
        }
        Ok(visible)
    }
}
