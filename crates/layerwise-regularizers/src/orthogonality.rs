//! λΩ(θ) = λ ‖WᵀW − I‖²_F, with gradient 4λ W (WᵀW − I); for a W with more columns than rows λ ‖WWᵀ − I‖²_F, with gradient
//! 4λ (WWᵀ − I) W: all singular values are drawn to 1. Source: Brock, Lim, Ritchie and Weston (2017), "Neural photo editing with
//! introspective adversarial networks", with absolute values; squared, Brock, Donahue and Simonyan (2019), "Large scale GAN training
//! for high fidelity natural image synthesis". Why isometric layers learn fast: Saxe, McClelland and Ganguli (2013).

use std::ops::Range;

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Mat, Scalar};
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
                let (left, of_rows) = (left.clone(), rows < cols);
                total += simd::run(Tile { theta, grad, strength, left, right, of_rows });
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

/// The part of two sets of rows, or of columns: Σ of the squares of their products, and what they add to the gradient. Plain loops,
/// since the bits of a matrix product depend on whether the processor fuses multiplication and addition.
struct Tile<'a, S> {
    theta: Mat<'a, S>,
    grad: &'a mut [S],
    strength: S,
    left: Range<usize>,
    right: Range<usize>,
    of_rows: bool,
}

impl<S: Scalar> Kernel for Tile<'_, S> {
    type Out = S;
    #[inline(always)]
    fn run(self) -> S {
        let Tile { theta, grad, strength, left, right, of_rows } = self;
        let rows = theta.rows();
        let mut products = [S::ZERO; TILE * TILE];
        let products = &mut products[..left.len() * right.len()];
        if !of_rows {
            for (products, j) in products.chunks_exact_mut(left.len()).zip(right.clone()) {
                for (product, i) in products.iter_mut().zip(left.clone()) {
                    *product = dot(theta.col(i), theta.col(j));
                }
            }
            let total = distance(products, left.len(), left == right, strength);
            for (products, j) in products.chunks_exact(left.len()).zip(right) {
                for (product, i) in products.iter().zip(left.clone()) {
                    for (grad, w) in grad[j * rows..(j + 1) * rows].iter_mut().zip(theta.col(i)) {
                        *grad += *product * *w;
                    }
                }
            }
            return total;
        }
        for column in theta.columns() {
            for (products, right) in products.chunks_exact_mut(left.len()).zip(&column[right.clone()]) {
                for (product, left) in products.iter_mut().zip(&column[left.clone()]) {
                    *product += *left * *right;
                }
            }
        }
        let total = distance(products, left.len(), left == right, strength);
        for (grad, column) in grad.chunks_exact_mut(rows).zip(theta.columns()) {
            for (products, right) in products.chunks_exact(left.len()).zip(&column[right.clone()]) {
                for (grad, product) in grad[left.clone()].iter_mut().zip(products) {
                    *grad += *product * *right;
                }
            }
        }
        total
    }
}

/// Σ aᵢ bᵢ, in interleaved sums.
#[inline(always)]
fn dot<S: Scalar>(a: &[S], b: &[S]) -> S {
    let mut sums = [S::ZERO; TILE];
    for (a, b) in a.chunks(TILE).zip(b.chunks(TILE)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += *a * *b;
        }
    }
    let mut total = S::ZERO;
    for sum in sums {
        total += sum;
    }
    total
}
