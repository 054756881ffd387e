//! SELU keeps mean 0 and variance 1: E selu(z) = 0 and E selu(z)² = 1 for standard normal z; and a wide network with Lecun's
//! initialization stays there.

use layerwise_activations::Selu;
use layerwise_core::{Activation, Init, Pass, Pointwise};
use layerwise_layers::Dense;
use layerwise_network::{Builder, Workspace};
use layerwise_tensor::{Key, Mat, Purpose};

use crate::nets::{built, mean_square, normal};
use crate::{Finding, Size};

/// E f(z) for standard normal z, by Simpson's rule on both sides of the kink at 0.
fn expectation(f: impl Fn(f64) -> f64) -> f64 {
    const HALVES: usize = 4000;
    const REACH: f64 = 10.0;
    let step = REACH / HALVES as f64;
    let density = |z: f64| (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    let weight = |i: usize| match i {
        0 | HALVES => 1.0,
        i if i.is_multiple_of(2) => 2.0,
        _ => 4.0,
    };
    let side = |sign: f64| {
        let at = |i: usize| sign * step * i as f64;
        (0..=HALVES).map(|i| weight(i) * f(at(i)) * density(at(i))).sum::<f64>() * step / 3.0
    };
    side(1.0) + side(-1.0)
}

pub fn findings(size: Size) -> Vec<Finding> {
    let (mean, square) = (expectation(|z| Selu.value(z)), expectation(|z| Selu.value(z).powi(2)));
    let mut all = vec![
        Finding::absolute("E selu(z)", "0", mean, 0.0, 1e-9),
        Finding::absolute("E selu(z)²", "1", square, 1.0, 1e-9),
    ];
    let (width, depth, samples) = (size.pick(300, 1000), size.pick(8, 32), size.pick(100, 200));
    let layer =
        |layers: Builder, _| layers.layer(Dense { init: Init::Lecun, ..Dense::new(width) }).layer(Pointwise(Selu));
    let network = built((0..depth).fold(Builder::new(width), layer));
    let x = normal(width * samples, 1);
    let mut workspace = Workspace::new(&network, samples);
    let inputs = Mat::new(&x, width, samples);
    network.forward(&network.init::<f64>(2), inputs, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
    let y = workspace.output().data();
    let middle = y.iter().sum::<f64>() / y.len() as f64;
    let after = format!("after {depth} layers of {width}");
    all.push(Finding::absolute(format!("mean {after}"), "0", middle, 0.0, 0.1));
    all.push(Finding::absolute(format!("variance {after}"), "1", mean_square(y) - middle * middle, 1.0, 0.1));
    all
}
