//! One matrix of a model, read where it lies.

use kernels::{Format, Rows};

use crate::storage::Storage;

/// A view of rows into a mapped file: (rows = out, columns = in). Cheap to clone. How the file arranges them (transposed,
/// permuted, fused with others) is undone in [`Rows::row`].
#[derive(Debug, Clone)]
pub struct Tensor {
    storage: Storage,
    /// Where the first row (or, transposed, the matrix) begins. All of the tensor is known to lie in the storage.
    offset: usize,
    /// Of the file.
    format: Format,
    /// What rows are encoded in as they are read, where that is not the file's format.
    encoded: Option<Format>,
    rows: usize,
    columns: usize,
    layout: Layout,
}

/// How row `r` of the tensor is found in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Row after row.
    RowMajor,
    /// Within each head of `head_dim` rows, those of the first half alternate with those of the second: llama.cpp's
    /// arrangement for rotating neighbours instead of halves.
    Interleaved { head_dim: usize },
    /// GPT-2's Conv1D, (in, out): row `r` is column `first + r` of a matrix of `stride` columns.
    Transposed { first: usize, stride: usize },
}

impl Tensor {
    /// Rows that follow one another at `offset`. `None` if they are not whole blocks or not all in the storage.
    pub(crate) fn new(storage: Storage, offset: usize, format: Format, rows: usize, columns: usize) -> Option<Self> {
        let bytes = format.row_bytes(columns)?.checked_mul(rows)?;
        let end = offset.checked_add(bytes)?;
        let layout = Layout::RowMajor;
        (end <= storage.bytes().len()).then_some(Self { storage, offset, format, encoded: None, rows, columns, layout })
    }

    /// The rows `first..first + rows` alone. `None` if there are not so many.
    pub(crate) fn slice(mut self, first: usize, rows: usize) -> Option<Self> {
        if first.checked_add(rows)? > self.rows {
            return None;
        }
        match &mut self.layout {
            Layout::RowMajor => self.offset += first * self.row_bytes(),
            Layout::Transposed { first: column, .. } => *column += first,
            // Nothing stores fused matrices so, and a part would not know where it begins in a head.
            Layout::Interleaved { .. } => return None,
        }
        self.rows = rows;
        Some(self)
    }

    /// The matrix turned over, so that its columns are the rows. `None` if its elements are in blocks along the rows.
    pub(crate) fn transposed(mut self) -> Option<Self> {
        if self.layout != Layout::RowMajor || self.format.block_elements() != 1 {
            return None;
        }
        self.layout = Layout::Transposed { first: 0, stride: self.columns };
        (self.rows, self.columns) = (self.columns, self.rows);
        Some(self)
    }

    /// The same rows in the order of halves, where the file has them interleaved head by head. The rows are whole heads of
    /// an even size.
    pub(crate) fn uninterleaved(mut self, head_dim: usize) -> Self {
        debug_assert!(self.layout == Layout::RowMajor && head_dim.is_multiple_of(2) && self.rows.is_multiple_of(head_dim));
        self.layout = Layout::Interleaved { head_dim };
        self
    }

