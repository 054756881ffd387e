//! Contrastive divergence: the gradient of −ln p(v), whose model term is estimated at the end of a short Gibbs chain.
//!
//! −∂ ln p(v)/∂θ = ∂F(v)/∂θ − E[∂F/∂θ]. CD-k replaces the expectation by ∂F(v⁽ᵏ⁾)/∂θ after k steps v → h → v from the data: Hinton
//! (2002), "Training products of experts by minimizing contrastive divergence". Persistent CD continues the chains of the step
//! before instead: Tieleman (2008), "Training restricted Boltzmann machines using approximations to the likelihood gradient".
//! Hidden units enter ∂F by their probabilities, which is the expectation given v.

use layerwise_tensor::{Buf, Key, Mat, MatMut, Scalar, elementwise};
use layerwise_train::TrainError;
use serde::{Deserialize, Serialize};

use crate::layout::Units;
use crate::rbm::Rbm;

/// Contrastive divergence with k steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastiveDivergence {
    /// k: Gibbs steps a gradient.
    pub steps: usize,
    /// Whether chains go on from one gradient to the next, instead of starting at the data.
    pub persistent: bool,
}

impl Default for ContrastiveDivergence {
    fn default() -> Self {
        ContrastiveDivergence { steps: 1, persistent: false }
    }
}

/// The states of the chains, with room for their steps: one chain a sample of a batch.
#[derive(Clone, Debug)]
pub struct Chains<S: Scalar> {
    visible: Buf<S>,
    hidden: Buf<S>,
    /// Inputs of the hidden units of the data.
    data: Buf<S>,
    /// The reconstruction of the data.
    mean: Buf<S>,
    /// Chains that were begun.
    begun: usize,
}

impl<S: Scalar> Chains<S> {
    /// Room for `n` chains of this machine; they begin at the first rows that they see.
    pub fn new(rbm: &Rbm, n: usize) -> Chains<S> {
        Chains {
            visible: Buf::zeros(rbm.n_visible * n),
            hidden: Buf::zeros(rbm.n_hidden * n),
            data: Buf::zeros(rbm.n_hidden * n),
            mean: Buf::zeros(rbm.n_visible * n),
            begun: 0,
        }
    }

    /// The visible states of the chains that were begun.
    pub fn visible(&self, rbm: &Rbm) -> Mat<'_, S> {
        Mat::new(&self.visible[..rbm.n_visible * self.begun], rbm.n_visible, self.begun)
    }
}

impl ContrastiveDivergence {
    /// Refuses less than one step.
    ///
    /// Errors: the key and what it should be.
    pub fn check(&self) -> Result<(), TrainError> {
        if self.steps == 0 {
            return Err(TrainError::recipe("steps", "should be at least 1, got 0"));
        }
        Ok(())
    }

    /// grad ← the estimate of the mean of −∂ ln p(v)/∂θ over the columns of `rows`. Returns the squared error of the
    /// reconstruction σ(b + Wᵀ σ(c + Wv)), summed over the visible units, the mean over rows.
    ///
    /// A chain that was begun with more rows than these goes on all the same, if it is persistent. The random numbers are those of
    /// `key`, whose `layer` counts half steps. Panics: if there are more rows than room for chains, or the shapes do not fit.
    pub fn gradient<S: Scalar>(
        &self,
        rbm: &Rbm,
        theta: &[S],
        rows: Mat<'_, S>,
        chains: &mut Chains<S>,
        key: Key,
        grad: &mut [S],
    ) -> f64 {
        let (v, h, n) = (rbm.n_visible, rbm.n_hidden, rows.cols());
        let Chains { visible, hidden, data, mean, begun } = chains;
        let (data, mean) = (&mut data[..h * n], &mut mean[..v * n]);
        rbm.hidden_inputs(theta, rows, MatMut::new(data, h, n));
        hidden[..h * n].copy_from_slice(data);
        elementwise::each(&mut hidden[..h * n], |a| *a = a.sigmoid());
        rbm.visible_inputs(theta, Mat::new(&hidden[..h * n], h, n), MatMut::new(mean, v, n));
        if rbm.visible == Units::Bernoulli {
            elementwise::each(mean, |a| *a = a.sigmoid());
        }
        let square = |(a, b): (&S, &S)| (a.value() - b.value()).powi(2);
        let missed = mean.iter().zip(rows.data()).map(square).sum::<f64>() / n as f64;
        if !self.persistent || *begun == 0 {
            visible[..v * n].copy_from_slice(rows.data());
            *begun = n;
        }
        let m = *begun;
        let (visible, hidden) = (&mut visible[..v * m], &mut hidden[..h * m]);
        for step in 0..self.steps as u64 {
            rbm.hidden_inputs(theta, Mat::new(visible, v, m), MatMut::new(hidden, h, m));
            Rbm::draw_hidden(hidden, &mut key.layer(2 * step).rng());
            rbm.visible_inputs(theta, Mat::new(hidden, h, m), MatMut::new(visible, v, m));
            rbm.draw_visible(visible, &mut key.layer(2 * step + 1).rng());
        }
        grad.fill(S::ZERO);
        rbm.add_gradient(theta, rows, MatMut::new(data, h, n), 1.0 / n as f64, grad);
        let visible = Mat::new(&*visible, v, m);
        rbm.hidden_inputs(theta, visible, MatMut::new(hidden, h, m));
        rbm.add_gradient(theta, visible, MatMut::new(hidden, h, m), -1.0 / m as f64, grad);
        missed
    }
}
