//! How the columns of a file became features and target, kept with a model so that new rows are read the same way.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use csv::StringRecord;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::csv_table::{Table, is_missing, open};
use crate::dataset::{Dataset, Target};
use crate::error::{DataError, Place};
use crate::learn::{learn_columns, learn_target, target_index};
use crate::read_csv::{CsvOptions, Unknown};

/// The description of how raw columns become features and target.
///
/// It may come from a file and is checked by [`Schema::check`] before each use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Whether columns are found by name; else by place.
    pub header: bool,
    /// The columns of features, in the order in which they become features.
    pub columns: Vec<Column>,
    /// The name of the target column.
    pub target: String,
    /// The place of the target column in the file learned from, from 0.
    pub target_index: usize,
    /// What the target is.
    pub kind: TargetKind,
}

/// One column of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The name in the header, or `column_1`, `column_2`, … by place.
    pub name: String,
    /// The place in the file learned from, from 0.
    pub index: usize,
    /// What its cells are.
    pub kind: ColumnKind,
}

/// What the cells of a column are, and what replaces a missing one (`None`: missing values are refused).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Numbers, one feature.
    Number {
        /// The mean of the column learned from.
        fill: Option<f64>,
    },
    /// Text, one feature of 0 and 1 for each category.
    Category {
        /// The categories in alphabetical order (of code points).
        categories: Vec<String>,
        /// The place of the most frequent category.
        fill: Option<usize>,
    },
}

/// What the target is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// One of several classes.
    Classes {
        /// The classes, in ascending order.
        names: Vec<String>,
        /// Whether the classes are numbers, so that `1` and `1.0` are the same.
        numeric: bool,
    },
    /// A number.
    Value,
}

/// Rows read by a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The features. Shapes: features × rows.
    pub x: DMatrix<f64>,
    /// The target, if the file has its column.
    pub target: Option<Target>,
}

impl Schema {
    /// The data set in a CSV file and how its columns became features.
    ///
    /// Errors: as for [`crate::read_csv`].
    pub fn learn(path: impl AsRef<Path>, options: &CsvOptions) -> Result<(Dataset, Schema), DataError> {
        let (reader, file) = open(path.as_ref())?;
        Schema::learn_from(reader, &file, options)
    }

    /// The data set in a CSV text and how its columns became features; `name` stands for the file in errors.
    ///
    /// Errors: as for [`crate::read_csv`].
    pub fn learn_from(reader: impl Read, name: &str, options: &CsvOptions) -> Result<(Dataset, Schema), DataError> {
        let table = Table::open(reader, name, options.header, options)?;
        if table.names.len() < 2 {
            return Err(table.one_column(2));
        }
        if table.rows == 0 {
            return Err(DataError::NoRows { file: name.to_owned() });
        }
        let index = target_index(&table, name, &options.target)?;
        let schema = Schema {
            header: table.header,
            columns: learn_columns(&table, name, index, options)?,
            target: table.names[index].clone(),
            target_index: index,
            kind: learn_target(&table, name, index, options)?,
        };
        let places: Vec<usize> = schema.columns.iter().map(|column| column.index).collect();
        let x = schema.read_features(&table, name, &places, options)?;
        let target = schema.read_target(&table, index)?;
        Ok((Dataset::new(name, schema.features(), x, target)?, schema))
    }

    /// Reads new rows of a CSV file as the file learned from was read.
    ///
    /// With a header, columns may stand in any order, and further columns are ignored; without, they stand as in the
    /// file learned from, with or without the target. Of `options` only the delimiter, `unknown` and the limits are
    /// used.
    /// Errors: missing columns, and cells that the schema does not allow; one line that names file, line and column.
    pub fn read(&self, path: impl AsRef<Path>, options: &CsvOptions) -> Result<Rows, DataError> {
        let (reader, file) = open(path.as_ref())?;
        self.read_from(reader, &file, options)
    }

