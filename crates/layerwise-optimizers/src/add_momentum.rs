//! u ← μ u + g; the update is u (heavy ball, Polyak 1964), or g + μ u (Nesterov).
//!
//! Source: Sutskever, Martens, Dahl & Hinton (2013), "On the importance of initialization and momentum in deep learning", in the
//! form of PyTorch's `SGD` (dampening 0). The paper has v ← μ v − α g with the rate α inside the velocity: the same path while α
//! is constant (v = −α u), but when α falls PyTorch's form slows the stored velocity with it at once. Nesterov's gradient is
//! taken at the point ahead, θ + μ v; PyTorch's parameters *are* that point, so its path is the paper's with θ + μ v for θ.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::check_share;

/// A decaying sum of past gradients.
///
/// Units: the sum, not the average: a constant gradient g ends as g / (1 − momentum).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddMomentum {
    /// μ, in [0, 1).
    pub momentum: f64,
    /// Whether the update looks one step ahead.
    pub nesterov: bool,
}

impl AddMomentum {
    /// Errors: a momentum outside [0, 1).
    pub fn check(&self) -> Result<(), String> {
        check_share("momentum", self.momentum)
    }
}

impl<S: Scalar> Transform<S> for AddMomentum {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [sum] = state.get();
        let momentum = S::of(self.momentum);
        if self.nesterov {
            elementwise::each2(update, sum, |g, u| {
                *u = momentum * *u + *g;
                *g += momentum * *u;
            });
        } else {
            elementwise::each2(update, sum, |g, u| {
                *u = momentum * *u + *g;
                *g = *u;
            });
        }
    }
}

impl Link for AddMomentum {
    fn planes(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, ScaleByRate, testing};

    /// Σ μ^(t−s) g_s.
    fn sum(momentum: f64, grads: &[f64]) -> f64 {
        grads.iter().rev().enumerate().map(|(age, g)| momentum.powi(age as i32) * g).sum()
    }

    #[test]
    fn heavy_ball_is_the_decaying_sum() {
        testing::check(AddMomentum { momentum: 0.9, nesterov: false }, |grads| sum(0.9, grads));
    }

    #[test]
    fn nesterov_looks_one_step_ahead() {
        let want = |grads: &[f64]| grads[grads.len() - 1] + 0.7 * sum(0.7, grads);
        testing::check(AddMomentum { momentum: 0.7, nesterov: true }, want);
    }

    #[test]
    fn nesterov_is_the_papers_path_seen_from_the_point_ahead() {
        // Equations 3 and 4 of the paper on f(θ) = 1.5 θ² + cos θ.
        let slope = |theta: f64| 3.0 * theta - theta.sin();
        let (mu, rate) = (0.8, 0.1);
        let optimizer = Optimizer::default()
            .then(AddMomentum { momentum: mu, nesterov: true })
            .then(ScaleByRate { schedule: rate });
        let mut state = optimizer.state(1);
        let mut ahead = [2.0];
        let (mut theta, mut v) = (2.0, 0.0);
        for _ in 0..10 {
            let mut grad = [slope(ahead[0])];
            optimizer.step(&mut ahead, &mut grad, &[1.0], 1.0, &mut state);
            v = mu * v - rate * slope(theta + mu * v);
            theta += v;
            assert!((ahead[0] - (theta + mu * v)).abs() < 1e-14);
        }
    }

    #[test]
    fn a_momentum_of_one_is_refused() {
        let link = AddMomentum { momentum: 1.2, nesterov: false };
        assert_eq!(link.check(), Err("momentum should be in [0, 1), got 1.2".into()));
        assert!(AddMomentum { momentum: f64::NAN, ..link }.check().is_err());
        assert!(AddMomentum { momentum: 0.0, ..link }.check().is_ok());
    }
}
