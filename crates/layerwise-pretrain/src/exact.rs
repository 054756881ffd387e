//! ln Z and the likelihood of a small machine, by enumeration.
//!
//! Over hidden states: Z = Σₕ e^(cᵀh) Πᵢ (1 + e^(bᵢ + (Wᵀh)ᵢ)), or with Gaussian units
//! Z = (2π)^(n/2) Σₕ e^(cᵀh + bᵀWᵀh + ½‖Wᵀh‖²). Over visible states: Z = Σᵥ e^(−F(v)). Whichever has fewer terms is taken. Then
//! −ln p(v) = F(v) + ln Z, with ∂ ln Z/∂θ = −E[∂F/∂θ]. Source: as in Salakhutdinov and Murray (2008), section 2.

use layerwise_core::Objective;
use layerwise_tensor::{Mat, MatMut, Scalar};
use layerwise_train::TrainError;

use crate::layout::Units;
use crate::rbm::{B, C, Rbm, W};

/// The most units that are enumerated: 2¹⁶ states.
pub const MOST_UNITS: usize = 16;

impl Rbm {
    /// ln Z, exactly: by enumeration of the hidden states, or of the visible ones if they are fewer (and Bernoulli).
    ///
    /// Cost: 2ᵐ free energies of the other side, m the smaller number of units. Errors: more than [`MOST_UNITS`] units on the
    /// smaller side.
    pub fn log_z<S: Scalar>(&self, theta: &[S]) -> Result<S, TrainError> {
        Ok(self.sum_states(theta)?.0)
    }

    /// ln Z, and ∂ ln Z/∂θ added to `grad`.
    ///
    /// Cost, errors: as for [`Rbm::log_z`].
    pub fn add_log_z<S: Scalar>(&self, theta: &[S], grad: &mut [S]) -> Result<S, TrainError> {
        let (log_z, side, exponents) = self.sum_states(theta)?;
        for (state, exponent) in exponents.into_iter().enumerate() {
            let p = (exponent - log_z).exp();
            match side {
                Side::Visible => self.add_at_visible(theta, &bits(state, self.n_visible), p, grad),
                Side::Hidden => self.add_at_hidden(theta, &bits(state, self.n_hidden), p, grad),
            }
        }
        Ok(log_z)
    }

    /// ln Z and the exponents of the terms that sum to Z.
    fn sum_states<S: Scalar>(&self, theta: &[S]) -> Result<(S, Side, Vec<S>), TrainError> {
        let visible = self.visible == Units::Bernoulli && self.n_visible < self.n_hidden;
        let (side, units) = if visible { (Side::Visible, self.n_visible) } else { (Side::Hidden, self.n_hidden) };
        if units > MOST_UNITS {
            let problem = format!("units to enumerate should be at most {MOST_UNITS}, got {units}");
            return Err(TrainError::recipe("log_z", problem));
        }
        let exponent = |state: usize| match side {
            Side::Visible => {
                let (v, mut inputs) = (bits(state, units), vec![S::ZERO; self.n_hidden]);
                let mut each = [S::ZERO];
                self.free_energies(theta, Mat::new(&v, units, 1), &mut inputs, &mut each);
                -each[0]
            }
            Side::Hidden => {
                let h = bits(state, units);
                let field = self.field(theta, &h);
                let blocks = self.blocks();
                let (b, c) = (&theta[blocks[B].range()], &theta[blocks[C].range()]);
                let bias = c.iter().zip(&h).fold(S::ZERO, |sum, (&c, &h)| sum + c * h);
                field.iter().zip(b).fold(bias, |sum, (&f, &b)| match self.visible {
                    Units::Bernoulli => sum + f.softplus(),
                    // b + Wᵀh is the mean: bᵀWᵀh + ½‖Wᵀh‖² = ½(f² − b²).
                    Units::Gaussian => sum + S::of(0.5) * (f - b) * (f + b),
                })
            }
        };
        // The constant of the Gaussian integral stands in every term.
        let constant = S::of(match self.visible {
            Units::Bernoulli => 0.0,
            Units::Gaussian => self.n_visible as f64 / 2.0 * std::f64::consts::TAU.ln(),
        });
        let exponents: Vec<S> = (0..1usize << units).map(|state| exponent(state) + constant).collect();
        Ok((log_sum_exp(&exponents), side, exponents))
    }

