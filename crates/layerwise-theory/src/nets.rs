//! What several theories need: random numbers, networks of plain layers, their signals.

use layerwise_core::{Pass, Targets};
use layerwise_layers::Dense;
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_tensor::{Key, Mat, Purpose};

/// Independent standard normal numbers.
pub fn normal(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    (0..n).map(|_| rng.normal()).collect()
}

/// Mean of the squares.
pub fn mean_square(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64
}

/// A chain of linear layers of these widths.
///
/// Panics: if a width is 0.
pub fn linear(d_in: usize, widths: &[usize]) -> Network {
    let layers = widths.iter().fold(Builder::new(d_in), |layers, &width| layers.layer(Dense::new(width)));
    built(layers)
}

/// Builds a network that fits by construction.
pub fn built(layers: Builder) -> Network {
    match layers.build() {
        Ok(network) => network,
        Err(problem) => panic!("{problem}"),
    }
}

/// The mean of ½ ‖f(x) − t‖² without noise.
pub fn squared<'a>(
    network: &'a Network,
    workspace: &'a mut Workspace<f64>,
    (x, d_in): (&'a [f64], usize),
    (t, d_out): (&'a [f64], usize),
) -> Supervised<'a, f64> {
    let n = x.len() / d_in;
    Supervised {
        network,
        loss: &Squared,
        penalties: &[],
        batch: Batch { x: Mat::new(x, d_in, n), targets: Targets::Values(Mat::new(t, d_out, n)), weights: None },
        workspace,
        pass: Pass::Predict,
        key: Key::new(0, Purpose::Mask),
    }
}
