//! λΩ(θ) = λ ‖WᵀW − I‖²_F, with gradient 4λ W (WᵀW − I); for a W with more columns than rows λ ‖WWᵀ − I‖²_F, with gradient
//! 4λ (WWᵀ − I) W: all singular values are drawn to 1. Source: Brock, Lim, Ritchie and Weston (2017), "Neural photo editing with
//! introspective adversarial networks", with absolute values; squared, Brock, Donahue and Simonyan (2019), "Large scale GAN training
//! for high fidelity natural image synthesis". Why isometric layers learn fast: Saxe, McClelland and Ganguli (2013).

use std::ops::Range;

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write};
use serde::{Deserialize, Serialize};

/// λ ‖WᵀW − I‖²_F over the smaller side of W, which is 0 where its columns or rows are orthonormal.
///
/// Cost: 4 r c min(r, c) operations for an r × c block; allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Orthogonality {
    /// λ.
    pub strength: f64,
}

impl Default for Orthogonality {
    fn default() -> Self {
        Orthogonality { strength: 1e-4 }
    }
}

impl Orthogonality {
    /// Errors: unless `strength` is a finite number of at least 0.
    pub fn check(&self) -> Result<(), String> {
        crate::finite_from_0("strength", self.strength)
    }
}

impl Regularizer for Orthogonality {
    fn name(&self) -> &'static str {
        "orthogonality"
    }
    fn degree(&self) -> i32 {
        4
    }
    fn at_zero(&self) -> bool {
        false
    }
}

/// Columns or rows whose products with as many others are on the stack.
const TILE: usize = 16;

impl<S: Scalar> RegularizerKernel<S> for Orthogonality {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        let (rows, cols) = (theta.rows(), theta.cols());
        let strength = S::of(self.strength);
        let mut total = S::ZERO;
        for left in tiles(rows.min(cols)) {
            for right in tiles(rows.min(cols)) {
                if rows < cols {
                    total += simd::run(Rows { theta, grad, strength, left: left.clone(), right });
                    continue;
                }
                let columns =
                    |of: &Range<usize>| Mat::new(&theta.data()[of.start * rows..of.end * rows], rows, of.len());
                let mut products = [S::ZERO; TILE * TILE];
                let products = &mut products[..left.len() * right.len()];
                let to = MatMut::new(products, left.len(), right.len());
                S::gemm(to, Write::Set, Op::T(columns(&left)), Op::N(columns(&right)));
                total += distance(products, left.len(), left == right, strength);
                let grad = MatMut::new(&mut grad[right.start * rows..right.end * rows], rows, right.len());
                let products = Mat::new(products, left.len(), right.len());
                S::gemm(grad, Write::Add, Op::N(columns(&left)), Op::N(products));
            }
        }
        strength * total
    }
}

fn tiles(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(TILE).map(move |start| start..n.min(start + TILE))
}

/// Takes I from a tile and returns Σ of its squares; the tile becomes 4λ times itself.
#[inline(always)]
fn distance<S: Scalar>(products: &mut [S], rows: usize, on_diagonal: bool, strength: S) -> S {
    if on_diagonal {
        products.iter_mut().step_by(rows + 1).for_each(|product| *product -= S::ONE);
    }
    let mut total = S::ZERO;
    for product in products {
        total += *product * *product;
        *product *= S::of(4.0) * strength;
    }
    total
}

/// The part of two sets of rows: Σ over their products, and what they add to the gradient of the left ones.
struct Rows<'a, S> {
    theta: Mat<'a, S>,
    grad: &'a mut [S],
    strength: S,
    left: Range<usize>,
    right: Range<usize>,
}

impl<S: Scalar> Kernel for Rows<'_, S> {
    type Out = S;
    #[inline(always)]
    fn run(self) -> S {
        let Rows { theta, grad, strength, left, right } = self;
        let mut products = [S::ZERO; TILE * TILE];
        let products = &mut products[..left.len() * right.len()];
        for column in theta.columns() {
            for (products, right) in products.chunks_exact_mut(left.len()).zip(&column[right.clone()]) {
                for (product, left) in products.iter_mut().zip(&column[left.clone()]) {
                    *product += *left * *right;
                }
            }
        }
        let total = distance(products, left.len(), left == right, strength);
        for (grad, column) in grad.chunks_exact_mut(theta.rows()).zip(theta.columns()) {
            for (products, right) in products.chunks_exact(left.len()).zip(&column[right.clone()]) {
                for (grad, product) in grad[left.clone()].iter_mut().zip(products) {
                    *grad += *product * *right;
                }
            }
        }
        total
    }
}
