//! The estimators as a user meets them.

#![allow(clippy::unwrap_used)]

use layerwise_data::{Dataset, Target, friedman1, split, two_blobs, two_moons};
use layerwise_train::{MlpClassifier, MlpRegressor};
use nalgebra::DMatrix;

#[test]
fn a_classifier_learns_moons_and_its_probabilities_are_some() {
    let parts = split(&two_moons(800, 0.1, 1), [0.7, 0.0, 0.3], 1).unwrap();
    let model = MlpClassifier::default().hidden([32]).seed(3).fit(&parts.train).unwrap();
    assert!(model.score(&parts.test).unwrap() > 0.98);
    let p = model.predict_proba(&parts.test.x).unwrap();
    assert_eq!(p.shape(), (2, parts.test.len()));
    assert!(p.column_iter().all(|c| (c.sum() - 1.0).abs() < 1e-6 && c.min() >= 0.0));
    let again = MlpClassifier::default().hidden([32]).seed(3).fit(&parts.train).unwrap();
    assert!(model.theta() == again.theta());
}

#[test]
fn a_regressor_scales_its_targets_and_predicts_in_their_units() {
    let mut data = friedman1(1500, 10, 1.0, 1);
    if let Target::Values { values, .. } = &mut data.target {
        // Like prices: large, and far from 0.
        *values = values.map(|v| 1e5 + 1e4 * v);
    }
    let parts = split(&data, [0.7, 0.0, 0.3], 1).unwrap();
    let model = MlpRegressor::default().hidden([64]).epochs(200).fit(&parts.train).unwrap();
    // Noise of variance 1 leaves at most 1 - 1/24.8 = 0.96.
    let score = model.score(&parts.test).unwrap();
    assert!(score > 0.88, "{score}");
    let y = model.predict(&parts.test.x).unwrap();
    assert!(y.iter().all(|v| (5e4..5e5).contains(v)), "{y}");
}

#[test]
fn balanced_classes_find_the_rare_one() {
    let all = two_blobs(4000, 2, 2.0, 1);
    let Target::Classes { labels, .. } = &all.target else { panic!() };
    // One row in forty of the second class.
    let mut seen = 0;
    let rows: Vec<usize> = (0..all.len())
        .filter(|&i| {
            seen += usize::from(labels[i] == 1);
            labels[i] == 0 || seen % 40 == 1
        })
        .collect();
    let few = all.subset(&rows);
    let recall = |balanced: bool| {
        let model = MlpClassifier { balanced, ..MlpClassifier::default() }.hidden([8]).fit(&few).unwrap();
        let found = model.predict_classes(&all.x).unwrap();
        let hits = found.iter().zip(labels).filter(|(f, l)| **l == 1 && **f == 1).count();
        hits as f64 / labels.iter().filter(|l| **l == 1).count() as f64
    };
    let (plain, balanced) = (recall(false), recall(true));
    assert!(plain < 0.5 && balanced > 0.7, "{plain} {balanced}");
}

#[test]
fn mistakes_are_one_clear_line() {
    let moons = two_moons(200, 0.1, 1);
    let message = |r: Result<layerwise_train::Model, layerwise_train::TrainError>| r.unwrap_err().to_string();
    assert_eq!(
        message(MlpRegressor::default().fit(&moons)),
        "target: should be values, got classes (use MlpClassifier)"
    );
    assert_eq!(
        message(MlpClassifier::default().fit(&friedman1(100, 5, 1.0, 1))),
        "target: should be classes, got values (use MlpRegressor)"
    );
    assert_eq!(
        message(MlpClassifier::default().hidden([0]).fit(&moons)),
        "network.hidden[0]: should be at least 1, got 0"
    );
    assert_eq!(message(MlpClassifier::default().epochs(0).fit(&moons)), "epochs: should be at least 1, got 0");
    let model = MlpClassifier::default().epochs(1).fit(&moons).unwrap();
    let wide = DMatrix::zeros(3, 1);
    assert_eq!(model.predict(&wide).unwrap_err().to_string(), "x: number of features should be 2, got 3");
    let other = Dataset::new(
        "d",
        vec!["a".into(), "b".into()],
        DMatrix::zeros(2, 1),
        Target::Classes { labels: vec![0], names: vec!["x".into()] },
    );
    assert!(model.score(&other.unwrap()).unwrap_err().to_string().contains("as the model was trained on"));
}
