//! The products: first A times all rows, then B times what came of that.

use std::{cell::RefCell, ops::Range};

use super::{LowRank, LowRankElement, PackedUp, SUMS, padded};
use crate::{
    element::{Element, F16, F32},
    float_buffer::FloatBuffer,
    input::Input,
    isa::Kernel,
    lanes::{LANES, Lanes, load, prefetch_stream, store},
    pool::Pool,
    share::Shared,
};

/// Columns of A that are summed together.
const CHUNK: usize = 512;
/// Panels of B that are worked on together, for the same reason.
const PANELS: usize = 4;
/// Panels of B that one worker takes at a time.
const PANELS_AT_ONCE: usize = 32;

/// Some rows of an input, and what is added to their products.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    pub rows: Range<usize>,
    pub low_rank: &'a LowRank,
}

/// Adds to the products of an input what each group's rows have for them. `sums` is memory that is kept from call to call.
///
/// # Panics
/// If the input was not loaded as floats, the groups are not in order and apart, or the shapes do not fit.
pub fn add_low_rank<const N: usize>(
    pool: &Pool,
    input: &Input,
    groups: &[Group<'_>],
    sums: &mut FloatBuffer,
    outputs: [&mut [f32]; N],
) {
    if groups.is_empty() {
        return;
    }
    let call = Call::new(input, groups, sums, outputs.map(Shared::new));
    pool.share_in_runs(call.downs(), 1, |_, range| {
        range.for_each(|index| pool.isa().dispatch(Down { call: &call, piece: call.down(index) }));
    });
    pool.share_in_runs(call.ups(), 1, |_, range| {
        // Out here: what a kernel hands to a function that is not inlined has not got the kernel's instructions.
        INNER.with_borrow_mut(|inner| {
            range.for_each(|index| pool.isa().dispatch(UpKernel { up: Up { call: &call, piece: call.up(index) }, inner }));
        });
    });
}

thread_local! {
    /// A · x of the row that a worker is at.
    static INNER: RefCell<FloatBuffer> = const { RefCell::new(FloatBuffer::new()) };
}

/// A call whose shapes were checked.
struct Call<'a, const N: usize> {
    input: &'a Input,
    groups: &'a [Group<'a>],
    /// Of A · x: row, chunk, rank.
    sums: Shared<'a, f32>,
    chunks: usize,
    /// From the sums of one chunk to those of the next.
    stride: usize,
    outputs: [Shared<'a, f32>; N],
}

/// Of a group's A, a panel of a chunk of columns.
#[derive(Clone, Copy)]
struct DownPiece {
    group: usize,
    panel: usize,
    chunk: usize,
}

/// Of a group's B for an output, some panels.
#[derive(Clone, Copy)]
struct UpPiece {
    group: usize,
    output: usize,
    first: usize,
    panels: usize,
}

