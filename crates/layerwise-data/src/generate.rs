//! Generated data sets whose difficulty is known: one file a family, each a small description that draws any number of samples.
//!
//! Every number comes from the stream (seed, data), so that the same description, number and seed give the same set, and a
//! longer set begins with the shorter one. No function of the standard library whose last bit depends on the platform is used:
//! the sets have the same bits everywhere. Noise is normal and its parameter the standard deviation. [`Generators`] names them
//! all, for configurations.

use std::fmt::Debug;

use layerwise_core::catalog;
use layerwise_tensor::{Key, Purpose, Rng};
use nalgebra::DMatrix;

use crate::dataset::{Dataset, Target};
use crate::error::DataError;

pub(crate) mod blobs;
pub(crate) mod convex;
pub(crate) mod curves;
pub(crate) mod friedman;
pub(crate) mod moons;
pub(crate) mod noise;
mod normal;
pub(crate) mod parity;
pub(crate) mod rectangles;
pub(crate) mod sequences;
pub(crate) mod shapeset;
pub(crate) mod spirals;
pub(crate) mod teacher;
mod turn;

use blobs::Blobs;
use convex::Convex;
use curves::Curves;
use friedman::Friedman1;
use moons::{Circles, Moons};
use noise::NoiseLabels;
use parity::Parity;
use rectangles::Rectangles;
use shapeset::Shapeset;
use spirals::Spirals;
use teacher::Teacher;

/// A distribution that data sets are drawn from. It owns no samples: the same description gives training and test rows, from
/// different seeds.
pub trait Generator: Debug + Send + Sync {
    /// `n` samples from the stream (seed, data).
    ///
    /// Errors: a parameter out of range, no sample, or more numbers than a data set may have.
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError>;
    /// The least possible error of any prediction, where it is known: the share of wrong classes, or the mean squared error.
    fn floor(&self) -> Option<f64> {
        None
    }
    /// f*, the best prediction of the value of a point, where it is known.
    fn best(&self) -> Option<BestValue> {
        None
    }
}

/// The best prediction of the value of a point.
pub type BestValue = Box<dyn Fn(&[f64]) -> f64 + Send + Sync>;

catalog! {
    /// Every generator of data sets, as configurations name it: `"moons"`, or `{ kind = "moons", noise = 0.2 }`.
    pub enum Generators; Box<dyn Generator>, Box<dyn Generator> = |g| Box::new(g);
    Blobs = "blobs",
    Moons = "moons",
    Circles = "circles",
    Spirals = "spirals",
    Parity = "parity",
    Friedman1 = "friedman1",
    NoiseLabels = "noise-labels",
    Teacher = "teacher",
    Rectangles = "rectangles",
    Convex = "convex",
    Shapeset = "shapeset",
    Curves = "curves",
}

impl Generators {
    /// `n` samples from the stream (seed, data).
    ///
    /// Errors: as for [`Generator::draw`].
    pub fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        self.boxed().draw(n, seed)
    }

    /// The least possible error, where it is known.
    pub fn floor(&self) -> Option<f64> {
        self.boxed().floor()
    }

    /// f*, the best prediction of the value of a point, where it is known.
    pub fn best(&self) -> Option<BestValue> {
        self.boxed().best()
    }
}

/// More numbers than this are refused: 8 GiB.
const MAX_NUMBERS: usize = 1 << 30;

/// Refuses a set without samples, and one that memory would not hold.
fn check_size(name: &str, n: usize, numbers_each: usize) -> Result<(), DataError> {
    at_least(name, "number of samples", 1, n)?;
    if n.checked_mul(numbers_each).is_some_and(|numbers| numbers <= MAX_NUMBERS) {
        return Ok(());
    }
    let most = MAX_NUMBERS / numbers_each.max(1);
    Err(DataError::argument(
        name,
        "number of samples",
        format_args!("at most {most}, of {numbers_each} numbers each"),
        n,
    ))
}

fn at_least(name: &str, what: &str, least: usize, found: usize) -> Result<(), DataError> {
    if found >= least {
        return Ok(());
    }
    Err(DataError::argument(name, what, format_args!("at least {least}"), found))
}

fn within(name: &str, what: &str, low: f64, high: f64, found: f64) -> Result<(), DataError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(DataError::argument(name, what, format_args!("from {low} to {high}"), found))
}

/// Refuses a standard deviation that is negative or not finite.
fn check_noise(name: &str, found: f64) -> Result<(), DataError> {
    if found >= 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(DataError::argument(name, "noise", "a finite number of at least 0", found))
}

/// A set of `n` points in `d` features and `k` classes; `draw` is given i mod k, fills point i and returns its class.
fn classes(
    name: &str,
    n: usize,
    d: usize,
    k: usize,
    seed: u64,
    draw: impl FnMut(usize, &mut [f64], &mut Rng) -> usize,
) -> Dataset {
    let names = numbered("", 0, k);
    named_classes(name, n, d, names, seed, draw)
}

/// [`classes`] whose classes have names.
fn named_classes(
    name: &str,
    n: usize,
    d: usize,
    names: Vec<String>,
    seed: u64,
    mut draw: impl FnMut(usize, &mut [f64], &mut Rng) -> usize,
) -> Dataset {
    let k = names.len();
    assert!(n > 0 && d > 0 && k > 0, "{name}: n, features and classes should be at least 1, got {n}, {d} and {k}");
    let mut rng = Key::new(seed, Purpose::Data).rng();
    let mut x = DMatrix::zeros(d, n);
    let points = x.as_mut_slice().chunks_exact_mut(d).enumerate();
    let labels = points.map(|(i, point)| draw(i % k, point, &mut rng) as u32).collect();
    assemble(name, x, Target::Classes { labels, names })
}

