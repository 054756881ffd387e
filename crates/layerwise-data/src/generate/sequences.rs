//! Sequences whose answer depends on what was seen long ago. Source: Hochreiter and Schmidhuber (1997), "Long short-term memory";
//! here in the form of Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", and its code.
//!
//! A sequence has a length l = T + (uniform on 0 … T/10 − 1). Addition and its kin: a step is (marker, value), values uniform on
//! \[0, 1), markers 1 at p₀ uniform on \[0, l/10) and p₁ uniform on \[l/10, l/2), else 0; the answer is (a + b)/2, a b, or for bits
//! a xor b. Order: a step is one of six symbols, as a vector of length 6; A or B at some places, anything of c, d, e, f
//! elsewhere; the class says which, in order. Permutation: the first of many symbols is also the last, which is to be told after
//! T steps.

use layerwise_core::catalog;
use layerwise_tensor::{Key, Purpose, Rng};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::{at_least, check_size, numbered};
use crate::dataset::{Dataset, Target};
use crate::error::DataError;
use crate::layout::Layout;

/// Sequences of different lengths, as a data set whose samples are padded to the longest.
///
/// Shapes: a sample has steps · channels numbers, step after step: step t of sample j is rows t · channels … of column j. Behind
/// the last step of a sample all is 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences {
    /// The padded sequences with what is to be told at their end.
    pub data: Dataset,
    /// Numbers a step.
    pub channels: usize,
    /// Steps of each sample, from 1.
    pub lengths: Vec<usize>,
}

impl Sequences {
    /// Steps of the longest sequence that there may be.
    pub fn steps(&self) -> usize {
        self.data.n_features() / self.channels
    }

    /// The same samples with a flag behind the channels of each step, 1 for a step and 0 for padding: what recurrent layers read.
    pub fn flagged(&self) -> Dataset {
        let (steps, channels) = (self.steps(), self.channels + 1);
        let x = DMatrix::from_fn(steps * channels, self.data.len(), |row, j| match row % channels {
            c if c < self.channels => self.step(row / channels, j)[c],
            _ => f64::from(u8::from(row / channels < self.lengths[j])),
        });
        let of_step =
            |(t, names): (usize, &[String])| names.iter().cloned().chain([format!("t{t}.flag")]).collect::<Vec<_>>();
        let features = self.data.features.chunks(self.channels).enumerate().flat_map(of_step).collect();
        Dataset { x, features, layout: Some(Layout { channels, padded: true }), ..self.data.clone() }
    }

    /// Step `t` of sample `j`: `channels` numbers.
    ///
    /// Panics: if there is no such step or sample.
    pub fn step(&self, t: usize, j: usize) -> &[f64] {
        let start = j * self.data.n_features() + t * self.channels;
        &self.data.x.as_slice()[start..start + self.channels]
    }
}

/// A distribution of sequences.
pub trait SequenceGenerator: std::fmt::Debug + Send + Sync {
    /// `n` sequences from the stream (seed, data).
    ///
    /// Errors: a parameter out of range, no sample, or more numbers than a data set may have.
    fn draw(&self, n: usize, seed: u64) -> Result<Sequences, DataError>;
}

catalog! {
    /// Every generator of sequences, as configurations name it: `"addition"`, or `{ kind = "addition", steps = 100 }`.
    pub enum SequenceGenerators; Box<dyn SequenceGenerator>, Box<dyn SequenceGenerator> = |g| Box::new(g);
    Addition = "addition",
    Multiplication = "multiplication",
    ExclusiveOr = "exclusive-or",
    TemporalOrder = "temporal-order",
    Permutation = "permutation",
}

impl SequenceGenerators {
    /// `n` sequences from the stream (seed, data).
    ///
    /// Errors: as for [`SequenceGenerator::draw`].
    pub fn draw(&self, n: usize, seed: u64) -> Result<Sequences, DataError> {
        self.boxed().draw(n, seed)
    }
}

