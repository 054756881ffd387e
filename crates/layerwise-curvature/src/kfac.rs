//! K-FAC: θ ← θ + α Δ + μ δ₀ with Δ = −F̆⁻¹ ∇f, F̆ the damped Kronecker approximation of the Fisher matrix and δ₀ the last step; α and
//! μ minimize the exact quadratic model f + ∇fᵀδ + δᵀ(B + λ I)δ/2 of the Gauss–Newton matrix B.
//!
//! Source: Martens and Grosse (2015), "Optimizing neural networks with Kronecker-factored approximate curvature", algorithm 2: factors
//! averaged with ε = min(1 − 1/k, 0.95) (section 5), λ by the rule of Levenberg and Marquardt (6.5), damping of the factors γ = √λ (6.6),
//! rescaling (6.4) and momentum (7). Deliberately absent: the search for another γ, and the block-tridiagonal form.

use layerwise_core::{End, Minimized, Number, Objective, Real, SolverError, Stop};
use layerwise_network::{Network, Supervised};
use layerwise_tensor::dual::Plane;
use layerwise_tensor::orthogonal::{add_combination, dot};
use layerwise_tensor::{Buf, Dual, Key, Purpose};

use crate::gauss_newton::GaussNewton;
use crate::kronecker::{Deltas, Kronecker};
use crate::krylov::norm;
use crate::leave_saddles::refused;
use crate::spectral::CurvatureError;

/// λ changes by this factor at a look: the paper's (19/20)⁵ of a look every five steps.
const GENTLE: f64 = 0.7737809375;
/// Inverses are new in each of the first steps.
pub(crate) const FIRST: u64 = 3;
/// How much λ grows after a step that led up, and how often in a row it may.
const SHOCK: f64 = 4.0;
const MOST_REFUSALS: usize = 30;

/// Natural gradient descent with Kronecker factors, for networks of dense layers, on all rows or on batches of some thousands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kfac {
    /// λ at the start, above 0. Units: of the curvature.
    pub damping: f64,
    /// The largest share of the old factors in their average, below 1.
    pub keep: f64,
    /// Share of the batch that the factors are taken from, in (0, 1].
    pub factor_share: f64,
    /// Share of the batch that the quadratic model is taken from, in (0, 1].
    pub model_share: f64,
    /// Steps between two inverses.
    pub invert_every: u64,
    /// Steps between two looks at f after the step, by which λ is changed; a step that is seen to lead up is taken back.
    pub adapt_every: u64,
    /// All columns of the loss's curvature instead of samples: as many backward passes as there are outputs.
    pub all_deltas: bool,
    /// Seed of the sampled deltas.
    pub seed: u64,
}

/// λ = 1; shares, averages and intervals of the paper.
impl Default for Kfac {
    fn default() -> Self {
        let (factor_share, model_share) = (0.125, 0.25);
        Kfac {
            damping: 1.0,
            keep: 0.95,
            factor_share,
            model_share,
            invert_every: 20,
            adapt_every: 5,
            all_deltas: false,
            seed: 0,
        }
    }
}

/// The numbers of a K-FAC descent: factors, last step, λ.
#[derive(Clone, Debug)]
pub struct KfacState<T: Real> {
    of: Kfac,
    factors: Kronecker<T>,
    damping: f64,
    steps: u64,
    /// δ₀; 0 if there is none.
    last: Buf<T>,
    grad: Buf<T>,
    proposal: Buf<T>,
    /// B Δ and B δ₀; then ∇f after the step, and θ before it.
    products: [Buf<T>; 2],
    /// Inverses are needed before they are due.
    stale: bool,
}

/// What a step of [`KfacState`] saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KfacStep {
    /// f on the batch before the step.
    pub value: f64,
    /// ‖∇f‖ there.
    pub gradient: f64,
    /// f on the batch after it, if it was looked at.
    pub after: Option<f64>,
    /// Whether θ has changed: the step was not seen to lead up.
    pub taken: bool,
}

impl Kfac {
    /// Rows for factors and for the model, at least, if there are so many: from fewer they are noise.
    pub const FEWEST: usize = 100;

