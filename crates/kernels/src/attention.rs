//! Causal attention of new tokens over the cache, for any mix of sequences.
//!
//! The work is cut into (span, K/V head, a few tokens). The query heads that share a K/V head, and the tokens of the piece, go
//! by in tiles that read each key and value once. A query's scores are all kept, so that the softmax is taken over the whole of
//! them in the order of positions: where a chunk of a prompt begins and what else is in the tile does not show in the result.

use std::{cell::RefCell, ops::Range};

use crate::{
    cache::{KvCache, KvElement, store},
    isa::Kernel,
    lanes::{LANES, Lanes, exp, sum},
    pool::Pool,
    share::Shared,
    tile::Tile,
};

/// The heads of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    /// Query heads, a multiple of `kv_heads`; consecutive ones share a K/V head.
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
    /// How many positions a query sees, its own included; all of them without.
    pub window: Option<usize>,
}

/// New tokens of one sequence, whose keys and values are in the cache.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// The sequence's blocks, from position 0.
    pub blocks: &'a [u32],
    /// The position of the first token.
    pub start: usize,
    pub tokens: usize,
    /// The row of the first token in the queries and in the result.
    pub row: usize,
}

/// Rows (queries of one K/V head) in a piece of work.
const PIECE_ROWS: usize = 36;

/// Below so many multiplications a call is not worth a second thread.
const SMALL: usize = 100_000;

thread_local! {
    /// The scores of a tile.
    static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// The attention of each span's tokens over the positions up to their own: `queries` and `out` are rows of heads · head_dim.
///
/// # Panics
/// If the shapes do not fit, or if a span names blocks that are not there.
pub fn attend(
    pool: &Pool,
    shape: &AttentionShape,
    cache: &KvCache,
    layer: usize,
    spans: &[Span<'_>],
    queries: &[f32],
    out: &mut [f32],
) {
    check(shape, cache, layer, spans, queries, out);
    let piece_tokens = (PIECE_ROWS / (shape.heads / shape.kv_heads)).max(1);
    let pieces = |span: &Span<'_>| span.tokens.div_ceil(piece_tokens) * shape.kv_heads;
    let work: usize =
        spans.iter().map(|span| span.tokens * (span.start + span.tokens)).sum::<usize>() * queries_width(shape);
    let count = spans.iter().map(pieces).sum();
    let out = Shared::new(out);
    pool.share(count, if work < SMALL { count } else { 1 }, |_, range| {
        for index in range {
            let (span, index) = find(spans, index, pieces);
            let first = index / shape.kv_heads * piece_tokens;
            let tokens = first..span.tokens.min(first + piece_tokens);
            let piece = Piece { shape, cache, layer, span, kv_head: index % shape.kv_heads, tokens, queries, out };
            SCORES.with_borrow_mut(|scores| pool.isa().dispatch(Attend { piece, scores }));
        }
    });
}

fn queries_width(shape: &AttentionShape) -> usize {
    shape.heads * shape.head_dim
}

fn check(shape: &AttentionShape, cache: &KvCache, layer: usize, spans: &[Span<'_>], queries: &[f32], out: &[f32]) {
    let cached = cache.shape();
    assert!(layer < cached.layers, "layer {layer} of {}", cached.layers);
    assert_eq!((shape.kv_heads, shape.head_dim), (cached.kv_heads, cached.head_dim), "the heads of the cache");
    assert!(
        shape.kv_heads > 0 && shape.heads.is_multiple_of(shape.kv_heads),
        "{} heads for {}",
        shape.heads,
        shape.kv_heads
    );
    assert!(shape.window != Some(0), "a window of no positions");
    assert_eq!(queries.len(), out.len(), "queries and their results");
    for span in spans {
        assert!((span.row + span.tokens) * queries_width(shape) <= queries.len(), "the rows of {span:?}");
        let used = (span.start + span.tokens).div_ceil(cached.block_tokens);
        assert!(used <= span.blocks.len(), "{} blocks for {} positions", span.blocks.len(), span.start + span.tokens);
        assert!(
            span.blocks[..used].iter().all(|&block| (block as usize) < cache.blocks()),
            "a block that is not in the cache"
        );
    }
}

/// The span to which piece `index` of all belongs, and its number there.
fn find<'a, 's>(spans: &'a [Span<'s>], mut index: usize, pieces: impl Fn(&Span<'s>) -> usize) -> (&'a Span<'s>, usize) {
    for span in spans {
        let count = pieces(span);
        if index < count {
            return (span, index);
        }
        index -= count;
    }
    unreachable!("pieces are counted over the same spans");
}

/// Some tokens of a span, and the query heads of one K/V head.
struct Piece<'a> {
    shape: &'a AttentionShape,
    cache: &'a KvCache,
    layer: usize,
    span: &'a Span<'a>,
    kv_head: usize,
    tokens: Range<usize>,
    queries: &'a [f32],
    out: Shared<'a, f32>,
}

impl Piece<'_> {
    /// Where row `row` of the piece is in the queries and in the result.
    fn at(&self, row: usize) -> usize {
        let group = self.shape.heads / self.shape.kv_heads;
        let (token, head) = (self.tokens.start + row / group, self.kv_head * group + row % group);
        (self.span.row + token) * queries_width(self.shape) + head * self.shape.head_dim
    }

    /// The positions that row `row` sees.
    fn visible(&self, row: usize) -> Range<usize> {
        let group = self.shape.heads / self.shape.kv_heads;
        let end = self.span.start + self.tokens.start + row / group + 1;
        self.shape.window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// The keys and values of the block with position `position`, and the position's place in it.
    fn block(&self, position: usize) -> (*const u8, usize) {
        let block_tokens = self.cache.shape().block_tokens;
        let block = self.span.blocks[position / block_tokens] as usize;
        (self.cache.head(self.layer, block, self.kv_head).as_ptr(), position % block_tokens)
    }
}

/// The kernel.
struct Attend<'a> {
    piece: Piece<'a>,
    scores: &'a mut Vec<f32>,
}

impl Kernel for Attend<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { piece, scores } = self;
        let rows = piece.tokens.len() * (piece.shape.heads / piece.shape.kv_heads);
        let element = piece.cache.shape().element;
        // SAFETY: the piece has these rows; `check` vouches for its blocks, `dispatch` for the instructions.
        unsafe {
            match element {
                KvElement::F32 => {
                    L::tiles(rows, &mut Rows::<L, F32> { piece: &piece, scores, lanes: std::marker::PhantomData });
                }
                KvElement::F16 => {
                    L::tiles(rows, &mut Rows::<L, F16> { piece: &piece, scores, lanes: std::marker::PhantomData });
                }
            }
        }
    }
}

