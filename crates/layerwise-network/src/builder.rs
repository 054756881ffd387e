//! From a list of layers to a laid-out network. Every shape mistake is found here and names its layer.

use std::sync::Arc;

use layerwise_core::{Init, Layer, Plan, Role, ShapeError};
use layerwise_tensor::padded;

use crate::network::{Network, Node};

/// Collects layers in order.
#[derive(Debug)]
pub struct Builder {
    d_in: usize,
    layers: Vec<Arc<dyn Layer>>,
}

impl Builder {
    /// A network for inputs of width `d_in`.
    pub fn new(d_in: usize) -> Builder {
        Builder { d_in, layers: Vec::new() }
    }

    /// Appends a layer.
    pub fn layer(mut self, layer: impl Layer + 'static) -> Builder {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Appends a layer that is already boxed.
    pub fn boxed(self, layer: Box<dyn Layer>) -> Builder {
        self.shared(layer.into())
    }

    /// Appends a layer that others hold too.
    pub fn shared(mut self, layer: Arc<dyn Layer>) -> Builder {
        self.layers.push(layer);
        self
    }

    /// How many layers there are so far.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// No layer yet.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Plans every layer and lays out θ.
    ///
    /// A layer with weights starts a group: `hidden1`, `hidden2`, …, and `output` for the last; the layers after it belong
    /// to the group. Blocks start at multiples of 16 numbers; the padding stays 0.
    ///
    /// Errors: the layer, the block and the sizes that do not fit.
    pub fn build(self) -> Result<Network, ShapeError> {
        if self.layers.is_empty() || self.d_in == 0 {
            let (what, min) = if self.d_in == 0 { ("input width", "at least 1") } else { ("layers", "at least 1") };
            return Err(ShapeError::mismatch("network", what, min, 0));
        }
        let mut plans = Vec::new();
        let mut width = self.d_in;
        let mut groups = 0;
        for (i, layer) in self.layers.iter().enumerate() {
            let place = format!("layer {} ({})", i + 1, layer.name());
            let mut plan = layer.plan(width).map_err(|e| e.within(&place))?;
            if plan.d_out == 0 {
                return Err(ShapeError::mismatch(place, "output width", "at least 1", 0));
            }
            if let Some(back) = plan.skip {
                // Width of the source: the input of the network, or the output of the layer `back` places before.
                let source: Option<usize> = match back.cmp(&(i + 1)) {
                    std::cmp::Ordering::Less => plans.get(i - back).map(|p: &Plan| p.d_out),
                    _ => None,
                };
                let Some(source) = source else {
                    return Err(ShapeError::mismatch(place, "back", format!("at most {i}"), back));
                };
                plan = plan.of_source(source).map_err(|e| e.within(&place))?;
            }
            groups += usize::from(has_weights(&plan));
            width = plan.d_out;
            plans.push(plan);
        }
        let mut nodes = Vec::new();
        let (mut offset, mut group, mut d_in) = (0usize, 0usize, self.d_in);
        for (i, (layer, mut plan)) in self.layers.iter().zip(plans).enumerate() {
            group += usize::from(has_weights(&plan));
            let name = match group {
                0 => "input".to_owned(),
                g if g == groups => "output".to_owned(),
                g => format!("hidden{g}"),
            };
            let wanted = self.layers[i + 1..]
                .iter()
                .map_while(|next| if next.init().is_some() || transparent(&**next) { Some(next.init()) } else { None })
                .flatten()
                .next();
            for block in &mut plan.blocks {
                if block.role == Role::Weight && block.init == Init::Auto {
                    block.init = wanted.unwrap_or(Init::Glorot);
                }
                block.offset = offset;
                offset = block
                    .rows
                    .checked_mul(block.cols)
                    .and_then(|n| offset.checked_add(padded(n)))
                    .ok_or_else(|| ShapeError::new(format!("{name}/{}", block.name), "too many parameters"))?;
            }
            let d_out = plan.d_out;
            nodes.push(Node { group: name, layer: Arc::clone(layer), plan, d_in });
            d_in = d_out;
        }
        Ok(Network::new(self.d_in, nodes, offset))
    }
}

/// Layers without weights and without a say on initialization (dropout, normalization, skip) let the next one speak.
fn transparent(layer: &dyn Layer) -> bool {
    layer.plan(1).is_ok_and(|plan| plan.projection.is_none() && !has_weights(&plan))
}

fn has_weights(plan: &Plan) -> bool {
    plan.blocks.iter().any(|block| block.role == Role::Weight)
}
