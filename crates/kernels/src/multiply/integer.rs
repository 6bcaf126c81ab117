//! Quantised tokens × panels of integers.
//!
//! Within a group of 32 columns (16 where scales are as fine) the dot product is of integers and exact. It becomes a float once,
//! is multiplied by the scale of the weights times that of the activations, and is added to the token's sum.

use std::marker::PhantomData;

use super::{
    Line, Sink,
    codes::{Codes, Offset},
};
use crate::{
    input::Input,
    lanes::{LANES, Lanes},
    matrix::{GROUP, PANELS},
    tile::Tile,
};

/// From so many tokens on unpacking costs less than what every tile saves by it.
const UNPACK_TOKENS: usize = 32;

/// # Safety
/// The panels hold the input's columns as `C` has them, the input is quantised, and the machine has the instructions.
#[inline(always)]
pub(crate) unsafe fn run<L: Lanes, C: Codes>(
    panels: [&[u8]; PANELS],
    scales_at: usize,
    input: &Input,
    sink: &Sink<'_>,
    scratch: &mut Vec<Line>,
) {
    let groups = input.columns / GROUP;
    // SAFETY: the input has these tokens; the pointers are those of the panels, or of their unpacked form below.
    unsafe {
        let codes = panels.map(<[u8]>::as_ptr);
        let scales = panels.map(|panel| panel[scales_at..].as_ptr());
        if !C::UNPACK || input.tokens < UNPACK_TOKENS {
            let mut work = Integer::<L, C> { codes, scales, groups, input, sink, lanes: PhantomData };
            L::tiles(input.tokens, &mut work);
        } else {
            let (codes, scales) = unpack::<L, C>(codes, scales, groups, scratch);
            let mut work = Integer::<L, Unpacked<C>> { codes, scales, groups, input, sink, lanes: PhantomData };
            L::tiles(input.tokens, &mut work);
        }
    }
}

struct Integer<'a, L, C> {
    codes: [*const u8; PANELS],
    scales: [*const u8; PANELS],
    groups: usize,
    input: &'a Input,
    sink: &'a Sink<'a>,
    lanes: PhantomData<(L, C)>,
}

/// A tile's quantised activations of one group, from token to token at these distances.
struct Activations {
    codes: *const i8,
    stride: usize,
}

impl<L: Lanes, C: Codes> Tile for Integer<'_, L, C> {
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        let Self { codes, scales, groups, input, sink, .. } = *self;
        let all = first * groups..(first + T) * groups;
        // SAFETY: these are the groups of the tile's tokens in each of the input's tables.
        unsafe {
            let activation_codes = input.codes[all.start * GROUP..all.end * GROUP].as_ptr();
            let activation_scales = input.scales[all.clone()].as_ptr();
            let activation_sums = input.sums[all.clone()].as_ptr();
            let starts = match C::OFFSET {
                Offset::None | Offset::Bytes => input.starts.bytes[all].as_ptr(),
                Offset::Nibbles => input.starts.nibbles[all].as_ptr(),
                Offset::Halves => input.starts.halves[2 * all.start..2 * all.end].as_ptr(),
            };
            let mut sums = [[L::splat(0.0); T]; PANELS];
            for group in 0..groups {
                let weights = [codes[0].add(group * C::GROUP_BYTES), codes[1].add(group * C::GROUP_BYTES)];
                let activations = Activations { codes: activation_codes.add(group * GROUP), stride: groups * GROUP };
                let mut dots = [[L::splat_int(0); T]; PANELS];
                for token in 0..T {
                    let start = match C::OFFSET {
                        Offset::None => 0,
                        Offset::Bytes if L::LIFT == 0 => 0,
                        Offset::Bytes | Offset::Nibbles => *starts.add(token * groups + group),
                        Offset::Halves => *starts.add(2 * (token * groups + group)),
                    };
                    dots[0][token] = L::splat_int(start);
                    dots[1][token] = dots[0][token];
                }
                half::<L, C, T, false>(&mut dots, weights, &activations);
                if C::OFFSET == Offset::Halves {
                    for panel in 0..PANELS {
                        let scale = C::scale::<L>(scales[panel], group, 0);
                        for token in 0..T {
                            let scale = L::mul(scale, L::splat(*activation_scales.add(token * groups + group)));
                            sums[panel][token] = L::fma(L::to_floats(dots[panel][token]), scale, sums[panel][token]);
                        }
                    }
                    for token in 0..T {
                        dots[0][token] = L::splat_int(*starts.add(2 * (token * groups + group) + 1));
                        dots[1][token] = dots[0][token];
                    }
                }
                half::<L, C, T, true>(&mut dots, weights, &activations);
                for panel in 0..PANELS {
                    let scale = C::scale::<L>(scales[panel], group, 1);
                    for token in 0..T {
                        let scale = L::mul(scale, L::splat(*activation_scales.add(token * groups + group)));
                        sums[panel][token] = L::fma(L::to_floats(dots[panel][token]), scale, sums[panel][token]);
                    }
                    if C::MINIMUM {
                        let minimum = C::minimum::<L>(scales[panel], group);
                        for token in 0..T {
                            let sum = L::splat(*activation_sums.add(token * groups + group));
                            sums[panel][token] = L::negated_fma(minimum, sum, sums[panel][token]);
                        }
                    }
                }
            }
            for panel in 0..PANELS {
                for token in 0..T {
                    sink.put::<L>(first + token, panel, sums[panel][token]);
                }
            }
        }
    }
}

