//! A recipe: everything about a training except the data, in words and numbers. It is the configuration file.

use std::sync::Arc;

use layerwise_core::Loss;
use layerwise_core::loss::TargetKind;
use layerwise_data::{Dataset, Layout, Scaling, Target};
use layerwise_layers::Layers;
use layerwise_losses::Losses;
use layerwise_network::{Network, Penalty};
use layerwise_optimizers::{Optimizers, ReduceOnPlateau};
use serde::{Deserialize, Serialize};

use crate::ensemble::Ensemble;
use crate::error::TrainError;
use crate::layer_spec::{LayerSpec, NetworkSpec};
use crate::mixup::Mixup;
use crate::penalties::{ActivitySpec, JacobianSpec, PenaltySpec};
use crate::solvers::Solvers;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Fixes every random number of the training.
    pub seed: u64,
    /// At most so many passes over the training rows.
    pub epochs: usize,
    /// Rows a step.
    pub batch: usize,
    /// What is done to the inputs first, fitted on the training rows.
    pub scaling: Scaling,
    /// What is done to target values, fitted on the training rows and undone in predictions; classes are left alone.
    pub target_scaling: Scaling,
    /// The optimizer, with rate, schedule and clipping.
    pub optimizer: Optimizers,
    /// In place of an optimizer: a minimizer of the risk on all training rows, or on a part; `batch` is not used. One of its steps, of
    /// several evaluations, is an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solver: Option<Solvers>,
    /// The loss; by default what fits the targets (softmax cross-entropy for classes, squared for values).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Losses>,
    /// Stop when the validation loss no longer falls, and restore the best parameters; `false` to train on to the end.
    #[serde(with = "or_false")]
    pub early_stopping: Option<EarlyStopping>,
    /// Lower the rate when the validation loss no longer falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce_on_plateau: Option<ReduceOnPlateau>,
    /// A penalty on how much outputs change with inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jacobian: Option<JacobianSpec>,
    /// Train on mixtures of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<Mixup>,
    /// Train several networks, whose predictions are averaged. A diagnosis looks at one training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// The hidden layers.
    pub network: NetworkSpec,
    /// λΩ(θ) and constraints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub penalties: Vec<PenaltySpec>,
    /// λΩ of what layers say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<ActivitySpec>,
}

/// When to stop early.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Stop after so many epochs without a better validation loss.
    pub patience: usize,
    /// Better means lower by more than this.
    pub margin: f64,
}

/// A rule that is on by default: `false` stands for none, since what is absent is the default.
mod or_false {
    use serde::de::value::MapAccessDeserializer;
    use serde::de::{Deserializer, Error, MapAccess, Visitor};
    use serde::{Deserialize, Serialize, Serializer};

    use super::EarlyStopping;

    pub fn serialize<S: Serializer>(rule: &Option<EarlyStopping>, to: S) -> Result<S::Ok, S::Error> {
        match rule {
            None => to.serialize_bool(false),
            Some(rule) => rule.serialize(to),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EarlyStopping>, D::Error> {
        struct Rule;
        impl<'de> Visitor<'de> for Rule {
            type Value = Option<EarlyStopping>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table with `patience` and `margin`, or `false`")
            }
            fn visit_bool<E: Error>(self, on: bool) -> Result<Self::Value, E> {
                Ok(on.then(EarlyStopping::default))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                EarlyStopping::deserialize(MapAccessDeserializer::new(map)).map(Some)
            }
        }
        from.deserialize_any(Rule)
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping { patience: 20, margin: 0.0 }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            seed: 1,
            epochs: 100,
            batch: 32,
            scaling: Scaling::Standardize,
            target_scaling: Scaling::Standardize,
            optimizer: Optimizers::Adam(Default::default()),
            solver: None,
            loss: None,
            early_stopping: Some(EarlyStopping::default()),
            reduce_on_plateau: None,
            jacobian: None,
            mixup: None,
            ensemble: None,
            network: NetworkSpec::default(),
            penalties: Vec::new(),
            activities: Vec::new(),
        }
    }
}