/// How 16 elements of the cache become floats.
trait Element {
    const BYTES: usize;

    /// # Safety
    /// `from` holds 16 elements, and the machine has the instructions.
    unsafe fn load<L: Lanes>(from: *const u8) -> L::Floats;
}

struct F32;
struct F16;

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

/// The rows of a piece, worked on tile by tile.
struct Rows<'a, L, E> {
    piece: &'a Piece<'a>,
    scores: &'a mut Vec<f32>,
    lanes: std::marker::PhantomData<(L, E)>,
}

impl<L: Lanes, E: Element> Tile for Rows<'_, L, E> {
    #[inline(always)]
    unsafe fn tile<const T: usize>(&mut self, first: usize) {
        // Positions by 16; those before the first row's and after the last row's are of no interest to any.
        let start = self.piece.visible(first).start / LANES * LANES;
        let end = self.piece.visible(first + T - 1).end.next_multiple_of(LANES);
        let width = end - start;
        if self.scores.len() < T * width {
            self.scores.resize(T * width, 0.0);
        }
        // SAFETY: the scores have room for `T` rows of `width`; the caller vouches for the rows and the instructions.
        unsafe {
            self.score::<T>(first, start, end);
            for row in 0..T {
                let scores = &mut self.scores[row * width..][..width];
                softmax::<L>(scores, start, &self.piece.visible(first + row));
            }
            let dims = self.piece.shape.head_dim;
            let fours = dims / (4 * LANES) * 4 * LANES;
            for dim in (0..fours).step_by(4 * LANES) {
                self.gather::<T, 4>(first, start, dim);
            }
            for dim in (fours..dims).step_by(LANES) {
                self.gather::<T, 1>(first, start, dim);
            }
        }
    }
}

