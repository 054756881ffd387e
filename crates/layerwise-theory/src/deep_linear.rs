//! How deep linear networks learn: on whitened inputs, from a balanced start u₀, each mode s follows
//! u(t) = s e^(2st/τ) / (e^(2st/τ) − 1 + s/u₀) with one hidden layer, τ u̇ = (N − 1) u^(2 − 2/(N−1)) (s − u) with N − 2 of them; τ = 1/rate.

use layerwise_core::Objective;
use layerwise_network::Workspace;
use layerwise_optimizers::sgd;

use crate::nets::{linear, squared};
use crate::{Finding, Size};

const MODES: [f64; 2] = [3.0, 1.5];
const START: f64 = 0.01;

/// Trains a linear network of `layers` weight matrices from the diagonal `start` of each; calls `see(step, strengths of mode 0 and 1)`
/// with the strengths by layers.
fn train(start: &[f64], rate: f64, steps: usize, mut see: impl FnMut(usize, [Vec<f64>; 2])) {
    let d = MODES.len();
    let network = linear(d, &vec![d; start.len()]);
    let root = (d as f64).sqrt();
    let (mut x, mut targets) = (Vec::new(), Vec::new());
    for (i, s) in MODES.into_iter().enumerate() {
        for sign in [root, -root] {
            x.extend((0..d).map(|j| if i == j { sign } else { 0.0 }));
            targets.extend((0..d).map(|j| if i == j { sign * s } else { 0.0 }));
        }
    }
    let weights: Vec<usize> = network.blocks().step_by(2).map(|(_, block)| block.offset).collect();
    let mut theta = network.init::<f64>(0);
    theta.fill(0.0);
    for (offset, strength) in weights.iter().zip(start) {
        for i in 0..d {
            theta[offset + i * d + i] = *strength;
        }
    }
    let mut workspace = Workspace::new(&network, 2 * d);
    let mut risk = squared(&network, &mut workspace, (&x, d), (&targets, d));
    let optimizer = sgd(rate);
    let mut state = optimizer.state(network.n_theta());
    let mask = network.weights_mask::<f64>();
    let mut grad = vec![0.0; network.n_theta()];
    for step in 0..=steps {
        see(step, [0, 1].map(|i| weights.iter().map(|offset| theta[offset + i * d + i]).collect()));
        risk.eval(&theta, &mut grad);
        optimizer.step(&mut theta, &mut grad, &mask, 1.0, &mut state);
    }
}

/// Largest deviation from the curve of theory over both modes, relative to s.
fn worst(rate: f64) -> f64 {
    let mut worst = 0.0f64;
    let time = 6.0;
    train(&[START.sqrt(); 2], rate, (time / rate) as usize, |step, strengths| {
        for (s, by_layer) in MODES.into_iter().zip(strengths) {
            let e = (2.0 * s * step as f64 * rate).exp();
            let expected = s * e / (e - 1.0 + s / START);
            worst = worst.max((by_layer.iter().product::<f64>() - expected).abs() / s);
        }
    });
    worst
}

pub fn findings(size: Size) -> Vec<Finding> {
    let rate = size.pick(1e-3, 2.5e-4);
    let (whole, half) = (worst(rate), worst(rate / 2.0));
    let mut all = vec![
        Finding::absolute(
            format!("worst |u − u(t)|/s, one hidden layer, rate {rate}"),
            "s e^(2st/τ)/(e^(2st/τ) − 1 + s/u₀)",
            whole,
            0.0,
            // Of first order in the rate: u̇ changes by 2s over a step.
            2.0 * rate * MODES[0],
        ),
        Finding::absolute("the same at half the rate, over it", "½: of first order", half / whole, 0.5, 0.05),
    ];
    // When mode 3 reaches 2.9: t = τ/(2s) ln[u_f (s − u₀)/(u₀ (s − u_f))] = 1.5113.
    let (s, end) = (MODES[0], 2.9);
    let mut reached = None;
    train(&[START.sqrt(); 2], rate, (2.0 / rate) as usize, |step, [strengths, _]| {
        if reached.is_none() && strengths.iter().product::<f64>() >= end {
            reached = Some(step as f64 * rate);
        }
    });
    let expected = ((end * (s - START)) / (START * (s - end))).ln() / (2.0 * s);
    all.push(Finding::relative(
        "time from 0.01 to 2.9 of s = 3, over τ",
        "1/2s ln[u_f (s − u₀)/(u₀ (s − u_f))]",
        reached.unwrap_or(f64::NAN),
        expected,
        3.0 * rate,
    ));
    // Unbalanced layers keep the difference of their squares.
    let (mut first, mut last) = (None, 0.0);
    train(&[0.5, 0.1], rate, (4.0 / rate) as usize, |_, [strengths, _]| {
        last = strengths[0].powi(2) - strengths[1].powi(2);
        first.get_or_insert(last);
    });
    let first = first.unwrap_or(f64::NAN);
    all.push(Finding::absolute("a² − b² after learning", "conserved", last, first, 10.0 * rate));
    all.push(deeper(rate));
    all
}

/// Five layers of numbers, four matrices: the strength against its differential equation, by Runge and Kutta's fourth order.
fn deeper(rate: f64) -> Finding {
    let (layers, start, s) = (4usize, 0.2f64, MODES[0]);
    let power = 2.0 - 2.0 / layers as f64;
    let slope = |u: f64| layers as f64 * u.powf(power) * (s - u);
    let (mut u, mut worst) = (start, 0.0f64);
    let root = start.powf(1.0 / layers as f64);
    train(&vec![root; layers], rate, (1.5 / rate) as usize, |_, [strengths, _]| {
        worst = worst.max((strengths.iter().product::<f64>() - u).abs() / s);
        let a = slope(u);
        let b = slope(u + 0.5 * rate * a);
        let c = slope(u + 0.5 * rate * b);
        let d = slope(u + rate * c);
        u += rate / 6.0 * (a + 2.0 * b + 2.0 * c + d);
    });
    // The fastest rate of change near the end is (N − 1) s^(2 − 2/(N−1)).
    let fastest = layers as f64 * s.powf(power);
    Finding::absolute(
        format!("worst |u − u(t)|/s, three hidden layers, rate {rate}"),
        "τ u̇ = (N − 1) u^(2 − 2/(N−1)) (s − u)",
        worst,
        0.0,
        2.0 * rate * fastest,
    )
}
