//! Endless images of Shapeset-3×2, drawn by seed and block.

use std::ops::Range;

use layerwise_data::{Generator, Shapeset, Target};
use layerwise_tensor::Mat;

/// Pixels of an image.
pub const PIXELS: usize = 1024;
/// Classes.
pub const CLASSES: usize = 9;

/// Images with their classes.
#[derive(Clone, Debug)]
pub struct Images {
    x: Vec<f32>,
    /// The class of each.
    pub labels: Vec<u32>,
}

impl Images {
    /// `n` images.
    ///
    /// Errors: none of them, or too many.
    pub fn draw(n: usize, seed: u64) -> Result<Images, String> {
        let set = Shapeset.draw(n, seed).map_err(|e| e.to_string())?;
        match set.target {
            Target::Classes { labels, .. } => Ok(Images { x: set.x.iter().map(|&v| v as f32).collect(), labels }),
            Target::Values { .. } => Err("shapeset should have classes, got values".to_owned()),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The images of this range, one a column.
    pub fn x(&self, range: Range<usize>) -> Mat<'_, f32> {
        Mat::new(&self.x[range.start * PIXELS..range.end * PIXELS], PIXELS, range.len())
    }
}

/// The seed of block `block` of the images that the training `seed` sees. Seeds below 2³² are free for fixed sets.
pub fn block_seed(seed: u64, block: usize) -> u64 {
    ((seed + 1) << 32) + block as u64
}
