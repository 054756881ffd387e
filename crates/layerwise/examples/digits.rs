//! Train on handwritten digits with early stopping, look at the curve, and judge on rows that were never seen.
//!
//! `cargo run --release --example digits`

use layerwise::train::{Epoch, Watch};
use layerwise::{Adam, Model, NetworkSpec, Prepared, Recipe, digits, digits_split};

/// Prints a line every ten epochs.
struct Lines;

impl Watch for Lines {
    fn epoch(&mut self, row: &Epoch, of: usize) -> bool {
        if let (0, Some(validation)) = (row.epoch % 10, row.validation) {
            println!(
                "epoch {:>3} of at most {of}: training loss {:.4}, validation loss {:.4}, validation error {:.2} %",
                row.epoch,
                row.train.loss,
                validation.loss,
                100.0 * validation.error
            );
        }
        true
    }
}

/// Panics or fails if the result is not as good as it should be.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parts = digits_split();
    let recipe = Recipe {
        network: NetworkSpec { hidden: vec![64], ..NetworkSpec::default() },
        optimizer: Adam { rate: 0.002, ..Adam::default() }.into(),
        epochs: 60,
        ..Recipe::default()
    };
    let prepared = Prepared::<f32>::new(&recipe, &parts.train, Some(&parts.validation))?;
    println!("{} parameters, {} training rows", prepared.setup.network.n_params(), parts.train.len());
    let (_, outcome) = prepared.train(recipe.seed, &mut [], &mut Lines);
    println!("ended by {:?}, with the parameters of epoch {}", outcome.stop, outcome.epoch);

    let model = Model::new(&prepared, &digits(), &outcome);
    let accuracy = model.score(&parts.test)?;
    println!("test accuracy: {:.2} % of {} images", 100.0 * accuracy, parts.test.len());
    assert!(accuracy >= 0.95, "{accuracy}");
    Ok(())
}
