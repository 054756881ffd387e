//! Whole networks as objectives: ∇ of the regularized empirical risk, through every layer, and its Hessian.

use std::sync::Arc;

use layerwise_activations::{Gelu, Relu, Sigmoid, Softplus, Tanh};
use layerwise_core::{Block, Loss, Number, Objective, Pass, Pointwise, ShapeError, Targets};
use layerwise_gradcheck::{Report, check_objective};
use layerwise_layers::{Dense, Dropout, Skip};
use layerwise_losses::{BernoulliCrossEntropy, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::L2;
use layerwise_tensor::{Dual64, Key, Mat, Purpose};

/// Name, seed, random points.
type Check = fn(&str, u64, usize) -> Report;

/// What is checked.
pub const ALL: &[(&str, Check)] = &[
    ("net-softmax", |name, seed, points| {
        let layers = Builder::new(3).layer(Dense::new(4)).layer(Pointwise(Tanh)).layer(Dense::new(3));
        Bench::of(layers, SoftmaxCrossEntropy::default(), Answers::Classes(3)).penalized().check(name, seed, points)
    }),
    ("net-regression", |name, seed, points| {
        let layers = Builder::new(4).layer(Dense::new(5)).layer(Pointwise(Gelu)).layer(Dense::new(2));
        Bench::of(layers, Squared, Answers::Values(2)).weighted().check(name, seed, points)
    }),
    ("net-ten-deep", |name, seed, points| {
        let deep = (0..10).fold(Builder::new(3), |b, _| b.layer(Dense::new(3)).layer(Pointwise(Sigmoid)));
        Bench::of(deep.layer(Dense::new(2)), SoftmaxCrossEntropy::default(), Answers::Classes(2))
            .check(name, seed, points)
    }),
    ("net-residual", |name, seed, points| {
        let block = |b: Builder| {
            b.layer(Dense::new(4))
                .layer(Pointwise(Softplus))
                .layer(Dense::new(4))
                .layer(Skip { back: 4 })
                .layer(Pointwise(Tanh))
        };
        let layers = block(block(Builder::new(3).layer(Dense::new(4)).layer(Pointwise(Tanh))));
        Bench::of(layers.layer(Dense::new(1)), BernoulliCrossEntropy, Answers::Classes(2)).check(name, seed, points)
    }),
    ("net-dropout", |name, seed, points| {
        let layers = Builder::new(4)
            .layer(Dropout { rate: 0.2 })
            .layer(Dense::new(6))
            .layer(Pointwise(Relu))
            .layer(Dropout { rate: 0.5 })
            .layer(Dense::new(3));
        Bench::of(layers, SoftmaxCrossEntropy::default(), Answers::Classes(3)).check(name, seed, points)
    }),
    // Both sides of the blocking thresholds of the matrix product.
    ("net-wide", |name, seed, points| {
        let layers =
            Builder::new(64).layer(Dense::new(65)).layer(Pointwise(Tanh)).layer(Dense::new(33)).layer(Pointwise(Tanh));
        let layers = layers.layer(Dense::new(10));
        Bench::of(layers, SoftmaxCrossEntropy::default(), Answers::Classes(10)).batch(32).penalized().check(
            name,
            seed,
            points.div_ceil(4),
        )
    }),
];

/// What the targets are.
#[derive(Clone, Copy)]
enum Answers {
    Classes(usize),
    Values(usize),
}

struct Bench {
    network: Result<Network, ShapeError>,
    loss: Arc<dyn Loss>,
    answers: Answers,
    penalties: Vec<Penalty>,
    weighted: bool,
    batch: usize,
}

impl Bench {
    fn of(layers: Builder, loss: impl Loss + 'static, answers: Answers) -> Bench {
        Bench {
            network: layers.build(),
            loss: Arc::new(loss),
            answers,
            penalties: Vec::new(),
            weighted: false,
            batch: 5,
        }
    }

    /// With an L2 penalty on weights and biases.
    fn penalized(self) -> Bench {
        let penalty =
            Penalty { regularizer: Arc::new(L2 { strength: 0.3 }), on: Where { biases: true, ..Where::default() } };
        Bench { penalties: vec![penalty], ..self }
    }

    /// With a weight for each sample.
    fn weighted(self) -> Bench {
        Bench { weighted: true, ..self }
    }

    fn batch(self, batch: usize) -> Bench {
        Bench { batch, ..self }
    }

    /// Panics: if the network cannot be built; it stands above.
    fn check(&self, name: &str, seed: u64, points: usize) -> Report {
        let network = match &self.network {
            Ok(network) => network,
            Err(e) => panic!("{name}: {e}"),
        };
        let one = |point: usize| {
            let key = Key::new(seed, Purpose::Test).step(point as u64);
            let theta: Vec<f64> = {
                let full = network.init::<f64>(seed.wrapping_add(point as u64));
                let mut rng = key.layer(1).rng();
                // Biases start at 0, where nothing is learnt about them.
                network.blocks().flat_map(|(_, b)| full[b.range()].to_vec()).map(|v| v + 0.1 * rng.normal()).collect()
            };
            let mut real = self.risk::<f64>(network, key);
            let mut dual = self.risk::<Dual64>(network, key);
            check_objective(name, &mut real, &mut dual, &theta, seed)
        };
        let mut report = one(0);
        (1..points).for_each(|point| report.merge(one(point)));
        report
    }

    /// The risk on random samples, the same ones in every number type.
    fn risk<S: Number>(&self, network: &Network, key: Key) -> Risk<S> {
        let mut rng = key.rng();
        let mut numbers = |n: usize| -> Vec<S> { (0..n).map(|_| S::of(rng.normal())).collect() };
        let x = numbers(network.d_in() * self.batch);
        let values = match self.answers {
            Answers::Classes(_) => Vec::new(),
            Answers::Values(k) => numbers(k * self.batch),
        };
        let classes = match self.answers {
            Answers::Classes(k) => (0..self.batch).map(|_| rng.below(k) as u32).collect(),
            Answers::Values(_) => Vec::new(),
        };
        let weights = self.weighted.then(|| (0..self.batch).map(|_| S::of(rng.uniform())).collect());
        let n = network.n_theta();
        Risk {
            network: network.clone(),
            loss: Arc::clone(&self.loss),
            penalties: self.penalties.clone(),
            x,
            classes,
            values,
            weights,
            workspace: Workspace::new(network, self.batch),
            theta: vec![S::ZERO; n],
            grad: vec![S::ZERO; n],
            batch: self.batch,
            key: key.layer(2),
        }
    }
}

/// The risk as a function of the parameters alone, without the padding between blocks.
struct Risk<S: Number> {
    network: Network,
    loss: Arc<dyn Loss>,
    penalties: Vec<Penalty>,
    x: Vec<S>,
    classes: Vec<u32>,
    values: Vec<S>,
    weights: Option<Vec<S>>,
    workspace: Workspace<S>,
    theta: Vec<S>,
    grad: Vec<S>,
    batch: usize,
    key: Key,
}

/// Where each block stands in θ and among the parameters.
fn places(network: &Network) -> impl Iterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut at = 0;
    network.blocks().map(|(_, block)| block).map(Block::range).map(move |range| {
        let packed = at..at + range.len();
        at = packed.end;
        (range, packed)
    })
}

