//! The gradient check, values worked out by hand, and what a configuration can say.

#![allow(clippy::unwrap_used)]

use layerwise_core::RegularizerKernel;
use layerwise_regularizers::*;
use layerwise_tensor::{Mat, MatMut};
use serde_json::json;

#[test]
fn the_gradient_check_passes_for_the_whole_catalog() {
    let mut regularizers = Regularizers::all();
    regularizers.extend([
        ElasticNet { l1: 2.0, l2: 0.5 }.into(),
        MaxNorm { limit: 0.5 }.into(),
        L2 { strength: 0.5 }.into(),
    ]);
    regularizers.push(ProximalL1 { strength: 0.5 }.into());
    for groups in [Groups::Incoming, Groups::Outgoing] {
        regularizers.push(GroupLasso { strength: 0.5, groups }.into());
        regularizers.push(ProximalGroupLasso { strength: 0.5, groups }.into());
    }
    regularizers.push(Orthogonality { strength: 0.5 }.into());
    for regularizer in regularizers {
        let report = layerwise_gradcheck::Gradcheck::default()
            .cases(64)
            .without_saboteurs()
            .regularizer(&*regularizer.generic());
        println!("{report}");
        report.assert();
    }
}

/// λΩ and its gradient of W = [[3, 0], [−4, 2]].
fn check(regularizer: impl RegularizerKernel<f64>, omega: f64, gradient: [f64; 4]) {
    let mut grad = [10.0; 4];
    assert_eq!(regularizer.add(Mat::new(&[3.0, -4.0, 0.0, 2.0], 2, 2), &mut grad), omega);
    assert_eq!(grad, gradient.map(|g| 10.0 + g));
}

/// W after a step of size 2.
fn check_project(regularizer: impl RegularizerKernel<f64>, after: [f64; 4]) {
    let mut theta = [3.0, -4.0, 0.0, 2.0];
    regularizer.project(MatMut::new(&mut theta, 2, 2), 2.0);
    for (got, want) in theta.iter().zip(after) {
        assert!((got - want).abs() < 1e-15, "{theta:?}, should be {after:?}");
    }
}

#[test]
fn values_are_those_worked_out_by_hand() {
    check(L2 { strength: 0.5 }, 7.25, [1.5, -2.0, 0.0, 1.0]);
    check(L1 { strength: 0.5 }, 4.5, [0.5, -0.5, 0.0, 0.5]);
    check(ElasticNet { l1: 0.5, l2: 0.5 }, 11.75, [2.0, -2.5, 0.0, 1.5]);
    check(ProximalL1 { strength: 0.5 }, 4.5, [0.0; 4]);
    check(MaxNorm { limit: 1.0 }, 0.0, [0.0; 4]);
    check_project(L2 { strength: 0.5 }, [3.0, -4.0, 0.0, 2.0]);
    check_project(ProximalL1 { strength: 1.25 }, [0.5, -1.5, 0.0, 0.0]);
    // Rows (3, 0) of norm 3 and (−4, 2) of norm √20.
    let norm = 20f64.sqrt();
    check_project(MaxNorm { limit: 4.0 }, [3.0, -16.0 / norm, 0.0, 8.0 / norm]);
    check_project(MaxNorm { limit: 1.5 }, [1.5, -6.0 / norm, 0.0, 3.0 / norm]);
}

#[test]
fn every_row_of_a_large_block_is_held() {
    let (rows, cols) = (150, 7);
    let mut theta: Vec<f32> = (0..rows * cols).map(|i| (i % 13) as f32 - 6.0).collect();
    let before = theta.clone();
    MaxNorm { limit: 5.0 }.project(MatMut::new(&mut theta, rows, cols), 0.1);
    for i in 0..rows {
        let norm = |m: &[f32]| (0..cols).map(|j| m[i + j * rows].powi(2)).sum::<f32>().sqrt();
        assert!((norm(&theta) - norm(&before).min(5.0)).abs() < 1e-5, "row {i}: {}", norm(&theta));
    }
    let large: Vec<f64> = (0..1000).map(f64::from).collect();
    let omega = L2 { strength: 2.0 }.add(Mat::new(&large, 100, 10), &mut [0.0; 1000]);
    assert_eq!(omega, 332_833_500.0);
}

#[test]
fn configurations_that_are_wrong_are_refused() {
    for regularizer in Regularizers::all() {
        let json = serde_json::to_value(&regularizer).unwrap();
        assert_eq!(serde_json::from_value::<Regularizers>(json).unwrap(), regularizer);
        assert_eq!(regularizer.check(), Ok(()));
        assert_eq!(regularizer.boxed().name(), regularizer.name());
    }
    assert!(serde_json::from_value::<Regularizers>(json!({"kind": "l2", "lambda": 1})).is_err());
    let message = |r: Regularizers| r.check().unwrap_err();
    assert_eq!(message(L2 { strength: -1.0 }.into()), "strength should be a finite number of at least 0, got -1");
    assert_eq!(
        message(ElasticNet { l1: 0.0, l2: f64::NAN }.into()),
        "l2 should be a finite number of at least 0, got NaN"
    );
    assert_eq!(message(MaxNorm { limit: 0.0 }.into()), "limit should be a finite number above 0, got 0");
}
