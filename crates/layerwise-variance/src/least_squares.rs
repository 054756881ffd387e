//! Least squares in closed form: w minimizes 1/n ‖Φw − y‖² + λ‖w‖², the least one of them if there are several.
//!
//! By the singular values s of Φ = U S Vᵀ: w = V s/(s² + nλ) Uᵀ y (Hoerl and Kennard 1970, "Ridge regression"; without λ the
//! pseudoinverse, Penrose 1955).

use layerwise_data::{Dataset, Target};
use layerwise_tensor::{Key, Purpose};
use layerwise_train::TrainError;
use nalgebra::DMatrix;

use crate::trainer::{Fit, Trainer};

/// Singular values below this share of the largest count as 0.
const SMALL: f64 = 1e-12;

/// What a linear model is linear in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The first so many features, without a constant.
    Linear {
        /// How many; all if there are fewer.
        features: usize,
    },
    /// P₀ … P_degree of the first feature, which should lie in \[−1, 1\]. Legendre's polynomials are orthogonal there, with
    /// ∫ Pₖ² = 2/(2k + 1).
    Legendre {
        /// The highest degree.
        degree: usize,
    },
    /// max(0, uⱼᵀx) / √units with normal uⱼ of variance 1/d, drawn by the seed: the random features of Belkin et al. (2019).
    RandomRelu {
        /// How many.
        units: usize,
    },
}

/// Least squares with a ridge, on values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeastSquares {
    /// What it is linear in.
    pub basis: Basis,
    /// λ.
    pub ridge: f64,
}

impl Basis {
    /// Φ: a row a sample, a column a function.
    ///
    /// Shapes: x is features × n, the result n × functions.
    pub fn values(&self, x: &DMatrix<f64>, seed: u64) -> DMatrix<f64> {
        let (d, n) = x.shape();
        match *self {
            Basis::Linear { features } => x.rows(0, features.min(d)).transpose(),
            Basis::Legendre { degree } => {
                let mut values = DMatrix::from_element(n, degree + 1, 1.0);
                for (row, x) in x.row(0).iter().enumerate() {
                    for k in 0..degree {
                        let below = if k == 0 { 0.0 } else { values[(row, k - 1)] };
                        let k64 = k as f64;
                        values[(row, k + 1)] = ((2.0 * k64 + 1.0) * x * values[(row, k)] - k64 * below) / (k64 + 1.0);
                    }
                }
                values
            }
            Basis::RandomRelu { units } => {
                let mut rng = Key::new(seed, Purpose::Init).rng();
                let (into, out) = ((d as f64).sqrt(), (units as f64).sqrt());
                let directions = DMatrix::from_fn(d, units, |_, _| rng.normal() / into);
                (x.transpose() * directions).map(|a| a.max(0.0) / out)
            }
        }
    }
}

impl Trainer for LeastSquares {
    fn name(&self) -> String {
        format!("{self:?}")
    }

