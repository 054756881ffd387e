//! Loss and error of parameters on rows, without noise.

use layerwise_core::{Loss, Number, Pass, Real, Targets};
use layerwise_network::{Batch, Network, Supervised, Workspace};
use layerwise_tensor::{Key, MatMut, Purpose, Scalar};
use nalgebra::DMatrix;

use crate::samples::Samples;

/// How good parameters are on rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Mean loss, without penalties.
    pub loss: f64,
    /// Classes: share of wrong predictions. Values: 1 − R², the share of variance not explained.
    pub error: f64,
}

/// Rows evaluated at a time.
const ROWS: usize = 256;

/// Mean loss and error over all rows.
pub fn evaluate<S: Real>(network: &Network, loss: &dyn Loss, theta: &[S], rows: &Samples<S>) -> Scores {
    let n = rows.len();
    let mut workspace = Workspace::new(network, n.min(ROWS));
    let (mut total, mut weight_sum) = (0.0, 0.0);
    let (mut wrong, mut residual) = (0usize, 0.0);
    for start in (0..n).step_by(ROWS) {
        let range = start..(start + ROWS).min(n);
        let targets = rows.targets(range.clone());
        let weights = rows.weights(range.clone());
        let batch = Batch { x: rows.x(range.clone()), targets, weights: None };
        let key = Key::new(0, Purpose::Mask);
        let mut objective =
            Supervised { network, loss, penalties: &[], batch, workspace: &mut workspace, pass: Pass::Predict, key };
        objective.risk(theta);
        for (j, each) in workspace.each().iter().enumerate() {
            let weight = weights.map_or(1.0, |w| w[j].value());
            total += weight * each.value();
            weight_sum += weight;
        }
        match targets {
            Targets::Classes(classes) => {
                wrong += workspace.output().columns().zip(classes).filter(|(y, t)| decide(y) != **t).count();
            }
            Targets::Values(values) => {
                residual += workspace
                    .output()
                    .data()
                    .iter()
                    .zip(values.data())
                    .map(|(y, t)| (y.value() - t.value()).powi(2))
                    .sum::<f64>();
            }
        }
    }
    let error = match rows.targets(0..n) {
        Targets::Classes(_) => wrong as f64 / n as f64,
        Targets::Values(values) => {
            let k = values.rows();
            let mut means = vec![0.0; k];
            for column in values.columns() {
                for (mean, v) in means.iter_mut().zip(column) {
                    *mean += v.value() / n as f64;
                }
            }
            let spread: f64 =
                values.columns().flat_map(|c| c.iter().zip(&means)).map(|(v, m)| (v.value() - m).powi(2)).sum();
            if spread > 0.0 { residual / spread } else { residual }
        }
    };
    Scores { loss: total / weight_sum, error }
}

/// The class that an output column speaks for; one output alone decides at 0 (a logit).
pub(crate) fn decide<S: Scalar>(y: &[S]) -> u32 {
    if let [logit] = y {
        return u32::from(*logit > S::ZERO);
    }
    let mut best = 0;
    for (i, v) in y.iter().enumerate() {
        if *v > y[best] {
            best = i;
        }
    }
    best as u32
}

/// Predictions (probabilities or values) for inputs that are scaled already, k × n.
pub fn predict<S: Number>(network: &Network, loss: &dyn Loss, theta: &[S], x: &DMatrix<f64>) -> DMatrix<f64> {
    let (d, n) = x.shape();
    let mut out = DMatrix::zeros(network.d_out(), n);
    let mut workspace = Workspace::new(network, n.min(ROWS));
    let mut input = vec![S::ZERO; d * n.min(ROWS)];
    for start in (0..n).step_by(ROWS) {
        let len = ROWS.min(n - start);
        let part = &mut input[..d * len];
        for (to, &from) in part.iter_mut().zip(&x.as_slice()[start * d..(start + len) * d]) {
            *to = S::of(from);
        }
        let window = MatMut::new(part, d, len);
        network.forward(theta, window.as_mat(), &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
        S::loss(loss).predict(workspace.output_mut());
        let k = network.d_out();
        for (to, from) in out.as_mut_slice()[start * k..].iter_mut().zip(workspace.output().data()) {
            *to = from.value();
        }
    }
    out
}
