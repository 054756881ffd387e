//! Gauss–Newton products against J and H as explicit matrices, both from dual numbers, multiplied out.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use layerwise_activations::{Relu, Softplus, Tanh};
use layerwise_core::{Loss, Number, Objective, Pass, Pointwise, Targets, hvp};
use layerwise_curvature::GaussNewton;
use layerwise_layers::{Dense, Dropout, Skip};
use layerwise_losses::{Absolute, BernoulliCrossEntropy, Hinge, Huber, Losses, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::L2;
use layerwise_tensor::{Dual, Dual64, Key, Mat, MatMut, Purpose, Scalar};

const N: usize = 5;
const D_IN: usize = 3;
const K: usize = 3;
const CLASSES: [u32; N] = [0, 2, 1, 1, 0];

/// A risk without a number type: what stays the same in real and in dual numbers.
struct Case {
    network: Network,
    loss: Box<dyn Loss>,
    pass: Pass,
    weighted: bool,
    of_classes: bool,
}

/// The numbers of its batch.
struct Data<S> {
    x: Vec<S>,
    values: Vec<S>,
    weights: Vec<S>,
}

impl Case {
    fn data<S: Number>(&self) -> Data<S> {
        let mut rng = Key::new(4, Purpose::Data).rng();
        Data {
            x: (0..D_IN * N).map(|_| S::of(rng.normal())).collect(),
            // In [0, 1], as the Bernoulli loss wants it.
            values: (0..K * N).map(|_| S::of(rng.uniform())).collect(),
            // One sample does not count.
            weights: [0.5, 2.0, 0.0, 1.0, 3.0].map(S::of).to_vec(),
        }
    }

    fn risk<'a, S: Number>(&'a self, data: &'a Data<S>, workspace: &'a mut Workspace<S>) -> Supervised<'a, S> {
        let targets =
            if self.of_classes { Targets::Classes(&CLASSES) } else { Targets::Values(Mat::new(&data.values, K, N)) };
        let weights = self.weighted.then_some(&data.weights[..]);
        let batch = Batch { x: Mat::new(&data.x, D_IN, N), targets, weights };
        let key = Key::new(9, Purpose::Mask).step(2);
        let (network, loss, pass) = (&self.network, &*self.loss, self.pass);
        Supervised { network, loss, penalties: &[], batch, workspace, pass, key }
    }

    /// Column i of J, as the derivative of the outputs along coordinate i.
    fn column_of_j(&self, theta: &[f64], i: usize) -> Vec<f64> {
        let data = self.data::<Dual64>();
        let mut workspace = Workspace::new(&self.network, N);
        self.risk(&data, &mut workspace).risk(&along(theta, i));
        workspace.output().data().iter().map(|y| y.eps).collect()
    }

    /// The matrix H of all outputs, column by column, as the derivative of the loss's own gradient.
    fn h(&self, theta: &[f64]) -> Vec<Vec<f64>> {
        let (real, dual) = (self.data::<f64>(), self.data::<Dual64>());
        let mut workspace = Workspace::new(&self.network, N);
        self.risk(&real, &mut workspace).risk(theta);
        let y = workspace.output().data();
        let mut any = Workspace::new(&self.network, N);
        let targets = self.risk(&dual, &mut any).batch.targets;
        let column = |i: usize| {
            let (mut each, mut dy) = (vec![Dual64::ZERO; N], vec![Dual64::ZERO; K * N]);
            let point = along(y, i);
            Dual64::loss(&*self.loss).eval(Mat::new(&point, K, N), targets, &mut each, MatMut::new(&mut dy, K, N));
            let weight = if self.weighted { real.weights[i / K] } else { 1.0 };
            dy.iter().map(|dy| dy.eps * weight / N as f64).collect()
        };
        (0..K * N).map(column).collect()
    }

    fn check(&self, name: &str) {
        let theta = self.network.init::<f64>(3);
        let n = theta.len();
        let j: Vec<Vec<f64>> = (0..n).map(|i| self.column_of_j(&theta, i)).collect();
        let h = self.h(&theta);
        let g = self.g(&theta);
        let hj: Vec<Vec<f64>> = j.iter().map(|j| (0..K * N).map(|a| dot(&h[a], j)).collect()).collect();
        let largest = g.iter().flatten().fold(0.0, |m: f64, g| m.max(g.abs()));
        for a in 0..n {
            for b in 0..n {
                let expected = dot(&j[a], &hj[b]);
                assert!((g[b][a] - expected).abs() <= 1e-12 * largest, "{name}: G[{a}, {b}] {} {expected}", g[b][a]);
                assert!((g[b][a] - g[a][b]).abs() <= 1e-14 * largest, "{name}: G[{a}, {b}] is not G[{b}, {a}]");
            }
        }
        let mut rng = Key::new(7, Purpose::Test).rng();
        let (data, mut workspace) = (self.data(), Workspace::new(&self.network, N + 2));
        let mut matrix = GaussNewton::new(self.risk(&data, &mut workspace), &theta);
        let mut product = |v: &[f64]| {
            let mut out = vec![f64::NAN; n];
            matrix.product(v, &mut out);
            out
        };
        for _ in 0..20 {
            let mut normal = || (0..n).map(|_| rng.normal()).collect::<Vec<f64>>();
            let (u, v) = (normal(), normal());
            let (gu, gv) = (product(&u), product(&v));
            let scale = largest * n as f64;
            assert!((dot(&u, &gv) - dot(&v, &gu)).abs() <= 1e-13 * scale, "{name}: uᵀGv is not vᵀGu");
            assert!(dot(&v, &gv) >= -1e-14 * scale, "{name}: vᵀGv = {}", dot(&v, &gv));
        }
        // A piecewise linear loss has no curvature at all; every other loss here has some.
        assert_eq!(largest == 0.0, ["absolute", "hinge"].contains(&self.loss.name()), "{name}: {largest}");
    }

    /// G column by column.
    fn g(&self, theta: &[f64]) -> Vec<Vec<f64>> {
        let (data, mut workspace) = (self.data(), Workspace::new(&self.network, N));
        let mut matrix = GaussNewton::new(self.risk(&data, &mut workspace), theta);
        let unit = |i| (0..theta.len()).map(|k| f64::from(k == i)).collect::<Vec<f64>>();
        let column = |i| {
            let mut out = vec![f64::NAN; theta.len()];
            matrix.product(&unit(i), &mut out);
            out
        };
        (0..theta.len()).map(column).collect()
    }
}

