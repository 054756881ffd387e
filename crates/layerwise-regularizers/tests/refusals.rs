//! Parameters that regularizers refuse, with which words, defaults, and blocks without numbers.

use layerwise_core::RegularizerKernel;
use layerwise_regularizers::*;
use layerwise_tensor::{Mat, MatMut};

fn check(regularizer: impl Into<Regularizers>, problem: &str) {
    let regularizer = regularizer.into();
    let expected = if problem.is_empty() { Ok(()) } else { Err(problem.to_owned()) };
    assert_eq!(regularizer.check(), expected, "{regularizer:?}");
}

#[test]
fn strengths_are_finite_numbers_from_0() {
    for strength in [0.0, 1e-4, 1e300] {
        check(L1 { strength }, "");
        check(L2 { strength }, "");
        check(ProximalL1 { strength }, "");
        check(GroupLasso { strength, ..GroupLasso::default() }, "");
        check(ProximalGroupLasso { strength, ..ProximalGroupLasso::default() }, "");
        check(Orthogonality { strength }, "");
        check(ElasticNet { l1: strength, l2: 1.0 }, "");
        check(ElasticNet { l1: 1.0, l2: strength }, "");
    }
    for (strength, got) in [(-1.0, "-1"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        let problem = |name: &str| format!("{name} should be a finite number of at least 0, got {got}");
        check(L1 { strength }, &problem("strength"));
        check(L2 { strength }, &problem("strength"));
        check(ProximalL1 { strength }, &problem("strength"));
        check(GroupLasso { strength, ..GroupLasso::default() }, &problem("strength"));
        check(ProximalGroupLasso { strength, ..ProximalGroupLasso::default() }, &problem("strength"));
        check(Orthogonality { strength }, &problem("strength"));
        check(ElasticNet { l1: strength, l2: 1.0 }, &problem("l1"));
        check(ElasticNet { l1: 1.0, l2: strength }, &problem("l2"));
    }
}

#[test]
fn a_limit_is_a_finite_number_above_0() {
    check(MaxNorm { limit: 1e-300 }, "");
    for (limit, got) in [(0.0, "0"), (-1.0, "-1"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        check(MaxNorm { limit }, &format!("limit should be a finite number above 0, got {got}"));
    }
}

#[test]
fn defaults_are_mild() {
    let all: Vec<Regularizers> = vec![
        L2 { strength: 1e-4 }.into(),
        L1 { strength: 1e-4 }.into(),
        ProximalL1 { strength: 1e-4 }.into(),
        ElasticNet { l1: 1e-4, l2: 1e-4 }.into(),
        GroupLasso { strength: 1e-4, groups: Groups::Outgoing }.into(),
        ProximalGroupLasso { strength: 1e-4, groups: Groups::Outgoing }.into(),
        Orthogonality { strength: 1e-4 }.into(),
        MaxNorm { limit: 3.0 }.into(),
    ];
    assert_eq!(Regularizers::all(), all);
}

#[test]
fn a_block_without_numbers_is_nothing() {
    for regularizer in Regularizers::all() {
        for (rows, cols) in [(0, 0), (0, 3), (3, 0)] {
            let kernel: &dyn RegularizerKernel<f64> = &*regularizer.boxed();
            assert_eq!(kernel.add(Mat::new(&[], rows, cols), &mut []), 0.0, "{regularizer:?}");
            kernel.project(MatMut::new(&mut [], rows, cols), 0.1);
        }
    }
}
