//! Quantised tokens × a pair of panels of integers.
//!
//! Within a group of 32 columns (16 where scales are as fine) the dot product is of integers and exact. It becomes a float once,
//! is multiplied by the scale of the weights and then by that of the activations, and is added to the token's sum.
//!
//! More tokens than a tile holds go over the pair in chunks of columns that stay in the first-level cache while all tiles pass;
//! a tile's sums wait in memory meanwhile.

use std::marker::PhantomData;

use super::{
    Coming, Kept, Line, Scratch, Sink, Sums,
    codes::{Codes, Offset, Scales},
};
use crate::{
    input::Input,
    lanes::{LANES, Lanes, prefetch_stream},
    matrix::{GROUP, HEADER_GROUPS, PANELS},
    tile::Tile,
};

/// Groups of columns that stay in the cache while all tokens pass: 34 KiB of weights with a byte for each code. Whole headers.
const CHUNK_GROUPS: usize = 4 * HEADER_GROUPS;

/// # Safety
/// `pair` holds the input's columns as `C` has them, the input is quantised, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes, C: Codes>(pair: &[u8], input: &Input, sink: &Sink<'_>, scratch: &mut Scratch) {
    let groups = input.columns / GROUP;
    let chunk = if input.tokens <= L::TILE { groups } else { CHUNK_GROUPS };
    let unpacks = input.tokens >= C::unpack_tokens::<L>();
    let sums = scratch.sums(if chunk < groups { input.tokens } else { 0 });
    let mut weights = pair.as_ptr();
    // SAFETY: the pair has records for all groups, and headers before each eighth of them; the input has these tokens.
    unsafe {
        for first in (0..groups).step_by(chunk) {
            let count = chunk.min(groups - first);
            let part = Part { first, count, groups, input, sink, sums };
            let (size, tiles) = (bytes::<C>(count), input.tokens.div_ceil(L::TILE));
            let coming = Coming::new(weights.wrapping_add(size), size, tiles);
            if unpacks {
                let weights = unpack::<L, C>(weights, count, &mut scratch.unpacked);
                let mut work = Integer::<L, Unpacked<C>> { weights, part, streams: false, coming, lanes: PhantomData };
                L::tiles(input.tokens, &mut work);
            } else {
                let mut work = Integer::<L, C> { weights, part, streams: true, coming, lanes: PhantomData };
                L::tiles(input.tokens, &mut work);
            }
            weights = weights.add(size);
        }
    }
}

/// Bytes of so many groups, from a header on.
const fn bytes<C: Codes>(groups: usize) -> usize {
    groups / HEADER_GROUPS * C::HEADER + groups * record::<C>()
}

const fn record<C: Codes>() -> usize {
    PANELS * C::CODES + C::SCALES
}

/// Some groups of columns of all tokens.
#[derive(Clone, Copy)]
struct Part<'a> {
    first: usize,
    count: usize,
    /// Of a whole token.
    groups: usize,
    input: &'a Input,
    sink: &'a Sink<'a>,
    sums: Kept,
}

struct Integer<'a, L, C> {
    weights: *const u8,
    part: Part<'a>,
    /// Whether the weights come from memory, as they do for the first tile.
    streams: bool,
    coming: Coming,
    lanes: PhantomData<(L, C)>,
}

/// What a tile needs of its tokens in one group, from token to token `groups` groups apart.
#[derive(Clone, Copy)]
struct Activations {
    codes: *const i8,
    scales: *const f32,
    sums: *const f32,
    starts: *const i32,
    groups: usize,
}

impl<L: Lanes, C: Codes> Tile for Integer<'_, L, C> {
    const EIGHTS: bool = C::EIGHTS;

    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        let part = self.part;
        // SAFETY: the caller vouches for the instructions.
        unsafe { self.coming.ask::<L>() };
        // SAFETY: the caller vouches for the tokens and the instructions; the sums have a place for each.
        unsafe {
            let mut sums = if part.first > 0 { part.sums.load::<L, T>(first) } else { [[L::splat(0.0); T]; PANELS] };
            self.groups::<T>(activations::<C>(&part, first, T), &mut sums);
            if part.first + part.count == part.groups {
                part.sink.put_all::<L, T>(first, &sums);
            } else {
                part.sums.store::<L, T>(first, &sums);
            }
        }
        self.streams = false;
    }
}