    fn fit(&self, rows: &Dataset, seed: u64, _stop: &dyn Fn() -> bool) -> Result<Fit, TrainError> {
        let Target::Values { values, .. } = &rows.target else {
            return Err(TrainError::recipe("target", "should be values for least squares, got classes"));
        };
        if !(self.ridge >= 0.0 && self.ridge.is_finite()) {
            let problem = format!("should be a finite number of at least 0, got {}", self.ridge);
            return Err(TrainError::recipe("ridge", problem));
        }
        let svd = self.basis.values(&rows.x, seed).svd(true, true);
        let (Some(u), Some(vt)) = (&svd.u, &svd.v_t) else {
            return Err(TrainError::recipe("basis", "should have singular vectors, got none"));
        };
        let least = SMALL * svd.singular_values.max();
        let penalty = rows.len() as f64 * self.ridge;
        let mut w = u.transpose() * values.transpose();
        for (mut row, s) in w.row_iter_mut().zip(&svd.singular_values) {
            row *= if *s > least { s / (s * s + penalty) } else { 0.0 };
        }
        let (basis, w) = (self.basis, vt.transpose() * w);
        Ok(Fit::new(move |x| (basis.values(x, seed) * &w).transpose().as_slice().to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(x: &[f64], y: &[f64]) -> Dataset {
        let values = DMatrix::from_row_slice(1, y.len(), y);
        let target = Target::Values { values, names: vec!["y".into()] };
        Dataset::new("line", vec!["x".into()], DMatrix::from_row_slice(1, x.len(), x), target).unwrap()
    }

    fn fitted(basis: Basis, ridge: f64, rows: &Dataset, at: &[f64]) -> Vec<f64> {
        let fit = LeastSquares { basis, ridge }.fit(rows, 1, &|| false).unwrap();
        (fit.predict)(&DMatrix::from_row_slice(1, at.len(), at)).unwrap()
    }

    #[track_caller]
    fn close(a: &[f64], b: &[f64]) {
        assert!(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} {b:?}");
    }

    #[test]
    fn slopes_polynomials_and_least_norms_by_hand() {
        // Σxy / (Σx² + nλ) = 11/(5 + 2λ).
        let rows = line(&[1.0, 2.0], &[3.0, 4.0]);
        close(&fitted(Basis::Linear { features: 1 }, 0.0, &rows, &[1.0, -1.0]), &[2.2, -2.2]);
        close(&fitted(Basis::Linear { features: 3 }, 0.25, &rows, &[1.0]), &[2.0]);
        // P₂ = (3x² − 1)/2, P₃ = (5x³ − 3x)/2: any cubic through four points.
        let x = [-0.9, -0.2, 0.4, 1.0];
        let cubic = |x: f64| 1.0 - 2.0 * x + 0.5 * x * x + 4.0 * x * x * x;
        let rows = line(&x, &x.map(cubic));
        close(&fitted(Basis::Legendre { degree: 3 }, 0.0, &rows, &[0.7, -0.5]), &[cubic(0.7), cubic(-0.5)]);
        let p = Basis::Legendre { degree: 3 }.values(&DMatrix::from_element(1, 1, 0.5), 0);
        close(p.as_slice(), &[1.0, 0.5, -0.125, -0.4375]);
        // One equation, two unknowns: w = Φᵀ y / ‖Φ‖² with Φ = (1, ½), y = 5: (4, 2), so f(x) = 4 + 2x.
        close(&fitted(Basis::Legendre { degree: 1 }, 0.0, &line(&[0.5], &[5.0]), &[0.0, 1.0]), &[4.0, 6.0]);
    }

    #[test]
    fn random_features_are_fixed_by_their_seed_and_interpolate_if_there_are_enough() {
        let rows = line(&[-1.0, 1.0, 2.0], &[1.0, 3.0, 6.0]);
        let basis = Basis::RandomRelu { units: 40 };
        // ReLU of a line through 0 is linear on either side: 3x on the right, −x on the left.
        close(&fitted(basis, 0.0, &rows, &[-3.0, 1.5]), &[3.0, 4.5]);
        assert_eq!(basis.values(&rows.x, 3), basis.values(&rows.x, 3));
        assert_ne!(basis.values(&rows.x, 3), basis.values(&rows.x, 4));
    }

    #[test]
    fn classes_and_negative_ridges_are_refused() {
        let say = |ridge: f64, rows: &Dataset| {
            LeastSquares { basis: Basis::Linear { features: 1 }, ridge }
                .fit(rows, 1, &|| false)
                .unwrap_err()
                .to_string()
        };
        let blobs = layerwise_data::two_blobs(10, 2, 1.0, 1);
        assert_eq!(say(0.0, &blobs), "target: should be values for least squares, got classes");
        let rows = line(&[1.0], &[1.0]);
        assert_eq!(say(-1.0, &rows), "ridge: should be a finite number of at least 0, got -1");
        assert!(say(f64::NAN, &rows).contains("got NaN"));
    }
}
