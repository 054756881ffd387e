//! Tensor operations of `layerwise`: the scalar types (f32, f64 and dual numbers), windows onto flat memory, the one matrix
//! product, vectorized loops picked at run time, keyed random streams and a team of threads.
//!
//! Two more scalar types judge the others: [`DoubleDouble`] knows the result to 100 bits, and [`Bounded`] carries a rigorous
//! bound on the rounding error of f32 or f64; [`trace`] records their comparisons.
//!
//! This is the only crate with `unsafe` code; each use states why it is sound.

pub mod bounded;
pub mod buf;
pub mod double_double;
pub mod dual;
pub mod dual_gemm;
pub mod elementwise;
mod erf;
mod float;
pub mod gemm;
mod math;
pub mod matrix;
pub mod orthogonal;
pub mod random;
pub mod scalar;
pub mod simd;
pub mod team;
pub mod trace;

pub use bounded::Bounded;
pub use buf::{Buf, padded};
pub use double_double::DoubleDouble;
pub use dual::{Dual, Dual32, Dual64};
pub use dual_gemm::{Evaluation, Gradient, Known, Tape};
pub use gemm::{Op, Write};
pub use matrix::{Mat, MatMut};
pub use random::{Key, Purpose, Rng};
pub use scalar::Scalar;
pub use team::Team;
