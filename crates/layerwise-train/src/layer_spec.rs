//! The layers of a network as they stand in a configuration.

use layerwise_activations::Activations;
use layerwise_core::{Init, ShapeError};
use layerwise_layers::{Dense, Dropout, EachStep, Layers, Reads, Skip};
use layerwise_network::{Builder, Network};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One entry of `network.layers`: a layer, an activation, or a residual block of such.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerSpec {
    /// A layer with its own kernel.
    Layer(Layers),
    /// An activation, unit by unit.
    Activation(Activations),
    /// x + block(x).
    Residual(Vec<LayerSpec>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResidualSpec {
    kind: String,
    layers: Vec<LayerSpec>,
}

impl<'de> Deserialize<'de> for LayerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let kind = value.as_str().or_else(|| value.get("kind").and_then(|k| k.as_str())).unwrap_or_default().to_owned();
        if kind == "residual" {
            let spec: ResidualSpec = serde_json::from_value(value).map_err(D::Error::custom)?;
            Ok(LayerSpec::Residual(spec.layers))
        } else if Activations::NAMES.contains(&kind.as_str()) {
            serde_json::from_value(value).map(LayerSpec::Activation).map_err(D::Error::custom)
        } else if Layers::NAMES.contains(&kind.as_str()) {
            serde_json::from_value(value).map(LayerSpec::Layer).map_err(D::Error::custom)
        } else {
            let known: Vec<&str> =
                Layers::NAMES.iter().chain(Activations::NAMES).copied().chain(["residual"]).collect();
            let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(D::Error::custom(format!("unknown variant `{kind}`, expected one of {known}")))
        }
    }
}

impl Serialize for LayerSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            LayerSpec::Layer(layer) => layer.serialize(serializer),
            LayerSpec::Activation(activation) => activation.serialize(serializer),
            LayerSpec::Residual(layers) => {
                ResidualSpec { kind: "residual".into(), layers: layers.clone() }.serialize(serializer)
            }
        }
    }
}

/// The hidden part of a network; the output layer is added to fit data and loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSpec {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// The activation after each of them.
    pub activation: Activations,
    /// How their weights start, and those of the output layer.
    pub init: Init,
    /// Dropout after each of them; 0 for none.
    pub dropout: f64,
    /// Dropout on the inputs; 0 for none.
    pub input_dropout: f64,
    /// All hidden layers one by one, instead of `hidden`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerSpec>,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        NetworkSpec {
            hidden: vec![64],
            activation: Activations::Relu(layerwise_activations::Relu),
            init: Init::Auto,
            dropout: 0.0,
            input_dropout: 0.0,
            layers: Vec::new(),
        }
    }
}

impl NetworkSpec {
    /// Every hidden layer, spelled out.
    pub fn expand(&self) -> Vec<LayerSpec> {
        let dropout = |rate: f64| (rate != 0.0).then_some(LayerSpec::Layer(Layers::Dropout(Dropout { rate })));
        let mut layers: Vec<LayerSpec> = dropout(self.input_dropout).into_iter().collect();
        if !self.layers.is_empty() {
            layers.extend(self.layers.iter().cloned());
            return layers;
        }
        for &width in &self.hidden {
            layers.push(LayerSpec::Layer(Layers::Dense(Dense { init: self.init, ..Dense::new(width) })));
            layers.push(LayerSpec::Activation(self.activation.clone()));
            layers.extend(dropout(self.dropout));
        }
        layers
    }

    /// The network for these widths of input and output. Behind a layer that puts out every step of a sequence the output is dense
    /// for each step.
    ///
    /// Errors: the layer that does not fit.
    pub fn build(&self, d_in: usize, d_out: usize) -> Result<Network, ShapeError> {
        let layers = self.expand();
        let builder = layers.iter().fold(Builder::new(d_in), add);
        let Some((channels, padded)) = self.puts_out_steps() else {
            return builder.layer(Dense { init: self.init, ..Dense::new(d_out) }).build();
        };
        let steps = d_in / self.reads().map_or(d_in, |reads| reads.channels.max(1));
        if steps == 0 || !d_out.is_multiple_of(steps) {
            return Err(ShapeError::mismatch("output", "width", format!("a multiple of the steps ({steps})"), d_out));
        }
        builder.layer(EachStep { padded, init: self.init, ..EachStep::new(channels, d_out / steps) }).build()
    }