    /// The elements of a row.
    ///
    /// # Panics
    /// If `index` is not below the number of rows, or `out` is not as long as a row.
    pub fn dequantise_row(&self, index: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.columns, "a row of {} elements", self.columns);
        self.stored_values(index, out);
        if let Some(format) = self.encoded {
            let mut bytes = Vec::new();
            format.quantise(out, &mut bytes);
            format.dequantise(&bytes, out);
        }
    }

    /// The elements of a row in the file.
    fn stored_values(&self, index: usize, out: &mut [f32]) {
        if let Some(bytes) = self.contiguous(index) {
            self.format.dequantise(bytes, out);
        } else {
            let mut bytes = Vec::new();
            self.gather(index, &mut bytes);
            self.format.dequantise(&bytes, out);
        }
    }

    /// The same matrix in another format, in memory. `None` if its rows are not whole blocks of that.
    pub fn in_format(&self, format: Format) -> Option<Self> {
        let mut bytes = Vec::with_capacity(format.row_bytes(self.columns)?.checked_mul(self.rows)?);
        let mut row = vec![0.0; self.columns];
        for index in 0..self.rows {
            self.dequantise_row(index, &mut row);
            format.quantise(&row, &mut bytes);
        }
        Self::new(Storage::Owned(bytes.into()), 0, format, self.rows, self.columns)
    }

    /// The same matrix, with rows that are encoded in another format whenever they are read: nothing is held twice. `None` if
    /// they are not whole blocks of that.
    pub fn encoded_as(&self, format: Format) -> Option<Self> {
        format.row_bytes(self.columns)?;
        Some(Self { encoded: Some(format), ..self.clone() })
    }

    /// Gives back the memory in which its part of the file has been read, if that lies in one piece. It can be read again.
    pub fn release(&self) {
        if !matches!(self.layout, Layout::Transposed { .. }) {
            self.storage.release(self.offset..self.offset + self.bytes());
        }
    }

    /// Bytes that the tensor takes in the file.
    pub fn bytes(&self) -> usize {
        self.rows * self.row_bytes()
    }

    fn row_bytes(&self) -> usize {
        self.format.row_bytes(self.columns).unwrap_or(0)
    }

    /// The row's bytes where they lie together.
    fn contiguous(&self, index: usize) -> Option<&[u8]> {
        assert!(index < self.rows, "row {index} of {}", self.rows);
        let stored = match self.layout {
            Layout::RowMajor => index,
            Layout::Interleaved { head_dim } => stored_row(index, head_dim),
            Layout::Transposed { .. } => return None,
        };
        let start = self.offset + stored * self.row_bytes();
        Some(&self.storage.bytes()[start..start + self.row_bytes()])
    }

    /// Collects a row that is a column in the file.
    fn gather(&self, index: usize, out: &mut Vec<u8>) {
        let Layout::Transposed { first, stride } = self.layout else { return };
        let size = self.format.block_bytes();
        let start = self.offset + (first + index) * size;
        let bytes = self.storage.bytes();
        out.reserve(self.columns * size);
        for line in 0..self.columns {
            let at = start + line * stride * size;
            out.extend_from_slice(&bytes[at..at + size]);
        }
    }
}

/// Where a file that interleaves the halves of each head has row `row` of the plain order.
fn stored_row(row: usize, head_dim: usize) -> usize {
    let (head, within) = (row / head_dim, row % head_dim);
    let (half, pair) = (within / (head_dim / 2), within % (head_dim / 2));
    head * head_dim + 2 * pair + half
}

/// A bias that belongs to interleaved rows, in the order of halves.
pub(crate) fn uninterleave(stored: &[f32], head_dim: usize) -> Vec<f32> {
    (0..stored.len()).map(|row| stored[stored_row(row, head_dim)]).collect()
}