impl Recipe {
    /// Refuses values out of range.
    ///
    /// Errors: the key's path, what it should be and what it is.
    pub fn check(&self) -> Result<(), TrainError> {
        let at_least_one = |key: &str, value: usize| {
            if value == 0 { Err(TrainError::recipe(key, "should be at least 1, got 0")) } else { Ok(()) }
        };
        at_least_one("epochs", self.epochs)?;
        at_least_one("batch", self.batch)?;
        if let Some(stop) = &self.early_stopping {
            at_least_one("early_stopping.patience", stop.patience)?;
            if !(stop.margin >= 0.0 && stop.margin.is_finite()) {
                let problem = format!("should be a finite number of at least 0, got {}", stop.margin);
                return Err(TrainError::recipe("early_stopping.margin", problem));
            }
        }
        for (i, width) in self.network.hidden.iter().enumerate() {
            at_least_one(&format!("network.hidden[{i}]"), *width)?;
        }
        for (key, rate) in [("dropout", self.network.dropout), ("input_dropout", self.network.input_dropout)] {
            if !(0.0..1.0).contains(&rate) {
                return Err(TrainError::recipe(format!("network.{key}"), format!("should be in [0, 1), got {rate}")));
            }
        }
        let normalizes = |layer: &LayerSpec| matches!(layer, LayerSpec::Layer(Layers::BatchNorm(_)));
        if self.batch == 1 && self.network.any(&normalizes) {
            return Err(TrainError::recipe("batch", "should be at least 2 with batch-norm, got 1"));
        }
        let under = |key: &'static str| move |problem: String| TrainError::recipe(key, problem);
        self.network.init.check().map_err(under("network.init"))?;
        self.network.activation.check().map_err(under("network.activation"))?;
        self.optimizer.check().map_err(under("optimizer"))?;
        if let Some(solver) = &self.solver {
            solver.check().map_err(under("solver"))?;
        }
        if let Some(loss) = &self.loss {
            loss.check().map_err(under("loss"))?;
        }
        if let Some(plateau) = &self.reduce_on_plateau {
            plateau.check().map_err(under("reduce_on_plateau"))?;
        }
        for (i, penalty) in self.penalties.iter().enumerate() {
            penalty.penalty.check().map_err(|p| TrainError::recipe(format!("penalties[{i}]"), p))?;
        }
        for (i, activity) in self.activities.iter().enumerate() {
            activity.penalty.check().map_err(|p| TrainError::recipe(format!("activities[{i}]"), p))?;
        }
        if let Some(jacobian) = &self.jacobian {
            jacobian.check().map_err(under("jacobian"))?;
        }
        if let Some(mixup) = &self.mixup {
            mixup.check().map_err(under("mixup"))?;
        }
        if let Some(ensemble) = &self.ensemble {
            ensemble.check().map_err(under("ensemble"))?;
        }
        Ok(())
    }

    /// The loss for these targets.
    pub fn loss_for(&self, target: &Target) -> Arc<dyn Loss> {
        match (&self.loss, target) {
            (Some(loss), _) => loss.boxed().into(),
            (None, Target::Classes { .. }) => Losses::SoftmaxCrossEntropy(Default::default()).boxed().into(),
            (None, Target::Values { .. }) => Losses::Squared(Default::default()).boxed().into(),
        }
    }

    /// The network for this data set.
    ///
    /// Errors: a layer that does not fit, a loss that cannot take the targets, or sequences of another layout than the first layer
    /// reads.
    pub fn network_for(&self, data: &Dataset) -> Result<Network, TrainError> {
        self.check_layout(data)?;
        let width = self.loss_for(&data.target).width(target_kind(data)).map_err(|e| e.within("loss"))?;
        Ok(self.network.build(data.n_features(), width)?)
    }

    fn check_layout(&self, data: &Dataset) -> Result<(), TrainError> {
        let Some(reads) = self.network.reads() else { return Ok(()) };
        let wanted = Layout { channels: reads.channels, padded: reads.padded };
        if data.layout != Some(wanted) {
            let words = |layout: Layout| {
                format!("{} channels, {}", layout.channels, if layout.padded { "padded" } else { "not padded" })
            };
            let got = data.layout.map_or("samples that are no sequences".to_owned(), words);
            let problem = format!("reads steps of {}; the data should be such, got {got}", words(wanted));
            return Err(TrainError::recipe("network.layers[0]", problem));
        }
        let scaled = self.target_scaling != Scaling::None && matches!(data.target, Target::Values { .. });
        if scaled && self.network.puts_out_steps().is_some() {
            let problem = "should be none where every step has an output, since padding has to stay 0";
            return Err(TrainError::recipe("target_scaling", format!("{problem}, got another")));
        }
        Ok(())
    }

    /// The penalties in their places.
    ///
    /// Errors: a layer name that the network does not have, or activations that a penalty is not made for.
    pub fn penalties_for(&self, network: &Network) -> Result<Vec<Penalty>, TrainError> {
        let on_parameters = self.penalties.iter().enumerate().map(|(i, p)| p.on(network, &format!("penalties[{i}]")));
        let on_activations =
            self.activities.iter().enumerate().map(|(i, p)| p.on(network, &format!("activities[{i}]")));
        on_parameters.chain(on_activations).collect()
    }
}

/// What the targets of a data set are, for a loss.
pub(crate) fn target_kind(data: &Dataset) -> TargetKind {
    match &data.target {
        Target::Classes { names, .. } => TargetKind::Classes(names.len()),
        Target::Values { .. } => TargetKind::Values(data.n_outputs()),
    }
}
