//! Solvers by name: `"l-bfgs"`, or `{ kind = "l-bfgs", memory = 20, rows = 5000 }`, in place of an optimizer.
//!
//! A solver needs a risk that is the same at every call: on all rows, or on the first so many, and without noise. One of its steps,
//! whatever it costs, is an epoch of the training: it has its row in the history, and early stopping counts it.

use layerwise_core::catalog::named;
use layerwise_core::{Minimized, Number, Objective, Pass, Real, Solver, SolverError, Stop};
use layerwise_curvature::{
    Exact, GaussNewton, Hessian, Kfac, Kronecker, LeaveSaddles, Preconditioner, SaddleFreeNewton,
};
use layerwise_network::{Penalty, Supervised, Workspace};
use layerwise_optimizers::{HessianFree, Lbfgs, NonlinearConjugateGradient};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::{Buf, Dual, Key, Purpose};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ensemble::Ensemble;
use crate::error::TrainError;
use crate::recipe::Recipe;
use crate::run::Setup;

/// Steps between two inverses of the preconditioner's factors.
const EVERY: u64 = 20;

/// Declares a member: its own numbers, and those that all have.
macro_rules! member {
    ($(#[$meta:meta])* $member:ident { $($(#[$doc:meta])* $field:ident: $type:ty = $value:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $member {
            $($(#[$doc])* pub $field: $type,)*
            /// At most so many training rows, the first ones; all by default.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub rows: Option<usize>,
            /// End once ‖∇f(θ)‖ is at most this, by default 10⁻⁵.
            pub gradient: f64,
        }

        impl Default for $member {
            fn default() -> Self {
                $member { $($field: $value,)* rows: None, gradient: 1e-5 }
            }
        }
    };
}

member! {
    /// [`Lbfgs`].
    LimitedBfgs {
        /// Steps that are remembered.
        memory: usize = 10,
    }
}

member! {
    /// [`NonlinearConjugateGradient`].
    ConjugateGradient {}
}

member! {
    /// [`HessianFree`] with the Gauss–Newton matrix.
    Truncated {
        /// λ at the start.
        damping: f64 = 1.0,
        /// Products a step, at most.
        products: usize = 250,
        /// What the conjugate gradients are preconditioned by.
        preconditioner: Preconditioning = Preconditioning::None,
    }
}

/// A preconditioner by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preconditioning {
    /// The identity.
    #[default]
    None,
    /// [`Preconditioner`]: the factors of K-FAC, new at every twentieth step; for dense layers.
    Kronecker,
}

member! {
    /// [`Kfac`], for dense layers.
    KroneckerFactored {
        /// λ at the start.
        damping: f64 = 1.0,
        /// Share of the rows that the factors are taken from.
        factor_share: f64 = 0.125,
        /// Share of the rows that the quadratic model is taken from.
        model_share: f64 = 0.25,
        /// Steps between two inverses.
        invert_every: u64 = 20,
    }
}

member! {
    /// [`SaddleFreeNewton`], for at most 2,000 parameters.
    SaddleFree {}
}

member! {
    /// [`LeaveSaddles`] with [`Lbfgs`].
    LeavesSaddles {
        /// Steps that L-BFGS remembers.
        memory: usize = 10,
        /// Products with the Hessian at each critical point, at most.
        products: usize = 100,
    }
}

/// Declares the family.
macro_rules! family {
    ($($member:ident = $name:literal),+ $(,)?) => {
        /// The solvers as configurations name them.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Solvers {
            $(#[doc = concat!("`", $name, "`.")] $member($member),)+
        }

        #[derive(Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            $(#[serde(rename = $name)] $member($member),)+
        }

        impl Serialize for Solvers {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match *self {
                    $(Solvers::$member(solver) => Tagged::$member(solver).serialize(serializer),)+
                }
            }
        }

        impl<'de> Deserialize<'de> for Solvers {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(match named(deserializer)? {
                    $(Tagged::$member(solver) => Solvers::$member(solver),)+
                })
            }
        }

        $(impl From<$member> for Solvers {
            fn from(member: $member) -> Self {
                Solvers::$member(member)
            }
        })+

        impl Solvers {
            /// The names of the whole family.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Each member with its default numbers.
            pub fn all() -> Vec<Solvers> {
                vec![$(Solvers::$member($member::default())),+]
            }

            /// Its name in configurations.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Solvers::$member(_) => $name,)+
                }
            }

            /// At most so many training rows; all if absent.
            pub fn rows(&self) -> Option<usize> {
                match self {
                    $(Solvers::$member(solver) => solver.rows,)+
                }
            }

            /// The length of the gradient at which it ends.
            pub fn gradient(&self) -> f64 {
                match self {
                    $(Solvers::$member(solver) => solver.gradient,)+
                }
            }
        }
    };
}

