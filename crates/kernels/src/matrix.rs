//! A weight matrix in the layout the kernels read.
//!
//! Sixteen rows lie side by side in a *panel*, so that one load brings the next columns of 16 rows and one instruction works on
//! them all; two panels are a *pair*, interleaved, so that a worker reads one stream of memory. All values are those of the file,
//! only re-arranged: 16-bit floats keep their 16 bits, integers their bits and scales.
//!
//! A pair of floats is, for each two columns, those of the first panel and then those of the second, each
//! - `F32`: 16 × the first column, 16 × the second; `F16` the same;
//! - `Bf16`: 16 × (first, second), which are as easy to widen.
//!
//! A pair of integers is a *record* for each group of 32 columns: the codes of the first panel, those of the second, and 64
//! bytes of scales. Before each eight records of a K format there is a header with what their 256 columns share.
//!
//! Codes come in vectors of 64 bytes, four columns of 16 rows. A group of `Q8_0` is eight such vectors, of value + 128. In the
//! other formats it is four vectors of nibbles, the low ones being columns 0–15 and the high ones columns 16–31, followed by the
//! bits above: one vector of fifth bits, or two of fifth and sixth bits, where bits `s` (or `2s`, `2s + 1`) of a byte belong to
//! its column's vector `s`.
//!
//! Scales, of the first panel and then of the second:
//! - `Q8_0`, `Q4_0`: 16 × f16;
//! - `Q4_K`, `Q5_K`: 16 bytes of scales and 16 of minima; in the header 16 × f16 by which scales are multiplied for each panel, and
//!   then the same for minima;
//! - `Q6_K`: 16 signed bytes for the first half of the columns and 16 for the second; in the header 16 × f16 for each panel.

use std::fmt;

use crate::{
    arena::{Arena, Piece},
    format::Format,
    lanes::LANES,
    pack::{self, PackError},
    pool::Pool,
};

/// Where a matrix comes from: something that gives its rows, encoded.
pub trait Rows: Sync {
    fn format(&self) -> Format;
    /// Outputs of the product.
    fn rows(&self) -> usize;
    /// Inputs of the product: elements of a row.
    fn columns(&self) -> usize;
    /// Puts the encoded bytes of row `index` into `out`, which is cleared first.
    fn row(&self, index: usize, out: &mut Vec<u8>);
}

/// Panels that are worked on together; a matrix is padded to whole pairs.
pub(crate) const PANELS: usize = 2;

/// Columns that share a scale of the activations.
pub(crate) const GROUP: usize = 32;

/// A packed matrix, (rows = out, columns = in).
pub struct Matrix {
    pub(crate) format: Format,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) layout: Layout,
    pub(crate) memory: Piece,
}

/// The bytes of a matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) pairs: usize,
    pub(crate) pair_bytes: usize,
}

impl Layout {
    /// `None` if the sizes overflow.
    pub(crate) fn new(format: Format, rows: usize, columns: usize) -> Option<Self> {
        let pairs = rows.div_ceil(LANES * PANELS);
        let pair_bytes = match format {
            Format::F32 => columns.checked_next_multiple_of(2)?.checked_mul(4 * LANES * PANELS)?,
            Format::F16 | Format::Bf16 => columns.checked_next_multiple_of(2)?.checked_mul(2 * LANES * PANELS)?,
            _ => {
                let headers = (columns / GROUP / HEADER_GROUPS).checked_mul(header_bytes(format))?;
                (columns / GROUP).checked_mul(record_bytes(format))?.checked_add(headers)?
            }
        };
        pairs.checked_mul(pair_bytes)?;
        Some(Self { pairs, pair_bytes })
    }
}

/// Groups that share a header, in formats that have one.
pub(crate) const HEADER_GROUPS: usize = 8;

/// Bytes of the scales of a pair's group of 32 columns.
pub(crate) const SCALE_BYTES: usize = 64;

/// Bytes of the codes of a group of 32 columns of a panel.
pub(crate) const fn code_bytes(format: Format) -> usize {
    match format {
        Format::Q8_0 => 512,
        Format::Q4_0 | Format::Q4K => 256,
        Format::Q5K => 256 + 64,
        Format::Q6K => 256 + 128,
        Format::F32 | Format::F16 | Format::Bf16 => 0,
    }
}

/// Bytes of a pair's group of 32 columns.
pub(crate) const fn record_bytes(format: Format) -> usize {
    PANELS * code_bytes(format) + SCALE_BYTES
}

/// Bytes of what a pair's 256 columns share.
pub(crate) const fn header_bytes(format: Format) -> usize {
    match format {
        Format::Q4K | Format::Q5K => 2 * PANELS * 2 * LANES,
        Format::Q6K => PANELS * 2 * LANES,
        _ => 0,
    }
}

impl Matrix {
    /// Reads all rows and packs them, all workers of the pool together.
    pub fn pack(pool: &Pool, rows: &dyn Rows) -> Result<Self, PackError> {
        pack::pack(pool, rows, None)
    }

    /// The same, into memory of an arena; what does not fit there has its own.
    pub fn pack_into(arena: &mut Arena, pool: &Pool, rows: &dyn Rows) -> Result<Self, PackError> {
        pack::pack(pool, rows, Some(arena))
    }

    /// What an arena needs for a matrix, in bytes; 0 for one that cannot be packed.
    pub fn bytes_in_arena(rows: &dyn Rows) -> usize {
        let layout = Layout::new(rows.format(), rows.rows(), rows.columns());
        let bytes = layout.and_then(|layout| layout.pairs.checked_mul(layout.pair_bytes)?.checked_next_multiple_of(64));
        bytes.unwrap_or(0)
    }

    /// The format the weights came in, whose values these are.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.memory.bytes().len()
    }

    /// Whether it is multiplied with the quantised form of an input.
    pub fn is_integer(&self) -> bool {
        self.format.is_integer()
    }

    pub(crate) fn pair(&self, index: usize) -> &[u8] {
        &self.memory.bytes()[index * self.layout.pair_bytes..][..self.layout.pair_bytes]
    }
}

impl fmt::Debug for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, rows, columns, .. } = self;
        write!(formatter, "Matrix({rows} × {columns}, {format})")
    }
}
