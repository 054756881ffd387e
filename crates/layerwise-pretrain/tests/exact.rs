//! Free energies, ln Z and the likelihood against sums over all states, which share no code with the library.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Plain, add, farthest, random_theta, states};
use layerwise_core::Objective;
use layerwise_gradcheck::{Gradcheck, Problem};
use layerwise_pretrain::{FreeEnergy, NegativeLogLikelihood, Rbm, Units, check_rows};
use layerwise_tensor::Mat;

const BERNOULLI: [(usize, usize); 4] = [(5, 3), (3, 5), (4, 4), (1, 1)];

fn bernoulli(n_visible: usize, n_hidden: usize) -> Rbm {
    Rbm::new(n_visible, n_hidden)
}

fn gaussian(n_visible: usize, n_hidden: usize) -> Rbm {
    Rbm { visible: Units::Gaussian, n_visible, n_hidden }
}

#[test]
fn free_energies_and_their_gradient_are_the_sums_over_hidden_states() {
    for (k, rbm) in [bernoulli(5, 3), bernoulli(3, 5), gaussian(4, 3), gaussian(2, 6)].into_iter().enumerate() {
        let theta = random_theta(&rbm, 1.0, k as u64);
        let plain = Plain::new(&rbm, &theta);
        let mut rng = common::rng(100 + k as u64);
        let rows: Vec<f64> = (0..rbm.n_visible * 7).map(|_| rng.between(0.0, 1.0)).collect();
        let mut grad = vec![f64::NAN; rbm.n_theta()];
        let value = FreeEnergy { rbm, rows: Mat::new(&rows, rbm.n_visible, 7) }.eval(&theta, &mut grad);
        let (mut expected, mut mean) = (0.0, vec![0.0; rbm.n_theta()]);
        for v in rows.chunks(rbm.n_visible) {
            let (f, gradient) = plain.free_energy(v);
            expected += f / 7.0;
            add(&mut mean, 1.0 / 7.0, &gradient);
        }
        assert!((value - expected).abs() <= 1e-12 && farthest(&grad, &mean) <= 1e-12, "{rbm:?}: {value} {expected}");
    }
}

#[test]
fn log_z_and_its_gradient_are_the_sums_over_all_states() {
    for (k, (n_visible, n_hidden)) in BERNOULLI.into_iter().enumerate() {
        let rbm = bernoulli(n_visible, n_hidden);
        let theta = random_theta(&rbm, 1.5, 10 + k as u64);
        let plain = Plain::new(&rbm, &theta);
        let (mut z, mut sum) = (0.0, vec![0.0; rbm.n_theta()]);
        for v in states(n_visible) {
            for h in states(n_hidden) {
                let weight = (-plain.energy(&v, &h)).exp();
                z += weight;
                add(&mut sum, -weight, &plain.energy_gradient(&v, &h));
            }
        }
        sum.iter_mut().for_each(|s| *s /= z);
        let mut grad = vec![0.0; rbm.n_theta()];
        let log_z = rbm.add_log_z(&theta, &mut grad).unwrap();
        assert!((log_z - z.ln()).abs() <= 1e-12 && farthest(&grad, &sum) <= 1e-12, "{rbm:?}: {log_z} {}", z.ln());
        assert_eq!(rbm.log_z(&theta).unwrap(), log_z);
    }
}

/// The trapezoid rule on a mixture of normal densities converges faster than any power of its step.
#[test]
fn log_z_of_normal_units_is_the_integral() {
    let rbm = gaussian(2, 3);
    let theta = random_theta(&rbm, 0.8, 20);
    let plain = Plain::new(&rbm, &theta);
    let step = 0.125;
    let points: Vec<f64> = (-120..=120).map(|i| f64::from(i) * step).collect();
    let mut z = 0.0;
    for &x in &points {
        for &y in &points {
            z += (-plain.free_energy(&[x, y]).0).exp() * step * step;
        }
    }
    let log_z = rbm.log_z(&theta).unwrap();
    assert!((log_z - z.ln()).abs() <= 1e-12, "{log_z} {}", z.ln());
}

#[test]
fn probabilities_sum_to_1_and_the_likelihood_is_their_mean_logarithm() {
    let rbm = bernoulli(4, 3);
    let theta = random_theta(&rbm, 1.0, 30);
    let log_z = rbm.log_z(&theta).unwrap();
    let each = |v: &[f64]| rbm.log_likelihood(&theta, Mat::new(v, 4, 1), log_z);
    let total: f64 = states(4).iter().map(|v| each(v).exp()).sum();
    assert!((total - 1.0).abs() <= 1e-12, "{total}");
    let rows: Vec<f64> = states(4).concat();
    let mut grad = vec![0.0; rbm.n_theta()];
    let rows = Mat::new(&rows, 4, 16);
    let value = NegativeLogLikelihood { rbm, rows }.eval(&theta, &mut grad);
    assert!((value + rbm.log_likelihood(&theta, rows, log_z)).abs() <= 1e-12);
    let mean: f64 = states(4).iter().map(|v| each(v) / 16.0).sum();
    assert!((value + mean).abs() <= 1e-12, "{value} {mean}");
}

/// Both gradients against the oracles of the gradient check, with faults planted.
#[test]
fn the_gradient_check_passes_both_objectives() {
    for rbm in [bernoulli(3, 2), gaussian(2, 3)] {
        let theta: Vec<f64> = random_theta(&rbm, 0.7, 40).iter().map(|t| (t * 64.0).round() / 64.0).collect();
        let used: Vec<usize> = rbm.blocks().iter().flat_map(|block| block.range()).collect();
        let rows = [0.0, 1.0, 0.25, 1.0, 0.5, 0.75];
        let rows = Mat::new(&rows, rbm.n_visible, 6 / rbm.n_visible);
        let check = Gradcheck::default().cases(8);
        let (mut energy, mut likelihood) = (FreeEnergy { rbm, rows }, NegativeLogLikelihood { rbm, rows });
        check.objective("free-energy", Problem::new(&mut energy, &theta).used(used.clone())).assert();
        check.objective("likelihood", Problem::new(&mut likelihood, &theta).used(used)).assert();
    }
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let x = [0.0, 0.5, 1.0, 0.25, -0.5, 1.0];
    let message = |units, x: &[f64]| check_rows(units, Mat::new(x, 3, 2)).unwrap_err().to_string();
    assert_eq!(
        message(Units::Bernoulli, &x),
        "row 1, column 1: value should be from 0 to 1 for Bernoulli units, got -0.5"
    );
    assert_eq!(
        message(Units::Bernoulli, &[0.0, f64::NAN, 1.0, 0.0, 0.0, 0.0]),
        "row 0, column 1: value should be from 0 to 1 for Bernoulli units, got NaN"
    );
    assert_eq!(
        message(Units::Gaussian, &[0.0, 7.0, 1.0, 0.0, 0.0, f64::INFINITY]),
        "row 1, column 2: value should be finite, got inf"
    );
    assert!(check_rows(Units::Gaussian, Mat::new(&x, 3, 2)).is_ok());
    let large = bernoulli(30, 17);
    assert_eq!(
        large.log_z(&vec![0.0; large.n_theta()]).unwrap_err().to_string(),
        "log_z: units to enumerate should be at most 16, got 17"
    );
    assert_eq!(bernoulli(0, 3).check().unwrap_err().to_string(), "n_visible: should be at least 1, got 0");
}
