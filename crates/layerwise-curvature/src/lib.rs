//! The curvature of a risk: exact products with its Hessian and its Gauss–Newton matrix, and what follows from such products.
//!
//! [`Hessian`] and [`GaussNewton`] are a [`Curvature`]: a symmetric matrix that is known by its products with vectors. On any of them
//! work [`Lanczos`] (extreme eigenvalues), [`Trace`] and [`Density`] (estimates with intervals), and, for small networks, [`Exact`].
//! [`CriticalPoint`] says whether θ is one, and which: the lecture's question about vᵀ∇²f v.
#![forbid(unsafe_code)]

mod critical_point;
mod curvature;
mod density;
mod exact;
mod gauss_newton;
mod hessian;
mod krylov;
mod lanczos;
mod lifted;
mod trace;

pub use critical_point::{CriticalPoint, Escape, Kind, Search};
pub use curvature::{Curvature, CurvatureError};
pub use density::{Density, SpectralDensity};
pub use exact::Exact;
pub use gauss_newton::GaussNewton;
pub use hessian::Hessian;
pub use lanczos::{Lanczos, Spectrum, Stop, Wanted};
pub use trace::Trace;
