//! Loops over slices, vectorized by run-time dispatch and split over the current team. The closures must be `#[inline]`-sized
//! and branch-free ([`Scalar::select`]).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::gemm::Write;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};
use crate::team;

/// Below this many numbers a loop stays on one thread.
///
/// Measured with numbers in cache and the helper awake: a fork costs what the cheapest loops (rectifier, bias) need for 8 Ki
/// numbers, so two threads break even at 16 Ki of them and gain 1.4 times at 32 Ki; an exponential a number gains 1.9 times there.
const SERIAL: usize = 32 * 1024;

/// Ranges a thread, so that one that comes late or is held up takes fewer; each range has work for several forks.
const SHARES: usize = 4;

/// Threads get ranges in multiples of this (cache lines, whole vectors).
pub(crate) const GRAIN: usize = 64;

/// In how many ranges the threads take `n` numbers: as many for each thread.
pub(crate) fn parts(n: usize) -> usize {
    if n < SERIAL { 1 } else { team::width() * (n / (team::width() * SERIAL)).clamp(1, SHARES) }
}

/// Calls `f` with ranges of y and the same ranges of x₁, …, x_N, over the current team.
///
/// For a [`Kernel`] with a large body: its `#[inline(always)]` is a promise. Whether the closure of [`map`] or [`map3`] is
/// inlined is the compiler's choice, and one that is not is a call a number, several times slower.
///
/// Panics: if the lengths differ.
pub fn ranges<S: Scalar, const N: usize>(y: &mut [S], x: [&[S]; N], f: impl Fn(&mut [S], [&[S]; N]) + Sync) {
    let n = y.len();
    assert!(x.iter().all(|x| x.len() == n), "elementwise: {n} results from {:?} numbers", x.map(<[S]>::len));
    let out = team::Shared(y.as_mut_ptr());
    team::split(n, GRAIN, parts(n), &|range| {
        // SAFETY: the ranges are disjoint and within 0..n, and `y` is borrowed for the whole call.
        let y = unsafe { std::slice::from_raw_parts_mut(out.get().add(range.start), range.len()) };
        f(y, x.map(|x| &x[range.clone()]));
    });
}

/// y\[i\] ← f(x\[i\]).
///
/// Panics: if the lengths differ.
pub fn map<S: Scalar>(y: &mut [S], x: &[S], f: impl Fn(S) -> S + Copy + Sync) {
    struct Map<'a, S, F>(&'a mut [S], &'a [S], F);
    impl<S: Scalar, F: Fn(S) -> S> Kernel for Map<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (y, x) in self.0.iter_mut().zip(self.1) {
                *y = (self.2)(*x);
            }
        }
    }
    ranges(y, [x], |y, [x]| simd::run(Map(y, x, f)));
}

/// o\[i\] ← f(a\[i\], b\[i\], c\[i\]).
///
/// Panics: if the lengths differ.
pub fn map3<S: Scalar>(o: &mut [S], a: &[S], b: &[S], c: &[S], f: impl Fn(S, S, S) -> S + Copy + Sync) {
    struct Map3<'a, S, F>(&'a mut [S], &'a [S], &'a [S], &'a [S], F);
    impl<S: Scalar, F: Fn(S, S, S) -> S> Kernel for Map3<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (((o, a), b), c) in self.0.iter_mut().zip(self.1).zip(self.2).zip(self.3) {
                *o = (self.4)(*a, *b, *c);
            }
        }
    }
    ranges(o, [a, b, c], |o, [a, b, c]| simd::run(Map3(o, a, b, c, f)));
}

/// f(&mut a\[i\], b\[i\]).
///
/// Panics: if the lengths differ.
pub fn zip<S: Scalar>(a: &mut [S], b: &[S], f: impl Fn(&mut S, S) + Copy + Sync) {
    struct Zip<'a, S, F>(&'a mut [S], &'a [S], F);
    impl<S: Scalar, F: Fn(&mut S, S)> Kernel for Zip<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (a, b) in self.0.iter_mut().zip(self.1) {
                (self.2)(a, *b);
            }
        }
    }
    assert!(a.len() == b.len(), "zip: {} and {} numbers", a.len(), b.len());
    let n = a.len();
    let out = team::Shared(a.as_mut_ptr());
    team::split(n, GRAIN, parts(n), &|range| {
        // SAFETY: as in `ranges`.
        let a = unsafe { std::slice::from_raw_parts_mut(out.get().add(range.start), range.len()) };
        simd::run(Zip(a, &b[range], f));
    });
}

