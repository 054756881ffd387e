//! Stacks: what is handed over is what was trained, and training learns something.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Plain, random_theta, states};
use layerwise_core::Pass;
use layerwise_data::{Dataset, Scaling, Target, digits_split};
use layerwise_network::Workspace;
use layerwise_optimizers::Sgd;
use layerwise_pretrain::{
    Autoencoder, Autoencoding, Code, ContrastiveDivergence, Corruption, Method, PretrainEpoch, PretrainLayer,
    PretrainProbe, Pretraining, Rbm, Stack, TrainedLayer, Units, transfer,
};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Purpose};
use layerwise_train::{NetworkSpec, Recipe, StopReason};
use nalgebra::DMatrix;

fn autoencoding(coding: Autoencoding) -> Pretraining {
    Pretraining { method: Method::Autoencoder(coding), epochs: 3, batch: 16, ..Pretraining::default() }
}

/// Rows of two groups of features that go together.
fn rows(n: usize) -> Vec<f64> {
    let mut rng = common::rng(1);
    let mut row = || {
        let on = [rng.below(2), rng.below(2)];
        (0..8).map(|i| if rng.uniform() < 0.1 { 0.5 } else { on[i / 4] as f64 }).collect::<Vec<f64>>()
    };
    (0..n).flat_map(|_| row()).collect()
}

/// Collects what it sees.
#[derive(Default)]
struct Seen(Vec<(usize, usize, f64)>);

impl PretrainProbe<f64> for Seen {
    fn epoch(&mut self, at: &PretrainEpoch<'_, f64>) {
        assert_eq!(at.theta.len(), at.description.init::<f64>(Key::new(0, Purpose::Test)).len());
        assert_eq!(at.rows.rows(), at.description.n_visible());
        self.0.push((at.layer, at.epoch, at.error));
    }
}

