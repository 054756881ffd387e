//! Handwritten digits: 1,797 images of 8 × 8 pixels with values 0 to 16.
//!
//! Source: E. Alpaydin and C. Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning
//! Repository, <https://doi.org/10.24432/C50P49>, CC BY 4.0 (see `DATA-LICENSE.md`); the test part, exactly as
//! scikit-learn ships it.
//! `scripts/pack_digits.py` makes `digits.bin`: per image 8 pixel rows of 5 bytes (5 bits a pixel, little-endian) and
//! the label.

use nalgebra::DMatrix;

use crate::dataset::{Dataset, Target};
use crate::split::{Split, deal};

const PACKED: &[u8] = include_bytes!("digits.bin");
const ROW_BYTES: usize = 5;
const IMAGE_BYTES: usize = 8 * ROW_BYTES + 1;

/// The seed of [`digits_split`], fixed for ever so that results on the digits can be compared.
pub const DIGITS_SPLIT_SEED: u64 = 1998;

/// The handwritten digits: 64 features `pixel_r_c` (row, column), 10 classes `0` to `9`, in the order of scikit-learn.
///
/// Units: pixel values are counts 0 to 16 of dark points in a 4 × 4 block, unscaled.
pub fn digits() -> Dataset {
    let images = PACKED.chunks_exact(IMAGE_BYTES);
    let mut pixels = Vec::with_capacity(64 * images.len());
    let mut labels = Vec::with_capacity(images.len());
    for image in images {
        for row in image[..8 * ROW_BYTES].chunks_exact(ROW_BYTES) {
            let bits = row.iter().rev().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
            pixels.extend((0..8).map(|column| (bits >> (5 * column) & 31) as f64));
        }
        labels.push(u32::from(image[8 * ROW_BYTES]));
    }
    Dataset {
        x: DMatrix::from_vec(64, labels.len(), pixels),
        target: Target::Classes { labels, names: (0..10).map(|digit| digit.to_string()).collect() },
        features: (0..64).map(|i| format!("pixel_{}_{}", i / 8, i % 8)).collect(),
        name: "digits".to_owned(),
        weights: None,
        layout: None,
    }
}

/// The digits in a fixed stratified split: 1,077 for training, 360 for validation, 360 for the test.
pub fn digits_split() -> Split {
    let set = digits();
    let rows = deal(&set, [1077.0 / 1797.0, 360.0 / 1797.0, 360.0 / 1797.0], DIGITS_SPLIT_SEED);
    Split::of(&set, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(set: &Dataset) -> &[u32] {
        match &set.target {
            Target::Classes { labels, .. } => labels,
            Target::Values { .. } => unreachable!(),
        }
    }

    fn counts(set: &Dataset) -> Vec<usize> {
        (0..10).map(|class| labels(set).iter().filter(|&&label| label == class).count()).collect()
    }

    /// The numbers are those printed by scripts/pack_digits.py from scikit-learn's load_digits.
    #[test]
    fn every_pixel_and_label_is_that_of_scikit_learn() {
        let set = digits();
        assert_eq!((set.len(), set.n_features(), set.n_outputs()), (1797, 64, 10));
        assert_eq!(PACKED.len(), 73_677);
        assert_eq!(counts(&set), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(set.x.sum(), 561_718.0);
        assert_eq!(set.x.norm_squared(), 6_907_012.0);
        assert_eq!(set.x.max(), 16.0);
        assert_eq!(set.x.min(), 0.0);
        let by_place: f64 = set.x.iter().zip(1..).map(|(pixel, place)| pixel * f64::from(place)).sum();
        assert_eq!(by_place, 32_232_145_379.0);
        assert_eq!(labels(&set).iter().zip(1..).map(|(label, place)| label * place).sum::<u32>(), 7_272_861);
        assert_eq!(set.features[10], "pixel_1_2");
        assert_eq!(set.x.column(0).as_slice()[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_packed_digits_pass_the_checks_of_a_data_set() {
        let set = digits();
        assert_eq!(Dataset::new("digits", set.features.clone(), set.x.clone(), set.target.clone()), Ok(set));
    }

    #[test]
    fn the_split_is_fixed_exact_and_stratified() {
        let split = digits_split();
        assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (1077, 360, 360));
        let all = counts(&digits());
        for (part, fraction) in [(&split.train, 0.6), (&split.validation, 0.2), (&split.test, 0.2)] {
            for (count, all) in counts(part).into_iter().zip(&all) {
                assert!((count as f64 - fraction * *all as f64).abs() < 1.5, "{count} of {all}");
            }
        }
        assert_eq!(split, digits_split());
    }
}
