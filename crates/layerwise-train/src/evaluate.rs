//! Loss and error of parameters on rows.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use layerwise_core::{Loss, Number, Pass, Real, Targets};
use layerwise_network::{Batch, Network, Supervised, Workspace};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Key, Mat, Purpose, Scalar, team};
use nalgebra::DMatrix;

use crate::samples::Samples;

/// How good parameters are on rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Mean loss, without penalties.
    pub loss: f64,
    /// Classes: share of wrong predictions. Values: 1 − R², the share of variance not explained.
    pub error: f64,
}

/// Rows evaluated at a time: few enough that the activations of a small network stay in cache.
const ROWS: usize = 256;

/// Mean loss and error over all rows, without noise.
///
/// Cost: a forward pass; blocks of rows are shared by the current team. The result has the same bits for any number of threads.
pub fn evaluate<S: Real>(network: &Network, loss: &dyn Loss, theta: &[S], rows: &Samples<S>) -> Scores {
    Evaluator::new(network, rows).scores(network, loss, theta, usize::MAX)
}

/// Evaluates parameters on the same rows again and again, with memory that is kept.
pub(crate) struct Evaluator<'a, S: Scalar> {
    rows: &'a Samples<S>,
    /// One for each thread.
    rooms: Vec<Mutex<Workspace<S>>>,
}

impl<'a, S: Real> Evaluator<'a, S> {
    pub fn new(network: &Network, rows: &'a Samples<S>) -> Self {
        let n_rooms = team::width().min(rows.len().div_ceil(ROWS)).max(1);
        let room = |_| Mutex::new(Workspace::new(network, rows.len().min(ROWS)));
        Evaluator { rows, rooms: (0..n_rooms).map(room).collect() }
    }

    /// Mean loss and error, without noise, over blocks of rows: all, or so many that are spread evenly over all.
    pub fn scores(&self, network: &Network, loss: &dyn Loss, theta: &[S], most_blocks: usize) -> Scores {
        let all = self.rows.len().div_ceil(ROWS);
        let n_blocks = all.min(most_blocks);
        let tallies: Vec<OnceLock<Tally>> = (0..n_blocks).map(|_| OnceLock::new()).collect();
        team::split(n_blocks, 1, n_blocks, &|blocks| {
            let mut room = self.room();
            for i in blocks {
                let start = i * all / n_blocks * ROWS;
                let range = start..(start + ROWS).min(self.rows.len());
                let targets = self.rows.targets(range.clone());
                let batch = Batch { x: self.rows.x(range.clone()), targets, weights: None };
                let (workspace, key) = (&mut *room, Key::new(0, Purpose::Mask));
                Supervised { network, loss, penalties: &[], batch, workspace, pass: Pass::Predict, key }.risk(theta);
                let mut tally = Tally::default();
                tally.add(room.output(), targets, self.rows.weights(range), room.each());
                let _ = tallies[i].set(tally);
            }
        });
        // In the order of the blocks, whoever computed them.
        let mut total = Tally::default();
        for tally in tallies.iter().filter_map(OnceLock::get) {
            total.merge(tally);
        }
        total.scores(self.rows)
    }

