//! Work whose instructions are counted (`cargo xtask instructions`): noise of the machine does not touch a count.

use std::hint::black_box;

use layerwise_tensor::{Buf, Scalar, elementwise};

use crate::worker::{Job, Net};
use crate::{infer, products, train};

/// What is counted, by name.
pub const COUNTED: [&str; 9] = [
    "train-a-sgd",
    "train-a-adam",
    "infer-a-1",
    "products-a",
    "products-256",
    "exp-f32",
    "tanh-f32",
    "sigmoid-f32",
    "tanh-f64",
];

/// Does the work of this name, twice: first to warm up, then within [`counted`].
///
/// Errors: a name that is not in [`COUNTED`].
pub fn count(name: &str) -> Result<(), String> {
    let tiny = |batch: usize| format!("64-64-32-10 relu {batch}").parse::<Net>();
    let mut job = match name {
        "train-a-sgd" => train(&tiny(32)?, "sgd")?,
        "train-a-adam" => train(&tiny(32)?, "adam")?,
        "infer-a-1" => infer(&tiny(1)?)?,
        "products-a" => products(&tiny(32)?),
        "products-256" => products(&"256-256-256 relu 64".parse()?),
        "exp-f32" => map::<f32>(Scalar::exp),
        "tanh-f32" => map::<f32>(Scalar::tanh),
        "sigmoid-f32" => map::<f32>(Scalar::sigmoid),
        "tanh-f64" => map::<f64>(Scalar::tanh),
        _ => return Err(format!("name should be one of {}, got `{name}`", COUNTED.join(", "))),
    };
    (job.run)();
    black_box(counted(&mut job));
    Ok(())
}

/// The part that counts.
#[inline(never)]
pub fn counted(job: &mut Job) -> f64 {
    (job.run)()
}

/// A function of 4096 numbers.
fn map<S: Scalar>(f: impl Fn(S) -> S + Copy + Sync + 'static) -> Job {
    let mut x = Buf::<S>::zeros(4096);
    for (i, x) in x.iter_mut().enumerate() {
        *x = S::of(i as f64 / 512.0 - 4.0);
    }
    let mut y = x.clone();
    Job::new(move || {
        elementwise::map(&mut y, &x, f);
        y[7].value()
    })
}