    /// Reads new rows of a CSV text, as [`Schema::read`] does; `name` stands for the file in errors.
    ///
    /// Errors: as for [`Schema::read`].
    pub fn read_from(&self, reader: impl Read, name: &str, options: &CsvOptions) -> Result<Rows, DataError> {
        self.check()?;
        let table = Table::open(reader, name, Some(self.header), options)?;
        if table.names.len() == 1 && self.columns.len() > 1 {
            return Err(table.one_column(self.columns.len()));
        }
        let (places, target) =
            if self.header { self.find_by_name(&table, name)? } else { self.find_by_place(&table, name)? };
        if table.rows == 0 {
            return Err(DataError::NoRows { file: name.to_owned() });
        }
        let x = self.read_features(&table, name, &places, options)?;
        let target = target.map(|place| self.read_target(&table, place)).transpose()?;
        Ok(Rows { x, target })
    }

    /// The names of the features: a column's name, or `column=category`.
    pub fn features(&self) -> Vec<String> {
        let of_column = |column: &Column| match &column.kind {
            ColumnKind::Number { .. } => vec![column.name.clone()],
            ColumnKind::Category { categories, .. } => {
                categories.iter().map(|category| format!("{}={category}", column.name)).collect()
            }
        };
        self.columns.iter().flat_map(of_column).collect()
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        self.columns.iter().map(|column| column.kind.width()).sum()
    }

    /// The names of the classes, or the one name of the number to predict.
    pub fn output_names(&self) -> Vec<String> {
        match &self.kind {
            TargetKind::Classes { names, .. } => names.clone(),
            TargetKind::Value => vec![self.target.clone()],
        }
    }

    /// Refuses a schema that contradicts itself, as one from a damaged file may.
    ///
    /// Errors: no column; a place or name used twice; fills that are not finite or not a category; fewer than two
    /// classes.
    pub fn check(&self) -> Result<(), DataError> {
        let bad = |what: &str, expected: &str, found: &dyn std::fmt::Display| {
            Err(DataError::argument("schema", what, expected, found))
        };
        if self.columns.is_empty() {
            return bad("number of columns", "at least 1", &0);
        }
        let mut places: Vec<usize> =
            self.columns.iter().map(|column| column.index).chain([self.target_index]).collect();
        places.sort_unstable();
        if !places.iter().copied().eq(0..places.len()) {
            return bad("places of the columns", "0, 1, 2, … once each", &"others");
        }
        let names = self.columns.iter().map(|column| &column.name).chain([&self.target]);
        if let Some(name) = twice(names) {
            return bad("names of the columns", "unique", &name);
        }
        for Column { name, kind, .. } in &self.columns {
            match kind {
                ColumnKind::Number { fill: Some(fill) } if !fill.is_finite() => {
                    return bad(&format!("fill of {name}"), "finite", fill);
                }
                ColumnKind::Category { categories, fill } => {
                    if categories.is_empty() || fill.is_some_and(|fill| fill >= categories.len()) {
                        return bad(
                            &format!("categories of {name}"),
                            "at least 1, and more than the fill",
                            &categories.len(),
                        );
                    }
                    if let Some(category) = twice(categories) {
                        return bad(&format!("categories of {name}"), "unique", category);
                    }
                }
                ColumnKind::Number { .. } => {}
            }
        }
        match &self.kind {
            TargetKind::Classes { names, .. } if names.len() < 2 => {
                bad("number of classes", "at least 2", &names.len())
            }
            TargetKind::Classes { names, .. } => match twice(names) {
                Some(name) => bad("classes", "unique", name),
                None => Ok(()),
            },
            TargetKind::Value => Ok(()),
        }
    }

    /// The places of the columns, and of the target if it is there, in a file with a header.
    fn find_by_name(&self, table: &Table, file: &str) -> Result<(Vec<usize>, Option<usize>), DataError> {
        let places: HashMap<&str, usize> = table.names.iter().map(String::as_str).zip(0..).collect();
        let lacks = |column: &&Column| !places.contains_key(column.name.as_str());
        let columns: Vec<String> = self.columns.iter().filter(lacks).map(|column| column.name.clone()).collect();
        if !columns.is_empty() {
            return Err(DataError::MissingColumns { file: file.to_owned(), columns });
        }
        let found = self.columns.iter().map(|column| places[column.name.as_str()]).collect();
        Ok((found, places.get(self.target.as_str()).copied()))
    }

