//! Critical points whose kind and spectrum are known in closed form: Baldi and Hornik (1989), "Neural networks and principal
//! component analysis: learning from examples without local minima".
//!
//! A linear network y = W₂ W₁ x of h hidden units on whitened inputs, with target S x, S = diag(s): at a critical point it keeps some
//! modes i ∈ I, W₂ = W₁ᵀ with √sᵢ for each. The eigenvalues of ∇²f are sᵢ + sⱼ and sᵢ − sⱼ (i ∈ I, j ∉ I), 2 sᵢ, sᵢ + sᵢ′ twice, |I|²
//! times 0, ± sⱼ for every unused unit and j ∉ I, and 0 for every unused unit and i ∈ I, twice. The biases, with inputs of mean 0, add
//! those of W₂ W₂ᵀ + I, 1 + sᵢ and 1, and h times 0.
#![allow(clippy::unwrap_used)]

use layerwise_core::{Pass, Targets};
use layerwise_curvature::{CriticalPoint, Hessian, Kind, Lanczos, Search, Spectral, Wanted};
use layerwise_layers::Dense;
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_tensor::{Key, Mat, Purpose};

const MODES: [f64; 4] = [4.0, 3.0, 2.0, 1.0];

struct Linear {
    network: Network,
    x: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

impl Linear {
    /// Inputs ±√d eᵢ, whose mean is 0 and whose second moments are I; every sample with this weight.
    fn new(hidden: Option<usize>, weight: f64) -> Linear {
        let d = MODES.len();
        let builder = hidden.into_iter().fold(Builder::new(d), |builder, h| builder.layer(Dense::new(h)));
        let network = builder.layer(Dense::new(d)).build().unwrap();
        let (mut x, mut targets) = (vec![0.0; 2 * d * d], vec![0.0; 2 * d * d]);
        for i in 0..d {
            for (column, sign) in [(2 * i, 1.0), (2 * i + 1, -1.0)] {
                x[column * d + i] = sign * 2.0;
                targets[column * d + i] = sign * 2.0 * MODES[i];
            }
        }
        Linear { network, x, targets, weights: vec![weight; 2 * d] }
    }

    /// θ of these weights, each a block by rows (out × in, as a matrix), with biases 0.
    fn theta(&self, weights: &[&dyn Fn(usize, usize) -> f64]) -> Vec<f64> {
        let mut theta = vec![0.0; self.network.n_theta()];
        let blocks: Vec<_> = self.network.blocks().map(|(_, block)| block.clone()).collect();
        for (block, weight) in blocks.iter().step_by(2).zip(weights) {
            for j in 0..block.cols {
                for i in 0..block.rows {
                    theta[block.range()][j * block.rows + i] = weight(i, j);
                }
            }
        }
        theta
    }

