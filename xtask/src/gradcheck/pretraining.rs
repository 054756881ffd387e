//! The objectives of pre-training: free energies and likelihoods of small machines, risks of small autoencoders.

use layerwise_core::GenericObjective;
use layerwise_gradcheck::{Gradcheck, Problem, Report};
use layerwise_pretrain::{
    Autoencoder, AutoencoderRisk, Autoencoding, Code, FreeEnergy, NegativeLogLikelihood, Rbm, Sparsity, Units,
};
use layerwise_tensor::{Key, Mat, Purpose, Rng};

use super::components::Item;

const N_VISIBLE: usize = 3;
const ROWS: usize = 4;

/// How an objective on rows is checked from a start of θ, whose used numbers are named.
struct Case {
    theta: Vec<f64>,
    used: Vec<usize>,
    kinks: bool,
}

impl Case {
    /// A start with every used number drawn.
    fn new(n_theta: usize, used: Vec<usize>, rng: &mut Rng) -> Case {
        let mut theta = vec![0.0; n_theta];
        used.iter().for_each(|&i| theta[i] = short(0.7 * rng.normal()));
        Case { theta, used, kinks: false }
    }

    fn check(self, name: &str, objective: &mut dyn GenericObjective, settings: &Gradcheck) -> Report {
        let problem = Problem::new(objective, &self.theta).used(self.used);
        let problem = if self.kinks { problem.with_kinks() } else { problem };
        // A case is a whole machine.
        settings.clone().cases(settings.cases.div_ceil(32)).objective(name, problem)
    }
}

fn short(x: f64) -> f64 {
    (x * 64.0).round() / 64.0
}

pub fn all() -> Vec<Item> {
    let machine = |visible, n_hidden| Rbm { visible, n_visible: N_VISIBLE, n_hidden };
    let plain = Autoencoding::default();
    let autoencoder = |visible, coding| Autoencoder { visible, n_visible: N_VISIBLE, n_hidden: 2, coding };
    let sparsity = Some(Sparsity { mean: 0.25, strength: 0.5 });
    vec![
        likelihood("likelihood-bernoulli", machine(Units::Bernoulli, 2)),
        likelihood("likelihood-gaussian", machine(Units::Gaussian, 4)),
        free_energy("free-energy-bernoulli", machine(Units::Bernoulli, 4)),
        free_energy("free-energy-gaussian", machine(Units::Gaussian, 2)),
        risk("autoencoder-tied", autoencoder(Units::Bernoulli, plain)),
        risk(
            "autoencoder-contractive",
            autoencoder(Units::Gaussian, Autoencoding { contraction: 0.5, code: Code::Tanh, tied: false, ..plain }),
        ),
        risk(
            "autoencoder-sparse",
            autoencoder(Units::Bernoulli, Autoencoding { sparsity, contraction: 0.25, ..plain }),
        ),
        risk("autoencoder-relu", autoencoder(Units::Gaussian, Autoencoding { code: Code::Relu, ..plain })),
    ]
}

fn item(
    name: &'static str,
    covers: &'static str,
    check: impl Fn(&Gradcheck) -> Report + Send + Sync + 'static,
) -> Item {
    Item { name: name.to_owned(), covers: vec![("Objective", covers)], check: Box::new(check) }
}

/// What a check draws from: rows in the unit interval, and θ.
fn drawn(settings: &Gradcheck) -> (Vec<f64>, Rng) {
    let mut rng = Key::new(settings.seed, Purpose::Test).layer(4).rng();
    ((0..N_VISIBLE * ROWS).map(|_| short(rng.uniform())).collect(), rng)
}

fn used(blocks: &[layerwise_core::Block]) -> Vec<usize> {
    blocks.iter().flat_map(|block| block.range()).collect()
}

fn likelihood(name: &'static str, rbm: Rbm) -> Item {
    item(name, "NegativeLogLikelihood", move |settings| {
        let (rows, mut rng) = drawn(settings);
        let mut objective = NegativeLogLikelihood { rbm, rows: Mat::new(&rows, N_VISIBLE, ROWS) };
        Case::new(rbm.n_theta(), used(&rbm.blocks()), &mut rng).check(name, &mut objective, settings)
    })
}

fn free_energy(name: &'static str, rbm: Rbm) -> Item {
    item(name, "FreeEnergy", move |settings| {
        let (rows, mut rng) = drawn(settings);
        let mut objective = FreeEnergy { rbm, rows: Mat::new(&rows, N_VISIBLE, ROWS) };
        Case::new(rbm.n_theta(), used(&rbm.blocks()), &mut rng).check(name, &mut objective, settings)
    })
}

fn risk(name: &'static str, autoencoder: Autoencoder) -> Item {
    item(name, "AutoencoderRisk", move |settings| {
        let ((input, mut rng), n) = (drawn(settings), N_VISIBLE * ROWS);
        let target: Vec<f64> = (0..n).map(|_| short(rng.uniform())).collect();
        let [input, target] = [&input, &target].map(|x| Mat::new(x, N_VISIBLE, ROWS));
        let mut objective = AutoencoderRisk { autoencoder, input, target };
        let case = Case::new(autoencoder.n_theta(), used(&autoencoder.blocks()), &mut rng);
        let case = Case { kinks: autoencoder.coding.code == Code::Relu, ..case };
        case.check(name, &mut objective, settings)
    })
}