    /// Errors: a value out of range.
    pub fn check(&self) -> Result<(), String> {
        let should = |holds: bool, name: &str, what: &str, got: &dyn std::fmt::Display| {
            if holds { Ok(()) } else { Err(format!("{name} should be {what}, got {got}")) }
        };
        let share = |name: &str, x: f64| should(x > 0.0 && x <= 1.0, name, "above 0 and at most 1", &x);
        should(self.damping > 0.0 && self.damping.is_finite(), "damping", "finite and above 0", &self.damping)?;
        should((0.0..1.0).contains(&self.keep), "keep", "in [0, 1)", &self.keep)?;
        share("factor_share", self.factor_share)?;
        share("model_share", self.model_share)?;
        should(self.invert_every >= 1, "invert_every", "at least 1", &self.invert_every)?;
        should(self.adapt_every >= 1, "adapt_every", "at least 1", &self.adapt_every)
    }

    /// The start of a descent on this network.
    ///
    /// Errors: a layer with parameters that is not dense. Panics: if [`Kfac::check`] fails.
    pub fn start<T: Real + Plane>(&self, network: &Network) -> Result<KfacState<T>, CurvatureError>
    where
        Dual<T>: Number,
    {
        if let Err(problem) = self.check() {
            panic!("k-fac: {problem}");
        }
        let zeros = || Buf::zeros(network.n_theta());
        Ok(KfacState {
            of: *self,
            factors: Kronecker::new(network)?,
            damping: self.damping,
            steps: 0,
            last: zeros(),
            grad: zeros(),
            proposal: zeros(),
            products: [zeros(), zeros()],
            stale: true,
        })
    }

    /// Minimizes a risk from θ; f is looked at after every step. `stepped` hears of each, as [`Objective::stepped`] does.
    ///
    /// `stop.evaluations` counts evaluations of f with its gradient; shares of the batch in factors and model are not counted. The
    /// last step may go one beyond.
    /// Errors: the risk is not the same twice; a layer that is not dense; numbers that are not finite.
    pub fn minimize<T: Real + Plane>(
        &self,
        risk: &mut Supervised<'_, T>,
        theta: &mut [T],
        stop: &Stop,
        stepped: &mut dyn FnMut(&[T], f64) -> bool,
    ) -> Result<Minimized, SolverError>
    where
        Dual<T>: Number,
    {
        let mut state = Kfac { adapt_every: 1, ..*self }.start(risk.network).map_err(refused)?;
        let [mut grad, mut before] = [(); 2].map(|()| Buf::zeros(theta.len()));
        let mut done = Minimized::begin(risk, theta, &mut grad, &mut before)?;
        if done.end == End::NotFinite {
            return Ok(done);
        }
        let mut refusals = 0;
        done.end = loop {
            before.copy_from_slice(theta);
            let step = state.step(risk, theta).map_err(refused)?;
            done.evaluations += 2;
            (done.value, done.gradient) = (step.value, step.gradient);
            if step.gradient <= stop.gradient {
                theta.copy_from_slice(&before);
                break End::Gradient;
            }
            refusals = if step.taken { 0 } else { refusals + 1 };
            let mut end = (refusals > MOST_REFUSALS).then_some(End::NoProgress);
            if let (true, Some(after)) = (step.taken, step.after) {
                (done.value, done.steps) = (after, done.steps + 1);
                done.gradient = norm(state.after());
                end = (!stepped(theta, after)).then_some(End::Asked);
            }
            if let Some(end) = end {
                break end;
            }
            if done.evaluations >= stop.evaluations {
                break End::Evaluations;
            }
        };
        Ok(done)
    }
}

