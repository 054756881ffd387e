//! Penalties on activations and on the Jacobian as parts of a risk: closed forms, and exact derivatives in dual numbers.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use layerwise_activations::{Sigmoid, Tanh};
use layerwise_core::{Number, Objective, Pass, Pointwise, Targets};
use layerwise_layers::{Dense, Dropout, Skip};
use layerwise_losses::Squared;
use layerwise_network::{
    Batch, Builder, Contracted, Jacobian, JacobianRoom, Network, Penalty, Supervised, Where, Workspace,
};
use layerwise_regularizers::{L1, L2, Sparsity};
use layerwise_tensor::{Dual64, Key, Mat, Purpose, Scalar};

/// 3 → 4 → 4 (residual) → 2, with noise.
fn network() -> Network {
    let hidden = Builder::new(3).layer(Dropout { rate: 0.25 }).layer(Dense::new(4)).layer(Pointwise(Sigmoid));
    let residual = hidden
        .layer(Dropout { rate: 0.5 })
        .layer(Dense::new(4))
        .layer(Pointwise(Tanh))
        .layer(Skip { back: 3, projection: false });
    residual.layer(Dense::new(2)).build().unwrap()
}

fn wave<S: Scalar>(n: usize, from: f64) -> Vec<S> {
    (0..n).map(|i| S::of((from + 1.7 * i as f64).sin())).collect()
}

