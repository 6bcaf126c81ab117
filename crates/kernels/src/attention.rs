//! Attention of new tokens over the cache, for any mix of sequences: causal, or of all tokens to all.
//!
//! The work is cut into pieces: (span, K/V head, a few tokens). A piece goes through the positions in chunks from multiples of
//! [`CHUNK`] on; what a chunk gives, with the greatest score in it, is a part, and a row's parts are merged in the order of
//! positions. A row's result is therefore the same whatever else is in the piece, where a chunk of a prompt begins, and whether
//! one worker computes all the parts of a piece or, if there are few pieces, several do.
//!
//! The softmax in parts is that of FlashAttention (arXiv:2205.14135), the work of several on one row Flash-Decoding.

mod chunk;
mod part;

use std::{cell::RefCell, ops::Range};

use crate::{cache::KvCache, float_buffer::FloatBuffer, isa::Kernel, lanes::Lanes, pool::Pool, share::Shared};

use chunk::ChunkOf;
use part::Part;

/// The heads of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionShape {
    /// Query heads, a multiple of `kv_heads`; consecutive ones share a K/V head.
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// What scores are multiplied by before the softmax.
    pub scale: f32,
    /// Whether a query sees no position after its own. Otherwise it sees all up to its span's end.
    pub causal: bool,
    /// How many positions up to its end a query sees; all of them without.
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

/// Positions in a chunk. The scores of a tile of rows stay in the nearest cache, and the keys and values for all tiles of a piece
/// in the next.
const CHUNK: usize = 512;

/// Rows (queries of one K/V head) in a piece of work.
const PIECE_ROWS: usize = 64;

/// So many pieces for each worker share well. If there are fewer, their chunks are shared.
const PIECES_EACH: usize = 4;

/// Elements of the parts of shared chunks at most: 64 MiB. With more there is work enough without sharing chunks.
const MOST_PARTS: usize = 16 << 20;

/// Below so many multiplications a call is not worth a second thread.
const SMALL: usize = 100_000;

thread_local! {
    /// What a worker needs for a piece.
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { scores: FloatBuffer::new(), parts: FloatBuffer::new() }) };
    /// The parts of a call whose chunks are shared.
    static PARTS: RefCell<FloatBuffer> = const { RefCell::new(FloatBuffer::new()) };
}

struct Scratch {
    /// Of a tile of rows: (rows, `CHUNK`).
    scores: FloatBuffer,
    /// The parts of a piece's rows: what is merged so far, and those of a chunk.
    parts: FloatBuffer,
}

/// The attention of each span's tokens over the positions that they see: `queries` and `out` are rows of heads · head_dim.
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
    let work: usize =
        spans.iter().map(|span| span.tokens * (span.start + span.tokens)).sum::<usize>() * queries_width(shape);
    let call = Call { shape, cache, layer, spans, queries, out: Shared::new(out) };
    let count = spans.iter().map(|span| call.pieces(span)).sum();
    let chunks = spans.iter().map(|span| (span.start + span.tokens).div_ceil(CHUNK)).max().unwrap_or(0);
    if work < SMALL {
        call.whole_pieces(pool, 0..count);
    } else if count < PIECES_EACH * pool.threads()
        && chunks > 1
        && pool.threads() > 1
        && count * chunks * call.part_length(count) <= MOST_PARTS
    {
        PARTS.with_borrow_mut(|parts| call.in_chunks(pool, count, chunks, parts));
    } else {
        // The last tokens see most: with them first, nobody is left with a large piece at the end.
        let each = (count / (PIECES_EACH * pool.threads())).clamp(1, 8);
        pool.share(count, each, |_, range| call.whole_pieces(pool, count - range.end..count - range.start));
    }
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
    // A product that wraps around would be small, and what is read is not.
    let width = shape.heads.checked_mul(shape.head_dim).expect("rows of a length that there is");
    let mut row = 0_usize;
    for span in spans {
        // Each result is written once.
        assert!(row <= span.row, "rows out of order: {span:?}");
        row = span.row.checked_add(span.tokens).expect("rows that there are");
        assert!(row.checked_mul(width).is_some_and(|end| end <= queries.len()), "the rows of {span:?}");
        let positions = span.start.checked_add(span.tokens).expect("positions that there are");
        let used = positions.div_ceil(cached.block_tokens);
        assert!(used <= span.blocks.len(), "{} blocks for {positions} positions", span.blocks.len());
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

/// A call of [`attend`].
struct Call<'a> {
    shape: &'a AttentionShape,
    cache: &'a KvCache,
    layer: usize,
    spans: &'a [Span<'a>],
    queries: &'a [f32],
    out: Shared<'a, f32>,
}

impl<'a> Call<'a> {
    fn piece_tokens(&self) -> usize {
        (PIECE_ROWS / self.group()).max(1)
    }

    /// Query heads for each K/V head.
    fn group(&self) -> usize {
        self.shape.heads / self.shape.kv_heads
    }

    fn pieces(&self, span: &Span<'_>) -> usize {
        span.tokens.div_ceil(self.piece_tokens()) * self.shape.kv_heads
    }

