//! Line charts: learning curves with bands, end labels and marked moments.

use crate::axis::{Axis, Scale};
use crate::curve::{band_path, polyline, runs};
use crate::frame::{Area, RIM, Ruler, WIDTH, X_AXIS_HEIGHT, draw_note, draw_title};
use crate::palette::{SOFT_INK, series_color, series_dash};
use crate::svg::{Anchor, LABEL, Svg, coordinate};
use crate::width::{fit, pixel_width};

/// Length of the slanted line from the plot to a dash sample.
const LEAD: f64 = 14.0;
/// Length of the dash sample between the plot and an end label.
const SAMPLE: f64 = 30.0;
/// Least vertical distance between end labels, and between rows of mark labels.
const LABEL_STEP: f64 = 16.0;
/// Longest end label in pixels before it is cut.
const NAME_LIMIT: f64 = 200.0;

/// A line chart of several series.
#[derive(Clone, Debug)]
pub struct LineChart {
    /// Heading, also the accessible name.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
    /// Labelled vertical lines.
    pub marks: Vec<Mark>,
}

/// One line of a chart; points with a coordinate that cannot be shown are gaps.
#[derive(Clone, Debug)]
pub struct Series {
    /// Label at the end of the line.
    pub name: String,
    /// Points (x, y) in drawing order.
    pub points: Vec<(f64, f64)>,
    /// Shaded band as (x, low, high), such as the spread over seeds.
    pub band: Option<Vec<(f64, f64, f64)>>,
    /// Whether every point has a dot: where each was measured by itself.
    pub dots: bool,
}

impl Series {
    /// A series without a band.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, band: None, dots: false }
    }

    /// The same series with a dot at every point.
    pub fn dotted(self) -> Self {
        Self { dots: true, ..self }
    }
}

/// A labelled vertical line, such as the epoch of a diagnosis.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Horizontal position.
    pub at: f64,
    /// Text above the line.
    pub label: String,
}

impl LineChart {
    /// Draws the chart as an SVG document.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let header = draw_title(&mut svg, &self.title);

        let x_extent = self.x.extent(self.x_values());
        let y_extent = self.y.widen(self.y.extent(self.y_values()), 6);
        let labels = self.series.iter().map(|series| pixel_width(&self.end_label(series), LABEL));
        let label_room = labels.fold(0.0, f64::max).min(NAME_LIMIT);
        let height = (LABEL_STEP * self.series.len() as f64).max(280.0);

        let x = Ruler::new(&self.x, x_extent, 8);
        let y = Ruler::new(&self.y, y_extent, 6);
        let (left, right) = (y.left_edge(), WIDTH - RIM - LEAD - SAMPLE - label_room - 5.0);
        let x = x.between(left, right);
        let (top, lanes) = self.mark_lanes(&x, header);
        let area = Area { left, top, right, bottom: top + height };
        let y = y.between(area.bottom, area.top);

