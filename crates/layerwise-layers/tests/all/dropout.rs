//! What dropout promises.

use layerwise_core::{Forward, LayerKernel, Params, Pass};
use layerwise_layers::Dropout;
use layerwise_tensor::{Key, Mat, MatMut, Purpose};

fn masked(rate: f64, pass: Pass, step: u64, n: usize) -> Vec<f64> {
    let (x, mut y, mut cache) = (vec![1.0; n], vec![f64::NAN; n], vec![f64::NAN; n]);
    Dropout { rate }.forward(Forward {
        theta: Params::new(&[], &[]),
        x: Mat::new(&x, n, 1),
        skip: None,
        y: MatMut::new(&mut y, n, 1),
        cache: &mut cache,
        pass,
        key: Key::new(1, Purpose::Mask).step(step),
    });
    y
}

#[test]
fn dropout_keeps_the_expectation_and_predicts_without_noise() {
    let n = 100_000;
    let y = masked(0.3, Pass::Train, 1, n);
    assert!(y.iter().all(|&v| v == 0.0 || (v - 1.0 / 0.7).abs() < 1e-9));
    // Standard error of the mean: sqrt(0.3 / 0.7 / n) = 0.0021.
    assert!((y.iter().sum::<f64>() / n as f64 - 1.0).abs() < 0.01);
    assert_eq!(masked(0.3, Pass::Predict, 1, 5), vec![1.0; 5]);
}

#[test]
fn masks_are_fixed_by_the_key_alone() {
    assert_eq!(masked(0.5, Pass::Train, 4, 64), masked(0.5, Pass::Train, 4, 64));
    assert_ne!(masked(0.5, Pass::Train, 4, 64), masked(0.5, Pass::Train, 5, 64));
}
