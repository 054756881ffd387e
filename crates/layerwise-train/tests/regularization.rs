//! Penalties, mixtures, ensembles and spreads as recipes name them.
#![allow(clippy::unwrap_used)]

use layerwise_data::{Dataset, Scaling, Target, friedman1, split, two_blobs, two_moons};
use layerwise_optimizers::Sgd;
use layerwise_train::{Ensemble, MlpClassifier, MlpRegressor, Model, NetworkSpec, Prepared, Recipe};
use nalgebra::DMatrix;

fn recipe(json: serde_json::Value) -> Recipe {
    serde_json::from_value(json).unwrap()
}

fn refused(json: serde_json::Value) -> String {
    Prepared::<f32>::new(&recipe(json), &two_moons(60, 0.1, 1), None).unwrap_err().to_string()
}

#[test]
fn a_recipe_names_every_regularization_and_wrong_ones_are_refused_in_one_line() {
    let all = serde_json::json!({
        "penalties": [
            { "penalty": { "kind": "group-lasso", "strength": 0.01, "groups": "incoming" }, "layers": ["hidden1"] },
            { "penalty": "proximal-group-lasso" }, { "penalty": "orthogonality" },
        ],
        "activities": [
            { "penalty": { "kind": "sparsity", "mean": 0.1, "strength": 0.01 }, "layers": ["hidden1"] },
            { "penalty": "l1" }, { "penalty": "l2", "layers": ["output"] }, { "penalty": "student-t" },
        ],
        "jacobian": { "strength": 0.1 }, "mixup": { "alpha": 1.0 },
        "ensemble": { "kind": "bagged", "members": 3 }, "network": { "activation": "sigmoid" },
    });
    let read = recipe(all);
    assert_eq!(recipe(serde_json::to_value(&read).unwrap()), read);
    let prepared = Prepared::<f32>::new(&read, &two_moons(60, 0.1, 1), None).unwrap();
    assert_eq!(prepared.setup.penalties.len(), 7);
    let check = |json: serde_json::Value, problem: &str| assert_eq!(refused(json), problem);
    check(
        serde_json::json!({ "activities": [{ "penalty": "sparsity" }] }),
        "activities[0]: sparsity should go with activations from 0 to 1, got relu in hidden1",
    );
    check(
        serde_json::json!({ "activities": [{ "penalty": "l1" }, { "penalty": "l1", "layers": ["hidden7"] }] }),
        "activities[1].layers: should be among hidden1, output, got `hidden7`",
    );
    check(
        serde_json::json!({ "activities": [{ "penalty": "l1" }], "network": { "hidden": [] } }),
        "activities[0].layers: should name a layer where none is hidden, got none",
    );
    check(
        serde_json::json!({ "activities": [{ "penalty": { "kind": "sparsity", "mean": 2.0 } }] }),
        "activities[0]: mean should be between 0 and 1, got 2",
    );
    check(
        serde_json::json!({ "jacobian": { "strength": -1.0 } }),
        "jacobian: strength should be a finite number of at least 0, got -1",
    );
    check(serde_json::json!({ "mixup": { "alpha": 0.0 } }), "mixup: alpha should be a finite number above 0, got 0");
    check(
        serde_json::json!({ "mixup": { "alpha": 0.2 }, "loss": "hinge" }),
        "mixup: should go with a cross-entropy or a loss on values, got hinge",
    );
    check(
        serde_json::json!({ "ensemble": { "kind": "snapshots", "members": 0 } }),
        "ensemble: members should be at least 1, got 0",
    );
    let no_kind =
        serde_json::from_value::<Recipe>(serde_json::json!({ "ensemble": { "kind": "boosted", "members": 3 } }));
    assert!(no_kind.unwrap_err().to_string().contains("expected `bagged` or `snapshots`"));
}

#[test]
fn mixtures_of_classes_and_values_are_learnt() {
    // Where mixing does no harm: far blobs, whose best possible error is Φ(−3) = 0.13 %, and a linear function.
    for loss in ["softmax-cross-entropy", "bernoulli-cross-entropy"] {
        let data = split(&two_blobs(600, 2, 6.0, 1), [0.7, 0.0, 0.3], 1).unwrap();
        let recipe = recipe(serde_json::json!({ "mixup": { "alpha": 0.4 }, "loss": loss, "epochs": 60 }));
        let model = MlpClassifier { recipe, ..MlpClassifier::default() }.fit(&data.train).unwrap();
        let score = model.score(&data.test).unwrap();
        assert!(score > 0.97, "{loss}: {score}");
    }
    let x = DMatrix::from_fn(2, 300, |i, j| ((i * 100 + j * (37 + 24 * i)) % 101) as f64 / 50.0 - 1.0);
    let values = DMatrix::from_fn(1, 300, |_, j| 2.0 * x[(0, j)] - x[(1, j)] + 1.0);
    let features = ["a", "b"].map(str::to_owned).to_vec();
    let data = Dataset::new("linear", features, x, Target::Values { values, names: vec!["y".into()] }).unwrap();
    let parts = split(&data, [0.7, 0.0, 0.3], 1).unwrap();
    let recipe = recipe(serde_json::json!({ "mixup": { "alpha": 0.4 }, "epochs": 200 }));
    let model = MlpRegressor { recipe, ..MlpRegressor::default() }.fit(&parts.train).unwrap();
    let score = model.score(&parts.test).unwrap();
    assert!(score > 0.98, "{score}");
}

