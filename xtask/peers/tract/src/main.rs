//! tract as a worker of `cargo xtask bench --peers`: predictions only.
#![forbid(unsafe_code)]

#[path = "../../../../crates/layerwise-bench/src/worker.rs"]
#[allow(dead_code)]
mod worker;

use tract_onnx::prelude::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;
use worker::{Job, Net};

fn main() -> std::io::Result<()> {
    if worker::threads() > 1 {
        set_default_executor(Executor::multithread(worker::threads()));
    }
    worker::serve("tract 0.23.9 (multithread-mm)", |words| {
        let ["infer", widths, activation, batch, folder] = words else { return Ok(None) };
        let net: Net = format!("{widths} {activation} {batch}").parse()?;
        infer(&net, folder).map(Some).map_err(|e| format!("{e:#}"))
    })
}

/// Predictions of a file whose weights are constants.
fn infer(net: &Net, folder: &str) -> TractResult<Job> {
    let path = format!("{folder}/{}.onnx", net.to_string().replace(' ', "-"));
    let plan = tract_onnx::onnx().model_for_path(path)?.into_optimized()?.into_runnable()?;
    let x: TValue = tract_ndarray::Array2::from_shape_vec((net.batch, net.d_in()), net.data().0)?.into_tensor().into();
    let mut state = plan.spawn()?;
    let mut run = move || -> TractResult<f64> {
        let y = state.run(tvec!(x.clone()))?;
        Ok(f64::from(y[0].to_plain_array_view::<f32>()?[[0, 0]]))
    };
    run()?;
    Ok(Job::new(move || run().unwrap_or(f64::NAN)))
}
