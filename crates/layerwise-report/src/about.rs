//! What a report must be told besides the numbers: the data, the command and the recipes as text.

use layerwise_data::Task;

/// Texts that a page shows as they are.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Name of the data, such as a file name.
    pub data: &'a str,
    /// What is predicted; it decides what an error is.
    pub task: Task,
    /// The command that gives this page again; none if empty.
    pub command: &'a str,
    /// The recipe as a configuration file.
    pub recipe: &'a str,
    /// The remedied recipe as a configuration file; none if empty.
    pub remedied: &'a str,
}

impl About<'_> {
    /// What the share called error counts.
    pub(crate) fn error(&self) -> &'static str {
        match self.task {
            Task::Classification => "the share of wrong predictions",
            Task::Regression => "1 − R², the share of the variance that is not explained",
        }
    }
}
