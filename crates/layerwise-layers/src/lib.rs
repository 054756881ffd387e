//! Layers: one file each. Activations become layers through `layerwise_core::Pointwise`.
//!
//! Adding one: a file here, and three lines below (`mod`, `pub use`, catalog entry).
#![forbid(unsafe_code)]

mod dense;
mod dropout;
mod each_step;
mod elman;
mod gru;
mod lstm;
mod sequence;
mod skip;

pub use dense::Dense;
pub use dropout::Dropout;
pub use each_step::EachStep;
pub use elman::{Elman, Squashing};
pub use gru::Gru;
pub use lstm::Lstm;
pub use sequence::Returns;
pub use skip::Skip;

use layerwise_core::{GenericLayer, Layer, catalog};

catalog! {
    /// Every layer of this crate, as it stands in a configuration.
    pub enum Layers;
    Box<dyn Layer>, Box<dyn GenericLayer> = |layer| Box::new(layer);
    Dense = "dense",
    Dropout = "dropout",
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
            Layers::Dense(_) | Layers::Dropout(_) | Layers::Skip(_) => return None,
        };
        let puts_out = (returns == Returns::Every).then_some(units + usize::from(padded));
        Some(Reads { channels, padded, puts_out })
    }
}
