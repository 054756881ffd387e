//! Every optimizer of the catalog trains a network from a recipe; where it averages parameters, those are scored and delivered.
#![allow(clippy::unwrap_used)]

use layerwise_data::friedman1;
use layerwise_optimizers::{Averaging, Optimizers};
use layerwise_train::{NetworkSpec, Prepared, Recipe};

fn recipe(optimizer: Optimizers) -> Recipe {
    let network = NetworkSpec { hidden: vec![16], ..NetworkSpec::default() };
    Recipe { epochs: 30, early_stopping: None, optimizer, network, ..Recipe::default() }
}

/// The catalog at its own rates; those that do not average, with an average of either kind too.
fn catalog() -> Vec<Optimizers> {
    let averaged = |optimizer: &Optimizers| {
        [Averaging::Uniform { from: 100 }, Averaging::Exponential { decay: 0.9 }].map(|averaging| {
            let mut averaged = optimizer.clone();
            averaged.set_average(Some(averaging));
            averaged
        })
    };
    let all = Optimizers::all();
    let averaged = all.iter().flat_map(averaged).filter(|optimizer| optimizer.check().is_ok()).collect();
    [all, averaged].concat()
}

#[test]
fn everything_trains_and_what_is_scored_is_delivered() {
    let (train, validation) = (friedman1(200, 5, 1.0, 1), friedman1(100, 5, 1.0, 2));
    let catalog = catalog();
    assert!(catalog.len() > 2 * Optimizers::NAMES.len());
    for optimizer in catalog {
        let averages = optimizer.build().averages();
        let prepared = Prepared::<f32>::new(&recipe(optimizer.clone()), &train, Some(&validation)).unwrap();
        let (run, outcome) = prepared.train(1, &mut [], &mut ());
        let losses: Vec<f64> = outcome.history.iter().map(|row| row.validation.unwrap().loss).collect();
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        println!("{}: {first} to {last}, {averages}", optimizer.name());
        assert!(last < 0.95 * first, "{optimizer:?}: {losses:?}");
        assert_eq!(outcome.theta[..], run.averaged()[..]);
        assert_eq!(averages, outcome.theta[..] != *run.theta());
        assert_eq!(prepared.scores(&outcome.theta).1, outcome.delivered().validation);
    }
}