    /// b + Wᵀh of one hidden state.
    fn field<S: Scalar>(&self, theta: &[S], h: &[S]) -> Vec<S> {
        let mut field = vec![S::ZERO; self.n_visible];
        self.visible_inputs(theta, Mat::new(h, self.n_hidden, 1), MatMut::new(&mut field, self.n_visible, 1));
        field
    }

    /// grad −= p ∂F(v)/∂θ.
    fn add_at_visible<S: Scalar>(&self, theta: &[S], v: &[S], p: S, grad: &mut [S]) {
        let blocks = self.blocks();
        let mut inputs = vec![S::ZERO; self.n_hidden];
        self.hidden_inputs(theta, Mat::new(v, self.n_visible, 1), MatMut::new(&mut inputs, self.n_hidden, 1));
        let h: Vec<S> = inputs.into_iter().map(|a| p * a.sigmoid()).collect();
        self.add_outer(&blocks, &h, |i| v[i], grad);
        blocks[B].range().zip(v).for_each(|(at, &v)| grad[at] += p * v);
    }

    /// The same for one hidden state: visible units at their means.
    fn add_at_hidden<S: Scalar>(&self, theta: &[S], h: &[S], p: S, grad: &mut [S]) {
        let blocks = self.blocks();
        let field = self.field(theta, h);
        let mean = |i: usize| match self.visible {
            Units::Bernoulli => field[i].sigmoid(),
            Units::Gaussian => field[i],
        };
        let weighted: Vec<S> = h.iter().map(|&h| p * h).collect();
        self.add_outer(&blocks, &weighted, mean, grad);
        for (i, at) in blocks[B].range().enumerate() {
            let still = if self.visible == Units::Gaussian { theta[at] } else { S::ZERO };
            grad[at] += p * (mean(i) - still);
        }
    }

    /// grad of W += h vᵀ, grad of c += h.
    fn add_outer<S: Scalar>(&self, blocks: &[layerwise_core::Block], h: &[S], v: impl Fn(usize) -> S, grad: &mut [S]) {
        for (i, column) in grad[blocks[W].range()].chunks_exact_mut(self.n_hidden).enumerate() {
            column.iter_mut().zip(h).for_each(|(grad, &h)| *grad += h * v(i));
        }
        grad[blocks[C].range()].iter_mut().zip(h).for_each(|(grad, &h)| *grad += h);
    }
}

/// Which units are enumerated.
#[derive(Clone, Copy)]
enum Side {
    Visible,
    Hidden,
}

/// The bits of a number, the lowest first.
pub(crate) fn bits<S: Scalar>(state: usize, n: usize) -> Vec<S> {
    (0..n).map(|i| S::of((state >> i & 1) as f64)).collect()
}

/// ln Σ eˣ, without overflow.
pub(crate) fn log_sum_exp<S: Scalar>(x: &[S]) -> S {
    // A constant: the largest value cancels from the result and from its derivative.
    let most = S::of(x.iter().map(|x| x.value()).fold(f64::NEG_INFINITY, f64::max));
    x.iter().fold(S::ZERO, |sum, &x| sum + (x - most).exp()).ln() + most
}

/// The mean of −ln p(v) over rows, exactly, as an objective.
///
/// Cost: 2ᵐ states a call, m the smaller number of units. Panics: with more than [`MOST_UNITS`] on both sides.
#[derive(Clone, Copy, Debug)]
pub struct NegativeLogLikelihood<'a> {
    /// The machine.
    pub rbm: Rbm,
    /// Visible states, n_visible × n.
    pub rows: Mat<'a, f64>,
}

impl<S: Scalar> Objective<S> for NegativeLogLikelihood<'_> {
    fn len(&self) -> usize {
        self.rbm.n_theta()
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let energy = crate::FreeEnergy { rbm: self.rbm, rows: self.rows }.eval(theta, grad);
        match self.rbm.add_log_z(theta, grad) {
            Ok(log_z) => energy + log_z,
            Err(problem) => panic!("{problem}"),
        }
    }
}
