//! A formula beside its measurement.

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Seconds, for the tests.
    Quick,
    /// Minutes, for the table.
    Whole,
}

impl Size {
    /// One of two.
    pub fn pick<T>(self, quick: T, whole: T) -> T {
        match self {
            Size::Quick => quick,
            Size::Whole => whole,
        }
    }
}

/// A measured number, what theory says of it, and how far apart they may be.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was measured, and where.
    pub what: String,
    /// The formula.
    pub formula: &'static str,
    /// The measured value.
    pub measured: f64,
    /// By the formula.
    pub expected: f64,
    /// Bound on |measured − expected|.
    pub tolerance: f64,
}

impl Finding {
    /// Within `share` of the formula.
    pub fn relative(
        what: impl Into<String>,
        formula: &'static str,
        measured: f64,
        expected: f64,
        share: f64,
    ) -> Finding {
        Finding { what: what.into(), formula, measured, expected, tolerance: share * expected.abs() }
    }

    /// Within `tolerance` of it.
    pub fn absolute(
        what: impl Into<String>,
        formula: &'static str,
        measured: f64,
        expected: f64,
        tolerance: f64,
    ) -> Finding {
        Finding { what: what.into(), formula, measured, expected, tolerance }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        (self.measured - self.expected).abs() <= self.tolerance
    }
}