    /// The places of the columns, and of the target if it is there, in a file without a header.
    fn find_by_place(&self, table: &Table, file: &str) -> Result<(Vec<usize>, Option<usize>), DataError> {
        let (n, width) = (self.columns.len(), table.names.len());
        let there = width == n + 1;
        if !there && width != n {
            let expected = format_args!("{}, or {n} without the target", n + 1);
            return Err(DataError::argument(file, "number of columns", expected, width));
        }
        let shift = |column: &Column| column.index - usize::from(!there && column.index > self.target_index);
        Ok((self.columns.iter().map(shift).collect(), there.then_some(self.target_index)))
    }

    /// The features of all rows, from the columns at `places`.
    fn read_features(
        &self,
        table: &Table,
        file: &str,
        places: &[usize],
        options: &CsvOptions,
    ) -> Result<DMatrix<f64>, DataError> {
        let (d, n) = (self.n_features(), table.rows);
        if d.checked_mul(n).is_none_or(|values| values > options.max_values) {
            let (place, what) = (Place::file(file), "features × data rows");
            return Err(DataError::Limit { place, what, limit: options.max_values });
        }
        let readers: Vec<Reader> =
            self.columns.iter().zip(places).map(|(column, &place)| Reader::new(column, place)).collect();
        let mut x = DMatrix::zeros(d, n);
        table.each(|row, record| {
            let mut features = x.column_mut(row);
            let mut at = 0;
            for reader in &readers {
                if let Some((feature, value)) = reader.read(table, record, options.unknown)? {
                    features[at + feature] = value;
                }
                at += reader.kind.width();
            }
            Ok(())
        })?;
        Ok(x)
    }

    /// The target of all rows, from the column at `place`.
    fn read_target(&self, table: &Table, place: usize) -> Result<Target, DataError> {
        match &self.kind {
            TargetKind::Value => {
                let mut values = DMatrix::zeros(1, table.rows);
                table.each(|row, record| {
                    values[row] = number(table, record, place)?;
                    Ok(())
                })?;
                Ok(Target::Values { values, names: vec![self.target.clone()] })
            }
            TargetKind::Classes { names, numeric } => {
                let known: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
                let mut labels = vec![0; table.rows];
                table.each(|row, record| {
                    let class = if *numeric {
                        class_name(number(table, record, place)?)
                    } else {
                        text(table, record, place)?.into()
                    };
                    labels[row] = *known.get(class.as_str()).ok_or_else(|| unknown(table, record, place, names))?;
                    Ok(())
                })?;
                Ok(Target::Classes { labels, names: names.clone() })
            }
        }
    }
}

impl ColumnKind {
    /// The number of features that the column becomes.
    fn width(&self) -> usize {
        match self {
            ColumnKind::Number { .. } => 1,
            ColumnKind::Category { categories, .. } => categories.len(),
        }
    }
}

/// The name of a class that is a number.
pub(crate) fn class_name(value: f64) -> String {
    // Adding 0 makes -0 and 0 the same class.
    (value + 0.0).to_string()
}

/// Reads the cells of one column.
struct Reader<'a> {
    kind: &'a ColumnKind,
    place: usize,
    known: HashMap<&'a str, usize>,
}

impl<'a> Reader<'a> {
    fn new(column: &'a Column, place: usize) -> Reader<'a> {
        let known = match &column.kind {
            ColumnKind::Number { .. } => HashMap::new(),
            ColumnKind::Category { categories, .. } => categories.iter().map(String::as_str).zip(0..).collect(),
        };
        Reader { kind: &column.kind, place, known }
    }

    /// The feature of the column that is not 0, and its value; `None` where all are 0.
    fn read(&self, table: &Table, record: &StringRecord, policy: Unknown) -> Result<Option<(usize, f64)>, DataError> {
        let cell = record[self.place].trim();
        match self.kind {
            ColumnKind::Number { fill: Some(fill) } if is_missing(cell) => Ok(Some((0, *fill))),
            ColumnKind::Number { .. } => Ok(Some((0, number(table, record, self.place)?))),
            ColumnKind::Category { fill: Some(fill), .. } if is_missing(cell) => Ok(Some((*fill, 1.0))),
            ColumnKind::Category { categories, .. } => match self.known.get(text(table, record, self.place)?) {
                Some(&category) => Ok(Some((category, 1.0))),
                None if policy == Unknown::Zeros => Ok(None),
                None => Err(unknown(table, record, self.place, categories)),
            },
        }
    }
}

/// A cell's text; an error if it is missing.
fn text<'a>(table: &Table, record: &'a StringRecord, place: usize) -> Result<&'a str, DataError> {
    match record[place].trim() {
        cell if is_missing(cell) => {
            Err(DataError::MissingValue { place: table.place(record, place), found: cell.to_owned() })
        }
        cell => Ok(cell),
    }
}