/// A set of `n` points in `d` features with one value each; `draw` fills a point and returns its value.
fn values(name: &str, n: usize, d: usize, seed: u64, mut draw: impl FnMut(&mut [f64], &mut Rng) -> f64) -> Dataset {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    let mut x = DMatrix::zeros(d, n);
    let y: Vec<f64> = x.as_mut_slice().chunks_exact_mut(d).map(|point| draw(point, &mut rng)).collect();
    assemble(name, x, Target::Values { values: DMatrix::from_vec(1, n, y), names: vec!["y".to_owned()] })
}

fn assemble(name: &str, x: DMatrix<f64>, target: Target) -> Dataset {
    Dataset { features: numbered("x", 1, x.nrows()), x, target, name: name.to_owned(), weights: None, layout: None }
}

/// Adds noise to a point.
fn blur(point: &mut [f64], noise: f64, rng: &mut Rng) {
    point.iter_mut().for_each(|value| *value += noise * rng.normal());
}

/// `count` names: the prefix with a number.
fn numbered(prefix: &str, first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|i| format!("{prefix}{i}")).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The class of each sample, for a set of classes.
#[cfg(test)]
fn labels(set: &Dataset) -> Vec<usize> {
    match &set.target {
        Target::Classes { labels, .. } => labels.iter().map(|&label| label as usize).collect(),
        Target::Values { .. } => unreachable!(),
    }
}

/// The fraction of samples for which `guess` errs.
#[cfg(test)]
fn error(set: &Dataset, guess: impl Fn(&[f64]) -> usize) -> f64 {
    let points = set.x.as_slice().chunks(set.n_features());
    let wrong = points.zip(labels(set)).filter(|(point, label)| guess(point) != *label).count();
    wrong as f64 / set.len() as f64
}

/// One line, for messages that are compared.
#[cfg(test)]
fn message<T: Debug, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.unwrap_err().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{circles, friedman1, gaussian_blobs, noise_labels, parity, spirals, two_blobs, two_moons, xor};

    fn check(make: impl Fn(u64, usize) -> Dataset) {
        let set = make(3, 20);
        assert_eq!(Dataset::new(&set.name, set.features.clone(), set.x.clone(), set.target.clone()).as_ref(), Ok(&set));
        assert_eq!(set, make(3, 20));
        assert_ne!(set, make(4, 20));
        let first: Vec<usize> = (0..20).collect();
        assert_eq!(set, make(3, 30).subset(&first));
    }

    #[test]
    fn all_sets_pass_the_checks_are_fixed_by_their_seed_and_begin_alike() {
        check(|seed, n| gaussian_blobs(n, &DMatrix::identity(3, 3), 0.5, seed));
        check(|seed, n| two_blobs(n, 4, 2.0, seed));
        check(|seed, n| two_moons(n, 0.1, seed));
        check(|seed, n| circles(n, 0.5, 0.1, seed));
        check(|seed, n| spirals(n, 3, 1.5, 0.01, seed));
        check(|seed, n| parity(n, 5, 0.1, seed));
        check(|seed, n| xor(n, 0.1, seed));
        check(|seed, n| friedman1(n, 10, 1.0, seed));
        check(|seed, n| noise_labels(n, 3, 4, seed));
        for generator in Generators::all() {
            check(|seed, n| generator.draw(n, seed).unwrap());
        }
    }

    #[test]
    fn every_generator_goes_through_text_and_back() {
        for generator in Generators::all() {
            let text = serde_json::to_string(&generator).unwrap();
            assert_eq!(serde_json::from_str::<Generators>(&text).unwrap(), generator);
            let by_name: Generators = serde_json::from_str(&format!("{:?}", generator.name())).unwrap();
            assert_eq!(by_name, generator);
        }
        let moons: Generators = serde_json::from_str(r#"{"kind": "moons", "noise": 0.25}"#).unwrap();
        assert_eq!(moons, Moons { noise: 0.25 }.into());
        assert!(serde_json::from_str::<Generators>(r#"{"kind": "moons", "nose": 0.25}"#).is_err());
    }

    #[test]
    fn sizes_are_refused_before_memory_is_asked_for() {
        for generator in Generators::all() {
            let got = message(generator.draw(0, 1));
            assert!(got.ends_with(": number of samples should be at least 1, got 0"), "{got}");
            let got = message(generator.draw(usize::MAX, 1));
            assert!(got.contains("number of samples should be at most") && !got.contains('\n'), "{got}");
        }
    }

    /// Hashes of the first numbers of every generator, from this implementation: they may never change.
    #[test]
    fn the_bits_never_change() {
        let hash = |generator: Generators| {
            let set = generator.draw(5, 1).unwrap();
            set.x.iter().fold(0u64, |hash, v| (hash.rotate_left(23) ^ v.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        };
        let found: Vec<(&str, u64)> = Generators::all().into_iter().map(|g| (g.name(), hash(g))).collect();
        assert_eq!(found, BITS, "{found:#x?}");
    }

    const BITS: [(&str, u64); 12] = [
        ("blobs", 0xeb6f_831d_59a0_0d5f),
        ("moons", 0x1529_f87f_2766_aa6b),
        ("circles", 0x2398_233c_0305_41fa),
        ("spirals", 0x5c69_2adf_c4ee_a2a3),
        ("parity", 0x38cd_9f61_6a8f_d8ef),
        ("friedman1", 0xd073_bf70_6183_a284),
        ("noise-labels", 0xa671_2389_9ae6_856e),
        ("teacher", 0x9fd2_ae70_c696_29c4),
        ("rectangles", 0xc61b_20db_0186_95be),
        ("convex", 0x1d2b_838a_419f_cce2),
        ("shapeset", 0x0685_a401_9d53_984e),
        ("curves", 0x8196_93b7_789a_9629),
    ];
}