    fn with<R>(&self, f: impl FnOnce(Supervised<'_, f64>) -> R) -> R {
        let (d, n) = (MODES.len(), self.weights.len());
        let mut workspace = Workspace::new(&self.network, n);
        let targets = Targets::Values(Mat::new(&self.targets, d, n));
        f(Supervised {
            network: &self.network,
            loss: &Squared,
            penalties: &[],
            batch: Batch { x: Mat::new(&self.x, d, n), targets, weights: Some(&self.weights) },
            workspace: &mut workspace,
            pass: Pass::Predict,
            key: Key::new(0, Purpose::Mask),
        })
    }
}

/// The eigenvalues that theory gives, ascending, and how many lead down.
fn theory(h: usize, kept: &[f64]) -> (Vec<f64>, usize) {
    let left: Vec<f64> = MODES.into_iter().filter(|s| !kept.contains(s)).collect();
    let mut all = vec![0.0; kept.len() * kept.len()];
    for &i in kept {
        all.push(2.0 * i);
        left.iter().for_each(|j| all.extend([i + j, i - j]));
        kept.iter().filter(|other| **other < i).for_each(|other| all.extend([i + other; 2]));
        all.push(1.0 + i);
    }
    for _ in kept.len()..h {
        left.iter().for_each(|j| all.extend([*j, -j]));
        all.extend(vec![0.0; 2 * kept.len()]);
    }
    all.extend(vec![1.0; left.len()]);
    all.extend(vec![0.0; h]);
    all.sort_by(f64::total_cmp);
    let down = kept.iter().map(|i| left.iter().filter(|j| *j > i).count()).sum::<usize>();
    (all, down + (h - kept.len()) * left.len())
}

#[test]
fn saddles_of_linear_networks_have_the_spectrum_of_theory() {
    // The published check: three and seven ways down.
    assert_eq!((theory(2, &[3.0, 1.0]).1, theory(3, &[3.0]).1), (3, 7));
    for (h, kept) in [(2, &[3.0, 1.0][..]), (3, &[3.0]), (4, &[]), (3, &[4.0, 3.0, 2.0]), (1, &[4.0])] {
        let linear = Linear::new(Some(h), 1.0);
        // Hidden unit k keeps the k-th kept mode.
        let root = |unit: usize, mode: usize| match kept.get(unit) {
            Some(&s) if MODES[mode] == s => s.sqrt(),
            _ => 0.0,
        };
        let theta = linear.theta(&[&root, &|mode, unit| root(unit, mode)]);
        let (expected, down) = theory(h, kept);
        linear.with(|risk| {
            let mut hessian = Hessian::new(risk, &theta);
            let exact = hessian.exact().unwrap();
            assert_eq!(exact.eigenvalues.len(), expected.len());
            for (value, expected) in exact.eigenvalues.iter().zip(&expected) {
                assert!((value - expected).abs() < 1e-12, "{kept:?}: {:?}", exact.eigenvalues);
            }
            assert_eq!(exact.index(), down);
            assert_eq!(exact.nullity(), expected.iter().filter(|value| **value == 0.0).count());
            let request = Lanczos { wanted: Wanted::Smallest, tolerance: 1e-8, ..Lanczos::default() };
            assert!((hessian.spectrum(&request).unwrap().values[0] - expected[0]).abs() < 1e-10);
        });
        let point = linear.with(|risk| CriticalPoint::at(risk, &theta, &Search::default())).unwrap();
        let missing: f64 = MODES.iter().filter(|s| !kept.contains(s)).map(|s| 0.5 * s * s).sum();
        assert!((point.value - missing).abs() < 1e-12 && point.gradient < 1e-12, "{point:?}");
        assert!(point.smallest.contains(expected[0]) && point.largest.contains(expected[expected.len() - 1]));
        match point.escape {
            Some(escape) => {
                assert_eq!(point.kind, Kind::Saddle);
                assert!((escape.curvature - expected[0]).abs() < 1e-9 && down > 0);
                assert!(escape.drop > 0.0 && escape.step != 0.0, "{escape:?}");
                // What it says is so.
                let there: Vec<f64> =
                    theta.iter().zip(&escape.direction[..]).map(|(t, v)| t + escape.step * v).collect();
                let value = linear.with(|mut risk| risk.risk(&there));
                assert!((point.value - value - escape.drop).abs() < 1e-12);
            }
            None => assert_eq!((point.kind, down), (Kind::Flat, 0), "{kept:?}"),
        }
    }
}

#[test]
fn a_linear_layer_has_a_minimum_or_with_negative_weights_a_maximum() {
    for (weight, kind) in [(1.0, Kind::Minimum), (-1.0, Kind::Maximum)] {
        let linear = Linear::new(None, weight);
        let best = linear.theta(&[&|i, j| if i == j { MODES[i] } else { 0.0 }]);
        let point = linear.with(|risk| CriticalPoint::at(risk, &best, &Search::default())).unwrap();
        assert_eq!(point.kind, kind);
        // The Hessian is the identity, times the weight.
        assert!(point.smallest.contains(weight) && point.largest.contains(weight), "{point:?}");
        assert_eq!(point.escape.is_some(), weight < 0.0);
        let away = linear.theta(&[&|i, j| (i + 2 * j) as f64]);
        let point = linear.with(|risk| CriticalPoint::at(risk, &away, &Search::default())).unwrap();
        assert_eq!(point.kind, Kind::NotCritical);
        assert!(point.gradient > point.noise && point.noise > 0.0);
    }
}

#[test]
fn the_noise_is_the_standard_error_of_the_mean_gradient() {
    // One parameter that counts: y = b, targets tᵢ: gradients b − tᵢ, one a group.
    let network = Builder::new(1).layer(Dense::new(1)).build().unwrap();
    let targets = [1.0, 2.0, 4.0, 9.0];
    let mut workspace = Workspace::new(&network, 4);
    let risk = Supervised {
        network: &network,
        loss: &Squared,
        penalties: &[],
        batch: Batch {
            x: Mat::new(&[0.0; 4], 1, 4),
            targets: Targets::Values(Mat::new(&targets, 1, 4)),
            weights: None,
        },
        workspace: &mut workspace,
        pass: Pass::Predict,
        key: Key::new(0, Purpose::Mask),
    };
    let point = CriticalPoint::at(risk, &vec![0.0; network.n_theta()], &Search::default()).unwrap();
    // Mean 4, sum of squares 9 + 4 + 0 + 25 over 4 · 3.
    assert!((point.gradient - 4.0).abs() < 1e-14 && (point.noise - (38.0f64 / 12.0).sqrt()).abs() < 1e-14, "{point:?}");
    assert_eq!(point.kind, Kind::NotCritical);
}

#[test]
fn settings_that_make_no_sense_are_refused_in_a_line() {
    let linear = Linear::new(None, 1.0);
    let theta = linear.theta(&[&|_, _| 0.0]);
    let say = |search: Search| linear.with(|risk| CriticalPoint::at(risk, &theta, &search)).unwrap_err().to_string();
    let default = Search::default();
    assert_eq!(say(Search { noise: -1.0, ..default }), "critical point: noise should be at least 0 and finite, got -1");
    assert_eq!(
        say(Search { flat: f64::NAN, ..default }),
        "critical point: flat should be at least 0 and finite, got NaN"
    );
    assert_eq!(say(Search { groups: 1, ..default }), "critical point: groups should be at least 2, got 1");
    assert_eq!(
        say(Search { confidence: 1.0, ..default }),
        "critical point: confidence should be between 0 and 1, got 1"
    );
    assert_eq!(
        say(Search { max_products: 0, ..default }),
        "lanczos: max_products should be at least the count 1, got 0"
    );
    let broken = vec![f64::NAN; theta.len()];
    let error = linear.with(|risk| CriticalPoint::at(risk, &broken, &default)).unwrap_err();
    assert_eq!(error.to_string(), "critical point: the risk should be finite with its gradient, got NaN");
}
