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
    /// x + block(x), or W x + block(x).
    Residual(Residual),
}

/// A residual block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// What it computes beside its input.
    pub layers: Vec<LayerSpec>,
    /// Whether its input goes through a weight matrix, so that the block may change the width.
    #[serde(default)]
    pub projection: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Block {
    Residual(Residual),
}

impl<'de> Deserialize<'de> for LayerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let kind = value.as_str().or_else(|| value.get("kind").and_then(|k| k.as_str())).unwrap_or_default().to_owned();
        if kind == "residual" {
            let Block::Residual(block) = serde_json::from_value(value).map_err(D::Error::custom)?;
            Ok(LayerSpec::Residual(block))
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
            LayerSpec::Residual(block) => Block::Residual(block.clone()).serialize(serializer),
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

    /// Whether `test` holds for any layer, inside residual blocks too.
    pub fn any(&self, test: &dyn Fn(&LayerSpec) -> bool) -> bool {
        fn walk(layers: &[LayerSpec], test: &dyn Fn(&LayerSpec) -> bool) -> bool {
            layers.iter().any(|layer| match layer {
                LayerSpec::Residual(block) => walk(&block.layers, test),
                other => test(other),
            })
        }
        walk(&self.layers, test)
    }

    /// Applies `change` to every layer, inside residual blocks too, in whichever form they are given.
    pub fn edit(&mut self, change: &mut dyn FnMut(&mut LayerSpec)) {
        fn walk(layers: &mut [LayerSpec], change: &mut dyn FnMut(&mut LayerSpec)) {
            for layer in layers {
                match layer {
                    LayerSpec::Residual(block) => walk(&mut block.layers, change),
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
                let (of_layer, bias) = match layer {
                    LayerSpec::Layer(Layers::Dense(dense)) => (&mut dense.init, &mut dense.bias),
                    LayerSpec::Layer(Layers::DropConnect(dense)) => (&mut dense.init, &mut dense.bias),
                    LayerSpec::Layer(Layers::NoisyDense(dense)) => (&mut dense.init, &mut dense.bias),
                    _ => return,
                };
                (*of_layer, *bias) = (init, 0.0);
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
                let width = match layer {
                    LayerSpec::Layer(Layers::Dense(dense)) => &mut dense.width,
                    LayerSpec::Layer(Layers::DropConnect(dense)) => &mut dense.width,
                    LayerSpec::Layer(Layers::NoisyDense(dense)) => &mut dense.width,
                    LayerSpec::Layer(Layers::NormedDense(dense)) => &mut dense.width,
                    _ => return,
                };
                *width = wider(*width);
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
        LayerSpec::Residual(Residual { layers, projection }) => {
            let before = builder.len();
            let inside = layers.iter().fold(builder, add);
            let back = inside.len() - before + 1;
            inside.layer(Skip { back, projection: *projection })
        }
    }
}
