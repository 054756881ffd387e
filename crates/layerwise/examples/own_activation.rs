//! An activation of your own: written once, checked, trained with.
//!
//! `cargo run --release --example own_activation`

use std::sync::Arc;

use layerwise::data::{DIGITS_SPLIT_SEED, spirals};
use layerwise::train::Setup;
use layerwise::{Activation, Builder, Dense, Init, Pointwise, Prepared, Recipe, Scalar, split};

/// g(x) = x tanh(ln(1 + eˣ)). Source: Misra (2019), "Mish".
#[derive(Clone, Copy, Debug)]
struct Mish;

/// ln(1 + eˣ), for large |x| too.
#[inline(always)]
fn softplus<S: Scalar>(x: S) -> S {
    S::select(x > S::ZERO, x, S::ZERO) + (S::ONE + (-x.abs()).exp()).ln()
}

impl Activation for Mish {
    const NAME: &'static str = "mish";
    const RANGE: (f64, f64) = (0.0, f64::INFINITY);
    const INIT: Init = Init::He;

    // Both carry #[inline(always)] and choose with `Scalar::select`: so the loop over a batch is vectorised.
    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        x * softplus(x).tanh()
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        let t = softplus(x).tanh();
        // e^(−|x|) cannot overflow: e^(−x) would, and the check of the second derivative finds the NaN.
        let e = (-x.abs()).exp();
        let sigmoid = S::select(x > S::ZERO, S::ONE, e) / (S::ONE + e);
        t + x * (S::ONE - t * t) * sigmoid
    }
}

/// Panics or fails if the result is not as good as it should be.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Every derivative, first and second, against exact oracles, and planted faults against the check itself. In a crate of your own, with
    // layerwise-gradcheck as a dev-dependency, this is one line in the tests: check_activation(&Mish).assert();
    let report = layerwise_gradcheck::check_activation(&Mish);
    println!("{report}");
    report.assert();

    // The network, layer by layer.
    let data = spirals(600, 3, 1.0, 0.02, 7);
    let parts = split(&data, [0.7, 0.3, 0.0], DIGITS_SPLIT_SEED)?;
    let network = Builder::new(2)
        .layer(Dense::new(32))
        .layer(Pointwise(Mish))
        .layer(Dense::new(32))
        .layer(Pointwise(Mish))
        .layer(Dense::new(3))
        .build()?;

    // Everything else by a recipe; its own network is replaced.
    let mut recipe = Recipe { epochs: 300, ..Recipe::default() };
    recipe.optimizer.set_rate(0.005);
    let mut prepared = Prepared::<f32>::new(&recipe, &parts.train, Some(&parts.validation))?;
    let setup = Setup { weights: network.weights_mask(), network, ..(*prepared.setup).clone() };
    prepared.setup = Arc::new(setup);
    let (_, outcome) = prepared.train(1, &mut [], &mut ());

    let end = outcome.delivered();
    let error = end.validation.map_or(f64::NAN, |scores| scores.error);
    println!("three spirals, validation error {:.1} % after {} epochs", 100.0 * error, end.epoch);
    assert!(error < 0.1, "{error}");
    Ok(())
}