/// Those of `tokens` tokens from `token` on in the part's first group.
#[inline(always)]
fn activations<C: Codes>(part: &Part<'_>, token: usize, tokens: usize) -> Activations {
    let Part { input, first, groups, .. } = *part;
    let all = token * groups + first..(token + tokens) * groups;
    let starts = match C::OFFSET {
        Offset::None => input.starts.none[all.clone()].as_ptr(),
        Offset::Bytes => input.starts.bytes[all.clone()].as_ptr(),
        Offset::Nibbles => input.starts.nibbles[all.clone()].as_ptr(),
        Offset::Halves => input.starts.halves[2 * all.start..2 * all.end].as_ptr(),
    };
    Activations {
        codes: input.codes[all.start * GROUP..all.end * GROUP].as_ptr(),
        scales: input.scales[all.clone()].as_ptr(),
        sums: input.sums[all].as_ptr(),
        starts,
        groups,
    }
}

impl<L: Lanes, C: Codes> Integer<'_, L, C> {
    /// All groups of the part, in order.
    #[inline(always)]
    unsafe fn groups<const T: usize>(&self, activations: Activations, sums: &mut Sums<L, T>) {
        let mut at = self.weights;
        let mut header = at;
        let mut activations = activations;
        // SAFETY: the caller vouches for the part's groups and the instructions. What is asked for ahead need not be there.
        unsafe {
            for group in 0..self.part.count {
                if C::HEADER > 0 && group % HEADER_GROUPS == 0 {
                    header = at;
                    at = at.add(C::HEADER);
                }
                if self.streams {
                    prefetch_stream::<L>(at, record::<C>());
                }
                let scales = Scales { header, own: at.add(PANELS * C::CODES) };
                let [first, second] = sums;
                if L::WIDE && T <= C::BOTH {
                    group_sums::<L, C, T, 2>(at, scales, 0, &activations, [first, second]);
                } else {
                    group_sums::<L, C, T, 1>(at, scales, 0, &activations, [first]);
                    // Else the compiler would keep every activation from one panel to the other, in memory.
                    let hidden = if L::WIDE { hidden_zero() } else { 0 };
                    let again = Activations { codes: activations.codes.add(hidden), ..activations };
                    group_sums::<L, C, T, 1>(at, scales, 1, &again, [second]);
                }
                at = at.add(record::<C>());
                activations.codes = activations.codes.add(GROUP);
                activations.scales = activations.scales.add(1);
                activations.sums = activations.sums.add(1);
                activations.starts = activations.starts.add(if C::OFFSET as u8 == Offset::Halves as u8 { 2 } else { 1 });
            }
        }
    }
}

