//! What the links' tests share.

use layerwise_core::{Link, Real};
use layerwise_tensor::Scalar;

use crate::Optimizer;

/// Some gradient: magnitudes from 1e-3 to 10, both signs, every eleventh 0.
pub fn gradient<S: Scalar>(step: usize, n: usize) -> Vec<S> {
    let number = |i: usize| {
        let x = (1.0 + step as f64 * 2.7 + i as f64 * 0.9).sin();
        if i % 11 == 10 { 0.0 } else { x * 10f64.powi((i % 5) as i32 - 3) }
    };
    (0..n).map(|i| S::of(number(i))).collect()
}

/// Runs one link alone for six steps in f64 and f32; `want` gives the update of one parameter from its own gradients so far.
pub fn check(link: impl Link + Clone + 'static, want: impl Fn(&[f64]) -> f64) {
    check_in::<f64>(link.clone(), &want, 1e-14);
    check_in::<f32>(link, &want, 2e-6);
}

fn check_in<S: Real>(link: impl Link + 'static, want: &impl Fn(&[f64]) -> f64, tolerance: f64) {
    let n = 37;
    let optimizer = Optimizer::default().then(link);
    let mut state = optimizer.state::<S>(n);
    let mut theta = vec![S::ZERO; n];
    let mut history = vec![Vec::new(); n];
    // Updates cancel to almost nothing now and then: errors are relative to the parameter's largest so far.
    let mut scale = vec![0.0_f64; n];
    for step in 0..6 {
        let mut grad: Vec<S> = gradient(step, n);
        history.iter_mut().zip(&grad).for_each(|(history, g)| history.push(g.value()));
        optimizer.step(&mut theta, &mut grad, &vec![S::ONE; n], 1.0, &mut state);
        for (i, (got, history)) in grad.iter().zip(&history).enumerate() {
            let (got, want) = (got.value(), want(history));
            scale[i] = scale[i].max(want.abs());
            assert!((got - want).abs() <= tolerance * scale[i], "step {step}, {i}: update {got}, should be {want}");
        }
    }
}
