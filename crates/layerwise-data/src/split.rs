//! Training, validation and test parts, and folds for cross-validation: disjoint, exhaustive, and with equal shares of
//! each class.
//!
//! The rows are shuffled by the stream (seed, split), grouped by class and dealt out group by group, each row to the
//! part furthest behind its share. The shares run on from class to class, so that the sizes of the parts, too, are
//! right to within a row.

use layerwise_tensor::{Key, Purpose};

use crate::dataset::{Dataset, Target};
use crate::error::DataError;

const PARTS: [&str; 3] = ["training", "validation", "test"];

/// The three parts of a data set, each in the order of the rows of the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// What the network learns from.
    pub train: Dataset,
    /// What decides about training.
    pub validation: Dataset,
    /// What is looked at once, at the end.
    pub test: Dataset,
}

impl Split {
    /// The three parts at the given rows.
    pub(crate) fn of(set: &Dataset, rows: &[Vec<usize>; 3]) -> Split {
        let [train, validation, test] = rows.each_ref().map(|rows| set.subset(rows));
        Split { train, validation, test }
    }
}

/// One round of a cross-validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The rows to learn from, ascending.
    pub train: Vec<usize>,
    /// The rows held out, ascending; over all folds, each row once.
    pub held_out: Vec<usize>,
}

/// A data set in three parts of the given fractions (training, validation, test), stratified by class.
///
/// A class with at least as many rows as there are parts has a row in each part; the first row of a smaller class goes
/// to training.
/// Errors: fractions that are negative, do not sum to 1 or leave nothing for training; a part with a fraction but no
/// row.
pub fn split(set: &Dataset, fractions: [f64; 3], seed: u64) -> Result<Split, DataError> {
    Ok(Split::of(set, &split_rows(set, fractions, seed)?))
}

/// The rows of the three parts of [`split`], ascending.
///
/// Errors: as for [`split`].
pub fn split_rows(set: &Dataset, fractions: [f64; 3], seed: u64) -> Result<[Vec<usize>; 3], DataError> {
    let sum: f64 = fractions.iter().sum();
    // Said this way round, NaN is refused.
    let valid = fractions.iter().all(|fraction| *fraction >= 0.0) && fractions[0] > 0.0 && (sum - 1.0).abs() < 1e-9;
    if !valid {
        let expected = "at least 0, the first positive, and sum to 1";
        return Err(DataError::argument("split", "fractions", expected, format_args!("{fractions:?}")));
    }
    let parts = deal(set, fractions, seed);
    for ((part, rows), fraction) in PARTS.into_iter().zip(&parts).zip(fractions) {
        if rows.is_empty() && fraction > 0.0 {
            let place = format!("{part} part of {}", set.name);
            return Err(DataError::TooFewRows { place, expected: 1, found: 0 });
        }
    }
    Ok(parts)
}

/// The folds of a `k`-fold cross-validation, stratified by class; sizes differ by at most 1, also within a class.
///
/// Errors: fewer than 2 folds, or fewer rows than folds.
pub fn k_fold(set: &Dataset, k: usize, seed: u64) -> Result<Vec<Fold>, DataError> {
    if k < 2 {
        return Err(DataError::argument("k_fold", "number of folds", "at least 2", k));
    }
    if set.len() < k {
        let place = format!("{k} folds of {}", set.name);
        return Err(DataError::TooFewRows { place, expected: k, found: set.len() });
    }
    let mut fold_of = vec![0; set.len()];
    for (place, row) in groups(set, seed).concat().into_iter().enumerate() {
        fold_of[row] = place % k;
    }
    let rows = |fold: usize, held_out: bool| (0..set.len()).filter(|&row| (fold_of[row] == fold) == held_out).collect();
    Ok((0..k).map(|fold| Fold { train: rows(fold, false), held_out: rows(fold, true) }).collect())
}

