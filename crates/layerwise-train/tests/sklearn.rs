//! The objective of MLPClassifier and MLPRegressor, and its gradient, on the same θ (`reference/sklearn.py` made the numbers).
#![allow(clippy::unwrap_used)]

use layerwise_activations::{Activations, Relu, Sigmoid, Tanh};
use layerwise_core::{Objective, Pass, Targets};
use layerwise_layers::Dense;
use layerwise_losses::{BernoulliCrossEntropy, Losses, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::L2;
use layerwise_tensor::{Buf, Key, Mat, Purpose};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

#[test]
fn losses_and_gradients_agree() {
    let reference: Value = serde_json::from_str(include_str!("reference/sklearn.json")).unwrap();
    let x = numbers(&reference["x"]);
    let classes = |key: &str| numbers(&reference[key]).iter().map(|&l| l as u32).collect::<Vec<_>>();
    let (three, two, targets) = (classes("labels3"), classes("labels2"), numbers(&reference["targets"]));
    let first: Vec<f64> = targets.iter().step_by(2).copied().collect();
    for case in reference["cases"].as_array().unwrap() {
        let (task, activation) = (case["task"].as_str().unwrap(), case["activation"].as_str().unwrap());
        let activation = match activation {
            "logistic" => Activations::Sigmoid(Sigmoid),
            "tanh" => Activations::Tanh(Tanh),
            "relu" => Activations::Relu(Relu),
            other => panic!("{other}"),
        };
        let (loss, targets, width) = match task {
            "softmax" => (Losses::SoftmaxCrossEntropy(SoftmaxCrossEntropy::default()), Targets::Classes(&three[..]), 3),
            "binary" => (Losses::BernoulliCrossEntropy(BernoulliCrossEntropy), Targets::Classes(&two[..]), 1),
            "regression1" => (Losses::Squared(Squared), Targets::Values(Mat::new(&first, 1, 20)), 1),
            "regression2" => (Losses::Squared(Squared), Targets::Values(Mat::new(&targets, 2, 20)), 2),
            other => panic!("{other}"),
        };
        let network = Builder::new(5)
            .layer(Dense::new(6))
            .boxed(activation.boxed())
            .layer(Dense::new(4))
            .boxed(activation.boxed())
            .layer(Dense::new(width))
            .build()
            .unwrap();
        let mut theta = Buf::zeros(network.n_theta());
        let packed = numbers(&case["theta"]);
        let mut at = 0;
        for (_, block) in network.blocks() {
            let n = block.rows * block.cols;
            theta[block.range()].copy_from_slice(&packed[at..at + n]);
            at += n;
        }
        // scikit-learn divides its penalty by the number of rows.
        let strength = case["alpha"].as_f64().unwrap() / 20.0;
        let penalty = Penalty::Parameters { regularizer: std::sync::Arc::new(L2 { strength }), on: Where::default() };
        let loss = loss.boxed();
        let mut workspace = Workspace::new(&network, 20);
        let mut grad = Buf::zeros(theta.len());
        let value = Supervised {
            network: &network,
            loss: &*loss,
            penalties: &[penalty],
            batch: Batch { x: Mat::new(&x, 5, 20), targets, weights: None },
            workspace: &mut workspace,
            pass: Pass::Train,
            key: Key::new(0, Purpose::Mask),
        }
        .eval(&theta, &mut grad);
        // With two outputs scikit-learn reports another mean than its gradient belongs to; the reference holds that one too.
        let want = case["loss_of_gradient"].as_f64().unwrap();
        assert!((value / want - 1.0).abs() < 1e-12, "{task}: {value}, should be {want}");
        let want = numbers(&case["gradient"]);
        let size = want.iter().fold(0.0f64, |m, w| m.max(w.abs()));
        let got: Vec<f64> = network.blocks().flat_map(|(_, b)| grad[b.range()].to_vec()).collect();
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() <= 1e-12 * size), "{task}: gradient");
    }
}
