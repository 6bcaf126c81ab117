//! Sixteen numbers as they are kept, which become floats as they are read.

use crate::lanes::Lanes;

/// How one kind is read.
pub(crate) trait Element {
    const BYTES: usize;
    /// Whether they mean something only with a scale: in the cache, each position has one for its key and one for its value.
    const SCALED: bool = false;

    /// # Safety
    /// `from` holds 16 elements, and the machine has the instructions.
    unsafe fn load<L: Lanes>(from: *const u8) -> L::Floats;
}

pub(crate) struct F32;
pub(crate) struct F16;
pub(crate) struct Bf16;
pub(crate) struct I8;

impl Element for F32 {
    const BYTES: usize = 4;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> L::Floats {
        // SAFETY: the caller vouches for the elements.
        unsafe { L::load(from.cast()) }
    }
}

impl Element for F16 {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> L::Floats {
        // SAFETY: the caller vouches for the elements.
        unsafe { L::load_f16(from.cast()) }
    }
}

impl Element for Bf16 {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> L::Floats {
        // SAFETY: the caller vouches for the elements.
        unsafe { L::load_bf16(from.cast()) }
    }
}

impl Element for I8 {
    const BYTES: usize = 1;
    const SCALED: bool = true;

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const u8) -> L::Floats {
        // SAFETY: the caller vouches for the elements.
        unsafe { L::load_i8(from.cast()) }
    }
}
