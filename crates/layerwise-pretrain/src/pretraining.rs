//! Greedy pre-training: the first hidden layer learns to describe the rows, the next one the codes of the first, and so on; labels
//! play no part. Source: Hinton, Osindero and Teh (2006); with autoencoders Bengio, Lamblin, Popovici and Larochelle (2007),
//! "Greedy layer-wise training of deep networks"; denoising Vincent et al. (2010), section 3.4: codes of clean inputs go up.

use layerwise_core::{Number, Real, Role};
use layerwise_data::{Dataset, Scaler, fill_order};
use layerwise_network::{Network, Node};
use layerwise_optimizers::{Optimizers, Sgd};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Key, Mat, MatMut, Purpose, Scalar, elementwise};
use layerwise_train::{Outcome, Prepared, Recipe, TrainError, Watch};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::autoencoder::{Autoencoder, Autoencoding, Room};
use crate::contrastive::{Chains, ContrastiveDivergence};
use crate::layout::{Units, check_rows};
use crate::rbm::Rbm;
use crate::stack::{Broken, PretrainLayer, Stack, TrainedLayer};

/// What every layer is pre-trained as.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Method {
    /// A restricted Boltzmann machine.
    Rbm(ContrastiveDivergence),
    /// An autoencoder.
    Autoencoder(Autoencoding),
}

/// How hidden layers are pre-trained. Defaults are those of Hinton and Salakhutdinov (2006), except 20 epochs a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pretraining {
    /// Fixes every random number.
    pub seed: u64,
    /// What every layer is.
    pub method: Method,
    /// What the inputs are: probabilities, or numbers of variance about 1.
    pub visible: Units,
    /// Passes over the rows, for each layer.
    pub epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// The optimizer.
    pub optimizer: Optimizers,
    /// This times the weights is added to their gradient.
    pub weight_decay: f64,
}

impl Default for Pretraining {
    fn default() -> Self {
        Pretraining {
            seed: 1,
            method: Method::Rbm(ContrastiveDivergence::default()),
            visible: Units::Bernoulli,
            epochs: 20,
            batch: 100,
            optimizer: Sgd { rate: 0.1, momentum: 0.9, ..Sgd::default() }.into(),
            weight_decay: 0.0002,
        }
    }
}

/// What a probe sees after an epoch of one layer.
#[derive(Clone, Copy, Debug)]
pub struct PretrainEpoch<'a, S: Scalar> {
    /// The layer, from 1.
    pub layer: usize,
    /// The epoch of this layer, from 1.
    pub epoch: usize,
    /// What was minimized, its mean over the epoch: see [`TrainedLayer::history`].
    pub error: f64,
    /// What is trained.
    pub description: &'a PretrainLayer,
    /// Its parameters.
    pub theta: &'a [S],
    /// Its rows: the codes of the layers below.
    pub rows: Mat<'a, S>,
}

/// Looks at a pre-training after every epoch; it changes nothing.
pub trait PretrainProbe<S: Scalar> {
    /// A finished epoch.
    fn epoch(&mut self, at: &PretrainEpoch<'_, S>);

    /// Asked after every epoch; `true` ends the layer, and each layer above it after one epoch.
    fn stop(&self) -> bool {
        false
    }
}

impl<S: Scalar> PretrainProbe<S> for () {
    fn epoch(&mut self, _at: &PretrainEpoch<'_, S>) {}
}

/// What pre-training and the training after it gave.
#[derive(Clone, Debug)]
pub struct Tuned<S: Real> {
    /// The layers after pre-training.
    pub stack: Stack<S>,
    /// The recipe with its data.
    pub prepared: Prepared<S>,
    /// The training from there.
    pub outcome: Outcome<S>,
}

/// The streams of pre-training lie behind all epochs and steps of a training with the same seed.
const BEYOND: u64 = 1 << 32;

impl Pretraining {
    /// Refuses values out of range.
    ///
    /// Errors: the key, what it should be and what it is.
    pub fn check(&self) -> Result<(), TrainError> {
        for (key, value) in [("epochs", self.epochs), ("batch", self.batch)] {
            if value == 0 {
                return Err(TrainError::recipe(key, "should be at least 1, got 0"));
            }
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            let problem = format!("should be a finite number of at least 0, got {}", self.weight_decay);
            return Err(TrainError::recipe("weight_decay", problem));
        }
        self.optimizer.check().map_err(|problem| TrainError::recipe("optimizer", problem))?;
        match &self.method {
            Method::Rbm(divergence) => divergence.check(),
            Method::Autoencoder(coding) => coding.check(),
        }
    }

