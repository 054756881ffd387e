//! The blocked product: strips of A and slivers of B are copied to where they are read in order, and tiles of C stay in registers
//! while k runs (Goto and van de Geijn 2008).
//!
//! Every number of C is one chain of multiply-adds in the order of k, which starts from 0 or from what C held. No blocking, tile
//! or number of threads changes that chain, so none changes a bit.

use std::ptr::null_mut;

use super::Write;
use super::vector::Vector;

/// Raw operands of one product; C has row stride 1, and A and B are contiguous along their rows or along their columns.
#[derive(Clone, Copy)]
pub(crate) struct Part<T> {
    pub c: *mut T,
    pub c_col: usize,
    pub a: *const T,
    pub a_row: usize,
    pub a_col: usize,
    pub b: *const T,
    pub b_row: usize,
    pub b_col: usize,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub write: Write,
}

/// At most so many steps of k are done at a time, in even parts: what a strip of A and the slivers of B then need stays in the
/// second-level cache.
const DEPTH: usize = 320;
/// Bytes of B that are copied at a time: a good part of a second-level cache.
const B_BYTES: usize = 640 << 10;
/// A strip that is used for so many slivers is copied first, so that it is read in order.
const SLIVERS: usize = 6;
/// B is copied if so many strips use it.
const STRIPS: usize = 3;

/// How the work is cut.
struct Plan {
    depth: usize,
    columns: usize,
    copy_a: bool,
    copy_b: bool,
}

impl Plan {
    fn new<V: Vector>(p: &Part<V::Item>) -> Plan {
        let depth = p.k.div_ceil(p.k.div_ceil(DEPTH));
        let columns = (B_BYTES / size_of::<V::Item>() / depth / V::COLUMNS).max(1) * V::COLUMNS;
        let rows = V::STRIP * V::LEN;
        Plan {
            depth,
            columns: columns.min(p.n),
            copy_a: p.a_row != 1 || (p.n > SLIVERS * V::COLUMNS && p.a_col > rows),
            copy_b: p.m > STRIPS * rows,
        }
    }

    /// Numbers of scratch that the copies of A and B need; whole registers are stored, so the last one reaches over the end.
    fn scratch<V: Vector>(&self) -> (usize, usize) {
        let a = V::STRIP * V::LEN * self.depth + V::LEN;
        let b = self.columns.next_multiple_of(V::COLUMNS) * (self.depth + PAD) + V::LEN;
        (a.next_multiple_of(64), if self.copy_b { b } else { 0 })
    }
}

