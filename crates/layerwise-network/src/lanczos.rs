//! Extreme eigenvalues and eigenvectors of a symmetric operator from its products with vectors: the Lanczos process.
//!
//! Source: Lanczos (1950); with full reorthogonalization, repeated where cancellation was strong ("twice is enough": Daniel, Gragg,
//! Kaufman and Stewart 1976). From a random unit vector v₁ it builds an orthonormal basis V and a tridiagonal T with
//! A V = V T + β v eᵀ; an eigenpair (λ, s) of T gives λ and V s, and ‖A V s − λ V s‖ = |β sₘ|. Some eigenvalue of A lies within that
//! of λ, and usually much nearer: its error is of second order in the residual.
//!
//! An eigenvalue of multiplicity above 1 is found once: the basis sees one direction of its eigenspace. Only where the basis is
//! invariant before it has given enough pairs, it goes on from another random vector, and finds others.

use std::fmt;

use layerwise_tensor::{Buf, Key, Purpose, Scalar, orthogonal};
use nalgebra::{DMatrix, SymmetricEigen};

/// Which eigenvalues are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The largest ones: of a Hessian, the directions of strongest curvature upward.
    Largest,
    /// The smallest ones; negative ones of a Hessian prove that a critical point is no minimum.
    Smallest,
    /// Those of largest magnitude.
    Magnitude,
}

/// How eigenvalues are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Lanczos {
    /// How many eigenpairs.
    pub count: usize,
    /// Which.
    pub wanted: Wanted,
    /// Bound on ‖A v − λ v‖ / |λ| of every pair; rounding sets a floor to what can be had.
    pub tolerance: f64,
    /// At most so many products with the operator. As many vectors are kept.
    pub max_products: usize,
    /// Seed of the random start.
    pub seed: u64,
}

impl Default for Lanczos {
    /// The largest eigenvalue, to a residual of 10⁻³.
    fn default() -> Self {
        Lanczos { count: 1, wanted: Wanted::Largest, tolerance: 1e-3, max_products: 100, seed: 0 }
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LanczosError {
    what: &'static str,
    expected: String,
    got: String,
}

impl fmt::Display for LanczosError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lanczos: {} should be {}, got {}", self.what, self.expected, self.got)
    }
}

impl std::error::Error for LanczosError {}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Every wanted pair meets the tolerance.
    Converged,
    /// The products were used up.
    MaxProducts,
    /// A product was infinite or NaN; what was found before is kept.
    NotFinite,
}

/// Eigenpairs, the most wanted first.
#[derive(Clone, Debug)]
pub struct Spectrum<S: Scalar> {
    /// Eigenvalues; fewer than wanted if there were too few products.
    pub values: Vec<f64>,
    /// Unit eigenvectors; the sign is arbitrary.
    pub vectors: Vec<Buf<S>>,
    /// ‖A v − λ v‖ of every pair, by the recurrence.
    pub residuals: Vec<f64>,
    /// Products with the operator.
    pub products: usize,
    /// Why it ended.
    pub stop: Stop,
}

impl Lanczos {
    /// Eigenpairs of the operator `product(v, out)`: out ← A v, with A symmetric.
    ///
    /// `space` is 1 at the coordinates that vectors live in and 0 at the others (padding; layers that are left out), where they stay
    /// 0: the operator is then P A P with the projection P on that space.
    ///
    /// Cost: besides the products, 4 m passes over a vector in step m. Memory: one vector a product.
    /// Errors: a setting that makes no sense. Panics: if `product` does.
    pub fn run<S: Scalar>(
        &self,
        space: &[S],
        mut product: impl FnMut(&[S], &mut [S]),
    ) -> Result<Spectrum<S>, LanczosError> {
        let dimension = space.iter().filter(|&&s| s != S::ZERO).count();
        self.check(dimension)?;
        // Below this relative size, a remainder is rounding.
        let rounding = 16.0 * epsilon::<S>();
        let mut stream = 0;
        let mut random = |basis: &[Buf<S>]| {
            let mut rng = Key::new(self.seed, Purpose::Direction).layer(stream).rng();
            stream += 1;
            let mut v = Buf::zeros(space.len());
            for (v, &space) in v.iter_mut().zip(space) {
                *v = S::of(rng.normal()) * space;
            }
            for _ in 0..2 {
                remove(&mut v, basis);
            }
            normalize(&mut v);
            v
        };
        let mut basis: Vec<Buf<S>> = vec![random(&[])];
        let (mut diagonal, mut off) = (Vec::<f64>::new(), Vec::<f64>::new());
        let mut ritz = Ritz::default();
        let stop = loop {
            let m = basis.len();
            let mut w = Buf::zeros(space.len());
            product(&basis[m - 1], &mut w);
            for (w, &space) in w.iter_mut().zip(space) {
                *w *= space;
            }
            let before = norm(&w);
            if !before.is_finite() {
                break Stop::NotFinite;
            }
            let mut alpha = remove(&mut w, &basis)[m - 1];
            let mut beta = norm(&w);
            if beta < 0.7 * before {
                alpha += remove(&mut w, &basis)[m - 1];
                beta = norm(&w);
            }
            diagonal.push(alpha);
            let scale = ritz.scale.max(before);
            let invariant = m == dimension || beta <= rounding * scale;
            if invariant {
                beta = 0.0;
            }
            ritz = Ritz::of(&diagonal, &off, beta, self);
            let enough = ritz.values.len() == self.count;
            let small = |(value, residual): (&f64, &f64)| {
                *residual <= (self.tolerance * value.abs()).max(rounding * ritz.scale)
            };
            if enough && ritz.values.iter().zip(&ritz.residuals).all(small) {
                break Stop::Converged;
            }
            if m == self.max_products {
                break Stop::MaxProducts;
            }
            off.push(beta);
            basis.push(if invariant {
                random(&basis)
            } else {
                scale_by(&mut w, 1.0 / beta);
                w
            });
        };
        let products = basis.len();
        let vectors = ritz.vectors.iter().map(|s| {
            let mut v = Buf::zeros(space.len());
            orthogonal::add_combination(&mut v, &basis[..s.len()], s);
            v
        });
        Ok(Spectrum { vectors: vectors.collect(), values: ritz.values, residuals: ritz.residuals, products, stop })
    }