/// A cell's number; an error if it is missing, not a number or not finite.
fn number(table: &Table, record: &StringRecord, place: usize) -> Result<f64, DataError> {
    let cell = text(table, record, place)?;
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(DataError::NotANumber { place: table.place(record, place), found: cell.to_owned() }),
    }
}

/// The error for a category or class that is not among `categories`.
fn unknown(table: &Table, record: &StringRecord, place: usize, categories: &[String]) -> DataError {
    let found = record[place].trim().to_owned();
    DataError::UnknownCategory { place: table.place(record, place), categories: categories.to_vec(), found }
}

/// The first name that occurs a second time.
fn twice<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_csv::Missing;
    use proptest::prelude::*;

    const TEXT: &str = "colour,size,kind\nred,1,u\nblue,2,v\nred,6,u\n";

    fn learn(text: &str) -> Schema {
        let options = CsvOptions { missing: Missing::Mean, ..CsvOptions::default() };
        Schema::learn_from(text.as_bytes(), "old.csv", &options).unwrap().1
    }

    fn read(schema: &Schema, text: &str) -> Result<Rows, DataError> {
        schema.read_from(text.as_bytes(), "new.csv", &CsvOptions::default())
    }

    fn message(schema: &Schema, text: &str) -> String {
        read(schema, text).unwrap_err().to_string()
    }

    #[test]
    fn columns_may_stand_in_any_order_with_others_and_without_the_target() {
        let rows = read(&learn(TEXT), "extra,size,colour\nx,5,blue\ny,NA,?\n").unwrap();
        assert_eq!(rows.x.as_slice(), [1.0, 0.0, 5.0, 0.0, 1.0, 3.0]);
        assert_eq!(rows.target, None);
        let rows = read(&learn(TEXT), "kind;size;colour\nv;5;blue\n").unwrap();
        assert_eq!(rows.target, Some(Target::Classes { labels: vec![1], names: vec!["u".into(), "v".into()] }));
    }

    #[test]
    fn without_a_header_columns_stand_in_place() {
        let options = CsvOptions { target: crate::TargetColumn::Index(1), ..CsvOptions::default() };
        let schema = Schema::learn_from("1,0,2\n3,1,4\n5,1,6\n7,0,8\n".as_bytes(), "old.csv", &options).unwrap().1;
        assert_eq!(read(&schema, "9,8\n").unwrap().x.as_slice(), [9.0, 8.0]);
        let rows = read(&schema, "9,1.0,8\n").unwrap();
        assert_eq!(rows.x.as_slice(), [9.0, 8.0]);
        assert_eq!(rows.target, Some(Target::Classes { labels: vec![1], names: vec!["0".into(), "1".into()] }));
        assert_eq!(
            message(&schema, "1,2,3,4\n"),
            "new.csv: number of columns should be 3, or 2 without the target, got 4"
        );
        assert_eq!(
            message(&schema, "1,2,3\n"),
            "new.csv, line 1, column column_2: category should be one of `0`, `1`, got `2`"
        );
    }

    #[test]
    fn what_the_schema_does_not_know_is_refused() {
        let schema = learn(TEXT);
        assert_eq!(
            message(&schema, "a,b\n1,2\n"),
            "new.csv: header should have the columns `colour`, `size`, got none of these names"
        );
        assert_eq!(
            message(&schema, "colour,size\nred,1\ngreen,2\n"),
            "new.csv, line 3, column colour: category should be one of `blue`, `red`, got `green`"
        );
        assert_eq!(
            message(&schema, "colour,size,kind\nred,1,w\n"),
            "new.csv, line 2, column kind: category should be one of `u`, `v`, got `w`"
        );
        assert_eq!(
            message(&schema, "colour,size\nred,big\n"),
            "new.csv, line 2, column size: value should be a finite number, got `big`"
        );
        assert_eq!(message(&schema, "colour,size\n"), "new.csv: number of data rows should be at least 1, got 0");
        let comma = CsvOptions { delimiter: Some(b','), ..CsvOptions::default() };
        assert_eq!(
            schema.read_from("colour;size\nred;1\n".as_bytes(), "new.csv", &comma).unwrap_err().to_string(),
            "new.csv: number of columns should be at least 2, got 1; is the delimiter ';'?"
        );
        let zeros = CsvOptions { unknown: Unknown::Zeros, ..CsvOptions::default() };
        let rows = schema.read_from("colour,size\ngreen,2\n".as_bytes(), "new.csv", &zeros).unwrap();
        assert_eq!(rows.x.as_slice(), [0.0, 0.0, 2.0]);
        let strict = Schema::learn_from(TEXT.as_bytes(), "old.csv", &CsvOptions::default()).unwrap().1;
        assert_eq!(
            message(&strict, "colour,size\nred,?\n"),
            "new.csv, line 2, column size: value should be present, got `?`"
        );
        assert_eq!(
            message(&strict, "colour,size\n ,1\n"),
            "new.csv, line 2, column colour: value should be present, got ``"
        );
    }

    #[test]
    fn one_column_of_new_rows_is_enough_for_one_feature() {
        let schema = learn("a,y\n1,u\n2,v\n");
        assert_eq!(read(&schema, "a\n5\n\n6\n").unwrap().x.as_slice(), [5.0, 6.0]);
    }

    #[test]
    fn kept_as_text_it_is_the_same() {
        let schema = learn("c,s,y\nred,1.1,0.5\nblue,2.3,1.5\nred,6.7,2.5\n");
        assert_eq!((schema.n_features(), schema.output_names()), (3, vec!["y".to_owned()]));
        let text = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), schema);
    }

    #[test]
    fn a_damaged_schema_is_refused() {
        let damaged = |damage: fn(&mut Schema)| {
            let mut schema = learn(TEXT);
            damage(&mut schema);
            message(&schema, TEXT)
        };
        let places = "schema: places of the columns should be 0, 1, 2, … once each, got others";
        assert_eq!(damaged(|s| s.columns.clear()), "schema: number of columns should be at least 1, got 0");
        assert_eq!(damaged(|s| s.target_index = 0), places);
        assert_eq!(damaged(|s| s.columns[1].index = usize::MAX), places);
        assert_eq!(damaged(|s| s.target = "size".into()), "schema: names of the columns should be unique, got size");
        assert_eq!(
            damaged(|s| s.columns[1].kind = ColumnKind::Number { fill: Some(f64::NAN) }),
            "schema: fill of size should be finite, got NaN"
        );
        assert_eq!(
            damaged(|s| s.columns[0].kind = ColumnKind::Category { categories: vec!["red".into()], fill: Some(1) }),
            "schema: categories of colour should be at least 1, and more than the fill, got 1"
        );
        assert_eq!(
            damaged(|s| s.columns[0].kind = ColumnKind::Category { categories: vec!["red".into(); 2], fill: None }),
            "schema: categories of colour should be unique, got red"
        );
        let kind = |names: &[&str]| TargetKind::Classes {
            names: names.iter().map(|n| n.to_string()).collect(),
            numeric: false,
        };
        let mut schema = learn(TEXT);
        schema.kind = kind(&["u"]);
        assert_eq!(message(&schema, TEXT), "schema: number of classes should be at least 2, got 1");
        schema.kind = kind(&["u", "u"]);
        assert_eq!(message(&schema, TEXT), "schema: classes should be unique, got u");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), named: bool) {
            let start: &[u8] = if named { b"colour,size\n" } else { b"" };
            let _ = learn(TEXT).read_from(&[start, &bytes].concat()[..], "new.csv", &CsvOptions::default());
        }
    }
}
