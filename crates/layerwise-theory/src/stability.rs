//! Gradient descent of rate η is stable where the largest eigenvalue of the Hessian, the sharpness, is below 2/η. On a quadratic risk
//! that is a theorem; on a network, training raises the sharpness up to 2/η, and there it stays (Cohen et al. 2021).

use layerwise_activations::Tanh;
use layerwise_core::{Init, Objective, Pointwise};
use layerwise_curvature::{Hessian, Lanczos, Spectral};
use layerwise_layers::Dense;
use layerwise_network::{Builder, Network, Workspace};
use layerwise_optimizers::sgd;
use layerwise_stats::median;

use crate::nets::{built, linear, normal, squared};
use crate::{Finding, Size};

/// The largest eigenvalue of the Hessian.
fn sharpness(network: &Network, x: (&[f64], usize), t: (&[f64], usize), theta: &[f64]) -> f64 {
    let mut workspace = Workspace::new(network, x.0.len() / x.1);
    let risk = squared(network, &mut workspace, x, t);
    let request = Lanczos { tolerance: 1e-4, ..Lanczos::default() };
    let found = Hessian::new(risk, theta).spectrum(&request);
    found.ok().and_then(|found| found.values.first().copied()).unwrap_or(f64::NAN)
}

pub fn findings(size: Size) -> Vec<Finding> {
    let mut all = vec![quadratic()];
    if size == Size::Whole {
        all.extend(network());
    }
    all
}

/// The largest stable rate of a linear layer, by bisection, beside 2 over the largest eigenvalue.
fn quadratic() -> Finding {
    let (d, n) = (6, 30);
    let network = linear(d, &[2]);
    let (x, t) = (normal(d * n, 1), normal(2 * n, 2));
    let theta = network.init::<f64>(3);
    let edge = 2.0 / sharpness(&network, (&x, d), (&t, 2), &theta);
    let mut workspace = Workspace::new(&network, n);
    let mut risk = squared(&network, &mut workspace, (&x, d), (&t, 2));
    let mask = network.weights_mask::<f64>();
    let mut stable = |rate: f64| {
        let optimizer = sgd(rate);
        let (mut at, mut grad) = (theta.clone(), theta.clone());
        let mut state = optimizer.state(at.len());
        let mut lowest = f64::INFINITY;
        let mut last = 0.0;
        for _ in 0..4000 {
            last = risk.eval(&at, &mut grad);
            lowest = lowest.min(last);
            optimizer.step(&mut at, &mut grad, &mask, 1.0, &mut state);
        }
        // Unstable is what ends above where it has been.
        last <= lowest * (1.0 + 1e-9)
    };
    let (mut low, mut high) = (0.5 * edge, 2.0 * edge);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if stable(middle) { low = middle } else { high = middle }
    }
    Finding::relative("largest stable rate of a linear layer", "2/λ₁", low, edge, 0.005)
}

/// Two hidden layers of 200 tanh units on 20 points of Chebyshev's polynomial of degree 5.
fn network() -> Vec<Finding> {
    let n = 20;
    let init = Init::GlorotNormal;
    let hidden = |layers: Builder| layers.layer(Dense { init, ..Dense::new(200) }).layer(Pointwise(Tanh));
    let network = built(hidden(hidden(Builder::new(1))).layer(Dense { init, ..Dense::new(1) }));
    let x: Vec<f64> = (0..n).map(|i| -1.0 + 2.0 * i as f64 / (n - 1) as f64).collect();
    let t: Vec<f64> = x.iter().map(|x| 16.0 * x.powi(5) - 20.0 * x.powi(3) + 5.0 * x).collect();
    let mut theta = network.init::<f64>(0);
    let start = sharpness(&network, (&x, 1), (&t, 1), &theta);
    // The edge lies at three times the sharpness of the start.
    let rate = 2.0 / (3.0 * start);
    let edge = 2.0 / rate;
    let mut workspace = Workspace::new(&network, n);
    let mut risk = squared(&network, &mut workspace, (&x, 1), (&t, 1));
    let mask = network.weights_mask::<f64>();
    let optimizer = sgd(rate);
    let mut state = optimizer.state(theta.len());
    let mut grad = theta.clone();
    let (mut crossed, mut after) = (None, Vec::new());
    for step in 0..100_000usize {
        if step % 20 == 0 {
            let now = sharpness(&network, (&x, 1), (&t, 1), &theta);
            if crossed.is_none() && now > edge {
                crossed = Some(step);
            }
            match crossed {
                Some(at) if step > at + 1000 => break,
                Some(_) => after.push(now / edge),
                None => {}
            }
        }
        risk.eval(&theta, &mut grad);
        optimizer.step(&mut theta, &mut grad, &mask, 1.0, &mut state);
    }
    let at = crossed.map_or("never".to_owned(), |step| format!("at step {step}"));
    vec![Finding::absolute(
        format!("median sharpness over 2/η in 1000 steps after it was reached ({at}), from {:.3}", start / edge),
        "1, just above",
        median(&after),
        1.1,
        0.1,
    )]
}
