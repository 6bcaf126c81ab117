//! Decoding against values that the Python package `gguf` gave (`fixtures/make.py`).
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{fs, path::Path};

use kernels::Format;

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

#[test]
fn values_are_those_of_gguf() {
    for format in Format::ALL {
        let name = format.name().to_lowercase();
        let expected: Vec<_> = read(&format!("{name}.values"))
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        let mut values = vec![f32::NAN; expected.len()];
        format.dequantise(&read(&format!("{name}.encoded")), &mut values);
        assert_eq!(values, expected, "{format}");
    }
}

#[test]
fn rows_are_whole_blocks() {
    assert_eq!(Format::Q4K.row_bytes(512), Some(288));
    assert_eq!(Format::Q4K.row_bytes(300), None);
    assert_eq!(Format::Q8_0.row_bytes(2048), Some(2176));
    assert_eq!(Format::F32.row_bytes(3), Some(12));
    assert_eq!(Format::F32.row_bytes(usize::MAX), None);
}
