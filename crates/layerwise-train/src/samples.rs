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
    /// Shares of k classes, for rows that were mixed; nothing if none ever are.
    shares: Vec<S>,
    k: usize,
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

    /// These rows, in this order; a row may occur more than once.
    pub(crate) fn picked(&self, rows: &[usize]) -> Samples<S> {
        let mut room = self.room(rows.len(), 0);
        room.pick(self, rows);
        let most_errors = if self.k == 0 { rows.len() as f64 } else { spread(&room.rows.values, self.k) };
        Samples { most_errors, ..room.rows }
    }

    /// The error of these predictions, k for each row: the share of wrong classes, or 1 − R². NaN without rows.
    pub(crate) fn error(&self, predictions: &[f64], k: usize) -> f64 {
        let errors: f64 = match self.targets(0..self.n) {
            Targets::Classes(classes) => {
                let wrong = |y: &[f64], class: u32| match y {
                    [second] => u32::from(*second > 0.5) != class,
                    y => largest(y) != class as usize,
                };
                predictions.chunks_exact(k).zip(classes).filter(|(y, class)| wrong(y, **class)).count() as f64
            }
            Targets::Values(values) => {
                predictions.iter().zip(values.data()).map(|(y, t)| (y - t.value()).powi(2)).sum::<f64>()
            }
        };
        if self.n == 0 { f64::NAN } else { errors / self.most_errors }
    }

    /// Room for `capacity` rows like these. If they will be mixed, `shares` says of how many classes: so many outputs; else 0.
    pub(crate) fn room(&self, capacity: usize, shares: usize) -> Picked<S> {
        let k = if self.k == 0 { shares } else { 0 };
        Picked {
            shares: vec![S::ZERO; k * capacity],
            k,
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

    /// Each row becomes `share` of itself and the rest of the partner that stands in its place; classes become shares of classes, and
    /// one share alone is that of class 1.
    pub(crate) fn mix(&mut self, from: &Samples<S>, partners: &[usize], share: S) {
        let (to, rest) = (&mut self.rows, S::ONE - share);
        let columns = |to: &mut [S], from: &[S], d: usize| {
            for (to, &row) in to.chunks_exact_mut(d.max(1)).zip(partners) {
                elementwise::zip(to, &from[row * d..(row + 1) * d], |to, from| *to = share * *to + rest * from);
            }
        };
        columns(&mut to.x, &from.x, from.d);
        columns(&mut to.values, &from.values, from.k);
        if let (Some(to), Some(from)) = (&mut to.weights, &from.weights) {
            columns(to, from, 1);
        }
        for (i, (shares, &row)) in self.shares.chunks_exact_mut(self.k.max(1)).zip(partners).enumerate() {
            shares.fill(S::ZERO);
            for (class, part) in [(to.classes[i], share), (from.classes[row], rest)] {
                match &mut *shares {
                    [of_1] => *of_1 += part * S::of(f64::from(class)),
                    shares => shares[class as usize] += part,
                }
            }
        }
    }

    /// What the picked rows should give, mixed if they were.
    pub(crate) fn targets(&self, n: usize) -> Targets<'_, S> {
        if self.k == 0 {
            self.rows.targets(0..n)
        } else {
            Targets::Values(Mat::new(&self.shares[..self.k * n], self.k, n))
        }
    }

    /// The rows that were picked.
    pub(crate) fn rows(&self) -> &Samples<S> {
        &self.rows
    }
}

/// The place of the largest number, the first among equals.
fn largest(y: &[f64]) -> usize {
    (0..y.len()).fold(0, |best, i| if y[i] > y[best] { i } else { best })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nalgebra::DMatrix;

    use super::*;

    fn samples(target: Target) -> Samples<f64> {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let x = DMatrix::from_column_slice(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let data = Dataset::new("three", names, x, target).unwrap().with_weights(vec![1.0, 2.0, 4.0]).unwrap();
        Samples::new(&data, &Scaler::None, &Scaler::None).unwrap()
    }

    fn mixed(of: &Samples<f64>, classes: usize) -> Picked<f64> {
        let mut room = of.room(3, classes);
        room.pick(of, &[2, 0]);
        room.mix(of, &[1, 2], 0.75);
        assert_eq!(room.rows().x(0..2).data(), [4.5, 5.5, 2.0, 3.0]);
        assert_eq!(room.rows().weights(0..2), Some(&[3.5, 1.75][..]));
        room
    }

    #[test]
    fn rows_are_mixed_with_their_partners_and_classes_become_shares() {
        let names = ["p", "q", "r"].map(str::to_owned).to_vec();
        let three = samples(Target::Classes { labels: vec![0, 1, 2], names: names.clone() });
        let room = mixed(&three, 3);
        let Targets::Values(shares) = room.targets(2) else { panic!("shares") };
        assert_eq!((shares.rows(), shares.data()), (3, &[0.0, 0.25, 0.75, 0.75, 0.0, 0.25][..]));
        // The error is counted for the class of the larger share.
        assert!(matches!(room.rows().targets(0..2), Targets::Classes(&[2, 0])));
        let two = samples(Target::Classes { labels: vec![0, 1, 1], names: names[..2].to_vec() });
        let room = mixed(&two, 1);
        let Targets::Values(shares) = room.targets(2) else { panic!("shares") };
        assert_eq!((shares.rows(), shares.data()), (1, &[1.0, 0.25][..]));
    }

    #[test]
    fn values_are_mixed_themselves() {
        let values = DMatrix::from_row_slice(1, 3, &[10.0, 20.0, 40.0]);
        let room = mixed(&samples(Target::Values { values, names: vec!["v".into()] }), 1);
        let Targets::Values(values) = room.targets(2) else { panic!("values") };
        assert_eq!(values.data(), [35.0, 17.5]);
    }

    #[test]
    fn errors_are_shares_of_wrong_classes_or_of_variance() {
        let names = ["p", "q"].map(str::to_owned).to_vec();
        let classes = samples(Target::Classes { labels: vec![0, 1, 1], names });
        assert_eq!(classes.error(&[0.5, 0.5, 0.75, 0.25, 0.0, 1.0], 2), 1.0 / 3.0);
        assert_eq!(classes.error(&[0.75, 0.75, 0.5], 1), 2.0 / 3.0);
        assert_eq!(classes.picked(&[1, 1]).error(&[0.75, 0.25], 1), 0.5);
        assert!(classes.picked(&[]).error(&[], 2).is_nan());
        let values = samples(Target::Values {
            values: DMatrix::from_row_slice(1, 3, &[1.0, 2.0, 3.0]),
            names: vec!["v".into()],
        });
        assert_eq!(values.error(&[1.0, 2.0, 4.0], 1), 0.5);
        assert_eq!(values.picked(&[0, 2]).error(&[1.0, 2.0], 1), 0.5);
    }
}