fn with_risk<S: Number, R>(network: &Network, penalties: &[Penalty], f: impl FnOnce(Supervised<'_, S>) -> R) -> R {
    let (x, t) = (wave::<S>(15, 0.3), wave::<S>(10, 1.1));
    let mut workspace = Workspace::new(network, 5);
    let batch = Batch { x: Mat::new(&x, 3, 5), targets: Targets::Values(Mat::new(&t, 2, 5)), weights: None };
    let key = Key::new(3, Purpose::Mask).step(7);
    f(Supervised { network, loss: &Squared, penalties, batch, workspace: &mut workspace, pass: Pass::Train, key })
}

#[test]
fn a_group_says_what_its_last_activation_says() {
    let network = network();
    let said = |group: &str| network.said_by(group);
    assert_eq!([said("input"), said("hidden1"), said("hidden2"), said("output")], [Some(0), Some(2), Some(5), Some(7)]);
    assert_eq!(said("hidden3"), None);
}

#[test]
fn penalties_on_activations_are_part_of_value_and_gradient() {
    let network = network();
    let place = |group: &str| network.said_by(group).unwrap();
    let penalties = [
        Penalty::Activations {
            activity: Arc::new(Sparsity { mean: 0.2, strength: 0.3 }),
            layers: vec![place("hidden1")],
        },
        Penalty::Activations {
            activity: Arc::new(L1 { strength: 0.7 }),
            layers: vec![place("hidden2"), place("output")],
        },
        Penalty::Parameters { regularizer: Arc::new(L2 { strength: 0.1 }), on: Where::default() },
    ];
    let theta = network.init::<f64>(4);
    let n = network.n_theta();
    let mut grad = vec![f64::NAN; n];
    let (value, by_hand) = with_risk::<f64, _>(&network, &penalties, |mut risk| {
        let value = risk.eval(&theta, &mut grad);
        // The risk alone, and each penalty from its formula.
        let mut by_hand = risk.risk(&theta);
        let ws = &*risk.workspace;
        for i in [5, 7] {
            by_hand += 0.7 / 5.0 * ws.y(i).data().iter().map(|y| y.abs()).sum::<f64>();
        }
        for unit in 0..4 {
            let mean = ws.y(2).columns().map(|y| y[unit]).sum::<f64>() / 5.0;
            by_hand += 0.3 * (0.2 * (0.2 / mean).ln() + 0.8 * (0.8 / (1.0 - mean)).ln());
        }
        for (_, block) in network.blocks().filter(|(_, block)| block.name == "w") {
            by_hand += 0.05 * theta[block.range()].iter().map(|w| w * w).sum::<f64>();
        }
        (value, by_hand)
    });
    assert!((value - by_hand).abs() < 1e-13, "{value}, by hand {by_hand}");
    for (_, block) in network.blocks() {
        for i in block.range() {
            let point: Vec<Dual64> =
                theta.iter().enumerate().map(|(j, &re)| Dual64 { re, eps: f64::from(u8::from(i == j)) }).collect();
            let mut ignored = vec![Dual64::ZERO; n];
            let exact = with_risk::<Dual64, _>(&network, &penalties, |mut risk| risk.eval(&point, &mut ignored)).eps;
            assert!((grad[i] - exact).abs() < 1e-13, "∂/∂θ[{i}]: {}, should be {exact}", grad[i]);
        }
    }
}

/// λ/2 1/n Σ ‖∂y/∂x‖² from forward passes in dual numbers alone.
fn penalty(network: &Network, theta: &[f64], x: &[f64], pass: Pass, key: Key, strength: f64) -> f64 {
    let (d, n) = (network.d_in(), x.len() / network.d_in());
    let theta: Vec<Dual64> = theta.iter().map(|&v| Dual64::of(v)).collect();
    let mut workspace = Workspace::new(network, n);
    let mut total = 0.0;
    for i in 0..d {
        let x: Vec<Dual64> =
            x.iter().enumerate().map(|(j, &re)| Dual64 { re, eps: f64::from(u8::from(j % d == i)) }).collect();
        network.forward(&theta, Mat::new(&x, d, n), &mut workspace, pass, key);
        total += workspace.output().data().iter().map(|y| y.eps * y.eps).sum::<f64>();
    }
    0.5 * strength / n as f64 * total
}

fn added(network: &Network, jacobian: Jacobian, theta: &[f64], x: &[f64], seed: u64) -> (f64, Vec<f64>) {
    let (d, n) = (network.d_in(), x.len() / network.d_in());
    let mut room = JacobianRoom::new(network, n + 2);
    let mut grad = vec![10.0; network.n_theta()];
    let keys = [Key::new(3, Purpose::Mask).step(7), Key::new(seed, Purpose::Direction)];
    let value = jacobian.add(network, theta, Mat::new(x, d, n), Pass::Train, keys, &mut room, &mut grad);
    (value, grad.into_iter().map(|g| g - 10.0).collect())
}

#[test]
fn the_jacobian_of_a_deep_network_and_its_gradient_are_exact() {
    let network = network();
    let (mut theta, x) = (network.init::<f64>(4), wave::<f64>(15, 0.3));
    let key = Key::new(3, Purpose::Mask).step(7);
    let (value, grad) = added(&network, Jacobian { strength: 0.8, projections: 0 }, &theta, &x, 0);
    let exact = penalty(&network, &theta, &x, Pass::Train, key, 0.8);
    assert!((value - exact).abs() < 1e-13 * exact, "{value}, should be {exact}");
    let used: Vec<usize> = network.blocks().flat_map(|(_, block)| block.range()).collect();
    for i in 0..theta.len() {
        let mut at = |shift: f64| {
            let old = theta[i];
            theta[i] += shift;
            let value = penalty(&network, &theta, &x, Pass::Train, key, 0.8);
            theta[i] = old;
            value
        };
        // Richardson: an error of the fourth order.
        let slope = (8.0 * (at(1e-3) - at(-1e-3)) - (at(2e-3) - at(-2e-3))) / 12e-3;
        let slope = if used.contains(&i) { slope } else { 0.0 };
        assert!((grad[i] - slope).abs() < 1e-9, "∂/∂θ[{i}]: {}, should be {slope}", grad[i]);
    }
}

/// ‖∂h/∂x‖² = Σⱼ g′(aⱼ)² ‖Wⱼ‖² for h = g(c + W x): the contractive penalty of Rifai et al. (2011).
#[test]
fn one_layer_is_a_contractive_encoder() {
    let network = Builder::new(3).layer(Dense::new(4)).layer(Pointwise(Sigmoid)).build().unwrap();
    let (theta, x) = (network.init::<f64>(9), wave::<f64>(6, 0.2));
    let (value, grad) = added(&network, Jacobian { strength: 0.6, projections: 0 }, &theta, &x, 0);
    let blocks: Vec<_> = network.blocks().map(|(_, block)| block.clone()).collect();
    let (w, c) = (&theta[blocks[0].range()], &theta[blocks[1].range()]);
    let (mut expected, mut dw, mut dc) = (0.0, [0.0; 12], [0.0; 4]);
    for x in x.chunks(3) {
        for j in 0..4 {
            let row: Vec<f64> = (0..3).map(|i| w[j + 4 * i]).collect();
            let h = 1.0 / (1.0 + (-c[j] - row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).exp());
            let (slope, norm) = (h * (1.0 - h), row.iter().map(|w| w * w).sum::<f64>());
            expected += 0.3 / 2.0 * slope * slope * norm;
            let by_a = 0.6 / 2.0 * slope * slope * (1.0 - 2.0 * h) * norm;
            dc[j] += by_a;
            for i in 0..3 {
                dw[j + 4 * i] += by_a * x[i] + 0.6 / 2.0 * slope * slope * row[i];
            }
        }
    }
    assert!((value - expected).abs() < 1e-15, "{value}, should be {expected}");
    let near = |got: &[f64], want: &[f64]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14);
    assert!(near(&grad[blocks[0].range()], &dw) && near(&grad[blocks[1].range()], &dc), "{grad:?}");
}

