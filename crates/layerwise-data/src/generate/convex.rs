//! Convex and non-convex regions. Source: Larochelle, Erhan, Courville, Bergstra and Bengio (2007), "An empirical evaluation of deep
//! architectures on problems with many factors of variation", with the note "ConvexNonConvex" of D. Erhan (2007); 6 000
//! training, 2 000 validation and 50 000 test images there.
//!
//! A convex region is the intersection of half-planes through uniform points at uniform angles, their number geometric with
//! parameter 0.195 on 0, 1, 2, …, with at least 19 pixels. A non-convex one is the union of 2, 3 or 4 (equally likely) convex
//! regions, each with a geometric(0.07) number of half-planes and at least 10 pixels, kept if it is not convex. The laws are
//! balanced: both classes have the same mean number of white pixels, which they do if the geometric law starts at 0.
//!
//! A set of pixels is convex if it contains every pixel whose center lies in the convex hull of its centers.

use layerwise_tensor::{Rng, Scalar};
use serde::{Deserialize, Serialize};

use super::turn::turn;
use super::{Generator, check_size, named_classes, owned};
use crate::dataset::Dataset;
use crate::error::DataError;

/// Height and width of an image.
const SIZE: usize = 28;
const PIXELS: usize = SIZE * SIZE;

/// Images of a region: is it convex?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convex;

/// A region: 1 inside, 0 outside.
type Region = [f64; PIXELS];

impl Generator for Convex {
    /// Class 0 is not convex, class 1 convex; the classes take turns. Pixels are stored row after row.
    fn draw(&self, n: usize, seed: u64) -> Result<Dataset, DataError> {
        check_size("convex", n, PIXELS)?;
        Ok(named_classes("convex", n, PIXELS, owned(&["non-convex", "convex"]), seed, |class, image, rng| {
            let region = if class == 1 { intersection(0.195, 19, rng) } else { non_convex(rng).0 };
            image.copy_from_slice(&region);
            class
        }))
    }

    fn floor(&self) -> Option<f64> {
        Some(0.0)
    }
}

impl Convex {
    /// The share of unions of convex regions that are not convex, among the candidates for `n` images.
    pub fn accepted_unions(&self, n: usize, seed: u64) -> f64 {
        let mut rng = layerwise_tensor::Key::new(seed, layerwise_tensor::Purpose::Data).rng();
        let candidates: usize = (0..n).map(|_| non_convex(&mut rng).1).sum();
        n as f64 / candidates as f64
    }
}

/// An intersection of half-planes with at least so many pixels; their number is geometric with parameter `p`.
fn intersection(p: f64, least: usize, rng: &mut Rng) -> Region {
    loop {
        let n = (Scalar::ln(1.0 - rng.uniform()) / Scalar::ln(1.0 - p)).floor() as usize;
        let mut region = [1.0; PIXELS];
        for _ in 0..n {
            let (sin, cos) = turn(rng.uniform());
            let (cx, cy) = (rng.between(0.0, SIZE as f64), rng.between(0.0, SIZE as f64));
            for (i, pixel) in region.iter_mut().enumerate() {
                let (x, y) = ((i % SIZE) as f64 + 0.5, (i / SIZE) as f64 + 0.5);
                if cos * (x - cx) + sin * (y - cy) < 0.0 {
                    *pixel = 0.0;
                }
            }
        }
        if region.iter().filter(|&&v| v == 1.0).count() >= least {
            return region;
        }
    }
}

/// A union of convex regions that is not convex, and how many were tried.
fn non_convex(rng: &mut Rng) -> (Region, usize) {
    let mut tried = 0;
    loop {
        tried += 1;
        let mut union = [0.0; PIXELS];
        for _ in 0..2 + rng.below(3) {
            let part = intersection(0.07, 10, rng);
            union.iter_mut().zip(part).for_each(|(all, part)| *all = f64::max(*all, part));
        }
        if !is_convex(&union) {
            return (union, tried);
        }
    }
}

/// Whether every pixel in the convex hull of the white ones is white.
fn is_convex(region: &[f64]) -> bool {
    let white = |x: usize, y: usize| region[y * SIZE + x] == 1.0;
    // The hull is that of the ends of the rows, which come sorted by rows: two monotone chains (Andrew 1979).
    let mut chains: [Vec<(i64, i64)>; 2] = Default::default();
    for y in 0..SIZE {
        let Some(left) = (0..SIZE).find(|&x| white(x, y)) else { continue };
        let right = (0..SIZE).rfind(|&x| white(x, y)).unwrap_or(left);
        if (left..=right).any(|x| !white(x, y)) {
            return false;
        }
        for (chain, (x, side)) in chains.iter_mut().zip([(left, 1), (right, -1)]) {
            let point = (x as i64, y as i64);
            while let [.., a, b] = chain[..] {
                if side * cross(a, b, point) < 0 {
                    break;
                }
                chain.pop();
            }
            chain.push(point);
        }
    }
    let inside = |chain: &[(i64, i64)], side: i64, point: (i64, i64)| {
        let edge = chain.windows(2).find(|edge| (edge[0].1..=edge[1].1).contains(&point.1));
        edge.is_none_or(|edge| side * cross(edge[0], edge[1], point) <= 0)
    };
    let ends = |chain: &[(i64, i64)]| Some((chain.first()?.1, chain.last()?.1));
    let Some((top, bottom)) = ends(&chains[0]) else { return true };
    if top == bottom {
        // One row, without a gap.
        return true;
    }
    (top..=bottom).all(|y| {
        (0..SIZE).all(|x| {
            let point = (x as i64, y);
            white(x, y as usize) || !(inside(&chains[0], 1, point) && inside(&chains[1], -1, point))
        })
    })
}

