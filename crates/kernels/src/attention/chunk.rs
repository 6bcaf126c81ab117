//! The kernel: a chunk of positions for the rows of a piece.
//!
//! Rows go by in tiles that read each key and value once, the sums of a tile in registers. Blocks lie anywhere, so the processor
//! cannot guess what comes next: while it works on the keys of a chunk it is told to fetch the values, and meanwhile the keys of
//! the chunk after. So memory is busy all the time.

use std::{marker::PhantomData, ops::Range};

use crate::{
    cache::KvElement,
    element::{Bf16, Element, F16, F32, I8},
    float_buffer::FloatBuffer,
    isa::Kernel,
    lanes::{LANES, Lanes, exp, sum},
    tile::Tile,
};

use super::{CHUNK, Part, Piece};

/// Positions by 16 in a chunk.
const GROUPS: usize = CHUNK / LANES;

/// The parts of all rows of a piece for one chunk.
pub(super) struct ChunkOf<'a> {
    pub(super) piece: &'a Piece<'a>,
    pub(super) chunk: usize,
    /// What this worker will do next.
    pub(super) next: Option<(&'a Piece<'a>, usize)>,
    pub(super) scores: &'a mut FloatBuffer,
    pub(super) part: &'a mut [f32],
}

impl Kernel for ChunkOf<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let rows = self.piece.rows();
        // SAFETY: the piece has these rows; `check` vouches for its blocks, `dispatch` for the instructions.
        unsafe {
            match self.piece.call.cache.shape().element {
                KvElement::F32 => L::query_tiles(rows, &mut Rows::<L, F32>::new(self)),
                KvElement::F16 => L::query_tiles(rows, &mut Rows::<L, F16>::new(self)),
                KvElement::Bf16 => L::query_tiles(rows, &mut Rows::<L, Bf16>::new(self)),
                KvElement::I8 => L::query_tiles(rows, &mut Rows::<L, I8>::new(self)),
            }
        }
    }
}

/// Sixteen positions: where the keys of the first dimension are, the values of the first position, and the scales of both if
/// they have any.
#[derive(Clone, Copy)]
struct Group {
    keys: *const u8,
    values: *const u8,
    key_scales: *const u8,
    value_scales: *const u8,
}

/// The groups of a chunk from the first position on that some row sees.
struct Groups {
    seen: Range<usize>,
    groups: [Group; GROUPS],
}

impl Groups {
    #[inline(always)]
    fn of<E: Element>(piece: &Piece<'_>, chunk: usize) -> Self {
        let cache = piece.call.cache;
        let shape = cache.shape();
        let start = piece.visible(0).start.max(chunk * CHUNK);
        let end = piece.visible(piece.rows() - 1).end.min((chunk + 1) * CHUNK);
        let first = start / LANES * LANES;
        let (mut block, mut offset) = (first / shape.block_tokens, first % shape.block_tokens);
        let nothing = std::ptr::null();
        let mut groups = [Group { keys: nothing, values: nothing, key_scales: nothing, value_scales: nothing }; GROUPS];
        for group in &mut groups[..(end - first).div_ceil(LANES)] {
            let head = cache.head(piece.call.layer, piece.span.blocks[block] as usize, piece.kv_head);
            let values = shape.key_bytes() + offset * shape.value_stride() * E::BYTES;
            *group = Group {
                keys: head[offset * E::BYTES..].as_ptr(),
                values: head[values..].as_ptr(),
                key_scales: nothing,
                value_scales: nothing,
            };
            if E::SCALED {
                let scales = &head[shape.scales()..];
                group.key_scales = scales[offset * size_of::<f32>()..].as_ptr();
                group.value_scales = scales[(shape.block_tokens + offset) * size_of::<f32>()..].as_ptr();
            }
            offset += LANES;
            if offset == shape.block_tokens {
                (block, offset) = (block + 1, 0);
            }
        }
        Self { seen: start..end, groups }
    }
}

/// The rows of a piece and the positions of a chunk.
struct Rows<'a, L, E> {
    piece: &'a Piece<'a>,
    /// A tile's: (rows, `CHUNK`).
    scores: &'a mut [f32],
    part: &'a mut [f32],
    /// The positions that some row sees.
    seen: Range<usize>,
    groups: [Group; GROUPS],
    /// The groups of what comes next, or the same again; null behind the last.
    next: [Group; GROUPS],
    /// Bytes from one dimension's keys to the next's.
    key_stride: usize,
    /// Bytes from one position's values to the next's.
    value_stride: usize,
    lanes: PhantomData<(L, E)>,
}

