//! Trainings with statistics in θ, initialization by data, and the layers of the family as a configuration names them.
#![allow(clippy::unwrap_used)]

use layerwise_core::{Init, Pass, Role};
use layerwise_data::{Dataset, Scaling, friedman1};
use layerwise_layers::{BatchNorm, Dense, Layers};
use layerwise_network::Workspace;
use layerwise_optimizers::{Adamw, Averaging, DecayOn, Optimizers, ScheduleFreeSgd, Sgd};
use layerwise_tensor::{Key, Mat, Purpose, Team};
use layerwise_train::{LayerSpec, Model, NetworkSpec, Prepared, Recipe, Run};
use nalgebra::DMatrix;

fn data() -> Dataset {
    friedman1(90, 10, 1.0, 4)
}

/// Batches of 32, 32 and 26 rows through these layers.
fn recipe(layers: Vec<LayerSpec>, optimizer: Optimizers) -> Recipe {
    Recipe {
        epochs: 3,
        batch: 32,
        scaling: Scaling::None,
        early_stopping: None,
        optimizer,
        network: NetworkSpec { layers, ..NetworkSpec::default() },
        ..Recipe::default()
    }
}

fn layers(text: &str) -> Vec<LayerSpec> {
    serde_json::from_str(text).unwrap()
}

