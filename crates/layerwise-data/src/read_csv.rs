//! Reading a CSV file to learn from: what becomes a feature, what the target is, and what is refused.
//!
//! A column of which no cell is a number (missing cells aside) is categorical and becomes one feature of 0 and 1 for
//! each of its categories, `column=category`. Every other column is a column of numbers, and any text in it is an error
//! that names the line: a stray word never turns numbers into categories. Cells are trimmed, blank lines ignored. A
//! cell is missing if it is empty or `NA`, `N/A`, `nan`, `NaN`, `null` or `?`.
//!
//! The target is classes if it is text, or if all its numbers are whole, of at most 20 values, each on average at least
//! twice; otherwise a number. With `task: Some(Task::Classification)` any values are classes.

use std::io::Read;
use std::path::Path;

use crate::dataset::{Dataset, Task};
use crate::error::DataError;
use crate::schema::Schema;

/// Which column is to be predicted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TargetColumn {
    /// The column of this name in the header.
    Name(String),
    /// The column of this number, from 0.
    Index(usize),
    /// The last column.
    #[default]
    Last,
}

/// What is done with missing feature values; a missing target is always an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They are an error.
    #[default]
    Refuse,
    /// They become the mean of the column, or its most frequent category (of equals the first by name).
    Mean,
}

/// What is done with a category that was not there when the schema was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is an error.
    #[default]
    Refuse,
    /// All features of its column become 0.
    Zeros,
}

/// How a CSV file is read, and how large it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// The delimiter, an ASCII character; `None`: that of `,` `;` tab `|` that cuts the first 20 rows evenly into most
    /// fields.
    pub delimiter: Option<u8>,
    /// Whether the first row is a header; `None`: it is if it has the target's name, or has text, no number and no cell
    /// that recurs in the same column of the next 100 rows.
    pub header: Option<bool>,
    /// The column to predict.
    pub target: TargetColumn,
    /// Classification or regression; `None`: detected from the target.
    pub task: Option<Task>,
    /// What is done with missing feature values.
    pub missing: Missing,
    /// What is done with unknown categories when new rows are read with a [`Schema`].
    pub unknown: Unknown,
    /// The most data rows.
    pub max_rows: usize,
    /// The most columns of the file.
    pub max_columns: usize,
    /// The most categories of a categorical column.
    pub max_categories: usize,
    /// The most classes of the target.
    pub max_classes: usize,
    /// The most bytes of the file.
    pub max_bytes: usize,
    /// The most numbers (features × rows) that the file may become.
    pub max_values: usize,
}

impl Default for CsvOptions {
    /// Everything detected, missing values refused; at most 1 GiB of text and as much of numbers.
    fn default() -> CsvOptions {
        CsvOptions {
            delimiter: None,
            header: None,
            target: TargetColumn::Last,
            task: None,
            missing: Missing::Refuse,
            unknown: Unknown::Refuse,
            max_rows: 10_000_000,
            max_columns: 65_536,
            max_categories: 100,
            max_classes: 1000,
            max_bytes: 1 << 30,
            max_values: 1 << 27,
        }
    }
}

