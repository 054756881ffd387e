//! Scaling of features, fitted on the training part only: z = (x − shift) / scale for each feature.
//!
//! Standardize: shift is the mean and scale the population standard deviation √(Σ(x − mean)² / n), by Welford's
//! recurrence (1962), which does not cancel. MinMax: shift is the minimum and scale the range, so that the training
//! data lie in [0, 1]. A feature that is constant (whose scale comes out as 0) gets scale 1, so that it becomes 0 and
//! not NaN.

use std::sync::{Mutex, PoisonError};

use layerwise_tensor::simd::{self, Kernel};
use layerwise_tensor::{Scalar, team};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::error::DataError;

/// How features are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Left as they are.
    None,
    /// To mean 0 and standard deviation 1.
    #[default]
    Standardize,
    /// To the interval [0, 1].
    MinMax,
}

/// Mean and standard deviation of each feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    /// The mean of each feature.
    pub mean: Vec<f64>,
    /// The population standard deviation of each feature, 1 for a constant feature.
    pub scale: Vec<f64>,
}

impl Standardizer {
    /// Mean and standard deviation of each row of `x`.
    ///
    /// Shapes: `x` is features × samples. Errors: a feature whose deviations are too large to be squared, or not
    /// finite.
    pub fn fit(x: &DMatrix<f64>) -> Result<Standardizer, DataError> {
        let (mean, squares) = over_samples(x, [0.0; 2], |i, value, mean, squares| {
            let before = value - *mean;
            *mean += before / (i + 1) as f64;
            *squares += before * (value - *mean);
        });
        let n = x.ncols().max(1) as f64;
        let scale = usable(squares.into_iter().map(|squares: f64| (squares / n).sqrt()))?;
        Ok(Standardizer { mean, scale })
    }

    /// Standardizes `x` in place: (x − mean) / scale.
    ///
    /// Errors: another number of features than that of the fit, or a result that is not finite.
    pub fn transform(&self, x: &mut DMatrix<f64>) -> Result<(), DataError> {
        apply(x, &self.mean, &self.scale, scaled)
    }

    /// Undoes [`Standardizer::transform`]: x · scale + mean.
    ///
    /// Errors: as for [`Standardizer::transform`].
    pub fn inverse(&self, x: &mut DMatrix<f64>) -> Result<(), DataError> {
        apply(x, &self.mean, &self.scale, unscaled)
    }
}

/// A fitted scaling, to be kept with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaler {
    /// Leaves the features as they are.
    None,
    /// Standardizes the features.
    Standardize(Standardizer),
    /// Takes the features to [0, 1].
    MinMax {
        /// The minimum of each feature.
        minimum: Vec<f64>,
        /// The maximum of each feature less its minimum, 1 for a constant feature.
        range: Vec<f64>,
    },
}

impl Scaler {
    /// Fits a scaling to the training data.
    ///
    /// Shapes: `x` is features × samples. Errors: a feature whose spread is not a finite number.
    pub fn fit(scaling: Scaling, x: &DMatrix<f64>) -> Result<Scaler, DataError> {
        Ok(match scaling {
            Scaling::None => Scaler::None,
            Scaling::Standardize => Scaler::Standardize(Standardizer::fit(x)?),
            Scaling::MinMax => {
                let (minimum, maximum) = over_samples(x, [f64::MAX, f64::MIN], |_, value, low, high| {
                    (*low, *high) = (value.min(*low), value.max(*high));
                });
                let range = usable(minimum.iter().zip(&maximum).map(|(low, high)| high - low))?;
                Scaler::MinMax { minimum, range }
            }
        })
    }

    /// Scales `x` in place.
    ///
    /// Errors: another number of features than that of the fit, or a result that is not finite.
    pub fn transform(&self, x: &mut DMatrix<f64>) -> Result<(), DataError> {
        match self.shift_and_scale() {
            None => Ok(()),
            Some((shift, scale)) => apply(x, shift, scale, scaled),
        }
    }

    /// Undoes [`Scaler::transform`].
    ///
    /// Errors: as for [`Scaler::transform`].
    pub fn inverse(&self, x: &mut DMatrix<f64>) -> Result<(), DataError> {
        match self.shift_and_scale() {
            None => Ok(()),
            Some((shift, scale)) => apply(x, shift, scale, unscaled),
        }
    }

    /// [`Scaler::transform`] from one number type into another, computed in `f64`, without allocating.
    ///
    /// Shapes: `x` and `z` hold the `n_features` features of sample after sample. Panics: if they differ in length. Errors: as for
    /// [`Scaler::transform`].
    pub fn transform_into<A: Scalar, B: Scalar>(
        &self,
        n_features: usize,
        x: &[A],
        z: &mut [B],
    ) -> Result<(), DataError> {
        apply_into(n_features, x, z, self.shift_and_scale(), scaled)
    }

