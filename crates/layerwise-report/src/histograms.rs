//! Histograms as small multiples: one row per layer over a shared axis.

use std::fmt::Write;

use crate::axis::Axis;
use crate::frame::{Area, RIM, Ruler, WIDTH, X_AXIS_HEIGHT, draw_name, draw_note, draw_title, names_edge};
use crate::palette::{BAR, BAR_EDGE, SOFT_INK};
use crate::svg::{Anchor, Svg, coordinate};
use crate::terminal::percent;

/// Height of one row in pixels.
const ROW: f64 = 44.0;
/// Room for the remark right of each row.
const NOTE_ROOM: f64 = 64.0;

/// Histograms of several layers under each other.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// Heading, also the accessible name.
    pub title: String,
    /// The shared horizontal axis.
    pub x: Axis,
    /// The histograms, from the top.
    pub rows: Vec<HistogramRow>,
}

/// One histogram.
#[derive(Clone, Debug)]
pub struct HistogramRow {
    /// Name left of the row.
    pub name: String,
    /// Bin borders, increasing; one more than there are counts.
    pub edges: Vec<f64>,
    /// Count or weight of each bin.
    pub counts: Vec<f64>,
}

/// A bin ready to draw: left and right pixel, height per pixel of width.
type Bin = (f64, f64, f64);

impl Histograms {
    /// Draws the histograms as an SVG document.
    ///
    /// Bar areas are proportional to counts, and each row is scaled to its own highest bar; the
    /// share of the fullest bin is printed at the right because heights cannot be compared.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let top = draw_title(&mut svg, &self.title) + 16.0;
        let area = Area {
            left: names_edge(self.rows.iter().map(|row| row.name.as_str())),
            top,
            right: WIDTH - RIM - NOTE_ROOM,
            bottom: top + ROW * self.rows.len() as f64,
        };
        let edges = self.rows.iter().flat_map(|row| &row.edges).copied();
        let x = Ruler::new(&self.x, self.x.extent(edges), 8).between(area.left, area.right);
        x.draw_below(&mut svg, &area, true);
        draw_note(&mut svg, (WIDTH - RIM, top - 8.0), Anchor::End, "fullest bin");
        let own = "each row scaled to its own peak";
        draw_note(&mut svg, (area.left, top - 8.0), Anchor::Start, own);
        for (index, row) in self.rows.iter().enumerate() {
            let bottom = top + ROW * (index + 1) as f64;
            draw_name(&mut svg, &row.name, area.left, bottom - 0.35 * ROW);
            let note = (WIDTH - RIM, bottom - 0.35 * ROW);
            match fullest_share(&row.counts) {
                Some(share) if row.edges.len() == row.counts.len() + 1 => {
                    svg.open_clip(area.left, bottom - ROW, area.width(), ROW);
                    svg.open_group(&row.name);
                    draw_bins(&mut svg, &bins(row, &x), bottom);
                    svg.close_group();
                    svg.close_clip();
                    draw_note(&mut svg, note, Anchor::End, &percent(share));
                }
                _ => draw_note(&mut svg, note, Anchor::End, "no data"),
            }
            let line = format!("stroke=\"{SOFT_INK}\" stroke-width=\"0.75\"");
            svg.line((area.left, bottom), (area.right, bottom), &line);
        }
        svg.finish(WIDTH, area.bottom + X_AXIS_HEIGHT)
    }
}

/// Share of all counts that falls in the fullest bin, or `None` without any count.
fn fullest_share(counts: &[f64]) -> Option<f64> {
    let usable = || counts.iter().copied().filter(|count| count.is_finite() && *count > 0.0);
    let total: f64 = usable().sum();
    (total > 0.0).then(|| usable().fold(0.0, f64::max) / total)
}

/// The bins of a row that have a width on paper and a positive count.
fn bins(row: &HistogramRow, x: &Ruler) -> Vec<Bin> {
    row.edges
        .windows(2)
        .zip(&row.counts)
        .filter_map(|(edges, &count)| {
            let (left, right) = (x.pixel(edges[0])?, x.pixel(edges[1])?);
            // A narrower bin would be an invisible, infinitely high spike.
            let right = right.max(left + 0.5);
            (count.is_finite() && count > 0.0).then_some((left, right, count / (right - left)))
        })
        .collect()
}

fn draw_bins(svg: &mut Svg, bins: &[Bin], bottom: f64) {
    let peak = bins.iter().map(|bin| bin.2).fold(0.0, f64::max);
    let mut data = String::new();
    for &(left, right, density) in bins {
        let height = density / peak * (ROW - 7.0);
        let [left, right, top, bottom] = [left, right, bottom - height.max(0.75), bottom].map(coordinate);
        let _ = write!(data, "M{left} {bottom}V{top}H{right}V{bottom}Z");
    }
    let attributes = format!("fill=\"{BAR}\" stroke=\"{BAR_EDGE}\" stroke-width=\"0.75\"");
    svg.path(&data, &attributes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    fn row(edges: &[f64], counts: &[f64]) -> HistogramRow {
        HistogramRow { name: "layer <1>".into(), edges: edges.to_vec(), counts: counts.to_vec() }
    }

    #[test]
    fn bar_areas_are_proportional_to_counts() {
        let axis = Axis::linear("activation");
        let x = Ruler::new(&axis, (0.0, 4.0), 5).between(0.0, 400.0);
        let found = bins(&row(&[0.0, 1.0, 4.0], &[30.0, 90.0]), &x);
        assert_eq!(found, [(0.0, 100.0, 0.3), (100.0, 400.0, 0.3)]);
        assert_eq!(fullest_share(&[1.0, 3.0, f64::NAN, -2.0]), Some(0.75));
    }

    #[test]
    fn survives_empty_mismatched_and_degenerate_rows() {
        let rows = vec![
            row(&[], &[]),
            row(&[0.0, 1.0], &[1.0, 2.0]),
            row(&[0.0, 0.0, 0.0], &[5.0, 5.0]),
            row(&[0.0, f64::INFINITY], &[5.0]),
            row(&[0.0, 1.0], &[f64::NAN]),
        ];
        for x in [Axis::linear("activation"), Axis::log10("|activation|")] {
            let svg = Histograms { title: "h".into(), x, rows: rows.clone() }.svg();
            assert_well_formed(&svg);
            assert_eq!(svg.matches("no data").count(), 3);
        }
        let none = Histograms { title: String::new(), x: Axis::linear(""), rows: vec![] };
        assert_well_formed(&none.svg());
    }
}
