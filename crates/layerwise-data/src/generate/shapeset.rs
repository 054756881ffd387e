//! Shapeset-3×2: one or two of three shapes, any size, place and rotation, in nine classes. Source: Glorot and Bengio (2010),
//! "Understanding the difficulty of training deep feedforward neural networks", with the steps and constants of their generator.
//!
//! A shape is a regular polygon (3, 4 or 20 corners), rotated within its symmetry by R₁, stretched by two factors uniform on
//! (0.2, 0.8) of the image, its base turned level again by R₂, and rotated by R₃: points P R₁ diag(s) R₂ R₃, rows times
//! matrices. Grey levels of shapes and background are uniform, in two ranges that change places in half of the images. A second
//! shape that hides too much of the first is drawn again, up to 50 times, then left out. Classes: triangle, parallelogram,
//! ellipse; triangle and parallelogram, parallelogram and ellipse, triangle and ellipse; two triangles, two parallelograms, two
//! ellipses. Their shares before anything is left out are 1/6, 1/9 and 1/18 each.

use std::ops::Range;

use layerwise_tensor::{Rng, Scalar};
use serde::{Deserialize, Serialize};

use super::turn::turn;
use super::{Generator, check_size, named_classes, owned};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Height and width of an image.
const SIZE: usize = 32;
/// Steps of a full rotation.
const STEPS: usize = 255;
/// Corners of triangle, parallelogram, ellipse.
const CORNERS: [usize; 3] = [3, 4, 20];
/// Area of the regular polygon over that of its circle: n sin(2π/n) / 2π.
const AREA: [f64; 3] = [0.413_496_671_566_344, std::f64::consts::FRAC_2_PI, 0.983_631_643_083_466];
const MOST_OVERLAP: f64 = 0.5;
const MOST_REJECTIONS: usize = 50;

type Point = [f64; 2];

/// Grey images of one or two triangles, parallelograms and ellipses, on \[−1, 1\].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shapeset;

/// The names of the classes.
const NAMES: [&str; 9] = [
    "triangle",
    "parallelogram",
    "ellipse",
    "triangle+parallelogram",
    "parallelogram+ellipse",
    "triangle+ellipse",
    "2 triangles",
    "2 parallelograms",
    "2 ellipses",
];

impl Shapeset {
    /// The share of each class, if no shape had to be left out.
    pub const SHARES: [f64; 9] = {
        let (one, mixed, twice) = (1.0 / 6.0, 1.0 / 9.0, 1.0 / 18.0);
        [one, one, one, mixed, mixed, mixed, twice, twice, twice]
    };
}

impl Generator for Shapeset {
    /// Pixels are stored row after row.
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        check_size("shapeset", n, SIZE * SIZE)?;
        Ok(named_classes("shapeset", n, SIZE * SIZE, owned(&NAMES), seed, |_, image, rng| {
            let mut shapes: Vec<Shape> = Vec::with_capacity(2);
            let mut rejections = 0;
            for _ in 0..1 + rng.below(2) {
                let kind = rng.below(3);
                let rotations = (within_symmetry(CORNERS[kind], rng), rng.below(STEPS - 1));
                while rejections < MOST_REJECTIONS {
                    let shape = Shape::place(kind, rotations, rng);
                    if shapes.iter().all(|before| !shape.hides(before)) {
                        shapes.push(shape);
                        break;
                    }
                    rejections += 1;
                }
            }
            paint(image, &shapes, rng);
            class(&shapes)
        }))
    }
}

/// A shape in its place.
struct Shape {
    kind: usize,
    /// The two factors, the larger first.
    scale: Point,
    center: Point,
    corners: Vec<Point>,
}