impl<T: Real + Plane> KfacState<T>
where
    Dual<T>: Number,
{
    /// λ now.
    pub fn damping(&self) -> f64 {
        self.damping
    }

    /// The factors.
    pub fn factors(&self) -> &Kronecker<T> {
        &self.factors
    }

    /// ∇f after the last step, if it was looked at.
    fn after(&self) -> &[T] {
        &self.products[0]
    }

    /// One step on this batch.
    ///
    /// Cost: a gradient on the batch; on a share of it a gradient with the products of the factors, and on another two products with
    /// the Gauss–Newton matrix; sometimes a gradient on the batch again, and inverses.
    /// Errors: numbers that are not finite; θ is then as before. Panics: if the batch or θ does not fit.
    pub fn step(&mut self, risk: &mut Supervised<'_, T>, theta: &mut [T]) -> Result<KfacStep, CurvatureError> {
        let value = risk.eval(theta, &mut self.grad).value();
        let gradient = norm(&self.grad);
        if !(value.is_finite() && gradient.is_finite()) {
            return Err(CurvatureError::new("k-fac: the risk", "finite with its gradient", value));
        }
        self.steps += 1;
        self.observe(risk, theta);
        if self.stale || self.steps <= FIRST || self.steps.is_multiple_of(self.of.invert_every) {
            self.factors.invert(self.damping.sqrt())?;
            self.stale = false;
        }
        self.factors.solve(&self.grad, &mut self.proposal);
        let model = self.rescale(risk, theta);
        let [grad_after, before] = &mut self.products;
        before.copy_from_slice(theta);
        add_combination(theta, &[&self.proposal[..]], &[1.0]);
        if !self.steps.is_multiple_of(self.of.adapt_every) {
            self.last.copy_from_slice(&self.proposal);
            return Ok(KfacStep { value, gradient, after: None, taken: true });
        }
        let after = risk.eval(theta, grad_after).value();
        let ratio = (after - value) / model;
        // Not for NaN.
        let taken = after <= value;
        self.damping *= match ratio {
            _ if !taken => SHOCK,
            ratio if ratio > 0.75 => GENTLE,
            ratio if ratio >= 0.25 => 1.0,
            _ => 1.0 / GENTLE,
        };
        if taken {
            self.last.copy_from_slice(&self.proposal);
        } else {
            theta.copy_from_slice(before);
            self.last.fill(T::ZERO);
            self.stale = true;
        }
        Ok(KfacStep { value, gradient, after: Some(after), taken })
    }

    /// Averages the factors of a share of the batch, another one each time.
    fn observe(&mut self, risk: &mut Supervised<'_, T>, theta: &[T]) {
        let batch = risk.batch;
        let n = batch.x.cols();
        let rows = share(n, self.of.factor_share);
        let start = (self.steps as usize - 1) * rows % (n - rows + 1);
        let key = Key::new(self.of.seed, Purpose::Direction).step(self.steps);
        let deltas = if self.of.all_deltas { Deltas::All } else { Deltas::Sampled { key } };
        let keep = (1.0 - 1.0 / self.steps as f64).min(self.of.keep);
        self.factors.observe(&mut risk.on(batch.part(start..start + rows)), theta, deltas, keep);
    }

    /// The proposal ← α Δ + μ δ₀ with the best α and μ. Returns what the model says of it, below 0.
    fn rescale(&mut self, risk: &mut Supervised<'_, T>, theta: &[T]) -> f64 {
        let KfacState { last, grad, proposal, products: [of_proposal, of_last], damping, .. } = self;
        let batch = risk.batch;
        let n = batch.x.cols();
        // The rows at the other end than the first factors.
        let rows = share(n, self.of.model_share);
        let mut matrix = GaussNewton::new(risk.on(batch.part(n - rows..n)), theta);
        matrix.product(proposal, of_proposal);
        let square = dot(proposal, of_proposal) + *damping * dot(proposal, proposal);
        // ∇fᵀ of Δ is negative: the proposal is F̆⁻¹ ∇f, without the sign.
        let slope = dot(grad, proposal);
        let size = dot(last, last);
        let (mut alpha, mut mu) = (-slope / square, 0.0);
        let slope_last = dot(grad, last);
        if size > 0.0 {
            matrix.product(last, of_last);
            let square_last = dot(last, of_last) + *damping * size;
            let mixed = dot(proposal, of_last) + *damping * dot(proposal, last);
            let determinant = square * square_last - mixed * mixed;
            if determinant > 1e-6 * square * square_last {
                alpha = -(square_last * slope - mixed * slope_last) / determinant;
                mu = -(square * slope_last - mixed * slope) / determinant;
            }
        }
        for (p, l) in proposal.iter_mut().zip(&last[..]) {
            *p = T::of(alpha) * *p + T::of(mu) * *l;
        }
        0.5 * (alpha * slope + mu * slope_last)
    }
}

/// So many of n rows, at least [`Kfac::FEWEST`] or all.
fn share(n: usize, share: f64) -> usize {
    ((n as f64 * share).ceil() as usize).max(Kfac::FEWEST).min(n)
}
