//! The one matrix product: C ← op(A) op(B), or C ← C + op(A) op(B), on contiguous column-major windows.
//!
//! Backend: `private-gemm-x86` (assembly kernels for AVX-512 and AVX2, picked at run time) where the processor has AVX2 and
//! FMA, else `matrixmultiply`. Large products are split by rows of C over the current [`crate::team`]; every number of C is
//! then computed as by one thread (tested, since the backend does not promise it).

use crate::matrix::{Mat, MatMut};
use crate::scalar::Scalar;
use crate::simd::{self, Level};
use crate::team;

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
    fn strides(&self) -> (isize, isize) {
        match self {
            Op::N(m) => (1, m.rows() as isize),
            Op::T(m) => (m.rows() as isize, 1),
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

/// Rows of C go to threads in multiples of this.
const ROWS: usize = 16;

/// On how many threads a product runs.
fn parts(m: usize, k: usize, n: usize) -> usize {
    if m * k * n < SERIAL { 1 } else { team::width() }
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
    team::split(m, ROWS, parts(m, k, n), &|rows| {
        // SAFETY: `check` showed that the strides and sizes stay within the three windows. Each call gets other rows of C, so
        // no number of C is written by two threads, and C is borrowed mutably for the whole call.
        unsafe {
            let part = Part {
                c: out.get().add(rows.start),
                c_col: m as isize,
                a: left.as_ptr().offset(rows.start as isize * a_row),
                a_row,
                a_col,
                b: right.as_ptr(),
                b_row,
                b_col,
                m: rows.len(),
                k,
                n,
                write,
            };
            product(&part);
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

/// Raw operands of one product; C has row stride 1.
pub(crate) struct Part<S> {
    c: *mut S,
    c_col: isize,
    a: *const S,
    a_row: isize,
    a_col: isize,
    b: *const S,
    b_row: isize,
    b_col: isize,
    m: usize,
    k: usize,
    n: usize,
    write: Write,
}

/// A real element type with its kernels.
pub(crate) trait Element: Scalar {
    #[cfg(target_arch = "x86_64")]
    const DTYPE: private_gemm_x86::DType;
    /// Safety: the pointers of `part` must be valid for its sizes and strides, and C must not overlap A or B.
    unsafe fn portable(part: &Part<Self>);
}

/// Safety: as for [`Element::portable`].
unsafe fn product<S: Element>(part: &Part<S>) {
    #[cfg(target_arch = "x86_64")]
    if simd::level() >= Level::Avx2 {
        // SAFETY: the caller's promise; the level says that the instructions exist.
        unsafe { x86(part) };
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { S::portable(part) }
}

/// Safety: as for [`Element::portable`], on a processor with AVX2 and FMA (AVX-512F at level `Avx512`).
#[cfg(target_arch = "x86_64")]
unsafe fn x86<S: Element>(p: &Part<S>) {
    use private_gemm_x86::{Accum, DstKind, IType, InstrSet, gemm};
    use std::ptr::{from_ref, null};
    let alpha = S::ONE;
    let instructions = if simd::level() == Level::Avx512 { InstrSet::Avx512 } else { InstrSet::Avx256 };
    let write = match p.write {
        Write::Set => Accum::Replace,
        Write::Add => Accum::Add,
    };
    // SAFETY: the caller's promise; index and diagonal pointers are null, which the kernel reads as "none".
    unsafe {
        gemm(
            S::DTYPE,
            IType::U64,
            instructions,
            p.m,
            p.n,
            p.k,
            p.c.cast(),
            1,
            p.c_col,
            null(),
            null(),
            DstKind::Full,
            write,
            p.a.cast(),
            p.a_row,
            p.a_col,
            false,
            null(),
            0,
            p.b.cast(),
            p.b_row,
            p.b_col,
            false,
            from_ref(&alpha).cast(),
            1,
        );
    }
}

macro_rules! element {
    ($t:ident, $dtype:ident, $kernel:path) => {
        impl Element for $t {
            #[cfg(target_arch = "x86_64")]
            const DTYPE: private_gemm_x86::DType = private_gemm_x86::DType::$dtype;
            unsafe fn portable(p: &Part<Self>) {
                let beta = match p.write {
                    Write::Set => 0.0,
                    Write::Add => 1.0,
                };
                // SAFETY: the caller's promise. With beta 0 the old contents of C are not read.
                unsafe {
                    $kernel(p.m, p.k, p.n, 1.0, p.a, p.a_row, p.a_col, p.b, p.b_row, p.b_col, beta, p.c, 1, p.c_col);
                }
            }
        }
    };
}
element!(f32, F32, matrixmultiply::sgemm);
element!(f64, F64, matrixmultiply::dgemm);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products_stay_on_one_thread() {
        let sizes = || [parts(100, 49, 100), parts(100, 50, 100), parts(1000, 1, 501), parts(1, 500_000, 1)];
        assert_eq!(sizes(), [1, 1, 1, 1]);
        assert_eq!(team::Team::new(3).expect("threads").install(sizes), [1, 3, 3, 3]);
    }
}
