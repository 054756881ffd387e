//! Autoencoders against closed forms: the gradient check, the Jacobian, the principal subspace, tied against untied.
#![allow(clippy::unwrap_used)]

use layerwise_core::Objective;
use layerwise_gradcheck::{Gradcheck, Problem};
use layerwise_pretrain::{Autoencoder, AutoencoderRisk, Autoencoding, Code, Sparsity, Units};
use layerwise_tensor::{Buf, Dual64, Key, Mat, MatMut, Purpose, Rng, Scalar};
use nalgebra::DMatrix;

fn rng(seed: u64) -> Rng {
    Key::new(seed, Purpose::Test).rng()
}

fn autoencoder(visible: Units, n_visible: usize, n_hidden: usize, coding: Autoencoding) -> Autoencoder {
    Autoencoder { visible, n_visible, n_hidden, coding }
}

/// Every number of every block normal.
fn random_theta(autoencoder: &Autoencoder, seed: u64) -> Vec<f64> {
    let (mut theta, mut rng) = (vec![0.0; autoencoder.n_theta()], rng(seed));
    for block in autoencoder.blocks() {
        theta[block.range()].iter_mut().for_each(|t| *t = (0.7 * rng.normal() * 64.0).round() / 64.0);
    }
    theta
}

fn numbers(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = rng(seed);
    (0..n).map(|_| (rng.uniform() * 64.0).round() / 64.0).collect()
}

/// All kinds of codes, units and penalties, with faults planted.
#[test]
fn the_gradient_check_passes_every_kind() {
    let sparse = Some(Sparsity { mean: 0.25, strength: 0.5 });
    let plain = Autoencoding::default();
    for (name, visible, coding) in [
        ("tied", Units::Bernoulli, plain),
        ("untied", Units::Gaussian, Autoencoding { tied: false, code: Code::Tanh, ..plain }),
        ("contractive", Units::Bernoulli, Autoencoding { contraction: 0.5, ..plain }),
        (
            "contractive-tanh",
            Units::Gaussian,
            Autoencoding { contraction: 0.5, code: Code::Tanh, tied: false, ..plain },
        ),
        ("sparse", Units::Bernoulli, Autoencoding { sparsity: sparse, ..plain }),
        (
            "sparse-contractive",
            Units::Gaussian,
            Autoencoding { sparsity: sparse, contraction: 0.25, tied: false, ..plain },
        ),
        ("linear", Units::Gaussian, Autoencoding { code: Code::Identity, contraction: 0.5, ..plain }),
        ("relu", Units::Gaussian, Autoencoding { code: Code::Relu, contraction: 0.5, ..plain }),
    ] {
        let autoencoder = autoencoder(visible, 3, 2, coding);
        let theta = random_theta(&autoencoder, 1);
        let used: Vec<usize> = autoencoder.blocks().iter().flat_map(|block| block.range()).collect();
        let (input, target) = (numbers(12, 2), numbers(12, 3));
        let mut risk = AutoencoderRisk { autoencoder, input: Mat::new(&input, 3, 4), target: Mat::new(&target, 3, 4) };
        let problem = Problem::new(&mut risk, &theta).used(used);
        let problem = if coding.code == Code::Relu { problem.with_kinks() } else { problem };
        Gradcheck::default().cases(4).objective(name, problem).assert();
    }
}

