//! Data sets: reading CSV files, the handwritten digits, splits, scaling, the order of batches, and generated sets.
//!
//! A data set is a matrix whose COLUMNS ARE SAMPLES: `x` is features × samples, stored by columns, so that one sample
//! is contiguous. Files are read as if an enemy wrote them: every size is checked against a limit before memory is
//! asked for, and every error is one line that names file, line (from 1, as an editor shows it) and column.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batches;
mod csv_table;
mod dataset;
mod digits;
mod error;
mod generate;
mod layout;
mod learn;
mod read_csv;
mod schema;
mod split;
mod standardize;

pub use batches::{Batches, check_batch, epoch_order, fill_order};
pub use dataset::{Dataset, Target, Task};
pub use digits::{DIGITS_SPLIT_SEED, digits, digits_split};
pub use error::{DataError, Place};
pub use generate::blobs::{Blobs, gaussian_blobs, two_blobs, two_blobs_error};
pub use generate::convex::Convex;
pub use generate::curves::Curves;
pub use generate::friedman::{Friedman1, friedman1};
pub use generate::moons::{Circles, Moons, circles, two_moons};
pub use generate::noise::{NoiseLabels, noise_labels};
pub use generate::parity::{Parity, parity, parity_error, xor};
pub use generate::rectangles::Rectangles;
pub use generate::sequences::{
    Addition, ExclusiveOr, Multiplication, Permutation, SequenceGenerator, SequenceGenerators, Sequences, TemporalOrder,
};
pub use generate::shapeset::Shapeset;
pub use generate::spirals::{Spirals, spirals};
pub use generate::teacher::Teacher;
pub use generate::{BestValue, Generator, Generators};
pub use layout::Layout;
pub use read_csv::{CsvOptions, Missing, TargetColumn, Unknown, read_csv, read_csv_from};
pub use schema::{Column, ColumnKind, Rows, Schema, TargetKind};
pub use split::{Fold, Split, k_fold, split, split_rows};
pub use standardize::{Scaler, Scaling, Standardizer};