/// p + ε eᵢ.
fn along(p: &[f64], i: usize) -> Vec<Dual64> {
    p.iter().enumerate().map(|(k, &p)| Dual::new(p, f64::from(k == i))).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn deep() -> Network {
    let layers = Builder::new(D_IN).layer(Dense::new(4)).layer(Pointwise(Tanh)).layer(Dropout { rate: 0.4 });
    let layers = layers.layer(Dense::new(4)).layer(Pointwise(Softplus)).layer(Skip::new(3));
    layers.layer(Pointwise(Relu)).layer(Dense::new(K)).build().unwrap()
}

/// Outputs that are linear in θ, though not in x.
fn linear() -> Network {
    Builder::new(D_IN).layer(Pointwise(Tanh)).layer(Dropout { rate: 0.2 }).layer(Dense::new(K)).build().unwrap()
}

/// Each loss with each kind of targets that it takes here.
fn losses() -> Vec<(Losses, bool)> {
    let class_weights = vec![1.0, 0.5, 3.0];
    vec![
        (SoftmaxCrossEntropy::default().into(), true),
        (SoftmaxCrossEntropy { smoothing: 0.2, class_weights }.into(), true),
        (BernoulliCrossEntropy.into(), false),
        (Squared.into(), false),
        (Huber { delta: 0.3 }.into(), false),
        (Hinge.into(), true),
        (Absolute.into(), false),
    ]
}

fn each_case(network: fn() -> Network, mut f: impl FnMut(&str, Case)) {
    for (loss, of_classes) in losses() {
        for pass in [Pass::Train, Pass::Predict] {
            for weighted in [false, true] {
                let case = Case { network: network(), loss: loss.boxed(), pass, weighted, of_classes };
                f(&format!("{}, {pass:?}, weighted {weighted}", loss.name()), case);
            }
        }
    }
}

#[test]
fn products_are_those_of_the_explicit_matrix() {
    each_case(deep, |name, case| case.check(name));
}

#[test]
fn where_outputs_are_linear_in_the_parameters_the_matrix_is_the_hessian() {
    struct Dualized<'a>(&'a Case);
    impl Objective<Dual64> for Dualized<'_> {
        fn len(&self) -> usize {
            self.0.network.n_theta()
        }
        fn eval(&mut self, theta: &[Dual64], grad: &mut [Dual64]) -> Dual64 {
            let mut workspace = Workspace::new(&self.0.network, N);
            self.0.risk(&self.0.data(), &mut workspace).eval(theta, grad)
        }
    }
    each_case(linear, |name, case| {
        let theta = case.network.init::<f64>(3);
        for (i, column) in case.g(&theta).iter().enumerate() {
            let v: Vec<f64> = (0..theta.len()).map(|k| f64::from(k == i)).collect();
            let mut hv = vec![f64::NAN; theta.len()];
            hvp(&mut Dualized(&case), &theta, &v, &mut hv, &mut Vec::new());
            for (g, h) in column.iter().zip(&hv) {
                assert!((g - h).abs() <= 1e-14 * (1.0 + h.abs()), "{name}: {g} {h}");
            }
        }
    });
}

