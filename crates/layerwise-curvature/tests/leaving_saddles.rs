//! Minimizers that never end at a saddle, on the saddles of linear networks, where everything is known (Baldi and Hornik 1989; see
//! `critical_points.rs` for the formulas): every critical point but the global minima is a saddle, and at those ½ Σ sⱼ² over the modes
//! beyond the h largest is left. The modes are squares, so that gradients at the saddles are 0 to the last bit.
#![allow(clippy::unwrap_used)]

use layerwise_core::{End, Minimized, Objective, Pass, Pointwise, Solver, SolverError, Stop, Targets};
use layerwise_curvature::{CriticalPoint, Hessian, Kind, LeaveSaddles, SaddleFreeNewton, Search, Spectral};
use layerwise_layers::Dense;
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_optimizers::Lbfgs;
use layerwise_tensor::{Key, Mat, Purpose};

const MODES: [f64; 4] = [9.0, 4.0, 1.0, 0.25];
const D: usize = MODES.len();

struct Linear {
    network: Network,
    x: Vec<f64>,
    targets: Vec<f64>,
}

impl Linear {
    /// h hidden units; inputs ±2 eᵢ, whose mean is 0 and whose second moments are I.
    fn new(h: usize) -> Linear {
        let network = Builder::new(D).layer(Dense::new(h)).layer(Dense::new(D)).build().unwrap();
        let (mut x, mut targets) = (vec![0.0; 2 * D * D], vec![0.0; 2 * D * D]);
        for i in 0..D {
            for (column, sign) in [(2 * i, 2.0), (2 * i + 1, -2.0)] {
                x[column * D + i] = sign;
                targets[column * D + i] = sign * MODES[i];
            }
        }
        Linear { network, x, targets }
    }

    /// The critical point that keeps these modes, one a hidden unit.
    fn saddle(&self, kept: &[usize]) -> Vec<f64> {
        let blocks: Vec<_> = self.network.blocks().map(|(_, block)| block.clone()).collect();
        let (mut theta, h) = (vec![0.0; self.network.n_theta()], blocks[0].rows);
        for (unit, &mode) in kept.iter().enumerate() {
            theta[blocks[0].range()][mode * h + unit] = MODES[mode].sqrt();
            theta[blocks[2].range()][unit * D + mode] = MODES[mode].sqrt();
        }
        theta
    }

    fn risk<'a>(&'a self, workspace: &'a mut Workspace<f64>) -> Supervised<'a, f64> {
        Supervised {
            network: &self.network,
            loss: &Squared,
            penalties: &[],
            batch: Batch {
                x: Mat::new(&self.x, D, 2 * D),
                targets: Targets::Values(Mat::new(&self.targets, D, 2 * D)),
                weights: None,
            },
            workspace,
            pass: Pass::Predict,
            key: Key::new(0, Purpose::Mask),
        }
    }
}

/// What leaves a saddle: takes the objective, its Hessian, θ and when to stop.
type Leaves =
    dyn Fn(&mut dyn Objective<f64>, &mut dyn Spectral<f64>, &mut [f64], &Stop) -> Result<Minimized, SolverError>;

const STOP: Stop = Stop { gradient: 1e-9, evaluations: 3000 };

fn check(minimize: &Leaves) {
    for (h, kept) in [(1, &[][..]), (1, &[2]), (2, &[2, 3]), (2, &[1]), (3, &[0, 3]), (3, &[]), (2, &[0, 1])] {
        let linear = Linear::new(h);
        let [mut first, mut second] = [(); 2].map(|()| Workspace::new(&linear.network, 2 * D));
        let start = linear.saddle(kept);
        let kind = CriticalPoint::at(linear.risk(&mut first), &start, &Search::default()).unwrap().kind;
        let global = kept.len() == h && kept.iter().all(|&mode| mode < h);
        assert_eq!(kind == Kind::Saddle, !global, "{kept:?}");

        let mut risk = linear.risk(&mut first);
        let (mut stays, mut grad) = (start.clone(), vec![0.0; start.len()]);
        for _ in 0..1000 {
            risk.eval(&stays, &mut grad);
            stays.iter_mut().zip(&grad).for_each(|(theta, g)| *theta -= 0.05 * g);
        }
        assert_eq!(stays, start, "gradient descent stays at {kept:?}");
        let stuck = Lbfgs::default().minimize(&mut risk, &mut stays, &STOP).unwrap();
        assert!(stuck.steps == 0 && stays == start);

        let mut theta = start.clone();
        let mut hessian = Hessian::new(linear.risk(&mut second), &start);
        let done = minimize(&mut risk, &mut hessian, &mut theta, &STOP).unwrap();
        let left: f64 = MODES[h..].iter().map(|s| 0.5 * s * s).sum();
        println!("{h} of {D}, from {kept:?}: {done:?}");
        assert!((done.value - left).abs() < 1e-10 * (1.0 + left) && done.end == End::Gradient, "{done:?}, left {left}");
        assert_eq!(risk.eval(&theta, &mut grad), done.value);
        assert_eq!(global, done.steps == 0, "{kept:?}");
    }
}

