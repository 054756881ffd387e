//! The penalty on the Jacobian: the library's in the types that it has it for, and the closed form of one layer of tanh units,
//! y = tanh(c + W x), in all others: ‖∂y/∂x‖² = Σⱼ (1 − yⱼ²)² ‖Wⱼ‖².

use layerwise_activations::Tanh;
use layerwise_core::{Objective, Pass, Pointwise, Targets};
use layerwise_gradcheck::{Gradcheck, Problem, Report};
use layerwise_layers::Dense;
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Contracted, Jacobian, JacobianRoom, Network, Supervised, Workspace};
use layerwise_tensor::{Bounded, DoubleDouble, Dual, Dual32, Dual64, Key, Mat, Purpose, Scalar};

use super::components::Item;

const D_IN: usize = 3;
const UNITS: usize = 2;
const ROWS: usize = 4;
const STRENGTH: f64 = 0.5;

pub fn all() -> Vec<Item> {
    let covers = vec![("Objective", "Contracted")];
    vec![Item { name: "contracted-layer".into(), covers, check: Box::new(check) }]
}

/// Panics: if the network cannot be built; it stands here.
fn check(settings: &Gradcheck) -> Report {
    let network = Builder::new(D_IN).layer(Dense::new(UNITS)).layer(Pointwise(Tanh)).build();
    let network = network.unwrap_or_else(|e| panic!("contracted-layer: {e}"));
    let mut rng = Key::new(settings.seed, Purpose::Test).layer(5).rng();
    let mut short = |n: usize| -> Vec<f64> { (0..n).map(|_| (rng.normal() * 64.0).round() / 64.0).collect() };
    let (x, t, start) = (short(D_IN * ROWS), short(UNITS * ROWS), short(network.n_theta()));
    let used: Vec<usize> = network.blocks().flat_map(|(_, block)| block.range()).collect();
    let mut theta = vec![0.0; network.n_theta()];
    used.iter().for_each(|&i| theta[i] = start[i]);
    let mut layer = Layer { network, x, t };
    let problem = Problem::new(&mut layer, &theta).used(used);
    settings.clone().cases(settings.cases.div_ceil(32)).objective("contracted-layer", problem)
}

struct Layer {
    network: Network,
    x: Vec<f64>,
    t: Vec<f64>,
}

impl Layer {
    fn closed_form<S: Scalar>(&self, theta: &[S], grad: &mut [S]) -> S {
        let places: Vec<usize> = self.network.blocks().map(|(_, block)| block.offset).collect();
        let (w, c) = (places[0], places[1]);
        let (mean, strength) = (S::of(1.0 / ROWS as f64), S::of(STRENGTH));
        grad.fill(S::ZERO);
        let mut total = S::ZERO;
        for (x, t) in self.x.chunks_exact(D_IN).zip(self.t.chunks_exact(UNITS)) {
            for (j, &t) in t.iter().enumerate() {
                let weight = |i: usize| theta[w + j + UNITS * i];
                let (mut a, mut norm) = (theta[c + j], S::ZERO);
                for (i, &x) in x.iter().enumerate() {
                    a += weight(i) * S::of(x);
                    norm += weight(i) * weight(i);
                }
                let y = a.tanh();
                let (slope, gap) = (S::ONE - y * y, y - S::of(t));
                total += S::of(0.5) * gap * gap + S::of(0.5) * strength * slope * slope * norm;
                // Of the slope itself, 2 y′ (−2 y y′) / 2.
                let by_a = gap * slope - S::of(2.0) * strength * slope * slope * y * norm;
                grad[c + j] += mean * by_a;
                for (i, &x) in x.iter().enumerate() {
                    grad[w + j + UNITS * i] += mean * (by_a * S::of(x) + strength * slope * slope * weight(i));
                }
            }
        }
        mean * total
    }
}

macro_rules! by_the_library {
    ($($t:ty),*) => {$(
        impl Objective<$t> for Layer {
            fn len(&self) -> usize {
                self.network.n_theta()
            }
            fn eval(&mut self, theta: &[$t], grad: &mut [$t]) -> $t {
                let lifted = |numbers: &[f64]| -> Vec<$t> { numbers.iter().map(|&v| <$t>::of(v)).collect() };
                let (x, t) = (lifted(&self.x), lifted(&self.t));
                let batch = Batch {
                    x: Mat::new(&x, D_IN, ROWS),
                    targets: Targets::Values(Mat::new(&t, UNITS, ROWS)),
                    weights: None,
                };
                let risk = Supervised {
                    network: &self.network,
                    loss: &Squared,
                    penalties: &[],
                    batch,
                    workspace: &mut Workspace::new(&self.network, ROWS),
                    pass: Pass::Train,
                    key: Key::new(0, Purpose::Mask),
                };
                let jacobian = Jacobian { strength: STRENGTH, projections: 0 };
                let room = &mut JacobianRoom::new(&self.network, ROWS);
                Contracted { risk, jacobian, directions: Key::new(0, Purpose::Direction), room }.eval(theta, grad)
            }
        }
    )*};
}
by_the_library!(f32, f64);

macro_rules! by_the_closed_form {
    ($($t:ty),*) => {$(
        impl Objective<$t> for Layer {
            fn len(&self) -> usize {
                self.network.n_theta()
            }
            fn eval(&mut self, theta: &[$t], grad: &mut [$t]) -> $t {
                self.closed_form(theta, grad)
            }
        }
    )*};
}
by_the_closed_form!(
    Dual32,
    Dual64,
    DoubleDouble,
    Dual<Dual<DoubleDouble>>,
    Bounded<f32>,
    Bounded<f64>,
    Dual<Bounded<f32>>,
    Dual<Bounded<f64>>
);
