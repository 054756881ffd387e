//! d = −H ∇f, where H has the curvature of the last steps: H_{k+1} = (1 − ρ s yᵀ) H_k (1 − ρ y sᵀ) + ρ s sᵀ with s = θ_{k+1} −
//! θ_k, y = ∇f_{k+1} − ∇f_k, ρ = 1 / yᵀ s, over the last m pairs and from H₀ = sᵀ y / yᵀ y.
//!
//! Source: Nocedal (1980), "Updating quasi-Newton matrices with limited storage"; Liu & Nocedal (1989), "On the limited memory
//! BFGS method for large scale optimization"; Nocedal & Wright (2006), algorithms 7.4 and 7.5.

use std::collections::VecDeque;

use layerwise_core::{Minimized, Objective, Solver, SolverError, Stop};
use layerwise_tensor::orthogonal::dot;
use layerwise_tensor::{Buf, Scalar, elementwise};

use crate::descent::{Before, descend, first_guess, steepest};
use crate::line_search::{Wolfe, add_scaled};

/// Nocedal & Wright's for quasi-Newton methods.
const WOLFE: Wolfe = Wolfe { decrease: 1e-4, slope: 0.9 };

/// Minimizes by a quasi-Newton method that remembers the last few steps: the first choice for a full batch.
///
/// Cost: a little more than one evaluation a step, and 4 m passes over θ. It keeps 2 m + 4 vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lbfgs {
    /// m, steps that are remembered; with 0 it is steepest descent.
    pub memory: usize,
}

/// Ten steps.
impl Default for Lbfgs {
    fn default() -> Self {
        Lbfgs { memory: 10 }
    }
}

impl<S: Scalar> Solver<S> for Lbfgs {
    fn minimize(&self, f: &mut dyn Objective<S>, theta: &mut [S], stop: &Stop) -> Result<Minimized, SolverError> {
        let mut pairs = VecDeque::with_capacity(self.memory);
        descend(f, theta, stop, WOLFE, |grad, before, direction| {
            match before {
                Some(before) => self.remember(&mut pairs, grad, &before, direction),
                None => pairs.clear(),
            }
            steepest(direction, grad);
            multiply(&pairs, direction);
            // Rounding in ill-conditioned pairs.
            if dot(grad, direction) >= 0.0 {
                pairs.clear();
                steepest(direction, grad);
            }
            if pairs.is_empty() { first_guess(grad) } else { 1.0 }
        })
    }
}

/// A step s and what it did to the gradient, y.
struct Pair<S: Scalar> {
    s: Buf<S>,
    y: Buf<S>,
    /// yᵀ s.
    curvature: f64,
}

impl Lbfgs {
    fn remember<S: Scalar>(&self, pairs: &mut VecDeque<Pair<S>>, grad: &[S], before: &Before<'_, S>, direction: &[S]) {
        if self.memory == 0 {
            return;
        }
        let oldest = if pairs.len() == self.memory { pairs.pop_front() } else { None };
        let zeros = || Buf::zeros(grad.len());
        let mut pair = oldest.unwrap_or_else(|| Pair { s: zeros(), y: zeros(), curvature: 0.0 });
        let step = S::of(before.step);
        elementwise::zip(&mut pair.s, direction, |s, d| *s = step * d);
        pair.y.copy_from_slice(grad);
        add_scaled(&mut pair.y, -1.0, before.grad);
        pair.curvature = dot(&pair.s, &pair.y);
        // The second Wolfe condition makes it positive; a search that gave up does not.
        if pair.curvature > f64::EPSILON * dot(&pair.y, &pair.y) {
            pairs.push_back(pair);
        }
    }
}

/// v ← H v, by the recursion in two loops.
fn multiply<S: Scalar>(pairs: &VecDeque<Pair<S>>, v: &mut [S]) {
    let Some(last) = pairs.back() else { return };
    let mut shares = vec![0.0; pairs.len()];
    for (Pair { s, y, curvature }, share) in pairs.iter().zip(&mut shares).rev() {
        *share = dot(s, v) / curvature;
        add_scaled(v, -*share, y);
    }
    let scale = S::of(last.curvature / dot(&last.y, &last.y));
    elementwise::each(v, |v| *v *= scale);
    for (Pair { s, y, curvature }, share) in pairs.iter().zip(&shares) {
        add_scaled(v, share - dot(y, v) / curvature, s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pairs are there after a step of 1 along 1, which has changed the gradient from the first to the second.
    fn remembered(before: f64, grad: f64) -> usize {
        let mut pairs = VecDeque::new();
        let before = Before { grad: &[before], step: 1.0, slope: -1.0 };
        Lbfgs::default().remember(&mut pairs, &[grad], &before, &[1.0]);
        pairs.len()
    }

    #[test]
    fn what_curves_upward_is_remembered_however_little() {
        assert_eq!([remembered(0.0, 1e-10), remembered(-1.0, 2.0)], [1, 1]);
        assert_eq!([remembered(0.5, 0.5), remembered(0.0, -1.0), remembered(0.0, f64::NAN)], [0, 0, 0]);
        // What one digit of the gradient could do is no curvature.
        assert_eq!(remembered(0.0, 1e17), 0);
    }

    /// H y = s for the last pair (the secant equation), and H is the matrix that the formula builds.
    #[test]
    fn products_are_those_of_the_matrix() {
        let n = 5;
        let vector = |seed: usize| (0..n).map(|i| ((3 * i + 7 * seed) as f64).sin()).collect::<Vec<f64>>();
        let mut pairs = VecDeque::new();
        for k in 0..3 {
            let s = vector(k);
            let y: Vec<f64> =
                s.iter().zip(vector(k + 9)).enumerate().map(|(i, (s, r))| (1.0 + i as f64) * s + 0.1 * r).collect();
            pairs.push_back(Pair { curvature: dot(&s, &y), s: Buf::copy_of(&s), y: Buf::copy_of(&y) });
        }
        let mut last = pairs[2].y.clone();
        multiply(&pairs, &mut last);
        assert!(last.iter().zip(&pairs[2].s[..]).all(|(got, want)| (got - want).abs() < 1e-13));

        let mut h: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        let scale = pairs[2].curvature / dot(&pairs[2].y, &pairs[2].y);
        h.iter_mut().flatten().for_each(|h| *h *= scale);
        for Pair { s, y, curvature } in &pairs {
            let left = |i: usize, k: usize| f64::from(u8::from(i == k)) - s[i] * y[k] / curvature;
            let next = |i: usize, j: usize| {
                let product: f64 = (0..n)
                    .flat_map(|k| (0..n).map(move |l| (k, l)))
                    .map(|(k, l)| left(i, k) * h[k][l] * left(j, l))
                    .sum();
                product + s[i] * s[j] / curvature
            };
            h = (0..n).map(|i| (0..n).map(|j| next(i, j)).collect()).collect();
        }
        let v = vector(77);
        let mut got = v.clone();
        multiply(&pairs, &mut got);
        for (row, got) in h.iter().zip(got) {
            let want: f64 = row.iter().zip(&v).map(|(h, v)| h * v).sum();
            assert!((got - want).abs() < 1e-12, "{got}, should be {want}");
        }
    }
}