#[test]
fn saddle_free_newton_goes_from_every_saddle_to_the_global_minimum() {
    check(&|f, hessian, theta, stop| SaddleFreeNewton.minimize(f, hessian, theta, stop));
}

#[test]
fn a_descent_that_leaves_saddles_goes_from_every_saddle_to_the_global_minimum() {
    let leave = LeaveSaddles::of(Lbfgs::default());
    check(&move |f, hessian, theta, stop| leave.minimize(f, hessian, theta, stop));
}

/// Two units that start equal stay equal in every descent, as if they were one. There, the curvature of their difference is negative.
#[test]
fn units_that_started_equal_become_different() {
    let tanh = || Pointwise(layerwise_activations::Tanh);
    let network = Builder::new(1).layer(Dense::new(2)).layer(tanh()).layer(Dense::new(1)).build().unwrap();
    let x: Vec<f64> = (0..21).map(|i| f64::from(i - 10) / 5.0).collect();
    let t: Vec<f64> = x.iter().map(|x| (3.0 * x).tanh() - 0.7 * (x - 0.5).tanh()).collect();
    let risk = |workspace| Supervised {
        network: &network,
        loss: &Squared as &dyn layerwise_core::Loss,
        penalties: &[],
        batch: Batch { x: Mat::new(&x, 1, 21), targets: Targets::Values(Mat::new(&t, 1, 21)), weights: None },
        workspace,
        pass: Pass::Predict,
        key: Key::new(0, Purpose::Mask),
    };
    let [mut first, mut second] = [(); 2].map(|()| Workspace::new(&network, 21));
    let mut start = vec![0.0; network.n_theta()];
    for (_, block) in network.blocks() {
        start[block.range()].fill(0.5);
    }
    let mut f = risk(&mut first);
    let mut equal = start.clone();
    let descent = Lbfgs::default().minimize(&mut f, &mut equal, &STOP).unwrap();
    let mut theta = start.clone();
    let mut hessian = Hessian::new(risk(&mut second), &start);
    let done = SaddleFreeNewton.minimize(&mut f, &mut hessian, &mut theta, &STOP).unwrap();
    println!("{descent:?}\n{done:?}");
    assert_eq!(equal[0], equal[1], "a descent keeps the symmetry");
    assert!(done.end == End::Gradient && done.value < descent.value, "{done:?}, {descent:?}");
    assert!((theta[0] - theta[1]).abs() > 0.01);
    let mut index = |theta: &[f64]| {
        hessian.at(theta);
        hessian.exact().unwrap().index()
    };
    assert_eq!((index(&equal) > 0, index(&theta)), (true, 0));
}

#[test]
fn too_many_parameters_are_refused_with_their_number_and_what_to_take_instead() {
    let network = Builder::new(50).layer(Dense::new(41)).layer(Dense::new(1)).build().unwrap();
    let (x, t) = (vec![1.0; 50], vec![1.0]);
    let risk = |workspace| Supervised {
        network: &network,
        loss: &Squared as &dyn layerwise_core::Loss,
        penalties: &[],
        batch: Batch { x: Mat::new(&x, 50, 1), targets: Targets::Values(Mat::new(&t, 1, 1)), weights: None },
        workspace,
        pass: Pass::Predict,
        key: Key::new(0, Purpose::Mask),
    };
    let [mut first, mut second] = [(); 2].map(|()| Workspace::new(&network, 1));
    let mut theta = network.init(1);
    let mut hessian = Hessian::new(risk(&mut first), &theta);
    let refused = SaddleFreeNewton.minimize(&mut risk(&mut second), &mut hessian, &mut theta, &STOP);
    let line = refused.unwrap_err().to_string();
    assert!(line.contains("parameters should be at most 2000, got 2133; `spectrum`, `trace` and `density`"), "{line}");
}