impl<'a, const N: usize> Call<'a, N> {
    fn new(input: &'a Input, groups: &'a [Group<'a>], sums: &'a mut FloatBuffer, outputs: [Shared<'a, f32>; N]) -> Self {
        assert!(input.form.floats, "an input without its floats");
        let mut row = 0;
        for Group { rows, low_rank } in groups {
            assert!(row <= rows.start && rows.start <= rows.end && rows.end <= input.tokens, "groups of rows out of order");
            row = rows.end;
            assert_eq!(low_rank.columns, input.columns, "{low_rank:?} for an input of {} columns", input.columns);
            assert_eq!(low_rank.ups.len(), N, "{low_rank:?} for {N} products");
            for (up, output) in low_rank.ups.iter().zip(&outputs) {
                let rows = up.as_ref().map_or(0, |up| up.rows);
                assert!(rows * input.tokens <= output.len(), "{low_rank:?} for an output of {} elements", output.len());
            }
        }
        let chunks = input.columns.div_ceil(CHUNK);
        let stride = groups.iter().map(|group| group.low_rank.panels * LANES).max().unwrap_or(0);
        let length = input.tokens * chunks * stride;
        Self { input, groups, sums: Shared::new(sums.take(length)), chunks, stride, outputs }
    }

    /// How many pieces there are of all A.
    fn downs(&self) -> usize {
        self.groups.iter().map(|group| group.low_rank.panels * self.chunks).sum()
    }

    fn down(&self, mut index: usize) -> DownPiece {
        for (group, it) in self.groups.iter().enumerate() {
            let count = it.low_rank.panels * self.chunks;
            if index < count {
                return DownPiece { group, panel: index / self.chunks, chunk: index % self.chunks };
            }
            index -= count;
        }
        unreachable!("pieces are counted over the same groups");
    }

    /// How many pieces there are of all B.
    fn ups(&self) -> usize {
        self.panels_up().map(|(.., panels)| panels.div_ceil(PANELS_AT_ONCE)).sum()
    }

    fn up(&self, mut index: usize) -> UpPiece {
        for (group, output, panels) in self.panels_up() {
            let count = panels.div_ceil(PANELS_AT_ONCE);
            if index < count {
                let first = index * PANELS_AT_ONCE;
                return UpPiece { group, output, first, panels: (panels - first).min(PANELS_AT_ONCE) };
            }
            index -= count;
        }
        unreachable!("pieces are counted over the same groups");
    }

    /// The panels of each group's B for each output.
    fn panels_up(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.groups.iter().enumerate().flat_map(|(group, it)| {
            let panels = |up: &Option<PackedUp>| up.as_ref().map_or(0, |up| up.rows.div_ceil(LANES));
            it.low_rank.ups.iter().enumerate().map(move |(output, up)| (group, output, panels(up)))
        })
    }

    /// Where the sums of a row and a chunk begin.
    fn sums_at(&self, row: usize, chunk: usize) -> usize {
        (row * self.chunks + chunk) * self.stride
    }
}

/// A panel of A, times a chunk of each row of its group.
struct Down<'a, const N: usize> {
    call: &'a Call<'a, N>,
    piece: DownPiece,
}

impl<const N: usize> Kernel for Down<'_, N> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        match self.call.groups[self.piece.group].low_rank.element {
            LowRankElement::F32 => self.with::<L, F32>(),
            LowRankElement::F16 => self.with::<L, F16>(),
        }
    }
}

impl<const N: usize> Down<'_, N> {
    #[inline(always)]
    fn with<L: Lanes, E: Element>(self) {
        let Self { call, piece: DownPiece { group, panel, chunk } } = self;
        let Group { rows, low_rank } = &call.groups[group];
        let columns = padded(low_rank.columns);
        let first = chunk * CHUNK;
        let count = CHUNK.min(columns - first);
        let weights = &low_rank.downs.bytes()[(panel * columns + first) * LANES * E::BYTES..][..count * LANES * E::BYTES];
        for row in rows.clone() {
            let from_memory = row == rows.start;
            let values = &call.input.values()[row * call.input.stride + first..][..count];
            // SAFETY: both slices have `count` columns, whole steps of them; each row, chunk and panel has sums of its own, and
            // one worker; `dispatch` vouches for the instructions.
            unsafe {
                let mut sums = [L::splat(0.0); SUMS];
                for column in (0..count).step_by(SUMS) {
                    if from_memory {
                        prefetch_stream::<L>(weights.as_ptr().add(column * LANES * E::BYTES), SUMS * LANES * E::BYTES);
                    }
                    for (step, sum) in sums.iter_mut().enumerate() {
                        let weight = E::load::<L>(weights.as_ptr().add((column + step) * LANES * E::BYTES));
                        *sum = L::fma(weight, L::splat(*values.get_unchecked(column + step)), *sum);
                    }
                }
                let sum = L::add(L::add(sums[0], sums[1]), L::add(sums[2], sums[3]));
                L::store(call.sums.slice(call.sums_at(row, chunk) + panel * LANES, LANES).as_mut_ptr(), sum);
            }
        }
    }
}

/// Some panels of B, times what A made of each row of its group, added to an output.
struct Up<'a, const N: usize> {
    call: &'a Call<'a, N>,
    piece: UpPiece,
}

/// The same, with memory for a row.
struct UpKernel<'a, const N: usize> {
    up: Up<'a, N>,
    inner: &'a mut FloatBuffer,
}