impl<'a, L: Lanes, E: Element> Rows<'a, L, E> {
    #[inline(always)]
    fn new(of: ChunkOf<'a>) -> Self {
        let ChunkOf { piece, chunk, next, scores, part } = of;
        let Groups { seen, groups } = Groups::of::<E>(piece, chunk);
        let next = next.map_or(groups, |(piece, chunk)| Groups::of::<E>(piece, chunk).groups);
        let shape = piece.call.cache.shape();
        let (key_stride, value_stride) = (shape.block_tokens * E::BYTES, shape.value_stride() * E::BYTES);
        let scores = scores.take(L::TILE * CHUNK);
        Self { piece, scores, part, seen, groups, next, key_stride, value_stride, lanes: PhantomData }
    }

    /// The scaled scores of a tile for some groups.
    #[inline(always)]
    unsafe fn score<const T: usize>(&mut self, first: usize, last: usize, groups: Range<usize>) {
        let mut queries = [std::ptr::null(); T];
        for row in 0..T {
            queries[row] = self.piece.call.queries[self.piece.at((first + row).min(last))..].as_ptr();
        }
        let mut group = groups.start;
        // SAFETY: the caller vouches for the rows, the groups and the instructions.
        unsafe {
            while group + 1 < groups.end {
                self.score_groups::<T, 2>(&queries, group);
                group += 2;
            }
            if group < groups.end {
                self.score_groups::<T, 1>(&queries, group);
            }
        }
    }

    #[inline(always)]
    unsafe fn score_groups<const T: usize, const G: usize>(&mut self, queries: &[*const f32; T], group: usize) {
        let shape = self.piece.call.shape;
        // SAFETY: a group has `head_dim` rows of sixteen keys, a query as many elements; the scores have room for `T` rows.
        unsafe {
            let mut dots = [[L::splat(0.0); G]; T];
            for dim in 0..shape.head_dim {
                let at = dim * self.key_stride;
                let mut keys = [L::splat(0.0); G];
                for index in 0..G {
                    keys[index] = E::load::<L>(self.groups[group + index].keys.add(at));
                    L::prefetch_for_later(self.groups[group + index].values.wrapping_add(dim * LANES * E::BYTES));
                }
                for row in 0..T {
                    let query = L::splat(*queries[row].add(dim));
                    for index in 0..G {
                        dots[row][index] = L::fma(keys[index], query, dots[row][index]);
                    }
                }
            }
            for index in 0..G {
                let mut scale = L::splat(shape.scale);
                if E::SCALED {
                    scale = L::mul(scale, L::load(self.groups[group + index].key_scales.cast()));
                }
                for row in 0..T {
                    let scores = &mut self.scores[row * CHUNK + (group + index) * LANES..][..LANES];
                    L::store(scores.as_mut_ptr(), L::mul(dots[row][index], scale));
                }
            }
        }
    }

    /// The values of a tile's rows, weighted, in the `16 · N` dimensions from `dim` on.
    #[inline(always)]
    unsafe fn gather<const T: usize, const N: usize>(
        &mut self,
        first: usize,
        last: usize,
        positions: Range<usize>,
        dim: usize,
    ) {
        let length = Part::length(self.piece.call.shape.head_dim);
        let mut position = positions.start;
        // SAFETY: values are padded to whole vectors; the scores have `T` rows of `CHUNK`; the caller vouches for the
        // positions and the instructions.
        unsafe {
            let mut sums = [[L::splat(0.0); N]; T];
            while position < positions.end {
                let (group, offset) = (position / LANES, position % LANES);
                let count = (LANES - offset).min(positions.end - position);
                let mut values = self.groups[group].values.add(offset * self.value_stride + dim * E::BYTES);
                // As many bytes of keys as of values, wherever the dimensions of the keys are.
                let mut ahead = self.next[group].keys.wrapping_add(offset * self.value_stride + dim * E::BYTES);
                let mut weights = self.scores.as_ptr().add(position);
                for _ in 0..count {
                    let mut value = [L::splat(0.0); N];
                    for vector in 0..N {
                        value[vector] = E::load::<L>(values.add(vector * LANES * E::BYTES));
                    }
                    for byte in (0..N * LANES * E::BYTES).step_by(64) {
                        L::prefetch_for_later(ahead.wrapping_add(byte));
                    }
                    for row in 0..T {
                        let weight = L::splat(*weights.add(row * CHUNK));
                        for vector in 0..N {
                            sums[row][vector] = L::fma(weight, value[vector], sums[row][vector]);
                        }
                    }
                    // After the last position it is beyond the block, where it is not read.
                    values = values.wrapping_add(self.value_stride);
                    ahead = ahead.wrapping_add(self.value_stride);
                    weights = weights.add(1);
                }
                position += count;
            }
            for row in 0..=last - first {
                for vector in 0..N {
                    let at = (first + row) * length + dim + vector * LANES;
                    L::store(self.part[at..][..LANES].as_mut_ptr(), sums[row][vector]);
                }
            }
        }
    }
}