    fn piece(&'a self, index: usize) -> Piece<'a> {
        let (span, index) = find(self.spans, index, |span| self.pieces(span));
        let first = index / self.shape.kv_heads * self.piece_tokens();
        let tokens = first..span.tokens.min(first + self.piece_tokens());
        Piece { call: self, span, kv_head: index % self.shape.kv_heads, tokens }
    }

    /// Computes some pieces, the last one first.
    fn whole_pieces(&self, pool: &Pool, indices: Range<usize>) {
        let mut indices = indices.rev();
        let mut following = indices.next().map(|index| self.piece(index));
        while let Some(piece) = following {
            following = indices.next().map(|index| self.piece(index));
            SCRATCH.with_borrow_mut(|Scratch { scores, parts }| {
                let length = Part::length(self.shape.head_dim) * piece.rows();
                let (merged, part) = parts.take(2 * length).split_at_mut(length);
                let chunks = piece.chunks();
                for chunk in chunks.clone() {
                    let next = if chunk + 1 < chunks.end {
                        Some((&piece, chunk + 1))
                    } else {
                        following.as_ref().map(|piece| (piece, piece.chunks().start))
                    };
                    pool.isa().dispatch(ChunkOf { piece: &piece, chunk, next, scores, part });
                    pool.isa().dispatch(Merge { piece: &piece, merged, part, first: chunk == chunks.start });
                }
                pool.isa().dispatch(Finish { piece: &piece, merged });
            });
        }
    }

    /// Elements of a part with as many rows as the largest of `count` pieces has.
    fn part_length(&self, count: usize) -> usize {
        let rows = (0..count).map(|index| self.piece(index).rows()).max().unwrap_or(0);
        Part::length(self.shape.head_dim) * rows
    }

    /// Runs of chunks of all pieces as work of their own, and then the merging of their parts.
    fn in_chunks(&self, pool: &Pool, count: usize, chunks: usize, parts: &mut FloatBuffer) {
        let length = self.part_length(count);
        let parts = parts.take(count * chunks * length);
        let shared = Shared::new(parts);
        let run = (count * chunks / (PIECES_EACH * pool.threads())).clamp(1, chunks);
        let runs = chunks.div_ceil(run);
        pool.share(count * runs, 1, |_, range| {
            for index in range {
                let (index, first) = (index / runs, index % runs * run);
                let piece = self.piece(index);
                let seen = piece.chunks();
                for chunk in first.max(seen.start)..(first + run).min(seen.end) {
                    let next = (chunk + 1 < seen.end).then_some((&piece, chunk + 1));
                    // SAFETY: each chunk of each piece is computed by the one worker that got its number.
                    let part = unsafe { shared.slice((index * chunks + chunk) * length, length) };
                    SCRATCH.with_borrow_mut(|Scratch { scores, .. }| {
                        pool.isa().dispatch(ChunkOf { piece: &piece, chunk, next, scores, part });
                    });
                }
            }
        });
        for index in 0..count {
            let piece = self.piece(index);
            let seen = piece.chunks();
            let (merged, rest) = parts[(index * chunks + seen.start) * length..].split_at_mut(length);
            for part in rest.chunks_exact(length).take(seen.len() - 1) {
                pool.isa().dispatch(Merge { piece: &piece, merged, part, first: false });
            }
            pool.isa().dispatch(Finish { piece: &piece, merged });
        }
    }
}

/// Some tokens of a span, and the query heads of one K/V head.
struct Piece<'a> {
    call: &'a Call<'a>,
    span: &'a Span<'a>,
    kv_head: usize,
    tokens: Range<usize>,
}

impl Piece<'_> {
    fn rows(&self) -> usize {
        self.tokens.len() * self.call.group()
    }

    /// Where row `row` of the piece is in the queries and in the result.
    fn at(&self, row: usize) -> usize {
        let group = self.call.group();
        let (token, head) = (self.tokens.start + row / group, self.kv_head * group + row % group);
        (self.span.row + token) * queries_width(self.call.shape) + head * self.call.shape.head_dim
    }

    /// The positions that row `row` sees.
    fn visible(&self, row: usize) -> Range<usize> {
        let seen = if self.call.shape.causal { self.tokens.start + row / self.call.group() + 1 } else { self.span.tokens };
        let end = self.span.start + seen;
        self.call.shape.window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// The chunks that have a position which some row sees.
    fn chunks(&self) -> Range<usize> {
        self.visible(0).start / CHUNK..self.visible(self.rows() - 1).end.div_ceil(CHUNK)
    }
}

/// The kernel that merges the parts of a chunk into those of the chunks before.
struct Merge<'a> {
    piece: &'a Piece<'a>,
    merged: &'a mut [f32],
    part: &'a [f32],
    /// There are none before.
    first: bool,
}

impl Kernel for Merge<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { piece, merged, part, first } = self;
        let length = Part::length(piece.call.shape.head_dim);
        if first {
            return merged[..length * piece.rows()].copy_from_slice(&part[..length * piece.rows()]);
        }
        for (merged, part) in merged.chunks_exact_mut(length).zip(part.chunks_exact(length)).take(piece.rows()) {
            // SAFETY: both are whole parts; `dispatch` vouches for the instructions.
            unsafe { part::merge::<L>(merged, part) };
        }
    }
}

/// The kernel that makes results of the merged parts of a piece's rows.
struct Finish<'a> {
    piece: &'a Piece<'a>,
    merged: &'a [f32],
}

impl Kernel for Finish<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { piece, merged } = self;
        let dims = piece.call.shape.head_dim;
        for (row, merged) in merged.chunks_exact(Part::length(dims)).take(piece.rows()).enumerate() {
            // SAFETY: a row of a piece is written by the one worker that finishes the piece; `dispatch` vouches for the
            // instructions.
            unsafe { part::finish::<L>(merged, piece.call.out.slice(piece.at(row), dims)) };
        }
    }
}
