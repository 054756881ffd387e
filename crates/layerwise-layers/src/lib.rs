//! Layers: one file each. Activations become layers through `layerwise_core::Pointwise`.
//!
//! Adding one: a file here, and three lines below (`mod`, `pub use`, catalog entry).
#![forbid(unsafe_code)]

mod alpha_dropout;
mod batch_norm;
mod dense;
mod drop_connect;
mod dropout;
mod each_step;
mod elman;
mod gaussian_dropout;
mod gaussian_noise;
mod gru;
mod highway;
mod layer_norm;
mod lstm;
mod noisy_dense;
mod normed_dense;
mod room;
mod sequence;
mod skip;

pub use alpha_dropout::AlphaDropout;
pub use batch_norm::BatchNorm;
pub use dense::Dense;
pub use drop_connect::DropConnect;
pub use dropout::Dropout;
pub use each_step::EachStep;
pub use elman::{Elman, Squashing};
pub use gaussian_dropout::GaussianDropout;
pub use gaussian_noise::GaussianNoise;
pub use gru::Gru;
pub use highway::Highway;
pub use layer_norm::LayerNorm;
pub use lstm::Lstm;
pub use noisy_dense::NoisyDense;
pub use normed_dense::NormedDense;
pub use sequence::Returns;
pub use skip::Skip;

use layerwise_core::{GenericLayer, Layer, catalog};

catalog! {
    /// Every layer of this crate, as it stands in a configuration.
    pub enum Layers;
    Box<dyn Layer>, Box<dyn GenericLayer> = |layer| Box::new(layer);
    AlphaDropout = "alpha-dropout",
    BatchNorm = "batch-norm",
    Dense = "dense",
    DropConnect = "drop-connect",
    Dropout = "dropout",
    GaussianDropout = "gaussian-dropout",
    GaussianNoise = "gaussian-noise",
    Highway = "highway",
    LayerNorm = "layer-norm",
    NoisyDense = "noisy-dense",
    NormedDense = "normed-dense",
    Skip = "skip",
    Elman = "elman",
    Lstm = "lstm",
    Gru = "gru",
    EachStep = "each-step",
}

/// How a layer reads sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Numbers a step, the flag included.
    pub channels: usize,
    /// Whether the last of them is the flag of padding.
    pub padded: bool,
    /// What a layer behind it reads, if it puts out every step.
    pub puts_out: Option<usize>,
}

impl Layers {
    /// How it reads sequences, if it does.
    pub fn reads(&self) -> Option<Reads> {
        let (channels, units, padded, returns) = match *self {
            Layers::Elman(Elman { channels, units, padded, returns, .. }) => (channels, units, padded, returns),
            Layers::Lstm(Lstm { channels, units, padded, returns, .. }) => (channels, units, padded, returns),
            Layers::Gru(Gru { channels, units, padded, returns, .. }) => (channels, units, padded, returns),
            Layers::EachStep(EachStep { channels, padded, .. }) => (channels, 0, padded, Returns::Last),
            _ => return None,
        };
        let puts_out = (returns == Returns::Every).then_some(units + usize::from(padded));
        Some(Reads { channels, padded, puts_out })
    }
}
