//! Trajectories against PyTorch's (`reference/rosenbrock.json`, made by `reference/rosenbrock.py`).

use layerwise_core::Real;
use layerwise_optimizers::{Optimizers, Plateau, ReduceOnPlateau};
use layerwise_tensor::Scalar;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    start: Vec<f64>,
    theta_after: Vec<u64>,
    runs: Vec<Run>,
    plateau: PlateauRun,
}

#[derive(Deserialize)]
struct Run {
    optimizer: Optimizers,
    theta: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct PlateauRun {
    rule: ReduceOnPlateau,
    losses: Vec<f64>,
    rate_factors: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/rosenbrock.json")).expect("the reference file")
}

/// Gradient of Σ (1 − xᵢ)² + 5 (xᵢ₊₁ − xᵢ²)².
fn slope<S: Scalar>(x: &[S]) -> Vec<S> {
    let mut grad = vec![S::ZERO; x.len()];
    for i in 0..x.len() - 1 {
        let gap = x[i + 1] - x[i] * x[i];
        grad[i] += S::of(-2.0) * (S::ONE - x[i]) - S::of(20.0) * x[i] * gap;
        grad[i + 1] += S::of(10.0) * gap;
    }
    grad
}

fn check<S: Real>(tolerance: f64) {
    let reference = reference();
    for run in &reference.runs {
        let optimizer = run.optimizer.build();
        let mut theta: Vec<S> = reference.start.iter().map(|&x| S::of(x)).collect();
        let weights = vec![S::ONE; theta.len()];
        let mut state = optimizer.state(theta.len());
        for (&after, want) in reference.theta_after.iter().zip(&run.theta) {
            while state.count() < after {
                let mut grad = slope(&theta);
                optimizer.step(&mut theta, &mut grad, &weights, 1.0, &mut state);
            }
            for (got, want) in theta.iter().zip(want) {
                let error = (got.value() - want).abs();
                assert!(error <= tolerance, "{:?} after {after}: off by {error}", run.optimizer);
            }
        }
    }
}

#[test]
fn paths_in_f64_are_pytorchs() {
    check::<f64>(1e-12);
}

#[test]
fn paths_in_f32_stay_close() {
    check::<f32>(2e-5);
}

#[test]
fn the_plateau_rule_is_pytorchs() {
    let PlateauRun { rule, losses, rate_factors } = reference().plateau;
    let mut state = Plateau::default();
    for (&loss, want) in losses.iter().zip(rate_factors) {
        let got = rule.observe(&mut state, loss);
        assert!((got - want).abs() <= 1e-15, "{got}, should be {want}");
    }
}
