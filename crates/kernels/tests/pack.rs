//! What is packed can be had back; what cannot be packed is refused, and says why.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::num::NonZeroUsize;

use kernels::{Format, Matrix, PackError, Pool, Rows};
use proptest::prelude::*;

/// Rows of any bytes.
#[derive(Debug, Clone)]
struct Encoded {
    format: Format,
    columns: usize,
    rows: Vec<Vec<u8>>,
}

impl Rows for Encoded {
    fn format(&self) -> Format {
        self.format
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, index: usize, out: &mut Vec<u8>) {
        out.clone_from(&self.rows[index]);
    }
}

fn encoded() -> impl Strategy<Value = Encoded> {
    let shape = (prop::sample::select(Format::ALL.to_vec()), 1..5_usize, 1..70_usize);
    shape.prop_flat_map(|(format, blocks, rows)| {
        let row = prop::collection::vec(any::<u8>(), blocks * format.block_bytes());
        let columns = blocks * format.block_elements();
        prop::collection::vec(row, rows).prop_map(move |rows| Encoded { format, columns, rows })
    })
}

proptest! {
    #[test]
    fn a_row_comes_back_as_it_was(encoded in encoded()) {
        let pool = Pool::new(NonZeroUsize::new(2).unwrap());
        let matrix = Matrix::pack(&pool, &encoded).unwrap();
        let mut row = Vec::new();
        for (index, expected) in encoded.rows.iter().enumerate() {
            matrix.row(index, &mut row);
            prop_assert_eq!(&row, expected);
        }
    }
}

/// Rows of as many bytes as `bytes` says, whatever they should have.
struct Claimed {
    format: Format,
    rows: usize,
    columns: usize,
    bytes: usize,
}

impl Rows for Claimed {
    fn format(&self) -> Format {
        self.format
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, _index: usize, out: &mut Vec<u8>) {
        out.clear();
        out.resize(self.bytes, 0);
    }
}

fn refusal(format: Format, rows: usize, columns: usize, bytes: usize) -> String {
    let pool = Pool::new(NonZeroUsize::new(2).unwrap());
    Matrix::pack(&pool, &Claimed { format, rows, columns, bytes }).unwrap_err().to_string()
}

#[test]
fn columns_must_be_whole_blocks() {
    let refusal = refusal(Format::Q4K, 4, 300, 0);
    assert_eq!(refusal, "rows of 300 elements are not whole blocks of Q4_K, which hold 256");
}

#[test]
fn rows_must_have_the_bytes_of_their_columns() {
    for bytes in [0, 33, 35, 68] {
        let refusal = refusal(Format::Q8_0, 1, 32, bytes);
        assert_eq!(refusal, format!("row 0 has {bytes} bytes, not the 34 of 32 elements in Q8_0"));
    }
}

#[test]
fn sizes_beyond_memory_are_refused() {
    let pool = Pool::new(NonZeroUsize::MIN);
    for (rows, columns) in [(usize::MAX - 100, 64), (1 << 40, 1 << 20), (64, usize::MAX / 64 * 32)] {
        let claimed = Claimed { format: Format::Q8_0, rows, columns, bytes: 0 };
        let error = Matrix::pack(&pool, &claimed).unwrap_err();
        assert!(matches!(error, PackError::Memory { .. } | PackError::Columns { .. }), "{error}");
    }
}

#[test]
fn nothing_is_no_matrix() {
    assert_eq!(refusal(Format::F32, 0, 8, 32), "a matrix of 0 × 8 elements has nothing in it");
    assert_eq!(refusal(Format::F32, 8, 0, 0), "a matrix of 8 × 0 elements has nothing in it");
}
