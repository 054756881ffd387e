//! What second order costs: products as multiples of one gradient in the same precision, interleaved, on a wide and on a deep
//! network, on 1 and 2 threads; and how many products the largest eigenvalues take.
//!
//! `cargo run --release -p layerwise-curvature --example second_order`
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use layerwise_activations::{Relu, Tanh};
use layerwise_core::{Number, Objective, Pass, Pointwise, Real, Targets, hvp};
use layerwise_curvature::{GaussNewton, Hessian, Lanczos, Spectral};
use layerwise_layers::Dense;
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_tensor::dual::{Dual, Plane};
use layerwise_tensor::{Key, Mat, Purpose, Scalar, Team};

/// Rounds of every measurement.
const ROUNDS: usize = 41;

fn wide() -> Network {
    let layers = Builder::new(784).layer(Dense::new(512)).layer(Pointwise(Relu));
    layers.layer(Dense::new(512)).layer(Pointwise(Relu)).layer(Dense::new(10)).build().unwrap()
}

fn deep() -> Network {
    let layers = (0..10).fold(Builder::new(784), |layers, _| layers.layer(Dense::new(256)).layer(Pointwise(Tanh)));
    layers.layer(Dense::new(10)).build().unwrap()
}

fn normal<S: Scalar>(n: usize, seed: u64) -> Vec<S> {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    (0..n).map(|_| S::of(rng.normal())).collect()
}

type Entry<'a, 'b> = (&'a str, Box<dyn FnMut() + 'b>);

/// Least seconds of each, and the median over the rounds of its ratio to the first. Printed beside them is the ratio of the least.
fn race<'a>(work: &mut [Entry<'a, '_>]) -> Vec<(&'a str, f64, f64)> {
    let mut seconds = vec![Vec::new(); work.len()];
    for round in 0..ROUNDS + 3 {
        for (seconds, (_, f)) in seconds.iter_mut().zip(&mut *work) {
            let start = Instant::now();
            f();
            if round >= 3 {
                seconds.push(start.elapsed().as_secs_f64());
            }
        }
    }
    let ratio = |of: &[f64]| {
        let mut ratios: Vec<f64> = of.iter().zip(&seconds[0]).map(|(a, b)| a / b).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    };
    let least = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
    work.iter().zip(&seconds).map(|((name, _), s)| (*name, least(s), ratio(s))).collect()
}

fn measure<T: Real + Plane>(name: &str, network: &Network, n: usize)
where
    Dual<T>: Number,
{
    let (theta, v) = (network.init::<T>(1), normal::<T>(network.n_theta(), 2));
    let classes: Vec<u32> = (0..n as u32).map(|i| i * 7 % 10).collect();
    let x = normal::<T>(784 * n, 3);
    let dual_x: Vec<Dual<T>> = x.iter().map(|&x| Dual::new(x, T::ZERO)).collect();
    let loss = SoftmaxCrossEntropy::default();
    let targets = Targets::Classes(&classes);
    let batch = Batch { x: Mat::new(&x, 784, n), targets, weights: None };
    let risk_of = |workspace| Supervised::<T> {
        network,
        loss: &loss,
        penalties: &[],
        batch,
        workspace,
        pass: Pass::Train,
        key: Key::new(0, Purpose::Mask),
    };
    let dual_batch = Batch { x: Mat::new(&dual_x, 784, n), targets: Targets::Classes(&classes), weights: None };
    let mut workspaces = [(); 4].map(|()| Workspace::new(network, n));
    let [first, second, third, fourth] = workspaces.each_mut();
    let (mut risk, kept, gauss) = (risk_of(first), risk_of(second), risk_of(third));
    let mut anew = Hessian::new(risk_of(fourth), &theta);
    let (mut hessian, mut gauss) = (Hessian::new(kept, &theta), GaussNewton::new(gauss, &theta));
    let mut dual_workspace = Workspace::new(network, n);
    let mut dual_risk = Supervised::<Dual<T>> {
        network,
        loss: &loss,
        penalties: &[],
        batch: dual_batch,
        workspace: &mut dual_workspace,
        pass: Pass::Train,
        key: Key::new(0, Purpose::Mask),
    };
    let mut outs = [(); 5].map(|()| theta.clone());
    let [grad, out, from_scratch, by_hessian, by_gauss] = outs.each_mut();
    let mut scratch = Vec::new();
    for threads in [1, 2] {
        let team = Team::new(threads).unwrap();
        let times = team.install(|| {
            race(&mut [
                ("gradient", Box::new(|| _ = risk.eval(&theta, grad))),
                ("hvp", Box::new(|| _ = hvp(&mut dual_risk, &theta, &v, out, &mut scratch))),
                (
                    "hessian from scratch",
                    Box::new(|| {
                        anew.at(&theta);
                        anew.product(&v, from_scratch);
                    }),
                ),
                ("hessian kept", Box::new(|| _ = hessian.product(&v, by_hessian))),
                ("gauss-newton kept", Box::new(|| gauss.product(&v, by_gauss))),
            ])
        });
        println!("{name}, {} bits, {threads} threads", 8 * size_of::<T>());
        for (what, seconds, ratio) in &times {
            println!("  {what:22}{:8.3} ms {:6.2} {ratio:6.2}", seconds * 1e3, seconds / times[0].1);
        }
    }
    for (what, count, tolerance) in [("1 to 1e-3", 1, 1e-3), ("1 to 1e-6", 1, 1e-6), ("5 to 1e-3", 5, 1e-3)] {
        let request = Lanczos { count, tolerance, ..Lanczos::default() };
        let start = Instant::now();
        let (of_hessian, of_gauss) = (hessian.spectrum(&request).unwrap(), gauss.spectrum(&request).unwrap());
        println!(
            "{name}, {} bits, eigenvalues, {what}: {} products, {:?}; {} products, {:?}; {:.0} ms",
            8 * size_of::<T>(),
            of_hessian.products,
            of_hessian.values,
            of_gauss.products,
            of_gauss.values,
            start.elapsed().as_secs_f64() * 1e3,
        );
    }
}

fn main() {
    for (name, network, n) in [("wide", wide(), 128), ("deep", deep(), 64)] {
        measure::<f32>(name, &network, n);
        measure::<f64>(name, &network, n);
    }
}
