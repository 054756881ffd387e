//! candle as a worker of `cargo xtask bench --peers`.
#![forbid(unsafe_code)]

#[path = "../../../../crates/layerwise-bench/src/worker.rs"]
#[allow(dead_code)]
mod worker;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, loss};
use worker::{Job, Net};

/// So small that parameters stay where they are.
const RATE: f64 = 1e-9;

fn main() -> std::io::Result<()> {
    worker::serve("candle 0.11.1 (gemm with x86-v4)", |words| {
        let [kind, widths, activation, batch, rest @ ..] = words else { return Ok(None) };
        let net: Net = format!("{widths} {activation} {batch}").parse()?;
        let job = match (*kind, rest) {
            // Plain descent: the SGD of candle-nn has no momentum, and does less work than the others.
            ("train", ["sgd"]) => train(&net, |parameters| SGD::new(parameters, RATE)),
            ("train", ["adam"]) => {
                let options = ParamsAdamW { lr: RATE, weight_decay: 0.0, ..ParamsAdamW::default() };
                train(&net, |parameters| AdamW::new(parameters, options))
            }
            ("infer", []) => infer(&net),
            _ => return Ok(None),
        };
        job.map(Some).map_err(|e| e.to_string())
    })
}

/// The net on its batch.
struct Setting {
    /// Weights (outputs × inputs) and biases.
    layers: Vec<(Tensor, Tensor)>,
    /// The same, as what is trained; empty for predictions, so that nothing is recorded for a backward pass.
    parameters: Vec<Var>,
    tanh: bool,
    x: Tensor,
    classes: Tensor,
}

impl Setting {
    fn new(net: &Net, trained: bool) -> Result<Setting> {
        let device = Device::Cpu;
        let mut parameters = Vec::new();
        let mut block = |tensor: Tensor| -> Result<Tensor> {
            if !trained {
                return Ok(tensor);
            }
            parameters.push(Var::from_tensor(&tensor)?);
            Ok(parameters[parameters.len() - 1].as_tensor().clone())
        };
        let mut layers = Vec::new();
        for (d_in, d_out) in net.layers() {
            let weight = block(Tensor::from_vec(Net::weights(d_in, d_out), (d_out, d_in), &device)?)?;
            layers.push((weight, block(Tensor::zeros(d_out, DType::F32, &device)?)?));
        }
        let (x, classes) = net.data();
        Ok(Setting {
            layers,
            parameters,
            tanh: net.activation == "tanh",
            x: Tensor::from_vec(x, (net.batch, net.d_in()), &device)?,
            classes: Tensor::from_vec(classes, net.batch, &device)?,
        })
    }

    fn forward(&self) -> Result<Tensor> {
        let mut x = self.x.clone();
        for (i, (weight, bias)) in self.layers.iter().enumerate() {
            // As candle_nn::Linear.
            x = x.matmul(&weight.t()?)?.broadcast_add(bias)?;
            if i + 1 < self.layers.len() {
                x = if self.tanh { x.tanh()? } else { x.relu()? };
            }
        }
        Ok(x)
    }
}

fn train<O: Optimizer + 'static>(net: &Net, optimizer: impl FnOnce(Vec<Var>) -> Result<O>) -> Result<Job> {
    let setting = Setting::new(net, true)?;
    let mut optimizer = optimizer(setting.parameters.clone())?;
    let mut step = move || -> Result<f64> {
        let risk = loss::cross_entropy(&setting.forward()?, &setting.classes)?;
        optimizer.backward_step(&risk)?;
        Ok(f64::from(risk.to_scalar::<f32>()?))
    };
    step()?;
    Ok(Job::new(move || step().unwrap_or(f64::NAN)))
}

fn infer(net: &Net) -> Result<Job> {
    let setting = Setting::new(net, false)?;
    let run = move || -> Result<f64> { Ok(f64::from(setting.forward()?.get(0)?.get(0)?.to_scalar::<f32>()?)) };
    run()?;
    Ok(Job::new(move || run().unwrap_or(f64::NAN)))
}
