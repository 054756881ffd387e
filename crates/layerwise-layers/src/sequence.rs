//! Samples that are sequences: a column is T steps of `channels` numbers, step after step, so that a batch of d·T × n *is* a matrix
//! of d × nT. Recurrent layers compute on a copy in the order of time, where a step of all samples is one contiguous matrix.
//!
//! Padding is data: the last channel m of a padded sequence is 1 for a step and 0 for what fills up. States move as
//! hₜ = mₜ h̃ₜ + (1 − mₜ) hₜ₋₁, which is exact for both and a smooth function of any m.

use layerwise_core::{Plan, ShapeError};
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};
use serde::{Deserialize, Serialize};

/// What a recurrent layer puts out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Returns {
    /// The state after the last step.
    #[default]
    Last,
    /// The states after all steps, step after step; each followed by the flag of its step if steps are padded.
    Every,
}

/// The settings that recurrent layers share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    pub channels: usize,
    pub units: usize,
    pub padded: bool,
    pub returns: Returns,
    pub truncate: Option<usize>,
}

/// The number of steps in an input of this width.
pub(crate) fn steps(channels: usize, padded: bool, d_in: usize) -> Result<usize, ShapeError> {
    at_least("channels", 1 + usize::from(padded), channels)?;
    if d_in == 0 || !d_in.is_multiple_of(channels) {
        let expected = format!("a multiple of channels ({channels}), at least one step");
        return Err(ShapeError::mismatch("", "input width", expected, d_in));
    }
    Ok(d_in / channels)
}

/// Refuses less.
pub(crate) fn at_least(what: &str, least: usize, got: usize) -> Result<(), ShapeError> {
    if got >= least { Ok(()) } else { Err(ShapeError::mismatch("", what, format!("at least {least}"), got)) }
}

/// Cuts memory into pieces of so many numbers a column each; the last may be empty.
pub(crate) fn cut<S, const K: usize>(mut memory: &mut [S], n: usize, widths: [usize; K]) -> [&mut [S]; K] {
    widths.map(|width| memory.split_off_mut(..width * n).unwrap_or_default())
}

/// Copies a batch into the order of time: the first `width` channels of each step to `plane`, step after step, each width × n; the
/// channel behind them to `flag`, n numbers a step, or `other` if there is none.
pub(crate) fn gather<S: Scalar>(
    batch: Mat<'_, S>,
    [width, channels]: [usize; 2],
    plane: &mut [S],
    flag: &mut [S],
    other: S,
) {
    let n = batch.cols();
    for (j, sample) in batch.columns().enumerate() {
        for (t, step) in sample.chunks_exact(channels).enumerate() {
            let at = t * n + j;
            plane[at * width..(at + 1) * width].copy_from_slice(&step[..width]);
            flag[at] = step.get(width).copied().unwrap_or(other);
        }
    }
}

/// The inverse of [`gather`]: from the order of time into a batch.
pub(crate) fn scatter<S: Scalar>(plane: &[S], flag: &[S], [width, channels]: [usize; 2], batch: &mut MatMut<'_, S>) {
    let (rows, n) = (batch.rows(), batch.cols());
    for (j, sample) in batch.data().chunks_exact_mut(rows).enumerate() {
        for (t, step) in sample.chunks_exact_mut(channels).enumerate() {
            let at = t * n + j;
            step[..width].copy_from_slice(&plane[at * width..(at + 1) * width]);
            step[width..].fill(flag[at]);
        }
    }
}

/// a ← W x + b 1ᵀ, for all steps at once.
pub(crate) fn dense<S: Scalar>(a: &mut [S], w: Mat<'_, S>, x: Mat<'_, S>, b: &[S]) {
    let mut a = MatMut::new(a, w.rows(), x.cols());
    S::gemm(a.reborrow(), Write::Set, Op::N(w), Op::N(x));
    elementwise::add_bias(&mut a, b);
}

impl Sequence {
    /// [numbers of a step without the flag, and with it].
    pub fn inputs(&self) -> [usize; 2] {
        [self.channels - usize::from(self.padded), self.channels]
    }

    /// [units, numbers that are put out for each step].
    fn outputs(&self) -> [usize; 2] {
        [self.units, self.units + usize::from(self.padded)]
    }

    /// The number of steps, and a plan without blocks and scratch.
    pub fn plan(&self, d_in: usize) -> Result<(usize, Plan), ShapeError> {
        let steps = steps(self.channels, self.padded, d_in)?;
        at_least("units", 1, self.units)?;
        at_least("truncate", 1, self.truncate.unwrap_or(1))?;
        let d_out = match self.returns {
            Returns::Last => self.units,
            Returns::Every => steps * self.outputs()[1],
        };
        Ok((steps, Plan::new(d_out).states(steps, self.units)))
    }

