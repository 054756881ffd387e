//! The gradients of contrastive divergence are unbiased for what they should be: the expectation of a k-step chain from each row,
//! through the exact matrix of transitions. Its variance is exact too, so that z is exact.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Plain, add, random_theta, states};
use layerwise_pretrain::{Chains, ContrastiveDivergence, Rbm, Units};
use layerwise_tensor::{Key, Mat, Purpose};

/// Rows, each of which every batch holds equally often.
const ROWS: [[f64; 4]; 5] =
    [[0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]];

/// The number of a state, its first unit the lowest bit.
fn number(v: &[f64]) -> usize {
    v.iter().enumerate().map(|(i, &v)| (v as usize) << i).sum()
}

/// p(v⁽ᵏ⁾) of chains from a row.
fn after(k: usize, transitions: &[Vec<f64>], row: &[f64]) -> Vec<f64> {
    let mut p = vec![0.0; transitions.len()];
    p[number(row)] = 1.0;
    for _ in 0..k {
        let mut next = vec![0.0; p.len()];
        p.iter().zip(transitions).for_each(|(p, to)| add(&mut next, *p, to));
        p = next;
    }
    p
}

/// Expectation and variance of the gradient of one chain that starts at each of `starts`, against `rows`.
struct Expected {
    mean: Vec<f64>,
    variance: Vec<f64>,
}

fn expected(plain: &Plain, k: usize, rows: &[[f64; 4]], starts: &[[f64; 4]]) -> Expected {
    let n_theta = plain.rbm.n_theta();
    let gradients: Vec<Vec<f64>> = states(4).iter().map(|v| plain.free_energy(v).1).collect();
    let transitions = plain.transitions();
    let mut mean = vec![0.0; n_theta];
    let mut variance = vec![0.0; n_theta];
    for row in rows {
        add(&mut mean, 1.0 / rows.len() as f64, &gradients[number(row)]);
    }
    for start in starts {
        let p = after(k, &transitions, start);
        let (mut first, mut second) = (vec![0.0; n_theta], vec![0.0; n_theta]);
        for (p, gradient) in p.iter().zip(&gradients) {
            add(&mut first, *p, gradient);
            add(&mut second, *p, &gradient.iter().map(|g| g * g).collect::<Vec<f64>>());
        }
        add(&mut mean, -1.0 / starts.len() as f64, &first);
        let of_row: Vec<f64> = second.iter().zip(&first).map(|(s, f)| s - f * f).collect();
        add(&mut variance, 1.0 / starts.len() as f64, &of_row);
    }
    Expected { mean, variance }
}

/// The largest |z| over all parameters of the mean of many gradients, from so many chains.
fn largest_z(found: &[f64], expected: &Expected, chains: usize, plain: &Plain) -> f64 {
    let used = plain.rbm.blocks().into_iter().flat_map(|block| block.range());
    let z = |i: usize| (found[i] - expected.mean[i]) / (expected.variance[i] / chains as f64).sqrt();
    used.map(|i| z(i).abs()).fold(0.0, f64::max)
}

fn repeated(rows: &[[f64; 4]], n: usize) -> Vec<f64> {
    (0..n).flat_map(|i| rows[i % rows.len()]).collect()
}

/// The largest |z| of CD-k with so many chains, in batches of 5 000.
fn z_of_cd(k: usize, chains: usize) -> f64 {
    const BATCH: usize = 5000;
    let rbm = Rbm::new(4, 3);
    let theta = random_theta(&rbm, 1.0, 1);
    let plain = Plain::new(&rbm, &theta);
    let batch = repeated(&ROWS, BATCH);
    let mut room = Chains::new(&rbm, BATCH);
    let (mut grad, mut mean) = (vec![0.0; rbm.n_theta()], vec![0.0; rbm.n_theta()]);
    let batches = chains / BATCH;
    for step in 0..batches as u64 {
        let key = Key::new(7, Purpose::Test).step(step);
        let rows = Mat::new(&batch, 4, BATCH);
        ContrastiveDivergence { steps: k, persistent: false }.gradient(&rbm, &theta, rows, &mut room, key, &mut grad);
        add(&mut mean, 1.0 / batches as f64, &grad);
    }
    largest_z(&mean, &expected(&plain, k, &ROWS, &ROWS), chains, &plain)
}

/// A million chains for each k. |z| reaches 4 for one of 3 · 19 parameters by luck once in 280 times; the seed is fixed.
#[test]
fn cd_k_has_the_expectation_of_k_steps_from_the_data() {
    for k in [1, 2, 5] {
        let z = z_of_cd(k, 1_000_000);
        println!("CD-{k}: 1 000 000 chains, largest |z| of 19 parameters {z:.2}");
        assert!(z < 4.0, "CD-{k}: {z}");
    }
}

