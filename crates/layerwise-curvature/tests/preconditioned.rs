//! Conjugate gradients with Kronecker factors: the same solution in fewer products; factors that outlive batches.
#![allow(clippy::unwrap_used)]

use layerwise_activations::{Relu, Tanh};
use layerwise_core::{Curvature, Objective, Pass, Pointwise, Targets};
use layerwise_curvature::{Deltas, GaussNewton, Kronecker, Preconditioner};
use layerwise_layers::{Dense, LayerNorm};
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_optimizers::HessianFree;
use layerwise_tensor::{Key, Mat, Purpose, orthogonal::dot};

const ROWS: usize = 200;
static LOSS: SoftmaxCrossEntropy = SoftmaxCrossEntropy { smoothing: 0.0, class_weights: Vec::new() };

fn network() -> Network {
    Builder::new(6).layer(Dense::new(10)).layer(Pointwise(Tanh)).layer(Dense::new(3)).build().unwrap()
}

/// Inputs of scales from 1 to 100, so that the matrix is badly conditioned, and classes that depend on them.
fn rows() -> (Vec<f64>, Vec<u32>) {
    let mut rng = Key::new(3, Purpose::Data).rng();
    let x: Vec<f64> = (0..6 * ROWS).map(|i| rng.normal() * 100f64.powf((i % 6) as f64 / 5.0) * 0.02).collect();
    let classes = x.chunks(6).map(|x| u32::from(x[0] > 0.0) + u32::from(x[5] > 0.0)).collect();
    (x, classes)
}

fn risk<'a>(
    network: &'a Network,
    x: &'a [f64],
    classes: &'a [u32],
    workspace: &'a mut Workspace<f64>,
) -> Supervised<'a, f64> {
    let batch = Batch { x: Mat::new(x, 6, classes.len()), targets: Targets::Classes(classes), weights: None };
    let (pass, key) = (Pass::Predict, Key::new(0, Purpose::Mask));
    Supervised { network, loss: &LOSS, penalties: &[], batch, workspace, pass, key }
}

/// f after so many steps of two products each, on all rows.
fn after_steps(steps: usize, preconditioned: bool) -> f64 {
    let (network, (x, classes)) = (network(), rows());
    let mut theta = network.init::<f64>(1).to_vec();
    let [mut room, mut second] = [(); 2].map(|()| Workspace::new(&network, ROWS));
    let mut by = Preconditioner::new(&network, 2, 1).unwrap();
    let mut state = HessianFree { damping: 1e-3, products: 2, ..HessianFree::default() }.start(theta.len());
    let mut f = risk(&network, &x, &classes, &mut room);
    let mut after = f64::NAN;
    for _ in 0..steps {
        let mut matrix = GaussNewton::new(risk(&network, &x, &classes, &mut second), &theta);
        let step = if preconditioned {
            state.step(&mut f, &mut by.with(matrix), &mut theta)
        } else {
            state.step(&mut f, &mut matrix, &mut theta)
        };
        after = step.unwrap().after;
    }
    after
}

#[test]
fn few_products_go_farther() {
    let [few, many] = [10, 30].map(|steps| after_steps(steps, false));
    let preconditioned = after_steps(10, true);
    assert!(preconditioned < many && many < few, "{preconditioned}, {few} and {many} without");
}

