//! Losses at their edges: the gradient at a kink that the documentation promises, and more columns than a block has.

use layerwise_core::{LossKernel, Targets};
use layerwise_losses::*;
use layerwise_tensor::{Mat, MatMut};

/// l and ∂l/∂y of one sample of two outputs.
fn check(loss: impl LossKernel<f64>, y: [f64; 2], targets: Targets<'_, f64>, value: f64, gradient: [f64; 2]) {
    let (mut each, mut dy) = ([f64::NAN], [f64::NAN; 2]);
    loss.eval(Mat::new(&y, 2, 1), targets, &mut each, MatMut::new(&mut dy, 2, 1));
    assert_eq!((each[0], dy), (value, gradient), "{y:?}");
}

#[test]
fn at_a_kink_the_gradient_has_the_smallest_norm() {
    let class = Targets::Classes(&[0]);
    check(Hinge, [1.0, 0.0], class, 0.0, [0.0, 0.0]);
    check(Hinge, [1.0, 0.25], class, 0.25, [-1.0, 1.0]);
    let values = Targets::Values(Mat::new(&[1.0, 2.0], 2, 1));
    check(Absolute, [1.0, 2.5], values, 0.5, [0.0, 1.0]);
    check(Absolute, [0.5, 2.0], values, 0.5, [-1.0, 0.0]);
    // Smooth to the first order: on the edge both branches agree.
    check(Huber { delta: 0.5 }, [1.5, 1.5], values, 0.25, [0.5, -0.5]);
    check(Huber { delta: 0.5 }, [2.5, 2.25], values, 0.625 + 0.03125, [0.5, 0.25]);
}

#[test]
fn many_predictions_are_those_of_the_columns_one_by_one() {
    for loss in Losses::all() {
        for k in [3, 10, 100] {
            let y: Vec<f64> = (0..k * 700).map(|i| ((i * 37 % 101) as f64 - 50.0) / 10.0).collect();
            let (mut all, mut each) = (y.clone(), y);
            let predict = |y: &mut [f64], n: usize| LossKernel::<f64>::predict(&*loss.boxed(), MatMut::new(y, k, n));
            predict(&mut all, 700);
            each.chunks_mut(k).for_each(|column| predict(column, 1));
            assert_eq!(all, each, "{loss:?}, {k} outputs");
        }
    }
}
