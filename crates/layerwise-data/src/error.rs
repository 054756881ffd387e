//! What can be wrong with data: one enum, whose `Display` is one line `where: what should be E, got G`.

use std::fmt;

/// Where in a file: the file, and as far as known the line (from 1, as an editor shows it) and the column's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as given, or the name given to the reader.
    pub file: String,
    /// The line, counted from 1, where the cell begins.
    pub line: Option<usize>,
    /// The column's name in the header, or `column_1`, `column_2`, … where there is none.
    pub column: Option<String>,
}

impl Place {
    /// The whole file.
    pub(crate) fn file(file: &str) -> Place {
        Place { file: file.to_owned(), line: None, column: None }
    }

    /// One line of the file.
    pub(crate) fn line(file: &str, line: usize) -> Place {
        Place { line: Some(line), ..Place::file(file) }
    }

    /// One column of the file.
    pub(crate) fn column(file: &str, column: &str) -> Place {
        Place { column: Some(column.to_owned()), ..Place::file(file) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", named(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        match &self.column {
            Some(column) => write!(f, ", column {}", shown(column)),
            None => Ok(()),
        }
    }
}

/// Why data cannot be used; every message is one line, with text from files cut to 60 characters and its control
/// characters escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataError {
    /// An argument lies outside its range, or two arguments do not fit together.
    Argument {
        /// The function or data set.
        place: String,
        /// The argument.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number of a data set is NaN or infinite.
    NotFinite {
        /// The data set.
        set: String,
        /// The sample (a column of the matrix), from 0.
        sample: usize,
        /// The feature or output.
        feature: String,
        /// The number found.
        found: String,
    },
    /// There is no such file.
    NoFile {
        /// The file.
        file: String,
    },
    /// The operating system cannot read the file.
    Unreadable {
        /// The file.
        file: String,
        /// The operating system's reason.
        reason: String,
    },
    /// The text is not UTF-8.
    Encoding {
        /// The line.
        place: Place,
        /// The first byte that is not UTF-8.
        byte: u8,
    },
    /// Something is larger than its limit in the options.
    Limit {
        /// Where it passes the limit.
        place: Place,
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A quoted field has no closing quote, or text follows its closing quote: a stray quote would swallow rows.
    BadQuote {
        /// The line where the field begins.
        place: Place,
        /// What comes instead of the field's end.
        found: &'static str,
    },
    /// A row has another number of fields than the first row.
    Ragged {
        /// The line of the row.
        place: Place,
        /// Whether the first row is a header.
        header: bool,
        /// The number of fields of the first row.
        expected: usize,
        /// The number of fields found.
        found: usize,
    },
    /// The file has no data row.
    NoRows {
        /// The file.
        file: String,
    },
    /// A file has one column and should have more.
    OneColumn {
        /// The file.
        file: String,
        /// The least number of columns.
        expected: usize,
        /// A delimiter that would give more columns.
        delimiter: Option<char>,
    },
    /// Two columns of the header have the same name.
    DuplicateColumn {
        /// The second column.
        place: Place,
    },
    /// The header lacks the target column.
    UnknownTarget {
        /// The file.
        file: String,
        /// The target asked for.
        name: String,
        /// The nearest names of the header, best first.
        nearest: Vec<String>,
    },
    /// The target is given in a way that the file does not allow: a number too large, or a name where there is no
    /// header.
    TargetIndex {
        /// The file.
        file: String,
        /// What would do.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A cell of a column of numbers is not a finite number.
    NotANumber {
        /// The cell.
        place: Place,
        /// Its text.
        found: String,
    },
    /// A cell is missing and may not be.
    MissingValue {
        /// The cell.
        place: Place,
        /// Its text, one of the tokens for missing values.
        found: String,
    },
    /// Every cell of a column is missing.
    NoValues {
        /// The column.
        place: Place,
    },
    /// A category or class that the schema lacks.
    UnknownCategory {
        /// The cell.
        place: Place,
        /// The categories of the schema.
        categories: Vec<String>,
        /// The cell's text.
        found: String,
    },
    /// A classification target has one class only.
    OneClass {
        /// The column.
        place: Place,
        /// The class.
        class: String,
    },
    /// A file to predict from lacks columns of the schema.
    MissingColumns {
        /// The file.
        file: String,
        /// The names that its header lacks.
        columns: Vec<String>,
    },
    /// A data set has too few rows to be split.
    TooFewRows {
        /// The part that would stay empty, or the whole.
        place: String,
        /// The number of rows needed.
        expected: usize,
        /// The number of rows found.
        found: usize,
    },
}

impl DataError {
    /// An [`DataError::Argument`] from anything that displays.
    pub(crate) fn argument(
        place: &str,
        what: &str,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> DataError {
        let (expected, found) = (expected.to_string(), found.to_string());
        DataError::Argument { place: place.to_owned(), what: what.to_owned(), expected, found }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::Argument { place, what, expected, found } => {
                write!(f, "{}: {} should be {expected}, got {}", named(place), shown(what), shown(found))
            }
            DataError::NotFinite { set, sample, feature, found } => {
                write!(f, "{}, sample {sample}, {}: value should be finite, got {found}", named(set), shown(feature))
            }
            DataError::NoFile { file } => write!(f, "{}: file should exist, got none of this name", named(file)),
            DataError::Unreadable { file, reason } => {
                write!(f, "{}: file should be readable, got {}", named(file), shown(reason))
            }
            DataError::Encoding { place, byte } => {
                write!(f, "{place}: text should be valid UTF-8, got byte 0x{byte:02X}")
            }
            DataError::Limit { place, what, limit } => write!(f, "{place}: {what} should be at most {limit}, got more"),
            DataError::BadQuote { place, found } => {
                write!(f, "{place}: quoted field that begins here should end at a closing quote, got {found}")
            }
            DataError::Ragged { place, header, expected, found } => {
                let first = if *header { "header" } else { "first row" };
                write!(f, "{place}: number of fields should be {expected}, as in the {first}, got {found}")
            }
            DataError::NoRows { file } => write!(f, "{}: number of data rows should be at least 1, got 0", named(file)),
            DataError::OneColumn { file, expected, delimiter } => {
                write!(f, "{}: number of columns should be at least {expected}, got 1", named(file))?;
                match delimiter {
                    Some(delimiter) => write!(f, "; is the delimiter {delimiter:?}?"),
                    None => Ok(()),
                }
            }
            DataError::DuplicateColumn { place } => {
                write!(f, "{place}: name of the column should be unique in the header, got it twice")
            }
            DataError::UnknownTarget { file, name, nearest } => {
                let nearest = list(nearest);
                write!(f, "{}: target should be a column, got `{}`; nearest: {nearest}", named(file), shown(name))
            }
            DataError::TargetIndex { file, expected, found } => {
                write!(f, "{}: target should be {expected}, got {}", named(file), shown(found))
            }
            DataError::NotANumber { place, found } => {
                write!(f, "{place}: value should be a finite number, got `{}`", shown(found))
            }
            DataError::MissingValue { place, found } => {
                write!(f, "{place}: value should be present, got `{}`", shown(found))
            }
            DataError::NoValues { place } => {
                write!(f, "{place}: column should have at least 1 value, got only missing ones")
            }
            DataError::UnknownCategory { place, categories, found } => {
                write!(f, "{place}: category should be one of {}, got `{}`", list(categories), shown(found))
            }
            DataError::OneClass { place, class } => {
                write!(f, "{place}: number of classes should be at least 2, got 1 (`{}`)", shown(class))
            }
            DataError::MissingColumns { file, columns } => {
                write!(f, "{}: header should have the columns {}, got none of these names", named(file), list(columns))
            }
            DataError::TooFewRows { place, expected, found } => {
                write!(f, "{}: number of rows should be at least {expected}, got {found}", named(place))
            }
        }
    }
}

impl std::error::Error for DataError {}

/// Text from inside a file as one short line: control characters escaped, cut after 60 characters.
fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => named(&text[..end]) + "…",
        None => named(text),
    }
}

/// The name of a file or data set as one line: control characters escaped, but whole, for the end of a path tells most.
fn named(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        match c {
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

/// Up to five names in a row.
fn list(names: &[String]) -> String {
    let mut line = names.iter().take(5).map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ");
    if names.len() > 5 {
        line.push_str(&format!(" and {} more", names.len() - 5));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_files_stays_one_short_line() {
        let place = Place { file: "a\nb.csv".into(), line: Some(3), column: Some("x".repeat(100)) };
        let message = DataError::NotANumber { place, found: "\u{1b}[2J".into() }.to_string();
        let x = "x".repeat(60);
        assert_eq!(
            message,
            format!("a\\nb.csv, line 3, column {x}…: value should be a finite number, got `\\u{{1b}}[2J`")
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let columns = (0..8).map(|i| format!("c{i}")).collect();
        let message = DataError::MissingColumns { file: "a.csv".into(), columns }.to_string();
        let names = "`c0`, `c1`, `c2`, `c3`, `c4` and 3 more";
        assert_eq!(message, format!("a.csv: header should have the columns {names}, got none of these names"));
    }
}
