//! Initial parameters, as part of a layer's description.
//!
//! With n_in columns and n_out rows: LeCun (1998) Var w = 1/n_in; Glorot and Bengio (2010, eq. 16)
//! w ~ U(±√(6/(n_in + n_out))); He et al. (2015, eq. 10) Var w = 2/n_in; the old heuristic U(±1/√n_in) whose failure in deep
//! nets Glorot and Bengio documented; orthogonal, Saxe et al. (2013), also as the start of LSUV; identity, Le, Jaitly and
//! Hinton (2015); sparse, Martens (2010): so many nonzero N(0, 1)/… weights a
//! unit.

use layerwise_tensor::{MatMut, Rng, Scalar};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// How a parameter block starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Init {
    /// What fits the activation that follows; Glorot if nothing has a say.
    #[default]
    Auto,
    /// N(0, 1/n_in).
    Lecun,
    /// U(±√(6/(n_in + n_out))).
    Glorot,
    /// N(0, 2/(n_in + n_out)).
    GlorotNormal,
    /// N(0, 2/n_in).
    He,
    /// U(±√(6/n_in)).
    HeUniform,
    /// U(±1/√n_in), the old heuristic.
    UniformFanIn,
    /// A random orthogonal matrix (orthonormal rows or columns) times `gain`.
    Orthogonal {
        /// Factor on the matrix.
        gain: f64,
    },
    /// `gain` on the diagonal, 0 elsewhere: what recurrent weights of rectified units start as (Le, Jaitly and Hinton 2015).
    Identity {
        /// The number on the diagonal.
        gain: f64,
    },
    /// Layer-sequential unit variance: a random orthogonal matrix, which whoever has data scales until the outputs of its layer have
    /// variance 1 (`layerwise-train` does). Source: Mishkin and Matas (2016), "All you need is a good init", algorithm 1.
    Lsuv,
    /// `nonzero` weights of each unit are N(0, deviation²), the others 0.
    Sparse {
        /// Nonzero weights a unit (at most n_in).
        nonzero: usize,
        /// Their standard deviation.
        deviation: f64,
    },
    /// N(0, deviation²).
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
    /// U(±bound).
    Uniform {
        /// Largest absolute value.
        bound: f64,
    },
    /// All equal.
    Constant {
        /// The value.
        value: f64,
    },
}

impl Init {
    /// Whether its numbers are usable: `Err` names the field.
    pub fn check(&self) -> Result<(), String> {
        let (name, value) = match *self {
            Init::Orthogonal { gain } | Init::Identity { gain } => ("gain", gain),
            Init::Sparse { deviation, nonzero } if nonzero > 0 => ("deviation", deviation),
            Init::Sparse { .. } => return Err("nonzero should be at least 1, got 0".into()),
            Init::Normal { deviation } => ("deviation", deviation),
            Init::Uniform { bound } => ("bound", bound),
            Init::Constant { value } if value.is_finite() => return Ok(()),
            Init::Constant { value } => return Err(format!("value should be finite, got {value}")),
            _ => return Ok(()),
        };
        if value >= 0.0 && value.is_finite() {
            Ok(())
        } else {
            Err(format!("{name} should be a finite number of at least 0, got {value}"))
        }
    }

