//! Buffers: contents, alignment, and that what is allocated is freed with the layout it had.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use layerwise_tensor::buf::PAD;
use layerwise_tensor::{Buf, padded};

/// Counts bytes on this thread: allocated, freed.
struct Counter;
thread_local! {
    static BYTES: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}
// SAFETY: the system allocator, with counts beside it.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.set((BYTES.get().0 + layout.size(), BYTES.get().1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // An empty block was never allocated.
        assert!(layout.size() > 0);
        BYTES.set((BYTES.get().0, BYTES.get().1 + layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}
#[global_allocator]
static COUNTER: Counter = Counter;

#[test]
fn buffers_are_aligned_zero_and_freed() {
    let before = BYTES.get();
    for n in [0usize, 1, 7, 16, 1000] {
        let mut buf = Buf::<f64>::zeros(n);
        assert_eq!((buf.len(), buf.as_ptr() as usize % if n > 0 { 64 } else { 8 }), (n, 0));
        assert!(buf.iter().all(|&x| x == 0.0));
        for (i, x) in buf.iter_mut().enumerate() {
            *x = i as f64;
        }
        let copy = Buf::copy_of(&buf);
        assert!(copy == buf && copy.iter().enumerate().all(|(i, &x)| x == i as f64));
    }
    let after = BYTES.get();
    // Two buffers of each length; an empty one allocates nothing.
    assert_eq!((after.0 - before.0, after.1 - before.1), (2 * 8 * 1024, 2 * 8 * 1024));
}

#[test]
fn clones_are_equal_and_independent() {
    let buf = Buf::copy_of(&[1.0f32, 2.0, 3.0]);
    let mut clone = buf.clone();
    assert_eq!((&clone[..], clone == buf), (&[1.0, 2.0, 3.0][..], true));
    clone[1] = 5.0;
    assert_eq!((buf[1], clone == buf), (2.0, false));
    let place = clone.as_ptr();
    clone.clone_from(&buf);
    assert_eq!((&clone[..], clone.as_ptr()), (&buf[..], place), "the same memory where the length fits");
    clone.clone_from(&Buf::copy_of(&[9.0]));
    assert_eq!(&clone[..], [9.0]);
    assert_eq!((Buf::<f32>::default().len(), format!("{buf:?}")), (0, "[1.0, 2.0, 3.0]".to_string()));
}

#[test]
fn padding_goes_up_to_the_next_multiple() {
    let cases = [(0, 0), (1, PAD), (PAD - 1, PAD), (PAD, PAD), (PAD + 1, 2 * PAD), (100, 112)];
    assert!(cases.iter().all(|&(n, want)| padded(n) == want));
}
