//! update ← sign(update), 0 at 0.
//!
//! Source: Bernstein et al. (2018), "signSGD: compressed optimisation for non-convex problems", algorithm 1; behind
//! [`BlendMomentum`](crate::BlendMomentum) it is Lion (Chen et al. 2023).

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::{Scalar, elementwise};

/// The sign of every number; NaN stays NaN.
///
/// Units: 1 per step in each number: the rate is the length of every step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TakeSign;

impl<S: Scalar> Transform<S> for TakeSign {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, update: &mut [S], _state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {
        elementwise::each(update, |u| *u = S::select(*u > S::ZERO, S::ONE, S::select(*u < S::ZERO, -S::ONE, *u)));
    }
}

impl Link for TakeSign {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Optimizer, testing};

    #[test]
    fn signs_zeros_and_nan() {
        testing::check(TakeSign, |grads| {
            let now = grads[grads.len() - 1];
            if now == 0.0 { 0.0 } else { now.signum() }
        });
        let optimizer = Optimizer::default().then(TakeSign);
        let mut grad = [f64::NAN, f64::INFINITY, -1e-300, 0.0];
        optimizer.step(&mut [0.0; 4], &mut grad, &[1.0; 4], 1.0, &mut optimizer.state(4));
        assert!(grad[0].is_nan() && grad[1..] == [1.0, -1.0, 0.0]);
    }
}
