//! A small writer of static SVG: shapes go in, one accessible `<svg>` element comes out.

use std::fmt::Write;

use crate::markup::escape;
use crate::palette::INK;

/// Font size of labels in pixels.
pub(crate) const LABEL: f64 = 12.0;
/// Font size of figure titles in pixels.
pub(crate) const TITLE: f64 = 15.0;

/// Which end of a text sits at its position.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG document under construction.
pub(crate) struct Svg {
    title: String,
    body: String,
}

/// A coordinate with at most two decimals; non-finite ones become 0 so the markup stays valid.
pub(crate) fn coordinate(value: f64) -> f64 {
    if value.is_finite() {
        // Adding zero turns -0 into 0.
        (value.clamp(-1e5, 1e5) * 100.0).round() / 100.0 + 0.0
    } else {
        0.0
    }
}

impl Svg {
    /// Starts a document named `title`.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), body: String::new() }
    }

    /// Appends one empty element; `attributes` is trusted markup.
    fn element(&mut self, name: &str, numbers: &[(&str, f64)], attributes: &str) {
        let _ = write!(self.body, "<{name}");
        for (key, value) in numbers {
            let _ = write!(self.body, " {key}=\"{}\"", coordinate(*value));
        }
        let _ = writeln!(self.body, " {attributes}/>");
    }

    /// Appends a rectangle.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, attributes: &str) {
        let numbers = [("x", x), ("y", y), ("width", width.max(0.0)), ("height", height.max(0.0))];
        self.element("rect", &numbers, attributes);
    }

    /// Appends a straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), attributes: &str) {
        let numbers = [("x1", from.0), ("y1", from.1), ("x2", to.0), ("y2", to.1)];
        self.element("line", &numbers, attributes);
    }

    /// Appends a circle.
    pub fn circle(&mut self, center: (f64, f64), radius: f64, attributes: &str) {
        let numbers = [("cx", center.0), ("cy", center.1), ("r", radius)];
        self.element("circle", &numbers, attributes);
    }

    /// Appends a path given by its `d` data; an empty path is left out.
    pub fn path(&mut self, data: &str, attributes: &str) {
        if !data.is_empty() {
            let _ = writeln!(self.body, "<path d=\"{data}\" {attributes}/>");
        }
    }

    /// Appends a line of text, vertically centered on `at`.
    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, attributes: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        // A shift in em instead of `dominant-baseline`, which renderers disagree about.
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" dy=\"0.35em\" text-anchor=\"{anchor}\" {attributes}>{}</text>",
            coordinate(at.0),
            coordinate(at.1),
            escape(text)
        );
    }

    /// Opens a group whose `title` is read out and shown on hovering.
    pub fn open_group(&mut self, title: &str) {
        let _ = writeln!(self.body, "<g><title>{}</title>", escape(title));
    }

    /// Closes the innermost group.
    pub fn close_group(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// Opens a window that clips what follows, without moving the coordinates.
    ///
    /// A nested `<svg>` and not a `clipPath`: that needs an id, and ids clash when one page
    /// holds several figures.
    pub fn open_clip(&mut self, x: f64, y: f64, width: f64, height: f64) {
        let [x, y, width, height] = [x, y, width.max(0.0), height.max(0.0)].map(coordinate);
        let _ = writeln!(
            self.body,
            "<svg x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"{x} {y} {width} {height}\" overflow=\"hidden\">"
        );
    }

    /// Closes the clipping window.
    pub fn close_clip(&mut self) {
        self.body.push_str("</svg>\n");
    }

    /// The finished document on a white panel, so it reads the same on light and dark pages.
    pub fn finish(self, width: f64, height: f64) -> String {
        let title = escape(&self.title);
        let (width, height) = (width.ceil(), height.ceil());
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"{LABEL}\" fill=\"{INK}\">\n\
             <title>{title}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    #[test]
    fn document_is_well_formed_named_and_escaped() {
        let mut svg = Svg::new("a < b & \"c\"");
        svg.open_group("one & two");
        svg.text((f64::NAN, 1.0 / 3.0), Anchor::End, "", "<script>");
        svg.rect(0.0, 0.0, -1.0, f64::INFINITY, "fill=\"#000000\"");
        svg.path("", "");
        svg.close_group();
        let markup = svg.finish(100.0, 49.5);
        assert_well_formed(&markup);
        assert!(markup.contains("aria-label=\"a &lt; b &amp; &quot;c&quot;\""));
        assert!(markup.contains("role=\"img\"") && markup.contains("height=\"50\""));
        assert!(markup.contains("x=\"0\" y=\"0.33\"") && markup.contains("&lt;script&gt;"));
        assert!(!markup.contains("<script") && !markup.contains("<path"));
    }
}
