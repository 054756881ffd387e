//! The curvature of a risk: exact products with its Hessian and its Gauss–Newton matrix, and what follows from such products.
//!
//! [`Hessian`] and [`GaussNewton`] are symmetric matrices that are known by their products with vectors. On any such ([`Spectral`])
//! work [`Lanczos`] (extreme eigenvalues), [`Trace`] and [`Density`] (estimates with intervals), and, for small networks, [`Exact`].
//! [`CriticalPoint`] says whether θ is one, and which: the lecture's question about vᵀ∇²f v.
//!
//! Minimizers that take such products: [`SaddleFreeNewton`] and [`LeaveSaddles`] never end at a saddle, [`Kfac`] is for deep nets of
//! dense layers.
#![forbid(unsafe_code)]

mod critical_point;
mod density;
mod escape;
mod exact;
mod gauss_newton;
mod hessian;
mod kfac;
mod kronecker;
mod krylov;
mod lanczos;
mod leave_saddles;
mod lifted;
mod preconditioned;
mod saddle_free_newton;
mod spectral;
mod trace;

pub use critical_point::{CriticalPoint, Escape, Kind, Search};
pub use density::{Density, SpectralDensity};
pub use exact::Exact;
pub use gauss_newton::GaussNewton;
pub use hessian::Hessian;
pub use kfac::{Kfac, KfacState, KfacStep};
pub use kronecker::{Deltas, Kronecker};
pub use lanczos::{Lanczos, Spectrum, Stop, Wanted};
pub use leave_saddles::LeaveSaddles;
pub use preconditioned::{Preconditioned, Preconditioner};
pub use saddle_free_newton::SaddleFreeNewton;
pub use spectral::{CurvatureError, Spectral};
pub use trace::Trace;