        y.draw_left(&mut svg, &area);
        // Slopes on two logarithmic axes are read off the squares.
        x.draw_below(&mut svg, &area, self.x.scale == Scale::Log10);
        for (mark, label_y) in &lanes {
            draw_mark_line(&mut svg, &x, &area, mark, *label_y);
        }
        for (mark, label_y) in &lanes {
            draw_mark_label(&mut svg, &x, mark, *label_y);
        }
        // A little wider than the plot, so that marks on its rim are not cut.
        svg.open_clip(area.left - 5.0, area.top - 5.0, area.width() + 10.0, area.height() + 10.0);
        for (index, series) in self.series.iter().enumerate() {
            let band = series.band.as_deref().unwrap_or_default();
            let attributes = format!("fill=\"{}\" fill-opacity=\"0.16\"", series_color(index));
            svg.path(&band_path(band, &x, &y), &attributes);
        }
        for (index, series) in self.series.iter().enumerate() {
            draw_series(&mut svg, series, index, &x, &y);
        }
        svg.close_clip();
        self.draw_end_labels(&mut svg, &x, &y, &area);
        if self.series.iter().any(breaks_down) {
            let at = (WIDTH - RIM, area.bottom + 33.0);
            draw_note(&mut svg, at, Anchor::End, "× not finite from here on");
        }
        svg.finish(WIDTH, area.bottom + X_AXIS_HEIGHT)
    }

    fn end_label(&self, series: &Series) -> String {
        let shown = |&(x, y): &(f64, f64)| self.x.scale.transform(x).is_some() && self.y.scale.transform(y).is_some();
        if series.points.iter().any(shown) { series.name.clone() } else { format!("{} (no data)", series.name) }
    }

    fn x_values(&self) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|series| &series.points);
        // A point that is a gap still took its step: the axis shows how long training went on.
        points.map(|point| point.0).chain(self.marks.iter().map(|mark| mark.at))
    }

    fn y_values(&self) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|series| &series.points);
        let bands = self.series.iter().filter_map(|series| series.band.as_ref()).flatten();
        points.map(|point| point.1).chain(bands.flat_map(|&(_, low, high)| [low, high]))
    }

    /// Assigns every visible mark a row of labels so that none overlap; returns the plot's top.
    fn mark_lanes<'m>(&'m self, x: &Ruler, header: f64) -> (f64, Vec<(&'m Mark, f64)>) {
        let mut marks: Vec<&Mark> = self.marks.iter().filter(|mark| x.holds(mark.at)).collect();
        // From the right, because labels extend to the right of their lines: a label then never
        // hides the line of a mark placed later, which rises left of it.
        marks.sort_by(|a, b| b.at.total_cmp(&a.at));
        let mut starts: Vec<f64> = Vec::new();
        let placed: Vec<(&Mark, usize)> = marks
            .into_iter()
            .map(|mark| {
                let (start, end) = mark_span(mark, x);
                let free = starts.iter().position(|&used| end + 6.0 < used);
                let lane = free.unwrap_or(starts.len());
                starts.resize(starts.len().max(lane + 1), start);
                starts[lane] = start;
                (mark, lane)
            })
            .collect();
        let top = header + LABEL_STEP * starts.len() as f64 + 4.0;
        // The lowest row first: its labels sit right above the plot.
        let height = |lane: usize| top - LABEL_STEP * (lane as f64 + 0.5);
        (top, placed.into_iter().map(|(mark, lane)| (mark, height(lane))).collect())
    }

    fn draw_end_labels(&self, svg: &mut Svg, x: &Ruler, y: &Ruler, area: &Area) {
        let ends: Vec<Option<(f64, f64)>> = self.series.iter().map(|series| last_point(series, x, y)).collect();
        let wanted: Vec<f64> =
            ends.iter().map(|end| end.map_or(area.bottom, |(_, at)| at.clamp(area.top, area.bottom))).collect();
        let placed = spread(&wanted, LABEL_STEP, area.top, area.bottom);
        for (index, series) in self.series.iter().enumerate() {
            let color = series_color(index);
            let (from, to) = (area.right + LEAD, area.right + LEAD + SAMPLE);
            // A series that stopped early is too far away to be joined to its label.
            if ends[index].is_some_and(|end| end.0 > area.right - 4.0) {
                let faint = format!("stroke=\"{color}\" stroke-opacity=\"0.5\"");
                let start = (area.right + 3.0, wanted[index]);
                svg.line(start, (from, placed[index]), &faint);
            }
            let sample = format!("{} stroke-width=\"1.8\"", stroke(index));
            svg.line((from, placed[index]), (to, placed[index]), &sample);
            let name = fit(&self.end_label(series), LABEL, NAME_LIMIT);
            let attributes = format!("fill=\"{color}\"");
            svg.text((to + 5.0, placed[index]), Anchor::Start, &attributes, &name);
        }
    }
}

