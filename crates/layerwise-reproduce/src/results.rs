//! What a reproduction found: Markdown with the published values beside the measured ones, figures, and pass criteria.

use std::fmt::Write;

/// What must hold for a result to count as reproduced.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// What was claimed, in words.
    pub what: String,
    /// What it takes.
    pub wanted: String,
    /// What was measured.
    pub measured: String,
    /// Whether that is enough.
    pub holds: bool,
}

/// What a reproduction gives.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Markdown, criteria not included.
    pub text: String,
    /// Names and texts of the figures, which `text` shows.
    pub figures: Vec<(String, String)>,
    /// What has to hold.
    pub criteria: Vec<Criterion>,
    /// Seconds on a processor of all trainings.
    pub seconds: f64,
}

impl Results {
    /// Adds a criterion.
    pub fn criterion(
        &mut self,
        what: impl Into<String>,
        wanted: impl Into<String>,
        measured: impl Into<String>,
        holds: bool,
    ) {
        let (what, wanted, measured) = (what.into(), wanted.into(), measured.into());
        self.criteria.push(Criterion { what, wanted, measured, holds });
    }

    /// Adds a figure, and a line of the text that shows it.
    pub fn figure(&mut self, file: impl Into<String>, says: &str, svg: String) {
        let file = file.into();
        let _ = writeln!(self.text, "![{says}]({file})\n");
        self.figures.push((file, svg));
    }

    /// Whether all criteria hold.
    pub fn hold(&self) -> bool {
        self.criteria.iter().all(|one| one.holds)
    }

    /// The page, but for its title.
    pub fn page(&self) -> String {
        let mut rows = Vec::new();
        for one in &self.criteria {
            let verdict = if one.holds { "holds" } else { "**fails**" };
            rows.push(vec![one.what.clone(), one.wanted.clone(), one.measured.clone(), verdict.to_owned()]);
        }
        let table = table(&["what", "wanted", "measured", ""], &rows);
        let held = self.criteria.iter().filter(|one| one.holds).count();
        format!("## Pass criteria\n\n{table}\n{held} of {} hold.\n\n{}", rows.len(), self.text.trim_end())
    }
}

/// A table in Markdown.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&mut head.iter().copied());
    text += &format!("|{}\n", "---|".repeat(head.len()));
    for row in rows {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_by_hand() {
        let mut results = Results { text: "Words.\n\n".into(), ..Results::default() };
        results.criterion("a < b", "1 | 2", "3", true);
        assert!(results.hold());
        results.criterion("c", "d", "e", false);
        assert!(!results.hold());
        results.figure("f.svg", "a figure", "<svg/>".into());
        let expected = "## Pass criteria\n\n| what | wanted | measured |  |\n|---|---|---|---|\n\
            | a < b | 1 \\| 2 | 3 | holds |\n| c | d | e | **fails** |\n\n1 of 2 hold.\n\nWords.\n\n![a figure](f.svg)";
        assert_eq!(results.page(), expected);
        assert_eq!(results.figures, [("f.svg".to_owned(), "<svg/>".to_owned())]);
    }
}
