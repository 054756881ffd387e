//! burn (backend flex) as a worker of `cargo xtask bench --peers`.
#![forbid(unsafe_code)]

#[path = "../../../../crates/layerwise-bench/src/worker.rs"]
#[allow(dead_code)]
mod worker;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, loss::CrossEntropyLossConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, SgdConfig};
use burn::tensor::{Device, ElementConversion, Int, Tensor, TensorData, activation};
use worker::{Job, Net};

/// So small that parameters stay where they are.
const RATE: f64 = 1e-9;

#[derive(Module, Debug)]
struct Perceptron {
    layers: Vec<Linear>,
    tanh: bool,
}

impl Perceptron {
    fn new(net: &Net, device: &Device) -> Perceptron {
        let layers = net.layers().map(|(d_in, d_out)| LinearConfig::new(d_in, d_out).init(device)).collect();
        Perceptron { layers, tanh: net.activation == "tanh" }
    }

    fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < self.layers.len() {
                x = if self.tanh { activation::tanh(x) } else { activation::relu(x) };
            }
        }
        x
    }
}

fn main() -> std::io::Result<()> {
    worker::serve("burn 0.22.1 (flex with x86-v4)", |words| {
        let [kind, widths, activation, batch, rest @ ..] = words else { return Ok(None) };
        let net: Net = format!("{widths} {activation} {batch}").parse()?;
        Ok(match (*kind, rest) {
            ("train", ["sgd" | "adam"]) => Some(train(&net, rest[0])),
            ("infer", []) => Some(infer(&net)),
            _ => None,
        })
    })
}

fn data(net: &Net, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let (x, classes) = net.data();
    let classes: Vec<i32> = classes.into_iter().map(|class| class as i32).collect();
    let x = Tensor::from_data(TensorData::new(x, [net.batch, net.d_in()]), device);
    (x, Tensor::from_data(TensorData::new(classes, [net.batch]), device))
}

fn train(net: &Net, optimizer: &str) -> Job {
    let device = Device::flex().autodiff();
    let (x, classes) = data(net, &device);
    let mut model = Some(Perceptron::new(net, &device));
    let loss = CrossEntropyLossConfig::new().init(&device);
    let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
    let mut optimizer = match optimizer {
        "sgd" => SgdConfig::new().with_momentum(Some(momentum)).init(),
        _ => AdamConfig::new().with_epsilon(1e-8).init(),
    };
    let mut step = move || {
        // The optimizer takes the model and gives it back.
        let Some(old) = model.take() else { return f64::NAN };
        let risk = loss.forward(old.forward(x.clone()), classes.clone());
        let gradients = GradientsParams::from_grads(risk.backward(), &old);
        model = Some(optimizer.step(RATE, old, gradients));
        risk.into_scalar::<f32>().elem::<f64>()
    };
    step();
    Job::new(step)
}

fn infer(net: &Net) -> Job {
    let device = Device::flex();
    let (model, (x, _)) = (Perceptron::new(net, &device), data(net, &device));
    Job::new(move || model.forward(x.clone()).slice([0..1, 0..1]).into_scalar::<f32>().elem::<f64>())
}
