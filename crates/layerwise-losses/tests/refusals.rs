//! What losses refuse, with which words: parameters, kinds of targets, and shapes that do not fit.

#![allow(clippy::unwrap_used)]

use std::panic::catch_unwind;

use layerwise_core::loss::TargetKind;
use layerwise_core::{LossKernel, Targets};
use layerwise_losses::*;
use layerwise_tensor::{Mat, MatMut};

fn softmax(smoothing: f64, class_weights: &[f64]) -> SoftmaxCrossEntropy {
    SoftmaxCrossEntropy { smoothing, class_weights: class_weights.to_vec() }
}

#[test]
fn parameters_are_checked_at_their_limits() {
    let check = |loss: Losses, problem: &str| {
        let expected = if problem.is_empty() { Ok(()) } else { Err(problem.to_owned()) };
        assert_eq!(loss.check(), expected, "{loss:?}");
    };
    for delta in [1e-300, 1.0, 1e300] {
        check(Huber { delta }.into(), "");
    }
    for (delta, got) in [(-1.0, "-1"), (0.0, "0"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        check(Huber { delta }.into(), &format!("delta should be a finite number above 0, got {got}"));
    }
    for smoothing in [0.0, 0.999] {
        check(softmax(smoothing, &[0.0, 2.0]).into(), "");
    }
    for (smoothing, got) in [(-0.1, "-0.1"), (1.0, "1"), (f64::NAN, "NaN")] {
        check(softmax(smoothing, &[]).into(), &format!("smoothing should be at least 0 and below 1, got {got}"));
    }
    for (weight, got) in [(-1.0, "-1"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        let problem = format!("class_weights[1] should be a finite number of at least 0, got {got}");
        check(softmax(0.0, &[1.0, weight]).into(), &problem);
    }
}

#[test]
fn widths_follow_the_targets() {
    let check = |loss: Losses, classes: Result<usize, &str>, values: Result<usize, &str>| {
        for (kind, expected) in [(TargetKind::Classes(3), classes), (TargetKind::Values(3), values)] {
            let got = loss.boxed().width(kind).map_err(|e| e.to_string());
            let expected = expected.map_err(|problem| format!("{}: {problem}", loss.name()));
            assert_eq!(got, expected, "{loss:?}, {kind}");
        }
    };
    let values = "targets should be classes, got 3 values a sample";
    let classes = "targets should be values, got 3 classes";
    check(softmax(0.0, &[]).into(), Ok(3), Err(values));
    check(softmax(0.0, &[1.0; 3]).into(), Ok(3), Err(values));
    check(softmax(0.0, &[1.0; 2]).into(), Err("class weights should be 3, got 2"), Err(values));
    check(Hinge.into(), Ok(3), Err(values));
    check(Squared.into(), Err(classes), Ok(3));
    check(Absolute.into(), Err(classes), Ok(3));
    check(Huber::default().into(), Err(classes), Ok(3));
    let both = "targets should be values in [0, 1] or 2 classes, got 3 classes";
    check(BernoulliCrossEntropy.into(), Err(both), Ok(3));
}

/// What `eval` says about 2 outputs of 2 samples.
fn refused(loss: impl Into<Losses>, targets: Targets<'static, f64>, n_each: usize, gradient: (usize, usize)) -> String {
    let loss = loss.into();
    let run = || {
        let (mut each, mut dy) = (vec![0.0; n_each], vec![0.0; gradient.0 * gradient.1]);
        let dy = MatMut::new(&mut dy, gradient.0, gradient.1);
        LossKernel::<f64>::eval(&*loss.boxed(), Mat::new(&[0.0; 4], 2, 2), targets, &mut each, dy);
    };
    let said = catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
    said.downcast_ref::<String>().cloned().unwrap_or_else(|| (*said.downcast_ref::<&str>().unwrap()).to_owned())
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let (fit, one) = (Targets::Classes(&[0, 1]), Targets::Classes(&[0]));
    let values = Targets::Values(Mat::new(&[0.0; 4], 2, 2));
    for (targets, n_each) in [(one, 2), (fit, 3), (one, 1)] {
        let n = targets.len();
        let said = refused(softmax(0.0, &[]), targets, n_each, (2, 2));
        assert_eq!(said, format!("softmax-cross-entropy: 2 samples, {n} targets"));
        assert_eq!(refused(Hinge, targets, n_each, (2, 2)), format!("hinge: {n} targets"));
    }
    for gradient in [(2, 1), (1, 2), (4, 1)] {
        let said = refused(softmax(0.0, &[]), fit, 2, gradient);
        assert_eq!(said, "softmax-cross-entropy: the gradient should be 2x2");
        assert_eq!(refused(Squared, values, 2, gradient), "loss: the gradient should be 2x2");
    }
    assert_eq!(
        refused(softmax(0.0, &[]), Targets::Values(Mat::new(&[0.0; 2], 1, 2)), 2, (2, 2)),
        "softmax-cross-entropy: targets should be classes or 2 shares, got 1 values"
    );
    assert_eq!(refused(Hinge, values, 2, (2, 2)), "hinge: targets should be classes, got values");
    assert_eq!(refused(Squared, values, 3, (2, 2)), "loss: 2 samples, 2 targets");
    let few = Targets::Values(Mat::new(&[0.0; 2], 2, 1));
    assert_eq!(refused(Squared, few, 2, (2, 2)), "loss: 2 samples, 1 targets");
    let low = Targets::Values(Mat::new(&[0.0; 2], 1, 2));
    assert_eq!(refused(Squared, low, 2, (2, 2)), "loss: 2 outputs, 1 targets a sample");
    assert_eq!(refused(BernoulliCrossEntropy, fit, 2, (2, 2)), "loss: 2 outputs, 1 targets a sample");
}
