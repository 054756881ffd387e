//! update ← min(max(update, −c), c), number by number.
//!
//! Source: Mikolov (2012), PhD thesis, section 3.2.2; PyTorch's `clip_grad_value_`. It bends the direction of the step, which
//! [`ClipByGlobalNorm`](crate::ClipByGlobalNorm) keeps.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

use crate::check_positive;

/// Limits every number of the update. NaN stays NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipByValue {
    /// c, finite and above 0. Units: of the gradient.
    pub limit: f64,
}

impl ClipByValue {
    /// Errors: a limit that is not above 0 or not finite.
    pub fn check(&self) -> Result<(), String> {
        check_positive("limit", self.limit)
    }
}

impl<S: Scalar> Transform<S> for ClipByValue {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], _state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
        let limit = S::of(self.limit);
        elementwise::each(update, |u| *u = u.max(-limit).min(limit));
    }
}

impl Link for ClipByValue {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, testing};

    #[test]
    fn every_number_is_limited_and_nan_stays() {
        testing::check(ClipByValue { limit: 0.25 }, |grads| grads[grads.len() - 1].clamp(-0.25, 0.25));
        let optimizer = Optimizer::default().then(ClipByValue { limit: 1.0 });
        let mut grad = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        optimizer.step(&mut [0.0; 3], &mut grad, &[1.0; 3], 1.0, &mut optimizer.state(3));
        assert!(grad[0].is_nan() && grad[1..] == [1.0, -1.0]);
        assert_eq!(ClipByValue { limit: 0.0 }.check(), Err("limit should be finite and above 0, got 0".into()));
    }
}