/// A wrong number of steps is found: CD-1 is not taken for CD-2.
#[test]
fn the_test_tells_one_step_from_two() {
    let rbm = Rbm::new(4, 3);
    let plain = Plain::new(&rbm, &random_theta(&rbm, 1.0, 1));
    let (one, two) = (expected(&plain, 1, &ROWS, &ROWS), expected(&plain, 2, &ROWS, &ROWS));
    assert!(largest_z(&one.mean, &two, 50_000, &plain) > 20.0);
}

/// Chains that began at other rows go on from where they were: one step after two is three, whatever the data are now.
#[test]
fn persistent_chains_go_on() {
    const N: usize = 20_000;
    let rbm = Rbm::new(4, 3);
    let theta = random_theta(&rbm, 1.0, 1);
    let plain = Plain::new(&rbm, &theta);
    let [starts, rows] = [&ROWS[..2], &ROWS[2..4]];
    let [first, second] = [starts, rows].map(|rows| repeated(rows, N));
    let mut chains = Chains::new(&rbm, N);
    let mut grad = vec![0.0; rbm.n_theta()];
    let key = Key::new(8, Purpose::Test);
    let divergence = |steps| ContrastiveDivergence { steps, persistent: true };
    divergence(2).gradient(&rbm, &theta, Mat::new(&first, 4, N), &mut chains, key.step(1), &mut grad);
    assert!(largest_z(&grad, &expected(&plain, 2, starts, starts), N, &plain) < 6.4);
    // A smaller batch: all chains go on.
    let half = Mat::new(&second[..4 * N / 2], 4, N / 2);
    divergence(1).gradient(&rbm, &theta, half, &mut chains, key.step(2), &mut grad);
    let z = largest_z(&grad, &expected(&plain, 3, rows, starts), N, &plain);
    assert!(z < 6.4, "{z}");
    assert_eq!(chains.visible(&rbm).cols(), N);
}

/// With normal units the chain is checked by its first two moments: v⁽¹⁾ given v is a mixture of normal numbers around b + Wᵀh.
#[test]
fn a_step_of_normal_units_has_the_moments_of_its_mixture() {
    const N: usize = 50_000;
    let rbm = Rbm { visible: Units::Gaussian, n_visible: 2, n_hidden: 2 };
    let theta = random_theta(&rbm, 1.0, 3);
    let plain = Plain::new(&rbm, &theta);
    let row = [0.5, -1.0];
    let rows = row.repeat(N);
    let mut chains = Chains::new(&rbm, N);
    let mut grad = vec![0.0; rbm.n_theta()];
    let key = Key::new(9, Purpose::Test);
    ContrastiveDivergence::default().gradient(&rbm, &theta, Mat::new(&rows, 2, N), &mut chains, key, &mut grad);
    let on = plain.on(&row);
    for i in 0..2 {
        let mean: f64 = plain.b[i] + (0..2).map(|j| on[j] * plain.w[j][i]).sum::<f64>();
        let variance: f64 = 1.0 + (0..2).map(|j| on[j] * (1.0 - on[j]) * plain.w[j][i].powi(2)).sum::<f64>();
        let v: Vec<f64> = chains.visible(&rbm).columns().map(|v| v[i]).collect();
        let found = v.iter().sum::<f64>() / N as f64;
        let spread = v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / N as f64;
        // A mixture of few normal laws has a kurtosis of at most 3 + something small: 8 bounds the fourth moment amply.
        let errors = [(variance / N as f64).sqrt(), variance * (8.0 / N as f64).sqrt()];
        assert!((found - mean).abs() < 6.1 * errors[0], "{found} {mean}");
        assert!((spread - variance).abs() < 6.1 * errors[1], "{spread} {variance}");
    }
}

#[test]
fn the_error_is_that_of_the_mean_reconstruction() {
    let rbm = Rbm::new(4, 3);
    let theta = random_theta(&rbm, 1.0, 1);
    let plain = Plain::new(&rbm, &theta);
    let rows = ROWS.concat();
    let (mut grad, key) = (vec![0.0; rbm.n_theta()], Key::new(1, Purpose::Test));
    let expected: f64 = ROWS
        .iter()
        .map(|v| {
            let on = plain.on(v);
            let input = |i: usize| plain.b[i] + on.iter().zip(&plain.w).map(|(h, w)| h * w[i]).sum::<f64>();
            (0..4).map(|i| (v[i] - 1.0 / (1.0 + (-input(i)).exp())).powi(2)).sum::<f64>() / 5.0
        })
        .sum();
    for persistent in [false, true] {
        let divergence = ContrastiveDivergence { steps: 1, persistent };
        let mut chains = Chains::new(&rbm, 5);
        let found = divergence.gradient(&rbm, &theta, Mat::new(&rows, 4, 5), &mut chains, key, &mut grad);
        assert!((found - expected).abs() < 1e-13, "{found} {expected}");
    }
}
