//! Why a trained network is wrong: bias, variance and noise by many trainings; learning curves; and the split of the error into noise,
//! approximation, estimation and optimization.
//!
//! A [`Trainer`] turns rows and a seed into a function: a recipe ([`RecipeTrainer`]), least squares in closed form
//! ([`LeastSquares`]), or your own. A [`Study`] trains it on several training sets from several starts, one training a core, and
//! remembers finished ones in a folder, so that a study that was stopped goes on. What comes out is split by
//! [`layerwise_stats::Predictions`]. Several [`Point`]s that differ in their rows or in their trainer are a learning curve.
//!
//! ```
//! use layerwise_data::{Friedman1, Generator};
//! use layerwise_variance::{Basis, LeastSquares, Measure, Point, Runner, Source, Study};
//!
//! let friedman = Friedman1 { features: 5, noise: 1.0 };
//! let source = Source::Fresh(&friedman);
//! let test = source.draw(Source::TEST, 200, 1)?;
//! let study = Study { source, test: &test, measure: Measure::Squared, seed: 1 };
//! let linear = LeastSquares { basis: Basis::Linear { features: 5 }, ridge: 0.0 };
//! let points = [20, 40, 80].map(|rows| Point { sets: 0..10, ..Point::new(rows, &linear) });
//! let found = study.run(&points, &Runner::default())?;
//! let best = friedman.best().map(|best| study.values_of(&*best));
//! for ensemble in &found {
//!     let split = study.split(ensemble, best.as_deref())?;
//!     println!("{} = {:?}", split.error.value, split.parts);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod kept;
mod least_squares;
mod measure;
mod recipe_trainer;
mod runner;
mod source;
mod study;
mod trainer;

pub use error::VarianceError;
pub use kept::Kept;
pub use least_squares::{Basis, LeastSquares};
pub use measure::Measure;
pub use recipe_trainer::{RecipeTrainer, Restarts};
pub use runner::{Progress, Runner};
pub use source::Source;
pub use study::{Ensemble, Point, Study};
pub use trainer::{By, Fit, Function, Trainer};