/// The activations of the hidden layers of a network, which are the codes; and its output.
fn forward(network: &layerwise_network::Network, theta: &[f64], x: Mat<'_, f64>) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut workspace = Workspace::new(network, x.cols());
    network.forward(theta, x, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
    // A dense layer and its activation by turns.
    let hidden = (0..network.nodes().len() - 1).skip(1).step_by(2).map(|i| workspace.y(i).data().to_vec()).collect();
    (hidden, workspace.output().data().to_vec())
}

#[test]
fn an_encoder_computes_the_codes_and_an_unrolled_one_the_reproduction() {
    let rows = rows(50);
    let x = Mat::new(&rows, 8, 50);
    let plain = Autoencoding::default();
    for (visible, method) in [
        (Units::Bernoulli, Method::Rbm(ContrastiveDivergence::default())),
        (Units::Gaussian, Method::Rbm(ContrastiveDivergence { steps: 2, persistent: true })),
        (Units::Bernoulli, Method::Autoencoder(plain)),
        (Units::Gaussian, Method::Autoencoder(Autoencoding { tied: false, code: Code::Tanh, ..plain })),
        (Units::Gaussian, Method::Autoencoder(Autoencoding { code: Code::Identity, ..plain })),
    ] {
        let mut seen = Seen::default();
        let optimizer = Sgd { rate: 0.02, ..Sgd::default() }.into();
        let pretraining = Pretraining { method, visible, epochs: 3, batch: 16, optimizer, ..Pretraining::default() };
        let stack = pretraining.train(&[5, 4, 2], x, &mut seen).unwrap();
        assert!(stack.broken.is_none(), "{method:?}");
        let epochs: Vec<(usize, usize)> = seen.0.iter().map(|&(layer, epoch, _)| (layer, epoch)).collect();
        assert_eq!(epochs, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3)]);
        assert_eq!(stack.layers[1].history, [seen.0[3].2, seen.0[4].2, seen.0[5].2]);

        let encoder = stack.encoder();
        let network = encoder.network.build(8, 3).unwrap();
        let mut theta = network.init::<f64>(1);
        let fresh = theta.clone();
        transfer(&encoder.blocks, &network, &mut theta).unwrap();
        let (hidden, _) = forward(&network, &theta, x);
        for depth in 1..=3 {
            assert_eq!(hidden[depth - 1], stack.codes(depth, x).to_vec(), "{method:?} {depth}");
        }
        // The output layer is as it was.
        let (_, w) = network.blocks().find(|(group, _)| *group == "output").unwrap();
        assert_eq!(theta[w.range()], fresh[w.range()]);

        let unrolled = stack.unrolled();
        let network = unrolled.network.build(8, 8).unwrap();
        assert_eq!(unrolled.blocks.len(), network.blocks().count());
        let mut theta = network.init::<f64>(1);
        transfer(&unrolled.blocks, &network, &mut theta).unwrap();
        let mut down = stack.codes(3, x).to_vec();
        for (k, TrainedLayer { layer, theta, .. }) in stack.layers.iter().enumerate().rev() {
            let mut out = vec![0.0; layer.n_visible() * 50];
            let (h, window) = (Mat::new(&down, layer.n_hidden(), 50), MatMut::new(&mut out, layer.n_visible(), 50));
            match layer {
                PretrainLayer::Rbm(rbm) => rbm.visible_inputs(theta, h, window),
                PretrainLayer::Autoencoder(autoencoder) => autoencoder.outputs(theta, h, window),
            }
            if k > 0 && layer.visible() == Units::Bernoulli {
                out.iter_mut().for_each(|v| *v = layerwise_tensor::Scalar::sigmoid(*v));
            }
            down = out;
        }
        let mut workspace = Workspace::new(&network, 50);
        network.forward(&theta, x, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
        assert!(common::farthest(workspace.output().data(), &down) < 1e-12, "{method:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_one_others() {
    let rows = rows(60);
    let x = Mat::new(&rows, 8, 60);
    for method in [
        Method::Rbm(ContrastiveDivergence::default()),
        Method::Autoencoder(Autoencoding { corruption: Corruption::Masking { share: 0.3 }, ..Autoencoding::default() }),
    ] {
        let train = |seed| {
            let pretraining = Pretraining { method, seed, epochs: 2, batch: 16, ..Pretraining::default() };
            let stack: Stack<f64> = pretraining.train(&[4, 3], x, &mut ()).unwrap();
            stack.layers.iter().map(|layer| layer.theta.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(train(1), train(1));
        assert_ne!(train(1), train(2));
    }
}

/// Rows that are all 0, all 1, or one of two halves: without couplings ln p is −6 ln 2 at best, with them it can be −ln 4. Training
/// closes more than half of the gap, and persistent chains more of it than short ones (Tieleman 2008). They need a small rate: at
/// five times this one they no longer reach what they chase, and end at −3.4.
#[test]
fn a_machine_learns_the_distribution_of_its_rows() {
    let patterns = [[0.0; 6], [1.0; 6], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]];
    let rows: Vec<f64> = (0..200).flat_map(|i| patterns[i % 4]).collect();
    let x = Mat::new(&rows, 6, 200);
    let (best, without) = (-4f64.ln(), -6.0 * 2f64.ln());
    let [short, persistent] = [false, true].map(|persistent| {
        let pretraining = Pretraining {
            method: Method::Rbm(ContrastiveDivergence { steps: 1, persistent }),
            epochs: 1500,
            batch: 50,
            optimizer: Sgd { rate: 0.02, momentum: 0.5, ..Sgd::default() }.into(),
            weight_decay: 0.0,
            ..Pretraining::default()
        };
        let stack = pretraining.train(&[6], x, &mut ()).unwrap();
        let TrainedLayer { layer: PretrainLayer::Rbm(rbm), theta, .. } = &stack.layers[0] else { unreachable!() };
        let found = rbm.log_likelihood(theta, x, rbm.log_z(theta).unwrap());
        println!("persistent {persistent}: ln p = {found:.3} of at most {best:.3}; {without:.3} without couplings");
        found
    });
    let half = (best + without) / 2.0;
    assert!(half < short && short < persistent && persistent <= best, "{half} {short} {persistent} {best}");
}

/// Hinton, Osindero and Teh (2006): with W⁽²⁾ the transpose of W⁽¹⁾ the two-layer net is the lower machine. 20 000 samples of 16
/// states: 6.4 standard errors for one of them, a chance of 3e-9.
#[test]
fn a_deep_belief_net_with_transposed_weights_is_the_lower_machine() {
    const N: usize = 20_000;
    let (lower, upper) = (Rbm::new(4, 3), Rbm::new(3, 4));
    let below = random_theta(&lower, 0.8, 2);
    let plain = Plain::new(&lower, &below);
    let mut above = vec![0.0; upper.n_theta()];
    let blocks = upper.blocks();
    for j in 0..3 {
        for i in 0..4 {
            above[blocks[0].offset + j * 4 + i] = plain.w[j][i];
        }
    }
    above[blocks[1].range()].copy_from_slice(&plain.c);
    above[blocks[2].range()].copy_from_slice(&plain.b);
    let layer = |rbm, theta: &[f64]| TrainedLayer {
        layer: PretrainLayer::Rbm(rbm),
        theta: Buf::copy_of(theta),
        history: Vec::new(),
    };
    let stack = Stack { layers: vec![layer(lower, &below), layer(upper, &above)], broken: None };
    let samples = stack.dream(N, 100, Key::new(3, Purpose::Test)).unwrap();
    let log_z = lower.log_z(&below).unwrap();
    for state in states(4) {
        let p = lower.log_likelihood(&below, Mat::new(&state, 4, 1), log_z).exp();
        let found = samples.chunks(4).filter(|sample| **sample == state[..]).count() as f64 / N as f64;
        assert!((found - p).abs() < 6.4 * (p * (1.0 - p) / N as f64).sqrt(), "{state:?}: {found} {p}");
    }
}

#[test]
fn a_training_that_breaks_says_where_and_keeps_the_last_parameters() {
    let rows = rows(40);
    let wild = Pretraining {
        optimizer: Sgd { rate: 1e200, ..Sgd::default() }.into(),
        visible: Units::Gaussian,
        ..autoencoding(Autoencoding { code: Code::Identity, ..Autoencoding::default() })
    };
    let stack = wild.train(&[4, 3], Mat::new(&rows, 8, 40), &mut ()).unwrap();
    let broken = stack.broken.unwrap();
    assert_eq!((broken.layer, stack.layers.len()), (1, 1));
    assert_eq!(broken.to_string(), "pre-training, layer 1: the gradient should be finite, got another in epoch 1");
    assert!(stack.layers[0].theta.iter().all(|t| t.is_finite()));
}

/// The digits with labels on 100 rows: the others serve pre-training alone.
#[test]
fn unlabelled_rows_go_beside_labelled_ones() {
    let parts = digits_split();
    let labelled = parts.train.subset(&(0..100).collect::<Vec<_>>());
    let unlabelled = parts.train.subset(&(100..400).collect::<Vec<_>>());
    let recipe = Recipe {
        scaling: Scaling::MinMax,
        network: NetworkSpec { hidden: vec![20], activation: Code::Sigmoid.activation(), ..NetworkSpec::default() },
        epochs: 5,
        ..Recipe::default()
    };
    let plain = Autoencoding::default();
    let pretraining = Pretraining { visible: Units::Gaussian, ..autoencoding(plain) };
    let fit = |unlabelled: Option<&DMatrix<f64>>| {
        pretraining.fit::<f32>(&recipe, &labelled, Some(&parts.validation), unlabelled, &mut (), &mut ()).unwrap()
    };
    let (with, without) = (fit(Some(&unlabelled.x)), fit(None));
    assert_ne!(with.stack.layers[0].theta.to_vec(), without.stack.layers[0].theta.to_vec());
    assert_eq!(with.outcome.stop, StopReason::Epochs);
    // The training starts from the stack: the same run by hand ends in the same bits.
    let mut run = with.stack.encoder().start(&with.prepared, recipe.seed).unwrap();
    let again = with.prepared.carry_on(&mut run, recipe.epochs, &mut [], &mut ());
    assert_eq!(again.theta.to_vec(), with.outcome.theta.to_vec());
    // Codes as a data set, for a probe.
    let codes = with.stack.code_set(1, &with.prepared.scaler, &labelled).unwrap();
    assert_eq!((codes.n_features(), codes.len(), codes.target.clone()), (20, 100, labelled.target.clone()));
    assert!(codes.x.iter().all(|v| (0.0..=1.0).contains(v)));
}

#[test]
fn what_does_not_fit_is_refused_in_one_line() {
    let rows = rows(40);
    let x = Mat::new(&rows, 8, 40);
    let plain = Pretraining::default();
    let message = |pretraining: &Pretraining, widths: &[usize], x: Mat<'_, f64>| {
        pretraining.train(widths, x, &mut ()).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(message(&plain, &[4, 0], x), "hidden[1]: should be at least 1, got 0");
    assert_eq!(message(&Pretraining { epochs: 0, ..plain.clone() }, &[4], x), "epochs: should be at least 1, got 0");
    let method = Method::Rbm(ContrastiveDivergence { steps: 0, persistent: true });
    assert_eq!(message(&Pretraining { method, ..plain.clone() }, &[4], x), "steps: should be at least 1, got 0");
    let decay = Pretraining { weight_decay: -1.0, ..plain.clone() };
    assert_eq!(message(&decay, &[4], x), "weight_decay: should be a finite number of at least 0, got -1");
    let shifted: Vec<f64> = rows.iter().map(|v| v - 0.25).collect();
    let got = message(&plain, &[4], Mat::new(&shifted, 8, 40));
    assert!(got.starts_with("row 0, column ") && got.contains("should be from 0 to 1 for Bernoulli units"), "{got}");

    let set = |x: DMatrix<f64>| {
        let target = Target::Classes { labels: vec![0; x.ncols()], names: vec!["a".into(), "b".into()] };
        Dataset::new("set", (0..x.nrows()).map(|i| format!("x{i}")).collect(), x, target).unwrap()
    };
    let train = set(DMatrix::from_column_slice(8, 40, &rows));
    let recipe = Recipe {
        scaling: Scaling::None,
        epochs: 1,
        network: NetworkSpec { hidden: vec![3], activation: Code::Sigmoid.activation(), ..NetworkSpec::default() },
        ..Recipe::default()
    };
    let fit = |recipe: &Recipe, more: Option<&DMatrix<f64>>| {
        let pretraining = Pretraining { epochs: 1, ..plain.clone() };
        pretraining.fit::<f64>(recipe, &train, None, more, &mut (), &mut ()).map(|_| ()).unwrap_err().to_string()
    };
    let mut more = DMatrix::zeros(8, 2);
    more[(3, 1)] = 2.0;
    assert_eq!(
        fit(&recipe, Some(&more)),
        "unlabelled rows, row 1, column 3: value should be from 0 to 1 for Bernoulli units, got 2"
    );
    let relu = Recipe { network: NetworkSpec { hidden: vec![3], ..NetworkSpec::default() }, ..recipe.clone() };
    assert_eq!(fit(&relu, None), "hidden1: activation should be sigmoid, as in pre-training, got dense, relu");
    let listed =
        Recipe { network: NetworkSpec { layers: recipe.network.expand(), ..NetworkSpec::default() }, ..recipe };
    assert_eq!(fit(&listed, None), "network.layers: should be given as widths, by `hidden`, got layers one by one");

    let stack = Pretraining { epochs: 1, ..plain }.train(&[4], x, &mut ()).unwrap();
    let refused = |spec: NetworkSpec| {
        let network = spec.build(8, 2).unwrap();
        let mut theta = network.init::<f64>(1);
        transfer(&stack.encoder().blocks, &network, &mut theta).unwrap_err().to_string()
    };
    assert_eq!(
        refused(NetworkSpec { hidden: vec![5], ..NetworkSpec::default() }),
        "hidden1/w: should be 5 × 8, got 4 × 8"
    );
    assert_eq!(
        refused(NetworkSpec { hidden: vec![], ..NetworkSpec::default() }),
        "hidden1/w: should be a block of the network, which has output/w, output/b"
    );
    let autoencoder = autoencoding(Autoencoding::default()).train(&[4], x, &mut ()).unwrap();
    assert_eq!(
        autoencoder.dream(1, 1, Key::new(1, Purpose::Test)).map(|_| ()).unwrap_err().to_string(),
        "layer 1: should be a Boltzmann machine to be sampled from, got an autoencoder"
    );
}

#[test]
fn a_configuration_goes_through_text_and_back() {
    let text = r#"
        seed = 3
        visible = "gaussian"
        epochs = 7
        optimizer = { kind = "adam", rate = 0.001 }
        [method]
        kind = "autoencoder"
        code = "tanh"
        tied = false
        corruption = { salt-and-pepper = { share = 0.25 } }
        contraction = 0.1
    "#;
    let read: Pretraining = toml::from_str(text).unwrap();
    let Method::Autoencoder(coding) = read.method else { panic!("{read:?}") };
    assert_eq!(coding.corruption, Corruption::SaltAndPepper { share: 0.25 });
    assert_eq!((read.seed, read.epochs, read.visible, coding.code), (3, 7, Units::Gaussian, Code::Tanh));
    assert_eq!(toml::from_str::<Pretraining>(&toml::to_string(&read).unwrap()).unwrap(), read);
    let rbm: Pretraining = toml::from_str("[method]\nkind = \"rbm\"\nsteps = 3\n").unwrap();
    assert_eq!(rbm.method, Method::Rbm(ContrastiveDivergence { steps: 3, persistent: false }));
    assert!(toml::from_str::<Pretraining>("[method]\nkind = \"rbm\"\nstep = 3\n").is_err());
    let description = Autoencoder { visible: Units::Bernoulli, n_visible: 3, n_hidden: 2, coding };
    assert_eq!(description.blocks().len(), 4);
}

/// A probe that has seen enough after the second epoch.
#[test]
fn a_probe_can_end_a_pre_training() {
    #[derive(Default)]
    struct Enough(Seen);
    impl PretrainProbe<f64> for Enough {
        fn epoch(&mut self, at: &PretrainEpoch<'_, f64>) {
            self.0.epoch(at);
        }
        fn stop(&self) -> bool {
            self.0.0.len() >= 2
        }
    }
    let (rows, pretraining) = (rows(40), autoencoding(Autoencoding::default()));
    let mut probe = Enough::default();
    let stack = pretraining.train(&[5, 3], Mat::new(&rows, 8, 40), &mut probe).unwrap();
    let places: Vec<(usize, usize)> = probe.0.0.iter().map(|&(layer, epoch, _)| (layer, epoch)).collect();
    assert_eq!(places, [(1, 1), (1, 2), (2, 1)]);
    assert_eq!(stack.layers.iter().map(|layer| layer.history.len()).collect::<Vec<_>>(), [2, 1]);
    assert!(stack.broken.is_none());
}