    /// How the first layer reads sequences, if it does.
    pub fn reads(&self) -> Option<Reads> {
        match self.expand().first() {
            Some(LayerSpec::Layer(layer)) => layer.reads(),
            _ => None,
        }
    }

    /// The channels of each step that the last hidden layer puts out, and whether the last is a flag; `None` if it does not put out
    /// every step.
    pub fn puts_out_steps(&self) -> Option<(usize, bool)> {
        match self.expand().last() {
            Some(LayerSpec::Layer(layer)) => layer.reads().and_then(|reads| Some((reads.puts_out?, reads.padded))),
            _ => None,
        }
    }

    /// Applies `change` to every layer, inside residual blocks too, in whichever form they are given.
    pub fn edit(&mut self, change: &mut dyn FnMut(&mut LayerSpec)) {
        fn walk(layers: &mut [LayerSpec], change: &mut dyn FnMut(&mut LayerSpec)) {
            for layer in layers {
                match layer {
                    LayerSpec::Residual(inner) => walk(inner, change),
                    other => change(other),
                }
            }
        }
        self.layers = self.expand();
        self.input_dropout = 0.0;
        self.dropout = 0.0;
        self.hidden.clear();
        walk(&mut self.layers, change);
    }

    /// Every activation becomes `activation`.
    pub fn set_activation(&mut self, activation: Activations) {
        self.activation = activation.clone();
        if !self.layers.is_empty() {
            self.edit(&mut |layer| {
                if let LayerSpec::Activation(a) = layer {
                    *a = activation.clone();
                }
            });
        }
    }

    /// Every dense layer starts by `init`, the output layer too.
    pub fn set_init(&mut self, init: Init) {
        self.init = init;
        if !self.layers.is_empty() {
            self.edit(&mut |layer| {
                if let LayerSpec::Layer(Layers::Dense(dense)) = layer {
                    dense.init = init;
                    dense.bias = 0.0;
                }
            });
        }
    }

    /// Every hidden width times `factor`, at least `least`.
    pub fn widen(&mut self, factor: usize, least: usize) {
        let wider = |width: usize| (width * factor).max(least);
        for width in &mut self.hidden {
            *width = wider(*width);
        }
        if !self.layers.is_empty() {
            self.edit(&mut |layer| {
                if let LayerSpec::Layer(Layers::Dense(dense)) = layer {
                    dense.width = wider(dense.width);
                }
            });
        }
    }

    /// Dropout of `rate` after every hidden activation.
    pub fn set_dropout(&mut self, rate: f64) {
        if self.layers.is_empty() {
            self.dropout = rate;
            return;
        }
        self.edit(&mut |_| {});
        let mut layers = Vec::new();
        for layer in self.layers.drain(..) {
            match layer {
                LayerSpec::Layer(Layers::Dropout(_)) => {}
                LayerSpec::Activation(_) => {
                    layers.push(layer);
                    layers.push(LayerSpec::Layer(Layers::Dropout(Dropout { rate })));
                }
                other => layers.push(other),
            }
        }
        self.layers = layers;
    }
}

fn add(builder: Builder, layer: &LayerSpec) -> Builder {
    match layer {
        LayerSpec::Layer(layer) => builder.boxed(layer.boxed()),
        LayerSpec::Activation(activation) => builder.boxed(activation.boxed()),
        LayerSpec::Residual(layers) => {
            let before = builder.len();
            let inside = layers.iter().fold(builder, add);
            let back = inside.len() - before + 1;
            inside.layer(Skip { back })
        }
    }
}
