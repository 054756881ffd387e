//! The gradient check as a library: one line a component in the tests of your own crate.
//!
//! ```
//! use layerwise_core::Activation;
//! use layerwise_tensor::Scalar;
//!
//! /// g(x) = x².
//! #[derive(Clone, Copy, Debug)]
//! struct Square;
//!
//! impl Activation for Square {
//!     const NAME: &'static str = "square";
//!     const RANGE: (f64, f64) = (0.0, f64::INFINITY);
//!     #[inline(always)]
//!     fn value<S: Scalar>(&self, x: S) -> S {
//!         x * x
//!     }
//!     #[inline(always)]
//!     fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
//!         x + x
//!     }
//! }
//!
//! layerwise_gradcheck::check_activation(&Square).assert();
//! ```
//!
//! # What is compared with what
//!
//! A component computes values y and claims a gradient for L = Σ u∘y. Three routes lead to the same derivative, and they have to
//! agree at every coordinate of θ ∥ x (up to 64, else along eight random directions):
//!
//! 1. *Hyper-dual numbers in double-double* through the component's own forward source: ∂L and ∂²L to 30 digits, without a step
//!    size, and without ever calling its backward pass (Fike and Alonso 2011).
//! 2. *Central differences in double-double*, right to about 20 digits: no dual number takes part, so that a wrong rule of ours
//!    cannot hide in both.
//! 3. The component's gradient, as its f64 and f32 kernels compute it, and its derivative in dual numbers: H v.
//!
//! # How much they may differ
//!
//! By what rounding can do, and not more. The backward source runs once more on numbers that carry a running error bound
//! ([`layerwise_tensor::Bounded`]; Higham 2002, section 3.3), which holds for every order of the sums in a matrix product. A
//! gradient of f64 has to lie within its bound, number by number, and within [`GATE`] = 256 ulp of the largest of its case;
//! a second derivative within its bound and within [`SECOND`] = 1e-12 of the largest. Where terms cancel so much that rounding
//! alone may lose that, the case is judged by the bound. f32 kernels have their own bounds. Nothing here is tuned.
//!
//! # Kinks
//!
//! Comparisons are recorded ([`layerwise_tensor::trace`]). A random case is drawn again if one is decided by rounding, or
//! differently within the reach of a central difference; that is counted. Points are also placed exactly on kinks, where a
//! derivative has to be the number of least magnitude between the one-sided ones: the smallest subgradient of a convex kink, the
//! smallest supergradient of a concave one, the derivative itself where only the second one jumps. A component declares its kinks;
//! one that is found and not declared fails, as does one that is declared and not there.
//!
//! # Everything else
//!
//! Each family has a battery of checks: outputs and scratch start as NaN and as 1234.5 and end in the same bits, gradients are added,
//! samples of a batch do not see each other, a width of 0 is refused with a clear error, sizes lie on both sides of the thresholds of
//! the kernels, any number of threads gives the same bits, far and non-finite inputs do no harm, …. [`Report::cells`] says of every
//! check how often it ran, or why it does not apply.
//!
//! Then the check is checked: [faults](Report::saboteurs) are planted into the component, one after the other (a factor of 1 + 1e-10, a
//! sign, a missing bias, a transposed index, a stale mask, the wrong side of a kink, …), and each that changes a number has to be
//! found.
//!
//! Links of an optimizer have no forward pass to differentiate. Their oracle is the formula of their paper, written down a second time
//! over the whole history of gradients ([`papers`]).
//!
//! # When it fails
//!
//! The failure is shrunk, sizes first and then the numbers, to 0, to 1, to integers, and printed with everything that a person needs to
//! follow it with a pocket calculator, and with a line that runs it again: [`Gradcheck::replay`].
#![forbid(unsafe_code)]

mod activity;
mod battery;
mod case;
mod derivative;
mod fault;
mod kinks;
mod layer;
mod link;
mod loss;
mod objective;
mod once;
mod oracle;
pub mod papers;
mod regularizer;
mod report;

use layerwise_core::{
    Activation, GenericActivity, GenericLayer, GenericLoss, GenericObjective, GenericRegularizer, Link, Pointwise,
};

pub use link::Formula;
pub use objective::{Problem, Product};
pub use report::{Cell, Failure, Fate, GATE, Report, SECOND, Saboteur};

/// How a check is run. `Gradcheck::default().cases(1000).layer(&MyLayer).assert()`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gradcheck {
    /// Seed of every random number.
    pub seed: u64,
    /// Cases a component: shapes with numbers.
    pub cases: usize,
    /// Whether faults are planted into the component too, each of which must be found.
    pub saboteurs: bool,
    /// Whether what the faults are found by is shrunk and replayed too, to see how small it gets.
    pub counterexamples: bool,
    /// What is run.
    pub scope: Scope,
    /// Input widths that a layer takes, if it is particular about them; none: 1 to 5.
    pub widths: Vec<usize>,
    /// One case, as a failure printed it, instead of all.
    pub replay: Option<String>,
    /// Name in reports, instead of the component's own.
    pub name: Option<String>,
}