    /// Memory that no other thread is using.
    fn room(&self) -> MutexGuard<'_, Workspace<S>> {
        // There are as many as threads; if the team has grown since, the last waits. What a panic left is overwritten.
        let free = self.rooms.iter().find_map(|room| room.try_lock().ok());
        free.unwrap_or_else(|| self.rooms[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sums over rows that become [`Scores`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    rows: usize,
    /// Σ w l and Σ w.
    loss: f64,
    weights: f64,
    /// Classes: wrong predictions. Values: squared distances to the targets.
    errors: f64,
}

impl Tally {
    /// Counts a batch by its outputs and its losses per sample.
    pub fn add<S: Scalar>(&mut self, y: Mat<'_, S>, targets: Targets<'_, S>, weights: Option<&[S]>, each: &[S]) {
        self.rows += each.len();
        match weights {
            None => {
                self.loss += each.iter().map(|each| each.value()).sum::<f64>();
                self.weights += each.len() as f64;
            }
            Some(weights) => {
                for (each, weight) in each.iter().zip(weights) {
                    self.loss += weight.value() * each.value();
                    self.weights += weight.value();
                }
            }
        }
        self.errors += match targets {
            Targets::Classes(classes) => simd::run(Wrong { y: y.data(), k: y.rows(), classes }) as f64,
            Targets::Values(values) => {
                y.data().iter().zip(values.data()).map(|(y, t)| (y.value() - t.value()).powi(2)).sum::<f64>()
            }
        };
    }

    fn merge(&mut self, other: &Tally) {
        self.rows += other.rows;
        self.loss += other.loss;
        self.weights += other.weights;
        self.errors += other.errors;
    }

    /// The scores of what was counted, which are some or all of `rows`.
    pub fn scores<S: Scalar>(&self, rows: &Samples<S>) -> Scores {
        let share = self.rows as f64 / rows.len() as f64;
        Scores { loss: self.loss / self.weights, error: self.errors / (rows.most_errors() * share) }
    }
}

/// Counts the columns of k outputs whose largest, the first among equals, is not that of the class. One output alone decides for
/// class 1 above 0 (a logit).
struct Wrong<'a, S> {
    y: &'a [S],
    k: usize,
    classes: &'a [u32],
}

impl<S: Scalar> Kernel for Wrong<'_, S> {
    type Out = usize;
    #[inline(always)]
    fn run(self) -> usize {
        let Wrong { y, k, classes } = self;
        if k == 1 {
            return y.iter().zip(classes).filter(|(y, class)| u32::from(**y > S::ZERO) != **class).count();
        }
        let mut wrong = 0;
        for (y, &class) in y.chunks_exact(k).zip(classes) {
            // How many do not win against the class; a NaN does. Counted, since an exit from the loop would cost more.
            let (mine, mut beaten) = (y[class as usize], 0);
            for (i, &other) in (0u32..).zip(y) {
                beaten += u32::from((other < mine) | ((other == mine) & (i >= class)));
            }
            wrong += usize::from(beaten as usize != k);
        }
        wrong
    }
}

/// Predictions (probabilities or values) for inputs that are scaled already, k × n.
pub fn predict<S: Number>(network: &Network, loss: &dyn Loss, theta: &[S], x: &DMatrix<f64>) -> DMatrix<f64> {
    predict_with(network, loss, theta, x, None)
}

/// The same, with noise of this key.
pub(crate) fn predict_with<S: Number>(
    network: &Network,
    loss: &dyn Loss,
    theta: &[S],
    x: &DMatrix<f64>,
    noise: Option<Key>,
) -> DMatrix<f64> {
    predict_rows(network, Some(loss), theta, x.ncols(), noise, columns(x))
}

/// Outputs of the network, before any squashing, for inputs that are scaled already, k × n.
pub fn outputs<S: Number>(network: &Network, theta: &[S], x: &DMatrix<f64>) -> DMatrix<f64> {
    predict_rows(network, None, theta, x.ncols(), None, columns(x))
}

/// Writes columns of x.
fn columns<S: Number>(x: &DMatrix<f64>) -> impl Fn(Range<usize>, &mut [S]) {
    move |rows, to| {
        let from = &x.as_slice()[rows.start * x.nrows()..rows.end * x.nrows()];
        to.iter_mut().zip(from).for_each(|(to, &from)| *to = S::of(from));
    }
}

/// Predictions for n rows that `fill` writes, block by block, or without a loss the outputs themselves; with noise if it has a
/// key, each block with its own.
pub(crate) fn predict_rows<S: Number>(
    network: &Network,
    loss: Option<&dyn Loss>,
    theta: &[S],
    n: usize,
    noise: Option<Key>,
    fill: impl Fn(Range<usize>, &mut [S]),
) -> DMatrix<f64> {
    let (d, k) = (network.d_in(), network.d_out());
    let mut out = DMatrix::zeros(k, n);
    let mut workspace = Workspace::new(network, n.min(ROWS));
    let mut input = vec![S::ZERO; d * n.min(ROWS)];
    for (block, start) in (0..n).step_by(ROWS).enumerate() {
        let len = ROWS.min(n - start);
        let part = &mut input[..d * len];
        fill(start..start + len, part);
        let (pass, key) = match noise {
            None => (Pass::Predict, Key::new(0, Purpose::Mask)),
            Some(key) => (Pass::Train, key.step(block as u64)),
        };
        network.forward(theta, Mat::new(part, d, len), &mut workspace, pass, key);
        if let Some(loss) = loss {
            S::loss(loss).predict(workspace.output_mut());
        }
        for (to, from) in out.as_mut_slice()[start * k..].iter_mut().zip(workspace.output().data()) {
            *to = from.value();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_outputs_decides() {
        let check = |y: &[f64], class: u32, right: bool| {
            for simd_width in [1, 3, 20] {
                let (y, classes) = (y.repeat(simd_width), vec![class; simd_width]);
                let wrong = simd::run(Wrong { y: &y, k: y.len() / simd_width, classes: &classes });
                assert_eq!(wrong, if right { 0 } else { simd_width }, "{y:?} {class}");
            }
        };
        for class in 0..5 {
            check(&[0.0, -1.0, 3.0, 2.0, -f64::INFINITY], class, class == 2);
            check(&[1.0, 2.0, 0.0, 2.0, 2.0], class, class == 1);
            check(&[0.0; 5], class, class == 0);
            check(&[0.0, f64::NAN, 0.0, 1.0, 0.0], class, false);
        }
        for (y, class) in [(0.5, 1), (0.0, 0), (-2.0, 0)] {
            check(&[y], class, true);
            check(&[y], 1 - class, false);
        }
    }
}
