//! A CSV text in memory (RFC 4180, with any delimiter): decoded, its shape checked, and the place of each cell known.
//!
//! The text is read whole, up to the limit on bytes, and parsed again for each pass over it: no copy of the cells is
//! kept, so that memory is in proportion to the file. Lines are counted only when an error needs one.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use csv::StringRecord;

use crate::error::{DataError, Place};
use crate::read_csv::{CsvOptions, TargetColumn};

/// Rows looked at to detect the delimiter.
const DELIMITER_ROWS: usize = 20;
/// Rows looked at to detect the header.
const HEADER_ROWS: usize = 101;
/// The longest column name: it is repeated in the features of each category.
const MAX_NAME_BYTES: usize = 1000;

/// A CSV text of known delimiter, whose rows all have the same number of fields.
pub(crate) struct Table {
    file: String,
    text: String,
    delimiter: u8,
    /// Whether the first row is a header.
    pub(crate) header: bool,
    /// The name of each column.
    pub(crate) names: Vec<String>,
    /// The number of rows below the header.
    pub(crate) rows: usize,
}

impl Table {
    /// Reads and checks a whole text; the header is detected if `header` is `None`.
    pub(crate) fn open(
        reader: impl Read,
        file: &str,
        header: Option<bool>,
        options: &CsvOptions,
    ) -> Result<Table, DataError> {
        let text = decode(reader, file, options.max_bytes)?;
        let delimiter = options.delimiter.unwrap_or_else(|| detect_delimiter(&text).0);
        if !delimiter.is_ascii() || matches!(delimiter, b'"' | b'\r' | b'\n') {
            let expected = "an ASCII character other than a quote and the ends of lines";
            return Err(DataError::argument(file, "delimiter", expected, format_args!("{:?}", delimiter as char)));
        }
        check_records(&text, delimiter, file, options.max_columns)?;
        let mut table = Table { file: file.to_owned(), text, delimiter, header: false, names: Vec::new(), rows: 0 };
        let head: Vec<StringRecord> = Records::new(&table.text, delimiter).take(HEADER_ROWS).collect();
        let Some(first) = head.first() else {
            return Err(DataError::NoRows { file: file.to_owned() });
        };
        table.header = header.unwrap_or_else(|| is_header(&head, &options.target));
        table.names = first.iter().enumerate().map(|(column, name)| table.name(column, name.trim())).collect();
        if let Some(column) = table.names.iter().position(|name| name.len() > MAX_NAME_BYTES) {
            let place = table.place(first, column);
            return Err(DataError::Limit { place, what: "length of the name in bytes", limit: MAX_NAME_BYTES });
        }
        let mut seen = HashSet::new();
        if let Some(column) = table.names.iter().position(|name| !seen.insert(name)) {
            return Err(DataError::DuplicateColumn { place: table.place(first, column) });
        }
        table.rows = table.count_rows(options.max_rows)?;
        Ok(table)
    }

    /// Calls `f` with the number (from 0) and the fields of each row below the header.
    pub(crate) fn each(
        &self,
        mut f: impl FnMut(usize, &StringRecord) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut records = self.records();
        let mut record = StringRecord::new();
        for row in 0.. {
            if !records.read(&mut record) {
                break;
            }
            f(row, &record)?;
        }
        Ok(())
    }

    /// The place of a cell of a row, counted from 0 below the header.
    pub(crate) fn place_in_row(&self, row: usize, column: usize) -> Place {
        match self.records().nth(row) {
            Some(record) => self.place(&record, column),
            None => Place::column(&self.file, &self.names[column]),
        }
    }

    /// The place of a cell.
    pub(crate) fn place(&self, record: &StringRecord, column: usize) -> Place {
        Place { column: Some(self.names[column].clone()), ..self.line(record, column) }
    }

