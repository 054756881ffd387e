//! Heat maps: a quantity per layer over time, such as the gradient's size.

use crate::axis::{Axis, Scale};
use crate::frame::{Area, RIM, Ruler, WIDTH, X_AXIS_HEIGHT, draw_name, draw_note, draw_title, names_edge};
use crate::palette::{SOFT_INK, sequential};
use crate::svg::{Anchor, Svg};
use crate::terminal::number;
use crate::texture::{dot_rows, hatching};

/// Cells narrower than this many pixels are merged.
const NARROWEST: f64 = 2.0;
/// Number of distinct colors; neighbors of the same color become one rectangle.
const SHADES: f64 = 256.0;

/// A heat map with one row per layer and one column per recorded step.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// Heading, also the accessible name.
    pub title: String,
    /// Horizontal axis, linear in the steps.
    pub x: Axis,
    /// Step or epoch of every column, increasing.
    pub steps: Vec<f64>,
    /// Name of every row, from the top.
    pub rows: Vec<String>,
    /// One vector per row with one value per step; NaN and missing cells are hatched.
    pub values: Vec<Vec<f64>>,
    /// Label, unit, scale and range of the colors.
    pub value: Axis,
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    /// A value, as its shade of the palette.
    Shade(u16),
    /// Zero or a negative number on a logarithmic scale, which has no color.
    Vanished,
    /// NaN, infinite or missing.
    Broken,
}

impl HeatMap {
    /// Draws the heat map as an SVG document.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let top = draw_title(&mut svg, &self.title) + 4.0;
        let row_height = (132.0 / self.rows.len().max(1) as f64).clamp(22.0, 44.0);
        let area = Area {
            left: names_edge(self.rows.iter().map(String::as_str)),
            top,
            right: WIDTH - RIM - 12.0,
            bottom: top + row_height * self.rows.len() as f64,
        };
        let edges = self.column_edges();
        let axis = Axis { scale: Scale::Linear, ..self.x.clone() };
        let x = Ruler::new(&axis, axis.extent(edges.iter().copied()), 8).between(area.left, area.right);
        let values = self.values.iter().flatten().copied();
        let color = Ruler::new(&self.value, self.value.extent(values), 7);

        let mut seen = Vec::new();
        svg.open_clip(area.left, area.top, area.width(), area.height());
        for (index, name) in self.rows.iter().enumerate() {
            let row_top = area.top + row_height * index as f64;
            svg.open_group(&self.describe(name, index));
            for (from, to, cell) in self.merged_cells(index, &edges, &x, &color) {
                draw_cell(&mut svg, (from, row_top), (to - from, row_height), cell);
                seen.push(cell);
            }
            svg.close_group();
        }
        svg.close_clip();
        for (index, name) in self.rows.iter().enumerate() {
            let row_top = area.top + row_height * index as f64;
            draw_name(&mut svg, name, area.left, row_top + 0.5 * row_height);
            if index > 0 {
                let attributes = "stroke=\"#ffffff\" stroke-width=\"1.5\"";
                svg.line((area.left, row_top), (area.right, row_top), attributes);
            }
        }
        let frame = format!("fill=\"none\" stroke=\"{SOFT_INK}\" stroke-width=\"0.75\"");
        svg.rect(area.left, area.top, area.width(), area.height(), &frame);
        x.draw_below(&mut svg, &area, false);
        let key_top = area.bottom + X_AXIS_HEIGHT + 6.0;
        self.draw_key(&mut svg, &area, key_top, color, &seen);
        svg.finish(WIDTH, key_top + 18.0 + X_AXIS_HEIGHT)
    }

    /// Borders between columns, halfway between steps; columns are numbered if steps do not increase.
    fn column_edges(&self) -> Vec<f64> {
        let steps = &self.steps;
        let increasing = steps.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = steps.iter().all(|step| step.is_finite());
        let steps: Vec<f64> =
            if increasing && finite { steps.clone() } else { (0..steps.len()).map(|index| index as f64).collect() };
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            return Vec::new();
        };
        let half = |a: usize, b: usize| match (steps.get(a), steps.get(b)) {
            (Some(low), Some(high)) => 0.5 * (high - low),
            _ => 0.5,
        };
        let mut edges = vec![first - half(0, 1)];
        edges.extend(steps.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
        edges.push(last + half(steps.len().wrapping_sub(2), steps.len() - 1));
        edges
    }

    /// Runs of equal neighboring cells of a row as (left, right, cell) in pixels.
    fn merged_cells(&self, row: usize, edges: &[f64], x: &Ruler, color: &Ruler) -> Vec<(f64, f64, Cell)> {
        let values = self.values.get(row).map_or(&[][..], Vec::as_slice);
        let mut cells: Vec<(f64, f64, Cell)> = Vec::new();
        let mut column = 0;
        while column + 1 < edges.len() {
            let from = x.pixel(edges[column]).unwrap_or(0.0);
            let mut end = column + 1;
            while end + 1 < edges.len() && x.pixel(edges[end]).is_some_and(|to| to - from < NARROWEST) {
                end += 1;
            }
            let to = x.pixel(edges[end]).unwrap_or(from);
            let group = (column..end).map(|i| values.get(i).copied().unwrap_or(f64::NAN));
            let cell = summarize(group, self.value.scale, color);
            match cells.last_mut() {
                Some(last) if last.2 == cell => last.1 = to,
                _ => cells.push((from, to, cell)),
            }
            column = end;
        }
        cells
    }

    /// First and last value of a row, for readers who hover or listen.
    fn describe(&self, name: &str, row: usize) -> String {
        let values = self.values.get(row).map_or(&[][..], Vec::as_slice);
        match (values.first(), values.last()) {
            (Some(&first), Some(&last)) => {
                format!("{name}: {} at first, {} at last", number(first), number(last))
            }
            _ => format!("{name}: no values"),
        }
    }

    /// Draws the color bar, and a swatch for each special cell that occurs.
    fn draw_key(&self, svg: &mut Svg, area: &Area, top: f64, color: Ruler, seen: &[Cell]) {
        let bar = Area { left: area.left, top, right: area.left + 300.0, bottom: top + 14.0 };
        let step = bar.width() / 100.0;
        for index in 0..100 {
            let shade = sequential((f64::from(index) + 0.5) / 100.0);
            let attributes = format!("fill=\"{shade}\" shape-rendering=\"crispEdges\"");
            svg.rect(bar.left + step * f64::from(index), bar.top, step + 0.5, 14.0, &attributes);
        }
        let frame = format!("fill=\"none\" stroke=\"{SOFT_INK}\" stroke-width=\"0.75\"");
        svg.rect(bar.left, bar.top, bar.width(), bar.height(), &frame);
        color.between(bar.left, bar.right).draw_below(svg, &bar, false);

        let notes = [(Cell::Vanished, "zero"), (Cell::Broken, "NaN, infinite or missing")];
        let shown = notes.iter().filter(|(cell, _)| seen.contains(cell));
        let left = bar.right + 36.0;
        for (index, (cell, note)) in shown.enumerate() {
            let y = top + 22.0 * index as f64;
            draw_cell(svg, (left, y), (24.0, 14.0), *cell);
            let frame = format!("fill=\"none\" stroke=\"{SOFT_INK}\" stroke-width=\"0.75\"");
            svg.rect(left, y, 24.0, 14.0, &frame);
            draw_note(svg, (left + 31.0, y + 7.0), Anchor::Start, note);
        }
    }
}

