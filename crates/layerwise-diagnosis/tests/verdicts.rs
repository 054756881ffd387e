//! Verdicts on small generated data, where the truth is known. (The digits, over 20 seeds, are `examples/verdicts.rs`.)
#![allow(clippy::unwrap_used)]

use layerwise_activations::{Activations, Sigmoid};
use layerwise_core::Init;
use layerwise_data::{Dataset, Scaling, noise_labels, spirals, split, two_blobs, two_moons};
use layerwise_diagnosis::{Diagnosis, Hypothesis, LabError, Options, Rows, Status, diagnose};
use layerwise_optimizers::Sgd;
use layerwise_train::{NetworkSpec, Recipe};

fn rows(data: &Dataset) -> Rows {
    let parts = split(data, [0.5, 0.3, 0.2], 1).unwrap();
    Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) }
}

fn verdict(recipe: &Recipe, rows: &Rows, threads: usize) -> Diagnosis {
    diagnose(recipe, rows, &Options { threads, ..Options::default() }, &|_| {}, &|| false).unwrap().0
}

fn sgd(rate: f64) -> Recipe {
    Recipe {
        epochs: 30,
        early_stopping: None,
        optimizer: Sgd { rate, momentum: 0.9, ..Sgd::default() }.into(),
        network: NetworkSpec { hidden: vec![32], ..NetworkSpec::default() },
        ..Recipe::default()
    }
}

#[track_caller]
fn sick(found: &Diagnosis, cause: &str, hypothesis: Hypothesis) {
    assert_eq!((found.status, found.hypothesis), (Status::Sick, hypothesis), "{}", found.summary);
    let first = &found.causes[0];
    assert_eq!(first.cause, cause, "{}", found.summary);
    assert!(first.p_value < 0.05 && first.effect >= found.relevant && first.pairs.len() == 5, "{first:?}");
    let cure = found.cure.as_ref().unwrap();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    assert!(mean(&cure.error_after) < mean(&cure.error_before), "{cure:?}");
}

#[test]
fn a_deep_sigmoid_network_suffers_from_vanishing_gradients() {
    let data = rows(&two_moons(600, 0.1, 1));
    let network = NetworkSpec {
        hidden: vec![16; 8],
        activation: Activations::Sigmoid(Sigmoid),
        init: Init::UniformFanIn,
        ..NetworkSpec::default()
    };
    let found = verdict(&Recipe { network, ..sgd(0.05) }, &data, 2);
    sick(&found, "vanishing-gradient", Hypothesis::Optimization);
    assert!(found.gradient_ratio.unwrap() < 1e-2 && found.causes[0].layers.contains(&"hidden1".to_owned()));
}

#[test]
fn rates_a_hundred_times_too_high_and_a_thousand_times_too_low_are_called_so() {
    let data = rows(&two_moons(600, 0.1, 2));
    sick(&verdict(&sgd(20.0), &data, 2), "rate-too-high", Hypothesis::Optimization);
    sick(&verdict(&sgd(2e-5), &data, 2), "rate-too-low", Hypothesis::Optimization);
}

#[test]
fn unscaled_inputs_and_a_narrow_layer_are_found() {
    let mut moons = two_moons(600, 0.1, 3);
    moons.x.row_mut(0).iter_mut().for_each(|v| *v = 300.0 * *v + 1000.0);
    let found = verdict(&Recipe { scaling: Scaling::None, ..sgd(0.02) }, &rows(&moons), 2);
    sick(&found, "inputs-not-scaled", Hypothesis::Optimization);
    let narrow = NetworkSpec { hidden: vec![2], ..NetworkSpec::default() };
    let found = verdict(&Recipe { network: narrow, epochs: 150, ..sgd(0.05) }, &rows(&spirals(900, 3, 1.0, 0.0, 1)), 2);
    sick(&found, "capacity-too-small", Hypothesis::Capacity);
}

#[test]
fn easy_and_noisy_tasks_are_left_alone() {
    // At the noise floor: a tenth to a third of the rows cannot be told apart by anyone.
    for (distance, seed) in [(1.0, 1), (2.5, 2), (6.0, 3)] {
        let found = verdict(&sgd(0.02), &rows(&two_blobs(1200, 2, distance, seed)), 2);
        assert_eq!(found.status, Status::Healthy, "distance {distance}: {}", found.summary);
        assert!(found.causes.is_empty() && found.cure.is_none());
    }
}

#[test]
fn no_signal_and_no_validation_rows_give_no_verdict() {
    let found = verdict(&Recipe { epochs: 5, ..sgd(0.001) }, &rows(&noise_labels(600, 4, 2, 1)), 2);
    assert_eq!(found.status, Status::CannotTell, "{}", found.summary);
    let data = rows(&two_moons(300, 0.1, 4));
    let found = verdict(&sgd(0.05), &Rows { validation: None, ..data }, 2);
    assert_eq!(found.status, Status::CannotTell, "{}", found.summary);
}

#[test]
fn a_verdict_does_not_depend_on_threads_and_can_be_stopped() {
    let data = rows(&two_moons(300, 0.1, 5));
    let json = |threads| serde_json::to_string(&verdict(&sgd(2e-5), &data, threads)).unwrap();
    assert_eq!(json(1), json(2));
    let stopped = diagnose(&sgd(0.05), &data, &Options::default(), &|_| {}, &|| true);
    assert!(matches!(stopped, Err(LabError::Stopped)));
}

#[test]
fn units_below_their_asymptote_are_alive_and_rectifiers_at_0_are_dead() {
    use layerwise_activations::{Relu, Silu};
    use layerwise_diagnosis::record::units;
    use layerwise_layers::{Dense, Layers};
    use layerwise_train::{LayerSpec, Prepared};
    let moons = two_moons(50, 0.1, 1);
    for (activation, dead) in [(Activations::Silu(Silu), 0), (Activations::Relu(Relu), 4)] {
        let dense = Dense { bias: -1.5, init: Init::Constant { value: 0.0 }, ..Dense::new(4) };
        let layers = vec![LayerSpec::Layer(Layers::Dense(dense)), LayerSpec::Activation(activation)];
        let recipe =
            Recipe { network: NetworkSpec { layers, hidden: Vec::new(), ..NetworkSpec::default() }, ..sgd(0.1) };
        let prepared = Prepared::<f32>::new(&recipe, &moons, None).unwrap();
        let looked = units(&prepared.setup, prepared.start(1).theta());
        assert_eq!(looked[0].dead.len(), dead, "{looked:?}");
    }
}
