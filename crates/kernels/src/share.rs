//! One output that several workers write, each in its own places.

use std::marker::PhantomData;

/// A mutable slice handed to all workers of a call. Who uses it promises that no two workers write the same element, and that
/// nobody reads what another writes within the call.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Shared` is a `&mut [T]` split among workers; the split is disjoint by the promise of `slice` and `pointer`.
unsafe impl<T: Send> Send for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), slice: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The elements from `at`, `count` of them.
    ///
    /// # Safety
    /// No other worker uses any of them at the same time.
    pub(crate) unsafe fn slice(&self, at: usize, count: usize) -> &'a mut [T] {
        assert!(at <= self.length && count <= self.length - at, "a piece beyond the end of a shared slice");
        // SAFETY: the range was just checked, and is this worker's alone by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), count) }
    }

    /// The same to be read, by several workers if they like.
    ///
    /// # Safety
    /// No worker writes any of them at the same time.
    pub(crate) unsafe fn read(&self, at: usize, count: usize) -> &'a [T] {
        assert!(at <= self.length && count <= self.length - at, "a piece beyond the end of a shared slice");
        // SAFETY: the range was just checked, and nobody writes it by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(at), count) }
    }

    /// The place of element `at`, for elements that are not one piece.
    pub(crate) fn pointer(&self, at: usize) -> *mut T {
        assert!(at <= self.length, "a place beyond the end of a shared slice");
        // SAFETY: the place is within the slice or at its end.
        unsafe { self.start.add(at) }
    }
}
