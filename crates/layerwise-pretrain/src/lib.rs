//! Unsupervised pre-training: each hidden layer first learns to describe its input, without labels; then the whole network is
//! trained as usual, from there.
//!
//! [`Rbm`] is a restricted Boltzmann machine, with [contrastive divergence](ContrastiveDivergence), exact likelihoods where it
//! is small ([`Rbm::log_z`]) and estimated ones where it is not ([`Annealing`]). [`Autoencoder`] reproduces its input: tied or not,
//! denoising, contractive, sparse. [`Pretraining`] trains one of them after the other, the codes of one being the input of the
//! next. The [`Stack`] that comes out becomes the hidden layers of a network, or is unrolled into one that reproduces its input;
//! [`Pretrained`] hands the parameters over by the names of their blocks.
//!
//! A description owns no numbers here either: the parameters of one layer are one vector.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod annealing;
mod autoencoder;
mod code;
mod contrastive;
mod corruption;
mod exact;
mod layout;
mod pretrained;
mod pretraining;
mod rbm;
mod stack;

pub use annealing::{Annealing, LogZ};
pub use autoencoder::{Autoencoder, AutoencoderRisk, Autoencoding, Room};
pub use code::Code;
pub use contrastive::{Chains, ContrastiveDivergence};
pub use corruption::Corruption;
pub use exact::{MOST_UNITS, NegativeLogLikelihood};
pub use layerwise_regularizers::Sparsity;
pub use layout::{Units, check_rows};
pub use pretrained::{NamedBlock, Pretrained, transfer};
pub use pretraining::{Method, PretrainEpoch, PretrainProbe, Pretraining, Tuned};
pub use rbm::{FreeEnergy, Rbm};
pub use stack::{Broken, PretrainLayer, Stack, TrainedLayer};
