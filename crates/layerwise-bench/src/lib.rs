//! What `layerwise` is measured by: four nets, and jobs on them that are built through the public interface as a user would
//! build them. The criterion benchmarks here and the comparison with other libraries (`cargo xtask bench --peers`, whose worker is
//! the program of this crate) run the same jobs.
#![forbid(unsafe_code)]

pub mod counted;
mod curvature;
mod fit;
mod jobs;
pub mod worker;

pub use counted::COUNTED;
pub use fit::export;
pub use jobs::{infer, prepare, products, train};
pub use worker::{Job, Net};

/// The nets by name: tiny, small, large, and deep.
pub const NETS: [(&str, &str); 4] = [
    ("a", "64-64-32-10 relu 32"),
    ("b", "784-512-512-10 relu 128"),
    ("c", "784-2048-2048-2048-10 relu 512"),
    ("d", "784-256-256-256-256-256-256-256-256-256-256-10 tanh 64"),
];

/// The net of a name.
///
/// Errors: there is none.
pub fn net(name: &str) -> Result<Net, String> {
    let found = NETS.iter().find(|(known, _)| *known == name);
    found.ok_or_else(|| format!("net should be a, b, c or d, got `{name}`"))?.1.parse()
}

/// The optimizers by name: heavy ball, and Adam.
pub const OPTIMIZERS: [&str; 2] = ["sgd", "adam"];
