//! Inner products of long vectors and one step of classical Gram–Schmidt, w ← w − V (Vᵀ w), for Krylov methods.
//!
//! Sums are taken in f64, over chunks of fixed length and then over the chunks in order: the same bits for any number of threads.

use std::ops::Deref;

use crate::buf::Buf;
use crate::elementwise::{Chunks, chunks, parts};
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};
use crate::team;

/// Numbers a chunk: of two vectors they stay in the first cache.
const CHUNK: usize = 2048;

/// Σ aᵢ bᵢ.
///
/// Panics: if the lengths differ.
pub fn dot<S: Scalar>(a: &[S], b: &[S]) -> f64 {
    let mut sum = [0.0];
    dots(&[a], b, &mut sum);
    sum[0]
}

/// Coefficient i ← vᵢᵀ w.
///
/// Panics: if the lengths or the counts differ.
pub fn dots<S: Scalar>(basis: &[impl Deref<Target = [S]> + Sync], w: &[S], coefficients: &mut [f64]) {
    struct Dot<'a, S>(&'a [S], &'a [S]);
    impl<S: Scalar> Kernel for Dot<'_, S> {
        type Out = f64;
        #[inline(always)]
        fn run(self) -> f64 {
            let mut sums = [0.0; 32];
            let ((a, a_rest), (b, b_rest)) = (self.0.as_chunks::<32>(), self.1.as_chunks::<32>());
            for (a, b) in a.iter().zip(b) {
                for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                    *sum += a.value() * b.value();
                }
            }
            let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a.value() * b.value()).sum();
            sums.iter().sum::<f64>() + rest
        }
    }
    let (n, count) = (w.len(), basis.len());
    assert!(coefficients.len() == count, "dots: {} coefficients of {count} vectors", coefficients.len());
    for v in basis {
        assert!(v.len() == n, "dots: {} and {n} numbers", v.len());
    }
    let n_chunks = n.div_ceil(CHUNK);
    let mut partial = Buf::<f64>::zeros(n_chunks * count);
    let out = team::Shared(partial.as_mut_ptr());
    team::split(n_chunks, 1, parts(n), &|range| {
        for chunk in range {
            let numbers = chunk * CHUNK..n.min((chunk + 1) * CHUNK);
            for (i, v) in basis.iter().enumerate() {
                let sum = simd::run(Dot(&v[numbers.clone()], &w[numbers.clone()]));
                // SAFETY: chunk < n_chunks and i < count; each chunk belongs to one thread, and `partial` is borrowed throughout.
                unsafe { out.get().add(chunk * count + i).write(sum) };
            }
        }
    });
    for (i, coefficient) in coefficients.iter_mut().enumerate() {
        *coefficient = (0..n_chunks).map(|chunk| partial[chunk * count + i]).sum();
    }
}

/// w ← w + Σ coefficientᵢ vᵢ.
///
/// Panics: if the lengths or the counts differ.
pub fn add_combination<S: Scalar>(w: &mut [S], basis: &[impl Deref<Target = [S]> + Sync], coefficients: &[f64]) {
    struct Axpy<'a, S>(&'a mut [S], &'a [S], S);
    impl<S: Scalar> Kernel for Axpy<'_, S> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (w, v) in self.0.iter_mut().zip(self.1) {
                *w += self.2 * *v;
            }
        }
    }
    let (n, count) = (w.len(), basis.len());
    assert!(coefficients.len() == count, "combination: {} coefficients of {count} vectors", coefficients.len());
    for v in basis {
        assert!(v.len() == n, "combination: {} and {n} numbers", v.len());
    }
    chunks(n, CHUNK, Chunks(&mut [w]), |start, planes| {
        let w = &mut *planes[0];
        for (v, &coefficient) in basis.iter().zip(coefficients) {
            let v = &v[start..start + w.len()];
            simd::run(Axpy(&mut *w, v, S::of(coefficient)));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<S: Scalar>(n: usize, seed: u64) -> Vec<S> {
        let mut rng = crate::Key::new(seed, crate::Purpose::Test).rng();
        (0..n).map(|_| S::of(rng.normal())).collect()
    }

    /// Against sums in order, and alone against three threads.
    fn check<S: Scalar>(eps: f64) {
        let team = team::Team::new(3).expect("threads");
        for n in [0, 1, 31, 33, CHUNK - 1, CHUNK, CHUNK + 1, 20 * CHUNK + 45] {
            let basis = [numbers::<S>(n, 1), numbers(n, 2), numbers(n, 3)];
            let w = numbers::<S>(n, 4);
            let mut found = [f64::NAN; 3];
            dots(&basis, &w, &mut found);
            for (v, found) in basis.iter().zip(found) {
                let terms = || v.iter().zip(&w).map(|(v, w)| v.value() * w.value());
                let size: f64 = terms().map(f64::abs).sum();
                assert!((found - terms().sum::<f64>()).abs() <= n as f64 * f64::EPSILON * size, "{n}");
                assert_eq!(dot(v, &w), found);
            }
            let coefficients = [0.5, -2.0, 3.0];
            let combine = || {
                let mut w = w.clone();
                add_combination(&mut w, &basis, &coefficients);
                w
            };
            let sums = combine();
            for i in 0..n {
                let terms =
                    [w[i].value(), 0.5 * basis[0][i].value(), -2.0 * basis[1][i].value(), 3.0 * basis[2][i].value()];
                let size: f64 = terms.iter().map(|t| t.abs()).sum();
                assert!((sums[i].value() - terms.iter().sum::<f64>()).abs() <= 4.0 * eps * size, "{n}");
            }
            let mut on_three = [f64::NAN; 3];
            team.install(|| {
                dots(&basis, &w, &mut on_three);
                assert!(combine() == sums);
            });
            assert_eq!(on_three, found);
        }
    }

    #[test]
    fn sums_are_those_of_plain_loops_for_any_number_of_threads() {
        check::<f64>(f64::EPSILON);
        check::<f32>(f64::from(f32::EPSILON));
    }
}