    fn check(&self, dimension: usize) -> Result<(), LanczosError> {
        let refuse = |what, expected: String, got: String| Err(LanczosError { what, expected, got });
        if self.count == 0 || self.count > dimension {
            return refuse("count", format!("between 1 and the dimension {dimension}"), self.count.to_string());
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return refuse("tolerance", "between 0 and 1".to_string(), self.tolerance.to_string());
        }
        if self.max_products < self.count {
            return refuse("max_products", format!("at least the count {}", self.count), self.max_products.to_string());
        }
        Ok(())
    }
}

/// The wanted eigenpairs of the tridiagonal matrix.
#[derive(Default)]
struct Ritz {
    values: Vec<f64>,
    /// In the basis.
    vectors: Vec<Vec<f64>>,
    residuals: Vec<f64>,
    /// Largest magnitude of all its eigenvalues.
    scale: f64,
}

impl Ritz {
    fn of(diagonal: &[f64], off: &[f64], beta: f64, request: &Lanczos) -> Ritz {
        let m = diagonal.len();
        let t = DMatrix::from_fn(m, m, |i, j| match i.abs_diff(j) {
            0 => diagonal[i],
            1 => off[i.min(j)],
            _ => 0.0,
        });
        let eigen = SymmetricEigen::new(t);
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (eigen.eigenvalues[a], eigen.eigenvalues[b]);
            match request.wanted {
                Wanted::Largest => b.total_cmp(&a),
                Wanted::Smallest => a.total_cmp(&b),
                Wanted::Magnitude => b.abs().total_cmp(&a.abs()),
            }
        });
        order.truncate(request.count);
        Ritz {
            values: order.iter().map(|&i| eigen.eigenvalues[i]).collect(),
            vectors: order.iter().map(|&i| eigen.eigenvectors.column(i).iter().copied().collect()).collect(),
            residuals: order.iter().map(|&i| (beta * eigen.eigenvectors[(m - 1, i)]).abs()).collect(),
            scale: eigen.eigenvalues.iter().fold(0.0, |scale: f64, value| scale.max(value.abs())),
        }
    }
}

/// w ← w − V (Vᵀ w). Returns Vᵀ w.
fn remove<S: Scalar>(w: &mut [S], basis: &[Buf<S>]) -> Vec<f64> {
    let mut coefficients = vec![0.0; basis.len()];
    orthogonal::dots(basis, w, &mut coefficients);
    let negative: Vec<f64> = coefficients.iter().map(|c| -c).collect();
    orthogonal::add_combination(w, basis, &negative);
    coefficients
}

fn norm<S: Scalar>(w: &[S]) -> f64 {
    orthogonal::dot(w, w).sqrt()
}

fn normalize<S: Scalar>(w: &mut [S]) {
    let norm = norm(w);
    scale_by(w, 1.0 / norm);
}

fn scale_by<S: Scalar>(w: &mut [S], factor: f64) {
    for w in w {
        *w *= S::of(factor);
    }
}

/// Distance from 1 to the next number.
fn epsilon<S: Scalar>() -> f64 {
    let mut epsilon = 1.0;
    while S::of(1.0 + epsilon / 2.0) > S::ONE {
        epsilon /= 2.0;
    }
    epsilon
}
