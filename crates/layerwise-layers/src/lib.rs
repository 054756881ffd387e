//! Layers: one file each. Activations become layers through `layerwise_core::Pointwise`.
//!
//! Adding one: a file here, and three lines below (`mod`, `pub use`, catalog entry).
#![forbid(unsafe_code)]

mod alpha_dropout;
mod batch_norm;
mod dense;
mod drop_connect;
mod dropout;
mod gaussian_dropout;
mod gaussian_noise;
mod highway;
mod layer_norm;
mod noisy_dense;
mod normed_dense;
mod room;
mod skip;

pub use alpha_dropout::AlphaDropout;
pub use batch_norm::BatchNorm;
pub use dense::Dense;
pub use drop_connect::DropConnect;
pub use dropout::Dropout;
pub use gaussian_dropout::GaussianDropout;
pub use gaussian_noise::GaussianNoise;
pub use highway::Highway;
pub use layer_norm::LayerNorm;
pub use noisy_dense::NoisyDense;
pub use normed_dense::NormedDense;
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
}
