//! Tensor operations of `layerwise`: the scalar types (f32, f64 and dual numbers), windows onto flat memory, the one matrix
//! product, vectorised loops picked at run time, keyed random streams and a team of threads.
//!
//! This is the only crate with `unsafe` code; each use states why it is sound.

pub mod buf;
pub mod dual;
pub mod elementwise;
mod erf;
pub mod gemm;
mod math;
pub mod matrix;
pub mod random;
pub mod scalar;
pub mod simd;
pub mod team;

pub use buf::{Buf, padded};
pub use dual::{Dual, Dual32, Dual64};
pub use gemm::{Op, Write};
pub use matrix::{Mat, MatMut};
pub use random::{Key, Purpose, Rng};
pub use scalar::Scalar;
pub use team::Team;