    /// The layers of these widths, over inputs of width `d`.
    fn layers(&self, d: usize, widths: &[usize]) -> Vec<PretrainLayer> {
        let (mut n_visible, mut visible) = (d, self.visible);
        let layer = |&n_hidden: &usize| {
            let layer = match self.method {
                Method::Rbm(_) => PretrainLayer::Rbm(Rbm { visible, n_visible, n_hidden }),
                Method::Autoencoder(coding) => {
                    PretrainLayer::Autoencoder(Autoencoder { visible, n_visible, n_hidden, coding })
                }
            };
            (n_visible, visible) = (n_hidden, layer.code().units());
            layer
        };
        widths.iter().map(layer).collect()
    }

    /// Trains hidden layers of these widths, one after the other.
    ///
    /// Shapes: rows is features × samples. Errors: a value out of range, or rows that the visible units cannot show.
    pub fn train<S: Real>(
        &self,
        widths: &[usize],
        rows: Mat<'_, S>,
        probe: &mut dyn PretrainProbe<S>,
    ) -> Result<Stack<S>, TrainError> {
        self.check()?;
        if let Some(k) = widths.iter().position(|&width| width == 0) {
            return Err(TrainError::recipe(format!("hidden[{k}]"), "should be at least 1, got 0"));
        }
        if rows.rows() == 0 || rows.cols() == 0 {
            let problem = format!("should be at least 1 feature × 1 sample, got {} × {}", rows.rows(), rows.cols());
            return Err(TrainError::recipe("rows", problem));
        }
        check_rows(self.visible, rows)?;
        let mut stack = Stack { layers: Vec::new(), broken: None };
        let mut codes = Buf::copy_of(rows.data());
        for (k, layer) in self.layers(rows.rows(), widths).into_iter().enumerate() {
            let input = Mat::new(&codes, layer.n_visible(), rows.cols());
            let mut trained = TrainedLayer {
                theta: layer.init(Key::new(self.seed, Purpose::Init).step(BEYOND + k as u64)),
                history: Vec::new(),
                layer,
            };
            let broken = self.train_layer(k, &mut trained, input, probe);
            let mut next = Buf::zeros(layer.n_hidden() * rows.cols());
            layer.codes(&trained.theta, input, MatMut::new(&mut next, layer.n_hidden(), rows.cols()));
            codes = next;
            stack.layers.push(trained);
            if let Some(epoch) = broken {
                stack.broken = Some(Broken { layer: k + 1, epoch });
                break;
            }
        }
        Ok(stack)
    }

    /// The epochs of layer `k`, from 0. Returns the epoch whose gradient was not finite.
    fn train_layer<S: Real>(
        &self,
        k: usize,
        trained: &mut TrainedLayer<S>,
        rows: Mat<'_, S>,
        probe: &mut dyn PretrainProbe<S>,
    ) -> Option<usize> {
        let TrainedLayer { layer, theta, history } = trained;
        let (d, n) = (rows.rows(), rows.cols());
        let batch = self.batch.min(n);
        let (optimizer, mut work) = (self.optimizer.build().on(&layer.blocks()), Work::new(self.method, layer, batch));
        let (mut grad, mut weights) = (Buf::zeros(theta.len()), Buf::zeros(theta.len()));
        for block in layer.blocks().iter().filter(|block| block.role == Role::Weight) {
            weights[block.range()].fill(S::ONE);
        }
        let (mut state, mut order) = (optimizer.state(theta.len()), vec![0; n]);
        let (mut picked, decay) = (Buf::zeros(d * batch), S::of(self.weight_decay));
        let mut step = 0;
        for epoch in 1..=self.epochs {
            fill_order(&mut order, self.seed, BEYOND + (k * self.epochs + epoch) as u64);
            let mut error = 0.0;
            for part in order.chunks(batch) {
                step += 1;
                let picked = &mut picked[..d * part.len()];
                elementwise::pick_columns(&mut MatMut::new(picked, d, part.len()), rows, part);
                let key = Key::new(self.seed, Purpose::Mask).step((k as u64 + 1) * BEYOND + step);
                let of_batch = work.gradient(theta, Mat::new(picked, d, part.len()), key, &mut grad);
                if !(of_batch.is_finite() && elementwise::all_finite(&grad)) {
                    return Some(epoch);
                }
                error += of_batch * part.len() as f64 / n as f64;
                for ((grad, &theta), &weight) in grad.iter_mut().zip(theta.iter()).zip(weights.iter()) {
                    *grad += decay * weight * theta;
                }
                optimizer.step(theta, &mut grad, &weights, 1.0, &mut state);
            }
            history.push(error);
            probe.epoch(&PretrainEpoch { layer: k + 1, epoch, error, description: layer, theta, rows });
            if probe.stop() {
                break;
            }
        }
        None
    }

