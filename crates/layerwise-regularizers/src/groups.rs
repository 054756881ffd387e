//! The groups of a weight matrix, and what is done to each by its norm.

use layerwise_tensor::Scalar;
use layerwise_tensor::simd::{self, Kernel};
use serde::{Deserialize, Serialize};

/// Which weights belong together. The weights of a unit are a row of W; those that leave an input are a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Groups {
    /// What enters a unit, a row: without it the unit is a constant.
    Incoming,
    /// What leaves an input or a unit of the layer before, a column: without it that one is not used.
    #[default]
    Outgoing,
}

impl Groups {
    /// λ √|g|.
    pub(crate) fn weight(self, strength: f64, rows: usize, cols: usize) -> f64 {
        let size = match self {
            Groups::Incoming => cols,
            Groups::Outgoing => rows,
        };
        strength * (size as f64).sqrt()
    }
}

/// Groups whose numbers are on the stack while the columns pass by.
const ROWS: usize = 64;

/// For each group of the weights, `factor` makes of ‖w_g‖² a value and a factor, and `apply` changes each number of `out` by its
/// weight and the factor of its group. The weights are `out` itself if there are no others. Returns the sum of the values.
pub(crate) fn each<S: Scalar>(
    groups: Groups,
    rows: usize,
    out: &mut [S],
    weights: Option<&[S]>,
    factor: impl Fn(S) -> (S, S),
    apply: impl Fn(&mut S, S, S),
) -> S {
    simd::run(Each { groups, rows: rows.max(1), out, weights, factor, apply })
}

struct Each<'a, S, F, A> {
    groups: Groups,
    rows: usize,
    out: &'a mut [S],
    weights: Option<&'a [S]>,
    factor: F,
    apply: A,
}

impl<S: Scalar, F: Fn(S) -> (S, S), A: Fn(&mut S, S, S)> Kernel for Each<'_, S, F, A> {
    type Out = S;
    #[inline(always)]
    fn run(self) -> S {
        let Each { groups, rows, out, weights, factor, apply } = self;
        let mut total = S::ZERO;
        if groups == Groups::Outgoing {
            for (j, out) in out.chunks_exact_mut(rows).enumerate() {
                let weights = weights.map(|weights| &weights[j * rows..(j + 1) * rows]);
                let mut square = S::ZERO;
                for w in weights.unwrap_or(out) {
                    square += *w * *w;
                }
                let (value, factor) = factor(square);
                total += value;
                along(out, weights, std::iter::repeat(factor), &apply);
            }
            return total;
        }
        for start in (0..rows).step_by(ROWS) {
            let range = start..rows.min(start + ROWS);
            let mut numbers = [S::ZERO; ROWS];
            let numbers = &mut numbers[..range.len()];
            for column in weights.unwrap_or(out).chunks_exact(rows) {
                for (square, w) in numbers.iter_mut().zip(&column[range.clone()]) {
                    *square += *w * *w;
                }
            }
            for number in &mut *numbers {
                let (value, factor) = factor(*number);
                total += value;
                *number = factor;
            }
            for (j, out) in out.chunks_exact_mut(rows).enumerate() {
                let weights = weights.map(|weights| &weights[j * rows..][range.clone()]);
                along(&mut out[range.clone()], weights, numbers.iter().copied(), &apply);
            }
        }
        total
    }
}

#[inline(always)]
fn along<S: Scalar>(
    out: &mut [S],
    weights: Option<&[S]>,
    factors: impl Iterator<Item = S>,
    apply: &impl Fn(&mut S, S, S),
) {
    match weights {
        Some(weights) => out.iter_mut().zip(weights).zip(factors).for_each(|((out, w), factor)| apply(out, *w, factor)),
        None => out.iter_mut().zip(factors).for_each(|(out, factor)| apply(out, *out, factor)),
    }
}
