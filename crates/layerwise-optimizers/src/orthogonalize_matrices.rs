//! For each weight matrix U of the update: X ← U / ‖U‖_F, five times X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X, and U ← 0.2 √max(m, n)
//! X.
//!
//! Source: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks", with its (a, b, c) = (3.4445,
//! −4.7750, 2.0315), which bring the singular values of X to between 0.68 and 1.14, unless they were below 0.004 of ‖U‖_F; the
//! last factor is that of Liu et al. (2025), "Muon is scalable for LLM training", section 2.2: an update has the root mean square
//! of AdamW's, so that one rate fits both. In the form of PyTorch's `Muon(adjust_lr_fn="match_rms_adamw")`, in the type of θ in
//! place of bfloat16.

use layerwise_core::{Chunk, Link, Numbers, Planes, Reach, Step, Transform};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};

use crate::global_norm;

/// The coefficients of X, X Xᵀ X and (X Xᵀ)² X.
const NEWTON_SCHULZ: [f64; 3] = [3.4445, -4.7750, 2.0315];
const ITERATIONS: usize = 5;
/// Norms below count as this.
const SMALLEST: f64 = 1e-7;
/// Root mean square of AdamW's update.
const ROOT_MEAN_SQUARE: f64 = 0.2;

/// Replaces the update of each weight matrix by the nearest matrix with orthogonal rows or columns, roughly: every direction
/// moves equally far.
///
/// Units: a root mean square of about 0.2, whatever the scale of the gradient. Cost: 5 (2 m²n + m³) multiplications
/// for m × n with m ≤ n, what the gradient of such a layer takes for 3 m to 5 m samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OrthogonalizeMatrices;

impl<S: Scalar> Transform<S> for OrthogonalizeMatrices {
    fn prepare(&self, _at: &Step, _whole: Option<&[S]>) -> Numbers {
        Default::default()
    }
    fn apply(&self, _update: &mut [S], _state: Planes<'_, '_, S>, _numbers: &Numbers, _at: &Chunk<'_, S>) {}

    fn matrix(&self, update: MatMut<'_, S>, _theta: Mat<'_, S>, scratch: &mut [S]) {
        let (rows, cols) = (update.rows(), update.cols());
        let x = update.into_data();
        let side = rows.min(cols);
        let (gram, scratch) = scratch.split_at_mut(side * side);
        let (polynomial, product) = scratch.split_at_mut(side * side);
        // In two steps: 1 / norm may lie beyond the numbers of f32.
        let norm = global_norm(x).max(SMALLEST);
        elementwise::each(x, |x| *x = S::of(x.value() / norm));
        let [a, b, c] = NEWTON_SCHULZ.map(S::of);
        for _ in 0..ITERATIONS {
            // The Gram matrix of the shorter side: X Xᵀ, or Xᵀ X with what follows on the right.
            let now = Mat::new(x, rows, cols);
            let [left, right] = if rows <= cols { [Op::N(now), Op::T(now)] } else { [Op::T(now), Op::N(now)] };
            S::gemm(MatMut::new(gram, side, side), Write::Set, left, right);
            let square = Mat::new(gram, side, side);
            S::gemm(MatMut::new(polynomial, side, side), Write::Set, Op::N(square), Op::N(square));
            elementwise::zip(polynomial, gram, |p, gram| *p = b * gram + c * *p);
            let (polynomial, now) = (Op::N(Mat::new(polynomial, side, side)), Op::N(now));
            let [left, right] = if rows <= cols { [polynomial, now] } else { [now, polynomial] };
            S::gemm(MatMut::new(product, rows, cols), Write::Set, left, right);
            elementwise::zip(x, product, |x, product| *x = a * *x + product);
        }
        let scale = S::of(ROOT_MEAN_SQUARE * (rows.max(cols) as f64).sqrt());
        elementwise::each(x, |x| *x *= scale);
    }
}

impl Link for OrthogonalizeMatrices {
    fn reach(&self) -> Reach {
        Reach::Matrices
    }
    fn scratch(&self, rows: usize, cols: usize) -> usize {
        let side = rows.min(cols);
        2 * side * side + rows * cols
    }
}

#[cfg(test)]
mod tests {
    use layerwise_core::{Block, Init, Role};
    use layerwise_tensor::orthogonal::dot;

    use super::*;
    use crate::{Optimizer, testing};

