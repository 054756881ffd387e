//! Products with the Hessian of a risk against one gradient in dual numbers, and its eigenvalues against the dense matrix.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use layerwise_activations::{Relu, Softplus, Tanh};
use layerwise_core::{Number, Objective, Pass, Pointwise, Targets, hvp};
use layerwise_curvature::{GaussNewton, Hessian, Lanczos, Spectral, Stop, Wanted};
use layerwise_layers::{Dense, Dropout, Skip};
use layerwise_losses::{SoftmaxCrossEntropy, Squared};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_regularizers::L2;
use layerwise_tensor::{Dual, Dual32, Dual64, Key, Mat, Purpose, Team};
use nalgebra::DMatrix;

const N: usize = 9;
static SOFTMAX: SoftmaxCrossEntropy = SoftmaxCrossEntropy { smoothing: 0.1, class_weights: Vec::new() };
const CLASSES: [u32; N] = [0, 2, 1, 1, 0, 2, 2, 1, 0];

fn network() -> Network {
    let layers = Builder::new(3).layer(Dense::new(5)).layer(Pointwise(Tanh)).layer(Dropout { rate: 0.3 });
    let layers = layers.layer(Dense::new(5)).layer(Pointwise(Softplus)).layer(Skip::new(3));
    layers.layer(Pointwise(Relu)).layer(Dense::new(3)).build().unwrap()
}

fn penalties() -> [Penalty; 2] {
    let on = |groups: &[&str], biases| Where { groups: groups.iter().map(|g| g.to_string()).collect(), biases };
    [
        Penalty::Parameters { regularizer: Arc::new(L2 { strength: 0.1 }), on: on(&[], false) },
        Penalty::Parameters { regularizer: Arc::new(L2 { strength: 0.3 }), on: on(&["hidden2"], true) },
    ]
}

struct Data<S> {
    x: Vec<S>,
    values: Vec<S>,
    weights: Vec<S>,
}

fn data<S: Number>() -> Data<S> {
    let mut rng = Key::new(4, Purpose::Data).rng();
    let mut draw = |n: usize| (0..n).map(|_| S::of(f64::from(rng.normal() as f32))).collect();
    Data { x: draw(3 * N), values: draw(3 * N), weights: (0..N).map(|i| S::of(i as f64 / 4.0)).collect() }
}

fn risk<'a, S: Number>(
    network: &'a Network,
    data: &'a Data<S>,
    penalties: &'a [Penalty],
    workspace: &'a mut Workspace<S>,
    of_classes: bool,
) -> Supervised<'a, S> {
    let (targets, loss): (_, &dyn layerwise_core::Loss) = match of_classes {
        true => (Targets::Classes(&CLASSES), &SOFTMAX),
        false => (Targets::Values(Mat::new(&data.values, 3, N)), &Squared),
    };
    let batch = Batch { x: Mat::new(&data.x, 3, N), targets, weights: Some(&data.weights) };
    Supervised {
        network,
        loss,
        penalties,
        batch,
        workspace,
        pass: Pass::Train,
        key: Key::new(9, Purpose::Mask).step(2),
    }
}

fn direction(n: usize, seed: u64) -> Vec<f64> {
    let mut rng = Key::new(seed, Purpose::Test).rng();
    (0..n).map(|_| f64::from(rng.normal() as f32)).collect()
}

/// The ε-part of the gradient in dual numbers, with every product computed in full; and the risk.
fn expected(theta: &[f64], v: &[f64], penalties: &[Penalty], of_classes: bool) -> (Vec<f64>, f64) {
    let (network, data) = (network(), data::<Dual64>());
    let mut workspace = Workspace::new(&network, N);
    let point: Vec<Dual64> = theta.iter().zip(v).map(|(&t, &v)| Dual::new(t, v)).collect();
    let mut grad = point.clone();
    let value = risk(&network, &data, penalties, &mut workspace, of_classes).eval(&point, &mut grad);
    (grad.iter().map(|g| g.eps).collect(), value.re)
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], relative: f64) {
    let scale = expected.iter().fold(0.0, |m: f64, e| m.max(e.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= relative * scale, "{found} {expected}");
    }
}