/// A batch norm in front of everything: its statistics depend on the rows alone.
fn normed(optimizer: Optimizers) -> Prepared<f32> {
    let layers = layers(r#"[{"kind": "batch-norm", "rate": 0.25}, {"kind": "dense", "width": 7}, "tanh"]"#);
    Prepared::new(&recipe(layers, optimizer), &data(), None).unwrap()
}

fn steps(run: &mut Run<f32>, n: usize) {
    for _ in 0..n {
        run.step(&mut []).unwrap();
    }
}

fn statistics(prepared: &Prepared<f32>, theta: &[f32]) -> Vec<f32> {
    prepared.setup.network.statistics().flat_map(|block| theta[block.range()].to_vec()).collect()
}

#[test]
fn statistics_are_averages_over_the_batches_and_no_optimizer_moves_them() {
    let decayed = Adamw { rate: 0.1, weight_decay: 0.5, decay_on: DecayOn::Everything, ..Adamw::default() };
    let free = ScheduleFreeSgd { rate: 0.1, weight_decay: 0.3, ..ScheduleFreeSgd::default() };
    let average = |average| Sgd { rate: 0.05, momentum: 0.9, average: Some(average), ..Sgd::default() };
    let more = [
        decayed.into(),
        free.into(),
        average(Averaging::Uniform { from: 0 }).into(),
        average(Averaging::Exponential { decay: 0.9 }).into(),
    ];
    // The same rows in the same order, in f64: each mean and variance by its own formula.
    let start = normed(Sgd::default().into());
    let (mut mean, mut variance) = (vec![0.0; 10], vec![1.0; 10]);
    let mut order: Vec<usize> = (0..90).collect();
    let x = data().x;
    for epoch in 1..=3 {
        layerwise_data::fill_order(&mut order, 9, epoch);
        for rows in order.chunks(32) {
            let n = rows.len() as f64;
            for i in 0..10 {
                let of_batch = rows.iter().map(|&row| x[(i, row)]).sum::<f64>() / n;
                let squares = rows.iter().map(|&row| (x[(i, row)] - of_batch).powi(2)).sum::<f64>();
                mean[i] += 0.25 * (of_batch - mean[i]);
                variance[i] += 0.25 * (squares / (n - 1.0) - variance[i]);
            }
        }
    }
    let want = [mean, variance].concat();
    let mut run = start.start(9);
    steps(&mut run, 9);
    let of_sgd = statistics(&start, run.theta());
    assert!(of_sgd.iter().zip(&want).all(|(got, want)| (f64::from(*got) - want).abs() < 1e-5), "{of_sgd:?} {want:?}");
    for optimizer in Optimizers::all().into_iter().chain(more) {
        let prepared = normed(optimizer);
        let mut run = prepared.start(9);
        steps(&mut run, 9);
        let name = prepared.recipe.optimizer.name();
        assert_eq!(statistics(&prepared, run.theta()), of_sgd, "{name}");
        assert_eq!(statistics(&prepared, &run.averaged()), of_sgd, "{name}");
    }
}

#[test]
fn a_training_with_statistics_has_the_same_bits_on_any_number_of_threads_and_in_a_fork() {
    let prepared = normed(Adamw::default().into());
    let bits = |run: &Run<f32>| run.theta().iter().map(|t| t.to_bits()).collect::<Vec<_>>();
    let mut one = prepared.start(2);
    steps(&mut one, 5);
    let mut two = prepared.start(2);
    Team::new(2).unwrap().install(|| steps(&mut two, 5));
    assert_eq!(bits(&one), bits(&two));
    let mut fork = one.clone();
    steps(&mut one, 5);
    steps(&mut fork, 5);
    assert_eq!(bits(&one), bits(&fork));
}

#[test]
fn a_model_file_carries_the_statistics_and_one_row_is_predicted_as_among_others() {
    let (prepared, data) = (normed(Adamw::default().into()), data());
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    let model = Model::new(&prepared, &data, &outcome);
    let path = std::env::temp_dir().join(format!("layerwise-signal-{}.json", std::process::id()));
    model.save(&path).unwrap();
    let read = Model::load(&path);
    std::fs::remove_file(&path).unwrap();
    let read = read.unwrap();
    assert_eq!(read.theta(), model.theta());
    let network = model.network();
    let n_statistics: usize = network.statistics().map(|block| block.range().len()).sum();
    assert_eq!((n_statistics, network.n_params()), (20, 2 * 10 + 10 * 7 + 7 + 7 + 1));
    let all = model.predict(&data.x).unwrap();
    for row in [0, 57] {
        let one = read.predict(&DMatrix::from_columns(&[data.x.column(row)])).unwrap();
        assert!((one[(0, 0)] - all[(0, row)]).abs() < 1e-5);
    }
    let ones = |mask: &[f32]| mask.iter().sum::<f32>() as usize;
    assert_eq!(ones(&network.params_mask::<f32>()), network.n_params());
    assert_eq!(ones(&network.weights_mask::<f32>()), 70 + 7);
}

/// Variances of the outputs of all dense layers on these rows.
fn variances(prepared: &Prepared<f64>, theta: &[f64]) -> Vec<f64> {
    let (network, n) = (&prepared.setup.network, 90);
    let mut workspace = Workspace::new(network, n);
    let x = prepared.setup.train.x(0..n);
    network.forward(theta, x, &mut workspace, Pass::Predict, Key::new(0, Purpose::Mask));
    let variance = |y: Mat<'_, f64>| {
        let n = y.data().len() as f64;
        let mean = y.data().iter().sum::<f64>() / n;
        y.data().iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / n
    };
    let dense = network.nodes().iter().enumerate().filter(|(_, node)| !node.plan.blocks.is_empty());
    dense.map(|(i, _)| variance(workspace.y(i))).collect()
}