family! {
    LimitedBfgs = "l-bfgs", ConjugateGradient = "conjugate-gradient", Truncated = "hessian-free", KroneckerFactored = "k-fac",
    SaddleFree = "saddle-free-newton", LeavesSaddles = "leave-saddles",
}

impl KroneckerFactored {
    fn kfac(&self, seed: u64) -> Kfac {
        let KroneckerFactored { damping, factor_share, model_share, invert_every, .. } = *self;
        Kfac { damping, factor_share, model_share, invert_every, seed, ..Kfac::default() }
    }
}

impl Solvers {
    /// Errors: a value out of range, `l-bfgs: rows should be at least 1, got 0`.
    pub fn check(&self) -> Result<(), String> {
        let named = |problem: String| format!("{}: {problem}", self.name());
        if self.rows() == Some(0) {
            return Err(named("rows should be at least 1, got 0".into()));
        }
        if !(self.gradient() >= 0.0 && self.gradient().is_finite()) {
            return Err(named(format!("gradient should be finite and at least 0, got {}", self.gradient())));
        }
        match *self {
            Solvers::Truncated(Truncated { damping, products, .. }) => {
                HessianFree { damping, products, ..HessianFree::default() }.check()
            }
            Solvers::KroneckerFactored(solver) => solver.kfac(0).check(),
            Solvers::LeavesSaddles(LeavesSaddles { products: 0, .. }) => {
                Err("products should be at least 1, got 0".into())
            }
            _ => Ok(()),
        }
        .map_err(named)
    }

