//! Layers that draw noise: their moments by the formulas of the papers, and that the key alone fixes what they draw.
//!
//! Each mean is over 200,000 independent draws and may lie 6.5 standard errors from its expectation: by luck it does so with a
//! probability of 10⁻¹⁰, and the seeds are fixed.

use layerwise_core::{Forward, Layer, LayerKernel, Params, Pass};
use layerwise_layers::{AlphaDropout, DropConnect, GaussianDropout, GaussianNoise, NoisyDense};
use layerwise_tensor::{Dual64, Key, Mat, MatMut, Purpose, Scalar};

const N: usize = 200_000;

fn key(step: u64) -> Key {
    Key::new(3, Purpose::Mask).step(step)
}

/// y for an input of one column.
fn forward<S: Scalar>(layer: &(impl Layer + LayerKernel<S>), theta: &[S], x: &[S], pass: Pass, key: Key) -> Vec<S> {
    let mut plan = layer.plan(x.len()).unwrap();
    let mut offset = 0;
    for block in &mut plan.blocks {
        block.offset = offset;
        offset += block.range().len();
    }
    let (mut y, mut cache) = (vec![S::of(f64::NAN); plan.d_out], vec![S::of(f64::NAN); plan.scratch(1)]);
    layer.forward(Forward {
        theta: Params::new(theta, &plan.blocks),
        x: Mat::new(x, x.len(), 1),
        skip: None,
        y: MatMut::new(&mut y, plan.d_out, 1),
        cache: &mut cache,
        pass,
        key,
    });
    y
}

/// Mean of the draws, within 6.5 standard errors that are taken from the draws themselves.
#[track_caller]
fn expect(draws: impl Iterator<Item = f64> + Clone, expected: f64) {
    let n = draws.clone().count() as f64;
    let mean = draws.clone().sum::<f64>() / n;
    let error = (draws.map(|x| (x - mean) * (x - mean)).sum::<f64>() / n / n).sqrt();
    assert!((mean - expected).abs() <= 6.5 * error, "{mean} ± {error}, should be {expected}");
}

/// Numbers of mean 0 and variance 1: four values by turns.
fn standard() -> Vec<f64> {
    let values = [1.2, -1.2, 0.4, -0.4].map(|x: f64| x / 0.8f64.sqrt());
    (0..N).map(|i| values[i % 4]).collect()
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let x = standard();
    let lowest = -1.758_099_340_847_376_6;
    for rate in [0.1, 0.5] {
        let layer = AlphaDropout { rate };
        let y = forward(&layer, &[], &x, Pass::Train, key(1));
        expect(y.iter().copied(), 0.0);
        expect(y.iter().map(|y| y * y), 1.0);
        // What is dropped lies where SELU saturates, seen through the same affine map.
        let q = 1.0 - rate;
        let a = (q + lowest * lowest * q * rate).powf(-0.5);
        let b = -a * rate * lowest;
        let dropped = |(y, x): (&f64, &f64)| (y - (a * x + b)).abs() > 1e-8;
        let n_dropped = y.iter().zip(&x).filter(|pair| dropped(*pair)).count();
        assert!(y.iter().zip(&x).filter(|p| dropped(*p)).all(|(y, _)| (y - (a * lowest + b)).abs() < 1e-8));
        expect((0..N).map(|i| f64::from(i < n_dropped)), rate);
        assert_eq!(forward(&layer, &[], &x, Pass::Predict, key(1)), x);
    }
    assert_eq!(forward(&AlphaDropout { rate: 0.0 }, &[], &x, Pass::Train, key(1)), x);
}

#[test]
fn gaussian_dropout_has_the_variance_of_dropout() {
    for rate in [0.2, 0.75] {
        let layer = GaussianDropout { rate };
        let y = forward(&layer, &[], &vec![2.0; N], Pass::Train, key(2));
        expect(y.iter().copied(), 2.0);
        expect(y.iter().map(|y| (y - 2.0) * (y - 2.0)), 4.0 * rate / (1.0 - rate));
        expect(y.iter().map(|y| (y - 2.0).powi(3)), 0.0);
        assert_eq!(forward(&layer, &[], &[2.0, -3.0], Pass::Predict, key(2)), [2.0, -3.0]);
    }
}

#[test]
fn noise_is_added_to_inputs_and_to_weights() {
    let layer = GaussianNoise { deviation: 0.3 };
    let y = forward(&layer, &[], &vec![2.0; N], Pass::Train, key(3));
    expect(y.iter().map(|y| y - 2.0), 0.0);
    expect(y.iter().map(|y| (y - 2.0) * (y - 2.0)), 0.09);
    expect(y.windows(2).step_by(2).map(|y| (y[0] - 2.0) * (y[1] - 2.0)), 0.0);
    assert_eq!(forward(&layer, &[], &[2.0, -3.0], Pass::Predict, key(3)), [2.0, -3.0]);

    // One weight a unit, w = 0.5, b = 1 and x = 2: what differs from 2 is 2 σ e.
    let layer = NoisyDense { width: N, deviation: 0.25, ..Default::default() };
    let theta = [vec![0.5; N], vec![1.0; N]].concat();
    let y = forward(&layer, &theta, &[2.0], Pass::Train, key(4));
    expect(y.iter().map(|y| y - 2.0), 0.0);
    expect(y.iter().map(|y| (y - 2.0) * (y - 2.0)), 0.25);
    assert_eq!(forward(&layer, &theta, &[2.0], Pass::Predict, key(4)), vec![2.0; N]);
}

