//! Regularizers of `layerwise`: penalties λΩ(θ), their proximal steps, and constraints, on one weight block at a time; and
//! penalties on activations.
//!
//! Each acts in one way: through its gradient, or through [`project`](layerwise_core::RegularizerKernel::project) after the step.
#![forbid(unsafe_code)]

mod elastic_net;
mod group_lasso;
mod groups;
mod l1;
mod l2;
mod max_norm;
mod orthogonality;
mod proximal_group_lasso;
mod proximal_l1;
mod sparsity;
mod student_t;
mod sum;

pub use elastic_net::ElasticNet;
pub use group_lasso::GroupLasso;
pub use groups::Groups;
pub use l1::L1;
pub use l2::L2;
pub use max_norm::MaxNorm;
pub use orthogonality::Orthogonality;
pub use proximal_group_lasso::ProximalGroupLasso;
pub use proximal_l1::ProximalL1;
pub use sparsity::Sparsity;
pub use student_t::StudentT;

use layerwise_core::{Activity, GenericActivity, GenericRegularizer, Regularizer};

layerwise_core::catalog! {
    /// A regularizer in a configuration: `"l2"`, or `{ kind = "l2", strength = 0.01 }`.
    pub enum Regularizers; Box<dyn Regularizer>, Box<dyn GenericRegularizer> = |r| Box::new(r);
    L2 = "l2",
    L1 = "l1",
    ProximalL1 = "proximal-l1",
    ElasticNet = "elastic-net",
    GroupLasso = "group-lasso",
    ProximalGroupLasso = "proximal-group-lasso",
    Orthogonality = "orthogonality",
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
            Regularizers::GroupLasso(r) => r.check(),
            Regularizers::ProximalGroupLasso(r) => r.check(),
            Regularizers::Orthogonality(r) => r.check(),
            Regularizers::MaxNorm(r) => r.check(),
        }
    }
}

layerwise_core::catalog! {
    /// A penalty on activations in a configuration: `"l1"`, or `{ kind = "sparsity", mean = 0.1 }`.
    pub enum Activities; Box<dyn Activity>, Box<dyn GenericActivity> = |a| Box::new(a);
    L1 = "l1",
    L2 = "l2",
    StudentT = "student-t",
    Sparsity = "sparsity",
}

impl Activities {
    /// Whether its parameters are usable: `Err` names the field.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Activities::L1(a) => a.check(),
            Activities::L2(a) => a.check(),
            Activities::StudentT(a) => a.check(),
            Activities::Sparsity(a) => a.check(),
        }
    }
}

/// A strength for each of n samples; for none, it is never used.
fn mean(strength: f64, n: usize) -> f64 {
    strength / n.max(1) as f64
}

fn finite_from_0(name: &str, value: f64) -> Result<(), String> {
    if value >= 0.0 && value.is_finite() {
        Ok(())
    } else {
        Err(format!("{name} should be a finite number of at least 0, got {value}"))
    }
}