impl Shape {
    /// With drawn size and place; the rotations stay when a shape is drawn again.
    fn place(kind: usize, (first, last): (usize, usize), rng: &mut Rng) -> Shape {
        let n = CORNERS[kind];
        let s = [rng.between(0.2, 0.8) * SIZE as f64, rng.between(0.2, 0.8) * SIZE as f64];
        let scale = if s[0] >= s[1] { s } else { [s[1], s[0]] };
        let (sin, cos) = turn(first as f64 / STEPS as f64);
        // R₂ turns by −atan(u): sin and cos of it without the arc tangent.
        let u = scale[1] / scale[0] * (sin / cos);
        let level = 1.0 / (1.0 + u * u).sqrt();
        let corners = (0..n).map(|t| {
            let n = n as f64;
            let (y, x) = turn(t as f64 / n + 0.5 / n + 0.25);
            let p = rotate([0.5 * x, 0.5 * y], (sin, cos));
            let p = rotate([p[0] * scale[0], p[1] * scale[1]], (-u * level, level));
            rotate(p, turn(last as f64 / STEPS as f64))
        });
        let mut corners: Vec<Point> = corners.collect();
        let size = SIZE as f64;
        let center = [0, 1].map(|axis| {
            let low = corners.iter().map(|p| p[axis]).fold(f64::INFINITY, f64::min);
            let high = corners.iter().map(|p| p[axis]).fold(f64::NEG_INFINITY, f64::max);
            let (low, high) = ((low - 1.0) / size, (high + 1.0) / size);
            rng.between(f64::max(0.0, -low), f64::min(1.0, 1.0 - high)) * size
        });
        for p in &mut corners {
            *p = [p[0] + center[0], p[1] + center[1]];
        }
        Shape { kind, scale, center, corners }
    }

    /// Whether it covers too much of one that was placed before.
    fn hides(&self, before: &Shape) -> bool {
        let old = before.center.map(f64::trunc);
        let v = [self.center[0] - old[0], self.center[1] - old[1]];
        let d = (v[0] * v[0] + v[1] * v[1]).sqrt();
        let reach = |corners: &[Point], from: Point, sign: f64| {
            let along = |p: &Point| sign * ((p[0] - from[0]) * v[0] + (p[1] - from[1]) * v[1]) / d;
            corners.iter().map(along).fold(f64::NEG_INFINITY, f64::max)
        };
        let reaches = reach(&before.corners, old, 1.0) + reach(&self.corners, self.center, -1.0);
        if reaches < d {
            return false;
        }
        let share = 1.0 - Scalar::exp(-(reaches - d) / (d / std::f64::consts::LN_2));
        let area = |shape: &Shape| shape.scale[0] * shape.scale[1] * AREA[shape.kind];
        // A distance of 0 gives NaN: hidden.
        let overlap = area(self) * share / area(before);
        overlap > MOST_OVERLAP || overlap.is_nan()
    }

    /// Columns and rows that it may touch.
    fn pixels(&self) -> [Range<usize>; 2] {
        [0, 1].map(|axis| {
            let low = self.corners.iter().map(|p| p[axis]).fold(f64::INFINITY, f64::min);
            let high = self.corners.iter().map(|p| p[axis]).fold(f64::NEG_INFINITY, f64::max);
            low as usize..(high as usize + 1).min(SIZE)
        })
    }

    /// Whether a point lies inside, by the crossings of a ray.
    fn contains(&self, x: f64, y: f64) -> bool {
        let mut inside = false;
        for (i, a) in self.corners.iter().enumerate() {
            let b = &self.corners[(i + 1) % self.corners.len()];
            if (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) {
                inside = !inside;
            }
        }
        inside
    }
}

/// A row times \[\[cos, sin\], \[−sin, cos\]\].
fn rotate(p: Point, (sin, cos): (f64, f64)) -> Point {
    [p[0] * cos - p[1] * sin, p[0] * sin + p[1] * cos]
}

/// A step of the rotation that is at most half the symmetry of n corners; small negative angles are large steps.
fn within_symmetry(n: usize, rng: &mut Rng) -> usize {
    let step = rng.below(STEPS / n);
    if step > (STEPS - 1) / (2 * n) { (STEPS - (STEPS - 1) / n + step).min(STEPS - 1) } else { step }
}

/// Background and shapes, later ones on top.
fn paint(image: &mut [f64], shapes: &[Shape], rng: &mut Rng) {
    let inverted = rng.below(2) == 1;
    let mut grey = |bright: bool| {
        // The integers 140 … 255 and 0 … 114.
        let level = if bright { 140 + rng.below(116) } else { rng.below(115) };
        2.0 * (level as f64 / 255.0) - 1.0
    };
    image.fill(grey(inverted));
    for shape in shapes {
        let color = grey(!inverted);
        // Asking every pixel would take as long as a step of a small network on the image.
        let [columns, rows] = shape.pixels();
        for row in rows {
            for column in columns.clone() {
                if shape.contains(column as f64 + 0.5, row as f64 + 0.5) {
                    image[row * SIZE + column] = color;
                }
            }
        }
    }
}