    /// The error for a table of one column where `expected` are needed, with another delimiter that would give more.
    pub(crate) fn one_column(&self, expected: usize) -> DataError {
        let (better, columns) = detect_delimiter(&self.text);
        let delimiter = (columns > 1).then_some(better as char);
        DataError::OneColumn { file: self.file.clone(), expected, delimiter }
    }

    /// The records below the header.
    fn records(&self) -> Records<'_> {
        let mut records = Records::new(&self.text, self.delimiter);
        if self.header {
            records.next();
        }
        records
    }

    /// The line on which a field begins.
    fn line(&self, record: &StringRecord, column: usize) -> Place {
        // The position is that before any empty lines, which the parser skips.
        let position = record.position().map_or(0, |position| position.byte() as usize);
        let blank = self.text.as_bytes()[position..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let within: usize = record.iter().take(column).map(line_ends).sum();
        Place::line(&self.file, 1 + line_ends(&self.text[..position + blank]) + within)
    }

    /// A column's name.
    fn name(&self, column: usize, cell: &str) -> String {
        if self.header && !cell.is_empty() { cell.to_owned() } else { format!("column_{}", column + 1) }
    }

    /// Counts the rows below the header and checks that all are as wide as the first.
    fn count_rows(&self, limit: usize) -> Result<usize, DataError> {
        let mut rows = 0;
        self.each(|row, record| {
            if record.len() != self.names.len() {
                let (expected, found) = (self.names.len(), record.len());
                return Err(DataError::Ragged { place: self.line(record, 0), header: self.header, expected, found });
            }
            if row == limit {
                return Err(DataError::Limit { place: self.line(record, 0), what: "number of data rows", limit });
            }
            rows = row + 1;
            Ok(())
        })?;
        Ok(rows)
    }
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> Result<(File, String), DataError> {
    let file = path.display().to_string();
    match File::open(path) {
        Ok(reader) => Ok((reader, file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(DataError::NoFile { file }),
        Err(error) => Err(DataError::Unreadable { file, reason: error.to_string() }),
    }
}

/// Whether a trimmed cell is one of the tokens for a missing value: empty, NA, N/A, nan, NaN, null, ?.
pub(crate) fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "NA" | "N/A" | "nan" | "NaN" | "null" | "?")
}

/// Whether a trimmed cell is meant as a number: a number by itself, or without its commas (`1,5` or `1,000`).
pub(crate) fn is_numeric(cell: &str) -> bool {
    cell.parse::<f64>().is_ok() || (cell.contains(',') && cell.replace(',', "").parse::<f64>().is_ok())
}

/// The records of a text that are not blank.
struct Records<'a>(csv::Reader<&'a [u8]>);

impl Records<'_> {
    fn new(text: &str, delimiter: u8) -> Records<'_> {
        let mut builder = csv::ReaderBuilder::new();
        Records(builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes()))
    }

    /// Reads the next record into one that is used again; false at the end.
    fn read(&mut self, record: &mut StringRecord) -> bool {
        // Reading valid UTF-8 from memory, with rows of any width and an ASCII delimiter, has no way to fail.
        while self.0.read_record(record).unwrap_or(false) {
            if record.len() != 1 || !record[0].trim().is_empty() {
                return true;
            }
        }
        false
    }
}

impl Iterator for Records<'_> {
    type Item = StringRecord;

    fn next(&mut self) -> Option<StringRecord> {
        let mut record = StringRecord::new();
        self.read(&mut record).then_some(record)
    }
}

/// Reads a text of at most `limit` bytes, without byte order marks.
fn decode(reader: impl Read, file: &str, limit: usize) -> Result<String, DataError> {
    let mut bytes = Vec::new();
    if let Err(error) = reader.take((limit as u64).saturating_add(1)).read_to_end(&mut bytes) {
        return Err(DataError::Unreadable { file: file.to_owned(), reason: error.to_string() });
    }
    if bytes.len() > limit {
        return Err(DataError::Limit { place: Place::file(file), what: "size in bytes", limit });
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        DataError::Encoding { place: Place::line(file, 1 + line_ends(&before)), byte: error.as_bytes()[valid] }
    })?;
    let marks = text.len() - text.trim_start_matches('\u{feff}').len();
    text.drain(..marks);
    Ok(text)
}

