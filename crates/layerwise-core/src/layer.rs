//! Layers: pure descriptions with a forward and a backward kernel over flat memory.
//!
//! Shapes: a batch is d × n, its columns are samples. For a dense layer a = W h + b 1ᵀ the backward pass is ∂L/∂W = δ hᵀ,
//! ∂L/∂b = δ 1, ∂L/∂h = Wᵀ δ.

use std::fmt::Debug;

use layerwise_tensor::{Dual32, Dual64, Key, Mat, MatMut, Op, Scalar, Write, elementwise};

use crate::init::Init;
use crate::shape::ShapeError;

/// What a layer is. It owns no numbers: parameters, activations and noise come from outside.
///
/// Implement [`LayerKernel`] once for every `S: Scalar`, and this.
pub trait Layer:
    LayerKernel<f32> + LayerKernel<f64> + LayerKernel<Dual32> + LayerKernel<Dual64> + Debug + Send + Sync
{
    /// Its name in configurations and messages, in kebab case.
    fn name(&self) -> &'static str;
    /// Output width, parameter blocks and scratch for an input of width `d_in`.
    ///
    /// Errors: every shape mistake is found here and nowhere later.
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError>;
    /// The asymptotes of its units, if it is an activation.
    fn range(&self) -> Option<(f64, f64)> {
        None
    }
    /// The initialization it wants for the weights that feed it, if it has a say.
    fn init(&self) -> Option<Init> {
        None
    }
    /// Inputs at which its first or second derivative jumps. None else may be there: the gradient check looks for them.
    ///
    /// At a kink, ∂L/∂x is the number of least magnitude between the one-sided derivatives of y times ∂L/∂y.
    fn kinks(&self) -> &[f64] {
        &[]
    }
    /// The setting by which its backward pass gives something else than the derivative of its output, if there is one: solvers and
    /// the gradient check refuse the layer by this name.
    fn approximates(&self) -> Option<&'static str> {
        None
    }
}

/// What a layer computes.
pub trait LayerKernel<S: Scalar> {
    /// Sets y (all of it, whatever it held) and the cache.
    fn forward(&self, io: Forward<'_, S>);
    /// Sets dx if asked for, and adds to the gradient through [`ParamsMut`].
    fn backward(&self, io: Backward<'_, S>);
    /// Adds what `dy` says of the second input to `ds`, its delta: dy itself, unless the way there is more than an addition.
    ///
    /// Shapes: dy is d_out × n, ds as the second input. Panics: if they differ, where they should not.
    fn shortcut(&self, theta: Params<'_, S>, dy: Mat<'_, S>, mut ds: MatMut<'_, S>) {
        let _ = theta;
        elementwise::zip(ds.data(), dy.data(), |ds, dy| *ds += dy);
    }
    /// After a step of training: moves the statistics of the layer ([`Role::Statistic`]) by what the forward pass of the step left.
    fn settle(&self, io: Settle<'_, S>) {
        let _ = io;
    }
}

/// Whether a pass trains (noise on) or predicts (noise off).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Masks and noise are drawn.
    Train,
    /// The deterministic network.
    Predict,
}

/// What a forward kernel sees.
#[derive(Debug)]
pub struct Forward<'a, S> {
    /// Its parameters.
    pub theta: Params<'a, S>,
    /// Input, d_in × n.
    pub x: Mat<'a, S>,
    /// The earlier output that the plan asked for with [`Plan::skip`].
    pub skip: Option<Mat<'a, S>>,
    /// Output, d_out × n; to be set.
    pub y: MatMut<'a, S>,
    /// Scratch that backward will see: `shared` numbers, and then `cache` numbers a column.
    pub cache: &'a mut [S],
    /// Train or predict.
    pub pass: Pass,
    /// Names the random stream of this step and layer.
    pub key: Key,
}

/// What a backward kernel sees.
#[derive(Debug)]
pub struct Backward<'a, S> {
    /// Its parameters.
    pub theta: Params<'a, S>,
    /// Its gradient; to be added to.
    pub dtheta: ParamsMut<'a, S>,
    /// Input of the forward pass.
    pub x: Mat<'a, S>,
    /// Its second input, if the plan asked for one.
    pub skip: Option<Mat<'a, S>>,
    /// Output of the forward pass.
    pub y: Mat<'a, S>,
    /// ∂L/∂y.
    pub dy: Mat<'a, S>,
    /// ∂L/∂x, to be set; `None` if nobody needs it.
    pub dx: Option<MatMut<'a, S>>,
    /// What forward left. It may be written, as long as a second backward pass after the same forward pass gives the same.
    pub cache: &'a mut [S],
    /// Train or predict.
    pub pass: Pass,
}

