//! A data set: a matrix whose columns are samples, what is to be predicted for each sample, and the names of all of it.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::layout::Layout;

/// Whether the target is one of several classes or one or more numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The target is a class.
    Classification,
    /// The target is a vector of numbers.
    Regression,
}

/// What is to be predicted for each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One class for each sample.
    Classes {
        /// The class of each sample, below `names.len()`.
        labels: Vec<u32>,
        /// The name of each class.
        names: Vec<String>,
    },
    /// One or more numbers for each sample.
    Values {
        /// Shapes: outputs × samples.
        values: DMatrix<f64>,
        /// The name of each output.
        names: Vec<String>,
    },
}

/// Samples with their targets; built by [`Dataset::new`], which checks that everything fits together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dataset {
    /// The features. Shapes: features × samples.
    pub x: DMatrix<f64>,
    /// What is to be predicted.
    pub target: Target,
    /// The name of each feature.
    pub features: Vec<String>,
    /// The name of the data set, for messages and reports.
    pub name: String,
    /// The weight of each sample in the loss; all 1 if absent.
    pub weights: Option<Vec<f64>>,
    /// How the features are steps, if the samples are sequences.
    pub layout: Option<Layout>,
}

impl Dataset {
    /// A data set from its parts, checked.
    ///
    /// Shapes: `x` is features × samples; `target` has as many samples; `features` as many names.
    /// Errors: no sample or feature, lengths that differ, numbers that are not finite, labels without a name.
    pub fn new(name: &str, features: Vec<String>, x: DMatrix<f64>, target: Target) -> Result<Dataset, DataError> {
        let (d, n) = x.shape();
        length(name, "number of feature names", d, "rows of x", features.len())?;
        if d == 0 || n == 0 {
            return Err(DataError::argument(name, "x", "at least 1 feature × 1 sample", format_args!("{d} × {n}")));
        }
        finite(name, &features, &x)?;
        match &target {
            Target::Classes { labels, names } => {
                length(name, "number of labels", n, "columns of x", labels.len())?;
                if let Some((sample, label)) =
                    labels.iter().enumerate().find(|(_, label)| **label as usize >= names.len())
                {
                    let expected = format_args!("below {}, the number of classes", names.len());
                    return Err(DataError::argument(name, &format!("label of sample {sample}"), expected, label));
                }
            }
            Target::Values { values, names } => {
                length(name, "number of target columns", n, "columns of x", values.ncols())?;
                length(name, "number of output names", values.nrows(), "rows of the target", names.len())?;
                if values.nrows() == 0 {
                    return Err(DataError::argument(name, "number of outputs", "at least 1", 0));
                }
                finite(name, names, values)?;
            }
        }
        Ok(Dataset { x, target, features, name: name.to_owned(), weights: None, layout: None })
    }

    /// The same data set with a weight for each sample.
    ///
    /// Errors: another number of weights than of samples; weights that are negative or not finite; all weights 0.
    pub fn with_weights(self, weights: Vec<f64>) -> Result<Dataset, DataError> {
        length(&self.name, "number of weights", self.len(), "columns of x", weights.len())?;
        if let Some((sample, weight)) = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            return Err(DataError::argument(
                &self.name,
                &format!("weight of sample {sample}"),
                "finite and at least 0",
                weight,
            ));
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return Err(DataError::argument(&self.name, "sum of the weights", "positive", 0));
        }
        Ok(Dataset { weights: Some(weights), ..self })
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.x.ncols()
    }

    /// Whether there is no sample, as in a part of a split that was given the fraction 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        self.x.nrows()
    }

    /// The number of classes, or of numbers to predict for each sample.
    pub fn n_outputs(&self) -> usize {
        self.output_names().len()
    }

    /// The names of the classes, or of the numbers to predict.
    pub fn output_names(&self) -> &[String] {
        match &self.target {
            Target::Classes { names, .. } | Target::Values { names, .. } => names,
        }
    }

    /// Classification or regression.
    pub fn task(&self) -> Task {
        match self.target {
            Target::Classes { .. } => Task::Classification,
            Target::Values { .. } => Task::Regression,
        }
    }

    /// The samples at `rows`, in that order; a sample may occur more than once.
    ///
    /// Panics: if an index is not below [`Dataset::len`].
    pub fn subset(&self, rows: &[usize]) -> Dataset {
        let target = match &self.target {
            Target::Classes { labels, names } => {
                Target::Classes { labels: rows.iter().map(|&row| labels[row]).collect(), names: names.clone() }
            }
            Target::Values { values, names } => {
                Target::Values { values: values.select_columns(rows), names: names.clone() }
            }
        };
        Dataset {
            x: self.x.select_columns(rows),
            target,
            features: self.features.clone(),
            name: self.name.clone(),
            weights: self.weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row]).collect()),
            layout: self.layout,
        }
    }
}

