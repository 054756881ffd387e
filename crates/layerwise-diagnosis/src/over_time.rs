//! How much gradient reaches the states of recurrent layers, step by step: ‖∂l/∂hₜ‖ of a sample's loss l, mean over samples. It decays
//! or grows exponentially with the distance to where the loss looks (Bengio, Simard and Frasconi 1994).

use layerwise_core::{Objective, Pass, Real};
use layerwise_network::{Batch, Network, Supervised, Workspace};
use layerwise_tensor::{Key, Purpose, Scalar};
use layerwise_train::Setup;

/// The gradient of one recurrent layer over the steps of its sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct OverTime {
    /// `hidden1`, …, `output`.
    pub layer: String,
    /// Mean over samples of ‖∂l/∂hₜ‖, from the first step on.
    pub norms: Vec<f64>,
}

/// Reads what the last backward pass left in the workspace: one row for each recurrent layer.
///
/// The risk is a mean over n samples, so that the sum of its gradients' norms is the mean norm of the gradients of the losses.
pub fn over_time<S: Scalar>(network: &Network, workspace: &Workspace<S>) -> Vec<OverTime> {
    let norm = |state: &[S]| state.iter().map(|v| v.value().powi(2)).sum::<f64>().sqrt();
    let of_layer = |(i, layer): (usize, &str)| {
        let norms = workspace.state_deltas(network, i)?.map(|deltas| deltas.columns().map(norm).sum()).collect();
        Some(OverTime { layer: layer.to_owned(), norms })
    };
    network.nodes().iter().enumerate().filter_map(|(i, node)| of_layer((i, &node.group))).collect()
}

/// The same under θ, with one forward and backward pass over (at most 100 of) the training rows, without noise and penalties.
pub fn over_time_at<S: Real>(setup: &Setup<S>, theta: &[S]) -> Vec<OverTime> {
    if setup.network.nodes().iter().all(|node| node.plan.states.is_none()) {
        return Vec::new();
    }
    let rows = 0..setup.train.len().min(100);
    let mut workspace = Workspace::new(&setup.network, rows.len());
    let mut grad = vec![S::ZERO; setup.network.n_theta()];
    let train = &setup.train;
    let batch = Batch { x: train.x(rows.clone()), targets: train.targets(rows), weights: None };
    let (key, loss) = (Key::new(0, Purpose::Mask), &*setup.loss);
    let (network, workspace) = (&setup.network, &mut workspace);
    let mut risk = Supervised { network, loss, penalties: &[], batch, workspace, pass: Pass::Predict, key };
    risk.eval(theta, &mut grad);
    over_time(network, risk.workspace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerwise_core::{Init, Targets};
    use layerwise_layers::{Dense, Elman};
    use layerwise_losses::Squared;
    use layerwise_network::Builder;
    use layerwise_tensor::Mat;

    /// hₜ = relu(xₜ + w hₜ₋₁) of one unit with w = ½ and positive inputs: ∂l/∂hₜ = (y − target) ½^(T − t).
    #[test]
    fn the_gradient_of_a_linear_net_decays_by_its_weight() {
        let recurrent = Init::Identity { gain: 0.5 };
        let elman = Elman { init: Init::Constant { value: 1.0 }, recurrent, ..Elman::irnn(1, 1) };
        let output = Dense { init: Init::Constant { value: 1.0 }, ..Dense::new(1) };
        let network = Builder::new(4).layer(elman).layer(output).build().unwrap();
        let (theta, mut grad) = (network.init::<f64>(1), vec![0.0; network.n_theta()]);
        let mut workspace = Workspace::new(&network, 2);
        let x = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 2.0];
        // Outputs 1.875 and 2; errors 0.875 and −3.
        let targets = [1.0, 5.0];
        let mut risk = Supervised {
            network: &network,
            loss: &Squared,
            penalties: &[],
            batch: Batch { x: Mat::new(&x, 4, 2), targets: Targets::Values(Mat::new(&targets, 1, 2)), weights: None },
            workspace: &mut workspace,
            pass: Pass::Train,
            key: Key::new(0, Purpose::Mask),
        };
        risk.eval(&theta, &mut grad);
        let rows = over_time(&network, &workspace);
        // At the last step both samples count. Before it the second is at rest at 0, where φ′ = 0 is taken; its last step is not.
        let [OverTime { layer, norms }] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(layer, "hidden1");
        let expected = [0.125 * 0.875, 0.25 * 0.875, 0.5 * (0.875 + 3.0), 0.875 + 3.0].map(|v: f64| v / 2.0);
        assert!(norms.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{norms:?}");
    }
}
