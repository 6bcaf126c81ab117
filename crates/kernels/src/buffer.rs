//! Large zeroed memory: aligned for the widest loads, and in huge pages where the system has them, without which a matrix
//! is read a quarter slower.

use std::{
    fmt,
    ptr::{self, NonNull},
    slice,
};

const ALIGNMENT: usize = 64;
const HUGE_PAGE: usize = 2 << 20;

/// Zeroed bytes at a 64-byte boundary.
pub(crate) struct Buffer {
    start: NonNull<u8>,
    length: usize,
    /// What was asked of the system, to give it back.
    whole: NonNull<u8>,
    whole_length: usize,
}

// SAFETY: a `Buffer` owns its memory, and hands it out only as slices by the usual borrowing rules.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `length` zeroed bytes, or `None` if the system has not got them.
    pub(crate) fn zeroed(length: usize) -> Option<Self> {
        // Memory in huge pages starts at a multiple of their size, so a little more is asked for.
        let slack = if length >= HUGE_PAGE { HUGE_PAGE } else { 0 };
        let whole_length = length.max(1).checked_next_multiple_of(ALIGNMENT)?.checked_add(slack)?;
        let whole = system::take(whole_length)?;
        let offset = if slack > 0 { whole.as_ptr().align_offset(HUGE_PAGE) } else { 0 };
        assert!(offset <= slack, "a pointer that cannot be aligned");
        // SAFETY: the offset is within what was allocated.
        let start = unsafe { whole.add(offset) };
        if slack > 0 {
            system::prefer_huge_pages(start, length);
        }
        Some(Self { start, length, whole, whole_length })
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The first byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the memory is this buffer's own, initialised by the system to zero.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        system::give_back(self.whole, self.whole_length);
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Buffer").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(unix)]
mod system {
    use super::{NonNull, ptr};

    /// Fresh pages are zero, and cost nothing until they are touched: a cache grows as it is used.
    pub(super) fn take(length: usize) -> Option<NonNull<u8>> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping touches no memory that exists.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
    }

    pub(super) fn give_back(start: NonNull<u8>, length: usize) {
        // SAFETY: the mapping came from `take` with this length, and its owner is being dropped.
        let _ = unsafe { libc::munmap(start.as_ptr().cast(), length) };
    }

    #[cfg(target_os = "linux")]
    pub(super) fn prefer_huge_pages(start: NonNull<u8>, length: usize) {
        // SAFETY: the range is within one mapping of ours; the advice changes no contents, and a refusal costs only speed.
        let _ = unsafe { libc::madvise(start.as_ptr().cast(), length, libc::MADV_HUGEPAGE) };
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn prefer_huge_pages(_start: NonNull<u8>, _length: usize) {}
}

#[cfg(not(unix))]
mod system {
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    use super::{ALIGNMENT, NonNull};

    pub(super) fn take(length: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(length, ALIGNMENT).ok()?;
        // SAFETY: the length is never zero.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    pub(super) fn give_back(start: NonNull<u8>, length: usize) {
        if let Ok(layout) = Layout::from_size_align(length, ALIGNMENT) {
            // SAFETY: the memory came from `take` with this length.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }

    pub(super) fn prefer_huge_pages(_start: NonNull<u8>, _length: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_and_aligned() {
        for length in [0, 1, 100, HUGE_PAGE, HUGE_PAGE + 12_345] {
            let mut buffer = Buffer::zeroed(length).unwrap();
            assert_eq!(buffer.len(), length);
            assert!(buffer.bytes().iter().all(|&byte| byte == 0));
            buffer.bytes_mut().fill(7);
            assert_eq!(buffer.bytes().as_ptr().align_offset(ALIGNMENT), 0);
        }
    }

    #[test]
    fn too_much_memory_is_refused() {
        assert!(Buffer::zeroed(usize::MAX).is_none());
        assert!(Buffer::zeroed(usize::MAX / 2).is_none());
    }
}