/// The number of line ends: `\n`, `\r\n` or a lone `\r`.
fn line_ends(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |(i, byte): (usize, &u8)| *byte == b'\n' || (*byte == b'\r' && bytes.get(i + 1) != Some(&b'\n'));
    bytes.iter().enumerate().filter(|&at| ends(at)).count()
}

/// The delimiter that gives the first rows the same number of fields, as many as possible, else that which cuts the
/// first row most; and the number of fields of the first row.
fn detect_delimiter(text: &str) -> (u8, usize) {
    let score = |delimiter: u8| {
        let mut widths =
            Spans { text, delimiter, start: 0 }.map_while(Result::ok).map(|span| span.width).take(DELIMITER_ROWS);
        let first = widths.next().unwrap_or(0);
        (first > 1 && widths.all(|width| width == first), first)
    };
    // Of equals the last wins: the comma.
    let best = [b'|', b'\t', b';', b',']
        .map(|delimiter| (score(delimiter), delimiter))
        .into_iter()
        .max_by_key(|(score, _)| *score);
    best.map_or((b',', 0), |((_, width), delimiter)| (delimiter, width))
}

/// Whether the first row is a header: it has the target's name; or it has text, no number, and no cell that recurs
/// below.
fn is_header(head: &[StringRecord], target: &TargetColumn) -> bool {
    let first = &head[0];
    if matches!(target, TargetColumn::Name(name) if first.iter().any(|cell| cell.trim() == name)) {
        return true;
    }
    let recurs = |row: &StringRecord| {
        row.iter().zip(first).any(|(cell, top)| !top.trim().is_empty() && cell.trim() == top.trim())
    };
    first.iter().any(|cell| !is_missing(cell.trim()))
        && !first.iter().any(|cell| is_numeric(cell.trim()))
        && !head[1..].iter().any(recurs)
}