#[test]
fn products_are_the_derivative_of_the_gradient_at_every_theta_and_in_every_direction() {
    let (network, data) = (network(), data::<f64>());
    let n = network.n_theta();
    for penalties in [&penalties()[..], &[]] {
        for of_classes in [true, false] {
            let mut workspace = Workspace::new(&network, N);
            let thetas = [3, 5, 3].map(|seed| network.init::<f64>(seed));
            let mut hessian = Hessian::new(risk(&network, &data, penalties, &mut workspace, of_classes), &thetas[0]);
            for theta in &thetas {
                hessian.at(theta);
                for seed in [1, 2, 1] {
                    let (v, mut out) = (direction(n, seed), vec![f64::NAN; n]);
                    let value = hessian.product(&v, &mut out);
                    let (hv, risk) = expected(theta, &v, penalties, of_classes);
                    close(&out, &hv, 1e-14);
                    assert_eq!(value, risk);
                    // The first product at a θ and the later ones have the same bits.
                    let mut again = vec![f64::NAN; n];
                    hessian.product(&v, &mut again);
                    assert_eq!(out, again);
                }
            }
        }
    }
}

#[test]
fn directions_that_move_one_block_or_none_are_no_exception() {
    let (network, data, penalties) = (network(), data::<f64>(), penalties());
    let (theta, n) = (network.init::<f64>(3), network.n_theta());
    let mut workspace = Workspace::new(&network, N);
    let mut hessian = Hessian::new(risk(&network, &data, &penalties, &mut workspace, true), &theta);
    let mut out = vec![f64::NAN; n];
    let ranges: Vec<_> = network.blocks().map(|(_, block)| block.range()).chain(std::iter::once(0..0)).collect();
    for range in ranges {
        let mut v = vec![0.0; n];
        v[range.clone()].copy_from_slice(&direction(n, 6)[range]);
        hessian.product(&v, &mut out);
        close(&out, &expected(&theta, &v, &penalties, true).0, 1e-14);
    }
    assert_eq!(out, vec![0.0; n]);
}

#[test]
fn single_precision_and_the_general_function_agree() {
    let (network, penalties) = (network(), penalties());
    let n = network.n_theta();
    let theta: Vec<f32> = network.init::<f32>(3).to_vec();
    let wide: Vec<f64> = theta.iter().map(|&t| f64::from(t)).collect();
    let v = direction(n, 1);
    let narrow: Vec<f32> = v.iter().map(|&v| v as f32).collect();
    let (hv, value) = expected(&wide, &v, &penalties, false);
    let mut workspace = Workspace::new(&network, N);
    let (real, dual) = (data::<f32>(), data::<Dual32>());
    let mut hessian = Hessian::new(risk(&network, &real, &penalties, &mut workspace, false), &theta);
    let mut out = vec![f32::NAN; n];
    assert!((f64::from(hessian.product(&narrow, &mut out)) - value).abs() < 1e-6 * value);
    close(&out.iter().map(|&o| f64::from(o)).collect::<Vec<_>>(), &hv, 1e-6);
    let mut workspace = Workspace::new(&network, N);
    let mut f = risk(&network, &dual, &penalties, &mut workspace, false);
    let mut general = vec![f32::NAN; n];
    assert!((f64::from(hvp(&mut f, &theta, &narrow, &mut general, &mut Vec::new())) - value).abs() < 1e-6 * value);
    close(&general.iter().map(|&o| f64::from(o)).collect::<Vec<_>>(), &hv, 1e-6);
}

