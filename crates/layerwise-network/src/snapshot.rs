//! What a probe sees of a step: everything, afterwards, and nothing it can change.

use layerwise_tensor::{Mat, Scalar};

use crate::network::Network;
use crate::workspace::Workspace;

/// One finished step.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a, S: Scalar> {
    /// The network.
    pub network: &'a Network,
    /// Number of the step, from 1.
    pub step: u64,
    /// Risk of the batch, penalties included.
    pub value: f64,
    /// θ before the update.
    pub theta: &'a [S],
    /// ∇ of the risk at that θ.
    pub grad: &'a [S],
    /// What was subtracted from θ.
    pub update: &'a [S],
    /// Inputs of the batch.
    pub x: Mat<'a, S>,
    /// Activations and deltas.
    pub workspace: &'a Workspace<S>,
}

/// Reads steps; it never hooks one. A run with probes and one without end in the same bits.
pub trait Probe<S: Scalar> {
    /// Whether it wants to see this step. Steps that nobody wants cost nothing.
    fn due(&self, step: u64) -> bool;
    /// Looks at a finished step.
    fn observe(&mut self, at: &Snapshot<'_, S>);
}
