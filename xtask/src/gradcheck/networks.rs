//! Whole networks as objectives: the regularized empirical risk and its gradient as the library computes them, against a network
//! that is evaluated naively, layer by layer, in every number type.

use std::sync::Arc;

use layerwise_activations::{Gelu, Relu, Sigmoid, Softplus, Tanh};
use layerwise_core::{
    Backward, Block, Forward, GenericLayer, GenericLoss, GenericNumber, GenericRegularizer, Hyper, Layer, Loss, Number,
    Objective, Params, ParamsMut, Pass, Pointwise, Role, Targets,
};
use layerwise_curvature::GaussNewton;
use layerwise_gradcheck::{Gradcheck, Problem, Report};
use layerwise_layers::{Dense, Dropout, Skip};
use layerwise_losses::{BernoulliCrossEntropy, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::L2;
use layerwise_tensor::{Bounded, DoubleDouble, Dual, Dual32, Dual64, Key, Mat, MatMut, Purpose, Scalar};

use super::components::Item;

/// A layer in both of its forms.
type Part = Arc<dyn GenericLayer>;

fn part(layer: impl GenericLayer + 'static) -> Part {
    Arc::new(layer)
}

pub fn all() -> Vec<Item> {
    let dense = |width| part(Dense::new(width));
    let tanh = || part(Pointwise(Tanh));
    let residual = || [dense(4), part(Pointwise(Softplus)), dense(4), part(Skip::new(4)), tanh()];
    let deep = || (0..10).flat_map(|_| [dense(3), part(Pointwise(Sigmoid))]).chain([dense(2)]).collect();
    let softmax = SoftmaxCrossEntropy::default;
    vec![
        Whole::of("net-softmax", 3, vec![dense(4), tanh(), dense(3)], softmax(), Answers::Classes(3)).penalized(),
        Whole::of("net-regression", 4, vec![dense(5), part(Pointwise(Gelu)), dense(2)], Squared, Answers::Values(2))
            .weighted(),
        Whole::of("net-ten-deep", 3, deep(), softmax(), Answers::Classes(2)),
        Whole::of(
            "net-residual",
            3,
            [vec![dense(4), tanh()], residual().to_vec(), residual().to_vec(), vec![dense(1)]].concat(),
            BernoulliCrossEntropy,
            Answers::Classes(2),
        ),
        Whole::of(
            "net-dropout",
            4,
            vec![part(Dropout { rate: 0.25 }), dense(6), part(Pointwise(Relu)), part(Dropout { rate: 0.5 }), dense(3)],
            softmax(),
            Answers::Classes(3),
        )
        .kinked(),
        // Wider than a vector register, and more than 64 parameters: random directions.
        Whole::of("net-wide", 9, vec![dense(17), tanh(), dense(3)], softmax(), Answers::Classes(3))
            .batch(9)
            .penalized(),
    ]
    .into_iter()
    .map(Whole::item)
    .collect()
}

/// What the targets are.
#[derive(Clone, Copy)]
enum Answers {
    Classes(usize),
    Values(usize),
}

/// The risk of a network on samples that follow from the seed.
#[derive(Clone)]
struct Whole {
    name: &'static str,
    network: Network,
    layers: Vec<Part>,
    loss: Arc<dyn GenericLoss>,
    answers: Answers,
    penalties: Vec<(Arc<dyn GenericRegularizer>, Where)>,
    n_samples: usize,
    weighted: bool,
    kinks: bool,
    samples: Samples,
}

/// Samples, in f64.
#[derive(Clone, Default)]
struct Samples {
    x: Vec<f64>,
    classes: Vec<u32>,
    values: Vec<f64>,
    weights: Option<Vec<f64>>,
    key: Option<Key>,
}

/// The same numbers in another type.
fn lifted<S: Scalar>(numbers: &[f64]) -> Vec<S> {
    numbers.iter().map(|&x| S::of(x)).collect()
}

impl Whole {
    /// Panics: if the network cannot be built; it stands above.
    fn of(
        name: &'static str,
        d_in: usize,
        layers: Vec<Part>,
        loss: impl GenericLoss + 'static,
        answers: Answers,
    ) -> Whole {
        let build = |parts: &[Part]| {
            parts.iter().fold(Builder::new(d_in), |b, part| b.shared(Arc::clone(part) as Arc<dyn Layer>)).build()
        };
        let network = build(&layers).unwrap_or_else(|e| panic!("{name}: {e}"));
        Whole {
            name,
            network,
            layers,
            loss: Arc::new(loss),
            answers,
            penalties: Vec::new(),
            n_samples: 4,
            weighted: false,
            kinks: false,
            samples: Samples::default(),
        }
    }

    /// With an L2 penalty on weights and biases.
    fn penalized(mut self) -> Whole {
        self.penalties.push((Arc::new(L2 { strength: 0.3 }), Where { biases: true, ..Where::default() }));
        self
    }

    /// With a weight for each sample.
    fn weighted(self) -> Whole {
        Whole { weighted: true, ..self }
    }

    fn kinked(self) -> Whole {
        Whole { kinks: true, ..self }
    }

    fn batch(self, n_samples: usize) -> Whole {
        Whole { n_samples, ..self }
    }

    fn item(self) -> Item {
        let name = self.name.to_owned();
        let covers = vec![("Objective", "Supervised")];
        Item { name, covers, check: Box::new(move |settings| self.clone().check(settings)) }
    }

    fn check(mut self, settings: &Gradcheck) -> Report {
        let key = Key::new(settings.seed, Purpose::Test);
        let mut rng = key.layer(2).rng();
        let mut short = |n: usize| -> Vec<f64> { (0..n).map(|_| (rng.normal() * 64.0).round() / 64.0).collect() };
        let x = short(self.network.d_in() * self.n_samples);
        let values = if let Answers::Values(k) = self.answers { short(k * self.n_samples) } else { Vec::new() };
        let classes = match self.answers {
            Answers::Classes(k) => (0..self.n_samples).map(|_| rng.below(k) as u32).collect(),
            Answers::Values(_) => Vec::new(),
        };
        let weights = self.weighted.then(|| (0..self.n_samples).map(|_| (1 + rng.below(8)) as f64 / 4.0).collect());
        self.samples = Samples { x, classes, values, weights, key: Some(key.layer(3)) };
        // Biases start at 0, where nothing is learnt about them: the checker shifts every number.
        let theta: Vec<f64> = self.network.init::<f64>(settings.seed).iter().map(|w| f64::from(*w as f32)).collect();
        let of_parameters = |block: &&Block| block.role != Role::Statistic;
        let used = self.network.blocks().map(|(_, block)| block).filter(of_parameters).flat_map(Block::range).collect();
        let other = self.clone();
        let product = |theta: &[f64], v: &[f64]| other.gauss_newton(theta, v);
        let oracle = |theta: &[f64], v: &[f64]| other.exact_gauss_newton(theta, v);
        let (name, kinks) = (self.name, self.kinks);
        let small = self.network.n_params() <= 100;
        let mut problem = Problem::new(&mut self, &theta).used(used);
        if kinks {
            problem = problem.with_kinks();
        }
        if small {
            problem = problem.gauss_newton(&product, &oracle);
        }
        // A case is a whole network.
        settings.clone().cases(settings.cases.div_ceil(32)).objective(name, problem)
    }

    fn key(&self) -> Key {
        self.samples.key.unwrap_or(Key::new(0, Purpose::Test))
    }

    fn targets<'a, S: Scalar>(&'a self, values: &'a [S]) -> Targets<'a, S> {
        match self.answers {
            Answers::Classes(_) => Targets::Classes(&self.samples.classes),
            Answers::Values(k) => Targets::Values(Mat::new(values, k, self.n_samples)),
        }
    }

    /// Gives the risk as the library has it to `with`.
    fn product<S: Number, R>(&self, with: impl FnOnce(Supervised<'_, S>) -> R) -> R {
        let (x, values): (Vec<S>, Vec<S>) = (lifted(&self.samples.x), lifted(&self.samples.values));
        let weights: Option<Vec<S>> = self.samples.weights.as_ref().map(|w| lifted(w));
        let penalties: Vec<Penalty> = self
            .penalties
            .iter()
            .map(|(r, on)| Penalty::Parameters { regularizer: Arc::clone(r) as Arc<_>, on: on.clone() })
            .collect();
        let x = Mat::new(&x, self.network.d_in(), self.n_samples);
        let loss: &dyn Loss = &*self.loss;
        with(Supervised {
            network: &self.network,
            loss,
            penalties: &penalties,
            batch: Batch { x, targets: self.targets(&values), weights: weights.as_deref() },
            workspace: &mut Workspace::new(&self.network, self.n_samples),
            pass: Pass::Train,
            key: self.key(),
        })
    }

    /// The second input of layer i.
    fn second<'d, S: GenericNumber>(&self, done: &'d [(Vec<S>, Vec<S>)], i: usize) -> Option<Mat<'d, S>> {
        let nodes = self.network.nodes();
        let source = |back: usize| Mat::new(&done[i - back].0, nodes[i - back].plan.d_out, self.n_samples);
        nodes[i].plan.skip.map(source)
    }

    /// Outputs and scratch of every layer, one after the other.
    fn naive_forward<S: GenericNumber>(&self, theta: &[S]) -> Vec<(Vec<S>, Vec<S>)> {
        let n = self.n_samples;
        let mut done: Vec<(Vec<S>, Vec<S>)> = Vec::new();
        let input: Vec<S> = lifted(&self.samples.x);
        for (i, (node, layer)) in self.network.nodes().iter().zip(&self.layers).enumerate() {
            let d_out = node.plan.d_out;
            let (mut y, mut cache) = (vec![S::ZERO; d_out * n], vec![S::ZERO; node.plan.scratch(n)]);
            S::generic_layer(&**layer).forward(Forward {
                theta: Params::new(theta, &node.plan.blocks),
                x: Mat::new(if i == 0 { &input } else { &done[i - 1].0 }, node.d_in, n),
                skip: self.second(&done, i),
                y: MatMut::new(&mut y, d_out, n),
                cache: &mut cache,
                pass: Pass::Train,
                key: self.key().layer(i as u64),
            });
            done.push((y, cache));
        }
        done
    }

    /// ∂/∂θ of Σ delta∘y, y the outputs.
    fn naive_backward<S: GenericNumber>(&self, theta: &[S], done: &[(Vec<S>, Vec<S>)], delta: Vec<S>, grad: &mut [S]) {
        let (nodes, n) = (self.network.nodes(), self.n_samples);
        let input: Vec<S> = lifted(&self.samples.x);
        let mut deltas: Vec<Vec<S>> = vec![Vec::new(); nodes.len()];
        deltas[nodes.len() - 1] = delta;
        grad.fill(S::ZERO);
        for (i, node) in nodes.iter().enumerate().rev() {
            for j in i + 1..nodes.len() {
                if nodes[j].plan.skip == Some(j - i) {
                    let later = deltas[j].clone();
                    let (own, out) = (MatMut::new(&mut deltas[i], node.plan.d_out, n), nodes[j].plan.d_out);
                    let theta = Params::new(theta, &nodes[j].plan.blocks);
                    S::generic_layer(&*self.layers[j]).shortcut(theta, Mat::new(&later, out, n), own);
                }
            }
            let x = if i == 0 { &input } else { &done[i - 1].0 };
            let mut dx = vec![S::ZERO; x.len()];
            let mut fresh = vec![false; node.plan.blocks.len()];
            S::generic_layer(&*self.layers[i]).backward(Backward {
                theta: Params::new(theta, &node.plan.blocks),
                dtheta: ParamsMut::new(grad, &node.plan.blocks, &mut fresh),
                x: Mat::new(x, node.d_in, n),
                skip: self.second(done, i),
                y: Mat::new(&done[i].0, node.plan.d_out, n),
                dy: Mat::new(&deltas[i], node.plan.d_out, n),
                dx: Some(MatMut::new(&mut dx, node.d_in, n)),
                cache: &mut done[i].1.clone(),
                pass: Pass::Train,
            });
            if i > 0 {
                deltas[i - 1] = dx;
            }
        }
    }

    /// Σ weighted losses / n of these outputs, and its gradient with respect to them.
    fn naive_loss<S: GenericNumber>(&self, y: &[S]) -> (S, Vec<S>) {
        let n = self.n_samples;
        let k = y.len() / n;
        let values: Vec<S> = lifted(&self.samples.values);
        let (mut each, mut delta) = (vec![S::ZERO; n], vec![S::ZERO; y.len()]);
        let window = MatMut::new(&mut delta, k, n);
        S::generic_loss(&*self.loss).eval(Mat::new(y, k, n), self.targets(&values), &mut each, window);
        let mut value = S::ZERO;
        for j in 0..n {
            let weight = S::of(self.samples.weights.as_ref().map_or(1.0, |w| w[j])) * S::of(1.0 / n as f64);
            value += each[j] * weight;
            delta[j * k..(j + 1) * k].iter_mut().for_each(|d| *d *= weight);
        }
        (value, delta)
    }

    fn naive<S: GenericNumber>(&self, theta: &[S], grad: &mut [S]) -> S {
        let done = self.naive_forward(theta);
        let (mut value, delta) = self.naive_loss(&done[done.len() - 1].0);
        self.naive_backward(theta, &done, delta, grad);
        for (regularizer, on) in &self.penalties {
            for (_, block) in
                self.network.blocks().filter(|(_, b)| b.role == Role::Weight || b.role == Role::Bias && on.biases)
            {
                let window = Mat::new(&theta[block.range()], block.rows, block.cols);
                value += S::generic_regularizer(&**regularizer).add(window, &mut grad[block.range()]);
            }
        }
        value
    }

    /// G v by the library.
    fn gauss_newton(&self, theta: &[f64], v: &[f64]) -> Vec<f64> {
        self.product(|risk: Supervised<'_, f64>| {
            let mut out = vec![0.0; theta.len()];
            GaussNewton::new(risk, theta).product(v, &mut out);
            out
        })
    }

    /// G v = Jᵀ (H_l (J v)): J v by dual numbers, H_l u row by row by hyper-dual numbers through the loss alone, and each number
    /// of Jᵀ w by dual numbers through the network, all in double-double and without a backward pass.
    fn exact_gauss_newton(&self, theta: &[f64], v: &[f64]) -> Vec<f64> {
        type Dd = DoubleDouble;
        let outputs = |v: &[f64]| {
            let point: Vec<Hyper> = (theta.iter().zip(v))
                .map(|(&t, &v)| Dual::new(Dual::new(Dd::from(t), Dd::ZERO), Dual::new(Dd::from(v), Dd::ZERO)))
                .collect();
            self.naive_forward(&point).pop().map(|(y, _)| y).unwrap_or_default()
        };
        let y = outputs(v);
        let along = |y: &[Hyper]| -> Vec<Dd> { y.iter().map(|y| y.eps.re).collect() };
        let u = along(&y);
        let row = |i: usize| {
            let at = |(k, y): (usize, &Hyper)| {
                let unit = if k == i { Dd::ONE } else { Dd::ZERO };
                Dual::new(Dual::new(y.re.re, u[k]), Dual::new(unit, Dd::ZERO))
            };
            let point: Vec<Hyper> = y.iter().enumerate().map(at).collect();
            self.naive_loss(&point).0.eps.eps
        };
        let w: Vec<Dd> = (0..y.len()).map(row).collect();
        let number = |k: usize| {
            let unit: Vec<f64> = (0..theta.len()).map(|i| f64::from(i == k)).collect();
            along(&outputs(&unit)).iter().zip(&w).fold(Dd::ZERO, |sum, (j, w)| sum + *j * *w).value()
        };
        let used: Vec<usize> = self.network.blocks().flat_map(|(_, block)| block.range()).collect();
        let mut out = vec![0.0; theta.len()];
        used.into_iter().for_each(|k| out[k] = number(k));
        out
    }
}

/// In the types of the library, the risk is the library's.
macro_rules! by_the_library {
    ($($t:ty),*) => {$(
        impl Objective<$t> for Whole {
            fn len(&self) -> usize {
                self.network.n_theta()
            }
            fn eval(&mut self, theta: &[$t], grad: &mut [$t]) -> $t {
                self.product(|mut risk| risk.eval(theta, grad))
            }
        }
    )*};
}
by_the_library!(f32, f64, Dual32, Dual64);

/// In those of the check, it is evaluated naively.
macro_rules! naively {
    ($($t:ty),*) => {$(
        impl Objective<$t> for Whole {
            fn len(&self) -> usize {
                self.network.n_theta()
            }
            fn eval(&mut self, theta: &[$t], grad: &mut [$t]) -> $t {
                self.naive(theta, grad)
            }
        }
    )*};
}
naively!(DoubleDouble, Hyper, Bounded<f32>, Bounded<f64>, Dual<Bounded<f32>>, Dual<Bounded<f64>>);