/// f(&mut a\[i\]), on the calling thread: for chunks that are in cache.
pub fn each<S: Scalar>(a: &mut [S], f: impl Fn(&mut S) + Copy) {
    struct Each<'a, S, F>(&'a mut [S], F);
    impl<S: Scalar, F: Fn(&mut S)> Kernel for Each<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for a in self.0 {
                (self.1)(a);
            }
        }
    }
    simd::run(Each(a, f));
}

/// f(&mut a\[i\], &mut b\[i\]), on the calling thread: an optimizer link with one state plane.
///
/// Panics: if the lengths differ.
pub fn each2<S: Scalar>(a: &mut [S], b: &mut [S], f: impl Fn(&mut S, &mut S) + Copy) {
    struct Each2<'a, S, F>(&'a mut [S], &'a mut [S], F);
    impl<S: Scalar, F: Fn(&mut S, &mut S)> Kernel for Each2<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (a, b) in self.0.iter_mut().zip(self.1) {
                (self.2)(a, b);
            }
        }
    }
    assert!(a.len() == b.len(), "each2: {} and {} numbers", a.len(), b.len());
    simd::run(Each2(a, b, f));
}

/// f(&mut a\[i\], &mut b\[i\], &mut c\[i\]), on the calling thread: an optimizer link with two state planes.
///
/// Panics: if the lengths differ.
pub fn each3<S: Scalar>(a: &mut [S], b: &mut [S], c: &mut [S], f: impl Fn(&mut S, &mut S, &mut S) + Copy) {
    struct Each3<'a, S, F>(&'a mut [S], &'a mut [S], &'a mut [S], F);
    impl<S: Scalar, F: Fn(&mut S, &mut S, &mut S)> Kernel for Each3<'_, S, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for ((a, b), c) in self.0.iter_mut().zip(self.1).zip(self.2) {
                (self.3)(a, b, c);
            }
        }
    }
    assert!(a.len() == b.len() && a.len() == c.len(), "each3: {}, {} and {} numbers", a.len(), b.len(), c.len());
    simd::run(Each3(a, b, c, f));
}

/// Whether no number is infinite or NaN, in any part.
pub fn all_finite<S: Scalar>(x: &[S]) -> bool {
    /// Whether sums of the numbers are finite: if they are, so is every number.
    struct FiniteSums<'a, S>(&'a [S]);
    impl<S: Scalar> Kernel for FiniteSums<'_, S> {
        type Out = bool;
        #[inline(always)]
        fn run(self) -> bool {
            // So many sums at a time that no addition waits for the one before.
            let mut sums = [S::ZERO; 64];
            let (rows, rest) = self.0.as_chunks::<64>();
            for row in rows {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += *x;
                }
            }
            sums.iter().all(|sum| sum.finite()) && rest.iter().all(|x| x.finite())
        }
    }
    let all = AtomicBool::new(true);
    let n = x.len();
    team::split(n, GRAIN, parts(n), &|range| {
        let x = &x[range];
        // Sums of large numbers overflow.
        if !simd::run(FiniteSums(x)) && !x.iter().all(|x| x.finite()) {
            all.store(false, Ordering::Relaxed);
        }
    });
    all.into_inner()
}

/// Column j of y ← column order\[j\] of x.
///
/// Shapes: x is d × n, y is d × the number of columns that are picked. Panics: if they do not fit, or at a column that x lacks.
pub fn pick_columns<S: Scalar>(y: &mut MatMut<'_, S>, x: Mat<'_, S>, order: &[usize]) {
    let (d, n) = (y.rows(), y.cols());
    assert!(x.rows() == d && order.len() == n, "pick_columns: {} of {} rows into {d}x{n}", order.len(), x.rows());
    let out = team::Shared(y.data().as_mut_ptr());
    team::split(n, 1, parts(d * n), &|columns| {
        // SAFETY: disjoint ranges of columns of a window that is borrowed for the whole call.
        let y = unsafe { std::slice::from_raw_parts_mut(out.get().add(columns.start * d), columns.len() * d) };
        for (y, &j) in y.chunks_exact_mut(d.max(1)).zip(&order[columns]) {
            y.copy_from_slice(x.col(j));
        }
    });
}

