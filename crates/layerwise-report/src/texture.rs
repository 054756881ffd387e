//! Textures of heat-map cells that have no color: hatching and dots.

use std::fmt::Write;

use crate::svg::coordinate;

/// Diagonal lines through a rectangle, on a grid shared by all rectangles of the figure.
///
/// Lines and not a `<pattern>`: that needs an id, and ids clash on a page with several figures.
pub(crate) fn hatching(x: f64, y: f64, width: f64, height: f64) -> String {
    const GAP: f64 = 6.0;
    let mut data = String::new();
    // Each line is x + y = sum.
    let mut sum = ((x + y) / GAP).ceil() * GAP;
    while sum < x + y + width + height {
        let left = x.max(sum - y - height);
        let right = (x + width).min(sum - y);
        let [from, to] =
            [(left, sum - left), (right, sum - right)].map(|(px, py)| format!("{} {}", coordinate(px), coordinate(py)));
        let _ = write!(data, "M{from}L{to}");
        sum += GAP;
    }
    data
}

/// Horizontal lines that a dash pattern turns into rows of dots.
pub(crate) fn dot_rows(x: f64, y: f64, width: f64, height: f64) -> String {
    let mut data = String::new();
    let mut row = y + 3.5;
    while row < y + height - 1.0 {
        let _ = write!(data, "M{} {}h{}", coordinate(x + 2.5), coordinate(row), coordinate(width - 3.0));
        row += 5.0;
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hatching_stays_inside_its_rectangle() {
        // Of the lines x + y = 6, 12, 18 the last only touches the corner (9, 9).
        assert_eq!(hatching(1.0, 1.0, 8.0, 8.0), "M1 5L5 1M3 9L9 3");
        assert_eq!(hatching(0.0, 0.0, 0.0, 0.0), "");
        assert_eq!(dot_rows(0.0, 0.0, 10.0, 10.0), "M2.5 3.5h7M2.5 8.5h7");
    }
}
