//! The keys and values of all sequences, in blocks that a scheduler hands out.
//!
//! A block holds, for each layer and K/V head, the keys of its positions and then their values. Keys lie transposed,
//! (head_dim, positions), so that sixteen positions are scored at once without adding up lanes; values lie (positions,
//! head_dim), each position padded to whole vectors. Bytes have a scale each for a position's key and its value, behind the
//! values: a number is its byte times the scale, and depends on no other position.

use std::fmt;

use half::bf16;
use thiserror::Error;

use crate::{
    buffer::Buffer,
    isa::Kernel,
    lanes::{LANES, Lanes, load, sum},
    pool::Pool,
    share::Shared,
};

/// How the cache holds a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvElement {
    F32,
    F16,
    Bf16,
    /// Bytes, and a scale for each position of a head.
    I8,
}

impl KvElement {
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::I8 => 1,
        }
    }

    /// Bytes of what a position's key or value has beside its elements.
    fn scale_bytes(self) -> usize {
        if self == Self::I8 { size_of::<f32>() } else { 0 }
    }
}

/// What a cache is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    pub layers: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    /// Positions in a block, a multiple of 16.
    pub block_tokens: usize,
    pub element: KvElement,
}

/// Why a cache cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CacheError {
    #[error("a block of {block_tokens} positions is not a multiple of {LANES}")]
    BlockTokens { block_tokens: usize },
    #[error("no memory for a cache of {blocks} blocks of {bytes_per_block} bytes")]
    Memory { blocks: usize, bytes_per_block: usize },
}

impl KvShape {
    /// Bytes of a block with all its layers. What does not fit a `usize` is the greatest there is.
    pub fn bytes_per_block(&self) -> usize {
        self.checked_block_bytes().unwrap_or(usize::MAX)
    }

    fn checked_block_bytes(&self) -> Option<usize> {
        let elements = self.head_dim.checked_next_multiple_of(LANES)?.checked_add(self.head_dim)?;
        elements
            .checked_mul(self.element.bytes())?
            .checked_add(2 * self.element.scale_bytes())?
            .checked_mul(self.block_tokens)?
            .checked_mul(self.kv_heads)?
            .checked_mul(self.layers)
    }

    /// Elements from one position's values to the next.
    pub(crate) fn value_stride(&self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    /// Bytes of the keys of one layer, block and head; the values follow.
    pub(crate) fn key_bytes(&self) -> usize {
        self.head_dim * self.block_tokens * self.element.bytes()
    }

    /// Where the scales of the keys begin, if there are any; those of the values follow.
    pub(crate) fn scales(&self) -> usize {
        self.key_bytes() + self.value_stride() * self.block_tokens * self.element.bytes()
    }

    pub(crate) fn head_bytes(&self) -> usize {
        self.scales() + 2 * self.element.scale_bytes() * self.block_tokens
    }
}

/// Where a token's keys and values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub block: u32,
    /// Position within the block.
    pub offset: u32,
}

/// The slots of a step's tokens, each named once: several workers write them at the same time. Its memory is kept from step to
/// step.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
    sorted: Vec<Slot>,
}

impl Slots {
    /// # Panics
    /// If a slot is named twice.
    pub fn set(&mut self, slots: impl Iterator<Item = Slot>) {
        self.slots.clear();
        self.slots.extend(slots);
        self.sorted.clone_from(&self.slots);
        self.sorted.sort_unstable();
        if self.sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            self.slots.clear();
            panic!("a slot is named twice");
        }
    }
}

impl FromIterator<Slot> for Slots {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut all = Self::default();
        all.set(slots.into_iter());
        all
    }
}

/// The cache.
pub struct KvCache {
    shape: KvShape,
    blocks: usize,
    buffer: Buffer,
}

impl KvCache {
    /// A cache of so many blocks. The system gives the memory as it is first written.
    pub fn new(shape: KvShape, blocks: usize) -> Result<Self, CacheError> {
        let block_tokens = shape.block_tokens;
        if block_tokens == 0 || !block_tokens.is_multiple_of(LANES) {
            return Err(CacheError::BlockTokens { block_tokens });
        }
        let bytes = shape.checked_block_bytes().and_then(|bytes| bytes.checked_mul(blocks));
        let buffer = bytes.and_then(Buffer::zeroed);
        let buffer = buffer.ok_or(CacheError::Memory { blocks, bytes_per_block: shape.bytes_per_block() })?;
        Ok(Self { shape, blocks, buffer })
    }

    pub fn shape(&self) -> &KvShape {
        &self.shape
    }

    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Writes the keys and values (tokens × kv_heads · head_dim) of one layer, each token's into its slot.
    ///
    /// # Panics
    /// If a slot or the layer is not in the cache, or if the shapes do not fit.
    pub fn write(&mut self, pool: &Pool, layer: usize, slots: &Slots, keys: &[f32], values: &[f32]) {
        let (shape, slots) = (self.shape, &slots.slots[..]);
        let width = shape.kv_heads * shape.head_dim;
        assert!(layer < shape.layers, "layer {layer} of {}", shape.layers);
        assert_eq!(keys.len(), slots.len() * width, "the keys of {} tokens", slots.len());
        assert_eq!(values.len(), slots.len() * width, "the values of {} tokens", slots.len());
        let first = layer * self.blocks;
        let buffer = Shared::new(self.buffer.bytes_mut());
        // About 16,000 elements are worth another thread.
        pool.share(slots.len(), (16_384 / width.max(1)).max(1), |_, tokens| {
            for token in tokens {
                let Slot { block, offset } = slots[token];
                let (block, offset) = (block as usize, offset as usize);
                assert!(block < self.blocks && offset < shape.block_tokens, "slot {:?} is not in the cache", slots[token]);
                for head in 0..shape.kv_heads {
                    let at = ((first + block) * shape.kv_heads + head) * shape.head_bytes();
                    let row = token * width + head * shape.head_dim..token * width + (head + 1) * shape.head_dim;
                    let (key, value) = (&keys[row.clone()], &values[row]);
                    pool.isa().dispatch(Write { shape: &shape, to: buffer.pointer(at), offset, key, value });
                }
            }
        });
    }