/// Adds b to every column of y.
///
/// Shapes: y is d × n, b has d numbers. Panics: if they do not fit.
pub fn add_bias<S: Scalar>(y: &mut MatMut<'_, S>, b: &[S]) {
    struct AddBias<'a, S>(&'a mut [S], &'a [S]);
    impl<S: Scalar> Kernel for AddBias<'_, S> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for column in self.0.chunks_exact_mut(self.1.len()) {
                for (y, b) in column.iter_mut().zip(self.1) {
                    *y += *b;
                }
            }
        }
    }
    let (d, n) = (y.rows(), y.cols());
    assert!(b.len() == d && d > 0, "add_bias: {d} rows, {} biases", b.len());
    let out = team::Shared(y.data().as_mut_ptr());
    team::split(n, 1, parts(y.as_mat().data().len()), &|columns| {
        // SAFETY: disjoint ranges of columns of a window that is borrowed for the whole call.
        let y = unsafe { std::slice::from_raw_parts_mut(out.get().add(columns.start * d), columns.len() * d) };
        simd::run(AddBias(y, b));
    });
}

/// acc\[i\] ← Σⱼ m\[i, j\], or acc\[i\] + Σⱼ m\[i, j\]; summed in the order of the columns.
///
/// Panics: if acc does not have as many numbers as m has rows.
pub fn sum_columns<S: Scalar>(write: Write, acc: &mut [S], m: Mat<'_, S>) {
    struct Sum<'a, S>(&'a mut [S], Mat<'a, S>, usize);
    impl<S: Scalar> Kernel for Sum<'_, S> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            // 64 rows at a time stay in registers while all columns pass by.
            let mut row = self.2;
            for acc in self.0.chunks_mut(64) {
                let mut sums = [S::ZERO; 64];
                let sums = &mut sums[..acc.len()];
                for column in self.1.columns() {
                    for (sum, x) in sums.iter_mut().zip(&column[row..row + acc.len()]) {
                        *sum += *x;
                    }
                }
                for (acc, sum) in acc.iter_mut().zip(sums) {
                    *acc += *sum;
                }
                row += acc.len();
            }
        }
    }
    assert!(acc.len() == m.rows(), "sum_columns: {} sums of {} rows", acc.len(), m.rows());
    if write == Write::Set {
        acc.fill(S::ZERO);
    }
    let d = acc.len();
    let out = team::Shared(acc.as_mut_ptr());
    team::split(d, GRAIN, parts(m.data().len()), &|rows| {
        // SAFETY: as in `ranges`.
        let acc = unsafe { std::slice::from_raw_parts_mut(out.get().add(rows.start), rows.len()) };
        simd::run(Sum(acc, m, rows.start));
    });
}

/// acc\[i\] ← Σⱼ a\[i, j\] b\[i, j\], or acc\[i\] + Σⱼ a\[i, j\] b\[i, j\]; summed in the order of the columns.
///
/// Panics: if a and b differ in shape, or acc does not have as many numbers as they have rows.
pub fn sum_products<S: Scalar>(write: Write, acc: &mut [S], a: Mat<'_, S>, b: Mat<'_, S>) {
    struct Sum<'a, S>(&'a mut [S], [Mat<'a, S>; 2], usize);
    impl<S: Scalar> Kernel for Sum<'_, S> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            // As in `sum_columns`.
            let ([a, b], mut row) = (self.1, self.2);
            for acc in self.0.chunks_mut(64) {
                let mut sums = [S::ZERO; 64];
                let sums = &mut sums[..acc.len()];
                for (a, b) in a.columns().zip(b.columns()) {
                    for ((sum, a), b) in sums.iter_mut().zip(&a[row..]).zip(&b[row..]) {
                        *sum += *a * *b;
                    }
                }
                for (acc, sum) in acc.iter_mut().zip(sums) {
                    *acc += *sum;
                }
                row += acc.len();
            }
        }
    }
    let d = acc.len();
    let fits = a.rows() == d && b.rows() == d && a.cols() == b.cols();
    assert!(fits, "sum_products: {d} sums of {}x{} and {}x{}", a.rows(), a.cols(), b.rows(), b.cols());
    if write == Write::Set {
        acc.fill(S::ZERO);
    }
    let out = team::Shared(acc.as_mut_ptr());
    team::split(d, GRAIN, parts(a.data().len()), &|rows| {
        // SAFETY: as in `ranges`.
        let acc = unsafe { std::slice::from_raw_parts_mut(out.get().add(rows.start), rows.len()) };
        simd::run(Sum(acc, [a, b], rows.start));
    });
}

