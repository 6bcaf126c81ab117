//! What adapters add to products: `y += scale · B (A · x)`, with a narrow A and B for each group of rows.
//!
//! A is cut into chunks of columns, whose sums are kept apart and added in order: so a single token has work for every thread, and
//! an element is still summed in one order, whatever else is in the call.

use std::{fmt, ops::Range};

use crate::{
    arena::{Arena, Piece},
    format::Format,
    lanes::LANES,
    matrix::Rows,
    pack::PackError,
};

mod add;

pub use add::{Group, add_low_rank};

/// Sums of a row side by side, so that an addition does not wait for the one before.
const SUMS: usize = 4;

/// How the elements of A and B are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowRankElement {
    /// As they are.
    F32,
    /// Each matrix divided by a power of two, so that its greatest elements are near one, and then rounded to 11 bits.
    F16,
}

/// One B of several products that share an input.
#[derive(Clone, Copy)]
pub struct Up<'a> {
    pub rows: &'a dyn Rows, // (outputs, rank)
    /// Which of the A its columns belong to.
    pub down: usize,
    pub scale: f32,
}

/// What is added to the products of one input: several A, one below the other, and a B for each product that has one.
pub struct LowRank {
    element: LowRankElement,
    columns: usize,
    /// Panels of 16 rows of all A.
    panels: usize,
    downs: Piece, // panels × columns (padded) × 16
    ups: Vec<Option<PackedUp>>,
}

struct PackedUp {
    rows: usize,
    /// Of the rows of all A, those that are its columns.
    ranks: Range<usize>,
    scale: f32,
    memory: Piece, // panels of 16 rows × rank × 16
}

impl LowRank {
    /// Packs the A of one input, all (rank, columns), and a B for each of its products.
    ///
    /// # Panics
    /// If the A have different numbers of columns, or a B not as many as its A has rows.
    pub fn pack(
        arena: &mut Arena,
        element: LowRankElement,
        downs: &[&dyn Rows],
        ups: &[Option<Up<'_>>],
    ) -> Result<Self, PackError> {
        let columns = downs.first().map_or(0, |down| down.columns());
        assert!(downs.iter().all(|down| down.columns() == columns), "matrices for inputs of several lengths");
        let starts: Vec<usize> = downs.iter().scan(0, |start, down| Some(replace_add(start, down.rows()))).collect();
        let ranks: usize = downs.iter().map(|down| down.rows()).sum();
        let panels = ranks.div_ceil(LANES);
        let mut memory = take(arena, element, panels * padded(columns) * LANES, (ranks, columns))?;
        let mut units = Vec::new();
        for (down, start) in downs.iter().zip(&starts) {
            let unit = element.unit(*down);
            units.push(unit);
            each_row(*down, |row, values| {
                let (panel, lane) = ((start + row) / LANES, (start + row) % LANES);
                for (column, value) in values.iter().enumerate() {
                    element.put(memory.bytes_mut(), (panel * padded(columns) + column) * LANES + lane, value / unit);
                }
            });
        }
        let ups = ups.iter().map(|up| {
            up.map(|up| {
                let ranks = starts[up.down]..starts[up.down] + downs[up.down].rows();
                assert_eq!(up.rows.columns(), ranks.len(), "a matrix that does not fit the one before it");
                PackedUp::pack(arena, element, up, ranks, units[up.down])
            })
            .transpose()
        });
        let ups = ups.collect::<Result<_, _>>()?;
        Ok(Self { element, columns, panels, downs: memory, ups })
    }

    /// What an arena needs for matrices of these sizes: the ranks of all A, their columns, and (rows, rank) of each B.
    pub fn bytes_in_arena(element: LowRankElement, ranks: usize, columns: usize, ups: &[(usize, usize)]) -> usize {
        let of = |elements: usize| (elements * element.bytes()).next_multiple_of(64);
        let ups = ups.iter().map(|(rows, rank)| of(rows.next_multiple_of(LANES) * rank));
        of(ranks.next_multiple_of(LANES) * padded(columns)) + ups.sum::<usize>()
    }
}

impl PackedUp {
    fn pack(
        arena: &mut Arena,
        element: LowRankElement,
        up: Up<'_>,
        ranks: Range<usize>,
        unit_of_down: f32,
    ) -> Result<Self, PackError> {
        let (rows, rank) = (up.rows.rows(), ranks.len());
        let mut memory = take(arena, element, rows.next_multiple_of(LANES) * rank, (rows, rank))?;
        let unit = element.unit(up.rows);
        each_row(up.rows, |row, values| {
            let (panel, lane) = (row / LANES, row % LANES);
            for (column, value) in values.iter().enumerate() {
                element.put(memory.bytes_mut(), (panel * rank + column) * LANES + lane, value / unit);
            }
        });
        Ok(Self { rows, ranks, scale: up.scale * unit_of_down * unit, memory })
    }
}

impl LowRankElement {
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// The power of two that a matrix is divided by.
    fn unit(self, rows: &dyn Rows) -> f32 {
        let mut greatest = 0.0_f32;
        if self == Self::F16 {
            each_row(rows, |_, values| greatest = values.iter().fold(greatest, |most, value| most.max(value.abs())));
        }
        let usable = greatest.is_finite() && greatest > f32::MIN_POSITIVE;
        if usable { greatest.log2().floor().clamp(-100.0, 100.0).exp2() } else { 1.0 }
    }

    fn put(self, bytes: &mut [u8], index: usize, value: f32) {
        match self {
            Self::F32 => bytes[4 * index..][..4].copy_from_slice(&value.to_le_bytes()),
            Self::F16 => bytes[2 * index..][..2].copy_from_slice(&half::f16::from_f32(value).to_le_bytes()),
        }
    }
}

fn replace_add(start: &mut usize, count: usize) -> usize {
    std::mem::replace(start, *start + count)
}

/// Columns with zeros behind them, so that there are whole steps of sums. An input has zeros there, too.
fn padded(columns: usize) -> usize {
    columns.next_multiple_of(SUMS)
}

fn take(arena: &mut Arena, element: LowRankElement, elements: usize, of: (usize, usize)) -> Result<Piece, PackError> {
    let (rows, columns) = of;
    if rows == 0 || columns == 0 {
        return Err(PackError::Empty { rows, columns });
    }
    let bytes = elements * element.bytes();
    let piece = arena.take(bytes).or_else(|| Arena::new(bytes)?.take(bytes));
    let format = match element {
        LowRankElement::F32 => Format::F32,
        LowRankElement::F16 => Format::F16,
    };
    piece.ok_or(PackError::Memory { format, rows, columns })
}

fn each_row(rows: &dyn Rows, mut take: impl FnMut(usize, &[f32])) {
    let (mut encoded, mut values) = (Vec::new(), vec![0.0; rows.columns()]);
    for row in 0..rows.rows() {
        rows.row(row, &mut encoded);
        rows.format().dequantise(&encoded, &mut values);
        take(row, &values);
    }
}

impl fmt::Debug for Up<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Up({} × {}, {})", self.rows.rows(), self.rows.columns(), self.scale)
    }
}

impl fmt::Debug for LowRank {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { panels, columns, ups, .. } = self;
        let rows: Vec<_> = ups.iter().map(|up| up.as_ref().map_or(0, |up| up.rows)).collect();
        write!(formatter, "LowRank({columns} → {} → {rows:?})", panels * LANES)
    }
}
