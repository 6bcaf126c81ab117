//! How the panels of each integer format give the codes and scales of a group of 32 columns.

use crate::{
    format::Format,
    lanes::{LANES, Lanes},
    matrix::{code_bytes, scale_bytes},
};

/// What a code stands for: scale · (code − offset) − minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offset {
    None,
    /// Bytes are signed values plus 128.
    Bytes,
    Nibbles,
    /// Six-bit values, with a scale for each 16 columns.
    Halves,
}

/// The layout of one format's panels. See `matrix`.
pub(crate) trait Codes {
    /// Bytes of a group's codes.
    const GROUP_BYTES: usize;
    const OFFSET: Offset;
    const MINIMUM: bool;
    /// Whether more than a few tokens are better served by unpacking to bytes first.
    const UNPACK: bool;

    /// Four columns of 16 rows: vector `J` (0–3) of a half of the group.
    ///
    /// # Safety
    /// `group` holds a group's codes, and the machine has the instructions.
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes;

    /// The scales of 16 rows in group `group`; with `Offset::Halves` those of one half.
    ///
    /// # Safety
    /// `scales` holds those of a panel with this group, and the machine has the instructions.
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, half: usize) -> L::Floats;

    /// The minimum of 16 rows in a group, where the format has one.
    ///
    /// # Safety
    /// As for `scale`.
    unsafe fn minimum<L: Lanes>(_scales: *const u8, _group: usize) -> L::Floats {
        // SAFETY: the caller vouches for the instructions.
        unsafe { L::splat(0.0) }
    }
}

pub(crate) struct Q8_0;
pub(crate) struct Q4_0;
pub(crate) struct Q4K;
pub(crate) struct Q5K;
pub(crate) struct Q6K;

/// A vector of nibbles: those of the first half are low, those of the second high.
#[inline(always)]
unsafe fn nibbles<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
    // SAFETY: the caller vouches for four vectors of nibbles and the instructions.
    unsafe {
        let bytes = L::load_bytes(group.add(64 * J));
        if SECOND { L::high_nibbles(bytes) } else { L::low_nibbles(bytes) }
    }
}

/// The f16 scale that blocks of 32 columns have.
#[inline(always)]
unsafe fn plain_scale<L: Lanes>(scales: *const u8, group: usize) -> L::Floats {
    // SAFETY: the caller vouches for the scales of this group.
    unsafe { L::load_f16(scales.add(group * 2 * LANES).cast()) }
}

const K_SCALES: usize = scale_bytes(Format::Q4K);
const Q6_K_SCALES: usize = scale_bytes(Format::Q6K);

#[inline(always)]
unsafe fn k_scale<L: Lanes>(scales: *const u8, group: usize) -> L::Floats {
    // SAFETY: the caller vouches for the scales of this group; a block has eight.
    unsafe {
        let block = scales.add(group / 8 * K_SCALES);
        L::mul(L::load_f16(block.cast()), L::load_u8(block.add((4 + group % 8) * LANES)))
    }
}

#[inline(always)]
unsafe fn k_minimum<L: Lanes>(scales: *const u8, group: usize) -> L::Floats {
    // SAFETY: as above.
    unsafe {
        let block = scales.add(group / 8 * K_SCALES);
        L::mul(L::load_f16(block.add(2 * LANES).cast()), L::load_u8(block.add((12 + group % 8) * LANES)))
    }
}

impl Codes for Q8_0 {
    const GROUP_BYTES: usize = code_bytes(Format::Q8_0);
    const OFFSET: Offset = Offset::Bytes;
    const MINIMUM: bool = false;
    const UNPACK: bool = false;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the group and the instructions.
        unsafe { L::load_bytes(group.add(64 * (J + if SECOND { 4 } else { 0 }))) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { plain_scale::<L>(scales, group) }
    }
}

impl Codes for Q4_0 {
    const GROUP_BYTES: usize = code_bytes(Format::Q4_0);
    const OFFSET: Offset = Offset::Nibbles;
    const MINIMUM: bool = false;
    const UNPACK: bool = true;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the group and the instructions.
        unsafe { nibbles::<L, SECOND, J>(group) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { plain_scale::<L>(scales, group) }
    }
}

impl Codes for Q4K {
    const GROUP_BYTES: usize = code_bytes(Format::Q4K);
    const OFFSET: Offset = Offset::None;
    const MINIMUM: bool = true;
    const UNPACK: bool = true;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the group and the instructions.
        unsafe { nibbles::<L, SECOND, J>(group) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_scale::<L>(scales, group) }
    }

    #[inline(always)]
    unsafe fn minimum<L: Lanes>(scales: *const u8, group: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_minimum::<L>(scales, group) }
    }
}

impl Codes for Q5K {
    const GROUP_BYTES: usize = code_bytes(Format::Q5K);
    const OFFSET: Offset = Offset::None;
    const MINIMUM: bool = true;
    const UNPACK: bool = true;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the group and the instructions.
        unsafe {
            let (nibbles, fifth) = (nibbles::<L, SECOND, J>(group), L::load_bytes(group.add(256)));
            // Bit `s` of a byte is the fifth bit of its column in vector `s`.
            match (SECOND, J) {
                (false, 0) => L::with_bits::<-4, 16>(nibbles, fifth),
                (false, 1) => L::with_bits::<-3, 16>(nibbles, fifth),
                (false, 2) => L::with_bits::<-2, 16>(nibbles, fifth),
                (false, _) => L::with_bits::<-1, 16>(nibbles, fifth),
                (true, 0) => L::with_bits::<0, 16>(nibbles, fifth),
                (true, 1) => L::with_bits::<1, 16>(nibbles, fifth),
                (true, 2) => L::with_bits::<2, 16>(nibbles, fifth),
                (true, _) => L::with_bits::<3, 16>(nibbles, fifth),
            }
        }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_scale::<L>(scales, group) }
    }

    #[inline(always)]
    unsafe fn minimum<L: Lanes>(scales: *const u8, group: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_minimum::<L>(scales, group) }
    }
}

impl Codes for Q6K {
    const GROUP_BYTES: usize = code_bytes(Format::Q6K);
    const OFFSET: Offset = Offset::Halves;
    const MINIMUM: bool = false;
    const UNPACK: bool = true;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the group and the instructions.
        unsafe {
            let nibbles = nibbles::<L, SECOND, J>(group);
            let high = L::load_bytes(group.add(256 + if SECOND { 64 } else { 0 }));
            // Bits `2J` and `2J + 1` of a byte are those above the nibble of its column in vector `J` of this half.
            match J {
                0 => L::with_bits::<-4, 48>(nibbles, high),
                1 => L::with_bits::<-2, 48>(nibbles, high),
                2 => L::with_bits::<0, 48>(nibbles, high),
                _ => L::with_bits::<2, 48>(nibbles, high),
            }
        }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, half: usize) -> L::Floats {
        // SAFETY: as above; a block has 16 scales.
        unsafe {
            let block = scales.add(group / 8 * Q6_K_SCALES);
            let scale = L::load_i8(block.add((2 + 2 * (group % 8) + half) * LANES).cast());
            L::mul(L::load_f16(block.cast()), scale)
        }
    }
}
