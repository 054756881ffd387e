//! On a quadratic, Nesterov's momentum μ is, in each eigendirection of curvature λ, the classical one with μ(1 − λε); and the rates
//! at which descent becomes unstable: ελ = 2, 2(1 + μ) with classical and 2(1 + μ)/(1 + 2μ) with Nesterov's momentum.

use layerwise_optimizers::{Optimizer, momentum, nesterov};

use crate::{Finding, Size};

/// θ after each step on ½ λθ² from θ = 1, with the buffer of the momentum.
fn path(optimizer: &Optimizer, curvature: f64, steps: usize) -> Vec<(f64, f64)> {
    let mut state = optimizer.state(1);
    let mut theta = [1.0];
    (0..steps)
        .map(|_| {
            let mut grad = [curvature * theta[0]];
            optimizer.step(&mut theta, &mut grad, &[1.0], 1.0, &mut state);
            (theta[0], state.planes().first().copied().unwrap_or(0.0))
        })
        .collect()
}

/// The largest ε at which θ shrinks, for λ = 1, by bisection.
fn limit(of: impl Fn(f64) -> Optimizer, steps: usize) -> f64 {
    let (mut low, mut high) = (0.1, 8.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        let end = path(&of(middle), 1.0, steps).last().map_or(0.0, |(theta, _)| theta.abs());
        // NaN is no shrinking.
        if end < 1.0 { low = middle } else { high = middle }
    }
    low
}

pub fn findings(size: Size) -> Vec<Finding> {
    let (rate, mu) = (0.1, 0.9);
    let mut worst = 0.0f64;
    for curvature in [0.01, 0.3, 1.0, 4.0, 9.0] {
        let ahead = path(&nesterov(rate, mu), curvature, 200);
        let plain = path(&momentum(rate, mu * (1.0 - curvature * rate)), curvature, 200);
        for ((theta, velocity), (expected, _)) in ahead.iter().zip(&plain) {
            // The optimizer keeps the point ahead, θ − μ ε v.
            worst = worst.max((theta + mu * rate * velocity - expected).abs());
        }
    }
    let mut all = vec![Finding::absolute(
        "worst difference over 200 steps in 5 eigendirections",
        "Nesterov μ = momentum μ(1 − λε)",
        worst,
        0.0,
        1e-13,
    )];
    let steps = size.pick(2000, 20_000);
    for mu in [0.0, 0.5, 0.9] {
        let classical = limit(|rate| momentum(rate, mu), steps);
        all.push(Finding::relative(
            format!("limit of ελ, momentum {mu}"),
            "2(1 + μ)",
            classical,
            2.0 * (1.0 + mu),
            0.01,
        ));
        let ahead = limit(|rate| nesterov(rate, mu), steps);
        let expected = 2.0 * (1.0 + mu) / (1.0 + 2.0 * mu);
        all.push(Finding::relative(format!("limit of ελ, Nesterov {mu}"), "2(1 + μ)/(1 + 2μ)", ahead, expected, 0.01));
    }
    all
}