/// Calls `f(range, …)` for chunks of `size` that cover 0..n, over the current team; each chunk is one call, whatever the team.
///
/// This is the loop of an optimizer: `f` must touch only what belongs to its range, which the slices of [`Chunks`] enforce.
pub fn chunks<S: Scalar>(n: usize, size: usize, planes: Chunks<'_, S>, f: impl Fn(usize, &mut [&mut [S]]) + Sync) {
    let Chunks(planes) = planes;
    assert!(planes.iter().all(|p| p.len() == n), "chunks: every plane should have {n} numbers");
    assert!(planes.len() <= MAX_PLANES, "chunks: at most {MAX_PLANES} planes, got {}", planes.len());
    let mut raw = [const { team::Shared(std::ptr::null_mut::<S>()) }; MAX_PLANES];
    let count = planes.len();
    for (raw, plane) in raw.iter_mut().zip(planes.iter_mut()) {
        *raw = team::Shared(plane.as_mut_ptr());
    }
    let raw = &raw;
    team::split(n, size, parts(n), &|range| {
        let mut start = range.start;
        while start < range.end {
            let len = size.min(range.end - start);
            let mut views: [&mut [S]; MAX_PLANES] = std::array::from_fn(|_| Default::default());
            for (i, view) in views[..count].iter_mut().enumerate() {
                // SAFETY: planes are distinct slices of n numbers, borrowed mutably for the whole call; ranges are disjoint.
                *view = unsafe { std::slice::from_raw_parts_mut(raw[i].get().add(start), len) };
            }
            f(start, &mut views[..count]);
            start += len;
        }
    });
}

/// At most this many planes pass through [`chunks`].
pub const MAX_PLANES: usize = 16;

