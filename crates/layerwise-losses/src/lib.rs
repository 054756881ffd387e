//! Losses of `layerwise`: l(y, t) per sample and its gradient, from network outputs before any squashing.
//!
//! Every sum here has terms of one sign, so a loss close to 0 and its gradient keep their digits, and outputs of ±10⁴ give finite
//! numbers in f32. The average over samples is taken once, by the caller.
#![forbid(unsafe_code)]

mod absolute;
mod bernoulli_cross_entropy;
mod hinge;
mod huber;
mod pointwise;
mod softmax_cross_entropy;
mod squared;

pub use absolute::Absolute;
pub use bernoulli_cross_entropy::BernoulliCrossEntropy;
pub use hinge::Hinge;
pub use huber::Huber;
pub use softmax_cross_entropy::SoftmaxCrossEntropy;
pub use squared::Squared;

use layerwise_core::{GenericLoss, Loss};

layerwise_core::catalog! {
    /// A loss in a configuration: `"squared"`, or `{ kind = "huber", delta = 2.0 }`.
    pub enum Losses; Box<dyn Loss>, Box<dyn GenericLoss> = |l| Box::new(l);
    SoftmaxCrossEntropy = "softmax-cross-entropy",
    BernoulliCrossEntropy = "bernoulli-cross-entropy",
    Squared = "squared",
    Absolute = "absolute",
    Huber = "huber",
    Hinge = "hinge",
}

impl Losses {
    /// Whether its parameters are usable: `Err` names the field.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Losses::SoftmaxCrossEntropy(l) => l.check(),
            Losses::Huber(l) => l.check(),
            _ => Ok(()),
        }
    }
}
