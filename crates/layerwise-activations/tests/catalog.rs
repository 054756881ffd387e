//! What each activation declares beside its formula, and the parameters that are refused.

use layerwise_activations::*;
use layerwise_core::{Activation, Init};

const INF: f64 = f64::INFINITY;

/// Asymptotes by their limits, initialization by the literature: He where one side is cut off, LeCun for SELU's fixed point.
fn check<A: Activation + Default + Into<Activations>>(activation: A, range: (f64, f64), kinks: &[f64], init: Init) {
    assert_eq!(A::default().range(), A::RANGE, "{activation:?}");
    let activation = activation.into();
    let layer = activation.boxed();
    assert_eq!((layer.range(), layer.init()), (Some(range), Some(init)), "{activation:?}");
    assert_eq!(activation.boxed().kinks(), kinks, "{activation:?}");
}

#[test]
fn asymptotes_kinks_and_initializations_are_declared() {
    check(Identity, (-INF, INF), &[], Init::Glorot);
    check(Sigmoid, (0.0, 1.0), &[], Init::Glorot);
    check(Tanh, (-1.0, 1.0), &[], Init::Glorot);
    check(Relu, (0.0, INF), &[0.0], Init::He);
    check(LeakyRelu { slope: 0.1 }, (-INF, INF), &[0.0], Init::He);
    check(Softplus, (0.0, INF), &[], Init::He);
    check(Softsign, (-1.0, 1.0), &[0.0], Init::Glorot);
    check(HardTanh, (-1.0, 1.0), &[-1.0, 1.0], Init::Glorot);
    check(Elu::default(), (-1.0, INF), &[0.0], Init::He);
    check(Elu { alpha: 0.5 }, (-0.5, INF), &[0.0], Init::He);
    check(Selu, (-1.7580993408473766, INF), &[0.0], Init::Lecun);
    check(Gelu, (0.0, INF), &[], Init::He);
    check(GeluTanh, (0.0, INF), &[], Init::He);
    check(Silu, (0.0, INF), &[], Init::He);
}

#[test]
fn parameters_are_finite_numbers_from_0() {
    let check = |activation: Activations, problem: Option<&str>| {
        let expected = problem.map(|got| format!("{got} should be a finite number of at least 0, got "));
        match (activation.check(), expected) {
            (Ok(()), None) => {}
            (Err(said), Some(expected)) if said.starts_with(&expected) => {}
            (got, _) => panic!("{activation:?}: {got:?}"),
        }
    };
    for good in [0.0, 1.0, 3.0] {
        check(LeakyRelu { slope: good }.into(), None);
        check(Elu { alpha: good }.into(), None);
    }
    for wrong in [-0.1, INF, -INF, f64::NAN] {
        check(LeakyRelu { slope: wrong }.into(), Some("slope"));
        check(Elu { alpha: wrong }.into(), Some("alpha"));
    }
}

#[test]
fn types_and_names_are_those_of_the_components() {
    assert_eq!(Activations::TYPES.len(), Activations::NAMES.len());
    for (activation, (kind, name)) in Activations::all().iter().zip(Activations::TYPES.iter().zip(Activations::NAMES)) {
        assert!(format!("{activation:?}").starts_with(&format!("{kind}({kind}")), "{activation:?}, {kind}");
        assert_eq!(activation.name(), *name);
    }
}
