//! How the records of each integer format give the codes and scales of a group of 32 columns.

use crate::{
    format::Format,
    lanes::{LANES, Lanes},
    matrix::{PANELS, SCALE_BYTES, code_bytes, header_bytes},
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

/// Where a pair has the scales of a group.
#[derive(Clone, Copy)]
pub(crate) struct Scales {
    pub(crate) header: *const u8,
    pub(crate) own: *const u8,
}

/// The layout of one format's records. See `matrix`.
pub(crate) trait Codes {
    /// Bytes of a panel's codes in a group.
    const CODES: usize;
    /// Bytes of a group's scales.
    const SCALES: usize = SCALE_BYTES;
    /// Bytes that eight groups share.
    const HEADER: usize;
    const OFFSET: Offset;
    const MINIMUM: bool;
    /// The most tokens whose sums with both panels have registers beside what unpacking takes.
    const BOTH: usize = if Self::HEADER > 0 { 3 } else { 6 };
    /// See `Tile`.
    const EIGHTS: bool = true;

    /// From so many tokens on they are better served by unpacking to bytes first.
    fn unpack_tokens<L: Lanes>() -> usize {
        if Self::HEADER > 0 { L::UNPACK_K } else { usize::MAX }
    }

    /// Four columns of 16 rows: vector `J` (0–3) of a half of the group.
    ///
    /// # Safety
    /// `codes` are those of a panel's group, and the machine has the instructions.
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes;

    /// The scales of 16 rows; with `Offset::Halves` those of one half.
    ///
    /// # Safety
    /// The scales are those of a group, and the machine has the instructions.
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, half: usize) -> L::Floats;

    /// The minimum of 16 rows, where the format has one.
    ///
    /// # Safety
    /// As for `scale`.
    unsafe fn minimum<L: Lanes>(_scales: Scales, _panel: usize) -> L::Floats {
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
unsafe fn nibbles<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
    // SAFETY: the caller vouches for four vectors of nibbles and the instructions.
    unsafe {
        let bytes = L::load_bytes(codes.add(64 * J));
        if SECOND { L::high_nibbles(bytes) } else { L::low_nibbles(bytes) }
    }
}

/// The f16 scale that blocks of 32 columns have.
#[inline(always)]
unsafe fn plain_scale<L: Lanes>(scales: Scales, panel: usize) -> L::Floats {
    // SAFETY: the caller vouches for the scales.
    unsafe { L::load_f16(scales.own.add(panel * 2 * LANES).cast()) }
}

#[inline(always)]
unsafe fn k_scale<L: Lanes>(scales: Scales, panel: usize) -> L::Floats {
    // SAFETY: the caller vouches for the scales.
    unsafe {
        let shared = L::load_f16(scales.header.add(panel * 2 * LANES).cast());
        L::mul(shared, L::load_u8(scales.own.add(2 * panel * LANES)))
    }
}

#[inline(always)]
unsafe fn k_minimum<L: Lanes>(scales: Scales, panel: usize) -> L::Floats {
    // SAFETY: as above; minima follow the scales.
    unsafe {
        let shared = L::load_f16(scales.header.add((PANELS + panel) * 2 * LANES).cast());
        L::mul(shared, L::load_u8(scales.own.add((2 * panel + 1) * LANES)))
    }
}

impl Codes for Q8_0 {
    const CODES: usize = code_bytes(Format::Q8_0);
    const HEADER: usize = header_bytes(Format::Q8_0);
    const OFFSET: Offset = Offset::Bytes;
    const MINIMUM: bool = false;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the codes and the instructions.
        unsafe { L::load_bytes(codes.add(64 * (J + if SECOND { 4 } else { 0 }))) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { plain_scale::<L>(scales, panel) }
    }
}

impl Codes for Q4_0 {
    const CODES: usize = code_bytes(Format::Q4_0);
    const HEADER: usize = header_bytes(Format::Q4_0);
    const OFFSET: Offset = Offset::Nibbles;
    const MINIMUM: bool = false;

    fn unpack_tokens<L: Lanes>() -> usize {
        L::UNPACK_NIBBLES
    }

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the codes and the instructions.
        unsafe { nibbles::<L, SECOND, J>(codes) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { plain_scale::<L>(scales, panel) }
    }
}

impl Codes for Q4K {
    const CODES: usize = code_bytes(Format::Q4K);
    const HEADER: usize = header_bytes(Format::Q4K);
    const OFFSET: Offset = Offset::None;
    const MINIMUM: bool = true;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the codes and the instructions.
        unsafe { nibbles::<L, SECOND, J>(codes) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_scale::<L>(scales, panel) }
    }

    #[inline(always)]
    unsafe fn minimum<L: Lanes>(scales: Scales, panel: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_minimum::<L>(scales, panel) }
    }
}

impl Codes for Q5K {
    const CODES: usize = code_bytes(Format::Q5K);
    const HEADER: usize = header_bytes(Format::Q5K);
    const OFFSET: Offset = Offset::None;
    const MINIMUM: bool = true;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the codes and the instructions.
        unsafe {
            let (nibbles, fifth) = (nibbles::<L, SECOND, J>(codes), L::load_bytes(codes.add(256)));
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
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, _half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_scale::<L>(scales, panel) }
    }

    #[inline(always)]
    unsafe fn minimum<L: Lanes>(scales: Scales, panel: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { k_minimum::<L>(scales, panel) }
    }
}

impl Codes for Q6K {
    const CODES: usize = code_bytes(Format::Q6K);
    const HEADER: usize = header_bytes(Format::Q6K);
    const OFFSET: Offset = Offset::Halves;
    const MINIMUM: bool = false;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the codes and the instructions.
        unsafe {
            let nibbles = nibbles::<L, SECOND, J>(codes);
            let high = L::load_bytes(codes.add(256 + if SECOND { 64 } else { 0 }));
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
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, half: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe {
            let shared = L::load_f16(scales.header.add(panel * 2 * LANES).cast());
            L::mul(shared, L::load_i8(scales.own.add((2 * panel + half) * LANES).cast()))
        }
    }
}
