//! Networks: a chain of layers (with skip connections), laid out once in flat memory.
//!
//! A [`Network`] is a description too; θ, the gradient and the [`Workspace`] are vectors beside it. The workspace keeps every
//! activation and every delta of a step, so diagnosis reads them afterwards and disturbs nothing. [`Supervised`] is the risk of a
//! batch as an objective.
#![forbid(unsafe_code)]

mod builder;
mod jacobian;
mod network;
mod snapshot;
mod supervised;
mod workspace;

pub use builder::Builder;
pub use jacobian::{Contracted, Jacobian, JacobianRoom};
pub use network::{AtLayer, Network, Node};
pub use snapshot::{Probe, Snapshot};
pub use supervised::{Batch, Penalty, Supervised, Where};
pub use workspace::Workspace;