impl<L: Lanes, E: Element> Rows<'_, L, E> {
    /// The scaled scores of `T` rows for the positions from `start` to `end`, both multiples of 16.
    #[inline(always)]
    unsafe fn score<const T: usize>(&mut self, first: usize, start: usize, end: usize) {
        let Self { piece, scores, .. } = self;
        let block_tokens = piece.cache.shape().block_tokens;
        let dims = piece.shape.head_dim;
        let mut queries = [std::ptr::null(); T];
        for row in 0..T {
            queries[row] = piece.queries[piece.at(first + row)..][..dims].as_ptr();
        }
        let mut position = start;
        // SAFETY: a block has `dims` rows of keys, sixteen positions from each multiple of 16 on; a query has `dims` elements.
        unsafe {
            while position < end {
                let (keys, offset) = piece.block(position);
                let keys = keys.add(offset * E::BYTES);
                let mut dots = [L::splat(0.0); T];
                for dim in 0..dims {
                    let key = E::load::<L>(keys.add(dim * block_tokens * E::BYTES));
                    for row in 0..T {
                        dots[row] = L::fma(key, L::splat(*queries[row].add(dim)), dots[row]);
                    }
                }
                for row in 0..T {
                    let scores = &mut scores[row * (end - start) + position - start..][..LANES];
                    L::store(scores.as_mut_ptr(), L::mul(dots[row], L::splat(piece.shape.scale)));
                }
                position += LANES;
            }
        }
    }

    /// The values of `T` rows, weighted, in the `16 · N` dimensions from `dim` on.
    #[inline(always)]
    unsafe fn gather<const T: usize, const N: usize>(&mut self, first: usize, start: usize, dim: usize) {
        let Self { piece, scores, .. } = self;
        let shape = piece.cache.shape();
        let seen = piece.visible(first).start..piece.visible(first + T - 1).end;
        let width = seen.end.next_multiple_of(LANES) - start;
        let mut position = seen.start;
        // SAFETY: values are padded to whole vectors; the scores have `T` rows of `width`.
        unsafe {
            let mut sums = [[L::splat(0.0); N]; T];
            while position < seen.end {
                let (block, offset) = piece.block(position);
                let count = (shape.block_tokens - offset).min(seen.end - position);
                let mut values = block.add(shape.key_bytes() + (offset * shape.value_stride() + dim) * E::BYTES);
                let mut weights = scores.as_ptr().add(position - start);
                for _ in 0..count {
                    let mut value = [L::splat(0.0); N];
                    for vector in 0..N {
                        value[vector] = E::load::<L>(values.add(vector * LANES * E::BYTES));
                    }
                    for row in 0..T {
                        let weight = L::splat(*weights.add(row * width));
                        for vector in 0..N {
                            sums[row][vector] = L::fma(weight, value[vector], sums[row][vector]);
                        }
                    }
                    values = values.add(shape.value_stride() * E::BYTES);
                    weights = weights.add(1);
                }
                position += count;
            }
            for row in 0..T {
                let out = piece.out.slice(piece.at(first + row), piece.shape.head_dim);
                for vector in 0..N {
                    let from = dim + vector * LANES;
                    store::<L>(&mut out[from..], (piece.shape.head_dim - from).min(LANES), sums[row][vector]);
                }
            }
        }
    }
}

/// Turns scores, the first of which is that of position `start`, into weights that sum to one; those that are not visible
/// become zero.
#[inline(always)]
unsafe fn softmax<L: Lanes>(scores: &mut [f32], start: usize, visible: &Range<usize>) {
    let (from, to) = (visible.start - start, visible.end - start);
    // Vectors that have something visible.
    let vectors = from / LANES..to.div_ceil(LANES);
    scores[..vectors.start * LANES].fill(0.0);
    scores[vectors.end * LANES..].fill(0.0);
    // SAFETY: all vectors are within the scores; the caller vouches for the instructions.
    unsafe {
        scores[vectors.start * LANES..from].fill(f32::NEG_INFINITY);
        scores[to..vectors.end * LANES].fill(f32::NEG_INFINITY);
        let mut maximum = L::splat(f32::NEG_INFINITY);
        for vector in vectors.clone() {
            maximum = L::max(maximum, L::load(scores[vector * LANES..][..LANES].as_ptr()));
        }
        let maximum = L::splat(L::greatest(maximum));
        let mut total = L::splat(0.0);
        for vector in vectors.clone() {
            let scores = &mut scores[vector * LANES..][..LANES];
            let mut weight = exp::<L>(L::sub(L::load(scores.as_ptr()), maximum));
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
        let share = L::splat(1.0 / sum::<L>(total));
        for vector in vectors {
            let scores = &mut scores[vector * LANES..][..LANES];
            L::store(scores.as_mut_ptr(), L::mul(L::load(scores.as_ptr()), share));
        }
    }
}
