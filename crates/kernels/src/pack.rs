//! Packing: from the rows of a file to pairs of panels.
//!
//! Loading a model is mostly this, so the rows of a pair are read first and then woven together four bytes at a time: a vector
//! holds four columns of each row, and where a file's codes have to be cut up, that is done for four of them at once.

use thiserror::Error;

use crate::{
    arena::Arena,
    format::{Format, scale_and_minimum},
    lanes::LANES,
    matrix::{GROUP, HEADER_GROUPS, Layout, Matrix, PANELS, Rows, SCALE_BYTES, code_bytes, header_bytes, record_bytes},
    pool::Pool,
    share::Shared,
};

/// Why a matrix cannot be packed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PackError {
    #[error("a matrix of {rows} × {columns} elements has nothing in it")]
    Empty { rows: usize, columns: usize },
    #[error("rows of {columns} elements are not whole blocks of {format}, which hold {}", format.block_elements())]
    Columns { format: Format, columns: usize },
    #[error("row {row} has {found} bytes, not the {expected} of {columns} elements in {format}")]
    RowBytes { format: Format, row: usize, columns: usize, expected: usize, found: usize },
    #[error("no memory for a matrix of {rows} × {columns} elements in {format}")]
    Memory { format: Format, rows: usize, columns: usize },
}

pub(crate) fn pack(pool: &Pool, source: &dyn Rows, arena: Option<&mut Arena>) -> Result<Matrix, PackError> {
    let (format, rows, columns) = (source.format(), source.rows(), source.columns());
    if rows == 0 || columns == 0 {
        return Err(PackError::Empty { rows, columns });
    }
    let row_bytes = format.row_bytes(columns).ok_or(PackError::Columns { format, columns })?;
    let memory = PackError::Memory { format, rows, columns };
    let layout = Layout::new(format, rows, columns).ok_or(memory.clone())?;
    let bytes = layout.pairs * layout.pair_bytes;
    let piece = arena.and_then(|arena| arena.take(bytes)).or_else(|| Arena::new(bytes)?.take(bytes));
    let mut piece = piece.ok_or(memory)?;

    let failure = std::sync::Mutex::new(None);
    let pairs = Shared::new(piece.bytes_mut());
    pool.share(layout.pairs, 1, |_, range| {
        let mut encoded = Vec::with_capacity(row_bytes);
        for pair in range {
            // SAFETY: each pair is packed by the one worker that got its number.
            let bytes = unsafe { pairs.slice(pair * layout.pair_bytes, layout.pair_bytes) };
            let first = pair * LANES * PANELS;
            for row in first..rows.min(first + LANES * PANELS) {
                encoded.clear();
                source.row(row, &mut encoded);
                if encoded.len() == row_bytes {
                    pack_row(format, &encoded, row - first, bytes);
                } else {
                    let (expected, found) = (row_bytes, encoded.len());
                    let error = PackError::RowBytes { format, row, columns, expected, found };
                    *failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                }
            }
        }
    });
    match failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Matrix { format, rows, columns, layout, memory: piece }),
    }
}

/// Puts one encoded row into its place (0–31) in a pair.
fn pack_row(format: Format, encoded: &[u8], row: usize, pair: &mut [u8]) {
    match format {
        Format::F32 => pack_floats::<4>(encoded, row, pair),
        Format::F16 => pack_floats::<2>(encoded, row, pair),
        Format::Bf16 => pack_bf16(encoded, row, pair),
        Format::Q8_0 | Format::Q4_0 => {
            for (block, record) in
                encoded.chunks_exact(format.block_bytes()).zip(pair.chunks_exact_mut(record_bytes(format)))
            {
                pack_block(format, block, row, record);
            }
        }
        Format::Q4K | Format::Q5K | Format::Q6K => {
            let bytes = header_bytes(format) + HEADER_GROUPS * record_bytes(format);
            for (block, packed) in encoded.chunks_exact(format.block_bytes()).zip(pair.chunks_exact_mut(bytes)) {
                let (header, records) = packed.split_at_mut(header_bytes(format));
                for (group, record) in records.chunks_exact_mut(record_bytes(format)).enumerate() {
                    pack_k_group(format, block, group, row, record);
                }
                pack_header(format, block, row, header);
            }
        }
    }
}

/// Column after column, 16 rows of each: two columns of the first panel, the same two of the second.
fn pack_floats<const BYTES: usize>(encoded: &[u8], row: usize, pair: &mut [u8]) {
    let (panel, lane) = (row / LANES, row % LANES);
    for (elements, columns) in encoded.chunks(2 * BYTES).zip(pair.chunks_exact_mut(4 * BYTES * LANES)) {
        let columns = &mut columns[panel * 2 * BYTES * LANES..][..2 * BYTES * LANES];
        for (element, column) in elements.chunks_exact(BYTES).zip(columns.chunks_exact_mut(BYTES * LANES)) {
            column[lane * BYTES..][..BYTES].copy_from_slice(element);
        }
    }
}