#[test]
fn projections_are_right_on_average() {
    // The sphere of one output has two points, and both give the whole.
    let one = Builder::new(3).layer(Dense::new(4)).layer(Pointwise(Tanh)).layer(Dense::new(1)).build().unwrap();
    let (theta, x) = (one.init::<f64>(2), wave::<f64>(9, 0.1));
    let exact = added(&one, Jacobian { strength: 0.5, projections: 0 }, &theta, &x, 0);
    for (projections, seed) in [(1, 1), (1, 2), (3, 3)] {
        let (value, grad) = added(&one, Jacobian { strength: 0.5, projections }, &theta, &x, seed);
        assert!((value - exact.0).abs() < 1e-14, "{value}, should be {}", exact.0);
        assert!(grad.iter().zip(&exact.1).all(|(g, e)| (g - e).abs() < 1e-14));
    }
    let network = network();
    let (theta, x) = (network.init::<f64>(4), wave::<f64>(15, 0.3));
    let exact = added(&network, Jacobian { strength: 1.0, projections: 0 }, &theta, &x, 0).0;
    let draws: Vec<f64> =
        (0..1000).map(|seed| added(&network, Jacobian { strength: 1.0, projections: 2 }, &theta, &x, seed).0).collect();
    // Each of the two outputs has at most the whole, so that a draw lies from 0 to twice the exact value. By Hoeffding the mean of
    // 1000 is off by a fifth of it with probability below 2 e^(−2 · 1000 · 0.01) ≈ 4e−9, for any one choice of seeds.
    let mean = draws.iter().sum::<f64>() / 1000.0;
    assert!((mean - exact).abs() < 0.2 * exact, "{mean}, should be {exact}");
    assert!(draws.iter().any(|d| *d != draws[0]) && draws.iter().all(|d| (0.0..=2.0 * exact).contains(d)));
}

#[test]
fn a_contracted_risk_is_the_sum_and_leaves_the_workspace_of_the_risk() {
    let network = network();
    let theta = network.init::<f64>(4);
    let n = network.n_theta();
    let jacobian = Jacobian { strength: 0.5, projections: 2 };
    let (mut grad, mut sum) = (vec![f64::NAN; n], vec![f64::NAN; n]);
    let (plain, deltas) = with_risk::<f64, _>(&network, &[], |mut risk| {
        let value = risk.eval(&theta, &mut grad);
        (value, risk.workspace.dy(2).data().to_vec())
    });
    let mut room = JacobianRoom::new(&network, 5);
    let directions = Key::new(1, Purpose::Direction);
    with_risk::<f64, _>(&network, &[], |risk| {
        let mut contracted = Contracted { risk, jacobian, directions, room: &mut room };
        assert_eq!(contracted.len(), n);
        let value = contracted.eval(&theta, &mut sum);
        let (penalty, slopes) = added(&network, jacobian, &theta, &wave::<f64>(15, 0.3), 1);
        assert!((value - plain - penalty).abs() < 1e-14);
        assert!(sum.iter().zip(&grad).zip(&slopes).all(|((sum, g), s)| (sum - g - s).abs() < 1e-13));
        assert_eq!(contracted.risk.workspace.dy(2).data(), deltas);
    });
}