/// Adds the products of half a group: 16 columns, four vectors of each panel.
#[inline(always)]
unsafe fn half<L: Lanes, C: Codes, const T: usize, const SECOND: bool>(
    dots: &mut [[L::Ints; T]; PANELS],
    weights: [*const u8; PANELS],
    activations: &Activations,
) {
    // SAFETY: the caller vouches for the group and the instructions.
    unsafe {
        step::<L, C, T, SECOND, 0>(dots, weights, activations);
        step::<L, C, T, SECOND, 1>(dots, weights, activations);
        step::<L, C, T, SECOND, 2>(dots, weights, activations);
        step::<L, C, T, SECOND, 3>(dots, weights, activations);
    }
}

/// Adds the products of four columns.
#[inline(always)]
unsafe fn step<L: Lanes, C: Codes, const T: usize, const SECOND: bool, const J: usize>(
    dots: &mut [[L::Ints; T]; PANELS],
    weights: [*const u8; PANELS],
    activations: &Activations,
) {
    // SAFETY: the caller vouches for the group and the instructions; each token has 32 codes here, of which four are read.
    unsafe {
        let first = C::vector::<L, SECOND, J>(weights[0]);
        let second = C::vector::<L, SECOND, J>(weights[1]);
        let offset = 4 * J + if SECOND { LANES } else { 0 };
        for token in 0..T {
            let four = activations.codes.add(token * activations.stride + offset).cast::<i32>().read_unaligned();
            if C::OFFSET as u8 == Offset::Bytes as u8 {
                dots[0][token] = L::dot_signed(dots[0][token], first, four);
                dots[1][token] = L::dot_signed(dots[1][token], second, four);
            } else {
                dots[0][token] = L::dot(dots[0][token], first, four);
                dots[1][token] = L::dot(dots[1][token], second, four);
            }
        }
    }
}

/// The form that many tokens read: a byte for each code, and floats for scales and minima.
struct Unpacked<C>(PhantomData<C>);

impl<C: Codes> Unpacked<C> {
    /// Vectors of 16 floats for each group: the scales of its halves if they have their own, and the minimum if there is one.
    const SCALES: usize = if C::MINIMUM || matches!(C::OFFSET, Offset::Halves) { 2 } else { 1 };
    const SCALE_BYTES: usize = Self::SCALES * 4 * LANES;
}

