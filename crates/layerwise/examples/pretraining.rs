//! A few labelled rows and many without labels: pre-train the hidden layers on all of them, then fine-tune on the labelled ones.
//!
//! `cargo run --release --example pretraining`

use layerwise::data::Scaling;
use layerwise::pretrain::{Autoencoding, Corruption, Method, PretrainEpoch, PretrainProbe};
use layerwise::{
    Adam, Dataset, MlpClassifier, Model, NetworkSpec, Prepared, Pretraining, Recipe, Sigmoid, digits_split,
};

/// Initializations and orders of the rows that are tried.
const SEEDS: u64 = 5;

/// Prints the last epoch of each layer.
struct Layers {
    epochs: usize,
}

impl PretrainProbe<f32> for Layers {
    fn epoch(&mut self, at: &PretrainEpoch<'_, f32>) {
        if at.epoch == self.epochs {
            println!(
                "  layer {}: {} units, error of the reproduction {:.3}",
                at.layer,
                at.description.n_hidden(),
                at.error
            );
        }
    }
}

/// Panics or fails if pre-training does not help on average.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parts = digits_split();
    let labelled = sixteenths(parts.train.subset(&(0..100).collect::<Vec<_>>()));
    let others = sixteenths(parts.train.subset(&(100..parts.train.len()).collect::<Vec<_>>())).x;
    let test = sixteenths(parts.test);
    println!("{} labelled rows, {} without labels, {} to test on", labelled.len(), others.ncols(), test.len());

    let optimizer = Adam { rate: 0.003, ..Adam::default() };
    let [mut without, mut with] = [0.0; 2];
    for seed in 1..=SEEDS {
        let recipe = Recipe {
            seed,
            scaling: Scaling::None,
            network: NetworkSpec { hidden: vec![100, 100], activation: Sigmoid.into(), ..NetworkSpec::default() },
            optimizer: optimizer.clone().into(),
            epochs: 200,
            early_stopping: None,
            ..Recipe::default()
        };
        let prepared = Prepared::<f32>::new(&recipe, &labelled, None)?;
        let (_, outcome) = prepared.train(seed, &mut [], &mut ());
        let plain = Model::new(&prepared, &labelled, &outcome).score(&test)?;

        // Denoising autoencoders, from the input upward, on all rows; then the same training from there.
        let coding = Autoencoding { corruption: Corruption::Masking { share: 0.25 }, ..Autoencoding::default() };
        let pretraining = Pretraining {
            seed,
            method: Method::Autoencoder(coding),
            epochs: 30,
            batch: 32,
            optimizer: optimizer.clone().into(),
            weight_decay: 0.0,
            ..Pretraining::default()
        };
        let mut probe = Layers { epochs: pretraining.epochs };
        println!("seed {seed}");
        let tuned = pretraining.fit(&recipe, &labelled, None, Some(&others), &mut probe, &mut ())?;
        let pretrained = Model::new(&tuned.prepared, &labelled, &tuned.outcome).score(&test)?;

        // What a linear classifier reads off the inputs and each layer, before fine-tuning.
        for depth in 0..=2 {
            let codes = |data| tuned.stack.code_set(depth, &tuned.prepared.scaler, data);
            let linear = MlpClassifier { validation: 0.0, ..MlpClassifier::default() }.hidden([]).seed(seed);
            let right = linear.fit(&codes(&labelled)?)?.score(&codes(&test)?)?;
            println!("  a linear classifier on layer {depth}: {:.1} % right", 100.0 * right);
        }
        println!("  the network {:.1} %, with pre-training {:.1} %", 100.0 * plain, 100.0 * pretrained);
        without += 100.0 * plain / SEEDS as f64;
        with += 100.0 * pretrained / SEEDS as f64;
    }
    println!("on average over {SEEDS} seeds: {without:.1} %, with pre-training {with:.1} %");
    assert!(with > without, "{with} and {without}");
    Ok(())
}

/// Grey levels 0 … 16 as numbers from 0 to 1.
fn sixteenths(mut data: Dataset) -> Dataset {
    data.x /= 16.0;
    data
}