/// Declares the problems with two marked values.
macro_rules! marked {
    ($($(#[$meta:meta])* $problem:ident, $name:literal, $value:expr, $answer:expr;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $problem {
            /// T: the least length, at least 10.
            pub steps: usize,
        }

        impl Default for $problem {
            fn default() -> Self {
                $problem { steps: 50 }
            }
        }

        impl SequenceGenerator for $problem {
            fn draw(&self, n: usize, seed: u64) -> Result<Sequences, DataError> {
                let (value, answer): (fn(&mut Rng) -> f64, fn(f64, f64) -> f64) = ($value, $answer);
                let mut answers = Vec::new();
                let mut sequences = padded($name, self.steps, 2, n, seed, |sequence, rng| {
                    let l = sequence.len() / 2;
                    sequence.chunks_exact_mut(2).for_each(|step| step[1] = value(rng));
                    let marks = [place(0.0, 0.1, l, rng), place(0.1, 0.5, l, rng)];
                    let [a, b] = marks.map(|t| {
                        sequence[2 * t] = 1.0;
                        sequence[2 * t + 1]
                    });
                    answers.push(answer(a, b));
                })?;
                let values = DMatrix::from_vec(1, n, answers);
                sequences.data.target = Target::Values { values, names: vec!["answer".to_owned()] };
                Ok(sequences)
            }
        }
    )+};
}

marked! {
    /// The mean of the two marked values. Predicting ½ has a mean squared error of 1/24.
    Addition, "addition", |rng| rng.uniform(), |a, b| (a + b) / 2.0;
    /// The product of the two marked values.
    Multiplication, "multiplication", |rng| rng.uniform(), |a, b| a * b;
    /// Whether the two marked bits differ: 1 or 0.
    ExclusiveOr, "exclusive-or", |rng| rng.below(2) as f64, |a, b| (a - b).abs();
}

/// Which of A and B came at each of two or three places: 4 or 8 classes, the first place the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalOrder {
    /// T: the least length, at least 10.
    pub steps: usize,
    /// Number of places, 2 or 3.
    pub places: usize,
}

impl Default for TemporalOrder {
    fn default() -> Self {
        TemporalOrder { steps: 50, places: 2 }
    }
}

impl SequenceGenerator for TemporalOrder {
    fn draw(&self, n: usize, seed: u64) -> Result<Sequences, DataError> {
        let parts: &[(f64, f64)] = match self.places {
            2 => &[(0.1, 0.2), (0.5, 0.6)],
            3 => &[(0.1, 0.2), (0.3, 0.4), (0.6, 0.7)],
            other => return Err(DataError::argument("temporal-order", "places", "2 or 3", other)),
        };
        let mut labels = Vec::new();
        let mut sequences = padded("temporal-order", self.steps, 6, n, seed, |sequence, rng| {
            sequence.chunks_exact_mut(6).for_each(|step| step[2 + rng.below(4)] = 1.0);
            let mut class = 0;
            for (bit, &(from, to)) in parts.iter().enumerate() {
                let t = place(from, to, sequence.len() / 6, rng);
                let symbol = rng.below(2);
                sequence[6 * t..6 * t + 6].fill(0.0);
                sequence[6 * t + symbol] = 1.0;
                class |= symbol << bit;
            }
            labels.push(class as u32);
        })?;
        sequences.data.target = Target::Classes { labels, names: numbered("", 0, 1 << self.places) };
        Ok(sequences)
    }
}

/// The first symbol, one of two, to be told after T − 1 uniform ones of the others. All sequences have T steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Permutation {
    /// T: the length.
    pub steps: usize,
    /// Number of symbols, the two special ones included.
    pub symbols: usize,
}

impl Default for Permutation {
    fn default() -> Self {
        Permutation { steps: 50, symbols: 100 }
    }
}

