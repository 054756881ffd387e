//! Dots: one number per layer for a few trainings side by side, such as gradients before and after.

use crate::axis::Axis;
use crate::frame::{Area, RIM, Ruler, WIDTH, X_AXIS_HEIGHT, draw_name, draw_note, draw_title, names_edge};
use crate::palette::{GRID, SOFT_INK, series_color};
use crate::svg::{Anchor, LABEL, Svg, coordinate};
use crate::terminal::number;
use crate::width::pixel_width;

/// Height of one row in pixels.
const ROW: f64 = 24.0;

/// One row per layer with one dot per series.
#[derive(Clone, Debug)]
pub struct LayerDots {
    /// Heading, also the accessible name.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Names of the layers, from the top.
    pub layers: Vec<String>,
    /// What is compared; told apart by shape as well as by color.
    pub series: Vec<Dots>,
}

/// One number per layer.
#[derive(Clone, Debug)]
pub struct Dots {
    /// Name in the legend.
    pub name: String,
    /// One value per layer; missing ones and those that the axis cannot show get no dot.
    pub values: Vec<f64>,
}

impl LayerDots {
    /// Draws the dots as an SVG document.
    ///
    /// A value that the axis cannot show, such as zero on a logarithmic one, is printed at the right instead.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let legend = draw_title(&mut svg, &self.title) + 10.0;
        let values = self.series.iter().flat_map(|series| &series.values).copied();
        let extent = self.x.widen(self.x.extent(values), 8);
        let top = legend + 18.0;
        let notes = (0..self.layers.len()).map(|row| pixel_width(&self.missing(row), LABEL));
        let note_room = notes.fold(0.0, f64::max);
        let area = Area {
            left: names_edge(self.layers.iter().map(String::as_str)),
            top,
            right: WIDTH - RIM - note_room.max(16.0),
            bottom: top + ROW * self.layers.len() as f64,
        };
        // Dots at either end of the axis keep off the frame and the names.
        let x = Ruler::new(&self.x, extent, 8).between(area.left + 8.0, area.right - 8.0);
        self.draw_legend(&mut svg, area.left, legend);
        x.draw_below(&mut svg, &area, true);
        for (index, name) in self.layers.iter().enumerate() {
            let middle = top + ROW * (index as f64 + 0.5);
            draw_name(&mut svg, name, area.left, middle);
            self.draw_row(&mut svg, &x, &area, (index, middle));
        }
        svg.finish(WIDTH, area.bottom + X_AXIS_HEIGHT)
    }

    fn draw_legend(&self, svg: &mut Svg, left: f64, y: f64) {
        let mut x = left + 8.0;
        for (index, series) in self.series.iter().enumerate() {
            draw_marker(svg, index, (x, y));
            let color = format!("fill=\"{}\"", series_color(index));
            svg.text((x + 11.0, y), Anchor::Start, &color, &series.name);
            x += pixel_width(&series.name, LABEL) + 36.0;
        }
    }

    fn draw_row(&self, svg: &mut Svg, x: &Ruler, area: &Area, (row, middle): (usize, f64)) {
        svg.line((area.left, middle), (area.right, middle), &format!("stroke=\"{GRID}\""));
        let value = |series: &Dots| series.values.get(row).copied();
        let shown: Vec<f64> =
            self.series.iter().filter_map(value).filter(|&v| x.holds(v)).filter_map(|v| x.pixel(v)).collect();
        let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
        let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if high > low {
            svg.line((low, middle), (high, middle), &format!("stroke=\"{SOFT_INK}\" stroke-width=\"1.2\""));
        }
        for (index, series) in self.series.iter().enumerate() {
            let Some(found) = value(series) else { continue };
            if let Some(at) = x.pixel(found).filter(|_| x.holds(found)) {
                svg.open_group(&note(series, found));
                draw_marker(svg, index, (at, middle));
                svg.close_group();
            }
        }
        draw_note(svg, (WIDTH - RIM, middle), Anchor::End, &self.missing(row));
    }

    /// The values of a row that the axis cannot show, as text.
    fn missing(&self, row: usize) -> String {
        let outside = |value: f64| self.x.range.is_some_and(|(a, b)| value < a.min(b) || value > a.max(b));
        let hidden = |value: f64| self.x.scale.transform(value).is_none() || outside(value);
        let found = |series: &Dots| series.values.get(row).map(|&value| (hidden(value), note(series, value)));
        let notes = self.series.iter().filter_map(found).filter(|(hidden, _)| *hidden);
        notes.map(|(_, note)| note).collect::<Vec<_>>().join(" · ")
    }
}

/// What hovering over a dot shows.
fn note(series: &Dots, value: f64) -> String {
    format!("{}: {}", series.name, number(value))
}

/// A disk, an empty diamond, a square or a cross.
fn draw_marker(svg: &mut Svg, index: usize, (x, y): (f64, f64)) {
    let color = series_color(index);
    let (px, py) = (coordinate(x), coordinate(y));
    match index % 4 {
        0 => svg.circle((x, y), 5.0, &format!("fill=\"{color}\"")),
        1 => {
            let outline = format!("fill=\"#ffffff\" stroke=\"{color}\" stroke-width=\"2\"");
            svg.path(&format!("M{px} {py}m-6 0l6 -6l6 6l-6 6Z"), &outline);
        }
        2 => svg.rect(x - 4.0, y - 4.0, 8.0, 8.0, &format!("fill=\"{color}\"")),
        _ => {
            let stroke = format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"");
            svg.path(&format!("M{px} {py}m-4 -4l8 8m0 -8l-8 8"), &stroke);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    fn dots(values: [&[f64]; 2], x: Axis) -> String {
        let series = |(name, values): (&str, &[f64])| Dots { name: name.into(), values: values.to_vec() };
        let plot = LayerDots {
            title: "Gradient <rms>".into(),
            x,
            layers: vec!["a & b".into(), "c".into()],
            series: ["before", "after"].into_iter().zip(values).map(series).collect(),
        };
        let svg = plot.svg();
        assert_well_formed(&svg);
        svg
    }

    #[test]
    fn every_value_has_a_marker_or_a_note() {
        let svg = dots([&[1e-9, 0.0], &[0.1, f64::NAN]], Axis::log10("gradient"));
        // One disk and one diamond in the legend, one each in the first row.
        assert_eq!((svg.matches("<circle").count(), svg.matches("m-6 0l6").count()), (2, 2));
        assert!(svg.contains("before: 0 · after: NaN"));
    }

    #[test]
    fn survives_empty_and_short_series() {
        for x in [Axis::linear("x"), Axis::log10("x"), Axis::linear("x").range(0.0, 1.0)] {
            dots([&[], &[]], x.clone());
            dots([&[f64::INFINITY, -3.0], &[1e300]], x);
        }
    }
}
