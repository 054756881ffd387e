//! Every loss against PyTorch, the gradient check, extreme outputs, and what a configuration can say.

#![allow(clippy::unwrap_used)]

use layerwise_core::loss::TargetKind;
use layerwise_core::{LossKernel, Targets};
use layerwise_losses::*;
use layerwise_tensor::{Mat, MatMut, Scalar};
use serde_json::{Value, json};

const REFERENCE: &str = include_str!("../../layerwise-train/tests/reference/activations.json");

fn run<S: Scalar>(loss: &(impl LossKernel<S> + ?Sized), y: Mat<'_, S>, targets: Targets<'_, S>) -> (Vec<S>, Vec<S>) {
    let (mut each, mut dy) = (vec![S::of(f64::NAN); y.cols()], vec![S::of(f64::NAN); y.data().len()]);
    loss.eval(y, targets, &mut each, MatMut::new(&mut dy, y.rows(), y.cols()));
    (each, dy)
}

/// Numbers of nested lists, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn check(name: &str, config: Value) {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let case = reference["losses"].as_array().unwrap().iter().find(|l| l["name"] == name).unwrap();
    let loss = serde_json::from_value::<Losses>(config).unwrap();
    let (y, target) = (numbers(&case["y"]), numbers(&case["target"]));
    let n = case["y"].as_array().unwrap().len();
    let classes: Vec<u32> = target.iter().map(|&t| t as u32).collect();
    let targets = match case["target"][0] {
        Value::Array(_) => Targets::Values(Mat::new(&target, target.len() / n, n)),
        _ => Targets::Classes(&classes),
    };
    let (each, dy) = run::<f64>(&*loss.boxed(), Mat::new(&y, y.len() / n, n), targets);
    let want = numbers(&case["value"]).into_iter().chain(numbers(&case["gradient"]));
    for (i, (got, want)) in each.into_iter().chain(dy).zip(want).enumerate() {
        // PyTorch's last digits are absolute: p − 1 cancels.
        assert!((got - want).abs() <= 4e-16 + 2e-15 * want.abs(), "{name}, number {i}: {got:e}, should be {want:e}");
    }
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    check("cross_entropy", json!("softmax-cross-entropy"));
    check("cross_entropy_smoothing", json!({"kind": "softmax-cross-entropy", "smoothing": 0.1}));
    check("cross_entropy_weights", json!({"kind": "softmax-cross-entropy", "class_weights": [0.5, 1.0, 2.0, 3.5]}));
    check("bce_with_logits", json!("bernoulli-cross-entropy"));
    check("mse", json!("squared"));
    check("l1", json!("absolute"));
    check("huber", json!("huber"));
    check("multiclass_hinge", json!("hinge"));
}

#[test]
fn the_gradient_check_passes_for_the_whole_catalog() {
    let mut losses = Losses::all();
    losses.push(SoftmaxCrossEntropy { smoothing: 1e-3, class_weights: vec![0.5, 3.0] }.into());
    losses.push(Huber { delta: 0.25 }.into());
    for loss in losses {
        let report = layerwise_gradcheck::Gradcheck::default().cases(64).without_saboteurs().loss(&*loss.generic());
        println!("{report}");
        report.assert();
    }
}

#[test]
fn outputs_of_ten_thousand_give_finite_numbers_in_f32() {
    let y: Vec<f32> = vec![1e4, -1e4, 0.0, -1e4, -1e4, 1e4, 1e4, 1e4, 1e4];
    for loss in Losses::all() {
        let boxed = loss.boxed();
        let values: Vec<f32> = (0..9).map(|i| (i % 2) as f32).collect();
        let all_targets = [
            (TargetKind::Classes(3), Targets::Classes(&[1, 0, 2])),
            (TargetKind::Values(3), Targets::Values(Mat::new(&values, 3, 3))),
        ];
        for (kind, targets) in all_targets {
            if boxed.width(kind) == Ok(3) {
                let (each, dy) = run::<f32>(&*boxed, Mat::new(&y, 3, 3), targets);
                assert!(each.iter().all(|l| l.is_finite() && *l >= 0.0), "{loss:?}: {each:?}");
                assert!(dy.iter().all(|d| d.is_finite()), "{loss:?}: {dy:?}");
            }
        }
        let mut predicted = y.clone();
        LossKernel::<f32>::predict(&*boxed, MatMut::new(&mut predicted, 3, 3));
        assert!(predicted.iter().all(|p| p.is_finite()), "{loss:?}: {predicted:?}");
    }
}

#[test]
fn a_confident_answer_keeps_its_digits() {
    // l = ln(1 + e^−40) = e^−40 (1 − …), and ∂l/∂y_t = −e^−40 / (1 + e^−40).
    let expected = (-40f64).exp();
    let y = [40.0, 0.0];
    let (each, dy) = run::<f64>(&SoftmaxCrossEntropy::default(), Mat::new(&y, 2, 1), Targets::Classes(&[0]));
    let (each_b, dy_b) = run::<f64>(&BernoulliCrossEntropy, Mat::new(&[40.0], 1, 1), Targets::Classes(&[1]));
    for got in [each[0], -dy[0], dy[1], each_b[0], -dy_b[0]] {
        assert!((got / expected - 1.0).abs() < 1e-15, "{got:e}, should be {expected:e}");
    }
}

