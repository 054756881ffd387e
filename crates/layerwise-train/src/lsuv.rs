//! Layer-sequential unit variance: from the first layer to the last, W ← W / √Var(y), until the outputs y of the layer have variance 1.
//!
//! Source: Mishkin and Matas (2016), "All you need is a good init", algorithm 1. Var is over units and rows together. One division is
//! enough for a layer without biases; the others get more.

use layerwise_core::{Init, Pass, Real};
use layerwise_network::{Network, Workspace};
use layerwise_tensor::{Key, Purpose};

use crate::samples::Samples;

/// Rows that variances are measured on, spread evenly over all.
const ROWS: usize = 512;
/// Variances as close to 1 as this are good.
const TOLERANCE: f64 = 1e-3;
/// Divisions of a layer.
const MOST: usize = 10;

/// Scales every block of θ that starts by [`Init::Lsuv`]. What is constant, or not finite, stays as it is.
///
/// Cost: forward passes over 512 rows, one or two a layer.
pub(crate) fn scale<S: Real>(network: &Network, theta: &mut [S], train: &Samples<S>) {
    let n = train.len().min(ROWS);
    let order: Vec<usize> = (0..n).map(|i| i * train.len() / n).collect();
    let picked = train.picked(&order);
    let mut workspace = Workspace::new(network, n);
    for (i, node) in network.nodes().iter().enumerate() {
        for block in node.plan.blocks.iter().filter(|block| block.init == Init::Lsuv) {
            for _ in 0..MOST {
                let key = Key::new(0, Purpose::Mask);
                network.forward(theta, picked.x(0..n), &mut workspace, Pass::Predict, key);
                let variance = variance(workspace.y(i).data());
                if (variance - 1.0).abs() <= TOLERANCE || !(variance > 0.0 && variance.is_finite()) {
                    break;
                }
                let factor = S::of(1.0 / variance.sqrt());
                theta[block.range()].iter_mut().for_each(|w| *w *= factor);
            }
        }
    }
}

/// Whether a block starts so.
pub(crate) fn is_wanted(network: &Network) -> bool {
    network.blocks().any(|(_, block)| block.init == Init::Lsuv)
}

fn variance<S: Real>(y: &[S]) -> f64 {
    let n = y.len() as f64;
    let mean = y.iter().map(|y| y.value()).sum::<f64>() / n;
    y.iter().map(|y| (y.value() - mean).powi(2)).sum::<f64>() / n
}
