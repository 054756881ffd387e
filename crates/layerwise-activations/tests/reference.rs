//! Every activation against exact values (mpmath, 400 digits), the gradient check, and what a configuration can say.

#![allow(clippy::unwrap_used)]

use layerwise_activations::*;
use layerwise_core::{Activation, Backward, Forward, Layer, LayerKernel, Params, ParamsMut, Pass};
use layerwise_gradcheck::Gradcheck;
use layerwise_tensor::{Dual, Key, Mat, MatMut, Purpose, Scalar};
use serde_json::Value;

const REFERENCE: &str = include_str!("../../layerwise-train/tests/reference/activations.json");

/// (g(x), g′(x)).
fn run<S: Scalar>(layer: &(impl LayerKernel<S> + ?Sized), x: S) -> (S, S) {
    let (x, mut y, mut dx) = ([x], [S::ZERO], [S::ZERO]);
    let (x, theta, pass) = (Mat::new(&x, 1, 1), Params::new(&[], &[]), Pass::Predict);
    let (skip, key) = (None, Key::new(0, Purpose::Mask));
    layer.forward(Forward { theta, x, skip, y: MatMut::new(&mut y, 1, 1), cache: &mut [], pass, key });
    layer.backward(Backward {
        theta,
        dtheta: ParamsMut::new(&mut [], &[], &mut []),
        x,
        skip,
        y: Mat::new(&y, 1, 1),
        dy: Mat::new(&[S::ONE], 1, 1),
        dx: Some(MatMut::new(&mut dx, 1, 1)),
        cache: &mut [],
        pass,
    });
    (y[0], dx[0])
}

fn real(layer: &dyn Layer, x: f64) -> (f64, f64) {
    run(layer, x)
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
fn values_and_slopes_are_exact_to_the_tails() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let x = numbers(&reference["x"]);
    let mut names = Vec::new();
    for case in reference["activations"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap().replace('_', "-").replace("hardtanh", "hard-tanh");
        let activation: Activations = serde_json::from_value(name.clone().into()).unwrap();
        let (values, slopes) = (numbers(&case["exact_value"]), numbers(&case["exact_derivative"]));
        let layer = activation.boxed();
        for ((&x, value), slope) in x.iter().zip(values).zip(slopes) {
            let got = real(&*layer, x);
            let dual = run::<Dual<f64>>(&*layer, Dual::new(x, 1.0));
            let single = run::<f32>(&*layer, x as f32);
            let at_kink = activation.boxed().kinks().contains(&x);
            // z = 2u of gelu-tanh reaches −600 here, and its rounding is multiplied by |z|.
            let close = |got: f64, want: f64, relative: f64| (got - want).abs() <= relative * want.abs();
            assert!(close(got.0, value, 1e-12), "{name}({x}): {:e}, should be {value:e}", got.0);
            assert!(at_kink || close(got.1, slope, 1e-12), "{name}′({x}): {:e}, should be {slope:e}", got.1);
            assert!(at_kink || close(dual.0.eps, slope, 1e-11), "{name}, dual at {x}: {:e}, {slope:e}", dual.0.eps);
            if value.abs() > 1e-30 && x.abs() > 1e-6 {
                assert!(close(f64::from(single.0), value, 2e-4), "{name}({x}) in f32: {:e}, {value:e}", single.0);
            }
        }
        names.push(name);
    }
    names.sort();
    let mut all = Activations::NAMES.to_vec();
    all.sort();
    assert_eq!(names, all);
}

#[test]
fn the_gradient_check_passes_for_the_whole_catalog() {
    let mut activations = Activations::all();
    activations.extend([LeakyRelu { slope: 3.0 }.into(), Elu { alpha: 0.5 }.into(), Elu { alpha: 1.5 }.into()]);
    for activation in activations {
        let report = Gradcheck::default().cases(64).without_saboteurs().layer(&*activation.generic());
        println!("{report}");
        report.assert();
    }
}

#[test]
fn at_a_kink_the_slope_has_the_smallest_norm() {
    fn check<A: Activation>(activation: A, x: f64, expected: f64) {
        assert_eq!(activation.slope(x, activation.value(x)), expected, "{activation:?} at {x}");
    }
    check(Relu, 0.0, 0.0);
    check(LeakyRelu::default(), 0.0, 0.01);
    check(LeakyRelu { slope: 2.0 }, 0.0, 1.0);
    check(HardTanh, -1.0, 0.0);
    check(HardTanh, 1.0, 0.0);
    check(Elu { alpha: 0.5 }, 0.0, 0.5);
    check(Elu { alpha: 2.0 }, 0.0, 1.0);
    check(Selu, 0.0, 1.0507009873554805);
}

#[test]
fn selu_keeps_mean_0_and_variance_1() {
    // Klambauer et al. (2017), eq. 14: the fixed point. Midpoint rule over N(0, 1) on [−12, 12].
    let (mut mean, mut square) = (0.0, 0.0);
    let h = 1e-3;
    for k in -12_000..12_000 {
        let x: f64 = (f64::from(k) + 0.5) * h;
        let weight = h * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let y = Selu.value(x);
        mean += weight * y;
        square += weight * y * y;
    }
    assert!(mean.abs() < 1e-7 && (square - 1.0).abs() < 1e-6, "{mean} {square}");
}

#[test]
fn configurations_name_components_and_refuse_what_is_wrong() {
    let read = |json: &str| serde_json::from_str::<Activations>(json);
    assert_eq!(read(r#""tanh""#).unwrap(), Tanh.into());
    assert_eq!(read(r#"{"kind": "tanh"}"#).unwrap(), Tanh.into());
    assert_eq!(read(r#"{"kind": "leaky-relu", "slope": 0.2}"#).unwrap(), LeakyRelu { slope: 0.2 }.into());
    assert_eq!(read(r#""elu""#).unwrap(), Elu { alpha: 1.0 }.into());
    for wrong in [r#""tanhh""#, r#"{"kind": "elu", "alhpa": 1}"#, r#"{"kind": "tanh", "slope": 1}"#, "3"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    for activation in Activations::all() {
        let json = serde_json::to_string(&activation).unwrap();
        assert_eq!(read(&json).unwrap(), activation, "{json}");
        assert_eq!(activation.check(), Ok(()));
        assert_eq!(activation.boxed().name(), activation.name());
    }
    let error = Activations::from(Elu { alpha: -1.0 }).check();
    assert_eq!(error, Err("alpha should be a finite number of at least 0, got -1".into()));
    assert!(Activations::from(LeakyRelu { slope: f64::NAN }).check().is_err());
}
