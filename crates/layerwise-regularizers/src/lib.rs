//! Regularizers of `layerwise`: penalties λΩ(θ), their proximal steps, and constraints, on one weight block at a time.
//!
//! Each acts in one way: through its gradient, or through [`project`](layerwise_core::RegularizerKernel::project) after the step.
#![forbid(unsafe_code)]

mod elastic_net;
mod l1;
mod l2;
mod max_norm;
mod proximal_l1;
mod sum;

pub use elastic_net::ElasticNet;
pub use l1::L1;
pub use l2::L2;
pub use max_norm::MaxNorm;
pub use proximal_l1::ProximalL1;

use layerwise_core::{GenericRegularizer, Regularizer};

layerwise_core::catalog! {
    /// A regularizer in a configuration: `"l2"`, or `{ kind = "l2", strength = 0.01 }`.
    pub enum Regularizers; Box<dyn Regularizer>, Box<dyn GenericRegularizer> = |r| Box::new(r);
    L2 = "l2",
    L1 = "l1",
    ProximalL1 = "proximal-l1",
    ElasticNet = "elastic-net",
    MaxNorm = "max-norm",
}

impl Regularizers {
    /// Whether its parameters are usable: `Err` names the field.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Regularizers::L2(r) => r.check(),
            Regularizers::L1(r) => r.check(),
            Regularizers::ProximalL1(r) => r.check(),
            Regularizers::ElasticNet(r) => r.check(),
            Regularizers::MaxNorm(r) => r.check(),
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
