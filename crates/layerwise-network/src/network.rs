//! A laid-out network, with its forward and backward pass.

use std::sync::Arc;

use layerwise_core::{Backward, Block, Forward, Layer, Number, Params, ParamsMut, Pass, Plan, Role, Settle};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Purpose, Scalar, padded};

use crate::workspace::Workspace;

/// One layer in its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The group it belongs to: `hidden1`, …, `output`.
    pub group: String,
    /// What it is.
    pub layer: Arc<dyn Layer>,
    /// What it needs, with the places of its blocks in θ.
    pub plan: Plan,
    /// Input width.
    pub d_in: usize,
}

/// What sees each layer on the way back: its place, its output, and its delta, to be added to.
pub type AtLayer<'a, S> = dyn FnMut(usize, Mat<'_, S>, &mut [S]) + 'a;

/// A chain of layers over one flat θ. Cheap to clone: it owns no numbers.
#[derive(Clone, Debug)]
pub struct Network {
    d_in: usize,
    nodes: Arc<[Node]>,
    n_theta: usize,
}

impl Network {
    pub(crate) fn new(d_in: usize, nodes: Vec<Node>, n_theta: usize) -> Network {
        Network { d_in, nodes: nodes.into(), n_theta }
    }

    /// Input width.
    pub fn d_in(&self) -> usize {
        self.d_in
    }

    /// Output width.
    pub fn d_out(&self) -> usize {
        self.nodes.last().map_or(self.d_in, |node| node.plan.d_out)
    }

    /// Length of θ, padding included.
    pub fn n_theta(&self) -> usize {
        self.n_theta
    }

    /// Number of parameters, without padding and statistics.
    pub fn n_params(&self) -> usize {
        self.blocks().filter(|(_, block)| block.role != Role::Statistic).map(|(_, block)| block.range().len()).sum()
    }

    /// The layers, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All parameter blocks with their groups, in the order of θ.
    pub fn blocks(&self) -> impl Iterator<Item = (&str, &Block)> {
        self.nodes.iter().flat_map(|node| node.plan.blocks.iter().map(|block| (node.group.as_str(), block)))
    }

    /// The blocks that are no parameters, but what layers remember of the data; in the order of θ.
    pub fn statistics(&self) -> impl Iterator<Item = &Block> {
        self.blocks().map(|(_, block)| block).filter(|block| block.role == Role::Statistic)
    }

