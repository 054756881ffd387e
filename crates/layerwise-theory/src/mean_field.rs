//! Signals of wide random networks: the length q' = σ_w² E φ(√q z)² + σ_b² and the correlation c' = (σ_w² E φ(u₁)φ(u₂) + σ_b²)/q of their
//! inputs to units, from layer to layer, and the depth ξ that correlations reach, −1/ln(σ_w² E φ'(u₁)φ'(u₂)) at the fixed point.
//!
//! Expectations over normal numbers by the trapezoid rule on 241 points in [−8, 8].

use layerwise_activations::Tanh;
use layerwise_core::{Activation, Init, Pass, Pointwise, Role};
use layerwise_layers::Dense;
use layerwise_network::{Builder, Workspace};
use layerwise_stats::Estimate;
use layerwise_tensor::{Key, Mat, Purpose};

use crate::nets::{built, normal};
use crate::{Finding, Size};

const POINTS: usize = 241;
const REACH: f64 = 8.0;
const BIAS: f64 = 0.05;

/// Nodes and weights for E f(z).
fn nodes() -> Vec<(f64, f64)> {
    let step = 2.0 * REACH / (POINTS - 1) as f64;
    let density = |z: f64| (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    let ends = |i: usize| if i == 0 || i == POINTS - 1 { 0.5 } else { 1.0 };
    (0..POINTS).map(|i| (-REACH + step * i as f64, i)).map(|(z, i)| (z, ends(i) * step * density(z))).collect()
}

/// E f(z) for standard normal z.
fn expectation(f: impl Fn(f64) -> f64) -> f64 {
    nodes().iter().map(|(z, weight)| weight * f(*z)).sum()
}

/// E f(√q z₁) f(√q (c z₁ + √(1 − c²) z₂)).
fn pair(q: f64, c: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (nodes, s) = (nodes(), (1.0 - c * c).max(0.0).sqrt());
    let root = q.sqrt();
    let inner = |z: f64| nodes.iter().map(|(other, weight)| weight * f(root * (c * z + s * other))).sum::<f64>();
    nodes.iter().map(|(z, weight)| weight * f(root * z) * inner(*z)).sum()
}

fn slope(x: f64) -> f64 {
    Tanh.slope(x, x.tanh())
}

/// The next length.
fn length(w: f64, q: f64) -> f64 {
    w * expectation(|z| (q.sqrt() * z).tanh().powi(2)) + BIAS
}

/// The next correlation, at the length q*.
fn correlation(w: f64, q: f64, c: f64) -> f64 {
    (w * pair(q, c, f64::tanh) + BIAS) / q
}

fn fixed(mut x: f64, accuracy: f64, map: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..100_000 {
        let next = map(x);
        if (next - x).abs() < accuracy {
            return next;
        }
        x = next;
    }
    x
}

/// σ_w², then q*, χ₁ and ξ as published digits for tanh and σ_b² = 0.05 (Schoenholz et al. 2017, by quadrature).
const TABLE: [(f64, &str, &str, &str); 11] = [
    (0.5, "0.0876", "0.4320", "1.19"),
    (0.8, "0.1381", "0.6468", "2.30"),
    (1.0, "0.1936", "0.7590", "3.63"),
    (1.2, "0.2699", "0.8452", "5.94"),
    (1.4, "0.3649", "0.9110", "10.7"),
    (1.6, "0.4743", "0.9637", "27.0"),
    (1.7, "0.5331", "0.9867", "74.9"),
    (2.0, "0.7218", "1.0477", "25.2"),
    (2.5, "1.0640", "1.1335", "11.8"),
    (3.0, "1.4280", "1.2089", "9.05"),
    (4.0, "2.1955", "1.3424", "6.98"),
];

/// A measured number beside printed digits: half a unit of the last one, and a little.
fn digits(what: String, formula: &'static str, measured: f64, printed: &str) -> Finding {
    let decimals = printed.split_once('.').map_or(0, |(_, after)| after.len());
    let expected = printed.parse().unwrap_or(f64::NAN);
    Finding::absolute(what, formula, measured, expected, 0.51 * 0.1f64.powi(decimals as i32))
}

pub fn findings(size: Size) -> Vec<Finding> {
    let mut all = Vec::new();
    for (w, length_printed, slope_printed, depth_printed) in TABLE {
        let q = fixed(1.0, 1e-14, |q| length(w, q));
        let first = w * expectation(|z| slope(q.sqrt() * z).powi(2));
        all.push(digits(format!("q* at σ_w² = {w}"), "q = σ_w² E φ² + σ_b²", q, length_printed));
        all.push(digits(format!("χ₁ at σ_w² = {w}"), "σ_w² E φ′²", first, slope_printed));
        if size == Size::Quick && w > 1.8 {
            continue;
        }
        // Below the critical line everything becomes one, c* = 1.
        let at = if first < 1.0 { first } else { w * pair(q, fixed(0.5, 1e-12, |c| correlation(w, q, c)), slope) };
        all.push(digits(format!("ξ at σ_w² = {w}"), "−1/ln(σ_w² E φ′φ′)", -1.0 / at.ln(), depth_printed));
    }
    for w in [1.4, 2.5] {
        measured(&mut all, size, w);
    }
    all
}

/// Networks of random weights and biases, on pairs of inputs that start at q* with the correlation 0.6.
fn measured(all: &mut Vec<Finding>, size: Size, w: f64) {
    const START: f64 = 0.6;
    let (width, depth, seeds) = (size.pick(300, 1000), size.pick(4, 8), size.pick(40, 64));
    let q = fixed(1.0, 1e-14, |q| length(w, q));
    let init = Init::Normal { deviation: (w / width as f64).sqrt() };
    let layer = |layers: Builder, _| layers.layer(Dense { init, ..Dense::new(width) }).layer(Pointwise(Tanh));
    let network = built((0..depth).fold(Builder::new(width), layer));
    let mut workspace = Workspace::new(&network, 2);
    // Second moments of the inputs that give q* and 0.6 in the first layer.
    let (square, product) = ((q - BIAS) / w, (START * q - BIAS) / w);
    let (along, across) = (product / square.sqrt(), (square - product * product / square).sqrt());
    let mut lengths = vec![Vec::new(); depth];
    let mut products = vec![Vec::new(); depth];
    for seed in 0..seeds {
        let mut theta = network.init::<f64>(seed);
        let noise = normal(network.n_theta(), seed + 1000);
        for (_, block) in network.blocks().filter(|(_, block)| block.role == Role::Bias) {
            theta[block.range()].iter_mut().zip(&noise[block.range()]).for_each(|(b, z)| *b = BIAS.sqrt() * z);
        }
        let (first, second) = (unit(width, 2 * seed + 1), unit(width, 2 * seed + 2));
        let mut x: Vec<f64> = first.iter().map(|a| square.sqrt() * a).collect();
        x.extend(first.iter().zip(&second).map(|(a, b)| along * a + across * b));
        let inputs = Mat::new(&x, width, 2);
        network.forward(&theta, inputs, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
        for layer in 0..depth {
            let y = workspace.y(2 * layer);
            let mean = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / width as f64;
            lengths[layer].push(0.5 * (mean(y.col(0), y.col(0)) + mean(y.col(1), y.col(1))));
            products[layer].push(mean(y.col(0), y.col(1)));
        }
    }
    let mut c = START;
    for layer in 0..depth {
        let (long, together) = (Estimate::of(&lengths[layer]), Estimate::of(&products[layer]));
        // At width 1000 within 2 %; narrower ones within four standard errors, and the finite width's share.
        let share = |estimate: Estimate, of: f64| size.pick(4.0 * estimate.error + 2.0 / width as f64 * of, 0.02 * of);
        let place = |what: &str| format!("{what} in layer {} of width {width}, σ_w² = {w}, {seeds} seeds", layer + 1);
        all.push(Finding::absolute(place("q"), "length map", long.value, q, share(long, q)));
        all.push(Finding::absolute(place("q c"), "correlation map", together.value, q * c, share(together, q)));
        c = correlation(w, q, c);
    }
}

/// A normal vector whose mean square is exactly 1; a second one of another seed is nearly orthogonal to it.
fn unit(n: usize, seed: u64) -> Vec<f64> {
    let x = normal(n, seed + 1_000_000);
    let scale = crate::nets::mean_square(&x).sqrt();
    x.iter().map(|x| x / scale).collect()
}
