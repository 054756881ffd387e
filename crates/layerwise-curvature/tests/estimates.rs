//! Trace, density and the ends of the spectrum against exact matrices: closed forms, and coverage over hundreds of networks.
#![allow(clippy::unwrap_used)]

use layerwise_activations::{Sigmoid, Softplus, Tanh};
use layerwise_core::{Pass, Pointwise, Targets};
use layerwise_curvature::{Density, Exact, GaussNewton, Hessian, Lanczos, Spectral, Trace, Wanted};
use layerwise_layers::Dense;
use layerwise_losses::{SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Supervised, Workspace};
use layerwise_stats::Interval;
use layerwise_tensor::{Key, Mat, Purpose, Rng};

/// diag(d) as an operator.
fn diagonal(d: &[f64]) -> impl FnMut(&[f64], &mut [f64]) + '_ {
    move |v, out| out.iter_mut().zip(v).zip(d).for_each(|((out, v), d)| *out = d * v)
}

#[test]
fn where_the_vectors_span_the_space_everything_is_exact() {
    let d = [3.0, -1.0, 0.5, 0.0, 7.0];
    let space = [1.0; 5];
    let trace = Trace::default().run(&space, diagonal(&d)).unwrap();
    assert!((trace.value - 9.5).abs() < 1e-12 && trace.error < 1e-12, "{trace:?}");
    assert!(trace.interval(0.95).contains(9.5));
    let exact = Exact::of(&space, diagonal(&d)).unwrap();
    assert_eq!((exact.index(), exact.nullity(), exact.trace()), (1, 1, 9.5));
    assert!(exact.eigenvalues.iter().zip([-1.0, 0.0, 0.5, 3.0, 7.0]).all(|(a, b)| (a - b).abs() < 1e-14));
    let found = Lanczos { count: 5, ..Lanczos::default() }.run(&space, diagonal(&d)).unwrap();
    for (interval, end) in [(found.largest(0.999), 7.0), (found.smallest(0.999), -1.0)] {
        assert!(interval.contains(end) && interval.width() < 1e-12, "{interval:?}");
    }
}

#[test]
fn a_multiple_of_the_identity_has_a_bell_as_its_density() {
    let density = Density::default().run(&[1.0; 30], diagonal(&[2.0; 30])).unwrap();
    assert_eq!((density.products, density.range()), (10, Interval { low: 2.0, high: 2.0 }));
    // One node each, whose weight ‖g‖²/n has the mean 1 and the variance 2/n.
    let peak = density.at(2.0, 0.1);
    let expected = 1.0 / (0.1 * std::f64::consts::TAU.sqrt());
    assert!((peak.value - expected).abs() < 5.0 * expected * (2.0f64 / 300.0).sqrt(), "{peak:?}");
    assert!(density.interval(2.0, 0.1, 0.999).contains(expected));
    assert_eq!(density.curve(3, 0.1).iter().map(|(x, _)| *x).collect::<Vec<_>>(), [1.7, 2.0, 2.3]);
}

#[test]
fn the_quadrature_is_as_exact_as_it_says() {
    // One probe of a known spectrum: the samples for many steps and for few differ by less than the stated error of the few.
    let d: Vec<f64> = (0..300).map(|i| (f64::from(i) * 0.37).sin() + if i < 3 { 2.0 } else { 0.0 }).collect();
    let run = |steps| Density { probes: 1, steps, seed: 3 }.run(&[1.0; 300], diagonal(&d)).unwrap();
    let (few, many) = (run(20), run(150));
    let peak = 1.0 / (few.resolution() * std::f64::consts::TAU.sqrt());
    let mut worst = 0.0f64;
    for (x, fine) in many.curve(200, few.resolution()) {
        worst = worst.max((few.at(x, few.resolution()).value - fine.value).abs() / peak);
    }
    assert!(worst < 1e-5, "{worst}");
    // Far below the resolution it admits to know little.
    let x = few.range().low;
    assert!(few.interval(x, few.resolution() / 100.0, 0.5).width() > 0.5 * peak);
}