/// What is run of a battery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that does not concern the whole process.
    Whole,
    /// Only the check that switches the instruction set of the whole process, which nothing else may run beside.
    InstructionSets,
}

impl Default for Gradcheck {
    fn default() -> Self {
        Gradcheck {
            seed: 1,
            cases: 128,
            saboteurs: true,
            counterexamples: false,
            scope: Scope::Whole,
            widths: Vec::new(),
            replay: None,
            name: None,
        }
    }
}

impl Gradcheck {
    /// With another seed.
    pub fn seed(self, seed: u64) -> Self {
        Gradcheck { seed, ..self }
    }

    /// With another number of cases.
    pub fn cases(self, cases: usize) -> Self {
        Gradcheck { cases, ..self }
    }

    /// Without planted faults: where the check itself is not in question, and time matters.
    pub fn without_saboteurs(self) -> Self {
        Gradcheck { saboteurs: false, ..self }
    }

    /// One case again: what a failure printed after `replay`.
    pub fn replay(self, case: impl Into<String>) -> Self {
        Gradcheck { replay: Some(case.into()), ..self }
    }

    /// For a layer that takes only these input widths.
    pub fn widths(self, widths: impl Into<Vec<usize>>) -> Self {
        Gradcheck { widths: widths.into(), ..self }
    }

    /// Under another name in reports.
    pub fn name(self, name: impl Into<String>) -> Self {
        Gradcheck { name: Some(name.into()), ..self }
    }

    fn named(&self, own: &str) -> String {
        self.name.clone().unwrap_or_else(|| own.to_owned())
    }

    /// Checks an activation.
    pub fn activation<A: Activation>(&self, activation: &A) -> Report {
        self.layer(&Pointwise(activation.clone()))
    }

    /// Checks a layer; an activation is one.
    ///
    /// Panics: if the layer says of itself that its gradient is no derivative ([`layerwise_core::Layer::approximates`]).
    pub fn layer(&self, layer: &dyn GenericLayer) -> Report {
        if let Some(setting) = layer.approximates() {
            panic!(
                "{}: `{setting}` makes its gradient another thing than the derivative: check it without",
                layer.name()
            );
        }
        let (name, widths) = (self.named(layer.name()), self.widths.clone());
        let subject = layer::Subject { layer, name, widths, levels: self.scope == Scope::InstructionSets, fault: None };
        battery::run(&subject, self)
    }

    /// Checks a loss.
    pub fn loss(&self, loss: &dyn GenericLoss) -> Report {
        let name = self.named(loss.name());
        battery::run(&loss::Subject { loss, name, levels: self.scope == Scope::InstructionSets, fault: None }, self)
    }

    /// Checks a regularizer.
    pub fn regularizer(&self, regularizer: &dyn GenericRegularizer) -> Report {
        let name = self.named(regularizer.name());
        battery::run(
            &regularizer::Subject { regularizer, name, levels: self.scope == Scope::InstructionSets, fault: None },
            self,
        )
    }

    /// Checks a penalty on activations.
    pub fn activity(&self, activity: &dyn GenericActivity) -> Report {
        let (mut objective, start) = (activity::OnActivations(activity), [0.0; activity::LEN]);
        let problem = Problem::new(&mut objective, &start);
        let problem = if activity.has_kinks() { problem.with_kinks() } else { problem };
        self.objective(activity.name(), problem)
    }

    /// Checks a link of an optimizer against the formula of its paper.
    pub fn link(&self, name: &str, link: &dyn Link, formula: Formula<'_>) -> Report {
        battery::run(
            &link::Subject {
                link,
                formula,
                name: self.named(name),
                levels: self.scope == Scope::InstructionSets,
                fault: None,
            },
            self,
        )
    }

    /// Checks an objective.
    pub fn objective(&self, name: &str, problem: Problem<'_>) -> Report {
        battery::run(&problem.named(self.named(name)), self)
    }
}

/// Checks an activation with the default settings.
pub fn check_activation<A: Activation>(activation: &A) -> Report {
    Gradcheck::default().activation(activation)
}

/// Checks a layer with the default settings.
pub fn check_layer(layer: &dyn GenericLayer) -> Report {
    Gradcheck::default().layer(layer)
}

/// Checks a loss with the default settings.
pub fn check_loss(loss: &dyn GenericLoss) -> Report {
    Gradcheck::default().loss(loss)
}

/// Checks a regularizer with the default settings.
pub fn check_regularizer(regularizer: &dyn GenericRegularizer) -> Report {
    Gradcheck::default().regularizer(regularizer)
}

/// Checks an objective near θ with the default settings.
pub fn check_objective(name: &str, objective: &mut dyn GenericObjective, theta: &[f64]) -> Report {
    Gradcheck::default().objective(name, Problem::new(objective, theta))
}
