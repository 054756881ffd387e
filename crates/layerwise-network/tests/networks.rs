//! Whole networks against the exact oracle, their layout, and the errors of building.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use layerwise_activations::{Gelu, Relu, Selu, Tanh};
use layerwise_core::{
    Backward, Forward, Init, Layer, LayerKernel, Loss, Number, Objective, Pass, Plan, Pointwise, ShapeError, Targets,
};
use layerwise_layers::{BatchNorm, Dense, Dropout, Highway, LayerNorm, NormedDense, Skip};
use layerwise_losses::{Losses, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::L2;
use layerwise_tensor::{Dual64, Key, Mat, Purpose, Scalar};

/// A network with its batch, in any number type.
struct Case<S: Scalar> {
    network: Network,
    loss: Box<dyn Loss>,
    x: Vec<S>,
    classes: Vec<u32>,
    workspace: Workspace<S>,
    penalties: Vec<Penalty>,
}

impl<S: Number> Objective<S> for Case<S> {
    fn len(&self) -> usize {
        self.network.n_theta()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let n = self.classes.len();
        Supervised {
            network: &self.network,
            loss: &*self.loss,
            penalties: &self.penalties,
            batch: Batch { x: Mat::new(&self.x, 3, n), targets: Targets::Classes(&self.classes), weights: None },
            workspace: &mut self.workspace,
            pass: Pass::Train,
            key: Key::new(9, Purpose::Mask).step(2),
        }
        .eval(theta, grad)
    }
}

fn case<S: Number>(network: &Network) -> Case<S> {
    let mut rng = Key::new(4, Purpose::Data).rng();
    let l2 = Penalty::Parameters { regularizer: Arc::new(L2 { strength: 0.1 }), on: Where::default() };
    Case {
        network: network.clone(),
        loss: Losses::SoftmaxCrossEntropy(SoftmaxCrossEntropy { smoothing: 0.1, ..Default::default() }).boxed(),
        x: (0..12).map(|_| S::of(rng.normal())).collect(),
        classes: vec![0, 1, 2, 1],
        workspace: Workspace::new(network, 4),
        penalties: vec![l2],
    }
}

fn check(name: &str, builder: Builder) {
    let network = builder.build().unwrap();
    let theta = network.init::<f64>(3);
    let mut grad = vec![f64::NAN; theta.len()];
    case::<f64>(&network).eval(&theta, &mut grad);
    let largest = grad.iter().fold(0.0f64, |m, g| m.max(g.abs()));
    let mut dual = case::<Dual64>(&network);
    for block in network.blocks().map(|(_, block)| block) {
        for i in block.range() {
            let lift = |(k, &t): (usize, &f64)| Dual64::new(t, f64::from(k == i));
            let point: Vec<Dual64> = theta.iter().enumerate().map(lift).collect();
            let slope = dual.eval(&point, &mut vec![Dual64::ZERO; theta.len()]).eps;
            assert!((grad[i] - slope).abs() <= 1e-13 * largest, "{name}: {i}: {}, should be {slope}", grad[i]);
        }
    }
    // ⟨w, H v⟩ = ⟨v, H w⟩, where H v is the derivative of the gradient: what is wrong in a backward pass is not symmetric.
    let mut rng = Key::new(6, Purpose::Data).rng();
    let mut direction = || network.params_mask::<f64>().iter().map(|m| m * rng.normal()).collect::<Vec<f64>>();
    let (v, w) = (direction(), direction());
    let mut product = |along: &[f64], with: &[f64]| {
        let point: Vec<Dual64> = theta.iter().zip(along).map(|(&t, &v)| Dual64::new(t, v)).collect();
        let mut grad = vec![Dual64::ZERO; theta.len()];
        dual.eval(&point, &mut grad);
        let terms = || grad.iter().zip(with).map(|(g, w)| g.eps * w);
        (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>())
    };
    let ((left, size), (right, _)) = (product(&v, &w), product(&w, &v));
    assert!((left - right).abs() <= 1e-12 * size, "{name}: {left}, should be {right}");
}

#[test]
fn deep_residual_and_noisy_networks_have_exact_gradients() {
    let tanh = || Pointwise(Tanh);
    check(
        "deep",
        Builder::new(3).layer(Dense::new(4)).layer(tanh()).layer(Dense::new(5)).layer(tanh()).layer(Dense::new(3)),
    );
    check(
        "residual",
        Builder::new(3)
            .layer(Dense::new(4))
            .layer(tanh())
            .layer(Dense::new(4))
            .layer(Pointwise(Gelu))
            .layer(Dense::new(4))
            .layer(Skip::new(4))
            .layer(Skip::new(1))
            .layer(Skip::new(6))
            .layer(Dense::new(3)),
    );
    check(
        "normed",
        Builder::new(3)
            .layer(NormedDense::new(4))
            .layer(BatchNorm::default())
            .layer(tanh())
            .layer(LayerNorm::default())
            .layer(Dense::new(5))
            .layer(BatchNorm::default())
            .layer(Skip { back: 4, projection: true })
            .layer(Highway::default())
            .layer(Skip::new(2))
            .layer(Dense::new(3)),
    );
    check(
        "dropout",
        Builder::new(3)
            .layer(Dropout { rate: 0.2 })
            .layer(Dense::new(6))
            .layer(Pointwise(Selu))
            .layer(Dropout { rate: 0.5 })
            .layer(Dense::new(3)),
    );
}

#[test]
fn the_activation_that_follows_chooses_the_initialization() {
    let network = Builder::new(3)
        .layer(Dense::new(4))
        .layer(Dropout { rate: 0.1 })
        .layer(BatchNorm::default())
        .layer(Pointwise(Relu))
        .layer(Dense::new(4))
        .layer(Pointwise(Selu))
        .layer(Dense { init: Init::Orthogonal { gain: 1.0 }, ..Dense::new(4) })
        .layer(Pointwise(Tanh))
        .layer(Dense::new(2))
        .build()
        .unwrap();
    let inits: Vec<Init> = network.blocks().filter(|(_, b)| b.name == "w").map(|(_, b)| b.init).collect();
    assert_eq!(inits, [Init::He, Init::Lecun, Init::Orthogonal { gain: 1.0 }, Init::Glorot]);
    assert_eq!(network.groups(), ["hidden1", "hidden2", "hidden3", "output"]);
    assert!(network.blocks().all(|(_, b)| b.offset % 16 == 0));
    assert_eq!((network.n_params(), network.n_theta()), (3 * 4 + 4 + 8 + 2 * 20 + 10, 16 * 12));
    // A projection has weights of its own, and does not let the next layer speak for others.
    let shortcut = Builder::new(3).layer(Dense::new(4)).layer(Dense::new(2)).layer(Skip { back: 1, projection: true });
    let network = shortcut.layer(Pointwise(Relu)).layer(Dense::new(1)).build().unwrap();
    let weights = network.blocks().filter(|(_, b)| b.name == "w");
    let weights: Vec<_> = weights.map(|(group, b)| (group, b.rows, b.cols, b.init)).collect();
    let expected = [
        ("hidden1", 4, 3, Init::Glorot),
        ("hidden2", 2, 4, Init::Glorot),
        ("hidden3", 2, 2, Init::He),
        ("output", 1, 2, Init::Glorot),
    ];
    assert_eq!(weights, expected);
}

#[test]
fn shape_mistakes_name_the_layer() {
    /// Its plan is its only content.
    #[derive(Debug)]
    struct Nothing;
    impl Layer for Nothing {
        fn name(&self) -> &'static str {
            "nothing"
        }
        fn plan(&self, _d_in: usize) -> Result<Plan, ShapeError> {
            Ok(Plan::new(0))
        }
    }
    impl<S: Scalar> LayerKernel<S> for Nothing {
        fn forward(&self, _io: Forward<'_, S>) {}
        fn backward(&self, _io: Backward<'_, S>) {}
    }
    let message = |builder: Builder| builder.build().unwrap_err().to_string();
    assert_eq!(message(Builder::new(3)), "network: layers should be at least 1, got 0");
    assert_eq!(message(Builder::new(0).layer(Dense::new(2))), "network: input width should be at least 1, got 0");
    assert_eq!(
        message(Builder::new(3).layer(Dense::new(2)).layer(Dense::new(0))),
        "layer 2 (dense)/w: width should be at least 1, got 0"
    );
    assert_eq!(
        message(Builder::new(3).layer(Dense::new(2)).layer(Dense::new(4)).layer(Skip::new(2))),
        "layer 3 (skip): width of the shortcut should be 4, got 2"
    );
    assert_eq!(
        message(Builder::new(3).layer(Dense::new(2)).layer(Skip::new(2))),
        "layer 2 (skip): back should be at most 1, got 2"
    );
    assert_eq!(
        message(Builder::new(3).layer(Dropout { rate: 1.0 })),
        "layer 1 (dropout): rate should be in [0, 1), got 1"
    );
    assert_eq!(
        message(Builder::new(3).layer(Dense::new(2)).layer(Nothing)),
        "layer 2 (nothing): output width should be at least 1, got 0"
    );
    assert_eq!(message(Builder::new(usize::MAX).layer(Dense::new(2))), "output/w: too many parameters");
}

#[test]
fn sample_weights_scale_losses_and_gradients() {
    let network = Builder::new(3).layer(Dense::new(2)).build().unwrap();
    let theta = network.init::<f64>(1);
    let (x, values) = ([0.3, -1.0, 2.0, 0.5, 0.1, -0.4], [1.0, 2.0, -1.0, 0.0]);
    let eval = |weights: Option<&[f64]>| {
        let mut grad = vec![f64::NAN; theta.len()];
        let batch = Batch { x: Mat::new(&x, 3, 2), targets: Targets::Values(Mat::new(&values, 2, 2)), weights };
        let mut workspace = Workspace::new(&network, 2);
        let key = Key::new(0, Purpose::Mask);
        let mut objective = Supervised {
            network: &network,
            loss: &Squared,
            penalties: &[],
            batch,
            workspace: &mut workspace,
            pass: Pass::Predict,
            key,
        };
        (objective.eval(&theta, &mut grad), grad)
    };
    let ((all, g), (first, g1), (second, g2)) = (eval(None), eval(Some(&[1.0, 0.0])), eval(Some(&[0.0, 3.0])));
    assert!((all - (first + second / 3.0)).abs() < 1e-15);
    assert!(g.iter().zip(g1.iter().zip(&g2)).all(|(g, (a, b))| (g - (a + b / 3.0)).abs() < 1e-15));
}

#[test]
fn a_batch_without_samples_has_risk_and_gradient_0() {
    fn check<S: Number>(loss: &Losses, targets: Targets<'_, S>, capacity: usize, pass: Pass) {
        let layers = Builder::new(3).layer(Dense::new(4)).layer(Pointwise(Tanh)).layer(Dropout { rate: 0.5 });
        let network = layers.layer(Dense::new(4)).layer(Skip::new(2)).layer(Dense::new(2)).build().unwrap();
        let theta = network.init::<S>(1);
        let mut grad = vec![S::of(f64::NAN); theta.len()];
        let mut workspace = Workspace::new(&network, capacity);
        let mut risk = Supervised {
            network: &network,
            loss: &*loss.boxed(),
            penalties: &[],
            batch: Batch { x: Mat::new(&[], 3, 0), targets, weights: Some(&[]) },
            workspace: &mut workspace,
            pass,
            key: Key::new(0, Purpose::Mask),
        };
        assert_eq!(risk.eval(&theta, &mut grad).value(), 0.0, "{loss:?}");
        assert!(grad.iter().all(|g| g.value() == 0.0 && g.finite()), "{loss:?}");
        assert!(workspace.n() == 0 && workspace.each().is_empty() && workspace.output().data().is_empty());
    }
    for loss in Losses::all() {
        for (capacity, pass) in [(0, Pass::Predict), (0, Pass::Train), (7, Pass::Predict), (7, Pass::Train)] {
            if ["softmax-cross-entropy", "hinge"].contains(&loss.name()) {
                check::<f32>(&loss, Targets::Classes(&[]), capacity, pass);
                check::<Dual64>(&loss, Targets::Classes(&[]), capacity, pass);
            } else {
                check::<f32>(&loss, Targets::Values(Mat::new(&[], 2, 0)), capacity, pass);
                check::<Dual64>(&loss, Targets::Values(Mat::new(&[], 2, 0)), capacity, pass);
            }
        }
    }
}

#[test]
fn descriptions_are_objects() {
    let layers: Vec<Box<dyn Layer>> = vec![Box::new(Dense::new(2)), Box::new(Pointwise(Tanh))];
    assert_eq!(layers.iter().map(|l| l.name()).collect::<Vec<_>>(), ["dense", "tanh"]);
}
