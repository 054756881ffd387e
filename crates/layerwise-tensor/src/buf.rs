//! Flat, 64-byte aligned vectors for θ, gradients, optimizer state and workspaces.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::scalar::Scalar;

/// Blocks within a buffer start at multiples of this many numbers.
pub const PAD: usize = 16;

/// n rounded up to a multiple of [`PAD`].
pub const fn padded(n: usize) -> usize {
    n.div_ceil(PAD) * PAD
}

/// A vector of fixed length whose first number lies on a cache line.
pub struct Buf<S> {
    data: NonNull<S>,
    len: usize,
}

// SAFETY: a Buf owns its numbers, like a Vec.
unsafe impl<S: Scalar> Send for Buf<S> {}
// SAFETY: as above; shared access only reads.
unsafe impl<S: Scalar> Sync for Buf<S> {}

impl<S: Scalar> Buf<S> {
    fn layout(len: usize) -> Layout {
        match Layout::array::<S>(len).and_then(|l| l.align_to(64)) {
            Ok(layout) => layout,
            Err(_) => panic!("buffer: {len} numbers do not fit the address space"),
        }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        if len == 0 {
            return Buf { data: NonNull::dangling(), len };
        }
        let layout = Self::layout(len);
        // SAFETY: the layout is not empty. All-zero bytes are the number 0 in every scalar type.
        let pointer = unsafe { alloc_zeroed(layout) };
        match NonNull::new(pointer.cast()) {
            Some(data) => Buf { data, len },
            None => handle_alloc_error(layout),
        }
    }

    /// A copy of `numbers`.
    pub fn copy_of(numbers: &[S]) -> Self {
        let mut buf = Buf::zeros(numbers.len());
        buf.copy_from_slice(numbers);
        buf
    }
}

impl<S> Drop for Buf<S> {
    fn drop(&mut self) {
        if self.len > 0 {
            // The layout of `zeros`, which cannot fail here since it did not fail there.
            if let Ok(layout) = Layout::array::<S>(self.len).and_then(|l| l.align_to(64)) {
                // SAFETY: allocated by `zeros` with this layout, and freed once.
                unsafe { dealloc(self.data.as_ptr().cast(), layout) }
            }
        }
    }
}

impl<S> Deref for Buf<S> {
    type Target = [S];
    fn deref(&self) -> &[S] {
        // SAFETY: `zeros` initialised `len` numbers there (a dangling pointer is fine for length 0).
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<S> DerefMut for Buf<S> {
    fn deref_mut(&mut self) -> &mut [S] {
        // SAFETY: as in `deref`, and the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<S: Scalar> Clone for Buf<S> {
    fn clone(&self) -> Self {
        Buf::copy_of(self)
    }
    fn clone_from(&mut self, source: &Self) {
        if self.len == source.len {
            self.copy_from_slice(source);
        } else {
            *self = source.clone();
        }
    }
}

impl<S: Scalar> PartialEq for Buf<S> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<S: Scalar> Default for Buf<S> {
    fn default() -> Self {
        Buf::zeros(0)
    }
}

impl<S: Scalar> std::fmt::Debug for Buf<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self[..].fmt(f)
    }
}
