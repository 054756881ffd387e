//! Filters: the weights into each unit as a small image, such as what the units of a first layer look for.

use crate::frame::{RIM, WIDTH, X_AXIS_HEIGHT, draw_note, draw_title};
use crate::svg::{Anchor, Svg};

/// Small gray images, one a unit.
#[derive(Clone, Debug)]
pub struct Filters {
    /// Heading, also the accessible name.
    pub title: String,
    /// Pixels of a side of an image.
    pub side: usize,
    /// side² numbers a unit, row after row.
    pub images: Vec<Vec<f64>>,
}

/// Images a line, and the gap between them in pixels.
const ACROSS: usize = 12;
const GAP: f64 = 6.0;

impl Filters {
    /// Draws the images as an SVG document. Each has its own scale: 0 is gray, its largest weight white or black.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let top = draw_title(&mut svg, &self.title) + 4.0;
        let size = (WIDTH - 2.0 * RIM + GAP) / ACROSS as f64 - GAP;
        let pixel = size / self.side.max(1) as f64;
        for (index, image) in self.images.iter().enumerate() {
            let left = RIM + (size + GAP) * (index % ACROSS) as f64;
            let upper = top + (size + GAP) * (index / ACROSS) as f64;
            svg.open_group(&format!("unit {}", index + 1));
            let most = image.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
            for (at, value) in image.iter().take(self.side * self.side).enumerate() {
                let share = if most > 0.0 && most.is_finite() { value / most } else { 0.0 };
                let shade = (127.5 * (1.0 + share)).round() as u8;
                let (x, y) = (left + pixel * (at % self.side) as f64, upper + pixel * (at / self.side) as f64);
                let fill = format!("fill=\"#{shade:02x}{shade:02x}{shade:02x}\" shape-rendering=\"crispEdges\"");
                svg.rect(x, y, pixel, pixel, &fill);
            }
            svg.close_group();
        }
        let lines = self.images.len().div_ceil(ACROSS) as f64;
        let bottom = top + (size + GAP) * lines;
        draw_note(&mut svg, (RIM, bottom + 8.0), Anchor::Start, "white: positive · gray: 0 · black: negative weight");
        svg.finish(WIDTH, bottom + 0.5 * X_AXIS_HEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    #[test]
    fn weights_are_shades_of_their_own_scale() {
        let images = vec![vec![0.0, 2.0, -2.0, 1.0], vec![0.0; 4], vec![f64::NAN; 4]];
        let svg = Filters { title: "f & g".into(), side: 2, images }.svg();
        assert_well_formed(&svg);
        let first: Vec<&str> = svg.lines().filter(|line| line.contains("crispEdges")).take(4).collect();
        for (line, shade) in first.iter().zip(["#808080", "#ffffff", "#000000", "#bfbfbf"]) {
            assert!(line.contains(shade), "{line} should be {shade}");
        }
        assert_eq!(svg.matches("crispEdges").count(), 12);
        assert_well_formed(&Filters { title: String::new(), side: 0, images: Vec::new() }.svg());
    }
}
