//! Bars of group means with every seed's value and a confidence interval, such as before and after.

use crate::axis::Axis;
use crate::frame::{Area, RIM, Ruler, WIDTH, draw_note, draw_title};
use crate::palette::{BAR, BAR_EDGE, INK};
use crate::statistics::MeanInterval;
use crate::svg::{Anchor, LABEL, Svg};
use crate::terminal::{number, wrap};
use crate::width::{fit, pixel_width};

/// Height of the plot area in pixels.
const HEIGHT: f64 = 240.0;
/// Lines that a group's name may take.
const NAME_LINES: usize = 3;

/// Group means as bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// Heading, also the accessible name.
    pub title: String,
    /// Vertical axis; starts at zero when linear and without a fixed range.
    pub y: Axis,
    /// The groups, from the left.
    pub groups: Vec<Group>,
}

/// One bar: a named group of repeated measurements.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name below the bar.
    pub name: String,
    /// One value per seed.
    pub values: Vec<f64>,
}

impl Bars {
    /// Draws the bars as an SVG document.
    ///
    /// Values that are not finite are left out of the mean and counted below the bar.
    pub fn svg(&self) -> String {
        let mut svg = Svg::new(&self.title);
        let top = draw_title(&mut svg, &self.title) + 40.0;
        let y = Ruler::new(&self.y, self.extent(), 6);
        let area = Area { left: y.left_edge(), top, right: WIDTH - RIM, bottom: top + HEIGHT };
        let y = y.between(area.bottom, area.top);
        y.draw_left(&mut svg, &area);
        let slot = area.width() / self.groups.len().max(1) as f64;
        let mut below = area.bottom + 14.0;
        for (index, group) in self.groups.iter().enumerate() {
            let center = area.left + slot * (index as f64 + 0.5);
            let end = draw_group(&mut svg, group, &y, &area, (center, slot));
            below = below.max(end);
        }
        let axis = format!("stroke=\"{INK}\"");
        svg.line((area.left, area.bottom), (area.right, area.bottom), &axis);
        let note = "heavy line: mean · dots: seeds · whisker: 95% confidence interval of the mean";
        draw_note(&mut svg, (area.left, below + 8.0), Anchor::Start, note);
        svg.finish(WIDTH, below + 8.0 + RIM)
    }

    /// Axis coordinates that show zero, all seeds and all intervals.
    fn extent(&self) -> (f64, f64) {
        let intervals = self.groups.iter().flat_map(|group| {
            let found = MeanInterval::of(&group.values);
            [found.mean - found.half_width, found.mean + found.half_width]
        });
        let seeds = self.groups.iter().flat_map(|group| group.values.iter().copied());
        // On a logarithmic axis zero cannot be shown and drops out by itself.
        let values = seeds.chain(intervals).chain([0.0]);
        self.y.widen(self.y.extent(values), 6)
    }
}

/// Draws one group and returns where the text below it ends.
fn draw_group(svg: &mut Svg, group: &Group, y: &Ruler, area: &Area, (center, slot): (f64, f64)) -> f64 {
    let found = MeanInterval::of(&group.values);
    let half = (0.34 * slot).min(48.0);
    svg.open_group(&format!("{}: {}", group.name, found));
    svg.open_clip(center - 0.5 * slot, area.top - 4.0, slot, area.height() + 4.0);
    if let Some(mean) = y.pixel(found.mean) {
        // A bar's length means something only when it starts at zero.
        if let Some(zero) = y.pixel(0.0).filter(|_| y.holds(0.0)) {
            let attributes = format!("fill=\"{BAR}\"");
            svg.rect(center - half, mean.min(zero), 2.0 * half, (mean - zero).abs(), &attributes);
        }
        let attributes = format!("stroke=\"{BAR_EDGE}\" stroke-width=\"2.5\"");
        svg.line((center - half, mean), (center + half, mean), &attributes);
    }
    draw_whisker(svg, &found, y, (center, half));
    draw_seeds(svg, &group.values, y, (center, half));
    svg.close_clip();
    svg.close_group();
    draw_captions(svg, group, &found, area, (center, slot))
}

/// The confidence interval, left of the bar's middle so that it does not hide the seeds.
fn draw_whisker(svg: &mut Svg, found: &MeanInterval, y: &Ruler, (center, half): (f64, f64)) {
    let ends = [found.mean - found.half_width, found.mean + found.half_width];
    let [Some(low), Some(high)] = ends.map(|end| y.pixel_or_start(end)) else {
        return;
    };
    let x = center - 0.5 * half;
    let stroke = format!("stroke=\"{INK}\" stroke-width=\"1.5\"");
    svg.line((x, low), (x, high), &stroke);
    for end in [low, high] {
        svg.line((x - 5.0, end), (x + 5.0, end), &stroke);
    }
}

