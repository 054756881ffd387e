//! The whole way from a data set to a trained model: scaling, shuffling, batches, metrics, history.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use layerwise_activations::{Activations, Relu, Tanh};
use layerwise_data::{Dataset, Scaler, Scaling, Target, digits_split, gaussian_blobs};
use layerwise_optimizers::{Adam, Optimizers, Sgd};
use layerwise_tensor::{Key, Purpose};
use layerwise_train::{Model, NetworkSpec, Prepared, Recipe};
use nalgebra::DMatrix;

use crate::worker::{Job, Net};

/// The data sets: the handwritten digits, and 60,000 samples of ten Gaussian blobs in 784 features.
pub const SETS: [&str; 2] = ["digits", "blobs"];

/// Samples to train on, and samples to judge by.
struct Samples {
    train: Dataset,
    test: Dataset,
}

fn samples(name: &str) -> Result<Samples, String> {
    match name {
        "digits" => {
            let split = digits_split();
            Ok(Samples { train: split.train, test: split.test })
        }
        "blobs" => {
            let mut rng = Key::new(1, Purpose::Data).rng();
            // So close to each other that a few samples in a hundred lie nearer to another center than to their own.
            let centers = DMatrix::from_fn(784, 10, |_, _| 0.12 * rng.normal());
            let all = gaussian_blobs(70_000, &centers, 1.0, 2);
            let rows: Vec<usize> = (0..all.len()).collect();
            Ok(Samples { train: all.subset(&rows[..60_000]), test: all.subset(&rows[60_000..]) })
        }
        _ => Err(format!("data set should be {}, got `{name}`", SETS.join(" or "))),
    }
}

/// Writes a data set for programs of others: `NAME.train.x` and `NAME.test.x` have the features in f32, sample by sample and
/// standardized by the training part, `.y` the classes in u32; all little-endian.
///
/// Errors: no such set, or a file that cannot be written.
pub fn export(name: &str, folder: &Path) -> Result<(), String> {
    let Samples { mut train, mut test } = samples(name)?;
    let scaler = Scaler::fit(Scaling::Standardize, &train.x).map_err(|e| e.to_string())?;
    for (part, data) in [("train", &mut train), ("test", &mut test)] {
        scaler.transform(&mut data.x).map_err(|e| e.to_string())?;
        let path = |kind: &str| folder.join(format!("{name}.{part}.{kind}"));
        let at = |e: io::Error| format!("{}: {e}", path("x").display());
        let Target::Classes { labels, .. } = &data.target else { return Err(format!("{name} should have classes")) };
        write(&path("x"), data.x.iter().map(|&x| (x as f32).to_le_bytes())).map_err(at)?;
        write(&path("y"), labels.iter().map(|y| y.to_le_bytes())).map_err(at)?;
    }
    Ok(())
}

fn write(path: &Path, numbers: impl Iterator<Item = [u8; 4]>) -> io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for bytes in numbers {
        file.write_all(&bytes)?;
    }
    file.flush()
}

/// `SET WIDTHS ACTIVATION BATCH OPTIMIZER EPOCHS`: a whole training, with the preparation (scaling, building) or without. Returns the
/// accuracy on the test samples.
///
/// Errors: words that make no sense.
pub fn prepare(whole: bool, words: &[&str]) -> Result<Job, String> {
    let [set, widths, activation, batch, optimizer, epochs] = words else {
        return Err("fit should have a set, a net, an optimizer and a number of epochs".to_owned());
    };
    let net: Net = format!("{widths} {activation} {batch}").parse()?;
    let recipe = recipe(&net, optimizer, epochs.parse().map_err(|_| "epochs should be a number".to_owned())?)?;
    let Samples { train, test } = samples(set)?;
    let ready = Prepared::<f32>::new(&recipe, &train, None).map_err(|e| e.to_string())?;
    let steps = recipe.epochs * train.len().div_ceil(net.batch);
    // The same seed gives the same model every time: it is judged once. Few test samples tell little: more seeds then.
    let seeds = if test.len() < 1000 { 1..=5 } else { 1..=1 };
    let mut accuracy = 0.0;
    for seed in seeds.clone() {
        let (_, outcome) = ready.train(seed, &mut [], &mut ());
        let scores = Model::new(&ready, &train, &outcome).evaluate(&test).map_err(|e| e.to_string())?;
        accuracy += (1.0 - scores.error) / seeds.clone().count() as f64;
    }
    let run = move || {
        let own = if whole { Prepared::new(&recipe, &train, None).ok() } else { None };
        let ready = own.as_ref().unwrap_or(&ready);
        let (_, outcome) = ready.train(recipe.seed, &mut [], &mut ());
        if outcome.epoch as usize == recipe.epochs { accuracy } else { f64::NAN }
    };
    Ok(Job { run: Box::new(run), steps })
}

fn recipe(net: &Net, optimizer: &str, epochs: usize) -> Result<Recipe, String> {
    let optimizer = match optimizer {
        "sgd" => Optimizers::from(Sgd { rate: 0.01, momentum: 0.9, ..Sgd::default() }),
        "adam" => Optimizers::from(Adam { rate: 0.001, ..Adam::default() }),
        other => return Err(format!("optimizer should be sgd or adam, got `{other}`")),
    };
    let activation = match net.activation.as_str() {
        "tanh" => Activations::Tanh(Tanh),
        _ => Activations::Relu(Relu),
    };
    let hidden = net.widths[1..net.widths.len() - 1].to_vec();
    let network = NetworkSpec { hidden, activation, ..NetworkSpec::default() };
    Ok(Recipe { epochs, batch: net.batch, optimizer, early_stopping: None, network, ..Recipe::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_digits_are_standardized_and_whole() {
        let folder = std::env::temp_dir().join(format!("layerwise-bench-export-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        export("digits", &folder).unwrap();
        let read = |name: &str| -> Vec<[u8; 4]> {
            let bytes = std::fs::read(folder.join(format!("digits.{name}"))).unwrap();
            bytes.chunks_exact(4).map(|word| word.try_into().unwrap()).collect()
        };
        let x: Vec<f32> = read("train.x").into_iter().map(f32::from_le_bytes).collect();
        assert_eq!((x.len(), read("test.x").len()), (1077 * 64, 360 * 64));
        // Pixel 10 of all images.
        let column: Vec<f32> = x.iter().skip(10).step_by(64).copied().collect();
        let (sum, squares) = column.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
        assert!(sum.abs() < 1e-2 && (squares / 1077.0 - 1.0).abs() < 1e-4, "{sum} {squares}");
        let classes: Vec<u32> = read("test.y").into_iter().map(u32::from_le_bytes).collect();
        assert!(classes.len() == 360 && (0..10).all(|class| classes.contains(&class)));
        assert!(export("faces", &folder).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