#[test]
fn eigenvalues_are_those_of_the_dense_matrix_and_the_padding_stays_zero() {
    let (network, data, penalties) = (network(), data::<f64>(), penalties());
    let (theta, n) = (network.init::<f64>(3), network.n_theta());
    let used = network.params_mask::<f64>();
    assert!(used.contains(&0.0) && used.iter().sum::<f64>() == network.n_params() as f64);
    let columns = |product: &mut dyn FnMut(&[f64], &mut [f64])| {
        let mut dense = DMatrix::<f64>::zeros(n, n);
        for i in 0..n {
            let unit: Vec<f64> = (0..n).map(|k| f64::from(k == i)).collect();
            product(&unit, dense.column_mut(i).as_mut_slice());
        }
        assert!((&dense - dense.transpose()).amax() < 1e-14);
        let places: Vec<usize> = (0..n).filter(|&i| used[i] == 1.0).collect();
        let mut values: Vec<f64> =
            dense.select_rows(&places).select_columns(&places).symmetric_eigenvalues().iter().copied().collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let mut workspaces = [(); 2].map(|()| Workspace::new(&network, N));
    let [first, second] = workspaces.each_mut();
    let mut hessian = Hessian::new(risk(&network, &data, &penalties, first, true), &theta);
    let mut gauss = GaussNewton::new(risk(&network, &data, &[], second, true), &theta);
    let of_hessian = columns(&mut |v, out| _ = hessian.product(v, out));
    let of_gauss = columns(&mut |v, out| gauss.product(v, out));
    // Without the penalties there are directions of negative curvature; the network is at no minimum.
    assert!(of_hessian[0] < 0.0 && of_gauss[0] > -1e-14);
    let last = of_hessian.len() - 1;
    for (wanted, at) in [(Wanted::Largest, last), (Wanted::Smallest, 0)] {
        let request = Lanczos { wanted, tolerance: 1e-8, ..Lanczos::default() };
        let found = hessian.spectrum(&request).unwrap();
        assert_eq!(found.stop, Stop::Converged);
        assert!((found.values[0] - of_hessian[at]).abs() < 1e-12 * of_hessian[last], "{wanted:?} {:?}", found.values);
        assert!(found.vectors[0].iter().zip(&used[..]).all(|(v, used)| *used == 1.0 || *v == 0.0));
    }
    let found = gauss.spectrum(&Lanczos { tolerance: 1e-8, count: 2, ..Lanczos::default() }).unwrap();
    assert!((found.values[0] - of_gauss[last]).abs() < 1e-12 && (found.values[1] - of_gauss[last - 1]).abs() < 1e-12);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let network = Builder::new(200).layer(Dense::new(180)).layer(Pointwise(Tanh)).layer(Dense::new(3)).build().unwrap();
    let (theta, n) = (network.init::<f32>(1), network.n_theta());
    let x: Vec<f32> = direction(200 * 120, 1).iter().map(|&x| x as f32).collect();
    let classes: Vec<u32> = (0..120).map(|i| i % 3).collect();
    let v: Vec<f32> = direction(n, 2).iter().map(|&v| v as f32).collect();
    let run = || {
        let mut workspace = Workspace::new(&network, 120);
        let batch = Batch { x: Mat::new(&x, 200, 120), targets: Targets::Classes(&classes), weights: None };
        let (loss, pass, key) = (&SoftmaxCrossEntropy::default(), Pass::Train, Key::new(0, Purpose::Mask));
        let workspace = &mut workspace;
        let risk = Supervised { network: &network, loss, penalties: &[], batch, workspace, pass, key };
        let mut hessian = Hessian::new(risk, &theta);
        let mut outs = [vec![f32::NAN; n], vec![f32::NAN; n]];
        for out in &mut outs {
            hessian.product(&v, out);
        }
        outs.concat().iter().map(|o| o.to_bits()).collect::<Vec<_>>()
    };
    let alone = run();
    for threads in [2, 3] {
        assert!(Team::new(threads).unwrap().install(run) == alone);
    }
}

#[test]
#[should_panic(expected = "hessian: theta has 3 numbers, should have")]
fn the_length_of_theta_is_checked() {
    let (network, data) = (network(), data::<f64>());
    Hessian::new(risk(&network, &data, &[], &mut Workspace::new(&network, N), true), &[0.0; 3]);
}

#[test]
#[should_panic(expected = "hessian: lengths 112, 111, 96")]
fn lengths_are_checked() {
    let (network, data) = (network(), data::<f64>());
    let theta = network.init::<f64>(1);
    let mut workspace = Workspace::new(&network, N);
    let mut hessian = Hessian::new(risk(&network, &data, &[], &mut workspace, true), &theta);
    hessian.product(&theta[1..], &mut [0.0; 96]);
}
