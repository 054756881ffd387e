//! Penalties as they stand in a configuration, and their places in a network.

use layerwise_network::{Jacobian, Network, Penalty, Where};
use layerwise_regularizers::{Activities, Regularizers};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// A penalty and where it acts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PenaltySpec {
    /// What it is, with its strength.
    pub penalty: Regularizers,
    /// Layers by name (`hidden1`, …, `output`); all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// On biases too.
    #[serde(default)]
    pub biases: bool,
}

/// A penalty on activations and where it acts: on what comes out of the activation of each layer, or of its last part if it has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivitySpec {
    /// What it is, with its strength.
    pub penalty: Activities,
    /// Layers by name (`hidden1`, …, `output`); all hidden ones if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
}

/// λ/2 E ‖∂y/∂x‖²_F, y the outputs before any squashing and x the inputs after scaling. Not part of what `layerwise curvature` and
/// solvers look at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JacobianSpec {
    /// λ.
    pub strength: f64,
    /// Random directions of outputs a row and step, right on average; 0: all outputs, exactly.
    pub projections: usize,
}

impl Default for JacobianSpec {
    fn default() -> Self {
        JacobianSpec { strength: 0.01, projections: 1 }
    }
}

impl JacobianSpec {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        if self.strength >= 0.0 && self.strength.is_finite() {
            Ok(())
        } else {
            Err(format!("strength should be a finite number of at least 0, got {}", self.strength))
        }
    }

    /// What it is to a network.
    pub fn penalty(&self) -> Jacobian {
        Jacobian { strength: self.strength, projections: self.projections }
    }
}

/// Refuses a name that is not that of a layer with parameters.
fn known(key: &str, names: &[String], network: &Network) -> Result<(), TrainError> {
    let groups = network.groups();
    match names.iter().find(|name| !groups.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            Err(TrainError::recipe(key, format!("should be among {}, got `{unknown}`", groups.join(", "))))
        }
    }
}

impl PenaltySpec {
    /// The penalty in its place; `key` is its path in the configuration.
    ///
    /// Errors: a layer name that the network does not have.
    pub(crate) fn on(&self, network: &Network, key: &str) -> Result<Penalty, TrainError> {
        known(&format!("{key}.layers"), &self.layers, network)?;
        let on = Where { groups: self.layers.clone(), biases: self.biases };
        Ok(Penalty::Parameters { regularizer: self.penalty.boxed().into(), on })
    }
}

impl ActivitySpec {
    /// The penalty in its place; `key` is its path in the configuration.
    ///
    /// Errors: a layer name that the network does not have, no layer, or activations that the penalty is not made for.
    pub(crate) fn on(&self, network: &Network, key: &str) -> Result<Penalty, TrainError> {
        known(&format!("{key}.layers"), &self.layers, network)?;
        let mut names: Vec<&str> = self.layers.iter().map(String::as_str).collect();
        if names.is_empty() {
            names = network.groups();
            names.pop();
        }
        if names.is_empty() {
            return Err(TrainError::recipe(
                format!("{key}.layers"),
                "should name a layer where none is hidden, got none",
            ));
        }
        let activity = self.penalty.boxed();
        let (low, high) = activity.domain();
        let mut layers = Vec::new();
        for (name, i) in names.into_iter().filter_map(|name| Some((name, network.said_by(name)?))) {
            let layer = &network.nodes()[i].layer;
            let (least, most) = layer.range().unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
            if least < low || most > high {
                let problem = format!(
                    "{} should go with activations from {low} to {high}, got {} in {name}",
                    activity.name(),
                    layer.name()
                );
                return Err(TrainError::recipe(key, problem));
            }
            layers.push(i);
        }
        Ok(Penalty::Activations { activity: activity.into(), layers })
    }
}