impl SequenceGenerator for Permutation {
    fn draw(&self, n: usize, seed: u64) -> Result<Sequences, DataError> {
        at_least("permutation", "steps", 1, self.steps)?;
        at_least("permutation", "symbols", 3, self.symbols)?;
        check_size("permutation", n, self.steps.saturating_mul(self.symbols))?;
        let mut labels = Vec::new();
        let lengths = vec![self.steps; n];
        let mut sequences = filled("permutation", self.steps, self.symbols, lengths, seed, |sequence, rng| {
            let first = rng.below(2);
            for (t, step) in sequence.chunks_exact_mut(self.symbols).enumerate() {
                step[if t == 0 { first } else { 2 + rng.below(self.symbols - 2) }] = 1.0;
            }
            labels.push(first as u32);
        });
        sequences.data.target = Target::Classes { labels, names: numbered("", 0, 2) };
        Ok(sequences)
    }
}

/// A step uniform on \[from · l, to · l).
fn place(from: f64, to: f64, l: usize, rng: &mut Rng) -> usize {
    let (first, end) = ((from * l as f64) as usize, (to * l as f64) as usize);
    first + rng.below(end - first)
}

/// The stream of the lengths, apart from that of the steps.
const LENGTHS: u64 = 1;

/// Sequences of T to 1.1 T steps.
fn padded(
    name: &str,
    steps: usize,
    channels: usize,
    n: usize,
    seed: u64,
    fill: impl FnMut(&mut [f64], &mut Rng),
) -> Result<Sequences, DataError> {
    at_least(name, "steps", 10, steps)?;
    let more = steps / 10;
    check_size(name, n, steps.saturating_add(more).saturating_mul(channels))?;
    let mut rng = Key::new(seed, Purpose::Data).layer(LENGTHS).rng();
    let lengths = (0..n).map(|_| steps + rng.below(more)).collect();
    Ok(filled(name, steps + more - 1, channels, lengths, seed, fill))
}

/// Sequences of these lengths, padded to `steps`; `fill` is given the steps of one, all 0.
fn filled(
    name: &str,
    steps: usize,
    channels: usize,
    lengths: Vec<usize>,
    seed: u64,
    mut fill: impl FnMut(&mut [f64], &mut Rng),
) -> Sequences {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    let mut x = DMatrix::zeros(steps * channels, lengths.len());
    for (sequence, length) in x.as_mut_slice().chunks_exact_mut(steps * channels).zip(&lengths) {
        fill(&mut sequence[..length * channels], &mut rng);
    }
    let features = (0..steps).flat_map(|t| (0..channels).map(move |c| format!("t{t}.{c}"))).collect();
    let target = Target::Values { values: DMatrix::zeros(0, 0), names: Vec::new() };
    let data = Dataset { x, target, features, name: name.to_owned(), weights: None, layout: None };
    Sequences { data, channels, lengths }
}

#[cfg(test)]
mod tests {
    use super::super::{labels, message};
    use super::*;

    #[test]
    fn all_problems_pass_the_checks_are_fixed_by_their_seed_and_begin_alike() {
        for generator in SequenceGenerators::all() {
            let draw = |n, seed| generator.draw(n, seed).unwrap();
            let Sequences { data, lengths, .. } = draw(20, 3);
            let again = Dataset::new(&data.name, data.features.clone(), data.x.clone(), data.target.clone());
            assert_eq!(again.as_ref(), Ok(&data));
            assert_ne!(draw(20, 4).data, data);
            assert_eq!(draw(30, 3).data.subset(&(0..20).collect::<Vec<_>>()), data);
            assert_eq!(draw(30, 3).lengths[..20], lengths);
            let text = serde_json::to_string(&generator).unwrap();
            assert_eq!(serde_json::from_str::<SequenceGenerators>(&text).unwrap(), generator);
            assert!(message(generator.draw(0, 1)).ends_with("number of samples should be at least 1, got 0"));
            assert!(message(generator.draw(usize::MAX, 1)).contains("number of samples should be at most"));
        }
    }