/// Number after number: a draw that is divided by has a variance that no sample shows.
#[test]
fn noise_is_the_normal_numbers_of_the_stream() {
    let (mut rng, x) = (key(5).rng(), [2.0, -3.0, 0.5, 1.0]);
    let z: Vec<f64> = x.iter().map(|_| rng.normal()).collect();
    let check = |got: Vec<f64>, want: fn((&f64, &f64)) -> f64| {
        let want = x.iter().zip(&z).map(want);
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-15 * 8.0), "{got:?}");
    };
    check(forward(&GaussianNoise { deviation: 0.25 }, &[], &x, Pass::Train, key(5)), |(x, z)| x + 0.25 * z);
    // √(0.2 / 0.8) = ½.
    check(forward(&GaussianDropout { rate: 0.2 }, &[], &x, Pass::Train, key(5)), |(x, z)| x * (1.0 + 0.5 * z));
}

#[test]
fn connections_are_dropped_one_by_one() {
    let layer = DropConnect { width: N, rate: 0.25, ..Default::default() };
    let theta = [vec![0.75; N], vec![1.0; N]].concat();
    let y = forward(&layer, &theta, &[2.0], Pass::Train, key(5));
    assert!(y.iter().all(|y| *y == 1.0 || (*y - 3.0).abs() < 1e-12));
    expect(y.iter().map(|y| f64::from(*y == 1.0)), 0.25);
    assert_eq!(forward(&layer, &theta, &[2.0], Pass::Predict, key(5)), vec![2.5; N]);
}

#[test]
fn the_key_alone_fixes_the_noise_in_every_scalar_type() {
    fn check<L: Layer + LayerKernel<f64> + LayerKernel<f32> + LayerKernel<Dual64>>(layer: &L, n_theta: usize) {
        let theta = vec![0.5; n_theta];
        let x = [0.5, -1.0, 2.0, 0.25];
        let lift = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
        let once = forward(layer, &theta, &x, Pass::Train, key(7));
        assert_eq!(once, forward(layer, &theta, &x, Pass::Train, key(7)));
        assert_ne!(once, forward(layer, &theta, &x, Pass::Train, key(8)));
        let single = forward(layer, &lift(&theta), &lift(&x), Pass::Train, key(7));
        assert!(single.iter().zip(&once).all(|(s, d)| (f64::from(*s) - d).abs() < 1e-5));
        let dual = |x: &[f64]| x.iter().map(|&x| Dual64::of(x)).collect::<Vec<_>>();
        let duals = forward(layer, &dual(&theta), &dual(&x), Pass::Train, key(7));
        assert!(duals.iter().zip(&once).all(|(d, y)| d.re == *y && d.eps == 0.0));
    }
    check(&AlphaDropout { rate: 0.5 }, 0);
    check(&GaussianDropout { rate: 0.5 }, 0);
    check(&GaussianNoise { deviation: 1.0 }, 0);
    check(&NoisyDense { width: 8, deviation: 1.0, ..Default::default() }, 40);
    check(&DropConnect { width: 8, rate: 0.5, ..Default::default() }, 40);
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    let check = |layer: &dyn Layer, message: &str| assert_eq!(layer.plan(3).unwrap_err().to_string(), message);
    check(&AlphaDropout { rate: 1.0 }, ": rate should be in [0, 1), got 1");
    check(&GaussianDropout { rate: -0.5 }, ": rate should be in [0, 1), got -0.5");
    check(&GaussianNoise { deviation: f64::NAN }, ": deviation should be finite and at least 0, got NaN");
    check(&NoisyDense { deviation: -1.0, ..Default::default() }, ": deviation should be finite and at least 0, got -1");
    check(&NoisyDense { width: 0, ..Default::default() }, "w: width should be at least 1, got 0");
    check(&DropConnect { rate: 2.0, ..Default::default() }, ": rate should be in [0, 1), got 2");
    check(&DropConnect { bias: f64::NAN, ..Default::default() }, "b: bias should be finite, got NaN");
    let defaults = (AlphaDropout::default().rate, GaussianDropout::default().rate, GaussianNoise::default().deviation);
    assert_eq!(defaults, (0.1, 0.5, 0.1));
    assert_eq!((DropConnect::default().rate, NoisyDense::default().deviation), (0.5, 0.05));
    let scratch = |layer: &dyn Layer| layer.plan(4).unwrap().scratch(2);
    assert_eq!(scratch(&DropConnect { width: 5, ..Default::default() }), 60);
    assert_eq!(scratch(&NoisyDense { width: 5, ..Default::default() }), 20);
}
