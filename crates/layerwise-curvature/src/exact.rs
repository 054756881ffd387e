//! The whole matrix of small networks, column by column, and all of its eigenvalues.

use layerwise_tensor::{Buf, Scalar};
use nalgebra::DMatrix;

use crate::krylov::{dimension, rounding};
use crate::spectral::CurvatureError;

/// A symmetric matrix with its eigenvalues.
#[derive(Clone, Debug)]
pub struct Exact {
    /// Over the coordinates of the space, without padding, in order.
    pub matrix: DMatrix<f64>,
    /// All eigenvalues, ascending.
    pub eigenvalues: Vec<f64>,
    /// Eigenvalues below this magnitude cannot be told from 0.
    pub floor: f64,
}

impl Exact {
    /// The most parameters: n products, n² numbers, and n³ operations for the eigenvalues.
    pub const MOST: usize = 2000;

    /// The matrix of the operator `product(v, out)`: out ← A v, with A symmetric, on the coordinates where `space` is 1.
    ///
    /// Errors: more than [`Exact::MOST`] coordinates; a product that is not finite. Panics: if `product` does.
    pub fn of<S: Scalar>(space: &[S], mut product: impl FnMut(&[S], &mut [S])) -> Result<Exact, CurvatureError> {
        let (matrix, _) = Self::assemble(space, &mut product)?;
        let n = matrix.nrows();
        let mut eigenvalues: Vec<f64> = matrix.symmetric_eigenvalues().iter().copied().collect();
        eigenvalues.sort_by(f64::total_cmp);
        let scale = eigenvalues.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        Ok(Exact { matrix, eigenvalues, floor: rounding::<S>() * (n as f64).sqrt() * scale })
    }

    /// The matrix alone, and the places of its coordinates.
    pub(crate) fn assemble<S: Scalar>(
        space: &[S],
        product: &mut impl FnMut(&[S], &mut [S]),
    ) -> Result<(DMatrix<f64>, Vec<usize>), CurvatureError> {
        let n = dimension(space);
        if n > Self::MOST {
            let got = format!("{n}; `spectrum`, `trace` and `density` estimate it from a few products");
            return Err(CurvatureError::new("exact: parameters", format!("at most {}", Self::MOST), got));
        }
        let places: Vec<usize> = (0..space.len()).filter(|&i| space[i] != S::ZERO).collect();
        let (mut v, mut out) = (Buf::zeros(space.len()), Buf::zeros(space.len()));
        let mut matrix = DMatrix::zeros(n, n);
        for (j, &place) in places.iter().enumerate() {
            v[place] = S::ONE;
            product(&v, &mut out);
            v[place] = S::ZERO;
            for (i, &place) in places.iter().enumerate() {
                matrix[(i, j)] = out[place].value();
            }
            if !matrix.column(j).iter().all(|x| x.is_finite()) {
                return Err(CurvatureError::not_finite("exact: the matrix", j + 1));
            }
        }
        // Symmetric but for rounding.
        Ok((0.5 * (&matrix + matrix.transpose()), places))
    }

    /// How many eigenvalues are negative: the index of a critical point, 0 of a minimum.
    pub fn index(&self) -> usize {
        self.eigenvalues.iter().filter(|value| **value < -self.floor).count()
    }

    /// How many eigenvalues are 0, up to rounding: the dimensions in which the risk is flat to second order.
    pub fn nullity(&self) -> usize {
        self.eigenvalues.iter().filter(|value| value.abs() <= self.floor).count()
    }

    /// The sum of the eigenvalues.
    pub fn trace(&self) -> f64 {
        self.matrix.trace()
    }

    /// 1/n Σ N(x; λᵢ, σ²).
    pub fn density(&self, x: f64, sigma: f64) -> f64 {
        let terms = self.eigenvalues.iter().map(|value| crate::density::bell(x - value, sigma));
        terms.sum::<f64>() / self.eigenvalues.len() as f64
    }
}
