//! Classic results on why training deep networks is hard, regenerated on generated data: the program behind `cargo xtask reproduce`.
//!
//! A classic is a file with one function from [`Trainings`], which keeps what is finished, to [`Results`]: tables with the published
//! values beside the measured ones, figures, and the criteria that decide whether it counts as reproduced; and a line in [`CLASSICS`].
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod glorot;
mod rectangles;
mod results;
mod trainings;

pub use results::{Criterion, Results, table};
pub use trainings::{Finished, Training, Trainings};

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// The whole, or a short look.
    pub size: Size,
    /// Seeds of each network; as the classic says, if absent.
    pub seeds: Option<u64>,
}

/// The whole, or a short look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Seconds or minutes: everything is done once, nothing can be concluded.
    Quick,
    /// Within an hour on two cores.
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

/// A name, a title, and the function that does it.
pub type Classic = (&'static str, &'static str, fn(&Trainings, Effort) -> Result<Results, String>);

/// All of them.
pub const CLASSICS: &[Classic] = &[
    ("glorot", "Activation and initialization on Shapeset-3×2 (Glorot and Bengio 2010)", glorot::run),
    ("rectangles", "Pre-training on rectangles (Larochelle et al. 2007, Vincent et al. 2008)", rectangles::run),
];

/// A share in percent.
fn percent(share: f64) -> String {
    percents(100.0 * share)
}

/// A number of percents.
fn percents(number: f64) -> String {
    format!("{number:.2} %")
}