    /// The keys and values of one layer, block and head.
    pub(crate) fn head(&self, layer: usize, block: usize, head: usize) -> &[u8] {
        let bytes = self.shape.head_bytes();
        &self.buffer.bytes()[((layer * self.blocks + block) * self.shape.kv_heads + head) * bytes..][..bytes]
    }
}

impl fmt::Debug for KvCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KvCache").field("shape", &self.shape).field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

/// The kernel: one token's key and value of one head.
struct Write<'a> {
    shape: &'a KvShape,
    to: *mut u8,
    offset: usize,
    key: &'a [f32],
    value: &'a [f32],
}

impl Kernel for Write<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { shape, to, offset, key, value } = self;
        // SAFETY: `to` is the start of a head of the cache, `offset` a position in it, which no other worker writes, since
        // slots are distinct; `dispatch` vouches for the instructions.
        unsafe {
            let (mut key_scale, mut value_scale) = (1.0, 1.0);
            if shape.element == KvElement::I8 {
                (key_scale, value_scale) = (scale::<L>(key), scale::<L>(value));
                let scales = to.add(shape.scales()).cast::<f32>();
                scales.add(offset).write_unaligned(key_scale);
                scales.add(shape.block_tokens + offset).write_unaligned(value_scale);
            }
            let (key_factor, value_factor) = (L::splat(1.0 / key_scale), L::splat(1.0 / value_scale));
            let (keys, values) = (to, to.add(shape.key_bytes()));
            for start in (0..shape.head_dim).step_by(LANES) {
                let count = (shape.head_dim - start).min(LANES);
                let (key, value) = (load::<L>(&key[start..], count), load::<L>(&value[start..], count));
                let (key_at, value_at) = (start * shape.block_tokens + offset, offset * shape.value_stride() + start);
                match shape.element {
                    KvElement::F32 => {
                        let mut column = [0.0; LANES];
                        L::store(column.as_mut_ptr(), key);
                        scatter(&column[..count], keys.cast::<f32>().add(key_at), shape.block_tokens);
                        L::store(values.cast::<f32>().add(value_at), value);
                    }
                    KvElement::F16 => {
                        let mut column = [0; LANES];
                        L::store_f16(column.as_mut_ptr(), finite::<L>(key));
                        scatter(&column[..count], keys.cast::<u16>().add(key_at), shape.block_tokens);
                        L::store_f16(values.cast::<u16>().add(value_at), finite::<L>(value));
                    }
                    KvElement::Bf16 => {
                        scatter(&rounded::<L>(key)[..count], keys.cast::<bf16>().add(key_at), shape.block_tokens);
                        scatter(&rounded::<L>(value), values.cast::<bf16>().add(value_at), 1);
                    }
                    KvElement::I8 => {
                        let mut column = [0; LANES];
                        L::store_i8(column.as_mut_ptr(), L::round(L::mul(key, key_factor)));
                        scatter(&column[..count], keys.cast::<i8>().add(key_at), shape.block_tokens);
                        L::store_i8(values.cast::<i8>().add(value_at), L::round(L::mul(value, value_factor)));
                    }
                }
            }
        }
    }
}

/// What bytes from −127 to 127 are multiplied by to span the numbers.
#[inline(always)]
unsafe fn scale<L: Lanes>(numbers: &[f32]) -> f32 {
    // SAFETY: `load` keeps to the slice; the caller vouches for the instructions.
    unsafe {
        let zero = L::splat(0.0);
        let (mut greatest, mut nothing) = (zero, zero);
        for start in (0..numbers.len()).step_by(LANES) {
            let number = load::<L>(&numbers[start..], (numbers.len() - start).min(LANES));
            greatest = L::max(L::max(number, L::sub(zero, number)), greatest);
            // No longer nothing if one of them is no number, which the greatest need not show.
            nothing = L::fma(number, zero, nothing);
        }
        // The inverse of a scale is to be a number, and of zeros any does.
        (L::greatest(greatest) / 127.0).max(f32::MIN_POSITIVE) + sum::<L>(nothing)
    }
}

/// Within what f16 can hold: an infinite value would make something that is no number even of the rows that do not look at it, for they
/// multiply it by zero. What is no number stays so.
#[inline(always)]
unsafe fn finite<L: Lanes>(numbers: L::Floats) -> L::Floats {
    const MOST: f32 = 65_504.0;
    // SAFETY: the caller vouches for the instructions.
    unsafe { L::min(L::splat(MOST), L::max(L::splat(-MOST), numbers)) }
}

#[inline(always)]
unsafe fn rounded<L: Lanes>(numbers: L::Floats) -> [bf16; LANES] {
    let mut lanes = [0.0; LANES];
    // SAFETY: the array has 16 elements; the caller vouches for the instructions.
    unsafe { L::store(lanes.as_mut_ptr(), numbers) };
    lanes.map(bf16::from_f32)
}

/// Writes the elements `stride` apart.
#[inline(always)]
unsafe fn scatter<T: Copy>(elements: &[T], to: *mut T, stride: usize) {
    for (index, &element) in elements.iter().enumerate() {
        // SAFETY: the caller vouches for the places.
        unsafe { to.add(index * stride).write(element) };
    }
}
