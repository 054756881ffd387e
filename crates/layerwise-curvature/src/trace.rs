//! The trace of a symmetric matrix from its products with vectors: tr A ≈ tr(QᵀAQ) + 1/p Σ gᵢᵀ(I − QQᵀ)A(I − QQᵀ)gᵢ.
//!
//! Source: Meyer, Musco, Musco and Woodruff (2021), "Hutch++: optimal stochastic trace estimation". Q is an orthonormal basis of A S
//! for a random S: where few eigenvalues dominate, as those of a network do, it holds them, and their part is exact. The rest is
//! estimated as by Girard (1989) and Hutchinson (1990), from independent normal vectors, so that its mean has a standard error and
//! Student's interval. (Without Q the terms would be skewed, and the interval would hold less often than it says.)

use layerwise_stats::Estimate;
use layerwise_tensor::{Buf, Scalar, orthogonal};

use crate::krylov::{dimension, norm, normal, normalize, project, remove, rounding};
use crate::spectral::CurvatureError;

/// How a trace is estimated.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// Products with the matrix: a third to find Q, a third for its part, a third for the rest. At least 6.
    pub products: usize,
    /// Seed of the random vectors.
    pub seed: u64,
}

impl Default for Trace {
    /// 60 products.
    fn default() -> Self {
        Trace { products: 60, seed: 0 }
    }
}

impl Trace {
    /// The trace of the operator `product(v, out)`: out ← A v, with A symmetric, on the coordinates where `space` is 1.
    ///
    /// Where Q spans all of the space, the trace is exact up to rounding, which the standard error then is a bound of.
    ///
    /// Cost: besides the products, products²/3 passes over a vector. Memory: products/3 vectors.
    /// Errors: fewer than 6 products; a product that is not finite. Panics: if `product` does.
    pub fn run<S: Scalar>(
        &self,
        space: &[S],
        mut product: impl FnMut(&[S], &mut [S]),
    ) -> Result<Estimate, CurvatureError> {
        if self.products < 6 {
            return Err(CurvatureError::new("trace: products", "at least 6", self.products));
        }
        let n = dimension(space);
        let third = self.products / 3;
        let mut done = 0;
        let mut multiply = |v: &[S], out: &mut [S]| {
            out.fill(S::ZERO);
            product(v, out);
            project(out, space);
            done += 1;
            if norm(out).is_finite() { Ok(()) } else { Err(CurvatureError::not_finite("trace: the matrix", done)) }
        };
        let mut out = Buf::zeros(space.len());
        let mut basis: Vec<Buf<S>> = Vec::new();
        for number in 0..third.min(n) {
            multiply(&normal(space, self.seed, number as u64), &mut out)?;
            let mut q = out.clone();
            let whole = norm(&q);
            for _ in 0..2 {
                remove(&mut q, &basis);
            }
            // Else A S has a lower rank than S.
            if norm(&q) > rounding::<S>() * whole {
                normalize(&mut q);
                remove(&mut q, &basis);
                normalize(&mut q);
                basis.push(q);
            }
        }
        let (mut inside, mut size) = (0.0, 0.0);
        for q in &basis {
            multiply(q, &mut out)?;
            let part = orthogonal::dot(q, &out);
            inside += part;
            size += part.abs();
        }
        let floor = rounding::<S>() * size;
        if basis.len() == n {
            return Ok(Estimate { value: inside, error: floor, freedom: (third - 1) as f64 });
        }
        let mut terms = Vec::new();
        for number in third..2 * third {
            let mut g = normal(space, self.seed, number as u64);
            for _ in 0..2 {
                remove(&mut g, &basis);
            }
            multiply(&g, &mut out)?;
            terms.push(orthogonal::dot(&g, &out));
        }
        let rest = Estimate::of(&terms);
        Ok(Estimate { value: inside + rest.value, error: rest.error.max(floor), freedom: rest.freedom })
    }
}