    /// [`Scaler::transform_into`] for a whole matrix, shared out among the threads.
    ///
    /// Shapes, panics, errors: as for [`Scaler::transform_into`].
    pub fn transform_all<B: Scalar>(&self, x: &DMatrix<f64>, z: &mut [B]) -> Result<(), DataError> {
        assert!(x.len() == z.len(), "scaling: {} numbers into {}", x.len(), z.len());
        let d = x.nrows();
        let most = x.ncols().div_ceil(4 * team::width()).max(1) * d.max(1);
        let all = Mutex::new(Ok(()));
        in_parts(x.as_slice().chunks(most).zip(z.chunks_mut(most)), |_, (x, z)| {
            if let Err(error) = self.transform_into(d, x, z) {
                *all.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
            }
        });
        all.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Scaler::inverse`] from one number type into another, computed in `f64`, without allocating.
    ///
    /// Shapes, panics, errors: as for [`Scaler::transform_into`].
    pub fn inverse_into<A: Scalar, B: Scalar>(&self, n_features: usize, z: &[A], x: &mut [B]) -> Result<(), DataError> {
        apply_into(n_features, z, x, self.shift_and_scale(), unscaled)
    }

    fn shift_and_scale(&self) -> Option<(&[f64], &[f64])> {
        match self {
            Scaler::None => None,
            Scaler::Standardize(Standardizer { mean, scale }) => Some((mean, scale)),
            Scaler::MinMax { minimum, range } => Some((minimum, range)),
        }
    }
}

#[inline]
fn scaled(value: f64, shift: f64, scale: f64) -> f64 {
    (value - shift) / scale
}

#[inline]
fn unscaled(value: f64, shift: f64, scale: f64) -> f64 {
    value * scale + shift
}

/// Refuses spreads that are not finite and replaces 0 by 1.
fn usable(scales: impl Iterator<Item = f64>) -> Result<Vec<f64>, DataError> {
    let one = |(feature, scale): (usize, f64)| match scale {
        0.0 => Ok(1.0),
        scale if scale.is_finite() => Ok(scale),
        scale => Err(DataError::argument("scaling", &format!("spread of feature {feature}"), "finite", scale)),
    };
    scales.enumerate().map(one).collect()
}

/// Replaces each value by `f(value, shift, scale)` with its feature's shift and scale.
fn apply(
    x: &mut DMatrix<f64>,
    shift: &[f64],
    scale: &[f64],
    f: impl Fn(f64, f64, f64) -> f64,
) -> Result<(), DataError> {
    fits(x.nrows(), shift, scale)?;
    let mut finite = true;
    for mut sample in x.column_iter_mut() {
        for ((value, &shift), &scale) in sample.iter_mut().zip(shift).zip(scale) {
            *value = f(*value, shift, scale);
            finite &= value.is_finite();
        }
    }
    checked(finite)
}

/// Two numbers for each feature, from `start`, to which `f(i, value, a, b)` is done for sample after sample i.
///
/// Features are independent of each other: vectors of them at once, shared out among the threads.
fn over_samples(
    x: &DMatrix<f64>,
    start: [f64; 2],
    f: impl Fn(usize, f64, &mut f64, &mut f64) + Copy + Sync,
) -> (Vec<f64>, Vec<f64>) {
    struct OverSamples<'a, F>(&'a DMatrix<f64>, usize, &'a mut [f64], &'a mut [f64], F);
    impl<F: Fn(usize, f64, &mut f64, &mut f64)> Kernel for OverSamples<'_, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            let OverSamples(x, first, a, b, f) = self;
            for (i, sample) in x.as_slice().chunks_exact(x.nrows()).enumerate() {
                for ((&value, a), b) in sample[first..].iter().zip(&mut *a).zip(&mut *b) {
                    f(i, value, a, b);
                }
            }
        }
    }
    let d = if x.is_empty() { 0 } else { x.nrows() };
    let (mut a, mut b) = (vec![start[0]; d], vec![start[1]; d]);
    let most = d.div_ceil(team::width()).max(1);
    in_parts(a.chunks_mut(most).zip(b.chunks_mut(most)), |part, (a, b)| {
        simd::run(OverSamples(x, part * most, a, b, f));
    });
    (a, b)
}

/// `to` ← f(`from`, shift, scale) for the features of sample after sample; only converted without shift and scale.
fn apply_into<A: Scalar, B: Scalar>(
    n_features: usize,
    from: &[A],
    to: &mut [B],
    scaling: Option<(&[f64], &[f64])>,
    f: impl Fn(f64, f64, f64) -> f64,
) -> Result<(), DataError> {
    struct Apply<'a, A, B, F>(&'a [A], &'a mut [B], (&'a [f64], &'a [f64]), F);
    impl<A: Scalar, B: Scalar, F: Fn(f64, f64, f64) -> f64> Kernel for Apply<'_, A, B, F> {
        type Out = bool;
        #[inline(always)]
        fn run(self) -> bool {
            let Apply(from, to, (shift, scale), f) = self;
            let mut finite = true;
            for (from, to) in from.chunks(shift.len()).zip(to.chunks_mut(shift.len())) {
                for (((from, to), &shift), &scale) in from.iter().zip(to).zip(shift).zip(scale) {
                    let value = f(from.value(), shift, scale);
                    finite &= value.is_finite();
                    *to = B::of(value);
                }
            }
            finite
        }
    }
    assert!(from.len() == to.len(), "scaling: {} numbers into {}", from.len(), to.len());
    let Some((shift, scale)) = scaling else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = B::of(from.value()));
        return Ok(());
    };
    fits(n_features, shift, scale)?;
    checked(from.is_empty() || simd::run(Apply(from, to, (shift, scale), f)))
}

/// Calls `f` with the number of each part and the part, over the current team.
fn in_parts<T: Send>(parts: impl Iterator<Item = T>, f: impl Fn(usize, T) + Sync) {
    let parts: Vec<Mutex<Option<T>>> = parts.map(|part| Mutex::new(Some(part))).collect();
    team::split(parts.len(), 1, parts.len(), &|range| {
        for i in range {
            if let Some(part) = parts[i].lock().unwrap_or_else(PoisonError::into_inner).take() {
                f(i, part);
            }
        }
    });
}

/// Refuses another number of features than that of the fit.
fn fits(n_features: usize, shift: &[f64], scale: &[f64]) -> Result<(), DataError> {
    if n_features == shift.len() && shift.len() == scale.len() {
        return Ok(());
    }
    let expected = format_args!("{}, as in the training data", shift.len());
    Err(DataError::argument("scaling", "number of features", expected, n_features))
}

fn checked(finite: bool) -> Result<(), DataError> {
    if finite { Ok(()) } else { Err(DataError::argument("scaling", "result", "finite", "a number that is not")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slices_are_scaled_like_matrices_and_their_lengths_are_checked() {
        let x = DMatrix::from_fn(3, 20, |i, j| f64::from(((i * 7 + j * j * 3) % 11) as f32 * 0.5));
        let from: Vec<f32> = x.iter().map(|&v| v as f32).collect();
        for scaling in [Scaling::None, Scaling::Standardize, Scaling::MinMax] {
            let scaler = Scaler::fit(scaling, &x).unwrap();
            let mut z = x.clone();
            scaler.transform(&mut z).unwrap();
            let (mut to, mut back) = (vec![f32::NAN; 60], vec![f32::NAN; 60]);
            scaler.transform_into(3, &from, &mut to).unwrap();
            assert!(to.iter().zip(&z).all(|(a, b)| *a == *b as f32));
            scaler.inverse_into(3, &to, &mut back).unwrap();
            assert!(back.iter().zip(&from).all(|(a, b)| (a - b).abs() <= 1e-6));
            scaler.transform_into::<f32, f32>(3, &[], &mut []).unwrap();
            team::Team::new(3).unwrap().install(|| {
                let mut all = vec![f32::NAN; 60];
                scaler.transform_all(&x, &mut all).unwrap();
                assert_eq!(all, to);
                assert_eq!(Scaler::fit(scaling, &x).unwrap(), scaler);
            });
        }
        team::Team::new(2).unwrap().install(|| {
            let mut far = DMatrix::from_element(3, 20, 0.5);
            far[(1, 19)] = f64::NAN;
            let message = Scaler::fit(Scaling::Standardize, &x).unwrap().transform_all(&far, &mut [0.0f32; 60]);
            assert!(message.unwrap_err().to_string().contains("result should be finite"));
        });
        let scaler = Scaler::fit(Scaling::MinMax, &x).unwrap();
        let message = scaler.transform_into(6, &from, &mut [0.0f32; 60]).unwrap_err().to_string();
        assert_eq!(message, "scaling: number of features should be 3, as in the training data, got 6");
        let message = scaler.transform_into(3, &[0.0, f32::NAN, 0.0], &mut [0.0f64; 3]).unwrap_err().to_string();
        assert!(message.contains("result should be finite"), "{message}");
    }

    /// The numbers are those printed by scripts/standardize_digits.py from scikit-learn's StandardScaler and
    /// MinMaxScaler.
    #[test]
    fn agrees_with_scikit_learn_on_the_digits() {
        let mut x = crate::digits().x;
        let fit = Standardizer::fit(&x).unwrap();
        for (feature, mean, scale) in [
            (0, 0.0, 1.0),
            (1, 0.3038397328881469, 0.9069396416225765),
            (21, 7.806343906510851, 6.195597180109219),
            (32, 0.0, 1.0),
            (63, 0.36449638286032277, 1.8596040873906352),
        ] {
            assert!((fit.mean[feature] - mean).abs() < 1e-13, "{feature}");
            assert!((fit.scale[feature] - scale).abs() < 1e-13, "{feature}");
        }
        let mut u = x.clone();
        fit.transform(&mut x).unwrap();
        for (sample, feature, z) in
            [(0, 2, -0.04308101770538793), (100, 21, -0.9371725981721255), (1796, 63, -0.1960075186604789)]
        {
            assert!((x[(feature, sample)] - z).abs() < 1e-13, "{sample} {feature}");
        }
        Scaler::fit(Scaling::MinMax, &u).unwrap().transform(&mut u).unwrap();
        assert!((u.sum() - 35323.99302503053).abs() < 1e-9);
    }

    fn matrix() -> impl Strategy<Value = DMatrix<f64>> {
        (1usize..5, 2usize..40).prop_flat_map(|(d, n)| {
            prop::collection::vec(-1e6..1e6, d * n).prop_map(move |values| DMatrix::from_vec(d, n, values))
        })
    }

    proptest! {
        #[test]
        fn standardized_data_have_mean_0_and_deviation_1(x in matrix(), offset in -1e6..1e6) {
            let x = x.add_scalar(offset);
            let fit = Standardizer::fit(&x).unwrap();
            let mut z = x.clone();
            fit.transform(&mut z).unwrap();
            for row in z.row_iter() {
                prop_assert!(row.mean().abs() < 1e-6);
                prop_assert!((row.variance().sqrt() - 1.0).abs() < 1e-6);
            }
            fit.inverse(&mut z).unwrap();
            prop_assert!((z - x).abs().max() < 1e-8);
        }

        #[test]
        fn min_max_fills_the_unit_interval(x in matrix()) {
            let fit = Scaler::fit(Scaling::MinMax, &x).unwrap();
            let mut z = x.clone();
            fit.transform(&mut z).unwrap();
            for row in z.row_iter() {
                prop_assert!(row.min() == 0.0 && row.max() == 1.0);
            }
            fit.inverse(&mut z).unwrap();
            prop_assert!((z - x).abs().max() < 1e-8);
        }
    }

    #[test]
    fn a_large_mean_does_not_cancel_and_a_constant_becomes_0() {
        let mut x = DMatrix::from_row_slice(2, 3, &[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0, 0.1, 0.1, 0.1]);
        for scaling in [Scaling::Standardize, Scaling::MinMax] {
            let mut z = x.clone();
            Scaler::fit(scaling, &x).unwrap().transform(&mut z).unwrap();
            assert_eq!(z.row(1).iter().copied().collect::<Vec<_>>(), [0.0; 3]);
        }
        let fit = Standardizer::fit(&x).unwrap();
        assert!((fit.scale[0] - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
        let before = x.clone();
        Scaler::None.transform(&mut x).unwrap();
        assert_eq!(x, before);
    }

    #[test]
    fn kept_as_text_it_is_the_same() {
        let fit = Scaler::fit(Scaling::Standardize, &crate::digits().x).unwrap();
        let text = serde_json::to_string(&fit).unwrap();
        assert_eq!(serde_json::from_str::<Scaler>(&text).unwrap(), fit);
    }

    #[test]
    fn other_sizes_and_overflow_are_refused() {
        let fit = Standardizer::fit(&DMatrix::from_row_slice(2, 2, &[0.0, 2e-300, 0.0, 1.0])).unwrap();
        let message = fit.transform(&mut DMatrix::zeros(3, 1)).unwrap_err().to_string();
        assert_eq!(message, "scaling: number of features should be 2, as in the training data, got 3");
        let tiny = Standardizer { mean: vec![0.0], scale: vec![1e-300] };
        let message = tiny.transform(&mut DMatrix::from_element(1, 1, 1e300)).unwrap_err().to_string();
        assert_eq!(message, "scaling: result should be finite, got a number that is not");
        let message = Standardizer::fit(&DMatrix::from_row_slice(1, 2, &[-1e200, 1e200])).unwrap_err().to_string();
        assert_eq!(message, "scaling: spread of feature 0 should be finite, got inf");
    }
}
