//! Kronecker factors and K-FAC against matrices that are assembled from single samples.
#![allow(clippy::unwrap_used)]

use layerwise_core::{End, Loss, Pass, Pointwise, Stop, Targets};
use layerwise_curvature::{Deltas, GaussNewton, Kfac, Kronecker, Spectral};
use layerwise_layers::Dense;
use layerwise_losses::{BernoulliCrossEntropy, SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_optimizers::Lbfgs;
use layerwise_tensor::{Buf, Key, Mat, Purpose};
use nalgebra::{DMatrix, DVector};

fn normal(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Key::new(seed, Purpose::Test).rng();
    (0..n).map(|_| rng.normal()).collect()
}

fn risk<'a>(
    network: &'a Network,
    loss: &'a dyn Loss,
    x: &'a [f64],
    targets: Targets<'a, f64>,
    workspace: &'a mut Workspace<f64>,
) -> Supervised<'a, f64> {
    let x = Mat::new(x, network.d_in(), x.len() / network.d_in());
    Supervised {
        network,
        loss,
        penalties: &[],
        batch: Batch { x, targets, weights: None },
        workspace,
        pass: Pass::Predict,
        key: Key::new(0, Purpose::Mask),
    }
}

/// A net of one hidden layer, its samples, and what it computes of each: (h̄₀, h̄₁, D W₂ᵀ, y).
struct Small {
    network: Network,
    theta: Buf<f64>,
    x: Vec<f64>,
}

const N: usize = 40;
const WIDTHS: [usize; 3] = [3, 4, 2];

impl Small {
    fn new() -> Small {
        let hidden = Builder::new(WIDTHS[0]).layer(Dense::new(WIDTHS[1])).layer(Pointwise(layerwise_activations::Tanh));
        let network = hidden.layer(Dense::new(WIDTHS[2])).build().unwrap();
        let mut theta = network.init(3);
        let space = network.params_mask::<f64>();
        theta.iter_mut().zip(normal(space.len(), 4)).zip(&space[..]).for_each(|((t, z), s)| *t += 0.3 * z * s);
        Small { network, theta, x: normal(N * WIDTHS[0], 5) }
    }

    /// A block of θ as a matrix.
    fn block(&self, i: usize) -> DMatrix<f64> {
        let (_, block) = self.network.blocks().nth(i).unwrap();
        DMatrix::from_column_slice(block.rows, block.cols, &self.theta[block.range()])
    }

    /// Of every layer A, and G if `hessian` says ∂²l/∂y² at y, from single samples.
    fn factors(&self, hessian: &dyn Fn(&DVector<f64>) -> DMatrix<f64>) -> [(DMatrix<f64>, DMatrix<f64>); 2] {
        let [w1, b1, w2, b2] = [0, 1, 2, 3].map(|i| self.block(i));
        let zeros = |n| DMatrix::zeros(n, n);
        let [d0, d1, d2] = WIDTHS;
        let mut found = [(zeros(d0 + 1), zeros(d1)), (zeros(d1 + 1), zeros(d2))];
        let share = 1.0 / N as f64;
        for x in self.x.chunks_exact(d0) {
            let x = DVector::from_column_slice(x);
            let h = (&w1 * &x + b1.column(0)).map(f64::tanh);
            let y = &w2 * &h + b2.column(0);
            let outer = |v: &DVector<f64>| {
                let bar = v.clone().insert_row(v.len(), 1.0);
                &bar * bar.transpose() * share
            };
            found[0].0 += outer(&x);
            found[1].0 += outer(&h);
            let of_loss = hessian(&y);
            let back = DMatrix::from_diagonal(&h.map(|h| 1.0 - h * h)) * w2.transpose();
            found[0].1 += &back * &of_loss * back.transpose() * share;
            found[1].1 += of_loss * share;
        }
        found
    }

