//! The parts every figure shares: wrapped title, plot area, rulers, axes and grid lines.

use crate::axis::Axis;
use crate::palette::{GRID, SOFT_INK};
use crate::svg::{Anchor, LABEL, Svg, TITLE};
use crate::terminal::wrap;
use crate::width::{fit, pixel_width};

/// Width of every figure in pixels.
pub(crate) const WIDTH: f64 = 760.0;
/// Blank rim around the figure.
pub(crate) const RIM: f64 = 14.0;
/// Height of a horizontal axis with tick labels and caption.
pub(crate) const X_AXIS_HEIGHT: f64 = 46.0;
/// Longest row name in pixels before it is cut.
const NAME_LIMIT: f64 = 190.0;

/// Draws the figure's title and returns the height it takes.
pub(crate) fn draw_title(svg: &mut Svg, title: &str) -> f64 {
    let characters = (WIDTH - 2.0 * RIM) / (TITLE * 0.62);
    let mut y = RIM + 0.5 * TITLE;
    for line in wrap(title, characters as usize).lines() {
        let attributes = format!("font-size=\"{TITLE}\" font-weight=\"600\"");
        svg.text((RIM, y), Anchor::Start, &attributes, line);
        y += TITLE * 1.3;
    }
    y + 2.0
}

/// The rectangle that data is drawn in.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Maps values of an axis to pixels.
pub(crate) struct Ruler<'a> {
    axis: &'a Axis,
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    target: usize,
}

impl<'a> Ruler<'a> {
    /// A ruler showing axis coordinates `extent` with about `target` labelled ticks.
    pub fn new(axis: &'a Axis, extent: (f64, f64), target: usize) -> Self {
        Self { axis, low: extent.0, high: extent.1, start: 0.0, end: 1.0, target }
    }

    /// The same ruler laid from pixel `start` to pixel `end`.
    pub fn between(self, start: f64, end: f64) -> Self {
        Self { start, end, ..self }
    }

    /// Pixel of `value`, or `None` where the axis cannot show it.
    pub fn pixel(&self, value: f64) -> Option<f64> {
        self.axis.scale.transform(value).map(|at| self.place(at))
    }

    /// Pixel of `value`, those below a logarithmic axis falling on its start.
    pub fn pixel_or_start(&self, value: f64) -> Option<f64> {
        self.pixel(value).or_else(|| value.is_finite().then_some(self.start))
    }

    /// Share of the ruler at which `value` lies: 0 at its start, 1 at its end.
    pub fn share(&self, value: f64) -> Option<f64> {
        let at = self.axis.scale.transform(value)?;
        Some((at - self.low) / (self.high - self.low))
    }

    /// Whether `value` lies on the ruler.
    pub fn holds(&self, value: f64) -> bool {
        self.share(value).is_some_and(|share| (-1e-9..=1.0 + 1e-9).contains(&share))
    }

    fn place(&self, at: f64) -> f64 {
        self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Width of the widest tick label.
    pub fn label_width(&self) -> f64 {
        let ticks = self.axis.ticks(self.low, self.high, self.target);
        ticks.major.iter().map(|(_, label)| pixel_width(label, LABEL)).fold(0.0, f64::max)
    }

    /// Draws the ruler as the horizontal axis below `area`, with grid lines when asked.
    pub fn draw_below(&self, svg: &mut Svg, area: &Area, grid: bool) {
        let ticks = self.axis.ticks(self.low, self.high, self.target);
        let soft = format!("stroke=\"{SOFT_INK}\"");
        for &at in &ticks.minor {
            let x = self.place(at);
            svg.line((x, area.bottom), (x, area.bottom + 3.0), &soft);
        }
        let mut free_from = f64::NEG_INFINITY;
        for (at, label) in &ticks.major {
            let x = self.place(*at);
            if grid {
                svg.line((x, area.top), (x, area.bottom), &format!("stroke=\"{GRID}\""));
            }
            svg.line((x, area.bottom), (x, area.bottom + 5.0), &soft);
            // Ticks of narrow logarithmic ranges crowd toward the end: their labels are left out.
            let half = 0.5 * pixel_width(label, LABEL);
            if x - half < free_from {
                continue;
            }
            free_from = x + half + 4.0;
            let attributes = format!("fill=\"{SOFT_INK}\"");
            svg.text((x, area.bottom + 14.0), Anchor::Middle, &attributes, label);
        }
        svg.line((area.left, area.bottom), (area.right, area.bottom), &soft);
        let caption = fit(&self.axis.caption(), LABEL, area.width());
        let middle = 0.5 * (area.left + area.right);
        svg.text((middle, area.bottom + 33.0), Anchor::Middle, "", &caption);
    }

    /// Draws the ruler as the vertical axis left of `area`, with grid lines.
    pub fn draw_left(&self, svg: &mut Svg, area: &Area) {
        let ticks = self.axis.ticks(self.low, self.high, self.target);
        let soft = format!("stroke=\"{SOFT_INK}\"");
        for &at in &ticks.minor {
            let y = self.place(at);
            svg.line((area.left - 3.0, y), (area.left, y), &soft);
        }
        for (at, label) in &ticks.major {
            let y = self.place(*at);
            svg.line((area.left, y), (area.right, y), &format!("stroke=\"{GRID}\""));
            svg.line((area.left - 5.0, y), (area.left, y), &soft);
            let attributes = format!("fill=\"{SOFT_INK}\"");
            svg.text((area.left - 8.0, y), Anchor::End, &attributes, label);
        }
        svg.line((area.left, area.top), (area.left, area.bottom), &soft);
        let caption = fit(&self.axis.caption(), LABEL, area.height() + 40.0);
        let (x, y) = (RIM + 0.5 * LABEL, 0.5 * (area.top + area.bottom));
        let turned = format!("transform=\"rotate(-90 {x:.1} {y:.1})\"");
        svg.text((x, y), Anchor::Middle, &turned, &caption);
    }

    /// Left edge of the plot area that leaves room for this ruler as the vertical axis.
    pub fn left_edge(&self) -> f64 {
        RIM + LABEL + 10.0 + self.label_width() + 8.0
    }
}

/// Left edge of the plot area that leaves room for row names.
pub(crate) fn names_edge<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let widest = names.map(|name| pixel_width(name, LABEL)).fold(0.0, f64::max);
    RIM + widest.min(NAME_LIMIT) + 10.0
}

/// Draws a row's name left of `edge`, cut to fit.
pub(crate) fn draw_name(svg: &mut Svg, name: &str, edge: f64, y: f64) {
    let name = fit(name, LABEL, NAME_LIMIT);
    svg.text((edge - 8.0, y), Anchor::End, "", &name);
}

/// Draws a remark in soft ink.
pub(crate) fn draw_note(svg: &mut Svg, at: (f64, f64), anchor: Anchor, note: &str) {
    let attributes = format!("font-size=\"11\" fill=\"{SOFT_INK}\"");
    svg.text(at, anchor, &attributes, note);
}
