//! The one error of building a network: something does not fit, named by its place.

/// Two sizes that should agree and do not, or a size that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShapeError {
    /// Layer and block, as in `hidden2/w`.
    pub place: String,
    /// What is wrong: `columns should be 5, got 6`.
    pub problem: String,
}

impl ShapeError {
    /// An error at `place`.
    pub fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        ShapeError { place: place.into(), problem: problem.into() }
    }

    /// `what should be expected, got got`.
    pub fn mismatch(
        place: impl Into<String>,
        what: &str,
        expected: impl std::fmt::Display,
        got: impl std::fmt::Display,
    ) -> Self {
        ShapeError::new(place, format!("{what} should be {expected}, got {got}"))
    }

    /// The same error inside a larger thing: `outer/place: problem`.
    pub fn within(self, outer: &str) -> Self {
        let place = if self.place.is_empty() { outer.to_owned() } else { format!("{outer}/{}", self.place) };
        ShapeError { place, ..self }
    }
}

impl std::fmt::Display for ShapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ShapeError {}