    fn block(offset: usize, rows: usize, cols: usize, role: Role) -> Block {
        Block { name: "w", rows, cols, role, init: Init::Constant { value: 0.0 }, offset }
    }

    /// What becomes of a singular value.
    fn map(x: f64) -> f64 {
        (0..ITERATIONS)
            .fold(x, |x, _| NEWTON_SCHULZ[0] * x + NEWTON_SCHULZ[1] * x.powi(3) + NEWTON_SCHULZ[2] * x.powi(5))
    }

    /// U = Σ s_k u_k v_kᵀ with orthonormal cosines u_k, v_k: the singular vectors stay, and the values go through the map.
    #[test]
    fn singular_values_go_through_the_scalar_map() {
        let cosine = |n: usize, k: usize, i: usize| {
            let norm = if k == 0 { 1.0 / n as f64 } else { 2.0 / n as f64 };
            norm.sqrt() * (std::f64::consts::PI * (i as f64 + 0.5) * k as f64 / n as f64).cos()
        };
        for (rows, cols) in [(5, 9), (9, 5), (4, 4), (1, 6), (6, 1)] {
            let singular = [3.0, 1.5, 0.2, 0.02, 0.7];
            let side = rows.min(cols);
            let norm = singular[..side].iter().map(|s| s * s).sum::<f64>().sqrt();
            let matrix = |of: &dyn Fn(f64) -> f64| -> Vec<f64> {
                let at = |i: usize, j: usize| {
                    (0..side).map(|k| of(singular[k]) * cosine(rows, k, i) * cosine(cols, k, j)).sum::<f64>()
                };
                (0..rows * cols).map(|k| at(k % rows, k / rows)).collect()
            };
            let want = matrix(&|s| 0.2 * (rows.max(cols) as f64).sqrt() * map(s / norm));
            // Beside it a bias and padding, which stay.
            let blocks = [block(0, rows, cols, Role::Weight), block(rows * cols + 2, 3, 1, Role::Bias)];
            let optimizer = Optimizer::default().then(OrthogonalizeMatrices).on(&blocks);
            let n = rows * cols + 5;
            let mut update = [matrix(&|s| s), vec![7.0; 5]].concat();
            let mut state = optimizer.state(n);
            optimizer.step(&mut vec![0.0; n], &mut update, &vec![1.0; n], 1.0, &mut state);
            for (got, want) in update.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-12, "{rows} × {cols}: {got}, should be {want}");
            }
            assert_eq!(update[rows * cols..], [7.0; 5]);
        }
        // The table of the method: everything from 0.01 to 1 comes near to 1.
        assert!((1..=100).all(|i| (0.68..1.14).contains(&map(f64::from(i) / 100.0))));
    }

    #[test]
    fn rows_become_nearly_orthogonal_in_f32_and_zeros_stay() {
        let (rows, cols) = (6, 40);
        let optimizer = Optimizer::default().then(OrthogonalizeMatrices).on(&[block(0, rows, cols, Role::Weight)]);
        let n = rows * cols;
        let mut update: Vec<f32> = testing::gradient(1, n);
        let mut state = optimizer.state(n);
        optimizer.step(&mut vec![0.0; n], &mut update, &vec![1.0; n], 1.0, &mut state);
        let row = |i: usize| update.iter().skip(i).step_by(rows).copied().collect::<Vec<f32>>();
        let scale = 0.2f64.powi(2) * cols as f64;
        for i in 0..rows {
            for j in 0..i {
                // The singular values of X lie between 0.68 and 1.14, so those of X Xᵀ within 0.42 of 0.88.
                assert!(dot(&row(i), &row(j)).abs() / scale < 0.42);
            }
            assert!((dot(&row(i), &row(i)) / scale - 0.88).abs() < 0.42);
        }
        let mut zeros = vec![0.0; n];
        optimizer.step(&mut vec![0.0f32; n], &mut zeros, &vec![1.0; n], 1.0, &mut state);
        assert!(zeros.iter().all(|x| *x == 0.0));
    }

    #[test]
    #[should_panic(
        expected = "optimizer: the blocks of theta should be given with Optimizer::on, because OrthogonalizeMatrices"
    )]
    fn matrices_have_to_be_pointed_out() {
        let optimizer = Optimizer::default().then(OrthogonalizeMatrices);
        optimizer.step(&mut [1.0], &mut [1.0], &[1.0], 1.0, &mut optimizer.state(1));
    }
}