    /// Pre-trains the hidden layers of a recipe on its training rows and on `unlabelled` ones beside them, then trains as the recipe
    /// says. The scaling is fitted to the training rows.
    ///
    /// Shapes: `unlabelled` is features × samples. Errors: a value out of range, rows that do not fit, a network that is not given
    /// as widths with the activation of the codes. A pre-training that broke is no error: see [`Stack::broken`].
    pub fn fit<S: Real + Plane>(
        &self,
        recipe: &Recipe,
        train: &Dataset,
        validation: Option<&Dataset>,
        unlabelled: Option<&DMatrix<f64>>,
        probe: &mut dyn PretrainProbe<S>,
        watch: &mut dyn Watch,
    ) -> Result<Tuned<S>, TrainError>
    where
        Dual<S>: Number,
    {
        let prepared = Prepared::<S>::new(recipe, train, validation)?;
        if !recipe.network.layers.is_empty() {
            let problem = "should be given as widths, by `hidden`, got layers one by one";
            return Err(TrainError::recipe("network.layers", problem));
        }
        let mut rows = self.scaled("training rows", &prepared.scaler, &train.x)?;
        if let Some(more) = unlabelled {
            rows.extend(self.scaled::<S>("unlabelled rows", &prepared.scaler, more)?);
        }
        let d = train.n_features();
        let stack = self.train(&hidden_widths(&prepared.setup.network), Mat::new(&rows, d, rows.len() / d), probe)?;
        let mut run = stack.encoder().start(&prepared, recipe.seed)?;
        let outcome = prepared.carry_on(&mut run, recipe.epochs, &mut [], watch);
        Ok(Tuned { stack, prepared, outcome })
    }

    /// Rows as the first layer sees them, sample after sample.
    fn scaled<S: Real>(&self, name: &str, scaler: &Scaler, x: &DMatrix<f64>) -> Result<Vec<S>, TrainError> {
        let (d, n) = x.shape();
        let mut rows = vec![S::ZERO; d * n];
        scaler.transform_into(d, x.as_slice(), &mut rows)?;
        check_rows(self.visible, Mat::new(&rows, d, n)).map_err(|problem| match problem {
            TrainError::Recipe { key, problem } => TrainError::recipe(format!("{name}, {key}"), problem),
            other => other,
        })?;
        Ok(rows)
    }
}

/// The output width of each group but the last.
fn hidden_widths(network: &Network) -> Vec<usize> {
    let weighty = |node: &&Node| node.plan.blocks.iter().any(|block| block.role == Role::Weight);
    let widths = network.nodes().iter().filter(weighty).map(|node| node.plan.d_out);
    let mut widths: Vec<usize> = widths.collect();
    widths.pop();
    widths
}

/// What the gradient of a layer needs.
enum Work<S: Scalar> {
    Rbm(Rbm, ContrastiveDivergence, Chains<S>),
    Autoencoder(Autoencoder, Room<S>, Buf<S>),
}

impl<S: Real> Work<S> {
    fn new(method: Method, layer: &PretrainLayer, n: usize) -> Work<S> {
        match *layer {
            PretrainLayer::Rbm(rbm) => {
                let divergence = match method {
                    Method::Rbm(divergence) => divergence,
                    Method::Autoencoder(_) => ContrastiveDivergence::default(),
                };
                Work::Rbm(rbm, divergence, Chains::new(&rbm, n))
            }
            PretrainLayer::Autoencoder(a) => Work::Autoencoder(a, a.room(n), Buf::zeros(a.n_visible * n)),
        }
    }

    /// grad ← the gradient on a batch. Returns what is minimized.
    fn gradient(&mut self, theta: &[S], rows: Mat<'_, S>, key: Key, grad: &mut [S]) -> f64 {
        match self {
            Work::Rbm(rbm, divergence, chains) => divergence.gradient(rbm, theta, rows, chains, key, grad),
            Work::Autoencoder(autoencoder, room, input) => {
                let input = &mut input[..rows.data().len()];
                input.copy_from_slice(rows.data());
                autoencoder.coding.corruption.apply(input, &mut key.rng());
                autoencoder.risk(theta, Mat::new(input, rows.rows(), rows.cols()), rows, room, grad).value()
            }
        }
    }
}
