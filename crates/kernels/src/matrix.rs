//! A weight matrix in the layout the kernels read.
//!
//! Sixteen rows lie side by side in a *panel*, so that one load brings the next columns of 16 rows and one instruction works on
//! them all. All values are those of the file, only re-arranged: 16-bit floats keep their 16 bits, integers their bits and scales.
//!
//! A panel of floats is, for each pair of columns,
//! - `F32`: 16 × the first column, 16 × the second; `F16` the same;
//! - `Bf16`: 16 × (first, second), which is what the bf16 dot instruction takes, and as easy to widen.
//!
//! A panel of integers is the codes of all groups of 32 columns, then the scales of all groups. Codes come in vectors of
//! 64 bytes, four columns of 16 rows. A group of `Q8_0` is eight such vectors, of value + 128. In the other formats it is four
//! vectors of nibbles, the low ones being columns 0–15 and the high ones columns 16–31, followed by the bits above: one vector
//! of fifth bits, or two of fifth and sixth bits, where bits `s` (or `2s`, `2s + 1`) of a byte belong to its column's vector `s`.

use std::fmt;

use crate::{
    buffer::Buffer,
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
    pub(crate) buffer: Buffer,
}

/// The bytes of a panel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Panels, a multiple of `PANELS`.
    pub(crate) panels: usize,
    pub(crate) panel_bytes: usize,
    /// Where in a panel the scales begin.
    pub(crate) scales_at: usize,
}

impl Layout {
    /// `None` if the sizes overflow.
    pub(crate) fn new(format: Format, rows: usize, columns: usize) -> Option<Self> {
        let panels = rows.div_ceil(LANES * PANELS) * PANELS;
        let codes = match format {
            Format::F32 => columns.next_multiple_of(2).checked_mul(4 * LANES)?,
            Format::F16 | Format::Bf16 => columns.next_multiple_of(2).checked_mul(2 * LANES)?,
            _ => (columns / GROUP).checked_mul(code_bytes(format))?,
        };
        let scales = (columns / format.block_elements()).checked_mul(scale_bytes(format))?;
        let panel_bytes = codes.checked_add(scales)?.checked_next_multiple_of(64)?;
        panels.checked_mul(panel_bytes)?;
        Some(Self { panels, panel_bytes, scales_at: codes })
    }
}

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

/// Bytes of the scales of a block of columns of a panel: 16 × f16 for each; in K formats with a second f16 for the minimum
/// (not `Q6_K`), then 16 bytes for each group's scale, then for its minimum.
pub(crate) const fn scale_bytes(format: Format) -> usize {
    match format {
        Format::Q8_0 | Format::Q4_0 => 2 * LANES,
        Format::Q4K | Format::Q5K => 4 * LANES + 16 * LANES,
        Format::Q6K => 2 * LANES + 16 * LANES,
        Format::F32 | Format::F16 | Format::Bf16 => 0,
    }
}

impl Matrix {
    /// Reads all rows and packs them, all workers of the pool together.
    pub fn pack(pool: &Pool, rows: &dyn Rows) -> Result<Self, PackError> {
        pack::pack(pool, rows)
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
        self.buffer.len()
    }

    /// Whether it is multiplied with the quantised form of an input.
    pub fn is_integer(&self) -> bool {
        self.format.is_integer()
    }

    pub(crate) fn panel(&self, index: usize) -> &[u8] {
        &self.buffer.bytes()[index * self.layout.panel_bytes..][..self.layout.panel_bytes]
    }
}

impl fmt::Debug for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, rows, columns, .. } = self;
        write!(formatter, "Matrix({rows} × {columns}, {format})")
    }
}
