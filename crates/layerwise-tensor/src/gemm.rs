//! The one matrix product: C ← op(A) op(B), or C ← C + op(A) op(B), on contiguous column-major windows.
//!
//! Every number of C is one chain of multiply-adds in the order of k, which starts from 0 or from what C held:
//! cᵢⱼ ← fma(aᵢₖ, bₖⱼ, cᵢⱼ), k = 0, 1, …. So the result has the same bits for any number of threads, at AVX2 and AVX-512, and
//! on whatever the kernels are tuned to; a processor without fused multiply-add rounds twice in each link of the chain.
//!
//! `gemm/blocked.rs` cuts the work, `gemm/vector.rs` and `gemm/x86.rs` are its registers. Large products are split over the
//! current [`crate::team`].

use std::cell::{Cell, RefCell};

use self::blocked::Part;
use self::vector::Portable;
use crate::buf::Buf;
use crate::matrix::{Mat, MatMut};
use crate::scalar::Scalar;
use crate::simd::{self, Level};
use crate::team;

mod blocked;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

/// An operand: the matrix or its transpose.
#[derive(Clone, Copy, Debug)]
pub enum Op<'a, S> {
    /// As it is.
    N(Mat<'a, S>),
    /// Transposed.
    T(Mat<'a, S>),
}

/// What happens to the old contents of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Overwritten, whatever they were.
    Set,
    /// Added to.
    Add,
}

impl<'a, S: Scalar> Op<'a, S> {
    /// The matrix as stored.
    pub fn mat(&self) -> Mat<'a, S> {
        match self {
            Op::N(m) | Op::T(m) => *m,
        }
    }

    /// (rows, columns) after the operation.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Op::N(m) => (m.rows(), m.cols()),
            Op::T(m) => (m.cols(), m.rows()),
        }
    }

    /// (distance between rows, distance between columns) after the operation.
    fn strides(&self) -> (usize, usize) {
        match self {
            Op::N(m) => (1, m.rows()),
            Op::T(m) => (m.rows(), 1),
        }
    }

    /// The number at (row i, column j) after the operation.
    pub(crate) fn at(&self, i: usize, j: usize) -> S {
        match self {
            Op::N(m) => m.at(i, j),
            Op::T(m) => m.at(j, i),
        }
    }

    /// The same operand shape on other data.
    pub(crate) fn with<'b, T: Scalar>(&self, data: &'b [T]) -> Op<'b, T> {
        match self {
            Op::N(m) => Op::N(Mat::new(data, m.rows(), m.cols())),
            Op::T(m) => Op::T(Mat::new(data, m.rows(), m.cols())),
        }
    }
}

/// Panics unless the shapes of c ← a b fit.
#[track_caller]
pub(crate) fn check<S: Scalar>(c: &MatMut<'_, S>, a: &Op<'_, S>, b: &Op<'_, S>) {
    let ((m, k), (k2, n)) = (a.shape(), b.shape());
    assert!(
        k == k2 && c.rows() == m && c.cols() == n,
        "gemm: {m}x{k} times {k2}x{n} does not give {}x{}",
        c.rows(),
        c.cols()
    );
}

/// Below this many multiply-adds a product stays on one thread.
const SERIAL: usize = 500_000;

/// A matrix of which every number is used once, by a single column, is read from far away: threads pay from this size on.
const SERIAL_COLUMN: usize = 100_000;

/// Multiply-adds of a part, if there are more parts than threads: for each part A or B is copied again.
const PART: usize = 100_000_000;

/// Into how many parts a product is cut; several a thread, if they are large, so that one that is held up takes fewer.
fn parts(m: usize, k: usize, n: usize) -> usize {
    let (serial, work, width) = (if n == 1 { SERIAL_COLUMN } else { SERIAL }, m * k * n, team::width());
    if width == 1 || work < serial { 1 } else { width * (work / (width * PART)).clamp(1, 4) }
}

