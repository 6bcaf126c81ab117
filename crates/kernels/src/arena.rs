//! Memory for many matrices, one after the other.
//!
//! Huge pages are only had in whole ones of 2 MiB. A matrix with memory of its own has its end in small pages, and a small
//! matrix all of it; looking up their places takes a tenth of the time in which they are read.

use std::{fmt, ptr::NonNull, slice, sync::Arc};

use crate::buffer::Buffer;

/// Memory that is handed out piece by piece, and given back when the last piece is dropped.
#[derive(Debug)]
pub struct Arena {
    buffer: Arc<Buffer>,
    used: usize,
}

impl Arena {
    /// Zeroed memory of so many bytes, or `None` if the system has not got it.
    pub fn new(bytes: usize) -> Option<Self> {
        Some(Self { buffer: Arc::new(Buffer::zeroed(bytes)?), used: 0 })
    }

    /// The next so many bytes, at a 64-byte boundary; `None` if there are not as many left.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<Piece> {
        let start = self.used.checked_next_multiple_of(64)?;
        let end = start.checked_add(bytes).filter(|&end| end <= self.buffer.len())?;
        self.used = end;
        // SAFETY: the place is within the buffer, or at its end.
        let start = unsafe { self.buffer.start().add(start) };
        Some(Piece { start, length: bytes, owner: Arc::clone(&self.buffer) })
    }
}

/// Bytes of an arena that are nobody else's.
pub(crate) struct Piece {
    start: NonNull<u8>,
    length: usize,
    /// Keeps the memory.
    owner: Arc<Buffer>,
}

// SAFETY: a `Piece` owns its bytes, since an arena hands out each once, and lends them by the usual rules.
unsafe impl Send for Piece {}
// SAFETY: as above.
unsafe impl Sync for Piece {}

impl Piece {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the bytes are this piece's own, within a buffer that it keeps, and were zeroed.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Piece").field("length", &self.length).field("owner", &self.owner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_apart_and_outlive_the_arena() {
        let mut arena = Arena::new(300).unwrap();
        let (mut a, mut b) = (arena.take(100).unwrap(), arena.take(100).unwrap());
        assert!(arena.take(100).is_none(), "100 bytes begin at 256");
        drop(arena);
        a.bytes_mut().fill(1);
        b.bytes_mut().fill(2);
        assert!(a.bytes().iter().all(|&byte| byte == 1));
        assert_eq!(b.bytes().as_ptr().align_offset(64), 0);
    }
}