/// Zero, without the compiler's knowing it. (It may not be told so of a pointer by an instruction that touches no memory.)
#[inline(always)]
fn hidden_zero() -> usize {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: nothing is written but the register and the flags, which assembly may change where it does not say otherwise.
    unsafe {
        let zero: usize;
        std::arch::asm!("xor {0:e}, {0:e}", out(reg) zero, options(pure, nomem, nostack));
        zero
    }
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// Adds one group's products with `N` panels from `panel` on.
#[inline(always)]
unsafe fn group_sums<L: Lanes, C: Codes, const T: usize, const N: usize>(
    codes: *const u8,
    scales: Scales,
    panel: usize,
    activations: &Activations,
    mut sums: [&mut [L::Floats; T]; N],
) {
    // SAFETY: the caller vouches for the group and the instructions.
    unsafe {
        let codes = codes.add(panel * C::CODES);
        let halves = C::OFFSET as u8 == Offset::Halves as u8;
        let mut dots = starts::<L, T, N>(activations, if halves { 2 } else { 1 }, 0);
        half::<L, C, T, N, false>(&mut dots, codes, activations);
        if halves {
            add::<L, C, T, N>(&dots, scales, (panel, 0), activations, &mut sums);
            dots = starts::<L, T, N>(activations, 2, 1);
        }
        half::<L, C, T, N, true>(&mut dots, codes, activations);
        add::<L, C, T, N>(&dots, scales, (panel, 1), activations, &mut sums);
        if C::MINIMUM {
            for n in 0..N {
                let minimum = C::minimum::<L>(scales, panel + n);
                for token in 0..T {
                    let sum = L::splat(*activations.sums.add(token * activations.groups));
                    sums[n][token] = L::negated_fma(minimum, sum, sums[n][token]);
                }
            }
        }
    }
}

/// What each token's dot products start from, of `parts` for each group the one at `part`.
#[inline(always)]
unsafe fn starts<L: Lanes, const T: usize, const N: usize>(
    activations: &Activations,
    parts: usize,
    part: usize,
) -> [[L::Ints; T]; N] {
    // SAFETY: the caller vouches for the group and the instructions.
    unsafe {
        let mut dots = [[L::splat_int(0); T]; N];
        for token in 0..T {
            let start = L::splat_int(*activations.starts.add(parts * token * activations.groups + part));
            for n in 0..N {
                dots[n][token] = start;
            }
        }
        dots
    }
}

/// Adds the scaled products with the panels from `panel` on to the sums.
#[inline(always)]
unsafe fn add<L: Lanes, C: Codes, const T: usize, const N: usize>(
    dots: &[[L::Ints; T]; N],
    scales: Scales,
    (panel, half): (usize, usize),
    activations: &Activations,
    sums: &mut [&mut [L::Floats; T]; N],
) {
    // SAFETY: the caller vouches for the group and the instructions.
    unsafe {
        for n in 0..N {
            let scale = C::scale::<L>(scales, panel + n, half);
            let correction = L::dot_correction(scale);
            for token in 0..T {
                let own = L::splat(*activations.scales.add(token * activations.groups));
                let scaled = L::scale_dots(dots[n][token], scale, correction);
                sums[n][token] = L::fma(scaled, own, sums[n][token]);
            }
        }
    }
}

/// Adds the products of half a group: 16 columns, four vectors of each panel.
#[inline(always)]
unsafe fn half<L: Lanes, C: Codes, const T: usize, const N: usize, const SECOND: bool>(
    dots: &mut [[L::Ints; T]; N],
    codes: *const u8,
    activations: &Activations,
) {
    // SAFETY: the caller vouches for the group and the instructions.
    unsafe {
        step::<L, C, T, N, SECOND, 0>(dots, codes, activations);
        step::<L, C, T, N, SECOND, 1>(dots, codes, activations);
        step::<L, C, T, N, SECOND, 2>(dots, codes, activations);
        step::<L, C, T, N, SECOND, 3>(dots, codes, activations);
    }
}

/// Adds the products of four columns.
#[inline(always)]
unsafe fn step<L: Lanes, C: Codes, const T: usize, const N: usize, const SECOND: bool, const J: usize>(
    dots: &mut [[L::Ints; T]; N],
    codes: *const u8,
    activations: &Activations,
) {
    // SAFETY: the caller vouches for the group and the instructions; each token has 32 codes here, of which four are read.
    unsafe {
        let mut weights = [C::vector::<L, SECOND, J>(codes); N];
        for n in 1..N {
            weights[n] = C::vector::<L, SECOND, J>(codes.add(n * C::CODES));
        }
        let offset = 4 * J + if SECOND { LANES } else { 0 };
        for token in 0..T {
            let four = activations.codes.add(token * activations.groups * GROUP + offset).cast::<i32>().read_unaligned();
            for n in 0..N {
                dots[n][token] = if C::OFFSET as u8 == Offset::Bytes as u8 {
                    L::dot_signed(dots[n][token], weights[n], four)
                } else {
                    L::dot(dots[n][token], weights[n], four)
                };
            }
        }
    }
}

/// The form that many tokens read: a byte for each code, and floats for scales and minima.
struct Unpacked<C>(PhantomData<C>);

impl<C: Codes> Unpacked<C> {
    /// Whether there is something beside one scale: that of the second half, or the minimum.
    const TWO: bool = C::MINIMUM || matches!(C::OFFSET, Offset::Halves);
    /// Bytes of a panel's scales in a group.
    const PANEL_SCALES: usize = if Self::TWO { 2 } else { 1 } * 4 * LANES;
}

impl<C: Codes> Codes for Unpacked<C> {
    const CODES: usize = 512;
    const SCALES: usize = PANELS * Self::PANEL_SCALES;
    const HEADER: usize = 0;
    const OFFSET: Offset = C::OFFSET;
    const MINIMUM: bool = C::MINIMUM;
    const BOTH: usize = 6;
    const EIGHTS: bool = !Self::TWO;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(codes: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the codes and the instructions.
        unsafe { L::load_bytes(codes.add(64 * (J + if SECOND { 4 } else { 0 }))) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: Scales, panel: usize, half: usize) -> L::Floats {
        let own = if matches!(C::OFFSET, Offset::Halves) { half } else { 0 };
        // SAFETY: as above.
        unsafe { L::load(scales.own.add(panel * Self::PANEL_SCALES + own * 4 * LANES).cast()) }
    }

    #[inline(always)]
    unsafe fn minimum<L: Lanes>(scales: Scales, panel: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { L::load(scales.own.add(panel * Self::PANEL_SCALES + 4 * LANES).cast()) }
    }
}

/// Unpacks so many groups into `scratch`, and gives where they are.
#[inline(always)]
unsafe fn unpack<L: Lanes, C: Codes>(weights: *const u8, groups: usize, scratch: &mut Vec<Line>) -> *const u8 {
    let lines = groups * record::<Unpacked<C>>() / size_of::<Line>();
    scratch.resize(lines.max(scratch.len()), Line([0; 64]));
    let start = scratch.as_mut_ptr().cast::<u8>();
    // SAFETY: the scratch holds the unpacked groups; the caller vouches for the packed ones and the instructions.
    unsafe {
        let (mut from, mut header, mut to) = (weights, weights, start);
        for group in 0..groups {
            if C::HEADER > 0 && group % HEADER_GROUPS == 0 {
                header = from;
                from = from.add(C::HEADER);
            }
            prefetch_stream::<L>(from, record::<C>());
            let scales = Scales { header, own: from.add(PANELS * C::CODES) };
            for panel in 0..PANELS {
                unpack_codes::<L, C>(from.add(panel * C::CODES), to.add(panel * 512));
                let to = to.add(PANELS * 512 + panel * Unpacked::<C>::PANEL_SCALES).cast::<f32>();
                L::store(to, C::scale::<L>(scales, panel, 0));
                if C::MINIMUM {
                    L::store(to.add(LANES), C::minimum::<L>(scales, panel));
                } else if Unpacked::<C>::TWO {
                    L::store(to.add(LANES), C::scale::<L>(scales, panel, 1));
                }
            }
            from = from.add(record::<C>());
            to = to.add(record::<Unpacked<C>>());
        }
    }
    start
}

#[inline(always)]
unsafe fn unpack_codes<L: Lanes, C: Codes>(codes: *const u8, to: *mut u8) {
    // SAFETY: the caller vouches for a group of codes, room for 512 bytes, and the instructions.
    unsafe {
        L::store_bytes(to, C::vector::<L, false, 0>(codes));
        L::store_bytes(to.add(64), C::vector::<L, false, 1>(codes));
        L::store_bytes(to.add(128), C::vector::<L, false, 2>(codes));
        L::store_bytes(to.add(192), C::vector::<L, false, 3>(codes));
        L::store_bytes(to.add(256), C::vector::<L, true, 0>(codes));
        L::store_bytes(to.add(320), C::vector::<L, true, 1>(codes));
        L::store_bytes(to.add(384), C::vector::<L, true, 2>(codes));
        L::store_bytes(to.add(448), C::vector::<L, true, 3>(codes));
    }
}