#[test]
fn it_is_symmetric_positive_definite_and_that_of_the_factors() {
    let (network, (x, classes)) = (network(), rows());
    let theta = network.init::<f64>(1).to_vec();
    let [mut room, mut second] = [(); 2].map(|()| Workspace::new(&network, ROWS));
    let mut by = Preconditioner::new(&network, 1, 7).unwrap();
    let mut matrix = by.with(GaussNewton::new(risk(&network, &x, &classes, &mut room), &theta));
    let mut rng = Key::new(5, Purpose::Data).rng();
    let mask = network.params_mask::<f64>();
    let mut draw = || mask.iter().map(|m| m * rng.normal()).collect::<Vec<f64>>();
    let [u, v] = [draw(), draw()];
    let [mut mu, mut mv, mut again] = [(); 3].map(|()| vec![0.0; theta.len()]);
    matrix.precondition(0.01, &u, &mut mu);
    matrix.precondition(0.01, &v, &mut mv);
    let (a, b) = (dot(&u, &mv), dot(&v, &mu));
    assert!((a - b).abs() < 1e-9 * a.abs().max(1.0) && dot(&u, &mu) > 0.0, "{a}, {b}");
    // Products and factors do not disturb each other.
    let [mut before, mut product] = [(); 2].map(|()| vec![0.0; theta.len()]);
    matrix.product(&u, &mut product);
    GaussNewton::new(risk(&network, &x, &classes, &mut second), &theta).product(&u, &mut before);
    assert_eq!(before, product);
    // The factors of K-FAC from the same deltas.
    let mut factors = Kronecker::new(&network).unwrap();
    let key = Key::new(7, Purpose::Direction).step(1);
    let deltas = Deltas::Sampled { key };
    factors.observe(&mut risk(&network, &x, &classes, &mut second), &theta, deltas, 0.0);
    factors.invert(0.1).unwrap();
    factors.solve(&u, &mut again);
    assert_eq!(again, mu);
    // At another θ they are averaged: no longer the same.
    matrix.at(&vec![0.1; theta.len()]);
    matrix.precondition(0.01, &u, &mut mv);
    assert_ne!(mv, mu);
}

#[test]
fn inverses_are_new_when_they_are_due() {
    let (network, (x, classes)) = (network(), rows());
    let theta = network.init::<f64>(1).to_vec();
    let mut room = Workspace::new(&network, ROWS);
    let mut by = Preconditioner::new(&network, 5, 7).unwrap();
    let mut matrix = by.with(GaussNewton::new(risk(&network, &x, &classes, &mut room), &theta));
    let v: Vec<f64> = network.params_mask::<f64>().to_vec();
    let mut last = vec![0.0; theta.len()];
    let mut changes = Vec::new();
    for use_ in 1..=12 {
        let mut now = vec![0.0; theta.len()];
        matrix.at(&theta);
        matrix.precondition(if use_ < 8 { 0.1 } else { 0.41 }, &v, &mut now);
        changes.push(now != last);
        last = now;
    }
    // At the first three, at each fifth, and at the eighth, for which λ is another.
    let due = [true, true, true, false, true, false, false, true, false, true, false, false];
    assert_eq!(changes, due);
}

/// Until there are factors, it is the identity; what is not dense is refused.
#[test]
fn without_factors_it_does_nothing() {
    let (network, (x, classes)) = (network(), rows());
    let theta = vec![f64::NAN; network.n_theta()];
    let mut room = Workspace::new(&network, ROWS);
    let mut by = Preconditioner::new(&network, 1, 7).unwrap();
    let mut matrix = by.with(GaussNewton::new(risk(&network, &x, &classes, &mut room), &theta));
    let v: Vec<f64> = (0..theta.len()).map(|i| i as f64).collect();
    let mut out = vec![0.0; theta.len()];
    matrix.precondition(0.1, &v, &mut out);
    assert_eq!(out, v);
    let normed =
        Builder::new(6).layer(LayerNorm::default()).layer(Pointwise(Relu)).layer(Dense::new(3)).build().unwrap();
    let error = Preconditioner::<f64>::new(&normed, 1, 1).unwrap_err().to_string();
    assert!(error.contains("layer-norm"), "{error}");
}

#[test]
fn plain_matrices_precondition_by_the_identity() {
    let (network, (x, classes)) = (network(), rows());
    let theta = network.init::<f64>(1).to_vec();
    let mut room = Workspace::new(&network, ROWS);
    let mut f = risk(&network, &x, &classes, &mut room);
    let mut grad = vec![0.0; theta.len()];
    f.eval(&theta, &mut grad);
    let mut out = vec![f64::NAN; theta.len()];
    GaussNewton::new(f, &theta).precondition(3.0, &grad, &mut out);
    assert_eq!(out, grad);
}