    /// Fills a block of n_out rows and n_in columns.
    pub fn fill<S: Scalar>(&self, mut block: MatMut<'_, S>, rng: &mut Rng) {
        let (n_out, n_in) = (block.rows(), block.cols());
        let (fan_in, fan_sum) = (n_in as f64, (n_in + n_out) as f64);
        let mut each = |draw: &mut dyn FnMut(&mut Rng) -> f64| {
            for w in block.data() {
                *w = S::of(draw(rng));
            }
        };
        match *self {
            Init::Auto | Init::Glorot => {
                let bound = (6.0 / fan_sum).sqrt();
                each(&mut |rng| rng.between(-bound, bound));
            }
            Init::Lecun => each(&mut |rng| rng.normal() / fan_in.sqrt()),
            Init::GlorotNormal => each(&mut |rng| rng.normal() * (2.0 / fan_sum).sqrt()),
            Init::He => each(&mut |rng| rng.normal() * (2.0 / fan_in).sqrt()),
            Init::HeUniform => {
                let bound = (6.0 / fan_in).sqrt();
                each(&mut |rng| rng.between(-bound, bound));
            }
            Init::UniformFanIn => {
                let bound = 1.0 / fan_in.sqrt();
                each(&mut |rng| rng.between(-bound, bound));
            }
            Init::Normal { deviation } => each(&mut |rng| rng.normal() * deviation),
            Init::Uniform { bound } => each(&mut |rng| rng.between(-bound, bound)),
            Init::Constant { value } => each(&mut |_| value),
            Init::Lsuv => Init::Orthogonal { gain: 1.0 }.fill(block, rng),
            Init::Orthogonal { gain } => {
                // Q of a Gaussian matrix, with the signs of R's diagonal, is uniform over orthogonal matrices (Mezzadri 2007).
                let (long, short) = (n_out.max(n_in), n_out.min(n_in));
                let qr = DMatrix::from_fn(long, short, |_, _| rng.normal()).qr();
                let (q, r) = (qr.q(), qr.r());
                for j in 0..n_in {
                    for (i, w) in block.col(j).iter_mut().enumerate() {
                        let (row, col) = if n_out >= n_in { (i, j) } else { (j, i) };
                        *w = S::of(gain * q[(row, col)] * r[(col, col)].signum());
                    }
                }
            }
            Init::Identity { gain } => {
                block.data().fill(S::ZERO);
                for i in 0..n_in.min(n_out) {
                    block.col(i)[i] = S::of(gain);
                }
            }
            Init::Sparse { nonzero, deviation } => {
                block.data().fill(S::ZERO);
                let mut inputs: Vec<usize> = (0..n_in).collect();
                for unit in 0..n_out {
                    rng.shuffle(&mut inputs);
                    for &input in inputs.iter().take(nonzero) {
                        block.col(input)[unit] = S::of(rng.normal() * deviation);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerwise_tensor::{Key, Purpose};

    const ROWS: usize = 300;
    const COLS: usize = 200;

    fn filled(init: Init) -> DMatrix<f64> {
        let mut m = DMatrix::from_element(ROWS, COLS, f64::NAN);
        init.fill(MatMut::from(&mut m), &mut Key::new(5, Purpose::Init).rng());
        m
    }

    /// Variance against its formula; the relative standard error of 60,000 normal numbers is 0.6 %.
    fn check(init: Init, variance: f64, largest: f64) {
        let m = filled(init);
        let got = m.iter().map(|w| w * w).sum::<f64>() / m.len() as f64;
        assert!((got / variance - 1.0).abs() < 0.03, "{init:?}: variance {got}, should be {variance}");
        assert!(m.iter().all(|w| w.abs() <= largest), "{init:?}");
    }

    #[test]
    fn variances_are_those_of_the_papers() {
        let (n_in, n_out) = (COLS as f64, ROWS as f64);
        let inf = f64::INFINITY;
        check(Init::Lecun, 1.0 / n_in, inf);
        check(Init::Glorot, 2.0 / (n_in + n_out), (6.0 / (n_in + n_out)).sqrt());
        check(Init::Auto, 2.0 / (n_in + n_out), (6.0 / (n_in + n_out)).sqrt());
        check(Init::GlorotNormal, 2.0 / (n_in + n_out), inf);
        check(Init::He, 2.0 / n_in, inf);
        check(Init::HeUniform, 2.0 / n_in, (6.0 / n_in).sqrt());
        check(Init::UniformFanIn, 1.0 / (3.0 * n_in), 1.0 / n_in.sqrt());
        check(Init::Normal { deviation: 0.3 }, 0.09, inf);
        check(Init::Uniform { bound: 0.3 }, 0.03, 0.3);
        check(Init::Sparse { nonzero: 15, deviation: 2.0 }, 4.0 * 15.0 / n_in, inf);
    }

    #[test]
    fn orthogonal_columns_are_orthonormal_and_sparse_rows_have_so_many_weights() {
        let q = filled(Init::Orthogonal { gain: 2.0 });
        let error = (q.transpose() * &q / 4.0 - DMatrix::identity(COLS, COLS)).amax();
        assert!(error < 1e-12, "{error}");
        let mut wide = DMatrix::from_element(20, 50, 0.0);
        Init::Orthogonal { gain: 1.0 }.fill(MatMut::from(&mut wide), &mut Key::new(5, Purpose::Init).rng());
        assert!((&wide * wide.transpose() - DMatrix::identity(20, 20)).amax() < 1e-12);
        for (rows, cols) in [(2, 3), (3, 2)] {
            let mut m = DMatrix::from_element(rows, cols, f64::NAN);
            Init::Identity { gain: 0.5 }.fill(MatMut::from(&mut m), &mut Key::new(5, Purpose::Init).rng());
            assert_eq!(m, DMatrix::identity(rows, cols) * 0.5);
        }
        assert_eq!(
            Init::Identity { gain: -1.0 }.check().unwrap_err(),
            "gain should be a finite number of at least 0, got -1"
        );
        assert_eq!(filled(Init::Lsuv), q / 2.0);
        let sparse = filled(Init::Sparse { nonzero: 15, deviation: 1.0 });
        assert!(sparse.row_iter().all(|row| row.iter().filter(|w| **w != 0.0).count() == 15));
    }
}