/// ∂h/∂x column by column, in dual numbers.
#[test]
fn the_contractive_penalty_is_the_norm_of_the_jacobian() {
    for code in [Code::Sigmoid, Code::Tanh, Code::Identity, Code::Relu] {
        let strength = 0.75;
        let plain = Autoencoding { code, ..Autoencoding::default() };
        let with = autoencoder(Units::Gaussian, 4, 3, Autoencoding { contraction: strength, ..plain });
        let without = autoencoder(Units::Gaussian, 4, 3, plain);
        let theta = random_theta(&with, 4);
        let lifted: Vec<Dual64> = theta.iter().map(|&t| Dual64::of(t)).collect();
        let x = numbers(4 * 5, 5);
        let mut squares = 0.0;
        for sample in x.chunks(4) {
            for i in 0..4 {
                let input: Vec<Dual64> =
                    (0..4).map(|k| Dual64 { re: sample[k], eps: f64::from(u8::from(k == i)) }).collect();
                let mut h = [Dual64::ZERO; 3];
                with.codes(&lifted, Mat::new(&input, 4, 1), MatMut::new(&mut h, 3, 1));
                squares += h.iter().map(|h| h.eps * h.eps).sum::<f64>();
            }
        }
        let mut grad = vec![0.0; theta.len()];
        let mut risk = |autoencoder| {
            let x = Mat::new(&x, 4, 5);
            AutoencoderRisk { autoencoder, input: x, target: x }.eval(&theta, &mut grad)
        };
        let penalty = risk(with) - risk(without);
        let expected = strength * squares / 5.0;
        assert!((penalty - expected).abs() <= 1e-13 * expected.max(1.0), "{code:?}: {penalty} {expected}");
    }
}

/// β Σ KL(ρ ‖ ρ̂), from mean codes of a plain sum; 0 where the means are ρ.
#[test]
fn the_sparse_penalty_is_the_divergence_of_the_mean_codes() {
    let sparsity = Sparsity { mean: 0.2, strength: 1.5 };
    let plain = Autoencoding::default();
    let with = autoencoder(Units::Bernoulli, 3, 2, Autoencoding { sparsity: Some(sparsity), ..plain });
    let without = autoencoder(Units::Bernoulli, 3, 2, plain);
    let x = numbers(3 * 6, 6);
    let x = Mat::new(&x, 3, 6);
    let mut theta = random_theta(&with, 7);
    let penalty = |theta: &[f64]| {
        let mut grad = vec![0.0; theta.len()];
        let mut risk = |autoencoder| AutoencoderRisk { autoencoder, input: x, target: x }.eval(theta, &mut grad);
        risk(with) - risk(without)
    };
    let mut h = vec![0.0; 12];
    with.codes(&theta, x, MatMut::new(&mut h, 2, 6));
    let mean = |j: usize| h.iter().skip(j).step_by(2).sum::<f64>() / 6.0;
    let divergence = |q: f64| 0.2 * (0.2 / q).ln() + 0.8 * (0.8 / (1.0 - q)).ln();
    let expected = 1.5 * (divergence(mean(0)) + divergence(mean(1)));
    assert!((penalty(&theta) - expected).abs() < 1e-13, "{} {expected}", penalty(&theta));
    // Without weights every code is σ(c) = ρ.
    let blocks = with.blocks();
    theta[blocks[0].range()].fill(0.0);
    theta[blocks[2].range()].fill((0.2f64 / 0.8).ln());
    assert!(penalty(&theta).abs() < 1e-13);
}

/// Where V = Wᵀ, both have the same risk, and ∂/∂W tied is ∂/∂W + (∂/∂V)ᵀ.
#[test]
fn the_tied_gradient_is_the_sum_of_both_untied_ones() {
    for visible in [Units::Bernoulli, Units::Gaussian] {
        for contraction in [0.0, 0.5] {
            let coding = Autoencoding { contraction, ..Autoencoding::default() };
            let tied = autoencoder(visible, 4, 3, coding);
            let untied = autoencoder(visible, 4, 3, Autoencoding { tied: false, ..coding });
            let theta = random_theta(&tied, 8);
            let mut both = vec![0.0; untied.n_theta()];
            let (of, to) = (tied.blocks(), untied.blocks());
            for k in 0..3 {
                both[to[k].range()].copy_from_slice(&theta[of[k].range()]);
            }
            for j in 0..3 {
                for i in 0..4 {
                    both[to[3].offset + j * 4 + i] = theta[of[0].offset + i * 3 + j];
                }
            }
            let (input, target) = (numbers(20, 9), numbers(20, 10));
            let (input, target) = (Mat::new(&input, 4, 5), Mat::new(&target, 4, 5));
            let (mut one, mut two) = (vec![0.0; theta.len()], vec![0.0; both.len()]);
            let a = AutoencoderRisk { autoencoder: tied, input, target }.eval(&theta, &mut one);
            let b = AutoencoderRisk { autoencoder: untied, input, target }.eval(&both, &mut two);
            assert!((a - b).abs() < 1e-14);
            for j in 0..3 {
                for i in 0..4 {
                    let sum = two[to[0].offset + i * 3 + j] + two[to[3].offset + j * 4 + i];
                    assert!((one[of[0].offset + i * 3 + j] - sum).abs() < 1e-14);
                }
            }
            for k in [1, 2] {
                let biases = one[of[k].range()].iter().zip(&two[to[k].range()]);
                biases.for_each(|(a, b)| assert!((a - b).abs() < 1e-14));
            }
        }
    }
}

