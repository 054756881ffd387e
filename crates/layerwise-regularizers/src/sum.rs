//! Σ f(w) over a block.

use layerwise_tensor::Scalar;
use layerwise_tensor::simd::{self, Kernel};

/// Running sums side by side, so that additions need not wait for each other; fixed, so that the bits are the same everywhere.
const LANES: usize = 32;

/// Σ f(wᵢ), in 32 interleaved sums.
pub fn sum<S: Scalar>(theta: &[S], f: impl Fn(S) -> S + Copy) -> S {
    struct Sum<'a, S, F>(&'a [S], F);
    impl<S: Scalar, F: Fn(S) -> S> Kernel for Sum<'_, S, F> {
        type Out = S;
        #[inline(always)]
        fn run(self) -> S {
            let mut sums = [S::ZERO; LANES];
            let (whole, rest) = self.0.as_chunks::<LANES>();
            for chunk in whole {
                for (sum, w) in sums.iter_mut().zip(chunk) {
                    *sum += (self.1)(*w);
                }
            }
            for (sum, w) in sums.iter_mut().zip(rest) {
                *sum += (self.1)(*w);
            }
            let mut total = S::ZERO;
            for sum in sums {
                total += sum;
            }
            total
        }
    }
    simd::run(Sum(theta, f))
}

/// −1, 0 or 1.
#[inline(always)]
pub fn sign<S: Scalar>(w: S) -> S {
    S::select(w > S::ZERO, S::ONE, S::select(w < S::ZERO, -S::ONE, S::ZERO))
}