#[test]
fn predictions_are_probabilities_or_the_outputs() {
    let mut y = vec![0.0, 2f64.ln(), 5f64.ln(), -700.0, 0.0, 700.0];
    SoftmaxCrossEntropy::default().predict(MatMut::new(&mut y, 3, 2));
    for (got, want) in y.iter().zip([0.125, 0.25, 0.625, 0.0, 0.0, 1.0]) {
        assert!((got - want).abs() < 1e-15, "{y:?}");
    }
    let mut y = vec![3f64.ln(), -(3f64.ln())];
    BernoulliCrossEntropy.predict(MatMut::new(&mut y, 2, 1));
    assert!((y[0] - 0.75).abs() < 1e-15 && (y[1] - 0.25).abs() < 1e-15, "{y:?}");
    let mut y = vec![3.0, -4.0];
    Squared.predict(MatMut::new(&mut y, 2, 1));
    assert_eq!(y, [3.0, -4.0]);
}

#[test]
fn many_columns_are_the_columns_one_by_one() {
    fn check(loss: &Losses, k: usize, kind: TargetKind) {
        let n = 700;
        let y: Vec<f64> = (0..k * n).map(|i| ((i * 37 % 101) as f64 - 50.0) / 10.0).collect();
        let classes: Vec<u32> = (0..n).map(|j| (j % 2) as u32).collect();
        let values: Vec<f64> = (0..k * n).map(|i| (i % 11) as f64 / 10.0).collect();
        let targets = |from: usize, to: usize| match kind {
            TargetKind::Classes(_) => Targets::Classes(&classes[from..to]),
            TargetKind::Values(_) => Targets::Values(Mat::new(&values[from * k..to * k], k, to - from)),
        };
        let (each, dy) = run::<f64>(&*loss.boxed(), Mat::new(&y, k, n), targets(0, n));
        for j in 0..n {
            let (one, d) = run::<f64>(&*loss.boxed(), Mat::new(&y[j * k..(j + 1) * k], k, 1), targets(j, j + 1));
            assert_eq!((one[0], &d[..]), (each[j], &dy[j * k..(j + 1) * k]), "{loss:?}, column {j}");
        }
    }
    for loss in Losses::all() {
        for k in [1, 3, 10, 100] {
            for kind in [TargetKind::Classes(k), TargetKind::Classes(2), TargetKind::Values(k)] {
                if loss.boxed().width(kind) == Ok(k) && (k > 1 || kind != TargetKind::Classes(1)) {
                    check(&loss, k, kind);
                }
            }
        }
    }
}

#[test]
fn configurations_and_shapes_that_are_wrong_are_refused() {
    let read = |json: Value| serde_json::from_value::<Losses>(json);
    for loss in Losses::all() {
        assert_eq!(read(serde_json::to_value(&loss).unwrap()).unwrap(), loss);
        assert_eq!(loss.check(), Ok(()));
        assert_eq!(loss.boxed().name(), loss.name());
    }
    assert!(read(json!({"kind": "huber", "detla": 1})).is_err());
    let message = |loss: Losses| loss.check().unwrap_err();
    assert_eq!(message(Huber { delta: 0.0 }.into()), "delta should be a finite number above 0, got 0");
    let loss = |smoothing, class_weights| SoftmaxCrossEntropy { smoothing, class_weights };
    assert_eq!(message(loss(1.0, vec![]).into()), "smoothing should be at least 0 and below 1, got 1");
    let negative = message(loss(0.0, vec![1.0, -2.0]).into());
    assert_eq!(negative, "class_weights[1] should be a finite number of at least 0, got -2");
    let width = |loss: Losses, kind| loss.boxed().width(kind).map_err(|e| e.to_string());
    assert_eq!(
        width(loss(0.0, vec![1.0; 3]).into(), TargetKind::Classes(4)),
        Err("softmax-cross-entropy: class weights should be 4, got 3".into())
    );
    assert_eq!(
        width(Hinge.into(), TargetKind::Values(2)),
        Err("hinge: targets should be classes, got 2 values a sample".into())
    );
    for loss in Losses::all() {
        for nothing in [TargetKind::Classes(0), TargetKind::Values(0)] {
            let refused = width(loss.clone(), nothing).unwrap_err();
            assert!(refused.ends_with(&format!("targets should be at least 1, got {nothing}")), "{refused}");
        }
    }
    assert_eq!(width(BernoulliCrossEntropy.into(), TargetKind::Classes(2)), Ok(1));
    assert_eq!(width(Squared.into(), TargetKind::Values(4)), Ok(4));
    assert!(width(BernoulliCrossEntropy.into(), TargetKind::Classes(3)).is_err());
    assert!(width(Absolute.into(), TargetKind::Classes(3)).is_err());
}