impl<S: Number> Objective<S> for Risk<S> {
    fn len(&self) -> usize {
        self.network.n_params()
    }

    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        for (range, packed) in places(&self.network) {
            self.theta[range.clone()].copy_from_slice(&theta[packed.clone()]);
            // What the caller's memory held: a kernel that reads it is found out.
            self.grad[range].copy_from_slice(&grad[packed]);
        }
        let targets = match self.values.is_empty() {
            true => Targets::Classes(&self.classes),
            false => Targets::Values(Mat::new(&self.values, self.values.len() / self.batch, self.batch)),
        };
        let x = Mat::new(&self.x, self.network.d_in(), self.batch);
        let value = Supervised {
            network: &self.network,
            loss: &*self.loss,
            penalties: &self.penalties,
            batch: Batch { x, targets, weights: self.weights.as_deref() },
            workspace: &mut self.workspace,
            pass: Pass::Train,
            key: self.key,
        }
        .eval(&self.theta, &mut self.grad);
        for (range, packed) in places(&self.network) {
            grad[packed].copy_from_slice(&self.grad[range]);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerwise_core::Activation;

    /// tanh with a slope that is 1e-9 too large.
    #[derive(Clone, Debug)]
    struct Wrong;

    impl Activation for Wrong {
        const NAME: &'static str = "wrong";
        const RANGE: (f64, f64) = (-1.0, 1.0);
        fn value<S: layerwise_tensor::Scalar>(&self, x: S) -> S {
            x.tanh()
        }
        fn slope<S: layerwise_tensor::Scalar>(&self, _x: S, y: S) -> S {
            (S::ONE - y * y) * S::of(1.0 + 1e-9)
        }
    }

    #[test]
    fn a_wrong_slope_inside_a_network_is_found() {
        let layers = Builder::new(2).layer(Dense::new(2)).layer(Pointwise(Wrong)).layer(Dense::new(2));
        let report = Bench::of(layers, Squared, Answers::Values(2)).check("wrong", 1, 1);
        let failure = report.failure.expect("found");
        assert_eq!(failure.law, "the gradient is the derivative of the value");
    }
}