/// What a layer sees of a step that is done.
#[derive(Debug)]
pub struct Settle<'a, S> {
    theta: &'a mut [S],
    blocks: &'a [Block],
    /// What the passes of the step left.
    pub cache: &'a [S],
    /// Columns of its batch.
    pub n: usize,
}

impl<'a, S: Scalar> Settle<'a, S> {
    /// The blocks of one layer within θ, and its scratch after a step on n columns.
    pub fn new(theta: &'a mut [S], blocks: &'a [Block], cache: &'a [S], n: usize) -> Self {
        Settle { theta, blocks, cache, n }
    }

    /// Block i, which has to be a statistic.
    ///
    /// Panics: if it is not.
    pub fn statistic(&mut self, i: usize) -> &mut [S] {
        let block = &self.blocks[i];
        assert!(block.role == Role::Statistic, "settle: {} should be a statistic, is a {:?}", block.name, block.role);
        &mut self.theta[block.range()]
    }
}

/// What a block is to those who train: penalties and decay fall on weights unless asked otherwise, and nobody but its layer touches
/// a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A parameter that multiplies inputs.
    Weight,
    /// One number a unit: what shifts it, or its gain.
    Bias,
    /// Not a parameter, but what the layer remembers of the data of its steps, to predict with. It stands in θ so that files, forks
    /// and copies carry it. It is no variable of any function: kernels read it with [`Params::statistic`], its gradient is 0, steps and
    /// penalties leave it alone, and only [`LayerKernel::settle`] moves it.
    Statistic,
}

/// One parameter matrix of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Name within its layer, as `w`.
    pub name: &'static str,
    /// Rows; d_out for a weight matrix.
    pub rows: usize,
    /// Columns; d_in for a weight matrix.
    pub cols: usize,
    /// Weight, bias or statistic.
    pub role: Role,
    /// How it starts.
    pub init: Init,
    /// First number within the vector it lives in (set by whoever lays out θ).
    pub offset: usize,
}

impl Block {
    /// The numbers of the block.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.rows * self.cols
    }
}

/// What a layer needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Output width.
    pub d_out: usize,
    /// Parameter blocks, in order.
    pub blocks: Vec<Block>,
    /// Scratch numbers that all columns share, before those of the columns.
    pub shared: usize,
    /// Scratch numbers a column.
    pub cache: usize,
    /// How many layers back a second input comes from: 1 is the layer's own input.
    pub skip: Option<usize>,
    /// How the matrix starts that the second input goes through, if it is not to be as wide as the output.
    pub projection: Option<Init>,
    /// States over time, of a recurrent layer.
    pub states: Option<States>,
}

/// The states hₜ that a recurrent layer goes through. After a backward pass of n columns its scratch begins with ∂L/∂hₜ, step after
/// step, each `units` × n: the whole derivative, by way of all later steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// Number of steps.
    pub steps: usize,
    /// Numbers of one state.
    pub units: usize,
}

impl Plan {
    /// A layer without parameters.
    pub fn new(d_out: usize) -> Plan {
        Plan { d_out, blocks: Vec::new(), shared: 0, cache: 0, skip: None, projection: None, states: None }
    }

    /// Adds a weight matrix.
    pub fn weight(self, name: &'static str, rows: usize, cols: usize, init: Init) -> Plan {
        self.block(Block { name, rows, cols, role: Role::Weight, init, offset: 0 })
    }

    /// Adds a bias vector, initially `value`.
    pub fn bias(self, name: &'static str, rows: usize, value: f64) -> Plan {
        self.block(Block { name, rows, cols: 1, role: Role::Bias, init: Init::Constant { value }, offset: 0 })
    }

    /// Adds statistics, one a unit, initially `value`.
    pub fn statistic(self, name: &'static str, rows: usize, value: f64) -> Plan {
        self.block(Block { name, rows, cols: 1, role: Role::Statistic, init: Init::Constant { value }, offset: 0 })
    }

    fn block(mut self, block: Block) -> Plan {
        self.blocks.push(block);
        self
    }

    /// Asks for scratch between forward and backward.
    pub fn cache(self, per_column: usize) -> Plan {
        Plan { cache: per_column, ..self }
    }

    /// Says where its states over time are to be found; see [`States`].
    pub fn states(self, steps: usize, units: usize) -> Plan {
        Plan { states: Some(States { steps, units }), ..self }
    }

