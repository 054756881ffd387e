//! Rows in the number type of the training.

use layerwise_core::Targets;
use layerwise_data::{DataError, Dataset, Scaler, Target};
use layerwise_tensor::{Buf, Mat, MatMut, Scalar, elementwise};

/// Inputs, targets and weights, ready for batches.
#[derive(Clone, Debug)]
pub struct Samples<S: Scalar> {
    /// On cache lines, as are rows of a multiple of 16 numbers: picking a row moves no line in vain.
    x: Buf<S>,
    d: usize,
    n: usize,
    classes: Vec<u32>,
    values: Vec<S>,
    k: usize,
    weights: Option<Vec<S>>,
    /// See [`Samples::most_errors`].
    most_errors: f64,
}

/// A batch of rows that were picked from [`Samples`]; its memory is reused.
#[derive(Clone, Debug)]
pub struct Picked<S: Scalar> {
    rows: Samples<S>,
}

impl<S: Scalar> Samples<S> {
    /// The rows of `data` as a network sees them, scaled by what was fitted to the training rows.
    ///
    /// Errors: another number of features or outputs than that of the fit, or a number that is not finite after scaling.
    pub fn new(data: &Dataset, inputs: &Scaler, targets: &Scaler) -> Result<Self, DataError> {
        let mut x = Buf::zeros(data.x.len());
        let (d, n) = data.x.shape();
        inputs.transform_all(&data.x, &mut x)?;
        let (classes, values, k) = match &data.target {
            Target::Classes { labels, .. } => (labels.clone(), Vec::new(), 0),
            Target::Values { values, .. } => {
                let mut scaled = vec![S::ZERO; values.len()];
                targets.transform_all(values, &mut scaled)?;
                (Vec::new(), scaled, values.nrows())
            }
        };
        let most_errors = if k == 0 { n as f64 } else { spread(&values, k) };
        let weights = data.weights.as_ref().map(|w| w.iter().map(|&v| S::of(v)).collect());
        Ok(Samples { x, d, n, classes, values, k, weights, most_errors })
    }

    /// What the error is a share of. Classes: the number of rows. Values: the sum of squared distances to the mean of each
    /// output, 1 if that is 0.
    pub(crate) fn most_errors(&self) -> f64 {
        self.most_errors
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.n
    }

    /// No rows.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Inputs of rows `range`, d × len.
    pub fn x(&self, range: std::ops::Range<usize>) -> Mat<'_, S> {
        Mat::new(&self.x[range.start * self.d..range.end * self.d], self.d, range.len())
    }

    /// Targets of rows `range`.
    pub fn targets(&self, range: std::ops::Range<usize>) -> Targets<'_, S> {
        if self.k == 0 {
            Targets::Classes(&self.classes[range])
        } else {
            Targets::Values(Mat::new(&self.values[range.start * self.k..range.end * self.k], self.k, range.len()))
        }
    }

    /// Weights of rows `range`.
    pub fn weights(&self, range: std::ops::Range<usize>) -> Option<&[S]> {
        self.weights.as_ref().map(|w| &w[range])
    }

    /// Room for `capacity` rows like these.
    pub(crate) fn room(&self, capacity: usize) -> Picked<S> {
        Picked {
            rows: Samples {
                x: Buf::zeros(self.d * capacity),
                d: self.d,
                n: 0,
                classes: vec![0; if self.k == 0 { capacity } else { 0 }],
                values: vec![S::ZERO; self.k * capacity],
                k: self.k,
                weights: self.weights.as_ref().map(|_| vec![S::ZERO; capacity]),
                most_errors: 0.0,
            },
        }
    }
}

impl<S: Scalar> Picked<S> {
    /// Copies the rows named by `order` here.
    pub(crate) fn pick(&mut self, from: &Samples<S>, order: &[usize]) {
        let (to, n) = (&mut self.rows, order.len());
        to.n = n;
        let columns = |to: &mut [S], from: &[S], d: usize, all: usize| {
            elementwise::pick_columns(&mut MatMut::new(&mut to[..d * n], d, n), Mat::new(from, d, all), order);
        };
        columns(&mut to.x, &from.x, from.d, from.n);
        if from.k == 0 {
            to.classes.iter_mut().zip(order).for_each(|(to, &row)| *to = from.classes[row]);
        } else {
            columns(&mut to.values, &from.values, from.k, from.n);
        }
        if let (Some(to), Some(from)) = (&mut to.weights, &from.weights) {
            to.iter_mut().zip(order).for_each(|(to, &row)| *to = from[row]);
        }
    }

    /// The rows that were picked.
    pub(crate) fn rows(&self) -> &Samples<S> {
        &self.rows
    }
}

/// Σ (v − mean of its output)² over columns of k values; 1 if it is 0.
fn spread<S: Scalar>(values: &[S], k: usize) -> f64 {
    let n = values.len() / k;
    let mut means = vec![0.0; k];
    for column in values.chunks_exact(k) {
        for (mean, v) in means.iter_mut().zip(column) {
            *mean += v.value() / n as f64;
        }
    }
    let squares = |column: &[S]| column.iter().zip(&means).map(|(v, m)| (v.value() - m).powi(2)).sum::<f64>();
    let spread: f64 = values.chunks_exact(k).map(squares).sum();
    if spread > 0.0 { spread } else { 1.0 }
}
