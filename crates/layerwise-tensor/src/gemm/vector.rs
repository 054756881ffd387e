//! What the kernels of the matrix product ask of a register: a few numbers of one type, with a multiply-add.
//!
//! On x86-64 a register is that of AVX-512 or AVX2 (`x86.rs`), whose multiply-add rounds once. [`Portable`] is an array that the
//! compiler turns into the registers of any other target.

/// A register of `LEN` numbers, and the tile of C that is held in registers: `STRIP` registers of rows and `COLUMNS` columns.
pub(super) trait Vector: Copy {
    /// The numbers.
    type Item: Copy;
    /// How many numbers a register holds.
    const LEN: usize;
    /// Registers of rows: `STRIP` · `COLUMNS` sums, `STRIP` numbers of A and one of B fill the register file.
    const STRIP: usize;
    /// Columns.
    const COLUMNS: usize = 6;

    /// Brings the cache line of `at`, any address, near; no more than a hint.
    fn prefetch(at: *const Self::Item);

    // SAFETY: whoever calls a function below is on a processor with the instructions, and what is said to be read or written is
    // there.

    /// All zeros.
    unsafe fn zero() -> Self;
    /// `LEN` times x.
    unsafe fn splat(x: Self::Item) -> Self;
    /// `LEN` numbers at `from`, which may lie anywhere.
    unsafe fn load(from: *const Self::Item) -> Self;
    /// The first `count` numbers at `from`, then zeros; nothing behind them is read.
    unsafe fn load_first(from: *const Self::Item, count: usize) -> Self;
    /// All numbers to `to`.
    unsafe fn store(self, to: *mut Self::Item);
    /// The first `count` numbers to `to`; nothing behind them is written.
    unsafe fn store_first(self, to: *mut Self::Item, count: usize);
    // SAFETY: as above.
    /// self · b + c, rounded once where the processor can.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// Writes the transpose: number i of `column(j)` becomes number j of the register stored at `to + i · step`, for i < `rows`.
    ///
    /// Safety: `rows` registers may be stored there, and rows ≤ `LEN`.
    unsafe fn transpose(column: impl Fn(usize) -> Self, to: *mut Self::Item, step: usize, rows: usize);
}

/// Numbers in an array.
#[derive(Clone, Copy)]
pub(super) struct Portable<T, const N: usize>([T; N]);

macro_rules! portable {
    ($t:ident, $n:literal) => {
        impl Vector for Portable<$t, $n> {
            type Item = $t;
            const LEN: usize = $n;
            // NEON has twice as many registers as SSE.
            const STRIP: usize = if cfg!(target_arch = "aarch64") { 4 } else { 2 };

            #[inline(always)]
            fn prefetch(_: *const $t) {}
            // SAFETY: no instructions but those of the target; memory is the caller's promise.
            #[inline(always)]
            unsafe fn zero() -> Self {
                Portable([0.0; $n])
            }
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                Portable([x; $n])
            }
            #[inline(always)]
            unsafe fn load(from: *const $t) -> Self {
                // SAFETY: the caller's promise.
                Portable(unsafe { from.cast::<[$t; $n]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_first(from: *const $t, count: usize) -> Self {
                let mut numbers = [0.0; $n];
                for (i, number) in numbers.iter_mut().enumerate().take(count) {
                    // SAFETY: the caller's promise.
                    *number = unsafe { *from.add(i) };
                }
                Portable(numbers)
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $t) {
                // SAFETY: the caller's promise.
                unsafe { to.cast::<[$t; $n]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_first(self, to: *mut $t, count: usize) {
                for (i, number) in self.0.into_iter().enumerate().take(count) {
                    // SAFETY: the caller's promise.
                    unsafe { *to.add(i) = number }
                }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Portable(std::array::from_fn(|i| {
                    // Without the instruction, a fused multiply-add would be a slow call.
                    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                        self.0[i].mul_add(b.0[i], c.0[i])
                    } else {
                        self.0[i] * b.0[i] + c.0[i]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn transpose(column: impl Fn(usize) -> Self, to: *mut $t, step: usize, rows: usize) {
                let columns: [Self; $n] = std::array::from_fn(column);
                for i in 0..rows {
                    let row = Portable(columns.map(|column| column.0[i]));
                    // SAFETY: the caller's promise.
                    unsafe { row.store(to.add(i * step)) }
                }
            }
        }
    };
}
portable!(f32, 4);
portable!(f64, 2);
