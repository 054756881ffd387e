//! Solvers on the risk of a network over all rows, which are those of `reference/pytorch.json`, as is the start.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use layerwise_core::{End, Loss, Minimized, Objective, Pass, Pointwise, Solver, Stop, Targets};
use layerwise_curvature::{GaussNewton, Hessian, Lanczos, Spectral, Wanted};
use layerwise_layers::Dense;
use layerwise_losses::{Losses, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_optimizers::{HessianFree, Lbfgs, NonlinearConjugateGradient};
use layerwise_regularizers::L2;
use layerwise_tensor::{Buf, Key, Mat, Purpose};
use serde_json::Value;

const ROWS: usize = 24;

struct Case {
    network: Network,
    x: Vec<f64>,
    labels: Vec<u32>,
    /// 1 at the label of each row.
    values: Vec<f64>,
    start: Buf<f64>,
    penalties: Vec<Penalty>,
}

fn case() -> Case {
    let reference: Value = serde_json::from_str(include_str!("reference/pytorch.json")).unwrap();
    let tanh = || Pointwise(layerwise_activations::Tanh);
    let hidden = |width| Dense::new(width);
    let layers = Builder::new(5).layer(hidden(7)).layer(tanh()).layer(hidden(6)).layer(tanh()).layer(Dense::new(3));
    let network = layers.build().unwrap();
    let row = |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let (mut start, packed, mut at) = (Buf::zeros(network.n_theta()), row(&reference["theta0"]), 0);
    for (_, block) in network.blocks() {
        let n = block.rows * block.cols;
        start[block.range()].copy_from_slice(&packed[at..at + n]);
        at += n;
    }
    let labels: Vec<u32> = row(&reference["labels"]).iter().map(|&label| label as u32).collect();
    let biases = Where { biases: true, ..Where::default() };
    Case {
        x: reference["x"].as_array().unwrap().iter().flat_map(row).collect(),
        values: labels.iter().flat_map(|&label| (0..3).map(move |k| f64::from(u8::from(k == label)))).collect(),
        labels,
        penalties: vec![Penalty::Parameters { regularizer: Arc::new(L2 { strength: 0.01 }), on: biases }],
        network,
        start,
    }
}

impl Case {
    fn risk<'a>(
        &'a self,
        loss: &'a dyn Loss,
        targets: Targets<'a, f64>,
        workspace: &'a mut Workspace<f64>,
    ) -> Supervised<'a, f64> {
        Supervised {
            network: &self.network,
            loss,
            penalties: if matches!(targets, Targets::Classes(_)) { &self.penalties } else { &[] },
            batch: Batch { x: Mat::new(&self.x, 5, ROWS), targets, weights: None },
            workspace,
            pass: Pass::Predict,
            key: Key::new(0, Purpose::Mask),
        }
    }
}

const STOP: Stop = Stop { gradient: 1e-6, evaluations: 2000 };

/// The cross-entropy has one minimum in each valley, because of the penalty: the gradient is gone there and all curvature is positive.
fn check(solver: impl Solver<f64>) -> Minimized {
    let case = case();
    let loss = Losses::SoftmaxCrossEntropy(SoftmaxCrossEntropy::default()).boxed();
    let mut workspace = Workspace::new(&case.network, ROWS);
    let mut theta = case.start.clone();
    let mut risk = case.risk(&*loss, Targets::Classes(&case.labels), &mut workspace);
    let done = solver.minimize(&mut risk, &mut theta, &STOP).unwrap();
    assert!(done.end == End::Gradient && done.gradient <= STOP.gradient, "{done:?}");
    assert_eq!(risk.eval(&theta, &mut Buf::zeros(theta.len())), done.value);
    let mut hessian = Hessian::new(risk, &theta);
    let spectrum = hessian.spectrum(&Lanczos { wanted: Wanted::Smallest, ..Lanczos::default() }).unwrap();
    println!("{done:?}, smallest curvature {}", spectrum.values[0]);
    assert!(spectrum.values[0] > 0.0);
    done
}

#[test]
fn lbfgs_finds_a_minimum_of_the_risk() {
    assert!(check(Lbfgs::default()).evaluations < 500);
}

#[test]
fn conjugate_gradients_find_a_minimum_of_the_risk() {
    assert!(check(NonlinearConjugateGradient).evaluations < 1500);
}

/// 99 parameters fit 72 values exactly. There the Gauss–Newton matrix is the Hessian, and its steps are Newton's.
#[test]
fn hessian_free_fits_values_exactly_in_few_steps() {
    let case = case();
    let loss = Losses::Squared(Squared).boxed();
    let targets = Targets::Values(Mat::new(&case.values, 3, ROWS));
    let [mut first, mut second] = [(); 2].map(|()| Workspace::new(&case.network, ROWS));
    let (mut risk, of_curvature) = (case.risk(&*loss, targets, &mut first), case.risk(&*loss, targets, &mut second));
    let mut theta = case.start.clone();
    let mut matrix = GaussNewton::new(of_curvature, &theta);
    let done = HessianFree::default().minimize(&mut risk, &mut matrix, &mut theta, &STOP).unwrap();
    println!("{done:?}");
    assert!(done.end == End::Gradient && done.value < 1e-9, "{done:?}");
    let mut same = case.start.clone();
    let lbfgs = Lbfgs::default().minimize(&mut risk, &mut same, &STOP).unwrap();
    println!("{lbfgs:?}");
    assert!(3 * done.steps < lbfgs.steps, "{done:?}, {lbfgs:?}");
}