impl<C: Codes> Codes for Unpacked<C> {
    const GROUP_BYTES: usize = 512;
    const OFFSET: Offset = C::OFFSET;
    const MINIMUM: bool = C::MINIMUM;
    const UNPACK: bool = false;

    #[inline(always)]
    unsafe fn vector<L: Lanes, const SECOND: bool, const J: usize>(group: *const u8) -> L::Bytes {
        // SAFETY: the caller vouches for the group and the instructions.
        unsafe { L::load_bytes(group.add(64 * (J + if SECOND { 4 } else { 0 }))) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(scales: *const u8, group: usize, half: usize) -> L::Floats {
        let own = if matches!(C::OFFSET, Offset::Halves) { half } else { 0 };
        // SAFETY: as above.
        unsafe { L::load(scales.add(group * Self::SCALE_BYTES + own * 4 * LANES).cast()) }
    }

    #[inline(always)]
    unsafe fn minimum<L: Lanes>(scales: *const u8, group: usize) -> L::Floats {
        // SAFETY: as above.
        unsafe { L::load(scales.add(group * Self::SCALE_BYTES + 4 * LANES).cast()) }
    }
}

/// Unpacks a pair of panels into `scratch`, and gives where their codes and their scales are.
#[inline(always)]
unsafe fn unpack<L: Lanes, C: Codes>(
    codes: [*const u8; PANELS],
    scales: [*const u8; PANELS],
    groups: usize,
    scratch: &mut Vec<Line>,
) -> ([*const u8; PANELS], [*const u8; PANELS]) {
    let scales_at = groups * Unpacked::<C>::GROUP_BYTES;
    let panel_bytes = scales_at + groups * Unpacked::<C>::SCALE_BYTES;
    if scratch.len() < PANELS * panel_bytes / size_of::<Line>() {
        scratch.resize(PANELS * panel_bytes / size_of::<Line>(), Line([0; 64]));
    }
    let start = scratch.as_mut_ptr().cast::<u8>();
    // SAFETY: the scratch holds both unpacked panels; the caller vouches for the packed ones and the instructions.
    unsafe {
        for panel in 0..PANELS {
            let to = start.add(panel * panel_bytes);
            for group in 0..groups {
                unpack_codes::<L, C>(codes[panel].add(group * C::GROUP_BYTES), to.add(group * 512));
                let to = to.add(scales_at + group * Unpacked::<C>::SCALE_BYTES).cast::<f32>();
                L::store(to, C::scale::<L>(scales[panel], group, 0));
                if C::MINIMUM {
                    L::store(to.add(LANES), C::minimum::<L>(scales[panel], group));
                } else if C::OFFSET as u8 == Offset::Halves as u8 {
                    L::store(to.add(LANES), C::scale::<L>(scales[panel], group, 1));
                }
            }
        }
        let panel = |panel: usize| start.add(panel * panel_bytes).cast_const();
        ([panel(0), panel(1)], [panel(0).add(scales_at), panel(1).add(scales_at)])
    }
}

#[inline(always)]
unsafe fn unpack_codes<L: Lanes, C: Codes>(group: *const u8, to: *mut u8) {
    // SAFETY: the caller vouches for a group of codes, room for 512 bytes, and the instructions.
    unsafe {
        L::store_bytes(to, C::vector::<L, false, 0>(group));
        L::store_bytes(to.add(64), C::vector::<L, false, 1>(group));
        L::store_bytes(to.add(128), C::vector::<L, false, 2>(group));
        L::store_bytes(to.add(192), C::vector::<L, false, 3>(group));
        L::store_bytes(to.add(256), C::vector::<L, true, 0>(group));
        L::store_bytes(to.add(320), C::vector::<L, true, 1>(group));
        L::store_bytes(to.add(384), C::vector::<L, true, 2>(group));
        L::store_bytes(to.add(448), C::vector::<L, true, 3>(group));
    }
}