/// The class of the shapes that are in the image.
fn class(shapes: &[Shape]) -> usize {
    match shapes.iter().map(|shape| shape.kind).collect::<Vec<_>>()[..] {
        [kind] => kind,
        [a, b] if a == b => 6 + a,
        [a, b] => match (a.min(b), a.max(b)) {
            (0, 1) => 3,
            (1, 2) => 4,
            _ => 5,
        },
        // The first shape is never left out: nothing lies before it.
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use layerwise_tensor::{Key, Purpose};

    use super::super::labels;
    use super::*;

    #[test]
    fn areas_are_those_of_regular_polygons() {
        for (n, area) in CORNERS.into_iter().zip(AREA) {
            let n = n as f64;
            assert!((area - n * (TAU / n).sin() / TAU).abs() < 1e-14, "{n}: {}", n * (TAU / n).sin() / TAU);
        }
    }

    /// The least and largest steps: 0 … 42 and 214 … 254 of 255 for triangles, and so on.
    #[test]
    fn first_rotations_are_within_the_symmetry() {
        let mut rng = Key::new(1, Purpose::Test).rng();
        for (n, half) in [(3, 42), (4, 31), (20, 6)] {
            let steps: Vec<usize> = (0..2000).map(|_| within_symmetry(n, &mut rng)).collect();
            assert!(steps.iter().all(|&step| step <= half || step >= STEPS - STEPS / (2 * n) - 1), "{n}");
            assert!(steps.contains(&0) && steps.contains(&half) && steps.iter().any(|&step| step > 127));
        }
    }

    /// Rotated back by R₃, the base of a triangle or parallelogram is level; its area is that of the stretched polygon.
    #[test]
    fn shapes_fit_have_a_level_base_and_the_area_of_the_stretched_polygon() {
        let mut rng = Key::new(2, Purpose::Test).rng();
        for i in 0..300 {
            let kind = i % 3;
            let rotations = (within_symmetry(CORNERS[kind], &mut rng), rng.below(STEPS - 1));
            let shape = Shape::place(kind, rotations, &mut rng);
            assert!(shape.corners.iter().flatten().all(|&v| (1.0 - 1e-9..=31.0 + 1e-9).contains(&v)), "{i}");
            let next = |i: usize| shape.corners[(i + 1) % shape.corners.len()];
            let twice: f64 = shape.corners.iter().enumerate().map(|(i, p)| p[0] * next(i)[1] - p[1] * next(i)[0]).sum();
            let area = TAU / 8.0 * AREA[kind] * shape.scale[0] * shape.scale[1];
            assert!((twice.abs() / 2.0 / area - 1.0).abs() < 1e-9, "{i}: {} and {area}", twice.abs() / 2.0);
            if kind < 2 {
                let (sin, cos) = turn(rotations.1 as f64 / STEPS as f64);
                let heights: Vec<f64> = shape.corners.iter().map(|&p| rotate(p, (-sin, cos))[1]).collect();
                let level = |i: usize| (heights[i] - heights[(i + 1) % heights.len()]).abs() < 1e-9;
                assert!((0..heights.len()).any(level), "{i}: {heights:?}");
            }
        }
    }

    #[test]
    fn grey_levels_lie_in_two_ranges() {
        let set = Shapeset.draw(300, 1).unwrap();
        let mut inverted = 0;
        for (image, label) in set.x.as_slice().chunks(SIZE * SIZE).zip(labels(&set)) {
            let mut levels: Vec<i64> = image.iter().map(|v| ((v + 1.0) / 2.0 * 255.0).round() as i64).collect();
            // The corner is background: one pixel stays free.
            inverted += usize::from(levels[0] > 127);
            levels.sort_unstable();
            levels.dedup();
            assert!(levels.iter().all(|&v| (0..=114).contains(&v) || (140..=255).contains(&v)));
            assert!(levels.len() >= 2 && levels.len() <= if label < 3 { 2 } else { 3 });
        }
        // Binomial(300, 1/2) has a standard deviation of 8.7: 6.1 of them, a chance of 1e-9.
        assert!((97..=203).contains(&inverted), "{inverted}");
    }
}