/// Deals the rows out to the parts by their fractions, which are taken as checked.
pub(crate) fn deal(set: &Dataset, fractions: [f64; 3], seed: u64) -> [Vec<usize>; 3] {
    let mut parts: [Vec<usize>; 3] = Default::default();
    // How far each part is behind its share of the rows seen so far.
    let mut behind = [0.0; 3];
    for group in groups(set, seed) {
        let mut first: Vec<usize> = (0..3).filter(|&part| fractions[part] > 0.0).collect();
        if group.len() < first.len() {
            first.truncate(1);
        }
        for (part, fraction) in fractions.into_iter().enumerate() {
            behind[part] += fraction * group.len() as f64;
        }
        // One row of the class to each part, the others to the part furthest behind.
        let mut first = first.into_iter();
        for row in group {
            let part = first.next().unwrap_or_else(|| furthest(behind));
            behind[part] -= 1.0;
            parts[part].push(row);
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// The place of the largest number, the first of equals.
fn furthest(behind: [f64; 3]) -> usize {
    (1..3).fold(0, |best, part| if behind[part] > behind[best] { part } else { best })
}

/// All rows in a random order, grouped by class; in one group for a regression.
fn groups(set: &Dataset, seed: u64) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..set.len()).collect();
    Key::new(seed, Purpose::Split).rng().shuffle(&mut order);
    match &set.target {
        Target::Values { .. } => vec![order],
        Target::Classes { labels, names } => {
            let mut groups = vec![Vec::new(); names.len()];
            for row in order {
                groups[labels[row] as usize].push(row);
            }
            groups
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    fn set(labels: &[u32]) -> Dataset {
        let names = (0..10).map(|class| class.to_string()).collect();
        let x = DMatrix::from_fn(1, labels.len(), |_, row| row as f64);
        Dataset::new("toy", vec!["x".into()], x, Target::Classes { labels: labels.to_vec(), names }).unwrap()
    }

    fn values(n: usize) -> Dataset {
        let x = DMatrix::from_fn(1, n, |_, row| row as f64);
        Dataset::new("toy", vec!["x".into()], x.clone(), Target::Values { values: x, names: vec!["y".into()] }).unwrap()
    }

    proptest! {
        #[test]
        fn a_split_is_a_partition_with_all_classes_in_each_part(
            labels in prop::collection::vec(0u32..10, 30..300), seed: u64, train in 0.2..0.8, share in 0.2..0.8,
        ) {
            let set = set(&labels);
            let fractions = [train, (1.0 - train) * share, (1.0 - train) * (1.0 - share)];
            let parts = split_rows(&set, fractions, seed).unwrap();
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..10 {
                let of_class = labels.iter().filter(|&&label| label == class).count();
                for (rows, fraction) in parts.iter().zip(fractions) {
                    let count = rows.iter().filter(|&&row| labels[row] == class).count();
                    prop_assert!(of_class < 3 || count > 0);
                    prop_assert!((count as f64 - fraction * of_class as f64).abs() < 3.0);
                }
            }
            prop_assert_eq!(&parts, &split_rows(&set, fractions, seed).unwrap());
        }

        #[test]
        fn folds_are_a_partition_with_equal_classes(
            labels in prop::collection::vec(0u32..4, 10..100), seed: u64, k in 2usize..10,
        ) {
            let folds = k_fold(&set(&labels), k, seed).unwrap();
            let mut all: Vec<usize> = folds.iter().flat_map(|fold| fold.held_out.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..4 {
                let counts = folds.iter().map(|fold| fold.held_out.iter().filter(|&&row| labels[row] == class).count());
                prop_assert!(counts.clone().max().unwrap() - counts.min().unwrap() <= 1);
            }
            for fold in &folds {
                prop_assert_eq!(fold.train.len() + fold.held_out.len(), labels.len());
                prop_assert!(fold.train.iter().all(|row| !fold.held_out.contains(row)));
            }
        }
    }

    #[test]
    fn whole_shares_give_exact_sizes() {
        let parts = split_rows(&values(1000), [0.6, 0.25, 0.15], 7).unwrap();
        assert_eq!(parts.each_ref().map(Vec::len), [600, 250, 150]);
        let labels: Vec<u32> = (0..1000).map(|row| row * row % 7).collect();
        let parts = split_rows(&set(&labels), [0.6, 0.25, 0.15], 7).unwrap();
        assert_eq!(parts.each_ref().map(Vec::len), [600, 250, 150]);
        assert_ne!(parts, split_rows(&set(&labels), [0.6, 0.25, 0.15], 8).unwrap());
    }

    #[test]
    fn a_part_may_be_given_nothing() {
        let split = split(&values(10), [0.8, 0.2, 0.0], 1).unwrap();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (8, 2, 0));
    }

    #[test]
    fn small_classes_are_seen_in_training() {
        let parts = split_rows(&set(&[0, 0, 0, 0, 1, 2, 2, 3, 3, 3]), [0.4, 0.3, 0.3], 5).unwrap();
        assert!([4, 5, 6].iter().any(|row| parts[0].contains(row)) && parts[0].contains(&4));
    }

    #[test]
    fn wrong_fractions_and_too_few_rows_are_refused() {
        let message = |set: &Dataset, fractions| split(set, fractions, 1).unwrap_err().to_string();
        let wanted = "split: fractions should be at least 0, the first positive, and sum to 1, got";
        assert_eq!(message(&values(9), [0.6, 0.2, 0.1]), format!("{wanted} [0.6, 0.2, 0.1]"));
        assert_eq!(message(&values(9), [1.6, -0.6, 0.0]), format!("{wanted} [1.6, -0.6, 0.0]"));
        assert_eq!(message(&values(9), [0.0, 0.5, 0.5]), format!("{wanted} [0.0, 0.5, 0.5]"));
        assert_eq!(message(&values(9), [f64::NAN, 0.5, 0.5]), format!("{wanted} [NaN, 0.5, 0.5]"));
        assert_eq!(
            message(&values(2), [0.6, 0.2, 0.2]),
            "test part of toy: number of rows should be at least 1, got 0"
        );
        let message = |k| k_fold(&values(4), k, 1).unwrap_err().to_string();
        assert_eq!(message(1), "k_fold: number of folds should be at least 2, got 1");
        assert_eq!(message(5), "5 folds of toy: number of rows should be at least 5, got 4");
    }
}
