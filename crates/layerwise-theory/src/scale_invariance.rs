//! Behind batch normalization with ε = 0 the scale of weights does not matter: f(cW) = f(W), so ∇f(cW) = ∇f(W)/c and ⟨W, ∇f(W)⟩ = 0,
//! for all weights of the layer, and for those of each unit. Source: Ioffe and Szegedy (2015), section 3.3. With ε > 0 it holds only
//! nearly: for small ε the risk changes by O(ε (c⁻² − 1)).

use layerwise_activations::Tanh;
use layerwise_core::{Objective, Pass, Pointwise, Targets};
use layerwise_layers::{BatchNorm, Dense};
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_tensor::{Key, Mat, Purpose};

use crate::nets::{built, normal};
use crate::{Finding, Size};

const D_IN: usize = 5;
const UNITS: usize = 6;
const SAMPLES: usize = 20;

/// Two hidden layers with batch normalization in front of tanh; the weights in question are those of the second.
fn network(epsilon: f64) -> Network {
    let norm = BatchNorm { epsilon, ..BatchNorm::default() };
    let layers = Builder::new(D_IN).layer(Dense::new(7)).layer(norm).layer(Pointwise(Tanh));
    built(layers.layer(Dense::new(UNITS)).layer(norm).layer(Pointwise(Tanh)).layer(Dense::new(2)))
}

/// The risk of a training batch and the gradient of the weights, where those are multiplied by `factor`.
fn risk(network: &Network, seed: u64, factor: &dyn Fn(usize) -> f64) -> (f64, Vec<f64>, Vec<f64>) {
    let mut theta = network.init::<f64>(seed);
    let Some((_, block)) = network.blocks().filter(|(_, block)| block.name == "w").nth(1) else {
        return (f64::NAN, Vec::new(), Vec::new());
    };
    for (i, w) in theta[block.range()].iter_mut().enumerate() {
        *w *= factor(i % UNITS);
    }
    let (x, t) = (normal(D_IN * SAMPLES, seed), normal(2 * SAMPLES, seed + 100));
    let mut grad = vec![0.0; theta.len()];
    let value = Supervised {
        network,
        loss: &Squared,
        penalties: &[],
        batch: Batch {
            x: Mat::new(&x, D_IN, SAMPLES),
            targets: Targets::Values(Mat::new(&t, 2, SAMPLES)),
            weights: None,
        },
        workspace: &mut Workspace::new(network, SAMPLES),
        pass: Pass::Train,
        key: Key::new(0, Purpose::Mask),
    }
    .eval(&theta, &mut grad);
    (value, theta[block.range()].to_vec(), grad[block.range()].to_vec())
}

pub fn findings(size: Size) -> Vec<Finding> {
    let exact = network(0.0);
    let (mut value, mut gradient, mut along) = (0.0f64, 0.0f64, 0.0f64);
    for seed in 0..size.pick(5, 50) {
        let (at, w, g) = risk(&exact, seed, &|_| 1.0);
        let length = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        for unit in 0..UNITS {
            let dot: f64 = (unit..w.len()).step_by(UNITS).map(|i| w[i] * g[i]).sum();
            along = along.max(dot.abs() / length);
        }
        // One factor for all, and one for each unit.
        let factors: [&dyn Fn(usize) -> f64; 4] = [&|_| 7.0, &|_| 0.01, &|_| 1e3, &|unit| 0.3 * (1.0 + unit as f64)];
        for factor in factors {
            let (scaled, _, of_scaled) = risk(&exact, seed, factor);
            value = value.max((scaled / at - 1.0).abs());
            let off = |(i, (g, s)): (usize, (&f64, &f64))| (s * factor(i % UNITS) - g).abs() / length;
            gradient = g.iter().zip(&of_scaled).enumerate().map(off).fold(gradient, f64::max);
        }
    }
    // f depends on W and ε through ε/c²: what a small ε changes is of first order in c⁻² − 1.
    let small = network(1e-9);
    let at_one = risk(&small, 0, &|_| 1.0).0;
    let change = |c: f64| risk(&small, 0, &|_| c).0 - at_one;
    let ratio = change(0.01) / change(1.0 / 32.0);
    vec![
        Finding::absolute("largest relative change of the risk, ε = 0", "f(cW) = f(W)", value, 0.0, 1e-12),
        Finding::absolute("largest relative error of a gradient, ε = 0", "∇f(cW) = ∇f(W)/c", gradient, 0.0, 1e-11),
        Finding::absolute("largest product of a unit, ε = 0", "⟨w, ∇f⟩ = 0", along, 0.0, 1e-13),
        Finding::relative(
            "change of the risk at ε = 10⁻⁹, c = 0.01, over that at c = 1/32",
            "(c⁻² − 1)/(c′⁻² − 1)",
            ratio,
            9999.0 / 1023.0,
            1e-3,
        ),
    ]
}
