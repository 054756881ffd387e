//! Where training sets come from.

use layerwise_data::{DataError, Dataset, Generator, Target, k_fold};
use layerwise_tensor::{Key, Purpose};

/// Where training sets come from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Independent draws from a distribution: variances are those of theory.
    Fresh(&'a dyn Generator),
    /// Disjoint parts of a table, with equal shares of each class: independent too, but each set has at most 1/parts of the rows
    /// (Yang et al. 2020).
    Parts {
        /// The table.
        table: &'a Dataset,
        /// How many.
        parts: usize,
    },
    /// Draws with replacement from a table (Efron 1979): sets as large as the table, but alike, so that their variance is only about
    /// that of independent ones.
    Bootstrap(&'a Dataset),
}

/// Draws of a generator with seeds of one study: more sets than any study has.
const SETS: u64 = 1 << 20;

impl Source<'_> {
    /// The number of the set that nothing is trained on.
    pub const TEST: usize = SETS as usize - 1;

    /// Training set number `set`, of `n` rows. The same numbers give the same rows.
    ///
    /// Errors: more parts than rows, more rows than a part has, no row, or a generator out of range.
    pub fn draw(&self, set: usize, n: usize, seed: u64) -> Result<Dataset, DataError> {
        match *self {
            Source::Fresh(generator) => generator.draw(n, seed.wrapping_mul(SETS).wrapping_add(set as u64)),
            Source::Parts { table, parts } => {
                let mut rows = match parts {
                    1 => (0..table.len()).collect(),
                    _ => k_fold(table, parts, seed)?.swap_remove(set % parts).held_out,
                };
                self.check(n, rows.len())?;
                Key::new(seed, Purpose::Split).step(1).layer(set as u64).rng().shuffle(&mut rows);
                if let Target::Classes { labels, .. } = &table.target {
                    rows.sort_by_key(|&row| labels[row]);
                }
                // Evenly over the classes.
                let few: Vec<usize> = (0..n).map(|i| rows[i * rows.len() / n]).collect();
                Ok(table.subset(&few))
            }
            Source::Bootstrap(table) => {
                self.check(n, usize::MAX)?;
                let mut rng = Key::new(seed, Purpose::Split).step(2).layer(set as u64).rng();
                let rows: Vec<usize> = (0..n).map(|_| rng.below(table.len())).collect();
                Ok(table.subset(&rows))
            }
        }
    }

    /// The most rows that every set can have; `None` if there is no limit.
    pub fn most_rows(&self) -> Option<usize> {
        match self {
            Source::Parts { table, parts } => Some(table.len() / (*parts).max(1)),
            _ => None,
        }
    }

    fn check(&self, n: usize, most: usize) -> Result<(), DataError> {
        if (1..=most).contains(&n) {
            return Ok(());
        }
        Err(DataError::Argument {
            place: "training sets".into(),
            what: "rows of a set".into(),
            expected: if most == usize::MAX { "at least 1".into() } else { format!("from 1 to {most}") },
            found: n.to_string(),
        })
    }

    /// What it is, and which numbers it draws from.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Fresh(generator) => format!("fresh draws of {generator:?}"),
            Source::Parts { table, parts } => format!("{parts} disjoint parts of {}", fingerprint(table)),
            Source::Bootstrap(table) => format!("draws with replacement from {}", fingerprint(table)),
        }
    }
}

/// Size and a hash of all numbers of a data set, whatever its name.
pub(crate) fn fingerprint(data: &Dataset) -> String {
    let targets: Vec<f64> = match &data.target {
        Target::Classes { labels, .. } => labels.iter().map(|&label| label.into()).collect(),
        Target::Values { values, .. } => values.as_slice().to_vec(),
    };
    let numbers = hash(data.x.as_slice()) ^ hash(&targets).rotate_left(1);
    format!("{} rows of {} features, {numbers:016x}", data.len(), data.n_features())
}

/// FNV-1a (Fowler, Noll and Vo 1991) over the bits of numbers, word by word.
pub(crate) fn hash(numbers: &[f64]) -> u64 {
    numbers.iter().fold(0xcbf2_9ce4_8422_2325, |hash, v| (hash ^ v.to_bits()).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerwise_data::{friedman1, gaussian_blobs};
    use nalgebra::DMatrix;

    fn rows(set: &Dataset) -> Vec<u64> {
        set.x.column_iter().map(|column| column[0].to_bits()).collect()
    }

    #[test]
    fn parts_are_disjoint_and_have_equal_shares_of_each_class() {
        let table = gaussian_blobs(90, &DMatrix::identity(3, 3), 0.5, 1);
        let source = Source::Parts { table: &table, parts: 5 };
        assert_eq!(source.most_rows(), Some(18));
        let mut all = Vec::new();
        for set in 0..5 {
            let drawn = source.draw(set, 18, 7).unwrap();
            all.extend(rows(&drawn));
            let Target::Classes { labels, .. } = &source.draw(set, 9, 7).unwrap().target else { unreachable!() };
            for class in 0..3 {
                assert_eq!(labels.iter().filter(|&&label| label == class).count(), 3, "{labels:?}");
            }
            assert_eq!(drawn, source.draw(set, 18, 7).unwrap());
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 90);
        let whole = Source::Parts { table: &table, parts: 1 }.draw(0, 90, 7).unwrap();
        let mut whole = rows(&whole);
        whole.sort_unstable();
        assert_eq!(whole, all);
    }

    #[test]
    fn bootstrap_repeats_rows_and_fresh_sets_begin_alike() {
        let table = friedman1(50, 5, 1.0, 1);
        let mut drawn = rows(&Source::Bootstrap(&table).draw(0, 50, 1).unwrap());
        drawn.sort_unstable();
        drawn.dedup();
        // 1 − 1/e of the rows; 50 different ones have a probability of 50!/50⁵⁰, below 1e-20.
        assert!((20..50).contains(&drawn.len()), "{}", drawn.len());
        let friedman = layerwise_data::Friedman1::default();
        let fresh = Source::Fresh(&friedman);
        let (few, many) = (fresh.draw(3, 10, 1).unwrap(), fresh.draw(3, 20, 1).unwrap());
        assert_eq!(rows(&few), rows(&many)[..10]);
        assert_ne!(rows(&few), rows(&fresh.draw(4, 10, 1).unwrap()));
        assert_ne!(rows(&few), rows(&fresh.draw(3, 10, 2).unwrap()));
    }

    #[test]
    fn too_many_parts_and_rows_are_refused_in_a_line() {
        let table = friedman1(10, 5, 1.0, 1);
        let say = |source: Source<'_>, n| source.draw(0, n, 1).unwrap_err().to_string();
        assert_eq!(
            say(Source::Parts { table: &table, parts: 3 }, 5),
            "training sets: rows of a set should be from 1 to 4, got 5"
        );
        assert_eq!(say(Source::Bootstrap(&table), 0), "training sets: rows of a set should be at least 1, got 0");
        let many = say(Source::Parts { table: &table, parts: 11 }, 1);
        assert!(many.contains("11") && many.contains("10") && !many.contains('\n'), "{many}");
    }
}
