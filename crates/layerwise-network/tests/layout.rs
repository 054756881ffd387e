//! Where numbers lie and who reads them: groups, blocks, padding, streams of the initialization, penalties, windows of a step.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use layerwise_activations::{Relu, Tanh};
use layerwise_core::{
    Backward, Forward, Init, Layer, LayerKernel, Objective, Pass, Plan, Pointwise, Regularizer, Role, ShapeError,
    Targets,
};
use layerwise_layers::{BatchNorm, Dense, Dropout, Highway, LayerNorm};
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::{L2, ProximalL1};
use layerwise_tensor::{Key, Mat, MatMut, Purpose, Scalar};

/// 3 → 4 → 2, with noise before the first parameters.
fn network() -> Network {
    let hidden = Builder::new(3).layer(Dropout { rate: 0.0 }).layer(Dense { bias: 0.5, ..Dense::new(4) });
    hidden.layer(Pointwise(Tanh)).layer(Dense { bias: -2.0, ..Dense::new(2) }).build().unwrap()
}

fn risk<'a>(
    network: &'a Network,
    x: &'a [f64],
    t: &'a [f64],
    workspace: &'a mut Workspace<f64>,
) -> Supervised<'a, f64> {
    let n = x.len() / network.d_in();
    let batch = Batch {
        x: Mat::new(x, network.d_in(), n),
        targets: Targets::Values(Mat::new(t, network.d_out(), n)),
        weights: None,
    };
    let key = Key::new(0, Purpose::Mask);
    Supervised { network, loss: &Squared, penalties: &[], batch, workspace, pass: Pass::Train, key }
}

/// Seven samples.
fn samples() -> (Vec<f64>, Vec<f64>) {
    let wave = |i: i32| f64::from(i).sin();
    ((0..21).map(wave).collect(), (0..14).map(wave).collect())
}

#[test]
fn a_builder_counts_its_layers() {
    let none = Builder::new(3);
    assert_eq!((none.len(), none.is_empty()), (0, true));
    let two = none.layer(Dense::new(4)).boxed(Box::new(Pointwise(Tanh)));
    assert_eq!((two.len(), two.is_empty()), (2, false));
    let network = two.build().unwrap();
    assert_eq!(network.nodes().iter().map(|node| node.layer.name()).collect::<Vec<_>>(), ["dense", "tanh"]);
}

#[test]
fn nodes_blocks_and_groups_are_in_order() {
    let network = network();
    assert_eq!((network.d_in(), network.d_out(), network.n_params(), network.n_theta()), (3, 2, 26, 64));
    let nodes: Vec<_> = network.nodes().iter().map(|n| (&*n.group, n.d_in, n.plan.d_out)).collect();
    assert_eq!(nodes, [("input", 3, 3), ("hidden1", 3, 4), ("hidden1", 4, 4), ("output", 4, 2)]);
    let blocks: Vec<_> = network.blocks().map(|(group, b)| (group, b.name, b.rows, b.cols, b.offset)).collect();
    let expected =
        [("hidden1", "w", 4, 3, 0), ("hidden1", "b", 4, 1, 16), ("output", "w", 2, 4, 32), ("output", "b", 2, 1, 48)];
    assert_eq!(blocks, expected);
    let is_weight = |i: usize| f32::from((0..12).contains(&i) || (32..40).contains(&i));
    assert_eq!(network.weights_mask::<f32>()[..], (0..64).map(is_weight).collect::<Vec<_>>());
}

#[test]
fn initialization_asks_up_to_the_next_layer_with_parameters() {
    let layers = Builder::new(3).layer(Dense::new(4)).layer(Dense::new(4)).layer(Pointwise(Relu));
    let network = layers.layer(Dense { bias: 0.5, ..Dense::new(2) }).build().unwrap();
    let inits: Vec<Init> = network.blocks().map(|(_, b)| b.init).collect();
    let zero = Init::Constant { value: 0.0 };
    assert_eq!(inits, [Init::Glorot, zero, Init::He, zero, Init::Glorot, Init::Constant { value: 0.5 }]);
}

#[test]
fn each_block_starts_from_its_own_stream_and_the_padding_at_0() {
    let network = network();
    let mut expected = vec![0.0; network.n_theta()];
    for (i, (_, block)) in network.blocks().enumerate() {
        let window = MatMut::new(&mut expected[block.range()], block.rows, block.cols);
        block.init.fill(window, &mut Key::new(8, Purpose::Init).layer(i as u64).rng());
    }
    assert_eq!(network.init::<f64>(8)[..], expected);
    assert_ne!(network.init::<f64>(9)[..], expected);
}