/// The cell that stands for a group of values: their mean color, or the worst among them.
fn summarize(values: impl Iterator<Item = f64>, scale: Scale, color: &Ruler) -> Cell {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        match color.share(value) {
            Some(share) => (sum, count) = (sum + share, count + 1),
            None if scale == Scale::Log10 && value.is_finite() => {}
            None => return Cell::Broken,
        }
    }
    if count == 0 {
        return Cell::Vanished;
    }
    let share = (sum / f64::from(count)).clamp(0.0, 1.0);
    Cell::Shade((share * (SHADES - 1.0)).round() as u16)
}

fn draw_cell(svg: &mut Svg, (x, y): (f64, f64), (width, height): (f64, f64), cell: Cell) {
    let fill = match cell {
        Cell::Shade(shade) => sequential(f64::from(shade) / (SHADES - 1.0)),
        Cell::Vanished | Cell::Broken => "#ffffff".to_owned(),
    };
    let attributes = format!("fill=\"{fill}\" shape-rendering=\"crispEdges\"");
    svg.rect(x, y, width, height, &attributes);
    let thin = format!("fill=\"none\" stroke=\"{SOFT_INK}\" stroke-width=\"0.9\"");
    match cell {
        Cell::Shade(_) => {}
        Cell::Vanished => {
            let dots = format!("{thin} stroke-linecap=\"round\" stroke-dasharray=\"0.1 5\"");
            svg.path(&dot_rows(x, y, width, height), &dots);
        }
        Cell::Broken => svg.path(&hatching(x, y, width, height), &thin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    fn map(steps: Vec<f64>, values: Vec<Vec<f64>>) -> HeatMap {
        HeatMap {
            title: "Gradient <size>".into(),
            x: Axis::linear("epoch"),
            rows: (1..=values.len()).map(|layer| format!("layer & {layer}")).collect(),
            steps,
            values,
            value: Axis::log10("gradient").unit("RMS"),
        }
    }

    #[test]
    fn zero_and_nan_cells_are_told_apart_from_small_ones() {
        let svg = map(vec![0.0, 1.0, 2.0, 3.0], vec![vec![1e-12, 0.0, f64::NAN, 1.0]]).svg();
        assert_well_formed(&svg);
        assert!(svg.contains("#def5e5") && svg.contains("#2e1e3c"));
        assert!(svg.contains(">zero<") && svg.contains(">NaN, infinite or missing<"));
        let sound = map(vec![0.0, 1.0], vec![vec![1.0, 2.0]]).svg();
        assert!(!sound.contains(">zero<") && !sound.contains("missing"));
    }

    #[test]
    fn columns_reach_halfway_to_their_neighbors() {
        let edges = |steps: &[f64]| map(steps.to_vec(), vec![]).column_edges();
        assert_eq!(edges(&[0.0, 10.0, 40.0]), [-5.0, 5.0, 25.0, 55.0]);
        assert_eq!(edges(&[7.0]), [6.5, 7.5]);
        assert_eq!(edges(&[3.0, 3.0]), [-0.5, 0.5, 1.5]);
        assert!(edges(&[]).is_empty());
    }

    #[test]
    fn merging_narrow_cells_never_hides_a_broken_one() {
        let steps: Vec<f64> = (0..20_000).map(f64::from).collect();
        let mut values = vec![1.0; 20_000];
        values[12_345] = f64::NAN;
        let svg = map(steps, vec![values]).svg();
        assert!(svg.contains("missing") && svg.len() < 60_000, "{}", svg.len());
    }

    #[test]
    fn survives_empty_short_and_infinite_data() {
        for values in [vec![], vec![vec![]], vec![vec![f64::INFINITY, 1.0], vec![0.0]]] {
            assert_well_formed(&map(vec![0.0, 1.0], values.clone()).svg());
            assert_well_formed(&map(vec![], values).svg());
        }
    }
}