/// Two columns together, 16 rows of them for the first panel and for the second.
fn pack_bf16(encoded: &[u8], row: usize, pair: &mut [u8]) {
    for (elements, columns) in encoded.chunks(4).zip(pair.chunks_exact_mut(4 * LANES * PANELS)) {
        columns[row * 4..][..elements.len()].copy_from_slice(elements);
    }
}

/// A group's vectors of codes, of which each row has four bytes.
struct Vectors<'a> {
    codes: &'a mut [u8],
    lane: usize,
}

impl<'a> Vectors<'a> {
    fn of(format: Format, record: &'a mut [u8], row: usize) -> Self {
        let bytes = code_bytes(format);
        Self { codes: &mut record[row / LANES * bytes..][..bytes], lane: row % LANES }
    }

    fn put(&mut self, vector: usize, four: u32) {
        self.codes[vector * 64 + self.lane * 4..][..4].copy_from_slice(&four.to_le_bytes());
    }
}

/// Four bytes of a block, as one number.
fn four(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// A block of 32 columns. The nibbles of `Q4_0` lie in the file as they do here.
fn pack_block(format: Format, block: &[u8], row: usize, record: &mut [u8]) {
    let sign = if format == Format::Q8_0 { 0x8080_8080 } else { 0 };
    let mut vectors = Vectors::of(format, record, row);
    for vector in 0..code_bytes(format) / 64 {
        vectors.put(vector, four(block, 2 + 4 * vector) ^ sign);
    }
    let scales = &mut record[PANELS * code_bytes(format)..];
    scales[row * 2..][..2].copy_from_slice(&block[..2]);
}

const LOW: u32 = 0x0f0f_0f0f;

/// Two fours of nibbles, the second in the upper halves.
fn nibbles(low: u32, high: u32) -> u32 {
    (low & LOW) | ((high & LOW) << 4)
}

/// Group `group` (0–7) of a K block.
fn pack_k_group(format: Format, block: &[u8], group: usize, row: usize, record: &mut [u8]) {
    let mut vectors = Vectors::of(format, record, row);
    let scales: [u8; 2] = if format == Format::Q6K {
        // Each half of the block has the nibbles of two quarters in the lower and of two in the upper halves of its bytes.
        let (half, quarter) = (group / 4, group % 4);
        let (at, shift) = (half * 64 + quarter % 2 * 32, quarter / 2 * 4);
        for vector in 0..4 {
            let (first, second) = (four(block, at + 4 * vector), four(block, at + 16 + 4 * vector));
            vectors.put(vector, nibbles(first >> shift, second >> shift));
        }
        for part in 0..2 {
            let high =
                |vector: usize| (four(block, 128 + half * 32 + part * 16 + 4 * vector) >> (2 * quarter)) & 0x0303_0303;
            vectors.put(4 + part, (0..4).fold(0, |bits, vector| bits | (high(vector) << (2 * vector))));
        }
        [block[192 + 2 * group], block[192 + 2 * group + 1]]
    } else {
        // Two groups share bytes, the first in their lower halves.
        let codes = if format == Format::Q5K { 48 } else { 16 };
        let (at, shift) = (codes + group / 2 * 32, group % 2 * 4);
        for vector in 0..4 {
            let (first, second) = (four(block, at + 4 * vector), four(block, at + 16 + 4 * vector));
            vectors.put(vector, nibbles(first >> shift, second >> shift));
        }
        if format == Format::Q5K {
            let fifth = |vector: usize| (four(block, 16 + 4 * vector) >> group) & 0x0101_0101;
            vectors.put(4, (0..8).fold(0, |bits, vector| bits | (fifth(vector) << vector)));
        }
        scale_and_minimum(&block[4..16], group).into()
    };
    let record = &mut record[PANELS * code_bytes(format)..][row / LANES * SCALE_BYTES / PANELS..];
    record[row % LANES] = scales[0];
    record[LANES + row % LANES] = scales[1];
}

/// What the groups of a K block share.
fn pack_header(format: Format, block: &[u8], row: usize, header: &mut [u8]) {
    let at = if format == Format::Q6K { 208 } else { 0 };
    for (index, half) in block[at..].chunks_exact(2).take(header.len() / (2 * LANES * PANELS)).enumerate() {
        header[index * 2 * LANES * PANELS + row * 2..][..2].copy_from_slice(half);
    }
}

const _: () = assert!(GROUP * HEADER_GROUPS == 256, "a header is that of a K block");
