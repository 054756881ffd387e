//! Variance by layers at initialization, where units are linear: Var zⁱ = Var x Π n Var W and, backward, Var ∂C/∂s likewise; and the
//! moments over seeds of Q = ‖h_d‖²/‖x‖²: E Q² = (1 + 5/n)ᵈ with He's initialization and rectifiers, (1 + 2/n)ᵈ linear with Lecun's.

use layerwise_activations::{Relu, Tanh};
use layerwise_core::{Activation, Init, Objective, Pass, Pointwise};
use layerwise_layers::Dense;
use layerwise_network::{Builder, Network, Workspace};
use layerwise_stats::Estimate;
use layerwise_tensor::{Key, Mat, Purpose};

use crate::nets::{built, mean_square, normal, squared};
use crate::{Finding, Size};

/// `depth` layers of `width` units with this activation.
fn deep(width: usize, depth: usize, init: Init, activation: impl Activation + Copy + 'static) -> Network {
    let layer = |layers: Builder, _| layers.layer(Dense { init, ..Dense::new(width) }).layer(Pointwise(activation));
    built((0..depth).fold(Builder::new(width), layer))
}

pub fn findings(size: Size) -> Vec<Finding> {
    let mut all = Vec::new();
    let initializations =
        [("Glorot", Init::Glorot, 1.0), ("standard", Init::UniformFanIn, 1.0 / 3.0), ("Lecun", Init::Lecun, 1.0)];
    for (name, init, factor) in initializations {
        by_layer(&mut all, size, name, init, factor);
    }
    moments(&mut all, size);
    all
}

/// Networks on inputs so small that tanh is linear; their targets are outputs plus noise, so that ∂C/∂y is that noise.
fn by_layer(all: &mut Vec<Finding>, size: Size, name: &str, init: Init, factor: f64) {
    const SMALL: f64 = 1e-3;
    const DEPTH: usize = 8;
    let (width, samples, seeds) = size.pick((150, 300, 12), (1000, 1000, 4));
    let network = deep(width, DEPTH, init, Tanh);
    let mut workspace = Workspace::new(&network, samples);
    let x: Vec<f64> = normal(width * samples, 1).iter().map(|x| SMALL * x).collect();
    let noise = normal(width * samples, 2);
    let (forward, backward) = ([DEPTH / 2, DEPTH], [DEPTH / 2, 1]);
    let mut ratios = vec![Vec::new(); 4];
    for seed in 0..seeds {
        let theta = network.init::<f64>(seed);
        let inputs = Mat::new(&x, width, samples);
        network.forward(&theta, inputs, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
        let targets: Vec<f64> = workspace.output().data().iter().zip(&noise).map(|(y, noise)| y - noise).collect();
        let mut grad = vec![0.0; network.n_theta()];
        squared(&network, &mut workspace, (&x, width), (&targets, width)).eval(&theta, &mut grad);
        for (i, layer) in forward.into_iter().enumerate() {
            ratios[i].push(mean_square(workspace.y(2 * layer - 1).data()) / mean_square(&x));
        }
        // The gradient of an average over samples has a factor 1/T everywhere.
        let last = mean_square(workspace.dy(2 * DEPTH - 1).data());
        for (i, layer) in backward.into_iter().enumerate() {
            ratios[2 + i].push(mean_square(workspace.dy(2 * layer - 1).data()) / last);
        }
    }
    for (i, ratios) in ratios.iter().enumerate() {
        let (estimate, layers) =
            (Estimate::of(ratios), [forward[0], forward[1], DEPTH - backward[0], DEPTH - backward[1]][i]);
        let (what, formula) = match i {
            0 | 1 => (format!("Var h after {layers} layers over Var x"), "(n Var W)^d"),
            _ => (format!("Var ∂C/∂h, {layers} layers before the last, over that"), "(n Var W)^(d − k)"),
        };
        let expected = factor.powi(layers as i32);
        // At width 1000 within 2 %; narrower ones, of which there are more, within five standard errors.
        let tolerance = size.pick(5.0 * estimate.error, 0.02 * expected);
        let what = format!("{what}, {name}, width {width}, {seeds} seeds");
        all.push(Finding::absolute(what, formula, estimate.value, expected, tolerance));
    }
}

fn moments(all: &mut Vec<Finding>, size: Size) {
    let (width, depth, seeds) = (20, 5, size.pick(4000, 40_000));
    let mut of = |name: &str, network: &Network, excess: f64, formula: &'static str| {
        let mut workspace = Workspace::new(network, 1);
        let ratios: Vec<f64> = (0..seeds)
            .map(|seed| {
                let (theta, x) = (network.init::<f64>(seed), normal(width, seed + 1_000_000));
                let inputs = Mat::new(&x, width, 1);
                network.forward(&theta, inputs, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
                mean_square(workspace.output().data()) / mean_square(&x)
            })
            .collect();
        let squares: Vec<f64> = ratios.iter().map(|q| q * q).collect();
        for (power, sample, expected) in
            [("Q", &ratios, 1.0), ("Q²", &squares, (1.0 + excess / width as f64).powi(depth as i32))]
        {
            let estimate = Estimate::of(sample);
            let what = format!("E {power} of {depth} layers of {width}, {name}, {seeds} seeds");
            // Four standard errors: by luck once in 16 000.
            all.push(Finding::absolute(what, formula, estimate.value, expected, 4.0 * estimate.error));
        }
    };
    let dense = |init| move |layers: Builder, _: usize| layers.layer(Dense { init, ..Dense::new(width) });
    let linear = built((0..depth).fold(Builder::new(width), dense(Init::Lecun)));
    of("Lecun, linear", &linear, 2.0, "1; (1 + 2/n)^d");
    of("He, rectifier", &deep(width, depth, Init::He, Relu), 5.0, "1; (1 + 5/n)^d");
}
