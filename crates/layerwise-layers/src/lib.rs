//! Layers: one file each. Activations become layers through `layerwise_core::Pointwise`.
//!
//! Adding one: a file here, and three lines below (`mod`, `pub use`, catalog entry).
#![forbid(unsafe_code)]

mod dense;
mod dropout;
mod skip;

pub use dense::Dense;
pub use dropout::Dropout;
pub use skip::Skip;

use layerwise_core::{GenericLayer, Layer, catalog};

catalog! {
    /// Every layer of this crate, as it stands in a configuration.
    pub enum Layers;
    Box<dyn Layer>, Box<dyn GenericLayer> = |layer| Box::new(layer);
    Dense = "dense",
    Dropout = "dropout",
    Skip = "skip",
}
