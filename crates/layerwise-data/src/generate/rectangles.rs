//! Rectangles, tall or wide. Source: Larochelle, Erhan, Courville, Bergstra and Bengio (2007), "An empirical evaluation of deep
//! architectures on problems with many factors of variation"; 1 000 training, 200 validation and 50 000 test images there.
//!
//! Height and width are uniform on 1 … size; pairs that differ by less than 3 are drawn again. The outline is 1 and one pixel
//! wide, the rest 0; the place is uniform among those where it fits.

use serde::{Deserialize, Serialize};

use super::{Generator, at_least, check_size, named_classes, owned};
use crate::dataset::Dataset;
use crate::error::DataError;

/// The least difference between height and width, in pixels.
const LEAST_DIFFERENCE: usize = 3;

/// Images of the outline of a rectangle: is it taller or wider?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rectangles {
    /// Height and width of the image.
    pub size: usize,
}

impl Default for Rectangles {
    fn default() -> Self {
        Rectangles { size: 28 }
    }
}

impl Rectangles {
    /// The mean number of white pixels, exactly: over all pairs of sides that may occur.
    pub fn mean_white(&self) -> f64 {
        let outline = |h: usize, w: usize| if h.min(w) == 1 { h * w } else { 2 * (h + w) - 4 };
        let (mut white, mut pairs) = (0, 0);
        for h in 1..=self.size {
            for w in (1..=self.size).filter(|&w| w.abs_diff(h) >= LEAST_DIFFERENCE) {
                white += outline(h, w);
                pairs += 1;
            }
        }
        white as f64 / pairs as f64
    }
}

impl Generator for Rectangles {
    /// Class 0 is tall, class 1 wide; pixels are stored row after row.
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        let size = self.size;
        at_least("rectangles", "size", LEAST_DIFFERENCE + 1, size)?;
        check_size("rectangles", n, size.saturating_mul(size))?;
        let names = owned(&["tall", "wide"]);
        Ok(named_classes("rectangles", n, size * size, names, seed, |_, image, rng| {
            let (h, w) = loop {
                let (h, w) = (1 + rng.below(size), 1 + rng.below(size));
                if h.abs_diff(w) >= LEAST_DIFFERENCE {
                    break (h, w);
                }
            };
            let (top, left) = (rng.below(size - h + 1), rng.below(size - w + 1));
            for row in top..top + h {
                for column in left..left + w {
                    let edge = row == top || row + 1 == top + h || column == left || column + 1 == left + w;
                    image[row * size + column] = f64::from(u8::from(edge));
                }
            }
            usize::from(w > h)
        }))
    }

    fn floor(&self) -> Option<f64> {
        Some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{error, message};
    use super::*;

    /// Height and width of the bounding box of what is white.
    fn sides(image: &[f64], size: usize) -> (usize, usize) {
        let white = || (0..size * size).filter(|&i| image[i] == 1.0);
        let side =
            |place: &dyn Fn(usize) -> usize| 1 + white().map(place).max().unwrap() - white().map(place).min().unwrap();
        (side(&|i| i / size), side(&|i| i % size))
    }

    #[test]
    fn the_label_is_which_side_of_the_box_is_longer_and_only_its_outline_is_white() {
        for size in [4, 12, 28] {
            let set = Rectangles { size }.draw(300, 1).unwrap();
            assert_eq!(error(&set, |image| usize::from(sides(image, size).1 > sides(image, size).0)), 0.0);
            for image in set.x.as_slice().chunks(size * size) {
                let (h, w) = sides(image, size);
                assert!(h.abs_diff(w) >= 3);
                let white = image.iter().filter(|&&v| v == 1.0).count();
                assert_eq!(white, if h.min(w) == 1 { h * w } else { 2 * (h + w) - 4 });
                assert!(image.iter().all(|&v| v == 0.0 || v == 1.0));
            }
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        assert_eq!(message(Rectangles { size: 3 }.draw(9, 1)), "rectangles: size should be at least 4, got 3");
        let got = message(Rectangles { size: usize::MAX }.draw(9, 1));
        assert!(got.contains("number of samples should be at most 0"), "{got}");
    }
}