/// The product of real matrices.
pub(crate) fn real<S: Element>(mut c: MatMut<'_, S>, write: Write, a: Op<'_, S>, b: Op<'_, S>) {
    check(&c, &a, &b);
    let ((m, k), (_, n)) = (a.shape(), b.shape());
    if c.data().is_empty() {
        return;
    }
    if k == 0 {
        if write == Write::Set {
            c.data().fill(S::ZERO);
        }
        return;
    }
    let (a_row, a_col) = a.strides();
    let (b_row, b_col) = b.strides();
    let out = team::Shared(c.data().as_mut_ptr());
    let (left, right) = (a.mat().data(), b.mat().data());
    let level = simd::level();
    // Along the longer side, so that the numbers that every thread reads are few.
    let by_rows = m >= n;
    // Whole strips and slivers, where there are many.
    let grain = match (by_rows, m.max(n) >= 512) {
        (true, true) => 64,
        (true, false) => 16,
        (false, _) => 48,
    };
    team::split(m.max(n), grain, parts(m, k, n), &|range| {
        let (rows, columns) = if by_rows { (range, 0..n) } else { (0..m, range) };
        // SAFETY: `check` showed that the strides and sizes stay within the three windows. Each call gets other numbers of C, so
        // none is written by two threads, and C is borrowed mutably for the whole call. The level is the processor's.
        unsafe {
            let part = Part {
                c: out.get().add(rows.start + columns.start * m),
                c_col: m,
                a: left.as_ptr().add(rows.start * a_row),
                a_row,
                a_col,
                b: right.as_ptr().add(columns.start * b_col),
                b_row,
                b_col,
                m: rows.len(),
                k,
                n: columns.len(),
                write,
            };
            S::product(level, &part);
        }
    });
}

/// The product by its definition, for numbers without a fast kernel.
pub(crate) fn plain<S: Scalar>(mut c: MatMut<'_, S>, write: Write, a: &Op<'_, S>, b: &Op<'_, S>) {
    check(&c, a, b);
    let k = a.shape().1;
    for j in 0..c.cols() {
        for (i, c) in c.col(j).iter_mut().enumerate() {
            let sum = (0..k).fold(S::ZERO, |sum, l| sum + a.at(i, l) * b.at(l, j));
            *c = match write {
                Write::Set => sum,
                Write::Add => *c + sum,
            };
        }
    }
}

/// A real element type with its kernels.
pub(crate) trait Element: Scalar {
    /// The product with the registers of `level`.
    ///
    /// Safety: the pointers must be valid for the sizes and strides, C must overlap neither A nor B, and the level must be one
    /// that the processor has.
    unsafe fn product(level: Level, part: &Part<Self>);
}

thread_local! {
    /// Where copies of A and B are kept, from one product of this thread to the next.
    static SCRATCH: Cell<Buf<f64>> = Cell::default();
}

/// Runs `f` with a function that gives it memory for so many numbers.
fn with_scratch<T>(f: impl FnOnce(&dyn Fn(usize) -> *mut T)) {
    SCRATCH.with(|cell| {
        let scratch = RefCell::new(cell.take());
        f(&|n| {
            let mut scratch = scratch.borrow_mut();
            let words = (n * size_of::<T>()).div_ceil(size_of::<f64>());
            if scratch.len() < words {
                *scratch = Buf::zeros(words);
            }
            scratch.as_mut_ptr().cast()
        });
        cell.set(scratch.into_inner());
    });
}

macro_rules! element {
    ($t:ident, $avx512:ident, $avx2:ident, $lanes:literal) => {
        impl Element for $t {
            unsafe fn product(level: Level, part: &Part<Self>) {
                /// Safety: as for [`Element::product`], on a processor with AVX-512.
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma")]
                unsafe fn avx512(part: &Part<$t>, grow: &dyn Fn(usize) -> *mut $t) {
                    // SAFETY: the caller's promise.
                    unsafe { blocked::product::<x86::$avx512>(part, grow) }
                }
                /// Safety: as for [`Element::product`], on a processor with AVX2 and FMA.
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2(part: &Part<$t>, grow: &dyn Fn(usize) -> *mut $t) {
                    // SAFETY: the caller's promise.
                    unsafe { blocked::product::<x86::$avx2>(part, grow) }
                }
                with_scratch(|grow| match level {
                    // SAFETY: the caller's promise.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => unsafe { avx512(part, grow) },
                    // SAFETY: the caller's promise.
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => unsafe { avx2(part, grow) },
                    // SAFETY: the caller's promise.
                    _ => unsafe { blocked::product::<Portable<$t, $lanes>>(part, grow) },
                });
            }
        }
    };
}
element!(f32, F32x16, F32x8, 4);
element!(f64, F64x8, F64x4, 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products_stay_on_one_thread() {
        let sizes = || {
            let sizes =
                [(100, 49, 100), (100, 50, 100), (1000, 1, 501), (99, 1000, 1), (100, 1000, 1), (599, 1000, 1000)];
            let large = [(600, 1000, 1000), (9000, 1000, 1000)];
            sizes.into_iter().chain(large).map(|(m, k, n)| parts(m, k, n)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(), [1; 8]);
        assert_eq!(team::Team::new(3).expect("threads").install(sizes), [1, 3, 3, 1, 3, 3, 6, 12]);
    }
}
