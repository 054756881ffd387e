//! How the eigenvalues of a symmetric matrix are spread: its spectral density, smoothed,
//! φ(x) = 1/n Σ N(x; λᵢ, σ²), from products with vectors: stochastic Lanczos quadrature.
//!
//! Source: Ubaru, Chen and Saad (2017); for networks Ghorbani, Krishnan and Xiao (2019). For a normal g, gᵀ f(A) g has the expectation
//! tr f(A). The Lanczos process from g gives it as Gauss's quadrature: ‖g‖² Σ τᵢ² f(θᵢ), with the eigenvalues θᵢ of the tridiagonal
//! matrix and the first components τᵢ of its eigenvectors (Golub and Welsch 1969). Exact for polynomials of degree 2m − 1, it is
//! exact to Σ |aₖ| over k ≥ 2m, the coefficients of f in Chebyshev's polynomials: for a bell of σ = s · half the range,
//! aₖ ≈ √(8/π) s exp(−k²s²/2). That is below 10⁻⁵ of the peak where s ≥ 2.5/m, the width that m products can resolve.

use layerwise_stats::{Estimate, Interval, interval_of_squares};
use layerwise_tensor::Scalar;

use crate::krylov::{Krylov, dimension, normal, normalize};
use crate::spectral::CurvatureError;

/// How a spectral density is estimated.
#[derive(Clone, Copy, Debug)]
pub struct Density {
    /// Random vectors: the standard error falls with the square root of their number.
    pub probes: usize,
    /// Products with the matrix for each: the resolution grows with their number. As many vectors are kept.
    pub steps: usize,
    /// Seed of the random vectors.
    pub seed: u64,
}

impl Default for Density {
    /// 10 probes of 40 products.
    fn default() -> Self {
        Density { probes: 10, steps: 40, seed: 0 }
    }
}

/// An estimated spectral density, at any point and resolution.
#[derive(Clone, Debug)]
pub struct SpectralDensity {
    /// Of each probe: values with their weights, whose expected sum is 1.
    nodes: Vec<Vec<(f64, f64)>>,
    /// The fewest steps of a probe that might have gone on.
    steps: Option<usize>,
    /// Products with the matrix.
    pub products: usize,
}

impl Density {
    /// The density of the eigenvalues of the operator `product(v, out)`: out ← A v, with A symmetric, on the coordinates where
    /// `space` is 1.
    ///
    /// Cost: besides the products, 2 steps² passes over a vector for each probe. Memory: as many vectors as steps.
    /// Errors: no probes or no steps; no coordinates; a product that is not finite. Panics: if `product` does.
    pub fn run<S: Scalar>(
        &self,
        space: &[S],
        mut product: impl FnMut(&[S], &mut [S]),
    ) -> Result<SpectralDensity, CurvatureError> {
        let n = dimension(space);
        for (at, number) in
            [("density: probes", self.probes), ("density: steps", self.steps), ("density: the dimension", n)]
        {
            if number == 0 {
                return Err(CurvatureError::new(at, "at least 1", number));
            }
        }
        let mut density = SpectralDensity { nodes: Vec::new(), steps: None, products: 0 };
        for probe in 0..self.probes {
            let mut g = normal(space, self.seed, probe as u64);
            let norm = normalize(&mut g);
            let mut krylov = Krylov::new(space, n, g);
            for step in 1..=self.steps {
                density.products += 1;
                if !krylov.multiply(&mut product) {
                    return Err(CurvatureError::not_finite("density: the matrix", density.products));
                }
                if krylov.beta == 0.0 {
                    break;
                }
                if step == self.steps {
                    density.steps = Some(step);
                } else {
                    krylov.extend(|basis| basis[0].clone());
                }
            }
            let eigen = krylov.eigen();
            let weight = |i: usize| norm * norm / n as f64 * eigen.eigenvectors[(0, i)].powi(2);
            density.nodes.push(eigen.eigenvalues.iter().enumerate().map(|(i, &value)| (value, weight(i))).collect());
        }
        Ok(density)
    }
}

impl SpectralDensity {
    /// The smallest and the largest value that was seen; the spectrum hardly goes further.
    pub fn range(&self) -> Interval {
        let values = || self.nodes.iter().flatten().map(|(value, _)| *value);
        Interval { low: values().fold(f64::INFINITY, f64::min), high: values().fold(f64::NEG_INFINITY, f64::max) }
    }

    /// The smallest σ that the steps resolve.
    pub fn resolution(&self) -> f64 {
        let half = 0.5 * self.range().width();
        match self.steps {
            Some(steps) if half > 0.0 => 2.5 * half / steps as f64,
            // All eigenvalues were found: any will do.
            _ => {
                if half > 0.0 {
                    half / 50.0
                } else {
                    1.0
                }
            }
        }
    }

    /// φ(x), smoothed by σ.
    pub fn at(&self, x: f64, sigma: f64) -> Estimate {
        Estimate::of(&self.samples(x, sigma))
    }

    /// Where φ(x), smoothed by σ, lies with at least about the probability `confidence`. A σ below the resolution makes it wide.
    pub fn interval(&self, x: f64, sigma: f64, confidence: f64) -> Interval {
        let Interval { low, high } = interval_of_squares(&self.samples(x, sigma), confidence);
        let quadrature = self.steps.map_or(0.0, |steps| {
            let s = sigma / (0.5 * self.range().width()).max(f64::MIN_POSITIVE);
            // Σ over k ≥ 2m of twice √(8/π) s exp(−k²s²/2), as a geometric series from its first term; at most all of the bell.
            let first = 2.0 * (steps as f64) * s;
            let all = 2.0 * 1.6 * s * (-0.5 * first * first).exp() / (-(-first * s).exp_m1());
            all.min(1.0) * bell(0.0, sigma)
        });
        Interval { low: (low - quadrature).max(0.0), high: high + quadrature }
    }

    /// φ at `points` places over all of the range and three σ beyond.
    pub fn curve(&self, points: usize, sigma: f64) -> Vec<(f64, Estimate)> {
        let Interval { low, high } = self.range();
        let (low, high) = (low - 3.0 * sigma, high + 3.0 * sigma);
        let at = |i: usize| low + (high - low) * i as f64 / points.saturating_sub(1).max(1) as f64;
        (0..points).map(|i| (at(i), self.at(at(i), sigma))).collect()
    }

    /// One independent estimate of φ(x) from each probe.
    fn samples(&self, x: f64, sigma: f64) -> Vec<f64> {
        let of = |nodes: &Vec<(f64, f64)>| nodes.iter().map(|(value, weight)| weight * bell(x - value, sigma)).sum();
        self.nodes.iter().map(of).collect()
    }
}

/// N(x; 0, σ²).
pub(crate) fn bell(x: f64, sigma: f64) -> f64 {
    let z = x / sigma;
    (-0.5 * z * z).exp() / (sigma * (2.0 * std::f64::consts::PI).sqrt())
}
