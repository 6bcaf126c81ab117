//! Room for the bodies of requests that are on their way, so that those who send many large ones at once, or send them slowly, cannot take
//! all memory.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of so many bytes nobody counts: however crowded it is, somebody can ask something.
const UNCOUNTED: usize = 16 * 1024;
/// Bytes that are taken at a time.
const PIECE: usize = 4 * 1024;
/// What a body that is not empty has at first.
const LEAST: usize = 1024;

/// What all bodies have together.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

/// There is none left.
#[derive(Debug)]
pub(crate) struct Full;

/// A body that arrives, with the room that it takes.
#[derive(Debug)]
pub(crate) struct Arriving {
    bytes: Vec<u8>,
    room: Room,
    taken: Option<OwnedSemaphorePermit>,
}

/// One that has arrived: its room is taken for as long as anybody has it.
struct Arrived {
    bytes: Vec<u8>,
    _taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / PIECE).min(Semaphore::MAX_PERMITS))))
    }

    pub(crate) fn begin(&self) -> Arriving {
        Arriving { bytes: Vec::new(), room: self.clone(), taken: None }
    }
}

impl Arriving {
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let length = self.bytes.len() + bytes.len();
        if length > self.bytes.capacity() {
            // What is taken counts, and not only what is in it.
            let capacity = length.max(LEAST).next_power_of_two();
            self.take(capacity.saturating_sub(UNCOUNTED).div_ceil(PIECE))?;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn take(&mut self, pieces: usize) -> Result<(), Full> {
        let missing = pieces - self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if missing > 0 {
            let missing = u32::try_from(missing).map_err(|_| Full)?;
            let more = Arc::clone(&self.room.0).try_acquire_many_owned(missing).map_err(|_| Full)?;
            match &mut self.taken {
                Some(taken) => taken.merge(more),
                None => self.taken = Some(more),
            }
        }
        Ok(())
    }

    pub(crate) fn end(self) -> Bytes {
        let Self { bytes, taken, .. } = self;
        if taken.is_none() { Bytes::from(bytes) } else { Bytes::from_owner(Arrived { bytes, _taken: taken }) }
    }
}

impl AsRef<[u8]> for Arrived {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_take_room_until_nobody_has_them_and_small_ones_none() {
        let room = Room::of(7 * UNCOUNTED);
        let body = |length: usize| {
            let mut arriving = room.begin();
            (0..length).step_by(PIECE).try_for_each(|_| arriving.push(&[7; PIECE]))?;
            Ok::<_, Full>(arriving.end())
        };
        // They take the next power of two, of which the first part is free: 3, 3 and 7 parts.
        let large = body(3 * UNCOUNTED).unwrap();
        assert_eq!(large.len(), 3 * UNCOUNTED);
        let held = large.clone();
        drop(large);
        assert!(body(5 * UNCOUNTED).is_err());
        let other = body(4 * UNCOUNTED).unwrap();
        assert!(body(2 * UNCOUNTED).is_ok() && body(3 * UNCOUNTED).is_err());
        let small = body(UNCOUNTED).unwrap();
        drop((held, other));
        body(8 * UNCOUNTED).unwrap();
        drop(small);
    }
}