#[test]
fn penalties_fall_on_their_groups_and_on_biases_if_asked() {
    let network = network();
    let mut theta = network.init::<f64>(8);
    for (i, theta) in theta.iter_mut().enumerate().filter(|(_, w)| **w != 0.0) {
        *theta = 3.0 + i as f64;
    }
    let check = |groups: &[&str], biases: bool, hit: &[usize]| {
        let on = Where { groups: groups.iter().map(|g| g.to_string()).collect(), biases };
        let of = |regularizer: Arc<dyn Regularizer>| Penalty::Parameters { regularizer, on: on.clone() };
        // What a penalty on these blocks alone gives, beside a gradient and parameters of elsewhere.
        let (mut value, mut grad, mut moved) = (0.0, vec![7.0; theta.len()], theta.to_vec());
        for i in network.blocks().enumerate().filter(|(i, _)| hit.contains(i)).flat_map(|(_, (_, b))| b.range()) {
            value += 0.05 * theta[i] * theta[i];
            grad[i] += 0.1 * theta[i];
            moved[i] -= 0.2;
        }
        let (mut got_grad, mut got_moved) = (vec![7.0; theta.len()], theta.to_vec());
        let got = of(Arc::new(L2 { strength: 0.1 })).add(&network, &theta, &mut got_grad);
        of(Arc::new(ProximalL1 { strength: 0.4 })).project(&network, &mut got_moved, 0.5);
        assert!((got - value).abs() <= 1e-12 * value, "{on:?}: {got} should be {value}");
        assert!(got_grad.iter().zip(&grad).all(|(got, g)| (got - g).abs() <= 1e-12), "{on:?}: {got_grad:?}");
        assert!(got_moved.iter().zip(&moved).all(|(got, m)| (got - m).abs() <= 1e-12), "{on:?}: {got_moved:?}");
    };
    check(&[], false, &[0, 2]);
    check(&[], true, &[0, 1, 2, 3]);
    check(&["hidden1"], false, &[0]);
    check(&["output"], true, &[2, 3]);
    check(&["output", "hidden1"], false, &[0, 2]);
    check(&["nowhere"], true, &[]);
}

#[test]
fn statistics_are_no_parameters_and_settle_after_a_step() {
    let layers = Builder::new(3).layer(Dense::new(2)).layer(BatchNorm { epsilon: 0.0, rate: 1.0 });
    let network = layers.layer(Dense::new(2)).build().unwrap();
    let statistics: Vec<_> = network.statistics().map(|block| (block.name, block.rows, block.offset)).collect();
    assert_eq!(statistics, [("mean", 2, 64), ("variance", 2, 80)]);
    assert_eq!((network.n_params(), network.n_theta()), (8 + 4 + 6, 128));
    let names: Vec<_> = network.blocks().map(|(group, b)| format!("{group}/{}", b.name)).collect();
    let hidden = ["w", "b", "gain", "shift", "mean", "variance"].map(|name| format!("hidden1/{name}"));
    assert_eq!(names, [&hidden[..], &["output/w".into(), "output/b".into()]].concat());
    // Two weight matrices of a layer are one group.
    let highway = Builder::new(2).layer(LayerNorm::default()).layer(Highway::default()).layer(Dense::new(1)).build();
    let highway = highway.unwrap();
    assert_eq!(highway.groups(), ["hidden1", "output"]);
    assert_eq!(highway.nodes()[0].group, "input");
    let (params, weights) = (network.params_mask::<f64>(), network.weights_mask::<f64>());
    assert_eq!((params.iter().sum::<f64>(), weights.iter().sum::<f64>()), (18.0, 10.0));
    assert!(params[64..96].iter().chain(&weights[32..96]).all(|m| *m == 0.0));

    let mut theta = network.init::<f64>(8);
    assert_eq!((&theta[64..66], &theta[80..82]), (&[0.0; 2][..], &[1.0; 2][..]));
    let on = Where { biases: true, ..Where::default() };
    let penalty = Penalty::Parameters { regularizer: Arc::new(L2 { strength: 1.0 }), on: on.clone() };
    let mut grad = vec![0.0; theta.len()];
    penalty.add(&network, &theta, &mut grad);
    assert!(grad[64..96].iter().all(|g| *g == 0.0) && grad[32..34] == [1.0; 2]);
    Penalty::Parameters { regularizer: Arc::new(ProximalL1 { strength: 1.0 }), on }.project(&network, &mut theta, 0.25);
    assert_eq!((&theta[32..34], &theta[80..82]), (&[0.75; 2][..], &[1.0; 2][..]));

    let (x, t) = samples();
    let mut workspace = Workspace::new(&network, 9);
    risk(&network, &x, &t, &mut workspace).eval(&theta, &mut grad);
    assert!(grad[64..96].iter().all(|g| *g == 0.0));
    let before = theta.clone();
    network.settle(&mut theta, &workspace);
    let y = workspace.y(0);
    for i in 0..2 {
        let unit = |f: &dyn Fn(f64) -> f64| y.columns().map(|y| f(y[i])).sum::<f64>();
        let mean = unit(&|y| y) / 7.0;
        assert!((theta[64 + i] - mean).abs() < 1e-14);
        assert!((theta[80 + i] - unit(&|y| (y - mean).powi(2)) / 6.0).abs() < 1e-14);
    }
    for rest in [0..64, 66..80, 82..128] {
        assert_eq!(theta[rest.clone()], before[rest]);
    }
}