/// Refuses a length that differs from that of `x` or of the target.
fn length(name: &str, what: &str, expected: usize, of: &str, found: usize) -> Result<(), DataError> {
    if found == expected {
        return Ok(());
    }
    Err(DataError::argument(name, what, format_args!("{expected}, the number of {of}"), found))
}

/// Refuses NaN and infinity in a matrix whose rows are named.
fn finite(set: &str, names: &[String], x: &DMatrix<f64>) -> Result<(), DataError> {
    match x.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(place) => Err(DataError::NotFinite {
            set: set.to_owned(),
            sample: place / x.nrows(),
            feature: names[place % x.nrows()].clone(),
            found: x[place].to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| name.to_string()).collect()
    }

    fn classes(labels: &[u32]) -> Target {
        Target::Classes { labels: labels.to_vec(), names: names(&["no", "yes"]) }
    }

    fn x() -> DMatrix<f64> {
        DMatrix::from_column_slice(2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    }

    fn message(features: &[&str], x: DMatrix<f64>, target: Target) -> String {
        Dataset::new("toy", names(features), x, target).unwrap_err().to_string()
    }

    #[test]
    fn sizes_names_and_task() {
        let set = Dataset::new("toy", names(&["a", "b"]), x(), classes(&[0, 1, 1])).unwrap();
        assert_eq!((set.len(), set.n_features(), set.n_outputs(), set.task()), (3, 2, 2, Task::Classification));
        let target = Target::Values { values: DMatrix::from_element(1, 3, 0.5), names: names(&["y"]) };
        let set = Dataset::new("toy", names(&["a", "b"]), x(), target).unwrap();
        assert_eq!((set.n_outputs(), set.task()), (1, Task::Regression));
        assert!(!set.is_empty() && set.subset(&[]).is_empty());
    }

    #[test]
    fn a_subset_keeps_order_and_repeats() {
        let set = Dataset::new("toy", names(&["a", "b"]), x(), classes(&[0, 1, 1])).unwrap();
        let part = set.with_weights(vec![1.0, 2.0, 3.0]).unwrap().subset(&[2, 0, 2]);
        assert_eq!(part.x.as_slice(), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
        assert_eq!(part.target, classes(&[1, 0, 1]));
        assert_eq!(part.weights, Some(vec![3.0, 1.0, 3.0]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(
            message(&["a"], x(), classes(&[0, 1, 1])),
            "toy: number of feature names should be 2, the number of rows of x, got 1"
        );
        assert_eq!(
            message(&["a", "b"], x(), classes(&[0, 1])),
            "toy: number of labels should be 3, the number of columns of x, got 2"
        );
        assert_eq!(
            message(&["a", "b"], x(), classes(&[0, 1, 2])),
            "toy: label of sample 2 should be below 2, the number of classes, got 2"
        );
        assert_eq!(
            message(&["a"], DMatrix::zeros(1, 0), classes(&[])),
            "toy: x should be at least 1 feature × 1 sample, got 1 × 0"
        );
        let mut holed = x();
        holed[(1, 2)] = f64::NAN;
        assert_eq!(
            message(&["a", "b"], holed, classes(&[0, 1, 1])),
            "toy, sample 2, b: value should be finite, got NaN"
        );
        let values = DMatrix::from_column_slice(1, 3, &[0.0, f64::INFINITY, 0.0]);
        assert_eq!(
            message(&["a", "b"], x(), Target::Values { values: values.clone(), names: names(&["y"]) }),
            "toy, sample 1, y: value should be finite, got inf"
        );
        assert_eq!(
            message(&["a", "b"], x(), Target::Values { values, names: names(&[]) }),
            "toy: number of output names should be 1, the number of rows of the target, got 0"
        );
        assert_eq!(
            message(&["a", "b"], x(), Target::Values { values: DMatrix::zeros(0, 3), names: names(&[]) }),
            "toy: number of outputs should be at least 1, got 0"
        );
        let wide = Target::Values { values: DMatrix::zeros(1, 4), names: names(&["y"]) };
        assert_eq!(
            message(&["a", "b"], x(), wide),
            "toy: number of target columns should be 3, the number of columns of x, got 4"
        );
    }

    #[test]
    fn bad_weights_are_refused() {
        let set = Dataset::new("toy", names(&["a", "b"]), x(), classes(&[0, 1, 1])).unwrap();
        let message = |weights: &[f64]| set.clone().with_weights(weights.to_vec()).unwrap_err().to_string();
        assert_eq!(message(&[1.0]), "toy: number of weights should be 3, the number of columns of x, got 1");
        assert_eq!(message(&[1.0, -1.0, 0.0]), "toy: weight of sample 1 should be finite and at least 0, got -1");
        assert_eq!(message(&[0.0, 0.0, f64::NAN]), "toy: weight of sample 2 should be finite and at least 0, got NaN");
        assert_eq!(message(&[0.0; 3]), "toy: sum of the weights should be positive, got 0");
    }
}