#[test]
fn layer_sequential_unit_variance_is_what_it_says() {
    let of = |init: Init, bias: f64| {
        let dense = |width| LayerSpec::Layer(Dense { init, bias, ..Dense::new(width) }.into());
        let tanh = || layers(r#"["tanh"]"#).remove(0);
        let hidden = vec![dense(12), tanh(), dense(30), tanh(), dense(8), tanh()];
        let mut recipe = recipe(hidden, Sgd::default().into());
        recipe.network.init = init;
        Prepared::<f64>::new(&recipe, &data(), None).unwrap()
    };
    for bias in [0.0, 0.7] {
        let prepared = of(Init::Lsuv, bias);
        let run = prepared.start(3);
        let variances = variances(&prepared, run.theta());
        assert!(variances.len() == 4 && variances.iter().all(|v| (v - 1.0).abs() <= 1e-3), "{variances:?}");
        // Nothing but the length of the orthogonal matrices has changed.
        let plain = prepared.setup.network.init::<f64>(3);
        for (_, block) in prepared.setup.network.blocks() {
            let (now, before) = (&run.theta()[block.range()], &plain[block.range()]);
            let factor = if block.role == Role::Weight { now[0] / before[0] } else { 1.0 };
            assert!(now.iter().zip(before).all(|(now, before)| (now - factor * before).abs() < 1e-12));
        }
    }
    let orthogonal = of(Init::Orthogonal { gain: 1.0 }, 0.0);
    assert_eq!(*orthogonal.start(3).theta(), *orthogonal.setup.network.init::<f64>(3));
    let named: NetworkSpec = serde_json::from_str(r#"{"init": "lsuv"}"#).unwrap();
    assert_eq!(named.init, Init::Lsuv);
}

#[test]
fn every_layer_is_named_in_a_configuration_and_refused_there() {
    let text = r#"[
        {"kind": "gaussian-noise", "deviation": 0.1}, {"kind": "normed-dense", "width": 6}, "batch-norm", "selu",
        {"kind": "alpha-dropout", "rate": 0.1}, {"kind": "noisy-dense", "width": 5}, "layer-norm", "tanh",
        {"kind": "residual", "projection": true, "layers": [{"kind": "drop-connect", "width": 4, "rate": 0.3}, "gelu"]},
        {"kind": "gaussian-dropout", "rate": 0.2}, "highway"
    ]"#;
    let spec = layers(text);
    let again: Vec<LayerSpec> = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
    let prepared = Prepared::<f32>::new(&recipe(spec, Sgd::default().into()), &data(), None).unwrap();
    let widths: Vec<usize> = prepared.setup.network.nodes().iter().map(|node| node.plan.d_out).collect();
    assert_eq!(widths, [10, 6, 6, 6, 6, 5, 5, 5, 4, 4, 4, 4, 4, 1]);
    prepared.start(1).step(&mut []).unwrap();

    let refused =
        |text: &str| Prepared::<f32>::new(&recipe(layers(text), Sgd::default().into()), &data(), None).unwrap_err();
    let check = |text: &str, message: &str| assert_eq!(refused(text).to_string(), message);
    check(r#"[{"kind": "alpha-dropout", "rate": 1.0}]"#, "layer 1 (alpha-dropout): rate should be in [0, 1), got 1");
    check(
        r#"["tanh", {"kind": "batch-norm", "epsilon": -0.5}]"#,
        "layer 2 (batch-norm): epsilon should be finite and at least 0, got -0.5",
    );
    check(
        r#"["tanh", {"kind": "residual", "layers": [{"kind": "dense", "width": 3}]}]"#,
        "layer 3 (skip): width of the shortcut should be 3, got 10",
    );
    let unknown = serde_json::from_str::<Vec<LayerSpec>>(r#"[{"kind": "residual", "layers": [], "project": true}]"#);
    assert!(unknown.unwrap_err().to_string().contains("unknown field `project`"));
}

#[test]
fn batches_of_one_row_are_refused_with_batch_norm() {
    let with = |text: &str| {
        let recipe = Recipe { batch: 1, ..recipe(layers(text), Sgd::default().into()) };
        recipe.check().map_err(|e| e.to_string())
    };
    let refused = Err("batch: should be at least 2 with batch-norm, got 1".to_owned());
    assert_eq!(with(r#"["batch-norm"]"#), refused);
    assert_eq!(with(r#"["tanh", {"kind": "residual", "layers": ["batch-norm"]}]"#), refused);
    assert_eq!(with(r#"["layer-norm"]"#), Ok(()));
    assert!(matches!(Layers::from(BatchNorm::default()), Layers::BatchNorm(_)));
}

#[test]
fn a_recipe_changes_all_dense_layers() {
    let dense = r#"[{"kind": "dense", "width": 3}, {"kind": "drop-connect", "width": 3}, {"kind": "noisy-dense", "width": 3},
        {"kind": "normed-dense", "width": 3}, {"kind": "layer-norm"}]"#;
    let mut network = NetworkSpec { layers: layers(dense), ..NetworkSpec::default() };
    network.set_init(Init::He);
    network.widen(2, 5);
    let text = serde_json::to_string(&network.layers).unwrap();
    assert_eq!(text.matches(r#""width":6"#).count(), 4, "{text}");
    assert_eq!(text.matches(r#""init":"he""#).count(), 3, "{text}");
}
