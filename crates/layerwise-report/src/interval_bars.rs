//! Horizontal bars with intervals: the parts of an error, each with how far off it may be.

use crate::axis::Axis;
use crate::frame::{Area, RIM, Ruler, WIDTH, X_AXIS_HEIGHT, draw_name, draw_title, names_edge};
use crate::palette::{BAR, BAR_EDGE, INK};
use crate::svg::{Anchor, LABEL, Svg};
use crate::width::pixel_width;

/// Height of one row in pixels.
const ROW: f64 = 28.0;

/// One bar a part, from 0, with a whisker over its interval.
#[derive(Clone, Debug)]
pub struct IntervalBars {
    /// Heading, also the accessible name.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// The parts, from the top.
    pub rows: Vec<IntervalBar>,
}

/// A value with its interval.
#[derive(Clone, Debug)]
pub struct IntervalBar {
    /// Name left of the bar.
    pub name: String,
    /// Where the bar ends.
    pub value: f64,
    /// Ends of the whisker; not drawn where they are not finite.
    pub interval: (f64, f64),
    /// Text behind the bar.
    pub text: String,
}

impl IntervalBars {
    /// Draws the bars as an SVG document.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let top = draw_title(&mut svg, &self.title) + 4.0;
        let room = self.rows.iter().map(|row| pixel_width(&row.text, LABEL)).fold(0.0, f64::max);
        let area = Area {
            left: names_edge(self.rows.iter().map(|row| row.name.as_str())),
            top,
            right: WIDTH - RIM - room - 10.0,
            bottom: top + ROW * self.rows.len() as f64,
        };
        let values = self.rows.iter().flat_map(|row| [row.value, row.interval.0, row.interval.1]);
        let extent = self.x.widen(self.x.extent(values.chain([0.0])), 8);
        let x = Ruler::new(&self.x, extent, 8).between(area.left, area.right);
        x.draw_below(&mut svg, &area, true);
        let zero = x.pixel(0.0).unwrap_or(area.left);
        for (index, row) in self.rows.iter().enumerate() {
            let middle = top + ROW * (index as f64 + 0.5);
            draw_name(&mut svg, &row.name, area.left, middle);
            svg.open_group(&format!("{}: {}", row.name, row.text));
            if let Some(end) = x.pixel(row.value) {
                let attributes = format!("fill=\"{BAR}\" stroke=\"{BAR_EDGE}\" stroke-width=\"0.75\"");
                svg.rect(zero.min(end), middle - 0.33 * ROW, (end - zero).abs(), 0.66 * ROW, &attributes);
            }
            if let (Some(low), Some(high)) = (x.pixel(row.interval.0), x.pixel(row.interval.1)) {
                let stroke = format!("stroke=\"{INK}\" stroke-width=\"1.5\"");
                svg.line((low, middle), (high, middle), &stroke);
                for end in [low, high] {
                    svg.line((end, middle - 5.0), (end, middle + 5.0), &stroke);
                }
            }
            svg.close_group();
            svg.text((area.right + 8.0, middle), Anchor::Start, "", &row.text);
        }
        svg.line((zero, area.top), (zero, area.bottom), &format!("stroke=\"{INK}\""));
        svg.finish(WIDTH, area.bottom + X_AXIS_HEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    fn bar(value: f64, low: f64, high: f64) -> IntervalBar {
        IntervalBar { name: "a <b>".into(), value, interval: (low, high), text: "1 & 2".into() }
    }

    fn drawn(rows: Vec<IntervalBar>) -> String {
        let svg = IntervalBars { title: "t".into(), x: Axis::linear("error"), rows }.svg();
        assert_well_formed(&svg);
        svg
    }

    #[test]
    fn bars_begin_at_zero_and_whiskers_span_the_interval() {
        let svg = drawn(vec![bar(2.0, 1.0, 3.0), bar(-1.0, -2.0, 0.0)]);
        let number = |line: &str, key: &str| -> f64 {
            line.split(&format!("{key}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        let bars: Vec<(f64, f64)> = svg
            .lines()
            .filter(|line| line.contains(BAR))
            .map(|line| (number(line, " x"), number(line, "width")))
            .collect();
        let [(zero, two), (left, one)] = bars[..] else { panic!("{bars:?}") };
        assert!((two - 2.0 * one).abs() < 0.03 && (left + one - zero).abs() < 0.03, "{bars:?}");
        let whiskers: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("stroke-width=\"1.5\""))
            .map(|line| number(line, "x2") - number(line, "x1"))
            .filter(|length| *length > 0.0)
            .collect();
        assert!(whiskers.len() == 2 && whiskers.iter().all(|length| (length - 2.0 * one).abs() < 0.03), "{whiskers:?}");
    }

    #[test]
    fn unknown_intervals_and_no_rows_are_drawn() {
        assert!(!drawn(vec![bar(2.0, f64::NEG_INFINITY, f64::INFINITY)]).contains("stroke-width=\"1.5\""));
        drawn(vec![bar(f64::NAN, f64::NAN, f64::NAN)]);
        drawn(Vec::new());
    }
}
