//! Text for terminals: compact numbers, sparklines, aligned tables and wrapped paragraphs.

use crate::width::display_width;

/// Formats `value` compactly to about three significant digits: 1.23e-7, 0.0123, 12.3, 1234.
///
/// Whole parts below a million are never rounded away, so counts stay exact.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    // The exponent after rounding, so that 9.996 counts as 10.
    let scientific = format!("{value:.2e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value != 0.0 && !(-3..6).contains(&exponent) {
        return format!("{}e{exponent}", trim_zeros(mantissa));
    }
    let decimals = usize::try_from(2 - exponent).unwrap_or(0);
    trim_zeros(&format!("{:.decimals$}", value + 0.0)).to_owned()
}

/// Formats a fraction as a percentage: 0.123 becomes 12.3%.
///
/// Only an exact 0 or 1 reads 0% or 100%; values that would round there read <0.1% or >99.9%.
pub fn percent(fraction: f64) -> String {
    let percentage = 100.0 * fraction;
    if !percentage.is_finite() {
        return number(percentage);
    }
    if fraction > 0.0 && percentage < 0.05 {
        return "<0.1%".to_owned();
    }
    if fraction < 1.0 && percentage >= 99.95 {
        return ">99.9%".to_owned();
    }
    format!("{}%", trim_zeros(&format!("{:.1}", percentage + 0.0)))
}

/// Drops zeros at the end of a decimal fraction.
pub(crate) fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Draws `values` as one line of block characters, one per value; non-finite values are spaces.
pub fn sparkline(values: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f64::INFINITY, f64::min);
    let high = finite().fold(f64::NEG_INFINITY, f64::max);
    values
        .iter()
        .map(|&value| {
            if !value.is_finite() {
                ' '
            } else if low == high {
                BLOCKS[3]
            } else {
                // Halved first, because the difference of two huge values overflows.
                let share = (0.5 * value - 0.5 * low) / (0.5 * high - 0.5 * low);
                BLOCKS[((share * 8.0) as usize).min(7)]
            }
        })
        .collect()
}

/// Lays out a table with two spaces between columns; columns of numbers are right aligned.
///
/// Short rows are padded with empty cells, and control characters become U+FFFD so that a name
/// cannot move the cursor.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).fold(header.len(), usize::max);
    let clean = |cell: &str| cell.replace(char::is_control, "\u{fffd}");
    let grid: Vec<Vec<String>> = std::iter::once(header.iter().map(|cell| clean(cell)).collect())
        .chain(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()))
        .map(|mut row: Vec<String>| {
            row.resize(columns, String::new());
            row
        })
        .collect();
    let widths: Vec<usize> =
        (0..columns).map(|column| grid.iter().map(|row| display_width(&row[column])).max().unwrap_or(0)).collect();
    let numeric = numeric_columns(columns, &grid[1..]);

    let mut text = String::new();
    for (index, row) in grid.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[column] - display_width(cell));
            if column > 0 {
                line.push_str("  ");
            }
            if numeric[column] {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
            text.push_str(rule.join("  ").trim_end());
            text.push('\n');
        }
    }
    text
}

/// Whether each column holds numbers: at least one, and nothing but numbers and blanks.
pub(crate) fn numeric_columns(columns: usize, rows: &[Vec<String>]) -> Vec<bool> {
    (0..columns)
        .map(|column| {
            let cells = || rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.trim());
            let blank = |cell: &str| matches!(cell, "" | "-" | "–" | "—");
            cells().any(is_numeric) && cells().all(|cell| blank(cell) || is_numeric(cell))
        })
        .collect()
}

/// Whether a cell reads as a number: 1.5e-3, 12.3%, <0.1%, ×2, 0.93 ± 0.01, NaN.
fn is_numeric(cell: &str) -> bool {
    let cell = cell.replace('−', "-");
    let mut pieces = cell.split('±').map(|piece| {
        piece.trim().trim_start_matches(['<', '>', '≤', '≥', '~', '×']).trim_end_matches(['%', '×']).trim()
    });
    !cell.is_empty() && pieces.all(|piece| piece.parse::<f64>().is_ok())
}

/// Breaks `text` into lines of at most `width` columns at spaces, keeping its own line breaks.
///
/// A word wider than `width` keeps its own line uncut, so paths and addresses can be copied.
pub fn wrap(text: &str, width: usize) -> String {
    text.split('\n').map(|line| wrap_line(line, width)).collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut used = 0;
    for word in line.split_whitespace() {
        let needed = display_width(word);
        if used > 0 && used + 1 + needed > width {
            wrapped.push('\n');
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += needed;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compact() {
        for (value, expected) in [
            (1.23e-7, "1.23e-7"),
            (0.0123, "0.0123"),
            (12.3, "12.3"),
            (1234.0, "1234"),
            (60000.0, "60000"),
            (9.9996, "10"),
            (999_999.9, "1e6"),
            (-0.5, "-0.5"),
            (-0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
            (5e-324, "4.94e-324"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn percentages_never_round_to_a_false_extreme() {
        let found = [0.0, 0.0001, 0.123, 0.5, 0.9999, 1.0, 1.5].map(percent);
        assert_eq!(found, ["0%", "<0.1%", "12.3%", "50%", ">99.9%", "100%", "150%"]);
    }

    #[test]
    fn sparkline_spans_the_range_and_leaves_gaps() {
        assert_eq!(sparkline(&[0.0, 1.0, f64::NAN, 7.0, 8.0]), "▁▂ ██");
        assert_eq!(sparkline(&[2.0, 2.0]), "▄▄");
        assert_eq!(sparkline(&[-f64::MAX, f64::MAX]), "▁█");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn table_aligns_by_display_width() {
        let rows = [vec!["層1".into(), "1e-3".into()], vec!["dense".into(), "12.5%".into()], vec!["x\u{1b}".into()]];
        let expected = "layer   grad\n─────  ─────\n層1     1e-3\ndense  12.5%\nx\u{fffd}\n";
        assert_eq!(table(&["layer", "grad"], &rows), expected);
        assert_eq!(table(&[], &[]), "\n\n");
    }

    #[test]
    fn tells_columns_of_numbers() {
        let rows = [["1 ± 0.2", "2"], ["—", "two"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(numeric_columns(3, &rows), [true, false, false]);
    }

    #[test]
    fn wraps_at_spaces_only() {
        assert_eq!(wrap("one two three\n\nfour", 8), "one two\nthree\n\nfour");
        assert_eq!(wrap("a /very/long/path b", 6), "a\n/very/long/path\nb");
    }
}
