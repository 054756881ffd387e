//! Extreme eigenvalues and eigenvectors of a symmetric operator from its products with vectors.
//!
//! An eigenpair (λ, s) of the tridiagonal T of the Lanczos process gives λ and V s, and ‖A V s − λ V s‖ = |β sₘ|. Some eigenvalue of A
//! lies within that of λ, and usually much nearer: its error is of second order in the residual.
//!
//! No residual says that an eigenvalue is the largest one: a start without any part of its eigenvector never sees it. The start is
//! random, so that this is improbable, and how much so is known: for n ≥ 2 dimensions and m products,
//! P(λ₁ − θ₁ > ε (λ₁ − λₙ)) ≤ 1.648 √n exp(−√ε (2m − 1)) (Kuczyński and Woźniakowski 1992, theorem 4.2). [`Spectrum::largest`] and
//! [`Spectrum::smallest`] are the intervals that follow.
//!
//! An eigenvalue of multiplicity above 1 is found once: the basis sees one direction of its eigenspace. Only where the basis is
//! invariant before it has given enough pairs, it goes on from another random vector, and finds others.

use layerwise_stats::Interval;
use layerwise_tensor::{Buf, Scalar};

use crate::krylov::{Krylov, dimension, normal, normalize, remove, rounding};
use crate::spectral::CurvatureError;

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
    seen: Seen,
}

/// What the tridiagonal matrix says about both ends of the spectrum.
#[derive(Clone, Copy, Debug)]
struct Seen {
    low: f64,
    high: f64,
    /// Finite products from the random start, before the basis was invariant.
    products: usize,
    dimension: usize,
    /// The basis was invariant: both are eigenvalues to rounding, and the largest and smallest of the matrix with probability 1.
    exact: bool,
    /// Of the numbers above.
    rounding: f64,
}

impl<S: Scalar> Spectrum<S> {
    /// Where the largest eigenvalue of the matrix lies with at least the probability `confidence`, over random starts; also if
    /// others were wanted. Unbounded above after too few products.
    pub fn largest(&self, confidence: f64) -> Interval {
        let Seen { high, rounding, .. } = self.seen;
        Interval { low: high - rounding, high: high + rounding + self.seen.beyond(confidence) }
    }

    /// Where the smallest eigenvalue of the matrix lies, likewise.
    pub fn smallest(&self, confidence: f64) -> Interval {
        let Seen { low, rounding, .. } = self.seen;
        Interval { low: low - rounding - self.seen.beyond(confidence), high: low + rounding }
    }
}

impl Seen {
    /// How far an eigenvalue may lie beyond what was seen. With λ₁ ≤ θ₁ + ε (λ₁ − λₙ) and the same at the other end, each with half of
    /// the error probability, λ₁ − λₙ ≤ (θ₁ − θₙ) / (1 − 2ε).
    fn beyond(&self, confidence: f64) -> f64 {
        if self.exact || self.dimension == 1 {
            return 0.0;
        }
        if self.products == 0 {
            return f64::INFINITY;
        }
        let (n, m) = (self.dimension as f64, self.products as f64);
        let root = ((1.648 * n.sqrt() * 2.0 / (1.0 - confidence)).ln() / (2.0 * m - 1.0)).max(0.0);
        let share = root * root;
        if share < 0.5 { share * (self.high - self.low) / (1.0 - 2.0 * share) } else { f64::INFINITY }
    }
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
    ) -> Result<Spectrum<S>, CurvatureError> {
        let dimension = dimension(space);
        self.check(dimension)?;
        let mut starts = 0;
        let mut random = |basis: &[Buf<S>]| {
            let mut v = normal(space, self.seed, starts);
            starts += 1;
            for _ in 0..2 {
                remove(&mut v, basis);
            }
            normalize(&mut v);
            v
        };
        let mut krylov = Krylov::new(space, dimension, random(&[]));
        let mut ritz = Ritz::default();
        let mut seen =
            Seen { low: f64::INFINITY, high: f64::NEG_INFINITY, products: 0, dimension, exact: false, rounding: 0.0 };
        let stop = loop {
            if !krylov.multiply(&mut product) {
                break Stop::NotFinite;
            }
            ritz = Ritz::of(&krylov, self);
            (seen.low, seen.high) = (seen.low.min(ritz.ends.0), seen.high.max(ritz.ends.1));
            seen.products += usize::from(!seen.exact);
            seen.exact |= krylov.beta == 0.0;
            let enough = ritz.values.len() == self.count;
            let floor = rounding::<S>() * ritz.scale;
            let small = |(value, residual): (&f64, &f64)| *residual <= (self.tolerance * value.abs()).max(floor);
            if enough && ritz.values.iter().zip(&ritz.residuals).all(small) {
                break Stop::Converged;
            }
            if krylov.basis.len() == self.max_products {
                break Stop::MaxProducts;
            }
            krylov.extend(&mut random);
        };
        // Of a product, an error of n numbers each off by half an ulp; a safe multiple of it.
        seen.rounding = rounding::<S>() * (1.0 + (dimension as f64).sqrt() / 16.0) * krylov.scale.max(ritz.scale);
        let vectors = ritz.vectors.iter().map(|s| krylov.combine(s)).collect();
        let products = krylov.basis.len();
        Ok(Spectrum { vectors, values: ritz.values, residuals: ritz.residuals, products, stop, seen })
    }

    fn check(&self, dimension: usize) -> Result<(), CurvatureError> {
        if self.count == 0 || self.count > dimension {
            let expected = format!("between 1 and the dimension {dimension}");
            return Err(CurvatureError::new("lanczos: count", expected, self.count));
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return Err(CurvatureError::new("lanczos: tolerance", "between 0 and 1", self.tolerance));
        }
        if self.max_products < self.count {
            let expected = format!("at least the count {}", self.count);
            return Err(CurvatureError::new("lanczos: max_products", expected, self.max_products));
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
    /// The smallest and the largest of all its eigenvalues.
    ends: (f64, f64),
    /// Largest magnitude of all its eigenvalues.
    scale: f64,
}

impl Ritz {
    fn of<S: Scalar>(krylov: &Krylov<'_, S>, request: &Lanczos) -> Ritz {
        let eigen = krylov.eigen();
        let m = eigen.eigenvalues.len();
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
            residuals: order.iter().map(|&i| (krylov.beta * eigen.eigenvectors[(m - 1, i)]).abs()).collect(),
            ends: (eigen.eigenvalues.min(), eigen.eigenvalues.max()),
            scale: eigen.eigenvalues.amax(),
        }
    }
}
