//! Mixtures of classes: the softmax cross-entropy of shares is the mean of the losses of the classes.

use layerwise_core::{GenericNumber, LossKernel, Objective, Targets};
use layerwise_losses::SoftmaxCrossEntropy;
use layerwise_tensor::{Mat, MatMut, Scalar};

/// Losses and gradients of columns of k outputs.
fn eval<S: Scalar>(loss: &SoftmaxCrossEntropy, y: &[S], k: usize, targets: Targets<'_, S>) -> (Vec<S>, Vec<S>) {
    let n = y.len() / k;
    let (mut each, mut dy) = (vec![S::of(f64::NAN); n], vec![S::of(f64::NAN); k * n]);
    loss.eval(Mat::new(y, k, n), targets, &mut each, MatMut::new(&mut dy, k, n));
    (each, dy)
}

fn all() -> [SoftmaxCrossEntropy; 3] {
    [(0.0, vec![]), (0.25, vec![]), (0.25, vec![0.5, 2.0, 1.0])]
        .map(|(smoothing, class_weights)| SoftmaxCrossEntropy { smoothing, class_weights })
}

#[test]
fn the_loss_of_a_mixture_is_the_mean_of_the_losses() {
    let shares = [0.75, 0.25, 0.0, 0.0, 0.0, 1.0, 0.25, 0.25, 0.5, 1.5, 0.0, 0.5];
    let y = [0.5, -1.0, 2.0, 3.0, 3.0, -2.0, 0.0, 0.0, 0.0, -700.0, 10.0, 10.5];
    for loss in all() {
        let (each, dy) = eval(&loss, &y, 3, Targets::Values(Mat::new(&shares, 3, 4)));
        let (mut mean, mut slope) = ([0.0; 4], [0.0; 12]);
        for class in 0..3 {
            let (value, gradient) = eval(&loss, &y, 3, Targets::Classes(&[class; 4]));
            for j in 0..4 {
                let share = shares[3 * j + class as usize];
                mean[j] += share * value[j];
                (0..3).for_each(|i| slope[3 * j + i] += share * gradient[3 * j + i]);
            }
        }
        let near =
            |got: &[f64], want: &[f64]| got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 4e-15 * (1.0 + w.abs()));
        assert!(near(&each, &mean) && near(&dy, &slope), "{loss:?}: {each:?} {mean:?} {dy:?} {slope:?}");
    }
    let (each, dy) = eval(&all()[0], &[1.0f64, 1.0], 2, Targets::Values(Mat::new(&[0.5, 0.5], 2, 1)));
    assert!((each[0] - 2f64.ln()).abs() < 1e-15 && dy == [0.0, 0.0]);
}

#[test]
fn many_columns_are_the_columns_one_by_one() {
    let [_, _, loss] = all();
    for k in [3, 40] {
        let numbers =
            |from: usize| -> Vec<f64> { (0..k * 300).map(|i| ((i * 37 + from) % 101) as f64 / 10.0).collect() };
        let (y, shares) = (numbers(3), numbers(50));
        let (each, dy) = eval(&loss, &y, k, Targets::Values(Mat::new(&shares, k, 300)));
        for (j, each) in each.iter().enumerate() {
            let part = j * k..(j + 1) * k;
            let (one, slope) = eval(&loss, &y[part.clone()], k, Targets::Values(Mat::new(&shares[part.clone()], k, 1)));
            assert_eq!((each, &dy[part]), (&one[0], &slope[..]));
        }
    }
}

struct Mixed(SoftmaxCrossEntropy);

impl<S: GenericNumber> Objective<S> for Mixed {
    fn len(&self) -> usize {
        6
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let shares = [0.75, 0.25, 0.0, 0.125, 0.375, 0.5].map(S::of);
        // Each output by a factor of its own: the loss does not feel the same shift of all, and so not every planted fault.
        let factors = [0.5, 1.0, 2.0, 1.0, 0.5, 2.0].map(S::of);
        let y: Vec<S> = theta.iter().zip(factors).map(|(&p, factor)| p * factor).collect();
        let (each, dy) = eval(&self.0, &y, 3, Targets::Values(Mat::new(&shares, 3, 2)));
        grad.iter_mut().zip(dy.iter().zip(factors)).for_each(|(g, (&d, factor))| *g = d * factor);
        each[0] + each[1]
    }
}

#[test]
fn the_gradient_check_passes() {
    for loss in all() {
        let mut objective = Mixed(loss);
        let start = [0.5, -0.25, 1.0, 2.0, 0.0, -1.0];
        let problem = layerwise_gradcheck::Problem::new(&mut objective, &start);
        let report = layerwise_gradcheck::Gradcheck::default().cases(64).objective("shares", problem);
        println!("{report}");
        report.assert();
    }
}
