//! Activations: value, slope, second derivative, kinks and range.

use layerwise_core::{Activation, Backward, Forward, Layer, LayerKernel, Params, ParamsMut, Pass, Pointwise};
use layerwise_tensor::{Dual, Key, Mat, MatMut, Purpose, Scalar};

use crate::layer::check_layer_shapes;
use crate::oracle::{Draw, integral, parts, rng};
use crate::report::{Place, Report, largest};

/// Checks an activation at short, random and far points, at its kinks, and as a layer.
pub fn check_activation<A: Activation>(activation: &A, seed: u64, cases: usize) -> Report {
    check_pointwise(&Pointwise(activation.clone()), A::KINKS, seed, cases)
}

/// The same for a boxed activation: a layer that applies one function to every unit, with its declared kinks.
pub fn check_pointwise(layer: &dyn Layer, kinks: &[f64], seed: u64, cases: usize) -> Report {
    let mut report = check_layer_shapes(layer, seed, cases.div_ceil(8));
    points(&mut report, layer, kinks, seed, cases);
    at_kinks(&mut report, layer, kinks);
    undeclared_kinks(&mut report, layer, kinks);
    if let Some(range) = layer.range() {
        ends(&mut report, layer, range);
    }
    report
}

/// (g(x), g′(x)) at each point, by the layer's own kernels.
fn run<S: Scalar, L: LayerKernel<S> + ?Sized>(layer: &L, x: &[S]) -> (Vec<S>, Vec<S>) {
    let n = x.len();
    let (mut y, mut dx, dy) = (vec![S::ZERO; n], vec![S::ZERO; n], vec![S::ONE; n]);
    let x = Mat::new(x, 1, n);
    let key = Key::new(0, Purpose::Mask);
    let (theta, pass) = (Params::new(&[], &[]), Pass::Predict);
    layer.forward(Forward { theta, x, skip: None, y: MatMut::new(&mut y, 1, n), cache: &mut [], pass, key });
    layer.backward(Backward {
        theta,
        dtheta: ParamsMut::new(&mut [], &[], &mut []),
        x,
        y: Mat::new(&y, 1, n),
        dy: Mat::new(&dy, 1, n),
        dx: Some(MatMut::new(&mut dx, 1, n)),
        cache: &[],
        pass,
    });
    (y, dx)
}

fn real(layer: &dyn Layer, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    run(layer, x)
}

/// The derivatives of (g, g′), by dual numbers.
fn derivatives(layer: &dyn Layer, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let x: Vec<_> = x.iter().map(|&x| Dual::new(x, 1.0)).collect();
    let (y, slope) = run(layer, &x);
    (parts(&y).1, parts(&slope).1)
}

fn place(x: f64) -> Place {
    Place { shape: "one unit".into(), input: format!("x = {x:?}") }
}

fn points(report: &mut Report, layer: &dyn Layer, kinks: &[f64], seed: u64, cases: usize) {
    let mut x: Vec<f64> = (-16..=16).map(|k| f64::from(k) / 4.0).collect();
    x.extend([-20.0, 20.0, -100.0, 100.0, -1e4, 1e4]);
    for case in 0..cases {
        x.extend(Draw::of_case(case).fill(1, &mut rng(seed, case)));
    }
    let (value, slope) = real(layer, &x);
    let (exact, _) = derivatives(layer, &x);
    let unit = largest(&exact);
    let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let (value32, slope32) = run(layer, &single);
    for (i, &x) in x.iter().enumerate() {
        report.cases += 1;
        let at = place(x);
        let (name, slope_name) = (|| "g(x)".to_owned(), || "g′(x)".to_owned());
        for got in [value[i], slope[i], f64::from(value32[i]), f64::from(slope32[i])] {
            report.close("value and slope are finite", &at, name, [0.0, got], f64::MAX);
        }
        if !kinks.contains(&x) {
            report.gradient(
                "the slope is the derivative of the value",
                &at,
                slope_name,
                [exact[i], slope[i]],
                unit,
                0.0,
            );
        }
        let bound = 1e-4 * (1.0 + x.abs()).min(1.0 + value[i].abs());
        report.close("f32 agrees with f64", &at, name, [value[i], f64::from(value32[i])], bound);
        // Lines that would cross a declared kink are pushed off it.
        let away = |t: f64| {
            let kink = kinks.iter().copied().find(|k| (k - x).abs() <= 0.017);
            kink.map_or(x + t, |k| k + (0.017 + (x - k).abs()).copysign(x - k) + t)
        };
        let law = "the derivative of the value integrates to its change";
        integral(
            report,
            law,
            &at,
            x.abs().max(0.02),
            |_| "g(x)".into(),
            |t| {
                let x = [away(t)];
                (real(layer, &x).0, derivatives(layer, &x).0)
            },
        );
        let law = "the derivative of the slope integrates to its change";
        integral(
            report,
            law,
            &at,
            x.abs().max(0.02),
            |_| "g′(x)".into(),
            |t| {
                let x = [away(t)];
                (real(layer, &x).1, derivatives(layer, &x).1)
            },
        );
    }
}

