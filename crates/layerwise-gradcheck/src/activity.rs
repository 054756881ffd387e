//! Penalties on activations, as an objective over what a batch of them comes from: y = θ + θ³/3, so that a gradient of constant
//! size is not constant in θ; or between the bounds of the domain y = low + (high − low) σ(θ).

use layerwise_core::{GenericActivity, GenericNumber, Objective};
use layerwise_tensor::Mat;

/// λΩ(y(θ)) of 4 units on 3 samples.
#[derive(Debug)]
pub(crate) struct OnActivations<'a>(pub &'a dyn GenericActivity);

pub(crate) const UNITS: usize = 4;
pub(crate) const LEN: usize = 12;

impl<S: GenericNumber> Objective<S> for OnActivations<'_> {
    fn len(&self) -> usize {
        LEN
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        let (low, high) = self.0.domain();
        let bounded = low.is_finite() && high.is_finite();
        let (low, width) = if bounded { (S::of(low), S::of(high - low)) } else { (S::ZERO, S::ONE) };
        // y and ∂y/∂θ; σ′ = σ(θ) σ(−θ), without cancellation.
        let from = |p: S| match bounded {
            true => (low + width * p.sigmoid(), width * p.sigmoid() * (-p).sigmoid()),
            false => (p + p * p * p / S::of(3.0), S::ONE + p * p),
        };
        let y: Vec<S> = theta.iter().map(|&p| from(p).0).collect();
        grad.fill(S::ZERO);
        let value = S::generic_activity(self.0).add(Mat::new(&y, UNITS, y.len() / UNITS), grad);
        grad.iter_mut().zip(theta).for_each(|(g, &p)| *g *= from(p).1);
        value
    }
}