#[test]
fn it_moves_with_theta_keeps_its_place_between_products_and_sees_no_penalty() {
    let case = Case { network: deep(), loss: Box::new(Squared), pass: Pass::Train, weighted: true, of_classes: false };
    let (a, b) = (case.network.init::<f64>(3), case.network.init::<f64>(4));
    let (data, mut workspace) = (case.data(), Workspace::new(&case.network, N));
    let expected = [&a, &b].map(|theta| case.risk(&data, &mut Workspace::new(&case.network, N)).risk(theta));
    let v: Vec<f64> = (0..a.len()).map(|i| (i as f64).sin()).collect();
    let penalties = [Penalty::Parameters { regularizer: Arc::new(L2 { strength: 0.1 }), on: Where::default() }];
    let fresh = |theta: &[f64]| {
        let (mut out, mut workspace) = (vec![f64::NAN; v.len()], Workspace::new(&case.network, N));
        let risk = Supervised { penalties: &penalties, ..case.risk(&data, &mut workspace) };
        GaussNewton::new(risk, theta).product(&v, &mut out);
        out
    };
    let mut matrix = GaussNewton::new(case.risk(&data, &mut workspace), &a);
    let mut out = vec![1234.5; v.len()];
    for (theta, risk) in [(&b, expected[1]), (&a, expected[0])] {
        assert_eq!(matrix.at(theta), risk);
        for _ in 0..2 {
            matrix.product(&v, &mut out);
            assert_eq!(out, fresh(theta));
        }
    }
    assert_ne!(fresh(&a), fresh(&b));
}

#[test]
fn the_padding_neither_moves_the_product_nor_is_moved() {
    let case =
        Case { network: linear(), loss: Box::new(Squared), pass: Pass::Predict, weighted: false, of_classes: false };
    let theta = case.network.init::<f64>(3);
    let mut used = vec![false; theta.len()];
    for (_, block) in case.network.blocks() {
        used[block.range()].fill(true);
    }
    assert!(used.contains(&false));
    let (data, mut workspace) = (case.data(), Workspace::new(&case.network, N));
    let mut matrix = GaussNewton::new(case.risk(&data, &mut workspace), &theta);
    let mut out = vec![f64::NAN; theta.len()];
    let v: Vec<f64> = used.iter().map(|used| f64::from(!used)).collect();
    matrix.product(&v, &mut out);
    assert_eq!(out, vec![0.0; theta.len()]);
    matrix.product(&vec![1.0; theta.len()], &mut out);
    assert!(out.iter().zip(&used).all(|(out, used)| *used == (*out != 0.0)));
}

#[test]
fn a_batch_without_samples_has_no_curvature() {
    let network = linear();
    let (theta, mut out) = (network.init::<f64>(3), vec![f64::NAN; network.n_theta()]);
    let batch = Batch { x: Mat::new(&[], D_IN, 0), targets: Targets::Classes(&[]), weights: None };
    let (loss, key) = (SoftmaxCrossEntropy::default(), Key::new(0, Purpose::Mask));
    let workspace = &mut Workspace::new(&network, 0);
    let risk = Supervised { network: &network, loss: &loss, penalties: &[], batch, workspace, pass: Pass::Train, key };
    GaussNewton::new(risk, &theta).product(&theta, &mut out);
    assert_eq!(out, vec![0.0; theta.len()]);
}

#[test]
#[should_panic(expected = "gauss-newton: lengths 32, 31, 32")]
fn lengths_are_checked() {
    let case =
        Case { network: linear(), loss: Box::new(Squared), pass: Pass::Predict, weighted: false, of_classes: false };
    let (data, mut workspace) = (case.data(), Workspace::new(&case.network, N));
    let theta = case.network.init::<f64>(3);
    GaussNewton::new(case.risk(&data, &mut workspace), &theta).product(&[0.0; 31], &mut [0.0; 32]);
}