#[test]
fn penalties_do_what_they_are_for() {
    let data = two_moons(300, 0.15, 1);
    let train = |json: serde_json::Value| {
        let recipe = Recipe { epochs: 40, early_stopping: None, batch: 30, ..recipe(json) };
        let prepared = Prepared::<f32>::new(&recipe, &data, None).unwrap();
        let (_, outcome) = prepared.train(1, &mut [], &mut ());
        (prepared, outcome)
    };
    // Mean squared slope of the first output along both inputs, by differences.
    let slope = |json: serde_json::Value| {
        let (prepared, outcome) = train(json);
        let model = Model::new(&prepared, &data, &outcome);
        let logit = |x: &DMatrix<f64>| model.predict_proba(x).unwrap().row(0).map(|p| (p / (1.0 - p)).ln());
        let x = &data.x;
        (0..2)
            .map(|i| {
                let moved = |by: f64| DMatrix::from_fn(2, x.ncols(), |k, j| x[(k, j)] + if k == i { by } else { 0.0 });
                ((logit(&moved(0.05)) - logit(&moved(-0.05))) / 0.1).norm_squared()
            })
            .sum::<f64>()
    };
    let (free, flat) = (slope(serde_json::json!({})), slope(serde_json::json!({ "jacobian": { "strength": 0.3 } })));
    assert!(flat < 0.3 * free, "{flat} and without the penalty {free}");
    // Whole units are cut off.
    let sgd = serde_json::json!({ "kind": "sgd", "rate": 0.05 });
    let proximal = serde_json::json!({ "optimizer": sgd, "penalties": [
        { "penalty": { "kind": "proximal-group-lasso", "strength": 0.05, "groups": "incoming" }, "layers": ["hidden1"] },
    ] });
    let units = |json: serde_json::Value| {
        let (prepared, outcome) = train(json);
        let (_, block) = prepared.setup.network.blocks().next().unwrap();
        let w = DMatrix::from_column_slice(block.rows, block.cols, &outcome.theta[block.range()]);
        w.row_iter().filter(|row| row.iter().all(|w| *w == 0.0)).count()
    };
    let (all, cut) = (units(serde_json::json!({ "optimizer": sgd })), units(proximal));
    assert!(all == 0 && (1..64).contains(&cut), "{all} and {cut} units are gone");
}

fn ensemble(ensemble: Ensemble, threads: usize, data: &Dataset) -> (Prepared<f32>, layerwise_train::Members<f32>) {
    let recipe = Recipe { epochs: 24, early_stopping: None, ensemble: Some(ensemble), ..Recipe::default() };
    let prepared = Prepared::<f32>::new(&recipe, data, None).unwrap();
    let members = prepared.members(ensemble, 7, threads, &|| false).unwrap();
    (prepared, members)
}