/// Distinct vectors of one length, walked over together by [`chunks`].
#[derive(Debug)]
pub struct Chunks<'a, S>(pub &'a mut [&'a mut [S]]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dual::Dual;

    /// Alone and on three threads, at sizes around every boundary.
    fn check(f: impl Fn(usize)) {
        let team = team::Team::new(3).expect("threads");
        for n in [1, 2, 15, 63, 64, 65, 130, SERIAL - 1, SERIAL, SERIAL + 1, 2 * SERIAL + 77] {
            f(n);
            team.install(|| f(n));
        }
    }

    fn numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 31 + seed * 17) % 101) as f64 - 50.0).collect()
    }

    #[test]
    fn small_work_stays_on_one_thread() {
        let all = || [0, SERIAL - 1, SERIAL, 6 * SERIAL - 1, 6 * SERIAL, 100 * SERIAL].map(parts);
        assert_eq!(all(), [1, 1, 1, 4, 4, 4]);
        assert_eq!(team::Team::new(3).expect("threads").install(all), [1, 1, 3, 3, 6, 12]);
    }

    #[test]
    fn loops_do_what_a_plain_loop_does() {
        check(|n| {
            let (a, b, c) = (numbers(n, 1), numbers(n, 2), numbers(n, 3));
            let mut y = vec![f64::NAN; n];
            map(&mut y, &a, |a| 2.0 * a - 1.0);
            assert!(y.iter().zip(&a).all(|(y, a)| *y == 2.0 * a - 1.0), "map {n}");
            map3(&mut y, &a, &b, &c, |a, b, c| a * b - c);
            assert!((0..n).all(|i| y[i] == a[i] * b[i] - c[i]), "map3 {n}");
            zip(&mut y, &b, |y, b| *y -= 3.0 * b);
            assert!((0..n).all(|i| y[i] == a[i] * b[i] - c[i] - 3.0 * b[i]), "zip {n}");
            each(&mut y, |y| *y = -*y);
            assert!((0..n).all(|i| y[i] == 3.0 * b[i] + c[i] - a[i] * b[i]), "each {n}");
            let (mut u, mut v) = (a.clone(), b.clone());
            each2(&mut u, &mut v, |u, v| (*u, *v) = (*u + *v, *u - *v));
            assert!((0..n).all(|i| (u[i], v[i]) == (a[i] + b[i], a[i] - b[i])), "each2 {n}");
            each3(&mut u, &mut v, &mut y, |u, v, y| (*u, *v, *y) = (*y, *u, *v));
            assert!((0..n).all(|i| (v[i], y[i]) == (a[i] + b[i], a[i] - b[i])), "each3 {n}");
            assert!((0..n).all(|i| u[i] == 3.0 * b[i] + c[i] - a[i] * b[i]), "each3 {n}");
        });
    }

    #[test]
    fn a_bias_is_added_to_every_column_and_columns_add_up() {
        check(|n| {
            for d in [1, 3, 64, 200] {
                let (cols, x, b) = (n.div_ceil(d), numbers(n.div_ceil(d) * d, 1), numbers(d, 2));
                let mut y = x.clone();
                add_bias(&mut MatMut::new(&mut y, d, cols), &b);
                assert!((0..y.len()).all(|i| y[i] == x[i] + b[i % d]), "{d} rows, {cols} columns");
                let m = Mat::new(&y, d, cols);
                let sums: Vec<f64> = (0..d).map(|i| m.columns().map(|column| column[i]).sum()).collect();
                let mut acc = b.clone();
                sum_columns(Write::Add, &mut acc, m);
                assert!((0..d).all(|i| acc[i] == b[i] + sums[i]), "{d} rows, {cols} columns");
                sum_columns(Write::Set, &mut acc, m);
                assert_eq!(acc, sums, "{d} rows, {cols} columns");
            }
            let (x, z) = (numbers(2 * n, 1), numbers(2 * n, 4));
            for write in [Write::Set, Write::Add] {
                let mut acc = if write == Write::Set { vec![f64::NAN; n] } else { numbers(n, 5) };
                sum_products(write, &mut acc, Mat::new(&x, n, 2), Mat::new(&z, n, 2));
                let before = if write == Write::Set { vec![0.0; n] } else { numbers(n, 5) };
                assert!((0..n).all(|i| acc[i] == before[i] + x[i] * z[i] + x[n + i] * z[n + i]), "{n} rows");
            }
            // Many rows, so that those are split.
            let (x, mut acc) = (numbers(2 * n, 1), vec![f64::NAN; n]);
            sum_columns(Write::Set, &mut acc, Mat::new(&x, n, 2));
            assert!((0..n).all(|i| acc[i] == x[i] + x[n + i]), "{n} rows");
        });
    }

    #[test]
    fn chunks_are_the_same_for_any_team_and_none_is_empty() {
        check(|n| {
            let (mut a, mut b) = (numbers(n, 1), numbers(n, 2));
            let calls = std::sync::Mutex::new(Vec::new());
            chunks(n, 48, Chunks(&mut [&mut a, &mut b]), |start, planes| {
                calls.lock().expect("no panic").push((start, planes[0].len(), planes[1].len(), planes.len()));
                for (i, a) in planes[0].iter_mut().enumerate() {
                    *a += (start + i) as f64;
                }
                planes[1].fill(start as f64);
            });
            let mut calls = calls.into_inner().expect("no panic");
            calls.sort_unstable();
            let want: Vec<_> = (0..n).step_by(48).map(|s| (s, 48.min(n - s), 48.min(n - s), 2)).collect();
            assert_eq!(calls, want);
            let before = numbers(n, 1);
            assert!((0..n).all(|i| a[i] == before[i] + i as f64 && b[i] == (i / 48 * 48) as f64));
        });
    }

    #[test]
    fn lengths_are_checked() {
        let refuses = |f: &dyn Fn(&mut [f64], &[f64])| {
            let panics = |n, m| {
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(&mut vec![0.0; n], &vec![0.0; m]))).is_err()
            };
            (panics(2, 2), panics(2, 3), panics(3, 2))
        };
        let want = (false, true, true);
        assert_eq!(refuses(&|y, x| map(y, x, |x| x)), want);
        assert_eq!(refuses(&|y, x| map3(y, x, &[0.0; 2], &[0.0; 2], |x, _, _| x)), want);
        assert_eq!(refuses(&|y, x| map3(y, &[0.0; 2], x, &[0.0; 2], |x, _, _| x)), want);
        assert_eq!(refuses(&|y, x| map3(y, &[0.0; 2], &[0.0; 2], x, |x, _, _| x)), want);
        assert_eq!(refuses(&|y, x| zip(y, x, |_, _| ())), want);
        assert_eq!(refuses(&|y, x| each2(y, &mut x.to_vec(), |_, _| ())), want);
        assert_eq!(refuses(&|y, x| each3(y, &mut x.to_vec(), &mut [0.0; 2], |_, _, _| ())), want);
        assert_eq!(refuses(&|y, x| each3(y, &mut [0.0; 2], &mut x.to_vec(), |_, _, _| ())), want);
        assert_eq!(refuses(&|y, x| add_bias(&mut MatMut::new(y, y.len(), 1), x)), want);
        assert_eq!(refuses(&|y, x| sum_columns(Write::Add, y, Mat::new(x, x.len(), 1))), want);
        fn column(x: &[f64]) -> Mat<'_, f64> {
            Mat::new(x, x.len(), 1)
        }
        assert_eq!(
            refuses(&|y, x| sum_products(Write::Add, &mut [0.0; 2][..y.len().min(2)], column(y), column(x))),
            want
        );
        let two_and = |m: usize| {
            let run = || sum_products(Write::Set, &mut [0.0; 2], column(&[1.0; 2]), Mat::new(&[1.0; 4], 4 / m, m));
            std::panic::catch_unwind(run).is_ok()
        };
        assert_eq!([two_and(1), two_and(2)], [false; 2]);
        assert_eq!(refuses(&|y, x| chunks(2, 1, Chunks(&mut [y, &mut x.to_vec()]), |_, _| ())), want);
        let empty = std::panic::catch_unwind(|| add_bias(&mut MatMut::<f64>::new(&mut [], 0, 3), &[]));
        assert!(empty.is_err(), "a bias of no rows");
        let many = |n: usize| {
            let run = || {
                let mut planes = vec![[0.0f64; 1]; n];
                let mut planes: Vec<&mut [f64]> = planes.iter_mut().map(|p| &mut p[..]).collect();
                chunks(1, 1, Chunks(&mut planes), |_, _| ());
            };
            std::panic::catch_unwind(run).is_ok()
        };
        assert!(many(MAX_PLANES) && !many(MAX_PLANES + 1));
    }

    #[test]
    fn columns_are_picked_in_any_order() {
        check(|n| {
            for d in [1, 3, 64] {
                let (cols, x) = (n.div_ceil(d), numbers(n.div_ceil(d) * d, 1));
                let order: Vec<usize> = (0..cols).map(|j| (j * 7 + 3) % cols).collect();
                let mut y = vec![f64::NAN; x.len()];
                pick_columns(&mut MatMut::new(&mut y, d, cols), Mat::new(&x, d, cols), &order);
                let want: Vec<f64> = order.iter().flat_map(|&j| &x[j * d..(j + 1) * d]).copied().collect();
                assert_eq!(y, want, "{d} rows, {cols} columns");
            }
        });
        let x = [1.0, 2.0, 3.0, 4.0];
        let pick = |d: usize, order: &[usize]| {
            let run = || pick_columns(&mut MatMut::new(&mut vec![0.0; 2 * d], d, 2), Mat::new(&x, 2, 2), order);
            std::panic::catch_unwind(run).is_ok()
        };
        assert!(pick(2, &[1, 1]) && !pick(2, &[1, 2]) && !pick(1, &[0, 1]) && !pick(2, &[0]));
    }

    #[test]
    fn one_bad_number_anywhere_is_found() {
        team::Team::new(2).expect("threads").install(|| {
            let mut x = vec![1.0f32; 4 * SERIAL + 5];
            for at in [0, SERIAL, 4 * SERIAL + 4] {
                assert!(all_finite(&x));
                x[at] = f32::NAN;
                assert!(!all_finite(&x), "at {at}");
                x[at] = 1.0;
            }
        });
        for n in [0usize, 1, 15, 16, 17, 63, 64, 65, 100, 200] {
            assert!(all_finite(&vec![1e308; n]) && all_finite(&vec![-f32::MAX; n]) && all_finite(&vec![0.0; n]));
            for at in 0..n {
                for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let mut x = vec![-0.5; n];
                    x[at] = bad;
                    assert!(!all_finite(&x), "{bad} at {at} of {n}");
                    let mut x = vec![Dual::new(1.0, 2.0); n];
                    x[at].eps = bad;
                    assert!(!all_finite(&x), "dual {bad} at {at} of {n}");
                }
            }
        }
    }
}
