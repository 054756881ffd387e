//! Why deep networks stop learning, and what keeps their signal alive: gradients of 30 layers, and what 30 layers learn.
//!
//! `cargo run --release --example signal`
//!
//! ```text
//! 30 hidden layers of 32 units; root mean square of dL/dW before the first step, layer by layer
//!                              first      10th      20th      last   error after 5 epochs
//! sigmoid                    3.0e-21   1.8e-15    2.9e-9    3.9e-2   90.0 %
//! sigmoid, batch norm         1.2e-2    1.4e-2    1.2e-2    6.0e-2   16.7 %
//! tanh, old heuristic         2.5e-9    3.4e-9    4.3e-9    1.5e-9   80.8 %
//! tanh, LSUV                  8.8e-2    3.3e-2    1.7e-2    2.3e-2   15.0 %
//! tanh, layer norm            2.4e-1    9.0e-2    3.9e-2    3.1e-2   43.1 %
//! residual blocks             1.4e-1    5.7e-2    5.0e-2    3.0e-1   6.7 %
//! highway                     1.0e-3    1.3e-4    1.6e-4    1.7e-3   5.3 %
//! ```

use layerwise::core::{Loss, Pass, Targets};
use layerwise::layers::{BatchNorm, Highway, LayerNorm};
use layerwise::network::{Batch, Supervised, Workspace};
use layerwise::tensor::{Key, Mat, Purpose};
use layerwise::train::{LayerSpec, Residual};
use layerwise::{Activations, Adam, Dense, Init, NetworkSpec, Prepared, Recipe, Sigmoid, Split, Tanh, digits_split};

const DEPTH: usize = 30;
const WIDTH: usize = 32;

fn dense(init: Init) -> LayerSpec {
    LayerSpec::Layer(Dense { init, ..Dense::new(WIDTH) }.into())
}

fn sigmoid() -> LayerSpec {
    LayerSpec::Activation(Activations::Sigmoid(Sigmoid))
}

fn tanh() -> LayerSpec {
    LayerSpec::Activation(Activations::Tanh(Tanh))
}

/// 30 times these layers.
fn deep(block: &[LayerSpec]) -> NetworkSpec {
    NetworkSpec { layers: (0..DEPTH).flat_map(|_| block.to_vec()).collect(), ..NetworkSpec::default() }
}

/// The networks, from the one whose signal dies to those whose signal lives.
fn networks() -> Vec<(&'static str, NetworkSpec)> {
    let residual = |layers: Vec<LayerSpec>| LayerSpec::Residual(Residual { layers, projection: false });
    let mut highway = deep(&[LayerSpec::Layer(Highway::default().into())]);
    highway.layers.insert(0, dense(Init::Auto));
    let mut residuals =
        deep(&[residual(vec![LayerSpec::Layer(LayerNorm::default().into()), dense(Init::Auto), tanh()])]);
    residuals.layers.insert(0, dense(Init::Auto));
    vec![
        ("sigmoid", deep(&[dense(Init::Auto), sigmoid()])),
        ("sigmoid, batch norm", deep(&[dense(Init::Auto), LayerSpec::Layer(BatchNorm::default().into()), sigmoid()])),
        ("tanh, old heuristic", deep(&[dense(Init::UniformFanIn), tanh()])),
        ("tanh, LSUV", deep(&[dense(Init::Lsuv), tanh()])),
        ("tanh, layer norm", deep(&[dense(Init::Auto), LayerSpec::Layer(LayerNorm::default().into()), tanh()])),
        ("residual blocks", residuals),
        ("highway", highway),
    ]
}

/// Root mean square of the gradient of every weight matrix, at the start, from the input to the output.
fn gradients(prepared: &Prepared<f32>) -> Vec<f64> {
    let run = prepared.start(1);
    let (network, rows) = (&prepared.setup.network, 256);
    let (loss, train): (&dyn Loss, _) = (&*prepared.setup.loss, &prepared.setup.train);
    let mut grad = vec![0.0; network.n_theta()];
    let (x, targets): (Mat<'_, f32>, Targets<'_, f32>) = (train.x(0..rows), train.targets(0..rows));
    let mut risk = Supervised {
        network,
        loss,
        penalties: &[],
        batch: Batch { x, targets, weights: None },
        workspace: &mut Workspace::new(network, rows),
        pass: Pass::Train,
        key: Key::new(1, Purpose::Mask),
    };
    layerwise::Objective::eval(&mut risk, run.theta(), &mut grad);
    let rms = |g: &[f32]| (g.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>() / g.len() as f64).sqrt();
    network.blocks().filter(|(_, block)| block.name == "w").map(|(_, block)| rms(&grad[block.range()])).collect()
}

/// Panics or fails if the result is not as good as it should be.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Split { train, validation, .. } = digits_split();
    println!("{DEPTH} hidden layers of {WIDTH} units; root mean square of dL/dW before the first step, layer by layer");
    println!("{:24}{:>10}{:>10}{:>10}{:>10}   error after 5 epochs", "", "first", "10th", "20th", "last");
    let mut found = Vec::new();
    for (name, network) in networks() {
        let recipe = Recipe {
            network,
            epochs: 5,
            early_stopping: None,
            optimizer: Adam { rate: 0.002, clip_ratio: Some(0.1), ..Adam::default() }.into(),
            ..Recipe::default()
        };
        let prepared = Prepared::<f32>::new(&recipe, &train, Some(&validation))?;
        let of_layers = gradients(&prepared);
        let at = |i: usize| of_layers.get(i).copied().unwrap_or(f64::NAN);
        let (_, outcome) = prepared.train(1, &mut [], &mut ());
        let error = outcome.delivered().validation.map_or(f64::NAN, |scores| scores.error);
        let last = of_layers.len() - 1;
        let [a, b, c, d] = [at(0), at(9), at(19), at(last)];
        println!("{name:24}{a:>10.1e}{b:>10.1e}{c:>10.1e}{d:>10.1e}   {:.1} %", 100.0 * error);
        found.push((name, at(0), error));
    }
    // Where the first layer has no gradient, next to nothing is learnt; everything else learns more.
    let (dead, alive): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, first, _)| *first < 1e-6);
    let names: Vec<&str> = dead.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, ["sigmoid", "tanh, old heuristic"]);
    let best = dead.iter().map(|(.., error)| *error).fold(1.0, f64::min);
    for (name, _, error) in alive {
        assert!(error < best, "{name}: {error}, should be below {best}");
    }
    Ok(())
}