/// Refuses records of too many fields before any is stored, and stray quotes, with which the parser would swallow rows.
fn check_records(text: &str, delimiter: u8, file: &str, max_columns: usize) -> Result<(), DataError> {
    let line = |byte: usize| Place::line(file, 1 + line_ends(&text[..byte]));
    for span in (Spans { text, delimiter, start: 0 }) {
        match span {
            Err((open, found)) => return Err(DataError::BadQuote { place: line(open), found }),
            Ok(span) if span.width > max_columns => {
                return Err(DataError::Limit {
                    place: line(span.start),
                    what: "number of columns",
                    limit: max_columns,
                });
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// A record before it is parsed: its first byte and its number of fields.
struct Span {
    start: usize,
    width: usize,
}

/// The spans of the records of a text that are not blank; or the byte of the opening quote of a field that does not end
/// at its closing quote, and what comes instead.
struct Spans<'a> {
    text: &'a str,
    delimiter: u8,
    start: usize,
}

impl Iterator for Spans<'_> {
    type Item = Result<Span, (usize, &'static str)>;

    fn next(&mut self) -> Option<Self::Item> {
        enum State {
            Start,
            Plain,
            Quoted,
            Closed,
            Padded,
        }
        let bytes = self.text.as_bytes();
        while self.start < bytes.len() {
            let start = self.start;
            let (mut state, mut width, mut open, mut end) = (State::Start, 1, start, bytes.len());
            for (i, &byte) in bytes.iter().enumerate().skip(start) {
                state = match state {
                    State::Quoted if byte == b'"' => State::Closed,
                    State::Quoted => State::Quoted,
                    State::Closed if byte == b'"' => State::Quoted,
                    _ if byte == self.delimiter => {
                        width += 1;
                        State::Start
                    }
                    _ if byte == b'\n' || byte == b'\r' => {
                        end = i;
                        break;
                    }
                    State::Start if byte == b'"' => {
                        open = i;
                        State::Quoted
                    }
                    State::Closed | State::Padded if byte == b' ' || byte == b'\t' => State::Padded,
                    State::Closed | State::Padded => return Some(Err((open, "text after it"))),
                    State::Start | State::Plain => State::Plain,
                };
            }
            // A quoted field has no end of line of its own, so that only the end of the text can leave it open.
            if end == bytes.len() && matches!(state, State::Quoted) {
                return Some(Err((open, "the end of the file")));
            }
            self.start = end + 1;
            if width > 1 || !self.text[start..end].trim().is_empty() {
                return Some(Ok(Span { start, width }));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> Table {
        Table::open(text.as_bytes(), "t.csv", None, &CsvOptions::default()).unwrap()
    }

    #[test]
    fn the_delimiter_is_detected() {
        for (text, delimiter) in [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a\tb c\n1\t2\n", b'\t'),
            ("a|b|c\n1|2|3\n", b'|'),
            ("\"a;x\",b\n1,2\n", b','),
            ("a,b;c\n1,2;3\n", b','),
            ("a\n1\n", b','),
        ] {
            assert_eq!(detect_delimiter(text).0, delimiter, "{text}");
        }
    }

    #[test]
    fn the_header_is_detected() {
        for (text, header) in [
            ("a,b\n1,2\n", true),
            ("1,2\n3,4\n", false),
            (",a\n0,1\n", true),
            ("red,yes\nblue,yes\n", false),
            ("colour,good\nred,yes\nred,no\n", true),
            ("NA,\n1,2\n", false),
        ] {
            assert_eq!(table(text).header, header, "{text}");
        }
        let named = CsvOptions { target: TargetColumn::Name("2020".into()), ..CsvOptions::default() };
        assert!(Table::open("2019,2020\n1,2\n".as_bytes(), "t", None, &named).unwrap().header);
    }

    #[test]
    fn line_numbers_are_those_of_an_editor() {
        let text = "\u{feff}a,b\r\n\r\n\"x\r\ny\",2\r\n \r\n3,4";
        let table = table(text);
        assert_eq!((table.names.as_slice(), table.rows), (&["a".to_owned(), "b".to_owned()][..], 2));
        let mut lines = Vec::new();
        table
            .each(|_, record| {
                lines.push((table.place(record, 0).line, table.place(record, 1).line));
                Ok(())
            })
            .unwrap();
        assert_eq!(lines, [(Some(3), Some(4)), (Some(6), Some(6))]);
    }

    proptest! {
        /// The spans find the records that the parser finds, or a stray quote.
        #[test]
        fn spans_agree_with_the_parser(
            text in "[ab1,;\"\r\n\t \u{feff}é]{0,60}",
            delimiter in prop::sample::select(vec![b',', b';', b'\t']),
        ) {
            let text = text.trim_start_matches('\u{feff}');
            let spans: Result<Vec<Span>, _> = Spans { text, delimiter, start: 0 }.collect();
            if let Ok(spans) = spans {
                let widths: Vec<usize> = spans.iter().map(|span| span.width).collect();
                // A record of nothing but an empty quoted field is blank only to the parser.
                let parsed: Vec<usize> = Records::new(text, delimiter).map(|record| record.len()).collect();
                prop_assert!(widths.len() >= parsed.len());
                if !text.contains('"') {
                    prop_assert_eq!(widths, parsed);
                }
            }
        }
    }

    #[test]
    fn columns_without_a_name_are_numbered() {
        assert_eq!(table(",a\n0,1\n").names, ["column_1", "a"]);
        assert_eq!(table("5,6\n0,1\n").names, ["column_1", "column_2"]);
    }
}