/// Horizontal span of a mark's label, kept inside the figure.
fn mark_span(mark: &Mark, x: &Ruler) -> (f64, f64) {
    let at = x.pixel(mark.at).unwrap_or(0.0);
    let width = pixel_width(&mark.label, LABEL).min(WIDTH - 2.0 * RIM);
    let start = (at - 3.0).min(WIDTH - RIM - width);
    (start, start + width)
}

fn draw_mark_line(svg: &mut Svg, x: &Ruler, area: &Area, mark: &Mark, label_y: f64) {
    let at = x.pixel(mark.at).unwrap_or(area.left);
    let dashed = format!("stroke=\"{SOFT_INK}\" stroke-dasharray=\"4 3\"");
    svg.line((at, label_y + 8.0), (at, area.bottom), &dashed);
}

fn draw_mark_label(svg: &mut Svg, x: &Ruler, mark: &Mark, label_y: f64) {
    let (start, end) = mark_span(mark, x);
    let label = fit(&mark.label, LABEL, end - start + 1.0);
    // The halo keeps the line of a mark at the far right readable below a shifted label.
    let halo = "stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\"";
    svg.text((start, label_y), Anchor::Start, halo, &label);
}

fn draw_series(svg: &mut Svg, series: &Series, index: usize, x: &Ruler, y: &Ruler) {
    let color = series_color(index);
    svg.open_group(&series.name);
    let mut lines = String::new();
    for run in runs(&series.points, x, y) {
        if series.dots {
            run.iter().for_each(|&point| svg.circle(point, 2.4, &format!("fill=\"{color}\"")));
        }
        match run[..] {
            [point] if !series.dots => svg.circle(point, 2.0, &format!("fill=\"{color}\"")),
            [_] => {}
            _ => lines.push_str(&polyline(&run)),
        }
    }
    let outline = format!("fill=\"none\" stroke-width=\"1.8\" stroke-linejoin=\"round\" {}", stroke(index));
    svg.path(&lines, &outline);
    if let Some((px, py)) = last_point(series, x, y) {
        let ended = series.points.last().is_some_and(|&(_, value)| !value.is_finite());
        if ended {
            // A cross where the series stops being finite: the moment training broke down.
            let (px, py) = (coordinate(px), coordinate(py));
            let cross = format!("M{px} {py}m-4 -4l8 8m0 -8l-8 8");
            let stroke = format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"");
            svg.path(&cross, &stroke);
        } else {
            svg.circle((px, py), 2.4, &format!("fill=\"{color}\""));
        }
    }
    svg.close_group();
}

/// Stroke color and dash pattern of the series with this index.
fn stroke(index: usize) -> String {
    let (color, dash) = (series_color(index), series_dash(index));
    format!("stroke=\"{color}\" stroke-dasharray=\"{dash}\"")
}

/// Whether the series ends in values that are not finite.
fn breaks_down(series: &Series) -> bool {
    series.points.last().is_some_and(|point| !point.1.is_finite())
}

fn last_point(series: &Series, x: &Ruler, y: &Ruler) -> Option<(f64, f64)> {
    let shown = |&(at, value): &(f64, f64)| Some((x.pixel(at)?, y.pixel(value)?));
    series.points.iter().rev().find_map(shown)
}

/// Moves `wanted` positions apart to at least `step`, keeping their order and the given limits.
fn spread(wanted: &[f64], step: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut placed = wanted.to_vec();
    // Down from the top, then back up from the bottom where that ran over the limit.
    let mut least = low;
    for &index in &order {
        placed[index] = placed[index].max(least);
        least = placed[index] + step;
    }
    let mut most = high;
    for &index in order.iter().rev() {
        placed[index] = placed[index].min(most);
        most = placed[index] - step;
    }
    placed
}

#[cfg(test)]
#[path = "line_chart_tests.rs"]
mod tests;