/// The data set in a CSV file; [`Schema::learn`] gives its schema besides, to read new rows the same way.
///
/// Errors: one line that names file, line and column, for everything that would make the numbers other than they look.
pub fn read_csv(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Dataset, DataError> {
    Ok(Schema::learn(path, options)?.0)
}

/// The data set in a CSV text; `name` stands for the file in errors.
///
/// Errors: as for [`read_csv`].
pub fn read_csv_from(reader: impl Read, name: &str, options: &CsvOptions) -> Result<Dataset, DataError> {
    Ok(Schema::learn_from(reader, name, options)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv_table::{is_missing, is_numeric};
    use crate::dataset::Target;
    use proptest::prelude::*;

    fn read(text: &str, options: &CsvOptions) -> Result<Dataset, DataError> {
        read_csv_from(text.as_bytes(), "t.csv", options)
    }

    fn message_with(text: &str, options: CsvOptions) -> String {
        read(text, &options).unwrap_err().to_string()
    }

    fn message(text: &str) -> String {
        message_with(text, CsvOptions::default())
    }

    fn defaults() -> CsvOptions {
        CsvOptions::default()
    }

    fn classes(labels: &[u32], names: &[&str]) -> Target {
        Target::Classes { labels: labels.to_vec(), names: names.iter().map(|name| name.to_string()).collect() }
    }

    #[test]
    fn numbers_and_classes() {
        let set = read("a,b,kind\n1,2.5,x\n-3,1e3,y\n0.5,+4,x\n", &defaults()).unwrap();
        assert_eq!(set.x.as_slice(), [1.0, 2.5, -3.0, 1000.0, 0.5, 4.0]);
        assert_eq!((set.features.join(" "), set.name.as_str()), ("a b".to_owned(), "t.csv"));
        assert_eq!(set.target, classes(&[0, 1, 0], &["x", "y"]));
    }

    #[test]
    fn text_columns_become_one_feature_for_each_category() {
        let text = "colour;size;price\r\n\"red; dark\";1;3.5\r\nblue;2;4.5\r\n\"say \"\"no\"\"\";3;1.25\r\n\r\n";
        let set = read(text, &defaults()).unwrap();
        assert_eq!(set.features, ["colour=blue", "colour=red; dark", "colour=say \"no\"", "size"]);
        assert_eq!(set.x.as_slice(), [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 3.0]);
        assert_eq!(set.task(), Task::Regression);
        assert_eq!(set.output_names(), ["price"]);
    }

    #[test]
    fn the_task_is_detected_from_the_target() {
        let task = |target: &[&str]| {
            let rows: Vec<String> = target.iter().map(|cell| format!("1,{cell}")).collect();
            read(&format!("x,y\n{}\n", rows.join("\n")), &defaults()).unwrap().task()
        };
        assert_eq!(task(&["a", "b"]), Task::Classification);
        assert_eq!(task(&["0", "1", "1.0", "0"]), Task::Classification);
        assert_eq!(task(&["0", "1", "2", "0"]), Task::Regression);
        assert_eq!(task(&["0", "1", "1.5", "0"]), Task::Regression);
        let many: Vec<String> = (0..63).map(|row| (row % 21).to_string()).collect();
        assert_eq!(task(&many.iter().map(String::as_str).collect::<Vec<_>>()), Task::Regression);
    }

    #[test]
    fn the_task_may_be_given() {
        let with = |task| CsvOptions { task: Some(task), ..defaults() };
        let set = read("x,y\n1,10\n2,9\n3,-0\n4,0\n", &with(Task::Classification)).unwrap();
        assert_eq!(set.target, classes(&[2, 1, 0, 0], &["0", "9", "10"]));
        let set = read("x,y\n1,1\n2,A\n3,1\n", &with(Task::Classification)).unwrap();
        assert_eq!(set.target, classes(&[0, 1, 0], &["1", "A"]));
        assert_eq!(read("x,y\n1,0\n2,1\n3,1\n4,0\n", &with(Task::Regression)).unwrap().task(), Task::Regression);
        assert_eq!(
            message_with("x,y\n1,a\n2,b\n", with(Task::Regression)),
            "t.csv, line 2, column y: value should be a finite number, got `a`"
        );
    }

    #[test]
    fn the_target_may_be_any_column() {
        let text = "y,a,b\nu,1,2\nv,3,4\n";
        for target in [TargetColumn::Name("y".into()), TargetColumn::Index(0)] {
            let set = read(text, &CsvOptions { target, ..defaults() }).unwrap();
            assert_eq!(set.features, ["a", "b"]);
            assert_eq!(set.target, classes(&[0, 1], &["u", "v"]));
        }
        let with = |target| CsvOptions { target, ..defaults() };
        assert_eq!(
            message_with("species,size,weight\nu,1,2\n", with(TargetColumn::Name("Speceis".into()))),
            "t.csv: target should be a column, got `Speceis`; nearest: `species`, `size`, `weight`"
        );
        assert_eq!(
            message_with(text, with(TargetColumn::Index(3))),
            "t.csv: target should be below 3, the number of columns, got 3"
        );
        assert_eq!(
            message_with("1,2\n3,4\n", with(TargetColumn::Name("y".into()))),
            "t.csv: target should be given by number, for the file has no header, got `y`"
        );
    }

    #[test]
    fn missing_values_are_refused_or_replaced() {
        let text = "a,c,y\n1,red,u\nNA,blue,v\n4,?,u\n, blue ,v\n";
        assert_eq!(message(text), "t.csv, line 3, column a: value should be present, got `NA`");
        assert_eq!(message("a,y\n1,u\n,v\n"), "t.csv, line 3, column a: value should be present, got ``");
        let set = read(text, &CsvOptions { missing: Missing::Mean, ..defaults() }).unwrap();
        assert_eq!(set.features, ["a", "c=blue", "c=red"]);
        assert_eq!(set.x.as_slice(), [1.0, 0.0, 1.0, 2.5, 1.0, 0.0, 4.0, 1.0, 0.0, 2.5, 1.0, 0.0]);
        let mean = || CsvOptions { missing: Missing::Mean, ..defaults() };
        assert_eq!(
            message_with("a,y\n1,u\n2,null\n", mean()),
            "t.csv, line 3, column y: value should be present, got `null`"
        );
        assert_eq!(
            message_with("a,y\nNA,u\n?,v\n", mean()),
            "t.csv, column a: column should have at least 1 value, got only missing ones"
        );
    }

    #[test]
    fn a_stray_word_is_an_error_and_not_a_category() {
        assert_eq!(
            message("a,y\n1,u\n2,v\nabc,u\n"),
            "t.csv, line 4, column a: value should be a finite number, got `abc`"
        );
        assert_eq!(message("a,y\n1,u\ninf,v\n"), "t.csv, line 3, column a: value should be a finite number, got `inf`");
        assert_eq!(
            message("a,y\n1,u\n1e999,v\n"),
            "t.csv, line 3, column a: value should be a finite number, got `1e999`"
        );
        assert_eq!(
            message("a;y\n1,5;u\n2,5;v\n"),
            "t.csv, line 2, column a: value should be a finite number, got `1,5`"
        );
        assert_eq!(
            message("a,y\n1,2\n2,3\n3,x\n"),
            "t.csv, line 4, column y: value should be a finite number, got `x`"
        );
        assert_eq!(
            message("1,2\n2,3\nabc,4\n"),
            "t.csv, line 3, column column_1: value should be a finite number, got `abc`"
        );
    }

    #[test]
    fn the_shape_is_checked() {
        assert_eq!(message("a,b\n1,2\n3\n"), "t.csv, line 3: number of fields should be 2, as in the header, got 1");
        assert_eq!(message("a,b\n1,2,3\n"), "t.csv, line 2: number of fields should be 2, as in the header, got 3");
        assert_eq!(
            message("1,2\n\n1,2,3\n"),
            "t.csv, line 3: number of fields should be 2, as in the first row, got 3"
        );
        assert_eq!(message(""), "t.csv: number of data rows should be at least 1, got 0");
        assert_eq!(message("\n \n"), "t.csv: number of data rows should be at least 1, got 0");
        assert_eq!(message("a,b\n"), "t.csv: number of data rows should be at least 1, got 0");
        assert_eq!(message("a\n1\n"), "t.csv: number of columns should be at least 2, got 1");
        let comma = CsvOptions { delimiter: Some(b','), ..defaults() };
        assert_eq!(
            message_with("a;b\n1;2\n", comma),
            "t.csv: number of columns should be at least 2, got 1; is the delimiter ';'?"
        );
        assert_eq!(
            message("a,b,a\n1,2,3\n"),
            "t.csv, line 1, column a: name of the column should be unique in the header, got it twice"
        );
        assert_eq!(message("a,y\n1,u\n2,u\n"), "t.csv, column y: number of classes should be at least 2, got 1 (`u`)");
        let quote = CsvOptions { delimiter: Some(b'"'), ..defaults() };
        let expected = "t.csv: delimiter should be an ASCII character other than a quote and the ends of lines, got";
        assert_eq!(message_with("a,b\n", quote), format!("{expected} '\"'"));
    }

    #[test]
    fn stray_quotes_are_refused() {
        let wanted = "quoted field that begins here should end at a closing quote, got";
        assert_eq!(message("a,b\n1,2\n\"3,4\n5,6\n"), format!("t.csv, line 3: {wanted} the end of the file"));
        assert_eq!(message("a,b\n\"1,2\n3,\"u\",4\n"), format!("t.csv, line 2: {wanted} text after it"));
        assert!(read("a,b\n\"1\" ,u\n\"2\",\"v\"\"w\"\n", &defaults()).is_ok());
        assert!(read("a,b\n1,u 5\"\n2,v\n", &defaults()).is_ok());
    }

    #[test]
    fn text_that_is_not_utf_8_is_refused() {
        let message = read_csv_from(&b"a,b\n1,2\n3,\xff\n"[..], "t.csv", &defaults()).unwrap_err().to_string();
        assert_eq!(message, "t.csv, line 3: text should be valid UTF-8, got byte 0xFF");
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let message = |path: &str| read_csv(path, &defaults()).unwrap_err().to_string();
        assert_eq!(message("/no/such.csv"), "/no/such.csv: file should exist, got none of this name");
        assert!(message("/").starts_with("/: file should be readable, got "), "{}", message("/"));
    }

    #[test]
    fn limits_are_kept() {
        let text = "a,c,y\n1,p,u\n2,q,v\n3,r,w\n";
        let limit = |change: fn(&mut CsvOptions)| {
            let mut options = defaults();
            change(&mut options);
            message_with(text, options)
        };
        assert_eq!(limit(|o| o.max_bytes = 23), "t.csv: size in bytes should be at most 23, got more");
        assert_eq!(limit(|o| o.max_columns = 2), "t.csv, line 1: number of columns should be at most 2, got more");
        assert_eq!(limit(|o| o.max_rows = 2), "t.csv, line 4: number of data rows should be at most 2, got more");
        assert_eq!(
            limit(|o| o.max_categories = 2),
            "t.csv, line 4, column c: number of categories should be at most 2, got more"
        );
        assert_eq!(
            limit(|o| o.max_classes = 2),
            "t.csv, line 4, column y: number of classes should be at most 2, got more"
        );
        assert_eq!(limit(|o| o.max_values = 11), "t.csv: features × data rows should be at most 11, got more");
        assert!(read(text, &CsvOptions { max_bytes: 24, max_values: 12, max_rows: 3, ..defaults() }).is_ok());
        let name = "n".repeat(1001);
        let column = format!("{}…", "n".repeat(60));
        assert_eq!(
            message(&format!("{name},y\n1,u\n")),
            format!("t.csv, line 1, column {column}: length of the name in bytes should be at most 1000, got more")
        );
    }

    #[test]
    fn a_file_is_read_from_disk_and_named() {
        let path = std::env::temp_dir().join(format!("layerwise-data-{}.csv", std::process::id()));
        std::fs::write(&path, "\u{feff}a\ty\r\n1\tu\r\n2\tv\r\n").unwrap();
        let set = read_csv(&path, &defaults()).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((set.features.as_slice(), set.name), (&["a".to_owned()][..], path.display().to_string()));
    }

    proptest! {
        #[test]
        fn numbers_written_are_the_numbers_read(
            rows in prop::collection::vec([any::<f64>(), any::<f64>()], 1..30)
                .prop_filter("finite", |rows| rows.iter().flatten().all(|value| value.is_finite())),
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "b"]).unwrap();
            for row in &rows {
                writer.write_record(row.map(|value| value.to_string())).unwrap();
            }
            let options = CsvOptions { task: Some(Task::Regression), ..defaults() };
            let set = read_csv_from(&writer.into_inner().unwrap()[..], "t.csv", &options).unwrap();
            let Target::Values { values, .. } = &set.target else { unreachable!() };
            prop_assert_eq!(set.x.as_slice(), rows.iter().map(|row| row[0]).collect::<Vec<_>>());
            prop_assert_eq!(values.as_slice(), rows.iter().map(|row| row[1]).collect::<Vec<_>>());
        }

        #[test]
        fn texts_written_are_the_categories_read(cells in prop::collection::vec("[ -~\r\n]{1,6}[a-z]", 2..20)) {
            let trimmed: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
            prop_assume!(trimmed.iter().any(|cell| *cell != trimmed[0]));
            prop_assume!(!trimmed.iter().any(|cell| is_missing(cell) || is_numeric(cell)));
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["a", "y"]).unwrap();
            for cell in &cells {
                writer.write_record(["1", cell]).unwrap();
            }
            let options = CsvOptions { delimiter: Some(b','), header: Some(true), ..defaults() };
            let set = read_csv_from(&writer.into_inner().unwrap()[..], "t.csv", &options).unwrap();
            let Target::Classes { labels, names } = &set.target else { unreachable!() };
            prop_assert!(labels.iter().zip(&trimmed).all(|(label, cell)| names[*label as usize] == *cell));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_csv_from(&bytes[..], "t.csv", &defaults());
        }

        #[test]
        fn arbitrary_tables_never_panic_and_errors_are_one_line(
            text in "([01a.,;\"?\r\n\t -]|NA|inf|1e9|-1e308|é|\u{feff}){0,80}",
        ) {
            let (refuse, mean) = (Missing::Refuse, Missing::Mean);
            for (missing, header) in [(refuse, None), (mean, Some(false)), (mean, Some(true))] {
                match Schema::learn_from(text.as_bytes(), "t.csv", &CsvOptions { missing, header, ..defaults() }) {
                    Ok((set, schema)) => {
                        prop_assert_eq!(schema.check(), Ok(()));
                        let again = Dataset::new(&set.name, set.features.clone(), set.x.clone(), set.target.clone());
                        prop_assert_eq!(again.as_ref(), Ok(&set));
                        let rows = schema.read_from(text.as_bytes(), "t.csv", &defaults()).unwrap();
                        prop_assert_eq!((rows.x, rows.target), (set.x, Some(set.target)));
                    }
                    Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
                }
            }
        }
    }
}