/// The product.
///
/// Safety: the pointers must be valid for the sizes and strides, C must overlap neither A nor B, the sizes must not be 0, and the
/// processor must have the instructions of `V`. `memory(n)` must return room for n numbers.
#[inline(always)]
pub(super) unsafe fn product<V: Vector>(p: &Part<V::Item>, memory: impl FnOnce(usize) -> *mut V::Item) {
    // SAFETY: the caller's promise; blocks below stay within the sizes, and copies within what `scratch` counts.
    unsafe {
        if p.n == 1 && p.a_row == 1 {
            return column::<V>(p);
        }
        let plan = Plan::new::<V>(p);
        let (of_a, of_b) = plan.scratch::<V>();
        let a_copy = memory(of_a + of_b);
        let b_copy = a_copy.add(of_a);
        let rows = V::STRIP * V::LEN;
        for column in (0..p.n).step_by(plan.columns) {
            let n = plan.columns.min(p.n - column);
            for step in (0..p.k).step_by(plan.depth) {
                let k = plan.depth.min(p.k - step);
                let b = Right {
                    at: p.b.add(step * p.b_row + column * p.b_col),
                    row: p.b_row,
                    col: p.b_col,
                    next: p.b_col * V::COLUMNS,
                };
                let b = if plan.copy_b { b.copy::<V>(n, k, b_copy) } else { b };
                let chain = step > 0 || p.write == Write::Add;
                for first in (0..p.m).step_by(rows) {
                    let m = rows.min(p.m - first);
                    let from = p.a.add(first * p.a_row + step * p.a_col);
                    let mut strip = Strip {
                        k,
                        a: from,
                        a_col: p.a_col,
                        copy: None,
                        ahead: Ahead::new(p, from, rows, k),
                        c: p.c.add(first + column * p.c_col),
                        c_col: p.c_col,
                        m,
                        n,
                        chain,
                    };
                    if plan.copy_a && p.a_row == 1 && m == rows && n >= V::COLUMNS {
                        strip.copy = Some(a_copy);
                    } else if plan.copy_a || m % V::LEN != 0 {
                        copy_strip::<V>(from, p.a_row, p.a_col, m, k, a_copy);
                        (strip.a, strip.a_col) = (a_copy, rows);
                    }
                    match m.div_ceil(V::LEN) {
                        1 => strip.run::<V, 1>(&b),
                        2 => strip.run::<V, 2>(&b),
                        3 if V::STRIP > 2 => strip.run::<V, 3>(&b),
                        4 if V::STRIP > 2 => strip.run::<V, 4>(&b),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The next strip of A, fetched to the caches while this one is used.
struct Ahead<T> {
    line: *const T,
    /// From line to line, in numbers; numbers of a line; lines.
    step: usize,
    length: usize,
    lines: usize,
}

impl<T> Ahead<T> {
    /// Behind the strip of `rows` rows and k steps at `a`.
    #[inline(always)]
    fn new(p: &Part<T>, a: *const T, rows: usize, k: usize) -> Self {
        let line = a.wrapping_add(rows * p.a_row);
        if p.a_row == 1 {
            Ahead { line, step: p.a_col, length: rows, lines: k }
        } else {
            Ahead { line, step: p.a_row, length: k, lines: rows }
        }
    }

    /// Fetches `lines` lines.
    #[inline(always)]
    fn fetch<V: Vector<Item = T>>(&mut self, lines: usize) {
        let lines = lines.min(self.lines);
        for _ in 0..lines {
            for at in (0..self.length).step_by(64 / size_of::<T>()) {
                V::prefetch(self.line.wrapping_add(at));
            }
            self.line = self.line.wrapping_add(self.step);
        }
        self.lines -= lines;
    }
}

/// The product with a single column: A is read once, in the order in which it lies in memory.
#[inline(always)]
unsafe fn column<V: Vector>(p: &Part<V::Item>) {
    /// A matrix of more bytes comes from memory: from one end to the other that is fastest, with the next column asked for ahead,
    /// since the processor does not look beyond a page by itself.
    const FAR: usize = 8 << 20;
    // SAFETY: the caller's promise.
    unsafe { if p.m * p.k * size_of::<V::Item>() > FAR { groups::<V, 1, true>(p) } else { groups::<V, 8, false>(p) } }
}

/// So many columns of A are read side by side, so that a register of C is written once for all of them.
#[inline(always)]
unsafe fn groups<V: Vector, const MOST: usize, const AHEAD: bool>(p: &Part<V::Item>) {
    // SAFETY: the caller's promise; a prefetch may be of any address.
    unsafe {
        let mut first = 0;
        while first < p.k {
            let group = MOST.min(p.k - first);
            let chain = first > 0 || p.write == Write::Add;
            let a = p.a.add(first * p.a_col);
            let b = p.b.add(first * p.b_row);
            for at in (0..p.m).step_by(V::LEN) {
                let count = V::LEN.min(p.m - at);
                let c = p.c.add(at);
                let load = |from| if count == V::LEN { V::load(from) } else { V::load_first(from, count) };
                let mut sum = if chain { load(c) } else { V::zero() };
                for i in 0..if MOST == 1 { 1 } else { group } {
                    let from = a.add(i * p.a_col + at);
                    if AHEAD {
                        V::prefetch(from.wrapping_add(p.a_col));
                    }
                    sum = load(from).mul_add(V::splat(*b.add(i * p.b_row)), sum);
                }
                if count == V::LEN { sum.store(c) } else { sum.store_first(c, count) }
            }
            first += group;
        }
    }
}

/// Writes `m` rows of A, k steps of them, in the order in which a tile reads them: one step is `STRIP` registers.
#[inline(always)]
unsafe fn copy_strip<V: Vector>(a: *const V::Item, a_row: usize, a_col: usize, m: usize, k: usize, to: *mut V::Item) {
    let rows = V::STRIP * V::LEN;
    // SAFETY: the caller's promise.
    unsafe {
        if a_row == 1 {
            for i in 0..k {
                for at in (0..m).step_by(V::LEN) {
                    let from = a.add(i * a_col + at);
                    let register = if m - at < V::LEN { V::load_first(from, m - at) } else { V::load(from) };
                    register.store(to.add(i * rows + at));
                }
            }
            return;
        }
        for at in (0..m).step_by(V::LEN) {
            for i in (0..k).step_by(V::LEN) {
                let steps = V::LEN.min(k - i);
                let from = a.add(at * a_row + i);
                let line = |j: usize| {
                    if at + j >= m {
                        V::zero()
                    } else if steps == V::LEN {
                        V::load(from.add(j * a_row))
                    } else {
                        V::load_first(from.add(j * a_row), steps)
                    }
                };
                V::transpose(line, to.add(i * rows + at), rows, steps);
            }
        }
    }
}

/// B: number (i, j) of sliver s is at `at + s · next + i · row + j · col`.
struct Right<T> {
    at: *const T,
    row: usize,
    col: usize,
    next: usize,
}

/// Columns of a copy of B that stay columns start so many numbers later than they must, so that they fall on different sets of the
/// caches.
const PAD: usize = 16;

impl<T: Copy> Right<T> {
    /// The same numbers, k × n of them, where a tile reads them in order.
    #[inline(always)]
    unsafe fn copy<V: Vector<Item = T>>(self, n: usize, k: usize, to: *mut T) -> Right<T> {
        // SAFETY: the caller's promise.
        unsafe {
            if self.row == 1 {
                for j in 0..n {
                    std::ptr::copy_nonoverlapping(self.at.add(j * self.col), to.add(j * (k + PAD)), k);
                }
                return Right { at: to, row: 1, col: k + PAD, next: V::COLUMNS * (k + PAD) };
            }
            // Several slivers at a time, so that whole cache lines are read.
            let group = 8 * V::COLUMNS;
            // Whole registers are stored: the next step overwrites what lies over its end, and slivers keep a distance.
            let next = k * V::COLUMNS + V::LEN;
            for first in (0..n).step_by(group) {
                for i in 0..k {
                    for j in (first..n.min(first + group)).step_by(V::COLUMNS) {
                        for at in (j..n.min(j + V::COLUMNS)).step_by(V::LEN) {
                            let from = self.at.add(i * self.row + at);
                            let register = if n - at < V::LEN { V::load_first(from, n - at) } else { V::load(from) };
                            register.store(to.add(j / V::COLUMNS * next + i * V::COLUMNS + at - j));
                        }
                    }
                }
            }
            Right { at: to, row: V::COLUMNS, col: 1, next }
        }
    }
}

/// `m` rows of C and n columns.
struct Strip<T> {
    k: usize,
    a: *const T,
    a_col: usize,
    /// Where the first tile leaves a copy of A for the others.
    copy: Option<*mut T>,
    ahead: Ahead<T>,
    c: *mut T,
    c_col: usize,
    m: usize,
    n: usize,
    chain: bool,
}

impl<T: Copy> Strip<T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Item = T>, const REGISTERS: usize>(mut self, b: &Right<T>) {
        // SAFETY: the caller's promise.
        unsafe {
            let fetch = self.ahead.lines.div_ceil(self.n.div_ceil(V::COLUMNS));
            let mut j = 0;
            if REGISTERS == V::STRIP
                && let Some(copy) = self.copy
            {
                self.tile::<V, REGISTERS, 6, true>(j, b, copy);
                (self.a, self.a_col) = (copy, V::STRIP * V::LEN);
                j += V::COLUMNS;
            }
            if 2 * REGISTERS <= V::STRIP && b.next == b.col * V::COLUMNS {
                while j + 2 * V::COLUMNS <= self.n {
                    self.tile::<V, REGISTERS, 12, false>(j, b, null_mut());
                    j += 2 * V::COLUMNS;
                }
            }
            while j + V::COLUMNS <= self.n {
                self.ahead.fetch::<V>(fetch);
                self.tile::<V, REGISTERS, 6, false>(j, b, null_mut());
                j += V::COLUMNS;
            }
            match self.n - j {
                1 => self.tile::<V, REGISTERS, 1, false>(j, b, null_mut()),
                2 => self.tile::<V, REGISTERS, 2, false>(j, b, null_mut()),
                3 => self.tile::<V, REGISTERS, 3, false>(j, b, null_mut()),
                4 => self.tile::<V, REGISTERS, 4, false>(j, b, null_mut()),
                5 => self.tile::<V, REGISTERS, 5, false>(j, b, null_mut()),
                _ => {}
            }
        }
    }

    /// `WIDTH` columns from column j, a multiple of `COLUMNS`.
    #[inline(always)]
    unsafe fn tile<V: Vector<Item = T>, const REGISTERS: usize, const WIDTH: usize, const COPY: bool>(
        &self,
        j: usize,
        b: &Right<T>,
        mut copy: *mut T,
    ) {
        // SAFETY: the caller's promise: numbers of C outside of the m rows are neither read nor written.
        unsafe {
            let last = self.m - (REGISTERS - 1) * V::LEN;
            let full = last == V::LEN;
            let c = self.c.add(j * self.c_col);
            let mut sums = [[V::zero(); REGISTERS]; WIDTH];
            if self.chain {
                for (j, sums) in sums.iter_mut().enumerate() {
                    for (i, sum) in sums.iter_mut().enumerate() {
                        let c = c.add(j * self.c_col + i * V::LEN);
                        *sum = if full || i + 1 < REGISTERS { V::load(c) } else { V::load_first(c, last) };
                    }
                }
            }
            let (mut a, mut b0) = (self.a, b.at.add(j / V::COLUMNS * b.next));
            // Groups of three columns, whose addresses are one instruction's.
            let (mut b3, mut b6, mut b9) =
                (b0.wrapping_add(3 * b.col), b0.wrapping_add(6 * b.col), b0.wrapping_add(9 * b.col));
            for _ in 0..self.k {
                let left: [V; REGISTERS] = std::array::from_fn(|i| V::load(a.add(i * V::LEN)));
                if COPY {
                    for (i, left) in left.into_iter().enumerate() {
                        left.store(copy.add(i * V::LEN));
                    }
                    copy = copy.add(REGISTERS * V::LEN);
                }
                for (j, sums) in sums.iter_mut().enumerate() {
                    let group = match j / 3 {
                        0 => b0,
                        1 => b3,
                        2 => b6,
                        _ => b9,
                    };
                    let right = V::splat(*group.add(j % 3 * b.col));
                    for (sum, left) in sums.iter_mut().zip(left) {
                        *sum = left.mul_add(right, *sum);
                    }
                }
                a = a.add(self.a_col);
                b0 = b0.add(b.row);
                b3 = b3.wrapping_add(b.row);
                b6 = b6.wrapping_add(b.row);
                b9 = b9.wrapping_add(b.row);
            }
            for (j, sums) in sums.iter().enumerate() {
                for (i, sum) in sums.iter().enumerate() {
                    let c = c.add(j * self.c_col + i * V::LEN);
                    if full || i + 1 < REGISTERS { sum.store(c) } else { sum.store_first(c, last) }
                }
            }
        }
    }
}
