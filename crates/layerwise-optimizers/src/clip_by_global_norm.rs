//! update ← min(1, c / (‖update‖₂ + 10⁻⁶)) update, with one norm over all parameters.
//!
//! Source: Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent neural networks", algorithm 1 (without the
//! 10⁻⁶); PyTorch's `clip_grad_norm_` (with it). Put it first in a chain to clip the gradient.

use std::sync::atomic::{AtomicU64, Ordering};

use layerwise_core::{Chunk, Link, Numbers, Planes, Reach, Step, Transform};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Scalar, elementwise, team};

use crate::check_positive;
use crate::optimizer::CHUNK;

/// Limits the length of the update, and keeps its direction. A NaN anywhere makes all of it NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipByGlobalNorm {
    /// c, finite and above 0. Units: of the gradient.
    pub limit: f64,
}

impl ClipByGlobalNorm {
    /// Errors: a limit that is not above 0 or not finite.
    pub fn check(&self) -> Result<(), String> {
        check_positive("limit", self.limit)
    }
}

impl<S: Scalar> Transform<S> for ClipByGlobalNorm {
    fn prepare(&self, _at: &Step, whole: Option<&[S]>) -> Numbers {
        let norm = whole.map_or(0.0, global_norm);
        // Not f64::min, which would turn NaN into 1.
        [Scalar::min(self.limit / (norm + 1e-6), 1.0), 0.0, 0.0, 0.0]
    }
    fn apply(&self, update: &mut [S], _state: Planes<'_, '_, S>, numbers: &Numbers, _at: &Chunk<'_, S>) {
        if numbers[0] != 1.0 {
            let factor = S::of(numbers[0]);
            elementwise::each(update, |u| *u *= factor);
        }
    }
}

impl Link for ClipByGlobalNorm {
    fn reach(&self) -> Reach {
        Reach::Whole
    }
}

/// ‖x‖₂, accumulated in f64 in an order that depends on the length alone: the same bits for any number of threads.
///
/// Cost: one pass over x, on the current team; allocates nothing.
pub fn global_norm<S: Scalar>(x: &[S]) -> f64 {
    const PARTS: usize = 64;
    let part = x.len().div_ceil(PARTS).next_multiple_of(CHUNK).max(CHUNK);
    let n_parts = x.len().div_ceil(part);
    let sums = [const { AtomicU64::new(0) }; PARTS];
    // A thread with fewer than four chunks costs more than it brings.
    team::split(n_parts, 4, team::width(), &|parts| {
        for (sum, x) in sums[parts.clone()].iter().zip(x[parts.start * part..].chunks(part)) {
            sum.store(simd::run(SumOfSquares(x)).to_bits(), Ordering::Relaxed);
        }
    });
    sums.iter().map(|sum| f64::from_bits(sum.load(Ordering::Relaxed))).sum::<f64>().sqrt()
}

/// Σ x², in as many interleaved sums as keep the vector units busy.
struct SumOfSquares<'a, S>(&'a [S]);

impl<S: Scalar> Kernel for SumOfSquares<'_, S> {
    type Out = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let mut sums = [0.0; 32];
        let (blocks, rest) = self.0.as_chunks::<32>();
        for block in blocks {
            for (sum, x) in sums.iter_mut().zip(block) {
                *sum += x.value() * x.value();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.value() * x.value();
        }
        sums.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use layerwise_tensor::Team;

    use super::*;
    use crate::{Optimizer, testing};

    #[test]
    fn the_norm_is_right_and_has_the_same_bits_on_any_team() {
        for n in [0, 1, 33, 4096, 5000, 16_385, 700_001] {
            let x: Vec<f32> = testing::gradient(n, n);
            let want = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let norm = global_norm(&x);
            assert!((norm - want).abs() <= 1e-12 * want, "{n}: {norm}, should be {want}");
            for threads in [2, 3] {
                let same = Team::new(threads).expect("threads").install(|| global_norm(&x));
                assert_eq!(norm.to_bits(), same.to_bits());
            }
        }
    }

    /// One step with gradient (3, 4).
    fn clipped(limit: f64, scale: f64) -> [f64; 2] {
        let optimizer = Optimizer::default().then(ClipByGlobalNorm { limit });
        let mut grad = [3.0 * scale, 4.0 * scale];
        optimizer.step(&mut [0.0; 2], &mut grad, &[1.0; 2], 1.0, &mut optimizer.state(2));
        grad
    }

    #[test]
    fn long_updates_shrink_to_the_limit_and_short_ones_stay() {
        let factor = 2.0 / (5.0 + 1e-6);
        assert_eq!(clipped(2.0, 1.0), [3.0 * factor, 4.0 * factor]);
        assert_eq!(clipped(5.1, 1.0), [3.0, 4.0]);
        assert!(clipped(1.0, f64::NAN).iter().all(|g| g.is_nan()));
        assert_eq!(ClipByGlobalNorm { limit: -2.0 }.check(), Err("limit should be finite and above 0, got -2".into()));
    }
}