impl<L: Lanes, E: Element> Tile for Rows<'_, L, E> {
    /// A tile with fewer rows than `T` works on its last one several times.
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        let last = (first + T).min(self.piece.rows()) - 1;
        let start = self.piece.visible(first).start.max(self.seen.start);
        let end = self.piece.visible(last).end.min(self.seen.end);
        let length = Part::length(self.piece.call.shape.head_dim);
        if start >= end {
            for row in first..=last {
                self.part[row * length + Part::sum(length)] = 0.0;
            }
            return;
        }
        let origin = self.seen.start / LANES * LANES;
        // SAFETY: the groups of all positions from `start` to `end` are known, and the scores have room for them; the caller
        // vouches for the rows and the instructions.
        unsafe {
            self.score::<T>(first, last, (start - origin) / LANES..(end - origin).div_ceil(LANES));
            for row in first..=last {
                let visible = self.piece.visible(row);
                let range = visible.start.max(start) - origin..visible.end.min(end).max(origin) - origin;
                let vectors = (start - origin) / LANES * LANES..(end - origin).next_multiple_of(LANES);
                let scores = &mut self.scores[(row - first) * CHUNK..][vectors.clone()];
                let part = &mut self.part[row * length..][..length];
                let range = range.start.saturating_sub(vectors.start)..range.end.saturating_sub(vectors.start);
                softmax::<L>(scores, &range, part);
                if E::SCALED {
                    // A value's scale goes into its weight.
                    for (scores, group) in scores.chunks_exact_mut(LANES).zip(&self.groups[vectors.start / LANES..]) {
                        let scale = L::load(group.value_scales.cast());
                        L::store(scores.as_mut_ptr(), L::mul(L::load(scores.as_ptr()), scale));
                    }
                }
            }
            let dims = self.piece.call.shape.head_dim.next_multiple_of(LANES);
            let pairs = dims / (2 * LANES) * 2 * LANES;
            for dim in (0..pairs).step_by(2 * LANES) {
                self.gather::<T, 2>(first, last, start - origin..end - origin, dim);
            }
            for dim in (pairs..dims).step_by(LANES) {
                self.gather::<T, 1>(first, last, start - origin..end - origin, dim);
            }
        }
    }
}

/// Turns scores into weights e^(score − greatest), those that are not visible into zero, and notes the greatest and the sum.
#[inline(always)]
unsafe fn softmax<L: Lanes>(scores: &mut [f32], visible: &Range<usize>, part: &mut [f32]) {
    let (from, to) = (visible.start, visible.end);
    let length = part.len();
    if from >= to {
        scores.fill(0.0);
        part[Part::sum(length)] = 0.0;
        return;
    }
    let vectors = from / LANES..to.div_ceil(LANES);
    scores[..vectors.start * LANES].fill(0.0);
    scores[vectors.end * LANES..].fill(0.0);
    scores[vectors.start * LANES..from].fill(f32::NEG_INFINITY);
    scores[to..vectors.end * LANES].fill(f32::NEG_INFINITY);
    // SAFETY: all vectors are within the scores; the caller vouches for the instructions.
    unsafe {
        let mut greatest = L::splat(f32::NEG_INFINITY);
        for vector in vectors.clone() {
            greatest = L::max(greatest, L::load(scores[vector * LANES..][..LANES].as_ptr()));
        }
        part[Part::greatest(length)] = L::greatest(greatest);
        let greatest = L::splat(part[Part::greatest(length)]);
        let mut total = L::splat(0.0);
        for vector in vectors {
            let scores = &mut scores[vector * LANES..][..LANES];
            let mut weight = exp::<L>(L::sub(L::load(scores.as_ptr()), greatest));
            let at = vector * LANES;
            if at < from {
                weight = L::first(from - at, L::splat(0.0), weight);
            }
            if to < at + LANES {
                weight = L::first(to - at, weight, L::splat(0.0));
            }
            total = L::add(total, weight);
            L::store(scores.as_mut_ptr(), weight);
        }
        part[Part::sum(length)] = sum::<L>(total);
    }
}
