//! Dropout in one hidden layer before a softmax output: the network without masks is the normalized geometric mean of those with all
//! masks, weighted by their probability; its log-probabilities are at least the mean of theirs. In linear regression it is a ridge
//! penalty: E ‖y − (m ∘ X)w/p‖² = ‖y − Xw‖² + (1 − p)/p wᵀ diag(XᵀX) w.

use layerwise_activations::Sigmoid;
use layerwise_core::{Pass, Pointwise};
use layerwise_layers::{Dense, Dropout};
use layerwise_network::{Builder, Network, Workspace};
use layerwise_tensor::{Key, Mat, MatMut, Purpose};

use crate::nets::{built, linear, normal};
use crate::{Finding, Size};

/// What a network says, without noise.
fn predict(network: &Network, theta: &[f64], x: &[f64]) -> Vec<f64> {
    let n = x.len() / network.d_in();
    let mut workspace = Workspace::new(network, n);
    let inputs = Mat::new(x, network.d_in(), n);
    network.forward(theta, inputs, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
    workspace.output().data().to_vec()
}

/// x with this mask of rows in every column, scaled as in training.
fn masked(x: &[f64], width: usize, mask: usize, keep: f64) -> Vec<f64> {
    let scales: Vec<f64> = (0..x.len()).map(|i| if mask >> (i % width) & 1 == 1 { 1.0 / keep } else { 0.0 }).collect();
    let mut y = vec![0.0; x.len()];
    let n = x.len() / width;
    Dropout::apply(&scales, Mat::new(x, width, n), MatMut::new(&mut y, width, n));
    y
}

fn probability(mask: usize, width: usize, keep: f64) -> f64 {
    (0..width).map(|i| if mask >> i & 1 == 1 { keep } else { 1.0 - keep }).product()
}

fn log_softmax(y: &[f64]) -> Vec<f64> {
    let most = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = most + y.iter().map(|y| (y - most).exp()).sum::<f64>().ln();
    y.iter().map(|y| y - total).collect()
}

pub fn findings(size: Size) -> Vec<Finding> {
    let mut all = Vec::new();
    let (d_in, width, classes) = (5, size.pick(8, 12), 4);
    for keep in [0.5, 0.7] {
        let full =
            Builder::new(d_in).layer(Dense::new(width)).layer(Pointwise(Sigmoid)).layer(Dropout { rate: 1.0 - keep });
        let full = built(full.layer(Dense::new(classes)));
        let front = built(Builder::new(d_in).layer(Dense::new(width)).layer(Pointwise(Sigmoid)));
        let back = linear(width, &[classes]);
        let theta: Vec<f64> =
            normal(full.n_theta(), 1).iter().zip(full.params_mask::<f64>().iter()).map(|(t, m)| 2.0 * t * m).collect();
        let (head, tail) = theta.split_at(front.n_theta());
        let x = normal(d_in, 2);
        let hidden = predict(&front, head, &x);
        let (mut mean, mut total) = (vec![0.0; classes], 0.0);
        for mask in 0..1usize << width {
            let share = probability(mask, width, keep);
            let said = log_softmax(&predict(&back, tail, &masked(&hidden, width, mask, keep)));
            mean.iter_mut().zip(&said).for_each(|(mean, said)| *mean += share * said);
            total += share;
        }
        let whole = log_softmax(&predict(&full, &theta, &x));
        let geometric = log_softmax(&mean);
        let worst = whole.iter().zip(&geometric).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let of = format!("all {} masks, keep {keep}", 1usize << width);
        all.push(Finding::absolute(format!("mean network against geometric mean of {of}"), "equal", worst, 0.0, 1e-12));
        all.push(Finding::absolute(format!("probabilities of {of}"), "sum to 1", total, 1.0, 1e-12));
        let above = whole.iter().zip(&mean).filter(|(whole, mean)| *whole + 1e-13 < **mean).count();
        all.push(Finding::absolute(
            format!("classes below the mean log-probability of {of}"),
            "none",
            above as f64,
            0.0,
            0.0,
        ));
        all.push(ridge(keep));
    }
    all
}

/// The expected squared error of linear regression under all masks of its inputs.
fn ridge(keep: f64) -> Finding {
    let (d, n) = (7, 11);
    let network = linear(d, &[1]);
    let (x, y, w) = (normal(d * n, 3), normal(n, 4), normal(d, 5));
    let mut theta = vec![0.0; network.n_theta()];
    theta[..d].copy_from_slice(&w);
    let error = |x: &[f64]| predict(&network, &theta, x).iter().zip(&y).map(|(f, y)| (f - y).powi(2)).sum::<f64>();
    let expected_under_masks: f64 =
        (0..1usize << d).map(|mask| probability(mask, d, keep) * error(&masked(&x, d, mask, keep))).sum();
    let squares = |i: usize| x.chunks_exact(d).map(|row| row[i] * row[i]).sum::<f64>();
    let penalty: f64 = (0..d).map(|i| w[i] * w[i] * squares(i)).sum::<f64>() * (1.0 - keep) / keep;
    Finding::relative(
        format!("E of the squared error under all 128 masks of the inputs, keep {keep}"),
        "‖y − Xw‖² + (1 − p)/p wᵀ diag(XᵀX) w",
        expected_under_masks,
        error(&x) + penalty,
        1e-12,
    )
}