impl<const N: usize> Kernel for UpKernel<'_, N> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { up, inner } = self;
        match up.call.groups[up.piece.group].low_rank.element {
            LowRankElement::F32 => up.with::<L, F32>(inner),
            LowRankElement::F16 => up.with::<L, F16>(inner),
        }
    }
}

impl<const N: usize> Up<'_, N> {
    #[inline(always)]
    fn with<L: Lanes, E: Element>(self, inner: &mut FloatBuffer) {
        let UpPiece { group, output, first, panels } = self.piece;
        let Group { rows, low_rank } = &self.call.groups[group];
        let Some(up) = &low_rank.ups[output] else { return };
        let panel_bytes = up.ranks.len() * LANES * E::BYTES;
        let weights = &up.memory.bytes()[first * panel_bytes..][..panels * panel_bytes];
        let inner = inner.take(up.ranks.len());
        for row in rows.clone() {
            let from_memory = row == rows.start;
            // SAFETY: the sums were all written before this call's second half began, and are only read from here on.
            unsafe { self.add_chunks(row, &up.ranks, inner) };
            let mut panel = 0;
            // SAFETY: the weights hold these panels; `dispatch` vouches for the instructions.
            unsafe {
                while panel + PANELS <= panels {
                    let sums = products::<L, E, PANELS>(&weights[panel * panel_bytes..], inner, from_memory);
                    self.put::<L, PANELS>(up, row, first + panel, sums);
                    panel += PANELS;
                }
                while panel < panels {
                    let sums = products::<L, E, 1>(&weights[panel * panel_bytes..], inner, from_memory);
                    self.put::<L, 1>(up, row, first + panel, sums);
                    panel += 1;
                }
            }
        }
    }

    /// A · x of one row.
    ///
    /// # Safety
    /// Nobody writes the sums meanwhile.
    #[inline(always)]
    unsafe fn add_chunks(&self, row: usize, ranks: &Range<usize>, inner: &mut [f32]) {
        inner.fill(0.0);
        for chunk in 0..self.call.chunks {
            // SAFETY: the caller vouches that nobody writes here.
            let sums = unsafe { self.call.sums.read(self.call.sums_at(row, chunk) + ranks.start, ranks.len()) };
            for (inner, sum) in inner.iter_mut().zip(sums) {
                *inner += *sum;
            }
        }
    }

    /// Adds to the outputs of `P` panels of a row.
    ///
    /// # Safety
    /// The machine has the instructions.
    #[inline(always)]
    unsafe fn put<L: Lanes, const P: usize>(&self, up: &PackedUp, row: usize, panel: usize, sums: [L::Floats; P]) {
        for (index, sum) in sums.into_iter().enumerate() {
            let first = (panel + index) * LANES;
            let count = (up.rows - first).min(LANES);
            // SAFETY: each row's outputs of a panel are written by the one worker that got its number; the caller vouches for the
            // instructions.
            unsafe {
                let output = self.call.outputs[self.piece.output].slice(row * up.rows + first, count);
                let value = load::<L>(output, count);
                store::<L>(output, count, L::fma(sum, L::splat(up.scale), value));
            }
        }
    }
}

/// `P` panels of B times one row; the first row's come from memory, the others find them in the cache. The panels are asked for as one
/// run of bytes, which is early enough as long as all of them are within what is asked for ahead: up to rank 48 of halves.
///
/// # Safety
/// `weights` holds so many panels of as many columns as `inner` has, and the machine has the instructions.
#[inline(always)]
unsafe fn products<L: Lanes, E: Element, const P: usize>(
    weights: &[u8],
    inner: &[f32],
    from_memory: bool,
) -> [L::Floats; P] {
    // SAFETY: the caller vouches for the panels and the instructions.
    unsafe {
        let mut sums = [L::splat(0.0); P];
        for (rank, value) in inner.iter().enumerate() {
            if from_memory {
                prefetch_stream::<L>(weights.as_ptr().add(rank * P * LANES * E::BYTES), P * LANES * E::BYTES);
            }
            let value = L::splat(*value);
            for (panel, sum) in sums.iter_mut().enumerate() {
                let at = (panel * inner.len() + rank) * LANES * E::BYTES;
                *sum = L::fma(E::load::<L>(weights.as_ptr().add(at)), value, *sum);
            }
        }
        sums
    }
}