/// At a kink: the slope lies between the one-sided derivatives.
fn at_kinks(report: &mut Report, layer: &dyn Layer, kinks: &[f64]) {
    for &kink in kinks {
        report.kinks += 1;
        let near = 2f64.powi(-30);
        let (sides, _) = derivatives(layer, &[kink - near, kink + near]);
        let (_, slope) = real(layer, &[kink]);
        let law = "the slope at a kink lies between the one-sided derivatives";
        report.between(
            law,
            &place(kink),
            || "g′(x)".into(),
            [sides[0], sides[1]],
            slope[0],
            1e-8 * (1.0 + largest(&sides)),
        );
    }
}

/// Looks for jumps of the derivative on \[−10, 10\]: halves every interval of a grid, and keeps the half whose change of the
/// derivative is explained worse by the second derivative (trapezoid rule).
fn undeclared_kinks(report: &mut Report, layer: &dyn Layer, kinks: &[f64]) {
    const CELLS: usize = 20 * 256;
    // (x, g′, g″) at both ends of each interval.
    let sample = |x: Vec<f64>| -> Vec<[f64; 3]> {
        let (first, second) = derivatives(layer, &x);
        x.into_iter().zip(first.into_iter().zip(second)).map(|(x, (d, dd))| [x, d, dd]).collect()
    };
    let grid = sample((0..=CELLS).map(|i| -10.0 + i as f64 / 256.0).collect());
    let unit = largest(&grid.iter().map(|p| p[1]).collect::<Vec<_>>());
    let unexplained = |a: &[f64; 3], b: &[f64; 3]| (b[1] - a[1] - 0.5 * (b[0] - a[0]) * (a[2] + b[2])).abs();
    let mut cells: Vec<_> = grid.windows(2).map(|w| (w[0], w[1])).collect();
    for _ in 0..32 {
        let middle = sample(cells.iter().map(|(low, high)| 0.5 * (low[0] + high[0])).collect());
        for ((low, high), middle) in cells.iter_mut().zip(middle) {
            if unexplained(low, &middle) > unexplained(&middle, high) {
                *high = middle;
            } else {
                *low = middle;
            }
        }
    }
    for (low, high) in cells {
        if !kinks.iter().any(|k| (k - low[0]).abs() < 1e-9) {
            let law = "the derivative jumps only at declared kinks";
            report.close(law, &place(low[0]), || "g′ just after x".into(), [low[1], high[1]], 1e-8 * unit);
        }
    }
}

/// A finite end of the range is an asymptote, or a bound that is reached.
fn ends(report: &mut Report, layer: &dyn Layer, (lower, upper): (f64, f64)) {
    let (limits, _) = real(layer, &[-1e9, 1e9]);
    let grid: Vec<f64> = (-10_000..=10_000).map(|k| f64::from(k) / 500.0).collect();
    let (values, _) = real(layer, &grid);
    let extreme = [
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    ];
    for (end, extreme) in [lower, upper].into_iter().zip(extreme) {
        let near = |v: f64| (v - end).abs() <= 1e-6 * (1.0 + end.abs());
        if end.is_finite() && !limits.iter().copied().any(near) && !near(extreme) {
            let got = if (limits[0] - end).abs() < (limits[1] - end).abs() { limits[0] } else { limits[1] };
            let at = Place { shape: "one unit".into(), input: "x = ±1e9".into() };
            report.close("the range ends at an asymptote", &at, || "g(x)".into(), [end, got], 0.0);
        }
    }
}
