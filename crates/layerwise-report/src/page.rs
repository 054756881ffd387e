//! A report as one self-contained HTML file without scripts, fonts or network access.

use std::fmt::Write;

use crate::markup::escape;
use crate::terminal::numeric_columns;

/// Verdict of a headline, shown by sign and word as well as by color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Training is sound, or a remedy works.
    Good,
    /// Something is wrong.
    Bad,
    /// The evidence does not decide.
    Unsure,
}

/// Builder of an HTML page; all text is escaped except the SVG of figures.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// Starts a page whose heading and window title are `title`.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), body: String::new() }
    }

    /// Appends a finding in one sentence.
    pub fn headline(&mut self, sentence: &str, tone: Tone) -> &mut Self {
        let (class, sign, word) = match tone {
            Tone::Good => ("good", "✓", "Good"),
            Tone::Bad => ("bad", "✗", "Problem"),
            Tone::Unsure => ("unsure", "?", "Unsure"),
        };
        self.push(format_args!(
            "<p class=\"headline {class}\"><span class=\"badge\">{sign} {word}</span> {}</p>",
            escape(sentence)
        ))
    }

    /// Appends a paragraph.
    pub fn paragraph(&mut self, text: &str) -> &mut Self {
        self.push(format_args!("<p>{}</p>", escape(text)))
    }

    /// Appends a section heading.
    pub fn section(&mut self, heading: &str) -> &mut Self {
        self.push(format_args!("<h2>{}</h2>", escape(heading)))
    }

    /// Appends a heading within a section.
    pub fn subsection(&mut self, heading: &str) -> &mut Self {
        self.push(format_args!("<h3>{}</h3>", escape(heading)))
    }

    /// Appends short facts, each a term and what is to be said of it.
    pub fn facts(&mut self, facts: &[(&str, String)]) -> &mut Self {
        let mut html = String::from("<dl>\n");
        for (term, text) in facts {
            let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", escape(term), escape(text));
        }
        html.push_str("</dl>");
        self.push(format_args!("{html}"))
    }

    /// Appends a table; columns of numbers are right aligned.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> &mut Self {
        let columns = rows.iter().map(Vec::len).fold(header.len(), usize::max);
        let numeric = numeric_columns(columns, rows);
        let class = |column: usize| {
            if numeric[column] { " class=\"number\"" } else { "" }
        };
        let mut html = String::from("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
        for column in 0..columns {
            let cell = escape(header.get(column).unwrap_or(&""));
            let _ = write!(html, "<th scope=\"col\"{}>{cell}</th>", class(column));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            html.push_str("<tr>");
            for column in 0..columns {
                let cell = row.get(column).map_or("", String::as_str);
                let _ = write!(html, "<td{}>{}</td>", class(column), escape(cell));
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>");
        self.push(format_args!("{html}"))
    }

    /// Appends a figure drawn by this crate with a caption.
    ///
    /// `svg` enters the page as it is: pass only what a plot's `svg()` returned.
    pub fn figure(&mut self, svg: &str, caption: &str) -> &mut Self {
        // Inside HTML the namespace is known; without it no address of any kind stands on the page.
        let svg = svg.replacen(NAMESPACE, "", 1);
        self.push(format_args!(
            "<figure><div class=\"panel\" tabindex=\"0\">{svg}</div>\
             <figcaption>{}</figcaption></figure>",
            escape(caption)
        ))
    }

    /// Appends preformatted text that opens on a click on `summary`.
    pub fn details(&mut self, summary: &str, text: &str) -> &mut Self {
        self.push(format_args!(
            "<details><summary>{}</summary><pre tabindex=\"0\">{}</pre></details>",
            escape(summary),
            escape(text)
        ))
    }

    /// The finished HTML document.
    pub fn render(&self) -> String {
        let title = escape(&self.title);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
             <meta name=\"color-scheme\" content=\"light dark\"/>\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<h1>{title}</h1>\n{}</main>\n</body>\n</html>\n",
            self.body
        )
    }

    fn push(&mut self, html: std::fmt::Arguments) -> &mut Self {
        let _ = writeln!(self.body, "{html}");
        self
    }
}

/// Nothing may be loaded: a report that quotes hostile text still cannot call out.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// What a free-standing SVG file needs and HTML does not.
const NAMESPACE: &str = " xmlns=\"http://www.w3.org/2000/svg\"";

/// Style of the page; figures bring their own white panel, so only text changes in the dark.
const STYLE: &str = include_str!("page.css");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::assert_well_formed;

    #[test]
    fn page_is_well_formed_escaped_and_closed_to_the_network() {
        let mut page = Page::new("<b>Why & how</b>");
        page.headline("It's \"stuck\" <script>alert(1)</script>", Tone::Bad)
            .paragraph("a < b")
            .section("x & y")
            .subsection("1 < 2")
            .facts(&[("seen", "<i>".into())])
            .table(&["layer", "grad"], &[vec!["<i>".into(), "1e-9".into()], vec!["b".into()]])
            .figure("<svg><g/></svg>", "5 > 4")
            .details("raw & <all>", "{\"a\": '<pre>'}\nline");
        let html = page.render();
        assert_well_formed(&html);
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(html.contains(POLICY) && html.contains("name=\"viewport\""));
        assert!(html.contains("<td class=\"number\">1e-9</td>"));
        assert!(html.contains("<svg><g/></svg>") && html.contains("✗ Problem"));
        for banned in ["<script", "<b>", "<i>", "http://", "https://", "url("] {
            assert!(!html.contains(banned), "{banned}");
        }
    }

    #[test]
    fn empty_page_is_a_document() {
        assert_well_formed(&Page::new("").table(&[], &[]).render());
    }
}
