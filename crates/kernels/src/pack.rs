//! Packing: from the rows of a file to panels of sixteen rows side by side.

use thiserror::Error;

use crate::{
    buffer::Buffer,
    format::{Format, half_at, k_nibbles, q6_k_code, scale_and_minimum},
    lanes::LANES,
    matrix::{GROUP, Layout, Matrix, Rows, code_bytes, scale_bytes},
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

pub(crate) fn pack(pool: &Pool, source: &dyn Rows) -> Result<Matrix, PackError> {
    let (format, rows, columns) = (source.format(), source.rows(), source.columns());
    if rows == 0 || columns == 0 {
        return Err(PackError::Empty { rows, columns });
    }
    let row_bytes = format.row_bytes(columns).ok_or(PackError::Columns { format, columns })?;
    let memory = PackError::Memory { format, rows, columns };
    let layout = Layout::new(format, rows, columns).ok_or(memory.clone())?;
    let mut buffer = Buffer::zeroed(layout.panels * layout.panel_bytes).ok_or(memory)?;

    let failure = std::sync::Mutex::new(None);
    let panels = Shared::new(buffer.bytes_mut());
    pool.share(rows.div_ceil(LANES), 1, |_, range| {
        let mut encoded = Vec::with_capacity(row_bytes);
        for panel in range {
            // SAFETY: each panel is packed by the one worker that got its number.
            let bytes = unsafe { panels.slice(panel * layout.panel_bytes, layout.panel_bytes) };
            for row in panel * LANES..rows.min((panel + 1) * LANES) {
                encoded.clear();
                source.row(row, &mut encoded);
                if encoded.len() == row_bytes {
                    pack_row(format, &layout, &encoded, row % LANES, bytes);
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
        None => Ok(Matrix { format, rows, columns, layout, buffer }),
    }
}

/// Puts one encoded row into its lane of a panel.
fn pack_row(format: Format, layout: &Layout, encoded: &[u8], lane: usize, panel: &mut [u8]) {
    let (codes, scales) = panel.split_at_mut(layout.scales_at);
    match format {
        Format::F32 => pack_wide::<4>(encoded, lane, codes),
        Format::F16 => pack_wide::<2>(encoded, lane, codes),
        Format::Bf16 => pack_pairs(encoded, lane, codes),
        _ => {
            let blocks = encoded.chunks_exact(format.block_bytes());
            let codes = codes.chunks_exact_mut(format.block_elements() / GROUP * code_bytes(format));
            let scales = scales.chunks_exact_mut(scale_bytes(format));
            for ((block, codes), scales) in blocks.zip(codes).zip(scales) {
                pack_block(format, block, lane, codes, scales);
            }
        }
    }
}

/// Column after column, 16 rows of each.
fn pack_wide<const BYTES: usize>(encoded: &[u8], lane: usize, panel: &mut [u8]) {
    for (element, column) in encoded.chunks_exact(BYTES).zip(panel.chunks_exact_mut(BYTES * LANES)) {
        column[lane * BYTES..][..BYTES].copy_from_slice(element);
    }
}

/// Pairs of columns, 16 rows of each.
fn pack_pairs(encoded: &[u8], lane: usize, panel: &mut [u8]) {
    for (pair, columns) in encoded.chunks(4).zip(panel.chunks_exact_mut(4 * LANES)) {
        columns[lane * 4..][..pair.len()].copy_from_slice(pair);
    }
}

/// A block of an integer format into its lane of the codes and scales of these columns.
fn pack_block(format: Format, block: &[u8], lane: usize, codes: &mut [u8], scales: &mut [u8]) {
    for (group, codes) in codes.chunks_exact_mut(code_bytes(format)).enumerate() {
        for column in 0..GROUP {
            let index = group * GROUP + column;
            match format {
                Format::Q8_0 => codes[place(column, lane)] = block[2 + column] ^ 0x80,
                Format::Q4_0 => put_nibble(codes, column, lane, block[2 + column % 16] >> (column / 16 * 4)),
                Format::Q4K => put_nibble(codes, column, lane, k_nibbles(&block[16..], None, index)),
                Format::Q5K => put_bits(codes, column, lane, k_nibbles(&block[48..], Some(&block[16..48]), index), 1),
                _ => put_bits(codes, column, lane, q6_k_code(block, index), 2),
            }
        }
    }
    pack_scales(format, block, lane, scales);
}

/// The byte of a lane's column in vectors of four columns.
fn place(column: usize, lane: usize) -> usize {
    column / 4 * 64 + lane * 4 + column % 4
}

/// Puts the lower four bits of a code in their place. See `matrix`.
fn put_nibble(codes: &mut [u8], column: usize, lane: usize, code: u8) {
    codes[place(column % 16, lane)] |= (code & 15) << (column / 16 * 4);
}

/// The same, and the `high` bits above them, one or two, in theirs.
fn put_bits(codes: &mut [u8], column: usize, lane: usize, code: u8, high: usize) {
    put_nibble(codes, column, lane, code);
    let bit = column / 4 * high;
    codes[256 + bit / 8 * 64 + lane * 4 + column % 4] |= (code >> 4) << (bit % 8);
}

fn pack_scales(format: Format, block: &[u8], lane: usize, scales: &mut [u8]) {
    let mut half = |index: usize, at: usize| {
        let bytes = half_at(block, at).to_le_bytes();
        scales[index * 2 * LANES + 2 * lane..][..2].copy_from_slice(&bytes);
    };
    match format {
        Format::Q6K => {
            half(0, 208);
            for group in 0..16 {
                scales[2 * LANES + group * LANES + lane] = block[192 + group];
            }
        }
        Format::Q4K | Format::Q5K => {
            half(0, 0);
            half(1, 2);
            for group in 0..8 {
                let (scale, minimum) = scale_and_minimum(&block[4..16], group);
                scales[4 * LANES + group * LANES + lane] = scale;
                scales[12 * LANES + group * LANES + lane] = minimum;
            }
        }
        _ => half(0, 0),
    }
}
