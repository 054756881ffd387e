//! Recipes over sequences: scaling by channels, models that are kept, outputs at every step, and what does not fit.

#![allow(clippy::unwrap_used)]

use layerwise_data::{Addition, Dataset, Layout, Scaler, Scaling, SequenceGenerator, Standardizer, Target};
use layerwise_layers::{Elman, Gru, Returns};
use layerwise_optimizers::Adam;
use layerwise_train::{LayerSpec, Model, NetworkSpec, Prepared, Recipe};
use nalgebra::DMatrix;

fn recipe(layer: layerwise_layers::Layers) -> Recipe {
    Recipe {
        network: NetworkSpec { layers: vec![LayerSpec::Layer(layer)], ..NetworkSpec::default() },
        optimizer: Adam { rate: 0.01, clip: Some(1.0), ..Adam::default() }.into(),
        epochs: 30,
        early_stopping: None,
        ..Recipe::default()
    }
}

fn refusal(recipe: &Recipe, data: &Dataset) -> String {
    recipe.network_for(data).unwrap_err().to_string()
}

#[test]
fn a_recurrent_recipe_learns_keeps_its_model_and_scales_by_channels() {
    let set = Addition { steps: 10 }.draw(1000, 1).unwrap().flagged();
    let recipe = recipe(Gru { padded: true, ..Gru::new(3, 16) }.into());
    let prepared = Prepared::<f32>::new(&recipe, &set, None).unwrap();
    let Scaler::Standardize(Standardizer { mean, scale }) = &prepared.scaler else { panic!() };
    assert!(mean.chunks(3).all(|m| m == &mean[..3] && m[2] == 0.0) && scale.chunks(3).all(|s| s == &scale[..3]));
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    let model = Model::new(&prepared, &set, &outcome);
    let fresh = Addition { steps: 10 }.draw(500, 2).unwrap().flagged();
    let score = model.score(&fresh).unwrap();
    // Predicting the mean scores 0.
    assert!(score > 0.9, "{score}");
    let path = std::env::temp_dir().join(format!("layerwise-sequences-{}.json", std::process::id()));
    model.save(&path).unwrap();
    let again = Model::load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(again.predict(&fresh.x).unwrap(), model.predict(&fresh.x).unwrap());
}

#[test]
fn an_output_at_every_step_learns_running_sums() {
    // The target of each step is the sum of the first value and its own; padding has target 0.
    let flagged = Addition { steps: 20 }.draw(400, 3).unwrap();
    let (steps, x) = (flagged.steps(), flagged.flagged());
    let values = DMatrix::from_fn(steps, x.len(), |t, j| {
        let at = |t: usize| flagged.step(t, j)[1];
        if t < flagged.lengths[j] { at(0) + at(t) } else { 0.0 }
    });
    let names = (0..steps).map(|t| format!("sum{t}")).collect();
    let data = Dataset::new("sums", x.features.clone(), x.x.clone(), Target::Values { values, names }).unwrap();
    let data = data.with_layout(Layout { channels: 3, padded: true }).unwrap();
    let recipe = recipe(Elman { padded: true, returns: Returns::Every, ..Elman::new(3, 16) }.into());
    let message =
        "target_scaling: should be none where every step has an output, since padding has to stay 0, got another";
    assert_eq!(refusal(&recipe, &data), message);
    let recipe = Recipe { target_scaling: Scaling::None, ..recipe };
    let prepared = Prepared::<f32>::new(&recipe, &data, None).unwrap();
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    let model = Model::new(&prepared, &data, &outcome);
    let y = model.predict(&data.x).unwrap();
    let score = model.score(&data).unwrap();
    assert!(score > 0.9, "{score}");
    let padding: Vec<_> = (0..data.len()).flat_map(|j| (flagged.lengths[j]..steps).map(move |t| (t, j))).collect();
    assert!(padding.len() > 100 && padding.iter().all(|&at| y[at] == 0.0));
}

#[test]
fn data_of_another_layout_are_refused_in_one_line() {
    let set = Addition { steps: 20 }.draw(10, 1).unwrap();
    let padded = recipe(Elman { padded: true, ..Elman::new(3, 4) }.into());
    assert!(padded.network_for(&set.flagged()).is_ok());
    let wanted = "network.layers[0]: reads steps of 3 channels, padded; the data should be such, got";
    assert_eq!(refusal(&padded, &set.data), format!("{wanted} samples that are no sequences"));
    let plain = set.data.clone().with_layout(Layout { channels: 2, padded: false }).unwrap();
    assert_eq!(refusal(&padded, &plain), format!("{wanted} 2 channels, not padded"));
    let every = recipe(Elman { returns: Returns::Every, ..Elman::new(2, 4) }.into());
    let every = Recipe { target_scaling: Scaling::None, ..every };
    assert_eq!(refusal(&every, &plain), "output: width should be a multiple of the steps (21), got 1");
}
