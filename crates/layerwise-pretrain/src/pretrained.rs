//! What pre-training hands over: a network in words, and numbers for its blocks by their names.

use layerwise_core::Real;
use layerwise_network::Network;
use layerwise_tensor::Scalar;
use layerwise_train::{NetworkSpec, Prepared, Run, TrainError};

/// A parameter matrix with the name that a network gives it, as `hidden1/w`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedBlock<S> {
    /// Group and block.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Column after column.
    pub numbers: Vec<S>,
}

/// Hidden layers that were pre-trained, ready for a network: the whole of it, or all but its output layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Pretrained<S> {
    /// The hidden layers, for [`layerwise_train::Recipe`].
    pub network: NetworkSpec,
    /// The parameters.
    pub blocks: Vec<NamedBlock<S>>,
    /// The group of each activation, and its name.
    pub(crate) activations: Vec<(String, &'static str)>,
}

/// Copies blocks into θ by their names; the rest of θ stays as it is.
///
/// Errors: a name that the network does not have, or a block of another size. Panics: unless θ is the network's.
pub fn transfer<S: Scalar>(blocks: &[NamedBlock<S>], network: &Network, theta: &mut [S]) -> Result<(), TrainError> {
    assert!(
        theta.len() == network.n_theta(),
        "transfer: θ has {} numbers, should be {}",
        theta.len(),
        network.n_theta()
    );
    for from in blocks {
        let names = || network.blocks().map(|(group, block)| format!("{group}/{}", block.name));
        let Some((_, to)) = network.blocks().zip(names()).find(|(_, name)| *name == from.name).map(|(found, _)| found)
        else {
            let known = names().collect::<Vec<_>>().join(", ");
            return Err(TrainError::recipe(&from.name, format!("should be a block of the network, which has {known}")));
        };
        if (to.rows, to.cols) != (from.rows, from.cols) {
            let problem = format!("should be {} × {}, got {} × {}", to.rows, to.cols, from.rows, from.cols);
            return Err(TrainError::recipe(&from.name, problem));
        }
        theta[to.range()].copy_from_slice(&from.numbers);
    }
    Ok(())
}

impl<S: Real> Pretrained<S> {
    /// A run that starts from these parameters; what they lack starts as it would without them.
    ///
    /// Errors: a layer that the network does not have, of another size, or with another activation.
    pub fn start(&self, prepared: &Prepared<S>, seed: u64) -> Result<Run<S>, TrainError> {
        let mut run = prepared.start(seed);
        let network = &prepared.setup.network;
        transfer(&self.blocks, network, run.theta_mut())?;
        for (group, wanted) in &self.activations {
            let layers: Vec<&str> =
                network.nodes().iter().filter(|node| node.group == *group).map(|node| node.layer.name()).collect();
            if !layers.contains(wanted) {
                let problem = format!("activation should be {wanted}, as in pre-training, got {}", layers.join(", "));
                return Err(TrainError::recipe(group, problem));
            }
        }
        Ok(run)
    }
}