/// One dot a seed, side by side in the bar's right half.
fn draw_seeds(svg: &mut Svg, values: &[f64], y: &Ruler, (center, half): (f64, f64)) {
    let step = 0.85 * half / values.len().max(2) as f64;
    for (index, &value) in values.iter().enumerate() {
        if let Some(at) = y.pixel(value) {
            let x = center + 0.05 * half + step * (index as f64 + 0.5);
            let attributes = format!("fill=\"#ffffff\" fill-opacity=\"0.8\" stroke=\"{INK}\" stroke-width=\"1.2\"");
            svg.circle((x, at), 3.0, &attributes);
        }
    }
}

/// The printed values above the plot and the name below it; returns where the latter ends.
fn draw_captions(svg: &mut Svg, group: &Group, found: &MeanInterval, area: &Area, (center, slot): (f64, f64)) -> f64 {
    let (mean, half_width) = found.rounded();
    let mean = shortest(mean, found.mean, slot);
    let bold = "font-weight=\"600\"";
    svg.text((center, area.top - 28.0), Anchor::Middle, bold, &mean);
    let spread = half_width.map(|half_width| format!("± {half_width}"));
    // Among very many bars the whisker alone has to show the interval.
    if let Some(spread) = spread.filter(|spread| pixel_width(spread, LABEL) <= slot) {
        draw_note(svg, (center, area.top - 13.0), Anchor::Middle, &spread);
    }
    let columns = ((slot - 6.0) / (LABEL * 0.61)).max(1.0) as usize;
    let wrapped = wrap(&group.name, columns);
    let mut y = area.bottom + 14.0;
    for line in wrapped.lines().take(NAME_LINES) {
        svg.text((center, y), Anchor::Middle, "", &fit(line, LABEL, slot - 4.0));
        y += 14.0;
    }
    if found.non_finite > 0 {
        let note = format!("{} of {} not finite", found.non_finite, group.values.len());
        for line in wrap(&note, columns.max(6)).lines() {
            draw_note(svg, (center, y), Anchor::Middle, line);
            y += 14.0;
        }
    }
    y
}

/// `text` if it fits `room`, else `value` with fewer digits: a cut number would be a wrong one.
fn shortest(text: String, value: f64, room: f64) -> String {
    // Bold type is wider.
    let fits = |text: &str| pixel_width(text, 1.25 * LABEL) <= room;
    if fits(&text) || !value.is_finite() {
        return text;
    }
    let shorter = number(value);
    if fits(&shorter) {
        return shorter;
    }
    format!("{value:.1e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    fn bars(y: Axis, groups: &[&[f64]]) -> Bars {
        let group = |values: &&[f64]| Group { name: "before & after".into(), values: values.to_vec() };
        Bars { title: "Accuracy".into(), y, groups: groups.iter().map(group).collect() }
    }

    #[test]
    fn prints_means_intervals_seeds_and_losses() {
        let svg = bars(Axis::linear("accuracy"), &[&[1.0, 2.0, 3.0], &[5.0, f64::NAN]]).svg();
        assert_well_formed(&svg);
        // Standard error 1/√3 times t(2) = 4.303.
        assert!(svg.contains("after: 2.0 ± 2.5") && svg.contains(">± 2.5<"));
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("1 of 2 not finite") && svg.contains("after: 5<"));
    }

    #[test]
    fn bars_need_a_visible_zero() {
        let count = |y: Axis| {
            let svg = bars(y, &[&[0.8, 0.9]]).svg();
            svg.matches(&format!("fill=\"{BAR}\"")).count()
        };
        assert_eq!(count(Axis::linear("accuracy")), 1);
        assert_eq!(count(Axis::linear("accuracy").range(0.5, 1.0)), 0);
        assert_eq!(count(Axis::log10("loss")), 0);
    }

    #[test]
    fn survives_empty_and_extreme_groups() {
        let many = vec![&[1e-9, 1e9][..]; 30];
        let single: [&[f64]; 3] = [&[], &[f64::INFINITY], &[-5.0, 0.0]];
        for groups in [&[], &single[..1], &single[1..2], &single[2..], &many] {
            assert_well_formed(&bars(Axis::linear("y"), groups).svg());
            assert_well_formed(&bars(Axis::log10("y"), groups).svg());
        }
    }
}