    /// (W, b) of both layers as vectors, one behind the other.
    fn gather(&self, theta: &[f64]) -> [DVector<f64>; 2] {
        let ranges: Vec<_> = self.network.blocks().map(|(_, block)| block.range()).collect();
        [0, 1].map(|l| {
            let numbers = theta[ranges[2 * l].clone()].iter().chain(&theta[ranges[2 * l + 1].clone()]);
            DVector::from_vec(numbers.copied().collect())
        })
    }
}

fn softmax_hessian(y: &DVector<f64>) -> DMatrix<f64> {
    let p = y.map(f64::exp) / y.map(f64::exp).sum();
    DMatrix::from_diagonal(&p) - &p * p.transpose()
}

fn bernoulli_hessian(y: &DVector<f64>) -> DMatrix<f64> {
    DMatrix::from_diagonal(&y.map(|y| 1.0 / (2.0 + y.exp() + (-y).exp())))
}

#[track_caller]
fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    let scale = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * scale, "{found}, should be {expected}");
    }
}

/// Factors, and products with the inverse, against the block-diagonal matrix that the definition builds.
fn check(loss: &dyn Loss, targets: Targets<'_, f64>, hessian: &dyn Fn(&DVector<f64>) -> DMatrix<f64>) {
    let small = Small::new();
    let mut workspace = Workspace::new(&small.network, N);
    let mut risk = risk(&small.network, loss, &small.x, targets, &mut workspace);
    let mut kronecker = Kronecker::new(&small.network).unwrap();
    // Averages: a quarter of the old factors, which are those of θ = 0, and three quarters of the new ones.
    let origin = Small { theta: Buf::zeros(small.theta.len()), network: small.network.clone(), x: small.x.clone() };
    kronecker.observe(&mut risk, &origin.theta, Deltas::All, 0.0);
    kronecker.observe(&mut risk, &small.theta, Deltas::All, 0.25);
    let (old, new) = (origin.factors(hessian), small.factors(hessian));
    let gamma = 0.3;
    kronecker.invert(gamma).unwrap();
    let space = small.network.params_mask::<f64>();
    let mut v = Buf::zeros(space.len());
    v.iter_mut().zip(normal(space.len(), 6)).zip(&space[..]).for_each(|((v, z), s)| *v = z * s);
    let mut out = Buf::zeros(v.len());
    kronecker.solve(&v, &mut out);
    assert!(out.iter().zip(&space[..]).all(|(out, space)| *space != 0.0 || *out == 0.0), "padding");
    for l in 0..2 {
        let a = &old[l].0 * 0.25 + &new[l].0 * 0.75;
        let g = &old[l].1 * 0.25 + &new[l].1 * 0.75;
        let (found_a, found_g) = kronecker.factors().nth(l).unwrap();
        near(found_a.data(), a.as_slice(), 1e-13);
        near(found_g.data(), g.as_slice(), 1e-13);
        let pi = ((a.trace() / a.nrows() as f64) / (g.trace() / g.nrows() as f64)).sqrt();
        let damped = |m: &DMatrix<f64>, by: f64| m + DMatrix::identity(m.nrows(), m.nrows()) * by;
        let matrix = damped(&a, pi * gamma).kronecker(&damped(&g, gamma / pi));
        let expected = matrix.lu().solve(&small.gather(&v)[l]).unwrap();
        near(small.gather(&out)[l].as_slice(), expected.as_slice(), 1e-10);
    }
}

#[test]
fn factors_and_preconditioner_are_those_of_the_assembled_matrix() {
    let values = normal(N * WIDTHS[2], 7);
    let share: Vec<f64> = values.iter().map(|v| 1.0 / (1.0 + v.exp())).collect();
    let labels: Vec<u32> = values.iter().step_by(2).map(|v| u32::from(*v > 0.0)).collect();
    let of = |values| Targets::Values(Mat::new(values, WIDTHS[2], N));
    check(&Squared, of(&values), &|y| DMatrix::identity(y.len(), y.len()));
    check(&BernoulliCrossEntropy, of(&share), &bernoulli_hessian);
    check(&SoftmaxCrossEntropy::default(), Targets::Classes(&labels), &softmax_hessian);
}

