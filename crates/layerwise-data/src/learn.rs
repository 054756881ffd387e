//! Learning a schema: which column is the target, which columns are categorical, and what replaces missing values.

use std::collections::{BTreeMap, BTreeSet};

use crate::csv_table::{Table, is_missing, is_numeric};
use crate::dataset::Task;
use crate::error::{DataError, Place};
use crate::read_csv::{CsvOptions, Missing, TargetColumn};
use crate::schema::{Column, ColumnKind, TargetKind, class_name};

/// The most values of a target of whole numbers that is taken for classes without being told.
const MAX_DETECTED_CLASSES: usize = 20;

/// The place of the target column.
pub(crate) fn target_index(table: &Table, file: &str, target: &TargetColumn) -> Result<usize, DataError> {
    let file = file.to_owned();
    let columns = table.names.len();
    match target {
        TargetColumn::Last => Ok(columns - 1),
        TargetColumn::Index(index) if *index < columns => Ok(*index),
        TargetColumn::Index(index) => {
            let expected = format!("below {columns}, the number of columns");
            Err(DataError::TargetIndex { file, expected, found: index.to_string() })
        }
        TargetColumn::Name(name) => match table.names.iter().position(|column| column == name) {
            Some(index) => Ok(index),
            None if table.header => {
                Err(DataError::UnknownTarget { file, name: name.clone(), nearest: nearest(name, &table.names) })
            }
            None => {
                let expected = "given by number, for the file has no header".to_owned();
                Err(DataError::TargetIndex { file, expected, found: format!("`{name}`") })
            }
        },
    }
}

/// What the columns other than the target are.
pub(crate) fn learn_columns(
    table: &Table,
    file: &str,
    target: usize,
    options: &CsvOptions,
) -> Result<Vec<Column>, DataError> {
    let places: Vec<usize> = (0..table.names.len()).filter(|&place| place != target).collect();
    let mut profiles: Vec<Profile> = places.iter().map(|_| Profile::default()).collect();
    table.each(|row, record| {
        for (profile, &place) in profiles.iter_mut().zip(&places) {
            profile.see(record[place].trim(), row, options.max_categories);
        }
        Ok(())
    })?;
    let columns = profiles.into_iter().zip(places).map(|(profile, index)| {
        if let (false, Some(row)) = (profile.numeric, profile.too_many) {
            let (place, limit) = (table.place_in_row(row, index), options.max_categories);
            return Err(DataError::Limit { place, what: "number of categories", limit });
        }
        let name = table.names[index].clone();
        Ok(Column { kind: profile.kind(Place::column(file, &name), options.missing)?, name, index })
    });
    columns.collect()
}

/// What a column holds, seen so far.
#[derive(Default)]
struct Profile {
    /// How many finite numbers, and their mean.
    finite: usize,
    mean: f64,
    /// Whether a cell is meant as a number.
    numeric: bool,
    /// Categories and how often each occurs, as long as no cell is a number.
    categories: BTreeMap<String, usize>,
    /// The row in which the categories passed their limit.
    too_many: Option<usize>,
}

impl Profile {
    fn see(&mut self, cell: &str, row: usize, max_categories: usize) {
        if is_missing(cell) {
            return;
        }
        if is_numeric(cell) {
            self.numeric = true;
            self.categories.clear();
            if let Some(value) = finite(cell) {
                self.finite += 1;
                // Halves first, for the difference of two finite numbers may be infinite.
                self.mean += 2.0 * ((value / 2.0 - self.mean / 2.0) / self.finite as f64);
            }
        } else if let Some(count) = self.categories.get_mut(cell) {
            *count += 1;
        } else if !self.numeric && self.too_many.is_none() {
            if self.categories.len() < max_categories {
                self.categories.insert(cell.to_owned(), 1);
            } else {
                self.too_many = Some(row);
            }
        }
    }

    fn kind(self, column: Place, missing: Missing) -> Result<ColumnKind, DataError> {
        let fills = missing == Missing::Mean;
        if self.numeric {
            return Ok(ColumnKind::Number { fill: fills.then_some(self.mean) });
        }
        let Some(most) = self.categories.values().max() else {
            return Err(DataError::NoValues { place: column });
        };
        let mode = self.categories.values().position(|count| count == most);
        Ok(ColumnKind::Category { fill: mode.filter(|_| fills), categories: self.categories.into_keys().collect() })
    }
}

/// What the target is.
pub(crate) fn learn_target(
    table: &Table,
    file: &str,
    target: usize,
    options: &CsvOptions,
) -> Result<TargetKind, DataError> {
    let mut classes = BTreeSet::new();
    let mut too_many = None;
    let (mut any_number, mut all_numbers, mut all_whole) = (false, true, true);
    table.each(|row, record| {
        let cell = record[target].trim();
        if is_missing(cell) {
            return Err(DataError::MissingValue { place: table.place(record, target), found: cell.to_owned() });
        }
        let value = finite(cell);
        any_number |= is_numeric(cell);
        all_numbers &= value.is_some();
        all_whole &= value.is_none_or(|value| value.fract() == 0.0);
        if too_many.is_none() {
            classes.insert(value.map_or_else(|| cell.to_owned(), class_name));
            if classes.len() > options.max_classes {
                too_many = Some(row);
            }
        }
        Ok(())
    })?;
    let few = classes.len() <= MAX_DETECTED_CLASSES && 2 * classes.len() <= table.rows;
    let task = options.task.unwrap_or(match any_number {
        true if !(all_whole && few) => Task::Regression,
        _ => Task::Classification,
    });
    // Numbers with stray text are numbers, of which reading will name the stray, unless classes were asked for.
    let numeric = all_numbers || (any_number && options.task.is_none());
    if task == Task::Regression {
        return Ok(TargetKind::Value);
    }
    if let Some(row) = too_many {
        let (place, limit) = (table.place_in_row(row, target), options.max_classes);
        return Err(DataError::Limit { place, what: "number of classes", limit });
    }
    if classes.len() < 2 {
        let class = classes.pop_first().unwrap_or_default();
        return Err(DataError::OneClass { place: Place::column(file, &table.names[target]), class });
    }
    let mut names: Vec<String> = classes.into_iter().collect();
    if numeric {
        // A stray text sorts last, and is refused when the rows are read.
        names.sort_by(|a, b| value_of(a).total_cmp(&value_of(b)));
    }
    Ok(TargetKind::Classes { names, numeric })
}

/// The finite number in a cell.
fn finite(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// The number that names a class, or infinity.
fn value_of(class: &str) -> f64 {
    class.parse().unwrap_or(f64::INFINITY)
}

/// The three names nearest to `name`, best first.
fn nearest(name: &str, names: &[String]) -> Vec<String> {
    // Cut to sizes that cost nothing, whatever the file holds.
    let mut names: Vec<&String> = names.iter().take(1000).collect();
    names.sort_by_cached_key(|other| distance(name, other));
    names.into_iter().take(3).cloned().collect()
}

/// The number of letters to insert, delete or replace to turn one text into the other (Levenshtein 1966), small letters
/// or capitals.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (a, b, edits) in [("kitten", "sitting", 3), ("", "abc", 3), ("Age", "age", 0), ("flaw", "lawn", 2)] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }
}
