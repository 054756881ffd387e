//! CURVES-like images: a smooth curve through three points, inked. Source: Hinton and Salakhutdinov (2006), "Reducing the
//! dimensionality of data with neural networks", supplement; 20 000 training and 10 000 test images there.
//!
//! The published set is not available. Stroke and margin are chosen so that two published numbers come out: the squared error of
//! the mean image, about 16 (the plateau of Martens 2010 and Sutskever et al. 2013), and what 18 principal components leave, 5.90
//! (2006, figure 2).
//!
//! Three uniform points of the unit square, sorted by x, with gaps of at least 0.05; the natural cubic spline through them,
//! clipped to \[0, 1\], on pixels \[6.6, 21.4\]; intensity e^(−d²/2σ²) with σ = 0.7, d the distance to the nearest of 151 points of
//! the curve.

use layerwise_tensor::{Key, Purpose, Rng, Scalar};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::{Generator, assemble, check_size};
use crate::dataset::{Dataset, Target};
use crate::error::DataError;

/// Height and width of an image.
const SIZE: usize = 28;
const MARGIN: f64 = 6.6;
const STROKE: f64 = 0.7;
const LEAST_GAP: f64 = 0.05;
const INK: usize = 151;
/// No ink farther than this.
const REACH: f64 = 4.0;

/// Images of a curve with six degrees of freedom, to be reproduced: the target is the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves;

impl Generator for Curves {
    /// Pixels are stored row after row.
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        check_size("curves", n, 2 * SIZE * SIZE)?;
        let mut rng = Key::new(seed, Purpose::Data).rng();
        let mut x = DMatrix::zeros(SIZE * SIZE, n);
        x.as_mut_slice().chunks_exact_mut(SIZE * SIZE).for_each(|image| ink(image, &points(&mut rng)));
        let names = super::numbered("x", 1, SIZE * SIZE);
        let target = Target::Values { values: x.clone(), names };
        Ok(assemble("curves", x, target))
    }
}

/// Three points, sorted by x.
fn points(rng: &mut Rng) -> [[f64; 2]; 3] {
    loop {
        let mut points = [[0.0; 2]; 3];
        points.iter_mut().flatten().for_each(|v| *v = rng.uniform());
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        if points[1][0] - points[0][0] >= LEAST_GAP && points[2][0] - points[1][0] >= LEAST_GAP {
            return points;
        }
    }
}

/// The natural cubic spline through three points.
fn spline(p: &[[f64; 2]; 3], t: f64) -> f64 {
    let [[x0, y0], [x1, y1], [x2, y2]] = *p;
    let (h0, h1) = (x1 - x0, x2 - x1);
    let m = 3.0 * ((y2 - y1) / h1 - (y1 - y0) / h0) / (h0 + h1);
    if t <= x1 {
        let (a, b) = ((x1 - t) / h0, (t - x0) / h0);
        a * y0 + b * y1 + (b * b * b - b) * m * h0 * h0 / 6.0
    } else {
        let (a, b) = ((x2 - t) / h1, (t - x1) / h1);
        a * y1 + b * y2 + (a * a * a - a) * m * h1 * h1 / 6.0
    }
}

/// Draws the curve.
fn ink(image: &mut [f64], points: &[[f64; 2]; 3]) {
    image.fill(f64::INFINITY);
    let size = SIZE as f64;
    let pixel = |v: f64| MARGIN + (size - 2.0 * MARGIN) * v;
    let near = |at: f64| ((at - REACH).floor().max(0.0) as usize, ((at + REACH).ceil() as usize).min(SIZE));
    for i in 0..INK {
        let part = i as f64 / (INK - 1) as f64;
        let t = points[0][0] + (points[2][0] - points[0][0]) * part;
        let (x, y) = (pixel(t), pixel(spline(points, t).clamp(0.0, 1.0)));
        let ((left, right), (top, bottom)) = (near(x), near(y));
        for row in top..bottom {
            for column in left..right {
                let (dx, dy) = (column as f64 + 0.5 - x, row as f64 + 0.5 - y);
                let square = &mut image[row * SIZE + column];
                *square = f64::min(*square, dx * dx + dy * dy);
            }
        }
    }
    for value in image.iter_mut() {
        let inked = *value <= REACH * REACH;
        *value = if inked { Scalar::exp(-*value / (2.0 * STROKE * STROKE)) } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spline_goes_through_its_points_smoothly_and_is_natural() {
        let p = [[0.1, 0.3], [0.4, 0.9], [0.9, 0.2]];
        for [x, y] in p {
            assert!((spline(&p, x) - y).abs() < 1e-15);
        }
        let h = 1e-4;
        let slope = |x: f64| (spline(&p, x + h) - spline(&p, x)) / h;
        assert!((slope(0.4) - slope(0.4 - h)).abs() < 1e-2);
        let bend = |x: f64| (spline(&p, x + h) - 2.0 * spline(&p, x) + spline(&p, x - h)) / (h * h);
        assert!((bend(0.4 - h) - bend(0.4 + h)).abs() < 0.1, "{} {}", bend(0.4 - h), bend(0.4 + h));
        assert!(bend(0.1 + h).abs() < 0.1 && bend(0.9 - h).abs() < 0.1);
    }

    #[test]
    fn intensities_are_in_the_unit_interval_and_the_margin_is_empty() {
        let set = Curves.draw(50, 1).unwrap();
        assert!(set.x.iter().all(|v| (0.0..=1.0).contains(v)));
        for image in set.x.as_slice().chunks(SIZE * SIZE) {
            // The first column whose centers are farther than the reach from the margin is the third.
            assert!((0..SIZE).all(|row| image[row * SIZE + 1] == 0.0 && image[row * SIZE + 26] == 0.0));
            assert!(image.iter().any(|&v| v > 0.8));
        }
    }
}
