//! The memory of a step: every activation, every delta and the scratch of every layer, allocated once for a largest batch.

use layerwise_core::States;
use layerwise_tensor::{Buf, Mat, MatMut, Scalar, padded};

use crate::network::Network;

/// What one step computes on.
#[derive(Clone, Debug)]
pub struct Workspace<S: Scalar> {
    y: Buf<S>,
    dy: Buf<S>,
    cache: Buf<S>,
    /// Per layer: output width, first number in `y` and `dy`, scratch for all columns and for each, first number in `cache`.
    places: Vec<Place>,
    fresh: Vec<bool>,
    each: Buf<S>,
    capacity: usize,
    n: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    width: usize,
    at: usize,
    shared: usize,
    cache_width: usize,
    cache_at: usize,
}

impl Place {
    /// Where the scratch for n columns is.
    fn cache(&self, n: usize) -> std::ops::Range<usize> {
        self.cache_at..self.cache_at + self.shared + self.cache_width * n
    }
}

/// Activations of the layers before the one that is computed.
pub(crate) struct Before<'a, S> {
    y: &'a [S],
    places: &'a [Place],
    n: usize,
}

impl<'a, S: Scalar> Before<'a, S> {
    pub(crate) fn y(&self, i: usize) -> Mat<'a, S> {
        let place = self.places[i];
        Mat::new(&self.y[place.at..place.at + place.width * self.n], place.width, self.n)
    }
}

/// What one layer's backward kernel sees of the workspace.
pub(crate) struct BackwardView<'a, S> {
    pub x: Mat<'a, S>,
    pub skip: Option<Mat<'a, S>>,
    pub y: Mat<'a, S>,
    pub dy: Mat<'a, S>,
    pub dx: Option<MatMut<'a, S>>,
    pub cache: &'a mut [S],
    pub fresh: &'a mut [bool],
}

impl<S: Scalar> Workspace<S> {
    /// Memory for batches of at most `capacity` columns.
    pub fn new(network: &Network, capacity: usize) -> Self {
        let (mut at, mut cache_at) = (0, 0);
        let places = network
            .nodes()
            .iter()
            .map(|node| {
                let plan = &node.plan;
                let place = Place { width: plan.d_out, at, shared: plan.shared, cache_width: plan.cache, cache_at };
                at += padded(plan.d_out * capacity);
                cache_at += padded(plan.scratch(capacity));
                place
            })
            .collect();
        Workspace {
            y: Buf::zeros(at),
            dy: Buf::zeros(at),
            cache: Buf::zeros(cache_at),
            places,
            fresh: vec![true; network.blocks().count()],
            each: Buf::zeros(capacity),
            capacity,
            n: 0,
        }
    }

    /// Largest batch.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Columns of the current batch.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The activations of layer i, d_out × n.
    pub fn y(&self, i: usize) -> Mat<'_, S> {
        let place = self.places[i];
        Mat::new(&self.y[place.at..place.at + place.width * self.n], place.width, self.n)
    }

    /// ∂L/∂y of layer i, d_out × n.
    pub fn dy(&self, i: usize) -> Mat<'_, S> {
        let place = self.places[i];
        Mat::new(&self.dy[place.at..place.at + place.width * self.n], place.width, self.n)
    }

    /// ∂L/∂hₜ of a recurrent layer, step after step, each units × n; `None` for others. After a backward pass.
    pub fn state_deltas(&self, network: &Network, i: usize) -> Option<impl Iterator<Item = Mat<'_, S>>> {
        let States { steps, units } = network.nodes()[i].plan.states?;
        let (cache, n) = (self.cache(i), self.n);
        Some((0..steps).map(move |t| Mat::new(&cache[t * units * n..(t + 1) * units * n], units, n)))
    }

    /// The network's output.
    pub fn output(&self) -> Mat<'_, S> {
        self.y(self.places.len() - 1)
    }

    /// The activations of layer i and their delta.
    pub(crate) fn parts(&mut self, i: usize) -> (Mat<'_, S>, MatMut<'_, S>) {
        let place = self.places[i];
        let range = place.at..place.at + place.width * self.n;
        (Mat::new(&self.y[range.clone()], place.width, self.n), MatMut::new(&mut self.dy[range], place.width, self.n))
    }

    /// Output, its delta to be written, and the losses per sample to be written.
    pub fn output_parts(&mut self) -> (Mat<'_, S>, MatMut<'_, S>, &mut [S]) {
        let place = self.places[self.places.len() - 1];
        let range = place.at..place.at + place.width * self.n;
        (
            Mat::new(&self.y[range.clone()], place.width, self.n),
            MatMut::new(&mut self.dy[range], place.width, self.n),
            &mut self.each[..self.n],
        )
    }

    /// The output, to be turned into predictions in place.
    pub fn output_mut(&mut self) -> MatMut<'_, S> {
        let place = self.places[self.places.len() - 1];
        MatMut::new(&mut self.y[place.at..place.at + place.width * self.n], place.width, self.n)
    }

    pub(crate) fn begin(&mut self, n: usize) {
        assert!(n <= self.capacity, "workspace: a batch should have at most {} columns, got {n}", self.capacity);
        self.n = n;
    }

    pub(crate) fn forward_windows(&mut self, i: usize) -> (Before<'_, S>, &mut [S], &mut [S]) {
        let (place, n) = (self.places[i], self.n);
        let (before, rest) = self.y.split_at_mut(place.at);
        (Before { y: before, places: &self.places, n }, &mut rest[..place.width * n], &mut self.cache[place.cache(n)])
    }

    pub(crate) fn backward_windows(
        &mut self,
        i: usize,
        back: Option<usize>,
        flag: usize,
        n_blocks: usize,
    ) -> BackwardView<'_, S> {
        let (place, n) = (self.places[i], self.n);
        let before = Before { y: &self.y, places: &self.places, n };
        let (deltas, rest) = self.dy.split_at_mut(place.at);
        let (x, dx) = match i {
            0 => (Mat::new(&[], 0, 0), None),
            _ => {
                let p = self.places[i - 1];
                (before.y(i - 1), Some(MatMut::new(&mut deltas[p.at..p.at + p.width * n], p.width, n)))
            }
        };
        BackwardView {
            x,
            skip: back.map(|back| before.y(i - back)),
            y: before.y(i),
            dy: Mat::new(&rest[..place.width * n], place.width, n),
            dx,
            cache: &mut self.cache[place.cache(n)],
            fresh: &mut self.fresh[flag..flag + n_blocks],
        }
    }

    /// Deltas of layers i < j: the first to be added to, by the second.
    pub(crate) fn two_deltas(&mut self, i: usize, j: usize) -> (MatMut<'_, S>, Mat<'_, S>) {
        let (a, b, n) = (self.places[i], self.places[j], self.n);
        let (before, rest) = self.dy.split_at_mut(b.at);
        let delta = &mut before[a.at..a.at + a.width * n];
        (MatMut::new(delta, a.width, n), Mat::new(&rest[..b.width * n], b.width, n))
    }

    /// The scratch of layer i, as its last pass left it.
    pub(crate) fn cache(&self, i: usize) -> &[S] {
        &self.cache[self.places[i].cache(self.n)]
    }

    pub(crate) fn all_fresh(&mut self) {
        self.fresh.fill(true);
    }

    pub(crate) fn n_flags(&self) -> usize {
        self.fresh.len()
    }

    pub(crate) fn flags(&self) -> &[bool] {
        &self.fresh
    }

    /// Losses per sample of the last evaluation.
    pub fn each(&self) -> &[S] {
        &self.each[..self.n]
    }
}