#[test]
#[should_panic(expected = "settle: b should be a statistic, is a Bias")]
fn nothing_else_settles() {
    let network = network();
    let (mut theta, blocks) = (network.init::<f64>(1), &network.nodes()[1].plan.blocks);
    layerwise_core::Settle::new(&mut theta, blocks, &[], 1).statistic(1);
}

#[test]
fn a_step_leaves_every_activation_delta_and_loss_to_be_read() {
    let (network, (x, t)) = (network(), samples());
    let theta = network.init::<f64>(8);
    let mut grad = vec![f64::NAN; theta.len()];
    // Larger than the batch: the windows are as wide as the batch all the same.
    let mut workspace = Workspace::new(&network, 9);
    let mut risk = risk(&network, &x, &t, &mut workspace);
    assert_eq!(risk.len(), 64);
    let value = risk.eval(&theta, &mut grad);
    assert_eq!((workspace.capacity(), workspace.n()), (9, 7));
    assert_eq!(workspace.y(0).data(), x);
    let at = |offset: usize, len: usize| &theta[offset..offset + len];
    let dense = |w: &[f64], b: &[f64], x: Mat<'_, f64>| -> Vec<f64> {
        let unit =
            |x: &[f64], i: usize| x.iter().zip(w[i..].iter().step_by(b.len())).map(|(x, w)| x * w).sum::<f64>() + b[i];
        x.columns().flat_map(|x| (0..b.len()).map(|i| unit(x, i)).collect::<Vec<_>>()).collect()
    };
    let same = |got: &[f64], expected: &[f64]| {
        assert!(got.len() == expected.len(), "{} numbers, should be {}", got.len(), expected.len());
        assert!(got.iter().zip(expected).all(|(g, e)| (g - e).abs() < 1e-14), "{got:?} should be {expected:?}");
    };
    same(workspace.y(1).data(), &dense(at(0, 12), at(16, 4), workspace.y(0)));
    same(workspace.y(2).data(), &workspace.y(1).data().iter().map(|a| a.tanh()).collect::<Vec<_>>());
    same(workspace.y(3).data(), &dense(at(32, 8), at(48, 2), workspace.y(2)));
    assert_eq!(workspace.output().data(), workspace.y(3).data());
    // Squared loss: δ = (y − t) / n, and backward through the layers.
    let errors: Vec<f64> = workspace.output().data().iter().zip(&t).map(|(y, t)| y - t).collect();
    same(workspace.each(), &errors.chunks(2).map(|e| 0.5 * (e[0] * e[0] + e[1] * e[1])).collect::<Vec<_>>());
    assert!((value - workspace.each().iter().sum::<f64>() / 7.0).abs() < 1e-15);
    same(workspace.dy(3).data(), &errors.iter().map(|e| e / 7.0).collect::<Vec<_>>());
    let back = |w: &[f64], dy: Mat<'_, f64>| -> Vec<f64> {
        let of_input =
            |dy: &[f64]| w.chunks(dy.len()).map(|w| w.iter().zip(dy).map(|(w, d)| w * d).sum()).collect::<Vec<f64>>();
        dy.columns().flat_map(of_input).collect()
    };
    same(workspace.dy(2).data(), &back(at(32, 8), workspace.dy(3)));
    let slopes = workspace.y(2).data().iter().zip(workspace.dy(2).data()).map(|(h, d)| (1.0 - h * h) * d);
    same(workspace.dy(1).data(), &slopes.collect::<Vec<_>>());
    same(workspace.dy(0).data(), &back(at(0, 12), workspace.dy(1)));
    let bias: Vec<f64> = (0..4).map(|i| workspace.dy(1).columns().map(|d| d[i]).sum()).collect();
    same(&grad[16..20], &bias);
    for gap in [12..16, 20..32, 40..48, 50..64] {
        assert_eq!(grad[gap.clone()], vec![0.0; gap.len()]);
    }
    // The same numbers, to be overwritten.
    let output = workspace.output().data().to_vec();
    let mut window = workspace.output_mut();
    assert_eq!((window.rows(), window.cols(), &*window.data()), (2, 7, &output[..]));
    window.data().fill(1.0);
    assert_eq!(workspace.output().data(), [1.0; 14]);
}