/// Baldi and Hornik (1989): every minimum of a linear autoencoder spans the leading eigenvectors, and leaves half the other
/// eigenvalues.
#[test]
fn a_linear_autoencoder_spans_the_principal_subspace() {
    const D: usize = 5;
    const N: usize = 40;
    let mut rng = rng(11);
    let deviations = [2.0, 1.5, 0.6, 0.4, 0.3];
    let mix = DMatrix::from_fn(D, D, |_, _| rng.normal()).qr().q();
    let mut x = &mix * DMatrix::from_fn(D, N, |i, _| deviations[i] * rng.normal());
    let mean = x.column_mean();
    x.column_iter_mut().for_each(|mut column| column -= &mean);
    let eigen = (&x * x.transpose() / N as f64).symmetric_eigen();
    let mut order: Vec<usize> = (0..D).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let leading = eigen.eigenvectors.select_columns(&order[..2]);
    let left: f64 = order[2..].iter().map(|&i| eigen.eigenvalues[i] / 2.0).sum();
    for tied in [true, false] {
        let coding = Autoencoding { code: Code::Identity, tied, ..Autoencoding::default() };
        let autoencoder = autoencoder(Units::Gaussian, D, 2, coding);
        let mut theta: Buf<f64> = autoencoder.init(Key::new(12, Purpose::Init));
        let mut grad = vec![0.0; theta.len()];
        let rows = Mat::new(x.as_slice(), D, N);
        let mut risk = AutoencoderRisk { autoencoder, input: rows, target: rows };
        let mut velocity = vec![0.0; theta.len()];
        for _ in 0..12_000 {
            risk.eval(&theta, &mut grad);
            for ((theta, velocity), grad) in theta.iter_mut().zip(&mut velocity).zip(&grad) {
                *velocity = 0.8 * *velocity - 0.02 * grad;
                *theta += *velocity;
            }
        }
        let value = risk.eval(&theta, &mut grad);
        let slope = grad.iter().map(|g| g * g).sum::<f64>().sqrt();
        assert!(slope < 1e-10, "tied {tied}: not at a minimum: {slope}");
        assert!((value - left).abs() < 1e-10, "tied {tied}: {value} {left}");
        // Wᵀ(WWᵀ)⁻¹W projects on the row space of W.
        let w = &autoencoder.blocks()[0];
        let w = DMatrix::from_column_slice(2, D, &theta[w.range()]);
        let inverse = (&w * w.transpose()).try_inverse().unwrap();
        let projection = w.transpose() * inverse * &w;
        let distance = (projection - &leading * leading.transpose()).norm();
        assert!(distance < 1e-8, "tied {tied}: {distance}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let message = |coding: Autoencoding| coding.check().unwrap_err().to_string();
    let plain = Autoencoding::default();
    assert_eq!(
        message(Autoencoding { contraction: -1.0, ..plain }),
        "contraction: should be a finite number of at least 0, got -1"
    );
    let sparsity = Some(Sparsity { mean: 1.0, strength: 1.0 });
    assert_eq!(message(Autoencoding { sparsity, ..plain }), "sparsity.mean: should be between 0 and 1, got 1");
    let sparsity = Some(Sparsity::default());
    assert_eq!(
        message(Autoencoding { sparsity, code: Code::Tanh, ..plain }),
        "sparsity: should go with a sigmoid code, got tanh"
    );
    assert!(Autoencoding { sparsity, ..plain }.check().is_ok());
}
