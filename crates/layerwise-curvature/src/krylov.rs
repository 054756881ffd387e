//! The Lanczos process: an orthonormal basis V of the span of v, Av, A²v, … and the tridiagonal T = Vᵀ A V.
//!
//! Source: Lanczos (1950); with full reorthogonalization, repeated where cancellation was strong ("twice is enough": Daniel, Gragg,
//! Kaufman and Stewart 1976).

use layerwise_tensor::{Buf, Key, Purpose, Scalar, orthogonal};
use nalgebra::{DMatrix, SymmetricEigen};

/// A basis that grows by one vector a product.
#[derive(Debug)]
pub(crate) struct Krylov<'a, S: Scalar> {
    space: &'a [S],
    dimension: usize,
    pub(crate) basis: Vec<Buf<S>>,
    diagonal: Vec<f64>,
    off: Vec<f64>,
    /// What the last product left, orthogonal to the basis.
    rest: Buf<S>,
    /// Its norm: A V = V T + β v eᵀ. 0 if the basis is invariant.
    pub(crate) beta: f64,
    /// The largest ‖A v‖ so far, a lower bound of ‖A‖.
    pub(crate) scale: f64,
}

impl<'a, S: Scalar> Krylov<'a, S> {
    /// Starts from a unit vector of this space of this dimension.
    pub(crate) fn new(space: &'a [S], dimension: usize, first: Buf<S>) -> Self {
        let rest = Buf::zeros(space.len());
        Krylov { space, dimension, basis: vec![first], diagonal: vec![], off: vec![], rest, beta: 0.0, scale: 0.0 }
    }

    /// Multiplies the last vector of the basis. Returns whether the product is finite; if not, nothing has changed.
    pub(crate) fn multiply(&mut self, product: &mut impl FnMut(&[S], &mut [S])) -> bool {
        let m = self.basis.len();
        self.rest.fill(S::ZERO);
        product(&self.basis[m - 1], &mut self.rest);
        project(&mut self.rest, self.space);
        let before = norm(&self.rest);
        if !before.is_finite() {
            return false;
        }
        let mut alpha = remove(&mut self.rest, &self.basis)[m - 1];
        self.beta = norm(&self.rest);
        if self.beta < 0.7 * before {
            alpha += remove(&mut self.rest, &self.basis)[m - 1];
            self.beta = norm(&self.rest);
        }
        self.diagonal.push(alpha);
        self.scale = self.scale.max(before);
        if m == self.dimension || self.beta <= rounding::<S>() * self.scale {
            self.beta = 0.0;
        }
        true
    }

    /// Adds what the last product left; if nothing, `other` of the basis.
    pub(crate) fn extend(&mut self, other: impl FnOnce(&[Buf<S>]) -> Buf<S>) {
        let next = if self.beta == 0.0 {
            other(&self.basis)
        } else {
            let mut next = std::mem::replace(&mut self.rest, Buf::zeros(self.space.len()));
            scale_by(&mut next, 1.0 / self.beta);
            next
        };
        self.off.push(self.beta);
        self.basis.push(next);
    }

    /// The eigenvalues and eigenvectors of T.
    pub(crate) fn eigen(&self) -> SymmetricEigen<f64, nalgebra::Dyn> {
        let m = self.diagonal.len();
        SymmetricEigen::new(DMatrix::from_fn(m, m, |i, j| match i.abs_diff(j) {
            0 => self.diagonal[i],
            1 => self.off[i.min(j)],
            _ => 0.0,
        }))
    }

    /// Σ sᵢ vᵢ.
    pub(crate) fn combine(&self, s: &[f64]) -> Buf<S> {
        let mut v = Buf::zeros(self.space.len());
        orthogonal::add_combination(&mut v, &self.basis[..s.len()], s);
        v
    }
}

/// How many coordinates there are.
pub(crate) fn dimension<S: Scalar>(space: &[S]) -> usize {
    space.iter().filter(|&&s| s != S::ZERO).count()
}

/// Below this relative size, a remainder is rounding.
pub(crate) fn rounding<S: Scalar>() -> f64 {
    let mut epsilon = 1.0;
    while S::of(1.0 + epsilon / 2.0) > S::ONE {
        epsilon /= 2.0;
    }
    16.0 * epsilon
}

/// Independent normal numbers at the coordinates of the space: the `number`-th such vector of a seed.
pub(crate) fn normal<S: Scalar>(space: &[S], seed: u64, number: u64) -> Buf<S> {
    let mut rng = Key::new(seed, Purpose::Direction).layer(number).rng();
    let mut v = Buf::zeros(space.len());
    for (v, &space) in v.iter_mut().zip(space) {
        *v = S::of(rng.normal()) * space;
    }
    v
}

/// v ← P v.
pub(crate) fn project<S: Scalar>(v: &mut [S], space: &[S]) {
    for (v, &space) in v.iter_mut().zip(space) {
        *v *= space;
    }
}

/// w ← w − V (Vᵀ w). Returns Vᵀ w.
pub(crate) fn remove<S: Scalar>(w: &mut [S], basis: &[Buf<S>]) -> Vec<f64> {
    let mut coefficients = vec![0.0; basis.len()];
    orthogonal::dots(basis, w, &mut coefficients);
    let negative: Vec<f64> = coefficients.iter().map(|c| -c).collect();
    orthogonal::add_combination(w, basis, &negative);
    coefficients
}

/// ‖w‖.
pub(crate) fn norm<S: Scalar>(w: &[S]) -> f64 {
    orthogonal::dot(w, w).sqrt()
}

/// w ← w / ‖w‖. Returns ‖w‖.
pub(crate) fn normalize<S: Scalar>(w: &mut [S]) -> f64 {
    let norm = norm(w);
    scale_by(w, 1.0 / norm);
    norm
}

fn scale_by<S: Scalar>(w: &mut [S], factor: f64) {
    for w in w {
        *w *= S::of(factor);
    }
}