impl Rows for Tensor {
    fn format(&self) -> Format {
        self.encoded.unwrap_or(self.format)
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, index: usize, out: &mut Vec<u8>) {
        out.clear();
        if let Some(format) = self.encoded {
            let mut values = vec![0.0; self.columns];
            self.stored_values(index, &mut values);
            return format.quantise(&values, out);
        }
        match self.contiguous(index) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => self.gather(index, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A matrix whose element in row `r` and column `c` is `100 r + c`.
    fn matrix(rows: usize, columns: usize) -> Tensor {
        let numbers = (0..rows).flat_map(|row| (0..columns).map(move |column| (100 * row + column) as f32));
        let bytes: Vec<u8> = numbers.flat_map(f32::to_le_bytes).collect();
        Tensor::new(Storage::Owned(Arc::from(bytes)), 0, Format::F32, rows, columns).unwrap()
    }

    fn column(tensor: &Tensor, column: usize) -> Vec<f32> {
        let mut row = vec![0.0; tensor.columns()];
        let mut value = |index| {
            tensor.dequantise_row(index, &mut row);
            row[column]
        };
        (0..tensor.rows()).map(&mut value).collect()
    }

    #[test]
    fn a_transposed_matrix_has_its_columns_for_rows() {
        let tensor = matrix(3, 4).transposed().unwrap();
        assert_eq!((tensor.rows(), tensor.columns()), (4, 3));
        assert_eq!(column(&tensor, 2), [200.0, 201.0, 202.0, 203.0]);
    }

    #[test]
    fn a_slice_of_a_transposed_matrix_has_some_of_its_columns() {
        let tensor = matrix(3, 6).transposed().unwrap().slice(2, 3).unwrap();
        assert_eq!(column(&tensor, 1), [102.0, 103.0, 104.0]);
    }

    #[test]
    fn a_slice_has_some_of_the_rows() {
        assert_eq!(column(&matrix(5, 2).slice(1, 3).unwrap(), 1), [101.0, 201.0, 301.0]);
        assert!(matrix(5, 2).slice(3, 3).is_none());
        assert!(matrix(5, 2).slice(usize::MAX, 2).is_none());
    }

    #[test]
    fn interleaved_heads_come_out_in_halves() {
        let tensor = matrix(12, 1).uninterleaved(6);
        assert_eq!(column(&tensor, 0), [0., 200., 400., 100., 300., 500., 600., 800., 1000., 700., 900., 1100.]);
        let bias: Vec<f32> = (0_u8..6).map(f32::from).collect();
        assert_eq!(uninterleave(&bias, 6), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    }

    #[test]
    fn encoded_rows_are_those_that_are_decoded() {
        for tensor in [matrix(4, 4), matrix(4, 4).transposed().unwrap(), matrix(4, 4).uninterleaved(4)] {
            let (mut encoded, mut decoded, mut expected) = (vec![1], vec![0.0; 4], vec![0.0; 4]);
            tensor.row(3, &mut encoded);
            tensor.format().dequantise(&encoded, &mut decoded);
            tensor.dequantise_row(3, &mut expected);
            assert_eq!(decoded, expected);
        }
    }

    #[test]
    fn a_matrix_in_another_format_has_its_rows_in_plain_order() {
        let tensor = matrix(12, 32).uninterleaved(6);
        let other = tensor.in_format(Format::F16).unwrap();
        assert_eq!((other.format(), other.rows(), other.columns()), (Format::F16, 12, 32));
        assert_eq!(column(&other, 3), column(&tensor, 3));
        assert!(tensor.in_format(Format::Q4K).is_none());
    }

    #[test]
    fn a_matrix_encoded_as_it_is_read_has_the_rows_of_one_encoded_at_once() {
        for tensor in [matrix(12, 32).uninterleaved(6), matrix(32, 12).transposed().unwrap()] {
            let (view, copy) = (tensor.encoded_as(Format::Q8_0).unwrap(), tensor.in_format(Format::Q8_0).unwrap());
            assert_eq!((view.format(), column(&view, 3)), (copy.format(), column(&copy, 3)));
            let (mut one, mut other) = (Vec::new(), Vec::new());
            view.row(5, &mut one);
            copy.row(5, &mut other);
            assert_eq!(one, other);
        }
        assert!(matrix(12, 48).encoded_as(Format::Q8_0).is_none());
    }

    #[test]
    fn a_view_beyond_the_storage_is_none() {
        let storage = Storage::Static(&[0; 16]);
        assert!(Tensor::new(storage.clone(), 0, Format::F32, 2, 2).is_some());
        assert!(Tensor::new(storage.clone(), 1, Format::F32, 2, 2).is_none());
        assert!(Tensor::new(storage.clone(), usize::MAX, Format::F32, 1, 1).is_none());
        assert!(Tensor::new(storage, 0, Format::F32, usize::MAX, 8).is_none());
    }
}
