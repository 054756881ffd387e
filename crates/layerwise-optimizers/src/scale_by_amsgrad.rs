//! m and v as in [`ScaleByAdam`](crate::ScaleByAdam), w ← max(w, v); the update at step k is m̂ / (√ŵ + ε) with m̂ = m / (1 −
//! β₁ᵏ), ŵ = w / (1 − β₂ᵏ).
//!
//! Source: Reddi, Kale & Kumar (2018), "On the convergence of Adam and beyond", algorithm 2, with the bias corrections of
//! PyTorch's `Adam(amsgrad=True)`, which the paper leaves out. The maximum is taken over v, not over v̂, as in both.

use layerwise_core::{Chunk, Link, Numbers, Planes, Step, Transform};
use layerwise_tensor::Scalar;
use layerwise_tensor::simd::{self, Kernel};

use crate::{check_epsilon, check_share, power};

/// Adam whose denominator never forgets: a large gradient shortens the steps for good.
///
/// Units: at most those of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleByAmsgrad {
    /// β₁, decay of the average, in [0, 1).
    pub beta1: f64,
    /// β₂, decay of the average square, in [0, 1).
    pub beta2: f64,
    /// ε, added to the root.
    pub epsilon: f64,
}

/// β₁ = 0.9, β₂ = 0.999, ε = 1e-8: PyTorch's.
impl Default for ScaleByAmsgrad {
    fn default() -> Self {
        ScaleByAmsgrad { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl ScaleByAmsgrad {
    /// Errors: β outside [0, 1); ε not above 0.
    pub fn check(&self) -> Result<(), String> {
        check_share("beta1", self.beta1)?;
        check_share("beta2", self.beta2)?;
        check_epsilon(self.epsilon)
    }
}

/// The update, its three planes, and what multiplies or is added.
struct Amsgrad<'a, S> {
    update: &'a mut [S],
    planes: [&'a mut [S]; 3],
    beta1: [S; 2],
    beta2: [S; 2],
    average: S,
    root: S,
    epsilon: S,
}

impl<S: Scalar> Kernel for Amsgrad<'_, S> {
    type Out = ();
    #[inline(always)]
    fn run(self) {
        let Amsgrad { update, planes: [m, v, w], beta1, beta2, average, root, epsilon } = self;
        for (((g, m), v), w) in update.iter_mut().zip(m).zip(v).zip(w) {
            *m = beta1[0] * *m + beta1[1] * *g;
            *v = beta2[0] * *v + beta2[1] * (*g * *g);
            // NaN of v goes through.
            *w = (*v).max(*w);
            *g = *m * average / (w.sqrt() * root + epsilon);
        }
    }
}

impl<S: Scalar> Transform<S> for ScaleByAmsgrad {
    fn prepare(&self, at: &Step, _whole: Option<&[S]>) -> Numbers {
        let average = 1.0 / (1.0 - power(self.beta1, at.count));
        let root = 1.0 / (1.0 - power(self.beta2, at.count)).sqrt();
        [average, root, 0.0, 0.0]
    }
    fn apply(&self, update: &mut [S], mut state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        simd::run(Amsgrad {
            update,
            planes: state.get(),
            beta1: [S::of(self.beta1), S::of(1.0 - self.beta1)],
            beta2: [S::of(self.beta2), S::of(1.0 - self.beta2)],
            average: S::of(numbers[0]),
            root: S::of(numbers[1]),
            epsilon: S::of(self.epsilon),
        });
    }
}

impl Link for ScaleByAmsgrad {
    fn planes(&self) -> usize {
        3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_denominator_is_the_largest_average_square_so_far() {
        let (beta1, beta2, epsilon) = (0.8, 0.5, 1e-3);
        testing::check(ScaleByAmsgrad { beta1, beta2, epsilon }, |grads| {
            let (mut m, mut v, mut w) = (0.0, 0.0, 0.0f64);
            for g in grads {
                m = beta1 * m + (1.0 - beta1) * g;
                v = beta2 * v + (1.0 - beta2) * g.powi(2);
                w = w.max(v);
            }
            let k = grads.len() as i32;
            m / (1.0 - beta1.powi(k)) / ((w / (1.0 - beta2.powi(k))).sqrt() + epsilon)
        });
        let link = ScaleByAmsgrad { beta1: -0.5, ..Default::default() };
        assert_eq!(link.check(), Err("beta1 should be in [0, 1), got -0.5".into()));
    }
}
