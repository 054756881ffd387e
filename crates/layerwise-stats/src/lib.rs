//! The statistics that statements rest on: a difference between trainings, an estimated trace, a share of variance.
//!
//! [`Estimate`] is a mean with its standard error and Student's interval; [`paired`] compares the same seeds under two treatments,
//! and [`holm`] corrects for many such comparisons. [`Predictions`] of many models are split into noise, bias and variances.
#![forbid(unsafe_code)]

mod chi_squared;
mod decomposition;
mod estimate;
mod gamma;
mod paired;
mod student;
mod summary;

pub use chi_squared::{chi_squared_quantile, chi_squared_tail, interval_of_squares};
pub use decomposition::{Decomposition, DecompositionError, Part, Predictions};
pub use estimate::{Estimate, Interval};
pub use paired::{Paired, holm, paired};
pub use student::{student_quantile, student_tail};
pub use summary::{deviation, mean, median, quantile};
