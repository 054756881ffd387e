//! The matrix product writes nowhere but into C and its own scratch: every allocation has a guard behind it, which is looked at when
//! the memory is given back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write};

/// Bytes of the guard, and what stands in them.
const GUARD: usize = 512;
const MARK: u8 = 0xA5;

struct Guarded;

static BROKEN: AtomicUsize = AtomicUsize::new(0);

fn larger(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size() + GUARD, layout.align()).unwrap_or(layout)
}

// SAFETY: passes everything on to the system's allocator, with more bytes than were asked for.
unsafe impl GlobalAlloc for Guarded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; the guard lies within the larger memory.
        unsafe {
            let start = System.alloc(larger(layout));
            if !start.is_null() {
                start.add(layout.size()).write_bytes(MARK, GUARD);
            }
            start
        }
    }
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the memory comes from `alloc` with the same layout, so the guard is there.
        unsafe {
            let guard = std::slice::from_raw_parts(start.add(layout.size()), GUARD);
            if guard.iter().any(|byte| *byte != MARK) {
                BROKEN.fetch_add(1, Ordering::Relaxed);
            }
            System.dealloc(start, larger(layout));
        }
    }
}

#[global_allocator]
static GUARDED: Guarded = Guarded;

/// One product in a thread of its own: the scratch belongs to a thread, so a new one has exactly what this product asks for.
fn product<S: Scalar>([m, k, n]: [usize; 3], transposed: [bool; 2]) {
    let run = std::thread::spawn(move || {
        let (a, b, mut c) = (vec![S::ONE; m * k], vec![S::ONE; k * n], vec![S::ZERO; m * n]);
        let a = if transposed[0] { Op::T(Mat::new(&a, k, m)) } else { Op::N(Mat::new(&a, m, k)) };
        let b = if transposed[1] { Op::T(Mat::new(&b, n, k)) } else { Op::N(Mat::new(&b, k, n)) };
        S::gemm(MatMut::new(&mut c, m, n), Write::Set, a, b);
        assert!(c.iter().all(|c| c.value() == k as f64));
    });
    assert!(run.join().is_ok());
    assert_eq!(BROKEN.load(Ordering::Relaxed), 0, "{m} {k} {n} {transposed:?}");
}

#[test]
fn nothing_is_written_beyond_the_end() {
    for m in [1, 3, 16, 31, 48, 64, 65, 129] {
        for k in [1, 2, 7, 16, 63, 64, 321] {
            for n in [1, 4, 8, 13, 24, 65] {
                for transposed in [[false, false], [false, true], [true, false], [true, true]] {
                    product::<f32>([m, k, n], transposed);
                    product::<f64>([m, k, n], transposed);
                }
            }
        }
    }
}
