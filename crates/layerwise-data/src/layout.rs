//! Samples that are sequences: T steps of some channels, step after step, so that all samples have the same width.
//!
//! Shorter sequences are padded. Then the last channel of each step is a flag: 1 for a step, 0 for padding, whose other channels
//! mean nothing. Scaling is learnt for each channel over all real steps: a feature of a network that does the same at every step
//! may not be scaled by the step.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::DataError;
use crate::standardize::{Scaler, Scaling, Standardizer};

/// How the features of a sample are the steps of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Numbers a step, the flag included.
    pub channels: usize,
    /// Whether the last channel of a step is 1 for a step and 0 for padding.
    #[serde(default)]
    pub padded: bool,
}

impl Layout {
    /// Channels that are no flag.
    pub fn inputs(&self) -> usize {
        self.channels - usize::from(self.padded)
    }

    /// Refuses a number of features that is not some steps.
    ///
    /// Errors: `set`, what it should be and what it is.
    pub fn check(&self, set: &str, n_features: usize) -> Result<(), DataError> {
        let least = 1 + usize::from(self.padded);
        if self.channels < least {
            return Err(DataError::argument(set, "channels", format_args!("at least {least}"), self.channels));
        }
        if n_features == 0 || !n_features.is_multiple_of(self.channels) {
            let expected = format_args!("a multiple of channels ({})", self.channels);
            return Err(DataError::argument(set, "number of features", expected, n_features));
        }
        Ok(())
    }
}

impl Dataset {
    /// The same data set, whose samples are sequences.
    ///
    /// Errors: a number of features that is not some steps, or a flag that is neither 0 nor 1.
    pub fn with_layout(self, layout: Layout) -> Result<Dataset, DataError> {
        layout.check(&self.name, self.n_features())?;
        let flags = self.x.as_slice().chunks_exact(layout.channels).enumerate();
        let wrong = |(_, step): &(usize, &[f64])| step[layout.inputs()..].iter().any(|&f| f != 0.0 && f != 1.0);
        if let Some((at, step)) = flags.into_iter().find(wrong) {
            let steps = self.n_features() / layout.channels;
            let what = format!("flag of step {} of sample {}", at % steps, at / steps);
            return Err(DataError::argument(&self.name, &what, "0 or 1", step[layout.inputs()]));
        }
        Ok(Dataset { layout: Some(layout), ..self })
    }
}

impl Scaler {
    /// Fits a scaling to the features of training rows; of sequences to each channel, over all real steps. Flags stay as they are.
    ///
    /// Errors: as for [`Scaler::fit`].
    pub fn fit_features(scaling: Scaling, data: &Dataset) -> Result<Scaler, DataError> {
        let Some(layout) = data.layout else { return Scaler::fit(scaling, &data.x) };
        let (inputs, steps) = (layout.inputs(), data.n_features() / layout.channels);
        let real = |step: &&[f64]| step[inputs..].iter().all(|&flag| flag == 1.0);
        let steps_of = data.x.as_slice().chunks_exact(layout.channels).filter(real);
        let numbers: Vec<f64> = steps_of.flat_map(|step| step[..inputs].to_vec()).collect();
        let fit = Scaler::fit(scaling, &DMatrix::from_vec(inputs, numbers.len() / inputs, numbers))?;
        let everywhere = |of: Vec<f64>, flag: f64| -> Vec<f64> {
            let step: Vec<f64> = of.into_iter().chain(layout.padded.then_some(flag)).collect();
            step.repeat(steps)
        };
        Ok(match fit {
            Scaler::None => Scaler::None,
            Scaler::Standardize(Standardizer { mean, scale }) => {
                Scaler::Standardize(Standardizer { mean: everywhere(mean, 0.0), scale: everywhere(scale, 1.0) })
            }
            Scaler::MinMax { minimum, range } => {
                Scaler::MinMax { minimum: everywhere(minimum, 0.0), range: everywhere(range, 1.0) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Target;

    /// Two samples of two steps of two channels and a flag; the second has one real step.
    fn set() -> Dataset {
        let x = [1.0, 10.0, 1.0, 2.0, 20.0, 1.0, 6.0, 60.0, 1.0, 777.0, 888.0, 0.0];
        let names = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec();
        let target = Target::Classes { labels: vec![0, 0], names: vec!["x".into()] };
        Dataset::new("toy", names, DMatrix::from_column_slice(6, 2, &x), target).unwrap()
    }

    const LAYOUT: Layout = Layout { channels: 3, padded: true };

    #[test]
    fn scales_are_those_of_the_channels_over_real_steps_and_flags_stay() {
        let set = set().with_layout(LAYOUT).unwrap();
        let Scaler::Standardize(fit) = Scaler::fit_features(Scaling::Standardize, &set).unwrap() else { panic!() };
        // 1, 2, 6: mean 3, deviations 2, 1, 3.
        let scale = (14.0f64 / 3.0).sqrt();
        let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(&fit.mean, &[3.0, 30.0, 0.0, 3.0, 30.0, 0.0]), "{:?}", fit.mean);
        assert!(close(&fit.scale, &[scale, 10.0 * scale, 1.0, scale, 10.0 * scale, 1.0]), "{:?}", fit.scale);
        let fit = Scaler::fit_features(Scaling::MinMax, &set).unwrap();
        let expected = Scaler::MinMax { minimum: [1.0, 10.0, 0.0].repeat(2), range: [5.0, 50.0, 1.0].repeat(2) };
        assert_eq!(fit, expected);
        assert_eq!(Scaler::fit_features(Scaling::None, &set).unwrap(), Scaler::None);
        let plain = Dataset { layout: None, ..set };
        assert_eq!(
            Scaler::fit_features(Scaling::MinMax, &plain).unwrap(),
            Scaler::fit(Scaling::MinMax, &plain.x).unwrap()
        );
    }

    #[test]
    fn without_flags_every_step_is_real() {
        let set = set().with_layout(Layout { channels: 3, padded: false }).unwrap();
        let Scaler::MinMax { minimum, range } = Scaler::fit_features(Scaling::MinMax, &set).unwrap() else { panic!() };
        assert_eq!((minimum, range), ([1.0, 10.0, 0.0].repeat(2), [776.0, 878.0, 1.0].repeat(2)));
    }

    #[test]
    fn what_is_no_sequence_is_refused() {
        let message = |layout| set().with_layout(layout).unwrap_err().to_string();
        assert_eq!(
            message(Layout { channels: 4, padded: false }),
            "toy: number of features should be a multiple of channels (4), got 6"
        );
        assert_eq!(message(Layout { channels: 0, padded: false }), "toy: channels should be at least 1, got 0");
        assert_eq!(message(Layout { channels: 1, padded: true }), "toy: channels should be at least 2, got 1");
        assert_eq!(
            message(Layout { channels: 2, padded: true }),
            "toy: flag of step 0 of sample 0 should be 0 or 1, got 10"
        );
        let kept = set().with_layout(LAYOUT).unwrap().subset(&[1]);
        assert_eq!(kept.layout, Some(LAYOUT));
    }
}