    #[test]
    fn a_flag_behind_every_step_says_whether_it_is_one() {
        let set = Addition { steps: 20 }.draw(30, 2).unwrap();
        let flagged = set.flagged();
        assert_eq!(flagged.layout, Some(Layout { channels: 3, padded: true }));
        assert_eq!((flagged.n_features(), &flagged.target), (3 * set.steps(), &set.data.target));
        assert_eq!(flagged.features[3..6], ["t1.0", "t1.1", "t1.flag"]);
        for (j, &l) in set.lengths.iter().enumerate() {
            for (t, step) in flagged.x.column(j).as_slice().chunks(3).enumerate() {
                assert_eq!((&step[..2], step[2]), (set.step(t, j), f64::from(u8::from(t < l))));
            }
        }
        let again = Dataset { layout: None, ..flagged.clone() }.with_layout(Layout { channels: 3, padded: true });
        assert_eq!(again, Ok(flagged));
    }

    #[test]
    fn two_marks_lie_in_their_parts_and_give_the_answer_and_the_padding_is_0() {
        let set = Addition { steps: 40 }.draw(400, 1).unwrap();
        assert_eq!((set.steps(), set.channels), (43, 2));
        let Target::Values { values, .. } = &set.data.target else { unreachable!() };
        for (j, &l) in set.lengths.iter().enumerate() {
            assert!((40..44).contains(&l));
            let marks: Vec<usize> = (0..set.steps()).filter(|&t| set.step(t, j)[0] == 1.0).collect();
            let [p, q] = marks[..] else { panic!("{marks:?}") };
            assert!(p < l / 10 && l / 10 <= q && q < l / 2, "{p} {q} {l}");
            assert_eq!((set.step(p, j)[1] + set.step(q, j)[1]) / 2.0, values[j]);
            assert!((l..set.steps()).all(|t| set.step(t, j) == [0.0, 0.0]));
        }
        assert!((40..44).all(|l| set.lengths.contains(&l)));
        let bits = ExclusiveOr::default().draw(50, 1).unwrap();
        assert!(bits.data.x.iter().all(|&v| v == 0.0 || v == 1.0));
    }

    #[test]
    fn the_class_of_an_order_is_what_stands_at_its_places() {
        for (places, parts) in [(2, vec![(0.1, 0.2), (0.5, 0.6)]), (3, vec![(0.1, 0.2), (0.3, 0.4), (0.6, 0.7)])] {
            let set = TemporalOrder { steps: 30, places }.draw(300, 1).unwrap();
            for (j, class) in labels(&set.data).into_iter().enumerate() {
                let l = set.lengths[j] as f64;
                let special = (0..set.lengths[j]).filter(|&t| set.step(t, j)[0] + set.step(t, j)[1] == 1.0);
                let special: Vec<usize> = special.collect();
                assert_eq!(special.len(), places);
                for (bit, (&t, (from, to))) in special.iter().zip(&parts).enumerate() {
                    assert!(((from * l) as usize..(to * l) as usize).contains(&t));
                    assert_eq!(set.step(t, j)[1] == 1.0, class >> bit & 1 == 1);
                }
                assert!((0..set.lengths[j]).all(|t| set.step(t, j).iter().sum::<f64>() == 1.0));
            }
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        assert_eq!(message(Addition { steps: 9 }.draw(9, 1)), "addition: steps should be at least 10, got 9");
        let odd = TemporalOrder { places: 4, ..TemporalOrder::default() };
        assert_eq!(message(odd.draw(9, 1)), "temporal-order: places should be 2 or 3, got 4");
        let few = Permutation { symbols: 2, ..Permutation::default() };
        assert_eq!(message(few.draw(9, 1)), "permutation: symbols should be at least 3, got 2");
    }
}
