//! Losses that are a sum over outputs, l = Σᵢ f(yᵢ, tᵢ).

use layerwise_core::loss::TargetKind;
use layerwise_core::{ShapeError, Targets};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Scalar};

/// Numbers whose values wait on the stack for their ordered sum.
const BLOCK: usize = 64;

/// f(y, t) and ∂f/∂y. A trait and no closure, because `#[inline(always)]` is a promise: a large closure is not inlined, and its
/// loop not vectorized.
pub trait Term: Copy {
    /// The value and the slope; `#[inline(always)]`.
    fn term<S: Scalar>(self, y: S, t: S) -> (S, S);
}

/// each\[j\] ← Σᵢ f(yᵢⱼ, tᵢⱼ), dy ← ∂f/∂y. The class of a sample counts as its one value.
///
/// Panics: if the shapes do not fit.
pub fn eval<S: Scalar>(f: impl Term, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], mut dy: MatMut<'_, S>) {
    struct Block<'a, S, F>(&'a mut [S; BLOCK], &'a mut [S], &'a [S], &'a [S], F);
    impl<S: Scalar, F: Term> Kernel for Block<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (((value, dy), y), t) in self.0.iter_mut().zip(self.1).zip(self.2).zip(self.3) {
                (*value, *dy) = self.4.term(*y, *t);
            }
        }
    }
    let (k, n) = (y.rows(), y.cols());
    assert!(each.len() == n && targets.len() == n, "loss: {n} samples, {} targets", targets.len());
    assert!((dy.rows(), dy.cols()) == (k, n), "loss: the gradient should be {k}x{n}");
    let per_sample = match targets {
        Targets::Classes(_) => 1,
        Targets::Values(values) => values.rows(),
    };
    assert!(per_sample == k, "loss: {k} outputs, {per_sample} targets a sample");
    each.fill(S::ZERO);
    let mut values = [S::ZERO; BLOCK];
    let mut as_values = [S::ZERO; BLOCK];
    let (mut sample, mut output) = (0, 0);
    for (i, (dy, y)) in dy.data().chunks_mut(BLOCK).zip(y.data().chunks(BLOCK)).enumerate() {
        let range = i * BLOCK..i * BLOCK + y.len();
        let t = match targets {
            Targets::Values(values) => &values.data()[range],
            Targets::Classes(classes) => {
                for (value, &class) in as_values.iter_mut().zip(&classes[range]) {
                    *value = S::of(f64::from(class));
                }
                &as_values[..y.len()]
            }
        };
        simd::run(Block(&mut values, dy, y, t, f));
        let mut values = &values[..y.len()];
        while !values.is_empty() {
            let (now, later) = values.split_at((k - output).min(values.len()));
            let mut sum = each[sample];
            for value in now {
                sum += *value;
            }
            each[sample] = sum;
            output += now.len();
            if output == k {
                (sample, output) = (sample + 1, 0);
            }
            values = later;
        }
    }
}

/// Targets of the wrong kind, or none at all.
pub fn refused(name: &str, expected: &str, got: TargetKind) -> ShapeError {
    let nothing = matches!(got, TargetKind::Classes(0) | TargetKind::Values(0));
    ShapeError::mismatch(name, "targets", if nothing { "at least 1" } else { expected }, got)
}

/// One output for each value.
pub fn width(name: &str, targets: TargetKind) -> Result<usize, ShapeError> {
    match targets {
        TargetKind::Values(k @ 1..) => Ok(k),
        other => Err(refused(name, "values", other)),
    }
}
