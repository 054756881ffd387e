//! For each row Gᵢ of the update of a weight matrix W: Gᵢ ← min(1, λ max(‖Wᵢ‖, ε) / ‖Gᵢ‖) Gᵢ.
//!
//! Source: Brock et al. (2021), "High-performance large-scale image recognition without normalization", eq. 3 (adaptive gradient
//! clipping), where a row is what one unit computes with. Put it first in a chain to clip the gradient. Biases are left alone; the
//! paper also leaves the last layer alone.

use layerwise_core::{Chunk, Link, Numbers, Planes, Reach, Step, Transform};
use layerwise_tensor::{Mat, MatMut, Scalar};

use crate::{check_epsilon, check_positive};

/// Limits how far a step may turn the weights of a unit, relative to their length. A NaN in a row makes all of the row NaN.
///
/// Cost: allocates nothing; norms are accumulated in f64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipByUnitRatio {
    /// λ, finite and above 0, by default 0.01.
    pub limit: f64,
    /// ε, so that weights of 0 can move, by default 0.001. Units: of a weight.
    pub epsilon: f64,
}

impl Default for ClipByUnitRatio {
    fn default() -> Self {
        ClipByUnitRatio { limit: 0.01, epsilon: 1e-3 }
    }
}

impl ClipByUnitRatio {
    /// Errors: a limit or an ε that is not above 0 or not finite.
    pub fn check(&self) -> Result<(), String> {
        check_positive("limit", self.limit).and_then(|()| check_epsilon(self.epsilon))
    }
}

/// Rows whose norms are accumulated side by side.
const ROWS: usize = 32;

/// Adds the squares of rows `first`, `first` + 1, … of a matrix with so many rows.
fn add_squares<S: Scalar>(sums: &mut [f64], matrix: &[S], rows: usize, first: usize) {
    for column in matrix.chunks_exact(rows) {
        for (sum, x) in sums.iter_mut().zip(&column[first..]) {
            *sum += x.value() * x.value();
        }
    }
}

impl<S: Scalar> Transform<S> for ClipByUnitRatio {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, _update: &mut [S], _state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {}

    fn matrix(&self, update: MatMut<'_, S>, theta: Mat<'_, S>, _scratch: &mut [S]) {
        let rows = update.rows();
        let update = update.into_data();
        for first in (0..rows).step_by(ROWS) {
            let (mut of_update, mut of_theta) = ([0.0; ROWS], [0.0; ROWS]);
            add_squares(&mut of_update, update, rows, first);
            add_squares(&mut of_theta, theta.data(), rows, first);
            let mut factors = [S::ONE; ROWS];
            for ((factor, g), w) in factors.iter_mut().zip(of_update).zip(of_theta) {
                // Not f64::min, which would turn NaN into 1. 0/0 is none: max(‖W‖, ε) is above 0.
                *factor = S::of(Scalar::min(self.limit * f64::max(w.sqrt(), self.epsilon) / g.sqrt(), 1.0));
            }
            for column in update.chunks_exact_mut(rows) {
                for (x, factor) in column[first..].iter_mut().zip(&factors) {
                    *x *= *factor;
                }
            }
        }
    }
}

impl Link for ClipByUnitRatio {
    fn reach(&self) -> Reach {
        Reach::Matrices
    }
}

#[cfg(test)]
mod tests {
    use layerwise_core::{Block, Init, Role};

    use super::*;
    use crate::{Optimizer, testing};

    /// The update of a `rows` × `cols` matrix, with a bias behind it.
    fn clipped<S: layerwise_core::Real>(
        link: ClipByUnitRatio,
        rows: usize,
        cols: usize,
        theta: &[S],
        grad: &[S],
    ) -> Vec<S> {
        let init = Init::Constant { value: 0.0 };
        let block = |role, rows, cols, offset| Block { name: "w", rows, cols, role, init, offset };
        let blocks = [block(Role::Weight, rows, cols, 0), block(Role::Bias, 2, 1, rows * cols)];
        let optimizer = Optimizer::default().then(link).on(&blocks);
        let (mut theta, mut grad) = (theta.to_vec(), grad.to_vec());
        let n = theta.len();
        optimizer.step(&mut theta, &mut grad, &vec![S::ONE; n], 1.0, &mut optimizer.state(n));
        grad
    }

    #[test]
    fn rows_that_are_long_for_their_weights_shrink_and_others_stay() {
        // Weights of length 5, 0.5, 0 and 0; gradients of length 5, 5, 5 and 0.25.
        let theta = [3.0, 0.3, 0.0, 0.0, 4.0, 0.4, 0.0, 0.0, 9.0, 9.0];
        let grad = [-4.0, -4.0, -4.0, 0.25, 3.0, 3.0, 3.0, 0.0, 70.0, 80.0];
        let link = ClipByUnitRatio { limit: 2.0, epsilon: 0.25 };
        let got = clipped(link, 4, 2, &theta, &grad);
        // At most 10, 1, 0.5 and 0.5.
        let want = [-4.0, -0.8, -0.4, 0.25, 3.0, 0.6, 0.3, 0.0, 70.0, 80.0];
        assert!(got.iter().zip(want).all(|(g, w): (&f64, f64)| (g - w).abs() <= 1e-15), "{got:?}");
        // No gradient, and one that is not a number: in its own row alone.
        assert_eq!(clipped(link, 2, 2, &[1.0; 6], &[0.0; 6]), [0.0; 6]);
        let got = clipped(link, 2, 2, &[1.0; 6], &[f64::NAN, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(got.iter().map(|g| g.is_nan()).collect::<Vec<_>>(), [true, false, true, false, false, false]);
    }

    #[test]
    fn matrices_of_many_rows_are_clipped_row_by_row_and_f32_does_not_overflow() {
        let (rows, cols) = (2 * ROWS + 3, 3);
        let (theta, grad): (Vec<f64>, Vec<f64>) =
            (testing::gradient(1, rows * cols + 2), testing::gradient(2, rows * cols + 2));
        let link = ClipByUnitRatio { limit: 0.5, epsilon: 1e-3 };
        let got = clipped(link, rows, cols, &theta, &grad);
        for i in 0..rows {
            let norm = |x: &[f64]| (0..cols).map(|k| x[i + k * rows].powi(2)).sum::<f64>().sqrt();
            let factor = (0.5 * norm(&theta).max(1e-3) / norm(&grad)).min(1.0);
            for k in (0..cols).map(|k| i + k * rows) {
                assert!((got[k] - factor * grad[k]).abs() <= 1e-14 * grad[k].abs(), "row {i}");
            }
        }
        let got = clipped(link, 1, 2, &[0.0f32; 4], &[3e30, 4e30, 0.0, 0.0]);
        assert!((got[0] - 3e-4).abs() < 1e-9 && (got[1] - 4e-4).abs() < 1e-9, "{got:?}");
    }

    #[test]
    fn limits_out_of_range_are_refused() {
        let check = |limit, epsilon| ClipByUnitRatio { limit, epsilon }.check();
        assert_eq!(ClipByUnitRatio::default().check(), Ok(()));
        assert_eq!(ClipByUnitRatio::default(), ClipByUnitRatio { limit: 0.01, epsilon: 0.001 });
        assert_eq!(check(0.0, 1e-3), Err("limit should be finite and above 0, got 0".into()));
        assert_eq!(check(1.0, 0.0), Err("epsilon should be finite and at least 1e-37, got 0".into()));
    }
}
