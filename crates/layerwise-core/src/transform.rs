//! Links of a first-order optimizer: each rewrites the step in place; the optimizer subtracts what leaves the chain,
//! θ ← θ − update. No link flips a sign.

use std::fmt::Debug;

use layerwise_tensor::{Mat, MatMut, Scalar};

/// What a link has to see before it can act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Each number by itself; runs over chunks while they are in cache.
    Element,
    /// The whole update first (global-norm clipping, trust ratios).
    Whole,
    /// Each weight matrix as one, through [`Transform::matrix`] (orthogonalization, preconditioners of rows and columns).
    Matrices,
}

/// Where the run stands.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Number of this update, from 1.
    pub count: u64,
    /// Factor on the learning rate that the trainer controls (reduce on plateau, forks); 1 usually.
    pub rate_factor: f64,
}

/// Up to four numbers that a link works out once a step.
pub type Numbers = [f64; 4];

/// One link, for one number type.
pub trait Transform<S: Scalar> {
    /// Once a step: scheduled rate, bias corrections. `whole` is the update so far, only for [`Reach::Whole`].
    fn prepare(&self, at: &Step, whole: Option<&[S]>) -> Numbers;
    /// Rewrites one chunk of the update.
    fn apply(&self, update: &mut [S], state: Planes<'_, '_, S>, numbers: &Numbers, at: &Chunk<'_, S>);
    /// Rewrites the update of one weight matrix, before any chunk; only for [`Reach::Matrices`].
    ///
    /// Shapes: `theta` is the matrix before the step, as large as its update; `scratch` has [`Link::scratch`] numbers, whatever they
    /// are.
    fn matrix(&self, update: MatMut<'_, S>, theta: Mat<'_, S>, scratch: &mut [S]) {
        let _ = (update, theta, scratch);
    }
    /// Turns θ after `at.count` steps into the parameters to evaluate and deliver; only for links that say [`Link::averages`].
    ///
    /// Shapes: `state` holds the planes one after the other, each as long as `theta`.
    fn average(&self, theta: &mut [S], state: &[S], at: &Step) {
        let _ = (theta, state, at);
    }
}

/// One link as a description: no numbers of its own.
pub trait Link: Transform<f32> + Transform<f64> + Debug + Send + Sync {
    /// State: so many vectors of θ's length, initially zero.
    fn planes(&self) -> usize {
        0
    }
    /// What it has to see.
    fn reach(&self) -> Reach {
        Reach::Element
    }
    /// Numbers of scratch that [`Transform::matrix`] wants for a matrix of this shape.
    fn scratch(&self, rows: usize, cols: usize) -> usize {
        let _ = (rows, cols);
        0
    }
    /// Whether [`Transform::average`] changes θ: the parameters to evaluate and deliver are not those that are stepped.
    fn averages(&self) -> bool {
        false
    }
    /// The learning rate at this step, if this link sets one (for proximal steps and reports).
    fn rate(&self, at: &Step) -> Option<f64> {
        let _ = at;
        None
    }
}

/// The part of θ that goes with a chunk.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a, S> {
    /// θ before the step.
    pub theta: &'a [S],
    /// 1 on weights, 0 on biases and padding.
    pub weights: &'a [S],
}

/// The state of one link on one chunk.
#[derive(Debug)]
pub struct Planes<'a, 'b, S>(pub &'a mut [&'b mut [S]]);

impl<S> Planes<'_, '_, S> {
    /// Its K planes.
    ///
    /// Panics: unless the link declared K.
    pub fn get<const K: usize>(&mut self) -> [&mut [S]; K] {
        assert!(self.0.len() == K, "planes: the link declared {}, and asks for {K}", self.0.len());
        let mut planes = self.0.iter_mut();
        std::array::from_fn(|_| match planes.next() {
            Some(plane) => &mut **plane,
            None => &mut [],
        })
    }
}

/// A learning rate over time. A plain `f64` is the constant one.
pub trait Schedule: Debug + Send + Sync {
    /// The value at update `step`, from 1.
    fn at(&self, step: u64) -> f64;
}

impl Schedule for f64 {
    fn at(&self, _step: u64) -> f64 {
        *self
    }
}
