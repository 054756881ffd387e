//! One program for all tests but that of allocations: it is built and linked once.

#[cfg(feature = "argmin")]
mod argmin;
mod closed_forms;
mod formulas;
mod hessian_free;
mod invariances;
mod pytorch;
mod solvers;
mod state;