/// A network with its samples, drawn at random.
fn with_random<R>(number: u64, f: impl FnOnce(Supervised<'_, f64>, &[f64]) -> R) -> R {
    let mut rng = Key::new(number, Purpose::Test).rng();
    let mut draw = |from: usize, to: usize| from + (rng.uniform() * (to - from + 1) as f64) as usize;
    let (inputs, width, depth, outputs, n) = (draw(2, 5), draw(3, 8), draw(1, 2), draw(2, 3), draw(5, 40));
    let kind = draw(0, 2);
    let mut builder = Builder::new(inputs);
    for _ in 0..depth {
        let dense = builder.layer(Dense::new(width));
        builder = match kind {
            0 => dense.layer(Pointwise(Tanh)),
            1 => dense.layer(Pointwise(Sigmoid)),
            _ => dense.layer(Pointwise(Softplus)),
        };
    }
    let network = builder.layer(Dense::new(outputs)).build().unwrap();
    let normal = |rng: &mut Rng, count: usize| (0..count).map(|_| rng.normal()).collect::<Vec<f64>>();
    let (x, values) = (normal(&mut rng, inputs * n), normal(&mut rng, outputs * n));
    let classes: Vec<u32> = (0..n).map(|_| (rng.uniform() * outputs as f64) as u32).collect();
    let mut theta = network.init::<f64>(number);
    for (theta, space) in theta.iter_mut().zip(network.params_mask::<f64>().iter()) {
        *theta += 0.3 * rng.normal() * space;
    }
    let softmax = SoftmaxCrossEntropy::default();
    let mut workspace = Workspace::new(&network, n);
    let classification = number.is_multiple_of(2);
    let risk = Supervised {
        network: &network,
        loss: if classification { &softmax } else { &Squared },
        penalties: &[],
        batch: Batch {
            x: Mat::new(&x, inputs, n),
            targets: if classification {
                Targets::Classes(&classes)
            } else {
                Targets::Values(Mat::new(&values, outputs, n))
            },
            weights: None,
        },
        workspace: &mut workspace,
        pass: Pass::Predict,
        key: Key::new(number, Purpose::Mask),
    };
    f(risk, &theta)
}

/// Over 240 random networks, half of them classifiers, a third by the Gauss–Newton matrix: each interval holds the exact number
/// at least as often as it says. The bounds are five binomial standard deviations below, which luck passes once in three million.
#[test]
fn intervals_hold_the_exact_numbers_of_random_networks_as_often_as_they_say() {
    const NETWORKS: u64 = 240;
    const POINTS: usize = 9;
    let (mut ends, mut traces, mut densities, mut wide) = (0u64, 0u64, 0u64, 0u64);
    for number in 0..NETWORKS {
        with_random(number, |risk, theta| {
            let (mut hessian, mut gauss);
            let matrix: &mut dyn Spectral<f64> = if number % 3 == 0 {
                gauss = GaussNewton::new(risk, theta);
                &mut gauss
            } else {
                hessian = Hessian::new(risk, theta);
                &mut hessian
            };
            let exact = matrix.exact().unwrap();
            let (low, high) = (exact.eigenvalues[0], exact.eigenvalues[exact.eigenvalues.len() - 1]);
            // Few products, so that there is something to be unsure of.
            let request = Lanczos {
                wanted: Wanted::Largest,
                max_products: 14,
                tolerance: 1e-9,
                seed: number,
                ..Lanczos::default()
            };
            let found = matrix.spectrum(&request).unwrap();
            ends += u64::from(found.largest(0.9).contains(high) && found.smallest(0.9).contains(low));
            wide += u64::from(found.largest(0.9).width() < 0.5 * (high - low));
            let trace = matrix.trace(&Trace { products: 24, seed: number }).unwrap();
            traces += u64::from(trace.interval(0.9).contains(exact.trace()));
            let density = matrix.density(&Density { probes: 8, steps: 16, seed: number }).unwrap();
            let (range, sigma) = (density.range(), density.resolution());
            for point in 0..POINTS {
                let x = range.low + range.width() * point as f64 / (POINTS - 1) as f64;
                densities += u64::from(density.interval(x, sigma, 0.9).contains(exact.density(x, sigma)));
            }
        });
    }
    let least = |rounds: f64| 0.9 * rounds - 5.0 * (0.09 * rounds).sqrt();
    println!("of {NETWORKS}: ends {ends}, traces {traces}, densities {densities} of {}", NETWORKS * POINTS as u64);
    assert!(ends as f64 >= least(NETWORKS as f64), "{ends}");
    // The points of one density go together: counted as one.
    assert!(densities as f64 / POINTS as f64 >= least(NETWORKS as f64), "{densities}");
    assert!(traces as f64 >= least(NETWORKS as f64), "{traces}");
    // And they say something.
    assert!(wide > NETWORKS / 2, "{wide}");
}

#[test]
fn requests_that_make_no_sense_are_refused_in_a_line() {
    let say = |error: layerwise_curvature::CurvatureError| error.to_string();
    let still = |_: &[f64], _: &mut [f64]| ();
    let broken = |_: &[f64], out: &mut [f64]| out[0] = f64::NAN;
    let space = [1.0; 3];
    assert_eq!(
        say(Trace { products: 5, seed: 0 }.run(&space, still).unwrap_err()),
        "trace: products should be at least 6, got 5"
    );
    assert_eq!(
        say(Trace::default().run(&space, broken).unwrap_err()),
        "trace: the matrix should be finite, got a product, number 1, that is not"
    );
    assert_eq!(
        say(Density { probes: 0, ..Density::default() }.run(&space, still).unwrap_err()),
        "density: probes should be at least 1, got 0"
    );
    assert_eq!(
        say(Density { steps: 0, ..Density::default() }.run(&space, still).unwrap_err()),
        "density: steps should be at least 1, got 0"
    );
    assert_eq!(
        say(Density::default().run(&[0.0; 3], still).unwrap_err()),
        "density: the dimension should be at least 1, got 0"
    );
    assert!(say(Density::default().run(&space, broken).unwrap_err()).contains("number 1"));
    assert!(say(Exact::of(&space, broken).unwrap_err()).contains("number 1"));
    assert_eq!(
        say(Exact::of(&[1.0; 2001], still).unwrap_err()),
        "exact: parameters should be at most 2000, got 2001; `spectrum`, `trace` and `density` estimate it from a few products"
    );
}