    /// Asks for scratch of a fixed size, which all columns share.
    pub fn shared(self, numbers: usize) -> Plan {
        Plan { shared: numbers, ..self }
    }

    /// Asks for the output of the layer `back` places before this one as a second input, as wide as the output.
    pub fn skip(self, back: usize) -> Plan {
        Plan { skip: Some(back), ..self }
    }

    /// Asks for a second input of any width, and a weight matrix for it: [`Plan::of_source`] adds the block `w`.
    pub fn projected(self, back: usize, init: Init) -> Plan {
        Plan { skip: Some(back), projection: Some(init), ..self }
    }

    /// The whole plan, once the width of the second input is known: whoever lays out θ asks.
    ///
    /// Errors: a second input that is not as wide as the output, and does not go through a matrix.
    pub fn of_source(self, width: usize) -> Result<Plan, ShapeError> {
        match self.projection {
            Some(init) => {
                let d_out = self.d_out;
                Ok(self.weight("w", d_out, width, init))
            }
            None if width != self.d_out => Err(ShapeError::mismatch("", "width of the shortcut", self.d_out, width)),
            None => Ok(self),
        }
    }

    /// Scratch numbers for a batch of n columns.
    pub fn scratch(&self, n: usize) -> usize {
        self.shared + self.cache * n
    }
}

/// The parameters of one layer: windows onto θ.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a, S> {
    theta: &'a [S],
    blocks: &'a [Block],
}

impl<'a, S: Scalar> Params<'a, S> {
    /// The blocks of one layer within θ.
    pub fn new(theta: &'a [S], blocks: &'a [Block]) -> Self {
        Params { theta, blocks }
    }

    /// Block i as a matrix.
    pub fn mat(&self, i: usize) -> Mat<'a, S> {
        let block = &self.blocks[i];
        Mat::new(&self.theta[block.range()], block.rows, block.cols)
    }

    /// Block i as a vector.
    pub fn vec(&self, i: usize) -> &'a [S] {
        &self.theta[self.blocks[i].range()]
    }

    /// out ← block i as constants: no derivative flows through a statistic.
    ///
    /// Panics: if the lengths differ.
    pub fn statistic(&self, i: usize, out: &mut [S]) {
        elementwise::map(out, self.vec(i), |s| S::of(s.value()));
    }
}

/// The gradient as a layer sees it: the first writer of a block in a step sets it, later ones add. Nothing is zeroed up front.
#[derive(Debug)]
pub struct ParamsMut<'a, S> {
    grad: &'a mut [S],
    blocks: &'a [Block],
    fresh: &'a mut [bool],
}

impl<'a, S: Scalar> ParamsMut<'a, S> {
    /// The gradient of one layer's blocks; `fresh[i]` says that block i was not written yet in this step.
    ///
    /// Panics: unless there is one flag a block.
    pub fn new(grad: &'a mut [S], blocks: &'a [Block], fresh: &'a mut [bool]) -> Self {
        assert!(fresh.len() == blocks.len(), "params: {} blocks, {} flags", blocks.len(), fresh.len());
        ParamsMut { grad, blocks, fresh }
    }

    fn write(&mut self, i: usize) -> Write {
        if std::mem::replace(&mut self.fresh[i], false) { Write::Set } else { Write::Add }
    }

    /// Block i ← or += op(a) op(b).
    pub fn add_product(&mut self, i: usize, a: Op<'_, S>, b: Op<'_, S>) {
        let write = self.write(i);
        let block = &self.blocks[i];
        S::gemm_gradient(MatMut::new(&mut self.grad[block.range()], block.rows, block.cols), write, a, b);
    }

    /// Block i ← or += the sum of the columns of m.
    pub fn add_columns(&mut self, i: usize, m: Mat<'_, S>) {
        let write = self.write(i);
        elementwise::sum_columns(write, &mut self.grad[self.blocks[i].range()], m);
    }

    /// Block i ← or += Σⱼ a\[·, j\] b\[·, j\], number by number.
    pub fn add_products(&mut self, i: usize, a: Mat<'_, S>, b: Mat<'_, S>) {
        let write = self.write(i);
        elementwise::sum_products(write, &mut self.grad[self.blocks[i].range()], a, b);
    }

    /// Block i for any other way of adding; zeros if nobody wrote it yet.
    pub fn mat(&mut self, i: usize) -> MatMut<'_, S> {
        let write = self.write(i);
        let block = &self.blocks[i];
        let grad = &mut self.grad[block.range()];
        if write == Write::Set {
            grad.fill(S::ZERO);
        }
        MatMut::new(grad, block.rows, block.cols)
    }
}
