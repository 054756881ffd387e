//! Activations of `layerwise`: one file a function; each is a formula over any `Scalar`.
//!
//! Kinks follow one rule: where the function is locally convex the slope is the subgradient of smallest norm, where it is locally
//! concave the supergradient of smallest norm. Slopes keep their digits in the tails, where saturation is measured.
#![forbid(unsafe_code)]

mod elu;
mod gelu;
mod gelu_tanh;
mod hard_tanh;
mod identity;
mod leaky_relu;
mod relu;
mod selu;
mod sigmoid;
mod silu;
mod softplus;
mod softsign;
mod tanh;

pub use elu::Elu;
pub use gelu::Gelu;
pub use gelu_tanh::GeluTanh;
pub use hard_tanh::HardTanh;
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use relu::Relu;
pub use selu::Selu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use tanh::Tanh;

use layerwise_core::{GenericLayer, Layer, Pointwise};

layerwise_core::catalog! {
    /// An activation in a configuration: `"tanh"`, or `{ kind = "leaky-relu", slope = 0.2 }`.
    pub enum Activations; Box<dyn Layer>, Box<dyn GenericLayer> = |a| Box::new(Pointwise(a));
    Identity = "identity",
    Sigmoid = "sigmoid",
    Tanh = "tanh",
    Relu = "relu",
    LeakyRelu = "leaky-relu",
    Softplus = "softplus",
    Softsign = "softsign",
    HardTanh = "hard-tanh",
    Elu = "elu",
    Selu = "selu",
    Gelu = "gelu",
    GeluTanh = "gelu-tanh",
    Silu = "silu",
}

impl Activations {
    /// Whether its parameters are usable: `Err` names the field.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Activations::LeakyRelu(a) => a.check(),
            Activations::Elu(a) => a.check(),
            _ => Ok(()),
        }
    }
}

fn finite_from_0(name: &str, value: f64) -> Result<(), String> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(format!("{name} should be a finite number of at least 0, got {value}"))
    }
}
