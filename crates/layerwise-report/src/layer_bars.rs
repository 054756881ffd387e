//! Horizontal bars: one number per layer, such as the share of saturated units.

use crate::axis::Axis;
use crate::frame::{Area, RIM, Ruler, WIDTH, X_AXIS_HEIGHT, draw_name, draw_note, draw_title, names_edge};
use crate::palette::{BAR, BAR_EDGE, INK};
use crate::svg::{Anchor, Svg};
use crate::terminal::{number, percent};

/// Height of one row in pixels.
const ROW: f64 = 24.0;
/// Room for the value printed after the longest bar.
const VALUE_ROOM: f64 = 62.0;

/// One horizontal bar per layer.
#[derive(Clone, Debug)]
pub struct LayerBars {
    /// Heading, also the accessible name.
    pub title: String,
    /// Horizontal axis; starts at zero when linear and without a fixed range.
    pub x: Axis,
    /// Name and value of every layer, from the top.
    pub rows: Vec<(String, f64)>,
}

impl LayerBars {
    /// Draws the bars as an SVG document.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let top = draw_title(&mut svg, &self.title) + 4.0;
        let area = Area {
            left: names_edge(self.rows.iter().map(|row| row.0.as_str())),
            top,
            right: WIDTH - RIM - VALUE_ROOM,
            bottom: top + ROW * self.rows.len() as f64,
        };
        let values = self.rows.iter().map(|row| row.1).chain([0.0]);
        let extent = self.x.widen(self.x.extent(values), 8);
        let x = Ruler::new(&self.x, extent, 8).between(area.left, area.right);
        x.draw_below(&mut svg, &area, true);
        for (index, (name, value)) in self.rows.iter().enumerate() {
            let middle = top + ROW * (index as f64 + 0.5);
            draw_name(&mut svg, name, area.left, middle);
            self.draw_bar(&mut svg, &x, &area, middle, *value);
        }
        if let Some(zero) = x.pixel(0.0).filter(|_| x.holds(0.0)) {
            svg.line((zero, area.top), (zero, area.bottom), &format!("stroke=\"{INK}\""));
        }
        svg.finish(WIDTH, area.bottom + X_AXIS_HEIGHT)
    }

    fn draw_bar(&self, svg: &mut Svg, x: &Ruler, area: &Area, middle: f64, value: f64) {
        let inside = |at: f64| at.clamp(area.left, area.right);
        let zero = x.pixel(0.0).map_or(area.left, inside);
        let label = match self.x.unit.as_str() {
            "%" => percent(value / 100.0),
            _ => number(value),
        };
        let Some(end) = x.pixel(value).map(inside) else {
            draw_note(svg, (zero + 6.0, middle), Anchor::Start, &label);
            return;
        };
        let attributes = format!("fill=\"{BAR}\" stroke=\"{BAR_EDGE}\" stroke-width=\"0.75\"");
        if x.holds(0.0) {
            let (left, width) = (zero.min(end), (end - zero).abs());
            svg.rect(left, middle - 0.36 * ROW, width, 0.72 * ROW, &attributes);
        } else {
            // A bar's length means something only when it starts at zero.
            svg.circle((end, middle), 5.0, &attributes);
        }
        // After the bar's right end even when it is negative, so it cannot run into the names.
        let at = (zero.max(end) + 8.0, middle);
        svg.text(at, Anchor::Start, "", &label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    #[test]
    fn bars_end_at_their_values() {
        let rows = vec![("layer <1>".into(), 50.0), ("b".into(), 100.0), ("c".into(), f64::NAN)];
        let x = Axis::linear("saturated").unit("%").range(0.0, 100.0);
        let svg = LayerBars { title: "t".into(), x, rows }.svg();
        assert_well_formed(&svg);
        let widths: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains(BAR))
            .filter_map(|line| line.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2);
        assert!((widths[1] - 2.0 * widths[0]).abs() < 0.02, "{widths:?}");
        assert!(svg.contains(">50%<") && svg.contains(">NaN<"));
    }

    #[test]
    fn survives_empty_negative_and_out_of_range_values() {
        let values = [-3.0, 0.0, f64::INFINITY, 1e300];
        let rows: Vec<_> = values.map(|value| (String::new(), value)).to_vec();
        for x in [Axis::linear("x"), Axis::log10("x"), Axis::linear("x").range(0.0, 1.0)] {
            for rows in [vec![], rows.clone()] {
                assert_well_formed(&LayerBars { title: "t".into(), x: x.clone(), rows }.svg());
            }
        }
    }
}