    /// Whether the gradient goes from step t back to the step before.
    pub fn crosses(&self, t: usize) -> bool {
        !t.is_multiple_of(self.truncate.unwrap_or(usize::MAX))
    }

    /// y ← the last of the states, or all with their flags.
    pub fn write<S: Scalar>(&self, states: &[S], flag: &[S], mut y: MatMut<'_, S>) {
        match self.returns {
            Returns::Last => {
                let last = states.len() - self.units * y.cols();
                y.data().copy_from_slice(&states[last..]);
            }
            Returns::Every => scatter(states, flag, self.outputs(), &mut y),
        }
    }

    /// What ∂L/∂y says about the states and the flags themselves.
    pub fn read_deltas<S: Scalar>(&self, dy: Mat<'_, S>, delta: &mut [S], dflag: &mut [S]) {
        match self.returns {
            Returns::Last => {
                let (before, last) = delta.split_at_mut(delta.len() - dy.data().len());
                before.fill(S::ZERO);
                last.copy_from_slice(dy.data());
                dflag.fill(S::ZERO);
            }
            Returns::Every => gather(dy, self.outputs(), delta, dflag, S::ZERO),
        }
    }
}

/// The setting by which the gradient is no derivative.
pub(crate) fn truncated(truncate: Option<usize>) -> Option<&'static str> {
    truncate.map(|_| "truncate")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence() -> Sequence {
        Sequence { channels: 3, units: 2, padded: true, returns: Returns::Last, truncate: None }
    }

    #[test]
    fn shape_mistakes_are_refused_by_name() {
        let check = |s: Sequence, d_in: usize, message: &str| {
            assert_eq!(s.plan(d_in).unwrap_err().to_string(), message);
        };
        check(sequence(), 100, ": input width should be a multiple of channels (3), at least one step, got 100");
        check(sequence(), 0, ": input width should be a multiple of channels (3), at least one step, got 0");
        check(Sequence { channels: 0, padded: false, ..sequence() }, 6, ": channels should be at least 1, got 0");
        check(Sequence { channels: 1, ..sequence() }, 6, ": channels should be at least 2, got 1");
        check(Sequence { units: 0, ..sequence() }, 6, ": units should be at least 1, got 0");
        check(Sequence { truncate: Some(0), ..sequence() }, 6, ": truncate should be at least 1, got 0");
        assert!(Sequence { channels: 2, truncate: Some(1), units: 1, ..sequence() }.plan(2).is_ok());
        assert!(Sequence { channels: 1, padded: false, ..sequence() }.plan(1).is_ok());
    }

    #[test]
    fn widths_follow_from_what_is_returned() {
        let (steps, plan) = sequence().plan(12).unwrap();
        assert_eq!((steps, plan.d_out, plan.states.map(|s| (s.steps, s.units))), (4, 2, Some((4, 2))));
        let every = Sequence { returns: Returns::Every, ..sequence() };
        assert_eq!(every.plan(12).unwrap().1.d_out, 4 * 3);
        assert_eq!(Sequence { padded: false, ..every }.plan(12).unwrap().1.d_out, 4 * 2);
    }

    #[test]
    fn the_order_of_time_and_back() {
        // Two samples of three steps of two channels and a flag.
        let data: Vec<f64> = (0..18).map(f64::from).collect();
        let (mut plane, mut flag) = ([0.0; 12], [0.0; 6]);
        gather(Mat::new(&data, 9, 2), [2, 3], &mut plane, &mut flag, 7.0);
        assert_eq!(plane, [0.0, 1.0, 9.0, 10.0, 3.0, 4.0, 12.0, 13.0, 6.0, 7.0, 15.0, 16.0]);
        assert_eq!(flag, [2.0, 11.0, 5.0, 14.0, 8.0, 17.0]);
        let mut back = [f64::NAN; 18];
        scatter(&plane, &flag, [2, 3], &mut MatMut::new(&mut back, 9, 2));
        assert_eq!(back[..], data);
        gather(Mat::new(&data[..12], 6, 2), [2, 2], &mut plane, &mut flag, 7.0);
        assert_eq!((plane[2], flag), (6.0, [7.0; 6]));
    }

    #[test]
    fn the_gradient_stops_at_every_boundary_and_before_the_first_step() {
        let crossed = |truncate| (0..7).filter(|&t| Sequence { truncate, ..sequence() }.crosses(t)).collect::<Vec<_>>();
        assert_eq!(crossed(None), [1, 2, 3, 4, 5, 6]);
        assert_eq!(crossed(Some(3)), [1, 2, 4, 5]);
        assert_eq!(crossed(Some(1)), [0; 0]);
    }

    #[test]
    fn memory_is_cut_in_order() {
        let mut memory = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let [a, b, c] = cut(&mut memory, 2, [1, 0, 3]);
        assert_eq!((&*a, &*b, &*c), (&[0, 1][..], &[][..], &[2, 3, 4, 5, 6, 7][..]));
    }
}