#[test]
fn a_workspace_serves_batches_of_any_size_up_to_its_own() {
    let (network, (x, t)) = (network(), samples());
    let theta = network.init::<f64>(8);
    let mut used = Workspace::new(&network, 7);
    for n in [7, 1, 3, 0, 7] {
        let eval = |workspace: &mut Workspace<f64>| {
            let mut grad = vec![f64::NAN; theta.len()];
            (risk(&network, &x[..3 * n], &t[..2 * n], workspace).eval(&theta, &mut grad), grad)
        };
        assert_eq!(eval(&mut used), eval(&mut Workspace::new(&network, n)));
    }
}

#[test]
fn a_block_that_no_layer_writes_has_gradient_0() {
    /// y = x, with a parameter that does nothing.
    #[derive(Debug)]
    struct Idle;
    impl Layer for Idle {
        fn name(&self) -> &'static str {
            "idle"
        }
        fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
            Ok(Plan::new(d_in).bias("b", 3, 1.0))
        }
    }
    impl<S: Scalar> LayerKernel<S> for Idle {
        fn forward(&self, mut io: Forward<'_, S>) {
            io.y.data().copy_from_slice(io.x.data());
        }
        fn backward(&self, io: Backward<'_, S>) {
            io.dx.unwrap().data().copy_from_slice(io.dy.data());
        }
    }
    let network = Builder::new(3).layer(Dense::new(2)).layer(Idle).layer(Dense::new(2)).build().unwrap();
    let (x, t) = samples();
    let mut grad = vec![f64::NAN; network.n_theta()];
    risk(&network, &x, &t, &mut Workspace::new(&network, 7)).eval(&network.init(1), &mut grad);
    let written =
        |role| network.blocks().filter(move |(_, b)| b.role == role).map(|(_, b)| &grad[b.range()]).collect::<Vec<_>>();
    assert!(written(Role::Weight).iter().all(|g| g.iter().all(|g| *g != 0.0)));
    assert!(written(Role::Bias).iter().map(|g| g.iter().all(|g| *g == 0.0)).eq([false, true, false]));
}

#[test]
#[should_panic(expected = "forward: x has 2 rows, should be 3; theta has 64 numbers, should be 64")]
fn forward_checks_the_rows() {
    let network = network();
    let x = Mat::new(&[0.0; 8], 2, 4);
    network.forward(
        &network.init(1),
        x,
        &mut Workspace::<f64>::new(&network, 4),
        Pass::Train,
        Key::new(0, Purpose::Mask),
    );
}

#[test]
#[should_panic(expected = "forward: x has 3 rows, should be 3; theta has 63 numbers, should be 64")]
fn forward_checks_the_length_of_theta() {
    let network = network();
    let x = Mat::new(&[0.0; 12], 3, 4);
    network.forward(&[0.0; 63], x, &mut Workspace::<f64>::new(&network, 4), Pass::Train, Key::new(0, Purpose::Mask));
}

#[test]
#[should_panic(expected = "workspace: a batch should have at most 6 columns, got 7")]
fn a_batch_beyond_the_workspace_is_refused() {
    let (network, (x, t)) = (network(), samples());
    risk(&network, &x, &t, &mut Workspace::new(&network, 6)).risk(&network.init(1));
}

/// Backward after a forward pass of seven samples.
fn backward(n: usize, len: usize) {
    let (network, (x, t)) = (network(), samples());
    let (theta, mut workspace) = (network.init(1), Workspace::new(&network, 7));
    risk(&network, &x, &t, &mut workspace).risk(&theta);
    network.backward(&theta, &mut vec![0.0; len], Mat::new(&x[..3 * n], 3, n), &mut workspace, Pass::Train);
}

#[test]
fn backward_takes_the_batch_of_forward() {
    backward(7, 64);
}

#[test]
#[should_panic(expected = "backward: x has 3 columns, forward saw 7; grad has 64 numbers, should be 64")]
fn backward_checks_the_columns() {
    backward(3, 64);
}

#[test]
#[should_panic(expected = "backward: x has 7 columns, forward saw 7; grad has 65 numbers, should be 64")]
fn backward_checks_the_length_of_the_gradient() {
    backward(7, 65);
}
