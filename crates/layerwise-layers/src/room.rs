//! What several layers share: parts of their scratch, loops over columns, sums in a fixed order, and values that are refused.

use layerwise_core::ShapeError;
use layerwise_tensor::Scalar;
use layerwise_tensor::elementwise::{self, Chunks};

/// The first numbers of the scratch, in parts of these sizes.
///
/// Panics: if there are fewer.
pub fn split<S, const N: usize>(mut scratch: &mut [S], sizes: [usize; N]) -> [&mut [S]; N] {
    sizes.map(|size| {
        let (part, rest) = std::mem::take(&mut scratch).split_at_mut(size);
        scratch = rest;
        part
    })
}

/// f(j, column j of every plane), over the current team.
///
/// Shapes: every plane is d × n. Panics: if they differ.
pub fn columns<'a, S: Scalar>(d: usize, planes: &'a mut [&'a mut [S]], f: impl Fn(usize, &mut [&mut [S]]) + Sync) {
    let n = planes.first().map_or(0, |plane| plane.len());
    elementwise::chunks(n, d, Chunks(planes), |start, views| f(start / d, views));
}

/// Σ f(aᵢ, bᵢ), in sixteen interleaved sums.
pub fn total<S: Scalar>(a: &[S], b: &[S], f: impl Fn(S, S) -> S) -> S {
    let mut sums = [S::ZERO; 16];
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f(*a, *b);
        }
    }
    sums.into_iter().fold(S::ZERO, |total, sum| total + sum)
}

/// Errors: an input width of 0.
pub fn check_width(d_in: usize) -> Result<(), ShapeError> {
    if d_in == 0 { Err(ShapeError::mismatch("", "input width", "at least 1", 0)) } else { Ok(()) }
}

/// Errors: a probability outside [0, 1).
pub fn check_rate(rate: f64) -> Result<(), ShapeError> {
    if (0.0..1.0).contains(&rate) { Ok(()) } else { Err(ShapeError::mismatch("", "rate", "in [0, 1)", rate)) }
}

/// Errors: a number that is negative or not finite.
pub fn check_size(name: &str, value: f64) -> Result<(), ShapeError> {
    let usable = value >= 0.0 && value.is_finite();
    if usable { Ok(()) } else { Err(ShapeError::mismatch("", name, "finite and at least 0", value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_split_in_order_and_summed_whole() {
        let mut numbers: Vec<f64> = (0..40).map(f64::from).collect();
        let [a, b, c] = split(&mut numbers, [1, 0, 33]);
        assert_eq!((&*a, b.len(), c[0], c.len()), (&[0.0][..], 0, 1.0, 33));
        assert_eq!(total(c, c, |a, _| a), 33.0 * 17.0);
        assert_eq!(total(c, c, |a, b| a * b), (1..=33).map(|i| f64::from(i * i)).sum::<f64>());
    }

    #[test]
    fn columns_are_visited_with_their_place() {
        let (mut a, mut b) = ([0.0; 6], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        columns(2, &mut [&mut a, &mut b], |j, views| {
            let [a, b] = views else { return };
            a[0] = b[1];
            b[0] = j as f64;
        });
        assert_eq!((a, b), ([2.0, 0.0, 4.0, 0.0, 6.0, 0.0], [0.0, 2.0, 1.0, 4.0, 2.0, 6.0]));
    }

    #[test]
    fn values_are_refused_by_name() {
        let said = |result: Result<(), ShapeError>| result.map_err(|e| e.problem);
        assert_eq!(said(check_width(1)), Ok(()));
        assert_eq!(said(check_width(0)), Err("input width should be at least 1, got 0".into()));
        assert_eq!((said(check_rate(0.0)), said(check_rate(0.999))), (Ok(()), Ok(())));
        assert_eq!(said(check_rate(1.0)), Err("rate should be in [0, 1), got 1".into()));
        assert_eq!((said(check_size("x", 0.0)), said(check_size("x", 7.0))), (Ok(()), Ok(())));
        for (value, got) in [(-0.5, "-0.5"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            assert_eq!(said(check_size("x", value)), Err(format!("x should be finite and at least 0, got {got}")));
        }
    }
}