    /// The groups with weights, from the input to the output.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.blocks().filter(|(_, b)| b.role == Role::Weight).map(|(g, _)| g).collect();
        groups.dedup();
        groups
    }

    /// The place of the layer whose output counts as the activations of a group: its last activation, else its last layer.
    pub fn said_by(&self, group: &str) -> Option<usize> {
        let layers = || self.nodes.iter().enumerate().rev().filter(|(_, node)| node.group == group);
        let found = layers().find(|(_, node)| node.layer.range().is_some()).or_else(|| layers().next());
        found.map(|(i, _)| i)
    }

    /// 1 where θ holds a weight, 0 elsewhere: at biases, statistics and padding.
    pub fn weights_mask<S: Scalar>(&self) -> Buf<S> {
        self.mask(|block| block.role == Role::Weight)
    }

    /// 1 where θ holds a parameter, 0 at statistics and padding.
    pub fn params_mask<S: Scalar>(&self) -> Buf<S> {
        self.mask(|block| block.role != Role::Statistic)
    }

    fn mask<S: Scalar>(&self, of: impl Fn(&Block) -> bool) -> Buf<S> {
        let mut mask = Buf::zeros(self.n_theta);
        for (_, block) in self.blocks().filter(|(_, block)| of(block)) {
            mask[block.range()].fill(S::ONE);
        }
        mask
    }

    /// A fresh θ: each block by its own initializer, from the stream of (seed, block).
    pub fn init<S: Scalar>(&self, seed: u64) -> Buf<S> {
        let mut theta = Buf::zeros(self.n_theta);
        for (i, (_, block)) in self.blocks().enumerate() {
            let mut rng = Key::new(seed, Purpose::Init).layer(i as u64).rng();
            block.init.fill(MatMut::new(&mut theta[block.range()], block.rows, block.cols), &mut rng);
        }
        theta
    }

    /// Computes every activation for the batch x; the result is `ws.output()`.
    ///
    /// Shapes: x is d_in × n with n at most the capacity of the workspace. Panics: if they do not fit.
    pub fn forward<S: Number>(&self, theta: &[S], x: Mat<'_, S>, ws: &mut Workspace<S>, pass: Pass, key: Key) {
        assert!(
            x.rows() == self.d_in && theta.len() == self.n_theta,
            "forward: x has {} rows, should be {}; theta has {} numbers, should be {}",
            x.rows(),
            self.d_in,
            theta.len(),
            self.n_theta
        );
        ws.begin(x.cols());
        let n = x.cols();
        for (i, node) in self.nodes.iter().enumerate() {
            let (before, y, cache) = ws.forward_windows(i);
            let input = if i == 0 { x } else { before.y(i - 1) };
            let skip = node.plan.skip.map(|back| before.y(i - back));
            S::layer(&*node.layer).forward(Forward {
                theta: Params::new(theta, &node.plan.blocks),
                x: input,
                skip,
                y: MatMut::new(y, node.plan.d_out, n),
                cache,
                pass,
                key: key.layer(i as u64),
            });
        }
    }

    /// After a step of training: every layer moves its statistics by what the forward pass of the step left in the workspace.
    ///
    /// Panics: unless θ is that of the network.
    pub fn settle<S: Number>(&self, theta: &mut [S], ws: &Workspace<S>) {
        for (i, node) in self.nodes.iter().enumerate() {
            S::layer(&*node.layer).settle(Settle::new(theta, &node.plan.blocks, ws.cache(i), ws.n()));
        }
    }

    /// Computes every delta and the gradient, from the delta of the output in `ws.output_delta()`. Overwrites `grad`.
    ///
    /// Panics: unless `forward` ran before with the same x.
    pub fn backward<S: Number>(&self, theta: &[S], grad: &mut [S], x: Mat<'_, S>, ws: &mut Workspace<S>, pass: Pass) {
        self.backward_with(theta, grad, x, ws, pass, None, &mut |_, _, _| {});
    }

    /// The same, with ∂L/∂x of the inputs if it is wanted. Each layer's place, output and complete delta pass `at_layer`, which may
    /// add to the delta, before they go on to the layers below.
    ///
    /// Panics: as [`Network::backward`].
    #[expect(clippy::too_many_arguments, reason = "one pass, and the two things that few callers want")]
    pub fn backward_with<S: Number>(
        &self,
        theta: &[S],
        grad: &mut [S],
        x: Mat<'_, S>,
        ws: &mut Workspace<S>,
        pass: Pass,
        mut dx: Option<MatMut<'_, S>>,
        at_layer: &mut AtLayer<'_, S>,
    ) {
        assert!(
            x.cols() == ws.n() && grad.len() == self.n_theta,
            "backward: x has {} columns, forward saw {}; grad has {} numbers, should be {}",
            x.cols(),
            ws.n(),
            grad.len(),
            self.n_theta
        );
        ws.all_fresh();
        let mut flag = ws.n_flags();
        for (i, node) in self.nodes.iter().enumerate().rev() {
            // Shortcuts that start at this layer's output: their deltas are complete, since they lie behind it.
            for (j, later) in self.nodes.iter().enumerate().skip(i + 1) {
                if later.plan.skip == Some(j - i) {
                    let (delta, of_later) = ws.two_deltas(i, j);
                    let theta = Params::new(theta, &later.plan.blocks);
                    S::layer(&*later.layer).shortcut(theta, of_later, delta);
                }
            }
            let (y, dy) = ws.parts(i);
            at_layer(i, y, dy.into_data());
            flag -= node.plan.blocks.len();
            let view = ws.backward_windows(i, node.plan.skip, flag, node.plan.blocks.len());
            S::layer(&*node.layer).backward(Backward {
                theta: Params::new(theta, &node.plan.blocks),
                dtheta: ParamsMut::new(grad, &node.plan.blocks, view.fresh),
                x: if i == 0 { x } else { view.x },
                skip: view.skip,
                y: view.y,
                dy: view.dy,
                dx: if i == 0 { dx.take() } else { view.dx },
                cache: view.cache,
                pass,
            });
        }
        // A block that no layer wrote has gradient 0, and so has the padding behind every block.
        for ((_, block), fresh) in self.blocks().zip(ws.flags()) {
            let range = block.range();
            let first = if *fresh { range.start } else { range.end };
            grad[first..range.start + padded(range.len())].fill(S::ZERO);
        }
    }
}
