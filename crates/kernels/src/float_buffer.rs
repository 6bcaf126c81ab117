//! What a step works in.

use crate::buffer::Buffer;

/// Floats that begin with a cache line, in memory that grows with what is asked for and stays.
///
/// Workers write a line of 16 at a time. In memory that begins anywhere each would be parts of two, and where the work of two workers
/// meets both would want the same one.
#[derive(Debug, Default)]
pub struct FloatBuffer {
    memory: Option<Buffer>,
}

impl FloatBuffer {
    pub const fn new() -> Self {
        Self { memory: None }
    }

    /// The first `length` floats. They are those of the last time, unless there was too little memory for them: then they are zeros.
    ///
    /// # Panics
    /// If the system has not got the memory.
    pub fn take(&mut self, length: usize) -> &mut [f32] {
        let bytes = length.saturating_mul(size_of::<f32>());
        let held = self.memory.as_ref().map_or(0, Buffer::len);
        if held < bytes {
            // By halves, so that steps that become a little larger again and again do not ask again and again.
            let memory = Buffer::zeroed(bytes.max(held + held / 2));
            self.memory = Some(memory.unwrap_or_else(|| panic!("no memory for {length} floats of a step")));
        }
        let Some(memory) = &mut self.memory else { return &mut [] };
        // SAFETY: all bytes are floats, the first lies at the beginning of a line, and there are as many as were asked for.
        unsafe { std::slice::from_raw_parts_mut(memory.start().as_ptr().cast(), length) }
    }

    /// All floats that there is memory for.
    pub(crate) fn held(&self) -> &[f32] {
        let Some(memory) = &self.memory else { return &[] };
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(memory.start().as_ptr().cast(), memory.len() / size_of::<f32>()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_begin_with_a_line_and_stay_as_long_as_there_is_room() {
        let mut floats = FloatBuffer::new();
        assert!(floats.take(0).is_empty());
        for length in [1, 100, 101, 200, 1_000_000] {
            assert_eq!(floats.take(length).as_ptr().align_offset(64), 0);
            floats.take(length).fill(length as f32);
            assert!(floats.take(length).iter().all(|value| value.to_bits() == (length as f32).to_bits()));
            assert_eq!(floats.take(length / 2).len(), length / 2);
        }
    }

    #[test]
    #[should_panic(expected = "no memory for 4611686018427387904 floats")]
    fn more_than_there_can_be_is_refused() {
        FloatBuffer::new().take(1 << 62);
    }
}
