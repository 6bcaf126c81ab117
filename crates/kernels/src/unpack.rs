//! Back from a pair of panels to the rows of a file: the inverse of packing, to the bit.
//!
//! Embeddings that are the head too are read this way, a row a token, so that they need not be in memory twice.

use crate::{
    format::Format,
    lanes::LANES,
    matrix::{HEADER_GROUPS, Matrix, PANELS, Rows, SCALE_BYTES, code_bytes, header_bytes, record_bytes},
};

impl Rows for Matrix {
    fn format(&self) -> Format {
        self.format
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    /// # Panics
    /// If there is no row `index`.
    fn row(&self, index: usize, out: &mut Vec<u8>) {
        assert!(index < self.rows, "row {index} of {self:?}");
        let (pair, row) = (self.pair(index / (LANES * PANELS)), index % (LANES * PANELS));
        out.clear();
        // Whole blocks of the columns that there are: it was checked when they were packed.
        out.resize(self.format.row_bytes(self.columns).unwrap_or(0), 0);
        unpack_row(self.format, pair, row, out);
    }
}

/// Takes the row at a place (0–31) out of a pair.
fn unpack_row(format: Format, pair: &[u8], row: usize, encoded: &mut [u8]) {
    match format {
        Format::F32 => unpack_floats::<4>(pair, row, encoded),
        Format::F16 => unpack_floats::<2>(pair, row, encoded),
        Format::Bf16 => unpack_bf16(pair, row, encoded),
        Format::Q8_0 | Format::Q4_0 => {
            for (block, record) in
                encoded.chunks_exact_mut(format.block_bytes()).zip(pair.chunks_exact(record_bytes(format)))
            {
                unpack_block(format, record, row, block);
            }
        }
        Format::Q4K | Format::Q5K | Format::Q6K => {
            let bytes = header_bytes(format) + HEADER_GROUPS * record_bytes(format);
            for (block, packed) in encoded.chunks_exact_mut(format.block_bytes()).zip(pair.chunks_exact(bytes)) {
                let (header, records) = packed.split_at(header_bytes(format));
                for (group, record) in records.chunks_exact(record_bytes(format)).enumerate() {
                    unpack_k_group(format, record, row, group, block);
                }
                unpack_header(format, header, row, block);
            }
        }
    }
}

fn unpack_floats<const BYTES: usize>(pair: &[u8], row: usize, encoded: &mut [u8]) {
    let (panel, lane) = (row / LANES, row % LANES);
    for (elements, columns) in encoded.chunks_mut(2 * BYTES).zip(pair.chunks_exact(4 * BYTES * LANES)) {
        let columns = &columns[panel * 2 * BYTES * LANES..][..2 * BYTES * LANES];
        for (element, column) in elements.chunks_exact_mut(BYTES).zip(columns.chunks_exact(BYTES * LANES)) {
            element.copy_from_slice(&column[lane * BYTES..][..BYTES]);
        }
    }
}

fn unpack_bf16(pair: &[u8], row: usize, encoded: &mut [u8]) {
    for (elements, columns) in encoded.chunks_mut(4).zip(pair.chunks_exact(4 * LANES * PANELS)) {
        let bytes = elements.len();
        elements.copy_from_slice(&columns[row * 4..][..bytes]);
    }
}

/// Four bytes of one row from a vector of a record's codes, as one number.
fn four(format: Format, record: &[u8], row: usize, vector: usize) -> u32 {
    let at = row / LANES * code_bytes(format) + vector * 64 + row % LANES * 4;
    u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
}

/// Sets the bits of `four` in four bytes of a block.
fn set(block: &mut [u8], at: usize, four: u32) {
    for (byte, bits) in block[at..at + 4].iter_mut().zip(four.to_le_bytes()) {
        *byte |= bits;
    }
}

fn unpack_block(format: Format, record: &[u8], row: usize, block: &mut [u8]) {
    let sign = if format == Format::Q8_0 { 0x8080_8080 } else { 0 };
    for vector in 0..code_bytes(format) / 64 {
        set(block, 2 + 4 * vector, four(format, record, row, vector) ^ sign);
    }
    let scales = &record[PANELS * code_bytes(format)..];
    block[..2].copy_from_slice(&scales[row * 2..][..2]);
}

const LOW: u32 = 0x0f0f_0f0f;

/// Group `group` (0–7) of a K block, whose bytes were all 0 before the first group.
fn unpack_k_group(format: Format, record: &[u8], row: usize, group: usize, block: &mut [u8]) {
    let vector = |vector: usize| four(format, record, row, vector);
    let scales = &record[PANELS * code_bytes(format)..][row / LANES * SCALE_BYTES / PANELS..];
    let (first, second) = (scales[row % LANES], scales[LANES + row % LANES]);
    // Where packing takes the low or the high halves of bytes, this puts them.
    let mut put_nibbles = |at: usize, shift: usize| {
        for index in 0..4 {
            let nibbles = vector(index);
            set(block, at + 4 * index, (nibbles & LOW) << shift);
            set(block, at + 16 + 4 * index, ((nibbles >> 4) & LOW) << shift);
        }
    };
    if format == Format::Q6K {
        let (half, quarter) = (group / 4, group % 4);
        put_nibbles(half * 64 + quarter % 2 * 32, quarter / 2 * 4);
        for part in 0..2 {
            let bits = vector(4 + part);
            for index in 0..4 {
                let high = ((bits >> (2 * index)) & 0x0303_0303) << (2 * quarter);
                set(block, 128 + half * 32 + part * 16 + 4 * index, high);
            }
        }
        (block[192 + 2 * group], block[193 + 2 * group]) = (first, second);
    } else {
        put_nibbles(if format == Format::Q5K { 48 } else { 16 } + group / 2 * 32, group % 2 * 4);
        if format == Format::Q5K {
            for index in 0..8 {
                set(block, 16 + 4 * index, ((vector(4) >> index) & 0x0101_0101) << group);
            }
        }
        put_scale_and_minimum(&mut block[4..16], group, first, second);
    }
}

/// The inverse of [`scale_and_minimum`](crate::format::scale_and_minimum).
fn put_scale_and_minimum(packed: &mut [u8], index: usize, scale: u8, minimum: u8) {
    if index < 4 {
        packed[index] |= scale;
        packed[index + 4] |= minimum;
    } else {
        packed[index + 4] |= (scale & 15) | (minimum << 4);
        packed[index - 4] |= scale >> 4 << 6;
        packed[index] |= minimum >> 4 << 6;
    }
}

fn unpack_header(format: Format, header: &[u8], row: usize, block: &mut [u8]) {
    let at = if format == Format::Q6K { 208 } else { 0 };
    for (index, halves) in header.chunks_exact(2 * LANES * PANELS).enumerate() {
        block[at + 2 * index..][..2].copy_from_slice(&halves[row * 2..][..2]);
    }
}