    /// Whether it can train this recipe's network on this risk.
    ///
    /// Errors: noise, a constraint, a rule for a rate; too many parameters, or layers that are not dense, where that matters.
    pub(crate) fn check_for<S: Real + Plane>(&self, recipe: &Recipe, setup: &Setup<S>) -> Result<(), TrainError>
    where
        Dual<S>: Number,
    {
        let beside = |key: &str, why: &str| {
            Err(TrainError::recipe(key, format!("should be absent beside a solver ({}), {why}", self.name())))
        };
        if recipe.optimizer != Recipe::default().optimizer {
            return beside("optimizer", "which takes its place");
        }
        if recipe.reduce_on_plateau.is_some() {
            return beside("reduce_on_plateau", "which has no rate");
        }
        if recipe.mixup.is_some() {
            return beside("mixup", "since it would mix other rows at every call");
        }
        if recipe.jacobian.is_some() {
            return beside("jacobian", "which is no part of its risk");
        }
        if matches!(recipe.ensemble, Some(Ensemble::Snapshots { .. })) {
            return beside("ensemble", "which has no rate that could fall in cycles");
        }
        let Setup { network, penalties, .. } = setup;
        if let Some(statistic) = network.statistics().next() {
            let problem = format!("takes no layer that remembers its batches, got one with `{}`", statistic.name);
            return Err(TrainError::recipe("solver", format!("{} {problem}", self.name())));
        }
        let mut far = network.init::<S>(recipe.seed);
        far.iter_mut().for_each(|theta| *theta *= S::of(1e3));
        for (i, penalty) in penalties.iter().enumerate() {
            let mut projected = far.clone();
            penalty.project(network, &mut projected, 1.0);
            if projected != far {
                let Penalty::Parameters { regularizer, .. } = penalty else { continue };
                let why = format!("which has no place for {} after a step", regularizer.name());
                return beside(&format!("penalties[{i}]"), &why);
            }
        }
        if let Some(noisy) = noise(setup, recipe.seed) {
            let risk = "should have a risk that is the same twice: take an optimizer for noise";
            return Err(TrainError::recipe("solver", format!("{} {risk}, got {noisy}", self.name())));
        }
        let refused = |problem: String| TrainError::recipe("solver", format!("{}: {problem}", self.name()));
        match self {
            Solvers::SaddleFree(_) if network.n_params() > Exact::MOST => {
                let estimator = "l-bfgs, k-fac and hessian-free need no whole Hessian, and leave-saddles estimates its lowest eigenvalue";
                let (most, got) = (Exact::MOST, network.n_params());
                Err(refused(format!("parameters should be at most {most}, got {got}; {estimator}")))
            }
            Solvers::KroneckerFactored(_)
            | Solvers::Truncated(Truncated { preconditioner: Preconditioning::Kronecker, .. }) => {
                Kronecker::<S>::new(network).map(|_| ()).map_err(|error| refused(error.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Minimizes the risk of the setup from θ. `stepped` hears of every step, and may end it.
    ///
    /// Errors: numbers that are not finite.
    pub(crate) fn minimize<S: Real + Plane>(
        &self,
        setup: &Setup<S>,
        seed: u64,
        theta: &mut [S],
        stepped: &mut dyn FnMut(&[S], f64) -> bool,
    ) -> Result<Minimized, SolverError>
    where
        Dual<S>: Number,
    {
        let rows = self.rows().unwrap_or(usize::MAX).min(setup.train.len());
        let stop = Stop { gradient: self.gradient(), evaluations: usize::MAX };
        let of_products = if self.curved() { rows } else { 0 };
        let [mut room, mut second] = [rows, of_products].map(|n| Workspace::new(&setup.network, n));
        let start = Buf::copy_of(theta);
        let mut f = Watched { f: setup.risk(rows, &mut room, seed), stepped };
        let again = setup.risk(of_products, &mut second, seed);
        match *self {
            Solvers::LimitedBfgs(LimitedBfgs { memory, .. }) => Lbfgs { memory }.minimize(&mut f, theta, &stop),
            Solvers::ConjugateGradient(_) => NonlinearConjugateGradient.minimize(&mut f, theta, &stop),
            Solvers::SaddleFree(_) => SaddleFreeNewton.minimize(&mut f, &mut Hessian::new(again, &start), theta, &stop),
            Solvers::LeavesSaddles(LeavesSaddles { memory, products, .. }) => {
                let leave = LeaveSaddles { descent: Lbfgs { memory }, products, seed };
                leave.minimize(&mut f, &mut Hessian::new(again, &start), theta, &stop)
            }
            Solvers::Truncated(Truncated { damping, products, preconditioner, .. }) => {
                let solver = HessianFree { damping, products, ..HessianFree::default() };
                let mut matrix = GaussNewton::new(again, &start);
                match preconditioner {
                    Preconditioning::None => solver.minimize(&mut f, &mut matrix, theta, &stop),
                    Preconditioning::Kronecker => {
                        let mut by = Preconditioner::new(&setup.network, EVERY, seed)
                            .map_err(|error| SolverError::Curvature(error.to_string()))?;
                        solver.minimize(&mut f, &mut by.with(matrix), theta, &stop)
                    }
                }
            }
            Solvers::KroneckerFactored(solver) => solver.kfac(seed).minimize(&mut f.f, theta, &stop, f.stepped),
        }
    }

    /// Whether it takes a second risk, for products.
    fn curved(&self) -> bool {
        matches!(self, Solvers::SaddleFree(_) | Solvers::LeavesSaddles(_) | Solvers::Truncated(_))
    }
}

/// The first layer whose outputs change between two passes of a training, if any does.
fn noise<S: Real>(setup: &Setup<S>, seed: u64) -> Option<String> {
    let Setup { network, train, .. } = setup;
    let rows = train.len().min(8);
    let theta = network.init::<S>(seed);
    let [mut first, mut second] = [(); 2].map(|()| Workspace::new(network, rows));
    for (workspace, step) in [(&mut first, 1), (&mut second, 2)] {
        let key = Key::new(seed, Purpose::Mask).step(step);
        network.forward(&theta, train.x(0..rows), workspace, Pass::Train, key);
    }
    let noisy = |i: &usize| first.y(*i).data() != second.y(*i).data();
    let (i, nodes) = ((0..network.nodes().len()).find(noisy)?, network.nodes());
    Some(format!("{} in {}", nodes[i].layer.name(), nodes[i].group))
}

/// A risk that somebody watches.
struct Watched<'a, 'b, S: Real> {
    f: Supervised<'a, S>,
    stepped: &'b mut dyn FnMut(&[S], f64) -> bool,
}

impl<S: Real> Objective<S> for Watched<'_, '_, S> {
    fn len(&self) -> usize {
        self.f.len()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        self.f.eval(theta, grad)
    }
    fn stepped(&mut self, theta: &[S], value: f64) -> bool {
        (self.stepped)(theta, value)
    }
}
