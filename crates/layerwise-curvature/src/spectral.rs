//! What is asked of a curvature matrix that is known by its products with vectors.

use std::fmt;

use layerwise_core::{Curvature, Real};
use layerwise_stats::Estimate;
use layerwise_tensor::Buf;

use crate::density::{Density, SpectralDensity};
use crate::exact::Exact;
use crate::lanczos::{Lanczos, Spectrum};
use crate::trace::Trace;

/// A curvature matrix whose spectrum can be looked at. The methods are the shortest way to the estimators, which take any product.
pub trait Spectral<T: Real>: Curvature<T> {
    /// 1 at the coordinates that the matrix acts on, 0 at padding.
    fn space(&self) -> Buf<T>;

    /// Extreme eigenvalues with their eigenvectors, whose padding is 0.
    ///
    /// Errors: a setting that makes no sense.
    fn spectrum(&mut self, request: &Lanczos) -> Result<Spectrum<T>, CurvatureError> {
        let space = self.space();
        request.run(&space, |v, out| self.product(v, out))
    }

    /// The sum of the eigenvalues, estimated.
    ///
    /// Errors: a setting that makes no sense.
    fn trace(&mut self, request: &Trace) -> Result<Estimate, CurvatureError> {
        let space = self.space();
        request.run(&space, |v, out| self.product(v, out))
    }

    /// How the eigenvalues are spread, estimated.
    ///
    /// Errors: a setting that makes no sense; a product that is not finite.
    fn density(&mut self, request: &Density) -> Result<SpectralDensity, CurvatureError> {
        let space = self.space();
        request.run(&space, |v, out| self.product(v, out))
    }

    /// The whole matrix, for at most [`Exact::MOST`] parameters.
    ///
    /// Errors: there are more; a product that is not finite.
    fn exact(&mut self) -> Result<Exact, CurvatureError> {
        let space = self.space();
        Exact::of(&space, |v, out| self.product(v, out))
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CurvatureError {
    /// Who was asked, and for what.
    at: &'static str,
    expected: String,
    got: String,
}

impl CurvatureError {
    pub(crate) fn new(at: &'static str, expected: impl Into<String>, got: impl ToString) -> CurvatureError {
        CurvatureError { at, expected: expected.into(), got: got.to_string() }
    }

    /// A product, the `n`-th, was infinite or NaN.
    pub(crate) fn not_finite(at: &'static str, n: usize) -> CurvatureError {
        CurvatureError::new(at, "finite", format!("a product, number {n}, that is not"))
    }
}

impl fmt::Display for CurvatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} should be {}, got {}", self.at, self.expected, self.got)
    }
}

impl std::error::Error for CurvatureError {}