/// For a single layer whose loss has the same curvature at all samples, A ⊗ G is the Gauss–Newton matrix.
#[test]
fn a_single_layer_with_squared_loss_is_exact() {
    let network = Builder::new(4).layer(Dense::new(3)).build().unwrap();
    let (x, t, theta) = (normal(4 * N, 1), normal(3 * N, 2), network.init(1));
    let [mut first, mut second] = [(); 2].map(|()| Workspace::new(&network, N));
    let targets = Targets::Values(Mat::new(&t, 3, N));
    let mut kronecker = Kronecker::new(&network).unwrap();
    kronecker.observe(&mut risk(&network, &Squared, &x, targets, &mut first), &theta, Deltas::All, 0.0);
    let (a, g) = kronecker.factors().next().unwrap();
    let dense = |m: Mat<'_, f64>| DMatrix::from_column_slice(m.rows(), m.cols(), m.data());
    let product = dense(a).kronecker(&dense(g));
    let exact = GaussNewton::new(risk(&network, &Squared, &x, targets, &mut second), &theta).exact().unwrap();
    near(product.as_slice(), exact.matrix.as_slice(), 1e-13);
}

#[test]
fn linear_least_squares_are_solved_in_one_step() {
    let network = Builder::new(4).layer(Dense::new(3)).build().unwrap();
    let (x, t, mut theta) = (normal(4 * N, 1), normal(3 * N, 2), network.init(1));
    let mut workspace = Workspace::new(&network, N);
    let targets = Targets::Values(Mat::new(&t, 3, N));
    let mut risk = risk(&network, &Squared, &x, targets, &mut workspace);
    let kfac = Kfac { damping: 1e-18, factor_share: 1.0, model_share: 1.0, all_deltas: true, ..Kfac::default() };
    let stop = Stop { gradient: 1e-8, evaluations: 100 };
    let done = kfac.minimize(&mut risk, &mut theta, &stop, &mut |_, _| true).unwrap();
    assert_eq!((done.end, done.steps), (End::Gradient, 1), "{done:?}");
    // The normal equations.
    let bar = DMatrix::from_column_slice(4, N, &x).insert_row(4, 1.0);
    let solution = (&bar * bar.transpose()).lu().solve(&(&bar * DMatrix::from_column_slice(3, N, &t).transpose()));
    let solution = solution.unwrap().transpose();
    let ranges: Vec<_> = network.blocks().map(|(_, block)| block.range()).collect();
    near(&theta[ranges[0].clone()], &solution.as_slice()[..12], 1e-7);
    near(&theta[ranges[1].clone()], &solution.as_slice()[12..], 1e-7);
}

/// Over 2,000 draws, means of the sampled G are the exact one: each of the numbers within 6.5 standard errors, beyond which one of
/// them is once in 10⁹ by luck.
#[test]
fn sampled_deltas_are_right_on_average() {
    let small = Small::new();
    let mut workspace = Workspace::new(&small.network, N);
    let halves = vec![0.5; N * WIDTHS[2]];
    let targets = Targets::Values(Mat::new(&halves, WIDTHS[2], N));
    let mut risk = risk(&small.network, &BernoulliCrossEntropy, &small.x, targets, &mut workspace);
    let mut kronecker = Kronecker::new(&small.network).unwrap();
    let draws = 2000;
    let (mut sums, mut squares) = (vec![0.0; 16], vec![0.0; 16]);
    for draw in 0..draws {
        let key = Key::new(1, Purpose::Direction).step(draw);
        kronecker.observe(&mut risk, &small.theta, Deltas::Sampled { key }, 0.0);
        let (_, g) = kronecker.factors().next().unwrap();
        for (i, g) in g.data().iter().enumerate() {
            sums[i] += g;
            squares[i] += g * g;
        }
    }
    let expected = small.factors(&bernoulli_hessian)[0].1.clone();
    for ((sum, square), expected) in sums.iter().zip(&squares).zip(expected.iter()) {
        let n = draws as f64;
        let (mean, error) = (sum / n, ((square / n - (sum / n).powi(2)) / n).sqrt());
        assert!(
            (mean - expected).abs() <= 6.5 * error && error < 0.02 * expected.abs() + 1e-3,
            "{mean} ± {error}, {expected}"
        );
    }
}