#[test]
fn ensembles_have_the_same_bits_on_any_number_of_threads_and_survive_a_file() {
    let parts = split(&two_moons(400, 0.3, 2), [0.5, 0.0, 0.5], 1).unwrap();
    for kind in [Ensemble::Bagged { members: 5 }, Ensemble::Snapshots { members: 4 }] {
        let (prepared, one) = ensemble(kind, 1, &parts.train);
        let (_, three) = ensemble(kind, 3, &parts.train);
        let same = one.outcomes.iter().zip(&three.outcomes).all(|(a, b)| a.theta == b.theta);
        assert!(same && one.outcomes.len() == three.outcomes.len() && one.out_of_bag == three.out_of_bag);
        assert!(one.outcomes[0].theta != one.outcomes[1].theta);
        let model = Model::ensemble(&prepared, &parts.train, &one).unwrap();
        let path = std::env::temp_dir().join(format!("layerwise-ensemble-{}.json", std::process::id()));
        model.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let again = Model::load(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(again.members().eq(model.members()) && model.members().len() == one.outcomes.len());
        let p = model.predict_proba(&parts.test.x).unwrap();
        assert_eq!(again.predict_proba(&parts.test.x).unwrap(), p);
        // The mean of what the members say, each a model of its own.
        let alone: Vec<DMatrix<f64>> = one
            .outcomes
            .iter()
            .map(|outcome| Model::new(&prepared, &parts.train, outcome).predict_proba(&parts.test.x).unwrap())
            .collect();
        let n = alone.len() as f64;
        let mean = alone.iter().fold(p.map(|_| 0.0), |sum, y| sum + y) / n;
        assert!((&mean - &p).amax() < 1e-12);
        let spread = model.predict_spread(&parts.test.x, 0).unwrap();
        assert!((&spread.mean - &p).amax() < 1e-12);
        let squares = alone.iter().fold(p.map(|_| 0.0), |sum, y| sum + (y - &mean).map(|gap| gap * gap));
        assert!((spread.deviation - squares.map(|s| (s / (n - 1.0)).sqrt())).amax() < 1e-12);
        // Without allocating, too, and the error is that of the mean.
        let (mut predictor, mut y) = (model.predictor(64), vec![0.0; 2 * parts.test.len()]);
        let x: Vec<f32> = parts.test.x.iter().map(|&x| x as f32).collect();
        predictor.predict_into(&x, &mut y).unwrap();
        assert!(p.iter().zip(&y).all(|(p, y)| (*p as f32 - y).abs() < 1e-5));
        let Target::Classes { labels, .. } = &parts.test.target else { panic!() };
        let wrong = p.column_iter().zip(labels).filter(|(p, label)| p.imax() != **label as usize).count();
        let scores = model.evaluate(&parts.test).unwrap();
        assert_eq!(scores.error, wrong as f64 / parts.test.len() as f64);
        let wrong_file = text.replace("\"members\":[[", "\"members\":[[],[");
        std::fs::write(&path, wrong_file).unwrap();
        let problem = Model::load(&path).unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(problem.contains("parameters: should be"), "{problem}");
    }
}

#[test]
fn the_out_of_bag_error_is_near_that_of_new_rows() {
    // Blobs that overlap: the best possible error is Φ(−1) = 0.159.
    let (train, test) = (two_blobs(1500, 2, 2.0, 1), two_blobs(4000, 2, 2.0, 2));
    let (prepared, members) = ensemble(Ensemble::Bagged { members: 8 }, 2, &train);
    let error = Model::ensemble(&prepared, &train, &members).unwrap().evaluate(&test).unwrap().error;
    let out_of_bag = members.out_of_bag.unwrap();
    // Each is a share with a standard error below 0.01 and 0.006.
    assert!((0.1..0.25).contains(&error) && (out_of_bag - error).abs() < 0.07, "{out_of_bag} and {error}");
    assert_eq!(ensemble(Ensemble::Snapshots { members: 2 }, 1, &train).1.out_of_bag, None);
}

#[test]
fn an_estimator_trains_the_ensemble_of_its_recipe() {
    let data = two_moons(200, 0.2, 1);
    let recipe = Recipe { ensemble: Some(Ensemble::Bagged { members: 3 }), epochs: 5, ..Recipe::default() };
    let model = MlpClassifier { recipe, ..MlpClassifier::default() }.fit(&data).unwrap();
    assert_eq!(model.members().len(), 3);
    assert_eq!(MlpClassifier::default().epochs(2).fit(&data).unwrap().members().len(), 1);
}

/// y = b + Σ wᵢ xᵢ mᵢ / (1 − p) with masks mᵢ: mean b + w x, variance p / (1 − p) Σ wᵢ² xᵢ².
#[test]
fn the_spread_of_a_linear_network_under_dropout_is_that_of_its_masks() {
    let data = friedman1(200, 5, 0.5, 1);
    let network = NetworkSpec { hidden: Vec::new(), input_dropout: 0.25, ..NetworkSpec::default() };
    let optimizer = Sgd { rate: 0.01, ..Sgd::default() }.into();
    let recipe = Recipe {
        epochs: 20,
        early_stopping: None,
        scaling: Scaling::None,
        target_scaling: Scaling::None,
        network,
        optimizer,
        ..Recipe::default()
    };
    let prepared = Prepared::<f32>::new(&recipe, &data, None).unwrap();
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    let model = Model::new(&prepared, &data, &outcome);
    let rows = data.x.columns(0, 3).into_owned();
    let passes = 40_000;
    let spread = model.predict_spread(&rows, passes).unwrap();
    assert_eq!(model.predict_spread(&rows, 3).unwrap(), model.predict_spread(&rows, 3).unwrap());
    let exact = model.predict_proba(&rows).unwrap();
    let (_, block) = prepared.setup.network.blocks().next().unwrap();
    let w = &model.theta()[block.range()];
    for j in 0..3 {
        let squares: f64 = w.iter().zip(rows.column(j).iter()).map(|(w, x)| (f64::from(*w) * x).powi(2)).sum();
        let deviation = (squares / 3.0).sqrt();
        // The mean of 40,000 passes has a standard error of 1/200 of the deviation: 7 of them (3e−12). The kurtosis of a sum of masks
        // is below 3, so that its deviation has a relative standard error below √(2 / 40,000) / 2 = 0.0035: 11 of them.
        assert!((spread.mean[j] - exact[j]).abs() < 0.035 * deviation, "{} and {}", spread.mean[j], exact[j]);
        assert!((spread.deviation[j] / deviation - 1.0).abs() < 0.04, "{} and {deviation}", spread.deviation[j]);
    }
    let none = MlpRegressor::default().epochs(2).fit(&data).unwrap().predict_spread(&rows, 5).unwrap();
    assert_eq!(none.deviation, none.deviation.map(|_| 0.0));
}
