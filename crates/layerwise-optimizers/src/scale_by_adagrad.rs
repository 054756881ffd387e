//! s ← s + g²; the update is g / (√s + ε).
//!
//! Source: Duchi, Hazan & Singer (2011), "Adaptive subgradient methods", figure 1 with diagonal matrices (δ is ε), without the
//! projection; PyTorch's `Adagrad` (ε = 1e-10, s from 0, lr_decay 0).

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::check_epsilon;

/// The gradient in units of the root of its summed squares.
///
/// Units: 1 at the first step, falling as 1/√k under a constant gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByAdagrad {
    /// ε, added to the root.
    pub epsilon: f64,
}

/// ε = 1e-10: PyTorch's.
impl Default for ScaleByAdagrad {
    fn default() -> Self {
        ScaleByAdagrad { epsilon: 1e-10 }
    }
}

impl ScaleByAdagrad {
    /// Errors: ε not above 0.
    pub fn check(&self) -> Result<(), String> {
        check_epsilon(self.epsilon)
    }
}

impl<S: Scalar> Transform<S> for ScaleByAdagrad {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
        let [square] = state.get();
        let epsilon = S::of(self.epsilon);
        elementwise::each2(update, square, |g, s| {
            *s += *g * *g;
            *g /= s.sqrt() + epsilon;
        });
    }
}

impl Link for ScaleByAdagrad {
    fn planes(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_update_is_the_gradient_over_the_root_of_all_squares() {
        testing::check(ScaleByAdagrad { epsilon: 1e-10 }, |grads| {
            let norm = grads.iter().map(|g| g.powi(2)).sum::<f64>().sqrt();
            grads[grads.len() - 1] / (norm + 1e-10)
        });
    }
}