#[test]
fn a_deep_net_is_trained_in_fewer_evaluations_than_by_l_bfgs_and_the_budget_is_kept() {
    let tanh = || Pointwise(layerwise_activations::Tanh);
    let mut builder = Builder::new(6);
    for width in [5, 4, 2, 4, 5] {
        builder = builder.layer(Dense::new(width)).layer(tanh());
    }
    let network = builder.layer(Dense::new(6)).build().unwrap();
    // Points of a curved surface of two dimensions, to be reproduced.
    let (codes, mix) = (normal(2 * N, 8), normal(12, 9));
    let x: Vec<f64> =
        (0..6 * N).map(|i| (0..2).map(|k| mix[i % 6 * 2 + k] * codes[i / 6 * 2 + k]).sum::<f64>().tanh()).collect();
    let mut workspace = Workspace::new(&network, N);
    let mut risk = risk(&network, &Squared, &x, Targets::Values(Mat::new(&x, 6, N)), &mut workspace);
    let kfac = Kfac { factor_share: 1.0, model_share: 1.0, invert_every: 1, all_deltas: true, ..Kfac::default() };
    let (start, stop) = (network.init(2), Stop { gradient: 1e-6, evaluations: 400 });
    let mut theta = start.clone();
    let mut heard = Vec::new();
    let done = kfac
        .minimize(&mut risk, &mut theta, &stop, &mut |_, value| {
            heard.push(value);
            true
        })
        .unwrap();
    let mut same = start.clone();
    let lbfgs = layerwise_core::Solver::minimize(&Lbfgs::default(), &mut risk, &mut same, &stop).unwrap();
    println!("{done:?}\n{lbfgs:?}");
    assert!(heard.len() == done.steps && heard.is_sorted_by(|a, b| a >= b) && heard.last() == Some(&done.value));
    assert!(done.value < lbfgs.value && done.evaluations <= stop.evaluations + 1, "{done:?}, {lbfgs:?}");
    let (mut theta, mut steps) = (start.clone(), 0);
    let asked = kfac
        .minimize(&mut risk, &mut theta, &stop, &mut |_, _| {
            steps += 1;
            steps < 3
        })
        .unwrap();
    assert_eq!((asked.end, asked.steps, asked.value), (End::Asked, 3, heard[2]));
}

#[test]
fn mistakes_are_refused_by_name() {
    let refused = |kfac: Kfac| kfac.check().unwrap_err();
    assert_eq!(refused(Kfac { damping: 0.0, ..Kfac::default() }), "damping should be finite and above 0, got 0");
    assert_eq!(refused(Kfac { keep: 1.0, ..Kfac::default() }), "keep should be in [0, 1), got 1");
    assert_eq!(
        refused(Kfac { factor_share: 0.0, ..Kfac::default() }),
        "factor_share should be above 0 and at most 1, got 0"
    );
    assert_eq!(
        refused(Kfac { model_share: 1.5, ..Kfac::default() }),
        "model_share should be above 0 and at most 1, got 1.5"
    );
    assert_eq!(refused(Kfac { invert_every: 0, ..Kfac::default() }), "invert_every should be at least 1, got 0");
    assert_eq!(refused(Kfac { adapt_every: 0, ..Kfac::default() }), "adapt_every should be at least 1, got 0");
}