/// Twice the signed area of the triangle a b c.
fn cross(a: (i64, i64), b: (i64, i64), c: (i64, i64)) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

#[cfg(test)]
mod tests {
    use layerwise_tensor::{Key, Purpose};

    use super::*;

    fn region(white: impl Fn(i64, i64) -> bool) -> Region {
        std::array::from_fn(|i| f64::from(u8::from(white((i % SIZE) as i64, (i / SIZE) as i64))))
    }

    #[test]
    fn shapes_that_are_convex_and_shapes_that_are_not() {
        for (convex, found) in [
            (true, region(|_, _| true)),
            (true, region(|_, _| false)),
            (true, region(|x, y| (x, y) == (27, 0))),
            (true, region(|x, y| (x - 14).pow(2) + (y - 13).pow(2) <= 80)),
            (true, region(|x, y| x == y)),
            (true, region(|x, y| y == 5 && x > 3)),
            (false, region(|x, y| x == y && x != 9)),
            (false, region(|x, y| x > 5 || y > 5)),
            (false, region(|x, y| (x, y) != (9, 9))),
            (false, region(|x, y| (x, y) != (9, 0))),
            (false, region(|x, y| (x, y) != (0, 9))),
            (false, region(|x, y| (x, y) != (27, 9))),
            (false, region(|x, y| x == 4 && y != 9)),
            (false, region(|x, y| (x - 6).pow(2) + (y - 6).pow(2) < 20 || (x - 20).pow(2) + (y - 20).pow(2) < 20)),
        ] {
            assert_eq!(is_convex(&found), convex, "{found:?}");
        }
    }

    /// The hull by its definition: a pixel is in it if no line through two white ones separates it from all.
    #[test]
    fn the_chains_agree_with_the_definition_of_a_hull() {
        let mut rng = Key::new(5, Purpose::Test).rng();
        let (mut seen, mut convex) = (0, 0);
        while seen < 60 {
            let mut union = intersection(0.07, 10, &mut rng);
            if rng.below(2) == 0 {
                let other = intersection(0.07, 10, &mut rng);
                union.iter_mut().zip(other).for_each(|(a, b)| *a = f64::max(*a, b));
            }
            let points: Vec<(i64, i64)> =
                (0..PIXELS).filter(|&i| union[i] == 1.0).map(|i| ((i % SIZE) as i64, (i / SIZE) as i64)).collect();
            if points.len() > 120 {
                continue;
            }
            let outside = |p: (i64, i64)| {
                let beyond = |a: (i64, i64), b: (i64, i64)| {
                    a != b && cross(a, b, p) < 0 && points.iter().all(|&q| cross(a, b, q) >= 0)
                };
                // For points on one line: beyond its ends.
                let flat =
                    |a: (i64, i64), b: (i64, i64)| cross(a, b, p) == 0 && points.iter().all(|&q| cross(a, b, q) == 0);
                let pairs = || points.iter().flat_map(|&a| points.iter().map(move |&b| (a, b)));
                pairs().any(|(a, b)| beyond(a, b))
                    || pairs().any(|(a, b)| a != b && flat(a, b)) && {
                        let (low, high) = (points.iter().min().unwrap(), points.iter().max().unwrap());
                        !(*low..=*high).contains(&p)
                    }
            };
            let hull = (0..PIXELS).all(|i| union[i] == 1.0 || outside(((i % SIZE) as i64, (i / SIZE) as i64)));
            assert_eq!(is_convex(&union), hull, "{points:?}");
            (seen, convex) = (seen + 1, convex + usize::from(hull));
        }
        assert!((5..55).contains(&convex), "{convex} of {seen} are convex: too few of a kind");
    }

    #[test]
    fn intersections_are_convex_and_the_others_not() {
        let set = Convex.draw(200, 3).unwrap();
        for (i, image) in set.x.as_slice().chunks(PIXELS).enumerate() {
            assert_eq!(is_convex(image), i % 2 == 1);
            assert!(image.iter().filter(|&&v| v == 1.0).count() >= if i % 2 == 1 { 19 } else { 10 });
        }
    }
}
